/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Parser of the parameter "early"
 */
#ifndef CONTIG_EARLY_H
#define CONTIG_EARLY_H

#include <linux/types.h>

/**
 * struct contig_early - a block that the administrator requests
 * @npages: its length
 * @align: its alignment in pages, 0 if the list does not give one
 * @bits: address bits that reach all of it, 0 if the list does not give them
 * @node: its NUMA node, NUMA_NO_NODE for any
 * @address: address of the memory that is set aside for it, 0 if contig chooses
 * @huge: make it of huge pages, if this kernel can
 * @keep: keep the contents of that memory until it was given to a caller that
 *        wants them
 */
struct contig_early {
	unsigned long npages;
	unsigned long align;
	unsigned int bits;
	int node;
	u64 address;
	bool huge;
	bool keep;
};

int contig_early_parse(const char *text, struct contig_early *blocks,
		       unsigned int room, const char **why);

#endif /* CONTIG_EARLY_H */
