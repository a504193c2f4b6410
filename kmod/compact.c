// SPDX-License-Identifier: GPL-2.0-only
/*
 * Compacting the reserve
 *
 * When the reserve has enough free memory for a request, but not in one piece, buffers
 * are moved out of the way (relocate.c), those of the site with the fewest pages to
 * move. The free parts of the site are taken first, so that no other request gets them,
 * and what the buffers leave goes to the request without being free in between.
 *
 * A work does that, one for all requests, so that none waits for a caller that is
 * throttled, stopped or frozen.
 */
#include <linux/bitops.h>
#include <linux/err.h>
#include <linux/kref.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include <uapi/linux/contig.h>

#include "block.h"
#include "buffer.h"
#include "clear.h"
#include "compact.h"
#include "constraints.h"
#include "extents.h"
#include "fault.h"
#include "gfp.h"
#include "limits.h"
#include "occupants.h"
#include "pages.h"
#include "poison.h"
#include "relocate.h"
#include "request.h"
#include "reserve.h"
#include "reserve_state.h"
#include "rung.h"
#include "scrub.h"
#include "stats.h"
#include "waiting.h"

/* Sites to try for a request, each after a buffer of the one before did not move. */
#define CONTIG_COMPACT_TRIES 8

/* Buffers to remember that did not move. */
#define CONTIG_COMPACT_FAILED 64

/**
 * struct contig_compaction - a site that is emptied for a request
 * @work: empties it
 * @kref: the caller has a reference, and @work has one
 * @done: @ret is set
 * @cancelled: the caller no longer waits
 * @request: the request that it is for; its account has a reference
 * @all: the buffers in the reserve
 * @site: the site
 * @ask: what memory to move a buffer to must meet
 * @failed: numbers of buffers that did not move
 * @nr_failed: how many these are
 * @rest: pages that the account is charged for what the site has beyond the request
 * @in_way: a buffer that stays in the way, its number 0 if there is none
 * @run: what the reserve needs to take the memory back; NULL once the site is taken
 * @ret: 0 or -errno
 */
struct contig_compaction {
	struct work_struct work;
	struct kref kref;
	bool done;
	bool cancelled;
	struct contig_request request;
	struct contig_occupants all;
	struct contig_site site;
	struct contig_request ask;
	unsigned long failed[CONTIG_COMPACT_FAILED];
	unsigned int nr_failed;
	unsigned long rest;
	struct contig_in_way in_way;
	struct contig_return *run;
	int ret;
};

/* One work at a time: two would fill each other's sites. */
static struct workqueue_struct *contig_compact_wq;

/* Woken when an account may begin another compaction. */
static DECLARE_WAIT_QUEUE_HEAD(contig_compacted);

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

	if (contig_should_fail(CONTIG_FAULT_RESERVE))
		return false;
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
 * Allocate memory of the reserve to move a buffer to, without waiting for more. The
 * account of the buffer is charged only for what it has beyond the length. Return NULL if
 * there is none.
 */
static struct contig_buffer *
contig_compact_spare(struct contig_compaction *c,
		     const struct contig_buffer *buffer)
{
	struct contig_request *ask = &c->ask;
	struct contig_report scratch = {};
	struct contig_buffer *spare;

	spare = contig_buffer_new(buffer->user, buffer->name, 0);
	if (IS_ERR(spare))
		return NULL;
	contig_request_renew(ask, buffer->asked);
	ask->user = buffer->user;
	ask->told = buffer->asked->told;
	/* All of it is copied to. */
	ask->uninitialized = true;
	spare->mapping = contig_reserve_ops.mapping;
	if (contig_reserve_take_now(ask, spare, &scratch)) {
		contig_buffer_abandon(spare);
		return NULL;
	}
	spare->ops = &contig_reserve_ops;
	spare->rung = CONTIG_RUNG_RESERVE;
	contig_stats_taken(spare->rung, ask->npages);
	/* Larger granules would be a waste, and its owner would pay for them. */
	if (contig_extents_fit(ask, &spare->extents) &&
	    spare->charged <= buffer->charged - ask->npages)
		return spare;
	contig_buffer_destroy(spare);
	return NULL;
}

/* Move one buffer out of the site. Return 0 or -errno. */
static int contig_compact_move(struct contig_compaction *c,
			       struct contig_occupant *occupant)
{
	struct contig_buffer *buffer = contig_buffers_find(occupant->id), *spare;
	int ret;

	/* What it leaves has to be cleaned first. */
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
	ret = contig_relocate_now(buffer, spare, false);
	if (ret)
		contig_buffer_destroy(spare);
	else
		occupant->old = spare;
	goto out;

out_end:
	contig_move_end(buffer);
out:
	contig_buffer_unref(buffer);
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
 * Make the parts of the site one if no page that the buffers had has another reference,
 * and none has failed. Return 0 or -EBUSY.
 */
static int contig_compact_join(struct contig_compaction *c)
{
	struct contig_occupant *list = &c->all.list[c->site.first];
	unsigned int i;

	if (contig_poison_ever() &&
	    contig_pages_first_failed(c->site.pfn, c->site.npages) <
		    c->site.npages)
		return -EBUSY;
	for (i = 0; i < c->site.nr; i++)
		if (contig_move_alone(list[i].old))
			return -EBUSY;
	for (i = 0; i < c->site.nr; i++) {
		contig_pages_clear(list[i].pfn,
				   contig_occupant_end(c, i) - list[i].pfn);
		contig_compact_trim(c, i);
		contig_compact_strip(list[i].old);
	}
	return 0;
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

/* Remember a buffer that does not move, so that other sites are tried. */
static void contig_compact_forgo(struct contig_compaction *c,
				 const struct contig_occupant *occupant)
{
	if (c->nr_failed < CONTIG_COMPACT_FAILED)
		c->failed[c->nr_failed++] = occupant->id;
}

/*
 * Find out whether the buffers of the site seem to move, before the first is moved in
 * vain. Return 0, -EBUSY or -ESTALE.
 */
static int contig_compact_check(struct contig_compaction *c)
{
	struct contig_occupant *list = &c->all.list[c->site.first];
	struct contig_buffer *buffer;
	unsigned int i;
	int ret = 0;

	for (i = 0; i < c->site.nr; i++) {
		buffer = contig_buffers_find(list[i].id);
		if (!buffer)
			return -ESTALE;
		/* Its pages are looked at while it cannot be moved. */
		if (contig_move_begin(buffer)) {
			ret = -EBUSY;
		} else {
			if (contig_move_in_use(buffer))
				ret = -EBUSY;
			contig_move_end(buffer);
		}
		contig_buffer_unref(buffer);
		if (ret) {
			contig_compact_forgo(c, &list[i]);
			return ret;
		}
	}
	return 0;
}

/* Move the buffers of the site whose free parts are taken. Return 0 or -errno. */
static int contig_compact_empty(struct contig_compaction *c)
{
	struct contig_occupant *list = &c->all.list[c->site.first];
	unsigned int i;
	int ret = 0;

	for (i = 0; i < c->site.nr && !ret; i++) {
		if (READ_ONCE(c->cancelled))
			return -EINTR;
		ret = contig_compact_move(c, &list[i]);
		if (ret && ret != -ESTALE)
			contig_compact_forgo(c, &list[i]);
	}
	return ret;
}

/* Charge the account for @rest pages. Return 0 or -EDQUOT. */
static int contig_compact_charge(struct contig_compaction *c,
				 unsigned long rest)
{
	contig_user_uncharge(c->request.user, c->rest);
	c->rest = 0;
	if (contig_user_charge(c->request.user, rest))
		return -EDQUOT;
	c->rest = rest;
	return 0;
}

/* Empty the site. Return 0 or -errno. */
static int contig_compact_site(struct contig_compaction *c)
{
	int ret;

	ret = contig_compact_check(c) ?:
	      contig_compact_charge(c, c->site.npages - c->request.npages);
	if (ret)
		return ret;
	if (!contig_compact_claim(c))
		return -ESTALE;
	ret = contig_compact_empty(c) ?: contig_compact_join(c);
	if (ret)
		contig_compact_drop(c);
	return ret;
}

/* Keep what is in the way of all sites, unless that may be so for a moment only. */
static void contig_compact_blame(struct contig_compaction *c)
{
	const struct contig_occupant *in_way = c->site.in_way;
	unsigned int i;

	for (i = 0; i < c->nr_failed; i++)
		if (in_way && in_way->id == c->failed[i])
			return;
	if (in_way)
		c->in_way = (struct contig_in_way){
			.id = in_way->id,
			.pid = in_way->pid,
			.uid = in_way->uid,
		};
}

/* Empty the best site. Return 0, -ENOENT if there is no site, or another error. */
static int contig_compact_try(struct contig_compaction *c)
{
	int ret = contig_occupants_find(&c->all);

	if (ret)
		return ret;
	contig_occupants_stay(&c->all, c->failed, c->nr_failed);
	ret = contig_site_find(&c->all, &c->request, &c->site);
	if (!ret)
		ret = contig_compact_site(c);
	else if (ret == -ENOENT)
		contig_compact_blame(c);
	contig_occupants_free(&c->all);
	return ret;
}

static void contig_compaction_free(struct kref *kref)
{
	struct contig_compaction *c = container_of(kref,
						   struct contig_compaction,
						   kref);

	/* Nothing has taken the site. */
	if (!c->ret && c->run) {
		guard(mutex)(&contig_reserve_lock);
		contig_block_give(c->site.block, c->site.pfn, c->site.npages);
	}
	contig_user_uncharge(c->request.user, c->rest);
	kfree(c->run);
	contig_user_put(c->request.user);
	kfree(c);
}

static void contig_compact_work(struct work_struct *work)
{
	struct contig_compaction *c = container_of(work,
						   struct contig_compaction,
						   work);
	unsigned int tries;

	for (tries = 0; tries < CONTIG_COMPACT_TRIES; tries++) {
		if (READ_ONCE(c->cancelled))
			break;
		c->ret = contig_compact_try(c);
		if (!c->ret || c->ret == -ENOENT)
			break;
	}
	contig_stats_count(c->ret ? CONTIG_EVENT_COMPACT_FAILED :
				    CONTIG_EVENT_COMPACT);
	clear_bit_unlock(0, &c->request.user->compacts);
	/* Pairs with contig_compact_ended(). */
	smp_store_release(&c->done, true);
	wake_up_all(&contig_compacted);
	kref_put(&c->kref, contig_compaction_free);
	/* contig_compact_exit() waits for what follows. */
	module_put(THIS_MODULE);
}

static bool contig_compact_ended(const struct contig_compaction *c)
{
	/* Pairs with contig_compact_work(). */
	return smp_load_acquire(&c->done);
}

/*
 * Wait for a turn of the account, and then for the work. Return 0, -ENOENT, -ENOMEM,
 * -ETIME or -EINTR.
 */
static int contig_compact_wait(struct contig_compaction *c,
			       const struct contig_request *request)
{
	struct contig_user *user = request->user;
	long left;

	left = contig_wait_event_timeout(contig_compacted,
					 !test_and_set_bit_lock(0, &user->compacts),
					 contig_request_left(request));
	if (left <= 0)
		return left ? -EINTR : -ETIME;
	kref_get(&c->kref);
	__module_get(THIS_MODULE);
	queue_work(contig_compact_wq, &c->work);
	left = contig_wait_event_timeout(contig_compacted,
					 contig_compact_ended(c), left);
	if (left > 0)
		return c->ret == -ENOENT || !c->ret ? c->ret : -ENOMEM;
	WRITE_ONCE(c->cancelled, true);
	return left ? -EINTR : -ETIME;
}

/* Make a compaction for a request. Return NULL if there is no memory. */
static struct contig_compaction *
contig_compaction_new(const struct contig_request *request)
{
	struct contig_compaction *c = kzalloc(sizeof(*c), CONTIG_GFP);

	if (!c)
		return NULL;
	c->run = kzalloc(sizeof(*c->run), CONTIG_GFP);
	if (!c->run) {
		kfree(c);
		return NULL;
	}
	kref_init(&c->kref);
	INIT_WORK(&c->work, contig_compact_work);
	c->request = *request;
	c->request.in_way = NULL;
	c->request.orphan = NULL;
	contig_user_ref(c->request.user);
	c->ret = -EINTR;
	return c;
}

/* Give the site, and what it is charged, to a buffer. Return 0. */
static int contig_compact_take(struct contig_compaction *c,
			       struct contig_buffer *buffer)
{
	buffer->charged += c->rest;
	c->rest = 0;
	c->run->block = c->site.block;
	buffer->rung_data = c->run;
	c->run = NULL;
	/* Cannot fail: the first extent needs no memory. */
	return contig_extents_append(&buffer->extents, c->site.pfn,
				     c->request.npages);
}

/**
 * contig_compact() - make room for a request in the reserve, and take it
 * @request: the request, which the reserve has no room for in one piece
 * @buffer: receives the memory, as from the reserve's rung
 * @report: receives the reason of a failure, if buffers are in the way
 *
 * May sleep, until the deadline of the request, but can be killed; the caller holds no
 * lock.
 *
 * Return: 0, -ENOMEM, -ETIME or -EINTR.
 */
int contig_compact(const struct contig_request *request,
		   struct contig_buffer *buffer, struct contig_report *report)
{
	struct contig_compaction *c;
	int ret;

	if (request->no_wait || request->keep ||
	    contig_reserve_clean(request) < request->npages ||
	    contig_request_expired(request))
		return -ENOMEM;
	c = contig_compaction_new(request);
	if (!c)
		return -ENOMEM;
	ret = contig_compact_wait(c, request);
	if (!ret)
		ret = contig_compact_take(c, buffer);
	if (ret == -ENOENT && c->in_way.id) {
		report->blocked = CONTIG_BLOCKED_LOCKED;
		if (request->in_way)
			*request->in_way = c->in_way;
	}
	kref_put(&c->kref, contig_compaction_free);
	return ret && ret != -EINTR && ret != -ETIME ? -ENOMEM : ret;
}

/* Create the workqueue. Return: 0 or -ENOMEM. */
int contig_compact_init(void)
{
	contig_compact_wq = alloc_ordered_workqueue("contig_compact", 0);
	return contig_compact_wq ? 0 : -ENOMEM;
}

/* Wait for works that have dropped their last reference on the module. */
void contig_compact_exit(void)
{
	destroy_workqueue(contig_compact_wq);
}
