// SPDX-License-Identifier: GPL-2.0-only
/*
 * A reserve that is half free, in holes, and a request for a quarter of it: without
 * moving buffers, and with that
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "compacted.h"
#include "tools.h"

#define HOLE (64 * KIB)
#define ROUNDS 5

/* Small buffers that are locked, of as many: so that each site for a quarter has some. */
#define LOCKED 128

/**
 * struct small - a buffer that fills the reserve
 * @fd: its descriptor, -1 if it was freed
 * @map: where it is mapped
 */
struct small {
	int fd;
	char *map;
};

static struct small *smalls;
static size_t smalls_nr;

static int alloc_from_reserve(int client, size_t length, uint32_t flags,
			      struct contig_alloc *result)
{
	return contig_do_alloc(client, length, CONTIG_RUNGS_RESERVE, flags,
			       result);
}

static void fill_reserve(int client, size_t bytes)
{
	struct contig_alloc result;
	struct small *small;

	smalls = calloc(bytes / HOLE, sizeof(*smalls));
	if (!smalls)
		die("out of memory");
	for (smalls_nr = 0; smalls_nr < bytes / HOLE; smalls_nr++) {
		if (alloc_from_reserve(client, HOLE, CONTIG_ALLOC_NO_WAIT,
				       &result))
			break;
		small = &smalls[smalls_nr];
		small->fd = result.out_fd;
		small->map = mmap(NULL, HOLE, PROT_READ | PROT_WRITE,
				  MAP_SHARED, small->fd, 0);
		if (small->map == MAP_FAILED)
			die_errno("mapping a buffer");
		memset(small->map, smalls_nr % 251 + 1, HOLE);
	}
}

static void free_small(struct small *small)
{
	if (small->fd < 0)
		return;
	munmap(small->map, HOLE);
	close(small->fd);
	small->fd = -1;
}

static void free_smalls(void)
{
	size_t i;

	for (i = 0; i < smalls_nr; i++)
		free_small(&smalls[i]);
	free(smalls);
	reserve_wait_clean();
}

/* Return how many buffers do not have the contents that were written to them. */
static size_t count_changed(void)
{
	size_t i, at, changed = 0;

	for (i = 0; i < smalls_nr; i++) {
		if (smalls[i].fd < 0)
			continue;
		for (at = 0; at < HOLE; at++)
			if (smalls[i].map[at] != (char)(i % 251 + 1))
				break;
		changed += at < HOLE;
	}
	return changed;
}

static void lock_some(int client)
{
	size_t i;
	int ret;

	for (i = 1; i < smalls_nr; i += LOCKED) {
		ret = contig_do_lock(client, smalls[i].map, HOLE, 0);
		if (ret)
			die("locking a buffer: %s", strerror(-ret));
	}
}

static void unlock_some(int client)
{
	size_t i;

	for (i = 1; i < smalls_nr; i += LOCKED)
		contig_do_unlock(client, smalls[i].map, HOLE);
}

/* Allow a descriptor for each small buffer. */
static void raise_limit(size_t files)
{
	struct rlimit limit = { .rlim_cur = files, .rlim_max = files };

	if (setrlimit(RLIMIT_NOFILE, &limit))
		die_errno("RLIMIT_NOFILE");
}

/**
 * struct tally - what came of the requests
 * @without: successes without moving
 * @with: successes with moving
 * @named: requests for which a locked buffer was named
 * @changed: buffers that lost their contents
 * @times: of the successes with moving
 */
struct tally {
	unsigned int without;
	unsigned int with;
	unsigned int named;
	size_t changed;
	struct times times;
};

static void one_round(int client, size_t bytes, struct tally *tally)
{
	struct contig_alloc result;
	uint64_t start;
	size_t i;

	fill_reserve(client, bytes);
	for (i = 0; i < smalls_nr; i += 2)
		free_small(&smalls[i]);
	reserve_wait_clean();
	if (!alloc_from_reserve(client, bytes / 4, CONTIG_ALLOC_NO_WAIT,
				&result)) {
		tally->without++;
		close(result.out_fd);
	}
	lock_some(client);
	if (alloc_from_reserve(client, bytes / 4, 0, &result))
		tally->named += result.out_in_way_id &&
				result.out_in_way_pid == (uint32_t)getpid();
	else
		close(result.out_fd);
	unlock_some(client);
	start = now_ns();
	if (!alloc_from_reserve(client, bytes / 4, 0, &result)) {
		times_add(&tally->times, now_ns() - start);
		tally->with++;
		close(result.out_fd);
	}
	tally->changed += count_changed();
	free_smalls();
}

/* Print "compact,RESERVE,LENGTH,HOLE,ROUNDS,WITHOUT,WITH,NAMED,CHANGED,MEDIAN". */
void compacted_reserve(int client)
{
	struct contig_info info = { .size = sizeof(info) };
	struct tally tally = {};
	unsigned int i;

	if (ioctl(client, CONTIG_INFO, &info))
		die_errno("INFO");
	raise_limit(info.out_reserve_bytes / HOLE + 64);
	fprintf(stderr, "compact ");
	for (i = 0; i < ROUNDS; i++)
		one_round(client, info.out_reserve_bytes, &tally);
	printf("compact,%llu,%llu,%zu,%d,%u,%u,%u,%zu,%.1f\n",
	       (unsigned long long)info.out_reserve_bytes,
	       (unsigned long long)info.out_reserve_bytes / 4, HOLE, ROUNDS,
	       tally.without, tally.with, tally.named, tally.changed,
	       tally.times.nr ? times_percentile(&tally.times, 50) / 1e3 : 0);
	fprintf(stderr, "without moving:%u/%d with moving:%u/%d\n",
		tally.without, ROUNDS, tally.with, ROUNDS);
	times_free(&tally.times);
}
