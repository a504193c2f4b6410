/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The device that coherent memory is allocated for
 */
#ifndef CONTIG_DEVICE_H
#define CONTIG_DEVICE_H

#include <linux/types.h>

struct contig_pool;
struct device;

int contig_device_init(void);
void contig_device_exit(void);

/*
 * The device that reaches memory up to this page frame, and that looks into the
 * CPU's caches if @coherent, if there can be one; else the plain one. May sleep.
 */
struct device *contig_device_like(unsigned long highest, bool coherent);
/* The pool that its memory comes from, NULL if there is none. */
struct contig_pool *contig_device_pool(void);

#endif /* CONTIG_DEVICE_H */
