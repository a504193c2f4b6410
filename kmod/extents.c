// SPDX-License-Identifier: GPL-2.0-only
/*
 * A list of extents, addressed by page offset
 */
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "extents.h"
#include "gfp.h"

/* Entries of the first allocation. */
#define CONTIG_EXTENTS_FEW 16U

void contig_extents_init(struct contig_extents *extents)
{
	extents->entries = &extents->one;
	extents->nr = 0;
	extents->capacity = 1;
	extents->npages = 0;
}

void contig_extents_free(struct contig_extents *extents)
{
	if (extents->entries != &extents->one)
		kvfree(extents->entries);
	contig_extents_init(extents);
}

/* Exchange two lists, each of which can have its only entry inside itself. */
void contig_extents_swap(struct contig_extents *a, struct contig_extents *b)
{
	bool a_one = a->entries == &a->one, b_one = b->entries == &b->one;

	swap(*a, *b);
	if (b_one)
		a->entries = &a->one;
	if (a_one)
		b->entries = &b->one;
}

static int contig_extents_grow(struct contig_extents *extents)
{
	struct contig_extents_entry *entries;
	unsigned int capacity;

	/* Few entries at first, for small transfers; then 128; then twice as many. */
	if (extents->capacity < CONTIG_EXTENTS_FEW)
		capacity = CONTIG_EXTENTS_FEW;
	else if (check_mul_overflow(max(extents->capacity, 64U), 2U, &capacity))
		return -ENOMEM;
	entries = kvmalloc_array(capacity, sizeof(*entries), CONTIG_GFP);
	if (!entries)
		return -ENOMEM;
	memcpy(entries, extents->entries, extents->nr * sizeof(*entries));
	if (extents->entries != &extents->one)
		kvfree(extents->entries);
	extents->entries = entries;
	extents->capacity = capacity;
	return 0;
}

/* Return the page frame behind the last extent, of a list that is not empty. */
static unsigned long contig_extents_next(const struct contig_extents *extents)
{
	const struct contig_extents_entry *last =
		&extents->entries[extents->nr - 1];

	return last->pfn + (extents->npages - last->first);
}

/* Begin an extent at the end of a list. Return 0 or -ENOMEM. */
static int contig_extents_begin(struct contig_extents *extents,
				unsigned long pfn)
{
	int ret;

	if (extents->nr == extents->capacity) {
		ret = contig_extents_grow(extents);
		if (ret)
			return ret;
	}
	extents->entries[extents->nr++] = (struct contig_extents_entry){
		.pfn = pfn,
		.first = extents->npages,
	};
	return 0;
}

/**
 * contig_extents_append() - add page frames at the end of a list
 * @extents: the list
 * @pfn: first page frame
 * @npages: number of page frames, not 0
 *
 * Page frames that continue the last extent are merged into it, so extents are
 * always maximal. May sleep.
 *
 * Return: 0 or -ENOMEM, which leaves the list unchanged.
 */
int contig_extents_append(struct contig_extents *extents, unsigned long pfn,
			  unsigned long npages)
{
	int ret = 0;

	if (!extents->nr || pfn != contig_extents_next(extents))
		ret = contig_extents_begin(extents, pfn);
	if (!ret)
		extents->npages += npages;
	return ret;
}

/**
 * contig_extents_append_pages() - add pages at the end of a list
 * @extents: the list
 * @pages: the pages
 * @nr: number of pages
 *
 * As contig_extents_append() of each of them. May sleep.
 *
 * Return: number of pages that were added, less than @nr if memory is short.
 */
unsigned long contig_extents_append_pages(struct contig_extents *extents,
					  struct page **pages,
					  unsigned long nr)
{
	unsigned long i, pfn, next = 0;

	if (extents->nr)
		next = contig_extents_next(extents);
	for (i = 0; i < nr; i++, extents->npages++) {
		pfn = page_to_pfn(pages[i]);
		if ((!extents->nr || pfn != next) &&
		    contig_extents_begin(extents, pfn))
			break;
		next = pfn + 1;
	}
	return i;
}

/* Return the length of an extent in pages. */
unsigned long contig_extents_entry_len(const struct contig_extents *extents,
				       unsigned int index)
{
	const struct contig_extents_entry *entry = &extents->entries[index];

	if (index + 1 == extents->nr)
		return extents->npages - entry->first;
	return entry[1].first - entry->first;
}

/* Return the index of the extent at @offset, which must be in the list. */
unsigned int contig_extents_find(const struct contig_extents *extents,
				 unsigned long offset)
{
	unsigned int low = 0, high = extents->nr;

	while (high - low > 1) {
		unsigned int middle = low + (high - low) / 2;

		if (extents->entries[middle].first <= offset)
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
 * contig_cursor_next() - get the next adjacent page frames
 * @cursor: position in a list, which is advanced
 * @limit: page offset to stop at
 * @pfn: receives the first page frame
 *
 * Return: number of adjacent page frames from @pfn, 0 at @limit.
 */
unsigned long contig_cursor_next(struct contig_cursor *cursor,
				 unsigned long limit, unsigned long *pfn)
{
	const struct contig_extents *extents = cursor->extents;
	const struct contig_extents_entry *entry;
	unsigned long skip, n;

	limit = min(limit, extents->npages);
	if (cursor->offset >= limit)
		return 0;

	entry = &extents->entries[cursor->index];
	skip = cursor->offset - entry->first;
	n = contig_extents_entry_len(extents, cursor->index) - skip;
	*pfn = entry->pfn + skip;
	if (n > limit - cursor->offset)
		n = limit - cursor->offset;
	else
		cursor->index++;
	cursor->offset += n;
	return n;
}

/* Return the number of extents from page offset @first to @last inclusive. */
unsigned int contig_extents_count(const struct contig_extents *extents,
				  unsigned long first, unsigned long last)
{
	return contig_extents_find(extents, last) -
	       contig_extents_find(extents, first) + 1;
}

/**
 * contig_extents_ends() - count extents, and get the first and last page frame
 * @extents: the list
 * @first: offset of the first page, inside the list
 * @last: offset of the last page, inside the list
 * @first_pfn: receives the frame of the first page
 * @last_pfn: receives the frame of the last page
 *
 * Searches twice, or once if all pages are in one extent.
 *
 * Return: number of extents that the pages are in.
 */
unsigned int contig_extents_ends(const struct contig_extents *extents,
				 unsigned long first, unsigned long last,
				 unsigned long *first_pfn,
				 unsigned long *last_pfn)
{
	unsigned int from = contig_extents_find(extents, first), to = from;
	const struct contig_extents_entry *entry = &extents->entries[from];

	*first_pfn = entry->pfn + (first - entry->first);
	if (last - entry->first >= contig_extents_entry_len(extents, from)) {
		to = contig_extents_find(extents, last);
		entry = &extents->entries[to];
	}
	*last_pfn = entry->pfn + (last - entry->first);
	return to - from + 1;
}

/*
 * Call @put for each page, which the compiler puts in line. Searches once, and then
 * takes one step for each page.
 */
static __always_inline void
contig_extents_each(const struct contig_extents *extents, unsigned long offset,
		    unsigned long n,
		    void (*put)(void *table, unsigned long i, unsigned long pfn),
		    void *table)
{
	const struct contig_extents_entry *last = &extents->entries[extents->nr - 1];
	const struct contig_extents_entry *entry;
	unsigned long end = offset + n, i = 0, stop, pfn;

	entry = &extents->entries[contig_extents_find(extents, offset)];
	for (; offset < end; entry++) {
		pfn = entry->pfn + (offset - entry->first);
		stop = entry == last ? end : min(entry[1].first, end);
		for (; offset < stop; offset++)
			put(table, i++, pfn++);
	}
}

static void contig_put_addr(void *table, unsigned long i, unsigned long pfn)
{
	((u64 *)table)[i] = (u64)pfn << PAGE_SHIFT;
}

static void contig_put_page(void *table, unsigned long i, unsigned long pfn)
{
	((struct page **)table)[i] = pfn_to_page(pfn);
}

/**
 * contig_extents_addrs() - get the address of each page
 * @extents: the list
 * @offset: offset of the first page
 * @n: number of pages, all of which must be inside the list
 * @addrs: receives their addresses
 *
 * Searches once, and then takes one step for each page.
 */
void contig_extents_addrs(const struct contig_extents *extents,
			  unsigned long offset, unsigned long n, u64 *addrs)
{
	contig_extents_each(extents, offset, n, contig_put_addr, addrs);
}

/* contig_extents_addrs() for the pages instead of their addresses. */
void contig_extents_pages(const struct contig_extents *extents,
			  unsigned long offset, unsigned long n,
			  struct page **pages)
{
	contig_extents_each(extents, offset, n, contig_put_page, pages);
}

/* Return the page frame at @offset, which must be in the list. */
unsigned long contig_extents_pfn(const struct contig_extents *extents,
				 unsigned long offset)
{
	const struct contig_extents_entry *entry =
		&extents->entries[contig_extents_find(extents, offset)];

	return entry->pfn + (offset - entry->first);
}
