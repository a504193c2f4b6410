/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CONTIG_COMPAT_LINUX_PAGE_FLAGS_H
#define CONTIG_COMPAT_LINUX_PAGE_FLAGS_H

#include_next <linux/page-flags.h>

/* Until 6.16 the mapping of a page said that its owner can move it. */
#ifdef PAGE_MAPPING_MOVABLE
#define page_has_movable_ops(page) __PageMovable(page)
#endif

/* The name since 6.17. */
#ifndef FOLIO_MAPPING_FLAGS
#define FOLIO_MAPPING_FLAGS PAGE_MAPPING_FLAGS
#endif

#endif /* CONTIG_COMPAT_LINUX_PAGE_FLAGS_H */
