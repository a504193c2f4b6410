// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests that empty memory at the same time, beside a real-time task that
 * keeps the kernel from draining a CPU's lists, beside tasks that rarely run
 * while it is their turn, and in memory with pages that do not move: each keeps
 * its budget, can be killed, and gets the memory that is available.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "kselftest_harness.h"
#include "hostile_utils.h"
#include "pageblock_utils.h"

/*
 * An emulated machine stalls at times, and the report needs a survey of memory.
 */
#define SLACK_MS 3000

FIXTURE(turn) {
	int fd;
	struct realtime rt;
};

FIXTURE_SETUP(turn) {
	setup_client(self->fd);
	need_range(self->fd);
	quota_lift();
}

FIXTURE_TEARDOWN(turn) {
	realtime_end(&self->rt);
	quota_restore();
	close(self->fd);
}

/* The result of a request that a process of its own made. */
struct answer {
	int error;
	uint32_t rung;
	uint32_t windows;
	uint64_t begun, over;	/* milliseconds */
	struct contig_report reports[CONTIG_REPORTS];
};

static struct answer *answers;

static pid_t ask(int i, uint64_t length, uint32_t rungs, uint32_t ms,
		 const struct contig_constraints *where)
{
	struct contig_alloc alloc = alloc_request(length, rungs);
	pid_t pid = fork();
	int client, k;

	if (pid)
		return pid;
	client = client_open();
	alloc.timeout_ms = ms;
	if (where)
		alloc.constraints = *where;
	answers[i].begun = now_ms();
	answers[i].error = _test_cmd_alloc(client, &alloc);
	answers[i].over = now_ms();
	answers[i].rung = alloc.out_rung;
	memcpy(answers[i].reports, alloc.out_reports,
	       sizeof(alloc.out_reports));
	answers[i].windows = 0;
	for (k = 0; k < CONTIG_REPORTS; k++)
		answers[i].windows += alloc.out_reports[k].windows;
	_exit(0);
}

static bool answers_map(int n)
{
	answers = mmap(NULL, n * sizeof(*answers), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return answers != MAP_FAILED;
}

#define WORKERS 4
#define CALLERS (WORKERS + 2)
#define BUDGET_MS 2000

TEST_F_TIMEOUT(turn, a_real_time_task_blocks_no_request, 120)
{
	const struct contig_constraints window = window_only();
	pid_t pids[CALLERS], late;
	uint64_t begun;
	int i;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		SKIP(return, "needs two CPUs");
	ASSERT_TRUE(answers_map(CALLERS + 2));
	ASSERT_EQ(0, stay_on(0));
	realtime_begin(&self->rt, 1);
	usleep(200000);
	ASSERT_EQ(0, waitpid(self->rt.spinner, NULL, WNOHANG));

	/* More requests than there are workers, one of which is killed. */
	begun = now_ms();
	late = ask(CALLERS, MIB(1), CONTIG_RUNGS_RANGE, 60000, &window);
	for (i = 0; i < CALLERS; i++)
		pids[i] = ask(i, MIB(1), CONTIG_RUNGS_RANGE, BUDGET_MS, &window);
	usleep(500000);
	kill(late, SIGKILL);
	EXPECT_TRUE(ends_within(late, SLACK_MS))
		TH_LOG("SIGKILL had no effect");
	for (i = 0; i < CALLERS; i++) {
		uint64_t gone = now_ms() - begun;

		EXPECT_TRUE(ends_within(pids[i], gone < BUDGET_MS + SLACK_MS ?
					BUDGET_MS + SLACK_MS - gone : 1))
			TH_LOG("caller %d is past its budget", i);
	}
	/*
	 * Single pages need no worker, in case the range rung does not get one.
	 */
	late = ask(CALLERS + 1, MIB(1), CONTIG_RUNGS_RANGE |
		   CONTIG_RUNGS_SCATTER, BUDGET_MS, NULL);
	EXPECT_TRUE(ends_within(late, BUDGET_MS + SLACK_MS));
	EXPECT_EQ(0, answers[CALLERS + 1].error);

	realtime_end(&self->rt);
	for (i = 0; i < CALLERS; i++)
		waitpid(pids[i], NULL, 0);
	/* Workers that were left behind finish, and work again. */
	for (i = 0; i < 100 && debugfs_has("workers", "left"); i++)
		usleep(100000);
	EXPECT_GT(100, i);
	late = ask(0, MIB(1), CONTIG_RUNGS_RANGE, 10000, &window);
	waitpid(late, NULL, 0);
	EXPECT_EQ(0, answers[0].error);
}

/*
 * More than the page allocator has contiguously: from CMA, if there is any,
 * which empties memory itself, and takes one request at a time.
 */
TEST_F_TIMEOUT(turn, a_real_time_task_blocks_no_request_for_cma, 120)
{
	pid_t pids[WORKERS], late;
	uint64_t begun, gone;
	bool stuck;
	int i;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		SKIP(return, "needs two CPUs");
	ASSERT_TRUE(answers_map(WORKERS + 2));
	ASSERT_EQ(0, stay_on(0));
	realtime_begin(&self->rt, 1);
	usleep(200000);

	begun = now_ms();
	late = ask(WORKERS, MIB(8), CONTIG_RUNGS_COHERENT, 60000, NULL);
	for (i = 0; i < WORKERS; i++)
		pids[i] = ask(i, MIB(8), CONTIG_RUNGS_COHERENT, BUDGET_MS, NULL);
	usleep(500000);
	kill(late, SIGKILL);
	EXPECT_TRUE(ends_within(late, SLACK_MS))
		TH_LOG("SIGKILL had no effect");
	for (i = 0; i < WORKERS; i++) {
		gone = now_ms() - begun;
		EXPECT_TRUE(ends_within(pids[i], gone < BUDGET_MS + SLACK_MS ?
					BUDGET_MS + SLACK_MS - gone : 1))
			TH_LOG("caller %d is past its budget", i);
	}
	/*
	 * Once CMA is known to be stuck, only one worker is stuck and no
	 * request waits.
	 */
	usleep(1500000);
	stuck = debugfs_has("workers", "left");
	late = ask(WORKERS + 1, MIB(8), CONTIG_RUNGS_COHERENT, 60000, NULL);
	EXPECT_TRUE(ends_within(late, SLACK_MS));
	/* Unless the processor was drained between the two checks. */
	if (stuck && debugfs_has("workers", "left")) {
		EXPECT_EQ(CONTIG_BLOCKED_BUSY,
			  answers[WORKERS + 1].reports[0].blocked);
	}

	realtime_end(&self->rt);
	for (i = 0; i < WORKERS; i++)
		waitpid(pids[i], NULL, 0);
	waitpid(late, NULL, 0);
	for (i = 0; i < 100 && debugfs_has("workers", "left"); i++)
		usleep(100000);
	EXPECT_GT(100, i);
	if (meminfo_kib("CmaTotal") < 64 * 1024)
		return;
	late = ask(0, MIB(8), CONTIG_RUNGS_COHERENT, 30000, NULL);
	waitpid(late, NULL, 0);
	EXPECT_EQ(0, answers[0].error);
}

/*
 * The first request has a claim, which it then leaves to a worker. Return true
 * if it did, and both requests reported it.
 */
static bool both_are_busy(struct realtime *rt, struct contig_constraints *where,
			  bool *claimed)
{
	pid_t pids[2];
	int i;

	realtime_begin(rt, 1);
	usleep(200000);
	for (i = 0; i < 2; i++) {
		pids[i] = ask(i, MIB(1), CONTIG_RUNGS_RANGE, 8000, where);
		usleep(300000);
	}
	waitpid(pids[1], NULL, 0);
	realtime_end(rt);
	waitpid(pids[0], NULL, 0);
	for (i = 0; i < 100 && debugfs_has("workers", "left"); i++)
		usleep(100000);
	if (answers[0].error)
		*claimed = true;
	return answers[0].error && answers[1].error &&
	       answers[0].reports[0].blocked == CONTIG_BLOCKED_BUSY &&
	       answers[1].reports[0].blocked == CONTIG_BLOCKED_BUSY;
}

TEST_F_TIMEOUT(turn, what_others_have_claimed_is_busy, 240)
{
	struct contig_constraints where = {};
	bool claimed = false, busy = false;
	int try;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		SKIP(return, "needs two CPUs");
	ASSERT_TRUE(answers_map(2));
	ASSERT_EQ(0, stay_on(0));
	/*
	 * At times the processor has nothing to drain, and nothing is claimed.
	 */
	for (try = 0; try < 4 && !busy; try++) {
		ASSERT_TRUE(empty_block(self->fd, &where));
		busy = both_are_busy(&self->rt, &where, &claimed);
	}
	EXPECT_TRUE(busy || !claimed)
		TH_LOG("blocked by %u and %u", answers[0].reports[0].blocked,
		       answers[1].reports[0].blocked);
}

/* Return how long the longest of many short requests took, in milliseconds. */
static uint64_t longest_of_many(int client, pid_t until)
{
	uint64_t longest = 0, begun, took;

	while (waitpid(until, NULL, WNOHANG) != until) {
		struct contig_alloc alloc = window_request(KIB(64));

		begun = now_ms();
		if (!_test_cmd_alloc(client, &alloc))
			close(alloc.out_fd);
		took = now_ms() - begun;
		longest = took > longest ? took : longest;
		usleep(10000);
	}
	return longest;
}

TEST_F_TIMEOUT(turn, a_short_request_passes_a_long_one, 300)
{
	const uint64_t step = step_blocks() * pageblock_bytes();
	const size_t length = 16 * step;
	uint64_t longest = UINT32_MAX, took = 0;
	size_t want = 6 * step;
	int try;

	ASSERT_TRUE(answers_map(1));
	/*
	 * It may wait for a step, or for two on a slow kernel, but not for all
	 * of them. On an emulated machine that stalls a single short request
	 * can take long.
	 */
	for (try = 0; try < 4 && longest * 5 >= took * 4; try++) {
		char *memory = scattered(length);
		pid_t pid;

		ASSERT_NE(NULL, memory);
		pid = ask(0, want, CONTIG_RUNGS_RANGE, 60000, NULL);
		longest = longest_of_many(self->fd, pid);
		munmap(memory, length);
		took = answers[0].over - answers[0].begun;
		/*
		 * A request that fails says nothing about time. Three steps are
		 * enough, if there is no longer window.
		 */
		if (answers[0].error) {
			longest = UINT32_MAX;
			want = 3 * step;
		}
	}
	EXPECT_LT(longest * 5, took * 4)
		TH_LOG("64 KiB took %llu ms, beside %zu MiB that took %llu",
		       (unsigned long long)longest, want >> 20,
		       (unsigned long long)took);
}

#define MAPPINGS 200

TEST_F_TIMEOUT(turn, a_worker_that_was_left_ends_its_step, 120)
{
	struct contig_constraints where = {};
	const uint64_t block = pageblock_bytes();
	uint64_t *pfns, blocks = 0, begun, took;
	size_t length = 4 * step_blocks() * block, most = 4 * length;
	int file = memfd_create("contig", 0), i;
	size_t first, last, size;
	char *memory;
	pid_t pid;

	ASSERT_TRUE(answers_map(1));
	/* The more memory, the more likely it fills a whole block. */
	for (; !blocks && length <= most; length *= 2) {
		write_text("/proc/sys/vm/compact_memory", "1");
		ASSERT_EQ(0, ftruncate(file, length));
		memory = mmap(NULL, length, PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_POPULATE, file, 0);
		ASSERT_NE(MAP_FAILED, memory);
		pfns = page_frames(memory, length / page_size);
		ASSERT_NE(NULL, pfns);
		blocks = own_blocks(pfns, length / page_size, &where, &first,
				    &last);
		free(pfns);
		if (!blocks)
			munmap(memory, length);
	}
	ASSERT_LT(0, blocks);
	/*
	 * Each mapping of a page prolongs its move. 32 bits of address space may not
	 * have room for all of them.
	 */
	size = (last + 1 - first) * page_size;
	for (i = 0; i < times(MAPPINGS); i++) {
		memory = mmap(NULL, size, PROT_READ, MAP_SHARED | MAP_POPULATE,
			      file, first * page_size);
		if (memory == MAP_FAILED && sizeof(memory) < 8)
			break;
		ASSERT_NE(MAP_FAILED, memory);
		/*
		 * A process with these mappings would not exit before the
		 * worker ends.
		 */
		ASSERT_EQ(0, madvise(memory, size, MADV_DONTFORK));
	}
	ASSERT_LT(0, i);
	pid = ask(0, blocks * block, CONTIG_RUNGS_RANGE, 60000, &where);
	for (i = 0; i < 1000 && !debugfs_has("workers", "waits"); i++)
		usleep(1000);
	usleep(100000);
	begun = now_ms();
	kill(pid, SIGKILL);
	EXPECT_TRUE(ends_within(pid, SLACK_MS));
	while (debugfs_has("workers", "left") && now_ms() - begun < 60000)
		usleep(10000);
	took = now_ms() - begun;
	EXPECT_GT(2000, took);
	printf("# %llu MiB, left for %llu ms; %s\n",
	       (unsigned long long)(blocks * block) >> 20,
	       (unsigned long long)took,
	       answers[0].over ? "it was over before" : "killed");
	/*
	 * Neither other jobs of the worker's thread nor the next step are
	 * disturbed.
	 */
	EXPECT_EQ(0, close(window_get(self->fd, MIB(4))));
}

#define CROWD 32

TEST_F_TIMEOUT(turn, a_crowd_does_not_want_the_same_window, 300)
{
	const struct contig_constraints window = window_only();
	unsigned int windows = UINT32_MAX, try, i;
	pid_t pids[CROWD];

	ASSERT_TRUE(answers_map(CROWD));
	/* Other users may block some windows, but not at each try. */
	for (try = 0; try < 4 && windows > 2 * CROWD; try++) {
		for (i = 0; i < CROWD; i++)
			pids[i] = ask(i, KIB(64), CONTIG_RUNGS_RANGE, 60000,
				      &window);
		for (windows = 0, i = 0; i < CROWD; i++) {
			waitpid(pids[i], NULL, 0);
			EXPECT_EQ(0, answers[i].error);
			windows += answers[i].windows;
		}
	}
	EXPECT_GE(2 * CROWD, windows);
}

#define REQUESTS 50
#define CROWD_UID 100000
#define LONE_UID 100001

/* One user has many requests in the queue at any time, another user has one. */
static struct {
	int served;	/* requests of the first user */
	int before;	/* of these, before the other user's request */
	int after;	/* of these, when the other's was answered */
	bool over;
} *crowd;

static int crowd_served(void)
{
	return __atomic_load_n(&crowd->served, __ATOMIC_ACQUIRE);
}

static bool crowd_is_there(void *nr)
{
	return crowd_served() >= *(int *)nr;
}

/* Make a request, and the next as soon as it is answered. */
static pid_t crowd_begin(void)
{
	pid_t pid = fork();
	int client, fd;

	if (pid)
		return pid;
	client = drop_to_user(CROWD_UID) ? -1 : client_open();
	while (client >= 0 && !__atomic_load_n(&crowd->over, __ATOMIC_ACQUIRE)) {
		fd = window_get(client, KIB(64));
		if (fd < 0)
			continue;
		close(fd);
		__atomic_add_fetch(&crowd->served, 1, __ATOMIC_ACQ_REL);
	}
	_exit(0);
}

static bool waits_for_its_turn(pid_t pid)
{
	char path[32], *stack;
	bool waits;

	snprintf(path, sizeof(path), "/proc/%d/stack", pid);
	stack = read_text(path);
	waits = stack && strstr(stack, "contig_turn_enter");
	free(stack);
	return waits;
}

/*
 * Return how many requests of the crowd are served while one of another user
 * waits for its turn, or a negative number on failure.
 */
static int served_before_another(void)
{
	int first = -1, status, client, fd;
	pid_t pid = fork();

	if (!pid) {
		client = drop_to_user(LONE_UID) ? -1 : client_open();
		crowd->before = crowd_served();
		fd = window_get(client, KIB(64));
		crowd->after = crowd_served();
		_exit(fd < 0);
	}
	while (waitpid(pid, &status, WNOHANG) != pid) {
		/* Before the request queues, it surveys memory. */
		if (first < 0 && waits_for_its_turn(pid))
			first = crowd_served();
		usleep(1000);
	}
	if (status)
		return -1;
	return crowd->after - (first < 0 ? crowd->before : first);
}

TEST_F_TIMEOUT(turn, a_user_waits_for_one_request_of_another, 300)
{
	int passed = REQUESTS, nr = times(REQUESTS), try, i;
	pid_t pids[REQUESTS];
	struct stat st;

	ASSERT_EQ(0, stat(CONTIG_PATH, &st));
	crowd = mmap(NULL, page_size, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, crowd);
	ASSERT_EQ(0, chmod(CONTIG_PATH, 0666));
	/* The constraints of window_get() are for who may see addresses. */
	ASSERT_EQ(0, write_text(CONTIG_PARAMETERS "/allow_physical", "Y"));
	for (i = 0; i < nr; i++)
		pids[i] = crowd_begin();
	EXPECT_TRUE(poll_until(crowd_is_there, &nr));
	/*
	 * One that had the turn already, and one more. In addition, requests that
	 * lose the turn, as they do on an emulated machine that stalls, and those
	 * that are served before the answered user gets a processor and looks: the
	 * crowd wants both. Without the order it would be about all of the crowd.
	 */
	for (try = 0; try < 8 && (passed < 0 || passed > 2); try++) {
		passed = served_before_another();
		TH_LOG("%d requests of another user came first", passed);
	}
	__atomic_store_n(&crowd->over, true, __ATOMIC_RELEASE);
	for (i = 0; i < nr; i++)
		waitpid(pids[i], NULL, 0);
	chmod(CONTIG_PATH, st.st_mode & 0777);
	write_text(CONTIG_PARAMETERS "/allow_physical", "N");
	EXPECT_LE(0, passed);
	EXPECT_GE(2 + nr / 8, passed);
}

TEST_F_TIMEOUT(turn, pages_in_pipes_are_no_way_to_spend_a_budget, 300)
{
	const uint32_t ms = is_slow_kernel() ? 60000 : 15000;
	const uint64_t block = pageblock_bytes();
	const int nr = block < MIB(8) ? MIB(256) / block : 32;
	struct contig_constraints where = {};
	int pipes[64], blocks;
	pid_t pid;

	ASSERT_TRUE(answers_map(1));
	blocks = sprinkle(nr, pipes, ARRAY_SIZE(pipes), &where);
	ASSERT_LT(nr / 8, blocks);
	blocks = blocks < nr / 2 ? blocks : nr / 2;
	where.highest = where.lowest + block * blocks - 1;
	pid = ask(0, block * (blocks / 2), CONTIG_RUNGS_RANGE |
		  CONTIG_RUNGS_SPLIT | CONTIG_RUNGS_SCATTER, ms, &where);
	waitpid(pid, NULL, 0);
	EXPECT_GE(ms + SLACK_MS, answers[0].over - answers[0].begun);
	/* Some of the blocks may be CMA, which only devices can get. */
	if (answers[0].error == -ENOMEM && meminfo_kib("CmaTotal") > 0)
		return;
	EXPECT_EQ(0, answers[0].error);
	/* One window to find out, and about as many as there are pieces. */
	EXPECT_GE(4, answers[0].reports[0].windows);
	EXPECT_GE(blocks + 4, answers[0].reports[1].windows);
}

TEST_HARNESS_MAIN
