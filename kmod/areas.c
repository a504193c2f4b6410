// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ranges of pages with a count each
 */
#include <linux/sched.h>
#include <linux/slab.h>

#include "areas.h"
#include "pin.h"

void contig_areas_init(struct contig_areas *areas)
{
	areas->root = RB_ROOT_CACHED;
}

bool contig_areas_empty(const struct contig_areas *areas)
{
	return RB_EMPTY_ROOT(&areas->root.rb_root);
}

/* An area that is counted once, not in any tree. */
struct contig_area *contig_area_new(unsigned long first, unsigned long last)
{
	struct contig_area *area = kzalloc(sizeof(*area), GFP_KERNEL_ACCOUNT);

	if (area) {
		area->it.start = first;
		area->it.last = last;
		area->count = 1;
	}
	return area;
}

void contig_areas_insert(struct contig_areas *areas, struct contig_area *area)
{
	interval_tree_insert(&area->it, &areas->root);
}

void contig_areas_remove(struct contig_areas *areas, struct contig_area *area)
{
	interval_tree_remove(&area->it, &areas->root);
}

/* Is every page from @first to @last in some area? */
bool contig_areas_cover(struct contig_areas *areas, unsigned long first,
			unsigned long last)
{
	unsigned long start, end;

	return !contig_areas_gap(areas, first, last, &start, &end);
}

/**
 * contig_areas_gap() - find the first pages that are in no area
 * @areas: the tree
 * @first: where to begin
 * @last: last page of interest
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

/* The same for who cannot be told that there is no memory. */
void contig_spares_alloc_nofail(struct contig_spares *spares)
{
	const gfp_t gfp = GFP_KERNEL_ACCOUNT | __GFP_NOFAIL;

	spares->area[0] = kzalloc(sizeof(*spares->area[0]), gfp);
	spares->area[1] = kzalloc(sizeof(*spares->area[1]), gfp);
}

void contig_spares_free(struct contig_spares *spares)
{
	kfree(spares->area[0]);
	kfree(spares->area[1]);
}

/* Make an area end before @page, if one reaches across. Uses up @spare then. */
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

/* Cut areas so that none reaches across the ends of a range. Cannot fail. */
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

/* Make neighbours that are alike one area, in a range and at its ends. */
void contig_areas_join(struct contig_areas *areas, unsigned long first,
		       unsigned long last)
{
	struct contig_area *area, *next;

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
		if (next->pin)
			contig_pin_put(next->pin);
		kfree(next);
	}
}

/* Move all areas of @from, which do not overlap any of @areas. */
void contig_areas_take(struct contig_areas *areas, struct contig_areas *from)
{
	struct contig_area *area;

	while ((area = contig_areas_first(from, 0, ULONG_MAX))) {
		contig_areas_remove(from, area);
		contig_areas_insert(areas, area);
		cond_resched();
	}
}
