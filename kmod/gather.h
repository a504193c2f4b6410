/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Making a buffer contiguous
 */
#ifndef CONTIG_GATHER_H
#define CONTIG_GATHER_H

struct contig_client;
struct contig_range;

int contig_gather_range(struct contig_client *client,
			const struct contig_range *range);

#endif /* CONTIG_GATHER_H */
