/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parameter "early" says
 */
#ifndef CONTIG_EARLY_H
#define CONTIG_EARLY_H

#include <linux/types.h>

int contig_early_parse(const char *text, u64 memory, unsigned long *npages,
		       unsigned int room);

#endif /* CONTIG_EARLY_H */
