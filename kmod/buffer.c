// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that contig allocated
 *
 * A buffer is a dma-buf. File descriptors, mappings, devices of other drivers
 * and locks each hold a reference on its file; the memory is freed with the
 * last reference.
 */
#include <linux/dma-buf.h>
#include <linux/dma-map-ops.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uidgid.h>
#include <linux/user_namespace.h>
#include <linux/wait.h>

#include "buffer.h"
#include "freed.h"
#include "gfp.h"
#include "limits.h"
#include "linger.h"
#include "listing.h"
#include "mmap.h"
#include "name.h"
#include "pool.h"
#include "rung.h"
#include "stats.h"

/* The buffer that a sweep looks at: it must not be freed meanwhile. */
static struct contig_buffer *contig_buffers_swept;
static DECLARE_WAIT_QUEUE_HEAD(contig_buffers_step);

/**
 * contig_buffer_new() - allocate a buffer without memory, charged to a user
 * @user: user to charge
 * @name: name to display; if empty, the name of the calling thread
 * @npages: pages that it will have
 *
 * Return: the buffer, or ERR_PTR() of -EDQUOT or -ENOMEM.
 */
struct contig_buffer *contig_buffer_new(struct contig_user *user,
					const char *name, unsigned long npages)
{
	struct contig_buffer *buffer;
	int ret;

	buffer = kzalloc(sizeof(*buffer), CONTIG_GFP);
	if (!buffer)
		return ERR_PTR(-ENOMEM);
	ret = contig_user_charge(user, npages);
	if (ret) {
		kfree(buffer);
		return ERR_PTR(ret);
	}
	kref_init(&buffer->kref);
	buffer->charged = npages;
	buffer->user = contig_user_ref(user);
	contig_extents_init(&buffer->extents);
	mutex_init(&buffer->lock);
	init_rwsem(&buffer->place);
	INIT_LIST_HEAD(&buffer->attachments);
	INIT_LIST_HEAD(&buffer->maps);
	buffer->pid = task_tgid_nr(current);
	contig_name_choose(buffer->name, name, sizeof(buffer->name));
	return buffer;
}

/* Charge for pages that a rung allocates beyond the buffer's size. */
int contig_buffer_charge(struct contig_buffer *buffer, unsigned long npages)
{
	int ret = contig_user_charge(buffer->user, npages);

	if (!ret)
		buffer->charged += npages;
	return ret;
}

void contig_buffer_uncharge(struct contig_buffer *buffer, unsigned long npages)
{
	contig_user_uncharge(buffer->user, npages);
	buffer->charged -= npages;
}

/* Free a buffer that has no memory. */
void contig_buffer_abandon(struct contig_buffer *buffer)
{
	contig_user_uncharge(buffer->user, buffer->charged);
	contig_user_put(buffer->user);
	mutex_destroy(&buffer->lock);
	kfree(buffer->asked);
	kfree(buffer);
}

/* Lock the list of buffers when no sweep looks at this one. */
static void contig_buffers_lock(const struct contig_buffer *buffer)
	__acquires(&contig_buffers.entries.xa_lock)
{
	xa_lock(&contig_buffers.entries);
	wait_event_cmd(contig_buffers_step, contig_buffers_swept != buffer,
		       xa_unlock(&contig_buffers.entries),
		       xa_lock(&contig_buffers.entries));
}

/**
 * contig_buffer_swap() - exchange the memory of two buffers
 * @buffer: an exported buffer, of which contig_buffer.place is held for writing
 * @spare: one that is not exported, exposed
 *
 * Both have pages with reference counts, of which only @buffer's may have names.
 * @buffer keeps what processes know it by, and what it is charged. May sleep.
 */
void contig_buffer_swap(struct contig_buffer *buffer,
			struct contig_buffer *spare)
{
	lockdep_assert_held_write(&buffer->place);
	contig_buffers_lock(buffer);
	contig_extents_swap(&buffer->extents, &spare->extents);
	swap(buffer->ops, spare->ops);
	swap(buffer->rung, spare->rung);
	swap(buffer->rung_data, spare->rung_data);
	WRITE_ONCE(buffer->failed, 0);
	xa_unlock(&contig_buffers.entries);
	/* What is in the new memory now was in the old one, and is not zero. */
	contig_buffer_expose(buffer);
	/* Its new pages have no names until they are mapped, its old ones may have. */
	spare->named = READ_ONCE(buffer->named);
}

static void contig_buffer_free(struct kref *kref)
{
	struct contig_buffer *buffer = container_of(kref, struct contig_buffer,
						    kref);

	contig_stats_free(buffer->rung, buffer->extents.npages);
	contig_mmap_forget(buffer);
	if (buffer->rung != CONTIG_RUNG_RESERVE)
		contig_linger_add(buffer);
	buffer->ops->free(buffer);
	if (buffer->inode)
		iput(buffer->inode);
	contig_buffer_abandon(buffer);
	contig_freed();
}

/* Drop a reference on a buffer; with the last one its memory is freed. May sleep. */
void contig_buffer_unref(struct contig_buffer *buffer)
{
	kref_put(&buffer->kref, contig_buffer_free);
}

/* Add a buffer to the list of buffers, if it is not there. Return 0 or -ENOMEM. */
int contig_buffer_list(struct contig_buffer *buffer)
{
	int ret;

	if (buffer->id)
		return 0;
	ret = contig_listing_add(&contig_buffers, buffer, &buffer->id);
	if (!ret)
		contig_stats_buffer_added();
	return ret;
}

/* Take a buffer off the list, and free it and its memory as soon as it is not moved. */
void contig_buffer_destroy(struct contig_buffer *buffer)
{
	if (buffer->id) {
		contig_buffers_lock(buffer);
		__xa_erase(&contig_buffers.entries, buffer->id);
		xa_unlock(&contig_buffers.entries);
		contig_stats_buffer_removed();
	}
	contig_buffer_unref(buffer);
}

/**
 * contig_buffers_sweep() - call a function for each exported buffer
 * @look: called for each buffer, may sleep
 *
 * A buffer whose last descriptor is closed stays until @look has returned.
 * Callers must serialise sweeps. May sleep.
 */
void contig_buffers_sweep(void (*look)(struct contig_buffer *buffer))
{
	struct xarray *entries = &contig_buffers.entries;
	struct contig_buffer *buffer;
	unsigned long id = 0;

	xa_lock(entries);
	while ((buffer = xa_find(entries, &id, ULONG_MAX, XA_PRESENT))) {
		contig_buffers_swept = buffer;
		xa_unlock(entries);
		look(buffer);
		cond_resched();
		xa_lock(entries);
		contig_buffers_swept = NULL;
		wake_up_all(&contig_buffers_step);
		id++;
	}
	xa_unlock(entries);
}

/**
 * contig_buffers_visit() - call a function for each exported buffer
 * @visit: called with the list of buffers locked: must not sleep
 * @arg: passed to @visit
 *
 * Buffers that are exported, moved or freed meanwhile may be visited or not. May sleep.
 */
void contig_buffers_visit(void (*visit)(const struct contig_buffer *buffer,
					void *arg), void *arg)
{
	struct xarray *entries = &contig_buffers.entries;
	struct contig_buffer *buffer;
	unsigned long id = 0;

	xa_lock(entries);
	while ((buffer = xa_find(entries, &id, ULONG_MAX, XA_PRESENT))) {
		visit(buffer, arg);
		/* There can be hundreds of thousands of buffers. */
		if (!(++id % 256)) {
			xa_unlock(entries);
			cond_resched();
			xa_lock(entries);
		}
	}
	xa_unlock(entries);
}

/*
 * Find a buffer. Return it with a reference for contig_buffer_unref(), or NULL. Its file
 * may be closed already. Any context.
 */
struct contig_buffer *contig_buffers_find(unsigned long id)
{
	struct xarray *entries = &contig_buffers.entries;
	struct contig_buffer *buffer;

	xa_lock(entries);
	buffer = xa_load(entries, id);
	/* Before that it cannot be moved. */
	if (buffer && !READ_ONCE(buffer->inode))
		buffer = NULL;
	if (buffer)
		kref_get(&buffer->kref);
	xa_unlock(entries);
	return buffer;
}

void contig_buffer_get(struct contig_buffer *buffer)
{
	get_dma_buf(buffer->dmabuf);
}

void contig_buffer_put(struct contig_buffer *buffer)
{
	dma_buf_put(buffer->dmabuf);
}

/* Return true if the kernel's direct map does not cover the memory. */
bool contig_buffer_no_map(const struct contig_buffer *buffer)
{
	return buffer->pool && buffer->pool->no_map;
}

/*
 * Return true if the DMA API can map the buffer's memory for @dev although
 * contig does no cache maintenance for memory outside the direct map.
 */
bool contig_buffer_suits(const struct contig_buffer *buffer, struct device *dev)
{
	/* No mapping of a no-map pool is cacheable. */
	if (!buffer->vaddr || contig_buffer_no_map(buffer))
		return true;
	/*
	 * The CPU's mapping is uncached then, and no cache maintenance would be
	 * done for a device that snoops caches.
	 */
	return dev_is_dma_coherent(buffer->dev) || !dev_is_dma_coherent(dev);
}

static bool contig_buffer_overlaps(const struct contig_buffer *buffer,
				   unsigned long start, unsigned long end)
{
	struct contig_cursor cursor;
	unsigned long pfn, n;

	contig_cursor_init(&cursor, &buffer->extents, 0);
	while ((n = contig_cursor_next(&cursor, buffer->extents.npages, &pfn)))
		if (pfn < end && start < pfn + n)
			return true;
	return false;
}

/**
 * struct contig_failed_range - a question about buffers with failed pages
 * @start: first page frame
 * @end: the first behind
 * @found: such a buffer has one of these
 */
struct contig_failed_range {
	unsigned long start;
	unsigned long end;
	bool found;
};

static void contig_buffer_look_failed(const struct contig_buffer *buffer,
				      void *arg)
{
	struct contig_failed_range *range = arg;

	if (!range->found && READ_ONCE(buffer->failed))
		range->found = contig_buffer_overlaps(buffer, range->start,
						      range->end);
}

/*
 * Return true if a buffer with failed pages contains page frames from @start up
 * to @end.
 */
bool contig_buffers_failed(unsigned long start, unsigned long end)
{
	struct contig_failed_range range = { .start = start, .end = end };

	contig_buffers_visit(contig_buffer_look_failed, &range);
	return range.found;
}

/**
 * struct contig_buffer_line - what the list in debugfs shows of a buffer
 * @id: see &struct contig_buffer
 * @bytes: size of its memory
 * @rung: name of its rung
 * @extents: number of extents
 * @failed: see &struct contig_buffer
 * @mapping: see &struct contig_buffer
 * @pid: see &struct contig_buffer
 * @uid: in the initial namespace
 * @name: name of the file, see contig_buffer_name()
 */
struct contig_buffer_line {
	unsigned long id;
	u64 bytes;
	const char *rung;
	unsigned int extents;
	unsigned int mapping;
	unsigned long failed;
	pid_t pid;
	uid_t uid;
	char name[CONTIG_NAME_SIZE];
};

static void contig_buffer_head(struct seq_file *m)
{
	seq_printf(m, "%6s %-8s %-11s %14s %8s %6s %7s %6s %s\n", "id", "rung",
		   "mapping", "bytes", "extents", "failed", "pid", "uid",
		   "name");
}

/*
 * Copy the name of the file: the buffer's, until DMA_BUF_SET_NAME sets another,
 * which may contain any bytes. The file outlives the entry in the list.
 */
static void contig_buffer_name(const struct contig_buffer *buffer, char *name,
			       size_t size)
{
	/* Pairs with contig_buffer_export(). */
	struct dma_buf *dmabuf = smp_load_acquire(&buffer->dmabuf);

	strscpy(name, buffer->name, size);
	if (!dmabuf)
		return;
	spin_lock(&dmabuf->name_lock);
	if (dmabuf->name)
		strscpy(name, dmabuf->name, size);
	spin_unlock(&dmabuf->name_lock);
	contig_name_clean(name);
}

static void contig_buffer_copy(const void *entry, void *copy)
{
	const struct contig_buffer *buffer = entry;
	struct contig_buffer_line *line = copy;

	line->id = buffer->id;
	line->bytes = contig_buffer_size(buffer);
	line->rung = contig_rung_name(buffer->rung);
	line->extents = buffer->extents.nr;
	line->mapping = buffer->mapping;
	line->failed = READ_ONCE(buffer->failed);
	line->pid = buffer->pid;
	line->uid = from_kuid_munged(&init_user_ns, buffer->user->uid);
	contig_buffer_name(buffer, line->name, sizeof(line->name));
}

static void contig_buffer_show(struct seq_file *m, const void *copy)
{
	const struct contig_buffer_line *line = copy;

	seq_printf(m, "%6lu %-8s %-11s %14llu %8u %6lu %7d %6u %s\n", line->id,
		   line->rung, line->mapping == CONTIG_MAPPING_PFN ?
			"pfn" : "struct-page",
		   line->bytes, line->extents, line->failed, line->pid,
		   line->uid, line->name);
}

struct contig_listing contig_buffers = {
	.entries = XARRAY_INIT(contig_buffers.entries, 0),
	.size = sizeof(struct contig_buffer_line),
	.head = contig_buffer_head,
	.copy = contig_buffer_copy,
	.show = contig_buffer_show,
};
