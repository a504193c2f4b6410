/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Records which pages of an address space are touched by changes of mappings
 */
#ifndef CONTIG_WATCH_H
#define CONTIG_WATCH_H

#include <linux/interval_tree.h>
#include <linux/mmu_notifier.h>
#include <linux/rbtree.h>
#include <linux/spinlock.h>
#include <linux/types.h>

/**
 * struct contig_watch - an address space whose changes are recorded
 * @notifier: reports changes, and has a reference on the mm_struct
 * @lock: protects @marks and contig_mark.touched; lock order: client.h
 * @marks: interval tree of struct contig_mark
 *
 * There is one for each address space, however many clients lock memory of it.
 */
struct contig_watch {
	struct mmu_notifier notifier;
	spinlock_t lock; /* for marks and their bits */
	struct rb_root_cached marks;
};

/**
 * struct contig_mark - the suspect pages of one pin
 * @it: first and last page in the address space
 * @watch: the address space; NULL if no changes are recorded
 * @touched: a bit for each page that a change touched since the last
 *           contig_mark_take() of it; protected by contig_watch.lock
 * @doubted: a bit for each page that was taken for a check and not seen in
 *           place since; changed by the owner of the mark only
 * @small: both bitmaps, if they fit
 * @any: a bit is set in one of them
 *
 * A page is suspect as long as either bit is set. Bits are set in @doubted
 * before they are cleared in @touched, so that a reader without a lock misses
 * none.
 */
struct contig_mark {
	struct interval_tree_node it;
	struct contig_watch *watch;
	unsigned long *touched;
	unsigned long *doubted;
	unsigned long small[2];
	bool any;
};

struct contig_watch *contig_watch_get(void);
void contig_watch_put(struct contig_watch *watch);
void contig_watches_exit(void);

int contig_mark_init(struct contig_mark *mark, struct contig_watch *watch,
		     unsigned long first, unsigned long npages);
void contig_mark_destroy(struct contig_mark *mark);
void contig_mark_touch(struct contig_mark *mark);
unsigned long contig_mark_next(const struct contig_mark *mark,
			       unsigned long first, unsigned long last);
unsigned long contig_mark_take(struct contig_mark *mark, unsigned long first,
			       unsigned long last);
void contig_mark_clear(struct contig_mark *mark, unsigned long first,
		       unsigned long npages);
void contig_mark_rest(struct contig_mark *mark);

#endif /* CONTIG_WATCH_H */
