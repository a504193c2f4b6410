/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory that the kernel takes offline
 */
#ifndef CONTIG_OFFLINE_H
#define CONTIG_OFFLINE_H

#include <linux/types.h>

int contig_offline_init(void);
void contig_offline_exit(void);

bool contig_offline_enter(unsigned long pfn, unsigned long npages);
void contig_offline_leave(void);

#endif /* CONTIG_OFFLINE_H */
