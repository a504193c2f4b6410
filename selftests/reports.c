// SPDX-License-Identifier: GPL-2.0-only
/*
 * Why an allocation failed and what would have succeeded: the reports of
 * CONTIG_ALLOC and CONTIG_PROBE, time budgets and signals.
 */
#include <signal.h>

#include "kselftest_harness.h"
#include "alarm_utils.h"
#include "contig_utils.h"

FIXTURE(report) {
	int fd;
	struct contig_info info;
	long free;
};

FIXTURE_SETUP(report) {
	setup_client(self->fd);
	test_info(self->fd, &self->info);
	self->free = free_pages();
	quota_lift();
}

FIXTURE_TEARDOWN(report) {
	quota_restore();
	close(self->fd);
}

/* A failed command must not return a buffer. */
#define expect_nothing(alloc) do { \
	EXPECT_EQ(-1, (alloc)->out_fd); \
	EXPECT_EQ(CONTIG_RUNG_NONE, (alloc)->out_rung); \
	EXPECT_EQ(CONTIG_MAPPING_NONE, (alloc)->out_mapping); \
	EXPECT_EQ(0, (alloc)->out_length); \
	EXPECT_EQ(0, (alloc)->out_extents); \
} while (0)

TEST_F(report, reserve_too_small)
{
	struct contig_alloc alloc;
	uint64_t largest;

	need_reserve(self->fd, MIB(4));
	largest = self->info.out_reserve_largest;
	alloc = alloc_request(largest + page_size, CONTIG_RUNGS_RESERVE);
	test_err_alloc(ENOMEM, self->fd, &alloc);
	expect_nothing(&alloc);
	ASSERT_EQ(1, alloc.out_report_count);
	EXPECT_EQ(CONTIG_RUNG_RESERVE, alloc.out_reports[0].rung);
	EXPECT_EQ(ENOMEM, alloc.out_reports[0].error);
	EXPECT_EQ(CONTIG_BLOCKED_TOO_LARGE, alloc.out_reports[0].blocked);
	EXPECT_EQ(largest, alloc.out_reports[0].largest);

	alloc = alloc_request(alloc.out_reports[0].largest,
			      CONTIG_RUNGS_RESERVE);
	test_alloc(self->fd, &alloc);
	close(alloc.out_fd);
}

TEST_F_TIMEOUT(report, reserve_in_use, 400)
{
	struct contig_alloc alloc;
	uint64_t want;
	int fds[256], n = 0;

	need_reserve(self->fd, MIB(4));
	/* Allocate the largest block until none of that size is left. */
	want = self->info.out_reserve_largest;
	do {
		alloc = alloc_request(want, CONTIG_RUNGS_RESERVE);
		if (_test_cmd_alloc(self->fd, &alloc))
			break;
		/* It is not moved to make room for another. */
		test_lock_buffer(self->fd, alloc.out_fd, 0, want, 0);
		fds[n++] = alloc.out_fd;
	} while (n < 256);
	ASSERT_LT(0, n);
	expect_nothing(&alloc);
	EXPECT_EQ(ENOMEM, alloc.out_reports[0].error);
	/* There can be enough, but not in one piece. */
	if (alloc.out_reports[0].blocked != CONTIG_BLOCKED_LOCKED)
		EXPECT_EQ(CONTIG_BLOCKED_EXHAUSTED,
			  alloc.out_reports[0].blocked);
	EXPECT_GT(want, alloc.out_reports[0].largest);
	if (alloc.out_reports[0].largest) {
		alloc = alloc_request(alloc.out_reports[0].largest,
				      CONTIG_RUNGS_RESERVE);
		test_alloc(self->fd, &alloc);
		close(alloc.out_fd);
	}
	while (n)
		close(fds[--n]);
}

TEST_F(report, coherent_above_its_largest_order)
{
	uint64_t most = self->info.out_max_order_bytes, largest;
	long cma_kib = meminfo_kib("CmaTotal");
	uint64_t cma = cma_kib > 0 ? cma_kib * 1024ull : 0;
	struct contig_alloc alloc;

	EXPECT_EQ(cma > 0,
		  !!(self->info.out_features & CONTIG_FEATURE_CMA));
	most = cma > most ? cma : most;
	alloc = alloc_request(most + page_size, CONTIG_RUNGS_COHERENT);
	test_err_alloc(ENOMEM, self->fd, &alloc);
	expect_nothing(&alloc);
	ASSERT_EQ(1, alloc.out_report_count);
	EXPECT_EQ(ENOMEM, alloc.out_reports[0].error);
	EXPECT_EQ(CONTIG_BLOCKED_TOO_LARGE, alloc.out_reports[0].blocked);
	largest = alloc.out_reports[0].largest;
	EXPECT_LT(0, largest);
	EXPECT_GE(most, largest);

	alloc = alloc_request(largest, CONTIG_RUNGS_COHERENT);
	test_alloc(self->fd, &alloc);
	EXPECT_EQ(largest, alloc.out_length);
	close(alloc.out_fd);
}

TEST_F_TIMEOUT(report, range_larger_than_any_window, 600)
{
	uint64_t length = self->info.out_ram_bytes / 10 * 9;
	struct contig_alloc alloc = alloc_request(length, CONTIG_RUNGS_RANGE);
	uint64_t largest;

	need_range(self->fd);
	test_err_alloc(ENOMEM, self->fd, &alloc);
	expect_nothing(&alloc);
	ASSERT_EQ(1, alloc.out_report_count);
	EXPECT_EQ(ENOMEM, alloc.out_reports[0].error ==
		  EBUSY ? ENOMEM : alloc.out_reports[0].error);
	EXPECT_NE(CONTIG_BLOCKED_NOT, alloc.out_reports[0].blocked);
	largest = alloc.out_reports[0].largest;
	EXPECT_LT(0, largest);
	EXPECT_GT(length, largest);

	/* Half of it, since memory may have changed. */
	alloc = alloc_request(largest / 2, CONTIG_RUNGS_RANGE);
	test_alloc(self->fd, &alloc) {
		TH_LOG("largest was %llu", (unsigned long long)largest);
	}
	close(alloc.out_fd);
}

TEST_F_TIMEOUT(report, whole_ladder_that_cannot, 600)
{
	uint64_t length = self->info.out_ram_bytes / 100 * 99;
	struct contig_alloc alloc = alloc_request(length, 0);
	uint32_t i;

	/* All free memory together must be too little, for any rung. */
	if (length < (uint64_t)meminfo_kib("MemAvailable") << 10)
		SKIP(return, "too much memory is free");
	test_err_alloc(ENOMEM, self->fd, &alloc);
	expect_nothing(&alloc);
	ASSERT_EQ(5, alloc.out_report_count);
	for (i = 0; i < 5; i++) {
		EXPECT_EQ(i + 1, alloc.out_reports[i].rung);
		EXPECT_NE(0, alloc.out_reports[i].error);
		EXPECT_NE(CONTIG_BLOCKED_NOT, alloc.out_reports[i].blocked);
		EXPECT_GT(length, alloc.out_reports[i].largest);
	}
	EXPECT_TRUE(free_pages_return(self->free - 2048));
}

TEST_F(report, more_segments_than_allowed)
{
	struct contig_alloc alloc = alloc_request(MIB(64),
						  CONTIG_RUNGS_SCATTER);

	alloc.constraints.max_segments = 2;
	if (!_test_cmd_alloc(self->fd, &alloc)) {
		/* It can succeed by chance: then the result must be true. */
		EXPECT_GE(2, alloc.out_extents);
		close(alloc.out_fd);
		return;
	}
	expect_nothing(&alloc);
	EXPECT_EQ(ENOMEM, alloc.out_reports[0].error);
	EXPECT_EQ(CONTIG_BLOCKED_SEGMENTS, alloc.out_reports[0].blocked);
	EXPECT_TRUE(free_pages_return(self->free - 1024));
}

/* There is enough memory and quota, but in more segments than are allowed. */
TEST_F(report, says_that_more_segments_would_help)
{
	struct contig_probe probe = probe_request(MIB(1), CONTIG_RUNGS_RANGE);
	long cma = meminfo_kib("CmaFree");

	need_range(self->fd);
	test_probe(self->fd, &probe);
	probe = probe_request(probe.out_largest + MIB(4), CONTIG_RUNGS_RANGE);
	probe.constraints.max_segments = 2;
	test_probe(self->fd, &probe);
	/*
	 * Skip this if all available memory may be contiguous: of the free
	 * memory, CMA and what zones keep above their watermarks is not
	 * available.
	 */
	if (probe.out_free_pages * page_size <
	    probe.length + MIB(96) + (cma > 0 ? cma : 0) * 1024)
		return;
	EXPECT_EQ(CONTIG_RUNG_NONE, probe.out_rung);
	EXPECT_EQ(probe.out_pinned_pages > probe.out_kernel_pages ?
		  CONTIG_REMEDY_UNPIN : CONTIG_REMEDY_SEGMENTS,
		  probe.out_remedy);
}

TEST_F(report, lengths_that_cannot_be)
{
	struct contig_alloc alloc = alloc_request(0, 0);
	struct contig_probe probe = probe_request(0, 0);
	uint64_t large[] = {
		self->info.out_ram_bytes + page_size,
		1ull << 40, 1ull << 62, 1ull << 63, -page_size, ~0ull,
	};
	size_t i;

	test_err_alloc(EINVAL, self->fd, &alloc);
	test_err_probe(EINVAL, self->fd, &probe);
	for (i = 0; i < ARRAY_SIZE(large); i++) {
		alloc = alloc_request(large[i], 0);
		test_err_alloc(EFBIG, self->fd, &alloc);
		probe = probe_request(large[i], 0);
		test_err_probe(EFBIG, self->fd, &probe);
	}
}

/* If a structure is refused, nothing is written to it. */
TEST_F(report, nothing_is_written_without_a_report)
{
	struct contig_alloc alloc = alloc_request(0, 0), before;

	before = alloc;
	test_err_alloc(EINVAL, self->fd, &alloc);
	EXPECT_EQ(0, memcmp(&before, &alloc, sizeof(alloc)));
}

/* The address bits that the parameter "early" needs. */
TEST_F(report, address_bits)
{
	static const struct {
		uint64_t highest;
		uint32_t bits;
	} of[] = {
		{ 0, 64 },
		{ UINT64_MAX, 64 },
		{ UINT32_MAX, 32 },
		{ UINT32_MAX - 1, 31 },
		{ 1ull << 32, 32 },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(of); i++) {
		struct contig_alloc alloc = alloc_request(page_size, 0);
		struct contig_probe probe = probe_request(page_size, 0);

		alloc.constraints.highest = of[i].highest;
		probe.constraints.highest = of[i].highest;
		test_alloc(self->fd, &alloc);
		EXPECT_EQ(of[i].bits, alloc.out_address_bits);
		close(alloc.out_fd);
		test_probe(self->fd, &probe);
		EXPECT_EQ(of[i].bits, probe.out_address_bits);
	}
}

TEST_F(report, names)
{
	struct contig_alloc alloc = alloc_request(page_size, 0);

	memset(alloc.name, 'x', sizeof(alloc.name));
	test_err_alloc(EINVAL, self->fd, &alloc);	/* no NUL */

	memset(alloc.name, 0, sizeof(alloc.name));
	memcpy(alloc.name, "two\nlines", 9);
	test_err_alloc(EINVAL, self->fd, &alloc);
	memcpy(alloc.name, "\x7f\x01", 3);
	test_err_alloc(EINVAL, self->fd, &alloc);

	memset(alloc.name, 'y', sizeof(alloc.name) - 1);
	test_alloc(self->fd, &alloc);
	EXPECT_TRUE(debugfs_has("buffers", "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"));
	close(alloc.out_fd);
	EXPECT_FALSE(debugfs_has("buffers", "yyyyyyyy"));
}

/* Return a length that no rung can allocate in a millisecond. */
static uint64_t half_of_memory(const struct contig_info *info)
{
	return info->out_ram_bytes / 2 & ~(uint64_t)(page_size - 1);
}

TEST_F_TIMEOUT(report, time_budget, 400)
{
	uint64_t start, ms, least = UINT64_MAX;
	struct contig_alloc alloc;
	int i;

	/*
	 * The rung must check the clock regularly, and free everything. If the
	 * machine stalls at that moment, another try is on time.
	 */
	for (i = 0; i < 5 && least >= 2000; i++) {
		alloc = alloc_request(half_of_memory(&self->info),
				      CONTIG_RUNGS_SCATTER);
		alloc.timeout_ms = 1;
		start = now_ns();
		test_err_alloc(ETIME, self->fd, &alloc);
		ms = (now_ns() - start) / 1000000;
		least = ms < least ? ms : least;
		expect_nothing(&alloc);
		ASSERT_EQ(1, alloc.out_report_count);
		EXPECT_EQ(ETIME, alloc.out_reports[0].error);
		EXPECT_EQ(CONTIG_BLOCKED_TIME, alloc.out_reports[0].blocked);
	}
	EXPECT_GT(2000, least);
	EXPECT_TRUE(free_pages_return(self->free - 1024));
}

TEST_F_TIMEOUT(report, time_budget_is_for_all_rungs_together, 400)
{
	struct contig_alloc alloc = alloc_request(half_of_memory(&self->info),
						  CONTIG_RUNGS_RANGE |
						  CONTIG_RUNGS_SPLIT |
						  CONTIG_RUNGS_SCATTER);
	struct contig_report *last;

	need_range(self->fd);
	alloc.timeout_ms = 1;
	test_err_alloc(ETIME, self->fd, &alloc);
	expect_nothing(&alloc);
	ASSERT_LT(0, alloc.out_report_count);
	ASSERT_GE(3, alloc.out_report_count);
	last = &alloc.out_reports[alloc.out_report_count - 1];
	EXPECT_EQ(ETIME, last->error);
	EXPECT_EQ(CONTIG_BLOCKED_TIME, last->blocked);
	EXPECT_TRUE(free_pages_return(self->free - 1024));
}

FIXTURE(signal) {
	int fd;
	uint64_t length;
	uint64_t us;			/* duration of an allocation */
	long free;
};

FIXTURE_VARIANT(signal) {
	uint32_t rung;
};

FIXTURE_VARIANT_ADD(signal, range) { .rung = CONTIG_RUNG_RANGE };
FIXTURE_VARIANT_ADD(signal, split) { .rung = CONTIG_RUNG_SPLIT };
FIXTURE_VARIANT_ADD(signal, scatter) { .rung = CONTIG_RUNG_SCATTER };

FIXTURE_SETUP(signal) {
	struct contig_alloc alloc;
	uint64_t start;

	setup_client(self->fd);
	self->free = free_pages();
	self->length = (uint64_t)self->free * page_size / 3;
	/*
	 * On kernels that use much memory themselves a third is not contiguous.
	 */
	if (variant->rung == CONTIG_RUNG_RANGE) {
		need_range(self->fd);
		self->length = MIB(is_slow_kernel() ? 32 : 64);
	}
	alloc = alloc_request(self->length, 1u << variant->rung);
	start = now_ns();
	test_alloc(self->fd, &alloc);
	self->us = (now_ns() - start) / 1000;
	close(alloc.out_fd);
}

FIXTURE_TEARDOWN(signal) {
	close(self->fd);
}

/* A handler runs after the command; a partial buffer would be useless. */
TEST_F_TIMEOUT(signal, with_a_handler_disturbs_nothing, 400)
{
	struct contig_alloc alloc;
	int i;

	/* Repeat if the allocation was over before the first signal. */
	for (i = 0; i < 100 && !alarms; i++) {
		alloc = alloc_request(self->length, 1u << variant->rung);
		alarm_every_ms(5);
		test_alloc(self->fd, &alloc);
		alarm_every_ms(0);
		close(alloc.out_fd);
	}
	EXPECT_LT(0, alarms);
}

/*
 * The killed process cannot receive EINTR, but the statistics count it, and the
 * memory is freed.
 */
TEST_F_TIMEOUT(signal, that_kills_ends_an_allocation, 400)
{
	int64_t before = stat_of(variant->rung, STAT_OTHER), ended = 0;
	int ready[2], i;
	char byte;
	pid_t pid;

	for (i = 0; i < 60 && ended < 2; i++) {
		ASSERT_EQ(0, pipe(ready));
		pid = fork();
		if (!pid) {
			if (write(ready[1], "x", 1) != 1)
				_exit(1);
			buffer_alloc(self->fd, self->length,
				     1u << variant->rung, 0);
			pause();
		}
		ASSERT_EQ(1, read(ready[0], &byte, 1));
		/*
		 * In the first half of the allocation, so there is one to
		 * abort.
		 */
		usleep(self->us * (1 + i % 10) / 20);
		ASSERT_EQ(0, kill(pid, SIGKILL));
		EXPECT_EQ(128 + SIGKILL, child_wait(pid));
		EXPECT_TRUE(free_pages_return(self->free - 1024));
		close(ready[0]);
		close(ready[1]);
		ended = stat_of(variant->rung, STAT_OTHER) - before;
	}
	EXPECT_LE(2, ended);
}

FIXTURE(probe) {
	int fd;
	struct contig_info info;
};

FIXTURE_SETUP(probe) {
	setup_client(self->fd);
	test_info(self->fd, &self->info);
}

FIXTURE_TEARDOWN(probe) {
	close(self->fd);
}

TEST_F(probe, counts_the_pages_of_the_machine)
{
	struct contig_probe probe = probe_request(MIB(1), CONTIG_RUNGS_RANGE);
	uint64_t ram = self->info.out_ram_bytes / page_size, free, sum;

	need_range(self->fd);
	/* Per-CPU lists may have a large share of it. */
	free = free_pages();
	test_probe(self->fd, &probe);
	sum = probe.out_free_pages + probe.out_movable_pages +
	      probe.out_kernel_pages + probe.out_pinned_pages;
	/*
	 * The sum may be larger, since the kernel's image is not managed
	 * memory, nor is the shadow of KASAN, one byte in eight.
	 */
	EXPECT_LE(ram / 100 * 90, sum);
	EXPECT_GE(ram + self->info.out_ram_top / page_size / 4, sum);
	EXPECT_LE(free / 100 * 90, probe.out_free_pages);
	EXPECT_GE(free / 100 * 110, probe.out_free_pages);
}

TEST_F(probe, sees_what_is_movable)
{
	struct contig_probe before = probe_request(MIB(1), CONTIG_RUNGS_RANGE);
	struct contig_probe after = before;
	void *memory;

	need_range(self->fd);
	test_probe(self->fd, &before);
	memory = anon_map(MIB(128));
	ASSERT_NE(NULL, memory);
	test_probe(self->fd, &after);
	EXPECT_LE(before.out_movable_pages + MIB(100) / page_size,
		  after.out_movable_pages);
	EXPECT_GE(before.out_free_pages, after.out_free_pages +
		  MIB(100) / page_size);
}

/* Huge pages, if the kernel provides them, do not block a window. */
TEST_F(probe, sees_huge_pages_as_movable)
{
	struct contig_probe before = probe_request(MIB(1), CONTIG_RUNGS_RANGE);
	struct contig_probe after = before;
	char *memory = mmap(NULL, MIB(64), PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	need_range(self->fd);
	ASSERT_NE(MAP_FAILED, memory);
	madvise(memory, MIB(64), MADV_HUGEPAGE);
	test_probe(self->fd, &before);
	memset(memory, 1, MIB(64));
	test_probe(self->fd, &after);
	EXPECT_LE(before.out_movable_pages + MIB(60) / page_size,
		  after.out_movable_pages);
	munmap(memory, MIB(64));
}

TEST_F(probe, sees_what_is_locked)
{
	struct contig_probe before = probe_request(MIB(1), CONTIG_RUNGS_RANGE);
	struct contig_probe after = before;
	void *memory = anon_map(MIB(64));

	need_range(self->fd);
	ASSERT_NE(NULL, memory);
	test_probe(self->fd, &before);
	test_lock(self->fd, memory, MIB(64), 0);
	test_probe(self->fd, &after);
	EXPECT_LE(before.out_pinned_pages + MIB(60) / page_size,
		  after.out_pinned_pages);
	EXPECT_GE(before.out_movable_pages, after.out_movable_pages +
		  MIB(60) / page_size);
}

TEST_F(probe, counts_within_the_constraints_only)
{
	struct contig_probe probe = probe_request(MIB(1), CONTIG_RUNGS_RANGE);
	uint64_t sum;

	need_range(self->fd);
	probe.constraints.lowest = ram_start() + MIB(256);
	probe.constraints.highest = ram_start() + MIB(320) - 1;
	test_probe(self->fd, &probe);
	sum = probe.out_free_pages + probe.out_movable_pages +
	      probe.out_kernel_pages + probe.out_pinned_pages;
	EXPECT_GE(MIB(64) / page_size, sum);
	EXPECT_LE(MIB(32) / page_size, sum);
	EXPECT_GE(MIB(64), probe.out_largest);
}

TEST_F(probe, says_what_would_help)
{
	struct contig_probe probe;

	probe = probe_request(self->info.out_reserve_bytes + page_size,
			      CONTIG_RUNGS_RESERVE);
	test_probe(self->fd, &probe);
	EXPECT_EQ(CONTIG_RUNG_NONE, probe.out_rung);
	EXPECT_EQ(CONTIG_REMEDY_RESERVE, probe.out_remedy);

	probe = probe_request(MIB(64), CONTIG_RUNGS_SCATTER);
	test_probe(self->fd, &probe);
	EXPECT_EQ(CONTIG_RUNG_SCATTER, probe.out_rung);
	EXPECT_EQ(CONTIG_REMEDY_NONE, probe.out_remedy);
}

TEST_F(probe, reports_each_rung)
{
	struct contig_probe probe = probe_request(KIB(64), 0);
	uint32_t i;

	need_reserve(self->fd, KIB(64));
	need_range(self->fd);
	test_probe(self->fd, &probe);
	EXPECT_EQ(CONTIG_RUNG_RESERVE, probe.out_rung);
	ASSERT_EQ(5, probe.out_report_count);
	for (i = 0; i < 5; i++) {
		EXPECT_EQ(i + 1, probe.out_reports[i].rung);
		EXPECT_EQ(0, probe.out_reports[i].error);
		EXPECT_LE(KIB(64), probe.out_reports[i].largest)
			TH_LOG("%s", rung_name(i + 1));
	}
}

TEST_F_TIMEOUT(probe, largest_can_be_had, 600)
{
	struct contig_probe probe = probe_request(MIB(1), CONTIG_RUNGS_RANGE);
	struct contig_alloc alloc;

	need_range(self->fd);
	test_probe(self->fd, &probe);
	EXPECT_LT(0, probe.out_largest);
	/* PROBE shows one moment: half of it must still be available. */
	alloc = alloc_request(probe.out_largest / 2, CONTIG_RUNGS_RANGE);
	test_alloc(self->fd, &alloc);
	EXPECT_EQ(1, alloc.out_extents);
	close(alloc.out_fd);
}

TEST_HARNESS_MAIN
