/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One open /dev/contig
 */
#ifndef CONTIG_CLIENT_H
#define CONTIG_CLIENT_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/llist.h>
#include <linux/mutex.h>
#include <linux/rbtree.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include <linux/workqueue.h>

#include "areas.h"

struct contig_dma_device;
struct contig_grant;
struct contig_listing;
struct contig_user;
struct contig_watch;
struct dma_buf;
struct mm_struct;

/**
 * DOC: Lock order
 *
 * The locks of the module, and the locks that may be held when one is taken,
 * by the function that takes it or by its callers. Two of these locks are never
 * nested in any other way. Other files refer to this list.
 * device_lock() stands for all locks of a driver that calls contig.
 *
 * Mutexes::
 *
 *   lock                         may be taken with these held
 *   ---------------------------  ------------------------------------------
 *   contig_client.lock           none
 *   contig_kernel_client.mutex   device_lock()
 *   contig_spaces_mutex          contig_client.lock
 *   contig_space.lock            contig_client.lock
 *   contig_pools_mutex           device_lock()
 *   contig_kinds_mutex           none
 *   contig_backlog.lock          none
 *   contig_buffer.lock           contig_client.lock,
 *                                contig_kernel_client.mutex, device_lock(),
 *                                dma_resv_lock() of the buffer
 *   contig_buffer.place          contig_client.lock,
 *                                contig_kernel_client.mutex, device_lock(),
 *                                dma_resv_lock() of the buffer, mmap_lock
 *   contig_dma_device.lock       contig_client.lock, contig_buffer.lock,
 *                                contig_kernel_client.mutex, device_lock()
 *   contig_dma_devices_mutex     contig_client.lock, contig_pools_mutex,
 *                                contig_kinds_mutex,
 *                                contig_kernel_client.mutex, device_lock()
 *   contig_users_mutex           contig_client.lock,
 *                                contig_kernel_client.mutex, device_lock()
 *   contig_reserve_lock          lock of memory hotplug
 *
 * Spinlocks. The last two are raw and taken with interrupts off::
 *
 *   contig_listing.entries       contig_dma_devices_mutex (list of devices),
 *                                lock of memory hotplug (list of buffers)
 *   contig_watch.lock            contig_client.lock,
 *                                contig_kernel_client.mutex, device_lock(),
 *                                every lock of the memory manager
 *   contig_offline.lock          lock of memory hotplug
 *   contig_workers.lock          none
 *   contig_turns.lock            contig_workers.lock
 *   contig_umems.lock            contig_kernel_client.mutex, device_lock(),
 *                                spinlocks of an interrupt handler
 *   contig_deferred.lock         device_lock(), spinlocks of an interrupt
 *                                handler
 *
 * contig_clear_helper.lock is raw, and taken with nothing held.
 *
 * Locks of the kernel that are taken inside these:
 *
 * - mmap_lock, also by page faults, inside contig_client.lock and
 *   contig_kernel_client.mutex. Never inside contig_space.lock: all clients of
 *   a process wait for that, and the process can keep its mmap_lock for as
 *   long as it likes. Functions that the kernel calls with mmap_lock held
 *   (mmap() and faults of buffers, notifiers) take contig_watch.lock and
 *   contig_buffer.place at most.
 * - Locks of page tables, of the trees of a file's mappings, and the list of buffers
 *   inside contig_buffer.place. It is a semaphore; only the work that moves a buffer
 *   takes it for writing, never waits for it, and allocates nothing meanwhile.
 * - Locks of the exporters of foreign dma-bufs inside contig_client.lock or
 *   device_lock(), and no other lock of the module.
 * - Locks of the driver core, for the platform devices that contig makes,
 *   inside contig_pools_mutex and contig_kinds_mutex. Its notifiers take
 *   contig_dma_devices_mutex.
 * - kernel_param_lock(), then the mutex of an IOMMU group, inside
 *   contig_dma_devices_mutex or contig_dma_device.lock.
 * - dma_buf.name_lock inside the list of buffers; locks of wait queues inside
 *   that list and contig_turns.lock; the lock of a worker's signals inside
 *   contig_workers.lock.
 * - Locks of the page allocator and of reclaim inside every mutex. Reclaim
 *   calls the notifiers of watch.c and oom.c; the latter takes no lock.
 *
 * contig_dma_device.lock is held while memory is mapped for one device, which
 * can take long. Clients of all devices wait for contig_dma_devices_mutex. So
 * neither is taken while the other is held.
 *
 * Waiting orders locks as well:
 *
 * - A task that takes a device from its clients waits, with device_lock() held,
 *   for exporters that other tasks call with contig_client.lock held. So
 *   device_lock() is not taken inside contig_client.lock.
 * - The notifier of memory hotplug waits for the work of sweep.c, which
 *   therefore takes no lock but contig_listing.entries, contig_reserve_lock and
 *   those of page tables.
 * - A job of worker.c is waited for by its caller, so it must not take a lock
 *   that the caller may hold. Callers hold none of these; contig_worker_map
 *   tells lockdep of the dependency.
 */

/**
 * struct contig_space - an address space that clients hold and lock ranges of
 * @node: entry of contig_spaces, protected by contig_spaces_mutex
 * @mm: the address space, with a reference on the structure, not on its pages
 * @refs: number of clients, protected by contig_spaces_mutex
 * @watch: records changes of @mm since the first lock of a range; NULL before.
 *         Set with @lock held, then constant
 * @lock: protects @clients, the holds of each of them, and @changes
 * @clients: clients of this space
 * @changes: how often holds of any of them have changed
 * @dead: clients whose holds @work has to free
 * @work: frees the holds of @dead
 */
struct contig_space {
	struct list_head node;
	struct mm_struct *mm;
	unsigned int refs;
	struct contig_watch *watch;
	struct mutex lock; /* protects clients and their holds */
	struct list_head clients;
	u64 changes;
	struct llist_head dead;
	struct work_struct work;
};

/**
 * struct contig_client - one open /dev/contig
 * @user: user whose quota its memory counts against; constant
 * @pid: process that opened it, in the initial namespace; constant
 * @comm: name of that process at open; constant
 * @number: its number in contig_clients; constant
 * @lock: serialises commands on ranges; protects the members below, except
 *        @space_node and @dead
 * @space: the address space it is bound to since its first command on a range
 * @locks: ranges of that space that are locked
 * @buffer_locks: ranges of dma-bufs that are locked by descriptor: struct
 *                contig_buffer_locks, in the order of the dma-bufs' addresses
 * @device: the DMA device that the locks are for, with a reference, or NULL
 * @grant: the grant that gives it @device, NULL if CAP_SYS_RAWIO does
 * @preparations: memory prepared for I/O: struct contig_preparation, in the order
 *                of their ids
 * @last_id: the id that was given out last
 * @holds: ranges of @space that are held; changed with @lock and
 *         contig_space.lock held, so either is enough to read them
 * @space_node: entry of contig_space.clients, protected by contig_space.lock
 * @locked: number of locked pages, for reports without a lock
 * @held: number of held pages, likewise
 * @dead: entry of contig_space.dead
 *
 * Lock order: see the top of this file.
 */
struct contig_client {
	struct contig_user *user;
	pid_t pid;
	char comm[TASK_COMM_LEN];
	unsigned long number;
	struct mutex lock; /* serialises commands on ranges */
	struct contig_space *space;
	struct contig_areas locks;
	struct rb_root buffer_locks;
	struct contig_dma_device *device;
	struct contig_grant *grant;
	struct rb_root preparations;
	u32 last_id;
	struct contig_areas holds;
	struct list_head space_node;
	atomic_long_t locked;
	atomic_long_t held;
	struct llist_node dead;
};

/**
 * struct contig_buffer_locks - the locks of a client in one dma-buf
 * @node: entry of contig_client.buffer_locks
 * @dmabuf: the dma-buf
 * @areas: the ranges, in pages of the dma-buf; each has a reference on the
 *         dma-buf. This structure is freed with the last range
 */
struct contig_buffer_locks {
	struct rb_node node;
	struct dma_buf *dmabuf;
	struct contig_areas areas;
};

struct contig_client *contig_client_new(void);
void contig_client_free(struct contig_client *client);
int contig_client_bind(struct contig_client *client);
int contig_client_check_space(struct contig_client *client);
int contig_client_watch(struct contig_client *client);
bool contig_client_locks_any(struct contig_client *client);
int contig_client_device(struct contig_client *client,
			 struct contig_dma_device **device);
int contig_clients_init(void);
void contig_clients_exit(void);
extern struct contig_listing contig_clients; /* for debugfs */

#endif /* CONTIG_CLIENT_H */
