/* SPDX-License-Identifier: LGPL-2.1-or-later OR MIT */
/*
 * Memory for a device: from a rung of contig's ladder, or a program's own.
 */
#ifndef DRIVER_MEMORY_H
#define DRIVER_MEMORY_H

#include <contig.h>

/* Name of the program's own memory, which is no buffer of contig. */
#define MEMORY_MALLOC "malloc"

/**
 * struct memory - locked memory and its addresses for the device
 * @client: the client to which the device is attached
 * @buffer: NULL for the program's own memory
 * @bytes: address for the program
 * @length: bytes, a multiple of the page size
 * @runs: extents of DMA addresses, in the order of the bytes
 * @offsets: offset of each of @runs in the memory
 * @count: number of @runs
 * @physical: physical address of the first byte, ~0 if it cannot be seen
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

/* Return 1 if there is memory of this name, else 0. */
int memory_is_known(const char *name);

/*
 * Get memory, zero and locked. @name is that of a rung, MEMORY_MALLOC, or NULL
 * for the first rung that can give it. Return 0, or -1 after a message.
 */
int memory_get(struct memory *memory, struct contig *client, const char *name,
	       size_t length);

/*
 * Get memory that is one run for the device, at a multiple of @align. Return as
 * memory_get().
 */
int memory_get_run(struct memory *memory, struct contig *client, size_t length,
		   size_t align);

/* Return the source of the memory, in a word. */
const char *memory_name(const struct memory *memory);

/*
 * Return the DMA address of the byte at @offset. Reduce @length to the bytes
 * that the device can reach from there in one run.
 */
uint64_t memory_address(const struct memory *memory, size_t offset,
			size_t *length);

/*
 * Call these before and after the CPU accesses the memory. In between the
 * device must not access it. Return 0, or -1 after a message.
 */
int memory_begin(const struct memory *memory);
int memory_end(const struct memory *memory);

void memory_put(struct memory *memory);

#endif /* DRIVER_MEMORY_H */
