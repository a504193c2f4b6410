/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pins, which keep locked memory in place
 */
#ifndef CONTIG_PIN_H
#define CONTIG_PIN_H

#include <linux/bits.h>
#include <linux/refcount.h>

#include "areas.h"
#include "extents.h"
#include "watch.h"

/* Most pages that are looked up in one go. */
#define CONTIG_PIN_BATCH (PAGE_SIZE / sizeof(struct page *))

struct contig_buffer;
struct contig_client;
struct contig_dma_device;
struct contig_dma_map;
struct contig_foreign;
struct contig_target;
struct contig_user;
struct cred;
struct mm_struct;

/**
 * enum contig_pin_flags - how to pin memory of a process
 * @CONTIG_PIN_OUTPUT: a device will only read it
 * @CONTIG_PIN_CHARGE: count it against RLIMIT_MEMLOCK
 */
enum contig_pin_flags {
	CONTIG_PIN_OUTPUT = BIT(0),
	CONTIG_PIN_CHARGE = BIT(1),
};

/**
 * struct contig_pin - memory that was made immovable in one go
 * @area: its first area. It is unused once that has ended, and refers to no
 *        other pin
 * @refs: areas that refer to it
 * @counted: it counts against the total of all users, see contig_pins_charge()
 * @dirty: for the user's memory: an area that was released allowed writes, so
 *         its pages are marked dirty when they are unpinned with @map
 * @first: its first page, in an address space or, if it was named by a file
 *         descriptor, in the dma-buf
 * @npages: its length
 * @payer: credentials of the user whose RLIMIT_MEMLOCK it is charged to, with a
 *         reference; NULL if it is not charged, as for buffers
 * @buffer: the buffer it belongs to, with a reference; NULL if it is the
 *          user's own memory, pinned, or a foreign dma-buf
 * @foreign: the foreign dma-buf that it is, as a whole, else NULL. A client has
 *           one such pin for each foreign dma-buf, however many ranges it locks
 * @stays: it makes @buffer stay where it is
 * @base: where it begins in @buffer, in pages
 * @own: extents of the user's memory, or of a foreign dma-buf; the latter is
 *       empty until physical addresses are needed
 * @mark: records changes of the address space that it was found in; has no
 *        watch if it was named by a file descriptor
 * @map: its mapping for a device, NULL if there is none; for a foreign dma-buf
 *       contig_foreign.map
 *
 * An area refers to a pin for the area's own pages only: these are unpinned
 * with the area, and the last area frees the structure. A map is undone as a
 * whole, so mapped pages stay pinned until the last area is gone.
 */
struct contig_pin {
	struct contig_area area;
	refcount_t refs;
	bool counted;
	bool dirty;
	unsigned long first;
	unsigned long npages;
	const struct cred *payer;
	struct contig_buffer *buffer;
	bool stays;
	struct contig_foreign *foreign;
	unsigned long base;
	struct contig_extents own;
	struct contig_mark mark;
	struct contig_dma_map *map;
};

/*
 * Return the address space that a pin was found in, NULL if it was named by a
 * file descriptor. It lives as long as the pin.
 */
static inline struct mm_struct *contig_pin_mm(const struct contig_pin *pin)
{
	return pin->mark.watch ? pin->mark.watch->notifier.mm : NULL;
}

/* Take a reference for one more area. */
static inline void contig_pin_get(struct contig_pin *pin)
{
	refcount_inc(&pin->refs);
}

/*
 * Drop the reference of an area while another one exists, so that nothing has
 * to be unpinned. refcount_dec() warns if it was the last reference.
 */
static inline void contig_pin_unshare(struct contig_pin *pin)
{
	refcount_dec(&pin->refs);
}

const struct contig_extents *contig_pin_extents(const struct contig_pin *pin);

int contig_pin_error(int error);
int contig_pin_range(struct contig_watch *watch, unsigned long first,
		     unsigned long last, u32 flags,
		     struct contig_areas *areas);
int contig_pin_buffer(struct contig_buffer *buffer, unsigned long first,
		      unsigned long last, struct contig_areas *areas);
int contig_pin_foreign(struct contig_client *client,
		       const struct contig_target *target, unsigned long first,
		       unsigned long last, bool output,
		       struct contig_areas *areas);
int contig_pin_map(struct contig_pin *pin, struct contig_dma_device *device,
		   u32 flags, struct contig_user *user);
void contig_pin_release_area(struct contig_areas *areas,
			     struct contig_area *area);
void contig_pin_release_areas(struct contig_areas *areas);

#endif /* CONTIG_PIN_H */
