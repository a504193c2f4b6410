// SPDX-License-Identifier: GPL-2.0-only
/*
 * CONTIG_ALLOC_NO_WAIT: only memory that is free now
 */
#include "kselftest_harness.h"
#include "contig_utils.h"
#include "hostile_utils.h"

#define BLOCKS 4
#define LENGTH MIB(4)

FIXTURE(nowait) {
	int fd;
	int fds[BLOCKS];
	int n;
	struct realtime rt;
	char *cpumask;
};

FIXTURE_SETUP(nowait) {
	setup_client(self->fd);
	quota_lift();
}

FIXTURE_TEARDOWN(nowait) {
	realtime_end(&self->rt);
	if (self->cpumask)
		write_text(WORKERS_CPUMASK, self->cpumask);
	free(self->cpumask);
	while (self->n)
		close(self->fds[--self->n]);
	quota_restore();
	close(self->fd);
}

static struct contig_alloc quick(uint64_t length, uint32_t rungs)
{
	struct contig_alloc alloc = alloc_request(length, rungs);

	alloc.flags = CONTIG_ALLOC_NO_WAIT;
	return alloc;
}

/* Take all blocks of the reserve. */
static void take_reserve(FIXTURE_DATA(nowait) *self)
{
	struct contig_alloc alloc;

	while (self->n < BLOCKS) {
		alloc = quick(LENGTH, CONTIG_RUNGS_RESERVE);
		if (_test_cmd_alloc(self->fd, &alloc))
			break;
		self->fds[self->n++] = alloc.out_fd;
	}
}

TEST_F(nowait, every_rung_gives_what_is_free)
{
	struct contig_info info;
	unsigned int rung;
	char *map;

	need_reserve(self->fd, LENGTH);
	test_info(self->fd, &info);
	write_text("/proc/sys/vm/drop_caches", "3");
	write_text("/proc/sys/vm/compact_memory", "1");
	for (rung = CONTIG_RUNG_RESERVE; rung < CONTIG_RUNG_MAX; rung++) {
		struct contig_alloc alloc = quick(KIB(64), 1 << rung);

		/* dma_alloc_attrs() may wait. */
		if (rung == CONTIG_RUNG_COHERENT &&
		    !coherent_has_pages(&info, KIB(64))) {
			EXPECT_EQ(-EAGAIN, _test_cmd_alloc(self->fd, &alloc));
			EXPECT_EQ(CONTIG_BLOCKED_WAIT,
				  alloc.out_reports[0].blocked);
			continue;
		}
		ASSERT_EQ(0, _test_cmd_alloc_tell(self->fd, &alloc));
		map = buffer_map(alloc.out_fd, KIB(64));
		ASSERT_NE(NULL, map);
		EXPECT_TRUE(is_zero(map, KIB(64)));
		memset(map, 1, KIB(64));
		munmap(map, KIB(64));
		close(alloc.out_fd);
	}
}

/* More than a block of the page allocator: CMA or a window would be emptied. */
TEST_F(nowait, moves_nothing)
{
	struct contig_alloc alloc = quick(MIB(64), CONTIG_RUNGS_COHERENT |
						   CONTIG_RUNGS_RANGE);
	uint32_t i;

	need_range(self->fd);
	EXPECT_EQ(-EAGAIN, _test_cmd_alloc(self->fd, &alloc));
	EXPECT_EQ(2, alloc.out_report_count);
	EXPECT_EQ(CONTIG_BLOCKED_WAIT, alloc.out_reports[1].blocked);
	for (i = 0; i < alloc.out_report_count; i++)
		EXPECT_EQ(0, alloc.out_reports[i].largest);
	EXPECT_EQ(-1, alloc.out_fd);
}

TEST_F(nowait, reserve_in_use_is_exhausted)
{
	struct contig_alloc alloc;

	need_reserve(self->fd, LENGTH);
	reserve_settle();
	take_reserve(self);
	alloc = quick(LENGTH, CONTIG_RUNGS_RESERVE);
	EXPECT_EQ(-EAGAIN, _test_cmd_alloc(self->fd, &alloc));
	EXPECT_EQ(CONTIG_BLOCKED_EXHAUSTED, alloc.out_reports[0].blocked);
}

/* Give all blocks back that need scrubbing then. */
static void dirty_reserve(FIXTURE_DATA(nowait) *self)
{
	char *map;

	while (self->n) {
		map = buffer_map(self->fds[--self->n], LENGTH);
		if (map) {
			map[0] = 1;
			munmap(map, LENGTH);
		}
		close(self->fds[self->n]);
	}
}

/* A real-time task has the only processor where the kernel's workers may run. */
TEST_F_TIMEOUT(nowait, scrubs_nothing, 60)
{
	struct contig_alloc alloc;
	uint64_t begun;
	int tries, ret;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		SKIP(return, "one processor only");
	need_reserve(self->fd, LENGTH);
	reserve_settle();
	/* Before there are buffers, which its process would have, too. */
	realtime_begin(&self->rt, 1);
	take_reserve(self);
	self->cpumask = read_text(WORKERS_CPUMASK);
	ASSERT_EQ(0, write_text(WORKERS_CPUMASK, "2"));
	ASSERT_EQ(0, stay_on(0));
	/* Now and then the kernel lets workers run beside a real-time task. */
	for (tries = 0; tries < 5; tries++) {
		dirty_reserve(self);
		begun = now_ms();
		alloc = quick(LENGTH, CONTIG_RUNGS_RESERVE);
		ret = _test_cmd_alloc(self->fd, &alloc);
		if (ret)
			break;
		self->fds[self->n++] = alloc.out_fd;
		take_reserve(self);
	}
	EXPECT_EQ(-EAGAIN, ret);
	EXPECT_EQ(CONTIG_BLOCKED_WAIT, alloc.out_reports[0].blocked);
	TH_LOG("refused in %llu ms", (unsigned long long)(now_ms() - begun));
	realtime_end(&self->rt);
	alloc = alloc_request(LENGTH, CONTIG_RUNGS_RESERVE);
	test_alloc(self->fd, &alloc);
	close(alloc.out_fd);
}

TEST_F(nowait, is_not_foretold)
{
	struct contig_probe probe = probe_request(KIB(64), 0);

	probe.flags = CONTIG_ALLOC_NO_WAIT;
	EXPECT_EQ(-EOPNOTSUPP, _test_cmd_probe(self->fd, &probe));
}

TEST_HARNESS_MAIN
