// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that is kept ready for interrupt level
 *
 * What interrupt level does with memory must not sleep and cannot allocate. So all
 * that it needs is made when the memory is pinned, at task level: a count for
 * every page, since there is nothing then to cut or to join, and the addresses for
 * the device. What it gives back is put on a list for task level to unpin.
 *
 * Everything here is called with contig_keeps.lock held, and is fit for hard
 * interrupts then, unless it says that it may sleep.
 */
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "areas.h"
#include "dma_map.h"
#include "extents.h"
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

/* Whoever pins it is charged for what an IOMMU needs. */
static int contig_keep_map(struct contig_pin *pin,
			   struct contig_dma_device *device, bool output)
{
	struct contig_user *user = contig_user_get(current_uid());
	int ret;

	if (!user)
		return -ENOMEM;
	ret = contig_pin_map(pin, device, output, false, user);
	contig_user_put(user);
	return ret;
}

/**
 * contig_keep_new() - make pinned memory ready for interrupt level
 * @area: of contig_pin_range(), in no tree; becomes the keep's
 * @device: what to map it for, or NULL
 * @output: it was pinned for devices that only read it
 *
 * In a task of the user who wants it. May sleep.
 *
 * Return: a keep of which no page is used, for contig_keeps_insert(); or ERR_PTR()
 * of -ENOMEM or what contig_dma_map_new() answers, and the area is as it was.
 */
struct contig_keep *contig_keep_new(struct contig_area *area,
				    struct contig_dma_device *device,
				    bool output)
{
	struct contig_keep *keep;
	int ret;

	keep = kvzalloc(struct_size(keep, pages, contig_area_npages(area)),
			GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!keep)
		return ERR_PTR(-ENOMEM);
	keep->spare = kzalloc(sizeof(*keep->spare),
			      GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
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
	/* Nobody has written to it before it is locked for that. */
	area->write = false;
	INIT_LIST_HEAD(&keep->suspect);
	contig_areas_init(&keep->areas);
	contig_areas_insert(&keep->areas, area);
	return keep;
}

/*
 * Its strips stay in the tree until it is buried, and count no page: to remove
 * them all could take long.
 */
static void contig_keep_kill(struct contig_keeps *keeps,
			     struct contig_keep *keep)
{
	list_del(&keep->node);
	WRITE_ONCE(keeps->npages, keeps->npages - contig_keep_npages(keep));
	llist_add(&keep->dead, &keeps->dead);
}

/* It stays while the lock is dropped for a while. */
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

/* Whoever was about to use a fresh keep does so by now, or does not want it. */
void contig_keep_settle(struct contig_keeps *keeps, struct contig_keep *keep)
{
	lockdep_assert_held(&keeps->lock);
	keep->fresh = false;
	if (!keep->used)
		contig_keep_kill(keeps, keep);
}

/* Give back everything, used or not. Without the lock, and may sleep. */
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
 * Unpin what was given back. Without the lock; callers must exclude each other. May
 * sleep. Return: whether there was anything.
 */
bool contig_keeps_bury(struct contig_keeps *keeps)
{
	struct llist_node *dead = llist_del_all(&keeps->dead);
	struct contig_keep *keep, *next;
	struct contig_area *area;

	llist_for_each_entry_safe(keep, next, dead, dead) {
		contig_keeps_forget(keeps, keep);
		contig_for_each_area(area, &keep->areas, 0, ULONG_MAX)
			area->write = keep->write;
		contig_areas_release(&keep->areas);
		kvfree(keep);
		cond_resched();
	}
	return dead;
}

/* Return true if the process may have other memory at some of these pages. */
static bool contig_keep_stale(struct contig_keep *keep, unsigned long page,
			      unsigned long n)
{
	return contig_pin_suspect(keep->pin, page, page + n - 1) < page + n;
}

/* Is the keep mapped for its device, if there is one? */
static bool contig_keep_mapped(const struct contig_keep *keep)
{
	return !keep->pin->map || READ_ONCE(keep->pin->map->mapped);
}

/**
 * contig_keeps_can_add() - may all pages of a part be held or locked once more?
 * @keeps: all keeps
 * @part: the part
 * @kind: which of both
 * @output: for a device that only reads it
 *
 * Return: 0, -EWOULDBLOCK if a page is not kept at all, -EACCES if it was pinned
 * for devices that only read it and this one does not, -ESTALE, -ENODEV,
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
		/* Half: a part can have a page more than once. */
		p = contig_keep_page(walk.keep, walk.page);
		for (end = p + walk.n; p < end; p++)
			if (p->n[kind] > U32_MAX / 2)
				return -EOVERFLOW;
	}
	return 0;
}

/* Count every page once more, after contig_keeps_can_add() said yes. */
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

/* Is every page of a part held, or locked? */
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
 * Count every page once less, if it is counted. What no page uses any more is put
 * on the list of the dead.
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
 * contig_keeps_in_place() - can a part be translated?
 * @keeps: all keeps
 * @part: the part
 * @dma: into addresses of the device
 *
 * Return: 0, -ENOLCK if it is not locked as a whole, -ESTALE, -ENODEV.
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

/* Where it lies, for the CPU or for the device it is mapped for. */
const struct contig_extents *contig_keep_extents(const struct contig_keep *keep,
						 bool dma)
{
	return dma ? &keep->pin->map->extents : contig_pin_extents(keep->pin);
}

/* Where in these a page is. */
unsigned long contig_keep_offset(const struct contig_keep *keep,
				 unsigned long page, bool dma)
{
	return (dma ? 0 : keep->pin->base) + (page - keep->first);
}

/**
 * contig_keep_addrs() - note the addresses of pages that follow each other
 * @keep: keeps them
 * @page: the first page
 * @n: how many
 * @dma: for the device that the keep is mapped for, rather than in memory
 * @addrs: receives the address of each
 *
 * One search, and then one step for each page.
 */
void contig_keep_addrs(const struct contig_keep *keep, unsigned long page,
		       unsigned long n, bool dma, u64 *addrs)
{
	contig_extents_addrs(contig_keep_extents(keep, dma),
			     contig_keep_offset(keep, page, dma), n, addrs);
}

/* How many runs of memory, or of DMA addresses, a part that is kept consists of. */
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

/* Find out which of the pages to look at the process still has. May sleep. */
static int contig_keep_look(struct contig_keep *keep)
{
	unsigned long page;
	int ret;

	/* Go on after a page that is gone: others may be wanted. */
	for (page = keep->look_first; page <= keep->look_last; page++) {
		ret = contig_pin_verify(keep->pin, &page, keep->look_last);
		if (ret && ret != -ESTALE)
			return ret;
	}
	return 0;
}

/* Note that some pages of a strip are to be looked at, if they are suspect. */
static void contig_keep_doubt(struct contig_keep_strip *strip,
			      unsigned long first, unsigned long last,
			      struct list_head *suspects)
{
	struct contig_keep *keep = strip->keep;

	first = max(first, strip->it.start);
	last = min(last, strip->it.last);
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
 * contig_keeps_look() - find out what of a part is still in place
 * @keeps: all keeps, without the lock; the caller must keep other tasks from
 *         burying keeps and from looking
 * @part: the part, of the calling process
 *
 * Looks at pages that are suspect. These include pages that were gone before:
 * they can be back. May sleep.
 *
 * Return: 0, or -ENOMEM or -EINTR if it could not be found out.
 */
int contig_keeps_look(struct contig_keeps *keeps,
		      const struct contig_part *part)
{
	struct interval_tree_node *node;
	struct contig_keep *keep, *next;
	struct contig_keep_strip *strip;
	struct contig_part_at at;
	LIST_HEAD(suspects);
	int ret = 0;

	raw_spin_lock_irq(&keeps->lock);
	contig_for_each_piece(part, &at) {
		node = interval_tree_iter_first(&keeps->root, at.first,
						at.last);
		for (; node; node = interval_tree_iter_next(node, at.first,
							    at.last)) {
			strip = contig_strip_of(node);
			/* Leave out keeps that are to be buried. */
			if (strip->keep->used || strip->keep->fresh)
				contig_keep_doubt(strip, at.first, at.last,
						  &suspects);
		}
	}
	raw_spin_unlock_irq(&keeps->lock);
	list_for_each_entry_safe(keep, next, &suspects, suspect) {
		list_del_init(&keep->suspect);
		if (!ret)
			ret = contig_keep_look(keep);
	}
	return ret;
}
