/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pinned memory with counts that interrupt level can change
 */
#ifndef CONTIG_UMEM_H
#define CONTIG_UMEM_H

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
enum contig_umem_kind {
	CONTIG_UMEM_HOLDS,
	CONTIG_UMEM_LOCKS,
	CONTIG_UMEM_KINDS
};

/**
 * struct contig_umem_page - a page of a umem
 * @n: how often it is held and locked; protected by contig_umems.lock
 */
struct contig_umem_page {
	u32 n[CONTIG_UMEM_KINDS];
};

/**
 * struct contig_umem_run - adjacent pages that belong to one umem
 * @it: first and last page; in contig_umems.root, or its rb is empty
 * @umem: the umem
 * @next: next run in contig_umem.cut
 */
struct contig_umem_run {
	struct interval_tree_node it;
	struct contig_umem *umem;
	struct contig_umem_run *next;
};

/**
 * struct contig_umem - memory pinned in one go, and mapped for a device
 * @first: first page in the process; constant
 * @last: last page; constant
 * @own: run of the pages that belong to it, while these are adjacent
 * @cut: further runs, if later umems took pages from the middle; changed only
 *       by the client's task level
 * @spare: a run for the case that inserting this umem splits one of another
 * @node: entry of contig_umems.live
 * @areas: one area, which owns the pin; constant
 * @pin: the pin; constant
 * @output: it was pinned for devices that only read it; constant
 * @used: pages that are held or locked, plus temporary references; protected by
 *        contig_umems.lock
 * @fresh: keeps it alive until the call that made it can use it
 * @write: a device may have written to it
 * @link: entry of the list of the call that made it, while @fresh
 * @suspect: entry of the list of a task that verifies suspect pages
 * @verify_first: first page that this task verifies
 * @verify_last: last page that it verifies
 * @dead: entry of contig_umems.dead
 * @pages: the counts of each page
 *
 * A umem is released as a whole, when none of its pages is used any more. A
 * page with both counts 0 belongs to no umem: if it is needed again it is
 * pinned anew, and belongs to the new umem from then on. So the runs of all
 * umems are disjoint, and a walk over pages meets each page once, whatever was
 * held before.
 */
struct contig_umem {
	unsigned long first;
	unsigned long last;
	struct contig_umem_run own;
	struct contig_umem_run *cut;
	struct contig_umem_run *spare;
	struct list_head node;
	struct contig_areas areas;
	struct contig_pin *pin;
	bool output;
	unsigned long used;
	bool fresh;
	bool write;
	struct list_head link;
	struct list_head suspect;
	unsigned long verify_first;
	unsigned long verify_last;
	struct llist_node dead;
	struct contig_umem_page pages[];
};

/**
 * struct contig_umems - all umems of a client
 * @lock: protects the tree, the list and the counts. Raw, because interrupt
 *        level takes it, also on PREEMPT_RT. It is held for a time that depends
 *        only on the pages and ranges of one call. Lock order: client.h
 * @root: interval tree of their runs, which are disjoint
 * @live: all umems except the dead
 * @npages: pages of those; debugfs reads it without the lock
 * @dead: umems that task level has to unpin
 */
struct contig_umems {
	raw_spinlock_t lock;
	struct rb_root_cached root;
	struct list_head live;
	unsigned long npages;
	struct llist_head dead;
};

static inline unsigned long contig_umem_npages(const struct contig_umem *umem)
{
	return umem->last - umem->first + 1;
}

static inline struct contig_umem_page *
contig_umem_page(struct contig_umem *umem, unsigned long page)
{
	return &umem->pages[page - umem->first];
}

static inline struct contig_umem_run *
contig_umem_run_of(struct interval_tree_node *node)
{
	return container_of(node, struct contig_umem_run, it);
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
 * @umem: the umem of the pages; NULL if they are neither held nor locked
 * @page: first page of a run with the same umem
 * @n: pages of the run
 *
 * Valid only while contig_umems.lock is held without a break.
 */
struct contig_walk {
	struct contig_part_at at;
	struct contig_umem_run *hint;
	struct contig_umem *umem;
	unsigned long page;
	unsigned long n;
};

bool contig_walk_next(struct contig_umems *umems,
		      const struct contig_part *part, struct contig_walk *walk);

/* Iterate over the runs of pages of a part with the same umem, or none. */
#define contig_for_each_run(umems, part, walk)                                 \
	for (*(walk) = (struct contig_walk){ .at.skip = (part)->first,         \
					     .at.left = (part)->length,        \
					     .page = 1 };                      \
	     contig_walk_next(umems, part, walk);)

void contig_umems_init(struct contig_umems *umems);
struct contig_umem *contig_umem_new(struct contig_area *area,
				    struct contig_dma_device *device,
				    bool output);
void contig_umems_insert(struct contig_umems *umems, struct contig_umem *umem);
void contig_umem_end_fresh(struct contig_umems *umems,
			   struct contig_umem *umem);
void contig_umem_get(struct contig_umem *umem);
void contig_umem_put(struct contig_umems *umems, struct contig_umem *umem);
void contig_umems_clear(struct contig_umems *umems);
bool contig_umems_reap(struct contig_umems *umems);

void contig_umems_forget(struct contig_umems *umems, struct contig_umem *umem);
struct contig_umem *contig_umems_run(struct contig_umems *umems,
				     struct contig_umem_run **hint,
				     unsigned long page, unsigned long last,
				     unsigned long *n);
bool contig_umems_gap(struct contig_umems *umems, unsigned long *page,
		      unsigned long last, unsigned long *end);

int contig_umems_can_add(struct contig_umems *umems,
			 const struct contig_part *part,
			 enum contig_umem_kind kind, bool output);
void contig_umems_add(struct contig_umems *umems,
		      const struct contig_part *part,
		      enum contig_umem_kind kind, bool write);
bool contig_umems_count(struct contig_umems *umems,
			const struct contig_part *part,
			enum contig_umem_kind kind);
void contig_umems_remove(struct contig_umems *umems,
			 const struct contig_part *part,
			 enum contig_umem_kind kind);

int contig_umems_in_place(struct contig_umems *umems,
			  const struct contig_part *part, bool dma);
const struct contig_extents *contig_umem_extents(const struct contig_umem *umem,
						 bool dma);
unsigned long contig_umem_offset(const struct contig_umem *umem,
				 unsigned long page, bool dma);
void contig_umem_addrs(const struct contig_umem *umem, unsigned long page,
		       unsigned long n, bool dma, u64 *addrs);
unsigned long contig_umems_extents(struct contig_umems *umems,
				   const struct contig_part *part, bool dma);

int contig_umems_revalidate(struct contig_umems *umems,
			    const struct contig_part *part);

#endif /* CONTIG_UMEM_H */
