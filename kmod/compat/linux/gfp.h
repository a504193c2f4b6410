/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CONTIG_COMPAT_LINUX_GFP_H
#define CONTIG_COMPAT_LINUX_GFP_H

#include_next <linux/gfp.h>
#include <linux/nodemask.h>
#include <linux/version.h>

/* Since 6.12 alloc_contig_range() makes compound pages. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
#define CONTIG_GFP_COMP ((__force gfp_t)0)
#else
#define CONTIG_GFP_COMP __GFP_COMP
#endif

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

/*
 * Allocate pages, node @nid first and only from @nodes if that is not NULL.
 * Modules cannot call __alloc_pages() any more since 7.3, and the functions that
 * are left take one node. Free memory of any node is preferred to reclaim. It is
 * a macro since 6.10.
 */
#if defined(__alloc_pages) || LINUX_VERSION_CODE < KERNEL_VERSION(6, 10, 0)
static inline struct page *contig_alloc_pages_nodes(gfp_t gfp,
						    unsigned int order, int nid,
						    nodemask_t *nodes)
{
	return __alloc_pages(gfp, order, nid, nodes);
}
#else
static inline struct page *contig_alloc_pages_pass(gfp_t gfp,
						   unsigned int order, int nid,
						   const nodemask_t *nodes)
{
	struct page *page = NULL;
	int other;

	gfp |= __GFP_THISNODE;
	if (node_isset(nid, *nodes) && node_state(nid, N_MEMORY))
		page = alloc_pages_node(nid, gfp, order);
	for_each_node_mask(other, *nodes) {
		if (page)
			break;
		if (other != nid && node_state(other, N_MEMORY))
			page = alloc_pages_node(other, gfp, order);
	}
	return page;
}

static inline struct page *contig_alloc_pages_nodes(gfp_t gfp,
						    unsigned int order, int nid,
						    nodemask_t *nodes)
{
	struct page *page;

	if (!nodes)
		return alloc_pages_node(nid, gfp, order);
	/* Without __GFP_NOMEMALLOC the kernel would use its atomic reserves. */
	page = contig_alloc_pages_pass((gfp & ~__GFP_DIRECT_RECLAIM) |
				       __GFP_NOMEMALLOC, order, nid, nodes);
	if (page || !(gfp & __GFP_DIRECT_RECLAIM))
		return page;
	return contig_alloc_pages_pass(gfp, order, nid, nodes);
}
#endif

#endif /* CONTIG_COMPAT_LINUX_GFP_H */
