/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Is locked memory still where it was locked?
 */
#ifndef CONTIG_STALE_H
#define CONTIG_STALE_H

struct contig_area;
struct contig_areas;
struct contig_pin;

void contig_pin_calm(struct contig_pin *pin);
int contig_pin_shows(const struct contig_pin *pin, unsigned long first,
		     unsigned long last);
int contig_area_check(struct contig_areas *areas, struct contig_area *area,
		      unsigned long first, unsigned long last);
int contig_area_check_write(struct contig_area *area, unsigned long first,
			    unsigned long last);

#endif /* CONTIG_STALE_H */
