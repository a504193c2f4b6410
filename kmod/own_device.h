/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The device that coherent memory is allocated for
 */
#ifndef CONTIG_OWN_DEVICE_H
#define CONTIG_OWN_DEVICE_H

#include <linux/types.h>

struct contig_pool;
struct device;

int contig_own_device_init(void);
void contig_own_device_exit(void);

/*
 * Return a device that reaches memory up to page frame @highest, snoops caches
 * if @coherent is set, and is near the NUMA node @node (NUMA_NO_NODE for any),
 * or the plain device if there is none. May sleep.
 */
struct device *contig_own_device_for(unsigned long highest, bool coherent,
				     int node);
bool contig_own_device_caches(bool coherent);
/* Return the pool of that device, or NULL. */
struct contig_pool *contig_own_device_pool(void);

#endif /* CONTIG_OWN_DEVICE_H */
