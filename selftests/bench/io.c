// SPDX-License-Identifier: GPL-2.0-only
/*
 * The cost of direct I/O with contig's memory and with other memory
 *
 * The device completes without touching the data, so what is measured is finding,
 * holding and describing the pages.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../uring.h"
#include "subjects.h"

#define DEVICE "/dev/nullb0"
#define MOST (4 * MIB)

static int device;
static struct ring ring;

static void run_write(const struct subject *subject)
{
	if (pwrite(device, subject->memory, subject->length, 0) !=
	    (ssize_t)subject->length)
		die_errno("writing to " DEVICE);
}

static void run_write_fixed(const struct subject *subject)
{
	if (ring_do(&ring, IORING_OP_WRITE_FIXED, device, subject->memory,
		    subject->length, 0) != (int)subject->length)
		die("IORING_OP_WRITE_FIXED to " DEVICE " fails");
}

static char *map_buffer(uint32_t rungs, uint32_t flags)
{
	const struct subject subject = {
		.length = MOST,
		.rungs = rungs,
		.flags = flags,
	};
	int fd = alloc_fd(&subject);
	char *addr = map_fd(fd, MOST);

	close(fd);
	memset(addr, 1, MOST);
	return addr;
}

static char *map_pages(int advice)
{
	char *addr = aligned_alloc(2 * MIB, MOST);

	if (!addr || madvise(addr, MOST, advice))
		die_errno("madvise");
	memset(addr, 1, MOST);
	return addr;
}

/* The last two are not contig's. */
static void report_all(struct subject *all)
{
	report(&all[0], &all[3], 1.1);
	report(&all[0], &all[4], 0);
	report(&all[1], &all[3], 1.1);
	report(&all[2], &all[3], 1.1);
}

/* Write with each kind of memory. It is registered only for one of them at a time. */
static void bench_writes(struct subject *all, unsigned int nr, size_t length)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		times_free(&all[i].times);
		all[i].length = length;
		all[i].calls = length < MIB ? 20 : 4;
	}
	take_turns(all, nr, 21);
	report_all(all);
}

static void bench_registered(struct subject *all, unsigned int nr, size_t length)
{
	unsigned int turn, i;

	for (i = 0; i < nr; i++) {
		times_free(&all[i].times);
		all[i].length = length;
		all[i].calls = length < MIB ? 20 : 4;
	}
	for (turn = 0; turn < 11; turn++) {
		for (i = 0; i < nr; i++) {
			if (ring_register(&ring, all[i].memory, MOST))
				die("registering a buffer with io_uring");
			take_turns(&all[i], 1, 2);
			ring_unregister(&ring);
		}
	}
	report_all(all);
}

void bench_io(void)
{
	struct subject all[] = {
		{ .name = "O_DIRECT write from the reserve", .run = run_write },
		{ .name = "O_DIRECT write from range", .run = run_write },
		{ .name = "O_DIRECT write from huge reserve", .run = run_write },
		{ .name = "THP", .kind = PEER, .run = run_write },
		{ .name = "pages of 4 KiB", .kind = PEER, .run = run_write },
	};
	static const size_t lengths[] = { 4 * KIB, 64 * KIB, 1 * MIB, MOST };
	unsigned int i;

	device = open(DEVICE, O_WRONLY | O_DIRECT | O_CLOEXEC);
	if (device < 0)
		die_errno(DEVICE ": is null_blk loaded?");
	if (ring_open(&ring))
		die("io_uring cannot be set up");
	all[0].memory = map_buffer(CONTIG_RUNGS_RESERVE, 0);
	all[1].memory = map_buffer(CONTIG_RUNGS_RANGE, 0);
	all[2].memory = map_buffer(CONTIG_RUNGS_RESERVE, CONTIG_ALLOC_HUGE_PAGES);
	all[3].memory = map_pages(MADV_HUGEPAGE);
	all[4].memory = map_pages(MADV_NOHUGEPAGE);

	section("direct I/O");
	for (i = 0; i < ARRAY_SIZE(lengths); i++)
		bench_writes(all, ARRAY_SIZE(all), lengths[i]);
	/* Linux before 6.5 does not, for any mapping of a file. */
	if (ring_register(&ring, all[0].memory, MOST)) {
		section("no memory of contig can be registered on this kernel");
		goto out;
	}
	ring_unregister(&ring);
	section("direct I/O from memory that is registered");
	all[0].name = "registered write from the reserve";
	all[1].name = "registered write from range";
	all[2].name = "registered write from huge reserve";
	for (i = 0; i < ARRAY_SIZE(all); i++)
		all[i].run = run_write_fixed;
	for (i = 0; i < ARRAY_SIZE(lengths); i++)
		bench_registered(all, ARRAY_SIZE(all), lengths[i]);
out:
	for (i = 0; i < 3; i++)
		munmap(all[i].memory, MOST);
	free(all[3].memory);
	free(all[4].memory);
	close(ring.fd);
	close(device);
}
