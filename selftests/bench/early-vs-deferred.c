// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ways to get physically contiguous memory, before and after memory is busy
 *
 * Prints a line of comma-separated values for each state of memory, strategy
 * and size, from which scripts/demo makes tables and a picture. Each success is
 * checked without the module: the memory must be zero, its page frames must be
 * as adjacent as reported, and it must keep its contents while other memory is
 * written.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "compacted.h"
#include "pressure.h"
#include "tools.h"
#include "waited.h"

/*
 * Memory is kept, so that the next attempt must find another place, until this
 * much is held. Then all of it is freed, and memory is made busy again.
 */
#define HELD_MAX (256 * MIB)
#define BUFFERS 256

/* Free memory that the naive strategy leaves to other processes. */
#define NAIVE_MARGIN (64 * MIB)

/**
 * struct buffer - memory that an attempt got
 * @addr: where it is mapped
 * @length: its length in bytes
 * @extents: the number of extents that was reported
 * @fd: descriptor of a contig buffer, -1 for the process's own memory
 * @mapping: a value of &enum contig_mapping
 * @seed: seed of its pattern
 */
struct buffer {
	char *addr;
	size_t length;
	uint64_t extents;
	int fd;
	uint32_t mapping;
	uint64_t seed;
};

/**
 * struct strategy - a way to get memory
 * @name: its name in the output
 * @rungs: for CONTIG_ALLOC; 0 for the naive way
 * @disturbs: it may move pages
 */
struct strategy {
	const char *name;
	uint32_t rungs;
	bool disturbs;
};

/*
 * The last two take pages as the kernel does for itself. That turns pageblocks
 * into unmovable ones, which they stay when the pages are freed.
 */
static const struct strategy strategies[] = {
	{ "naive", 0, false },
	{ "coherent", CONTIG_RUNGS_COHERENT, true },
	{ "early", CONTIG_RUNGS_RESERVE, false },
	{ "deferred", CONTIG_RUNGS_COHERENT | CONTIG_RUNGS_RANGE, true },
	{ "smaller", CONTIG_RUNGS_SPLIT, true },
	{ "scatter", CONTIG_RUNGS_SCATTER, false },
};

static const struct {
	const char *name;
	size_t length;
	unsigned int attempts;
} sizes[] = {
	{ "64K", 64 * KIB, 50 },  { "256K", 256 * KIB, 40 },
	{ "1M", 1 * MIB, 24 },	  { "4M", 4 * MIB, 12 },
	{ "8M", 8 * MIB, 8 },	  { "16M", 16 * MIB, 6 },
	{ "64M", 64 * MIB, 4 },	  { "256M", 256 * MIB, 2 },
};

static const char *const states[] = {
	[PRESSURE_FRESH] = "fresh",
	[PRESSURE_MOVABLE] = "movable",
	[PRESSURE_MIXED] = "mixed",
};

static const char *const rung_names[CONTIG_RUNG_MAX] = {
	[CONTIG_RUNG_RESERVE] = "reserve",   [CONTIG_RUNG_COHERENT] = "coherent",
	[CONTIG_RUNG_RANGE] = "range",	     [CONTIG_RUNG_SPLIT] = "split",
	[CONTIG_RUNG_SCATTER] = "scatter",
};

static const char *const reasons[] = {
	[CONTIG_BLOCKED_NOT] = "no reason",
	[CONTIG_BLOCKED_ABSENT] = "does not exist here",
	[CONTIG_BLOCKED_MAPPING] = "has no struct pages",
	[CONTIG_BLOCKED_CONSTRAINTS] = "cannot meet the constraints",
	[CONTIG_BLOCKED_EXHAUSTED] = "has no such block free",
	[CONTIG_BLOCKED_TOO_LARGE] = "can never give so much",
	[CONTIG_BLOCKED_UNMOVABLE] = "kernel memory in every window",
	[CONTIG_BLOCKED_PINNED] = "pinned pages in every window",
	[CONTIG_BLOCKED_BUSY] = "some pages would not move",
	[CONTIG_BLOCKED_NO_ROOM] = "no room to move pages to",
	[CONTIG_BLOCKED_TIME] = "out of time",
	[CONTIG_BLOCKED_SIGNAL] = "interrupted",
	[CONTIG_BLOCKED_SEGMENTS] = "needs more extents",
	[CONTIG_BLOCKED_CONTENTS] = "has no contents",
	[CONTIG_BLOCKED_WAIT] = "nothing free now",
	[CONTIG_BLOCKED_LOCKED] = "locked buffers in the way",
};

static int client;
/* The last failed request, with contig's reports. */
static struct contig_alloc failure;
static size_t reserve_largest;
static struct buffer held[BUFFERS];
static unsigned int held_nr;
static size_t held_bytes;
static bool disturbed;
static unsigned int lies;

static void __attribute__((format(printf, 2, 3)))
lie(const struct buffer *buffer, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "\nbuffer of %zu bytes: ", buffer->length);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	lies++;
}

/* A multiplier that makes adjacent words and pages differ in most bits. */
static uint64_t pattern(uint64_t seed, size_t word)
{
	return (seed + word) * 0x9e3779b97f4a7c15ULL;
}

static bool is_zero(const struct buffer *buffer)
{
	const uint64_t *word = (const void *)buffer->addr;
	size_t n = buffer->length / sizeof(*word), i;
	uint64_t any = 0;

	for (i = 0; i < n; i++)
		any |= word[i];
	return !any;
}

static void write_pattern(const struct buffer *buffer)
{
	uint64_t *word = (void *)buffer->addr;
	size_t n = buffer->length / sizeof(*word), i;

	for (i = 0; i < n; i++)
		word[i] = pattern(buffer->seed, i);
}

static bool has_pattern(const struct buffer *buffer)
{
	const uint64_t *word = (const void *)buffer->addr;
	size_t n = buffer->length / sizeof(*word), i;
	uint64_t wrong = 0;

	for (i = 0; i < n; i++)
		wrong |= word[i] ^ pattern(buffer->seed, i);
	return !wrong;
}

static void check_page_in_ram(const struct buffer *buffer, size_t offset)
{
	uint64_t entry;

	pagemap_read(buffer->addr + offset, 1, &entry);
	if (!kcore_equals(PAGEMAP_PFN(entry) * page_size, buffer->addr + offset,
			  page_size))
		lie(buffer, "/proc/kcore differs at offset %zu",
		    offset);
}

/*
 * pagemap does not show these page frames: ask contig, and compare the
 * contents.
 */
static void check_bare_frames(const struct buffer *buffer)
{
	struct contig_extent extent;
	uint32_t count = 1;
	int ret;

	ret = contig_do_lock(client, buffer->addr, buffer->length, 0);
	if (ret) {
		lie(buffer, "cannot be locked: %s", strerror(-ret));
		return;
	}
	ret = contig_do_translate(client, buffer->addr, buffer->length, &extent,
				  &count);
	if (ret || count != 1 || extent.length != buffer->length)
		lie(buffer, "is not a single extent");
	else if (!kcore_equals(extent.addr, buffer->addr, buffer->length))
		lie(buffer, "is not at the address that was reported");
	contig_do_unlock(client, buffer->addr, buffer->length);
}

/* Check the contents of a new buffer, then fill it. */
static void check_new(struct buffer *buffer)
{
	static uint64_t seed;
	uint64_t extents;

	if (!is_zero(buffer))
		lie(buffer, "is not zero");
	seed += 1ULL << 32;
	buffer->seed = seed;
	write_pattern(buffer);

	if (buffer->mapping == CONTIG_MAPPING_PFN) {
		check_bare_frames(buffer);
		return;
	}
	extents = pagemap_extents(buffer->addr, buffer->length);
	if (extents != buffer->extents)
		lie(buffer, "was reported with %llu extents, pagemap has %llu",
		    (unsigned long long)buffer->extents,
		    (unsigned long long)extents);
	check_page_in_ram(buffer, 0);
	check_page_in_ram(buffer, buffer->length - page_size);
}

static bool naive_new(size_t length, struct buffer *buffer)
{
	if (meminfo_bytes("MemFree") < length + NAIVE_MARGIN)
		return false;
	buffer->length = length;
	buffer->addr = mmap(NULL, length, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	return buffer->addr != MAP_FAILED;
}

static int naive_lock(const struct buffer *buffer)
{
	return contig_do_lock(client, buffer->addr, buffer->length,
			      CONTIG_LOCK_CONTIGUOUS);
}

/*
 * As MemAllocatePhysicallyContiguous did: allocate memory; if it is not
 * contiguous by chance, allocate more before freeing it; then give up.
 */
static bool naive(size_t length, struct buffer *result)
{
	struct buffer previous;
	int ret;

	if (!naive_new(length, result))
		return false;
	ret = naive_lock(result);
	if (ret == -EILSEQ) {
		previous = *result;
		if (naive_new(length, result)) {
			ret = naive_lock(result);
			if (ret)
				munmap(result->addr, length);
		}
		munmap(previous.addr, length);
	}
	if (ret && ret != -EILSEQ)
		die("locking %zu bytes: %s", length, strerror(-ret));
	result->extents = 1;
	result->fd = -1;
	result->mapping = CONTIG_MAPPING_STRUCT_PAGE;
	return !ret;
}

static bool allocate(const struct strategy *strategy, size_t length,
		     struct buffer *buffer)
{
	struct contig_alloc result;
	int ret = contig_do_alloc(client, length, strategy->rungs, 0, &result);

	if (ret && ret != -ENOMEM && ret != -ETIME)
		die("allocating %zu bytes: %s", length, strerror(-ret));
	if (ret) {
		failure = result;
		return false;
	}
	buffer->length = length;
	buffer->extents = result.out_extents;
	buffer->fd = result.out_fd;
	buffer->mapping = result.out_mapping;
	return true;
}

static void map_buffer(struct buffer *buffer)
{
	if (buffer->fd < 0)
		return;
	buffer->addr = mmap(NULL, buffer->length, PROT_READ | PROT_WRITE,
			    MAP_SHARED, buffer->fd, 0);
	if (buffer->addr == MAP_FAILED)
		die_errno("mapping a buffer");
}

static void release_held(void)
{
	struct buffer *buffer;

	while (held_nr) {
		buffer = &held[--held_nr];
		if (!has_pattern(buffer))
			lie(buffer, "lost its contents");
		if (buffer->fd < 0)
			contig_do_unlock(client, buffer->addr, buffer->length);
		munmap(buffer->addr, buffer->length);
		if (buffer->fd >= 0)
			close(buffer->fd);
	}
	held_bytes = 0;
	if (reserve_largest)
		reserve_wait_clean();
}

/* Free everything, and break up again what the strategies left contiguous. */
static void start_over(enum pressure pressure)
{
	struct pressure_state unused;

	release_held();
	if (disturbed && pressure != PRESSURE_FRESH)
		pressure_renew(&unused);
	disturbed = false;
}

static bool attempt(const struct strategy *strategy, size_t length,
		    struct times *times, struct times *extents)
{
	struct buffer *buffer = &held[held_nr];
	uint64_t start = now_ns();
	bool success;

	success = strategy->rungs ? allocate(strategy, length, buffer) :
				    naive(length, buffer);
	if (!success)
		return false;
	times_add(times, now_ns() - start);
	times_add(extents, buffer->extents);
	map_buffer(buffer);
	check_new(buffer);
	held_nr++;
	held_bytes += length;
	if (strategy->disturbs)
		disturbed = true;
	return true;
}

/* Print why the last attempt failed: "why,STATE,STRATEGY,BYTES,TEXT". */
static void print_reasons(const char *state, const char *strategy)
{
	const struct contig_report *report;
	uint32_t i;

	if (!failure.out_report_count)
		return;
	printf("why,%s,%s,%llu,", state, strategy,
	       (unsigned long long)failure.length);
	for (i = 0; i < failure.out_report_count; i++) {
		report = &failure.out_reports[i];
		printf("%s%s: %s (%u tried; largest possible %.1f MiB)",
		       i ? "; " : "",
		       report->rung < ARRAY_SIZE(rung_names) ?
		       rung_names[report->rung] : "?",
		       report->blocked < ARRAY_SIZE(reasons) ?
		       reasons[report->blocked] : "?",
		       report->windows, (double)report->largest / MIB);
	}
	putchar('\n');
}

static void run_cell(enum pressure pressure, const struct strategy *strategy,
		     size_t length, unsigned int attempts, const char *size)
{
	bool reserve = strategy->rungs == CONTIG_RUNGS_RESERVE;
	size_t most = reserve ? reserve_largest : HELD_MAX;
	struct times times = {}, extents = {};
	unsigned int i;

	failure.out_report_count = 0;
	if (length > most)
		attempts = 0;
	for (i = 0; i < attempts; i++) {
		if (held_nr == BUFFERS || held_bytes + length > most)
			start_over(pressure);
		attempt(strategy, length, &times, &extents);
	}
	printf("%s,%s,%zu,%u,%zu,", states[pressure], strategy->name, length,
	       attempts, times.nr);
	if (times.nr)
		printf("%.1f,%.1f,%llu\n", times_percentile(&times, 50) / 1e3,
		       times_percentile(&times, 99) / 1e3,
		       (unsigned long long)times_percentile(&extents, 50));
	else
		printf(",,\n");
	print_reasons(states[pressure], strategy->name);
	fflush(stdout);
	if (!attempts)
		fprintf(stderr, " (%s)", size);
	else if (times.nr == attempts)
		fprintf(stderr, " %s", size);
	else
		fprintf(stderr, " %s:%zu/%u", size, times.nr, attempts);
	times_free(&times);
	times_free(&extents);
}

/* Return the share of free memory in blocks of 4 MiB, in percent. */
static unsigned int percent_large(void)
{
	unsigned long long all = 0, large = 0, count;
	FILE *file = fopen("/proc/buddyinfo", "re");
	unsigned int order;
	char line[256];
	char *at;
	int start;

	if (!file)
		die_errno("/proc/buddyinfo");
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "Node %*d, zone %*s%n", &start) < 0)
			continue;
		at = line + start;
		for (order = 0; order <= 10; order++) {
			count = strtoull(at, &at, 10);
			all += count << order;
			if (order == 10)
				large += count << order;
		}
	}
	fclose(file);
	return all ? 100 * large / all : 0;
}

static void prepare(enum pressure pressure)
{
	struct pressure_state state;
	uint64_t start = now_ns();

	fprintf(stderr, "%-8s preparing", states[pressure]);
	pressure_apply(pressure, &state);
	printf("state,%s,%llu,%llu,%llu,%llu,%llu,%u\n", states[pressure],
	       (unsigned long long)(state.filled / MIB),
	       (unsigned long long)(state.kept / MIB),
	       (unsigned long long)(state.cached / MIB),
	       (unsigned long long)state.pipes,
	       (unsigned long long)(meminfo_bytes("MemFree") / MIB),
	       percent_large());
	fprintf(stderr, " took %.0f s\n", (now_ns() - start) / 1e9);
}

static void run_strategy(enum pressure pressure,
			 const struct strategy *strategy)
{
	uint64_t start = now_ns();
	unsigned int i;

	fprintf(stderr, "%-8s %-8s", states[pressure], strategy->name);
	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		run_cell(pressure, strategy, sizes[i].length, sizes[i].attempts,
			 sizes[i].name);
	/* The next state of memory starts from scratch anyway. */
	if (strategy == &strategies[ARRAY_SIZE(strategies) - 1])
		disturbed = false;
	start_over(pressure);
	fprintf(stderr, "  %.0f s\n", (now_ns() - start) / 1e9);
}

static bool wanted(const char *name, const char *argument)
{
	return !argument || !strcmp(name, argument);
}

/* Arguments select one state of memory, "compact" or "waited", and one strategy. */
int main(int argc, char **argv)
{
	const char *state = argc > 1 ? argv[1] : NULL;
	const char *strategy = argc > 2 ? argv[2] : NULL;
	struct contig_info info = { .size = sizeof(info) };
	enum pressure pressure;
	unsigned int i;

	/* Print whole lines, since other guests may print at the same time. */
	setvbuf(stderr, NULL, _IOLBF, 0);
	tools_init();
	client = open("/dev/contig", O_RDWR | O_CLOEXEC);
	if (client < 0 || ioctl(client, CONTIG_INFO, &info))
		die_errno("/dev/contig");
	reserve_largest = info.out_reserve_largest;
	pressure_start();
	for (pressure = PRESSURE_FRESH; pressure <= PRESSURE_MIXED;
	     pressure++) {
		if (!wanted(states[pressure], state))
			continue;
		prepare(pressure);
		for (i = 0; i < ARRAY_SIZE(strategies); i++)
			if (wanted(strategies[i].name, strategy))
				run_strategy(pressure, &strategies[i]);
	}
	if (reserve_largest && wanted("compact", state))
		compacted_reserve(client);
	if (wanted("waited", state))
		waited_requests(client);
	if (lies)
		die("%u buffers were not as reported", lies);
	return 0;
}
