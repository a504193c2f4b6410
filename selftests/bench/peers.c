// SPDX-License-Identifier: GPL-2.0-only
/*
 * The cost of memory that a program gets, maps, fills and gives back, in contig's
 * ways and in others
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-heap.h>
#include <linux/udmabuf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "subjects.h"

#define HUGE_POOL "/proc/sys/vm/nr_hugepages"
#define HEAP "/dev/dma_heap/system"
#define UDMABUF "/dev/udmabuf"

/* Devices of the driver u-dma-buf: buffers of 64 KiB and 2 MiB. */
#define U_DMA_BUF "/dev/udmabuf"

/* Blocks of LARGE bytes in the reserve: see scripts/bench. */
#define RESERVE_BLOCKS 3

static int heap;
static int udmabuf;

/* Memory that is resident. */
static char *resident;

static int heap_fd(const struct subject *subject)
{
	struct dma_heap_allocation_data data = {
		.len = subject->length,
		.fd_flags = O_RDWR | O_CLOEXEC,
	};

	if (ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &data))
		die_errno("allocating from the dma-buf heap");
	return data.fd;
}

static void run_heap(const struct subject *subject)
{
	close(heap_fd(subject));
}

/* Write to each page, like a program that fills a buffer. */
static void touch(char *addr, size_t length, size_t step)
{
	size_t at;

	for (at = 0; at < length; at += step)
		((volatile char *)addr)[at] = 1;
}

static void use_fd(int fd, size_t length)
{
	char *addr = map_fd(fd, length);

	touch(addr, length, page_size);
	munmap(addr, length);
	close(fd);
}

static void run_alloc_use(const struct subject *subject)
{
	use_fd(alloc_fd(subject), subject->length);
}

static void run_heap_use(const struct subject *subject)
{
	use_fd(heap_fd(subject), subject->length);
}

static void run_huge_use(const struct subject *subject)
{
	char *addr = mmap(NULL, subject->length, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);

	if (addr == MAP_FAILED)
		die_errno("mapping huge pages");
	touch(addr, subject->length, page_size);
	munmap(addr, subject->length);
}

/*
 * Memory of the reserve is zeroed in the background: wait, so that this does
 * not slow the next turn.
 */
static void after_reserve_use(const struct subject *subject)
{
	(void)subject;
	reserve_wait_clean();
}

/* Memory of a file in memory, as a dma-buf. */
static void run_udmabuf_use(const struct subject *subject)
{
	struct udmabuf_create create = { .size = subject->length };
	int memfd = memfd_create("bench", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int fd;

	if (memfd < 0 || ftruncate(memfd, subject->length) ||
	    fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK))
		die_errno("memfd_create");
	create.memfd = memfd;
	fd = ioctl(udmabuf, UDMABUF_CREATE, &create);
	if (fd < 0)
		die_errno("UDMABUF_CREATE");
	close(fd);
	use_fd(memfd, subject->length);
}

/* Memory that was allocated when the driver was loaded, and is not cleared. */
static void run_u_dma_buf_use(const struct subject *subject)
{
	const char *device = subject->length == 64 * KIB ? U_DMA_BUF "0" :
							   U_DMA_BUF "1";
	int fd = open(device, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		die_errno(device);
	use_fd(fd, subject->length);
}

static void run_clear(const struct subject *subject)
{
	memset(resident, 0, subject->length);
}

static bool has_huge(size_t length)
{
	return length >= 2 * MIB;
}

/* Measure everything that can give @length bytes. */
static void bench_use(size_t length)
{
	const struct {
		struct subject subject;
		bool there;
	} ways[] = {
		{ { .name = "reserve: alloc + map + fill + free",
		    .run = run_alloc_use,
		    .after = after_reserve_use,
		    .rungs = CONTIG_RUNGS_RESERVE }, true },
		{ { .name = "huge reserve: alloc + map + fill + free",
		    .run = run_alloc_use,
		    .after = after_reserve_use,
		    .rungs = CONTIG_RUNGS_RESERVE,
		    .flags = CONTIG_ALLOC_HUGE_PAGES }, has_huge(length) },
		{ { .name = "coherent: alloc + map + fill + free",
		    .run = run_alloc_use,
		    .rungs = CONTIG_RUNGS_COHERENT }, length <= 4 * MIB },
		{ { .name = "range: alloc + map + fill + free",
		    .run = run_alloc_use,
		    .rungs = CONTIG_RUNGS_RANGE }, true },
		{ { .name = "huge range: alloc + map + fill + free",
		    .run = run_alloc_use,
		    .rungs = CONTIG_RUNGS_RANGE,
		    .flags = CONTIG_ALLOC_HUGE_PAGES }, has_huge(length) },
		{ { .name = "split: alloc + map + fill + free",
		    .run = run_alloc_use,
		    .rungs = CONTIG_RUNGS_SPLIT }, true },
		{ { .name = "hugetlbfs", .kind = PEER, .run = run_huge_use },
		  has_huge(length) },
		{ { .name = "system heap", .kind = PEER, .run = run_heap_use },
		  heap >= 0 },
		{ { .name = "memfd and udmabuf", .kind = PEER,
		    .run = run_udmabuf_use }, udmabuf >= 0 },
		{ { .name = "u-dma-buf (kept)", .kind = PEER,
		    .run = run_u_dma_buf_use },
		  length <= 2 * MIB && !access(U_DMA_BUF "0", F_OK) },
		{ { .name = "clearing it", .kind = LIMIT, .run = run_clear },
		  true },
	};
	struct subject all[ARRAY_SIZE(ways)];
	unsigned int nr = 0, i, j;

	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		if (!ways[i].there)
			continue;
		all[nr] = ways[i].subject;
		all[nr].length = length;
		all[nr++].calls = length < MIB ? 10 : 1;
	}
	take_turns(all, nr, 16);
	for (i = 0; i < nr && all[i].kind == OURS; i++) {
		for (j = 0; j < nr; j++) {
			double target = 0;

			if (all[j].kind == OURS)
				continue;
			if (length == LARGE && all[j].run == run_huge_use)
				target = all[i].rungs == CONTIG_RUNGS_RESERVE ?
						 0.7 :
					 all[i].rungs == CONTIG_RUNGS_RANGE &&
							 !all[i].flags ?
						 1.3 :
						 0;
			report(&all[i], &all[j], target);
		}
	}
}

/* Memory of the reserve that another user has just given back, all that there is. */
static void bench_again(void)
{
	struct subject again = { .name = "reserve: alloc of what came back",
				 .length = LARGE,
				 .rungs = CONTIG_RUNGS_RESERVE };
	struct subject clear = { .name = "clearing it", .kind = LIMIT,
				 .length = LARGE };
	int held[RESERVE_BLOCKS - 1], fd;
	unsigned int i, turn;
	uint64_t start;

	for (i = 0; i < ARRAY_SIZE(held); i++)
		held[i] = alloc_fd(&again);
	for (turn = 0; turn < 16; turn++) {
		use_fd(alloc_fd(&again), LARGE);
		start = now_ns();
		fd = alloc_fd(&again);
		times_add(&again.times, now_ns() - start);
		close(fd);
		start = now_ns();
		run_clear(&clear);
		times_add(&clear.times, now_ns() - start);
	}
	report(&again, &clear, 0);
	while (i--)
		close(held[i]);
}

/* The same without using the memory, which is not cleared twice then. */
static void bench_heap(size_t length)
{
	struct subject all[] = {
		{ .name = "split: alloc + free", .run = run_alloc,
		  .rungs = CONTIG_RUNGS_SPLIT },
		{ .name = "scatter: alloc + free", .run = run_alloc,
		  .rungs = CONTIG_RUNGS_SCATTER },
		{ .name = "system heap", .kind = PEER, .run = run_heap },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(all); i++) {
		all[i].length = length;
		all[i].calls = 1;
	}
	take_turns(all, ARRAY_SIZE(all), 21);
	report(&all[0], &all[2], 0);
	report(&all[1], &all[2], 0);
}

void bench_peers(void)
{
	heap = open(HEAP, O_RDWR | O_CLOEXEC);
	udmabuf = open(UDMABUF, O_RDWR | O_CLOEXEC);
	write_file(HUGE_POOL, "40");
	resident = aligned_alloc(2 * MIB, LARGE);
	if (!resident)
		die("out of memory");
	memset(resident, 1, LARGE);

	section("alloc + map + fill + free");
	bench_use(64 * KIB);
	bench_use(2 * MIB);
	bench_use(LARGE);
	bench_again();
	write_file(HUGE_POOL, "0");
	free(resident);
	if (heap >= 0) {
		section("alloc + free");
		bench_heap(64 * KIB);
		bench_heap(1 * MIB);
		bench_heap(LARGE);
	}
	close(heap);
	close(udmabuf);
}
