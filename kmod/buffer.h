/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory that contig allocated
 */
#ifndef CONTIG_BUFFER_H
#define CONTIG_BUFFER_H

#include <linux/kref.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/types.h>

#include <uapi/linux/contig.h>

#include "extents.h"

struct contig_pool;
struct contig_request;
struct contig_rung_ops;
struct contig_user;
struct device;
struct contig_listing;
struct dma_buf;
struct inode;

/**
 * struct contig_buffer - memory that contig allocated
 * @kref: the file has a reference, and what moves the buffer has one
 * @dmabuf: the file
 * @inode: inode of that file, with a reference; used to find mappings. NULL
 *         until the buffer is exported, then constant
 * @extents: its page frames. This and the next two are constant as long as
 *           @place is held, or @stays is not 0
 * @ops: the rung that allocated them
 * @rung: number of that rung
 * @mapping: one of &enum contig_mapping; constant
 * @huge: it consists of huge pages; constant
 * @frames: one of &enum contig_frames; constant
 * @user: user whose quota it counts against; constant
 * @charged: pages charged to @user, more than its size if the rung allocates
 *           larger units; changed only while it is created, moved and destroyed
 * @dev: the device that dma_alloc_attrs() allocated it for, or NULL; constant
 * @pool: the pool that it lies in, or NULL; constant
 * @vaddr: kernel address from dma_alloc_attrs(), NULL for other memory;
 *         constant
 * @dma: DMA address from dma_alloc_attrs(); constant
 * @rung_data: private data of the rung
 * @asked: what it was asked for, if it is of the reserve or has several extents; NULL
 *         if it is not to be moved. Constant once it is exported
 * @place: where it lies: see place.h
 * @stays: users of its addresses
 * @moving: bit 0 is set while it is being moved
 * @move_again: time before which it is not moved again; used by what has set @moving
 * @move_failures: attempts in a row that failed, up to a limit
 * @failed: number of failed pages that the last sweep found; changed only by
 *          the sweep
 * @named: its pages have their mapping and index set: see mmap.c
 * @exposed: users or devices may have written to it, or may still do so
 * @lock: protects the members below
 * @attachments: devices that use it, by struct contig_attachment
 * @maps: maps of it for clients' devices, by struct contig_dma_map
 * @vmap: kernel mapping, while @vmaps is not 0
 * @vmaps: users of @vmap
 * @id: its number in contig_buffers, 0 before it is listed; constant once it is
 *      exported
 * @pid: of the process that allocated it, in the initial namespace
 * @name: name to display until DMA_BUF_SET_NAME sets another for the file;
 *        constant
 */
struct contig_buffer {
	struct kref kref;
	struct dma_buf *dmabuf;
	struct inode *inode;
	struct contig_extents extents;
	const struct contig_rung_ops *ops;
	unsigned int rung;
	unsigned int mapping;
	unsigned int frames;
	bool huge;
	struct contig_user *user;
	unsigned long charged;
	struct device *dev;
	struct contig_pool *pool;
	void *vaddr;
	dma_addr_t dma;
	void *rung_data;
	struct contig_request *asked;
	struct rw_semaphore place; /* where it lies */
	atomic_t stays;
	unsigned long moving;
	ktime_t move_again;
	unsigned int move_failures;
	unsigned long failed;
	bool named;
	bool exposed;
	struct mutex lock; /* for attachments, maps, vmap and vmaps */
	struct list_head attachments;
	struct list_head maps;
	void *vmap;
	unsigned int vmaps;
	unsigned long id;
	pid_t pid;
	char name[CONTIG_NAME_SIZE];
};

/* Call before others can write to the memory: it must be scrubbed then. */
static inline void contig_buffer_expose(struct contig_buffer *buffer)
{
	WRITE_ONCE(buffer->exposed, true);
}

static inline u64 contig_buffer_size(const struct contig_buffer *buffer)
{
	return (u64)buffer->extents.npages << PAGE_SHIFT;
}

struct contig_buffer *contig_buffer_new(struct contig_user *user,
					const char *name,
					unsigned long npages);
int contig_buffer_charge(struct contig_buffer *buffer, unsigned long npages);
void contig_buffer_uncharge(struct contig_buffer *buffer, unsigned long npages);
void contig_buffer_abandon(struct contig_buffer *buffer);
void contig_buffer_destroy(struct contig_buffer *buffer);
int contig_buffer_list(struct contig_buffer *buffer);
void contig_buffer_unref(struct contig_buffer *buffer);
void contig_buffer_swap(struct contig_buffer *buffer,
			struct contig_buffer *spare);
void contig_buffers_visit(void (*visit)(const struct contig_buffer *buffer,
					void *arg), void *arg);
struct contig_buffer *contig_buffers_find(unsigned long id);
void contig_buffer_get(struct contig_buffer *buffer);
void contig_buffer_put(struct contig_buffer *buffer);
bool contig_buffer_no_map(const struct contig_buffer *buffer);
bool contig_buffer_suits(const struct contig_buffer *buffer,
			 struct device *dev);
bool contig_buffers_failed(unsigned long start, unsigned long end);
void contig_buffers_sweep(void (*look)(struct contig_buffer *buffer));
extern struct contig_listing contig_buffers; /* for debugfs */

#endif /* CONTIG_BUFFER_H */
