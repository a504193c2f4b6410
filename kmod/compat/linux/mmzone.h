/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CONTIG_COMPAT_LINUX_MMZONE_H
#define CONTIG_COMPAT_LINUX_MMZONE_H

#include_next <linux/mmzone.h>

#include <linux/version.h>

/* Since 6.8: the largest order itself. MAX_ORDER was one more before 6.4. */
#ifndef MAX_PAGE_ORDER
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 4, 0)
#define MAX_PAGE_ORDER (MAX_ORDER - 1)
#else
#define MAX_PAGE_ORDER MAX_ORDER
#endif
#endif

/*
 * Return the migrate type that the bits of a pageblock stand for. Since 6.17 an
 * isolated pageblock keeps its type and has a bit of its own set; before, its
 * type was MIGRATE_ISOLATE.
 */
static inline int contig_pageblock_type(unsigned long bits)
{
#ifdef PAGEBLOCK_MIGRATETYPE_MASK
#ifdef CONFIG_MEMORY_ISOLATION
	if (bits & PAGEBLOCK_ISO_MASK)
		return MIGRATE_ISOLATE;
#endif
	return bits & PAGEBLOCK_MIGRATETYPE_MASK;
#else
	return bits & MIGRATETYPE_MASK;
#endif
}

#endif /* CONTIG_COMPAT_LINUX_MMZONE_H */
