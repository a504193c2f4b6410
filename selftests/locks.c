// SPDX-License-Identifier: GPL-2.0-only
/*
 * Locks: counted per page and client, nested, split and merged; for output,
 * contiguous, by address and by buffer.
 */
#include "kselftest_harness.h"
#include "contig_utils.h"

#define PAGES 16

FIXTURE(lock) {
	int fd;
	struct contig_info info;
	char *memory;
	struct contig_run runs[64];
};

FIXTURE_SETUP(lock) {
	setup_client(self->fd);
	test_info(self->fd, &self->info);
	self->memory = anon_map(pages(PAGES));
	ASSERT_NE(NULL, self->memory);
}

FIXTURE_TEARDOWN(lock) {
	close(self->fd);
}

static uint32_t locks_of(int client, const volatile void *addr)
{
	return page_state(client, addr).locks;
}

#define expect_locks(page, n) \
	EXPECT_EQ((uint32_t)(n), locks_of(self->fd, self->memory + pages(page)))

TEST_F(lock, covers_the_pages_it_touches)
{
	/*
	 * One byte; and the last byte of a page with the first of the next one.
	 */
	test_lock(self->fd, self->memory + pages(3) + 17, 1, 0);
	test_lock(self->fd, self->memory + pages(6) - 1, 2, 0);
	expect_locks(2, 0);
	expect_locks(3, 1);
	expect_locks(4, 0);
	expect_locks(5, 1);
	expect_locks(6, 1);
	expect_locks(7, 0);
	test_unlock(self->fd, self->memory + pages(3), page_size);
	test_unlock(self->fd, self->memory + pages(5) + 5, page_size);
	expect_locks(3, 0);
	expect_locks(5, 0);
	expect_locks(6, 0);
}

TEST_F(lock, nests)
{
	int i;

	for (i = 1; i <= 100; i++) {
		test_lock(self->fd, self->memory, page_size, 0);
		expect_locks(0, i);
	}
	for (i = 99; i >= 0; i--) {
		EXPECT_EQ(1, _test_cmd_count(self->fd, self->memory, 1));
		test_unlock(self->fd, self->memory, page_size);
		expect_locks(0, i);
	}
	test_err_unlock(ENOLCK, self->fd, self->memory, page_size);
	test_err_count(ENOLCK, self->fd, self->memory, 1);
}

/* All overlaps of two ranges, locked and unlocked in either order. */
TEST_F_TIMEOUT(lock, overlaps, 400)
{
	uint32_t a, alen, b, blen, page, order;

	for (a = 0; a < 4; a++)
	for (alen = 1; a + alen <= 5; alen++)
	for (b = 0; b < 4; b++)
	for (blen = 1; b + blen <= 5; blen++)
	for (order = 0; order < 2; order++) {
		char *pa = self->memory + pages(a);
		char *pb = self->memory + pages(b);

		test_lock(self->fd, pa, pages(alen), 0);
		test_lock(self->fd, pb, pages(blen), 0);
		for (page = 0; page < 6; page++)
			expect_locks(page, (page >= a && page < a + alen) +
					   (page >= b && page < b + blen));
		test_unlock(self->fd, order ? pa : pb,
			    pages(order ? alen : blen));
		for (page = 0; page < 6; page++)
			expect_locks(page, order ? page >= b && page < b + blen
						 : page >= a &&
						   page < a + alen);
		test_unlock(self->fd, order ? pb : pa,
			    pages(order ? blen : alen));
		for (page = 0; page < 6; page++)
			expect_locks(page, 0);
	}
}

TEST_F(lock, parts_can_be_unlocked)
{
	test_lock(self->fd, self->memory, pages(8), 0);
	test_unlock(self->fd, self->memory + pages(2), pages(3));
	EXPECT_EQ(-ENOLCK, _test_cmd_count(self->fd, self->memory, pages(8)));
	EXPECT_TRUE(translation_is_true(self->fd, self->memory, pages(2)));
	EXPECT_TRUE(translation_is_true(self->fd, self->memory + pages(5),
					pages(3)));
	/* With the gap filled it is one range as before. */
	test_lock(self->fd, self->memory + pages(2), pages(3), 0);
	EXPECT_TRUE(translation_is_true(self->fd, self->memory, pages(8)));
	test_unlock(self->fd, self->memory, pages(8));
}

TEST_F(lock, locks_of_neighbours_can_be_unlocked_at_once)
{
	int i;

	for (i = PAGES - 1; i >= 0; i -= 2)
		test_lock(self->fd, self->memory + pages(i), page_size, 0);
	for (i = 0; i < PAGES; i += 2)
		test_lock(self->fd, self->memory + pages(i), page_size, 0);
	EXPECT_TRUE(translation_is_true(self->fd, self->memory, pages(PAGES)));
	test_unlock(self->fd, self->memory, pages(PAGES));
	test_err_unlock(ENOLCK, self->fd, self->memory, 1);
}

TEST_F(lock, unlock_is_all_or_nothing)
{
	int i;

	test_lock(self->fd, self->memory, pages(4), 0);
	test_lock(self->fd, self->memory + pages(5), pages(4), 0);
	test_err_unlock(ENOLCK, self->fd, self->memory, pages(9));
	test_err_unlock(ENOLCK, self->fd, self->memory + pages(3), pages(2));
	test_err_unlock(ENOLCK, self->fd, self->memory + pages(8), pages(2));
	for (i = 0; i < 9; i++)
		expect_locks(i, i != 4);
	test_unlock(self->fd, self->memory, pages(4));
	test_unlock(self->fd, self->memory + pages(5), pages(4));
}

TEST_F(lock, lock_is_all_or_nothing)
{
	struct snapshot before;
	int i;

	test_lock(self->fd, self->memory, pages(2), 0);
	ASSERT_EQ(0, munmap(self->memory + pages(8), page_size));
	snapshot_take(&before, self->fd);
	test_err_lock(EFAULT, self->fd, self->memory, pages(PAGES), 0);
	EXPECT_TRUE(snapshot_is_same(&before, self->fd));
	for (i = 0; i < PAGES; i++)
		expect_locks(i, i < 2);
}

TEST_F(lock, two_clients_do_not_undo_each_other)
{
	int other = client_open();

	ASSERT_LE(0, other);
	test_lock(self->fd, self->memory, pages(4), 0);
	test_err_unlock(ENOLCK, other, self->memory, pages(4));
	test_err_count(ENOLCK, other, self->memory, pages(4));
	EXPECT_EQ(0, locks_of(other, self->memory));
	test_lock(other, self->memory, pages(4), 0);
	test_unlock(self->fd, self->memory, pages(4));
	EXPECT_TRUE(translation_is_true(other, self->memory, pages(4)));
	test_err_count(ENOLCK, self->fd, self->memory, 1);
	close(other);
}

TEST_F(lock, does_not_change_contents)
{
	fill_pattern(self->memory, pages(PAGES), 1);
	test_lock(self->fd, self->memory, pages(PAGES), 0);
	EXPECT_TRUE(has_pattern(self->memory, pages(PAGES), 1));
	fill_pattern(self->memory, pages(PAGES), 2);
	test_unlock(self->fd, self->memory, pages(PAGES));
	EXPECT_TRUE(has_pattern(self->memory, pages(PAGES), 2));
}

TEST_F(lock, makes_pages_resident)
{
	char *fresh = mmap(NULL, pages(4), PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, fresh);
	EXPECT_FALSE(page_is_resident(fresh));
	test_lock(self->fd, fresh, pages(4), 0);
	EXPECT_TRUE(page_is_resident(fresh));
	EXPECT_TRUE(page_is_resident(fresh + pages(3)));
	EXPECT_TRUE(translation_is_true(self->fd, fresh, pages(4)));
	/* A device may write there: these must not be the shared zero page. */
	fresh[0] = 1;
	EXPECT_TRUE(translation_is_true(self->fd, fresh, pages(4)));
	EXPECT_TRUE(is_zero(fresh + page_size, pages(3)));
}

TEST_F(lock, states_of_pages)
{
	struct contig_get_state cmd = {
		.size = sizeof(cmd),
		.addr = to_addr(self->memory) + 100,
		.length = pages(8) - 200,
		.runs = to_addr(self->runs),
		.count = ARRAY_SIZE(self->runs),
	};
	struct contig_run want[] = {
		{ .addr = to_addr(self->memory), .length = pages(2),
		  .locks = 1, .state = CONTIG_PAGE_LOCKED | CONTIG_PAGE_HELD },
		{ .addr = to_addr(self->memory + pages(2)),
		  .length = page_size, .locks = 2,
		  .state = CONTIG_PAGE_LOCKED | CONTIG_PAGE_HELD },
		{ .addr = to_addr(self->memory + pages(3)),
		  .length = page_size, .locks = 2, .holds = 1,
		  .state = CONTIG_PAGE_LOCKED | CONTIG_PAGE_HELD },
		{ .addr = to_addr(self->memory + pages(4)),
		  .length = pages(2), .holds = 1, .state = CONTIG_PAGE_HELD },
		{ .addr = to_addr(self->memory + pages(6)),
		  .length = pages(2) },
	};
	uint32_t i;

	test_lock(self->fd, self->memory, pages(4), 0);
	test_lock(self->fd, self->memory + pages(2), pages(2), 0);
	test_hold(self->fd, self->memory + pages(3), pages(3), NULL);
	test_get_state(self->fd, &cmd);
	EXPECT_EQ(0, cmd.length);
	EXPECT_EQ(to_addr(self->memory) + pages(8) - 100, cmd.addr);
	ASSERT_EQ(ARRAY_SIZE(want), cmd.count);
	for (i = 0; i < cmd.count; i++)
		EXPECT_EQ(0, memcmp(&want[i], &self->runs[i], sizeof(*want)))
			TH_LOG("run %u: page %lld+%lld: %u, %u, state %#x",
			       i, (long long)(self->runs[i].addr -
			       to_addr(self->memory)) / (int)page_size,
			       self->runs[i].length / page_size,
			       self->runs[i].locks, self->runs[i].holds,
			       self->runs[i].state);
}

#ifdef __aarch64__
/* Programs may keep a tag in the top byte of an address; it must be ignored. */
TEST_F(lock, tagged_address)
{
	uint64_t tag = 0x2aull << 56;
	struct contig_get_state cmd = {
		.size = sizeof(cmd),
		.addr = to_addr(self->memory) | tag,
		.length = pages(2),
		.runs = to_addr(self->runs),
		.count = ARRAY_SIZE(self->runs),
	};

	test_lock(self->fd, (void *)(to_addr(self->memory) | tag), pages(1), 0);
	expect_locks(0, 1);
	test_get_state(self->fd, &cmd);
	ASSERT_EQ(2, cmd.count);
	EXPECT_EQ(0, cmd.length);
	EXPECT_EQ((to_addr(self->memory) | tag) + pages(2), cmd.addr);
	EXPECT_EQ(to_addr(self->memory), self->runs[0].addr);
	EXPECT_EQ(1, self->runs[0].locks);
	test_unlock(self->fd, self->memory, pages(1));
}
#endif

TEST_F(lock, states_can_be_asked_bit_by_bit)
{
	struct contig_get_state cmd = {
		.size = sizeof(cmd),
		.addr = to_addr(self->memory),
		.length = pages(PAGES),
		.runs = to_addr(self->runs),
	};
	uint64_t at = cmd.addr;
	int i;

	for (i = 0; i < PAGES; i += 2)
		test_lock(self->fd, self->memory + pages(i), page_size, 0);
	for (i = 0; i < PAGES; i++) {
		ASSERT_NE(0, cmd.length);
		cmd.count = 1;
		test_get_state(self->fd, &cmd);
		ASSERT_EQ(1, cmd.count);
		EXPECT_EQ(at, self->runs[0].addr);
		EXPECT_EQ(page_size, self->runs[0].length);
		EXPECT_EQ(i & 1 ? 0 : 1, self->runs[0].locks);
		at += page_size;
		EXPECT_EQ(at, cmd.addr);
	}
	EXPECT_EQ(0, cmd.length);
}

TEST_F(lock, output_leaves_pages_clean_and_input_does_not)
{
	int file = memfd_create("contig", MFD_CLOEXEC);
	volatile char *map, *at;
	uint32_t flags;

	ASSERT_LE(0, file);
	ASSERT_EQ(0, ftruncate(file, pages(4)));
	map = mmap(NULL, pages(4), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	ASSERT_NE(MAP_FAILED, map);
	for (flags = 0; flags <= CONTIG_LOCK_OUTPUT;
	     flags += CONTIG_LOCK_OUTPUT) {
		at = map + (flags ? page_size : 0);
		(void)*at;	/* present, and clean */
		ASSERT_FALSE(page_flag(at, KPF_DIRTY));
		test_lock(self->fd, at, page_size, flags);
		EXPECT_TRUE(translation_is_true(self->fd, at, page_size));
		test_unlock(self->fd, at, page_size);
		EXPECT_EQ(!flags, page_flag(at, KPF_DIRTY));
	}
}

/* An output lock does not keep a page clean that the device may write. */
TEST_F(lock, output_and_input_together_dirty_the_page)
{
	int file = memfd_create("contig", MFD_CLOEXEC);
	volatile char *map;

	ASSERT_LE(0, file);
	ASSERT_EQ(0, ftruncate(file, page_size));
	map = mmap(NULL, page_size, PROT_READ | PROT_WRITE, MAP_SHARED, file,
		   0);
	ASSERT_NE(MAP_FAILED, map);
	(void)*map;
	ASSERT_FALSE(page_flag(map, KPF_DIRTY));
	test_lock(self->fd, map, 1, CONTIG_LOCK_OUTPUT);
	test_lock(self->fd, map, 1, 0);
	test_unlock(self->fd, map, 1);
	test_unlock(self->fd, map, 1);
	EXPECT_TRUE(page_flag(map, KPF_DIRTY));
}

TEST_F(lock, output_of_memory_that_cannot_be_written)
{
	ASSERT_EQ(0, mprotect(self->memory, pages(4), PROT_READ));
	test_err_lock(EACCES, self->fd, self->memory, pages(4), 0);
	test_err_lock(EACCES, self->fd, self->memory + pages(3), pages(2), 0);
	test_lock(self->fd, self->memory, pages(4), CONTIG_LOCK_OUTPUT);
	EXPECT_TRUE(translation_is_true(self->fd, self->memory, pages(4)));
	/* Now a lock for writing is requested as well. */
	test_err_lock(EACCES, self->fd, self->memory, pages(4), 0);
	expect_locks(0, 1);
	/* The memory becomes writable while it is locked. */
	ASSERT_EQ(0, mprotect(self->memory, pages(4), PROT_READ | PROT_WRITE));
	fill_pattern(self->memory, pages(4), 1);
	EXPECT_TRUE(translation_is_true(self->fd, self->memory, pages(4)));
	test_unlock(self->fd, self->memory, pages(4));
	expect_locks(0, 0);
}

/* A device must read what the CPU writes there after the lock. */
TEST_F(lock, output_of_untouched_memory)
{
	char *fresh = mmap(NULL, pages(4), PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, fresh);
	EXPECT_EQ(0, fresh[0]);		/* the shared zero page */
	test_lock(self->fd, fresh, pages(4), CONTIG_LOCK_OUTPUT);
	EXPECT_TRUE(translation_is_true(self->fd, fresh, pages(4)));
	memset(fresh, 1, pages(4));
	EXPECT_TRUE(translation_is_true(self->fd, fresh, pages(4)));
	test_unlock(self->fd, fresh, pages(4));
}

TEST_F(lock, output_first_and_input_later)
{
	char *fresh = mmap(NULL, pages(2), PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, fresh);
	test_lock(self->fd, fresh, pages(2), CONTIG_LOCK_OUTPUT);
	test_lock(self->fd, fresh, pages(2), 0);
	memset(fresh, 1, pages(2));
	EXPECT_TRUE(translation_is_true(self->fd, fresh, pages(2)));
	EXPECT_EQ(2, locks_of(self->fd, fresh));
	test_unlock(self->fd, fresh, pages(2));
	EXPECT_TRUE(translation_is_true(self->fd, fresh, pages(2)));
	test_unlock(self->fd, fresh, pages(2));
}

TEST_F(lock, output_first_and_input_later_of_a_buffer)
{
	int buffer = buffer_get(self->fd, pages(4), CONTIG_RUNGS_SCATTER);
	char *map;

	ASSERT_LE(0, buffer);
	map = buffer_map(buffer, pages(4));
	ASSERT_NE(NULL, map);
	test_lock(self->fd, map, pages(4), CONTIG_LOCK_OUTPUT);
	test_lock(self->fd, map + pages(1), pages(2), 0);
	EXPECT_TRUE(translation_is_true(self->fd, map, pages(4)));
	EXPECT_EQ(2, page_state(self->fd, map + pages(2)).locks);
	test_unlock(self->fd, map, pages(4));
	test_unlock(self->fd, map + pages(1), pages(2));
	munmap(map, pages(4));
	close(buffer);
}

TEST_F(lock, contiguous_of_one_page)
{
	int i;

	for (i = 0; i < PAGES; i++)
		test_lock(self->fd, self->memory + pages(i) + 7, 9,
			  CONTIG_LOCK_CONTIGUOUS);
	test_unlock(self->fd, self->memory, pages(PAGES));
}

/* Find two adjacent pages that are adjacent in physical memory too, or not. */
static int find_pair(const char *memory, bool adjacent)
{
	int i;

	for (i = 0; i + 1 < PAGES; i++)
		if ((pfn_of(memory + pages(i)) + 1 ==
		     pfn_of(memory + pages(i + 1))) == adjacent)
			return i;
	return -1;
}

TEST_F(lock, contiguous_of_what_is_not)
{
	struct snapshot before;
	int pair, i;

	/*
	 * Map memory until two pages are not adjacent, which is the usual case.
	 */
	for (i = 0; i < 100; i++) {
		pair = find_pair(self->memory, false);
		if (pair >= 0)
			break;
		self->memory = anon_map(pages(PAGES));
	}
	if (pair < 0)
		SKIP(return, "all pages are adjacent");
	snapshot_take(&before, self->fd);
	test_err_lock(EILSEQ, self->fd, self->memory + pages(pair), pages(2),
		      CONTIG_LOCK_CONTIGUOUS);
	EXPECT_TRUE(snapshot_is_same(&before, self->fd));
	expect_locks(pair, 0);
	expect_locks(pair + 1, 0);
	/* The same if one of the pages is locked already. */
	test_lock(self->fd, self->memory + pages(pair), 1, 0);
	test_err_lock(EILSEQ, self->fd, self->memory + pages(pair), pages(2),
		      CONTIG_LOCK_CONTIGUOUS);
	expect_locks(pair, 1);
	expect_locks(pair + 1, 0);
}

TEST_F(lock, contiguous_of_what_is)
{
	int fd = buffer_get(self->fd, pages(PAGES), CONTIG_RUNGS_CONTIGUOUS);
	char *map;

	ASSERT_LE(0, fd);
	map = buffer_map(fd, pages(PAGES));
	ASSERT_NE(NULL, map);
	test_lock(self->fd, map, pages(PAGES), CONTIG_LOCK_CONTIGUOUS);
	EXPECT_EQ(1, _test_cmd_count(self->fd, map, pages(PAGES)));
	test_lock(self->fd, map + 5, pages(3),
		  CONTIG_LOCK_CONTIGUOUS | CONTIG_LOCK_OUTPUT);
	test_unlock(self->fd, map + 5, pages(3));
	test_unlock(self->fd, map, pages(PAGES));
	test_lock_buffer(self->fd, fd, 0, pages(PAGES), CONTIG_LOCK_CONTIGUOUS);
	test_unlock_buffer(self->fd, fd, 0, pages(PAGES));
	close(fd);
}

TEST_F(lock, contiguous_of_a_scattered_buffer)
{
	struct contig_alloc alloc = alloc_request(MIB(4), CONTIG_RUNGS_SCATTER);

	test_alloc(self->fd, &alloc);
	if (alloc.out_extents == 1)
		SKIP(return, "the scattered pages are adjacent");
	/* A buffer can be moved, but not while a page of it is locked. */
	test_lock_buffer(self->fd, alloc.out_fd, 0, page_size,
			 CONTIG_LOCK_CONTIGUOUS);
	test_err_lock_buffer(EILSEQ, self->fd, alloc.out_fd, 0, MIB(4),
			     CONTIG_LOCK_CONTIGUOUS);
	test_unlock_buffer(self->fd, alloc.out_fd, 0, 1);
	test_err_unlock_buffer(ENOLCK, self->fd, alloc.out_fd, 0, 1);
	close(alloc.out_fd);
}

TEST_F(lock, ranges_of_a_buffer)
{
	int fd = buffer_get(self->fd, pages(8), 0);

	ASSERT_LE(0, fd);
	test_lock_buffer(self->fd, fd, 0, pages(8), 0);
	test_lock_buffer(self->fd, fd, pages(2) - 1, 2, 0);
	test_unlock_buffer(self->fd, fd, 0, pages(8));
	EXPECT_EQ(-ENOLCK, _test_cmd_count_buffer(self->fd, fd, 0, pages(8)));
	EXPECT_EQ(1, _test_cmd_count_buffer(self->fd, fd, pages(1), pages(2)));
	test_err_unlock_buffer(ENOLCK, self->fd, fd, 0, pages(8));
	test_unlock_buffer(self->fd, fd, pages(1), pages(2));
	test_err_unlock_buffer(ENOLCK, self->fd, fd, pages(1), 1);
	close(fd);
}

/* Two descriptors of one buffer mean the same buffer. */
TEST_F(lock, buffer_by_another_descriptor)
{
	int fd = buffer_alloc(self->fd, pages(2), 0, 0), twin;

	ASSERT_LE(0, fd);
	twin = dup(fd);
	test_lock_buffer(self->fd, fd, 0, pages(2), 0);
	close(fd);
	EXPECT_EQ(1, _test_cmd_count_buffer(self->fd, twin, 0, page_size));
	test_unlock_buffer(self->fd, twin, 0, pages(2));
	test_err_unlock_buffer(ENOLCK, self->fd, twin, 0, 1);
	close(twin);
}

TEST_F(lock, ends_with_the_client)
{
	struct snapshot before;
	int other, copy;

	snapshot_take(&before, self->fd);
	other = client_open();
	copy = dup(other);
	test_lock(other, self->memory, pages(PAGES), 0);
	close(other);
	EXPECT_TRUE(translation_is_true(copy, self->memory, pages(PAGES)));
	close(copy);
	EXPECT_TRUE(snapshot_is_same(&before, self->fd));
}

TEST_F_TIMEOUT(lock, much_memory, 400)
{
	char *much = anon_map(MIB(128));
	uint64_t pfn;

	ASSERT_NE(NULL, much);
	test_lock(self->fd, much, MIB(128), 0);
	pfn = pfn_of(much + MIB(64));
	test_lock(self->fd, much + MIB(32), MIB(64), 0);
	EXPECT_TRUE(translation_is_true(self->fd, much, MIB(128)));
	test_unlock(self->fd, much, MIB(128));
	EXPECT_EQ(-ENOLCK, _test_cmd_count(self->fd, much, MIB(32) + 1));
	EXPECT_TRUE(translation_is_true(self->fd, much + MIB(32), MIB(64)));
	EXPECT_EQ(pfn, pfn_of(much + MIB(64)));
	test_unlock(self->fd, much + MIB(32), MIB(64));
}

/* A locked page keeps its place, whatever the kernel tries to move. */
TEST_F_TIMEOUT(lock, page_does_not_move, 400)
{
	char *much = mmap(NULL, MIB(64), PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t pfns[16];
	int i, fd;

	ASSERT_NE(MAP_FAILED, much);
	no_huge_pages(much, MIB(64));
	memset(much, 1, MIB(64));
	for (i = 0; i < 16; i++) {
		test_lock(self->fd, much + MIB(4 * i), 1, 0);
		pfns[i] = pfn_of(much + MIB(4 * i));
	}
	write_text("/proc/sys/vm/compact_memory", "1");
	/* Also against the range rung, which moves all that it can. */
	fd = buffer_alloc(self->fd, MIB(256), CONTIG_RUNGS_RANGE, 0);
	if (fd >= 0)
		close(fd);
	madvise(much, MIB(64), MADV_PAGEOUT);
	for (i = 0; i < 16; i++) {
		EXPECT_EQ(pfns[i], pfn_of(much + MIB(4 * i)));
		EXPECT_TRUE(translation_is_true(self->fd, much + MIB(4 * i),
						1));
	}
}

TEST_HARNESS_MAIN
