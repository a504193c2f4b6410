// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * A small driver in user space for an NVMe disk that shows the cost of
 * scattered memory.
 *
 * NVMe takes addresses page by page. The driver sets the size of a page, 4 KiB
 * to 64 KiB here: memory in one run can be described in large pages. The disk
 * is written from a buffer and read back, once with contiguous memory of contig
 * and once with the program's own memory, locked where it lies.
 */
#include <contig.h>
#include <err.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "driver/memory.h"
#include "driver/program.h"

/* Registers. */
#define NVME_CAP 0x00
#define NVME_INTMS 0x0c
#define NVME_CC 0x14
#define NVME_CSTS 0x1c
#define NVME_AQA 0x24
#define NVME_ASQ 0x28
#define NVME_ACQ 0x30
#define NVME_DOORBELLS 0x1000

#define CC_ENABLE 1
/* Entries of 64 bytes in submission queues, of 16 in completion queues. */
#define CC_ENTRY_SIZES (6 << 16 | 4 << 20)
#define CSTS_READY 1
#define CSTS_FATAL 2

enum {
	ADMIN_CREATE_SQ = 1,
	ADMIN_CREATE_CQ = 5,
	ADMIN_IDENTIFY = 6
};
enum {
	IO_WRITE = 1,
	IO_READ = 2
};
enum {
	IDENTIFY_NAMESPACE = 0,
	IDENTIFY_CONTROLLER = 1
};

#define ENTRIES 16
#define TIMEOUT_S 30

/* Queues and lists, which the controller uses besides data, lie in one run. */
#define MAX_PAGE 65536
#define QUEUE_AT(number) ((size_t)(number)*MAX_PAGE)
#define IDENTIFY_AT QUEUE_AT(4)
#define LISTS_AT QUEUE_AT(5)
#define LIST_SIZE 4096
#define CONTROL_SIZE (LISTS_AT + ENTRIES * LIST_SIZE)

/* Longer commands would need more than one page of the list. */
#define MAX_TRANSFER (1u << 20)

struct command {
	uint32_t dword0;
	uint32_t namespace;
	uint64_t reserved;
	uint64_t metadata;
	uint64_t prp1;
	uint64_t prp2;
	uint32_t dwords[6];
};

struct completion {
	uint32_t result;
	uint32_t reserved;
	uint16_t head;
	uint16_t queue;
	uint16_t id;
	uint16_t status;
};

/**
 * struct queue - a queue of commands and that of their completions
 * @commands: entries of the submission queue
 * @completions: entries of the completion queue
 * @number: 0 is for the controller itself
 * @tail: index of the next command
 * @head: index of the next completion
 * @phase: mark of a completion that is new
 * @under_way: a bit for each command that has not been completed
 */
struct queue {
	struct command *commands;
	volatile struct completion *completions;
	unsigned int number;
	unsigned int tail;
	unsigned int head;
	unsigned int phase;
	unsigned int under_way;
};

/**
 * struct nvme - a controller and its first namespace
 * @pci: the device
 * @client: the client to which it is attached
 * @control: memory of queues, lists and the controller's description
 * @queues: for the controller, for the disk
 * @page: current size of pages, in bytes
 * @model: model of the disk
 * @block: bytes in a block
 * @blocks: number of blocks
 * @max_transfer: maximum of bytes in one command
 */
struct nvme {
	struct pci pci;
	struct contig *client;
	struct memory control;
	struct queue queues[2];
	size_t page;
	char model[41];
	size_t block;
	uint64_t blocks;
	size_t max_transfer;
};

struct counts {
	unsigned long commands;
	unsigned long descriptors;
	unsigned long long written;
	unsigned long long read;
};

static uint64_t control_address(const struct nvme *nvme, size_t at)
{
	return nvme->control.runs[0].addr + at;
}

static size_t doorbell(const struct nvme *nvme, const struct queue *queue,
		       bool completions)
{
	unsigned int stride = pci_read64(&nvme->pci, NVME_CAP) >> 32 & 15;

	return NVME_DOORBELLS +
	       (2 * queue->number + completions) * ((size_t)4 << stride);
}

static bool is_late(time_t since)
{
	return time(NULL) - since > TIMEOUT_S;
}

static int wait_ready(const struct nvme *nvme, uint32_t ready)
{
	const time_t start = time(NULL);
	uint32_t status;

	do {
		status = pci_read32(&nvme->pci, NVME_CSTS);
		if (pci_is_gone(&nvme->pci)) {
			warnx("the disk is gone");
			return -1;
		}
		if (status & CSTS_FATAL || is_late(start)) {
			warnx("the controller does not become ready: status "
			      "0x%x",
			      status);
			return -1;
		}
	} while ((status & CSTS_READY) != ready);
	return 0;
}

/*
 * Return a number for the next command and its list, since commands may be
 * completed in any order, or -1 if there is none; a queue must also keep an
 * entry empty.
 */
static int next_id(const struct queue *queue)
{
	int id;

	for (id = 0; id < ENTRIES - 1; id++)
		if (!(queue->under_way & 1u << id))
			return id;
	return -1;
}

static void submit(struct nvme *nvme, struct queue *queue,
		   const struct command *command, unsigned int id)
{
	queue->commands[queue->tail] = *command;
	queue->commands[queue->tail].dword0 |= id << 16;
	queue->tail = (queue->tail + 1) % ENTRIES;
	queue->under_way |= 1u << id;
	pci_write32(&nvme->pci, doorbell(nvme, queue, false), queue->tail);
}

/* Wait for the next completion of any command. */
static int complete(struct nvme *nvme, struct queue *queue)
{
	volatile struct completion *next = &queue->completions[queue->head];
	const time_t start = time(NULL);
	uint16_t status;

	while (((status = next->status) & 1) != queue->phase) {
		if (pci_is_gone(&nvme->pci)) {
			warnx("the disk is gone");
			return -1;
		}
		if (is_late(start)) {
			warnx("a command was not completed within %d s",
			      TIMEOUT_S);
			return -1;
		}
	}
	pci_barrier();
	queue->head = (queue->head + 1) % ENTRIES;
	queue->phase ^= !queue->head;
	queue->under_way &= ~(1u << (next->id & 31));
	pci_write32(&nvme->pci, doorbell(nvme, queue, true), queue->head);
	if (status >> 1) {
		warnx("a command failed with status 0x%x", status >> 1);
		return -1;
	}
	return 0;
}

static int admin(struct nvme *nvme, const struct command *command)
{
	submit(nvme, &nvme->queues[0], command, 0);
	return complete(nvme, &nvme->queues[0]);
}

static void begin_queue(struct nvme *nvme, unsigned int number)
{
	unsigned char *at = nvme->control.bytes + QUEUE_AT(2 * number);

	memset(at, 0, QUEUE_AT(2));
	nvme->queues[number] = (struct queue){
		.commands = (void *)at,
		.completions = (void *)(at + QUEUE_AT(1)),
		.number = number,
		.phase = 1,
	};
}

/* Restart the controller, with pages of another size. */
static int reset(struct nvme *nvme, size_t page)
{
	const struct pci *pci = &nvme->pci;
	uint32_t shift = 0;

	while ((size_t)4096 << shift < page)
		shift++;
	nvme->page = page;
	pci_write32(pci, NVME_CC, 0);
	if (wait_ready(nvme, 0))
		return -1;
	begin_queue(nvme, 0);
	begin_queue(nvme, 1);
	/* Mask interrupts: completions are polled. */
	pci_write32(pci, NVME_INTMS, ~0u);
	pci_write32(pci, NVME_AQA, (ENTRIES - 1) << 16 | (ENTRIES - 1));
	pci_write64(pci, NVME_ASQ, control_address(nvme, QUEUE_AT(0)));
	pci_write64(pci, NVME_ACQ, control_address(nvme, QUEUE_AT(1)));
	pci_write32(pci, NVME_CC, CC_ENTRY_SIZES | shift << 7 | CC_ENABLE);
	return wait_ready(nvme, CSTS_READY);
}

static int identify(struct nvme *nvme, uint32_t what, uint32_t namespace)
{
	const struct command command = {
		.dword0 = ADMIN_IDENTIFY,
		.namespace = namespace,
		.prp1 = control_address(nvme, IDENTIFY_AT),
		.dwords[0] = what,
	};

	return admin(nvme, &command);
}

static int identify_all(struct nvme *nvme)
{
	const unsigned char *said = nvme->control.bytes + IDENTIFY_AT;
	const unsigned char *format;
	size_t length;

	if (identify(nvme, IDENTIFY_CONTROLLER, 0))
		return -1;
	memcpy(nvme->model, said + 24, sizeof(nvme->model) - 1);
	length = sizeof(nvme->model) - 1;
	while (length && nvme->model[length - 1] == ' ')
		length--;
	nvme->model[length] = '\0';
	/*
	 * The limit is in the smallest pages of the controller; 0 for no limit.
	 */
	nvme->max_transfer = MAX_TRANSFER;
	if (said[77] && said[77] < 8)
		nvme->max_transfer = (size_t)4096 << said[77];

	if (identify(nvme, IDENTIFY_NAMESPACE, 1))
		return -1;
	memcpy(&nvme->blocks, said, sizeof(nvme->blocks));
	format = said + 128 + (size_t)4 * (said[26] & 15);
	nvme->block = (size_t)1 << format[2];
	return 0;
}

static int create_queues(struct nvme *nvme)
{
	struct command command = {
		.dword0 = ADMIN_CREATE_CQ,
		.prp1 = control_address(nvme, QUEUE_AT(3)),
		.dwords = {(ENTRIES - 1) << 16 | 1, 1},
	};

	if (admin(nvme, &command))
		return -1;
	command.dword0 = ADMIN_CREATE_SQ;
	command.prp1 = control_address(nvme, QUEUE_AT(2));
	/* Completions of this queue go to queue 1. */
	command.dwords[1] = 1 << 16 | 1;
	return admin(nvme, &command);
}

/* Fill in the addresses of the data: a page each in prp1, prp2 or a list. */
static unsigned int point_to(struct nvme *nvme, struct command *command,
			     unsigned int id, const struct memory *memory,
			     size_t offset, size_t length)
{
	const size_t list = LISTS_AT + (size_t)id * LIST_SIZE;
	uint64_t *entries = (void *)(nvme->control.bytes + list);
	unsigned int count = (length + nvme->page - 1) / nvme->page;
	unsigned int i;
	size_t rest;

	for (i = 0; i < count; i++) {
		uint64_t addr;

		rest = nvme->page;
		addr = memory_address(memory, offset + i * nvme->page, &rest);
		if (i)
			entries[i - 1] = addr;
		else
			command->prp1 = addr;
	}
	if (count == 2)
		command->prp2 = entries[0];
	else if (count > 2)
		command->prp2 = control_address(nvme, list);
	return count;
}

/* Write all of the memory to the disk, or read it. */
static int transfer(struct nvme *nvme, const struct memory *memory,
		    unsigned int operation, struct counts *counts)
{
	struct queue *queue = &nvme->queues[1];
	size_t offset = 0;

	if (memory_end(memory))
		return -1;
	while (offset < memory->length || queue->under_way) {
		size_t length = memory->length - offset;
		struct command command = {.dword0 = operation, .namespace = 1};
		uint64_t block = offset / nvme->block;
		int id = next_id(queue);

		if (!length || id < 0) {
			if (complete(nvme, queue))
				return -1;
			continue;
		}
		if (length > nvme->max_transfer)
			length = nvme->max_transfer;
		command.dwords[0] = block;
		command.dwords[1] = block >> 32;
		command.dwords[2] = length / nvme->block - 1;
		counts->descriptors +=
			point_to(nvme, &command, id, memory, offset, length);
		counts->commands++;
		submit(nvme, queue, &command, id);
		offset += length;
	}
	if (operation == IO_WRITE)
		counts->written += memory->length;
	else
		counts->read += memory->length;
	return memory_begin(memory);
}

/*
 * Return a word of the pattern: no two blocks are alike, nor are two runs of
 * the program.
 */
static uint64_t pattern(uint64_t word, uint64_t salt)
{
	return (word + 1) * 0x9e3779b97f4a7c15ull ^ salt;
}

static void fill(const struct memory *memory, uint64_t salt)
{
	uint64_t *words = (void *)memory->bytes;
	size_t i;

	for (i = 0; i < memory->length / sizeof(*words); i++)
		words[i] = pattern(i, salt);
}

static size_t count_wrong(const struct memory *memory, uint64_t salt)
{
	const uint64_t *words = (const void *)memory->bytes;
	size_t wrong = 0;
	size_t i;

	for (i = 0; i < memory->length / sizeof(*words); i++)
		wrong += words[i] != pattern(i, salt);
	return wrong * sizeof(*words);
}

/*
 * Return the largest size of pages that the runs of the memory allow and the
 * controller takes.
 */
static size_t page_size(const struct nvme *nvme, const struct memory *memory)
{
	size_t page = (size_t)4096
		      << (pci_read64(&nvme->pci, NVME_CAP) >> 52 & 15);
	uint64_t bits = 0;
	uint32_t i;

	/* Check that no page would begin or end in the middle of a run. */
	for (i = 0; i < memory->count; i++) {
		bits |= memory->runs[i].addr | memory->offsets[i];
		if (i + 1 < memory->count)
			bits |= memory->runs[i].length;
	}
	bits |= nvme->control.runs[0].addr;
	if (page > MAX_PAGE)
		page = MAX_PAGE;
	while (page > 4096 && bits & (page - 1))
		page /= 2;
	return page;
}

static int write_and_read(struct nvme *nvme, const struct memory *memory)
{
	const uint64_t salt = (uint64_t)time(NULL) << 32 | memory->count;
	struct counts counts = {0};
	size_t wrong;

	if (reset(nvme, page_size(nvme, memory)) || identify_all(nvme))
		return -1;
	if (memory->length % nvme->block ||
	    memory->length / nvme->block > nvme->blocks) {
		warnx("%zu bytes exceed the disk, or are no multiple of its "
		      "block size %zu",
		      memory->length, nvme->block);
		return -1;
	}
	if (memory_begin(memory))
		return -1;
	fill(memory, salt);
	if (create_queues(nvme) || transfer(nvme, memory, IO_WRITE, &counts))
		return -1;
	/* Overwrite the memory, so that data which is not read is not found. */
	memset(memory->bytes, 0xee, memory->length);
	if (transfer(nvme, memory, IO_READ, &counts))
		return -1;
	wrong = count_wrong(memory, salt);
	printf("%-9s %7u %9zu %11lu %8lu %13llu %13llu  %s\n",
	       memory_name(memory), memory->count, nvme->page,
	       counts.descriptors, counts.commands, counts.written, counts.read,
	       wrong ? "WRONG" : "equal");
	return wrong ? -1 : 0;
}

static int use_memory(struct nvme *nvme, const char *name, size_t size)
{
	struct memory memory;
	int error;

	if (name)
		error = memory_get(&memory, nvme->client, name, size);
	else
		error = memory_get_run(&memory, nvme->client, size, 0);
	if (error)
		return -1;
	error = write_and_read(nvme, &memory);
	/*
	 * Stop the controller, so that it does not use the memory any longer.
	 */
	pci_write32(&nvme->pci, NVME_CC, 0);
	if (wait_ready(nvme, 0))
		error = -1;
	memory_put(&memory);
	return error;
}

static int show_device(struct nvme *nvme, const struct contig_device *info)
{
	if (reset(nvme, 4096) || identify_all(nvme))
		return -1;
	printf("%s, %s, %llu blocks of %zu bytes, %s IOMMU\n\n", info->out_name,
	       nvme->model, (unsigned long long)nvme->blocks, nvme->block,
	       info->out_features & CONTIG_DEVICE_IOMMU ? "behind an" : "no");
	printf("%-9s %7s %9s %11s %8s %13s %13s  %s\n", "memory", "runs",
	       "page", "descriptors", "commands", "written", "read",
	       "contents");
	return 0;
}

static int run(struct nvme *nvme, const char *rung, size_t size)
{
	struct contig_device_opts opts = CONTIG_DEVICE_OPTS_INIT;
	struct contig_device info;
	int error;

	opts.address_bits = 64;
	/* The disk takes any number of pages. */
	opts.max_segment = 1ull << 31;
	nvme->client = program_attach(&nvme->pci, &opts, &info);
	if (!nvme->client)
		return -1;
	error = memory_get_run(&nvme->control, nvme->client, CONTROL_SIZE,
			       MAX_PAGE);
	if (!error) {
		error = show_device(nvme, &info) ||
			use_memory(nvme, rung, size) ||
			use_memory(nvme, MEMORY_MALLOC, size);
		pci_write32(&nvme->pci, NVME_CC, 0);
		if (wait_ready(nvme, 0))
			error = -1;
		memory_put(&nvme->control);
	}
	contig_close(nvme->client);
	return error;
}

struct options {
	struct arguments arguments;
	size_t size;
};

static const struct argp_option argp_options[] = {
	{"rung", 'r', "RUNG", 0,
	 "source of the first memory: reserve, coherent, range, split, scatter "
	 "or malloc (default: the first rung that gives it in one extent)",
	 0},
	{"size", 's', "MIB", 0, "length of the data (default: 4)", 0},
	{0},
};

static error_t parse_option(int key, char *value, struct argp_state *state)
{
	struct options *options = state->input;

	if (key != 's')
		return program_parse(key, value, state, &options->arguments);
	options->size = (size_t)program_number(state, value, 1, 4096) << 20;
	return 0;
}

static const struct argp argp = {
	.options = argp_options,
	.parser = parse_option,
	.args_doc = "[DEVICE]",
	.doc = "Write to an NVMe disk and read back, from memory in one extent "
	       "and from memory as it lies, and report how many descriptors "
	       "each takes. THE CONTENTS OF THE DISK ARE LOST.\vDEVICE is a "
	       "name such as 0000:00:04.0; without it the first disk without "
	       "a driver, or with uio_pci_generic, is used.",
};

int main(int argc, char **argv)
{
	static const struct pci_id id = {
		.what = "NVMe disk that no driver uses",
		.class = 0x010802,
	};
	struct options options = {.size = 4 << 20};
	struct nvme nvme = {0};
	int error;

	argp_err_exit_status = 2;
	argp_parse(&argp, argc, argv, 0, NULL, &options);
	/* Print each line as soon as it is complete. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (program_open(&nvme.pci, &options.arguments, &id))
		return EXIT_FAILURE;
	error = run(&nvme, options.arguments.rung, options.size);
	pci_close(&nvme.pci);
	return error ? EXIT_FAILURE : EXIT_SUCCESS;
}
