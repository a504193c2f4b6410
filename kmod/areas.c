// SPDX-License-Identifier: GPL-2.0-only
/*
 * Trees of counted page ranges
 */
#include <linux/jiffies.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "areas.h"
#include "gfp.h"
#include "pin.h"

void contig_areas_init(struct contig_areas *areas)
{
	areas->root = RB_ROOT_CACHED;
}

bool contig_areas_empty(const struct contig_areas *areas)
{
	return RB_EMPTY_ROOT(&areas->root.rb_root);
}

/* Return a new area with count 1 that is in no tree, or NULL. */
struct contig_area *contig_area_new(unsigned long first, unsigned long last)
{
	struct contig_area *area = kzalloc(sizeof(*area), CONTIG_GFP);

	if (area) {
		area->it.start = first;
		area->it.last = last;
		area->count = 1;
	}
	return area;
}

/* Free an area that is in no tree, before its reference on the pin is dropped. */
void contig_area_free(struct contig_area *area)
{
	if (!area->pin || area != &area->pin->area)
		kfree(area);
}

void contig_areas_insert(struct contig_areas *areas, struct contig_area *area)
{
	interval_tree_insert(&area->it, &areas->root);
}

void contig_areas_remove(struct contig_areas *areas, struct contig_area *area)
{
	interval_tree_remove(&area->it, &areas->root);
}

/* Return true if every page from @first to @last is in an area. */
bool contig_areas_cover(struct contig_areas *areas, unsigned long first,
			unsigned long last)
{
	unsigned long start, end;

	return !contig_areas_gap(areas, first, last, &start, &end);
}

/**
 * contig_areas_gap() - find the first pages that are in no area
 * @areas: the tree
 * @first: page to start at
 * @last: last page to look at
 * @start: receives the first page of the gap
 * @end: receives its last page
 *
 * Return: pages in the gap, 0 if there is none.
 */
unsigned long contig_areas_gap(struct contig_areas *areas, unsigned long first,
			       unsigned long last, unsigned long *start,
			       unsigned long *end)
{
	struct contig_area *area;

	contig_for_each_area(area, areas, first, last) {
		if (area->it.start > first) {
			*start = first;
			*end = area->it.start - 1;
			return *end - *start + 1;
		}
		if (area->it.last >= last)
			return 0;
		first = area->it.last + 1;
	}
	*start = first;
	*end = last;
	return last - first + 1;
}

int contig_spares_alloc(struct contig_spares *spares)
{
	spares->area[0] = contig_area_new(0, 0);
	spares->area[1] = contig_area_new(0, 0);
	if (spares->area[0] && spares->area[1])
		return 0;
	contig_spares_free(spares);
	return -ENOMEM;
}

/* Return true if an area extends across the beginning of @page. */
static bool contig_areas_across(struct contig_areas *areas, unsigned long page)
{
	struct contig_area *area = contig_areas_first(areas, page, page);

	return area && area->it.start != page;
}

/* How long to retry an allocation, and the pause between two attempts. */
#define CONTIG_SPARE_TIME HZ
#define CONTIG_SPARE_WAIT (HZ / 100)

static struct contig_area *contig_spare_new(void)
{
	return contig_area_new(0, 0);
}

static struct contig_area *contig_spare_insist(void)
{
	/* __GFP_HIGH: charge even beyond the limit of the memory cgroup. */
	const gfp_t gfp = CONTIG_GFP | __GFP_HIGH;
	unsigned long end = jiffies + CONTIG_SPARE_TIME;
	struct contig_area *area = contig_spare_new();

	while (!area && time_before(jiffies, end) &&
	       !fatal_signal_pending(current)) {
		area = kzalloc(sizeof(*area), gfp);
		if (!area)
			schedule_timeout_killable(CONTIG_SPARE_WAIT);
	}
	return area;
}

/* Allocate the spares that cutting out a range needs, each with @get. */
static int contig_spares_get(struct contig_areas *areas, unsigned long first,
			     unsigned long last,
			     struct contig_area *(*get)(void),
			     struct contig_spares *spares)
{
	bool cut[] = {
		contig_areas_across(areas, first),
		last != ULONG_MAX && contig_areas_across(areas, last + 1),
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cut); i++)
		spares->area[i] = cut[i] ? get() : NULL;
	for (i = 0; i < ARRAY_SIZE(cut); i++) {
		if (cut[i] && !spares->area[i]) {
			contig_spares_free(spares);
			return -ENOMEM;
		}
	}
	return 0;
}

/**
 * contig_spares_need() - allocate spares for cutting out a range
 * @areas: tree that the range will be cut out of; must not change until then
 * @first: first page of the range
 * @last: last page
 * @spares: receives only the areas that the cut needs
 *
 * A cut needs one spare for each area that extends across an end of the range:
 * mostly none. May sleep.
 *
 * Return: 0 or -ENOMEM.
 */
int contig_spares_need(struct contig_areas *areas, unsigned long first,
		       unsigned long last, struct contig_spares *spares)
{
	return contig_spares_get(areas, first, last, contig_spare_new, spares);
}

/**
 * contig_spares_insist() - contig_spares_need() for callers that give memory back
 * @areas: see contig_spares_need()
 * @first: likewise
 * @last: likewise
 * @spares: likewise
 *
 * Allocation is retried for about a second, also from the system's reserves and
 * beyond the limit of the memory cgroup. May sleep.
 *
 * Return: 0, or -ENOMEM (also after a fatal signal).
 */
int contig_spares_insist(struct contig_areas *areas, unsigned long first,
			 unsigned long last, struct contig_spares *spares)
{
	return contig_spares_get(areas, first, last, contig_spare_insist,
				 spares);
}

void contig_spares_free(struct contig_spares *spares)
{
	kfree(spares->area[0]);
	kfree(spares->area[1]);
}

/* Split the area that extends across the start of @page; uses up *@spare. */
static void contig_areas_cut_at(struct contig_areas *areas, unsigned long page,
				struct contig_area **spare)
{
	struct contig_area *area = contig_areas_first(areas, page, page);
	struct contig_area *tail = *spare;

	if (!area || area->it.start == page)
		return;
	*tail = *area;
	tail->it.start = page;
	tail->offset += page - area->it.start;
	if (tail->pin)
		contig_pin_get(tail->pin);

	/* The tree keeps the last page of each node in its parents. */
	interval_tree_remove(&area->it, &areas->root);
	area->it.last = page - 1;
	interval_tree_insert(&area->it, &areas->root);
	interval_tree_insert(&tail->it, &areas->root);
	*spare = NULL;
}

/* Split the areas that extend across the ends of a range. Cannot fail. */
void contig_areas_cut(struct contig_areas *areas, unsigned long first,
		      unsigned long last, struct contig_spares *spares)
{
	contig_areas_cut_at(areas, first, &spares->area[0]);
	if (last != ULONG_MAX)
		contig_areas_cut_at(areas, last + 1, &spares->area[1]);
}

static bool contig_areas_alike(const struct contig_area *a,
			       const struct contig_area *b)
{
	return a->it.last + 1 == b->it.start && a->count == b->count &&
	       a->pin == b->pin && a->write == b->write &&
	       a->owned == b->owned &&
	       (!a->pin || a->offset + contig_area_npages(a) == b->offset);
}

/* Merge equal neighbours within a range and at its ends. */
void contig_areas_join(struct contig_areas *areas, unsigned long first,
		       unsigned long last)
{
	struct contig_area *area, *next;
	struct contig_pin *pin;

	first -= first > 0;
	last += last < ULONG_MAX;
	area = contig_areas_first(areas, first, last);
	while (area) {
		cond_resched();
		next = contig_areas_next(area, first, last);
		if (!next || !contig_areas_alike(area, next)) {
			area = next;
			continue;
		}
		interval_tree_remove(&area->it, &areas->root);
		interval_tree_remove(&next->it, &areas->root);
		area->it.last = next->it.last;
		interval_tree_insert(&area->it, &areas->root);
		pin = next->pin;
		contig_area_free(next);
		/* Not the last reference: @area has another. */
		if (pin)
			contig_pin_unshare(pin);
	}
}

/* Move all areas of @from, which do not overlap any of @areas. */
void contig_areas_take(struct contig_areas *areas, struct contig_areas *from)
{
	struct contig_area *area;

	if (contig_areas_empty(areas)) {
		*areas = *from;
		contig_areas_init(from);
		return;
	}
	while ((area = contig_areas_first(from, 0, ULONG_MAX))) {
		contig_areas_remove(from, area);
		contig_areas_insert(areas, area);
		cond_resched();
	}
}
