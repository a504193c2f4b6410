/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CONTIG_COMPAT_LINUX_MMZONE_H
#define CONTIG_COMPAT_LINUX_MMZONE_H

#include_next <linux/mmzone.h>

/* Since 6.8: the largest order itself. MAX_ORDER was one more until 6.4. */
#ifndef MAX_PAGE_ORDER
#define MAX_PAGE_ORDER (MAX_ORDER - 1)
#endif

#endif /* CONTIG_COMPAT_LINUX_MMZONE_H */
