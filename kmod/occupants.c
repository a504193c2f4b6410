// SPDX-License-Identifier: GPL-2.0-only
/*
 * The buffers that lie in the reserve, and the sites that are cheapest to empty
 *
 * What is found here may be out of date at once: it must be checked again.
 */
#include <linux/bitops.h>
#include <linux/limits.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/mutex.h>
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
#include "scrub.h"

/* Buffers for which there is room at first, and at most. */
#define CONTIG_OCCUPANTS_FEW 1024
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
		/* Until it has an inode it is being exported. */
		.stays = !contig_move_possible(buffer) || buffer->asked->keep ||
			 !READ_ONCE(buffer->inode),
		.pid = buffer->pid,
		.uid = from_kuid_munged(&init_user_ns, buffer->user->uid),
	};
}

static int contig_occupants_compare(const void *a, const void *b)
{
	const struct contig_occupant *x = a, *y = b;

	return x->pfn < y->pfn ? -1 : x->pfn > y->pfn;
}

/* Add up what comes before each buffer, and put an end behind the last. */
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

/* Let buffers stay that could not be moved. */
void contig_occupants_stay(struct contig_occupants *all,
			   const unsigned long *ids, unsigned int nr)
{
	unsigned int i, j;

	for (i = 0; i < all->nr; i++)
		for (j = 0; j < nr; j++)
			if (all->list[i].id == ids[j])
				all->list[i].stays = true;
	contig_occupants_sum(all);
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

/**
 * struct contig_site_search - a search for a site
 * @all: the buffers
 * @request: what a site must meet
 * @map: of the block that is searched: a bit for each granule that is in use
 * @site: the site that is looked at
 * @behind: first buffer behind it
 * @used: granules of it that are in use
 * @granules: granules that its buffers have, also outside of it
 * @best: the best one so far
 * @fewest: buffers that stay in the site of @best.in_way
 */
struct contig_site_search {
	const struct contig_occupants *all;
	const struct contig_request *request;
	unsigned long *map;
	struct contig_site site;
	unsigned int behind;
	unsigned long used;
	unsigned long granules;
	struct contig_site best;
	unsigned int fewest;
};

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

/* Return the page frame behind the last granule of a buffer. */
static unsigned long contig_site_end(const struct contig_site_search *search,
				     const struct contig_occupant *occupant)
{
	return occupant->pfn + round_up(occupant->npages,
					1UL << search->site.block->order);
}

/* Return how many granules a buffer has. */
static unsigned long contig_site_share(const struct contig_site_search *search,
				       const struct contig_occupant *occupant)
{
	return (contig_site_end(search, occupant) - occupant->pfn) >>
	       search->site.block->order;
}

/* Count the granules in use from @pfn up to @end. */
static unsigned long contig_site_used(const struct contig_site_search *search,
				      unsigned long pfn, unsigned long end)
{
	const struct contig_block *block = search->site.block;
	unsigned long i, used = 0;

	for (i = (pfn - block->pfn) >> block->order;
	     i < (end - block->pfn) >> block->order; i++)
		used += test_bit(i, search->map);
	return used;
}

/* Find the buffers of the site, which is behind the one before. */
static void contig_site_meet(struct contig_site_search *search)
{
	const struct contig_occupant *list = search->all->list;
	struct contig_site *site = &search->site;

	while (search->behind < search->all->nr &&
	       list[search->behind].pfn < site->pfn + site->npages)
		search->granules += contig_site_share(search,
						      &list[search->behind++]);
	while (site->first < search->behind &&
	       contig_site_end(search, &list[site->first]) <= site->pfn)
		search->granules -= contig_site_share(search,
						      &list[site->first++]);
	site->nr = search->behind - site->first;
	site->cost = list[search->behind].before - list[site->first].before;
}

/*
 * Return true if all that is in use of the site belongs to its buffers, and not to
 * memory that has to be cleaned, has failed, or is being allocated.
 */
static bool contig_site_is_known(const struct contig_site_search *search)
{
	const struct contig_site *site = &search->site;
	const struct contig_occupant *first, *last;
	unsigned long pages = 0;

	if (site->nr) {
		first = &search->all->list[site->first];
		last = &search->all->list[search->behind - 1];
		if (first->pfn < site->pfn)
			pages += site->pfn - first->pfn;
		if (contig_site_end(search, last) > site->pfn + site->npages)
			pages += contig_site_end(search, last) -
				 (site->pfn + site->npages);
	}
	return search->used + (pages >> site->block->order) == search->granules;
}

/* Compare the site with the best so far. */
static void contig_site_consider(struct contig_site_search *search)
{
	const struct contig_occupant *list = search->all->list, *occupant;
	const struct contig_site *site = &search->site;
	struct contig_site *best = &search->best;
	unsigned int stay;

	stay = list[search->behind].staying - list[site->first].staying;
	if (stay && (!best->in_way || stay < search->fewest)) {
		search->fewest = stay;
		for (occupant = &list[site->first]; !occupant->stays;)
			occupant++;
		best->in_way = occupant;
	}
	if (stay || (best->block && site->cost >= best->cost) ||
	    !contig_site_is_known(search))
		return;
	occupant = best->in_way;
	*best = *site;
	best->in_way = occupant;
}

/* Go to the next site, @step pages behind. */
static void contig_site_step(struct contig_site_search *search,
			     unsigned long step)
{
	struct contig_site *site = &search->site;
	unsigned long common = site->npages - min(step, site->npages);

	search->used -= contig_site_used(search, site->pfn,
					 site->pfn + site->npages - common);
	site->pfn += step;
	search->used += contig_site_used(search, site->pfn + common,
					 site->pfn + site->npages);
}

/* Look for sites in a block, whose map is there. */
static void contig_site_search_block(struct contig_site_search *search,
				     struct contig_block *block)
{
	const struct contig_request *request = search->request;
	unsigned long granule = 1UL << block->order, looked = 0;
	unsigned long step = max(granule, request->align);
	unsigned long end = block->pfn + block->npages;
	struct contig_site *site = &search->site;

	*site = (struct contig_site){
		.block = block,
		.pfn = round_up(block->pfn, step),
		.npages = round_up(request->npages, granule),
	};
	if (site->pfn >= end || end - site->pfn < site->npages)
		return;
	search->granules = 0;
	search->behind = contig_occupants_from(search->all, block->pfn);
	site->first = search->behind;
	search->used = contig_site_used(search, site->pfn,
					site->pfn + site->npages);
	while (true) {
		contig_site_meet(search);
		if (contig_site_suits(request, site->pfn))
			contig_site_consider(search);
		if (end - site->pfn - site->npages < step)
			return;
		contig_site_step(search, step);
		if (!(++looked % CONTIG_OCCUPANTS_STEP))
			cond_resched();
	}
}

/* Search one block. Return 0 or -ENOMEM. */
static int contig_site_try_block(struct contig_site_search *search,
				 struct contig_block *block)
{
	search->map = kvcalloc(BITS_TO_LONGS(block->npages >> block->order),
			       sizeof(long), CONTIG_GFP);
	if (!search->map)
		return -ENOMEM;
	scoped_guard(mutex, &contig_reserve_lock)
		contig_block_map(block, search->map);
	contig_site_search_block(search, block);
	kvfree(search->map);
	return 0;
}

/**
 * contig_site_find() - find the site with the fewest pages to move
 * @all: the buffers in the reserve
 * @request: what the site must meet
 * @site: receives it, or what is in the way
 *
 * May sleep.
 *
 * Return: 0, -ENOENT if there is none, or -ENOMEM.
 */
int contig_site_find(const struct contig_occupants *all,
		     const struct contig_request *request,
		     struct contig_site *site)
{
	struct contig_site_search search = { .all = all, .request = request };
	unsigned int i;
	int ret = 0;

	/* Blocks do not change once the module is loaded. */
	for (i = 0; i < contig_reserve.nr && !ret; i++) {
		struct contig_block *block = &contig_reserve.blocks[i];

		if (contig_block_allowed(block, request) &&
		    block->npages >= request->npages)
			ret = contig_site_try_block(&search, block);
	}
	*site = search.best;
	return ret ?: site->block ? 0 : -ENOENT;
}
