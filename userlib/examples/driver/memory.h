/* SPDX-License-Identifier: LGPL-2.1-or-later OR MIT */
/*
 * Memory for a device: from a rung of contig's ladder, or a program's own.
 */
#ifndef DRIVER_MEMORY_H
#define DRIVER_MEMORY_H

#include <contig.h>

/* The name of the memory that is no buffer of contig. */
#define MEMORY_MALLOC "malloc"

/**
 * struct memory - locked memory and what the device calls it
 * @client: to which the device is attached
 * @buffer: NULL for the program's own memory
 * @bytes: where the program sees it
 * @length: bytes, a multiple of the page size
 * @runs: DMA addresses, in the order of the bytes
 * @offsets: where each run begins
 * @count: how many runs there are
 * @physical: physical address of the first byte, ~0 if it must not be known
 */
struct memory {
	struct contig *client;
	struct contig_buffer *buffer;
	unsigned char *bytes;
	size_t length;
	struct contig_extent *runs;
	size_t *offsets;
	uint32_t count;
	uint64_t physical;
};

/* Is there memory of this name? */
int memory_is_known(const char *name);

/*
 * Get memory, zero and locked. @name is that of a rung, MEMORY_MALLOC, or NULL
 * for whatever rung is the first that answers. Returns 0, or -1 after it has said
 * why not.
 */
int memory_get(struct memory *memory, struct contig *client, const char *name,
	       size_t length);

/*
 * Get memory that is one run for the device, at a multiple of @align. Returns as
 * memory_get().
 */
int memory_get_run(struct memory *memory, struct contig *client, size_t length,
		   size_t align);

/* Where the memory is from, in a word. */
const char *memory_name(const struct memory *memory);

/*
 * The address that the device has to be told for the byte at @offset. @length is
 * cut to what it may reach from there in one run.
 */
uint64_t memory_address(const struct memory *memory, size_t offset,
			size_t *length);

/*
 * The CPU is going to touch the memory; and has done so. Between the two the
 * device must not. Return 0, or -1 after they have said why not.
 */
int memory_begin(const struct memory *memory);
int memory_end(const struct memory *memory);

void memory_put(struct memory *memory);

#endif /* DRIVER_MEMORY_H */
