/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Failed pages
 */
#ifndef CONTIG_POISON_H
#define CONTIG_POISON_H

#include <linux/types.h>

struct contig_area;
struct contig_buffer;
struct delayed_work;

int contig_poison_init(struct delayed_work *sweep);
void contig_poison_exit(void);

bool contig_poison_news(unsigned int *seen);
bool contig_poison_ever(void);
bool contig_poison_sweep_begin(unsigned int *noticed);
void contig_poison_swept(unsigned int noticed);
bool contig_poison_unswept(void);
void contig_poison_mmap_begin(void);
void contig_poison_mmap_end(void);

unsigned long contig_buffer_first_failed(const struct contig_buffer *buffer,
					 unsigned long first,
					 unsigned long npages);
bool contig_buffer_failed(const struct contig_buffer *buffer,
			  unsigned long first, unsigned long npages);
unsigned long contig_area_first_failed(const struct contig_area *area,
				       unsigned long first, unsigned long last);

#endif /* CONTIG_POISON_H */
