// SPDX-License-Identifier: GPL-2.0-only
/*
 * The cost of contig's calls, compared with each other and with the kernel's
 * alternatives
 *
 * Absolute times of a guest, possibly emulated, mean little; the ratio of two
 * calls that were measured alternately means more. Prints lines of
 * comma-separated values, from which scripts/bench makes a table and a picture.
 *
 * With the name of a part as argument it measures only that.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "subjects.h"
#include "tools.h"

#define LARGE_PAGES (LARGE / 4096)

static struct contig_extent *extents;
static uint64_t *entries;

void run_info(const struct subject *subject)
{
	struct contig_info info = { .size = sizeof(info) };

	(void)subject;
	if (ioctl(client, CONTIG_INFO, &info))
		die_errno("CONTIG_INFO");
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

	nr = 1 + add_allocs(&all[1], "reserve: alloc + free",
			    CONTIG_RUNGS_RESERVE, LARGE, 20);
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
	nr += add_allocs(&all[nr], "coherent: alloc + free",
			 CONTIG_RUNGS_COHERENT, 4 * MIB, 1);
	nr += add_allocs(&all[nr], "range: alloc + free",
			 CONTIG_RUNGS_RANGE, LARGE, 1);
	nr += add_allocs(&all[nr], "split: alloc + free",
			 CONTIG_RUNGS_SPLIT, LARGE, 1);
	nr += add_allocs(&all[nr], "scatter: alloc + free",
			 CONTIG_RUNGS_SCATTER, LARGE, 1);
	take_turns(all, nr, 25);
	for (i = 1; i < nr; i++)
		report(&all[i], &all[0], 0);
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
			.kind = PEER,
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
	free_memory();
}

static void init(void)
{
	tools_init();
	client = open("/dev/contig", O_RDWR | O_CLOEXEC);
	if (client < 0)
		die_errno("/dev/contig");
	extents = calloc(LARGE_PAGES, sizeof(extents[0]));
	entries = calloc(LARGE_PAGES, sizeof(entries[0]));
	if (!extents || !entries)
		die("out of memory");
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} parts[] = {
		{ "alloc", bench_alloc },
		{ "use", bench_peers },
		{ "locks", bench_locks },
		{ "translate", bench_translate },
		{ "io", bench_io },
		{ "moves", bench_moves },
		{ "crowd", bench_crowd },
		{ "relocate", bench_relocate },
	};
	unsigned int i, runs = 0;

	init();
	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		if (argc < 2 || !strcmp(argv[1], parts[i].name)) {
			parts[i].run();
			runs++;
		}
	}
	if (!runs)
		die("there is no part '%s'", argv[1]);
	return 0;
}
