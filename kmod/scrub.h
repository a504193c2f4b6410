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
 * @node: entry of contig_scrub.returned or of contig_scrub.quarantine
 * @block: the block it is part of
 * @pfn: first page frame
 * @npages: number of pages
 * @contents: the memory was given out uncleared
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
void contig_scrub_wait(const struct contig_request *request);

#endif /* CONTIG_SCRUB_H */
