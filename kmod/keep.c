// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pinned memory with counts that interrupt level can change
 *
 * Interrupt level must not sleep and cannot allocate. So task level allocates
 * all that is needed when it pins memory: a count for every page, so that areas
 * need not be cut or joined, and the DMA addresses. Keeps that interrupt level
 * releases are put on a list, and task level unpins them.
 *
 * Functions here are called with contig_keeps.lock held and can run in hard
 * interrupts, unless their comment says that they may sleep.
 */
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "areas.h"
#include "dma_device.h"
#include "dma_map.h"
#include "extents.h"
#include "gfp.h"
#include "keep.h"
#include "limits.h"
#include "pin.h"
#include "stale.h"

void contig_keeps_init(struct contig_keeps *keeps)
{
	raw_spin_lock_init(&keeps->lock);
	keeps->root = RB_ROOT_CACHED;
	INIT_LIST_HEAD(&keeps->live);
	keeps->npages = 0;
	init_llist_head(&keeps->dead);
}

/* Map a pin, charging IOMMU page tables to the current user. May sleep. */
static int contig_keep_map(struct contig_pin *pin,
			   struct contig_dma_device *device, bool output)
{
	struct contig_user *user = contig_user_get(current_uid());
	int ret;

	if (!user)
		return -ENOMEM;
	ret = contig_pin_map(pin, device, output ? CONTIG_DMA_OUTPUT : 0, user);
	contig_user_put(user);
	return ret;
}

/**
 * contig_keep_new() - make a keep of pinned memory
 * @area: area of contig_pin_range(), in no tree; the keep takes it over
 * @device: device to map it for, or NULL
 * @output: it was pinned for devices that only read it
 *
 * Called in a task of the user to charge. May sleep.
 *
 * Return: a keep without used pages, for contig_keeps_insert(); or ERR_PTR() of
 * -ENOMEM or an errno of contig_dma_map_new(), and the area is unchanged.
 */
struct contig_keep *contig_keep_new(struct contig_area *area,
				    struct contig_dma_device *device,
				    bool output)
{
	struct contig_keep *keep;
	int ret;

	keep = kvzalloc(struct_size(keep, pages, contig_area_npages(area)),
			CONTIG_GFP);
	if (!keep)
		return ERR_PTR(-ENOMEM);
	keep->spare = kzalloc(sizeof(*keep->spare), CONTIG_GFP);
	if (!keep->spare) {
		kvfree(keep);
		return ERR_PTR(-ENOMEM);
	}
	ret = device ? contig_keep_map(area->pin, device, output) : 0;
	if (ret) {
		kfree(keep->spare);
		kvfree(keep);
		return ERR_PTR(ret);
	}
	keep->first = area->it.start;
	keep->last = area->it.last;
	keep->pin = area->pin;
	keep->output = output;
	keep->fresh = true;
	/* No device has written to it before it is locked for that. */
	area->write = false;
	INIT_LIST_HEAD(&keep->suspect);
	contig_areas_init(&keep->areas);
	contig_areas_insert(&keep->areas, area);
	return keep;
}

/*
 * Move a keep to the list of the dead. Its runs stay in the tree until
 * contig_keeps_reap(), and count no page: removing them could take long.
 */
static void contig_keep_kill(struct contig_keeps *keeps,
			     struct contig_keep *keep)
{
	list_del(&keep->node);
	WRITE_ONCE(keeps->npages, keeps->npages - contig_keep_npages(keep));
	llist_add(&keep->dead, &keeps->dead);
}

/* Take a reference, so that the keep stays while the lock is dropped. */
void contig_keep_get(struct contig_keep *keep)
{
	keep->used++;
}

void contig_keep_put(struct contig_keeps *keeps, struct contig_keep *keep)
{
	lockdep_assert_held(&keeps->lock);
	keep->used--;
	if (!keep->used && !keep->fresh)
		contig_keep_kill(keeps, keep);
}

/* End the fresh state: the call that made the keep uses it, or failed. */
void contig_keep_settle(struct contig_keeps *keeps, struct contig_keep *keep)
{
	lockdep_assert_held(&keeps->lock);
	keep->fresh = false;
	if (!keep->used)
		contig_keep_kill(keeps, keep);
}

/* Release all keeps, used or not. Called without the lock. May sleep. */
void contig_keeps_clear(struct contig_keeps *keeps)
{
	struct contig_keep *keep;

	do {
		cond_resched();
		raw_spin_lock_irq(&keeps->lock);
		keep = list_first_entry_or_null(&keeps->live,
						struct contig_keep, node);
		if (keep)
			contig_keep_kill(keeps, keep);
		raw_spin_unlock_irq(&keeps->lock);
	} while (keep);
}

/*
 * Unpin the dead keeps. Called without the lock; callers must exclude each
 * other. May sleep. Return true if there were any.
 */
bool contig_keeps_reap(struct contig_keeps *keeps)
{
	struct llist_node *dead = llist_del_all(&keeps->dead);
	struct contig_keep *keep, *next;
	struct contig_area *area;

	llist_for_each_entry_safe(keep, next, dead, dead) {
		contig_keeps_forget(keeps, keep);
		contig_for_each_area(area, &keep->areas, 0, ULONG_MAX)
			area->write = keep->write;
		contig_pin_release_areas(&keep->areas);
		kvfree(keep);
		cond_resched();
	}
	return dead;
}

/* Return true if the process may have other memory at these pages. */
static bool contig_keep_stale(struct contig_keep *keep, unsigned long page,
			      unsigned long n)
{
	return contig_pin_suspect(keep->pin, page, page + n - 1) < page + n;
}

/* Return true if the keep has no map, or its map is still valid. */
static bool contig_keep_mapped(const struct contig_keep *keep)
{
	return !keep->pin->map || READ_ONCE(keep->pin->map->mapped);
}

/**
 * contig_keeps_can_add() - check that all pages of a part can be counted
 * @keeps: all keeps
 * @part: the part
 * @kind: holds or locks
 * @output: for a device that only reads it
 *
 * Return: 0, -EWOULDBLOCK if a page is not kept, -EACCES if it was pinned for
 * devices that only read it and this one does not, -ESTALE, -ENODEV,
 * -EOVERFLOW.
 */
int contig_keeps_can_add(struct contig_keeps *keeps,
			 const struct contig_part *part,
			 enum contig_keep_kind kind, bool output)
{
	const struct contig_keep_page *p, *end;
	struct contig_walk walk;

	contig_for_each_run(keeps, part, &walk) {
		if (!walk.keep)
			return -EWOULDBLOCK;
		if (!contig_keep_mapped(walk.keep))
			return -ENODEV;
		if (walk.keep->output && !output)
			return -EACCES;
		if (contig_keep_stale(walk.keep, walk.page, walk.n))
			return -ESTALE;
		/* Half of U32_MAX: a part can have a page more than once. */
		p = contig_keep_page(walk.keep, walk.page);
		for (end = p + walk.n; p < end; p++)
			if (p->n[kind] > U32_MAX / 2)
				return -EOVERFLOW;
	}
	return 0;
}

/* Count every page once more, after contig_keeps_can_add() returned 0. */
void contig_keeps_add(struct contig_keeps *keeps,
		      const struct contig_part *part,
		      enum contig_keep_kind kind, bool write)
{
	struct contig_keep_page *p, *end;
	struct contig_walk walk;
	unsigned long used;

	contig_for_each_run(keeps, part, &walk) {
		walk.keep->write |= write;
		used = 0;
		p = contig_keep_page(walk.keep, walk.page);
		for (end = p + walk.n; p < end; p++) {
			used += !p->n[CONTIG_KEEP_HOLDS] &&
				!p->n[CONTIG_KEEP_LOCKS];
			p->n[kind]++;
		}
		walk.keep->used += used;
	}
}

/* Return true if every page of a part is counted for @kind. */
bool contig_keeps_count(struct contig_keeps *keeps,
			const struct contig_part *part,
			enum contig_keep_kind kind)
{
	const struct contig_keep_page *p, *end;
	struct contig_walk walk;

	contig_for_each_run(keeps, part, &walk) {
		if (!walk.keep)
			return false;
		p = contig_keep_page(walk.keep, walk.page);
		for (end = p + walk.n; p < end; p++)
			if (!p->n[kind])
				return false;
	}
	return true;
}

/*
 * Count every page once less, if it is counted. Keeps without used pages are
 * put on the list of the dead.
 */
void contig_keeps_remove(struct contig_keeps *keeps,
			 const struct contig_part *part,
			 enum contig_keep_kind kind)
{
	struct contig_keep_page *p, *end;
	struct contig_walk walk;
	unsigned long unused;

	contig_for_each_run(keeps, part, &walk) {
		if (!walk.keep)
			continue;
		unused = 0;
		p = contig_keep_page(walk.keep, walk.page);
		for (end = p + walk.n; p < end; p++) {
			if (!p->n[kind])
				continue;
			p->n[kind]--;
			unused += !p->n[CONTIG_KEEP_HOLDS] &&
				  !p->n[CONTIG_KEEP_LOCKS];
		}
		walk.keep->used -= unused;
		if (!walk.keep->used && !walk.keep->fresh)
			contig_keep_kill(keeps, walk.keep);
	}
}

/**
 * contig_keeps_in_place() - check that a part can be translated
 * @keeps: all keeps
 * @part: the part
 * @dma: into DMA addresses of the device
 *
 * Return: 0, -ENOLCK if it is not completely locked, -ESTALE, -ENODEV.
 */
int contig_keeps_in_place(struct contig_keeps *keeps,
			  const struct contig_part *part, bool dma)
{
	struct contig_walk walk;

	if (!contig_keeps_count(keeps, part, CONTIG_KEEP_LOCKS))
		return -ENOLCK;
	contig_for_each_run(keeps, part, &walk) {
		if (contig_keep_stale(walk.keep, walk.page, walk.n))
			return -ESTALE;
		if (dma && !contig_keep_mapped(walk.keep))
			return -ENODEV;
	}
	return 0;
}

/* Return the extents of its page frames, or of its DMA addresses. */
const struct contig_extents *contig_keep_extents(const struct contig_keep *keep,
						 bool dma)
{
	return dma ? &keep->pin->map->extents : contig_pin_extents(keep->pin);
}

/* Return the offset of a page in these extents. */
unsigned long contig_keep_offset(const struct contig_keep *keep,
				 unsigned long page, bool dma)
{
	return (dma ? 0 : keep->pin->base) + (page - keep->first);
}

/**
 * contig_keep_addrs() - get the addresses of adjacent pages of a keep
 * @keep: the keep
 * @page: the first page
 * @n: number of pages
 * @dma: DMA addresses, not physical ones
 * @addrs: receives the address of each page
 *
 * Searches once, and then takes one step for each page.
 */
void contig_keep_addrs(const struct contig_keep *keep, unsigned long page,
		       unsigned long n, bool dma, u64 *addrs)
{
	contig_extents_addrs(contig_keep_extents(keep, dma),
			     contig_keep_offset(keep, page, dma), n, addrs);
}

/* Return the number of extents of a part that is kept completely. */
unsigned long contig_keeps_extents(struct contig_keeps *keeps,
				   const struct contig_part *part, bool dma)
{
	unsigned long from, first, last, next = 0, count = 0;
	struct contig_walk walk;

	contig_for_each_run(keeps, part, &walk) {
		from = contig_keep_offset(walk.keep, walk.page, dma);
		count += contig_extents_ends(contig_keep_extents(walk.keep, dma),
					     from, from + walk.n - 1, &first,
					     &last);
		if (next && first == next)
			count--;
		next = last + 1;
	}
	return count;
}

/* Verify the suspect pages of a keep in the process. May sleep. */
static int contig_keep_revalidate(struct contig_keep *keep)
{
	unsigned long page;
	int ret;

	/* Continue after a page that is gone: callers may need others. */
	for (page = keep->look_first; page <= keep->look_last; page++) {
		ret = contig_pin_verify(keep->pin, &page, keep->look_last);
		if (ret && ret != -ESTALE)
			return ret;
	}
	return 0;
}

/* Add pages of a run to those to be verified, if they are suspect. */
static void contig_keep_doubt(struct contig_keep_run *run,
			      unsigned long first, unsigned long last,
			      struct list_head *suspects)
{
	struct contig_keep *keep = run->keep;

	first = max(first, run->it.start);
	last = min(last, run->it.last);
	if (!contig_keep_stale(keep, first, last - first + 1))
		return;
	if (list_empty(&keep->suspect)) {
		list_add(&keep->suspect, suspects);
		keep->look_first = first;
		keep->look_last = last;
	}
	keep->look_first = min(keep->look_first, first);
	keep->look_last = max(keep->look_last, last);
}

/**
 * contig_keeps_revalidate() - verify the suspect pages of a part
 * @keeps: all keeps, without the lock; the caller must exclude other callers
 *         and contig_keeps_reap()
 * @part: the part, of the calling process
 *
 * Pages that were gone earlier are still suspect, and are verified again
 * because they can be back. May sleep.
 *
 * Return: 0, or -ENOMEM or -EINTR if pages could not be verified.
 */
int contig_keeps_revalidate(struct contig_keeps *keeps,
			    const struct contig_part *part)
{
	struct interval_tree_node *node;
	struct contig_keep *keep, *next;
	struct contig_keep_run *run;
	struct contig_part_at at;
	LIST_HEAD(suspects);
	int ret = 0;

	raw_spin_lock_irq(&keeps->lock);
	contig_for_each_range(part, &at) {
		node = interval_tree_iter_first(&keeps->root, at.first,
						at.last);
		for (; node; node = interval_tree_iter_next(node, at.first,
							    at.last)) {
			run = contig_keep_run_of(node);
			/* Skip dead keeps. */
			if (run->keep->used || run->keep->fresh)
				contig_keep_doubt(run, at.first, at.last,
						  &suspects);
		}
	}
	raw_spin_unlock_irq(&keeps->lock);
	list_for_each_entry_safe(keep, next, &suspects, suspect) {
		list_del_init(&keep->suspect);
		if (!ret)
			ret = contig_keep_revalidate(keep);
	}
	return ret;
}
