// SPDX-License-Identifier: GPL-2.0-only
/*
 * Holds: counted per page, per client and for the process; and what is left to
 * the caller, which mlocks the memory itself.
 */
#include "kselftest_harness.h"
#include "contig_utils.h"

#define PAGES 16

FIXTURE(hold) {
	int fd;
	char *memory;
	struct contig_span spans[PAGES];
	uint32_t count;
	uint64_t unlocked;
};

FIXTURE_SETUP(hold) {
	setup_client(self->fd);
	self->memory = mmap(NULL, pages(PAGES), PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->memory);
	self->count = PAGES;
}

FIXTURE_TEARDOWN(hold) {
	close(self->fd);
}

static uint32_t holds_of(int client, const volatile void *addr)
{
	return page_state(client, addr).holds;
}

#define expect_holds(page, n) \
	EXPECT_EQ((uint32_t)(n), holds_of(self->fd, self->memory + pages(page)))

/* Undo holds of the whole range, and expect one span or none. */
#define unhold_expecting(_at, _bytes, _page, _n) do { \
	self->count = PAGES; \
	test_unhold(self->fd, _at, _bytes, self->spans, &self->count); \
	if (_n) { \
		ASSERT_EQ(1, self->count); \
		EXPECT_EQ(to_addr(self->memory) + pages(_page), \
			  self->spans[0].addr); \
		EXPECT_EQ(pages(_n), self->spans[0].length); \
	} else { \
		EXPECT_EQ(0, self->count); \
	} \
} while (0)

TEST_F(hold, makes_pages_resident)
{
	EXPECT_FALSE(page_is_resident(self->memory));
	test_hold(self->fd, self->memory + 5, pages(4) - 10, &self->unlocked);
	EXPECT_TRUE(page_is_resident(self->memory));
	EXPECT_TRUE(page_is_resident(self->memory + pages(3)));
	EXPECT_FALSE(page_is_resident(self->memory + pages(4)));
	EXPECT_EQ(pages(4), self->unlocked);
	expect_holds(0, 1);
	expect_holds(3, 1);
	expect_holds(4, 0);
}

TEST_F(hold, is_no_lock)
{
	struct contig_run run;

	test_hold(self->fd, self->memory, page_size, NULL);
	run = page_state(self->fd, self->memory);
	EXPECT_EQ(1, run.holds);
	EXPECT_EQ(0, run.locks);
	EXPECT_EQ(CONTIG_PAGE_HELD, run.state);
	test_err_unlock(ENOLCK, self->fd, self->memory, page_size);
	test_err_count(ENOLCK, self->fd, self->memory, page_size);
	unhold_expecting(self->memory, page_size, 0, 1);
}

TEST_F(hold, lock_is_no_hold)
{
	struct contig_run run;

	test_lock(self->fd, self->memory, page_size, 0);
	run = page_state(self->fd, self->memory);
	EXPECT_EQ(0, run.holds);
	EXPECT_EQ(CONTIG_PAGE_HELD | CONTIG_PAGE_LOCKED, run.state);
	test_err_unhold(ENODATA, self->fd, self->memory, page_size, NULL, NULL);
	test_hold(self->fd, self->memory, page_size, NULL);
	test_unlock(self->fd, self->memory, page_size);
	expect_holds(0, 1);
}

TEST_F(hold, nests)
{
	int i;

	for (i = 1; i <= 50; i++) {
		test_hold(self->fd, self->memory, pages(2), NULL);
		expect_holds(0, i);
	}
	for (i = 49; i > 0; i--) {
		unhold_expecting(self->memory, pages(2), 0, 0);
		expect_holds(0, i);
	}
	unhold_expecting(self->memory, pages(2), 0, 2);
	test_err_unhold(ENODATA, self->fd, self->memory, pages(2), NULL, NULL);
}

TEST_F(hold, spans_tell_what_is_free)
{
	test_hold(self->fd, self->memory, pages(8), NULL);
	test_hold(self->fd, self->memory + pages(2), pages(2), NULL);
	self->count = PAGES;
	test_unhold(self->fd, self->memory, pages(8), self->spans,
		    &self->count);
	ASSERT_EQ(2, self->count);
	EXPECT_EQ(to_addr(self->memory), self->spans[0].addr);
	EXPECT_EQ(pages(2), self->spans[0].length);
	EXPECT_EQ(to_addr(self->memory + pages(4)), self->spans[1].addr);
	EXPECT_EQ(pages(4), self->spans[1].length);
	unhold_expecting(self->memory + pages(2), pages(2), 2, 2);
}

TEST_F(hold, too_few_spans_change_nothing)
{
	int i;

	for (i = 0; i < PAGES; i += 2)
		test_hold(self->fd, self->memory + pages(i), page_size, NULL);
	for (i = 1; i < PAGES; i += 2) {
		test_hold(self->fd, self->memory + pages(i), page_size, NULL);
		test_hold(self->fd, self->memory + pages(i), page_size, NULL);
	}
	/* Every second page is not held any more: eight spans. */
	self->count = 7;
	test_err_unhold(EMSGSIZE, self->fd, self->memory, pages(PAGES),
			self->spans, &self->count);
	EXPECT_EQ(8, self->count);
	for (i = 0; i < PAGES; i++)
		expect_holds(i, i & 1 ? 2 : 1);
	test_unhold(self->fd, self->memory, pages(PAGES), self->spans,
		    &self->count);
	EXPECT_EQ(8, self->count);
	for (i = 0; i < PAGES; i++)
		expect_holds(i, i & 1);
}

TEST_F(hold, no_list_wanted)
{
	test_hold(self->fd, self->memory, pages(PAGES), NULL);
	self->count = 0;
	test_unhold(self->fd, self->memory, pages(PAGES), NULL, &self->count);
	EXPECT_EQ(0, self->count);
	expect_holds(0, 0);
}

TEST_F(hold, list_that_cannot_be_written_changes_nothing)
{
	test_hold(self->fd, self->memory, page_size, NULL);
	self->count = 1;
	test_err_unhold(EFAULT, self->fd, self->memory, page_size, NULL,
			&self->count);
	expect_holds(0, 1);
	unhold_expecting(self->memory, page_size, 0, 1);
}

TEST_F(hold, unhold_is_all_or_nothing)
{
	int i;

	test_hold(self->fd, self->memory, pages(3), NULL);
	test_hold(self->fd, self->memory + pages(4), pages(3), NULL);
	test_err_unhold(ENODATA, self->fd, self->memory, pages(7), NULL, NULL);
	for (i = 0; i < 7; i++)
		expect_holds(i, i != 3);
}

TEST_F(hold, hold_is_all_or_nothing)
{
	struct snapshot before;

	ASSERT_EQ(0, munmap(self->memory + pages(8), page_size));
	snapshot_take(&before, self->fd);
	test_err_hold(EFAULT, self->fd, self->memory, pages(PAGES), NULL);
	EXPECT_TRUE(snapshot_is_same(&before, self->fd));
	expect_holds(0, 0);
}

TEST_F(hold, tells_what_is_not_mlocked)
{
	ASSERT_EQ(0, mlock(self->memory, pages(4)));
	test_hold(self->fd, self->memory, pages(4), &self->unlocked);
	EXPECT_EQ(0, self->unlocked);
	test_hold(self->fd, self->memory, pages(8), &self->unlocked);
	EXPECT_EQ(pages(4), self->unlocked);
	ASSERT_EQ(0, mlock(self->memory + pages(4), pages(4)));
	test_hold(self->fd, self->memory, pages(8), &self->unlocked);
	EXPECT_EQ(0, self->unlocked);
}

/* Memory that the program mlocked before stays mlocked. */
TEST_F(hold, mlocked_before_is_not_to_be_munlocked)
{
	ASSERT_EQ(0, mlock(self->memory, pages(4)));
	test_hold(self->fd, self->memory, pages(8), NULL);
	ASSERT_EQ(0, mlock(self->memory, pages(8)));
	unhold_expecting(self->memory, pages(8), 4, 4);
}

TEST_F(hold, counts_for_all_clients_of_the_process)
{
	int other = client_open();

	ASSERT_LE(0, other);
	test_hold(self->fd, self->memory, pages(4), NULL);
	test_hold(other, self->memory + pages(2), pages(4), NULL);
	/* The other client still holds pages 2 and 3. */
	unhold_expecting(self->memory, pages(4), 0, 2);
	test_err_unhold(ENODATA, self->fd, self->memory + pages(2), pages(2),
			NULL, NULL);
	self->count = PAGES;
	test_unhold(other, self->memory + pages(2), pages(4), self->spans,
		    &self->count);
	ASSERT_EQ(1, self->count);
	EXPECT_EQ(to_addr(self->memory + pages(2)), self->spans[0].addr);
	EXPECT_EQ(pages(4), self->spans[0].length);
	close(other);
}

/*
 * A range with pages that the process mlocked itself and pages mlocked for a
 * hold.
 */
TEST_F(hold, mlocked_after_another_client_held_a_part)
{
	int other = client_open();

	ASSERT_LE(0, other);
	test_hold(self->fd, self->memory + pages(2), pages(2), NULL);
	ASSERT_EQ(0, mlock(self->memory, pages(8)));
	test_hold(other, self->memory, pages(8), NULL);
	self->count = PAGES;
	test_unhold(other, self->memory, pages(8), self->spans, &self->count);
	EXPECT_EQ(0, self->count);
	unhold_expecting(self->memory + pages(2), pages(2), 2, 2);
	close(other);
}

static int unhold_on_fault(int client, const void *addr, size_t length,
			   struct contig_span *spans, uint32_t *count)
{
	struct contig_unhold cmd = {
		.size = sizeof(cmd),
		.flags = CONTIG_UNHOLD_ON_FAULT,
		.addr = to_addr(addr),
		.length = length,
		.spans = to_addr(spans),
		.count = *count,
	};
	int ret = contig_ioctl(client, CONTIG_UNHOLD, &cmd);

	*count = cmd.count;
	return ret;
}

TEST_F(hold, tells_what_is_locked_on_fault)
{
	test_hold(self->fd, self->memory, pages(12), NULL);
	ASSERT_EQ(0, mlock2(self->memory, pages(8), MLOCK_ONFAULT));
	ASSERT_EQ(0, mlock(self->memory + pages(2), pages(2)));
	/* Two mappings that adjoin. */
	ASSERT_EQ(0, mprotect(self->memory + pages(6), page_size, PROT_READ));
	ASSERT_EQ(0, munmap(self->memory + pages(10), page_size));

	self->count = 1;
	ASSERT_EQ(-EMSGSIZE, unhold_on_fault(self->fd, self->memory, pages(12),
					     self->spans, &self->count));
	EXPECT_EQ(2, self->count);
	expect_holds(0, 1);
	ASSERT_EQ(0, unhold_on_fault(self->fd, self->memory, pages(12),
				     self->spans, &self->count));
	ASSERT_EQ(2, self->count);
	EXPECT_EQ(to_addr(self->memory), self->spans[0].addr);
	EXPECT_EQ(pages(2), self->spans[0].length);
	EXPECT_EQ(to_addr(self->memory + pages(4)), self->spans[1].addr);
	EXPECT_EQ(pages(4), self->spans[1].length);
	expect_holds(0, 0);
}

/* MLOCK_ONFAULT by the program before a hold is not undone. */
TEST_F(hold, locked_on_fault_before_is_not_to_be_munlocked)
{
	ASSERT_EQ(0, mlock2(self->memory, pages(4), MLOCK_ONFAULT));
	test_hold(self->fd, self->memory, pages(8), &self->unlocked);
	EXPECT_EQ(pages(4), self->unlocked);
	ASSERT_EQ(0, unhold_on_fault(self->fd, self->memory, pages(8),
				     self->spans, &self->count));
	EXPECT_EQ(0, self->count);

	test_hold(self->fd, self->memory, pages(8), NULL);
	self->count = 0;
	EXPECT_EQ(0, unhold_on_fault(self->fd, self->memory, pages(8), NULL,
				     &self->count));
	EXPECT_EQ(0, self->count);
	expect_holds(7, 0);
}

TEST_F(hold, held_memory_may_move)
{
	int fd;

	/* A test cannot force a move; but the memory must not be pinned. */
	test_hold(self->fd, self->memory, pages(PAGES), NULL);
	EXPECT_EQ(0, page_state(self->fd, self->memory).locks);
	EXPECT_EQ(0, status_kib("VmPin"));
	fd = buffer_alloc(self->fd, MIB(64), CONTIG_RUNGS_RANGE, 0);
	if (fd >= 0)
		close(fd);
	EXPECT_TRUE(page_is_resident(self->memory));
}

TEST_F(hold, ends_with_the_client)
{
	struct snapshot before;
	int other;

	snapshot_take(&before, self->fd);
	other = client_open();
	test_hold(other, self->memory, pages(4), NULL);
	close(other);
	EXPECT_TRUE(snapshot_is_same(&before, self->fd));
	/*
	 * This client's hold is the first one again, so unhold returns all
	 * pages.
	 */
	test_hold(self->fd, self->memory, pages(4), NULL);
	unhold_expecting(self->memory, pages(4), 0, 4);
}

TEST_F(hold, of_read_only_memory)
{
	(void)*(volatile char *)self->memory;
	ASSERT_EQ(0, mprotect(self->memory, pages(PAGES), PROT_READ));
	test_hold(self->fd, self->memory, pages(4), NULL);
	EXPECT_TRUE(page_is_resident(self->memory + pages(3)));
	unhold_expecting(self->memory, pages(4), 0, 4);
}

TEST_F(hold, does_not_change_contents)
{
	fill_pattern(self->memory, pages(PAGES), 1);
	test_hold(self->fd, self->memory, pages(PAGES), NULL);
	EXPECT_TRUE(has_pattern(self->memory, pages(PAGES), 1));
	test_unhold(self->fd, self->memory, pages(PAGES), NULL, NULL);
	EXPECT_TRUE(has_pattern(self->memory, pages(PAGES), 1));
}

TEST_F(hold, of_a_buffers_mapping)
{
	int fd = buffer_alloc(self->fd, pages(4), CONTIG_RUNGS_SCATTER, 0);
	char *map;

	ASSERT_LE(0, fd);
	map = buffer_map(fd, pages(4));
	ASSERT_NE(NULL, map);
	test_hold(self->fd, map, pages(4), NULL);
	EXPECT_EQ(1, holds_of(self->fd, map));
	test_unhold(self->fd, map, pages(4), NULL, NULL);
	close(fd);
}

TEST_HARNESS_MAIN
