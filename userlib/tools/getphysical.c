// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * The general algorithm for a driver of a bus master, as Inside Macintosh:
 * Memory gives it in listing 3-1: lock a range, translate it with a table of
 * the default length until nothing is left, hand each block to the device, and
 * unlock.
 */
#include <contig/macvm.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEST_SIZE 0x100000ul

/* A driver would start a transfer by its device here. */
static void send_dma_command(unsigned long number, const void *physical,
			     unsigned long count)
{
	printf("%7lu  0x%016lx  %10lu\n", number, (unsigned long)physical,
	       count);
}

static bool has_get_physical(void)
{
	long attributes;

	return Gestalt(gestaltVMAttr, &attributes) == noErr &&
	       attributes & 1 << gestaltVMPresent;
}

static OSErr send_locked(void *memory, unsigned long size)
{
	LogicalToPhysicalTable table;
	unsigned long blocks = 0;
	unsigned long count;
	unsigned long i;
	OSErr error;

	printf("  block    physical address       bytes\n");
	table.logical.address = memory;
	table.logical.count = size;
	while (table.logical.count) {
		count = sizeof(table) / sizeof(MemoryBlock) - 1;
		error = GetPhysical(&table, &count);
		if (error)
			return error;
		for (i = 0; i < count; i++)
			send_dma_command(blocks++, table.physical[i].address,
					 table.physical[i].count);
	}
	printf("%lu bytes sent in %lu block%s\n", size, blocks,
	       blocks == 1 ? "" : "s");
	return noErr;
}

static int fail(const char *what, OSErr error)
{
	fprintf(stderr, "getphysical: %s: result code %d (%s)\n", what, error,
		strerror(errno));
	return EXIT_FAILURE;
}

static int send_memory(void *memory, unsigned long size)
{
	OSErr error = LockMemory(memory, size);

	if (error)
		return fail("LockMemory", error);
	error = send_locked(memory, size);
	if (error)
		fail("GetPhysical", error);
	/* Unlock the memory, even if GetPhysical failed. */
	UnlockMemory(memory, size);
	return error ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	void *memory;
	int status;

	if (argc > 1 &&
	    (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V"))) {
		puts("getphysical (contig) " CONTIG_VERSION);
		return EXIT_SUCCESS;
	}
	if (argc > 1) {
		bool help =
			!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h");

		fprintf(help ? stdout : stderr,
			"Usage: getphysical [--help | --version]\n"
			"Lock 1 MiB of memory and show its physical "
			"addresses.\n");
		return help ? EXIT_SUCCESS : 2;
	}
	if (!has_get_physical()) {
		fprintf(stderr, "getphysical: /dev/contig: %s\n",
			strerror(errno));
		return EXIT_FAILURE;
	}
	memory = malloc(TEST_SIZE);
	if (!memory)
		return fail("malloc", notEnoughMemoryErr);
	status = send_memory(memory, TEST_SIZE);
	free(memory);
	return status;
}
