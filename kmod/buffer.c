// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that contig allocated
 *
 * A buffer is a dma-buf: the file is its life. File descriptors, mappings,
 * devices of other drivers and locks each hold a reference on the file; when
 * the last one goes, so does the memory.
 */
#include <linux/atomic.h>
#include <linux/dma-buf.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uidgid.h>
#include <linux/user_namespace.h>
#include <linux/wait.h>

#include "buffer.h"
#include "limits.h"
#include "listing.h"
#include "name.h"
#include "poison.h"
#include "rung.h"
#include "stats.h"

static atomic_long_t contig_buffers_nr = ATOMIC_LONG_INIT(0);

/* The buffer that a sweep looks at: it must not go meanwhile. */
static struct contig_buffer *contig_buffers_swept;
static DECLARE_WAIT_QUEUE_HEAD(contig_buffers_step);

/**
 * contig_buffer_new() - a buffer without memory yet, charged to a user
 * @user: whom to charge
 * @name: for people; empty for the name of the calling thread
 * @npages: how much it will have
 *
 * Return: the buffer, or ERR_PTR() of -EDQUOT or -ENOMEM.
 */
struct contig_buffer *contig_buffer_new(struct contig_user *user,
					const char *name, unsigned long npages)
{
	struct contig_buffer *buffer;
	int ret;

	buffer = kzalloc(sizeof(*buffer), GFP_KERNEL_ACCOUNT);
	if (!buffer)
		return ERR_PTR(-ENOMEM);
	ret = contig_user_charge(user, npages);
	if (ret) {
		kfree(buffer);
		return ERR_PTR(ret);
	}
	buffer->charged = npages;
	buffer->user = contig_user_ref(user);
	contig_extents_init(&buffer->extents);
	mutex_init(&buffer->lock);
	INIT_LIST_HEAD(&buffer->attachments);
	INIT_LIST_HEAD(&buffer->maps);
	buffer->pid = task_tgid_nr(current);
	strscpy(buffer->name, *name ? name : current->comm,
		sizeof(buffer->name));
	contig_name_clean(buffer->name);
	return buffer;
}

/* Charge for what a rung keeps for a buffer besides its pages. */
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

/* Forget a buffer that has no memory. */
void contig_buffer_abandon(struct contig_buffer *buffer)
{
	contig_user_uncharge(buffer->user, buffer->charged);
	contig_user_put(buffer->user);
	mutex_destroy(&buffer->lock);
	kfree(buffer);
}

/* Give back the memory of a buffer and forget it. */
void contig_buffer_destroy(struct contig_buffer *buffer)
{
	if (buffer->id) {
		xa_lock(&contig_buffers.entries);
		/* For as long as it takes to look at the pages of this one. */
		wait_event_cmd(contig_buffers_step,
			       contig_buffers_swept != buffer,
			       xa_unlock(&contig_buffers.entries),
			       xa_lock(&contig_buffers.entries));
		__xa_erase(&contig_buffers.entries, buffer->id);
		xa_unlock(&contig_buffers.entries);
		atomic_long_dec(&contig_buffers_nr);
	}
	contig_stats_free(buffer->rung, buffer->extents.npages);
	buffer->ops->free(buffer);
	if (buffer->inode)
		iput(buffer->inode);
	contig_buffer_abandon(buffer);
}

/**
 * contig_buffers_sweep() - look at each exported buffer
 * @look: called for each, may sleep
 *
 * A buffer whose last descriptor is closed stays until @look is done with it. One
 * caller at a time. May sleep.
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
 * contig_buffer_export() - make a buffer with memory a file
 * @buffer: the buffer, which belongs to the file on success
 *
 * Return: 0 or -errno.
 */
int contig_buffer_export(struct contig_buffer *buffer)
{
	DEFINE_DMA_BUF_EXPORT_INFO(info);
	struct dma_buf *dmabuf;
	char *name;
	int ret;

	ret = contig_listing_add(&contig_buffers, buffer, &buffer->id);
	if (ret)
		return ret;
	atomic_long_inc(&contig_buffers_nr);
	/*
	 * Sweeps passed before it was on the list, and a page may have failed while
	 * the rung was still taking others.
	 */
	if (contig_poison_ever() &&
	    contig_buffer_first_failed(buffer, 0, buffer->extents.npages) <
	    buffer->extents.npages)
		return -ENOMEM;
	info.ops = &contig_dmabuf_ops;
	info.size = contig_buffer_size(buffer);
	info.flags = O_RDWR | O_CLOEXEC;
	info.priv = buffer;
	buffer->dmabuf = NULL;
	dmabuf = dma_buf_export(&info);
	/* On failure the caller destroys the buffer, which takes it off the list. */
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	buffer->dmabuf = dmabuf;
	/* The file can go before the buffer, if a path to it is kept open. */
	ihold(file_inode(dmabuf->file));
	WRITE_ONCE(buffer->inode, file_inode(dmabuf->file));
	/* For fdinfo; without memory for it there is none. */
	name = kstrdup(buffer->name, GFP_KERNEL_ACCOUNT);
	spin_lock(&dmabuf->name_lock);
	dmabuf->name = name;
	spin_unlock(&dmabuf->name_lock);
	return 0;
}

/**
 * contig_buffer_from_fd() - the buffer that a file descriptor stands for
 * @fd: from user space
 *
 * Return: the buffer with a reference for contig_buffer_put(), or ERR_PTR() of
 * -EBADF if @fd is not open, -EBADFD if it is something else.
 */
struct contig_buffer *contig_buffer_from_fd(int fd)
{
	struct dma_buf *dmabuf = dma_buf_get(fd);

	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf) == -EBADF ? ERR_PTR(-EBADF) :
						   ERR_PTR(-EBADFD);
	if (dmabuf->ops != &contig_dmabuf_ops) {
		dma_buf_put(dmabuf);
		return ERR_PTR(-EBADFD);
	}
	return dmabuf->priv;
}

void contig_buffer_get(struct contig_buffer *buffer)
{
	get_dma_buf(buffer->dmabuf);
}

void contig_buffer_put(struct contig_buffer *buffer)
{
	dma_buf_put(buffer->dmabuf);
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

/*
 * Return true if a buffer with failed pages has page frames from @start up to
 * @end.
 */
bool contig_buffers_failed(unsigned long start, unsigned long end)
{
	struct xarray *entries = &contig_buffers.entries;
	struct contig_buffer *buffer;
	unsigned long id = 0;
	bool found = false;

	xa_lock(entries);
	while (!found &&
	       (buffer = xa_find(entries, &id, ULONG_MAX, XA_PRESENT))) {
		found = READ_ONCE(buffer->failed) &&
			contig_buffer_overlaps(buffer, start, end);
		/* There can be hundreds of thousands. */
		if (!(++id % 256)) {
			xa_unlock(entries);
			cond_resched();
			xa_lock(entries);
		}
	}
	xa_unlock(entries);
	return found;
}

u64 contig_buffers_count(void)
{
	return atomic_long_read(&contig_buffers_nr);
}

/**
 * struct contig_buffer_line - what the list in debugfs says of a buffer
 * @id: see &struct contig_buffer
 * @bytes: how much memory it has
 * @rung: name of its rung
 * @extents: how many
 * @failed: see &struct contig_buffer
 * @mapping: see &struct contig_buffer
 * @pid: see &struct contig_buffer
 * @uid: in the initial namespace
 * @name: see &struct contig_buffer
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

static void contig_buffer_copy(const void *entry, void *copy)
{
	const struct contig_buffer *buffer = entry;
	struct contig_buffer_line *line = copy;

	line->id = buffer->id;
	line->bytes = contig_buffer_size(buffer);
	line->rung = buffer->ops->name;
	line->extents = buffer->extents.nr;
	line->mapping = buffer->mapping;
	line->failed = READ_ONCE(buffer->failed);
	line->pid = buffer->pid;
	line->uid = from_kuid_munged(&init_user_ns, buffer->user->uid);
	strscpy(line->name, buffer->name, sizeof(line->name));
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
