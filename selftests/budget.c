// SPDX-License-Identifier: GPL-2.0-only
/*
 * How a request divides its time among the rungs
 *
 * The reserve is one large block here, which is scrubbed as a whole.
 */
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "kselftest_harness.h"
#include "contig_utils.h"

#define LENGTH MIB(128)
#define BUDGET_MS 200
#define HOGS 8
#define TRIES 10

FIXTURE(budget) {
	int fd;
};

FIXTURE_SETUP(budget) {
	setup_client(self->fd);
	if (!reserve_promises(LENGTH))
		SKIP(return, "reserve too small: load with early=128M");
	need_reserve(self->fd, LENGTH);
	reserve_settle();
}

FIXTURE_TEARDOWN(budget) {
	close(self->fd);
}

/* Write to all of the reserve, so that it has to be scrubbed, and free it. */
static bool make_dirty(int client)
{
	int fd = buffer_alloc(client, LENGTH, CONTIG_RUNGS_RESERVE, 0);
	char *map = fd < 0 ? NULL : buffer_map(fd, LENGTH);

	if (!map)
		return false;
	map[0] = 1;
	munmap(map, LENGTH);
	return !close(fd);
}

/*
 * Keep all processors busy with tasks that the kernel prefers to its workers, so
 * that scrubbing begins late. This process is one of them.
 */
static void hogs_start(pid_t hogs[HOGS])
{
	int i;

	setpriority(PRIO_PROCESS, 0, -20);
	for (i = 0; i < HOGS; i++) {
		hogs[i] = fork();
		if (hogs[i])
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			;
	}
}

static void hogs_stop(pid_t hogs[HOGS])
{
	int i;

	for (i = 0; i < HOGS; i++) {
		if (hogs[i] <= 0)
			continue;
		kill(hogs[i], SIGKILL);
		waitpid(hogs[i], NULL, 0);
	}
	setpriority(PRIO_PROCESS, 0, 0);
}

/*
 * The lower rungs get half of a time budget too short for scrubbing. The ladder
 * keeps some of it for looking at memory once all rungs have failed.
 */
TEST_F_TIMEOUT(budget, leaves_time_to_the_rungs_below, 120)
{
	struct contig_alloc alloc;
	pid_t hogs[HOGS];
	bool dirty;
	int i;

	for (i = 0; i < TRIES; i++) {
		uint64_t ms;

		hogs_start(hogs);
		dirty = make_dirty(self->fd);
		alloc = alloc_request(KIB(4),
				      CONTIG_RUNGS_RESERVE | CONTIG_RUNGS_SPLIT);
		alloc.timeout_ms = BUDGET_MS;
		if (!_test_cmd_alloc(self->fd, &alloc))
			close(alloc.out_fd);
		hogs_stop(hogs);
		reserve_settle();
		ASSERT_TRUE(dirty);
		ms = alloc.out_reports[0].time_ns / 1000000;
		if (alloc.out_rung == CONTIG_RUNG_SPLIT &&
		    ms > BUDGET_MS * 3 / 10 && ms < BUDGET_MS * 8 / 10)
			break;
		TH_LOG("rung %u; the reserve took %llu ms of %u", alloc.out_rung,
		       (unsigned long long)ms, BUDGET_MS);
	}
	EXPECT_LT(i, TRIES);
}

TEST_HARNESS_MAIN
