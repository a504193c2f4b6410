/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pinned memory with counts that interrupt level can change
 */
#ifndef CONTIG_KEEP_H
#define CONTIG_KEEP_H

#include <linux/interval_tree.h>
#include <linux/list.h>
#include <linux/llist.h>
#include <linux/rbtree.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include "areas.h"
#include "contig_kernel.h"

struct contig_dma_device;
struct contig_extents;
struct contig_pin;

/* The two counts of each page. */
enum contig_keep_kind {
	CONTIG_KEEP_HOLDS,
	CONTIG_KEEP_LOCKS,
	CONTIG_KEEP_KINDS
};

/**
 * struct contig_keep_page - a page of a keep
 * @n: how often it is held and locked; protected by contig_keeps.lock
 */
struct contig_keep_page {
	u32 n[CONTIG_KEEP_KINDS];
};

/**
 * struct contig_keep_run - adjacent pages that belong to one keep
 * @it: first and last page; in contig_keeps.root, or its rb is empty
 * @keep: the keep
 * @next: next run in contig_keep.cut
 */
struct contig_keep_run {
	struct interval_tree_node it;
	struct contig_keep *keep;
	struct contig_keep_run *next;
};

/**
 * struct contig_keep - memory pinned in one go, and mapped for a device
 * @first: first page in the process; constant
 * @last: last page; constant
 * @own: run of the pages that belong to it, while these are adjacent
 * @cut: further runs, if later keeps took pages from the middle; changed only
 *       by the client's task level
 * @spare: a run for the case that inserting this keep splits one of another
 * @node: entry of contig_keeps.live
 * @areas: one area, which owns the pin; constant
 * @pin: the pin; constant
 * @output: it was pinned for devices that only read it; constant
 * @used: pages that are held or locked, plus temporary references; protected by
 *        contig_keeps.lock
 * @fresh: keeps it alive until the call that made it can use it
 * @write: a device may have written to it
 * @link: entry of the list of the call that made it, while @fresh
 * @suspect: entry of the list of a task that verifies suspect pages
 * @look_first: first page that this task verifies
 * @look_last: last page that it verifies
 * @dead: entry of contig_keeps.dead
 * @pages: the counts of each page
 *
 * A keep is released as a whole, when none of its pages is used any more. A
 * page with both counts 0 is not kept: if it is needed again it is pinned anew,
 * and belongs to the new keep from then on. So the runs of all keeps are
 * disjoint, and a walk over pages meets each page once, whatever was held
 * before.
 */
struct contig_keep {
	unsigned long first;
	unsigned long last;
	struct contig_keep_run own;
	struct contig_keep_run *cut;
	struct contig_keep_run *spare;
	struct list_head node;
	struct contig_areas areas;
	struct contig_pin *pin;
	bool output;
	unsigned long used;
	bool fresh;
	bool write;
	struct list_head link;
	struct list_head suspect;
	unsigned long look_first;
	unsigned long look_last;
	struct llist_node dead;
	struct contig_keep_page pages[];
};

/**
 * struct contig_keeps - all keeps of a client
 * @lock: protects the tree, the list and the counts. Raw, because interrupt
 *        level takes it, also on PREEMPT_RT. It is held for a time that depends
 *        only on the pages and ranges of one call. Lock order: client.h
 * @root: interval tree of their runs, which are disjoint
 * @live: all keeps except the dead
 * @npages: pages of those; debugfs reads it without the lock
 * @dead: keeps that task level has to unpin
 */
struct contig_keeps {
	raw_spinlock_t lock;
	struct rb_root_cached root;
	struct list_head live;
	unsigned long npages;
	struct llist_head dead;
};

static inline unsigned long contig_keep_npages(const struct contig_keep *keep)
{
	return keep->last - keep->first + 1;
}

static inline struct contig_keep_page *
contig_keep_page(struct contig_keep *keep, unsigned long page)
{
	return &keep->pages[page - keep->first];
}

static inline struct contig_keep_run *
contig_keep_run_of(struct interval_tree_node *node)
{
	return container_of(node, struct contig_keep_run, it);
}

/**
 * struct contig_part_at - a range of a part: the bytes in one range of the list
 * @index: index of the range after it
 * @skip: bytes from there to the beginning of the part
 * @left: bytes of the part after the range
 * @addr: address of the range
 * @length: its length in bytes
 * @first: its first page
 * @last: its last page
 */
struct contig_part_at {
	unsigned int index;
	u64 skip;
	u64 left;
	u64 addr;
	u64 length;
	unsigned long first;
	unsigned long last;
};

bool contig_part_next(const struct contig_part *part,
		      struct contig_part_at *at);

/* Iterate over the ranges of a part. */
#define contig_for_each_range(part, at)                                        \
	for (*(at) = (struct contig_part_at){ .skip = (part)->first,           \
					      .left = (part)->length };        \
	     contig_part_next(part, at);)

/**
 * struct contig_walk - a position in a walk over the pages of a part
 * @at: the range that @page is in
 * @hint: run that was found last
 * @keep: the keep of the pages; NULL if they are neither held nor locked
 * @page: first page of a run with the same keep
 * @n: pages of the run
 *
 * Valid only while contig_keeps.lock is held without a break.
 */
struct contig_walk {
	struct contig_part_at at;
	struct contig_keep_run *hint;
	struct contig_keep *keep;
	unsigned long page;
	unsigned long n;
};

bool contig_walk_next(struct contig_keeps *keeps,
		      const struct contig_part *part, struct contig_walk *walk);

/* Iterate over the runs of pages of a part with the same keep, or none. */
#define contig_for_each_run(keeps, part, walk)                                 \
	for (*(walk) = (struct contig_walk){ .at.skip = (part)->first,         \
					     .at.left = (part)->length,        \
					     .page = 1 };                      \
	     contig_walk_next(keeps, part, walk);)

void contig_keeps_init(struct contig_keeps *keeps);
struct contig_keep *contig_keep_new(struct contig_area *area,
				    struct contig_dma_device *device,
				    bool output);
void contig_keeps_insert(struct contig_keeps *keeps, struct contig_keep *keep);
void contig_keep_settle(struct contig_keeps *keeps, struct contig_keep *keep);
void contig_keep_get(struct contig_keep *keep);
void contig_keep_put(struct contig_keeps *keeps, struct contig_keep *keep);
void contig_keeps_clear(struct contig_keeps *keeps);
bool contig_keeps_reap(struct contig_keeps *keeps);

void contig_keeps_forget(struct contig_keeps *keeps, struct contig_keep *keep);
struct contig_keep *contig_keeps_run(struct contig_keeps *keeps,
				     struct contig_keep_run **hint,
				     unsigned long page, unsigned long last,
				     unsigned long *n);
bool contig_keeps_gap(struct contig_keeps *keeps, unsigned long *page,
		      unsigned long last, unsigned long *end);

int contig_keeps_can_add(struct contig_keeps *keeps,
			 const struct contig_part *part,
			 enum contig_keep_kind kind, bool output);
void contig_keeps_add(struct contig_keeps *keeps,
		      const struct contig_part *part,
		      enum contig_keep_kind kind, bool write);
bool contig_keeps_count(struct contig_keeps *keeps,
			const struct contig_part *part,
			enum contig_keep_kind kind);
void contig_keeps_remove(struct contig_keeps *keeps,
			 const struct contig_part *part,
			 enum contig_keep_kind kind);

int contig_keeps_in_place(struct contig_keeps *keeps,
			  const struct contig_part *part, bool dma);
const struct contig_extents *contig_keep_extents(const struct contig_keep *keep,
						 bool dma);
unsigned long contig_keep_offset(const struct contig_keep *keep,
				 unsigned long page, bool dma);
void contig_keep_addrs(const struct contig_keep *keep, unsigned long page,
		       unsigned long n, bool dma, u64 *addrs);
unsigned long contig_keeps_extents(struct contig_keeps *keeps,
				   const struct contig_part *part, bool dma);

int contig_keeps_revalidate(struct contig_keeps *keeps,
			    const struct contig_part *part);

#endif /* CONTIG_KEEP_H */
