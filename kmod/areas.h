/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Trees of counted page ranges
 */
#ifndef CONTIG_AREAS_H
#define CONTIG_AREAS_H

#include <linux/interval_tree.h>
#include <linux/rbtree.h>
#include <linux/types.h>

struct contig_pin;

/**
 * struct contig_area - adjacent pages with the same count
 * @it: first and last page; areas of one tree do not overlap
 * @count: how often they are locked or held
 * @write: locks: a device may have written to them
 * @owned: holds: not mlock()ed before the hold, so the last unhold reports them
 *         for munlock()
 * @pin: locks: the pin that keeps them in place, with a reference; holds: NULL
 * @offset: locks: index in @pin of the first page
 *
 * A lock counts for each page. Equal neighbours are merged, so the memory use
 * depends on how ranges overlap, not on their length.
 *
 * Memory that is locked and unlocked for each transfer mostly is one area from
 * lock to unlock, so every pin brings the memory of its first area
 * (contig_pin.area).
 */
struct contig_area {
	struct interval_tree_node it;
	unsigned int count;
	bool write;
	bool owned;
	struct contig_pin *pin;
	unsigned long offset;
};

/**
 * struct contig_areas - all areas of one kind
 * @root: interval tree
 *
 * The owner of the tree serialises access.
 */
struct contig_areas {
	struct rb_root_cached root;
};

/**
 * struct contig_spares - spare areas for cutting at both ends of a range
 * @area: allocated in advance, so that the cut cannot fail
 */
struct contig_spares {
	struct contig_area *area[2];
};

static inline unsigned long contig_area_npages(const struct contig_area *area)
{
	return area->it.last - area->it.start + 1;
}

static inline struct contig_area *
contig_area_of(struct interval_tree_node *node)
{
	return node ? container_of(node, struct contig_area, it) : NULL;
}

static inline struct contig_area *
contig_areas_first(struct contig_areas *areas, unsigned long first,
		   unsigned long last)
{
	return contig_area_of(interval_tree_iter_first(&areas->root, first,
						       last));
}

static inline struct contig_area *
contig_areas_next(struct contig_area *area, unsigned long first,
		  unsigned long last)
{
	return contig_area_of(interval_tree_iter_next(&area->it, first, last));
}

/* Iterate in ascending order over the areas that intersect [first, last]. */
#define contig_for_each_area(area, areas, first, last)                     \
	for ((area) = contig_areas_first(areas, first, last); (area);      \
	     (area) = contig_areas_next(area, first, last))

void contig_areas_init(struct contig_areas *areas);
bool contig_areas_empty(const struct contig_areas *areas);
struct contig_area *contig_area_new(unsigned long first, unsigned long last);
void contig_area_free(struct contig_area *area);
void contig_areas_insert(struct contig_areas *areas, struct contig_area *area);
void contig_areas_remove(struct contig_areas *areas, struct contig_area *area);
bool contig_areas_cover(struct contig_areas *areas, unsigned long first,
			unsigned long last);
unsigned long contig_areas_gap(struct contig_areas *areas, unsigned long first,
			       unsigned long last, unsigned long *start,
			       unsigned long *end);
int contig_spares_alloc(struct contig_spares *spares);
int contig_spares_need(struct contig_areas *areas, unsigned long first,
		       unsigned long last, struct contig_spares *spares);
int contig_spares_insist(struct contig_areas *areas, unsigned long first,
			 unsigned long last, struct contig_spares *spares);
void contig_spares_free(struct contig_spares *spares);
void contig_areas_cut(struct contig_areas *areas, unsigned long first,
		      unsigned long last, struct contig_spares *spares);
void contig_areas_join(struct contig_areas *areas, unsigned long first,
		       unsigned long last);
void contig_areas_take(struct contig_areas *areas, struct contig_areas *from);

#endif /* CONTIG_AREAS_H */
