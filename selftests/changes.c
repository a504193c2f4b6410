// SPDX-License-Identifier: GPL-2.0-only
/*
 * What becomes of a lock when the memory behind its addresses changes. One rule
 * holds for all cases: an address that translates, translates to the memory
 * that is there.
 */
#include <linux/falloc.h>

#include "kselftest_harness.h"
#include "contig_utils.h"

#define PAGES 8

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif
#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

FIXTURE(change) {
	int fd;
	int file;
	char *map;
};

enum kind { ANON, MEMFD, BUFFER, BUFFER_PFN };

FIXTURE_VARIANT(change) {
	enum kind kind;
};

FIXTURE_VARIANT_ADD(change, anon) { .kind = ANON };
FIXTURE_VARIANT_ADD(change, memfd) { .kind = MEMFD };
FIXTURE_VARIANT_ADD(change, buffer) { .kind = BUFFER };
FIXTURE_VARIANT_ADD(change, buffer_pfn) { .kind = BUFFER_PFN };

FIXTURE_SETUP(change) {
	setup_client(self->fd);
	self->file = -1;
	switch (variant->kind) {
	case ANON:
		self->map = anon_map(pages(PAGES));
		break;
	case MEMFD:
		self->file = memfd_create("contig", MFD_CLOEXEC);
		ASSERT_EQ(0, ftruncate(self->file, pages(PAGES)));
		self->map = buffer_map(self->file, pages(PAGES));
		break;
	case BUFFER:
	case BUFFER_PFN:
		self->file = variant->kind == BUFFER ?
			buffer_get(self->fd, pages(PAGES),
				   CONTIG_RUNGS_SCATTER) :
			buffer_alloc(self->fd, pages(PAGES),
				     CONTIG_RUNGS_COHERENT,
				     CONTIG_ALLOC_PAGE_FRAMES);
		ASSERT_LE(0, self->file);
		self->map = buffer_map(self->file, pages(PAGES));
		break;
	}
	ASSERT_NE(NULL, self->map);
	fill_pattern(self->map, pages(PAGES), 1);
	test_lock(self->fd, self->map, pages(PAGES), 0);
}

FIXTURE_TEARDOWN(change) {
	if (self->file >= 0)
		close(self->file);
	close(self->fd);
}

/*
 * Return true if the pages translate to the memory that is there. pagemap has
 * no page frames for PFN mappings.
 */
static bool is_true(FIXTURE_DATA(change) *self,
		    const FIXTURE_VARIANT(change) *variant, char *at, size_t n)
{
	if (variant->kind != BUFFER_PFN)
		return translation_is_true(self->fd, at, pages(n));
	return _test_cmd_count(self->fd, at, pages(n)) > 0;
}

#define expect_stale(at) do { \
	test_err_count(ESTALE, self->fd, at, page_size); \
	EXPECT_EQ(-ESTALE, translate_one(self->fd, at)); \
	EXPECT_EQ(CONTIG_PAGE_STALE | CONTIG_PAGE_LOCKED | CONTIG_PAGE_HELD, \
		  page_state(self->fd, at).state & ~CONTIG_PAGE_BUFFER); \
} while (0)

static int translate_one(int client, const volatile void *addr)
{
	struct contig_extent e = { .addr = 0x5a5a };
	struct contig_get_physical cmd = {
		.size = sizeof(cmd),
		.addr = to_addr(addr),
		.length = 1,
		.extents = to_addr(&e),
		.count = 1,
	};
	int ret = _test_cmd_get_physical(client, &cmd);

	if (ret && (e.addr != 0x5a5a || cmd.count != 1 || cmd.length != 1))
		return -EPROTO;	/* it changed something in spite of the error */
	return ret;
}

TEST_F(change, unmapped)
{
	ASSERT_EQ(0, munmap(self->map, pages(PAGES)));
	expect_stale(self->map);
	expect_stale(self->map + pages(PAGES - 1));
	test_unlock(self->fd, self->map, pages(PAGES));
	test_err_count(ENOLCK, self->fd, self->map, page_size);
	test_err_unlock(ENOLCK, self->fd, self->map, page_size);
}

TEST_F(change, unmapped_in_part)
{
	ASSERT_EQ(0, munmap(self->map + pages(3), pages(2)));
	EXPECT_TRUE(is_true(self, variant, self->map, 3));
	EXPECT_TRUE(is_true(self, variant, self->map + pages(5), 3));
	expect_stale(self->map + pages(3));
	expect_stale(self->map + pages(4));
	/*
	 * One stale page makes the whole range stale, for counts and
	 * translations.
	 */
	test_err_count(ESTALE, self->fd, self->map, pages(PAGES));
	test_unlock(self->fd, self->map, pages(PAGES));
	test_err_unlock(ENOLCK, self->fd, self->map, page_size);
}

TEST_F(change, replaced_by_other_memory)
{
	char *other = mmap(self->map + page_size, page_size,
			   PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS |
			   MAP_FIXED | MAP_POPULATE, -1, 0);

	ASSERT_EQ(self->map + page_size, other);
	expect_stale(other);
	/* It can be locked only after the old lock is gone. */
	test_err_lock(ESTALE, self->fd, other, page_size, 0);
	test_err_lock(ESTALE, self->fd, self->map, pages(PAGES), 0);
	EXPECT_EQ(1, page_state(self->fd, self->map).locks);
	test_unlock(self->fd, other, page_size);
	test_lock(self->fd, other, page_size, 0);
	EXPECT_TRUE(translation_is_true(self->fd, other, page_size));
	test_unlock(self->fd, self->map, pages(PAGES));
}

/* The same memory, but not at these addresses. */
TEST_F(change, replaced_by_another_part_of_it)
{
	char *at = self->map + pages(2);

	if (variant->kind == ANON)
		return;
	ASSERT_EQ(at, mmap(at, page_size, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_FIXED, self->file, pages(5)));
	expect_stale(at);
	EXPECT_TRUE(is_true(self, variant, self->map, 2));
	EXPECT_TRUE(is_true(self, variant, self->map + pages(3), PAGES - 3));
	/* Put back, the page is where it was locked; either answer is right. */
	ASSERT_EQ(at, mmap(at, page_size, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_FIXED, self->file, pages(2)));
	EXPECT_TRUE(translate_one(self->fd, at) == -ESTALE ||
		    is_true(self, variant, self->map, PAGES));
	test_unlock(self->fd, self->map, pages(PAGES));
	EXPECT_TRUE(has_pattern(self->map, pages(PAGES), 1));
}

TEST_F(change, moved)
{
	char *area = mmap(NULL, pages(PAGES), PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *map;

	ASSERT_NE(MAP_FAILED, area);
	map = mremap(self->map, pages(PAGES), pages(PAGES),
		     MREMAP_MAYMOVE | MREMAP_FIXED, area);
	ASSERT_EQ(area, map);
	EXPECT_TRUE(has_pattern(map, pages(PAGES), 1));
	expect_stale(self->map);
	/* The lock stayed with the addresses; the new ones have none. */
	test_err_count(ENOLCK, self->fd, map, page_size);
	test_lock(self->fd, map, pages(PAGES), 0);
	EXPECT_TRUE(is_true(self, variant, map, PAGES));
	expect_stale(self->map);
	test_unlock(self->fd, self->map, pages(PAGES));
	EXPECT_TRUE(is_true(self, variant, map, PAGES));
	test_unlock(self->fd, map, pages(PAGES));
	EXPECT_TRUE(has_pattern(map, pages(PAGES), 1));
}

TEST_F(change, moved_away_but_still_mapped)
{
	char *map;

	map = mremap(self->map, pages(PAGES), pages(PAGES),
		     MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
	if (map == MAP_FAILED) {
		/* The kernel does not do it with mappings that cannot grow. */
		EXPECT_LE(BUFFER, variant->kind);
		EXPECT_TRUE(is_true(self, variant, self->map, PAGES));
		return;
	}
	if (variant->kind == ANON) {
		expect_stale(self->map);
		EXPECT_EQ(0, self->map[0]);	/* new memory now */
		expect_stale(self->map);
	} else {
		/* The page of the file is found again when it is accessed. */
		EXPECT_EQ(map[0], self->map[0]);
		EXPECT_TRUE(translate_one(self->fd, self->map) == -ESTALE ||
			    is_true(self, variant, self->map, PAGES));
	}
	test_unlock(self->fd, self->map, pages(PAGES));
}

TEST_F(change, shrunk)
{
	ASSERT_EQ(self->map, mremap(self->map, pages(PAGES), pages(4), 0));
	EXPECT_TRUE(is_true(self, variant, self->map, 4));
	expect_stale(self->map + pages(4));
	test_unlock(self->fd, self->map, pages(PAGES));
}

TEST_F(change, protected)
{
	/* Protection does not change where the memory is. */
	ASSERT_EQ(0, mprotect(self->map, pages(PAGES), PROT_READ));
	EXPECT_TRUE(is_true(self, variant, self->map, PAGES));
	ASSERT_EQ(0, mprotect(self->map, pages(PAGES),
			      PROT_READ | PROT_WRITE));
	fill_pattern(self->map, pages(PAGES), 2);
	EXPECT_TRUE(is_true(self, variant, self->map, PAGES));
	ASSERT_EQ(0, mprotect(self->map, pages(PAGES), PROT_NONE));
	ASSERT_EQ(0, mprotect(self->map, pages(PAGES),
			      PROT_READ | PROT_WRITE));
	EXPECT_TRUE(has_pattern(self->map, pages(PAGES), 2));
	EXPECT_TRUE(is_true(self, variant, self->map, PAGES));
	test_unlock(self->fd, self->map, pages(PAGES));
}

/* contig has to check the page while the process may not read it. */
static void touch_unreadable(char *map)
{
	madvise(map, pages(PAGES), MADV_PAGEOUT);
}

static bool is_where(int fd, char *map, const struct contig_extent *extents,
		     int64_t n)
{
	struct contig_extent *now;
	int64_t count = translate_all(fd, -1, to_addr(map), pages(PAGES), 0,
				      &now);
	bool same = count == n && !memcmp(now, extents, n * sizeof(*now));

	if (count > 0)
		free(now);
	return same;
}

TEST_F(change, unreadable)
{
	struct contig_extent *extents;
	int64_t n;
	int key;

	n = translate_all(self->fd, -1, to_addr(self->map), pages(PAGES), 0,
			  &extents);
	ASSERT_LT(0, n);
	ASSERT_EQ(0, mprotect(self->map, pages(PAGES), PROT_NONE));
	touch_unreadable(self->map);
	EXPECT_TRUE(is_where(self->fd, self->map, extents, n));
	ASSERT_EQ(0, mprotect(self->map, pages(PAGES),
			      PROT_READ | PROT_WRITE));
	/* Only on processors that have protection keys. */
	key = pkey_alloc(0, PKEY_DISABLE_ACCESS);
	if (key >= 0) {
		ASSERT_EQ(0, pkey_mprotect(self->map, pages(PAGES), PROT_READ |
					   PROT_WRITE, key));
		touch_unreadable(self->map);
		EXPECT_TRUE(is_where(self->fd, self->map, extents, n));
		ASSERT_EQ(0, pkey_set(key, 0));
	}
	EXPECT_TRUE(has_pattern(self->map, pages(PAGES), 1));
	EXPECT_TRUE(is_true(self, variant, self->map, PAGES));
	test_unlock(self->fd, self->map, pages(PAGES));
	free(extents);
}

TEST_F(change, dropped_by_madvise)
{
	uint64_t before = pfn_of(self->map);
	int ret;

	ret = madvise(self->map, page_size, MADV_DONTNEED);
	if (ret && variant->kind == BUFFER_PFN)
		return;		/* the kernel refuses it for PFN mappings */
	ASSERT_EQ(0, ret);
	if (variant->kind == ANON) {
		/*
		 * The old page is gone, and does not return when the address is
		 * accessed.
		 */
		expect_stale(self->map);
		EXPECT_EQ(0, self->map[0]);
		EXPECT_NE(before, pfn_of(self->map));
		expect_stale(self->map);
		test_unlock(self->fd, self->map, page_size);
		test_lock(self->fd, self->map, page_size, 0);
		EXPECT_TRUE(is_true(self, variant, self->map, 1));
	} else {
		/*
		 * Shared memory: the same page comes back; either answer is
		 * right.
		 */
		EXPECT_TRUE(has_pattern(self->map, page_size, 1));
		EXPECT_EQ(before, pfn_of(self->map));
		ret = translate_one(self->fd, self->map);
		EXPECT_TRUE(ret == -ESTALE ||
			    is_true(self, variant, self->map, 1));
	}
	EXPECT_TRUE(is_true(self, variant, self->map + page_size, PAGES - 1));
	test_unlock(self->fd, self->map, pages(PAGES));
}

TEST_F(change, advice_that_keeps_it)
{
	int advice[] = { MADV_NORMAL, MADV_RANDOM, MADV_WILLNEED, MADV_COLD,
			 MADV_PAGEOUT, MADV_MERGEABLE, MADV_UNMERGEABLE,
			 MADV_DONTFORK, MADV_DOFORK, MADV_NOHUGEPAGE };
	size_t i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(advice); i++) {
		madvise(self->map, pages(PAGES), advice[i]);
		EXPECT_TRUE(has_pattern(self->map, pages(PAGES), 1))
			TH_LOG("advice %d", advice[i]);
		ret = translate_one(self->fd, self->map);
		EXPECT_TRUE(ret == -ESTALE ||
			    is_true(self, variant, self->map, PAGES))
			TH_LOG("advice %d", advice[i]);
	}
	test_unlock(self->fd, self->map, pages(PAGES));
}

TEST_F_TIMEOUT(change, memory_stays_with_the_lock, 400)
{
	size_t much = times(MIB(320));
	char *taken = mmap(NULL, much, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct contig_extent *ours, *others;
	uint64_t seen, offset;
	int64_t n, m, i, j;

	n = translate_all(self->fd, -1, to_addr(self->map), pages(PAGES), 0,
			  &ours);
	ASSERT_LT(0, n);
	ASSERT_EQ(0, munmap(self->map, pages(PAGES)));
	if (self->file >= 0)
		close(self->file);
	self->file = -1;

	/* Memory that is allocated now must be other memory. */
	ASSERT_NE(MAP_FAILED, taken);
	memset(taken, 0x77, much);
	m = pagemap_extents(taken, much, &others);
	ASSERT_LT(0, m);
	for (i = 0; i < n; i++)
		for (j = 0; j < m; j++)
			EXPECT_TRUE(ours[i].addr + ours[i].length <=
				    others[j].addr || ours[i].addr >=
				    others[j].addr + others[j].length);

	/* Nothing else writes there: a device finds what was left. */
	fill_pattern(taken, pages(PAGES), 1);
	for (i = 0, j = 0; kcore_usable() && i < n; i++) {
		for (offset = 0; offset < ours[i].length;
		     offset += page_size) {
			ASSERT_TRUE(kcore_read(ours[i].addr + offset, &seen,
					       sizeof(seen)));
			EXPECT_EQ(*(uint64_t *)(taken + pages(j++)), seen);
		}
	}
	free(ours);
	free(others);
	test_unlock(self->fd, self->map, pages(PAGES));
	munmap(taken, much);
}

TEST_F(change, many_times)
{
	char *area = mmap(NULL, pages(2 * PAGES), PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct snapshot before;
	char *map = self->map;
	int i;

	ASSERT_NE(MAP_FAILED, area);
	test_unlock(self->fd, map, pages(PAGES));
	snapshot_take(&before, self->fd);
	for (i = 0; i < 30; i++) {
		char *to = area + pages(i & 1 ? PAGES : 0);

		test_lock(self->fd, map, pages(PAGES), 0);
		ASSERT_EQ(to, mremap(map, pages(PAGES), pages(PAGES),
				     MREMAP_MAYMOVE | MREMAP_FIXED, to));
		test_err_count(ESTALE, self->fd, map, page_size);
		test_unlock(self->fd, map, pages(PAGES));
		map = to;
	}
	EXPECT_TRUE(snapshot_is_same(&before, self->fd));
	EXPECT_TRUE(has_pattern(map, pages(PAGES), 1));
}

FIXTURE(file) {
	int fd;
	int file;
	char *map;
};

FIXTURE_SETUP(file) {
	setup_client(self->fd);
	self->file = memfd_create("contig", MFD_CLOEXEC);
	ASSERT_EQ(0, ftruncate(self->file, pages(PAGES)));
	self->map = buffer_map(self->file, pages(PAGES));
	ASSERT_NE(NULL, self->map);
	fill_pattern(self->map, pages(PAGES), 1);
	test_lock(self->fd, self->map, pages(PAGES), 0);
}

FIXTURE_TEARDOWN(file) {
	close(self->file);
	close(self->fd);
}

TEST_F(file, truncated)
{
	ASSERT_EQ(0, ftruncate(self->file, pages(4)));
	EXPECT_TRUE(translation_is_true(self->fd, self->map, pages(4)));
	expect_stale(self->map + pages(4));
	/* Extended again, the file has new pages there. */
	ASSERT_EQ(0, ftruncate(self->file, pages(PAGES)));
	EXPECT_EQ(0, self->map[pages(4)]);
	expect_stale(self->map + pages(4));
	test_unlock(self->fd, self->map, pages(PAGES));
}

TEST_F(file, hole_punched)
{
	ASSERT_EQ(0, fallocate(self->file, FALLOC_FL_PUNCH_HOLE |
			       FALLOC_FL_KEEP_SIZE, pages(2), page_size));
	EXPECT_TRUE(translation_is_true(self->fd, self->map, pages(2)));
	expect_stale(self->map + pages(2));
	EXPECT_EQ(0, self->map[pages(2)]);
	expect_stale(self->map + pages(2));
	test_unlock(self->fd, self->map, pages(PAGES));
}

TEST_F(file, written_by_write)
{
	ASSERT_EQ(3, pwrite(self->file, "abc", 3, pages(1)));
	EXPECT_EQ(0, memcmp(self->map + pages(1), "abc", 3));
	EXPECT_TRUE(translation_is_true(self->fd, self->map, pages(PAGES)));
	test_unlock(self->fd, self->map, pages(PAGES));
}

/* A private mapping whose pages are still those of the file. */
TEST_F(file, copied_on_write)
{
	char *map = mmap(NULL, pages(PAGES), PROT_READ | PROT_WRITE,
			 MAP_PRIVATE, self->file, 0);
	uint32_t flags;

	ASSERT_NE(MAP_FAILED, map);
	for (flags = 0; flags <= CONTIG_LOCK_OUTPUT;
	     flags += CONTIG_LOCK_OUTPUT) {
		char *at = map + (flags ? page_size : 0);

		(void)*(volatile char *)at;
		test_lock(self->fd, at, page_size, flags);
		EXPECT_TRUE(translation_is_true(self->fd, at, page_size));
		*at ^= 1;
		EXPECT_TRUE(translation_is_true(self->fd, at, page_size));
		EXPECT_NE(*at, self->map[flags ? page_size : 0]);
		test_unlock(self->fd, at, page_size);
	}
}

FIXTURE(thp) {
	int fd;
	char *map;
	uint64_t length;
};

FIXTURE_SETUP(thp) {
	char *area;

	setup_client(self->fd);
	self->length = huge_page_bytes();
	if (!self->length)
		SKIP(return, "no huge pages");
	area = mmap(NULL, 2 * self->length, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, area);
	self->map = to_pointer((to_addr(area) + self->length - 1) &
			       -self->length);
	madvise(self->map, self->length, MADV_HUGEPAGE);
	fill_pattern(self->map, self->length, 1);
	if (!page_flag(self->map, KPF_THP))
		SKIP(return, "no transparent huge page");
}

FIXTURE_TEARDOWN(thp) {
	close(self->fd);
}

TEST_F(thp, unmapped_in_part)
{
	const size_t half = self->length / 2;
	char *middle = self->map + half;

	test_lock(self->fd, self->map, self->length, 0);
	ASSERT_EQ(0, munmap(middle, pages(2)));
	EXPECT_TRUE(translation_is_true(self->fd, self->map, half));
	expect_stale(middle);
	EXPECT_TRUE(translation_is_true(self->fd, middle + pages(2),
					half - pages(2)));
	EXPECT_TRUE(has_pattern(self->map, half, 1));
	test_unlock(self->fd, self->map, self->length);
}

TEST_F(thp, split_by_protection)
{
	test_lock(self->fd, self->map + pages(100), pages(10), 0);
	ASSERT_EQ(0, mprotect(self->map + pages(105), page_size, PROT_READ));
	EXPECT_TRUE(translation_is_true(self->fd, self->map + pages(100),
					pages(10)));
	ASSERT_EQ(0, madvise(self->map, pages(50), MADV_DONTNEED));
	EXPECT_TRUE(translation_is_true(self->fd, self->map + pages(100),
					pages(10)));
	test_unlock(self->fd, self->map + pages(100), pages(10));
}

TEST_HARNESS_MAIN
