// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page frames that a search skips
 */
#include <linux/minmax.h>
#include <linux/string.h>

#include "avoid.h"

static void contig_avoid_squeeze(struct contig_avoid *avoid)
{
	unsigned int i, best = 0;
	unsigned long gap, least = ULONG_MAX;

	/* Merge across the smallest gap: that loses the fewest windows. */
	for (i = 0; i + 1 < avoid->nr; i++) {
		gap = avoid->ranges[i + 1].first - avoid->ranges[i].last;
		if (gap < least) {
			least = gap;
			best = i;
		}
	}
	avoid->ranges[best].last = avoid->ranges[best + 1].last;
	memmove(&avoid->ranges[best + 1], &avoid->ranges[best + 2],
		(avoid->nr - best - 2) * sizeof(avoid->ranges[0]));
	avoid->nr--;
}

/* Merge @first to @last into the ranges it touches; false if there is none. */
static bool contig_avoid_merge(struct contig_avoid *avoid, unsigned long first,
			       unsigned long last)
{
	unsigned int i, end;

	for (i = 0; i < avoid->nr; i++)
		if (avoid->ranges[i].last + 1 >= first)
			break;
	for (end = i; end < avoid->nr; end++)
		if (avoid->ranges[end].first > last + 1)
			break;
	if (i == end)
		return false;
	avoid->ranges[i].first = min(avoid->ranges[i].first, first);
	avoid->ranges[i].last = max(avoid->ranges[end - 1].last, last);
	memmove(&avoid->ranges[i + 1], &avoid->ranges[end],
		(avoid->nr - end) * sizeof(avoid->ranges[0]));
	avoid->nr -= end - i - 1;
	return true;
}

/* Record that the page frames from @first to @last do not move. */
void contig_avoid_add(struct contig_avoid *avoid, unsigned long first,
		      unsigned long last)
{
	unsigned int i;

	if (contig_avoid_merge(avoid, first, last))
		return;
	if (avoid->nr == CONTIG_AVOID) {
		contig_avoid_squeeze(avoid);
		if (contig_avoid_merge(avoid, first, last))
			return;
	}
	for (i = avoid->nr; i && avoid->ranges[i - 1].first > first; i--)
		avoid->ranges[i] = avoid->ranges[i - 1];
	avoid->ranges[i].first = first;
	avoid->ranges[i].last = last;
	avoid->nr++;
}

/* Return true if a page frame from @first to @last is known not to move. */
bool contig_avoid_hits(const struct contig_avoid *avoid, unsigned long first,
		       unsigned long last)
{
	unsigned int i;

	for (i = 0; i < avoid->nr; i++)
		if (avoid->ranges[i].first <= last &&
		    first <= avoid->ranges[i].last)
			return true;
	return false;
}
