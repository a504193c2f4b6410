// SPDX-License-Identifier: GPL-2.0-only
/*
 * Compacting the reserve
 *
 * When the reserve has enough free memory for a request, but not in one piece, buffers
 * are moved out of the way (relocate.c), those of the site with the fewest pages to
 * move. The free parts of the site are taken first, so that no other request gets them,
 * and what the buffers leave goes to the request without being free in between.
 */
#include <linux/bitops.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include <uapi/linux/contig.h>

#include "block.h"
#include "buffer.h"
#include "clear.h"
#include "compact.h"
#include "constraints.h"
#include "extents.h"
#include "gfp.h"
#include "mmap.h"
#include "occupants.h"
#include "relocate.h"
#include "request.h"
#include "reserve_state.h"
#include "rung.h"
#include "scrub.h"
#include "stats.h"
#include "waiting.h"

/* Places to try for a request. */
#define CONTIG_COMPACT_TRIES 8

/* Bit 0 is set while a request compacts: two would fill each other's sites. */
static unsigned long contig_compacting;
static DECLARE_WAIT_QUEUE_HEAD(contig_compacted);

/**
 * struct contig_compaction - one attempt to empty a site
 * @request: the request that it is for
 * @buffer: receives the site
 * @all: the buffers in the reserve
 * @site: the site
 * @ask: what memory to move a buffer to must meet
 */
struct contig_compaction {
	const struct contig_request *request;
	struct contig_buffer *buffer;
	struct contig_occupants all;
	struct contig_site site;
	struct contig_request ask;
};

/* Return the end of a buffer in the site: granules are given out as a whole. */
static unsigned long contig_occupant_end(const struct contig_compaction *c,
					 unsigned int i)
{
	const struct contig_occupant *occupant = &c->all.list[c->site.first + i];

	return occupant->pfn + round_up(occupant->npages,
					1UL << c->site.block->order);
}

/* Get the part of the site before its buffer @i, which can be empty. */
static unsigned long contig_compact_gap(const struct contig_compaction *c,
					unsigned int i, unsigned long *npages)
{
	unsigned long start = c->site.pfn, end = start + c->site.npages;

	if (i)
		start = min(contig_occupant_end(c, i - 1), end);
	if (i < c->site.nr)
		end = max(c->all.list[c->site.first + i].pfn, start);
	*npages = end - start;
	return start;
}

/* Give back the parts before the first @nr buffers. */
static void contig_compact_unclaim(const struct contig_compaction *c,
				   unsigned int nr)
{
	unsigned long pfn, npages;
	unsigned int i;

	lockdep_assert_held(&contig_reserve_lock);
	for (i = 0; i < nr; i++) {
		pfn = contig_compact_gap(c, i, &npages);
		if (npages)
			contig_block_give(c->site.block, pfn, npages);
	}
}

/* Take the parts of the site that no buffer has. Return false if they are not free. */
static bool contig_compact_claim(const struct contig_compaction *c)
{
	unsigned long pfn, npages;
	unsigned int i;

	guard(mutex)(&contig_reserve_lock);
	contig_reserve_check();
	for (i = 0; i <= c->site.nr; i++) {
		pfn = contig_compact_gap(c, i, &npages);
		if (!npages || contig_block_claim(c->site.block, pfn, npages))
			continue;
		contig_compact_unclaim(c, i);
		return false;
	}
	return true;
}

/*
 * Allocate memory of the reserve to move a buffer to. The account of the request is
 * charged for the site only, and that of the buffer for as much as before. Return NULL
 * if there is none.
 */
static struct contig_buffer *
contig_compact_spare(struct contig_compaction *c,
		     const struct contig_buffer *buffer)
{
	struct contig_request *ask = &c->ask;
	struct contig_report scratch = {};
	struct contig_buffer *spare;

	spare = contig_buffer_new(c->request->user, buffer->name, 0);
	if (IS_ERR(spare))
		return NULL;
	contig_request_renew(ask, buffer->asked);
	ask->deadline = c->request->deadline;
	ask->user = c->request->user;
	ask->told = buffer->asked->told;
	/* All of it is copied to. */
	ask->uninitialized = true;
	spare->mapping = contig_reserve_ops.mapping;
	if (contig_reserve_ops.alloc(ask, spare, &scratch)) {
		contig_buffer_abandon(spare);
		return NULL;
	}
	spare->ops = &contig_reserve_ops;
	spare->rung = CONTIG_RUNG_RESERVE;
	contig_stats_alloc(spare->rung, ask->npages, 0, 0);
	if (contig_extents_fit(ask, &spare->extents) &&
	    spare->charged == buffer->charged - ask->npages)
		return spare;
	contig_buffer_destroy(spare);
	return NULL;
}

/* Move one buffer out of the site. Return 0 or -errno. */
static int contig_compact_move(struct contig_compaction *c,
			       struct contig_occupant *occupant)
{
	struct contig_buffer *buffer = contig_buffers_get(occupant->id), *spare;
	int ret;

	if (!buffer)
		return -ESTALE;
	ret = contig_move_begin(buffer);
	if (ret)
		goto out;
	/* It stays where it is now. */
	ret = -EBUSY;
	if (buffer->rung != CONTIG_RUNG_RESERVE ||
	    buffer->extents.entries->pfn != occupant->pfn ||
	    !contig_move_possible(buffer) || contig_move_in_use(buffer))
		goto out_end;
	ret = -ENOMEM;
	spare = contig_compact_spare(c, buffer);
	if (!spare)
		goto out_end;
	ret = contig_relocate(buffer, spare, &occupant->old);
	goto out;

out_end:
	contig_move_end(buffer);
out:
	contig_buffer_put(buffer);
	return ret;
}

/* Free a buffer whose memory goes to the request. */
static void contig_compact_strip(struct contig_buffer *old)
{
	contig_stats_free(old->rung, old->extents.npages);
	kfree(old->rung_data);
	contig_extents_free(&old->extents);
	contig_buffer_abandon(old);
}

/* Give back what a buffer had outside the site. It is clean. */
static void contig_compact_trim(const struct contig_compaction *c,
				unsigned int i)
{
	unsigned long start = c->site.pfn, end = start + c->site.npages;
	unsigned long pfn = c->all.list[c->site.first + i].pfn;
	unsigned long behind = contig_occupant_end(c, i);

	guard(mutex)(&contig_reserve_lock);
	if (pfn < start)
		contig_block_give(c->site.block, pfn, start - pfn);
	if (behind > end)
		contig_block_give(c->site.block, end, behind - end);
}

/*
 * Give the site to the request if no page that the buffers had has another reference.
 * Return 0 or -EBUSY.
 */
static int contig_compact_take(struct contig_compaction *c,
			       struct contig_return *run)
{
	struct contig_occupant *list = &c->all.list[c->site.first];
	unsigned int i;

	for (i = 0; i < c->site.nr; i++)
		if (contig_move_alone(list[i].old))
			return -EBUSY;
	for (i = 0; i < c->site.nr; i++) {
		contig_mmap_forget(list[i].old);
		contig_pages_clear(list[i].pfn,
				   contig_occupant_end(c, i) - list[i].pfn);
		contig_compact_trim(c, i);
		contig_compact_strip(list[i].old);
	}
	run->block = c->site.block;
	run->contents = false;
	run->dirty = false;
	c->buffer->rung_data = run;
	/* Cannot fail: the first extent needs no memory. */
	return contig_extents_append(&c->buffer->extents, c->site.pfn,
				     c->request->npages);
}

/* Give back the site after a failure. */
static void contig_compact_drop(struct contig_compaction *c)
{
	struct contig_occupant *list = &c->all.list[c->site.first];
	unsigned int i;

	scoped_guard(mutex, &contig_reserve_lock)
		contig_compact_unclaim(c, c->site.nr + 1);
	for (i = 0; i < c->site.nr; i++)
		if (list[i].old)
			contig_buffer_destroy(list[i].old);
}

/* Empty a site whose free parts are taken. Return 0 or -errno. */
static int contig_compact_empty(struct contig_compaction *c)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < c->site.nr && !ret; i++) {
		ret = contig_request_expired(c->request);
		if (!ret)
			ret = contig_compact_move(c, &c->all.list[c->site.first +
								  i]);
	}
	return ret;
}

/* Empty the site, and give it to the request. Return 0 or -errno. */
static int contig_compact_site(struct contig_compaction *c)
{
	unsigned long rest = c->site.npages - c->request->npages;
	struct contig_return *run;
	int ret;

	run = kmalloc(sizeof(*run), CONTIG_GFP);
	if (!run)
		return -ENOMEM;
	ret = contig_buffer_charge(c->buffer, rest);
	if (ret)
		goto err_free;
	ret = -ESTALE;
	if (!contig_compact_claim(c))
		goto err_uncharge;
	ret = contig_compact_empty(c);
	if (!ret)
		ret = contig_compact_take(c, run);
	if (!ret)
		return 0;
	contig_compact_drop(c);
err_uncharge:
	contig_buffer_uncharge(c->buffer, rest);
err_free:
	kfree(run);
	return ret;
}

/* Report a buffer that cannot be moved. */
static void contig_compact_blame(const struct contig_request *request,
				 const struct contig_occupant *in_way,
				 struct contig_report *report)
{
	report->blocked = CONTIG_BLOCKED_LOCKED;
	if (request->in_way)
		*request->in_way = (struct contig_in_way){
			.id = in_way->id,
			.pid = in_way->pid,
			.uid = in_way->uid,
			.own = in_way->user == request->user,
		};
}

/*
 * Look for the site that comes after @skip others, and empty it. Return 0, -ENOENT if
 * there is no such site, or another error.
 */
static int contig_compact_try(struct contig_compaction *c, unsigned int skip,
			      struct contig_report *report)
{
	const struct contig_occupant *in_way;
	int ret;

	ret = contig_occupants_find(&c->all);
	if (ret)
		return ret;
	c->site.nr = 0;
	ret = -ENOENT;
	do {
		if (!contig_site_next(&c->all, c->request, &c->site, &in_way))
			break;
		if (!skip)
			ret = contig_compact_site(c);
	} while (skip--);
	if (ret == -ENOENT && in_way)
		contig_compact_blame(c->request, in_way, report);
	contig_occupants_free(&c->all);
	return ret;
}

/* Try sites; the only one that does. Return 0 or -errno. */
static int contig_compact_tries(struct contig_compaction *c,
				struct contig_report *report)
{
	unsigned int tries, skip = 0;
	int ret = -ENOMEM;

	for (tries = 0; tries < CONTIG_COMPACT_TRIES; tries++) {
		ret = contig_compact_try(c, skip, report);
		if (!ret || ret == -EINTR || ret == -ETIME || ret == -ENOENT)
			break;
		/* Buffers have gone, or come: look again. */
		if (ret != -ESTALE)
			skip++;
	}
	return ret;
}

/**
 * contig_compact() - make room for a request in the reserve, and take it
 * @request: the request, which the reserve has no room for in one piece
 * @buffer: receives the memory, as from the reserve's rung
 * @report: receives the reason of a failure
 *
 * Only one request at a time does this. May sleep, until the deadline of the request,
 * but can be killed; the caller holds no lock.
 *
 * Return: 0, -ENOMEM, -ETIME or -EINTR.
 */
int contig_compact(const struct contig_request *request,
		   struct contig_buffer *buffer, struct contig_report *report)
{
	struct contig_compaction *c __free(kfree) = NULL;
	long left;
	int ret;

	if (request->no_wait || request->keep ||
	    contig_reserve_clean(request) < request->npages)
		return -ENOMEM;
	c = kzalloc(sizeof(*c), CONTIG_GFP);
	if (!c)
		return -ENOMEM;
	c->request = request;
	c->buffer = buffer;
	left = contig_wait_event_timeout(contig_compacted,
					 !test_and_set_bit_lock(0, &contig_compacting),
					 contig_request_left(request));
	if (left <= 0)
		return contig_rung_stop(report, left ? -EINTR : -ETIME);
	ret = contig_compact_tries(c, report);
	clear_bit_unlock(0, &contig_compacting);
	wake_up(&contig_compacted);
	contig_stats_count(ret ? CONTIG_EVENT_COMPACT_FAILED :
				 CONTIG_EVENT_COMPACT);
	if (!ret)
		report->windows = 1;
	if (ret == -EINTR || ret == -ETIME)
		return contig_rung_stop(report, ret);
	return ret ? -ENOMEM : 0;
}
