/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CONTIG_COMPAT_LINUX_PAGEVEC_H
#define CONTIG_COMPAT_LINUX_PAGEVEC_H

#include_next <linux/pagevec.h>
#include <linux/version.h>

/* Before 6.5 the function had a batch of pages, of the same layout. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
static inline void __folio_batch_release(struct folio_batch *fbatch)
{
	__pagevec_release((struct pagevec *)fbatch);
}
#endif

#endif /* CONTIG_COMPAT_LINUX_PAGEVEC_H */
