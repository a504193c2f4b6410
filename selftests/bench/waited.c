// SPDX-License-Identifier: GPL-2.0-only
/*
 * A request for which there is no memory, because a process has pages locked
 * everywhere, until it gives them back: at once, and as one that waits
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "pressure.h"
#include "tools.h"
#include "waited.h"

#define LENGTH (64 * MIB)
#define RUNGS (CONTIG_RUNGS_COHERENT | CONTIG_RUNGS_RANGE)
#define ROUNDS 5

/* Memory that the process leaves to others. */
#define MARGIN (160 * MIB)

/* Time from the request until the process gives its memory back. */
#define KEEPS_NS 2000000000ull

/* Interval of the time line. */
#define STEP_MS 20

/* After that the request counts as failed. */
#define DEADLINE_MS 20000

#define HELD 24

/**
 * struct keeper - the process with locked pages
 * @pid: its number
 * @ready: says that it has them
 * @go: tells it the time at which to give them back
 * @gave: tells when it began to
 */
struct keeper {
	pid_t pid;
	int ready[2];
	int go[2];
	int gave[2];
};

static void give(int fd, uint64_t value)
{
	if (write(fd, &value, sizeof(value)) != sizeof(value))
		die_errno("writing to a pipe");
}

static uint64_t take(int fd)
{
	uint64_t value;

	if (read(fd, &value, sizeof(value)) != sizeof(value))
		die_errno("reading from a pipe");
	return value;
}

/* Lock a page of each MiB of nearly all memory, and give it back when told. */
static void __attribute__((noreturn)) keep(struct keeper *keeper, size_t length)
{
	int client = open("/dev/contig", O_RDWR | O_CLOEXEC), ret;
	char *memory = mmap(NULL, length, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t until, now;
	size_t at;

	if (client < 0 || memory == MAP_FAILED)
		die_errno("a process with locked pages");
	madvise(memory, length, MADV_NOHUGEPAGE);
	for (at = 0; at < length; at += page_size)
		memory[at] = 1;
	for (at = 0; at < length; at += MIB) {
		ret = contig_do_lock(client, memory + at, page_size, 0);
		if (ret)
			die("locking a page: %s", strerror(-ret));
	}
	give(keeper->ready[1], 1);
	until = take(keeper->go[0]);
	now = now_ns();
	if (now < until)
		usleep((until - now) / 1000);
	give(keeper->gave[1], now_ns());
	_exit(0);
}

static void keeper_start(struct keeper *keeper)
{
	size_t free = meminfo_bytes("MemAvailable");

	if (pipe(keeper->ready) || pipe(keeper->go) || pipe(keeper->gave))
		die_errno("pipe");
	keeper->pid = fork();
	if (keeper->pid < 0)
		die_errno("fork");
	if (!keeper->pid)
		keep(keeper, (free > MARGIN ? free - MARGIN : MIB) / MIB * MIB);
	take(keeper->ready[0]);
}

/* Return when it began to give its memory back. */
static uint64_t keeper_end(struct keeper *keeper)
{
	uint64_t gave = take(keeper->gave[0]);
	int status, i;

	if (waitpid(keeper->pid, &status, 0) != keeper->pid || status)
		die("the process with locked pages has failed");
	for (i = 0; i < 2; i++) {
		close(keeper->ready[i]);
		close(keeper->go[i]);
		close(keeper->gave[i]);
	}
	return gave;
}

/**
 * struct tally - what came of the requests
 * @at_once: successes at once
 * @waiting: successes with waiting
 * @times: from giving memory back to the end of the request
 */
struct tally {
	unsigned int at_once;
	unsigned int waiting;
	struct times times;
};

/* Take such blocks until there is none. Return how many there were. */
static unsigned int take_blocks(int client, int fds[HELD])
{
	struct contig_alloc result;
	unsigned int n = 0;

	while (n < HELD && !contig_do_alloc(client, LENGTH, RUNGS, 0, &result))
		fds[n++] = result.out_fd;
	return n;
}

static int defer(int client)
{
	struct contig_defer cmd = {
		.size = sizeof(cmd),
		.deadline_ms = DEADLINE_MS,
		.alloc = { .length = LENGTH, .rungs = RUNGS },
	};

	if (ioctl(client, CONTIG_DEFER, &cmd))
		die_errno("DEFER");
	return cmd.out_fd;
}

static int collect(int client, int request, struct contig_collect *cmd)
{
	*cmd = (struct contig_collect){ .size = sizeof(*cmd), .fd = request };
	return ioctl(client, CONTIG_COLLECT, cmd) ? -errno : 0;
}

/* Print "waited-at,MS,FREE,TRIES" while the request waits. */
static void draw_time_line(int client, int request, uint64_t start)
{
	struct pollfd pollfd = { .fd = request, .events = POLLIN };
	struct contig_collect cmd;

	do {
		if (collect(client, request, &cmd) != -EAGAIN)
			die("a request that waits has ended");
		printf("waited-at,%llu,%llu,%u\n",
		       (unsigned long long)(now_ns() - start) / 1000000,
		       (unsigned long long)(meminfo_bytes("MemFree") / MIB),
		       cmd.out_tries);
	} while (!poll(&pollfd, 1, STEP_MS));
}

static void one_round(int client, struct tally *tally, int first)
{
	struct keeper keeper;
	struct contig_alloc result;
	struct contig_collect cmd;
	struct pollfd pollfd = { .events = POLLIN };
	uint64_t start, gave, end;
	unsigned int n;
	int fds[HELD];

	keeper_start(&keeper);
	n = take_blocks(client, fds);
	if (!contig_do_alloc(client, LENGTH, RUNGS, 0, &result)) {
		tally->at_once++;
		close(result.out_fd);
	}
	start = now_ns();
	pollfd.fd = defer(client);
	give(keeper.go[1], start + KEEPS_NS);
	if (first)
		draw_time_line(client, pollfd.fd, start);
	poll(&pollfd, 1, -1);
	end = now_ns();
	gave = keeper_end(&keeper);
	if (!collect(client, pollfd.fd, &cmd)) {
		tally->waiting++;
		times_add(&tally->times, end > gave ? end - gave : 0);
		close(cmd.alloc.out_fd);
	}
	if (first)
		printf("waited-end,%llu,%llu,%u\n",
		       (unsigned long long)(gave - start) / 1000000,
		       (unsigned long long)(end - start) / 1000000,
		       cmd.out_tries);
	close(pollfd.fd);
	while (n)
		close(fds[--n]);
}

/* Print "waited,LENGTH,KEEPS,ROUNDS,AT_ONCE,WAITING,MEDIAN,LONGEST". */
void waited_requests(int client)
{
	struct pressure_state unused;
	struct tally tally = {};
	unsigned int i;

	pressure_apply(PRESSURE_FRESH, &unused);
	fprintf(stderr, "waited  ");
	for (i = 0; i < ROUNDS; i++)
		one_round(client, &tally, !i);
	printf("waited,%zu,%llu,%d,%u,%u,%.1f,%.1f\n", LENGTH,
	       KEEPS_NS / 1000000, ROUNDS, tally.at_once, tally.waiting,
	       tally.times.nr ? times_percentile(&tally.times, 50) / 1e3 : 0,
	       tally.times.nr ? times_percentile(&tally.times, 100) / 1e3 : 0);
	fprintf(stderr, "at once:%u/%d with waiting:%u/%d\n", tally.at_once,
		ROUNDS, tally.waiting, ROUNDS);
	times_free(&tally.times);
}
