/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CONTIG_COMPAT_LINUX_EVENTFD_H
#define CONTIG_COMPAT_LINUX_EVENTFD_H

#include_next <linux/eventfd.h>
#include <linux/version.h>

/* Lost its count in 6.8. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
static inline void contig_eventfd_signal(struct eventfd_ctx *ctx)
{
	eventfd_signal(ctx, 1);
}

#define eventfd_signal contig_eventfd_signal
#endif

#endif /* CONTIG_COMPAT_LINUX_EVENTFD_H */
