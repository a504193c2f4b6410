// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins, which keep locked memory in place
 *
 * A user's own memory is pinned. A buffer of contig's is told to stay where it is;
 * GUP would fail on buffers that are mapped as bare page frames.
 *
 * Pins keep pages alive, not mappings: the process can unmap locked memory or
 * map other memory there. watch.c records which pages a change touched; stale.c
 * finds out whether they still are in place.
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/dma-buf.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/user.h>
#include <linux/slab.h>

#include "areas.h"
#include "buffer.h"
#include "client.h"
#include "dma_device.h"
#include "dma_map.h"
#include "fault.h"
#include "foreign.h"
#include "gfp.h"
#include "limits.h"
#include "pin.h"
#include "place.h"
#include "poison.h"
#include "target.h"
#include "vma.h"

/* Pages whose pointers are kept on the stack. */
#define CONTIG_PIN_FEW 32UL

/*
 * Not from a cache of its own: kmem_cache_destroy() waits for every processor, and
 * cannot be killed, so that a real-time task could keep the module.
 */
static struct contig_pin *contig_pin_new(const struct contig_vma *mapping,
					 unsigned long first)
{
	struct contig_pin *pin = kzalloc(sizeof(*pin), CONTIG_GFP);

	if (!pin)
		return NULL;
	refcount_set(&pin->refs, 1);
	pin->first = first;
	pin->npages = mapping->npages;
	pin->buffer = mapping->buffer;
	pin->base = mapping->offset;
	contig_extents_init(&pin->own);
	return pin;
}

/*
 * Charge the user, as io_uring and iommufd do, and not the address space: a pin
 * outlives the process if another process has the client's file.
 */
static int contig_pin_charge(struct contig_pin *pin, struct mm_struct *mm)
{
	unsigned long limit = rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
	struct user_struct *user = current_user();
	long used = atomic_long_read(&user->locked_vm);

	if (contig_pins_charge(pin->npages, &pin->counted))
		return -EDQUOT;
	do {
		if ((pin->npages > limit || used > limit - pin->npages) &&
		    !capable(CAP_IPC_LOCK)) {
			contig_pins_uncharge(pin->npages, pin->counted);
			return -EDQUOT;
		}
	} while (!atomic_long_try_cmpxchg(&user->locked_vm, &used,
					  used + pin->npages));
	/* A dma-buf that a descriptor names is in no address space. */
	if (mm)
		atomic64_add(pin->npages, &mm->pinned_vm);
	/* Not the user alone: older builds of 6.1 do not export free_uid(). */
	pin->payer = get_current_cred();
	return 0;
}

static void contig_pin_uncharge(struct contig_pin *pin, struct mm_struct *mm,
				unsigned long npages)
{
	if (!pin->payer)
		return;
	contig_pins_uncharge(npages, pin->counted);
	atomic_long_sub(npages, &pin->payer->user->locked_vm);
	if (mm)
		atomic64_sub(npages, &mm->pinned_vm);
}

/*
 * Begin to record changes of the pages before they are looked up, so that none
 * is missed. The mark takes memory for each page, so charge the user first.
 */
static int contig_pin_watch(struct contig_pin *pin, struct contig_watch *watch,
			    bool charge)
{
	struct mm_struct *mm = watch->notifier.mm;
	int ret = 0;

	if (charge)
		ret = contig_pin_charge(pin, mm);
	if (ret)
		return ret;
	ret = contig_mark_init(&pin->mark, watch, pin->first, pin->npages);
	if (ret)
		contig_pin_uncharge(pin, mm, pin->npages);
	return ret;
}

/* Return the extents of the memory; the pin begins at page contig_pin.base. */
const struct contig_extents *contig_pin_extents(const struct contig_pin *pin)
{
	return pin->buffer ? &pin->buffer->extents : &pin->own;
}

/*
 * Pages in an extent, on average, from which on unpinning extent by extent is
 * quicker than in batches of single pages.
 */
#define CONTIG_PIN_SCATTERED 4

/* contig_pin_drop() for short extents. */
static void contig_pin_drop_scattered(struct contig_pin *pin,
				      unsigned long offset,
				      unsigned long npages, bool dirty)
{
	struct page *few[CONTIG_PIN_FEW] __uninitialized;
	unsigned long n;

	for (; npages; offset += n, npages -= n) {
		n = min(npages, ARRAY_SIZE(few));
		contig_extents_pages(&pin->own, offset, n, few);
		unpin_user_pages_dirty_lock(few, n, dirty);
		cond_resched();
	}
}

/* Unpin some of the pages of a user's own memory. */
static void contig_pin_drop(struct contig_pin *pin, unsigned long offset,
			    unsigned long npages, bool dirty)
{
	unsigned long end = offset + npages, pfn, n;
	struct contig_cursor cursor;

	if (pin->own.nr > pin->own.npages / CONTIG_PIN_SCATTERED) {
		contig_pin_drop_scattered(pin, offset, npages, dirty);
		return;
	}
	contig_cursor_init(&cursor, &pin->own, offset);
	while ((n = contig_cursor_next(&cursor, end, &pfn))) {
		unpin_user_page_range_dirty_lock(pfn_to_page(pfn), n, dirty);
		cond_resched();
	}
}

/* Undo the mapping for the device, then unpin and uncharge all of it. */
static void contig_pin_unmap(struct contig_pin *pin)
{
	if (pin->buffer) {
		scoped_guard(mutex, &pin->buffer->lock)
			list_del(&pin->map->buffer_node);
		contig_dma_map_free(pin->map);
		return;
	}
	if (pin->foreign) {
		contig_foreign_free(pin->foreign);
		contig_pin_uncharge(pin, NULL, pin->npages);
		return;
	}
	contig_dma_map_free(pin->map);
	contig_pin_drop(pin, 0, pin->npages, pin->dirty);
	contig_pin_uncharge(pin, contig_pin_mm(pin), pin->npages);
}

static void contig_pin_put(struct contig_pin *pin)
{
	if (!refcount_dec_and_test(&pin->refs))
		return;
	if (pin->map)
		contig_pin_unmap(pin);
	contig_mark_destroy(&pin->mark);
	if (pin->stays)
		contig_place_leave(pin->buffer);
	if (pin->buffer)
		contig_buffer_put(pin->buffer);
	if (pin->payer)
		put_cred(pin->payer);
	contig_extents_free(&pin->own);
	kfree(pin);
}

static unsigned int contig_pin_gup_flags(const struct contig_vma *mapping,
					 bool output)
{
	if (!output)
		return FOLL_LONGTERM | FOLL_WRITE;
	if (CONTIG_READ_ONLY_PIN_IS_STABLE)
		return FOLL_LONGTERM;
	/*
	 * Pin the page that a later write would give the process. A shared
	 * mapping of a file keeps its pages in any case.
	 */
	if (mapping->shared_file)
		return FOLL_LONGTERM | (mapping->writable ? FOLL_WRITE : 0);
	return FOLL_LONGTERM | FOLL_WRITE | FOLL_FORCE;
}

/* Map an error of GUP to the errno of the uapi. */
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

/*
 * Return true if pages that GUP gave are anonymous. Pages of fsdax can look so;
 * they cannot be among these, since FOLL_LONGTERM refuses them.
 */
static bool contig_pages_are_anonymous(struct page **pages, unsigned long nr)
{
	while (nr--)
		if (!folio_test_anon(page_folio(pages[nr])))
			return false;
	return true;
}

/* Pin the pages. @anonymous: receives whether they are few, and anonymous. */
static int contig_pin_pages(struct contig_pin *pin,
			    const struct contig_vma *mapping, bool output,
			    struct page **pages, bool *anonymous)
{
	unsigned int flags = contig_pin_gup_flags(mapping, output);
	unsigned long done;
	int nr, ret = 0;

	*anonymous = pin->npages <= CONTIG_PIN_FEW;
	while (pin->own.npages < pin->npages) {
		unsigned long at = pin->first + pin->own.npages;

		nr = min(pin->npages - pin->own.npages, CONTIG_PIN_BATCH);
		nr = contig_should_fail(CONTIG_FAULT_PIN) ? -ENOMEM :
		     pin_user_pages_fast(at << PAGE_SHIFT, nr, flags, pages);
		if (nr <= 0) {
			ret = contig_pin_error(nr ?: -EFAULT);
			break;
		}
		*anonymous = *anonymous && contig_pages_are_anonymous(pages, nr);
		done = contig_extents_append_pages(&pin->own, pages, nr);
		if (done < nr) {
			unpin_user_pages(pages + done, nr - done);
			ret = -ENOMEM;
			break;
		}
		if (fatal_signal_pending(current)) {
			ret = -EINTR;
			break;
		}
		cond_resched();
	}
	if (ret && pin->own.npages)
		contig_pin_drop(pin, 0, pin->own.npages, false);
	return ret;
}

/*
 * Return 0 if a device may write to the pinned range, else -errno. The mapping
 * was looked at before it was watched and pinned, and can have changed since.
 */
static int contig_pin_check(struct contig_pin *pin)
{
	unsigned long page = pin->first, last = pin->first + pin->npages - 1;
	struct contig_vma mapping;
	int ret = 0;

	for (; !ret && page <= last; page += mapping.npages) {
		ret = contig_vma_at(contig_pin_mm(pin), page, last,
				    &mapping);
		if (!ret && (!mapping.writable || mapping.tracked_file))
			ret = -EACCES;
		contig_vma_put(&mapping);
	}
	return ret;
}

/* Pin the user's own memory. */
static int contig_pin_user(struct contig_pin *pin,
			   const struct contig_vma *mapping, bool output)
{
	struct page *few[CONTIG_PIN_FEW] __uninitialized, **pages = few;
	bool anonymous = false;
	int ret;

	if (pin->npages > ARRAY_SIZE(few))
		pages = (struct page **)__get_free_page(GFP_KERNEL |
							__GFP_NOWARN |
							__GFP_RETRY_MAYFAIL);
	ret = pages ? contig_pin_pages(pin, mapping, output, pages,
				       &anonymous) : -ENOMEM;
	/*
	 * GUP has made sure that the process may write to the pages. Before 6.5 it
	 * does not ask whether they are of a file whose filesystem must be notified.
	 * Anonymous ones are of none. To look at these takes as long as they are
	 * many, and another look at the mapping the time of mmap_lock.
	 */
	if (!ret && !output && !anonymous) {
		ret = contig_pin_check(pin);
		if (ret)
			contig_pin_drop(pin, 0, pin->npages, false);
	}
	if (ret)
		contig_pin_uncharge(pin, contig_pin_mm(pin), pin->npages);
	if (pages != few)
		free_page((unsigned long)pages);
	return ret;
}

/* Keep a buffer, which does not move then. */
static int contig_pin_keep_buffer(struct contig_pin *pin)
{
	int ret = contig_place_stay(pin->buffer);

	if (ret)
		return ret;
	pin->stays = true;
	/* Found before it was watched: check the mapping at the next use. */
	if (pin->mark.watch)
		contig_mark_touch(&pin->mark);
	contig_buffer_expose(pin->buffer);
	return contig_buffer_failed(pin->buffer, pin->base, pin->npages) ?
	       -EHWPOISON : 0;
}

/* Make an area count pages of a pin once. */
static void contig_pin_fill_area(struct contig_pin *pin,
				 struct contig_area *area, unsigned long first,
				 unsigned long last, bool output)
{
	area->it.start = first;
	area->it.last = last;
	area->count = 1;
	area->pin = pin;
	area->write = !output;
}

/* Pin one mapping and make it an area. Takes over the mapping's reference. */
static int contig_pin_vma(struct contig_watch *watch, unsigned long first,
			  struct contig_vma *mapping, u32 flags,
			  struct contig_areas *areas)
{
	bool charge = flags & CONTIG_PIN_CHARGE;
	bool output = flags & CONTIG_PIN_OUTPUT;
	struct contig_pin *pin = contig_pin_new(mapping, first);
	int ret;

	if (!pin) {
		contig_vma_put(mapping);
		return -ENOMEM;
	}
	if (watch) {
		ret = contig_pin_watch(pin, watch, charge && !pin->buffer);
		if (ret)
			goto err_put;
	}
	ret = pin->buffer ? contig_pin_keep_buffer(pin) :
			    contig_pin_user(pin, mapping, output);
	if (ret)
		goto err_put;
	contig_pin_fill_area(pin, &pin->area, first,
			     first + pin->npages - 1, output);
	contig_areas_insert(areas, &pin->area);
	return 0;

err_put:
	contig_pin_put(pin);
	return ret;
}

/* Return 0 if a device may use a mapping as the caller wants it, else -errno. */
static int contig_pin_allowed(const struct contig_vma *mapping, bool output)
{
	if (!output && (!mapping->writable || mapping->tracked_file))
		return -EACCES;
	/* Treat unreadable memory as unmapped. */
	if (output && !mapping->readable)
		return -EFAULT;
	return 0;
}

/**
 * contig_pin_range() - make pages of a process immovable
 * @watch: of the address space of the calling process; must outlive the areas
 * @first: first page
 * @last: last page
 * @flags: of &enum contig_pin_flags
 * @areas: receives areas with a count of 1; must be empty
 *
 * All or nothing. Waits until pages are read in, and until those in CMA or
 * ZONE_MOVABLE, where nothing may be pinned, have been migrated. May sleep.
 *
 * Return: 0 or -errno as uapi/linux/contig.h documents it for CONTIG_LOCK.
 */
int contig_pin_range(struct contig_watch *watch, unsigned long first,
		     unsigned long last, u32 flags, struct contig_areas *areas)
{
	bool output = flags & CONTIG_PIN_OUTPUT;
	struct contig_vma mapping;
	unsigned long next;
	int ret;

	for (next = first; next <= last; next += mapping.npages) {
		ret = contig_vma_at(watch->notifier.mm, next, last,
				    &mapping);
		if (ret)
			goto err_release;
		ret = contig_pin_allowed(&mapping, output);
		if (ret) {
			contig_vma_put(&mapping);
			goto err_release;
		}
		ret = contig_pin_vma(watch, next, &mapping, flags, areas);
		if (ret)
			goto err_release;
	}
	return 0;

err_release:
	contig_pin_release_areas(areas);
	return ret;
}

/* contig_pin_range() for pages of a buffer, named by their offset. */
int contig_pin_buffer(struct contig_buffer *buffer, unsigned long first,
		      unsigned long last, struct contig_areas *areas)
{
	struct contig_vma mapping = {
		.npages = last - first + 1,
		.buffer = buffer,
		.offset = first,
	};

	contig_buffer_get(buffer);
	return contig_pin_vma(NULL, first, &mapping, 0, areas);
}

/* Map a foreign dma-buf as a whole. Return the pin or ERR_PTR(). */
static struct contig_pin *contig_pin_foreign_new(struct contig_client *client,
						 struct dma_buf *dmabuf,
						 bool output)
{
	struct contig_vma mapping = {
		.npages = PAGE_ALIGN((u64)dmabuf->size) >> PAGE_SHIFT,
	};
	struct contig_pin *pin = contig_pin_new(&mapping, 0);
	struct contig_foreign *foreign;
	int ret;

	if (!pin)
		return ERR_PTR(-ENOMEM);
	ret = contig_pin_charge(pin, NULL);
	if (ret) {
		contig_pin_put(pin);
		return ERR_PTR(ret);
	}
	foreign = contig_foreign_new(client->device, dmabuf, output,
				     client->user);
	if (IS_ERR(foreign)) {
		contig_pin_uncharge(pin, NULL, pin->npages);
		contig_pin_put(pin);
		return ERR_CAST(foreign);
	}
	pin->foreign = foreign;
	pin->map = &foreign->map;
	return pin;
}

/**
 * contig_pin_foreign() - keep pages of a foreign dma-buf, mapped for a device
 * @client: with its lock held, and with a device
 * @target: a range of the dma-buf
 * @first: first page, not locked yet
 * @last: last page
 * @output: the device will only read them
 * @areas: receives an area with a count of 1; must be empty
 *
 * The first lock of a client maps and charges all of the dma-buf, in the
 * direction of that lock. May sleep.
 *
 * Return: 0, -EACCES if the dma-buf is mapped for output and @output is not
 * set, -EDQUOT, -ENOMEM or an error of contig_foreign_new().
 */
int contig_pin_foreign(struct contig_client *client,
		       const struct contig_target *target, unsigned long first,
		       unsigned long last, bool output,
		       struct contig_areas *areas)
{
	struct contig_area *other = contig_areas_first(target->areas, 0,
						       ULONG_MAX);
	struct contig_area *area;
	struct contig_pin *pin;

	if (!other) {
		pin = contig_pin_foreign_new(client, target->dmabuf, output);
		if (IS_ERR(pin))
			return PTR_ERR(pin);
		area = &pin->area;
	} else {
		pin = other->pin;
		if (!output && pin->map->direction == DMA_TO_DEVICE)
			return -EACCES;
		area = contig_area_new(first, last);
		if (!area)
			return -ENOMEM;
		contig_pin_get(pin);
	}
	contig_pin_fill_area(pin, area, first, last, output);
	area->offset = first;
	contig_areas_insert(areas, area);
	return 0;
}

/**
 * contig_pin_map() - map pinned memory for a device
 * @pin: as a whole; not mapped yet
 * @device: the device
 * @flags: CONTIG_DMA_OUTPUT, CONTIG_DMA_BOUNCE
 * @user: account to charge for the memory that an IOMMU needs
 *
 * The map lives as long as the pin. May sleep.
 *
 * Return: 0, -EADDRNOTAVAIL, or an error of contig_dma_map_new().
 */
int contig_pin_map(struct contig_pin *pin, struct contig_dma_device *device,
		   u32 flags, struct contig_user *user)
{
	struct contig_dma_map *map;

	if (pin->buffer && !contig_buffer_suits(pin->buffer, device->dev))
		return -EADDRNOTAVAIL;
	if (pin->buffer && contig_buffer_no_map(pin->buffer))
		flags |= CONTIG_DMA_NO_MAP;
	map = contig_dma_map_new(device, contig_pin_extents(pin), pin->base,
				 pin->npages, flags, user);
	if (IS_ERR(map))
		return PTR_ERR(map);
	pin->map = map;
	if (pin->buffer) {
		guard(mutex)(&pin->buffer->lock);
		list_add_tail(&map->buffer_node, &pin->buffer->maps);
	}
	return 0;
}

/* Unpin the pages of an area and free it. */
void contig_pin_release_area(struct contig_areas *areas,
			     struct contig_area *area)
{
	struct contig_pin *pin = area->pin;
	unsigned long npages = contig_area_npages(area);

	contig_areas_remove(areas, area);
	pin->dirty |= area->write;
	if (!pin->buffer && !pin->map) {
		contig_pin_drop(pin, area->offset, npages, area->write);
		contig_pin_uncharge(pin, contig_pin_mm(pin), npages);
	}
	contig_area_free(area);
	contig_pin_put(pin);
}

void contig_pin_release_areas(struct contig_areas *areas)
{
	struct contig_area *area;

	while ((area = contig_areas_first(areas, 0, ULONG_MAX))) {
		contig_pin_release_area(areas, area);
		cond_resched();
	}
}
