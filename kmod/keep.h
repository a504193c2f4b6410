/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory that is kept ready for interrupt level
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

/* What is counted for each page. */
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
 * struct contig_keep - memory that was pinned in one go, and mapped for a device
 * @it: first and last page in the process
 * @areas: one area, which is what has the pin; constant
 * @pin: what keeps it in place; constant
 * @output: it was pinned for devices that only read it; constant
 * @used: pages that are held or locked, and whoever wants it to stay for a while;
 *        protected by contig_keeps.lock
 * @fresh: not given back though no page is used: somebody is about to
 * @write: a device may have written to it
 * @link: entry of the list of who made it, while it is fresh
 * @suspect: entry of the list of a task that finds out what is gone
 * @look_first: first page that this task looks at
 * @look_last: last page that it looks at
 * @dead: entry of contig_keeps.dead
 * @pages: the pages
 *
 * Goes as a whole, when none of its pages is used any more. A page of which both
 * counts are 0 does not belong to it: if it is wanted again it is pinned anew, so
 * keeps can overlap. But for each page no more than one keep counts.
 */
struct contig_keep {
	struct interval_tree_node it;
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
 * @lock: protects the tree and the counts; holds nothing inside. Raw: interrupt
 *        level takes it, with PREEMPT_RT as well.
 * @root: interval tree of them
 * @dead: keeps to give back at task level
 */
struct contig_keeps {
	raw_spinlock_t lock;
	struct rb_root_cached root;
	struct llist_head dead;
};

/**
 * struct contig_part_at - a position in a part of a list of ranges
 * @index: the range after it
 * @skip: bytes from there to the beginning of the part
 * @left: bytes of the part after it
 * @addr: where the piece begins, and its
 * @length: length in bytes
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

/* Each piece of a part that lies in one range. */
#define contig_for_each_piece(part, at)                                        \
	for (*(at) = (struct contig_part_at){ .skip = (part)->first,           \
					      .left = (part)->length };        \
	     contig_part_next(part, at);)

void contig_keeps_init(struct contig_keeps *keeps);
struct contig_keep *contig_keep_new(struct contig_area *area,
				    struct contig_dma_device *device,
				    bool output);
void contig_keeps_insert(struct contig_keeps *keeps, struct contig_keep *keep);
void contig_keep_settle(struct contig_keeps *keeps, struct contig_keep *keep);
void contig_keep_get(struct contig_keep *keep);
void contig_keep_put(struct contig_keeps *keeps, struct contig_keep *keep);
void contig_keeps_clear(struct contig_keeps *keeps);
bool contig_keeps_bury(struct contig_keeps *keeps);

struct contig_keep *contig_keeps_span(struct contig_keeps *keeps,
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
u64 contig_keep_addr(const struct contig_keep *keep, unsigned long page,
		     bool dma);
unsigned long contig_keeps_extents(struct contig_keeps *keeps,
				   const struct contig_part *part, bool dma);

int contig_keeps_look(struct contig_keeps *keeps,
		      const struct contig_part *part);

#endif /* CONTIG_KEEP_H */
