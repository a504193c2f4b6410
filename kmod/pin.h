/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What keeps locked memory in place
 */
#ifndef CONTIG_PIN_H
#define CONTIG_PIN_H

#include <linux/refcount.h>

#include "extents.h"
#include "watch.h"

/* As many pages as are looked up in one go. */
#define CONTIG_PIN_BATCH (PAGE_SIZE / sizeof(struct page *))

struct contig_area;
struct contig_areas;
struct contig_buffer;
struct contig_dma_device;
struct contig_dma_map;
struct contig_user;
struct mm_struct;
struct user_struct;

/**
 * struct contig_pin - memory that was made immovable in one go
 * @refs: areas that refer to it
 * @mm: address space it was found in, which @mark.watch has a reference on; NULL
 *      if it was named by a buffer's file descriptor
 * @first: page of that address space it begins at
 * @npages: its length
 * @payer: user's memory: whose RLIMIT_MEMLOCK it counts against, with a
 *         reference; NULL if it does not count
 * @counted: it counts against the total of all users, see contig_pins_charge()
 * @buffer: the buffer it belongs to, with a reference; NULL if it is the
 *          user's own memory, pinned
 * @base: where it begins in @buffer, in pages
 * @own: user's memory: where it lies
 * @mark: notes changes of the address space, if @mm
 * @map: what maps it for a device, NULL if it is for none
 * @dirty: user's memory: somebody may have written to pages that are unlocked, and
 *         stay pinned because of @map
 *
 * Each area that refers to a pin stands for its own pages of it: these are
 * unpinned with the area, and the structure goes with the last area. If they are
 * mapped for a device, which is undone as a whole, all go with the last area.
 */
struct contig_pin {
	refcount_t refs;
	struct mm_struct *mm;
	unsigned long first;
	unsigned long npages;
	struct user_struct *payer;
	bool counted;
	struct contig_buffer *buffer;
	unsigned long base;
	struct contig_extents own;
	struct contig_mark mark;
	struct contig_dma_map *map;
	bool dirty;
};

void contig_pin_get(struct contig_pin *pin);
void contig_pin_put(struct contig_pin *pin);
const struct contig_extents *contig_pin_extents(const struct contig_pin *pin);

int contig_pin_error(int error);
int contig_pin_range(struct contig_watch *watch, unsigned long first,
		     unsigned long last, bool output, bool charge,
		     struct contig_areas *areas);
int contig_pin_buffer(struct contig_buffer *buffer, unsigned long first,
		      unsigned long last, struct contig_areas *areas);
int contig_pin_map(struct contig_pin *pin, struct contig_dma_device *device,
		   bool output, bool bounce, struct contig_user *user);
void contig_area_release(struct contig_areas *areas, struct contig_area *area);
void contig_areas_release(struct contig_areas *areas);

#endif /* CONTIG_PIN_H */
