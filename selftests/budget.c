// SPDX-License-Identifier: GPL-2.0-only
/*
 * How a request divides its time among the rungs
 *
 * The reserve is one large block here. Scrubbing it, as a whole, has to take much
 * longer than a tick of the kernel's clock and than a busy machine delays a
 * process.
 */
#include "kselftest_harness.h"
#include "contig_utils.h"

#define LENGTH MIB(128)

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

/* The lower rungs get a share of a time budget too short for scrubbing. */
TEST_F_TIMEOUT(budget, leaves_time_to_the_rungs_below, 400)
{
	struct contig_alloc alloc;
	uint64_t took;
	int i;

	for (i = 0; i < 20; i++) {
		ASSERT_TRUE(make_dirty(self->fd));
		alloc = alloc_request(LENGTH, CONTIG_RUNGS_RESERVE);
		took = now_ns();
		test_alloc(self->fd, &alloc);
		took = now_ns() - took;
		close(alloc.out_fd);

		ASSERT_TRUE(make_dirty(self->fd));
		alloc = alloc_request(KIB(4),
				      CONTIG_RUNGS_RESERVE | CONTIG_RUNGS_SPLIT);
		/* 0 would stand for the default, if nothing had to be done. */
		alloc.timeout_ms = took * 8 / 10 / 1000000 ?: 1;
		if (!_test_cmd_alloc(self->fd, &alloc))
			close(alloc.out_fd);
		reserve_settle();
		/* The kernel waits for whole jiffies, roughly. */
		if (alloc.out_rung == CONTIG_RUNG_SPLIT &&
		    alloc.out_reports[0].time_ns < took * 6 / 10)
			break;
		TH_LOG("rung %u; scrubbing took %llu us, the reserve %llu us",
		       alloc.out_rung, (unsigned long long)took / 1000,
		       (unsigned long long)alloc.out_reports[0].time_ns / 1000);
	}
	EXPECT_LT(i, 20);
}

TEST_HARNESS_MAIN
