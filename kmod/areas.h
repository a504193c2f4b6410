/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ranges of pages with a count each
 */
#ifndef CONTIG_AREAS_H
#define CONTIG_AREAS_H

#include <linux/interval_tree.h>
#include <linux/rbtree.h>
#include <linux/types.h>

struct contig_pin;

/**
 * struct contig_area - adjacent pages that are counted alike
 * @it: first and last page; areas of one tree do not overlap
 * @count: how often they are locked or held
 * @pin: locks: what keeps them in place, with a reference; holds: NULL
 * @offset: locks: of the first page in @pin
 * @write: locks: a device may have written to them
 * @owned: holds: were not mlock()ed when contig was asked to hold them
 *
 * Classic counts are per page. Neighbours that are alike are one area, so the
 * memory this takes depends on how ranges overlap, not on how long they are.
 */
struct contig_area {
	struct interval_tree_node it;
	unsigned int count;
	struct contig_pin *pin;
	unsigned long offset;
	bool write;
	bool owned;
};

/**
 * struct contig_areas - all areas of one kind
 * @root: interval tree
 *
 * Not locked: whoever owns it serialises.
 */
struct contig_areas {
	struct rb_root_cached root;
};

/**
 * struct contig_spares - what it takes to cut areas at both ends of a range
 * @area: allocated in advance, so that nothing can fail half way
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

/* All areas that touch the pages from @first to @last, in ascending order. */
#define contig_for_each_area(area, areas, first, last)                     \
	for ((area) = contig_areas_first(areas, first, last); (area);      \
	     (area) = contig_areas_next(area, first, last))

void contig_areas_init(struct contig_areas *areas);
bool contig_areas_empty(const struct contig_areas *areas);
struct contig_area *contig_area_new(unsigned long first, unsigned long last);
void contig_areas_insert(struct contig_areas *areas, struct contig_area *area);
void contig_areas_remove(struct contig_areas *areas, struct contig_area *area);
bool contig_areas_cover(struct contig_areas *areas, unsigned long first,
			unsigned long last);
unsigned long contig_areas_gap(struct contig_areas *areas, unsigned long first,
			       unsigned long last, unsigned long *start,
			       unsigned long *end);
int contig_spares_alloc(struct contig_spares *spares);
void contig_spares_alloc_nofail(struct contig_spares *spares);
void contig_spares_free(struct contig_spares *spares);
void contig_areas_cut(struct contig_areas *areas, unsigned long first,
		      unsigned long last, struct contig_spares *spares);
void contig_areas_join(struct contig_areas *areas, unsigned long first,
		       unsigned long last);
void contig_areas_take(struct contig_areas *areas, struct contig_areas *from);

#endif /* CONTIG_AREAS_H */
