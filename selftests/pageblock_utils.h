/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pageblocks that are easy or hard to empty: what lies in them, and where they
 * are
 */
#ifndef CONTIG_SELFTESTS_PAGEBLOCK_UTILS_H
#define CONTIG_SELFTESTS_PAGEBLOCK_UTILS_H

#include "contig_utils.h"

/* Pageblocks that contig empties in one step. */
#define STEP_BLOCKS 8

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
 * In each pageblock put a page into a pipe, which takes a reference that
 * prevents moving it, and free the others. Return how many such blocks are
 * adjacent, and where.
 */
int sprinkle(size_t length, int *pipes, int nr,
	     struct contig_constraints *where);

#endif /* CONTIG_SELFTESTS_PAGEBLOCK_UTILS_H */
