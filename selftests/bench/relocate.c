// SPDX-License-Identifier: GPL-2.0-only
/*
 * The cost of taking a buffer out of the page tables, and of moving it
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "subjects.h"

/* Turns of a move, each with a new buffer: one that is contiguous does not move. */
#define TURNS 12

static int buffer;
static char *mapping;

static void touch_mapping(void)
{
	size_t at;

	for (at = 0; at < LARGE; at += page_size)
		((volatile char *)mapping)[at] = 1;
}

static void map_buffer(void)
{
	mapping = mmap(NULL, LARGE, PROT_READ | PROT_WRITE, MAP_SHARED, buffer,
		       0);
	if (mapping == MAP_FAILED)
		die_errno("mmap");
}

static void run_touch_again(const struct subject *subject)
{
	(void)subject;
	if (madvise(mapping, LARGE, MADV_DONTNEED))
		die_errno("madvise");
	touch_mapping();
}

static void run_map_again(const struct subject *subject)
{
	(void)subject;
	munmap(mapping, LARGE);
	map_buffer();
	touch_mapping();
}

static void bench_touch(void)
{
	struct subject all[] = {
		{ .name = "touch what was taken away", .run = run_touch_again },
		{ .name = "map + touch", .kind = LIMIT, .run = run_map_again },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(all); i++) {
		all[i].length = LARGE;
		all[i].calls = 1;
	}
	take_turns(all, ARRAY_SIZE(all), 21);
	report(&all[0], &all[1], 1.1);
}

/* Get a buffer of several extents, and map it. */
static void get_scattered(const struct subject *subject)
{
	struct contig_alloc result;
	int ret = contig_do_alloc(client, LARGE, subject->rungs, 0, &result);

	if (ret || result.out_extents < 2)
		die("no scattered buffer: %s", ret ? strerror(-ret) :
						     "it is in one piece");
	buffer = result.out_fd;
	map_buffer();
}

/*
 * The reserve has room for it, so that what is timed does not contain moving other
 * memory out of the way.
 */
static void bench_move(void)
{
	struct subject move = { .name = "scatter: lock in one piece + touch",
				.length = LARGE,
				.rungs = CONTIG_RUNGS_SCATTER };
	struct subject copy = { .name = "memcpy + touch what was taken away",
				.kind = LIMIT,
				.length = LARGE };
	char *from = aligned_alloc(2 * MIB, LARGE);
	char *to = aligned_alloc(2 * MIB, LARGE);
	unsigned int turn;
	uint64_t start;

	if (!from || !to)
		die("out of memory");
	memset(from, 1, LARGE);
	memset(to, 1, LARGE);
	for (turn = 0; turn < TURNS; turn++) {
		get_scattered(&move);
		start = now_ns();
		memcpy(to, from, LARGE);
		run_touch_again(&copy);
		times_add(&copy.times, now_ns() - start);
		start = now_ns();
		if (contig_do_lock(client, mapping, LARGE,
				   CONTIG_LOCK_CONTIGUOUS))
			die("a buffer was not moved");
		touch_mapping();
		times_add(&move.times, now_ns() - start);
		contig_do_unlock(client, mapping, LARGE);
		munmap(mapping, LARGE);
		close(buffer);
		reserve_wait_clean();
	}
	report(&move, &copy, 1.3);
	free(from);
	free(to);
}

void bench_relocate(void)
{
	const struct subject scatter = { .rungs = CONTIG_RUNGS_SCATTER };

	section("moving a buffer");
	get_scattered(&scatter);
	bench_touch();
	munmap(mapping, LARGE);
	close(buffer);
	bench_move();
}
