// SPDX-License-Identifier: GPL-2.0-only
/*
 * The testable statements about PrepareMemoryForIO and CheckpointIO, checked
 * through libcontig's classic interface. Each test carries the number of its
 * statement. Physical addresses are compared with those in pagemap.
 */
#include <contig.h>
#include <contig/macvm.h>

#include "kselftest_harness.h"
#include "classic.h"
#include "edu.h"

#define PAGES 16
#define UNTOUCHED ((void *)0x5a5a)

FIXTURE(classic_io) {
	char *memory;
	IOPreparationTable table;
	LogicalAddress logical[2 * PAGES];
	PhysicalAddress physical[2 * PAGES];
	AddressRange ranges[PAGES];
	struct edu edu;
};

static void clear_tables(FIXTURE_DATA(classic_io) *self)
{
	int i;

	for (i = 0; i < 2 * PAGES; i++)
		self->logical[i] = self->physical[i] = UNTOUCHED;
}

FIXTURE_SETUP(classic_io) {
	if (access(CONTIG_PATH, F_OK))
		SKIP(return, "no " CONTIG_PATH ": load the module");
	memset(self, 0, sizeof(*self));
	self->memory = anon_map(pages(PAGES));
	ASSERT_NE(NULL, self->memory);
	clear_tables(self);
	self->table = (IOPreparationTable) {
		.options = kIOLogicalRanges | kIOIsInput | kIOIsOutput,
		.addressSpace = kCurrentAddressSpaceID,
		.mappingEntryCount = 2 * PAGES,
		.logicalMapping = self->logical,
		.physicalMapping = self->physical,
	};
}

FIXTURE_TEARDOWN(classic_io) {
	edu_disable(&self->edu);
	munmap(self->memory, pages(PAGES));
}

#define set_range(from, bytes) do { \
	self->table.rangeInfo.range.base = (from); \
	self->table.rangeInfo.range.length = (bytes); \
} while (0)

#define set_ranges(n) do { \
	self->table.options |= kIOMultipleRanges; \
	self->table.rangeInfo.multipleRanges.entryCount = (n); \
	self->table.rangeInfo.multipleRanges.rangeTable = self->ranges; \
} while (0)

#define prepare() \
	ASSERT_EQ(noErr, PrepareMemoryForIO(&self->table)) \
		TH_LOG("errno %d", errno)

#define end() EXPECT_EQ(noErr, CheckpointIO(self->table.preparationID, 0))

#define expect_done(bytes) do { \
	EXPECT_EQ(kIOStateDone, self->table.state); \
	EXPECT_EQ((bytes), self->table.lengthPrepared); \
} while (0)

/* Entry @i of both tables describes the byte at @at. */
#define expect_entry(i, at) do { \
	EXPECT_EQ((void *)(at), self->logical[i]); \
	EXPECT_EQ(physical_of(at), to_addr(self->physical[i])); \
} while (0)

#define expect_end(i) do { \
	EXPECT_EQ(UNTOUCHED, self->logical[i]); \
	EXPECT_EQ(UNTOUCHED, self->physical[i]); \
} while (0)

#define expect_locks(nr, page) \
	EXPECT_EQ(nr, state_of(self->memory + pages(page)).locks)

#define expect_failure(result) do { \
	EXPECT_EQ((result), PrepareMemoryForIO(&self->table)); \
	EXPECT_EQ(0, self->table.state); \
	EXPECT_EQ(0, self->table.lengthPrepared); \
	EXPECT_EQ(0, self->table.preparationID); \
	expect_locks(0, 0); \
} while (0)

static uint64_t physical_of(const char *at)
{
	return pfn_of(at) * page_size + (to_addr(at) & (page_size - 1));
}

TEST_F(classic_io, s47_a_range_within_a_page)
{
	set_range(self->memory + 100, 200);
	prepare();
	expect_done(200);
	expect_entry(0, self->memory + 100);
	expect_end(1);
	expect_locks(1, 0);
	expect_locks(0, 1);
	end();
	expect_locks(0, 0);
}

TEST_F(classic_io, s48_the_first_entry_is_exact_the_others_are_pages)
{
	int i;

	set_range(self->memory + 123, pages(9));
	prepare();
	expect_done(pages(9));
	expect_entry(0, self->memory + 123);
	for (i = 1; i < 10; i++)
		expect_entry(i, self->memory + pages(i));
	expect_end(10);
	end();
}

TEST_F(classic_io, s49_an_entry_for_each_page_of_contiguous_memory)
{
	char *block = MemAllocatePhysicallyContiguous(pages(8), true);
	int i;

	ASSERT_NE(NULL, block);
	set_range(block, pages(8));
	prepare();
	expect_done(pages(8));
	for (i = 0; i < 8; i++) {
		EXPECT_EQ((void *)(block + pages(i)), self->logical[i]);
		EXPECT_EQ(to_addr(self->physical[0]) + pages(i),
			  to_addr(self->physical[i]));
	}
	expect_end(8);
	end();
	EXPECT_EQ(noErr, MemDeallocatePhysicallyContiguous(block));
}

TEST_F(classic_io, s50_a_short_table_makes_a_part)
{
	set_range(self->memory + 5, pages(4));
	self->table.mappingEntryCount = 4;
	prepare();
	EXPECT_EQ(0, self->table.state);
	EXPECT_EQ(pages(4) - 5, self->table.lengthPrepared);
	expect_entry(3, self->memory + pages(3));
	expect_end(4);
	expect_locks(1, 3);
	expect_locks(0, 4);
	end();
	self->table.mappingEntryCount = 5;
	prepare();
	expect_done(pages(4));
	end();
}

TEST_F(classic_io, s51_parts_cover_every_byte_once)
{
	size_t total = pages(11) + 77, length;
	char *at = self->memory + 3000;
	ItemCount i;

	set_range(at, total);
	self->table.mappingEntryCount = 3;
	do {
		clear_tables(self);
		prepare();
		for (i = 0, length = 0; i < 3 &&
		     self->logical[i] != UNTOUCHED; i++) {
			expect_entry(i, at);
			length = page_size - to_addr(at) % page_size;
			length = length < total ? length : total;
			at += length;
			total -= length;
		}
		end();
		self->table.firstPrepared += self->table.lengthPrepared;
		EXPECT_EQ(self->memory + 3000 + self->table.firstPrepared, at);
	} while (!(self->table.state & kIOStateDone));
	EXPECT_EQ(0, total);
	EXPECT_EQ(pages(11) + 77, self->table.firstPrepared);
	/* Nothing is left to prepare. */
	expect_failure(paramErr);
}

TEST_F(classic_io, s52_ranges_have_to_be_logical)
{
	set_range(self->memory, page_size);
	self->table.options &= ~kIOLogicalRanges;
	expect_failure(paramErr);
	self->table.options = 0;
	expect_failure(paramErr);
}

TEST_F(classic_io, s53_mappings_of_several_ranges_follow_each_other)
{
	char *at = self->memory;

	self->ranges[0] = (AddressRange) { at + pages(5), 10 };
	self->ranges[1] = (AddressRange) { at + 50, pages(2) };
	self->ranges[2] = (AddressRange) { at + pages(9), pages(1) };
	set_ranges(3);
	prepare();
	expect_done(10 + pages(3));
	expect_entry(0, at + pages(5));
	expect_entry(1, at + 50);
	expect_entry(2, at + pages(1));
	expect_entry(3, at + pages(2));
	expect_entry(4, at + pages(9));
	expect_end(5);
	end();
}

TEST_F(classic_io, s54_ranges_may_overlap)
{
	char *at = self->memory;

	self->ranges[0] = (AddressRange) { at + 10, pages(2) };
	self->ranges[1] = (AddressRange) { at + 20, 30 };
	set_ranges(2);
	prepare();
	expect_done(pages(2) + 30);
	/* Each range begins a new entry, even within the same page. */
	expect_entry(0, at + 10);
	expect_entry(3, at + 20);
	expect_end(4);
	expect_locks(2, 0);
	expect_locks(1, 1);
	end();
	expect_locks(0, 0);
	expect_locks(0, 1);
}

TEST_F(classic_io, s55_minimal_mapping_has_two_entries_a_range)
{
	char *at = self->memory;

	self->ranges[0] = (AddressRange) { at + 9, pages(4) };
	self->ranges[1] = (AddressRange) { at + pages(6) + 1, 10 };
	self->ranges[2] = (AddressRange) { at + pages(8), pages(2) };
	set_ranges(3);
	self->table.options |= kIOMinimalLogicalMapping;
	prepare();
	expect_done(pages(6) + 10);
	EXPECT_EQ((void *)(at + 9), self->logical[0]);
	EXPECT_EQ((void *)(at + pages(4)), self->logical[1]);
	EXPECT_EQ((void *)(at + pages(6) + 1), self->logical[2]);
	EXPECT_EQ((void *)(at + pages(8)), self->logical[4]);
	EXPECT_EQ((void *)(at + pages(9)), self->logical[5]);
	EXPECT_EQ(UNTOUCHED, self->logical[6]);
	EXPECT_EQ(physical_of(at + pages(9)), to_addr(self->physical[7]));
	EXPECT_EQ(UNTOUCHED, self->physical[8]);
	end();
}

TEST_F(classic_io, s56_granularity_makes_parts_smaller)
{
	set_range(self->memory, pages(8));
	self->table.granularity = pages(2);
	self->table.mappingEntryCount = 3;
	prepare();
	EXPECT_EQ(0, self->table.state);
	EXPECT_EQ(pages(2), self->table.lengthPrepared);
	expect_end(2);
	expect_locks(0, 2);
	end();
}

TEST_F(classic_io, s57_too_large_a_granularity_prepares_nothing)
{
	set_range(self->memory, pages(8));
	self->table.granularity = pages(4);
	self->table.mappingEntryCount = 3;
	expect_failure(notEnoughMemoryErr);
	EXPECT_EQ(notEnoughMemoryErr, MacVMLastError());
	self->table.granularity = 0;
	self->table.mappingEntryCount = 0;
	expect_failure(notEnoughMemoryErr);
}

TEST_F(classic_io, s58_the_last_checkpoint_ends_the_id)
{
	set_range(self->memory, pages(2));
	prepare();
	end();
	EXPECT_EQ(paramErr, CheckpointIO(self->table.preparationID, 0));
	EXPECT_EQ(paramErr, CheckpointIO(self->table.preparationID,
					 kMoreIOTransfers));
	EXPECT_EQ(paramErr, CheckpointIO(0, 0));
	EXPECT_EQ(paramErr, CheckpointIO(-1, 0));
}

TEST_F(classic_io, s59_more_transfers_keep_it_prepared)
{
	static const IOCheckpointOptions next[] = {
		kMoreIOTransfers,
		kMoreIOTransfers | kNextIOIsInput,
		kMoreIOTransfers | kNextIOIsOutput,
		kMoreIOTransfers | kNextIOIsInput | kNextIOIsOutput,
	};
	unsigned int i;
	uint64_t pfn;

	set_range(self->memory, pages(2));
	prepare();
	/* Before, it may have been in CMA. */
	pfn = pfn_of(self->memory);
	for (i = 0; i < ARRAY_SIZE(next); i++) {
		ASSERT_EQ(noErr, CheckpointIO(self->table.preparationID,
					      next[i]));
		expect_locks(1, 0);
		expect_locks(1, 1);
		write_text("/proc/sys/vm/compact_memory", "1");
		EXPECT_EQ(pfn, pfn_of(self->memory));
	}
	end();
	expect_locks(0, 0);
}

TEST_F(classic_io, s60_two_preparations_of_a_page)
{
	IOPreparationID id;

	set_range(self->memory, pages(2));
	prepare();
	id = self->table.preparationID;
	set_range(self->memory + pages(1) + 7, 9);
	prepare();
	ASSERT_NE(id, self->table.preparationID);
	expect_locks(2, 1);
	EXPECT_EQ(noErr, CheckpointIO(id, 0));
	expect_locks(0, 0);
	expect_locks(1, 1);
	end();
	expect_locks(0, 1);
}

TEST_F(classic_io, s61_output_leaves_pages_clean)
{
	static const struct {
		OptionBits options;
		bool dirty;
	} ways[] = {
		{ kIOIsOutput, false },
		{ kIOIsInput, true },
		{ kIOIsInput | kIOIsOutput, true },
	};
	int file = memfd_create("contig", MFD_CLOEXEC);
	volatile char *map, *at;
	unsigned int i;

	ASSERT_LE(0, file);
	ASSERT_EQ(0, ftruncate(file, pages(3)));
	map = mmap(NULL, pages(3), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	ASSERT_NE(MAP_FAILED, map);
	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		at = map + pages(i);
		(void)*at;	/* present, and clean */
		ASSERT_FALSE(page_flag(at, KPF_DIRTY));
		self->table.options = kIOLogicalRanges | ways[i].options;
		set_range((char *)at, 1);
		prepare();
		end();
		EXPECT_EQ(ways[i].dirty, page_flag(at, KPF_DIRTY));
	}
	munmap((void *)map, pages(3));
	close(file);
}

TEST_F(classic_io, s62_bits_that_change_nothing)
{
	static const OptionBits bits[] = {
		0x08, 0x40, 0x80, 0x08 | 0x40 | 0x80,
	};
	LogicalAddress logical[2 * PAGES];
	PhysicalAddress physical[2 * PAGES];
	unsigned int i;

	EXPECT_EQ(0x08, kIOShareMappingTables);
	EXPECT_EQ(0x40, kIOCoherentDataPath);
	EXPECT_EQ(0x80, kIOTransferIsLogical);
	EXPECT_EQ(0x80, kIOClientIsUserMode);
	set_range(self->memory + 77, pages(5));
	prepare();
	end();
	memcpy(logical, self->logical, sizeof(logical));
	memcpy(physical, self->physical, sizeof(physical));
	for (i = 0; i < ARRAY_SIZE(bits); i++) {
		clear_tables(self);
		self->table.options = kIOLogicalRanges | kIOIsInput | bits[i];
		prepare();
		expect_done(pages(5));
		EXPECT_EQ(0, memcmp(logical, self->logical, sizeof(logical)));
		EXPECT_EQ(0, memcmp(physical, self->physical,
				    sizeof(physical)));
		end();
	}
}

TEST_F(classic_io, s63_a_checkpoint_after_an_abort_frees_everything)
{
	struct snapshot before;
	long charged;
	int i;

	/* The first call opens the client. */
	set_range(self->memory, pages(PAGES));
	prepare();
	end();
	snapshot_take(&before, classic_client());
	charged = charged_kib();
	for (i = 0; i < 100; i++) {
		self->table.mappingEntryCount = i % PAGES + 1;
		prepare();
		EXPECT_LT(charged, charged_kib());
		EXPECT_EQ(noErr, CheckpointIO(self->table.preparationID,
					      kMoreIOTransfers));
		end();
	}
	EXPECT_TRUE(snapshot_is_same(&before, classic_client()));
}

TEST_F(classic_io, tables_may_be_left_out)
{
	set_range(self->memory, pages(PAGES));
	self->table.logicalMapping = NULL;
	prepare();
	EXPECT_EQ(physical_of(self->memory + pages(PAGES - 1)),
		  to_addr(self->physical[PAGES - 1]));
	end();
	/* A caller that asks for no physical addresses needs no right. */
	ASSERT_EQ(0, drop_cap(CAP_SYS_RAWIO_NR));
	expect_failure(permErr);
	self->table.logicalMapping = self->logical;
	self->table.physicalMapping = NULL;
	prepare();
	expect_done(pages(PAGES));
	end();
	self->table.logicalMapping = NULL;
	self->table.mappingEntryCount = 0;
	prepare();
	expect_done(pages(PAGES));
	expect_locks(1, PAGES - 1);
	end();
}

TEST_F(classic_io, failures_prepare_nothing)
{
	struct snapshot before;

	set_range(self->memory, pages(2));
	prepare();
	end();
	snapshot_take(&before, classic_client());
	self->table.addressSpace = 1;
	expect_failure(paramErr);
	self->table.addressSpace = kCurrentAddressSpaceID;
	self->table.options |= 0x800;
	expect_failure(paramErr);
	self->table.options &= ~0x800;
	self->ranges[0] = (AddressRange) { self->memory, pages(2) };
	self->ranges[1] = (AddressRange) { NULL, page_size };
	set_ranges(2);
	expect_failure(paramErr);
	EXPECT_EQ(EFAULT, errno);
	/* The part before the bad range can be prepared. */
	self->table.mappingEntryCount = 2;
	prepare();
	EXPECT_EQ(0, self->table.state);
	end();
	EXPECT_TRUE(snapshot_is_same(&before, classic_client()));
	EXPECT_EQ(paramErr, PrepareMemoryForIO(NULL));
}

/*
 * Copy the first half of @memory to its second half by a device, one page at a
 * time. Return the number of pages that arrived, or a result code.
 */
static int move_by_device(FIXTURE_DATA(classic_io) *self, char *memory,
			  size_t half)
{
	static const OptionBits ways[] = { kIOIsOutput, kIOIsInput };
	IOPreparationTable *table = &self->table;
	int i, err, moved = 0;

	fill_pattern(memory, half, 5);
	memset(memory + half, 0, half);
	table->mappingEntryCount = 1;
	table->firstPrepared = 0;
	do {
		size_t at = table->firstPrepared;

		for (i = 0; i < 2; i++) {
			table->options = kIOLogicalRanges | ways[i] |
					 (table->options & kIONoCopies);
			set_range(memory + i * half, half);
			err = PrepareMemoryForIO(table);
			if (err)
				return err;
			err = table->lengthPrepared != page_size ||
			      edu_transfer(&self->edu,
					   to_addr(self->physical[0]), i);
			if (CheckpointIO(table->preparationID, 0) || err)
				return moved;
		}
		if (memcmp(memory + at, memory + half + at, EDU_CHUNK))
			return moved;
		moved++;
		table->firstPrepared += table->lengthPrepared;
	} while (!(table->state & kIOStateDone));
	return moved;
}

/*
 * A device reaches the memory by these addresses, in parts, in both directions.
 */
TEST_F_TIMEOUT(classic_io, a_device_follows_the_physical_mapping, 300)
{
	struct contig_device_opts opts = CONTIG_DEVICE_OPTS_INIT;
	bool copied, high;
	char *block;
	int moved;

	if (edu_find(&self->edu))
		SKIP(return, "no device: run QEMU with -device edu");
	ASSERT_EQ(0, edu_setup(&self->edu));
	/*
	 * If memory lies above 4 GiB, give the device the usual mask of 32
	 * bits.
	 */
	high = physical_of(self->memory) >> 32 && !(ram_start() >> 32);
	opts.address_bits = high ? 32 : edu_bits();
	ASSERT_EQ(noErr, MacVMAttachDevice(self->edu.name, &opts));
	/* DMA addresses need no right. */
	ASSERT_EQ(0, drop_cap(CAP_SYS_RAWIO_NR));

	/*
	 * The memory is in reach, copied, or out of reach, which is reported.
	 */
	moved = move_by_device(self, self->memory, pages(PAGES / 2));
	copied = self->table.state & kIOStateCopied;
	if (moved == paramErr) {
		EXPECT_EQ(EADDRNOTAVAIL, errno);
	} else {
		EXPECT_EQ(PAGES / 2, moved);
	}
	TH_LOG("%d moved%s", moved, copied ? " by way of copies" : "");
	if (copied) {
		self->table.options |= kIONoCopies;
		EXPECT_EQ(paramErr, move_by_device(self, self->memory,
						   pages(PAGES / 2)));
		EXPECT_EQ(EADDRNOTAVAIL, errno);
		return;
	}

	/* This memory is in reach. */
	block = MemAllocatePhysicallyContiguous(pages(8), true);
	ASSERT_NE(NULL, block);
	EXPECT_EQ(4, move_by_device(self, block, pages(4)));
	EXPECT_EQ(paramErr, MacVMDetachDevice());
	EXPECT_EQ(EBUSY, errno);
	EXPECT_EQ(noErr, MemDeallocatePhysicallyContiguous(block));
	EXPECT_EQ(noErr, MacVMDetachDevice());
	self->table.firstPrepared = 0;
	set_range(self->memory, page_size);
	expect_failure(permErr);
}

TEST_HARNESS_MAIN
