// SPDX-License-Identifier: GPL-2.0-only
/*
 * The range that a command is about, and where its pages lie
 */
#include <linux/dma-buf.h>
#include <linux/err.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/rbtree.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <uapi/linux/contig.h>

#include "areas.h"
#include "client.h"
#include "dma_map.h"
#include "dmabuf.h"
#include "foreign.h"
#include "gfp.h"
#include "killable.h"
#include "limits.h"
#include "pin.h"
#include "stale.h"
#include "target.h"

/*
 * Find the pages that @length bytes at @addr of the caller's address space
 * touch. Some architectures let programs keep a tag in the upper bits of an
 * address. Return 0, -EINVAL or -EOVERFLOW.
 */
int contig_target_pages(u64 addr, u64 length, struct contig_target *target)
{
	u64 last;

	if (!length)
		return -EINVAL;
	addr = untagged_addr(addr);
	if (check_add_overflow(addr, length - 1, &last) || last >= TASK_SIZE)
		return -EOVERFLOW;
	target->first = addr >> PAGE_SHIFT;
	target->last = last >> PAGE_SHIFT;
	target->head = addr & ~PAGE_MASK;
	target->length = length;
	return 0;
}

static struct contig_buffer_locks *contig_buffer_locks_of(struct rb_node *node)
{
	return rb_entry_safe(node, struct contig_buffer_locks, node);
}

static int contig_buffer_locks_cmp(const void *dmabuf,
				   const struct rb_node *node)
{
	const struct contig_buffer_locks *locks =
		rb_entry(node, struct contig_buffer_locks, node);

	if (dmabuf == locks->dmabuf)
		return 0;
	return dmabuf < (const void *)locks->dmabuf ? -1 : 1;
}

static bool contig_buffer_locks_less(struct rb_node *a, const struct rb_node *b)
{
	return contig_buffer_locks_cmp(contig_buffer_locks_of(a)->dmabuf, b) < 0;
}

/* Return the locks of a dma-buf, or NULL. */
static struct contig_buffer_locks *
contig_buffer_locks_find(struct contig_client *client, struct dma_buf *dmabuf)
{
	return contig_buffer_locks_of(rb_find(dmabuf, &client->buffer_locks,
					      contig_buffer_locks_cmp));
}

/* Return the locks of a dma-buf, or ERR_PTR(-ENOMEM). */
static struct contig_buffer_locks *
contig_buffer_locks_make(struct contig_client *client, struct dma_buf *dmabuf)
{
	struct contig_buffer_locks *locks;

	locks = contig_buffer_locks_find(client, dmabuf);
	if (locks)
		return locks;
	locks = kzalloc(sizeof(*locks), CONTIG_GFP);
	if (!locks)
		return ERR_PTR(-ENOMEM);
	locks->dmabuf = dmabuf;
	contig_areas_init(&locks->areas);
	rb_add(&locks->node, &client->buffer_locks, contig_buffer_locks_less);
	return locks;
}

/**
 * contig_target_dmabuf() - look up the dma-buf that names a range
 * @fd: from user space
 *
 * Return: the dma-buf, of any exporter, with a reference for dma_buf_put(), or
 * ERR_PTR() of -EBADF if @fd is not open, -EBADFD if it is something else.
 */
struct dma_buf *contig_target_dmabuf(int fd)
{
	struct dma_buf *dmabuf = dma_buf_get(fd);

	if (IS_ERR(dmabuf) && PTR_ERR(dmabuf) != -EBADF)
		return ERR_PTR(-EBADFD);
	return dmabuf;
}

/**
 * contig_target_init_dmabuf() - make a target of a range of a dma-buf
 * @client: with its lock held
 * @dmabuf: the dma-buf; @target takes over a reference
 * @offset: from user space
 * @length: from user space
 * @create: the command may lock pages
 * @target: filled; contig_target_done() even after a failure
 *
 * Return: 0, -EINVAL, -EOVERFLOW or -ENOMEM.
 */
int contig_target_init_dmabuf(struct contig_client *client,
			      struct dma_buf *dmabuf, u64 offset, u64 length,
			      bool create, struct contig_target *target)
{
	struct contig_buffer_locks *locks;
	u64 last;

	lockdep_assert_held(&client->lock);
	*target = (struct contig_target){
		.dmabuf = dmabuf,
		.buffer = contig_buffer_of(dmabuf),
	};
	if (!length)
		return -EINVAL;
	if (check_add_overflow(offset, length - 1, &last) ||
	    last >= dmabuf->size)
		return -EOVERFLOW;
	target->first = offset >> PAGE_SHIFT;
	target->last = last >> PAGE_SHIFT;
	target->head = offset & ~PAGE_MASK;
	target->length = length;
	locks = create ? contig_buffer_locks_make(client, dmabuf) :
			 contig_buffer_locks_find(client, dmabuf);
	if (IS_ERR(locks))
		return PTR_ERR(locks);
	target->areas = locks ? &locks->areas : NULL;
	return 0;
}

/**
 * contig_target_init() - make a target of a range that user space names
 * @client: with its lock held
 * @range: from user space
 * @create: the command may lock pages
 * @target: filled; contig_target_done() even after a failure
 *
 * Return: 0 or -errno as uapi/linux/contig.h documents it.
 */
int contig_target_init(struct contig_client *client,
		       const struct contig_range *range, bool create,
		       struct contig_target *target)
{
	int ret;

	lockdep_assert_held(&client->lock);
	*target = (struct contig_target){};
	if (!range->length)
		return -EINVAL;
	if (range->flags & CONTIG_RANGE_BUFFER) {
		struct dma_buf *dmabuf = contig_target_dmabuf(range->fd);

		if (IS_ERR(dmabuf))
			return PTR_ERR(dmabuf);
		return contig_target_init_dmabuf(client, dmabuf, range->addr,
						 range->length, create, target);
	}
	if (range->fd)
		return -EINVAL;
	ret = contig_target_pages(range->addr, range->length, target);
	if (ret)
		return ret;
	target->areas = &client->locks;
	return create ? contig_client_bind(client) :
			contig_client_check_space(client);
}

/**
 * contig_target_again() - make a target of a range that was prepared
 * @client: with its lock held
 * @dmabuf: the dma-buf that it lies in, or NULL
 * @addr: first byte, or offset into the dma-buf
 * @length: bytes
 * @target: filled; contig_target_done() afterwards
 *
 * Return: 0, or -EXDEV if the range belongs to another process.
 */
int contig_target_again(struct contig_client *client,
			struct dma_buf *dmabuf, u64 addr, u64 length,
			struct contig_target *target)
{
	struct contig_buffer_locks *locks;

	lockdep_assert_held(&client->lock);
	*target = (struct contig_target){
		.areas = &client->locks,
		.first = addr >> PAGE_SHIFT,
		.last = (addr + length - 1) >> PAGE_SHIFT,
		.head = addr & ~PAGE_MASK,
		.length = length,
	};
	if (!dmabuf)
		return contig_client_check_space(client);
	get_dma_buf(dmabuf);
	target->dmabuf = dmabuf;
	target->buffer = contig_buffer_of(dmabuf);
	locks = contig_buffer_locks_find(client, dmabuf);
	target->areas = locks ? &locks->areas : NULL;
	return 0;
}

/* Release a target; free the locks of a dma-buf without locked pages. */
void contig_target_done(struct contig_client *client,
			struct contig_target *target)
{
	struct contig_buffer_locks *locks;

	lockdep_assert_held(&client->lock);
	if (!target->dmabuf)
		return;
	locks = contig_buffer_locks_find(client, target->dmabuf);
	if (locks && contig_areas_empty(&locks->areas)) {
		rb_erase(&locks->node, &client->buffer_locks);
		kfree(locks);
	}
	dma_buf_put(target->dmabuf);
}

/**
 * contig_target_do() - carry out a command on a range
 * @client: without its lock
 * @range: from user space
 * @create: the command may lock pages
 * @command: called with the client's lock held
 * @data: for @command
 *
 * May sleep.
 *
 * Return: the value of @command, -EINTR, or an error of contig_target_init().
 */
int contig_target_do(struct contig_client *client,
		     const struct contig_range *range, bool create,
		     int (*command)(struct contig_client *client,
				    const struct contig_target *target,
				    void *data),
		     void *data)
{
	struct contig_target target;
	int ret;

	CLASS(contig_killable, locked)(&client->lock);
	if (!locked)
		return -EINTR;
	ret = contig_target_init(client, range, create, &target) ?:
	      command(client, &target, data);
	contig_target_done(client, &target);
	return ret;
}

/* Return the extents of an area's pin, in memory or in DMA addresses. */
const struct contig_extents *contig_area_extents(const struct contig_area *area,
						 enum contig_side side)
{
	return side == CONTIG_SIDE_DEVICE ? &area->pin->map->extents :
					    contig_pin_extents(area->pin);
}

/* Return at which offset in these extents @page, which is in @area, lies. */
unsigned long contig_area_offset(const struct contig_area *area,
				 unsigned long page, enum contig_side side)
{
	return (side == CONTIG_SIDE_DEVICE ? 0 : area->pin->base) +
	       area->offset + (page - area->it.start);
}

/*
 * Return the number of extents, of physical or DMA addresses, of a range that
 * is locked as a whole.
 */
unsigned long contig_target_extents(const struct contig_target *target,
				    enum contig_side side)
{
	unsigned long next = 0, count = 0;
	struct contig_area *area;

	contig_for_each_area(area, target->areas, target->first, target->last) {
		const struct contig_extents *extents =
			contig_area_extents(area, side);
		unsigned long first = max(area->it.start, target->first);
		unsigned long last = min(area->it.last, target->last);
		unsigned long from = contig_area_offset(area, first, side);
		unsigned long to = contig_area_offset(area, last, side);

		count += contig_extents_count(extents, from, to);
		if (next && contig_extents_pfn(extents, from) == next)
			count--;
		next = contig_extents_pfn(extents, to) + 1;
	}
	return count;
}

/* Return 0 if a range is locked as a whole, otherwise -ENOLCK. */
int contig_target_locked(const struct contig_target *target)
{
	return target->areas &&
	       contig_areas_cover(target->areas, target->first, target->last) ?
	       0 : -ENOLCK;
}

/*
 * Return true if the caller may learn which pages of a range adjoin. A caller
 * without the right to see physical addresses may learn it of a single page and
 * of one buffer of contig, whose extents out_extents of ALLOC has reported.
 */
bool contig_target_may_count(const struct contig_target *target)
{
	struct contig_buffer *buffer = NULL;
	struct contig_area *area;

	if (target->first == target->last)
		return true;
	contig_for_each_area(area, target->areas, target->first, target->last) {
		if (!area->pin->buffer ||
		    (buffer && area->pin->buffer != buffer))
			return contig_may_see_physical();
		buffer = area->pin->buffer;
	}
	return true;
}

/**
 * contig_target_check() - check that a range is locked as a whole, and in place
 * @target: the range
 * @side: whether it must still be mapped for the client's device
 *
 * May sleep.
 *
 * Return: 0, -ENOLCK, -ENODEV if the device is gone, or an error of
 * contig_area_check().
 */
int contig_target_check(const struct contig_target *target,
			enum contig_side side)
{
	struct contig_area *area;
	int ret = contig_target_locked(target);

	if (ret)
		return ret;
	contig_for_each_area(area, target->areas, target->first, target->last) {
		ret = contig_area_check(area,
					max(area->it.start, target->first),
					min(area->it.last, target->last));
		if (!ret && (side == CONTIG_SIDE_DEVICE || area->pin->foreign) &&
		    !READ_ONCE(area->pin->map->mapped))
			ret = -ENODEV;
		if (ret)
			return ret;
		cond_resched();
	}
	return 0;
}

/**
 * contig_target_physical() - make sure that physical addresses are known
 * @target: a range that is locked as a whole
 *
 * Must be called before CONTIG_SIDE_CPU is used: the physical addresses of a
 * foreign dma-buf are looked up only when they are needed. May sleep.
 *
 * Return: 0, -ENODEV if the device is gone, or an error of
 * contig_foreign_physical().
 */
int contig_target_physical(const struct contig_target *target)
{
	struct contig_area *area;

	if (!contig_target_is_foreign(target))
		return 0;
	area = contig_areas_first(target->areas, target->first, target->last);
	/* All areas of a foreign dma-buf have the same pin. */
	if (!READ_ONCE(area->pin->map->mapped))
		return -ENODEV;
	return area->pin->own.npages ? 0 :
	       contig_foreign_physical(area->pin->foreign, &area->pin->own);
}

/**
 * contig_target_addrs() - list the addresses of single pages
 * @target: a range that is locked as a whole
 * @side: kind of addresses
 * @page: in/out: the page to begin at; on return the first that is not done
 * @addrs: receives the addresses
 * @room: length of @addrs
 *
 * Return: number of addresses.
 */
unsigned long contig_target_addrs(const struct contig_target *target,
				  enum contig_side side, unsigned long *page,
				  u64 *addrs, unsigned long room)
{
	unsigned long count = 0, pfn, n;
	struct contig_cursor cursor;
	struct contig_area *area;

	contig_for_each_area(area, target->areas, *page, target->last) {
		unsigned long last = min(area->it.last, target->last);

		contig_cursor_init(&cursor, contig_area_extents(area, side),
				   contig_area_offset(area, *page, side));
		while (count < room && *page <= last) {
			n = min(last - *page + 1, room - count);
			n = contig_cursor_next(&cursor, cursor.offset + n,
					       &pfn);
			for (*page += n; n--; pfn++)
				addrs[count++] = (u64)pfn << PAGE_SHIFT;
		}
		if (count == room)
			break;
	}
	return count;
}
