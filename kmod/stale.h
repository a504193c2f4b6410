/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Checks that locked memory still is where it was locked
 */
#ifndef CONTIG_STALE_H
#define CONTIG_STALE_H

struct contig_area;
struct contig_pin;

unsigned long contig_pin_suspect(const struct contig_pin *pin,
				 unsigned long first, unsigned long last);
int contig_pin_verify(struct contig_pin *pin, unsigned long *page,
		      unsigned long last);
int contig_area_check(struct contig_area *area, unsigned long first,
		      unsigned long last);
int contig_area_check_write(struct contig_area *area, unsigned long first,
			    unsigned long last);

#endif /* CONTIG_STALE_H */
