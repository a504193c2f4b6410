// SPDX-License-Identifier: GPL-2.0-only
/*
 * A list of runs of adjacent page frames, addressed by page offset
 */
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "extents.h"

void contig_extents_init(struct contig_extents *extents)
{
	extents->pieces = &extents->one;
	extents->nr = 0;
	extents->capacity = 1;
	extents->npages = 0;
}

void contig_extents_free(struct contig_extents *extents)
{
	if (extents->pieces != &extents->one)
		kvfree(extents->pieces);
	contig_extents_init(extents);
}

/* Hand the contents of @from over to @to, which must be empty. */
void contig_extents_move(struct contig_extents *to, struct contig_extents *from)
{
	*to = *from;
	if (from->pieces == &from->one)
		to->pieces = &to->one;
	contig_extents_init(from);
}

static int contig_extents_grow(struct contig_extents *extents)
{
	struct contig_piece *pieces;
	unsigned int capacity;

	/* The first allocation fills half a page, each later one doubles. */
	if (check_mul_overflow(max(extents->capacity, 64U), 2U, &capacity))
		return -ENOMEM;
	pieces = kvmalloc_array(capacity, sizeof(*pieces),
				GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!pieces)
		return -ENOMEM;
	memcpy(pieces, extents->pieces, extents->nr * sizeof(*pieces));
	if (extents->pieces != &extents->one)
		kvfree(extents->pieces);
	extents->pieces = pieces;
	extents->capacity = capacity;
	return 0;
}

/**
 * contig_extents_append() - add page frames at the end of a list
 * @extents: the list
 * @pfn: first page frame
 * @npages: how many, not 0
 *
 * Frames that continue the last run become part of it, so that runs are always
 * maximal. May sleep.
 *
 * Return: 0 or -ENOMEM, and then the list is as it was.
 */
int contig_extents_append(struct contig_extents *extents, unsigned long pfn,
			  unsigned long npages)
{
	struct contig_piece *last;

	if (extents->nr) {
		last = &extents->pieces[extents->nr - 1];
		if (last->pfn + (extents->npages - last->first) == pfn) {
			extents->npages += npages;
			return 0;
		}
	}
	if (extents->nr == extents->capacity) {
		int ret = contig_extents_grow(extents);

		if (ret)
			return ret;
	}
	extents->pieces[extents->nr++] = (struct contig_piece){
		.pfn = pfn,
		.first = extents->npages,
	};
	extents->npages += npages;
	return 0;
}

/* Length, in pages, of one run. */
unsigned long contig_piece_len(const struct contig_extents *extents,
			       unsigned int index)
{
	const struct contig_piece *piece = &extents->pieces[index];

	if (index + 1 == extents->nr)
		return extents->npages - piece->first;
	return piece[1].first - piece->first;
}

/* The run that @offset, which must lie inside the list, belongs to. */
unsigned int contig_extents_find(const struct contig_extents *extents,
				 unsigned long offset)
{
	unsigned int low = 0, high = extents->nr;

	while (high - low > 1) {
		unsigned int middle = low + (high - low) / 2;

		if (extents->pieces[middle].first <= offset)
			low = middle;
		else
			high = middle;
	}
	return low;
}

void contig_cursor_init(struct contig_cursor *cursor,
			const struct contig_extents *extents,
			unsigned long offset)
{
	cursor->extents = extents;
	cursor->index = contig_extents_find(extents, offset);
	cursor->offset = offset;
}

/**
 * contig_cursor_next() - take the next adjacent page frames
 * @cursor: position in a list, which is advanced
 * @limit: page offset to stop at
 * @pfn: receives the first frame
 *
 * Return: how many frames follow each other from @pfn, 0 at @limit.
 */
unsigned long contig_cursor_next(struct contig_cursor *cursor,
				 unsigned long limit, unsigned long *pfn)
{
	const struct contig_extents *extents = cursor->extents;
	const struct contig_piece *piece;
	unsigned long skip, n;

	limit = min(limit, extents->npages);
	if (cursor->offset >= limit)
		return 0;

	piece = &extents->pieces[cursor->index];
	skip = cursor->offset - piece->first;
	n = contig_piece_len(extents, cursor->index) - skip;
	*pfn = piece->pfn + skip;
	if (n > limit - cursor->offset)
		n = limit - cursor->offset;
	else
		cursor->index++;
	cursor->offset += n;
	return n;
}

/* How many runs the pages from offset @first to @last, inclusive, lie in. */
unsigned int contig_extents_count(const struct contig_extents *extents,
				  unsigned long first, unsigned long last)
{
	return contig_extents_find(extents, last) -
	       contig_extents_find(extents, first) + 1;
}

/**
 * contig_extents_ends() - count runs, and look where the pages begin and end
 * @extents: the list
 * @first: offset of the first page, inside the list
 * @last: offset of the last page, inside the list
 * @first_pfn: receives the frame of the first page
 * @last_pfn: receives the frame of the last page
 *
 * Two searches, and one if the pages lie in one run.
 *
 * Return: how many runs the pages lie in.
 */
unsigned int contig_extents_ends(const struct contig_extents *extents,
				 unsigned long first, unsigned long last,
				 unsigned long *first_pfn,
				 unsigned long *last_pfn)
{
	unsigned int from = contig_extents_find(extents, first), to = from;
	const struct contig_piece *piece = &extents->pieces[from];

	*first_pfn = piece->pfn + (first - piece->first);
	if (last - piece->first >= contig_piece_len(extents, from)) {
		to = contig_extents_find(extents, last);
		piece = &extents->pieces[to];
	}
	*last_pfn = piece->pfn + (last - piece->first);
	return to - from + 1;
}

/**
 * contig_extents_addrs() - note the address of each page
 * @extents: the list
 * @offset: of the first page
 * @n: how many pages, all of which must lie inside the list
 * @addrs: receives their addresses
 *
 * One search, and then one step for each page.
 */
void contig_extents_addrs(const struct contig_extents *extents,
			  unsigned long offset, unsigned long n, u64 *addrs)
{
	const struct contig_piece *last = &extents->pieces[extents->nr - 1];
	const struct contig_piece *piece;
	unsigned long end = offset + n, stop, pfn;

	piece = &extents->pieces[contig_extents_find(extents, offset)];
	for (; offset < end; piece++) {
		pfn = piece->pfn + (offset - piece->first);
		stop = piece == last ? end : min(piece[1].first, end);
		for (; offset < stop; offset++)
			*addrs++ = (u64)pfn++ << PAGE_SHIFT;
	}
}

/* The page frame at @offset, which must lie inside the list. */
unsigned long contig_extents_pfn(const struct contig_extents *extents,
				 unsigned long offset)
{
	const struct contig_piece *piece =
		&extents->pieces[contig_extents_find(extents, offset)];

	return piece->pfn + (offset - piece->first);
}
