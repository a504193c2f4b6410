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
#include <linux/refcount.h>
#include <linux/sched.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "areas.h"

struct contig_buffer;
struct contig_dma_device;
struct contig_grant;
struct contig_listing;
struct contig_user;
struct contig_watch;
struct mm_struct;

/**
 * struct contig_space - an address space that clients hold and lock ranges of
 * @node: entry of the list of all spaces, protected by that list's mutex
 * @mm: the address space, with a reference on the structure, not on its pages
 * @refs: clients, protected by the list's mutex
 * @watch: notes changes of it since the first lock of a range; NULL before.
 *         Set with @lock held, then constant
 * @lock: protects @clients, the holds of each of them, and @changes
 * @clients: clients of this space
 * @changes: how often holds of any of them have changed
 * @dead: clients whose holds are to be freed in the background
 * @work: does that
 */
struct contig_space {
	struct list_head node;
	struct mm_struct *mm;
	unsigned int refs;
	struct contig_watch *watch;
	struct mutex lock; /* for clients and their holds */
	struct list_head clients;
	u64 changes;
	struct llist_head dead;
	struct work_struct work;
};

/**
 * struct contig_client - one open /dev/contig
 * @user: whose quota counts; constant
 * @pid: of the process that opened it, in the initial namespace; constant
 * @comm: its name then; constant
 * @number: its number in contig_clients; constant
 * @lock: serialises commands on ranges; protects the members below, except
 *        @holds and @space_node
 * @space: the address space it is bound to since its first command on a range
 * @locks: ranges of that space that are locked
 * @buffer_locks: ranges of buffers that are locked, struct contig_buffer_locks
 *                by the address of the buffer
 * @device: the DMA device that they are for, NULL if there is none; with a
 *          reference
 * @grant: by which it has @device, NULL if by CAP_SYS_RAWIO
 * @preparations: what was prepared for I/O, struct contig_preparation by id
 * @last_id: the last id that one got
 * @holds: ranges of @space that are held; changed with @lock and
 *         contig_space.lock held, so either is enough to read them
 * @space_node: entry of contig_space.clients, protected by contig_space.lock
 * @locked: pages that are locked, for people to see without a lock
 * @held: pages that are held, likewise
 * @dead: entry of contig_space.dead
 *
 * Lock order: contig_client.lock, contig_space.lock, mmap_lock of the process,
 * then those of buffers, reserves and DMA devices. The mutexes around the lists of spaces
 * and users may be taken inside any of them and hold nothing inside.
 * An invalidation takes contig_watch.lock and nothing else.
 */
struct contig_client {
	struct contig_user *user;
	pid_t pid;
	char comm[TASK_COMM_LEN];
	unsigned long number;
	struct mutex lock; /* serialises commands on ranges */
	struct contig_space *space;
	struct contig_areas locks;
	struct xarray buffer_locks;
	struct contig_dma_device *device;
	struct contig_grant *grant;
	struct xarray preparations;
	u32 last_id;
	struct contig_areas holds;
	struct list_head space_node;
	atomic_long_t locked;
	atomic_long_t held;
	struct llist_node dead;
};

/**
 * struct contig_buffer_locks - what a client has locked of one buffer
 * @buffer: the buffer; each area has a reference, and this goes with the last
 * @areas: the ranges, in pages of the buffer
 */
struct contig_buffer_locks {
	struct contig_buffer *buffer;
	struct contig_areas areas;
};

/**
 * struct contig_target - the range that a command is about
 * @areas: where locks of it are counted; NULL if nothing of it can be locked
 * @buffer: the buffer, with a reference, if the range was named that way
 * @first: first page
 * @last: last page
 * @head: bytes in the first page that lie before the range
 * @length: bytes in the range
 * @dma: it is about addresses of the client's device
 */
struct contig_target {
	struct contig_areas *areas;
	struct contig_buffer *buffer;
	unsigned long first;
	unsigned long last;
	unsigned long head;
	u64 length;
	bool dma;
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

int contig_target_init(struct contig_client *client, u32 flags, u64 addr,
		       u64 length, s32 fd, bool create,
		       struct contig_target *target);
int contig_target_init_buffer(struct contig_client *client,
			      struct contig_buffer *buffer, u64 offset,
			      u64 length, bool create,
			      struct contig_target *target);
int contig_target_again(struct contig_client *client,
			struct contig_buffer *buffer, u64 addr, u64 length,
			struct contig_target *target);
void contig_target_done(struct contig_client *client,
			struct contig_target *target);
int contig_target_pages(u64 addr, u64 length, struct contig_target *target);

#endif /* CONTIG_CLIENT_H */
