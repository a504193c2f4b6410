/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Clearing of memory
 */
#ifndef CONTIG_CLEAR_H
#define CONTIG_CLEAR_H

int contig_clear_init(void);
void contig_clear_exit(void);
void contig_pages_clear_alone(unsigned long pfn, unsigned long npages);
void contig_pages_clear(unsigned long pfn, unsigned long npages);

#endif /* CONTIG_CLEAR_H */
