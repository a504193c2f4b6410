/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CONTIG_COMPAT_LINUX_MM_H
#define CONTIG_COMPAT_LINUX_MM_H

#include_next <linux/mm.h>
#include <linux/gfp.h>
#include <linux/mmzone.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
static inline void vm_flags_set(struct vm_area_struct *vma, unsigned long flags)
{
	vma->vm_flags |= flags;
}
#endif

/* Until 6.5 there was a parameter for an array of VMAs. */
static inline long contig_get_user_pages_remote(struct mm_struct *mm,
						unsigned long start,
						unsigned long nr_pages,
						unsigned int gup_flags,
						struct page **pages,
						int *locked)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
	return get_user_pages_remote(mm, start, nr_pages, gup_flags, pages,
				     NULL, locked);
#else
	return get_user_pages_remote(mm, start, nr_pages, gup_flags, pages,
				     locked);
#endif
}

/* A vm_operations_struct.get_policy, which got one more parameter in 6.7. */
#ifdef CONFIG_NUMA
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
static inline struct mempolicy *contig_vm_no_policy(struct vm_area_struct *vma,
						    unsigned long addr)
{
	return NULL;
}
#else
static inline struct mempolicy *contig_vm_no_policy(struct vm_area_struct *vma,
						    unsigned long addr,
						    pgoff_t *ilx)
{
	return NULL;
}
#endif
#endif

/*
 * Empty page frames for a compound page, if CONTIG_GFP_COMP is not 0. Since 7.0 there
 * is a function of its own for that, which leaves the page without a reference.
 */
#ifdef CONFIG_CONTIG_ALLOC
static inline int contig_alloc_compound_range(unsigned long start,
					      unsigned long end, int type,
					      gfp_t gfp)
{
#ifdef alloc_contig_frozen_range
	int ret = alloc_contig_frozen_range(start, end, ACR_FLAGS_NONE,
					    gfp | __GFP_COMP);

	if (!ret)
		init_page_count(pfn_to_page(start));
	return ret;
#else
	return contig_alloc_contig_range(start, end, type,
					 gfp | CONTIG_GFP_COMP);
#endif
}
#endif

/* Renamed in newer kernels. */
#ifndef CONTIG_HAS_ZAP_SPECIAL_VMA_RANGE
static inline void zap_special_vma_range(struct vm_area_struct *vma,
					 unsigned long addr, unsigned long size)
{
	zap_vma_ptes(vma, addr, size);
}
#endif

/*
 * Since 6.2 a long-term pin for reading takes a private page out of sharing
 * first. Before, a later write by the CPU replaced the page behind the pin.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
#define CONTIG_READ_ONLY_PIN_IS_STABLE 0
#else
#define CONTIG_READ_ONLY_PIN_IS_STABLE 1
#endif

#endif /* CONTIG_COMPAT_LINUX_MM_H */
