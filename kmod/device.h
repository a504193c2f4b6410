/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The device that coherent memory is allocated for
 */
#ifndef CONTIG_DEVICE_H
#define CONTIG_DEVICE_H

#include <linux/types.h>

struct contig_extents;
struct device;

int contig_device_init(void);
void contig_device_exit(void);

struct device *contig_device(void);
/*
 * One that reaches memory up to this page frame, and that looks into the CPU's
 * caches if @coherent, if there can be one; else as above. May sleep.
 */
struct device *contig_device_like(unsigned long highest, bool coherent);
/* Pages of the pool that its memory comes from; 0 if there is no pool. */
unsigned long contig_device_pool(void);
/* The kernel maps the pool for this device only. */
bool contig_device_no_map(void);
/* If there is a pool: does all of this memory lie in it? */
bool contig_device_owns(const struct contig_extents *extents);

#endif /* CONTIG_DEVICE_H */
