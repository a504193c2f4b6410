// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that contig allocated
 *
 * A buffer is a dma-buf: the file is its life. File descriptors, mappings,
 * devices of other drivers and locks each hold a reference on the file; when
 * the last one goes, so does the memory.
 */
#include <linux/dma-buf.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/uidgid.h>
#include <linux/user_namespace.h>
#include <linux/wait.h>

#include "buffer.h"
#include "limits.h"
#include "name.h"
#include "rung.h"
#include "stats.h"

/* Every exported buffer, for people to look at. The lock is a leaf. */
static LIST_HEAD(contig_buffers);
static DEFINE_SPINLOCK(contig_buffers_lock);
static u64 contig_buffers_last_id;
static u64 contig_buffers_nr;

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
	INIT_LIST_HEAD(&buffer->node);
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
	if (!list_empty(&buffer->node)) {
		spin_lock(&contig_buffers_lock);
		/* For as long as it takes to look at the pages of this one. */
		wait_event_cmd(contig_buffers_step,
			       contig_buffers_swept != buffer,
			       spin_unlock(&contig_buffers_lock),
			       spin_lock(&contig_buffers_lock));
		list_del(&buffer->node);
		contig_buffers_nr--;
		spin_unlock(&contig_buffers_lock);
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
	struct contig_buffer *buffer;

	spin_lock(&contig_buffers_lock);
	buffer = list_first_entry_or_null(&contig_buffers, struct contig_buffer,
					  node);
	while (buffer) {
		contig_buffers_swept = buffer;
		spin_unlock(&contig_buffers_lock);
		look(buffer);
		cond_resched();
		spin_lock(&contig_buffers_lock);
		buffer = list_is_last(&buffer->node, &contig_buffers) ?
			 NULL : list_next_entry(buffer, node);
		contig_buffers_swept = NULL;
		wake_up_all(&contig_buffers_step);
	}
	spin_unlock(&contig_buffers_lock);
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

	info.ops = &contig_dmabuf_ops;
	info.size = contig_buffer_size(buffer);
	info.flags = O_RDWR | O_CLOEXEC;
	info.priv = buffer;
	buffer->dmabuf = NULL;
	dmabuf = dma_buf_export(&info);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	buffer->dmabuf = dmabuf;
	/* The file can go before the buffer, if a path to it is kept open. */
	buffer->inode = file_inode(dmabuf->file);
	ihold(buffer->inode);
	/* For fdinfo; without memory for it there is none. */
	name = kstrdup(buffer->name, GFP_KERNEL_ACCOUNT);
	spin_lock(&dmabuf->name_lock);
	dmabuf->name = name;
	spin_unlock(&dmabuf->name_lock);

	spin_lock(&contig_buffers_lock);
	buffer->id = ++contig_buffers_last_id;
	contig_buffers_nr++;
	list_add_tail(&buffer->node, &contig_buffers);
	spin_unlock(&contig_buffers_lock);
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
	struct contig_buffer *buffer;
	bool found = false;

	spin_lock(&contig_buffers_lock);
	list_for_each_entry(buffer, &contig_buffers, node) {
		found = READ_ONCE(buffer->failed) &&
			contig_buffer_overlaps(buffer, start, end);
		if (found)
			break;
	}
	spin_unlock(&contig_buffers_lock);
	return found;
}

u64 contig_buffers_count(void)
{
	return READ_ONCE(contig_buffers_nr);
}

int contig_buffers_show(struct seq_file *m, void *unused)
{
	struct contig_buffer *buffer;

	seq_printf(m, "%6s %-8s %-11s %14s %8s %6s %7s %6s %s\n", "id", "rung",
		   "mapping", "bytes", "extents", "failed", "pid", "uid",
		   "name");
	spin_lock(&contig_buffers_lock);
	list_for_each_entry(buffer, &contig_buffers, node)
		seq_printf(m, "%6llu %-8s %-11s %14llu %8u %6lu %7d %6u %s\n",
			   buffer->id, buffer->ops->name,
			   buffer->mapping == CONTIG_MAPPING_PFN ?
				"pfn" : "struct-page",
			   contig_buffer_size(buffer), buffer->extents.nr,
			   READ_ONCE(buffer->failed), buffer->pid,
			   from_kuid_munged(&init_user_ns, buffer->user->uid),
			   buffer->name);
	spin_unlock(&contig_buffers_lock);
	return 0;
}
