// SPDX-License-Identifier: GPL-2.0-only
/*
 * What keeps locked memory in place
 *
 * A user's own memory is pinned. Memory of contig's buffers does not move, so
 * for it a reference on the buffer is enough; pinning through its mapping would
 * not work for all kinds of it.
 *
 * Pins keep pages alive, not mappings: the process can unmap or replace what it
 * locked. watch.c notes which pages a change touched; stale.c finds out whether
 * that matters.
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/user.h>
#include <linux/slab.h>

#include "areas.h"
#include "buffer.h"
#include "dma_device.h"
#include "dma_map.h"
#include "fault.h"
#include "limits.h"
#include "pin.h"
#include "poison.h"
#include "userspace.h"

static struct contig_pin *contig_pin_new(const struct contig_stretch *stretch,
					 unsigned long first)
{
	struct contig_pin *pin = kzalloc(sizeof(*pin), GFP_KERNEL_ACCOUNT);

	if (!pin)
		return NULL;
	refcount_set(&pin->refs, 1);
	pin->first = first;
	pin->npages = stretch->npages;
	pin->buffer = stretch->buffer;
	pin->base = stretch->offset;
	contig_extents_init(&pin->own);
	return pin;
}

/*
 * Charge the user, not the address space: a pin can outlive the process, if
 * somebody else has the client's file. Like io_uring and iommufd do.
 */
static int contig_pin_charge(struct contig_pin *pin)
{
	unsigned long limit = rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
	struct user_struct *user = get_current_user();
	long used = atomic_long_read(&user->locked_vm);

	if (contig_pins_charge(pin->npages, &pin->counted)) {
		free_uid(user);
		return -EDQUOT;
	}
	do {
		if ((pin->npages > limit || used > limit - pin->npages) &&
		    !capable(CAP_IPC_LOCK)) {
			contig_pins_uncharge(pin->npages, pin->counted);
			free_uid(user);
			return -EDQUOT;
		}
	} while (!atomic_long_try_cmpxchg(&user->locked_vm, &used,
					  used + pin->npages));
	atomic64_add(pin->npages, &pin->mm->pinned_vm);
	pin->payer = user;
	return 0;
}

static void contig_pin_uncharge(struct contig_pin *pin, unsigned long npages)
{
	if (!pin->payer)
		return;
	contig_pins_uncharge(npages, pin->counted);
	atomic_long_sub(npages, &pin->payer->locked_vm);
	atomic64_sub(npages, &pin->mm->pinned_vm);
}

/*
 * Have changes of the pages noted before they are looked up: no change can slip in
 * between. That takes memory for each page, so the user is charged first.
 */
static int contig_pin_watch(struct contig_pin *pin, struct contig_watch *watch,
			    bool charge)
{
	int ret = 0;

	pin->mm = watch->notifier.mm;
	if (charge)
		ret = contig_pin_charge(pin);
	if (ret)
		return ret;
	ret = contig_mark_init(&pin->mark, watch, pin->first, pin->npages);
	if (ret)
		contig_pin_uncharge(pin, pin->npages);
	return ret;
}

void contig_pin_get(struct contig_pin *pin)
{
	refcount_inc(&pin->refs);
}

/* Where the memory lies; contig_pin.base is where in it the pin begins. */
const struct contig_extents *contig_pin_extents(const struct contig_pin *pin)
{
	return pin->buffer ? &pin->buffer->extents : &pin->own;
}

/* Unpin some of the pages of a user's own memory. */
static void contig_pin_drop(struct contig_pin *pin, unsigned long offset,
			    unsigned long npages, bool dirty)
{
	unsigned long end = offset + npages, pfn, n;
	struct contig_cursor cursor;

	contig_cursor_init(&cursor, &pin->own, offset);
	while ((n = contig_cursor_next(&cursor, end, &pfn))) {
		unpin_user_page_range_dirty_lock(pfn_to_page(pfn), n, dirty);
		cond_resched();
	}
}

/* The device lets go of the memory: now all of it can be unpinned. */
static void contig_pin_unmap(struct contig_pin *pin)
{
	if (pin->buffer) {
		scoped_guard(mutex, &pin->buffer->lock)
			list_del(&pin->map->buffer_node);
		contig_dma_map_free(pin->map);
		return;
	}
	contig_dma_map_free(pin->map);
	contig_pin_drop(pin, 0, pin->npages, pin->dirty);
	contig_pin_uncharge(pin, pin->npages);
}

void contig_pin_put(struct contig_pin *pin)
{
	if (!refcount_dec_and_test(&pin->refs))
		return;
	if (pin->map)
		contig_pin_unmap(pin);
	contig_mark_destroy(&pin->mark);
	if (pin->buffer)
		contig_buffer_put(pin->buffer);
	if (pin->payer)
		free_uid(pin->payer);
	contig_extents_free(&pin->own);
	kfree(pin);
}

static unsigned int contig_pin_flags(const struct contig_stretch *stretch,
				     bool output)
{
	if (!output)
		return FOLL_LONGTERM | FOLL_WRITE;
	if (CONTIG_READ_ONLY_PIN_IS_STABLE)
		return FOLL_LONGTERM;
	/*
	 * Take the page that a later write would give the process. A mapping
	 * that shares with a file keeps its pages anyhow.
	 */
	if (stretch->shared_file)
		return FOLL_LONGTERM | (stretch->writable ? FOLL_WRITE : 0);
	return FOLL_LONGTERM | FOLL_WRITE | FOLL_FORCE;
}

/* What the caller gets for what the kernel's functions that look up pages say. */
int contig_pin_error(int error)
{
	switch (error) {
	case -EOPNOTSUPP:
		return -ENXIO;
	case -ENOMEM:
	case -EINTR:
		return error;
	case -ERESTARTSYS:
		return -EINTR;
	default:
		return -EFAULT;
	}
}

static int contig_pin_append(struct contig_extents *extents,
			     struct page **pages, int nr)
{
	unsigned long pfn;
	int i, n, ret;

	for (i = 0; i < nr; i += n) {
		pfn = page_to_pfn(pages[i]);
		for (n = 1; i + n < nr; n++)
			if (page_to_pfn(pages[i + n]) != pfn + n)
				break;
		ret = contig_extents_append(extents, pfn, n);
		if (ret) {
			unpin_user_pages(pages + i, nr - i);
			return ret;
		}
	}
	return 0;
}

static int contig_pin_pages(struct contig_pin *pin,
			    const struct contig_stretch *stretch, bool output,
			    struct page **pages)
{
	unsigned int flags = contig_pin_flags(stretch, output);
	int nr, ret = 0;

	while (pin->own.npages < pin->npages) {
		unsigned long at = pin->first + pin->own.npages;

		nr = min(pin->npages - pin->own.npages, CONTIG_PIN_BATCH);
		nr = contig_should_fail(CONTIG_FAULT_PIN) ? -ENOMEM :
		     pin_user_pages_fast(at << PAGE_SHIFT, nr, flags, pages);
		if (nr <= 0) {
			ret = contig_pin_error(nr ?: -EFAULT);
			break;
		}
		ret = contig_pin_append(&pin->own, pages, nr);
		if (!ret && fatal_signal_pending(current))
			ret = -EINTR;
		if (ret)
			break;
		cond_resched();
	}
	if (ret && pin->own.npages)
		contig_pin_drop(pin, 0, pin->own.npages, false);
	return ret;
}

/*
 * What a stretch is was looked at before it was watched and pinned. Is what was
 * pinned still something that a device may write to?
 */
static int contig_pin_check(struct contig_pin *pin)
{
	unsigned long page = pin->first, last = pin->first + pin->npages - 1;
	struct contig_stretch stretch;
	int ret = 0;

	for (; !ret && page <= last; page += stretch.npages) {
		ret = contig_stretch_at(pin->mm, page, last, &stretch);
		if (!ret && (!stretch.writable || stretch.tracked_file))
			ret = -EACCES;
		contig_stretch_put(&stretch);
	}
	return ret;
}

/* Pin the user's own memory. */
static int contig_pin_user(struct contig_pin *pin,
			   const struct contig_stretch *stretch, bool output)
{
	struct page **pages;
	int ret;

	pages = (struct page **)__get_free_page(GFP_KERNEL | __GFP_NOWARN |
						__GFP_RETRY_MAYFAIL);
	ret = pages ? contig_pin_pages(pin, stretch, output, pages) : -ENOMEM;
	if (!ret && !output) {
		ret = contig_pin_check(pin);
		if (ret)
			contig_pin_drop(pin, 0, pin->npages, false);
	}
	if (ret)
		contig_pin_uncharge(pin, pin->npages);
	free_page((unsigned long)pages);
	return ret;
}

/* Keep pages of a buffer, which do not move. */
static int contig_pin_keep_buffer(struct contig_pin *pin)
{
	/* It was looked at before it was watched: look again. */
	if (pin->mark.watch)
		contig_mark_touch(&pin->mark);
	contig_buffer_expose(pin->buffer);
	return contig_buffer_failed(pin->buffer, pin->base, pin->npages) ?
	       -EHWPOISON : 0;
}

/* Pin one stretch and make it an area. Takes over the stretch's reference. */
static int contig_pin_stretch(struct contig_watch *watch, unsigned long first,
			      struct contig_stretch *stretch, bool output,
			      bool charge, struct contig_areas *areas)
{
	struct contig_area *area;
	struct contig_pin *pin;
	int ret = 0;

	area = contig_area_new(first, first + stretch->npages - 1);
	pin = area ? contig_pin_new(stretch, first) : NULL;
	if (!pin) {
		contig_stretch_put(stretch);
		kfree(area);
		return -ENOMEM;
	}
	if (watch)
		ret = contig_pin_watch(pin, watch, charge && !pin->buffer);
	if (!ret)
		ret = pin->buffer ? contig_pin_keep_buffer(pin) :
				    contig_pin_user(pin, stretch, output);
	if (ret) {
		contig_pin_put(pin);
		kfree(area);
		return ret;
	}
	area->pin = pin;
	area->write = !output;
	contig_areas_insert(areas, area);
	return 0;
}

/**
 * contig_pin_range() - make pages of a process immovable
 * @watch: of the address space of the calling process; must outlive the areas
 * @first: first page
 * @last: last page
 * @output: a device will only read them
 * @charge: count them against RLIMIT_MEMLOCK
 * @areas: receives areas with a count of 1; must be empty
 *
 * All or nothing. Waits for the pages to be read in and to be moved, if they
 * lie where nothing may be pinned. May sleep.
 *
 * Return: 0 or -errno as uapi/linux/contig.h has it for CONTIG_LOCK.
 */
int contig_pin_range(struct contig_watch *watch, unsigned long first,
		     unsigned long last, bool output, bool charge,
		     struct contig_areas *areas)
{
	struct contig_stretch stretch;
	unsigned long next;
	int ret = 0;

	for (next = first; !ret && next <= last; next += stretch.npages) {
		ret = contig_stretch_at(watch->notifier.mm, next, last,
					&stretch);
		if (!ret && !output &&
		    (!stretch.writable || stretch.tracked_file)) {
			contig_stretch_put(&stretch);
			ret = -EACCES;
		}
		/* What the process cannot read is as good as not there. */
		if (!ret && output && !stretch.readable) {
			contig_stretch_put(&stretch);
			ret = -EFAULT;
		}
		if (!ret)
			ret = contig_pin_stretch(watch, next, &stretch, output,
						 charge, areas);
	}
	if (ret)
		contig_areas_release(areas);
	return ret;
}

/* The same for pages of a buffer, which are named by offset. */
int contig_pin_buffer(struct contig_buffer *buffer, unsigned long first,
		      unsigned long last, struct contig_areas *areas)
{
	struct contig_stretch stretch = {
		.npages = last - first + 1,
		.buffer = buffer,
		.offset = first,
	};

	contig_buffer_get(buffer);
	return contig_pin_stretch(NULL, first, &stretch, false, false, areas);
}

/**
 * contig_pin_map() - map pinned memory for a device
 * @pin: as a whole; not mapped yet
 * @device: the device
 * @output: the device will only read it
 * @bounce: the device may use a copy
 * @user: whom to charge for what an IOMMU needs
 *
 * Lasts as long as the pin. May sleep.
 *
 * Return: 0 or what contig_dma_map_new() answers.
 */
int contig_pin_map(struct contig_pin *pin, struct contig_dma_device *device,
		   bool output, bool bounce, struct contig_user *user)
{
	struct contig_dma_map *map;

	if (pin->buffer && !contig_buffer_suits(pin->buffer, device->dev))
		return -EADDRNOTAVAIL;
	map = contig_dma_map_new(device, contig_pin_extents(pin), pin->base,
				 pin->npages, output, bounce,
				 pin->buffer && contig_buffer_no_map(pin->buffer),
				 user);
	if (IS_ERR(map))
		return PTR_ERR(map);
	pin->map = map;
	if (pin->buffer) {
		guard(mutex)(&pin->buffer->lock);
		list_add_tail(&map->buffer_node, &pin->buffer->maps);
	}
	return 0;
}

/* Unpin the pages of an area and forget it. */
void contig_area_release(struct contig_areas *areas, struct contig_area *area)
{
	struct contig_pin *pin = area->pin;
	unsigned long npages = contig_area_npages(area);

	contig_areas_remove(areas, area);
	pin->dirty |= area->write;
	if (!pin->buffer && !pin->map) {
		contig_pin_drop(pin, area->offset, npages, area->write);
		contig_pin_uncharge(pin, npages);
	}
	contig_pin_put(pin);
	kfree(area);
}

void contig_areas_release(struct contig_areas *areas)
{
	struct contig_area *area;

	while ((area = contig_areas_first(areas, 0, ULONG_MAX))) {
		contig_area_release(areas, area);
		cond_resched();
	}
}
