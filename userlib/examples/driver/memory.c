// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * Memory for a device: allocate it, lock it, get its DMA addresses.
 */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "memory.h"
#include "pci.h"

static int fail(const char *what, int error)
{
	warnx("%s: %s", what, contig_strerror(error));
	return -1;
}

static uint32_t rung_of(const char *name)
{
	uint32_t rung;

	for (rung = CONTIG_RUNG_NONE + 1; rung < CONTIG_RUNG_MAX; rung++)
		if (!strcmp(name, contig_rung_name(rung)))
			return rung;
	return CONTIG_RUNG_NONE;
}

int memory_is_known(const char *name)
{
	return !strcmp(name, MEMORY_MALLOC) || rung_of(name);
}

static int get_buffer(struct memory *memory, uint32_t rungs, size_t align)
{
	struct contig_alloc_opts opts = CONTIG_ALLOC_OPTS_INIT;
	struct contig_alloc answer = {.size = sizeof(answer)};
	char text[2048];
	void *bytes;
	int error;

	opts.answer = &answer;
	opts.rungs = rungs;
	opts.constraints.align = align;
	error = contig_alloc(memory->client, memory->length, &opts,
			     &memory->buffer);
	if (error) {
		contig_explain(&answer, error, text, sizeof(text));
		warnx("%s", text);
		return -1;
	}
	error = contig_buffer_map(memory->buffer, 0, memory->length,
				  PROT_READ | PROT_WRITE, &bytes);
	if (error)
		return fail("map", error);
	memory->bytes = bytes;
	return 0;
}

/*
 * Map the program's own memory page by page, as it is in a program on a machine
 * that has run for long.
 */
static int get_own(struct memory *memory)
{
	void *bytes = mmap(NULL, memory->length, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (bytes == MAP_FAILED) {
		warn("%zu bytes", memory->length);
		return -1;
	}
	madvise(bytes, memory->length, MADV_NOHUGEPAGE);
	memset(bytes, 0, memory->length);
	memory->bytes = bytes;
	return 0;
}

/* Return the physical address of the first byte, which is only shown. */
static uint64_t physical_address(const struct memory *memory)
{
	const void *addr = memory->bytes;
	struct contig_extent extent;
	uint32_t count = 1;
	size_t length = 1;

	if (contig_get_physical(memory->client, &addr, &length, &extent,
				&count))
		return ~0ull;
	return extent.addr;
}

static int lock_and_translate(struct memory *memory, uint32_t flags)
{
	size_t offset = 0;
	uint32_t i;
	int error;

	error = contig_lock(memory->client, memory->bytes, memory->length,
			    flags);
	if (error)
		return fail("lock", error);
	error = contig_get_dma_extents(memory->client, memory->bytes,
				       memory->length, &memory->runs,
				       &memory->count);
	if (error)
		return fail("DMA addresses", error);
	memory->offsets = calloc(memory->count, sizeof(*memory->offsets));
	if (!memory->offsets)
		return fail("table", -ENOMEM);
	for (i = 0; i < memory->count; i++) {
		memory->offsets[i] = offset;
		offset += memory->runs[i].length;
	}
	memory->physical = physical_address(memory);
	return 0;
}

static void begin(struct memory *memory, struct contig *client, size_t length)
{
	const size_t page = sysconf(_SC_PAGESIZE);

	*memory = (struct memory){
		.client = client,
		.length = (length + page - 1) / page * page,
	};
}

static int finish(struct memory *memory, int error, uint32_t flags)
{
	if (!error)
		error = lock_and_translate(memory, flags);
	if (error)
		memory_put(memory);
	return error;
}

int memory_get(struct memory *memory, struct contig *client, const char *name,
	       size_t length)
{
	int error;

	begin(memory, client, length);
	if (name && !strcmp(name, MEMORY_MALLOC))
		error = get_own(memory);
	else
		error = get_buffer(memory, name ? 1u << rung_of(name) : 0, 0);
	return finish(memory, error, 0);
}

int memory_get_run(struct memory *memory, struct contig *client, size_t length,
		   size_t align)
{
	begin(memory, client, length);
	return finish(memory,
		      get_buffer(memory, CONTIG_RUNGS_CONTIGUOUS, align),
		      CONTIG_LOCK_DEVICE_CONTIGUOUS);
}

const char *memory_name(const struct memory *memory)
{
	return memory->buffer
		       ? contig_rung_name(contig_buffer_rung(memory->buffer))
		       : MEMORY_MALLOC;
}

uint64_t memory_address(const struct memory *memory, size_t offset,
			size_t *length)
{
	uint32_t first = 0;
	uint32_t end = memory->count;
	size_t within;

	/* Find the last run that does not begin behind the byte. */
	while (end - first > 1) {
		uint32_t middle = first + (end - first) / 2;

		if (memory->offsets[middle] <= offset)
			first = middle;
		else
			end = middle;
	}
	within = offset - memory->offsets[first];
	if (*length > memory->runs[first].length - within)
		*length = memory->runs[first].length - within;
	return memory->runs[first].addr + within;
}

/* The direction is not known here. */
static int hand_over(const struct memory *memory, uint32_t whose)
{
	int error = contig_sync(memory->client, memory->bytes, memory->length,
				whose | CONTIG_IO_INPUT | CONTIG_IO_OUTPUT);

	if (error == -ENODEV) {
		warnx("the device is gone");
		return -1;
	}
	return error ? fail("sync", error) : 0;
}

int memory_begin(const struct memory *memory)
{
	int error = hand_over(memory, CONTIG_IO_FOR_CPU);

	pci_barrier();
	return error;
}

int memory_end(const struct memory *memory)
{
	pci_barrier();
	return hand_over(memory, CONTIG_IO_FOR_DEVICE);
}

void memory_put(struct memory *memory)
{
	/* Unlocking also unmaps the memory from the device. */
	if (memory->bytes) {
		if (memory->runs)
			contig_unlock(memory->client, memory->bytes,
				      memory->length);
		munmap(memory->bytes, memory->length);
	}
	contig_buffer_free(memory->buffer);
	free(memory->offsets);
	free(memory->runs);
	*memory = (struct memory){0};
}
