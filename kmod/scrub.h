/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Cleaning of memory that comes back to the reserve
 */
#ifndef CONTIG_SCRUB_H
#define CONTIG_SCRUB_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>

struct contig_block;
struct contig_request;
struct contig_user;

/**
 * struct contig_return - an extent that came back and is not clean yet
 * @node: entry of a list of &struct contig_scrub, unless it is being cleaned
 * @block: the block it is part of
 * @pfn: first page frame
 * @npages: number of pages
 * @contents: the memory was given out with the contents that the block keeps
 * @dirty: the memory was given out before it was clean
 * @user: account of the buffer that it belonged to, with a reference
 * @charged: pages that @user is charged for it, until it is clean
 * @kept: the page that last had another reference
 * @quarantined: it is in quarantine
 * @holds: it keeps the module loaded, since unloading frees its struct pages
 */
struct contig_return {
	struct list_head node;
	struct contig_block *block;
	unsigned long pfn;
	unsigned long npages;
	bool contents;
	bool dirty;
	struct contig_user *user;
	unsigned long charged;
	unsigned long kept;
	bool quarantined;
	bool holds;
};

/*
 * Protects the blocks of the reserve and the memory that waits to be cleaned;
 * lock order: client.h.
 */
extern struct mutex contig_reserve_lock;

void contig_scrub_init(void);
void contig_scrub_exit(void);
void contig_scrub_add(struct contig_return *run);
void contig_return_put(struct contig_return *run);
struct contig_return *contig_scrub_find(const struct contig_request *request);
unsigned long contig_scrub_cut(struct contig_return *run,
			       const struct contig_request *request,
			       struct contig_return **emptied);
void contig_scrub_wait(const struct contig_request *request);

#endif /* CONTIG_SCRUB_H */
