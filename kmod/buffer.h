/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory that contig allocated
 */
#ifndef CONTIG_BUFFER_H
#define CONTIG_BUFFER_H

#include <linux/list.h>
#include <linux/mutex.h>
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
struct vm_area_struct;

/**
 * struct contig_buffer - memory that contig allocated
 * @dmabuf: the file it is; owns this structure
 * @inode: of that file, with a reference: mappings are found by it. NULL before it
 *         is exported, constant afterwards
 * @extents: where it lies; constant
 * @ops: the rung it came from; constant
 * @rung: number of that rung; constant
 * @mapping: one of &enum contig_mapping; constant
 * @user: whose quota it counts against; constant
 * @charged: pages that @user is charged for it, more than it has if what a rung
 *           hands out is larger; changed only while it is made and destroyed
 * @dev: coherent rung: the device that it was allocated for; constant
 * @pool: coherent rung: the pool that it lies in, or NULL; constant
 * @vaddr: coherent rung: kernel address, from dma_alloc_attrs(); constant
 * @dma: coherent rung: bus address, from dma_alloc_attrs(); constant
 * @rung_data: of the rung
 * @failed: pages that the last sweep found failed; changed only by that
 * @exposed: somebody besides this module may have written to it, or be able to
 * @lock: protects the members below
 * @attachments: devices that use it, by struct contig_attachment
 * @maps: what clients have mapped of it for their devices, by struct
 *        contig_dma_map
 * @vmap: kernel mapping, while @vmaps is not 0
 * @vmaps: users of @vmap
 * @id: its number in contig_buffers, 0 if it is not there; constant once it is a
 *      file
 * @pid: of the process that allocated it, in the initial namespace
 * @name: for people
 */
struct contig_buffer {
	struct dma_buf *dmabuf;
	struct inode *inode;
	struct contig_extents extents;
	const struct contig_rung_ops *ops;
	unsigned int rung;
	unsigned int mapping;
	struct contig_user *user;
	unsigned long charged;
	struct device *dev;
	struct contig_pool *pool;
	void *vaddr;
	dma_addr_t dma;
	void *rung_data;
	unsigned long failed;
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

/* From here on somebody else may write to the memory: it has to be scrubbed. */
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
int contig_buffer_export(struct contig_buffer *buffer);
struct contig_buffer *contig_buffer_from_fd(int fd);
void contig_buffer_get(struct contig_buffer *buffer);
void contig_buffer_put(struct contig_buffer *buffer);
bool contig_buffers_failed(unsigned long start, unsigned long end);
void contig_buffers_sweep(void (*look)(struct contig_buffer *buffer));
u64 contig_buffers_count(void);
extern struct contig_listing contig_buffers; /* for debugfs */

/* dmabuf.c */
extern const struct dma_buf_ops contig_dmabuf_ops;
bool contig_buffer_no_map(const struct contig_buffer *buffer);
bool contig_buffer_suits(const struct contig_buffer *buffer,
			 struct device *dev);

/* mmap.c */
int contig_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma);
struct contig_buffer *contig_vma_buffer(struct vm_area_struct *vma);

#endif /* CONTIG_BUFFER_H */
