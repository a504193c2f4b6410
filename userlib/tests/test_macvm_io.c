// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * The numbers are those of the statements in the description of the classic
 * semantics.
 */
#include <contig.h>
#include <contig/macvm.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "fake.h"

#define PAGES 100
#define UNTOUCHED ((void *)0x5a5a)

static char *memory;
static IOPreparationTable table;
static LogicalAddress logical[2 * PAGES];
static PhysicalAddress physical[PAGES];
static AddressRange ranges[CONTIG_PREPARE_RANGES + 1];

static int setup(void **state)
{
	size_t i;

	fake_reset(state);
	/* Make physical addresses differ from logical ones. */
	fake.run_pages = 3;
	memory = fake_memory(PAGES);
	for (i = 0; i < PAGES; i++)
		physical[i] = logical[2 * i] = logical[2 * i + 1] = UNTOUCHED;
	table = (IOPreparationTable){
		.options = kIOLogicalRanges | kIOIsInput,
		.state = 0x5a5a5a5a,
		.preparationID = 77,
		.addressSpace = kCurrentAddressSpaceID,
		.lengthPrepared = 77,
		.mappingEntryCount = PAGES,
		.logicalMapping = logical,
		.physicalMapping = physical,
	};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return munmap(memory, PAGES * PAGE) ||
	       (*fake.attached && MacVMDetachDevice());
}

static void set_range(size_t from, size_t length)
{
	table.rangeInfo.range.base = memory + from;
	table.rangeInfo.range.length = length;
}

static void set_ranges(size_t count)
{
	table.options |= kIOMultipleRanges;
	table.rangeInfo.multipleRanges.entryCount = count;
	table.rangeInfo.multipleRanges.rangeTable = ranges;
}

static void assert_nothing_prepared(OSStatus expected)
{
	assert_int_equal(PrepareMemoryForIO(&table), expected);
	assert_int_equal(MacVMLastError(), expected);
	assert_int_equal(table.state, 0);
	assert_int_equal(table.preparationID, 0);
	assert_int_equal(table.lengthPrepared, 0);
	assert_int_equal(fake_preparations(), 0);
	assert_int_equal(fake_busy_pages(), 0);
}

static void prepare(OptionBits state, ByteCount length)
{
	assert_int_equal(PrepareMemoryForIO(&table), noErr);
	assert_int_equal(table.state, state);
	assert_int_equal(table.lengthPrepared, length);
	assert_int_not_equal(table.preparationID, 0);
}

static void end(void)
{
	assert_int_equal(CheckpointIO(table.preparationID, 0), noErr);
}

static void assert_entry(size_t i, size_t at)
{
	assert_ptr_equal(logical[i], memory + at);
	assert_int_equal((uintptr_t)physical[i], fake_physical(memory + at));
}

static void assert_no_entry(size_t i)
{
	assert_ptr_equal(logical[i], UNTOUCHED);
	assert_ptr_equal(physical[i], UNTOUCHED);
}

/* Must be the first test: nothing has opened the device yet. */
static void without_the_device_nothing_is_prepared(void **state)
{
	(void)state;
	set_range(0, 1);
	fake.open_error = ENOENT;
	assert_nothing_prepared(noMMUErr);
	assert_int_equal(CheckpointIO(1, 0), paramErr);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(MacVMAttachDevice("pci/0000:00:04.0", NULL), noMMUErr);
	assert_int_equal(MacVMDetachDevice(), paramErr);
	assert_int_equal(errno, EUNATCH);
}

/* Statement 47 */
static void a_page_is_one_entry(void **state)
{
	(void)state;
	set_range(100, 200);
	prepare(kIOStateDone, 200);
	assert_entry(0, 100);
	assert_no_entry(1);
	assert_int_equal(fake_locks(memory), 1);
	end();
	assert_int_equal(fake_busy_pages(), 0);
}

/* Statements 48, 49; also more entries than the stack has room for. */
static void every_page_is_an_entry(void **state)
{
	static const size_t most[] = {3, PAGES - 1};
	size_t i;
	size_t n;

	(void)state;
	for (n = 0; n < 2; n++) {
		set_range(100, most[n] * PAGE);
		prepare(kIOStateDone, most[n] * PAGE);
		assert_entry(0, 100);
		for (i = 1; i <= most[n]; i++)
			assert_entry(i, i * PAGE);
		if (i < PAGES)
			assert_no_entry(i);
		end();
	}
	/* The range ends at the end of a page. */
	physical[2] = logical[2] = UNTOUCHED;
	set_range(PAGE, 2 * PAGE);
	prepare(kIOStateDone, 2 * PAGE);
	assert_entry(1, 2 * PAGE);
	assert_no_entry(2);
	end();
}

/* Statements 50, 51 */
static void short_tables_make_parts(void **state)
{
	size_t total = 6 * PAGE + 77;

	(void)state;
	set_range(3000, total);
	table.mappingEntryCount = 2;
	do {
		assert_int_equal(PrepareMemoryForIO(&table), noErr);
		assert_entry(0, 3000 + table.firstPrepared);
		assert_no_entry(2);
		assert_int_equal(
			fake_locks(memory + 3000 + table.firstPrepared), 1);
		assert_true(table.lengthPrepared > 0);
		assert_true(table.lengthPrepared <= 2 * PAGE);
		end();
		table.firstPrepared += table.lengthPrepared;
		assert_int_equal(table.state, table.firstPrepared == total
						      ? kIOStateDone
						      : 0);
	} while (table.state != kIOStateDone);
	assert_int_equal(table.firstPrepared, total);
}

/* Statement 52, and other tables that are refused. */
static void tables_are_checked(void **state)
{
	(void)state;
	set_range(0, PAGE);
	assert_int_equal(PrepareMemoryForIO(NULL), paramErr);
	table.options = kIOIsInput;
	assert_nothing_prepared(paramErr);
	table.options |= kIOLogicalRanges | 0x100;
	assert_nothing_prepared(paramErr);
	table.options = kIOLogicalRanges;
	table.addressSpace = 0;
	assert_nothing_prepared(paramErr);
	table.addressSpace = kCurrentAddressSpaceID;
	table.firstPrepared = PAGE;
	assert_nothing_prepared(paramErr);
	table.firstPrepared = 0;
	set_range(0, 0);
	assert_nothing_prepared(paramErr);
	set_range(0, -1ul);
	assert_nothing_prepared(paramErr);
	assert_int_equal(errno, EOVERFLOW);
	set_ranges(0);
	assert_nothing_prepared(paramErr);
	set_ranges(CONTIG_PREPARE_RANGES + 1);
	assert_nothing_prepared(paramErr);
	/* Their lengths add up to more than there are addresses. */
	ranges[0] = (AddressRange){NULL, -1ul / 2 + 1};
	ranges[1] = ranges[0];
	set_ranges(2);
	assert_nothing_prepared(paramErr);
	assert_int_equal(errno, EOVERFLOW);
	ranges[0] = (AddressRange){memory, 1};
	ranges[1] = (AddressRange){memory, 0};
	assert_nothing_prepared(paramErr);
	table.rangeInfo.multipleRanges.rangeTable = NULL;
	assert_nothing_prepared(paramErr);
	assert_int_equal(fake.calls[CONTIG_CMD_PREPARE], 0);
	/* A range that the kernel refuses, after ranges that it accepts. */
	table.rangeInfo.multipleRanges.rangeTable = ranges;
	ranges[1] = (AddressRange){NULL, 1};
	assert_nothing_prepared(paramErr);
	assert_int_equal(errno, EFAULT);
}

/* Statement 53 */
static void ranges_follow_each_other(void **state)
{
	(void)state;
	ranges[0] = (AddressRange){memory + 5 * PAGE, 10};
	ranges[1] = (AddressRange){memory + 50, PAGE};
	ranges[2] = (AddressRange){memory + 1000, 24};
	set_ranges(3);
	prepare(kIOStateDone, 10 + PAGE + 24);
	assert_entry(0, 5 * PAGE);
	assert_entry(1, 50);
	assert_entry(2, PAGE);
	assert_entry(3, 1000);
	assert_no_entry(4);
	/* Statement 54 */
	assert_int_equal(fake_locks(memory), 2);
	end();

	/* Begin in the middle of the second range. */
	table.firstPrepared = 10 + 7;
	prepare(kIOStateDone, PAGE - 7 + 24);
	assert_entry(0, 57);
	assert_entry(1, PAGE);
	assert_entry(2, 1000);
	end();
	assert_int_equal(fake_busy_pages(), 0);
}

static void many_ranges(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < 40; i++)
		ranges[i] = (AddressRange){memory + i * PAGE + i, 5};
	set_ranges(40);
	prepare(kIOStateDone, 200);
	for (i = 0; i < 40; i++)
		assert_entry(i, i * PAGE + i);
	end();
}

/* Statement 55 */
static void minimal_tables_have_two_entries_a_range(void **state)
{
	(void)state;
	ranges[0] = (AddressRange){memory + 100, 5 * PAGE};
	ranges[1] = (AddressRange){memory + 9 * PAGE + 7, 20};
	ranges[2] = (AddressRange){memory + 20 * PAGE, 2 * PAGE};
	set_ranges(3);
	table.options |= kIOMinimalLogicalMapping;
	prepare(kIOStateDone, 7 * PAGE + 20);
	assert_ptr_equal(logical[0], memory + 100);
	assert_ptr_equal(logical[1], memory + 5 * PAGE);
	assert_ptr_equal(logical[2], memory + 9 * PAGE + 7);
	assert_ptr_equal(logical[3], UNTOUCHED);
	assert_ptr_equal(logical[4], memory + 20 * PAGE);
	assert_ptr_equal(logical[5], memory + 21 * PAGE);
	assert_ptr_equal(logical[6], UNTOUCHED);
	/* The other table has all pages. */
	assert_int_equal((uintptr_t)physical[8],
			 fake_physical(memory + 21 * PAGE));
	assert_ptr_equal(physical[9], UNTOUCHED);
	end();
}

static void minimal_tables_end_a_part_too(void **state)
{
	static const struct {
		ItemCount room;
		ByteCount length;
	} expected[] = {
		{1, 4096 - 100},    {2, 5 * 4096},	{3, 5 * 4096 + 20},
		{4, 5 * 4096 + 20}, {5, 6 * 4096 + 20}, {6, 7 * 4096 + 20},
	};
	size_t i;

	(void)state;
	assert_int_equal(PAGE, 4096);
	ranges[0] = (AddressRange){memory + 100, 5 * PAGE};
	ranges[1] = (AddressRange){memory + 9 * PAGE + 7, 20};
	ranges[2] = (AddressRange){memory + 20 * PAGE, 2 * PAGE};
	set_ranges(3);
	table.options |= kIOMinimalLogicalMapping;
	table.physicalMapping = NULL;
	for (i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		table.mappingEntryCount = expected[i].room;
		prepare(expected[i].room == 6 ? kIOStateDone : 0,
			expected[i].length);
		assert_ptr_equal(logical[expected[i].room], UNTOUCHED);
		end();
	}
	/* With the other table, its length is a limit too. */
	table.physicalMapping = physical;
	table.mappingEntryCount = 5;
	prepare(0, 5 * PAGE - 100);
	assert_ptr_equal(logical[1], memory + 4 * PAGE);
	assert_ptr_equal(physical[5], UNTOUCHED);
	end();
	/* Three ranges in a page each are five entries of the minimal table. */
	ranges[0] = (AddressRange){memory, 1};
	ranges[2] = (AddressRange){memory + PAGE, 1};
	table.mappingEntryCount = 3;
	prepare(0, 21);
	end();
}

/* Statements 56, 57 */
static void granularity_limits_parts(void **state)
{
	(void)state;
	set_range(0, 7 * PAGE);
	table.mappingEntryCount = 3;
	table.granularity = 2 * PAGE;
	prepare(0, 2 * PAGE);
	assert_no_entry(2);
	end();
	table.firstPrepared = 6 * PAGE;
	prepare(kIOStateDone, PAGE);
	end();
	table.firstPrepared = 0;
	table.granularity = 4 * PAGE;
	assert_nothing_prepared(notEnoughMemoryErr);
	assert_int_equal(errno, EMSGSIZE);
	/* A table without an entry also fails. */
	table.granularity = 0;
	table.mappingEntryCount = 0;
	assert_nothing_prepared(notEnoughMemoryErr);
	table.physicalMapping = NULL;
	assert_nothing_prepared(notEnoughMemoryErr);
	table.options |= kIOMinimalLogicalMapping;
	assert_nothing_prepared(notEnoughMemoryErr);
}

static void tables_may_be_left_out(void **state)
{
	(void)state;
	set_range(10, 9 * PAGE);
	table.logicalMapping = NULL;
	prepare(kIOStateDone, 9 * PAGE);
	assert_int_equal((uintptr_t)physical[9],
			 fake_physical(memory + 9 * PAGE));
	end();
	table.logicalMapping = logical;
	table.physicalMapping = NULL;
	table.mappingEntryCount = 4;
	fake.deny_physical = true;
	prepare(0, 4 * PAGE - 10);
	assert_ptr_equal(logical[3], memory + 3 * PAGE);
	assert_ptr_equal(logical[4], UNTOUCHED);
	end();
	/* Without a table, there is no limit. */
	table.logicalMapping = NULL;
	table.mappingEntryCount = 0;
	prepare(kIOStateDone, 9 * PAGE);
	assert_int_equal(fake_locks(memory + 9 * PAGE), 1);
	end();
	table.physicalMapping = physical;
	table.mappingEntryCount = 1;
	assert_nothing_prepared(permErr);
}

/* Statements 58, 59 */
static void checkpoints_end_it_or_not(void **state)
{
	const struct contig_checkpoint *last = &fake.last.checkpoint;
	IOPreparationID id;

	(void)state;
	set_range(0, PAGE);
	prepare(kIOStateDone, PAGE);
	id = table.preparationID;
	assert_int_equal(CheckpointIO(id, kMoreIOTransfers), noErr);
	assert_int_equal(last->flags, CONTIG_IO_MORE);
	assert_int_equal(CheckpointIO(id, kMoreIOTransfers | kNextIOIsInput),
			 noErr);
	assert_int_equal(last->flags, CONTIG_IO_MORE | CONTIG_IO_INPUT);
	assert_int_equal(CheckpointIO(id, kMoreIOTransfers | kNextIOIsOutput),
			 noErr);
	assert_int_equal(last->flags, CONTIG_IO_MORE | CONTIG_IO_OUTPUT);
	assert_int_equal(CheckpointIO(id, 8), paramErr);
	assert_int_equal(fake_locks(memory), 1);
	/* Without a next transfer the direction is ignored. */
	assert_int_equal(CheckpointIO(id, kNextIOIsInput), noErr);
	assert_int_equal(last->flags, 0);
	assert_int_equal(fake_busy_pages(), 0);
	assert_int_equal(CheckpointIO(id, 0), paramErr);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(CheckpointIO(id, kMoreIOTransfers), paramErr);
	assert_int_equal(CheckpointIO(0, 0), paramErr);
	assert_int_equal(MacVMLastError(), paramErr);
}

/* Statement 60 */
static void preparations_count(void **state)
{
	IOPreparationID id;

	(void)state;
	set_range(0, 2 * PAGE);
	prepare(kIOStateDone, 2 * PAGE);
	id = table.preparationID;
	set_range(PAGE, PAGE);
	prepare(kIOStateDone, PAGE);
	assert_int_equal(fake_locks(memory + PAGE), 2);
	assert_int_equal(CheckpointIO(id, 0), noErr);
	assert_int_equal(fake_locks(memory), 0);
	assert_int_equal(fake_locks(memory + PAGE), 1);
	end();
	assert_int_equal(fake_busy_pages(), 0);
}

/* Statements 61, 62 */
static void options_say_which_way(void **state)
{
	static const struct {
		OptionBits options;
		uint32_t flags;
	} expected[] = {
		{0, 0},
		{kIOIsInput, CONTIG_IO_INPUT},
		{kIOIsOutput, CONTIG_IO_OUTPUT},
		{kIOIsInput | kIOIsOutput, CONTIG_IO_INPUT | CONTIG_IO_OUTPUT},
		{kIOShareMappingTables | kIOCoherentDataPath |
			 kIOTransferIsLogical | kIOClientIsUserMode |
			 kIONoCopies,
		 0},
	};
	size_t i;

	(void)state;
	set_range(0, PAGE);
	for (i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		table.options = kIOLogicalRanges | expected[i].options;
		prepare(kIOStateDone, PAGE);
		assert_int_equal(fake.last.prepare.flags, expected[i].flags);
		end();
	}
	fake.read_only = memory;
	assert_nothing_prepared(paramErr);
	table.options = kIOLogicalRanges | kIOIsOutput;
	prepare(kIOStateDone, PAGE);
	assert_int_equal(CheckpointIO(table.preparationID,
				      kMoreIOTransfers | kNextIOIsInput),
			 paramErr);
	end();
}

static void every_errno_has_its_result(void **state)
{
	static const struct {
		int error;
		OSStatus result;
	} expected[] = {
		{EMSGSIZE, notEnoughMemoryErr},
		{EDQUOT, notEnoughMemoryErr},
		{ENOMEM, notEnoughMemoryErr},
		{ENOENT, paramErr},
		{EINVAL, paramErr},
		{EFAULT, paramErr},
		{ESTALE, paramErr},
		{ENODEV, paramErr},
		{EADDRNOTAVAIL, paramErr},
		{EPERM, permErr},
	};
	size_t i;

	(void)state;
	set_range(0, 1);
	for (i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		fake_fail(CONTIG_CMD_PREPARE, 0, expected[i].error);
		assert_nothing_prepared(expected[i].result);
		assert_int_equal(errno, expected[i].error);
	}
	fake_fail(CONTIG_CMD_PREPARE, 0, EINTR);
	prepare(kIOStateDone, 1);
	fake_fail(CONTIG_CMD_CHECKPOINT, 0, EINTR);
	end();
}

static void a_device_has_its_own_addresses(void **state)
{
	struct contig_device_opts opts = CONTIG_DEVICE_OPTS_INIT;

	(void)state;
	opts.address_bits = 28;
	fake.dma_run_pages = 2;
	assert_int_equal(MacVMAttachDevice(NULL, NULL), paramErr);
	assert_int_equal(MacVMAttachDevice("usb/1", NULL), paramErr);
	assert_int_equal(errno, ENODEV);
	set_range(30, 3 * PAGE);
	prepare(kIOStateDone, 3 * PAGE);
	assert_entry(0, 30);
	end();
	assert_int_equal(MacVMAttachDevice("pci/0000:00:04.0", &opts), noErr);
	assert_int_equal(fake.last.device.address_bits, 28);
	fake.deny_physical = true;
	prepare(kIOStateDone, 3 * PAGE);
	assert_int_equal((uintptr_t)physical[0], fake_dma(memory + 30));
	assert_int_equal((uintptr_t)physical[3], fake_dma(memory + 3 * PAGE));
	end();
	/* Copies are reported, and can be refused. */
	fake.bounced = 1;
	prepare(kIOStateDone | kIOStateCopied, 3 * PAGE);
	end();
	table.options |= kIONoCopies;
	prepare(kIOStateDone, 3 * PAGE);
	assert_int_equal(fake.last.prepare.flags,
			 CONTIG_IO_INPUT | CONTIG_GET_DMA);
	end();
	fake.deny_physical = false;
	assert_int_equal(MacVMDetachDevice(), noErr);
	prepare(kIOStateDone, 3 * PAGE);
	assert_entry(0, 30);
	end();
	assert_int_equal(MacVMDetachDevice(), paramErr);
}

static void a_child_has_no_preparation_and_no_device(void **state)
{
	int status;
	pid_t child;

	(void)state;
	assert_int_equal(MacVMAttachDevice("pci/0000:00:04.0", NULL), noErr);
	set_range(0, 1);
	prepare(kIOStateDone, 1);
	child = fork();
	if (!child) {
		int failures = 0;

		failures += CheckpointIO(table.preparationID, 0) != paramErr;
		failures += PrepareMemoryForIO(&table) != noErr;
		failures += fake.last.prepare.flags != CONTIG_IO_INPUT;
		failures += CheckpointIO(table.preparationID, 0) != noErr;
		_exit(failures);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	end();
}

#define IO_TEST(function)                                                      \
	cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IO_TEST(without_the_device_nothing_is_prepared),
		IO_TEST(a_page_is_one_entry),
		IO_TEST(every_page_is_an_entry),
		IO_TEST(short_tables_make_parts),
		IO_TEST(tables_are_checked),
		IO_TEST(ranges_follow_each_other),
		IO_TEST(many_ranges),
		IO_TEST(minimal_tables_have_two_entries_a_range),
		IO_TEST(minimal_tables_end_a_part_too),
		IO_TEST(granularity_limits_parts),
		IO_TEST(tables_may_be_left_out),
		IO_TEST(checkpoints_end_it_or_not),
		IO_TEST(preparations_count),
		IO_TEST(options_say_which_way),
		IO_TEST(every_errno_has_its_result),
		IO_TEST(a_device_has_its_own_addresses),
		IO_TEST(a_child_has_no_preparation_and_no_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
