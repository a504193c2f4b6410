// SPDX-License-Identifier: GPL-2.0-only
/*
 * Huge pages that outlive their buffer
 *
 * A reference that is not contig's, of a pipe say, keeps a whole huge page when its
 * buffer is gone, and costs its holder no more than one on a single page. So such a
 * huge page stays charged until contig's reference is the last one. (The reserve
 * keeps its memory in quarantine meanwhile: see scrub.c.)
 */
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "buffer.h"
#include "freed.h"
#include "huge.h"
#include "limits.h"
#include "linger.h"
#include "pages.h"
#include "poison.h"

static void contig_linger_work(struct work_struct *work);

/*
 * The huge pages, by folio->lru, which is free for the owner of a page on no LRU
 * list, as is folio->private: the account that is charged, with a reference.
 */
static LIST_HEAD(contig_lingering);
static DEFINE_SPINLOCK(contig_linger_lock); /* for contig_lingering */
static DECLARE_DELAYED_WORK(contig_linger, contig_linger_work);

/*
 * Return true if others keep the huge page from being used again. One with a failed
 * page is kept for good.
 */
static bool contig_linger_kept(struct folio *folio)
{
	unsigned long n = folio_nr_pages(folio);

	return folio_ref_count(folio) > 1 &&
	       (!contig_poison_ever() ||
		contig_pages_first_failed(folio_pfn(folio), n) == n);
}

static void contig_linger_keep(struct contig_buffer *buffer,
			       struct folio *folio)
{
	/* The rung drops the buffer's reference. */
	folio_get(folio);
	folio->private = contig_user_ref(buffer->user);
	buffer->charged -= folio_nr_pages(folio);
	scoped_guard(spinlock, &contig_linger_lock)
		list_add_tail(&folio->lru, &contig_lingering);
	queue_delayed_work(system_dfl_wq, &contig_linger, HZ);
}

/**
 * contig_linger_add() - keep the huge pages of a buffer that others refer to
 * @buffer: is about to give back memory that does not go into quarantine; nothing
 *          maps it any more, and its pages name no file
 *
 * May sleep.
 */
void contig_linger_add(struct contig_buffer *buffer)
{
	struct contig_cursor cursor;
	unsigned long pfn, n, rest;

	if (buffer->mapping != CONTIG_MAPPING_STRUCT_PAGE ||
	    !contig_huge_possible())
		return;
	contig_cursor_init(&cursor, &buffer->extents, 0);
	while ((n = contig_cursor_next(&cursor, buffer->extents.npages, &pfn)))
		for (; n; pfn += rest, n -= rest) {
			struct folio *folio = page_folio(pfn_to_page(pfn));

			rest = min(contig_huge_rest(pfn), n);
			if (rest > 1 && contig_linger_kept(folio))
				contig_linger_keep(buffer, folio);
			cond_resched();
		}
}

/* Uncharge a huge page that is on no list any more, and give it back. */
static void contig_linger_end(struct folio *folio)
{
	struct contig_user *user = folio->private;

	folio->private = NULL;
	contig_user_uncharge(user, folio_nr_pages(folio));
	contig_user_put(user);
	contig_pages_put(folio_pfn(folio), folio_nr_pages(folio));
	contig_freed();
}

/* End all that nobody else refers to, or all there are. */
static void contig_linger_look(bool all)
{
	struct folio *folio, *next;
	LIST_HEAD(found);

	scoped_guard(spinlock, &contig_linger_lock)
		list_splice_init(&contig_lingering, &found);
	list_for_each_entry_safe(folio, next, &found, lru) {
		cond_resched();
		if (!all && contig_linger_kept(folio))
			continue;
		list_del(&folio->lru);
		contig_linger_end(folio);
	}
	scoped_guard(spinlock, &contig_linger_lock)
		list_splice(&found, &contig_lingering);
}

/* Give back, and uncharge, what nobody refers to any more. May sleep. */
void contig_linger_settle(void)
{
	contig_linger_look(false);
}

/* The kernel does not report when a reference is dropped: poll. */
static void contig_linger_work(struct work_struct *work)
{
	contig_linger_look(false);
	if (!list_empty(&contig_lingering))
		queue_delayed_work(system_dfl_wq, &contig_linger, HZ);
}

/* Leave the huge pages to their holders; no buffer is left. May sleep. */
void contig_linger_exit(void)
{
	cancel_delayed_work_sync(&contig_linger);
	contig_linger_look(true);
}
