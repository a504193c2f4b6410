// SPDX-License-Identifier: GPL-2.0-only
/*
 * CONTIG_HOLD and CONTIG_UNHOLD: resident pages that may move
 *
 * mlock() keeps pages resident without pinning them, but does not count: the
 * first munlock() undoes any number of mlock()s. A module cannot call either,
 * so the caller does. This file counts each client's holds, and reports pages
 * that no client of the process holds any more.
 *
 * A caller that uses MLOCK_ONFAULT marks the memory that it locks; an mlock()
 * of the program clears the mark. With CONTIG_UNHOLD_ON_FAULT, an unhold
 * reports only memory that still has the mark.
 */
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <uapi/linux/contig.h>

#include "client.h"
#include "gfp.h"
#include "killable.h"
#include "stats.h"
#include "target.h"
#include "ucmd.h"
#include "vma.h"

#define CONTIG_HOLD_BATCH 64UL

/* Fault in the pages of a mapping, as mlock() does. */
static int contig_hold_populate(const struct contig_vma *mapping,
				unsigned long first)
{
	unsigned int flags = mapping->private_write ? FOLL_WRITE : 0;
	unsigned long end = first + mapping->npages;
	struct page *pages[CONTIG_HOLD_BATCH];
	int nr, i;

	if (mapping->buffer)
		return 0;
	while (first < end) {
		nr = get_user_pages_fast(first << PAGE_SHIFT,
					 min(end - first, CONTIG_HOLD_BATCH),
					 flags, pages);
		if (nr == -EINTR || nr == -ERESTARTSYS)
			return -EINTR;
		if (nr <= 0)
			return nr == -ENOMEM ? -ENOMEM : -EFAULT;
		for (i = 0; i < nr; i++)
			put_page(pages[i]);
		if (fatal_signal_pending(current))
			return -EINTR;
		first += nr;
		cond_resched();
	}
	return 0;
}

/* Return true if a client of the process owns a hold on @page. */
static bool contig_hold_owned(struct contig_space *space, unsigned long page,
			      unsigned long *npages)
{
	struct contig_client *client;
	struct contig_area *area;
	bool owned = false;

	lockdep_assert_held(&space->lock);
	list_for_each_entry(client, &space->clients, space_node) {
		cond_resched();
		area = contig_areas_first(&client->holds, page,
					  page + *npages - 1);
		if (!area)
			continue;
		if (area->it.start > page) {
			*npages = area->it.start - page;
			continue;
		}
		*npages = min(*npages, area->it.last - page + 1);
		owned |= area->owned;
	}
	return owned;
}

/* Make areas for the pages of @seen that the client does not hold. */
static int contig_hold_gaps(struct contig_client *client,
			    const struct contig_area *seen,
			    struct contig_areas *added)
{
	unsigned long first = seen->it.start, last = seen->it.last;
	unsigned long start, end, n;
	struct contig_area *area;

	while (first <= last &&
	       contig_areas_gap(&client->holds, first, last, &start, &end)) {
		bool owned;

		n = end - start + 1;
		owned = contig_hold_owned(client->space, start, &n);
		area = contig_area_new(start, start + n - 1);
		if (!area)
			return -ENOMEM;
		area->owned = owned || seen->owned;
		contig_areas_insert(added, area);
		first = start + n;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

static void contig_holds_free(struct contig_areas *areas)
{
	struct contig_area *area;

	while ((area = contig_areas_first(areas, 0, ULONG_MAX))) {
		contig_areas_remove(areas, area);
		kfree(area);
		cond_resched();
	}
}

/* Fault in a mapping and add an area for it to @seen. */
static int contig_hold_mapping(const struct contig_vma *mapping,
			       unsigned long first, struct contig_areas *seen)
{
	int ret = contig_hold_populate(mapping, first);
	struct contig_area *area;

	if (ret)
		return ret;
	area = contig_area_new(first, first + mapping->npages - 1);
	if (!area)
		return -ENOMEM;
	area->owned = !mapping->mlocked;
	contig_areas_insert(seen, area);
	return 0;
}

/*
 * Fault in a range, mapping by mapping. Adds an area to @seen for each, with
 * @owned set if the mapping is not mlock()ed.
 */
static int contig_hold_scan(struct contig_client *client,
			    const struct contig_target *target,
			    struct contig_areas *seen, u64 *unlocked)
{
	struct contig_vma mapping;
	unsigned long first;
	int ret;

	for (first = target->first; first <= target->last;
	     first += mapping.npages) {
		ret = contig_vma_at(client->space->mm, first, target->last,
				    &mapping);
		if (ret)
			return ret;
		if (!mapping.mlocked)
			*unlocked += (u64)mapping.npages << PAGE_SHIFT;
		ret = contig_hold_mapping(&mapping, first, seen);
		contig_vma_put(&mapping);
		if (ret)
			return ret;
	}
	return 0;
}

/*
 * Own pages of @seen that the client holds already: they are not mlock()ed, so
 * the caller will mlock() them and contig must report them in the end. At the
 * first hold another thread may have been about to munlock() them.
 */
static int contig_hold_own(struct contig_client *client,
			   const struct contig_area *seen)
{
	unsigned long first = seen->it.start, last = seen->it.last;
	struct contig_spares spares;
	struct contig_area *area;
	int ret;

	if (!seen->owned || !contig_areas_first(&client->holds, first, last))
		return 0;
	ret = contig_spares_alloc(&spares);
	if (ret)
		return ret;
	contig_areas_cut(&client->holds, first, last, &spares);
	contig_for_each_area(area, &client->holds, first, last) {
		area->owned = true;
		cond_resched();
	}
	contig_spares_free(&spares);
	return 0;
}

static int contig_hold_count(struct contig_client *client,
			     const struct contig_target *target,
			     struct contig_areas *seen)
{
	struct contig_spares spares;
	struct contig_areas added;
	struct contig_area *area;
	int ret;

	lockdep_assert_held(&client->space->lock);
	ret = contig_spares_alloc(&spares);
	if (ret)
		return ret;
	contig_areas_init(&added);
	contig_for_each_area(area, seen, target->first, target->last) {
		ret = contig_hold_own(client, area) ?:
		      contig_hold_gaps(client, area, &added);
		if (ret) {
			contig_holds_free(&added);
			goto out;
		}
	}
	contig_areas_cut(&client->holds, target->first, target->last, &spares);
	contig_for_each_area(area, &client->holds, target->first, target->last) {
		area->count++;
		cond_resched();
	}
	contig_for_each_area(area, &added, target->first, target->last)
		atomic_long_add(contig_area_npages(area), &client->held);
	contig_areas_take(&client->holds, &added);
	client->space->changes++;
	contig_areas_join(&client->holds, target->first, target->last);
out:
	contig_spares_free(&spares);
	return ret;
}

/* Count a range that was faulted in. Does not access user memory. */
static int contig_hold_seen(struct contig_client *client,
			    const struct contig_target *target,
			    struct contig_areas *seen)
{
	struct contig_area *area;

	CLASS(contig_killable, locked)(&client->lock);
	if (!locked)
		return -EINTR;
	contig_for_each_area(area, &client->holds, target->first, target->last)
		if (area->count == UINT_MAX)
			return -EOVERFLOW;
	CLASS(contig_killable, space_locked)(&client->space->lock);
	if (!space_locked)
		return -EINTR;
	return contig_hold_count(client, target, seen);
}

/*
 * Fault in a range and count it; areas are added to @seen, also on failure.
 * Faulting in can take forever, and so can a write to user memory. Both happen
 * without client->lock.
 */
static int contig_hold_target(struct contig_ucmd *ucmd,
			      const struct contig_target *target,
			      struct contig_areas *seen)
{
	struct contig_client *client = ucmd->client;
	struct contig_hold *cmd = ucmd->cmd;
	int ret;

	ret = contig_hold_scan(client, target, seen, &cmd->out_unlocked);
	if (ret)
		return ret;
	/* Respond before counting: a hold without response must not count. */
	ret = contig_ucmd_respond(ucmd, sizeof(*cmd));
	if (ret)
		return ret;
	return contig_hold_seen(client, target, seen);
}

int contig_hold_ioctl(struct contig_ucmd *ucmd)
{
	struct contig_client *client = ucmd->client;
	struct contig_hold *cmd = ucmd->cmd;
	struct contig_target target;
	struct contig_areas seen;
	int ret;

	if (cmd->flags)
		return -EOPNOTSUPP;
	ret = contig_target_pages(cmd->addr, cmd->length, &target);
	if (ret)
		return ret;
	cmd->out_unlocked = 0;
	if (mutex_lock_killable(&client->lock))
		return -EINTR;
	/* Permanent: the space stays until the file is closed. */
	ret = contig_client_bind(client);
	mutex_unlock(&client->lock);
	if (ret)
		return ret;
	contig_areas_init(&seen);
	ret = contig_hold_target(ucmd, &target, &seen);
	contig_holds_free(&seen);
	if (!ret)
		contig_stats_count(CONTIG_EVENT_HOLD);
	return ret;
}

/* Return true if this is the last hold of any client on @page, and owned. */
static bool contig_unhold_last(struct contig_client *client,
			       const struct contig_area *area,
			       unsigned long page, unsigned long *npages)
{
	struct contig_client *other;
	struct contig_area *hold;
	bool last = area->count == 1 && area->owned;

	list_for_each_entry(other, &client->space->clients, space_node) {
		cond_resched();
		if (other == client)
			continue;
		hold = contig_areas_first(&other->holds, page,
					  page + *npages - 1);
		if (!hold)
			continue;
		if (hold->it.start > page) {
			*npages = hold->it.start - page;
			continue;
		}
		*npages = min(*npages, hold->it.last - page + 1);
		last = false;
	}
	return last;
}

/*
 * Collect spans that the caller should munlock() after an unhold; at most @room
 * are stored. Return the number of spans, or -EINTR.
 */
static long contig_unhold_ranges(struct contig_client *client,
				 const struct contig_target *target,
				 struct contig_span *spans, u32 room)
{
	unsigned long page = target->first, end = 0, n;
	struct contig_area *area;
	u32 nr = 0;

	while (page <= target->last) {
		area = contig_areas_first(&client->holds, page, page);
		n = min(area->it.last, target->last) - page + 1;
		if (contig_unhold_last(client, area, page, &n)) {
			if (nr && end == page) {
				if (nr <= room)
					spans[nr - 1].length +=
						(u64)n << PAGE_SHIFT;
			} else if (nr++ < room) {
				spans[nr - 1].addr = (u64)page << PAGE_SHIFT;
				spans[nr - 1].length = (u64)n << PAGE_SHIFT;
			}
			end = page + n;
		}
		page += n;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return nr;
}

/* Drop one hold of every page. Cannot fail. */
static void contig_unhold_commit(struct contig_client *client,
				 const struct contig_target *target,
				 struct contig_spares *spares)
{
	struct contig_area *area, *next;

	client->space->changes++;
	contig_areas_cut(&client->holds, target->first, target->last, spares);
	area = contig_areas_first(&client->holds, target->first, target->last);
	for (; area; area = next) {
		next = contig_areas_next(area, target->first, target->last);
		cond_resched();
		if (--area->count)
			continue;
		atomic_long_sub(contig_area_npages(area), &client->held);
		contig_areas_remove(&client->holds, area);
		kfree(area);
	}
	contig_areas_join(&client->holds, target->first, target->last);
}

/* The same without contig_space.lock; @when receives the change count. */
static long contig_unhold_scan(struct contig_client *client,
			       const struct contig_target *target,
			       struct contig_span *spans, u32 room, u64 *when)
{
	CLASS(contig_killable, locked)(&client->space->lock);
	if (!locked)
		return -EINTR;
	*when = client->space->changes;
	return contig_unhold_ranges(client, target, spans, room);
}

/* Unhold a range, or return -EAGAIN if holds have changed since @when. */
static int contig_unhold_since(struct contig_client *client,
			       const struct contig_target *target,
			       struct contig_spares *spares, u64 when)
{
	CLASS(contig_killable, locked)(&client->space->lock);
	if (!locked)
		return -EINTR;
	if (client->space->changes != when)
		return -EAGAIN;
	contig_unhold_commit(client, target, spares);
	return 0;
}

/* Replace *@spans by an array of @nr spans. */
static int contig_spans_renew(struct contig_span **spans, u32 nr)
{
	kvfree(*spans);
	*spans = kvmalloc_array(nr, sizeof(**spans), CONTIG_GFP);
	return *spans ? 0 : -ENOMEM;
}

/*
 * Collect the spans in *@spans, which is enlarged as needed. If there are more
 * than @most spans, they are only counted.
 */
static long contig_unhold_collect(struct contig_client *client,
				  const struct contig_target *target, u32 most,
				  struct contig_span **spans, u64 *when)
{
	u32 had = 0;
	long nr;
	int ret;

	for (;;) {
		nr = contig_unhold_scan(client, target, *spans, had, when);
		if (nr < 0 || nr <= had || nr > most)
			return nr;
		had = nr;
		ret = contig_spans_renew(spans, had);
		if (ret)
			return ret;
	}
}

/*
 * Copy the parts of @from that are locked on fault to @to; at most @room are
 * stored. Return the number of parts, or -EINTR.
 */
static long contig_spans_on_fault(struct mm_struct *mm,
				  const struct contig_span *from, u32 nr_from,
				  struct contig_span *to, u32 room)
{
	unsigned long first, last, end = 0, n;
	u32 nr = 0, i;
	int ret;

	for (i = 0; i < nr_from; i++) {
		first = from[i].addr >> PAGE_SHIFT;
		last = first + (from[i].length >> PAGE_SHIFT) - 1;
		for (; first <= last; first += n) {
			ret = contig_on_fault_next(mm, &first, last, &n);
			if (ret)
				return ret;
			if (!n)
				break;
			/* Adjoining mappings make one span. */
			if (nr && end == first) {
				if (nr <= room)
					to[nr - 1].length +=
						(u64)n << PAGE_SHIFT;
			} else if (nr++ < room) {
				to[nr - 1].addr = (u64)first << PAGE_SHIFT;
				to[nr - 1].length = (u64)n << PAGE_SHIFT;
			}
			end = first + n;
			if (fatal_signal_pending(current))
				return -EINTR;
			cond_resched();
		}
	}
	return nr;
}

/*
 * Replace spans by their parts that are locked on fault. Called without
 * contig_space.lock, because it takes mmap_lock, which the process can hold for
 * long.
 */
static long contig_unhold_on_fault(struct mm_struct *mm, u32 nr_all, u32 most,
				   struct contig_span **spans)
{
	struct contig_span *all = *spans;
	u32 had = 0;
	long nr;
	int ret;

	*spans = NULL;
	for (;;) {
		nr = contig_spans_on_fault(mm, all, nr_all, *spans, had);
		if (nr < 0 || nr <= had || nr > most)
			break;
		had = nr;
		ret = contig_spans_renew(spans, had);
		if (ret) {
			nr = ret;
			break;
		}
	}
	kvfree(all);
	return nr;
}

/*
 * Report the spans that an unhold would leave to munlock(), and set @when to
 * the change count. User memory is accessed without contig_space.lock.
 */
static int contig_unhold_tell(struct contig_ucmd *ucmd,
			      const struct contig_target *target, u32 room,
			      u64 *when)
{
	struct contig_client *client = ucmd->client;
	struct contig_unhold *cmd = ucmd->cmd;
	struct contig_span __user *user = u64_to_user_ptr(cmd->spans);
	bool on_fault = room && cmd->flags & CONTIG_UNHOLD_ON_FAULT;
	struct contig_span *spans = NULL;
	int ret = 0;
	long nr;

	/* Without room the caller wants no report. */
	nr = contig_unhold_collect(client, target,
				   on_fault ? U32_MAX : room, &spans, when);
	if (nr > 0 && on_fault)
		nr = contig_unhold_on_fault(client->space->mm, nr, room,
					    &spans);
	if (nr < 0) {
		kvfree(spans);
		return nr;
	}
	cmd->count = room ? nr : 0;
	if (cmd->count > room)
		ret = -EMSGSIZE;
	else if (cmd->count)
		ret = contig_copy_to_user(user, spans,
					  array_size(nr, sizeof(*spans)));
	kvfree(spans);
	if (ret && ret != -EMSGSIZE)
		return ret;
	return contig_ucmd_respond(ucmd, sizeof(*cmd)) ?: ret;
}

/*
 * Report first, then unhold, which cannot fail. If another client changes holds
 * in between, report again.
 */
static int contig_unhold_target(struct contig_ucmd *ucmd,
				const struct contig_target *target)
{
	struct contig_client *client = ucmd->client;
	struct contig_unhold *cmd = ucmd->cmd;
	struct contig_spares spares;
	u32 room = cmd->count;
	u64 when;
	int ret;

	CLASS(contig_killable, locked)(&client->lock);
	if (!locked)
		return -EINTR;
	ret = contig_client_check_space(client);
	if (ret)
		return ret;
	if (!client->space ||
	    !contig_areas_cover(&client->holds, target->first, target->last))
		return -ENODATA;
	ret = contig_spares_alloc(&spares);
	if (ret)
		return ret;
	do {
		ret = contig_unhold_tell(ucmd, target, room, &when) ?:
		      contig_unhold_since(client, target, &spares, when);
	} while (ret == -EAGAIN);
	contig_spares_free(&spares);
	return ret;
}

int contig_unhold_ioctl(struct contig_ucmd *ucmd)
{
	struct contig_unhold *cmd = ucmd->cmd;
	struct contig_target target;
	int ret;

	if (cmd->flags & ~CONTIG_UNHOLD_ON_FAULT || cmd->reserved)
		return -EOPNOTSUPP;
	ret = contig_target_pages(cmd->addr, cmd->length, &target);
	if (ret)
		return ret;
	ret = contig_unhold_target(ucmd, &target);
	if (!ret)
		contig_stats_count(CONTIG_EVENT_UNHOLD);
	return ret;
}
