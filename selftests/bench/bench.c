// SPDX-License-Identifier: GPL-2.0-only
/*
 * The cost of contig's calls, compared with each other and with the kernel's
 * alternatives
 *
 * Absolute times of a guest, possibly emulated, mean little; the ratio of two
 * calls that were measured alternately means more. Prints lines of
 * comma-separated values, from which scripts/bench makes a table.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-heap.h>
#include <linux/io_uring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tools.h"

#define LARGE (64 * MIB)
#define LARGE_PAGES (LARGE / 4096)

#define HUGE_POOL "/proc/sys/vm/nr_hugepages"

/**
 * struct subject - a call to be timed
 * @name: its name in the output
 * @run: makes the call once
 * @after: prepares for the next turn, not timed; or NULL
 * @length: bytes that the call is about, or 0
 * @rungs: for CONTIG_ALLOC
 * @calls: how often to run it in each turn, if it is too short for the clock
 * @times: of all turns
 */
struct subject {
	const char *name;
	void (*run)(const struct subject *subject);
	void (*after)(const struct subject *subject);
	size_t length;
	uint32_t rungs;
	unsigned int calls;
	struct times times;
};

static int client;
static int ring;
static int heap;

/* Memory that the subjects use. */
static char *memory;
static size_t memory_length;
static struct contig_extent *extents;
static uint64_t *entries;

static void run_info(const struct subject *subject)
{
	struct contig_info info = { .size = sizeof(info) };

	(void)subject;
	if (ioctl(client, CONTIG_INFO, &info))
		die_errno("CONTIG_INFO");
}

static int alloc_fd(const struct subject *subject)
{
	struct contig_alloc result;
	int ret;

	ret = contig_do_alloc(client, subject->length, subject->rungs, &result);
	if (ret)
		die("%s of %zu bytes: %s", subject->name, subject->length,
		    strerror(-ret));
	return result.out_fd;
}

static void run_alloc(const struct subject *subject)
{
	close(alloc_fd(subject));
}

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
	char *addr = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			  0);

	if (addr == MAP_FAILED)
		die_errno("mmap");
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

static void run_lock(const struct subject *subject)
{
	int ret = contig_do_lock(client, memory, subject->length, 0);

	if (!ret)
		ret = contig_do_unlock(client, memory, subject->length);
	if (ret)
		die("locking: %s", strerror(-ret));
}

static void run_register(const struct subject *subject)
{
	struct iovec buffer = { memory, subject->length };

	if (syscall(__NR_io_uring_register, ring, IORING_REGISTER_BUFFERS,
		    &buffer, 1) ||
	    syscall(__NR_io_uring_register, ring, IORING_UNREGISTER_BUFFERS,
		    NULL, 0))
		die_errno("registering a buffer with io_uring");
}

static void run_count(const struct subject *subject)
{
	uint32_t count;
	int ret = contig_do_count(client, memory, subject->length, &count);

	if (ret)
		die("counting extents: %s", strerror(-ret));
}

static void run_translate(const struct subject *subject)
{
	uint32_t count = LARGE_PAGES;
	int ret = contig_do_translate(client, memory, subject->length, extents,
				      &count);

	if (ret)
		die("translating: %s", strerror(-ret));
}

static void run_pagemap(const struct subject *subject)
{
	pagemap_read(memory, subject->length / page_size, entries);
}

static void take_turns(struct subject *subjects, unsigned int nr,
		       unsigned int turns)
{
	unsigned int turn, i, call;
	struct subject *subject;
	uint64_t start;

	for (turn = 0; turn < turns; turn++) {
		for (i = 0; i < nr; i++) {
			subject = &subjects[i];
			start = now_ns();
			for (call = 0; call < subject->calls; call++)
				subject->run(subject);
			/* The first turn warms up the caches. */
			if (turn)
				times_add(&subject->times,
					  (now_ns() - start) / subject->calls);
			if (subject->after)
				subject->after(subject);
		}
	}
}

static double median_us(struct subject *subject)
{
	return times_percentile(&subject->times, 50) / 1e3;
}

/* Print a line; @target is the highest acceptable ratio, or 0. */
static void report(struct subject *subject, struct subject *reference,
		   double target)
{
	double us = median_us(subject), reference_us = median_us(reference);

	printf("%s,%zu,%.2f,%s,%zu,%.2f,%.3f,", subject->name,
	       subject->length, us, reference->name, reference->length,
	       reference_us, us / reference_us);
	if (target)
		printf("%g", target);
	putchar('\n');
	fflush(stdout);
}

static void section(const char *name)
{
	printf("section,%s\n", name);
	fflush(stdout);
	fprintf(stderr, "%s\n", name);
}

static const size_t alloc_sizes[] = { 64 * KIB, 1 * MIB, 4 * MIB, LARGE };

/* Add an allocation of each size up to @most. Return their number. */
static unsigned int add_allocs(struct subject *subjects, const char *name,
			       uint32_t rungs, size_t most, unsigned int calls)
{
	unsigned int nr = 0, i;

	for (i = 0; i < ARRAY_SIZE(alloc_sizes); i++) {
		if (alloc_sizes[i] > most)
			continue;
		subjects[nr++] = (struct subject){
			.name = name,
			.run = run_alloc,
			.length = alloc_sizes[i],
			.rungs = rungs,
			.calls = calls,
		};
	}
	return nr;
}

/*
 * Run these alone: calls of milliseconds evict the cache lines of shorter ones.
 */
static void bench_reserve(void)
{
	struct subject all[1 + ARRAY_SIZE(alloc_sizes)] = {
		{ .name = "INFO", .run = run_info, .calls = 100 },
	};
	unsigned int nr, i;

	nr = 1 + add_allocs(&all[1], "reserve", CONTIG_RUNGS_RESERVE, LARGE,
			    20);
	take_turns(all, nr, 61);
	for (i = 1; i < nr; i++)
		report(&all[i], &all[0], i == nr - 1 ? 10 : 0);
	report(&all[nr - 1], &all[1], 3);
}

static void bench_alloc(void)
{
	struct subject all[1 + 4 * ARRAY_SIZE(alloc_sizes)] = {
		{ .name = "INFO", .run = run_info, .calls = 100 },
	};
	unsigned int nr = 1, i;

	section("alloc + free, by rung");
	bench_reserve();
	nr += add_allocs(&all[nr], "coherent", CONTIG_RUNGS_COHERENT, 4 * MIB,
			 1);
	nr += add_allocs(&all[nr], "range", CONTIG_RUNGS_RANGE, LARGE, 1);
	nr += add_allocs(&all[nr], "split", CONTIG_RUNGS_SPLIT, LARGE, 1);
	nr += add_allocs(&all[nr], "scatter", CONTIG_RUNGS_SCATTER, LARGE, 1);
	take_turns(all, nr, 25);
	for (i = 1; i < nr; i++)
		report(&all[i], &all[0], 0);
}

/* Fault pages in by a stride, so that adjacent pages are apart in memory. */
static void take_memory(int advice)
{
	size_t pages = LARGE / page_size, i, at = 0;

	memory_length = LARGE + 2 * MIB;
	memory = mmap(NULL, memory_length, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		die_errno("mmap");
	if (madvise(memory, memory_length, advice))
		die_errno("madvise");
	/* Huge pages begin at a multiple of their size. */
	memory += -(uintptr_t)memory % (2 * MIB);
	for (i = 0; i < pages; i++) {
		memory[at * page_size] = 1;
		at = (at + 4099) % pages;
	}
}

static void bench_lock(const char *name, const char *reference, int advice)
{
	struct subject both[] = {
		{ .name = name, .run = run_lock, .length = LARGE, .calls = 1 },
		{
			.name = reference,
			.run = run_register,
			.length = LARGE,
			.calls = 1,
		},
	};

	take_memory(advice);
	take_turns(both, ARRAY_SIZE(both), 31);
	report(&both[0], &both[1], 1.3);
}

static void bench_count(uint32_t rungs, const char *name, double target)
{
	struct subject all[] = {
		{ .name = "INFO", .run = run_info, .calls = 100 },
		{
			.name = name,
			.run = run_count,
			.length = LARGE,
			.rungs = rungs,
			.calls = 100,
		},
	};
	int fd = alloc_fd(&all[1]);

	memory = mmap(NULL, LARGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		die_errno("mmap");
	if (contig_do_lock(client, memory, LARGE, 0))
		die("cannot lock a buffer");
	take_turns(all, ARRAY_SIZE(all), 41);
	report(&all[1], &all[0], target);
	contig_do_unlock(client, memory, LARGE);
	munmap(memory, LARGE);
	close(fd);
}

static void bench_translate(void)
{
	struct subject both[] = {
		{
			.name = "GET_PHYSICAL of scattered pages",
			.run = run_translate,
			.length = LARGE,
			.calls = 4,
		},
		{
			.name = "one read of pagemap",
			.run = run_pagemap,
			.length = LARGE,
			.calls = 1,
		},
	};
	uint64_t runs;

	section("physical addresses of locked memory");
	bench_count(CONTIG_RUNGS_RESERVE, "count query of one extent", 3);
	bench_count(CONTIG_RUNGS_SCATTER, "count query of scatter's", 0);

	take_memory(MADV_NOHUGEPAGE);
	runs = pagemap_extents(memory, LARGE);
	if (runs < LARGE_PAGES / 2)
		die("memory is not scattered: %llu extents",
		    (unsigned long long)runs);
	if (contig_do_lock(client, memory, LARGE, 0))
		die("cannot lock scattered memory");
	take_turns(both, ARRAY_SIZE(both), 31);
	report(&both[0], &both[1], 0.2);
	contig_do_unlock(client, memory, LARGE);
	munmap(memory, LARGE);
}

static void bench_peers(size_t length)
{
	struct subject all[] = {
		{
			.name = "reserve",
			.run = run_alloc_use,
			.after = after_reserve_use,
			.length = length,
			.rungs = CONTIG_RUNGS_RESERVE,
			.calls = 1,
		},
		{
			.name = "range",
			.run = run_alloc_use,
			.length = length,
			.rungs = CONTIG_RUNGS_RANGE,
			.calls = 1,
		},
		{
			.name = "split",
			.run = run_alloc_use,
			.length = length,
			.rungs = CONTIG_RUNGS_SPLIT,
			.calls = 1,
		},
		{
			.name = "hugetlbfs",
			.run = run_huge_use,
			.length = length,
			.calls = 1,
		},
		{
			.name = "system heap",
			.run = run_heap_use,
			.length = length,
			.calls = 1,
		},
	};
	unsigned int nr = ARRAY_SIZE(all) - (heap < 0), i;

	take_turns(all, nr, 16);
	for (i = 0; i < 3; i++)
		report(&all[i], &all[3], 0);
	for (i = 0; i < 3 && heap >= 0; i++)
		report(&all[i], &all[4], 0);
}

static void bench_heap(size_t length)
{
	struct subject all[] = {
		{
			.name = "split",
			.run = run_alloc,
			.length = length,
			.rungs = CONTIG_RUNGS_SPLIT,
			.calls = 1,
		},
		{
			.name = "scatter",
			.run = run_alloc,
			.length = length,
			.rungs = CONTIG_RUNGS_SCATTER,
			.calls = 1,
		},
		{
			.name = "system heap",
			.run = run_heap,
			.length = length,
			.calls = 1,
		},
	};

	take_turns(all, ARRAY_SIZE(all), 21);
	report(&all[0], &all[2], 0);
	report(&all[1], &all[2], 0);
}

static void init(void)
{
	struct io_uring_params params = {};

	tools_init();
	client = open("/dev/contig", O_RDWR | O_CLOEXEC);
	if (client < 0)
		die_errno("/dev/contig");
	ring = syscall(__NR_io_uring_setup, 1, &params);
	if (ring < 0)
		die_errno("io_uring_setup");
	heap = open("/dev/dma_heap/system", O_RDWR | O_CLOEXEC);
	write_file(HUGE_POOL, "40");
	extents = calloc(LARGE_PAGES, sizeof(extents[0]));
	entries = calloc(LARGE_PAGES, sizeof(entries[0]));
	if (!extents || !entries)
		die("out of memory");
}

int main(void)
{
	init();
	bench_alloc();
	section("LOCK + UNLOCK against io_uring");
	bench_lock("4 KiB pages", "register + unregister", MADV_NOHUGEPAGE);
	bench_lock("huge pages", "register + unregister", MADV_HUGEPAGE);
	bench_translate();
	section("alloc + map + touch + free, against peers");
	bench_peers(2 * MIB);
	bench_peers(LARGE);
	if (heap >= 0) {
		section("alloc + free, against the dma-buf system heap");
		bench_heap(64 * KIB);
		bench_heap(1 * MIB);
		bench_heap(LARGE);
	}
	return 0;
}
