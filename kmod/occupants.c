// SPDX-License-Identifier: GPL-2.0-only
/*
 * The buffers that lie in the reserve, and the sites that are cheapest to empty
 *
 * What is found here may be out of date at once: it must be checked again.
 */
#include <linux/limits.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/uidgid.h>
#include <linux/user_namespace.h>

#include "block.h"
#include "buffer.h"
#include "constraints.h"
#include "gfp.h"
#include "limits.h"
#include "occupants.h"
#include "relocate.h"
#include "request.h"
#include "reserve_state.h"

/* Buffers for which there is room at first, and at most. */
#define CONTIG_OCCUPANTS_FEW 512
#define CONTIG_OCCUPANTS_MOST 65536

/* Places to look at before others may run. */
#define CONTIG_OCCUPANTS_STEP 4096

static void contig_occupants_add(const struct contig_buffer *buffer, void *arg)
{
	struct contig_occupants *all = arg;
	struct contig_occupant *occupant;

	if (buffer->rung != CONTIG_RUNG_RESERVE)
		return;
	if (all->nr == all->size) {
		all->more = true;
		return;
	}
	occupant = &all->list[all->nr++];
	*occupant = (struct contig_occupant){
		.pfn = buffer->extents.entries->pfn,
		.npages = buffer->extents.npages,
		.id = buffer->id,
		.stays = !contig_move_possible(buffer) || buffer->asked->keep,
		.user = buffer->user,
		.pid = buffer->pid,
		.uid = from_kuid_munged(&init_user_ns, buffer->user->uid),
	};
}

static int contig_occupants_compare(const void *a, const void *b)
{
	const struct contig_occupant *x = a, *y = b;

	return x->pfn < y->pfn ? -1 : x->pfn > y->pfn;
}

/* Add up what comes before each buffer. */
static void contig_occupants_sum(struct contig_occupants *all)
{
	unsigned long before = 0;
	unsigned int i, staying = 0;

	all->list[all->nr] = (struct contig_occupant){ .pfn = ULONG_MAX };
	for (i = 0; i <= all->nr; i++) {
		all->list[i].before = before;
		all->list[i].staying = staying;
		before += all->list[i].npages;
		staying += all->list[i].stays;
	}
}

/**
 * contig_occupants_find() - find the buffers in the reserve
 * @all: receives them; freed by contig_occupants_free()
 *
 * Of very many some are left out. May sleep.
 *
 * Return: 0 or -ENOMEM.
 */
int contig_occupants_find(struct contig_occupants *all)
{
	unsigned int size = CONTIG_OCCUPANTS_FEW;

	do {
		/* One more for what comes before the end. */
		all->list = kvmalloc_array(size + 1, sizeof(*all->list),
					   CONTIG_GFP);
		if (!all->list)
			return -ENOMEM;
		all->nr = 0;
		all->size = size;
		all->more = false;
		contig_buffers_visit(contig_occupants_add, all);
		size *= 4;
	} while (all->more && size <= CONTIG_OCCUPANTS_MOST &&
		 (kvfree(all->list), true));
	sort(all->list, all->nr, sizeof(*all->list), contig_occupants_compare,
	     NULL);
	contig_occupants_sum(all);
	return 0;
}

void contig_occupants_free(struct contig_occupants *all)
{
	kvfree(all->list);
}

/* Return the first buffer that ends behind a page frame. */
static unsigned int contig_occupants_from(const struct contig_occupants *all,
					  unsigned long pfn)
{
	unsigned int low = 0, high = all->nr, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (all->list[mid].pfn + all->list[mid].npages <= pfn)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* Return true if a site meets a request. */
static bool contig_site_suits(const struct contig_request *request,
			      unsigned long pfn)
{
	unsigned int segments = 0;

	return pfn >= request->lowest &&
	       pfn + request->npages - 1 <= request->highest &&
	       contig_window_fits(request, pfn, request->npages, true,
				  &segments) &&
	       segments <= request->max_segments;
}

/* Return true if a site comes after another in the order of cost and address. */
static bool contig_site_after(const struct contig_site *site,
			      const struct contig_site *other)
{
	return site->cost != other->cost ? site->cost > other->cost :
					    site->pfn > other->pfn;
}

/**
 * struct contig_site_search - a search for the next site
 * @all: the buffers
 * @request: what a site must meet
 * @last: the site before; one with nr == 0 if this is the first search
 * @best: the best one that comes after @last
 * @in_way: of the sites with buffers that stay, the first buffer of the one with the
 *          fewest; NULL if there is none
 * @fewest: how many these are
 */
struct contig_site_search {
	const struct contig_occupants *all;
	const struct contig_request *request;
	struct contig_site last;
	struct contig_site best;
	const struct contig_occupant *in_way;
	unsigned int fewest;
};

/* Return the first buffer from @i on that stays. */
static const struct contig_occupant *
contig_occupants_staying(const struct contig_occupants *all, unsigned int i)
{
	while (!all->list[i].stays)
		i++;
	return &all->list[i];
}

/* Compare one site with the best so far. */
static void contig_site_consider(struct contig_site_search *search,
				 const struct contig_site *site)
{
	const struct contig_occupant *list = search->all->list;
	unsigned int end = site->first + site->nr;
	unsigned int stay = list[end].staying - list[site->first].staying;

	if (stay && (!search->in_way || stay < search->fewest)) {
		search->fewest = stay;
		search->in_way = contig_occupants_staying(search->all,
							  site->first);
	}
	if (stay || !site->nr)
		return;
	if (search->last.nr && !contig_site_after(site, &search->last))
		return;
	if (!search->best.nr || contig_site_after(&search->best, site))
		search->best = *site;
}

/* Look for sites in a block. */
static void contig_site_search_block(struct contig_site_search *search,
				     struct contig_block *block)
{
	const struct contig_occupants *all = search->all;
	const struct contig_request *request = search->request;
	unsigned long granule = 1UL << block->order, looked = 0;
	unsigned long step = max(granule, request->align);
	unsigned long end = block->pfn + block->npages;
	struct contig_site site = {
		.block = block,
		.pfn = round_up(block->pfn, step),
		.npages = round_up(request->npages, granule),
	};
	unsigned int behind;

	site.first = contig_occupants_from(all, site.pfn);
	behind = site.first;
	for (; site.pfn < end && end - site.pfn >= site.npages;
	     site.pfn += step) {
		while (site.first < all->nr &&
		       all->list[site.first].pfn +
			       all->list[site.first].npages <= site.pfn)
			site.first++;
		behind = max(behind, site.first);
		while (all->list[behind].pfn < site.pfn + site.npages)
			behind++;
		site.nr = behind - site.first;
		site.cost = all->list[behind].before -
			     all->list[site.first].before;
		if (contig_site_suits(request, site.pfn))
			contig_site_consider(search, &site);
		if (!(++looked % CONTIG_OCCUPANTS_STEP))
			cond_resched();
	}
}

/**
 * contig_site_next() - find the site with the fewest pages to move
 * @all: the buffers in the reserve
 * @request: what the site must meet
 * @site: in/out: the site before, with nr == 0 at first; receives the next one
 * @in_way: receives a buffer that stays in a site with few of these, or NULL
 *
 * May sleep.
 *
 * Return: true if there is another site.
 */
bool contig_site_next(const struct contig_occupants *all,
		      const struct contig_request *request,
		       struct contig_site *site,
		       const struct contig_occupant **in_way)
{
	struct contig_site_search search = {
		.all = all,
		.request = request,
		.last = *site,
	};
	unsigned int i;

	/* Blocks do not change once the module is loaded. */
	for (i = 0; i < contig_reserve.nr; i++) {
		struct contig_block *block = &contig_reserve.blocks[i];

		if (contig_block_allowed(block, request))
			contig_site_search_block(&search, block);
	}
	*in_way = search.in_way;
	*site = search.best;
	return site->nr;
}
