// SPDX-License-Identifier: GPL-2.0-only
/*
 * Deferred requests: they wait until there is memory, in their order
 */
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>

#include "kselftest_harness.h"
#include "contig_utils.h"

#define RESERVE MIB(8)
#define SMALL KIB(512)
#define NR (RESERVE / SMALL)

/* Milliseconds in which nothing is expected to happen. */
#define QUIET 300

/* Milliseconds for what is expected to happen: an emulated machine can stall. */
#define SOON 60000

FIXTURE(deferred) {
	int fd;
	uint64_t used;
	int held;	/* all of the reserve */
};

static struct contig_defer defer_request(uint64_t length, uint32_t rungs)
{
	return (struct contig_defer){
		.size = sizeof(struct contig_defer),
		.alloc = alloc_request(length, rungs),
	};
}

/* Return the descriptor of a request, or a negative errno. */
static int defer_cmd(int client, struct contig_defer *cmd)
{
	int ret = contig_ioctl(client, CONTIG_DEFER, cmd);

	return ret ?: cmd->out_fd;
}

static int defer(int client, uint64_t length)
{
	struct contig_defer cmd = defer_request(length, CONTIG_RUNGS_RESERVE);

	return defer_cmd(client, &cmd);
}

static int collect(int client, int request, uint32_t flags,
		   struct contig_collect *cmd)
{
	*cmd = (struct contig_collect){
		.size = sizeof(*cmd),
		.flags = flags,
		.fd = request,
	};
	return contig_ioctl(client, CONTIG_COLLECT, cmd);
}

/* Return true if the request has ended within @ms. */
static bool ends(int request, int ms)
{
	struct pollfd pollfd = { .fd = request, .events = POLLIN };

	return poll(&pollfd, 1, ms) == 1 && pollfd.revents == POLLIN;
}

/* Collect and close a buffer. Return 0 or a negative errno. */
static int collect_and_close(int client, int request)
{
	struct contig_collect cmd;
	int ret = collect(client, request, 0, &cmd);

	if (!ret)
		close(cmd.alloc.out_fd);
	return ret;
}

static bool used_as_before(void *arg)
{
	FIXTURE_DATA(deferred) *self = arg;

	return quota_used(self->fd) == self->used;
}

FIXTURE_SETUP(deferred) {
	setup_client(self->fd);
	reserve_settle();
	self->used = quota_used(self->fd);
	self->held = -1;
	if (!reserve_promises(RESERVE))
		SKIP(return, "this needs early=8M");
	ASSERT_TRUE(reserve_has(self->fd, RESERVE));
	self->held = buffer_get(self->fd, RESERVE, CONTIG_RUNGS_RESERVE);
	ASSERT_LE(0, self->held);
}

static void let_go(FIXTURE_DATA(deferred) *self)
{
	if (self->held >= 0)
		close(self->held);
	self->held = -1;
}

FIXTURE_TEARDOWN(deferred) {
	quota_restore();
	let_go(self);
	EXPECT_TRUE(poll_until(used_as_before, self));
	close(self->fd);
}

TEST_F(deferred, gets_what_is_there)
{
	struct contig_collect cmd;
	int64_t got = stat_event("deferred requests that got memory");
	int request;
	char *map;

	let_go(self);
	request = defer(self->fd, SMALL);
	ASSERT_LE(0, request);
	EXPECT_EQ(FD_CLOEXEC, fcntl(request, F_GETFD));
	ASSERT_TRUE(ends(request, SOON));
	EXPECT_EQ(got + 1, stat_event("deferred requests that got memory"));
	ASSERT_EQ(0, collect(self->fd, request, 0, &cmd));
	EXPECT_EQ(CONTIG_RUNG_RESERVE, cmd.alloc.out_rung);
	EXPECT_EQ(SMALL, cmd.alloc.out_length);
	EXPECT_LE(1, cmd.out_tries);
	map = buffer_map(cmd.alloc.out_fd, SMALL);
	ASSERT_NE(NULL, map);
	EXPECT_TRUE(is_zero(map, SMALL));
	munmap(map, SMALL);
	EXPECT_EQ(self->used + SMALL, quota_used(self->fd));
	/* Only once; and the buffer outlives its request. */
	EXPECT_EQ(-ENODATA, collect_and_close(self->fd, request));
	close(request);
	EXPECT_EQ(self->used + SMALL, quota_used(self->fd));
	close(cmd.alloc.out_fd);
}

TEST_F(deferred, waits_until_memory_is_freed)
{
	struct contig_collect cmd;
	int request = defer(self->fd, SMALL);

	ASSERT_LE(0, request);
	EXPECT_FALSE(ends(request, QUIET));
	EXPECT_EQ(-EAGAIN, collect(self->fd, request, 0, &cmd));
	EXPECT_EQ(-1, cmd.alloc.out_fd);
	EXPECT_LE(1, cmd.out_tries);
	EXPECT_LE(1, cmd.alloc.out_report_count);
	EXPECT_EQ(CONTIG_BLOCKED_EXHAUSTED, cmd.alloc.out_reports[0].blocked);
	EXPECT_LE(QUIET * 1000000ull, cmd.out_waited_ns);
	let_go(self);
	ASSERT_TRUE(ends(request, SOON));
	EXPECT_EQ(0, collect_and_close(self->fd, request));
	close(request);
}

/* What nobody collects is freed with the request. */
TEST_F(deferred, is_freed_with_its_request)
{
	int request = defer(self->fd, RESERVE);

	ASSERT_LE(0, request);
	let_go(self);
	ASSERT_TRUE(ends(request, SOON));
	EXPECT_EQ(self->used + RESERVE, quota_used(self->fd));
	close(request);
	EXPECT_TRUE(poll_until(used_as_before, self));
}

TEST_F(deferred, signals_an_eventfd)
{
	struct contig_defer cmd = defer_request(SMALL, CONTIG_RUNGS_RESERVE);
	uint64_t count = 0;
	int request;

	cmd.flags = CONTIG_DEFER_EVENTFD;
	cmd.eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ASSERT_LE(0, cmd.eventfd);
	request = defer_cmd(self->fd, &cmd);
	ASSERT_LE(0, request);
	EXPECT_EQ(-1, read(cmd.eventfd, &count, sizeof(count)));
	let_go(self);
	ASSERT_TRUE(ends(cmd.eventfd, SOON));
	EXPECT_EQ(8, read(cmd.eventfd, &count, sizeof(count)));
	EXPECT_EQ(1, count);
	EXPECT_EQ(0, collect_and_close(self->fd, request));
	close(request);
	close(cmd.eventfd);
}

TEST_F(deferred, expires)
{
	struct contig_defer cmd = defer_request(SMALL, CONTIG_RUNGS_RESERVE);
	struct contig_collect answer;
	int request;

	cmd.deadline_ms = QUIET;
	request = defer_cmd(self->fd, &cmd);
	ASSERT_LE(0, request);
	ASSERT_TRUE(ends(request, SOON));
	EXPECT_EQ(-ETIME, collect(self->fd, request, 0, &answer));
	EXPECT_EQ(-1, answer.alloc.out_fd);
	EXPECT_LE(QUIET * 1000000ull, answer.out_waited_ns);
	EXPECT_EQ(CONTIG_BLOCKED_EXHAUSTED, answer.alloc.out_reports[0].blocked);
	/* It gets nothing any more. */
	let_go(self);
	EXPECT_TRUE(poll_until(used_as_before, self));
	EXPECT_EQ(-ETIME, collect(self->fd, request, 0, &answer));
	close(request);
}

TEST_F(deferred, can_be_cancelled)
{
	int request = defer(self->fd, SMALL);
	struct contig_collect cmd;
	int ret;

	ASSERT_LE(0, request);
	/* An attempt that is being made ends first. */
	ret = collect(self->fd, request, CONTIG_COLLECT_CANCEL, &cmd);
	if (ret == -EAGAIN) {
		ASSERT_TRUE(ends(request, SOON));
		ret = collect(self->fd, request, 0, &cmd);
	}
	EXPECT_EQ(-ECANCELED, ret);
	let_go(self);
	EXPECT_TRUE(poll_until(used_as_before, self));
	close(request);
}

TEST_F(deferred, ends_with_its_client)
{
	int client = client_open(), request = defer(client, SMALL);

	ASSERT_LE(0, request);
	EXPECT_FALSE(ends(request, QUIET));
	close(client);
	ASSERT_TRUE(ends(request, SOON));
	EXPECT_EQ(-ECANCELED, collect_and_close(self->fd, request));
	let_go(self);
	EXPECT_TRUE(poll_until(used_as_before, self));
	close(request);
}

/* Neither those that wait nor those that got memory outlive a process. */
TEST_F(deferred, ends_with_its_process)
{
	pid_t pid = fork();
	int i;

	if (!pid) {
		int client = client_open();

		for (i = 0; i < 8; i++)
			defer(client, RESERVE / 2);
		pause();
		_exit(0);
	}
	usleep(200000);
	let_go(self);
	usleep(200000);
	kill(pid, SIGKILL);
	child_wait(pid);
	EXPECT_TRUE(poll_until(used_as_before, self));
	EXPECT_TRUE(reserve_has(self->fd, RESERVE));
}

TEST_F(deferred, can_be_passed_on)
{
	int request = defer(self->fd, SMALL);
	pid_t pid;

	ASSERT_LE(0, request);
	let_go(self);
	pid = fork();
	if (!pid) {
		if (!ends(request, SOON))
			_exit(ETIME);
		_exit(-collect_and_close(client_open(), request));
	}
	EXPECT_EQ(0, child_wait(pid));
	close(request);
}

/* Let the reserve serve one at a time, and expect that in the order of @wanted. */
#define expect_order(self, requests, wanted, nr) do { \
	int _i, _j; \
	for (_i = 0; _i < (nr); _i++) { \
		struct contig_collect _cmd; \
		ASSERT_TRUE(ends((requests)[(wanted)[_i]], SOON)); \
		for (_j = _i + 1; _j < (nr); _j++) \
			EXPECT_FALSE(ends((requests)[(wanted)[_j]], 0)); \
		ASSERT_EQ(0, collect((self)->fd, (requests)[(wanted)[_i]], 0, \
				     &_cmd)); \
		close(_cmd.alloc.out_fd); \
		close((requests)[(wanted)[_i]]); \
	} \
} while (0)

TEST_F(deferred, first_come_first_served)
{
	const int wanted[] = { 0, 1, 2, 3, 4, 5, 6, 7 };
	int requests[8], i;

	for (i = 0; i < 8; i++) {
		requests[i] = defer(self->fd, RESERVE);
		ASSERT_LE(0, requests[i]);
	}
	let_go(self);
	expect_order(self, requests, wanted, 8);
}

TEST_F(deferred, higher_priority_first)
{
	const int priorities[] = { -8, 0, 7, 0, 1, -1 };
	const int wanted[] = { 2, 4, 1, 3, 5, 0 };
	struct contig_defer cmd;
	int requests[6], i;

	for (i = 0; i < 6; i++) {
		cmd = defer_request(RESERVE, CONTIG_RUNGS_RESERVE);
		cmd.priority = priorities[i];
		requests[i] = defer_cmd(self->fd, &cmd);
		ASSERT_LE(0, requests[i]);
	}
	let_go(self);
	expect_order(self, requests, wanted, 6);
}

static int defer_as_other(int priority)
{
	struct contig_defer cmd = defer_request(SMALL, CONTIG_RUNGS_RESERVE);
	int request;

	if (drop_cap(CAP_SYS_RESOURCE_NR))
		return -EBADE;
	cmd.priority = priority;
	request = defer_cmd(client_open(), &cmd);
	return request < 0 ? request : 0;
}

TEST_F(deferred, only_the_privileged_are_first)
{
	pid_t pid = fork();

	if (!pid)
		_exit(-defer_as_other(1));
	EXPECT_EQ(EPERM, child_wait(pid));
	pid = fork();
	if (!pid)
		_exit(-defer_as_other(0));
	EXPECT_EQ(0, child_wait(pid));
}

/* A longer one that cannot be met keeps shorter ones from nothing. */
TEST_F(deferred, short_ones_pass_long_ones)
{
	int other, large, small;

	let_go(self);
	other = buffer_get(self->fd, SMALL, CONTIG_RUNGS_RESERVE);
	ASSERT_LE(0, other);
	large = defer(self->fd, RESERVE);
	small = defer(self->fd, SMALL);
	ASSERT_LE(0, large);
	ASSERT_TRUE(ends(small, SOON));
	EXPECT_FALSE(ends(large, QUIET));
	EXPECT_EQ(0, collect_and_close(self->fd, small));
	close(other);
	ASSERT_TRUE(ends(large, SOON));
	close(large);
	close(small);
}

/* A buffer that can be moved again is as good as memory that is freed. */
TEST_F(deferred, waits_for_unlocking)
{
	int fds[NR], i, request;

	let_go(self);
	ASSERT_TRUE(reserve_has(self->fd, RESERVE));
	for (i = 0; i < NR; i++) {
		fds[i] = buffer_get(self->fd, SMALL, CONTIG_RUNGS_RESERVE);
		ASSERT_LE(0, fds[i]);
		test_lock_buffer(self->fd, fds[i], 0, SMALL, 0);
	}
	for (i = 0; i < NR; i += 2) {
		test_unlock_buffer(self->fd, fds[i], 0, SMALL);
		close(fds[i]);
	}
	request = defer(self->fd, RESERVE / 4);
	ASSERT_LE(0, request);
	EXPECT_FALSE(ends(request, QUIET));
	for (i = 1; i < NR; i += 2)
		test_unlock_buffer(self->fd, fds[i], 0, SMALL);
	EXPECT_TRUE(ends(request, SOON));
	EXPECT_EQ(0, collect_and_close(self->fd, request));
	close(request);
	for (i = 1; i < NR; i += 2)
		close(fds[i]);
}

/* What exceeds the quota for now waits; what always does is refused. */
TEST_F(deferred, waits_for_the_quota)
{
	uint64_t mib = (self->used + RESERVE) / MIB(1);
	int other, request;

	let_go(self);
	quota_set(mib);
	EXPECT_EQ(-EDQUOT, defer(self->fd, MIB(mib + 1)));
	other = buffer_get(self->fd, RESERVE, CONTIG_RUNGS_RESERVE);
	ASSERT_LE(0, other);
	request = defer(self->fd, SMALL);
	ASSERT_LE(0, request);
	EXPECT_FALSE(ends(request, QUIET));
	close(other);
	ASSERT_TRUE(ends(request, SOON));
	EXPECT_EQ(0, collect_and_close(self->fd, request));
	close(request);
}

TEST_F(deferred, not_too_many)
{
	int requests[257], i;

	for (i = 0; i < 256; i++) {
		requests[i] = defer(self->fd, SMALL);
		ASSERT_LE(0, requests[i]);
	}
	EXPECT_EQ(-ENOSPC, defer(self->fd, SMALL));
	for (i = 0; i < 256; i++)
		close(requests[i]);
	/* Those that are being tried count until the attempt is over. */
	usleep(QUIET * 1000);
	requests[0] = defer(self->fd, SMALL);
	EXPECT_LE(0, requests[0]);
	close(requests[0]);
}

static int bad(int client, struct contig_defer cmd)
{
	int request = defer_cmd(client, &cmd);

	if (request >= 0)
		close(request);
	return request;
}

TEST_F(deferred, refuses_bad_input)
{
	struct contig_defer good = defer_request(SMALL, CONTIG_RUNGS_RESERVE), cmd;
	struct contig_collect answer;
	int request;

#define EXPECT_BAD(error, ...) do { \
	cmd = good; \
	__VA_ARGS__; \
	EXPECT_EQ(-(error), bad(self->fd, cmd)); \
} while (0)
	EXPECT_BAD(EOPNOTSUPP, cmd.flags = 2);
	EXPECT_BAD(EOPNOTSUPP, cmd.reserved = 1);
	EXPECT_BAD(EINVAL, cmd.priority = 8);
	EXPECT_BAD(EBADF, cmd.flags = CONTIG_DEFER_EVENTFD, cmd.eventfd = -1);
	EXPECT_BAD(EBADFD, cmd.flags = CONTIG_DEFER_EVENTFD,
		   cmd.eventfd = self->fd);
	EXPECT_BAD(EINVAL, cmd.deadline_ms = 86400001);
	EXPECT_BAD(EINVAL, cmd.alloc.flags = CONTIG_ALLOC_NO_WAIT);
	EXPECT_BAD(EINVAL, cmd.alloc.length = 0);
	EXPECT_BAD(EFBIG, cmd.alloc.length = 1ull << 60);
	EXPECT_BAD(EINVAL, memset(cmd.alloc.name, 'a', CONTIG_NAME_SIZE));
#undef EXPECT_BAD
	EXPECT_EQ(-EBADFD, collect(self->fd, self->fd, 0, &answer));
	request = defer(self->fd, SMALL);
	ASSERT_LE(0, request);
	EXPECT_EQ(-EOPNOTSUPP, collect(self->fd, request, 4, &answer));
	close(request);
}

#define PROCESSES 10
#define EACH 10

/* Make requests, and collect each when it has ended. Return how many got memory. */
static int compete(int seed)
{
	struct contig_defer cmd = defer_request(SMALL, CONTIG_RUNGS_RESERVE);
	int client = client_open(), got = 0, i;
	struct pollfd pollfds[EACH];

	for (i = 0; i < EACH; i++) {
		cmd.alloc.length = SMALL * (1 + (seed + i) % 4);
		cmd.priority = -(i % 3);
		pollfds[i].fd = defer_cmd(client, &cmd);
		pollfds[i].events = POLLIN;
		if (pollfds[i].fd < 0)
			return 100;
	}
	while (got < EACH) {
		if (poll(pollfds, EACH, SOON) <= 0)
			return 101;
		for (i = 0; i < EACH; i++) {
			if (!pollfds[i].revents)
				continue;
			if (collect_and_close(client, pollfds[i].fd))
				return 102;
			close(pollfds[i].fd);
			pollfds[i].fd = -1;
			got++;
		}
	}
	return got;
}

/* None is lost, though they ask for many times what there is. */
TEST_F_TIMEOUT(deferred, hundred_compete, 200)
{
	pid_t pids[PROCESSES];
	int i;

	for (i = 0; i < PROCESSES; i++) {
		pids[i] = fork();
		if (pids[i])
			continue;
		let_go(self);
		_exit(compete(i));
	}
	usleep(QUIET * 1000);
	let_go(self);
	for (i = 0; i < PROCESSES; i++)
		EXPECT_EQ(EACH, child_wait(pids[i]));
}

/* Lock a page of each MiB of as much memory as there is, and wait. */
static void pin_memory(size_t length)
{
	char *memory = anon_map(length);
	int client = client_open();
	size_t at;

	if (!memory)
		_exit(1);
	madvise(memory, length, MADV_NOHUGEPAGE);
	memset(memory, 1, length);
	for (at = 0; at < length; at += MIB(1))
		if (_test_cmd_lock(client, memory + at, page_size, 0))
			_exit(2);
}

/* Memory that others free is not heard of, but is looked for. */
TEST_F_TIMEOUT(deferred, gets_what_others_free, 200)
{
	struct contig_defer cmd = defer_request(MIB(64), CONTIG_RUNGS_RANGE);
	int request, cma[CMA_PIECES], holds[16], pieces, n = 0, ready[2];
	struct contig_alloc alloc;
	size_t length;
	uint64_t begun;
	char c = 0;
	pid_t pid;

	need_range(self->fd);
	quota_lift();
	/* A page that is locked leaves CMA, for memory that has to be there. */
	pieces = cma_fill(self->fd, cma);
	length = KIB(meminfo_kib("MemAvailable")) - MIB(160);
	ASSERT_EQ(0, pipe(ready));
	pid = fork();
	if (!pid) {
		pin_memory(length);
		if (write(ready[1], &c, 1) != 1)
			_exit(3);
		usleep(2000000);
		_exit(0);
	}
	close(ready[1]);
	ASSERT_EQ(1, read(ready[0], &c, 1));
	begun = now_ns();
	/* What else there is has to be taken away. */
	for (; n < 16; holds[n++] = alloc.out_fd) {
		alloc = alloc_request(MIB(64), CONTIG_RUNGS_RANGE);
		if (_test_cmd_alloc(self->fd, &alloc))
			break;
	}
	request = defer_cmd(self->fd, &cmd);
	ASSERT_LE(0, request);
	EXPECT_TRUE(ends(request, SOON));
	TH_LOG("%d blocks were there; %d of 2000 ms", n, (int)((now_ns() - begun) / 1000000));
	EXPECT_EQ(0, collect_and_close(self->fd, request));
	EXPECT_EQ(0, child_wait(pid));
	close(request);
	close(ready[0]);
	close_all(holds, n);
	close_all(cma, pieces);
}

TEST_HARNESS_MAIN
