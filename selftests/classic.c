// SPDX-License-Identifier: GPL-2.0-only
/*
 * The testable statements about the classic Mac OS Virtual Memory Manager,
 * checked through libcontig's classic interface. Each test carries the number
 * of its statement. classic_alloc.c has those about contiguous blocks,
 * classic_defer.c those about DeferUserFn, classic_io.c those about
 * PrepareMemoryForIO.
 */
#include <contig/macvm.h>
#include <sys/resource.h>
#include <sys/swap.h>

#include "kselftest_harness.h"
#include "classic_fixture.h"

/* Make swap space of a RAM disk, so that memory can be paged out. */
static bool start_swap(FIXTURE_DATA(classic) *self)
{
	char *header = calloc(1, page_size);
	int disk = open(SWAP, O_RDWR | O_CLOEXEC);
	uint32_t *words = (uint32_t *)(header + 1024);
	off_t size;

	if (disk < 0)
		return false;
	size = lseek(disk, 0, SEEK_END);
	words[0] = 1;				/* version */
	words[1] = size / page_size - 1;	/* last page */
	memcpy(header + page_size - 10, "SWAPSPACE2", 10);
	self->swapping = pwrite(disk, header, page_size, 0) ==
			 (ssize_t)page_size && !fsync(disk) &&
			 !swapon(SWAP, 0);
	close(disk);
	free(header);
	return self->swapping;
}

TEST_F(classic, s01_hold_of_a_byte_affects_its_page)
{
	ASSERT_EQ(noErr, HoldMemory(self->memory + pages(3) + 123, 1));
	expect_state(2, 0, 0);
	expect_state(3, 1, 0);
	expect_state(4, 0, 0);
}

TEST_F(classic, s02_hold_spans_all_pages_it_touches)
{
	char *area = mmap((void *)0x32000000, pages(8), PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int i;

	/*
	 * An address like the book's $32500, where one can be mapped, and two
	 * pages, which are its 8192 bytes.
	 */
	ASSERT_NE(MAP_FAILED, area);
	ASSERT_EQ(noErr, HoldMemory(area + 0x500, pages(2)));
	for (i = 0; i < 4; i++)
		EXPECT_EQ(i < 3,
			  state_of(area + pages(i)).holds);
}

TEST_F(classic, s03_unhold_releases_exactly_those_pages)
{
	ASSERT_EQ(noErr, HoldMemory(self->memory, pages(8)));
	ASSERT_EQ(noErr, HoldMemory(self->memory + 0x500, 8192));
	ASSERT_EQ(noErr, UnholdMemory(self->memory + 0x500, 8192));
	expect_state(0, 1, 0);
	expect_state(2, 1, 0);
	expect_state(3, 1, 0);
	EXPECT_EQ(notHeldErr, UnholdMemory(self->memory, pages(9)));
	EXPECT_EQ(noErr, UnholdMemory(self->memory, pages(8)));
	expect_state(0, 0, 0);
}

TEST_F(classic, s04_held_page_stays_resident)
{
	int i, out = 0;

	ASSERT_EQ(noErr, HoldMemory(self->memory, pages(16)));
	EXPECT_EQ((long)(pages(16) >> 10), status_kib("VmLck"));
	if (!start_swap(self))
		SKIP(return, "cannot swap to " SWAP ": modprobe brd");
	for (i = 0; i < 20 && out < 16; i++) {
		madvise(self->memory, pages(16), MADV_PAGEOUT);
		madvise(self->memory + pages(16), pages(32), MADV_PAGEOUT);
		out = 0;
		for (int page = 16; page < 48; page++)
			out += !page_is_resident(self->memory + pages(page));
	}
	/* Other pages were paged out, so there was pressure; these were not. */
	EXPECT_LE(16, out);
	for (i = 0; i < 16; i++)
		EXPECT_TRUE(page_is_resident(self->memory + pages(i)));
	ASSERT_EQ(noErr, UnholdMemory(self->memory, pages(16)));
	EXPECT_EQ(0, status_kib("VmLck"));
}

TEST_F(classic, s05_held_page_may_move)
{
	ASSERT_EQ(noErr, HoldMemory(self->memory, pages(4)));
	/*
	 * Nothing pins it: it has no lock, and GetPhysical returns no
	 * addresses.
	 */
	expect_state(0, 1, 0);
	set_logical(self->memory, pages(4));
	EXPECT_EQ(notLockedErr, GetPhysical(&self->table, &self->count));
}

TEST_F_TIMEOUT(classic, s06_locked_page_does_not_move, 400)
{
	uint64_t pfns[PAGES];
	int i, fd;

	ASSERT_EQ(noErr, LockMemory(self->memory, pages(PAGES)));
	for (i = 0; i < PAGES; i++)
		pfns[i] = pfn_of(self->memory + pages(i));
	start_swap(self);
	write_text("/proc/sys/vm/compact_memory", "1");
	fd = buffer_alloc(classic_client(), MIB(128), CONTIG_RUNGS_RANGE, 0);
	if (fd >= 0)
		close(fd);
	madvise(self->memory, pages(PAGES), MADV_PAGEOUT);
	for (i = 0; i < PAGES; i++)
		EXPECT_EQ(pfns[i], pfn_of(self->memory + pages(i)));
	EXPECT_EQ(noErr, UnlockMemory(self->memory, pages(PAGES)));
}

TEST_F(classic, s07_holds_nest)
{
	ASSERT_EQ(noErr, HoldMemory(self->memory, 1));
	ASSERT_EQ(noErr, HoldMemory(self->memory, 1));
	ASSERT_EQ(noErr, UnholdMemory(self->memory, 1));
	expect_state(0, 1, 0);
	EXPECT_LT(0, status_kib("VmLck"));
	ASSERT_EQ(noErr, UnholdMemory(self->memory, 1));
	expect_state(0, 0, 0);
	EXPECT_EQ(0, status_kib("VmLck"));
}

TEST_F(classic, s08_two_locks_need_two_unlocks)
{
	ASSERT_EQ(noErr, LockMemory(self->memory, pages(2)));
	ASSERT_EQ(noErr, LockMemory(self->memory, pages(2)));
	ASSERT_EQ(noErr, UnlockMemory(self->memory, pages(2)));
	self->count = 0;
	set_logical(self->memory, pages(2));
	EXPECT_EQ(noErr, GetPhysical(&self->table, &self->count));
	ASSERT_EQ(noErr, UnlockMemory(self->memory, pages(2)));
	self->count = 0;
	EXPECT_EQ(notLockedErr, GetPhysical(&self->table, &self->count));
}

TEST_F(classic, s09_small_ranges_share_a_page)
{
	ASSERT_EQ(noErr, LockMemory(self->memory + 10, 20));
	ASSERT_EQ(noErr, LockMemory(self->memory + 1000, 20));
	ASSERT_EQ(noErr, UnlockMemory(self->memory + 10, 20));
	expect_state(0, 0, 1);
	set_logical(self->memory + 1000, 20);
	EXPECT_EQ(noErr, GetPhysical(&self->table, &self->count));
}

TEST_F(classic, s10_unhold_of_never_held)
{
	EXPECT_EQ(notHeldErr, UnholdMemory(self->memory, pages(2)));
	ASSERT_EQ(noErr, HoldMemory(self->memory, page_size));
	EXPECT_EQ(notHeldErr, UnholdMemory(self->memory, pages(2)));
	expect_state(0, 1, 0);
	/* A lock does not count as a hold. */
	ASSERT_EQ(noErr, LockMemory(self->memory + pages(4), page_size));
	EXPECT_EQ(notHeldErr, UnholdMemory(self->memory + pages(4), page_size));
}

TEST_F(classic, s11_unlock_of_never_locked)
{
	EXPECT_EQ(notLockedErr, UnlockMemory(self->memory, pages(2)));
	ASSERT_EQ(noErr, HoldMemory(self->memory, page_size));
	EXPECT_EQ(notLockedErr, UnlockMemory(self->memory, page_size));
	EXPECT_EQ(notLockedErr, MacVMLastError());
}

TEST_F(classic, s12_unlock_after_the_balance)
{
	ASSERT_EQ(noErr, LockMemory(self->memory, pages(2)));
	ASSERT_EQ(noErr, UnlockMemory(self->memory, pages(2)));
	EXPECT_EQ(notLockedErr, UnlockMemory(self->memory, pages(2)));
}

TEST_F(classic, s13_unlock_undoes_lock_contiguous)
{
	ASSERT_EQ(noErr, LockMemoryContiguous(self->memory, page_size));
	expect_state(0, 0, 1);
	ASSERT_EQ(noErr, UnlockMemory(self->memory, page_size));
	expect_state(0, 0, 0);
}

TEST_F(classic, s14_unlock_undoes_lock_for_output)
{
	ASSERT_EQ(noErr, LockMemoryForOutput(self->memory, pages(3)));
	expect_state(2, 0, 1);
	ASSERT_EQ(noErr, UnlockMemory(self->memory, pages(3)));
	expect_state(2, 0, 0);
}

TEST_F(classic, s15_locked_is_reported_as_locked_and_held)
{
	ASSERT_EQ(noErr, LockMemory(self->memory, 1));
	EXPECT_EQ(CONTIG_PAGE_LOCKED | CONTIG_PAGE_HELD,
		  state_of(self->memory).state);
}

TEST_F(classic, s16_held_is_reported_as_held_only)
{
	ASSERT_EQ(noErr, HoldMemory(self->memory, 1));
	EXPECT_EQ(CONTIG_PAGE_HELD,
		  state_of(self->memory).state);
}

TEST_F(classic, s17_bad_ranges_change_nothing)
{
	char *hole = self->memory + pages(8);

	ASSERT_EQ(noErr, LockMemory(self->memory, page_size));
	ASSERT_EQ(noErr, HoldMemory(self->memory, page_size));
	ASSERT_EQ(0, munmap(hole, page_size));
	EXPECT_EQ(paramErr, HoldMemory(NULL, page_size));
	EXPECT_EQ(paramErr, LockMemory(NULL, page_size));
	EXPECT_EQ(paramErr, LockMemoryForOutput(NULL, 1));
	EXPECT_EQ(paramErr, LockMemoryContiguous(NULL, 1));
	EXPECT_EQ(paramErr, HoldMemory(hole, 1));
	EXPECT_EQ(paramErr, LockMemory(hole, 1));
	EXPECT_EQ(paramErr, LockMemory(self->memory, pages(16)));
	EXPECT_EQ(paramErr, HoldMemory(self->memory, pages(16)));
	EXPECT_EQ(paramErr, LockMemory(self->memory, -1ul));
	EXPECT_EQ(paramErr, HoldMemory((void *)-4096l, 8192));
	expect_state(0, 1, 1);
	expect_state(1, 0, 0);
	expect_state(9, 0, 0);
}

TEST_F(classic, s18_limit_exceeded_changes_nothing)
{
	struct rlimit limit = { pages(4), pages(4) };

	ASSERT_EQ(noErr, LockMemory(self->memory, page_size));
	ASSERT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &limit));
	ASSERT_EQ(0, drop_cap(CAP_IPC_LOCK_NR));
	EXPECT_EQ(notEnoughMemoryErr, LockMemory(self->memory, pages(8)));
	EXPECT_EQ(notEnoughMemoryErr,
		  LockMemoryContiguous(self->memory, pages(8)));
	EXPECT_EQ(notEnoughMemoryErr, HoldMemory(self->memory, pages(8)));
	expect_state(0, 0, 1);
	expect_state(1, 0, 0);
	expect_state(7, 0, 0);
	EXPECT_EQ((long)page_size >> 10, charged_kib());
	EXPECT_EQ(noErr, LockMemory(self->memory, pages(4)));
}

TEST_F(classic, s19_get_physical_of_what_is_not_locked)
{
	LogicalToPhysicalTable before;

	set_logical(self->memory, pages(2));
	before = self->table;
	EXPECT_EQ(notLockedErr, GetPhysical(&self->table, &self->count));
	EXPECT_EQ(0, memcmp(&before, &self->table, sizeof(before)));
	EXPECT_EQ(defaultPhysicalEntryCount, (int)self->count);
	self->count = 0;
	EXPECT_EQ(notLockedErr, GetPhysical(&self->table, &self->count));
	EXPECT_EQ(0, self->count);
}

TEST_F(classic, s20_get_physical_of_what_is_only_held)
{
	ASSERT_EQ(noErr, HoldMemory(self->memory, pages(2)));
	set_logical(self->memory, pages(2));
	EXPECT_EQ(notLockedErr, GetPhysical(&self->table, &self->count));
}

TEST_F(classic, s21_count_query_leaves_table)
{
	LogicalToPhysicalTable before;

	ASSERT_EQ(noErr, LockMemory(self->memory, pages(PAGES)));
	memset(&self->table, 0x5a, sizeof(self->table));
	set_logical(self->memory, pages(PAGES));
	before = self->table;
	self->count = 0;
	ASSERT_EQ(noErr, GetPhysical(&self->table, &self->count));
	EXPECT_EQ(0, memcmp(&before, &self->table, sizeof(before)));
	EXPECT_LT(1, self->count);
	EXPECT_GE(PAGES, self->count);
}

/* A table with room for all entries. */
struct long_table {
	LogicalToPhysicalTable table;
	MemoryBlock more[PAGES];
};

static unsigned long translate_at_once(struct long_table *t, char *memory,
				       size_t length)
{
	unsigned long count = PAGES;

	t->table.logical.address = memory;
	t->table.logical.count = length;
	return GetPhysical(&t->table, &count) ? 0 : count;
}

TEST_F(classic, s22_full_call_uses_what_the_query_said)
{
	struct long_table t;
	unsigned long needed = 0;

	ASSERT_EQ(noErr, LockMemory(self->memory, pages(PAGES)));
	set_logical(self->memory, pages(PAGES));
	ASSERT_EQ(noErr, GetPhysical(&self->table, &needed));
	EXPECT_EQ(needed, translate_at_once(&t, self->memory, pages(PAGES)));
	EXPECT_EQ(0, t.table.logical.count);
	EXPECT_EQ((void *)(self->memory + pages(PAGES)),
		  t.table.logical.address);
}

TEST_F(classic, s23_counts_add_up)
{
	unsigned long n, i, sum = 0;
	struct long_table t;

	ASSERT_EQ(noErr, LockMemory(self->memory, pages(PAGES)));
	n = translate_at_once(&t, self->memory + 77, pages(PAGES) - 200);
	ASSERT_LT(0, n);
	for (i = 0; i < n; i++)
		sum += t.table.physical[i].count;
	EXPECT_EQ(pages(PAGES) - 200, sum);
}

TEST_F(classic, s24_one_entry_at_a_time)
{
	char *at = self->memory + 5;
	size_t left = pages(PAGES) - 10;

	ASSERT_EQ(noErr, LockMemory(self->memory, pages(PAGES)));
	set_logical(at, left);
	while (left) {
		self->count = 1;
		ASSERT_EQ(noErr, GetPhysical(&self->table, &self->count));
		ASSERT_EQ(1, self->count);
		ASSERT_LT(0, self->table.physical[0].count);
		at += self->table.physical[0].count;
		left -= self->table.physical[0].count;
		EXPECT_EQ((void *)at, self->table.logical.address);
		ASSERT_EQ(left, self->table.logical.count);
	}
}

TEST_F(classic, s25_published_loop_covers_the_range_once)
{
	char *range = mmap(NULL, MIB(1), PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *at = range;
	unsigned long i, offset;

	ASSERT_NE(MAP_FAILED, range);
	for (i = MIB(1); i; i -= page_size)
		range[i - 1] = 1;
	ASSERT_EQ(noErr, LockMemory(range, MIB(1)));
	set_logical(range, MIB(1));
	while (self->table.logical.count) {
		self->count = defaultPhysicalEntryCount;
		ASSERT_EQ(noErr, GetPhysical(&self->table, &self->count));
		ASSERT_LT(0, self->count);
		for (i = 0; i < self->count; i++) {
			MemoryBlock *block = &self->table.physical[i];

			for (offset = 0; offset < block->count;
			     offset += page_size) {
				EXPECT_EQ(pfn_of(at) * page_size,
					  to_addr(block->address) + offset);
				at += page_size;
			}
		}
	}
	EXPECT_EQ(range + MIB(1), at);
	EXPECT_EQ(noErr, UnlockMemory(range, MIB(1)));
}

TEST_F(classic, s26_never_more_entries_than_asked)
{
	unsigned long room;

	ASSERT_EQ(noErr, LockMemory(self->memory, pages(PAGES)));
	for (room = 1; room <= defaultPhysicalEntryCount; room++) {
		memset(&self->table, 0x5a, sizeof(self->table));
		set_logical(self->memory, pages(PAGES));
		self->count = room;
		ASSERT_EQ(noErr, GetPhysical(&self->table, &self->count));
		EXPECT_GE(room, self->count);
		if (room < defaultPhysicalEntryCount)
			EXPECT_EQ((unsigned long)0x5a5a5a5a5a5a5a5aull,
				  self->table.physical[room].count);
	}
}

TEST_F(classic, s27_blocks_are_maximal)
{
	struct contig_extent *e;
	struct long_table t;
	unsigned long n, i;
	char *end;

	ASSERT_EQ(noErr, LockMemory(self->memory, pages(PAGES)));
	n = translate_at_once(&t, self->memory, pages(PAGES));
	ASSERT_LT(1, n);
	for (i = 1; i < n; i++) {
		end = (char *)t.table.physical[i - 1].address +
		      t.table.physical[i - 1].count;
		EXPECT_NE((void *)end, t.table.physical[i].address);
	}
	EXPECT_EQ((int64_t)n, pagemap_extents(self->memory, pages(PAGES), &e));
	free(e);
}

TEST_F(classic, s28_translation_starts_at_the_very_byte)
{
	size_t offsets[] = { 0, 1, 511, 2048, page_size - 1 };
	size_t i;

	ASSERT_EQ(noErr, LockMemory(self->memory, pages(2)));
	for (i = 0; i < ARRAY_SIZE(offsets); i++) {
		set_logical(self->memory + offsets[i], 1);
		self->count = 1;
		ASSERT_EQ(noErr, GetPhysical(&self->table, &self->count));
		EXPECT_EQ(pfn_of(self->memory) * page_size + offsets[i],
			  to_addr(self->table.physical[0].address));
		EXPECT_EQ(1, self->table.physical[0].count);
	}
}

TEST_F(classic, s29_default_table_has_eight_entries)
{
	EXPECT_EQ(8, defaultPhysicalEntryCount);
	EXPECT_EQ(8, sizeof(LogicalToPhysicalTable) / sizeof(MemoryBlock) - 1);
	EXPECT_EQ(8, ARRAY_SIZE(self->table.physical));
}

TEST_F(classic, s30_device_memory)
{
	int mem = open("/dev/mem", O_RDWR | O_SYNC | O_CLOEXEC);
	char *map = mmap(NULL, page_size, PROT_READ, MAP_SHARED, mem, 0xf0000);

	if (mem < 0 || map == MAP_FAILED)
		SKIP(return, "/dev/mem cannot be mapped");
	EXPECT_EQ(paramErr, LockMemory(map, page_size));
	EXPECT_EQ(paramErr, LockMemoryForOutput(map, page_size));
	EXPECT_EQ(paramErr, HoldMemory(map, page_size));
	/* The mapping can never be locked, which GetPhysical must report. */
	set_logical(map, page_size);
	EXPECT_NE(noErr, GetPhysical(&self->table, &self->count));
}

TEST_F(classic, s31_one_page_is_contiguous)
{
	int i;

	for (i = 0; i < PAGES; i++)
		EXPECT_EQ(noErr, LockMemoryContiguous(self->memory + pages(i) +
						      i, 1000));
	EXPECT_EQ(noErr, UnlockMemory(self->memory, pages(PAGES)));
}

TEST_F(classic, s32_contiguous_is_one_block)
{
	char *block = MemAllocatePhysicallyContiguous(MIB(1), true);

	ASSERT_NE(NULL, block);
	ASSERT_EQ(noErr, LockMemoryContiguous(block, MIB(1)));
	set_logical(block, MIB(1));
	self->count = 0;
	ASSERT_EQ(noErr, GetPhysical(&self->table, &self->count));
	EXPECT_EQ(1, self->count);
	EXPECT_EQ(noErr, UnlockMemory(block, MIB(1)));
	EXPECT_EQ(noErr, MemDeallocatePhysicallyContiguous(block));
}

/* Find two adjacent pages that are not adjacent in physical memory. */
static int find_gap(const char *memory)
{
	int i;

	for (i = 0; i + 1 < PAGES; i++)
		if (pfn_of(memory + pages(i)) + 1 !=
		    pfn_of(memory + pages(i + 1)))
			return i;
	return -1;
}

TEST_F(classic, s33_not_contiguous_with_a_locked_page)
{
	int gap = find_gap(self->memory);

	ASSERT_LE(0, gap);
	ASSERT_EQ(noErr, LockMemory(self->memory + pages(gap), 1));
	EXPECT_EQ(cannotMakeContiguousErr,
		  LockMemoryContiguous(self->memory + pages(gap), pages(2)));
	expect_state(gap, 0, 1);
	expect_state(gap + 1, 0, 0);
	EXPECT_EQ(noErr, UnlockMemory(self->memory + pages(gap), 1));
	EXPECT_EQ(notLockedErr, UnlockMemory(self->memory + pages(gap), 1));
}

TEST_F(classic, s34_lock_contiguous_keeps_contents)
{
	char *block = MemAllocatePhysicallyContiguous(MIB(1), true);

	ASSERT_NE(NULL, block);
	fill_pattern(block, MIB(1), 1);
	EXPECT_EQ(noErr, LockMemoryContiguous(block, MIB(1)));
	EXPECT_TRUE(has_pattern(block, MIB(1), 1));
	fill_pattern(self->memory, pages(PAGES), 2);
	LockMemoryContiguous(self->memory, pages(PAGES));
	EXPECT_TRUE(has_pattern(self->memory, pages(PAGES), 2));
}

TEST_F(classic, s38_gestalt_says_that_there_is_a_vm)
{
	long response = 0;

	ASSERT_EQ(noErr, Gestalt(gestaltVMAttr, &response));
	EXPECT_TRUE(response & 1 << gestaltVMPresent);
	EXPECT_EQ(0x766d2020, gestaltVMAttr);
}

TEST_F(classic, s39_gestalt_of_lock_for_output)
{
	long response = 0;
	bool works = LockMemoryForOutput(self->memory, 1) == noErr;

	ASSERT_EQ(noErr, Gestalt(gestaltVMAttr, &response));
	EXPECT_EQ(works,
		  !!(response & 1 << gestaltVMHasLockMemoryForOutput));
	EXPECT_TRUE(works);
}

TEST_F(classic, s40_gestalt_of_sizes)
{
	uint64_t wide = 0;
	long response = 0;

	ASSERT_EQ(noErr, Gestalt(gestaltLogicalPageSize, &response));
	EXPECT_EQ(sysconf(_SC_PAGESIZE), response);
	ASSERT_EQ(noErr, Gestalt(gestaltPhysicalRAMSize, &response));
	EXPECT_LT(0, response);
	EXPECT_GE(0x7fffffff, response);
	ASSERT_EQ(noErr, Gestalt64(gestaltPhysicalRAMSize, &wide));
	EXPECT_EQ((uint64_t)meminfo_kib("MemTotal") << 10, wide);
	ASSERT_EQ(noErr, Gestalt(gestaltLogicalRAMSize, &response));
	EXPECT_LT(0, response);
}

TEST_F(classic, s41_unknown_selector)
{
	long response = 0x5a5a;

	EXPECT_EQ(gestaltUndefSelectorErr, Gestalt(0x3f3f3f3f, &response));
	EXPECT_EQ(0x5a5a, response);
}

TEST_HARNESS_MAIN
