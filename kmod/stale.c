// SPDX-License-Identifier: GPL-2.0-only
/*
 * Is locked memory still where it was locked?
 *
 * What the interval notifier of a pin tells of is often nothing that matters. Before
 * the next use the page tables are looked up again and compared with what was
 * pinned.
 */
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/sched/signal.h>

#include "areas.h"
#include "pin.h"
#include "stale.h"
#include "stats.h"
#include "userspace.h"

/*
 * A look at locked pages ended with @error: are they gone, or is it not known?
 * Memory can be missing for the page tables they had before.
 */
static int contig_pin_gone(int error)
{
	error = contig_pin_error(error);
	return error == -ENOMEM || error == -EINTR ? error : -ESTALE;
}

/* Does the process still have the buffer's pages where they were locked? */
static int contig_pin_shows_buffer(const struct contig_pin *pin,
				   unsigned long first, unsigned long last)
{
	struct contig_stretch stretch;
	unsigned long offset;
	int ret = 0;

	for (; !ret && first <= last; first += stretch.npages) {
		offset = pin->base + (first - pin->first);
		ret = contig_stretch_at(pin->mm, first, last, &stretch);
		if (ret)
			return contig_pin_gone(ret);
		if (stretch.buffer != pin->buffer || stretch.offset != offset)
			ret = -ESTALE;
		contig_stretch_put(&stretch);
	}
	return ret;
}

/* Are these the pages that the pin holds at @offset, in this order? */
static bool contig_pin_has(const struct contig_pin *pin, unsigned long offset,
			   struct page **pages, int nr)
{
	int i;

	for (i = 0; i < nr; i++)
		if (contig_extents_pfn(&pin->own, offset + i) !=
		    page_to_pfn(pages[i]))
			return false;
	return true;
}

/* Does the process still have the pinned pages where they were locked? */
static int contig_pin_shows_pages(const struct contig_pin *pin,
				  unsigned long first, unsigned long last)
{
	struct page **pages;
	int nr, i, ret = 0;

	pages = (struct page **)__get_free_page(GFP_KERNEL | __GFP_NOFAIL);
	while (!ret && first <= last) {
		nr = min(last - first + 1, CONTIG_PIN_BATCH);
		nr = fatal_signal_pending(current) ? -EINTR :
		     get_user_pages_fast(first << PAGE_SHIFT, nr, 0, pages);
		if (nr <= 0) {
			ret = contig_pin_gone(nr ?: -EFAULT);
			break;
		}
		if (!contig_pin_has(pin, first - pin->first, pages, nr))
			ret = -ESTALE;
		for (i = 0; i < nr; i++)
			put_page(pages[i]);
		first += nr;
		cond_resched();
	}
	free_page((unsigned long)pages);
	return ret;
}

/**
 * contig_pin_shows() - does the process still have these pages where it had them?
 * @pin: of the calling process, or of a buffer
 * @first: first page, in @pin
 * @last: last page, in @pin
 *
 * May sleep.
 *
 * Return: 0 if it does, -ESTALE, or -ENOMEM or -EINTR if it is not known.
 */
int contig_pin_shows(const struct contig_pin *pin, unsigned long first,
		     unsigned long last)
{
	return pin->buffer ? contig_pin_shows_buffer(pin, first, last) :
			     contig_pin_shows_pages(pin, first, last);
}

/*
 * Lower the flag, then wait for changes under way: who looks then sees all of them.
 * A change that begins later raises the flag again. May sleep.
 */
void contig_pin_calm(struct contig_pin *pin)
{
	/* Full barrier: pairs with the one in contig_pin_invalidate(). */
	xchg(&pin->suspect, 0);
	if (pin->mm)
		mmu_interval_read_begin(&pin->notifier);
}

/* Find out which areas of a suspect pin are certain to be still in place. */
static void contig_pin_look(struct contig_areas *areas, struct contig_pin *pin)
{
	unsigned long last = pin->first + pin->npages - 1;
	struct contig_area *area;

	contig_pin_calm(pin);
	contig_for_each_area(area, areas, pin->first, last)
		if (area->pin == pin)
			area->tainted = contig_pin_shows(pin, area->it.start,
							 area->it.last);
}

/**
 * contig_area_check() - are locked pages still where they were locked?
 * @areas: the tree that @area is in
 * @area: an area of the calling process, or of a buffer
 * @first: first page, in @area
 * @last: last page, in @area
 *
 * Free as long as nothing happened to the mapping. May sleep.
 *
 * Return: 0, -ESTALE, or -ENOMEM or -EINTR if that could not be found out.
 */
int contig_area_check(struct contig_areas *areas, struct contig_area *area,
		      unsigned long first, unsigned long last)
{
	struct contig_pin *pin = area->pin;
	int ret;

	if (READ_ONCE(pin->suspect))
		contig_pin_look(areas, pin);
	if (!area->tainted)
		return 0;
	ret = contig_pin_shows(pin, first, last);
	if (ret == -ESTALE)
		contig_stats_count(CONTIG_EVENT_STALE);
	return ret;
}

/**
 * contig_area_check_write() - may pages that were locked for output be written?
 * @area: an area of the calling process, or of a buffer
 * @first: first page, in @area
 * @last: last page, in @area
 *
 * Return: 0, -EACCES, -ESTALE if a write gave the process another page, or what
 * pinning answers.
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

	if (!pin->mm)
		return 0;
	contig_areas_init(&areas);
	ret = contig_pin_range(pin->mm, first, last, false, false, &areas);
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
	/* Our own pins stay; these only served to look, and to fault in. */
	contig_areas_release(&areas);
	return ret;
}
