/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A list of runs of adjacent page frames, addressed by page offset
 */
#ifndef CONTIG_EXTENTS_H
#define CONTIG_EXTENTS_H

#include <linux/types.h>

/**
 * struct contig_piece - one run of adjacent page frames
 * @pfn: its first page frame
 * @first: offset, in pages, of that frame in the whole list
 *
 * A piece ends where the next one begins; so a list that describes n pages
 * needs no more than the two words per run, and is searched by bisection.
 */
struct contig_piece {
	unsigned long pfn;
	unsigned long first;
};

/**
 * struct contig_extents - a list of maximal runs of page frames
 * @pieces: the runs, in the order of their offsets
 * @nr: how many
 * @capacity: how many fit into @pieces
 * @npages: pages in all runs together
 * @one: where @pieces points as long as one run is enough, so that the common
 *       contiguous case allocates nothing
 *
 * Not locked: whoever owns the list serialises changes.
 */
struct contig_extents {
	struct contig_piece *pieces;
	unsigned int nr;
	unsigned int capacity;
	unsigned long npages;
	struct contig_piece one;
};

/**
 * struct contig_cursor - a position in a list, for walking it in order
 * @extents: the list
 * @index: the piece that @offset lies in
 * @offset: page offset
 */
struct contig_cursor {
	const struct contig_extents *extents;
	unsigned int index;
	unsigned long offset;
};

void contig_extents_init(struct contig_extents *extents);
void contig_extents_free(struct contig_extents *extents);
void contig_extents_move(struct contig_extents *to,
			 struct contig_extents *from);
int contig_extents_append(struct contig_extents *extents, unsigned long pfn,
			  unsigned long npages);
unsigned long contig_piece_len(const struct contig_extents *extents,
			       unsigned int index);
unsigned int contig_extents_find(const struct contig_extents *extents,
				 unsigned long offset);
void contig_cursor_init(struct contig_cursor *cursor,
			const struct contig_extents *extents,
			unsigned long offset);
unsigned long contig_cursor_next(struct contig_cursor *cursor,
				 unsigned long limit, unsigned long *pfn);
unsigned int contig_extents_count(const struct contig_extents *extents,
				  unsigned long first, unsigned long last);
unsigned int contig_extents_ends(const struct contig_extents *extents,
				 unsigned long first, unsigned long last,
				 unsigned long *first_pfn,
				 unsigned long *last_pfn);
void contig_extents_addrs(const struct contig_extents *extents,
			  unsigned long offset, unsigned long n, u64 *addrs);
unsigned long contig_extents_pfn(const struct contig_extents *extents,
				 unsigned long offset);

#endif /* CONTIG_EXTENTS_H */
