// SPDX-License-Identifier: GPL-2.0-only
/*
 * GET_PHYSICAL: counting, short tables, exact bytes, maximal extents, and the
 * right to see physical addresses.
 */
#include "kselftest_harness.h"
#include "contig_utils.h"

#define PAGES 64
#define CANARY 0x5a5a5a5a5a5a5a5aull

FIXTURE(translate) {
	int fd;
	char *memory;
	int64_t needed;
	struct contig_extent extents[PAGES + 8];
	struct contig_get_physical cmd;
};

FIXTURE_SETUP(translate) {
	char *other;
	int i;

	setup_client(self->fd);
	/* Alternate with other memory, so that it is not one extent. */
	self->memory = mmap(NULL, pages(PAGES), PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	other = mmap(NULL, pages(PAGES), PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->memory);
	ASSERT_NE(MAP_FAILED, other);
	for (i = 0; i < PAGES; i++) {
		self->memory[pages(i)] = 1;
		if (i % 3 == 2)
			other[pages(i)] = 1;
	}
	test_lock(self->fd, self->memory, pages(PAGES), 0);
	self->needed = _test_cmd_count(self->fd, self->memory, pages(PAGES));
	ASSERT_LT(1, self->needed);
	self->cmd = (struct contig_get_physical) {
		.size = sizeof(self->cmd),
		.addr = to_addr(self->memory),
		.length = pages(PAGES),
		.extents = to_addr(self->extents),
		.count = ARRAY_SIZE(self->extents),
	};
	memset(self->extents, 0x5a, sizeof(self->extents));
}

FIXTURE_TEARDOWN(translate) {
	close(self->fd);
}

TEST_F(translate, agrees_with_pagemap)
{
	EXPECT_TRUE(translation_is_true(self->fd, self->memory, pages(PAGES)));
}

TEST_F(translate, whole_range_at_once)
{
	uint64_t sum = 0;
	uint32_t i;

	test_get_physical(self->fd, &self->cmd);
	EXPECT_EQ(self->needed, self->cmd.count);
	EXPECT_EQ(0, self->cmd.length);
	EXPECT_EQ(to_addr(self->memory + pages(PAGES)), self->cmd.addr);
	for (i = 0; i < self->cmd.count; i++) {
		sum += self->extents[i].length;
		/* No extent could be longer. */
		if (i)
			EXPECT_NE(self->extents[i - 1].addr +
				  self->extents[i - 1].length,
				  self->extents[i].addr);
	}
	EXPECT_EQ(pages(PAGES), sum);
	/* Entries that were not needed are unchanged. */
	EXPECT_EQ(CANARY, self->extents[self->cmd.count].addr);
}

TEST_F(translate, count_only)
{
	struct contig_get_physical before;
	uint64_t pointers[] = { to_addr(self->extents), 0, 1, ~0ull };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(pointers); i++) {
		self->cmd.count = 0;
		self->cmd.extents = pointers[i];
		before = self->cmd;
		test_get_physical(self->fd, &self->cmd);
		EXPECT_EQ(self->needed, self->cmd.count);
		self->cmd.count = 0;
		EXPECT_EQ(0, memcmp(&before, &self->cmd, sizeof(before)));
	}
	EXPECT_EQ(CANARY, self->extents[0].addr);
}

TEST_F(translate, exactly_enough_room)
{
	self->cmd.count = self->needed;
	test_get_physical(self->fd, &self->cmd);
	EXPECT_EQ(self->needed, self->cmd.count);
	EXPECT_EQ(0, self->cmd.length);
}

TEST_F(translate, one_too_few)
{
	self->cmd.count = self->needed - 1;
	test_get_physical(self->fd, &self->cmd);
	EXPECT_EQ(self->needed - 1, self->cmd.count);
	EXPECT_NE(0, self->cmd.length);
	EXPECT_EQ(to_addr(self->memory + pages(PAGES)),
		  self->cmd.addr + self->cmd.length);
	EXPECT_EQ(CANARY, self->extents[self->needed - 1].addr);
	/* Called again with the returned structure, it continues to the end. */
	test_get_physical(self->fd, &self->cmd);
	EXPECT_EQ(1, self->cmd.count);
	EXPECT_EQ(0, self->cmd.length);
}

/* Tables of all sizes get the same extents, cut only at the end of a table. */
TEST_F(translate, short_tables)
{
	uint32_t sizes[] = { 1, 2, 3, 7, 8, 33 };
	struct contig_extent *want, *got;
	int64_t n;
	size_t i;

	n = translate_all(self->fd, -1, to_addr(self->memory), pages(PAGES), 0,
			  &want);
	ASSERT_EQ(self->needed, n);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		n = translate_all(self->fd, -1, to_addr(self->memory),
				  pages(PAGES), sizes[i], &got);
		ASSERT_EQ(self->needed, n);
		EXPECT_EQ(0, memcmp(want, got, n * sizeof(*got)));
		free(got);
	}
	free(want);
}

TEST_F(translate, exact_bytes)
{
	const size_t page = page_size;
	size_t starts[] = { 0, 1, 511, page - 1, page, page + 1, 3 * page + 1 };
	size_t lengths[] = { 1, 2, 511, page - 1, page, page + 1, 2 * page,
			     10 * page - 960 };
	size_t s, l, wrong = 0;

	for (s = 0; s < ARRAY_SIZE(starts); s++)
		for (l = 0; l < ARRAY_SIZE(lengths); l++)
			wrong += !translation_is_true(self->fd,
						      self->memory + starts[s],
						      lengths[l]);
	EXPECT_EQ(0, wrong);
}

TEST_F(translate, start_and_end_inside_pages)
{
	self->cmd.addr += 123;
	self->cmd.length = 456;
	test_get_physical(self->fd, &self->cmd);
	ASSERT_EQ(1, self->cmd.count);
	EXPECT_EQ(pfn_of(self->memory) * page_size + 123,
		  self->extents[0].addr);
	EXPECT_EQ(456, self->extents[0].length);
	EXPECT_EQ(to_addr(self->memory) + 123 + 456, self->cmd.addr);
}

TEST_F(translate, enormous_count)
{
	self->cmd.count = UINT32_MAX;
	test_get_physical(self->fd, &self->cmd);
	EXPECT_EQ(self->needed, self->cmd.count);
}

TEST_F(translate, merges_what_separate_locks_cover)
{
	int client = client_open(), fd, i;
	struct contig_extent *e;
	char *map;

	fd = buffer_get(self->fd, pages(8), CONTIG_RUNGS_CONTIGUOUS);
	ASSERT_LE(0, fd);
	map = buffer_map(fd, pages(8));
	ASSERT_NE(NULL, map);
	for (i = 0; i < 8; i++)
		test_lock(client, map + pages(i), page_size,
			  i & 1 ? CONTIG_LOCK_OUTPUT : 0);
	EXPECT_EQ(1, _test_cmd_count(client, map, pages(8)));
	EXPECT_EQ(1, _test_cmd_count(client, map + 1, pages(8) - 2));
	/* Also when they are not just counted. */
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(1, translate_all(client, -1, to_addr(map) + 1,
					   pages(8) - 2, i, &e));
		EXPECT_EQ(pages(8) - 2, e[0].length);
		free(e);
	}
	self->cmd.addr = to_addr(map);
	self->cmd.length = pages(8);
	ASSERT_EQ(0, _test_cmd_get_physical(client, &self->cmd));
	EXPECT_EQ(1, self->cmd.count);
	EXPECT_EQ(0, self->cmd.length);
	close(client);
	close(fd);
}

TEST_F(translate, needs_the_whole_range_locked)
{
	struct contig_get_physical before;

	test_unlock(self->fd, self->memory + pages(PAGES - 1), 1);
	before = self->cmd;
	test_err_get_physical(ENOLCK, self->fd, &self->cmd);
	EXPECT_EQ(0, memcmp(&before, &self->cmd, sizeof(before)));
	EXPECT_EQ(CANARY, self->extents[0].addr);
	test_err_count(ENOLCK, self->fd, self->memory, pages(PAGES));
	/* Even if the table ends before the page that is not locked. */
	self->cmd.count = 1;
	test_err_get_physical(ENOLCK, self->fd, &self->cmd);
	EXPECT_EQ(1, self->cmd.count);
	EXPECT_EQ(CANARY, self->extents[0].addr);
}

TEST_F(translate, table_that_cannot_be_written)
{
	char *guarded = anon_map(pages(2));
	struct contig_get_physical before;
	uint64_t bad[] = {
		0, 1, ~0ull, 0xffff888000000000ull,
		to_addr(guarded + page_size),
		to_addr(guarded + page_size) - sizeof(self->extents[0]),
	};
	size_t i;

	ASSERT_NE(NULL, guarded);
	ASSERT_EQ(0, mprotect(guarded + page_size, page_size, PROT_READ));
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		self->cmd.extents = bad[i];
		before = self->cmd;
		test_err_get_physical(EFAULT, self->fd, &self->cmd);
		EXPECT_EQ(0, memcmp(&before, &self->cmd, sizeof(before)))
			TH_LOG("table at %#llx", (unsigned long long)bad[i]);
	}
}

TEST_F(translate, table_in_the_locked_memory)
{
	self->cmd.extents = to_addr(self->memory);
	test_get_physical(self->fd, &self->cmd);
	EXPECT_EQ(0, self->cmd.length);
	EXPECT_EQ(pfn_of(self->memory) * page_size,
		  ((struct contig_extent *)self->memory)->addr);
}

TEST_F(translate, empty_range)
{
	self->cmd.length = 0;
	test_err_get_physical(EINVAL, self->fd, &self->cmd);
	self->cmd.count = 0;
	test_err_get_physical(EINVAL, self->fd, &self->cmd);
}

TEST_F_TIMEOUT(translate, every_page_of_much_memory, 400)
{
	char *much = mmap(NULL, MIB(64), PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t at;

	ASSERT_NE(MAP_FAILED, much);
	no_huge_pages(much, MIB(64));
	/* Backwards, so that pages are not adjacent. */
	for (at = MIB(64); at; at -= page_size)
		much[at - 1] = 1;
	test_lock(self->fd, much, MIB(64), 0);
	EXPECT_TRUE(translation_is_true(self->fd, much, MIB(64)));
	EXPECT_TRUE(translation_is_true(self->fd, much + MIB(9) + 77,
					MIB(20) + 3));
}

FIXTURE(buffer) {
	int fd;
	int buffer;
	char *map;
	size_t length;
};

FIXTURE_VARIANT(buffer) {
	uint32_t rung;
};

variant_of_each_rung(buffer);

FIXTURE_SETUP(buffer) {
	setup_client(self->fd);
	need_rung(self->fd, variant->rung, KIB(256));
	self->length = KIB(256);
	setup_buffer(self, buffer_get(self->fd, self->length,
				      1u << variant->rung));
}

FIXTURE_TEARDOWN(buffer) {
	close(self->buffer);
	close(self->fd);
}

TEST_F(buffer, needs_a_lock)
{
	EXPECT_EQ(-ENOLCK, _test_cmd_count_buffer(self->fd, self->buffer, 0,
						  self->length));
	test_lock_buffer(self->fd, self->buffer, 0, page_size, 0);
	EXPECT_EQ(-ENOLCK, _test_cmd_count_buffer(self->fd, self->buffer, 0,
						  self->length));
	EXPECT_EQ(1, _test_cmd_count_buffer(self->fd, self->buffer, 0,
					    page_size));
}

TEST_F(buffer, is_true)
{
	test_lock_buffer(self->fd, self->buffer, 0, self->length, 0);
	EXPECT_TRUE(buffer_translation_is_true(self->fd, self->buffer,
					       self->map, self->length));
}

/* The same memory has the same addresses by address and by descriptor. */
TEST_F(buffer, is_the_same_by_address)
{
	struct contig_extent *a, *b;
	int64_t na, nb;

	test_lock_buffer(self->fd, self->buffer, 0, self->length, 0);
	test_lock(self->fd, self->map, self->length, 0);
	na = translate_all(self->fd, self->buffer, 1000, self->length - 3000, 0,
			   &a);
	nb = translate_all(self->fd, -1, to_addr(self->map) + 1000,
			   self->length - 3000, 3, &b);
	ASSERT_LT(0, na);
	ASSERT_EQ(na, nb);
	EXPECT_EQ(0, memcmp(a, b, na * sizeof(*a)));
	free(a);
	free(b);
}

TEST_F(buffer, survives_the_mapping)
{
	test_lock_buffer(self->fd, self->buffer, 0, self->length, 0);
	munmap(self->map, self->length);
	self->map = buffer_map(self->buffer, self->length);
	ASSERT_NE(NULL, self->map);
	EXPECT_TRUE(buffer_translation_is_true(self->fd, self->buffer,
					       self->map, self->length));
}

FIXTURE(rights) {
	int fd;
	char *memory;
	struct contig_extent extent;
	struct contig_get_physical cmd;
};

FIXTURE_SETUP(rights) {
	setup_client(self->fd);
	self->memory = anon_map(page_size);
	ASSERT_NE(NULL, self->memory);
	test_lock(self->fd, self->memory, page_size, 0);
	self->cmd = (struct contig_get_physical) {
		.size = sizeof(self->cmd),
		.addr = to_addr(self->memory),
		.length = page_size,
		.extents = to_addr(&self->extent),
		.count = 1,
	};
}

FIXTURE_TEARDOWN(rights) {
	close(self->fd);
}

#define expect_feature(on) do { \
	struct contig_info _info; \
	test_info(self->fd, &_info); \
	EXPECT_EQ(on, !!(_info.out_features & \
			 CONTIG_FEATURE_PHYSICAL_ALLOWED)); \
} while (0)

TEST_F(rights, without_the_capability)
{
	struct contig_get_physical before = self->cmd;

	expect_feature(true);
	ASSERT_EQ(0, drop_cap(CAP_SYS_RAWIO_NR));
	expect_feature(false);
	test_err_get_physical(EPERM, self->fd, &self->cmd);
	EXPECT_EQ(0, memcmp(&before, &self->cmd, sizeof(before)));
	EXPECT_EQ(0, self->extent.addr);
	EXPECT_EQ(0, self->extent.length);
	EXPECT_EQ(1, _test_cmd_count(self->fd, self->memory, page_size));
}

TEST_F(rights, of_an_ordinary_user)
{
	ASSERT_EQ(0, drop_to_user(1000));
	test_err_get_physical(EPERM, self->fd, &self->cmd);
	EXPECT_EQ(1, _test_cmd_count(self->fd, self->memory, page_size));
	/* All other commands need the descriptor only. */
	test_unlock(self->fd, self->memory, page_size);
	EXPECT_LE(0, buffer_alloc(self->fd, page_size, 0, 0));
}

TEST_F(rights, given_by_the_administrator)
{
	int parameter = open(CONTIG_PARAMETERS "/allow_physical", O_RDWR);
	uint64_t pfn = pfn_of(self->memory);
	char old;

	ASSERT_LE(0, parameter);
	ASSERT_EQ(1, pread(parameter, &old, 1, 0));
	ASSERT_EQ(0, drop_cap(CAP_SYS_RAWIO_NR));
	ASSERT_EQ(1, pwrite(parameter, "1", 1, 0));
	EXPECT_EQ(0, _test_cmd_get_physical(self->fd, &self->cmd));
	EXPECT_EQ(pfn * page_size, self->extent.addr);
	expect_feature(true);
	ASSERT_EQ(1, pwrite(parameter, "0", 1, 0));
	self->cmd.addr = to_addr(self->memory);
	self->cmd.length = page_size;
	test_err_get_physical(EPERM, self->fd, &self->cmd);
	expect_feature(false);
	ASSERT_EQ(1, pwrite(parameter, &old, 1, 0));
}

TEST_HARNESS_MAIN
