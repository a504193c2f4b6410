/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CONTIG_COMPAT_LINUX_MM_TYPES_H
#define CONTIG_COMPAT_LINUX_MM_TYPES_H

#include_next <linux/mm_types.h>
#include <linux/build_bug.h>

/* Since 6.18 the flags are a structure with this word in it. */
static inline const unsigned long *contig_page_flags(const struct page *page)
{
	static_assert(sizeof(page->flags) == sizeof(unsigned long));
	return (const unsigned long *)&page->flags;
}

#endif /* CONTIG_COMPAT_LINUX_MM_TYPES_H */
