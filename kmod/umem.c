// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pinned memory with counts that interrupt level can change
 *
 * Interrupt level must not sleep and cannot allocate. So task level allocates
 * all that is needed when it pins memory: a count for every page, so that areas
 * need not be cut or joined, and the DMA addresses. Umems that interrupt level
 * releases are put on a list, and task level unpins them.
 *
 * Functions here are called with contig_umems.lock held and can run in hard
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
#include "limits.h"
#include "pin.h"
#include "stale.h"
#include "umem.h"

void contig_umems_init(struct contig_umems *umems)
{
	raw_spin_lock_init(&umems->lock);
	umems->root = RB_ROOT_CACHED;
	INIT_LIST_HEAD(&umems->live);
	umems->npages = 0;
	init_llist_head(&umems->dead);
}

/* Map a pin, charging IOMMU page tables to the current user. May sleep. */
static int contig_umem_map(struct contig_pin *pin,
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
 * contig_umem_new() - make a umem of pinned memory
 * @area: area of contig_pin_range(), in no tree; the umem takes it over
 * @device: device to map it for, or NULL
 * @output: it was pinned for devices that only read it
 *
 * Called in a task of the user to charge. May sleep.
 *
 * Return: a umem without used pages, for contig_umems_insert(); or ERR_PTR() of
 * -ENOMEM or an errno of contig_dma_map_new(), and the area is unchanged.
 */
struct contig_umem *contig_umem_new(struct contig_area *area,
				    struct contig_dma_device *device,
				    bool output)
{
	struct contig_umem *umem;
	int ret;

	umem = kvzalloc(struct_size(umem, pages, contig_area_npages(area)),
			CONTIG_GFP);
	if (!umem)
		return ERR_PTR(-ENOMEM);
	umem->spare = kzalloc(sizeof(*umem->spare), CONTIG_GFP);
	if (!umem->spare) {
		kvfree(umem);
		return ERR_PTR(-ENOMEM);
	}
	ret = device ? contig_umem_map(area->pin, device, output) : 0;
	if (ret) {
		kfree(umem->spare);
		kvfree(umem);
		return ERR_PTR(ret);
	}
	umem->first = area->it.start;
	umem->last = area->it.last;
	umem->pin = area->pin;
	umem->output = output;
	umem->fresh = true;
	/* No device has written to it before it is locked for that. */
	area->write = false;
	INIT_LIST_HEAD(&umem->suspect);
	contig_areas_init(&umem->areas);
	contig_areas_insert(&umem->areas, area);
	return umem;
}

/*
 * Move a umem to the list of the dead. Its runs stay in the tree until
 * contig_umems_reap(), and count no page: removing them could take long.
 */
static void contig_umem_kill(struct contig_umems *umems,
			     struct contig_umem *umem)
{
	list_del(&umem->node);
	WRITE_ONCE(umems->npages, umems->npages - contig_umem_npages(umem));
	llist_add(&umem->dead, &umems->dead);
}

/* Take a reference, so that the umem stays while the lock is dropped. */
void contig_umem_get(struct contig_umem *umem)
{
	umem->used++;
}

void contig_umem_put(struct contig_umems *umems, struct contig_umem *umem)
{
	lockdep_assert_held(&umems->lock);
	umem->used--;
	if (!umem->used && !umem->fresh)
		contig_umem_kill(umems, umem);
}

/* End the fresh state: the call that made the umem uses it, or failed. */
void contig_umem_end_fresh(struct contig_umems *umems,
			   struct contig_umem *umem)
{
	lockdep_assert_held(&umems->lock);
	umem->fresh = false;
	if (!umem->used)
		contig_umem_kill(umems, umem);
}

/* Release all umems, used or not. Called without the lock. May sleep. */
void contig_umems_clear(struct contig_umems *umems)
{
	struct contig_umem *umem;

	do {
		cond_resched();
		raw_spin_lock_irq(&umems->lock);
		umem = list_first_entry_or_null(&umems->live,
						struct contig_umem, node);
		if (umem)
			contig_umem_kill(umems, umem);
		raw_spin_unlock_irq(&umems->lock);
	} while (umem);
}

/*
 * Unpin the dead umems. Called without the lock; callers must exclude each
 * other. May sleep. Return true if there were any.
 */
bool contig_umems_reap(struct contig_umems *umems)
{
	struct llist_node *dead = llist_del_all(&umems->dead);
	struct contig_umem *umem, *next;
	struct contig_area *area;

	llist_for_each_entry_safe(umem, next, dead, dead) {
		contig_umems_forget(umems, umem);
		contig_for_each_area(area, &umem->areas, 0, ULONG_MAX)
			area->write = umem->write;
		contig_pin_release_areas(&umem->areas);
		kvfree(umem);
		cond_resched();
	}
	return dead;
}

/* Return true if the process may have other memory at these pages. */
static bool contig_umem_stale(struct contig_umem *umem, unsigned long page,
			      unsigned long n)
{
	return contig_pin_suspect(umem->pin, page, page + n - 1) < page + n;
}

/* Return true if the umem has no map, or its map is still valid. */
static bool contig_umem_mapped(const struct contig_umem *umem)
{
	return !umem->pin->map || READ_ONCE(umem->pin->map->mapped);
}

/**
 * contig_umems_can_add() - check that all pages of a part can be counted
 * @umems: all umems
 * @part: the part
 * @kind: holds or locks
 * @output: for a device that only reads it
 *
 * Return: 0, -EWOULDBLOCK if a page belongs to no umem, -EACCES if it was
 * pinned for devices that only read it and this one does not, -ESTALE, -ENODEV,
 * -EOVERFLOW.
 */
int contig_umems_can_add(struct contig_umems *umems,
			 const struct contig_part *part,
			 enum contig_umem_kind kind, bool output)
{
	const struct contig_umem_page *p, *end;
	struct contig_walk walk;

	contig_for_each_run(umems, part, &walk) {
		if (!walk.umem)
			return -EWOULDBLOCK;
		if (!contig_umem_mapped(walk.umem))
			return -ENODEV;
		if (walk.umem->output && !output)
			return -EACCES;
		if (contig_umem_stale(walk.umem, walk.page, walk.n))
			return -ESTALE;
		/* Half of U32_MAX: a part can have a page more than once. */
		p = contig_umem_page(walk.umem, walk.page);
		for (end = p + walk.n; p < end; p++)
			if (p->n[kind] > U32_MAX / 2)
				return -EOVERFLOW;
	}
	return 0;
}

/* Count every page once more, after contig_umems_can_add() returned 0. */
void contig_umems_add(struct contig_umems *umems,
		      const struct contig_part *part,
		      enum contig_umem_kind kind, bool write)
{
	struct contig_umem_page *p, *end;
	struct contig_walk walk;
	unsigned long used;

	contig_for_each_run(umems, part, &walk) {
		walk.umem->write |= write;
		used = 0;
		p = contig_umem_page(walk.umem, walk.page);
		for (end = p + walk.n; p < end; p++) {
			used += !p->n[CONTIG_UMEM_HOLDS] &&
				!p->n[CONTIG_UMEM_LOCKS];
			p->n[kind]++;
		}
		walk.umem->used += used;
	}
}

/* Return true if every page of a part is counted for @kind. */
bool contig_umems_count(struct contig_umems *umems,
			const struct contig_part *part,
			enum contig_umem_kind kind)
{
	const struct contig_umem_page *p, *end;
	struct contig_walk walk;

	contig_for_each_run(umems, part, &walk) {
		if (!walk.umem)
			return false;
		p = contig_umem_page(walk.umem, walk.page);
		for (end = p + walk.n; p < end; p++)
			if (!p->n[kind])
				return false;
	}
	return true;
}

/*
 * Count every page once less, if it is counted. Umems without used pages are
 * put on the list of the dead.
 */
void contig_umems_remove(struct contig_umems *umems,
			 const struct contig_part *part,
			 enum contig_umem_kind kind)
{
	struct contig_umem_page *p, *end;
	struct contig_walk walk;
	unsigned long unused;

	contig_for_each_run(umems, part, &walk) {
		if (!walk.umem)
			continue;
		unused = 0;
		p = contig_umem_page(walk.umem, walk.page);
		for (end = p + walk.n; p < end; p++) {
			if (!p->n[kind])
				continue;
			p->n[kind]--;
			unused += !p->n[CONTIG_UMEM_HOLDS] &&
				  !p->n[CONTIG_UMEM_LOCKS];
		}
		walk.umem->used -= unused;
		if (!walk.umem->used && !walk.umem->fresh)
			contig_umem_kill(umems, walk.umem);
	}
}

/**
 * contig_umems_in_place() - check that a part can be translated
 * @umems: all umems
 * @part: the part
 * @dma: into DMA addresses of the device
 *
 * Return: 0, -ENOLCK if it is not completely locked, -ESTALE, -ENODEV.
 */
int contig_umems_in_place(struct contig_umems *umems,
			  const struct contig_part *part, bool dma)
{
	struct contig_walk walk;

	if (!contig_umems_count(umems, part, CONTIG_UMEM_LOCKS))
		return -ENOLCK;
	contig_for_each_run(umems, part, &walk) {
		if (contig_umem_stale(walk.umem, walk.page, walk.n))
			return -ESTALE;
		if (dma && !contig_umem_mapped(walk.umem))
			return -ENODEV;
	}
	return 0;
}

/* Return the extents of its page frames, or of its DMA addresses. */
const struct contig_extents *contig_umem_extents(const struct contig_umem *umem,
						 bool dma)
{
	return dma ? &umem->pin->map->extents : contig_pin_extents(umem->pin);
}

/* Return the offset of a page in these extents. */
unsigned long contig_umem_offset(const struct contig_umem *umem,
				 unsigned long page, bool dma)
{
	return (dma ? 0 : umem->pin->base) + (page - umem->first);
}

/**
 * contig_umem_addrs() - get the addresses of adjacent pages of a umem
 * @umem: the umem
 * @page: the first page
 * @n: number of pages
 * @dma: DMA addresses, not physical ones
 * @addrs: receives the address of each page
 *
 * Searches once, and then takes one step for each page.
 */
void contig_umem_addrs(const struct contig_umem *umem, unsigned long page,
		       unsigned long n, bool dma, u64 *addrs)
{
	contig_extents_addrs(contig_umem_extents(umem, dma),
			     contig_umem_offset(umem, page, dma), n, addrs);
}

/* Return the number of extents of a part whose pages all belong to umems. */
unsigned long contig_umems_extents(struct contig_umems *umems,
				   const struct contig_part *part, bool dma)
{
	unsigned long from, first, last, next = 0, count = 0;
	struct contig_walk walk;

	contig_for_each_run(umems, part, &walk) {
		from = contig_umem_offset(walk.umem, walk.page, dma);
		count += contig_extents_ends(contig_umem_extents(walk.umem, dma),
					     from, from + walk.n - 1, &first,
					     &last);
		if (next && first == next)
			count--;
		next = last + 1;
	}
	return count;
}

/* Verify the suspect pages of a umem in the process. May sleep. */
static int contig_umem_revalidate(struct contig_umem *umem)
{
	unsigned long page;
	int ret;

	/* Continue after a page that is gone: callers may need others. */
	for (page = umem->verify_first; page <= umem->verify_last; page++) {
		ret = contig_pin_verify(umem->pin, &page, umem->verify_last);
		if (ret && ret != -ESTALE)
			return ret;
	}
	return 0;
}

/* Add pages of a run to those to be verified, if they are suspect. */
static void contig_umem_doubt(struct contig_umem_run *run,
			      unsigned long first, unsigned long last,
			      struct list_head *suspects)
{
	struct contig_umem *umem = run->umem;

	first = max(first, run->it.start);
	last = min(last, run->it.last);
	if (!contig_umem_stale(umem, first, last - first + 1))
		return;
	if (list_empty(&umem->suspect)) {
		list_add(&umem->suspect, suspects);
		umem->verify_first = first;
		umem->verify_last = last;
	}
	umem->verify_first = min(umem->verify_first, first);
	umem->verify_last = max(umem->verify_last, last);
}

/**
 * contig_umems_revalidate() - verify the suspect pages of a part
 * @umems: all umems, without the lock; the caller must exclude other callers
 *         and contig_umems_reap()
 * @part: the part, of the calling process
 *
 * Pages that were gone earlier are still suspect, and are verified again
 * because they can be back. May sleep.
 *
 * Return: 0, or -ENOMEM or -EINTR if pages could not be verified.
 */
int contig_umems_revalidate(struct contig_umems *umems,
			    const struct contig_part *part)
{
	struct interval_tree_node *node;
	struct contig_umem *umem, *next;
	struct contig_umem_run *run;
	struct contig_part_at at;
	LIST_HEAD(suspects);
	int ret = 0;

	raw_spin_lock_irq(&umems->lock);
	contig_for_each_range(part, &at) {
		node = interval_tree_iter_first(&umems->root, at.first,
						at.last);
		for (; node; node = interval_tree_iter_next(node, at.first,
							    at.last)) {
			run = contig_umem_run_of(node);
			/* Skip dead umems. */
			if (run->umem->used || run->umem->fresh)
				contig_umem_doubt(run, at.first, at.last,
						  &suspects);
		}
	}
	raw_spin_unlock_irq(&umems->lock);
	list_for_each_entry_safe(umem, next, &suspects, suspect) {
		list_del_init(&umem->suspect);
		if (!ret)
			ret = contig_umem_revalidate(umem);
	}
	return ret;
}
