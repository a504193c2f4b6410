// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which deferred request memory is moved for next
 *
 * The one with the highest priority. Among equals it is the turn of the account for which
 * the last attempt is longest ago, so that many requests are no way to get ahead of others;
 * and of its requests the turn of the first, since one that came later and asks for as much
 * or more would take its memory.
 *
 * The caller holds the lock of backlog.c.
 */
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/minmax.h>

#include "backlog.h"
#include "limits.h"
#include "order.h"
#include "request.h"

/* Return true if @first asks for no more than @second, so that it would get it before. */
static bool contig_order_easier(const struct contig_deferral *first,
				const struct contig_deferral *second)
{
	return first->user == second->user &&
	       first->request.memcg == second->request.memcg &&
	       !ktime_before(first->budget, second->budget) &&
	       first->request.npages <= second->request.npages &&
	       contig_request_alike(&first->request, &second->request);
}

/**
 * contig_order_behind() - check whether another request has to be tried first
 * @list: those that wait, by descending priority
 * @deferral: the request, one of them
 *
 * Return: true if one that is before it, of the same account, asks for no more.
 */
bool contig_order_behind(const struct list_head *list,
			 const struct contig_deferral *deferral)
{
	const struct contig_deferral *other;

	list_for_each_entry(other, list, node) {
		if (other == deferral)
			return false;
		if (contig_order_easier(other, deferral))
			return true;
	}
	return false;
}

/**
 * contig_order_due() - tell from when on memory may be moved for a request
 * @deferral: the request
 * @rests: time until which the accounts without CAP_SYS_RESOURCE rest
 *
 * Return: the time.
 */
ktime_t contig_order_due(const struct contig_deferral *deferral, ktime_t rests)
{
	ktime_t due = max(deferral->next, deferral->user->backlog.rests);

	return deferral->user->ordinary ? max(due, rests) : due;
}

/**
 * contig_order_choose() - choose the request for which memory is moved next
 * @list: those that wait, by descending priority
 * @rests: as for contig_order_due()
 * @due: receives the time at which the next one is due, KTIME_MAX for never
 *
 * Return: the request, or NULL if none is due.
 */
struct contig_deferral *contig_order_choose(const struct list_head *list,
					    ktime_t rests, ktime_t *due)
{
	struct contig_deferral *deferral, *best = NULL;
	ktime_t now = ktime_get(), at;

	*due = KTIME_MAX;
	list_for_each_entry(deferral, list, node) {
		if (best && (deferral->priority < best->priority ||
			     !ktime_before(deferral->user->backlog.tried,
					   best->user->backlog.tried)))
			continue;
		at = contig_order_due(deferral, rests);
		if (ktime_after(at, now))
			*due = min(*due, at);
		else if (!contig_order_behind(list, deferral))
			best = deferral;
	}
	return best;
}
