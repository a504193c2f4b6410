// SPDX-License-Identifier: GPL-2.0-only
/*
 * The cost of moving memory out of the way, and of not doing so
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../kmod/contig_bench.h"
#include "pressure.h"
#include "subjects.h"

#define WINDOW (8 * MIB)
#define FRAMES (WINDOW / 4096)

/* How often a request is refused, to find the longest time. */
#define REFUSALS 1000

/* How often each way to empty memory is measured. */
#define TURNS 8

/* Bits of /proc/kpageflags. */
#define KPF_LRU ((uint64_t)1 << 5)
#define KPF_BUDDY ((uint64_t)1 << 10)
#define KPF_ANON ((uint64_t)1 << 12)
#define KPF_COMPOUND ((uint64_t)3 << 15)

static int emptier;

/* Buffers that keep free windows from being measured. */
static int held[32];
static unsigned int nr_held;

static struct pressure_state state;

/* Windows that are as full as most, and which of them is next. */
static uint64_t windows[64];
static unsigned int nr_windows;
static unsigned int next_window;

/* Return how many pages lie in a window, or -1 if one of them does not move. */
static int pages_in(const uint64_t *flags)
{
	int pages = 0;
	size_t i;

	for (i = 0; i < FRAMES; i++) {
		if (flags[i] & KPF_COMPOUND && !(flags[i] & KPF_BUDDY))
			return -1;
		if ((flags[i] & (KPF_LRU | KPF_ANON)) == (KPF_LRU | KPF_ANON))
			pages++;
		else if (flags[i] && !(flags[i] & KPF_BUDDY))
			return -1;
	}
	return pages;
}

/* Find windows of which about every second page frame is in use. */
static void find_windows(void)
{
	static uint64_t flags[FRAMES];
	int fd = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
	int pages;
	uint64_t pfn;

	if (fd < 0)
		die_errno("/proc/kpageflags");
	nr_windows = next_window = 0;
	/* Low memory is for devices that reach no other. */
	for (pfn = 16 * MIB / page_size;
	     nr_windows < ARRAY_SIZE(windows) &&
	     pread(fd, flags, sizeof(flags), pfn * sizeof(flags[0])) ==
	     sizeof(flags);
	     pfn += FRAMES) {
		pages = pages_in(flags);
		if (pages > (int)FRAMES / 4)
			windows[nr_windows++] = pfn;
	}
	close(fd);
}

/* Return how many pages the kernel has migrated since it started. */
static uint64_t pages_migrated(void)
{
	FILE *file = fopen("/proc/vmstat", "re");
	unsigned long long pages = 0;
	char line[128];

	if (!file)
		die_errno("/proc/vmstat");
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "pgmigrate_success %llu", &pages) == 1)
			break;
	fclose(file);
	return pages;
}

/*
 * Time a request for a window of which pages have to be moved. Windows that cost
 * little are held, since some of memory has to stay free.
 */
static void measure_range(struct subject *subject)
{
	uint64_t start, took, moved;
	int fd;

	while (nr_held < ARRAY_SIZE(held)) {
		moved = pages_migrated();
		start = now_ns();
		fd = alloc_fd(subject);
		took = now_ns() - start;
		moved = pages_migrated() - moved;
		if (moved > FRAMES / 4) {
			times_add(&subject->times, took / moved);
			close(fd);
			return;
		}
		held[nr_held++] = fd;
	}
}

/* Time the one call of the kernel for such a window. */
static void measure_empty(struct subject *subject)
{
	struct contig_bench_empty empty = { .npages = FRAMES };
	uint64_t start, took, moved;

	find_windows();
	while (next_window < nr_windows) {
		empty.pfn = windows[next_window++];
		moved = pages_migrated();
		start = now_ns();
		if (ioctl(emptier, CONTIG_BENCH_EMPTY, &empty)) {
			if (errno != EBUSY)
				die_errno("CONTIG_BENCH_EMPTY");
			continue;
		}
		took = now_ns() - start;
		moved = pages_migrated() - moved;
		ioctl(emptier, CONTIG_BENCH_GIVE);
		if (moved > FRAMES / 4) {
			times_add(&subject->times, took / moved);
			return;
		}
	}
}

static void bench_full(void)
{
	struct subject range = { .name = "range: each page moved",
				 .length = WINDOW,
				 .rungs = CONTIG_RUNGS_RANGE };
	struct subject kernel = { .name = "alloc_contig_range(): each page moved",
				  .kind = LIMIT };
	unsigned int turn;

	section("8 MiB out of full memory, every second page frame in use");
	for (turn = 0; turn < TURNS; turn++) {
		measure_range(&range);
		pressure_renew(&state);
		measure_empty(&kernel);
		pressure_renew(&state);
	}
	while (nr_held)
		close(held[--nr_held]);
	/* The times are those of a page, not of the window. */
	range.length = 0;
	if (range.times.nr && kernel.times.nr)
		report(&range, &kernel, 1.2);
}

/* How long a request without moves takes at most. */
static void bench_no_wait(void)
{
	struct subject refused = { .name = "NO_WAIT refused: the longest time",
				   .length = WINDOW };
	struct subject usual = { .name = "NO_WAIT refused", .length = WINDOW };
	struct subject info = { .name = "INFO" };
	uint64_t start, took, longest = 0;
	struct contig_alloc alloc;
	unsigned int i;

	section("no waiting, in the same memory");
	for (i = 0; i < REFUSALS; i++) {
		alloc = (struct contig_alloc){
			.size = sizeof(alloc),
			.flags = CONTIG_ALLOC_NO_WAIT,
			.length = WINDOW,
			.rungs = CONTIG_RUNGS_COHERENT | CONTIG_RUNGS_RANGE,
		};
		start = now_ns();
		if (!ioctl(client, CONTIG_ALLOC, &alloc))
			die("there is a free block of %zu bytes", WINDOW);
		took = now_ns() - start;
		if (errno != EAGAIN)
			die_errno("CONTIG_ALLOC_NO_WAIT");
		times_add(&usual.times, took);
		if (took > longest)
			longest = took;
		start = now_ns();
		run_info(&info);
		times_add(&info.times, now_ns() - start);
	}
	times_add(&refused.times, longest);
	report(&usual, &info, 0);
	report(&refused, &info, 0);
}

void bench_moves(void)
{
	emptier = open("/dev/contig_bench", O_RDWR | O_CLOEXEC);
	if (emptier < 0)
		die_errno("/dev/contig_bench");
	pressure_start();
	pressure_apply(PRESSURE_MOVABLE, &state);
	bench_full();
	bench_no_wait();
	pressure_apply(PRESSURE_FRESH, &state);
	close(emptier);
}
