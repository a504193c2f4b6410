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

static struct contig_keep *contig_keep_of(struct interval_tree_node *node)
{
	return container_of(node, struct contig_keep, it);
}

static struct contig_keep_page *contig_keep_page(struct contig_keep *keep,
						 unsigned long page)
{
	return &keep->pages[page - keep->it.start];
}

/* Take the next piece of a part. The position begins as contig_for_each_piece(). */
bool contig_part_next(const struct contig_part *part, struct contig_part_at *at)
{
	while (at->left && at->index < part->nr) {
		const struct contig_span *span = &part->ranges[at->index++];

		if (at->skip >= span->length) {
			at->skip -= span->length;
			continue;
		}
		at->addr = span->addr + at->skip;
		at->length = min(span->length - at->skip, at->left);
		at->skip = 0;
		at->left -= at->length;
		at->first = at->addr >> PAGE_SHIFT;
		at->last = (at->addr + at->length - 1) >> PAGE_SHIFT;
		return true;
	}
	return false;
}

void contig_keeps_init(struct contig_keeps *keeps)
{
	raw_spin_lock_init(&keeps->lock);
	keeps->root = RB_ROOT_CACHED;
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
 * Return: a keep of which no page is used, in no tree; or ERR_PTR() of -ENOMEM or
 * what contig_dma_map_new() answers, and the area is as it was.
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
	ret = device ? contig_keep_map(area->pin, device, output) : 0;
	if (ret) {
		kvfree(keep);
		return ERR_PTR(ret);
	}
	keep->it.start = area->it.start;
	keep->it.last = area->it.last;
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

void contig_keeps_insert(struct contig_keeps *keeps, struct contig_keep *keep)
{
	lockdep_assert_held(&keeps->lock);
	interval_tree_insert(&keep->it, &keeps->root);
}

static void contig_keep_kill(struct contig_keeps *keeps,
			     struct contig_keep *keep)
{
	interval_tree_remove(&keep->it, &keeps->root);
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

/* Give back everything, whoever uses it. Without the lock, and may sleep. */
void contig_keeps_clear(struct contig_keeps *keeps)
{
	struct interval_tree_node *node;

	do {
		cond_resched();
		raw_spin_lock_irq(&keeps->lock);
		node = interval_tree_iter_first(&keeps->root, 0, ULONG_MAX);
		if (node)
			contig_keep_kill(keeps, contig_keep_of(node));
		raw_spin_unlock_irq(&keeps->lock);
	} while (node);
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
		contig_for_each_area(area, &keep->areas, 0, ULONG_MAX)
			area->write = keep->write;
		contig_areas_release(&keep->areas);
		kvfree(keep);
		cond_resched();
	}
	return dead;
}

/* Does the keep count this page, or is it about to? */
static bool contig_keep_has(struct contig_keep *keep, unsigned long page)
{
	const struct contig_keep_page *p = contig_keep_page(keep, page);

	return keep->fresh || p->n[CONTIG_KEEP_HOLDS] ||
	       p->n[CONTIG_KEEP_LOCKS];
}

/**
 * contig_keeps_span() - find what keeps a page
 * @keeps: all keeps
 * @page: the page
 * @last: last page of interest
 * @n: receives how many pages from @page on, up to @last, are kept by the same
 *
 * Return: the keep, NULL if the page is neither held nor locked.
 */
struct contig_keep *contig_keeps_span(struct contig_keeps *keeps,
				      unsigned long page, unsigned long last,
				      unsigned long *n)
{
	struct interval_tree_node *node;
	struct contig_keep *keep;

	lockdep_assert_held(&keeps->lock);
	for (node = interval_tree_iter_first(&keeps->root, page, page); node;
	     node = interval_tree_iter_next(node, page, page)) {
		keep = contig_keep_of(node);
		if (!contig_keep_has(keep, page))
			continue;
		last = min(last, keep->it.last);
		for (*n = 1; page + *n <= last; ++*n)
			if (!contig_keep_has(keep, page + *n))
				break;
		return keep;
	}
	return NULL;
}

/**
 * contig_keeps_gap() - find pages that are not kept
 * @keeps: all keeps
 * @page: in/out: where to begin, and the first such page
 * @last: last page of interest
 * @end: receives the last such page in a row
 *
 * Return: whether there is one.
 */
bool contig_keeps_gap(struct contig_keeps *keeps, unsigned long *page,
		      unsigned long last, unsigned long *end)
{
	struct interval_tree_node *node;
	unsigned long n;

	lockdep_assert_held(&keeps->lock);
	while (*page <= last && contig_keeps_span(keeps, *page, last, &n))
		*page += n;
	if (*page > last)
		return false;
	for (*end = *page; *end < last; ++*end) {
		node = interval_tree_iter_first(&keeps->root, *end + 1, last);
		if (!node) {
			*end = last;
			return true;
		}
		/* Nobody has looked yet how much of the range there is. */
		*end = max(*end, node->start - 1);
		if (contig_keeps_span(keeps, *end + 1, *end + 1, &n))
			return true;
	}
	return true;
}

/* May the process have other memory at some of these pages? */
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
	unsigned long page, n, i;
	struct contig_part_at at;
	struct contig_keep *keep;

	contig_for_each_piece(part, &at) {
		for (page = at.first; page <= at.last; page += n) {
			keep = contig_keeps_span(keeps, page, at.last, &n);
			if (!keep)
				return -EWOULDBLOCK;
			if (!contig_keep_mapped(keep))
				return -ENODEV;
			if (keep->output && !output)
				return -EACCES;
			if (contig_keep_stale(keep, page, n))
				return -ESTALE;
			/* Half: a part can have a page more than once. */
			for (i = 0; i < n; i++)
				if (contig_keep_page(keep, page + i)->n[kind] >
				    U32_MAX / 2)
					return -EOVERFLOW;
		}
	}
	return 0;
}

/* Count every page once more, after contig_keeps_can_add() said yes. */
void contig_keeps_add(struct contig_keeps *keeps,
		      const struct contig_part *part,
		      enum contig_keep_kind kind, bool write)
{
	struct contig_keep_page *p;
	struct contig_part_at at;
	struct contig_keep *keep;
	unsigned long page, n;

	contig_for_each_piece(part, &at) {
		for (page = at.first; page <= at.last; page += n) {
			keep = contig_keeps_span(keeps, page, at.last, &n);
			keep->write |= write;
			p = contig_keep_page(keep, page);
			for (; p < contig_keep_page(keep, page + n); p++) {
				if (!p->n[CONTIG_KEEP_HOLDS] &&
				    !p->n[CONTIG_KEEP_LOCKS])
					keep->used++;
				p->n[kind]++;
			}
		}
	}
}

/* Is every page of a part held, or locked? */
bool contig_keeps_count(struct contig_keeps *keeps,
			const struct contig_part *part,
			enum contig_keep_kind kind)
{
	unsigned long page, n, i;
	struct contig_part_at at;
	struct contig_keep *keep;

	contig_for_each_piece(part, &at) {
		for (page = at.first; page <= at.last; page += n) {
			keep = contig_keeps_span(keeps, page, at.last, &n);
			if (!keep)
				return false;
			for (i = 0; i < n; i++)
				if (!contig_keep_page(keep, page + i)->n[kind])
					return false;
		}
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
	struct contig_keep_page *p;
	struct contig_part_at at;
	struct contig_keep *keep;
	unsigned long page, n;

	contig_for_each_piece(part, &at) {
		for (page = at.first; page <= at.last; page += n) {
			keep = contig_keeps_span(keeps, page, at.last, &n);
			if (!keep) {
				n = 1;
				continue;
			}
			p = contig_keep_page(keep, page);
			for (; p < contig_keep_page(keep, page + n); p++) {
				if (!p->n[kind])
					continue;
				p->n[kind]--;
				if (!p->n[CONTIG_KEEP_HOLDS] &&
				    !p->n[CONTIG_KEEP_LOCKS])
					keep->used--;
			}
			if (!keep->used && !keep->fresh)
				contig_keep_kill(keeps, keep);
		}
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
	struct contig_part_at at;
	struct contig_keep *keep;
	unsigned long page, n;

	if (!contig_keeps_count(keeps, part, CONTIG_KEEP_LOCKS))
		return -ENOLCK;
	contig_for_each_piece(part, &at) {
		for (page = at.first; page <= at.last; page += n) {
			keep = contig_keeps_span(keeps, page, at.last, &n);
			if (contig_keep_stale(keep, page, n))
				return -ESTALE;
			if (dma && !contig_keep_mapped(keep))
				return -ENODEV;
		}
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
	return (dma ? 0 : keep->pin->base) + (page - keep->it.start);
}

/* The address of a page in memory, or for the device. */
u64 contig_keep_addr(const struct contig_keep *keep, unsigned long page,
		     bool dma)
{
	return (u64)contig_extents_pfn(contig_keep_extents(keep, dma),
				       contig_keep_offset(keep, page, dma))
	       << PAGE_SHIFT;
}

/* How many runs of memory, or of DMA addresses, a part that is kept consists of. */
unsigned long contig_keeps_extents(struct contig_keeps *keeps,
				   const struct contig_part *part, bool dma)
{
	unsigned long page, n, from, next = 0, count = 0;
	const struct contig_extents *extents;
	struct contig_part_at at;
	struct contig_keep *keep;

	contig_for_each_piece(part, &at) {
		for (page = at.first; page <= at.last; page += n) {
			keep = contig_keeps_span(keeps, page, at.last, &n);
			extents = contig_keep_extents(keep, dma);
			from = contig_keep_offset(keep, page, dma);
			count += contig_extents_count(extents, from,
						      from + n - 1);
			if (next && contig_extents_pfn(extents, from) == next)
				count--;
			next = contig_extents_pfn(extents, from + n - 1) + 1;
		}
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

/* Note that some pages of a keep are to be looked at, if they are suspect. */
static void contig_keep_doubt(struct contig_keep *keep, unsigned long first,
			      unsigned long last, struct list_head *suspects)
{
	first = max(first, keep->it.start);
	last = min(last, keep->it.last);
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
	struct contig_part_at at;
	LIST_HEAD(suspects);
	int ret = 0;

	raw_spin_lock_irq(&keeps->lock);
	contig_for_each_piece(part, &at) {
		node = interval_tree_iter_first(&keeps->root, at.first,
						at.last);
		for (; node; node = interval_tree_iter_next(node, at.first,
							    at.last))
			contig_keep_doubt(contig_keep_of(node), at.first,
					  at.last, &suspects);
	}
	raw_spin_unlock_irq(&keeps->lock);
	list_for_each_entry_safe(keep, next, &suspects, suspect) {
		list_del_init(&keep->suspect);
		if (!ret)
			ret = contig_keep_look(keep);
	}
	return ret;
}
