// SPDX-License-Identifier: GPL-2.0-only
/*
 * CMA: the coherent rung takes large blocks from it, checked against the
 * kernel's own counters and messages; the range rung stays out of it.
 */
#include <glob.h>

#include "kselftest_harness.h"
#include "contig_utils.h"

/*
 * How far per-CPU lists and other users may change a count meanwhile, in KiB.
 */
#define NOISE_KIB 1024

/* The kernel counts per CPU: reading stat_refresh adds the counts up first. */
static long cma_free(void)
{
	free(read_text("/proc/sys/vm/stat_refresh"));
	return meminfo_kib("CmaFree");
}

/*
 * Freed pages stay on per-CPU lists, where they do not count as free. An
 * allocation from CMA drains these lists: so read the count while one exists.
 */
static long cma_free_drained(int client, uint64_t order_bytes)
{
	uint64_t length = order_bytes + page_size;
	int fd = buffer_alloc(client, length, CONTIG_RUNGS_COHERENT, 0);
	long kib = cma_free();

	if (fd < 0)
		return -1;
	close(fd);
	return kib + length / 1024;
}

/*
 * Return the pages that CMA has handed out, from its debugfs; -1 without that.
 */
static long cma_used(void)
{
	long used = -1;
	size_t i;
	glob_t found;

	if (glob("/sys/kernel/debug/cma/*/used", 0, NULL, &found))
		return -1;
	for (i = 0; i < found.gl_pathc; i++) {
		char *text = read_text(found.gl_pathv[i]);

		if (text)
			used = (i ? used : 0) + atol(text);
		free(text);
	}
	globfree(&found);
	return used;
}

FIXTURE(cma) {
	int fd;
	struct contig_info info;
};

FIXTURE_SETUP(cma) {
	setup_client(self->fd);
	test_info(self->fd, &self->info);
	if (self->info.out_features & CONTIG_FEATURE_POOL)
		SKIP(return, "the Device Tree gives contig a pool instead");
	if (meminfo_kib("CmaTotal") <= 0)
		SKIP(return, "this kernel has no CMA");
	write_text("/proc/sys/vm/drop_caches", "3");
	quota_lift();
}

FIXTURE_TEARDOWN(cma) {
	quota_restore();
	close(self->fd);
}

/* Check that all of a buffer lies in CMA, if the log still has its address. */
static void lies_in_cma(struct __test_metadata *_metadata, int client, int fd,
			uint64_t length)
{
	uint64_t size, base = cma_region(&size);
	struct contig_extent *extents;
	int64_t n, i;

	if (!base)
		return;
	test_lock_buffer(client, fd, 0, length, 0);
	n = translate_all(client, fd, 0, length, 0, &extents);
	ASSERT_LT(0, n);
	for (i = 0; i < n; i++) {
		EXPECT_LE(base, extents[i].addr);
		EXPECT_GE(base + size, extents[i].addr + extents[i].length);
	}
	free(extents);
	test_unlock_buffer(client, fd, 0, length);
}

/*
 * Allocate @length, and check by how much the kernel's count falls and that all
 * of it comes back. Movable pages of other users in CMA are not counted as
 * free: allocate as much once before, which moves them out. They may come back
 * meanwhile, so a wrong count may be right at the next try. This does not hold
 * for CMA's own count, if it is available: other users do not change that.
 */
#define TRIES 5

static void takes(struct __test_metadata *_metadata, FIXTURE_DATA(cma) *self,
		  uint64_t length)
{
	uint64_t order_bytes = self->info.out_max_order_bytes;
	struct contig_alloc alloc = alloc_request(length, CONTIG_RUNGS_COHERENT);
	long want = round_up_page(length) / 1024, before, fell = 0, lost = 0;
	long used = cma_used();
	int try;

	for (try = 0; try < TRIES; try++) {
		close(buffer_get(self->fd, length, CONTIG_RUNGS_COHERENT));
		before = cma_free_drained(self->fd, order_bytes);
		if (before < want + NOISE_KIB)
			SKIP(return, "needs more CMA: boot with cma=256M");
		test_alloc(self->fd, &alloc);
		fell = before - cma_free();
		EXPECT_EQ(1, alloc.out_extents);
		lies_in_cma(_metadata, self->fd, alloc.out_fd,
			    round_up_page(length));
		if (used >= 0) {
			EXPECT_EQ(used + want * 1024 / (long)page_size,
				  cma_used());
		}
		close(alloc.out_fd);
		if (used >= 0) {
			EXPECT_EQ(used, cma_used());
		}
		lost = before - cma_free_drained(self->fd, order_bytes);
		if (labs(fell - want) <= NOISE_KIB && lost <= NOISE_KIB)
			return;
		TH_LOG("took %ld KiB of %ld, %ld did not come back", fell, want,
		       lost);
	}
	EXPECT_LE(want - NOISE_KIB, fell);
	EXPECT_GE(want + NOISE_KIB, fell);
	EXPECT_GE(NOISE_KIB, lost);
}

TEST_F(cma, just_above_the_largest_order)
{
	takes(_metadata, self, self->info.out_max_order_bytes + 1);
}

TEST_F(cma, takes_8_mib)
{
	takes(_metadata, self, MIB(8));
}

TEST_F(cma, takes_no_power_of_two)
{
	takes(_metadata, self, MIB(23) + KIB(20));
}

TEST_F(cma, takes_48_mib)
{
	takes(_metadata, self, MIB(48));
}

TEST_F(cma, takes_200_mib)
{
	takes(_metadata, self, MIB(200));
}

/* Return the free pages outside CMA in all zones, less their watermarks. */
static long above_watermarks(void)
{
	long n, pages = 0, min = 0, cma = 0, total = 0;
	char *text, *line, *rest;

	free(read_text("/proc/sys/vm/stat_refresh"));
	text = read_text("/proc/zoneinfo");
	for (line = strtok_r(text, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest)) {
		if (sscanf(line, " pages free %ld", &n) == 1)
			pages = n;
		else if (sscanf(line, " min %ld", &n) == 1)
			min = n;
		else if (sscanf(line, " nr_free_cma %ld", &n) == 1)
			cma = n;
		else if (!strncmp(line, "  start_pfn:", 12) && pages)
			total += pages - cma - min;
	}
	free(text);
	return total;
}

/* Most of the kernel cannot use the free memory of CMA. */
TEST_F_TIMEOUT(cma, range_leaves_others_what_is_not_cma, 600)
{
	int fds[128], n = 0, fd;
	uint64_t length;

	for (length = MIB(64); length >= MIB(1); length /= 4) {
		while (n < (int)ARRAY_SIZE(fds)) {
			fd = buffer_alloc(self->fd, length, CONTIG_RUNGS_RANGE,
					  0);
			if (fd < 0)
				break;
			fds[n++] = fd;
		}
	}
	/*
	 * The rung leaves more free, but the pages it moves may take some of
	 * that.
	 */
	EXPECT_LT(0, above_watermarks());
	while (n--)
		close(fds[n]);
}

TEST_F(cma, lies_where_the_kernel_said)
{
	uint64_t size;
	int fd;

	if (!cma_region(&size))
		SKIP(return, "the kernel's log no longer has the place of CMA");
	fd = buffer_get(self->fd, MIB(16), CONTIG_RUNGS_COHERENT);
	ASSERT_LE(0, fd);
	lies_in_cma(_metadata, self->fd, fd, MIB(16));
	close(fd);
}

/*
 * ALLOC gets as much as PROBE says; for more than all of CMA it reports
 * TOO_LARGE.
 */
TEST_F(cma, gives_what_is_foretold)
{
	struct contig_probe probe = probe_request(MIB(8), CONTIG_RUNGS_COHERENT);
	struct contig_alloc alloc;
	uint64_t largest;

	test_probe(self->fd, &probe);
	EXPECT_EQ(CONTIG_RUNG_COHERENT, probe.out_rung);
	largest = probe.out_largest;
	EXPECT_GE(meminfo_kib("CmaTotal") * 1024ull, largest);
	EXPECT_LE(meminfo_kib("CmaTotal") * 1024ull / 2, largest);
	alloc = alloc_request(largest, CONTIG_RUNGS_COHERENT);
	test_alloc(self->fd, &alloc);
	close(alloc.out_fd);

	alloc = alloc_request(meminfo_kib("CmaTotal") * 1024ull + MIB(1),
			      CONTIG_RUNGS_COHERENT);
	test_err_alloc(ENOMEM, self->fd, &alloc);
	EXPECT_EQ(CONTIG_BLOCKED_TOO_LARGE, alloc.out_reports[0].blocked);
}

#define PIECES 128

/* When CMA is exhausted, large blocks fail and small ones do not. */
TEST_F(cma, until_it_is_empty)
{
	const uint64_t order_bytes = self->info.out_max_order_bytes;
	/* More than the page allocator has, which would help out. */
	const uint64_t piece = order_bytes > MIB(4) ? 2 * order_bytes : MIB(8);
	struct contig_alloc alloc = alloc_request(piece, CONTIG_RUNGS_COHERENT);
	long before = cma_free_drained(self->fd, order_bytes);
	int fds[PIECES], n;

	for (n = 0; n < PIECES; n++) {
		fds[n] = buffer_alloc(self->fd, piece, CONTIG_RUNGS_COHERENT, 0);
		if (fds[n] < 0)
			break;
	}
	if (n == PIECES)
		SKIP(goto out, "there is too much CMA to fill");
	EXPECT_LE(before / (long)(piece / 1024) - 1, n);
	EXPECT_GT((long)(2 * piece / 1024), cma_free());
	test_err_alloc(ENOMEM, self->fd, &alloc);
	EXPECT_EQ(CONTIG_BLOCKED_EXHAUSTED, alloc.out_reports[0].blocked);
	EXPECT_GT(piece, alloc.out_reports[0].largest);
	/* Small blocks come from the page allocator. */
	alloc = alloc_request(KIB(64), CONTIG_RUNGS_COHERENT);
	test_alloc(self->fd, &alloc);
	close(alloc.out_fd);
	/* The next rung supplies the large ones. */
	if (self->info.out_features & CONTIG_FEATURE_RANGE) {
		alloc = alloc_request(piece, CONTIG_RUNGS_COHERENT |
					     CONTIG_RUNGS_RANGE);
		test_alloc(self->fd, &alloc);
		EXPECT_EQ(CONTIG_RUNG_RANGE, alloc.out_rung);
		close(alloc.out_fd);
	}
out:
	while (n)
		close(fds[--n]);
	EXPECT_LE(before - NOISE_KIB, cma_free_drained(self->fd, order_bytes));
}

/* CMA is full of free memory and still has no window for the range rung. */
TEST_F(cma, range_keeps_out)
{
	uint64_t size, base = cma_region(&size);
	struct contig_alloc alloc = alloc_request(MIB(4), CONTIG_RUNGS_RANGE);
	struct contig_probe probe = probe_request(MIB(4), CONTIG_RUNGS_RANGE);

	need_range(self->fd);
	if (!base)
		SKIP(return, "the kernel's log no longer has the place of CMA");
	probe.constraints.lowest = base;
	probe.constraints.highest = base + size - 1;
	test_probe(self->fd, &probe);
	EXPECT_EQ(CONTIG_RUNG_NONE, probe.out_rung);
	EXPECT_EQ(0, probe.out_largest);
	EXPECT_LE(size / page_size / 2, probe.out_free_pages);

	/* No window is tried in vain either. */
	alloc.constraints = probe.constraints;
	test_err_alloc(ENOMEM, self->fd, &alloc);
	EXPECT_EQ(0, alloc.out_reports[0].windows);
	EXPECT_EQ(CONTIG_BLOCKED_UNMOVABLE, alloc.out_reports[0].blocked);

	/* Outside CMA the first window that is tried succeeds. */
	alloc = window_request(MIB(16));
	test_alloc(self->fd, &alloc);
	EXPECT_EQ(1, alloc.out_reports[0].windows);
	close(alloc.out_fd);
}

TEST_HARNESS_MAIN
