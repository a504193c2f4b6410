// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finding the umem of a page
 *
 * The tree has runs: adjacent pages that belong to one umem. Runs are
 * disjoint, so a walk over n pages takes n steps, and one search of the tree
 * for each range of the part, whatever was held before. Interrupt level walks
 * with interrupts off, and changes only counts. Task level changes the tree, a
 * few runs each time it holds the lock.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "extents.h"
#include "umem.h"

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

static void contig_umem_run_insert(struct contig_umems *umems,
				   struct contig_umem_run *run,
				   struct contig_umem *umem, unsigned long first,
				   unsigned long last)
{
	run->umem = umem;
	run->it.start = first;
	run->it.last = last;
	interval_tree_insert(&run->it, &umems->root);
}

static void contig_umem_run_remove(struct contig_umems *umems,
				   struct contig_umem_run *run)
{
	interval_tree_remove(&run->it, &umems->root);
	RB_CLEAR_NODE(&run->it.rb);
}

/* Remove the pages of a new umem from a run, which counts none of them. */
static void contig_umem_run_cut(struct contig_umems *umems,
				struct contig_umem_run *run,
				struct contig_umem *by)
{
	unsigned long first = run->it.start, last = run->it.last;
	struct contig_umem *umem = run->umem;

	contig_umem_run_remove(umems, run);
	if (first < by->first) {
		contig_umem_run_insert(umems, run, umem, first, by->first - 1);
		if (last <= by->last)
			return;
		/* At most one run has pages on both sides. */
		run = by->spare;
		by->spare = NULL;
		run->next = umem->cut;
		umem->cut = run;
	}
	if (last > by->last)
		contig_umem_run_insert(umems, run, umem, by->last + 1, last);
}

/**
 * contig_umems_insert() - add a umem to the tree
 * @umems: all umems, without the lock
 * @umem: the umem; none of its pages belongs to another
 *
 * Callers must exclude each other and contig_umems_reap(). Never sleeps.
 */
void contig_umems_insert(struct contig_umems *umems, struct contig_umem *umem)
{
	struct interval_tree_node *node;
	unsigned int i;

	do {
		raw_spin_lock_irq(&umems->lock);
		for (i = 0; i < CONTIG_STRIP_BATCH; i++) {
			node = interval_tree_iter_first(&umems->root,
							umem->first, umem->last);
			if (!node)
				break;
			contig_umem_run_cut(umems, contig_umem_run_of(node), umem);
		}
		if (!node) {
			contig_umem_run_insert(umems, &umem->own, umem,
					       umem->first, umem->last);
			list_add_tail(&umem->node, &umems->live);
			WRITE_ONCE(umems->npages, umems->npages +
				   contig_umem_npages(umem));
		}
		raw_spin_unlock_irq(&umems->lock);
	} while (node);
}

static void contig_umem_run_forget(struct contig_umems *umems,
				   struct contig_umem_run *run)
{
	raw_spin_lock_irq(&umems->lock);
	if (!RB_EMPTY_NODE(&run->it.rb))
		contig_umem_run_remove(umems, run);
	raw_spin_unlock_irq(&umems->lock);
}

/* Remove the runs of a dead umem. Called without the lock. */
void contig_umems_forget(struct contig_umems *umems, struct contig_umem *umem)
{
	struct contig_umem_run *run, *next;

	contig_umem_run_forget(umems, &umem->own);
	for (run = umem->cut; run; run = next) {
		next = run->next;
		contig_umem_run_forget(umems, run);
		kfree(run);
	}
	kfree(umem->spare);
}

/* Return the run of @page, or the first one after it, or NULL. */
static struct contig_umem_run *
contig_umem_run_find(struct contig_umems *umems,
		     struct contig_umem_run *hint, unsigned long page,
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
		hint = rb_entry(next, struct contig_umem_run, it.rb);
		if (page <= hint->it.last)
			return hint;
	}
	node = interval_tree_iter_first(&umems->root, page, last);
	return node ? contig_umem_run_of(node) : NULL;
}

/* Return true if the umem counts this page, or is fresh. */
static bool contig_umem_has(struct contig_umem *umem, unsigned long page)
{
	const struct contig_umem_page *p = contig_umem_page(umem, page);

	return umem->fresh || p->n[CONTIG_UMEM_HOLDS] ||
	       p->n[CONTIG_UMEM_LOCKS];
}

/**
 * contig_umems_run() - find the umem of a page
 * @umems: all umems
 * @hint: in/out: run that was found last, NULL at first; valid while the lock
 *        is held without a break
 * @page: the page
 * @last: last page to look at
 * @n: receives the number of pages from @page up to @last with the same umem,
 *     or with none; more may follow
 *
 * Return: the umem, NULL if the page is neither held nor locked.
 */
struct contig_umem *contig_umems_run(struct contig_umems *umems,
				     struct contig_umem_run **hint,
				     unsigned long page, unsigned long last,
				     unsigned long *n)
{
	struct contig_umem_run *run;
	unsigned long next;
	bool has;

	lockdep_assert_held(&umems->lock);
	run = contig_umem_run_find(umems, *hint, page, last);
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
	has = contig_umem_has(run->umem, page);
	for (next = page + 1; next <= last; next++)
		if (contig_umem_has(run->umem, next) != has)
			break;
	*n = next - page;
	return has ? run->umem : NULL;
}

/* Get the next run of a walk; see contig_for_each_run(). */
bool contig_walk_next(struct contig_umems *umems,
		      const struct contig_part *part, struct contig_walk *walk)
{
	walk->page += walk->n;
	if (walk->page > walk->at.last) {
		if (!contig_part_next(part, &walk->at))
			return false;
		walk->page = walk->at.first;
	}
	walk->umem = contig_umems_run(umems, &walk->hint, walk->page,
				      walk->at.last, &walk->n);
	return true;
}

/**
 * contig_umems_gap() - find pages that belong to no umem
 * @umems: all umems
 * @page: in/out: page to start at; receives the first page without a umem
 * @last: last page to look at, not before @page
 * @end: receives the last of the adjacent pages without a umem
 *
 * Return: true if there are such pages.
 */
bool contig_umems_gap(struct contig_umems *umems, unsigned long *page,
		      unsigned long last, unsigned long *end)
{
	struct contig_umem_run *hint = NULL;
	unsigned long n;

	while (contig_umems_run(umems, &hint, *page, last, &n)) {
		*page += n;
		if (*page > last)
			return false;
	}
	*end = *page + n - 1;
	while (*end < last &&
	       !contig_umems_run(umems, &hint, *end + 1, last, &n))
		*end += n;
	return true;
}
