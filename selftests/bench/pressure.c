// SPDX-License-Identifier: GPL-2.0-only
/*
 * A process that keeps memory busy
 *
 * It fills nearly all free memory with pages of its own, then frees those whose
 * page frame number is odd. Free memory then consists of single pages, in every
 * pageblock, and no two of them ever merge. Allocations that move pages leave
 * larger free blocks behind when they end: repeating this breaks those up.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "pressure.h"
#include "tools.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

/* How much is filled between two checks of free memory. */
#define STEP (4 * MIB)

/*
 * How much stays free when memory is full, so that the kernel does not reclaim.
 */
#define MARGIN (24 * MIB)

/*
 * By default the kernel keeps more than that free, in favour of huge pages. It
 * is set to keep less while memory is being filled. Setting the second
 * parameter also undoes how far it has raised the first.
 */
static const struct {
	const char *path;
	const char *filling;
} settings[] = {
	{ "/proc/sys/vm/watermark_boost_factor", "0" },
	{ "/proc/sys/vm/min_free_kbytes", "8192" },
};

/*
 * Background compaction would merge the free pages within seconds, to a degree
 * that depends on the kernel.
 */
#define BACKGROUND_COMPACTION "/proc/sys/vm/compaction_proactiveness"

/* The share of page cache and pipes in PRESSURE_MIXED. */
#define CACHE_SHARE 8
#define PIPES 4096

/*
 * A block device whose reads complete without data: page cache without storage.
 */
#define CACHE_DEVICE "/dev/nullb0"

enum command {
	COMMAND_APPLY,
	COMMAND_RENEW,
};

struct request {
	enum command command;
	enum pressure pressure;
};

/**
 * struct region - the memory that the process fills
 * @start: where it is mapped
 * @length: its length, more than the machine's memory
 * @pipes: both ends of each pipe
 * @state: what is busy now
 */
struct region {
	char *start;
	size_t length;
	int (*pipes)[2];
	struct pressure_state state;
};

static int control;

static void add_cache(struct region *region, size_t length)
{
	static char buffer[MIB];
	static int fd = -1;
	size_t done;

	if (fd < 0)
		fd = open(CACHE_DEVICE, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		die_errno(CACHE_DEVICE ": is null_blk loaded?");
	for (done = 0; done < length; done += sizeof(buffer))
		if (pread(fd, buffer, sizeof(buffer),
			  region->state.cached + done) != sizeof(buffer))
			die_errno(CACHE_DEVICE);
	region->state.cached += length;
}

static void add_pipe(struct region *region)
{
	int *ends = region->pipes[region->state.pipes];
	char data[4096] = "";

	if (pipe2(ends, O_CLOEXEC))
		die_errno("pipe");
	if (write(ends[1], data, sizeof(data)) != sizeof(data))
		die_errno("writing to a pipe");
	region->state.pipes++;
}

static uint64_t free_bytes(void)
{
	struct sysinfo info;

	sysinfo(&info);
	return (uint64_t)info.freeram * info.mem_unit;
}

static void fill(struct region *region, enum pressure pressure)
{
	uint64_t all = free_bytes();
	size_t at, want;

	for (at = 0; at < region->length; at += STEP) {
		if (free_bytes() < MARGIN + STEP)
			break;
		if (madvise(region->start + at, STEP, MADV_POPULATE_WRITE))
			die_errno("MADV_POPULATE_WRITE");
		if (pressure != PRESSURE_MIXED)
			continue;
		if (region->state.cached * CACHE_SHARE < at)
			add_cache(region, MIB);
		want = (double)at / all * PIPES;
		while (region->state.pipes < want &&
		       region->state.pipes < PIPES)
			add_pipe(region);
	}
}

/* Free every page with an odd page frame number. */
static void thin(struct region *region)
{
	static uint64_t entries[4096];
	uint64_t present = 0, given = 0;
	size_t at, i;

	for (at = 0; at < region->length;
	     at += ARRAY_SIZE(entries) * page_size) {
		pagemap_read(region->start + at, ARRAY_SIZE(entries), entries);
		for (i = 0; i < ARRAY_SIZE(entries); i++) {
			if (!PAGEMAP_PRESENT(entries[i]))
				continue;
			present++;
			if (PAGEMAP_PFN(entries[i]) % 2 == 0)
				continue;
			if (madvise(region->start + at + i * page_size,
				    page_size, MADV_DONTNEED))
				die_errno("MADV_DONTNEED");
			given++;
		}
	}
	region->state.filled = present * page_size;
	region->state.kept = (present - given) * page_size;
}

static void read_setting(const char *path, char *value, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length;

	if (fd < 0)
		die_errno(path);
	length = read(fd, value, size - 1);
	if (length < 0)
		die_errno(path);
	value[length] = '\0';
	close(fd);
}

static void renew(struct region *region, enum pressure pressure)
{
	char before[ARRAY_SIZE(settings)][32];
	size_t i;

	write_file(BACKGROUND_COMPACTION, "0");
	for (i = 0; i < ARRAY_SIZE(settings); i++) {
		read_setting(settings[i].path, before[i], sizeof(before[i]));
		write_file(settings[i].path, settings[i].filling);
	}
	fill(region, pressure);
	thin(region);
	for (i = 0; i < ARRAY_SIZE(settings); i++)
		write_file(settings[i].path, before[i]);
}

static void release(struct region *region)
{
	if (madvise(region->start, region->length, MADV_DONTNEED))
		die_errno("MADV_DONTNEED");
	while (region->state.pipes) {
		region->state.pipes--;
		close(region->pipes[region->state.pipes][0]);
		close(region->pipes[region->state.pipes][1]);
	}
	if (region->state.cached)
		write_file("/proc/sys/vm/drop_caches", "3");
	region->state = (struct pressure_state){};
}

static void region_init(struct region *region)
{
	struct rlimit limit = { 3 * PIPES, 3 * PIPES };

	*region = (struct region){};
	region->length = (meminfo_bytes("MemTotal") / (16 * MIB) + 1) *
			 (16 * MIB);
	region->start = mmap(NULL, region->length, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
			     0);
	region->pipes = calloc(PIPES, sizeof(region->pipes[0]));
	if (region->start == MAP_FAILED || !region->pipes)
		die("out of memory");
	/* Huge pages would be freed completely or not at all. */
	if (madvise(region->start, region->length, MADV_NOHUGEPAGE))
		die_errno("MADV_NOHUGEPAGE");
	if (setrlimit(RLIMIT_NOFILE, &limit))
		die_errno("RLIMIT_NOFILE");
}

static void serve(void)
{
	enum pressure pressure = PRESSURE_FRESH;
	struct request request;
	struct region region;

	tools_init();
	region_init(&region);
	while (read(control, &request, sizeof(request)) == sizeof(request)) {
		if (request.command == COMMAND_APPLY) {
			release(&region);
			pressure = request.pressure;
		}
		if (pressure != PRESSURE_FRESH)
			renew(&region, pressure);
		if (write(control, &region.state, sizeof(region.state)) < 0)
			die_errno("answering");
	}
}

/* Start the process. It ends with its parent. */
void pressure_start(void)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		die_errno("socketpair");
	switch (fork()) {
	case -1:
		die_errno("fork");
	case 0:
		close(ends[0]);
		control = ends[1];
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		serve();
		_exit(0);
	}
	close(ends[1]);
	control = ends[0];
}

static void ask(const struct request *request, struct pressure_state *state)
{
	if (write(control, request, sizeof(*request)) != sizeof(*request) ||
	    read(control, state, sizeof(*state)) != sizeof(*state))
		die("the process that keeps memory busy has ended");
}

/* Bring memory into a state. */
void pressure_apply(enum pressure pressure, struct pressure_state *state)
{
	struct request request = { COMMAND_APPLY, pressure };

	ask(&request, state);
}

/* Break up again what became free meanwhile. */
void pressure_renew(struct pressure_state *state)
{
	struct request request = { .command = COMMAND_RENEW };

	ask(&request, state);
}
