/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CONTIG_COMPAT_LINUX_HRTIMER_H
#define CONTIG_COMPAT_LINUX_HRTIMER_H

#include_next <linux/hrtimer.h>
#include <linux/version.h>

/* Added in 6.13. Stable kernels may have it too, so it gets another name. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
static inline void
contig_hrtimer_setup(struct hrtimer *timer,
		     enum hrtimer_restart (*function)(struct hrtimer *),
		     clockid_t clock, enum hrtimer_mode mode)
{
	hrtimer_init(timer, clock, mode);
	timer->function = function;
}

#define hrtimer_setup contig_hrtimer_setup
#endif

#endif /* CONTIG_COMPAT_LINUX_HRTIMER_H */
