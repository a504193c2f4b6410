// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which keep counts a page
 *
 * A tree of strips: adjacent pages that belong to one keep. They are disjoint,
 * so a walk over n pages takes n steps, and one search of the tree for each piece
 * of the part, whatever was held and let go of before. Interrupt level walks with
 * interrupts off, and changes counts only; the tree is changed at task level, a
 * few strips each time that the lock is held.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "extents.h"
#include "keep.h"

/* Stretches that are changed without letting interrupts in. */
#define CONTIG_STRIP_BATCH 64

/* Take the next piece of a part. The position begins as contig_for_each_piece(). */
bool contig_part_next(const struct contig_part *part, struct contig_part_at *at)
{
	while (at->left && at->index < part->nr) {
		const struct contig_span *span = &part->ranges[at->index++];

		if (at->skip >= span->length) {
			at->skip -= span->length;
			continue;
		}
		at->addr = span->addr + at->skip;
		at->length = min(span->length - at->skip, at->left);
		at->skip = 0;
		at->left -= at->length;
		at->first = at->addr >> PAGE_SHIFT;
		at->last = (at->addr + at->length - 1) >> PAGE_SHIFT;
		return true;
	}
	return false;
}

static void contig_strip_insert(struct contig_keeps *keeps,
				struct contig_keep_strip *strip,
				struct contig_keep *keep, unsigned long first,
				unsigned long last)
{
	strip->keep = keep;
	strip->it.start = first;
	strip->it.last = last;
	interval_tree_insert(&strip->it, &keeps->root);
}

static void contig_strip_remove(struct contig_keeps *keeps,
				struct contig_keep_strip *strip)
{
	interval_tree_remove(&strip->it, &keeps->root);
	RB_CLEAR_NODE(&strip->it.rb);
}

/* Take the pages of a new keep away from a strip, which counts none of them. */
static void contig_strip_cut(struct contig_keeps *keeps,
			     struct contig_keep_strip *strip,
			     struct contig_keep *by)
{
	unsigned long first = strip->it.start, last = strip->it.last;
	struct contig_keep *keep = strip->keep;

	contig_strip_remove(keeps, strip);
	if (first < by->first) {
		contig_strip_insert(keeps, strip, keep, first, by->first - 1);
		if (last <= by->last)
			return;
		/* No other strip has pages on both sides. */
		strip = by->spare;
		by->spare = NULL;
		strip->next = keep->cut;
		keep->cut = strip;
	}
	if (last > by->last)
		contig_strip_insert(keeps, strip, keep, by->last + 1, last);
}

/**
 * contig_keeps_insert() - let a keep count its pages
 * @keeps: all keeps, without the lock
 * @keep: the keep; none of its pages is kept by another
 *
 * Callers must exclude each other and contig_keeps_bury(). Never sleeps.
 */
void contig_keeps_insert(struct contig_keeps *keeps, struct contig_keep *keep)
{
	struct interval_tree_node *node;
	unsigned int i;

	do {
		raw_spin_lock_irq(&keeps->lock);
		for (i = 0; i < CONTIG_STRIP_BATCH; i++) {
			node = interval_tree_iter_first(&keeps->root,
							keep->first, keep->last);
			if (!node)
				break;
			contig_strip_cut(keeps, contig_strip_of(node), keep);
		}
		if (!node) {
			contig_strip_insert(keeps, &keep->own, keep,
					    keep->first, keep->last);
			list_add_tail(&keep->node, &keeps->live);
			WRITE_ONCE(keeps->npages, keeps->npages +
				   contig_keep_npages(keep));
		}
		raw_spin_unlock_irq(&keeps->lock);
	} while (node);
}

static void contig_strip_forget(struct contig_keeps *keeps,
				struct contig_keep_strip *strip)
{
	raw_spin_lock_irq(&keeps->lock);
	if (!RB_EMPTY_NODE(&strip->it.rb))
		contig_strip_remove(keeps, strip);
	raw_spin_unlock_irq(&keeps->lock);
}

/* Remove what a dead keep has in the tree. Without the lock. */
void contig_keeps_forget(struct contig_keeps *keeps, struct contig_keep *keep)
{
	struct contig_keep_strip *strip, *next;

	contig_strip_forget(keeps, &keep->own);
	for (strip = keep->cut; strip; strip = next) {
		next = strip->next;
		contig_strip_forget(keeps, strip);
		kfree(strip);
	}
	kfree(keep->spare);
}

/* The strip that @page lies in, or the first one behind it. */
static struct contig_keep_strip *
contig_strip_find(struct contig_keeps *keeps,
		  struct contig_keep_strip *hint, unsigned long page,
		  unsigned long last)
{
	struct interval_tree_node *node;
	struct rb_node *next;

	if (hint && hint->it.start <= page) {
		if (page <= hint->it.last)
			return hint;
		/* Most walks go on where they were. */
		next = rb_next(&hint->it.rb);
		if (!next)
			return NULL;
		hint = rb_entry(next, struct contig_keep_strip, it.rb);
		if (page <= hint->it.last)
			return hint;
	}
	node = interval_tree_iter_first(&keeps->root, page, last);
	return node ? contig_strip_of(node) : NULL;
}

/* Return true if the keep counts this page, or is about to. */
static bool contig_keep_has(struct contig_keep *keep, unsigned long page)
{
	const struct contig_keep_page *p = contig_keep_page(keep, page);

	return keep->fresh || p->n[CONTIG_KEEP_HOLDS] ||
	       p->n[CONTIG_KEEP_LOCKS];
}

/**
 * contig_keeps_run() - find what keeps a page
 * @keeps: all keeps
 * @hint: in/out: where the tree was looked at last, NULL at first; for as long as
 *        the lock is held without a break
 * @page: the page
 * @last: last page of interest
 * @n: receives how many pages from @page on, up to @last, are kept by the same, or
 *     not at all; more may follow
 *
 * Return: the keep, NULL if the page is neither held nor locked.
 */
struct contig_keep *contig_keeps_run(struct contig_keeps *keeps,
				     struct contig_keep_strip **hint,
				     unsigned long page, unsigned long last,
				     unsigned long *n)
{
	struct contig_keep_strip *strip;
	unsigned long next;
	bool has;

	lockdep_assert_held(&keeps->lock);
	strip = contig_strip_find(keeps, *hint, page, last);
	if (!strip) {
		*n = last - page + 1;
		return NULL;
	}
	*hint = strip;
	if (strip->it.start > page) {
		*n = min(strip->it.start - 1, last) - page + 1;
		return NULL;
	}
	last = min(last, strip->it.last);
	has = contig_keep_has(strip->keep, page);
	for (next = page + 1; next <= last; next++)
		if (contig_keep_has(strip->keep, next) != has)
			break;
	*n = next - page;
	return has ? strip->keep : NULL;
}

/* Take the next run of a walk, which begins as contig_for_each_run(). */
bool contig_walk_next(struct contig_keeps *keeps,
		      const struct contig_part *part, struct contig_walk *walk)
{
	walk->page += walk->n;
	if (walk->page > walk->at.last) {
		if (!contig_part_next(part, &walk->at))
			return false;
		walk->page = walk->at.first;
	}
	walk->keep = contig_keeps_run(keeps, &walk->hint, walk->page,
				      walk->at.last, &walk->n);
	return true;
}

/**
 * contig_keeps_gap() - find pages that are not kept
 * @keeps: all keeps
 * @page: in/out: where to begin, and the first such page
 * @last: last page of interest, not before @page
 * @end: receives the last such page in a row
 *
 * Return: whether there is one.
 */
bool contig_keeps_gap(struct contig_keeps *keeps, unsigned long *page,
		      unsigned long last, unsigned long *end)
{
	struct contig_keep_strip *hint = NULL;
	unsigned long n;

	while (contig_keeps_run(keeps, &hint, *page, last, &n)) {
		*page += n;
		if (*page > last)
			return false;
	}
	*end = *page + n - 1;
	while (*end < last &&
	       !contig_keeps_run(keeps, &hint, *end + 1, last, &n))
		*end += n;
	return true;
}
