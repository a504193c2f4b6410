// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each rung of the ladder alone, for each size: what it answers, and that the
 * memory is as described.
 */
#include <inttypes.h>
#include <sys/uio.h>

#include "kselftest_harness.h"
#include "contig_utils.h"

FIXTURE(rung) {
	int fd;
	struct contig_info info;
};

FIXTURE_VARIANT(rung) {
	uint32_t rung;
	size_t length;
};

#define RUNG_SIZE(name, NAME, size, bytes) \
	FIXTURE_VARIANT_ADD(rung, name##_##size) { \
		.rung = CONTIG_RUNG_##NAME, \
		.length = bytes, \
	}

#define RUNG(name, NAME) \
	RUNG_SIZE(name, NAME, 4k, KIB(4)); \
	RUNG_SIZE(name, NAME, 12k, KIB(12)); \
	RUNG_SIZE(name, NAME, 64k, KIB(64)); \
	RUNG_SIZE(name, NAME, 1m, MIB(1)); \
	RUNG_SIZE(name, NAME, 3m4k, MIB(3) + KIB(4)); \
	RUNG_SIZE(name, NAME, 8m, MIB(8)); \
	RUNG_SIZE(name, NAME, 64m, MIB(64))

RUNG(reserve, RESERVE);
RUNG(coherent, COHERENT);
RUNG(range, RANGE);
RUNG(split, SPLIT);
RUNG(scatter, SCATTER);

static bool is_contiguous(uint32_t rung)
{
	return CONTIG_RUNGS_CONTIGUOUS & 1u << rung;
}

static uint32_t mapping_of(FIXTURE_DATA(rung) *self,
			   const FIXTURE_VARIANT(rung) *variant)
{
	return variant->rung == CONTIG_RUNG_COHERENT &&
	       !coherent_has_pages(&self->info, variant->length) ?
	       CONTIG_MAPPING_PFN : CONTIG_MAPPING_STRUCT_PAGE;
}

/*
 * Without CMA, memory of dma_alloc_coherent() comes from the buddy allocator.
 */
static bool is_too_large(FIXTURE_DATA(rung) *self,
			 const FIXTURE_VARIANT(rung) *variant)
{
	return variant->rung == CONTIG_RUNG_COHERENT &&
	       !(self->info.out_features & CONTIG_FEATURE_CMA) &&
	       variant->length > self->info.out_max_order_bytes;
}

FIXTURE_SETUP(rung) {
	setup_client(self->fd);
	test_info(self->fd, &self->info);
	need_rung(self->fd, variant->rung, variant->length);
	if (variant->rung == CONTIG_RUNG_COHERENT &&
	    self->info.out_features & CONTIG_FEATURE_CMA &&
	    variant->length > self->info.out_max_order_bytes &&
	    variant->length > meminfo_kib("CmaFree") * 1024ull)
		SKIP(return, "needs so much CMA: boot with cma=256M");
}

FIXTURE_TEARDOWN(rung) {
	close(self->fd);
}

TEST_F_TIMEOUT(rung, gives_what_it_says, 400)
{
	struct contig_alloc alloc = alloc_request(variant->length,
						  1u << variant->rung);
	struct contig_extent *extents;
	uint64_t length = round_up_page(variant->length);
	int64_t n;
	void *map;
	int ret;

	ret = is_too_large(self, variant) ?
	      _test_cmd_alloc(self->fd, &alloc) :
	      _test_cmd_alloc_tell(self->fd, &alloc);
	EXPECT_EQ(1, alloc.out_report_count);
	EXPECT_EQ(variant->rung, alloc.out_reports[0].rung);
	if (is_too_large(self, variant)) {
		ASSERT_EQ(-ENOMEM, ret);
		EXPECT_EQ(-1, alloc.out_fd);
		EXPECT_EQ(CONTIG_RUNG_NONE, alloc.out_rung);
		EXPECT_EQ(ENOMEM, alloc.out_reports[0].error);
		EXPECT_EQ(CONTIG_BLOCKED_TOO_LARGE,
			  alloc.out_reports[0].blocked);
		return;
	}
	ASSERT_EQ(0, ret);
	ASSERT_LE(0, alloc.out_fd);
	EXPECT_EQ(variant->rung, alloc.out_rung);
	EXPECT_EQ(mapping_of(self, variant), alloc.out_mapping);
	EXPECT_EQ(alloc.out_mapping == CONTIG_MAPPING_PFN,
		  alloc.out_frames != CONTIG_FRAMES_NOT);
	EXPECT_EQ(length, alloc.out_length);
	EXPECT_EQ(0, alloc.out_reports[0].error);
	EXPECT_EQ(CONTIG_BLOCKED_NOT, alloc.out_reports[0].blocked);
	EXPECT_NE(0, alloc.out_reports[0].time_ns);

	map = buffer_map(alloc.out_fd, length);
	ASSERT_NE(NULL, map);
	EXPECT_TRUE(is_zero(map, length));

	/* The translation, the count of ALLOC and pagemap must agree. */
	test_lock_buffer(self->fd, alloc.out_fd, 0, length, 0);
	EXPECT_EQ((int64_t)alloc.out_extents,
		  _test_cmd_count_buffer(self->fd, alloc.out_fd, 0, length));
	EXPECT_TRUE(buffer_translation_is_true(self->fd, alloc.out_fd, map,
					       length));
	if (is_contiguous(variant->rung))
		EXPECT_EQ(1, alloc.out_extents);
	if (mapping_of(self, variant) == CONTIG_MAPPING_STRUCT_PAGE) {
		n = pagemap_extents(map, length, &extents);
		ASSERT_LT(0, n);
		EXPECT_EQ((int64_t)alloc.out_extents, n);
		free(extents);
	}

	fill_pattern(map, length, variant->rung);
	EXPECT_TRUE(has_pattern(map, length, variant->rung));
	close(alloc.out_fd);
}

TEST_F_TIMEOUT(rung, demand_for_struct_pages, 400)
{
	struct contig_alloc alloc = alloc_request(variant->length,
						  1u << variant->rung);
	bool pages = variant->rung != CONTIG_RUNG_COHERENT ||
		     coherent_has_pages(&self->info, page_size);
	int ret;

	alloc.flags = CONTIG_ALLOC_STRUCT_PAGE;
	ret = mapping_of(self, variant) == CONTIG_MAPPING_PFN ?
	      _test_cmd_alloc(self->fd, &alloc) :
	      _test_cmd_alloc_tell(self->fd, &alloc);
	EXPECT_EQ(1, alloc.out_report_count);
	EXPECT_EQ(variant->rung, alloc.out_reports[0].rung);
	if (mapping_of(self, variant) == CONTIG_MAPPING_PFN) {
		EXPECT_EQ(-ENOMEM, ret);
		EXPECT_EQ(-1, alloc.out_fd);
		EXPECT_EQ(pages ? ENOMEM : EOPNOTSUPP,
			  alloc.out_reports[0].error);
		EXPECT_EQ(pages ? CONTIG_BLOCKED_TOO_LARGE :
				  CONTIG_BLOCKED_MAPPING,
			  alloc.out_reports[0].blocked);
		return;
	}
	ASSERT_EQ(0, ret);
	EXPECT_EQ(CONTIG_MAPPING_STRUCT_PAGE, alloc.out_mapping);
	EXPECT_EQ(CONTIG_FRAMES_NOT, alloc.out_frames);
	close(alloc.out_fd);
}

TEST_F_TIMEOUT(rung, demand_for_page_frames, 400)
{
	struct contig_alloc alloc = alloc_request(variant->length,
						  1u << variant->rung);
	int ret;

	alloc.flags = CONTIG_ALLOC_PAGE_FRAMES;
	ret = _test_cmd_alloc(self->fd, &alloc);
	if (variant->rung != CONTIG_RUNG_COHERENT) {
		EXPECT_EQ(-ENOMEM, ret);
		EXPECT_EQ(EOPNOTSUPP, alloc.out_reports[0].error);
		EXPECT_EQ(CONTIG_BLOCKED_MAPPING, alloc.out_reports[0].blocked);
		return;
	}
	if (is_too_large(self, variant)) {
		EXPECT_EQ(-ENOMEM, ret);
		return;
	}
	ASSERT_EQ(0, ret);
	EXPECT_EQ(CONTIG_MAPPING_PFN, alloc.out_mapping);
	EXPECT_EQ(CONTIG_FRAMES_DEMANDED, alloc.out_frames);
	close(alloc.out_fd);
}

TEST_F_TIMEOUT(rung, probe_foretells_it, 400)
{
	struct contig_probe probe = probe_request(variant->length,
						  1u << variant->rung);
	struct snapshot before;
	int fd;

	snapshot_take(&before, self->fd);
	test_probe(self->fd, &probe);
	EXPECT_TRUE(snapshot_is_same(&before, self->fd));
	ASSERT_EQ(1, probe.out_report_count);
	EXPECT_EQ(variant->rung, probe.out_reports[0].rung);
	EXPECT_LE(probe.out_largest, self->info.out_ram_bytes);

	fd = buffer_alloc(self->fd, variant->length, 1u << variant->rung, 0);
	if (fd < 0) {
		EXPECT_EQ(CONTIG_RUNG_NONE, probe.out_rung);
		EXPECT_NE(CONTIG_REMEDY_NONE, probe.out_remedy);
		EXPECT_NE(CONTIG_BLOCKED_NOT, probe.out_reports[0].blocked);
		EXPECT_GT(variant->length, probe.out_reports[0].largest);
		return;
	}
	close(fd);
	EXPECT_EQ(variant->rung, probe.out_rung);
	EXPECT_EQ(CONTIG_REMEDY_NONE, probe.out_remedy);
	EXPECT_EQ(0, probe.out_reports[0].error);
	EXPECT_EQ(CONTIG_BLOCKED_NOT, probe.out_reports[0].blocked);
	if (is_contiguous(variant->rung))
		EXPECT_LE(variant->length, probe.out_largest);
}

FIXTURE(ladder) {
	int fd;
};

FIXTURE_SETUP(ladder) {
	setup_client(self->fd);
}

FIXTURE_TEARDOWN(ladder) {
	close(self->fd);
}

/* The first rung of a mask is tried first, and rungs outside of it never. */
TEST_F(ladder, every_mask_of_rungs)
{
	uint32_t mask, first, i;

	need_reserve(self->fd, KIB(64));
	need_range(self->fd);
	for (mask = 2; mask <= CONTIG_RUNGS_ALL; mask += 2) {
		struct contig_alloc alloc = alloc_request(KIB(64), mask);

		test_alloc(self->fd, &alloc);
		close(alloc.out_fd);
		first = __builtin_ctz(mask);
		EXPECT_EQ(first, alloc.out_rung);
		EXPECT_EQ(1, alloc.out_report_count);
		EXPECT_EQ(first, alloc.out_reports[0].rung);
		for (i = 1; i < CONTIG_REPORTS; i++)
			EXPECT_EQ(CONTIG_RUNG_NONE, alloc.out_reports[i].rung);
	}
}

TEST_F(ladder, mask_of_0_is_all)
{
	struct contig_alloc alloc = alloc_request(KIB(64), 0);

	need_reserve(self->fd, KIB(64));
	test_alloc(self->fd, &alloc);
	EXPECT_EQ(CONTIG_RUNG_RESERVE, alloc.out_rung);
	close(alloc.out_fd);
}

TEST_F(ladder, unknown_rungs)
{
	uint32_t bit;

	for (bit = 0; bit < 32; bit++) {
		struct contig_alloc alloc = alloc_request(KIB(64), 1u << bit);
		struct contig_probe probe = probe_request(KIB(64), 1u << bit);

		if (CONTIG_RUNGS_ALL & 1u << bit)
			continue;
		test_err_alloc(EOPNOTSUPP, self->fd, &alloc);
		test_err_probe(EOPNOTSUPP, self->fd, &probe);
		alloc.rungs = probe.rungs = CONTIG_RUNGS_ALL | 1u << bit;
		test_err_alloc(EOPNOTSUPP, self->fd, &alloc);
		test_err_probe(EOPNOTSUPP, self->fd, &probe);
	}
}

/* Too much for the first two rungs: three reports, in order. */
TEST_F(ladder, goes_down_rung_by_rung)
{
	struct contig_alloc alloc;
	struct contig_info info;
	int taken[64], n = 0;
	uint64_t more;

	test_info(self->fd, &info);
	need_range(self->fd);
	/* More than the page allocator has contiguously. */
	more = info.out_max_order_bytes * 2;
	more = more > MIB(16) ? more : MIB(16);
	/* Take CMA, so that no part of it remains that is so large. */
	while (meminfo_kib("CmaTotal") > 0 && n < 64) {
		taken[n] = buffer_alloc(self->fd, more,
					CONTIG_RUNGS_COHERENT, 0);
		if (taken[n] < 0)
			break;
		n++;
	}
	alloc = alloc_request(info.out_reserve_largest + more, 0);
	test_alloc(self->fd, &alloc);
	close(alloc.out_fd);
	while (n)
		close(taken[--n]);
	ASSERT_EQ(3, alloc.out_report_count);
	EXPECT_EQ(CONTIG_RUNG_RANGE, alloc.out_rung);
	EXPECT_EQ(CONTIG_RUNG_RESERVE, alloc.out_reports[0].rung);
	EXPECT_NE(0, alloc.out_reports[0].error);
	EXPECT_EQ(CONTIG_RUNG_COHERENT, alloc.out_reports[1].rung);
	EXPECT_EQ(ENOMEM, alloc.out_reports[1].error);
	EXPECT_EQ(CONTIG_RUNG_RANGE, alloc.out_reports[2].rung);
	EXPECT_EQ(0, alloc.out_reports[2].error);
	EXPECT_LT(0, alloc.out_reports[2].windows);
}

/* The coherent rung is skipped only if it has just bare page frames. */
TEST_F(ladder, demand_for_struct_pages)
{
	struct contig_alloc alloc = alloc_request(KIB(64),
						  CONTIG_RUNGS_COHERENT |
						  CONTIG_RUNGS_RANGE);
	struct contig_info info;

	need_range(self->fd);
	test_info(self->fd, &info);
	alloc.flags = CONTIG_ALLOC_STRUCT_PAGE;
	test_alloc(self->fd, &alloc);
	close(alloc.out_fd);
	if (coherent_has_pages(&info, KIB(64))) {
		EXPECT_EQ(1, alloc.out_report_count);
		EXPECT_EQ(CONTIG_RUNG_COHERENT, alloc.out_rung);
		EXPECT_EQ(CONTIG_MAPPING_STRUCT_PAGE, alloc.out_mapping);
		return;
	}
	ASSERT_EQ(2, alloc.out_report_count);
	EXPECT_EQ(CONTIG_RUNG_COHERENT, alloc.out_reports[0].rung);
	EXPECT_EQ(EOPNOTSUPP, alloc.out_reports[0].error);
	EXPECT_EQ(CONTIG_BLOCKED_MAPPING, alloc.out_reports[0].blocked);
	EXPECT_EQ(0, alloc.out_reports[0].windows);
	EXPECT_EQ(CONTIG_RUNG_RANGE, alloc.out_reports[1].rung);
	EXPECT_EQ(0, alloc.out_reports[1].error);
	EXPECT_EQ(CONTIG_MAPPING_STRUCT_PAGE, alloc.out_mapping);
}

TEST_F(ladder, demands_exclude_each_other)
{
	struct contig_alloc alloc = alloc_request(KIB(64), 0);
	struct contig_probe probe = probe_request(KIB(64), 0);

	alloc.flags = CONTIG_ALLOC_STRUCT_PAGE | CONTIG_ALLOC_PAGE_FRAMES;
	probe.flags = alloc.flags;
	test_err_alloc(EINVAL, self->fd, &alloc);
	test_err_probe(EINVAL, self->fd, &probe);
}

TEST_F(ladder, length_is_rounded_up)
{
	size_t lengths[] = {
		1, page_size - 1, page_size, page_size + 1, MIB(1) + 1,
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		struct contig_alloc alloc = alloc_request(lengths[i], 0);

		test_alloc(self->fd, &alloc);
		EXPECT_EQ(round_up_page(lengths[i]), alloc.out_length);
		EXPECT_EQ((off_t)round_up_page(lengths[i]),
			  lseek(alloc.out_fd, 0, SEEK_END));
		close(alloc.out_fd);
	}
}

/*
 * The largest contiguous block, which is the purpose of the module. On the
 * debug kernel, pages of the kernel's checkers are spread over memory, and only
 * half as much can be contiguous.
 */
TEST_F_TIMEOUT(ladder, range_gives_256_mib, 400)
{
	const uint64_t size = is_slow_kernel() ? MIB(128) : MIB(256);
	struct contig_alloc alloc = alloc_request(size, CONTIG_RUNGS_RANGE);
	struct contig_info info;
	char *map;

	need_range(self->fd);
	test_info(self->fd, &info);
	if (info.out_ram_bytes < MIB(768))
		SKIP(return, "needs 768 MiB of memory");
	test_alloc(self->fd, &alloc);
	EXPECT_EQ(1, alloc.out_extents);
	map = buffer_map(alloc.out_fd, size);
	ASSERT_NE(NULL, map);
	EXPECT_EQ(pfn_of(map) + size / page_size - 1,
		  pfn_of(map + size - 1));
	test_lock_buffer(self->fd, alloc.out_fd, 0, size, 0);
	EXPECT_TRUE(buffer_translation_is_true(self->fd, alloc.out_fd, map,
					       size));
	close(alloc.out_fd);
}

/*
 * Movable memory is in every window: its contents must be moved without change.
 */
/* Allocate the page frame in which a page of this process lies. */
static int take_frame_of(int client, void *page)
{
	struct contig_alloc alloc = alloc_request(page_size, CONTIG_RUNGS_RANGE);
	int ret;

	alloc.constraints.lowest = pfn_of(page) * page_size;
	alloc.constraints.highest = alloc.constraints.lowest + page_size - 1;
	ret = _test_cmd_alloc(client, &alloc);
	if (!ret)
		close(alloc.out_fd);
	return ret;
}

#define MOVE_MLOCKED CONTIG_PARAMETERS "/move_mlocked"

TEST_F(ladder, range_moves_locked_memory_only_if_that_is_wanted)
{
	size_t length = 16 * pageblock_bytes(), at, moved = 0;
	bool moves = parameter_is("move_mlocked", "Y");
	int cma[CMA_PIECES], n;
	char *memory, *page;
	uint64_t pfn;

	need_range(self->fd);
	quota_lift();
	n = cma_fill(self->fd, cma);
	memory = mmap(NULL, length, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, memory);
	no_huge_pages(memory, length);
	ASSERT_EQ(0, mlock(memory, length));
	close_all(cma, n);
	quota_restore();
	for (at = 0; at < length && moved < 8; at += length / 32) {
		page = memory + at;
		pfn = pfn_of(page);
		ASSERT_EQ(0, write_text(MOVE_MLOCKED, "N"));
		EXPECT_EQ(-ENOMEM, take_frame_of(self->fd, page));
		EXPECT_EQ(pfn, pfn_of(page));
		ASSERT_EQ(0, write_text(MOVE_MLOCKED, "Y"));
		if (!take_frame_of(self->fd, page)) {
			EXPECT_NE(pfn, pfn_of(page));
			moved++;
		}
	}
	write_text(MOVE_MLOCKED, moves ? "Y" : "N");
	EXPECT_LT(0, moved);
	munmap(memory, length);
}

TEST_F_TIMEOUT(ladder, range_moves_memory_and_keeps_its_contents, 400)
{
	size_t length = (size_t)meminfo_kib("MemAvailable") * 1024 * 7 / 10;
	struct contig_alloc alloc = alloc_request(MIB(64), CONTIG_RUNGS_RANGE);
	size_t at, page;
	char *memory;

	need_range(self->fd);
	length &= ~(pages(2) - 1);
	memory = mmap(NULL, length, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, memory);
	no_huge_pages(memory, length);
	/* One call instead of a fault for each page below. */
	madvise(memory, length, MADV_POPULATE_WRITE);
	for (at = 0; at < length; at += page_size)
		*(uint64_t *)(memory + at) = at | 1;
	/* Every second page is free: no two free pages are adjacent. */
	for (at = 0; at < length; at += pages(2))
		ASSERT_EQ(0, madvise(memory + at, page_size, MADV_DONTNEED));
	test_alloc(self->fd, &alloc);
	EXPECT_EQ(1, alloc.out_extents);
	for (at = page_size, page = 0; at < length; at += pages(2))
		page += *(uint64_t *)(memory + at) != (at | 1);
	EXPECT_EQ(0, page);
	close(alloc.out_fd);
}

/*
 * Allocate this memory. Return a descriptor or a negative errno, and how many
 * windows were tried.
 */
static int take_at(int client, uint64_t addr, uint64_t length, uint32_t *windows)
{
	struct contig_alloc alloc = alloc_request(length, CONTIG_RUNGS_RANGE);
	int ret;

	alloc.constraints.lowest = addr;
	alloc.constraints.highest = addr + length - 1;
	ret = _test_cmd_alloc(client, &alloc);
	*windows = alloc.out_report_count ? alloc.out_reports[0].windows : 0;
	return ret ?: alloc.out_fd;
}

/*
 * A window is emptied in steps of 16 MiB. If the second step fails, since a
 * page of it is in a pipe, which cannot be seen in advance, each page of the
 * first step is freed: it can be allocated again. A lost page would block the
 * window for good.
 */
TEST_F_TIMEOUT(ladder, range_gives_back_a_window_that_fails_halfway, 400)
{
	int tries, ends[2], first = -1, again = -1, whole, done = 0;
	const uint64_t step = MIB(16);
	uint32_t windows;
	struct iovec iov;
	uint64_t start;
	char *page;

	need_range(self->fd);
	for (tries = 0; tries < 40 && done < 3; tries++) {
		ASSERT_EQ(0, pipe(ends));
		page = mmap(NULL, MIB(1), PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
		ASSERT_NE(MAP_FAILED, page);
		iov = (struct iovec){ page, page_size };
		ASSERT_EQ((ssize_t)page_size, vmsplice(ends[1], &iov, 1, 0));
		start = (pfn_of(page) * page_size & ~(step - 1)) - step;
		first = start > ram_start() + step ?
			take_at(self->fd, start, step, &windows) : -1;
		close(first);
		whole = first < 0 ? first :
			take_at(self->fd, start, 2 * step, &windows);
		if (first >= 0 && whole < 0 && windows) {
			again = take_at(self->fd, start, step, &windows);
			EXPECT_LE(0, again);
			close(again);
			done++;
		}
		close(whole);
		close(ends[0]);
		close(ends[1]);
		/* Keep this page, so that the next one lies elsewhere. */
	}
	EXPECT_LT(0, done)
		TH_LOG("no page was found that blocks a window");
}

TEST_HARNESS_MAIN
