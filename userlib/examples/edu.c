// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * A driver in user space for edu, QEMU's device for teaching: its DMA engine
 * reads and writes memory at the addresses that contig gives, and raises an
 * interrupt at the end of each transfer.
 *
 * The engine moves a piece of memory to a buffer of the device or back. The
 * driver moves two pieces into that buffer, one from the front of the memory
 * and one from its back, and writes each to the place of the other. This
 * reverses all of the memory in place, and the device reads and writes every
 * byte once.
 */
#include <contig.h>
#include <err.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "driver/memory.h"
#include "driver/program.h"

/* Registers, from QEMU's docs/specs/edu. */
#define EDU_ID 0x00
#define EDU_IRQ_STATUS 0x24
#define EDU_IRQ_ACKNOWLEDGE 0x64
#define EDU_DMA_SOURCE 0x80
#define EDU_DMA_DESTINATION 0x88
#define EDU_DMA_COUNT 0x90
#define EDU_DMA_COMMAND 0x98

#define DMA_RUN 0x1
#define DMA_TO_MEMORY 0x2
#define DMA_INTERRUPT 0x4
#define DMA_DONE 0x100

/*
 * The device's own buffer is 4096 bytes long. Older versions of QEMU exit when
 * its last byte is used, so two pieces must be a little shorter.
 */
#define EDU_BUFFER 0x40000
#define PIECE 2040

/* The device takes a tenth of a second for each operation. */
#define TIMEOUT_MS 10000

enum wrong {
	WRONG_NOT,
	WRONG_READ,
	WRONG_WRITE
};

struct options {
	struct arguments arguments;
	unsigned int address_bits;
	size_t size;
	enum wrong wrong;
};

struct edu {
	struct pci pci;
	enum wrong wrong;
	unsigned long transfers;
	unsigned long interrupts;
	unsigned long long bytes_read;
	unsigned long long bytes_written;
};

/*
 * Wait for the end of an operation; return 0 if it does not come. Until the
 * interrupt is acknowledged to the device, every interrupt of another device on
 * the same line looks like one of this device: ignore those.
 */
static uint32_t edu_wait(struct edu *edu)
{
	uint32_t status;

	do {
		if (pci_wait_interrupt(&edu->pci, TIMEOUT_MS))
			return 0;
		status = pci_read32(&edu->pci, EDU_IRQ_STATUS);
		pci_write32(&edu->pci, EDU_IRQ_ACKNOWLEDGE, status);
		if (pci_unmask_interrupt(&edu->pci))
			return 0;
	} while (!status);
	edu->interrupts++;
	return status;
}

/* Make the engine move @count bytes at the DMA address @memory. */
static int edu_transfer(struct edu *edu, uint64_t memory, uint64_t slot,
			size_t count, bool to_memory)
{
	const struct pci *pci = &edu->pci;
	uint32_t status;

	pci_write64(pci, EDU_DMA_SOURCE, to_memory ? slot : memory);
	pci_write64(pci, EDU_DMA_DESTINATION, to_memory ? memory : slot);
	pci_write64(pci, EDU_DMA_COUNT, count);
	pci_write64(pci, EDU_DMA_COMMAND,
		    DMA_RUN | DMA_INTERRUPT | (to_memory ? DMA_TO_MEMORY : 0));
	status = edu_wait(edu);
	if (!status)
		return -1;
	if (status != DMA_DONE || pci_read64(pci, EDU_DMA_COMMAND) & DMA_RUN) {
		warnx("the interrupt came with status 0x%x", status);
		return -1;
	}
	edu->transfers++;
	if (to_memory)
		edu->bytes_written += count;
	else
		edu->bytes_read += count;
	return 0;
}

/* Return an offset in the page beside the right one, inside the memory. */
static size_t wrong_offset(const struct memory *memory, size_t offset)
{
	const size_t page = sysconf(_SC_PAGESIZE);

	return offset + page < memory->length ? offset + page : offset - page;
}

/* Move a piece of the memory: one transfer for each run that it lies in. */
static int move_piece(struct edu *edu, const struct memory *memory,
		      size_t offset, uint64_t slot, size_t length,
		      bool to_memory)
{
	while (length) {
		size_t count = length;
		uint64_t addr = memory_address(memory, offset, &count);

		/* Use the wrong address once, to show that it matters. */
		if (edu->wrong == (to_memory ? WRONG_WRITE : WRONG_READ)) {
			addr = memory_address(
				memory, wrong_offset(memory, offset), &count);
			edu->wrong = WRONG_NOT;
		}
		if (edu_transfer(edu, addr, slot, count, to_memory))
			return -1;
		offset += count;
		slot += count;
		length -= count;
	}
	return 0;
}

/* Return the length of the two pieces that begin at @front and end at @back. */
static size_t piece_length(size_t front, size_t back)
{
	size_t half = (back - front) / 2;

	return half < PIECE ? half : PIECE;
}

static int turn_round(struct edu *edu, const struct memory *memory)
{
	size_t front = 0;
	size_t back = memory->length;
	size_t length;

	while ((length = piece_length(front, back))) {
		const uint64_t one = EDU_BUFFER;
		const uint64_t two = EDU_BUFFER + length;

		if (move_piece(edu, memory, front, one, length, false) ||
		    move_piece(edu, memory, back - length, two, length,
			       false) ||
		    move_piece(edu, memory, back - length, one, length, true) ||
		    move_piece(edu, memory, front, two, length, true))
			return -1;
		front += length;
		back -= length;
	}
	return 0;
}

/* Return byte number @at of the pattern; no two pages are alike. */
static unsigned char pattern(size_t at)
{
	return ((at + 1) * 0x9e3779b97f4a7c15ull) >> 56;
}

static void fill(const struct memory *memory)
{
	size_t i;

	for (i = 0; i < memory->length; i++)
		memory->bytes[i] = pattern(i);
}

/* Return how many bytes are not as they must be after the reversal. */
static size_t count_wrong(const struct memory *memory)
{
	const unsigned char *bytes = memory->bytes;
	size_t back = memory->length;
	size_t front = 0;
	size_t wrong = 0;
	size_t length;
	size_t i;

	while ((length = piece_length(front, back))) {
		for (i = 0; i < length; i++) {
			wrong += bytes[front + i] != pattern(back - length + i);
			wrong += bytes[back - length + i] != pattern(front + i);
		}
		front += length;
		back -= length;
	}
	return wrong;
}

static void show_addresses(const struct memory *memory)
{
	printf("%-12s ", "first extent");
	if (memory->physical != ~0ull)
		printf("physical 0x%llx, ",
		       (unsigned long long)memory->physical);
	printf("DMA 0x%llx, %llu bytes\n",
	       (unsigned long long)memory->runs[0].addr,
	       (unsigned long long)memory->runs[0].length);
}

static void show_device(const struct contig_device *info)
{
	printf("%-12s %s, %u address bits, %s IOMMU\n", "device",
	       info->out_name, info->out_address_bits,
	       info->out_features & CONTIG_DEVICE_IOMMU ? "behind an" : "no");
}

static int use_memory(struct edu *edu, const struct memory *memory)
{
	size_t wrong;

	printf("%-12s %s\n", "rung", memory_name(memory));
	printf("%-12s %u\n", "descriptors", memory->count);
	show_addresses(memory);
	if (memory_begin(memory))
		return -1;
	fill(memory);
	if (memory_end(memory) || turn_round(edu, memory) ||
	    memory_begin(memory))
		return -1;
	wrong = count_wrong(memory);
	printf("%-12s %lu\n", "transfers", edu->transfers);
	printf("%-12s %lu\n", "interrupts", edu->interrupts);
	printf("%-12s %llu read, %llu written by the device\n", "bytes",
	       edu->bytes_read, edu->bytes_written);
	if (wrong)
		printf("%-12s %zu bytes are wrong\n", "contents", wrong);
	else
		printf("%-12s as they should be\n", "contents");
	return wrong ? -1 : 0;
}

static int run(struct edu *edu, const struct options *options)
{
	struct contig_device_opts opts = CONTIG_DEVICE_OPTS_INIT;
	struct contig_device info;
	struct contig *client;
	struct memory memory;
	int error;

	opts.address_bits = options->address_bits;
	client = program_attach(&edu->pci, &opts, &info);
	if (!client)
		return -1;
	show_device(&info);
	error = memory_get(&memory, client, options->arguments.rung,
			   options->size);
	if (!error) {
		error = use_memory(edu, &memory);
		memory_put(&memory);
	}
	contig_close(client);
	return error;
}

static const struct argp_option argp_options[] = {
	{"rung", 'r', "RUNG", 0,
	 "source of the memory: reserve, coherent, range, split, scatter, or "
	 "malloc for the program's own (default: the first rung that can "
	 "give it)",
	 0},
	{"size", 's', "BYTES", 0, "length of the memory (default: 32768)", 0},
	{"address-bits", 'b', "N", 0,
	 "address bits of the device (default: 28, QEMU's default)", 0},
	{"wrong-page", 'w', "read|write", OPTION_ARG_OPTIONAL,
	 "give the device one address that is off by a page, of memory to "
	 "read (the default) or write; the contents are then wrong",
	 0},
	{0},
};

static error_t parse_option(int key, char *value, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case 's':
		options->size = program_number(state, value, 2, 1ul << 30);
		return 0;
	case 'b':
		options->address_bits = program_number(state, value, 12, 64);
		return 0;
	case 'w':
		if (value && strcmp(value, "read") && strcmp(value, "write"))
			argp_error(state,
				   "the device can read or write, not "
				   "'%s'",
				   value);
		options->wrong =
			value && *value == 'w' ? WRONG_WRITE : WRONG_READ;
		return 0;
	default:
		return program_parse(key, value, state, &options->arguments);
	}
}

static const struct argp argp = {
	.options = argp_options,
	.parser = parse_option,
	.args_doc = "[DEVICE]",
	.doc = "Make the DMA engine of QEMU's edu device reverse memory that "
	       "contig allocated, and check the result.\vDEVICE is a name "
	       "such as 0000:00:04.0; without it the first edu device is "
	       "used. It is bound to uio_pci_generic if it has no driver.",
};

int main(int argc, char **argv)
{
	static const struct pci_id id = {"edu", 0x1234, 0x11e8, 0};
	struct options options = {.address_bits = 28, .size = 32768};
	struct edu edu = {0};
	int error;

	argp_program_version = "edu (contig) " CONTIG_VERSION;
	argp_err_exit_status = 2;
	argp_parse(&argp, argc, argv, 0, NULL, &options);
	/* With one page there is no other page to use. */
	if (options.wrong && options.size <= (size_t)sysconf(_SC_PAGESIZE))
		errx(2, "--wrong-page needs memory of more than a page");
	if (program_open(&edu.pci, &options.arguments, &id))
		return EXIT_FAILURE;
	edu.wrong = options.wrong;
	if ((pci_read32(&edu.pci, EDU_ID) & 0xff) != 0xed) {
		warnx("%s is no edu device", edu.pci.name);
		error = -1;
	} else {
		error = run(&edu, &options);
	}
	pci_close(&edu.pci);
	return error ? EXIT_FAILURE : EXIT_SUCCESS;
}
