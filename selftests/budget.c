// SPDX-License-Identifier: GPL-2.0-only
/*
 * How a request divides its time among the rungs
 *
 * The reserve is one large block here, which is scrubbed as a whole.
 */
#include "kselftest_harness.h"
#include "contig_utils.h"
#include "hostile_utils.h"

#define LENGTH MIB(128)
#define BUDGET_MS 1000
#define TRIES 5

FIXTURE(budget) {
	int fd;
	char *cpumask;
};

FIXTURE_SETUP(budget) {
	setup_client(self->fd);
	if (!reserve_promises(LENGTH))
		SKIP(return, "reserve too small: load with early=128M");
	need_reserve(self->fd, LENGTH);
	reserve_settle();
}

FIXTURE_TEARDOWN(budget) {
	if (self->cpumask)
		write_text(WORKERS_CPUMASK, self->cpumask);
	free(self->cpumask);
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
 * The lower rungs get half of a time budget too short for scrubbing. The ladder
 * keeps some of it for looking at memory once all rungs have failed. Nothing is
 * scrubbed meanwhile, since a real-time task has the only processor on which the
 * kernel's workers may run.
 */
TEST_F_TIMEOUT(budget, leaves_time_to_the_rungs_below, 120)
{
	struct contig_alloc alloc;
	struct realtime rt;
	bool dirty;
	int i;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		SKIP(return, "one processor only");
	self->cpumask = read_text(WORKERS_CPUMASK);
	ASSERT_EQ(0, write_text(WORKERS_CPUMASK, "2"));
	ASSERT_EQ(0, stay_on(0));
	for (i = 0; i < TRIES; i++) {
		uint64_t ms;

		realtime_begin(&rt, 1);
		dirty = make_dirty(self->fd);
		alloc = alloc_request(KIB(4),
				      CONTIG_RUNGS_RESERVE | CONTIG_RUNGS_SPLIT);
		alloc.timeout_ms = BUDGET_MS;
		if (!_test_cmd_alloc(self->fd, &alloc))
			close(alloc.out_fd);
		realtime_end(&rt);
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
