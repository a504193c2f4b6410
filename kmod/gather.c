// SPDX-License-Identifier: GPL-2.0-only
/*
 * Making a buffer contiguous
 *
 * A client wants to lock a buffer, or a part of it, in one piece, but it has several:
 * the ladder is asked for one extent, and the buffer is moved there.
 */
#include <linux/bitops.h>
#include <linux/dma-buf.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include <uapi/linux/contig.h>

#include "alloc.h"
#include "buffer.h"
#include "client.h"
#include "dmabuf.h"
#include "extents.h"
#include "gather.h"
#include "gfp.h"
#include "limits.h"
#include "place.h"
#include "relocate.h"
#include "request.h"
#include "target.h"
#include "vma.h"
#include "waiting.h"

/* Milliseconds for allocating memory to move to. */
#define CONTIG_GATHER_BUDGET 5000

/* Time to wait for another of the same account. */
#define CONTIG_GATHER_WAIT (10 * HZ)

static DECLARE_WAIT_QUEUE_HEAD(contig_gathered);

/**
 * struct contig_gathering - what is asked of the ladder
 * @request: one extent that meets what the buffer was asked for
 * @reports: of the rungs that were tried
 */
struct contig_gathering {
	struct contig_request request;
	struct contig_report reports[CONTIG_REPORTS];
};

/* Allocate memory to move a buffer to. Return ERR_PTR() if there is none. */
static struct contig_buffer *contig_gather_alloc(struct contig_buffer *buffer)
{
	struct contig_gathering *ask __free(kfree) =
		kzalloc(sizeof(*ask), CONTIG_GFP);
	struct contig_request *request;
	u32 nr;

	if (!ask)
		return ERR_PTR(-ENOMEM);
	request = &ask->request;
	contig_request_renew(request, buffer->asked);
	request->deadline = ktime_add_ms(request->start, CONTIG_GATHER_BUDGET);
	request->user = buffer->user;
	request->rungs = CONTIG_RUNGS_CONTIGUOUS;
	request->struct_page = true;
	/* All of it is copied to. */
	request->uninitialized = true;
	request->told = contig_may_see_physical_noaudit();
	return contig_alloc_buffer(request, buffer->name, ask->reports, &nr);
}

/* Find out whether a part is in one extent, and whether the buffer can be moved. */
static int contig_gather_look(struct contig_buffer *buffer, unsigned long first,
			      unsigned long last, bool *gathered, bool *possible)
{
	int ret = contig_place_look(buffer);

	if (ret)
		return ret;
	*gathered = contig_extents_count(&buffer->extents, first, last) == 1;
	*possible = !*gathered && contig_move_possible(buffer) &&
		    !contig_move_in_use(buffer);
	contig_place_looked(buffer);
	return 0;
}

/* Move a buffer to one extent. Return 0 or -errno. */
static int contig_gather_move(struct contig_buffer *buffer)
{
	struct contig_buffer *spare;
	int ret;

	ret = contig_move_begin(buffer);
	if (ret)
		return ret;
	spare = contig_gather_alloc(buffer);
	if (IS_ERR(spare)) {
		contig_move_end(buffer);
		return PTR_ERR(spare);
	}
	return contig_relocate(buffer, spare);
}

/*
 * Become the only one of an account that gathers: the CPU time for it is not that of the
 * process. Return 0, -EBUSY or -EINTR.
 */
static int contig_gather_begin(struct contig_user *user)
{
	long left;

	left = contig_wait_event_timeout(contig_gathered,
					 !test_and_set_bit_lock(0, &user->gathers),
					 CONTIG_GATHER_WAIT);
	if (left > 0)
		return 0;
	return left ? -EINTR : -EBUSY;
}

static void contig_gather_end(struct contig_user *user)
{
	clear_bit_unlock(0, &user->gathers);
	wake_up(&contig_gathered);
}

/*
 * Make a part of a buffer contiguous, but only for the account that it is charged to: it
 * pays for it, and for both places meanwhile. Return 0 or -errno.
 */
static int contig_gather(struct contig_buffer *buffer, struct contig_user *user,
			 unsigned long first, unsigned long last)
{
	bool gathered, possible;
	int ret;

	ret = contig_gather_look(buffer, first, last, &gathered, &possible);
	if (ret || gathered)
		return ret;
	if (!possible || buffer->user != user)
		return -EOPNOTSUPP;
	ret = contig_gather_begin(user);
	if (ret)
		return ret;
	/* Another may have moved it. */
	ret = contig_gather_look(buffer, first, last, &gathered, &possible);
	if (!ret && possible)
		ret = contig_gather_move(buffer);
	contig_gather_end(user);
	return ret;
}

/* Return the mode that a descriptor or a mapping needs for a range. */
static fmode_t contig_gather_mode(const struct contig_range *range)
{
	return range->flags & CONTIG_LOCK_OUTPUT ? FMODE_READ : FMODE_WRITE;
}

/* Gather a range of a dma-buf. Return 0 or -errno. */
static int contig_gather_dmabuf(struct contig_client *client,
				const struct contig_range *range)
{
	struct dma_buf *dmabuf = contig_target_dmabuf(range->fd);
	struct contig_buffer *buffer;
	int ret = 0;
	u64 last;

	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	buffer = contig_buffer_of(dmabuf);
	if (buffer && dmabuf->file->f_mode & contig_gather_mode(range) &&
	    !check_add_overflow(range->addr, range->length - 1, &last) &&
	    last < dmabuf->size)
		ret = contig_gather(buffer, client->user,
				    range->addr >> PAGE_SHIFT,
				    last >> PAGE_SHIFT);
	dma_buf_put(dmabuf);
	return ret;
}

/* Gather a range of the caller's memory if it is a part of one mapping. */
static int contig_gather_mapping(struct contig_client *client,
				 const struct contig_range *range)
{
	struct contig_target target = {};
	unsigned long npages;
	struct contig_vma mapping;
	int ret;

	ret = contig_target_pages(range->addr, range->length, &target);
	if (ret)
		return ret;
	npages = target.last - target.first + 1;
	ret = contig_vma_at(current->mm, target.first, target.last, &mapping);
	if (!ret && mapping.buffer && mapping.npages == npages &&
	    (contig_gather_mode(range) == FMODE_READ ? mapping.readable :
						       mapping.writable))
		ret = contig_gather(mapping.buffer, client->user,
				    mapping.offset,
				    mapping.offset + npages - 1);
	contig_vma_put(&mapping);
	return ret;
}

/**
 * contig_gather_range() - make a range physically contiguous, if it can be
 * @client: without its lock
 * @range: from user space; CONTIG_LOCK_OUTPUT as in CONTIG_LOCK
 *
 * Mappings, contents and descriptors stay. Until it is locked the range can be moved
 * again. May sleep; the caller holds no lock.
 *
 * Return: 0 or -errno. Only -EINTR is of interest: what remains in several extents is
 * found when it is locked.
 */
int contig_gather_range(struct contig_client *client,
			const struct contig_range *range)
{
	if (!range->length)
		return -EINVAL;
	return range->flags & CONTIG_RANGE_BUFFER ?
	       contig_gather_dmabuf(client, range) :
	       contig_gather_mapping(client, range);
}
