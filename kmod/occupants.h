/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The buffers that lie in the reserve, and the sites that are cheapest to empty
 */
#ifndef CONTIG_OCCUPANTS_H
#define CONTIG_OCCUPANTS_H

#include <linux/types.h>

struct contig_block;
struct contig_buffer;
struct contig_request;

/**
 * struct contig_occupant - a buffer in the reserve
 * @pfn: first page frame
 * @npages: number of page frames
 * @id: the buffer's number
 * @stays: it cannot be moved
 * @pid: process that allocated it
 * @uid: user that it is charged to
 * @before: pages of all buffers that come before it in the list
 * @staying: how many of these stay
 * @old: a buffer with the memory, once it has been moved
 */
struct contig_occupant {
	unsigned long pfn;
	unsigned long npages;
	unsigned long id;
	bool stays;
	pid_t pid;
	uid_t uid;
	unsigned long before;
	unsigned int staying;
	struct contig_buffer *old;
};

/**
 * struct contig_occupants - the buffers in the reserve
 * @list: sorted by @pfn, and an empty entry behind the last
 * @nr: number of buffers
 * @size: room in @list
 * @more: there was no room for all
 */
struct contig_occupants {
	struct contig_occupant *list;
	unsigned int nr;
	unsigned int size;
	bool more;
};

/**
 * struct contig_site - a site for a request in a block, in whole granules
 * @block: the block; NULL: no site was found
 * @pfn: first page frame
 * @npages: number of page frames
 * @first: first buffer that has a part of it
 * @nr: number of buffers that have
 * @cost: pages of these
 * @in_way: if no site was found: of the sites with buffers that stay, the first such
 *          buffer of the one with the fewest; NULL if there is none
 */
struct contig_site {
	struct contig_block *block;
	unsigned long pfn;
	unsigned long npages;
	unsigned int first;
	unsigned int nr;
	unsigned long cost;
	const struct contig_occupant *in_way;
};

int contig_occupants_find(struct contig_occupants *all);
void contig_occupants_free(struct contig_occupants *all);
void contig_occupants_stay(struct contig_occupants *all,
			   const unsigned long *ids, unsigned int nr);
int contig_site_find(const struct contig_occupants *all,
		     const struct contig_request *request,
		     struct contig_site *site);

#endif /* CONTIG_OCCUPANTS_H */
