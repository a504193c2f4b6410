// SPDX-License-Identifier: GPL-2.0-only
/*
 * What many processes get that allocate at the same time
 */
#include <fcntl.h>
#include <linux/dma-heap.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "subjects.h"

#define CROWD 8
#define BLOCK (4 * MIB)
#define SECONDS 4

/**
 * struct share - what one process got
 * @blocks: how many
 * @longest: the longest that it waited for one, in ns
 */
struct share {
	uint64_t blocks;
	uint64_t longest;
};

static struct share *shares;
static int heap;

static int get_range(void)
{
	struct contig_alloc alloc;

	return contig_do_alloc(client, BLOCK, CONTIG_RUNGS_RANGE, 0, &alloc) ?
		       -1 :
		       alloc.out_fd;
}

static int get_heap(void)
{
	struct dma_heap_allocation_data data = {
		.len = BLOCK,
		.fd_flags = O_RDWR | O_CLOEXEC,
	};

	return ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &data) ? -1 : (int)data.fd;
}

static void take_blocks(struct share *share, int (*get)(void), uint64_t end)
{
	uint64_t start, now = now_ns();
	int fd;

	while (now < end) {
		start = now;
		fd = get();
		now = now_ns();
		if (fd < 0)
			continue;
		close(fd);
		share->blocks++;
		if (now - start > share->longest)
			share->longest = now - start;
		now = now_ns();
	}
}

/* Let @nr processes allocate. Adds the time for each block, and the longest one. */
static void crowd(unsigned int nr, int (*get)(void), struct subject *each,
		  struct subject *longest)
{
	uint64_t end = now_ns() + SECONDS * 1000000000ULL, blocks = 0, most = 0;
	pid_t pids[CROWD];
	unsigned int i;

	for (i = 0; i < nr; i++) {
		shares[i] = (struct share){};
		pids[i] = fork();
		switch (pids[i]) {
		case -1:
			die_errno("fork");
		case 0:
			take_blocks(&shares[i], get, end);
			_exit(0);
		}
	}
	for (i = 0; i < nr; i++) {
		waitpid(pids[i], NULL, 0);
		blocks += shares[i].blocks;
		if (shares[i].longest > most)
			most = shares[i].longest;
	}
	if (!blocks)
		die("no process got a block");
	times_add(&each->times, SECONDS * 1000000000ULL / blocks);
	times_add(&longest->times, most);
}

void bench_crowd(void)
{
	struct subject one = { .name = "range: one process", .length = BLOCK };
	struct subject all = { .name = "range: 8 processes; for each block",
			       .length = BLOCK };
	struct subject worst = { .name = "range: the longest wait of 8",
				 .length = BLOCK };
	struct subject peer = { .name = "system heap: 8 processes",
				.kind = PEER, .length = BLOCK };
	struct subject peer_worst = { .name = "system heap: the longest wait of 8",
				      .kind = PEER, .length = BLOCK };
	struct subject unused = {};
	unsigned int turn;

	heap = open("/dev/dma_heap/system", O_RDWR | O_CLOEXEC);
	shares = mmap(NULL, CROWD * sizeof(*shares), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shares == MAP_FAILED)
		die_errno("mmap");
	section("8 processes at the same time");
	for (turn = 0; turn < 3; turn++) {
		crowd(1, get_range, &one, &unused);
		crowd(CROWD, get_range, &all, &worst);
		if (heap >= 0)
			crowd(CROWD, get_heap, &peer, &peer_worst);
	}
	report(&all, &one, 1);
	if (heap >= 0) {
		report(&all, &peer, 0);
		report(&worst, &peer_worst, 5);
	}
	close(heap);
	munmap(shares, CROWD * sizeof(*shares));
}
