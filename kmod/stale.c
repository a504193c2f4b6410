// SPDX-License-Identifier: GPL-2.0-only
/*
 * Checks that locked memory still is where it was locked
 *
 * Most changes of an address space touch other pages than those that are
 * locked, or leave them where they are. So pages that a change touched are
 * suspect (watch.c), and before the next use of such a page the page tables are
 * compared with the pinned pages.
 */
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>

#include "areas.h"
#include "pin.h"
#include "poison.h"
#include "stale.h"
#include "stats.h"
#include "vma.h"

/*
 * Return -ESTALE if @error, from looking up locked pages, shows that they are
 * gone; -ENOMEM or -EINTR if the look-up did not find out.
 */
static int contig_pin_gone(int error)
{
	error = contig_pin_error(error);
	return error == -ENOMEM || error == -EINTR ? error : -ESTALE;
}

/*
 * Return how many of @npages pages from @first on map the buffer at the offset
 * at which it was locked, or -ENOMEM or -EINTR.
 */
static long contig_pin_shows_buffer(const struct contig_pin *pin,
				    unsigned long first, unsigned long npages)
{
	unsigned long page = first, last = first + npages - 1;
	struct contig_vma mapping;
	int ret = 0;

	for (; !ret && page <= last; page += mapping.npages) {
		ret = contig_vma_at(contig_pin_mm(pin), page, last,
				    &mapping);
		if (ret) {
			ret = contig_pin_gone(ret);
			break;
		}
		if (mapping.buffer != pin->buffer ||
		    mapping.offset != pin->base + (page - pin->first))
			ret = -ESTALE;
		contig_vma_put(&mapping);
		if (ret)
			break;
	}
	return ret && ret != -ESTALE ? ret : page - first;
}

/*
 * Look up pages of the calling process. FOLL_FORCE finds them whatever the
 * protection of the mapping is. Return as get_user_pages_remote().
 */
static long contig_pin_look_up(struct mm_struct *mm, unsigned long addr, int nr,
			       struct page **pages)
{
	int locked = 1;
	long got;

	got = get_user_pages_fast_only(addr, nr, 0, pages);
	if (got > 0)
		return got;
	if (mmap_read_lock_killable(mm))
		return -EINTR;
	got = contig_get_user_pages_remote(mm, addr, nr, FOLL_FORCE, pages,
					   &locked);
	if (locked)
		mmap_read_unlock(mm);
	return got;
}

/* Return how many of @pages match the pages of a pin from @offset on. */
static long contig_pin_matches(const struct contig_pin *pin,
			       unsigned long offset, struct page **pages,
			       long nr)
{
	struct contig_cursor cursor;
	unsigned long pfn, n;
	long i = 0;

	contig_cursor_init(&cursor, &pin->own, offset);
	while ((n = contig_cursor_next(&cursor, offset + nr, &pfn)))
		for (; n--; i++, pfn++)
			if (page_to_pfn(pages[i]) != pfn)
				return i;
	return i;
}

/*
 * Return how many of @npages pages from @first on, at most CONTIG_PIN_BATCH,
 * still are the pinned ones, or -ENOMEM or -EINTR.
 */
static long contig_pin_shows_pages(const struct contig_pin *pin,
				   unsigned long first, unsigned long npages)
{
	long nr, i, same, done = 0;
	struct page **pages;

	pages = (struct page **)__get_free_page(GFP_KERNEL | __GFP_NOWARN |
						__GFP_RETRY_MAYFAIL);
	if (!pages)
		return -ENOMEM;
	while (done < npages) {
		nr = fatal_signal_pending(current) ? -EINTR :
		     contig_pin_look_up(contig_pin_mm(pin),
					(first + done) << PAGE_SHIFT,
					npages - done, pages);
		if (nr <= 0) {
			nr = contig_pin_gone(nr ?: -EFAULT);
			if (nr != -ESTALE)
				done = nr;
			break;
		}
		same = contig_pin_matches(pin, first + done - pin->first, pages,
					  nr);
		for (i = 0; i < nr; i++)
			put_page(pages[i]);
		done += same;
		if (same < nr)
			break;
	}
	free_page((unsigned long)pages);
	return done;
}

/**
 * contig_pin_suspect() - find a page that may be gone
 * @pin: the pin
 * @first: page of it to begin at
 * @last: last page of interest
 *
 * Context: any. Takes no lock.
 *
 * Return: the page; @last + 1 if all are certain to be in place.
 */
unsigned long contig_pin_suspect(const struct contig_pin *pin,
				 unsigned long first, unsigned long last)
{
	return contig_mark_next(&pin->mark, first, last);
}

/**
 * contig_pin_verify() - check that pages still are where they were pinned
 * @pin: of the calling process, or of a buffer; the caller serialises checks of
 *       it
 * @page: in/out: first page; after -ESTALE the page that is gone
 * @last: last page, in @pin
 *
 * Looks at suspect pages only. May sleep.
 *
 * Return: 0 if all are in place, -ESTALE if one is gone, -ENOMEM or -EINTR if
 * the check was not possible.
 */
int contig_pin_verify(struct contig_pin *pin, unsigned long *page,
		      unsigned long last)
{
	unsigned long n, step = 1;
	int ret = 0;
	long done;

	/* Few pages at first: callers continue after each page that is gone. */
	while (!ret && (*page = contig_pin_suspect(pin, *page, last)) <= last) {
		n = contig_mark_take(&pin->mark, *page,
				     min(last, *page + step - 1));
		step = min(2 * step, CONTIG_PIN_BATCH);
		done = pin->buffer ? contig_pin_shows_buffer(pin, *page, n) :
				     contig_pin_shows_pages(pin, *page, n);
		if (done < 0)
			return done;
		contig_mark_clear(&pin->mark, *page, done);
		*page += done;
		if (done < n)
			ret = -ESTALE;
		cond_resched();
	}
	if (pin->mark.watch)
		contig_mark_rest(&pin->mark);
	return ret;
}

/**
 * contig_area_check() - check that locked pages still are where they were
 * @area: an area of the calling process, or of a buffer
 * @first: first page, in @area
 * @last: last page, in @area
 *
 * Costs little as long as no change touched the pages. May sleep.
 *
 * Return: 0, -EHWPOISON if a page of a buffer has failed, -ESTALE if one is
 * gone, -ENOMEM or -EINTR if the check was not possible.
 */
int contig_area_check(struct contig_area *area, unsigned long first,
		      unsigned long last)
{
	int ret;

	if (contig_area_first_failed(area, first, last) <= last - first)
		return -EHWPOISON;
	if (contig_pin_suspect(area->pin, first, last) > last)
		return 0;
	ret = contig_pin_verify(area->pin, &first, last);
	if (ret == -ESTALE)
		contig_stats_count(CONTIG_EVENT_STALE);
	return ret;
}

/**
 * contig_area_check_write() - check that a device may write to locked pages
 * @area: an area of the calling process, or of a buffer
 * @first: first page, in @area
 * @last: last page, in @area
 *
 * For pages that were locked for output only. May sleep.
 *
 * Return: 0, -EACCES, -ESTALE if a write gave the process another page, or an
 * error of contig_pin_range().
 */
int contig_area_check_write(struct contig_area *area, unsigned long first,
			    unsigned long last)
{
	struct contig_pin *pin = area->pin;
	struct contig_areas areas;
	struct contig_area *other;
	unsigned long at, pfn, n;
	struct contig_cursor cursor;
	int ret;

	if (!pin->mark.watch)
		return 0;
	contig_areas_init(&areas);
	ret = contig_pin_range(pin->mark.watch, first, last, 0, &areas);
	if (ret)
		return ret;
	contig_for_each_area(other, &areas, first, last) {
		at = other->it.start - pin->first;
		if (other->pin->buffer != pin->buffer ||
		    other->pin->base != pin->base + at * !!pin->buffer)
			ret = -ESTALE;
		if (ret || pin->buffer)
			continue;
		contig_cursor_init(&cursor, &other->pin->own, 0);
		while ((n = contig_cursor_next(&cursor, other->pin->npages,
					       &pfn)))
			for (; n--; at++, pfn++)
				if (contig_extents_pfn(&pin->own, at) != pfn)
					ret = -ESTALE;
	}
	/* The area keeps its pin; these only served to fault in and compare. */
	contig_pin_release_areas(&areas);
	return ret;
}
