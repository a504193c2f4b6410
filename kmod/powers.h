/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Powers of two that do not fit in an unsigned long
 */
#ifndef CONTIG_POWERS_H
#define CONTIG_POWERS_H

#include <linux/types.h>

/*
 * is_power_of_2() for a u64. That function takes an unsigned long, and on a
 * 32-bit kernel sees 0 instead of 4 GiB.
 */
static inline bool contig_is_power_of_2(u64 n)
{
	return n && !(n & (n - 1));
}

#endif /* CONTIG_POWERS_H */
