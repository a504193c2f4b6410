/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CONTIG_COMPAT_LINUX_GFP_H
#define CONTIG_COMPAT_LINUX_GFP_H

#include_next <linux/gfp.h>

#ifdef CONFIG_CONTIG_ALLOC
/*
 * Pageblocks keep their type. Since 6.17 the kernel sees to that, and the
 * number of a type would be taken for flags.
 */
static inline int contig_alloc_contig_range(unsigned long start,
					    unsigned long end, int type,
					    gfp_t gfp)
{
#ifdef ACR_FLAGS_NONE
	return alloc_contig_range(start, end, ACR_FLAGS_NONE, gfp);
#else
	return alloc_contig_range(start, end, type, gfp);
#endif
}
#endif

#endif /* CONTIG_COMPAT_LINUX_GFP_H */
