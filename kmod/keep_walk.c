// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finding the keep of a page
 *
 * The tree has runs: adjacent pages that belong to one keep. Runs are
 * disjoint, so a walk over n pages takes n steps, and one search of the tree
 * for each range of the part, whatever was held before. Interrupt level walks
 * with interrupts off, and changes only counts. Task level changes the tree, a
 * few runs each time it holds the lock.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "extents.h"
#include "keep.h"

/* Number of runs to change before interrupts are allowed. */
#define CONTIG_STRIP_BATCH 64

/* Get the next range of a part; see contig_for_each_range(). */
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

static void contig_keep_run_insert(struct contig_keeps *keeps,
				   struct contig_keep_run *run,
				   struct contig_keep *keep, unsigned long first,
				   unsigned long last)
{
	run->keep = keep;
	run->it.start = first;
	run->it.last = last;
	interval_tree_insert(&run->it, &keeps->root);
}

static void contig_keep_run_remove(struct contig_keeps *keeps,
				   struct contig_keep_run *run)
{
	interval_tree_remove(&run->it, &keeps->root);
	RB_CLEAR_NODE(&run->it.rb);
}

/* Remove the pages of a new keep from a run, which counts none of them. */
static void contig_keep_run_cut(struct contig_keeps *keeps,
				struct contig_keep_run *run,
				struct contig_keep *by)
{
	unsigned long first = run->it.start, last = run->it.last;
	struct contig_keep *keep = run->keep;

	contig_keep_run_remove(keeps, run);
	if (first < by->first) {
		contig_keep_run_insert(keeps, run, keep, first, by->first - 1);
		if (last <= by->last)
			return;
		/* At most one run has pages on both sides. */
		run = by->spare;
		by->spare = NULL;
		run->next = keep->cut;
		keep->cut = run;
	}
	if (last > by->last)
		contig_keep_run_insert(keeps, run, keep, by->last + 1, last);
}

/**
 * contig_keeps_insert() - add a keep to the tree
 * @keeps: all keeps, without the lock
 * @keep: the keep; none of its pages is kept by another
 *
 * Callers must exclude each other and contig_keeps_reap(). Never sleeps.
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
			contig_keep_run_cut(keeps, contig_keep_run_of(node), keep);
		}
		if (!node) {
			contig_keep_run_insert(keeps, &keep->own, keep,
					       keep->first, keep->last);
			list_add_tail(&keep->node, &keeps->live);
			WRITE_ONCE(keeps->npages, keeps->npages +
				   contig_keep_npages(keep));
		}
		raw_spin_unlock_irq(&keeps->lock);
	} while (node);
}

static void contig_keep_run_forget(struct contig_keeps *keeps,
				   struct contig_keep_run *run)
{
	raw_spin_lock_irq(&keeps->lock);
	if (!RB_EMPTY_NODE(&run->it.rb))
		contig_keep_run_remove(keeps, run);
	raw_spin_unlock_irq(&keeps->lock);
}

/* Remove the runs of a dead keep. Called without the lock. */
void contig_keeps_forget(struct contig_keeps *keeps, struct contig_keep *keep)
{
	struct contig_keep_run *run, *next;

	contig_keep_run_forget(keeps, &keep->own);
	for (run = keep->cut; run; run = next) {
		next = run->next;
		contig_keep_run_forget(keeps, run);
		kfree(run);
	}
	kfree(keep->spare);
}

/* Return the run of @page, or the first one after it, or NULL. */
static struct contig_keep_run *
contig_keep_run_find(struct contig_keeps *keeps,
		     struct contig_keep_run *hint, unsigned long page,
		     unsigned long last)
{
	struct interval_tree_node *node;
	struct rb_node *next;

	if (hint && hint->it.start <= page) {
		if (page <= hint->it.last)
			return hint;
		/* Most walks continue with the next run. */
		next = rb_next(&hint->it.rb);
		if (!next)
			return NULL;
		hint = rb_entry(next, struct contig_keep_run, it.rb);
		if (page <= hint->it.last)
			return hint;
	}
	node = interval_tree_iter_first(&keeps->root, page, last);
	return node ? contig_keep_run_of(node) : NULL;
}

/* Return true if the keep counts this page, or is fresh. */
static bool contig_keep_has(struct contig_keep *keep, unsigned long page)
{
	const struct contig_keep_page *p = contig_keep_page(keep, page);

	return keep->fresh || p->n[CONTIG_KEEP_HOLDS] ||
	       p->n[CONTIG_KEEP_LOCKS];
}

/**
 * contig_keeps_run() - find the keep of a page
 * @keeps: all keeps
 * @hint: in/out: run that was found last, NULL at first; valid while the lock
 *        is held without a break
 * @page: the page
 * @last: last page to look at
 * @n: receives the number of pages from @page up to @last with the same keep,
 *     or with none; more may follow
 *
 * Return: the keep, NULL if the page is neither held nor locked.
 */
struct contig_keep *contig_keeps_run(struct contig_keeps *keeps,
				     struct contig_keep_run **hint,
				     unsigned long page, unsigned long last,
				     unsigned long *n)
{
	struct contig_keep_run *run;
	unsigned long next;
	bool has;

	lockdep_assert_held(&keeps->lock);
	run = contig_keep_run_find(keeps, *hint, page, last);
	if (!run) {
		*n = last - page + 1;
		return NULL;
	}
	*hint = run;
	if (run->it.start > page) {
		*n = min(run->it.start - 1, last) - page + 1;
		return NULL;
	}
	last = min(last, run->it.last);
	has = contig_keep_has(run->keep, page);
	for (next = page + 1; next <= last; next++)
		if (contig_keep_has(run->keep, next) != has)
			break;
	*n = next - page;
	return has ? run->keep : NULL;
}

/* Get the next run of a walk; see contig_for_each_run(). */
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
 * @page: in/out: page to start at; receives the first page that is not kept
 * @last: last page to look at, not before @page
 * @end: receives the last of the adjacent pages that are not kept
 *
 * Return: true if there are such pages.
 */
bool contig_keeps_gap(struct contig_keeps *keeps, unsigned long *page,
		      unsigned long last, unsigned long *end)
{
	struct contig_keep_run *hint = NULL;
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
