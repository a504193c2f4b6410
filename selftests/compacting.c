// SPDX-License-Identifier: GPL-2.0-only
/*
 * Compacting the reserve: unlocked buffers are moved until a request fits
 */
#include <fcntl.h>
#include <pthread.h>
#include <sys/uio.h>

#include "kselftest_harness.h"
#include "contig_utils.h"
#include "faults.h"

#define SMALL KIB(64)
#define RESERVE MIB(8)
#define NR (RESERVE / SMALL)
#define QUARTER (RESERVE / 4)

FIXTURE(compact) {
	int fd;
	uint64_t used;
	uint64_t freed;
	int buffers[NR];
	char *maps[NR];
};

static uint64_t reserve_free_bytes(int client)
{
	struct contig_info info;

	return _test_cmd_info(client, &info) ? 0 : info.out_reserve_free;
}

/* For poll_until(): all of the reserve is free again. */
static bool reserve_is_free(void *arg)
{
	FIXTURE_DATA(compact) *self = arg;

	return reserve_free_bytes(self->fd) == self->freed;
}

static bool used_as_before(void *arg)
{
	FIXTURE_DATA(compact) *self = arg;

	return quota_used(self->fd) == self->used;
}

/* Fill the reserve with small buffers, each with a pattern of its own. */
FIXTURE_SETUP(compact) {
	struct contig_alloc alloc;
	int i;

	setup_client(self->fd);
	reserve_settle();
	self->used = quota_used(self->fd);
	self->freed = reserve_free_bytes(self->fd);
	if (self->freed != RESERVE)
		SKIP(return, "this needs early=8M");
	for (i = 0; i < NR; i++)
		self->buffers[i] = -1;
	for (i = 0; i < NR; i++) {
		alloc = alloc_request(SMALL, CONTIG_RUNGS_RESERVE);
		test_alloc(self->fd, &alloc);
		self->buffers[i] = alloc.out_fd;
		self->maps[i] = buffer_map(alloc.out_fd, SMALL);
		ASSERT_NE(NULL, self->maps[i]);
		fill_pattern(self->maps[i], SMALL, i);
	}
}

static void drop(FIXTURE_DATA(compact) *self, int i)
{
	if (self->buffers[i] < 0)
		return;
	munmap(self->maps[i], SMALL);
	close(self->buffers[i]);
	self->buffers[i] = -1;
}

FIXTURE_TEARDOWN(compact) {
	int i;

	for (i = 0; i < NR; i++)
		drop(self, i);
	EXPECT_TRUE(poll_until(reserve_is_free, self));
	EXPECT_TRUE(poll_until(used_as_before, self));
	close(self->fd);
}

/* Free every second buffer: half of the reserve, in holes. */
static void make_holes(FIXTURE_DATA(compact) *self)
{
	int i;

	for (i = 0; i < NR; i += 2)
		drop(self, i);
}

#define expect_contents(self) do { \
	int _i; \
	for (_i = 0; _i < NR; _i++) \
		if ((self)->buffers[_i] >= 0) \
			EXPECT_TRUE(has_pattern((self)->maps[_i], SMALL, _i)); \
} while (0)

static int alloc_quarter(int client, struct contig_alloc *alloc)
{
	*alloc = alloc_request(QUARTER, CONTIG_RUNGS_RESERVE);
	return _test_cmd_alloc(client, alloc);
}

TEST_F(compact, makes_room)
{
	struct contig_alloc alloc;
	char *map;

	make_holes(self);
	ASSERT_EQ(0, alloc_quarter(self->fd, &alloc));
	EXPECT_EQ(CONTIG_RUNG_RESERVE, alloc.out_rung);
	EXPECT_EQ(1, alloc.out_extents);
	map = buffer_map(alloc.out_fd, QUARTER);
	ASSERT_NE(NULL, map);
	EXPECT_TRUE(is_zero(map, QUARTER));
	fill_pattern(map, QUARTER, 99);
	expect_contents(self);
	EXPECT_TRUE(has_pattern(map, QUARTER, 99));
	/* It lies where no other buffer does. */
	EXPECT_EQ(self->used + QUARTER + RESERVE / 2, quota_used(self->fd));
	munmap(map, QUARTER);
	close(alloc.out_fd);
}

/* All that is free, which takes several moves for each hole. */
TEST_F(compact, down_to_the_last_page)
{
	struct contig_alloc alloc = alloc_request(RESERVE / 2,
						  CONTIG_RUNGS_RESERVE);

	make_holes(self);
	test_alloc(self->fd, &alloc);
	expect_contents(self);
	close(alloc.out_fd);
}

/* What cannot move is not moved, and what it is in the way of fails. */
TEST_F(compact, not_where_buffers_are_locked)
{
	struct contig_alloc alloc;
	int i;

	make_holes(self);
	for (i = 1; i < NR; i += NR / 8)
		test_lock_buffer(self->fd, self->buffers[i | 1], 0, SMALL, 0);
	EXPECT_EQ(-ENOMEM, alloc_quarter(self->fd, &alloc));
	EXPECT_EQ(CONTIG_BLOCKED_LOCKED, alloc.out_reports[0].blocked);
	/* It names one. */
	EXPECT_NE(0, alloc.out_in_way_id);
	EXPECT_EQ(getpid(), (pid_t)alloc.out_in_way_pid);
	EXPECT_EQ(0, alloc.out_in_way_uid);
	expect_contents(self);
	for (i = 1; i < NR; i += NR / 8)
		test_unlock_buffer(self->fd, self->buffers[i | 1], 0, SMALL);
	ASSERT_EQ(0, alloc_quarter(self->fd, &alloc));
	expect_contents(self);
	close(alloc.out_fd);
}

/* A locked one is gone around, if there is a site without it. */
TEST_F(compact, around_a_locked_buffer)
{
	struct contig_alloc alloc;

	make_holes(self);
	test_lock_buffer(self->fd, self->buffers[NR / 2 + 1], 0, SMALL, 0);
	ASSERT_EQ(0, alloc_quarter(self->fd, &alloc));
	expect_contents(self);
	close(alloc.out_fd);
	test_unlock_buffer(self->fd, self->buffers[NR / 2 + 1], 0, SMALL);
}

/* Of a closed file only the name is held: its buffer is moved, or freed, or neither. */
TEST_F(compact, beside_closed_files)
{
	struct contig_alloc alloc;
	char path[64];
	int i, names[NR];

	for (i = 1; i < NR; i += 2) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d",
			 self->buffers[i]);
		names[i] = open(path, O_PATH | O_CLOEXEC);
		ASSERT_LE(0, names[i]);
	}
	make_holes(self);
	for (i = 1; i < NR; i += 2)
		drop(self, i);
	ASSERT_EQ(0, alloc_quarter(self->fd, &alloc));
	for (i = 1; i < NR; i += 2)
		close(names[i]);
	close(alloc.out_fd);
}

/* What a pipe still has is no room, and not in the way of the rest. */
TEST_F(compact, beside_pages_in_pipes)
{
	struct contig_alloc alloc;
	int pipes[2][2], i;
	struct iovec iov;

	make_holes(self);
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, pipe(pipes[i]));
		iov = (struct iovec){ self->maps[4 * i + 1], page_size };
		ASSERT_EQ((ssize_t)page_size,
			  vmsplice(pipes[i][1], &iov, 1, 0));
	}
	/* One comes back and stays dirty, the other one cannot be moved. */
	drop(self, 1);
	ASSERT_EQ(0, alloc_quarter(self->fd, &alloc));
	expect_contents(self);
	close(alloc.out_fd);
	for (i = 0; i < 2; i++) {
		close(pipes[i][0]);
		close(pipes[i][1]);
	}
}

/* Without enough memory nothing moves. */
TEST_F(compact, not_without_memory)
{
	struct contig_alloc alloc;
	int i;

	for (i = 0; i < NR / 4; i += 2)
		drop(self, i);
	EXPECT_EQ(-ENOMEM, alloc_quarter(self->fd, &alloc));
	EXPECT_EQ(CONTIG_BLOCKED_EXHAUSTED, alloc.out_reports[0].blocked);
	expect_contents(self);
}

TEST_F(compact, not_without_waiting)
{
	struct contig_alloc alloc = alloc_request(QUARTER, CONTIG_RUNGS_RESERVE);

	make_holes(self);
	reserve_settle();
	alloc.flags = CONTIG_ALLOC_NO_WAIT;
	EXPECT_EQ(-EAGAIN, _test_cmd_alloc(self->fd, &alloc));
}

struct writer {
	FIXTURE_DATA(compact) *self;
	volatile bool stop;
	uint64_t bad;
	pthread_t thread;
};

/* Write to buffers, and expect to find what was written. */
static void *writer(void *arg)
{
	struct writer *w = arg;
	uint8_t round = 0;
	int i;

	while (!w->stop) {
		round++;
		for (i = 1; i < NR; i += 2)
			memset(w->self->maps[i], round, SMALL);
		for (i = 1; i < NR; i += 2)
			w->bad += w->self->maps[i][0] != (char)round ||
				  w->self->maps[i][SMALL - 1] != (char)round;
	}
	return NULL;
}

TEST_F_TIMEOUT(compact, beside_stores, 120)
{
	struct writer w = { .self = self };
	struct contig_alloc alloc;
	int round, failed = 0;

	make_holes(self);
	ASSERT_EQ(0, pthread_create(&w.thread, NULL, writer, &w));
	for (round = 0; round < 10; round++) {
		/* What was moved a moment ago stays for a while. */
		usleep(200000);
		if (alloc_quarter(self->fd, &alloc)) {
			failed++;
			continue;
		}
		close(alloc.out_fd);
	}
	w.stop = true;
	pthread_join(w.thread, NULL);
	EXPECT_EQ(0, w.bad);
	TH_LOG("%d of %d failed", failed, round);
	EXPECT_GT(round, failed);
}

#define LARGE MIB(1)
#define LARGE_NR (RESERVE / LARGE)

/* Allocate two holes' length where every second part of the reserve is free. */
static int compact_large(int client, unsigned int n, unsigned int *left)
{
	struct contig_alloc alloc = alloc_request(2 * LARGE,
						  CONTIG_RUNGS_RESERVE);
	int fault = fault_arm(n);
	int ret = _test_cmd_alloc(client, &alloc);

	*left = fault_disarm(fault);
	if (!ret)
		close(alloc.out_fd);
	return ret;
}

/* Whatever fails on the way, nothing is lost, and the next one succeeds. */
TEST_F_TIMEOUT(compact, survives_failures, 600)
{
	unsigned int n, left = 0, injected = 0;
	int i, ret, fds[LARGE_NR];
	char *maps[LARGE_NR];

	if (access(FAIL_NTH, W_OK))
		SKIP(return, "no fault injection in this kernel");
	faults_setup();
	for (i = 0; i < NR; i++)
		drop(self, i);
	for (n = 1; !left && n < FAULTS_MAX; n++) {
		for (i = 0; i < LARGE_NR; i++) {
			fds[i] = buffer_alloc(self->fd, LARGE,
					      CONTIG_RUNGS_RESERVE, 0);
			ASSERT_LE(0, fds[i]);
			maps[i] = buffer_map(fds[i], LARGE);
			ASSERT_NE(NULL, maps[i]);
			fill_pattern(maps[i], LARGE, i);
		}
		for (i = 0; i < LARGE_NR; i += 2) {
			munmap(maps[i], LARGE);
			close(fds[i]);
		}
		ret = compact_large(self->fd, n, &left);
		injected += !left;
		EXPECT_TRUE(!ret || !left) TH_LOG("point %u: %d", n, ret);
		for (i = 1; i < LARGE_NR; i += 2) {
			EXPECT_TRUE(has_pattern(maps[i], LARGE, i));
			munmap(maps[i], LARGE);
			close(fds[i]);
		}
		ASSERT_TRUE(poll_until(reserve_is_free, self));
		ASSERT_EQ(0, _metadata->exit_code);
	}
	ASSERT_NE(0, left);
	EXPECT_LT(0, injected);
	TH_LOG("%u points", injected);
}

TEST_HARNESS_MAIN
