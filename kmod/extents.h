/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A list of extents, addressed by page offset
 */
#ifndef CONTIG_EXTENTS_H
#define CONTIG_EXTENTS_H

#include <linux/types.h>

struct page;

/**
 * struct contig_extents_entry - one extent
 * @pfn: its first page frame
 * @first: offset of that frame in the whole list, in pages
 *
 * An extent ends where the next one begins. So a list needs two words for each
 * extent, and is searched by bisection.
 */
struct contig_extents_entry {
	unsigned long pfn;
	unsigned long first;
};

/**
 * struct contig_extents - a list of extents
 * @entries: the extents, in the order of their offsets
 * @nr: number of extents
 * @capacity: number of entries of @entries
 * @npages: pages in all extents
 * @one: @entries points to it while one extent suffices, so that contiguous
 *       memory needs no allocation
 *
 * The owner of the list serialises changes.
 */
struct contig_extents {
	struct contig_extents_entry *entries;
	unsigned int nr;
	unsigned int capacity;
	unsigned long npages;
	struct contig_extents_entry one;
};

/**
 * struct contig_cursor - a position in a list, for walking it in order
 * @extents: the list
 * @index: the extent that @offset is in
 * @offset: page offset
 */
struct contig_cursor {
	const struct contig_extents *extents;
	unsigned int index;
	unsigned long offset;
};

void contig_extents_init(struct contig_extents *extents);
void contig_extents_free(struct contig_extents *extents);
void contig_extents_swap(struct contig_extents *a, struct contig_extents *b);
int contig_extents_append(struct contig_extents *extents, unsigned long pfn,
			  unsigned long npages);
unsigned long contig_extents_append_pages(struct contig_extents *extents,
					  struct page **pages,
					  unsigned long nr);
unsigned long contig_extents_entry_len(const struct contig_extents *extents,
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
void contig_extents_pages(const struct contig_extents *extents,
			  unsigned long offset, unsigned long n,
			  struct page **pages);
unsigned long contig_extents_pfn(const struct contig_extents *extents,
				 unsigned long offset);

#endif /* CONTIG_EXTENTS_H */
