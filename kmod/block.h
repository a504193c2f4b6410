/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One block of the reserve
 */
#ifndef CONTIG_BLOCK_H
#define CONTIG_BLOCK_H

#include <linux/types.h>

#include "early.h"

struct contig_region;
struct contig_request;
struct gen_pool;
struct seq_file;

/**
 * struct contig_block - one reserved block
 * @ask: what the module parameter requests; constant
 * @pfn: first page frame
 * @npages: its size, a multiple of a granule
 * @order: pages in a granule, as a power of two
 * @node: the NUMA node that it lies on
 * @huge: it is to consist of huge pages, of which granules are multiples
 * @region: its memory if the administrator gave the address, else NULL
 * @pool: its free and clean pages; NULL if the block could not be reserved
 * @failed: a bit for each granule with a failed page that is out of use; the
 *          pool regards these as allocated
 * @lost: pages in these granules
 * @spent: a bit for each page that is in use or was cleared. The other pages
 *         have their contents from before the module was loaded, and the pool
 *         regards them as allocated. NULL if the block was cleared at load
 * @dirty: freed pages that are not scrubbed yet
 * @quarantined: those of @dirty that cannot be scrubbed while other references
 *               exist
 */
struct contig_block {
	struct contig_early ask;
	unsigned long pfn;
	unsigned long npages;
	unsigned int order;
	int node;
	bool huge;
	struct contig_region *region;
	struct gen_pool *pool;
	unsigned long *failed;
	unsigned long lost;
	unsigned long *spent;
	unsigned long dirty;
	unsigned long quarantined;
};

/*
 * Return true if the block has memory that the caller may get. A region's
 * address is on the kernel command line, which every user can read. So its
 * memory goes only to callers that may see physical addresses (@told).
 */
static inline bool contig_block_visible(const struct contig_block *block,
					bool told)
{
	return block->pool && (told || !block->region);
}

void contig_block_init(struct contig_block *block,
		       const struct contig_early *ask);
int contig_block_fill(struct contig_block *block, unsigned long pfn);
bool contig_block_allowed(const struct contig_block *block,
			  const struct contig_request *request);
unsigned long contig_block_potential(const struct contig_block *block,
				     const struct contig_request *request);
bool contig_block_suits(const struct contig_block *block,
			const struct contig_request *request);
unsigned long contig_block_carve(struct contig_block *block,
				 const struct contig_request *request);
void contig_block_map(struct contig_block *block, unsigned long *map);
bool contig_block_claim(struct contig_block *block, unsigned long pfn,
			unsigned long npages);
unsigned long contig_block_largest(const struct contig_block *block,
				   const struct contig_request *request);
void contig_block_keep(struct contig_block *block, unsigned long pfn,
		       unsigned long npages);
unsigned long contig_block_kept(const struct contig_block *block);
void contig_block_check(struct contig_block *block, unsigned long pfn,
			unsigned long npages);
void contig_block_give(struct contig_block *block, unsigned long pfn,
		       unsigned long npages);
void contig_block_show(const struct contig_block *block, struct seq_file *m,
		       bool seen);
void contig_block_exit(struct contig_block *block);
void contig_block_put(struct contig_block *block, unsigned long pfn);

#endif /* CONTIG_BLOCK_H */
