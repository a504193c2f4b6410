/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pageblocks that are easy or hard to empty: what lies in them, and where they
 * are
 */
#ifndef CONTIG_SELFTESTS_PAGEBLOCK_UTILS_H
#define CONTIG_SELFTESTS_PAGEBLOCK_UTILS_H

#include "contig_utils.h"

/* Return how many pageblocks contig empties in one step. */
uint64_t step_blocks(void);

/* Find a pageblock that can be emptied: all of it belonged to a buffer. */
bool empty_block(int client, struct contig_constraints *where);

/* Return the page frame of each of @n pages, or NULL on failure. */
uint64_t *page_frames(const char *memory, size_t n);

/* Fill memory with pages that must be moved: every second page of it. */
char *scattered(size_t length);

/*
 * Find adjacent pageblocks that consist of these pages only, and are not more
 * than one step. Return their number, where they are, and which of the pages
 * are their first and last ones.
 */
uint64_t own_blocks(const uint64_t *pfns, size_t n,
		    struct contig_constraints *where, size_t *first,
		    size_t *last);

/*
 * Fill as much memory as so many pageblocks have, and put a page of each block
 * into a pipe, which takes a reference that prevents moving it; free the others.
 * Return how many such blocks are adjacent, and where.
 */
int sprinkle(uint64_t blocks, int *pipes, int nr,
	     struct contig_constraints *where);

#endif /* CONTIG_SELFTESTS_PAGEBLOCK_UTILS_H */
