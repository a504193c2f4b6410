// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * The numbers are those of the statements in the description of the classic
 * semantics.
 */
#include <contig/macvm.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "fake.h"

#define PAGES 100

static char *memory;

static int setup(void **state)
{
	fake_reset(state);
	memory = fake_memory(PAGES);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return munmap(memory, PAGES * PAGE);
}

/* Must be the first test: nothing has opened the device yet. */
static void without_the_device_there_is_no_mmu(void **state)
{
	LogicalToPhysicalTable table = {.logical = {memory, 1}};
	unsigned long count = 8;
	long response = -1;

	(void)state;
	fake.open_error = ENOENT;
	assert_int_equal(LockMemory(memory, 1), noMMUErr);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(MacVMLastError(), noMMUErr);
	assert_int_equal(HoldMemory(memory, 1), noMMUErr);
	assert_int_equal(GetPhysical(&table, &count), noMMUErr);
	assert_null(MemAllocatePhysicallyContiguous(1, true));
	assert_int_equal(MacVMLastError(), noMMUErr);
	assert_int_equal(Gestalt(gestaltVMAttr, &response), noErr);
	assert_int_equal(response, 0);
	/* Nothing can be locked or held. */
	assert_int_equal(UnlockMemory(memory, 1), notLockedErr);
	assert_int_equal(UnholdMemory(memory, 1), notHeldErr);
	fake.open_error = 0;
}

static void the_device_is_opened_once(void **state)
{
	unsigned int opens;

	(void)state;
	assert_int_equal(LockMemory(memory, 1), noErr);
	opens = fake.opens;
	assert_int_equal(HoldMemory(memory, 1), noErr);
	assert_int_equal(UnholdMemory(memory, 1), noErr);
	assert_int_equal(UnlockMemory(memory, 1), noErr);
	assert_int_equal(fake.opens, opens);
}

/* Statements 1, 2, 3 */
static void holding_rounds_out_to_pages(void **state)
{
	(void)state;
	assert_int_equal(HoldMemory(memory + PAGE + 17, 1), noErr);
	assert_int_equal(fake_holds(memory), 0);
	assert_int_equal(fake_holds(memory + PAGE), 1);
	assert_int_equal(fake_holds(memory + 2 * PAGE), 0);
	assert_int_equal(UnholdMemory(memory + PAGE + 17, 1), noErr);

	assert_int_equal(HoldMemory(memory + PAGE / 2, 2 * PAGE), noErr);
	assert_int_equal(fake_holds(memory), 1);
	assert_int_equal(fake_holds(memory + PAGE), 1);
	assert_int_equal(fake_holds(memory + 2 * PAGE), 1);
	assert_int_equal(fake_holds(memory + 3 * PAGE), 0);
	assert_int_equal(UnholdMemory(memory + PAGE / 2, 2 * PAGE), noErr);
	assert_int_equal(fake_busy_pages(), 0);
}

/* Statement 7 */
static void holds_nest(void **state)
{
	(void)state;
	assert_int_equal(HoldMemory(memory, 1), noErr);
	assert_int_equal(HoldMemory(memory, 1), noErr);
	assert_int_equal(UnholdMemory(memory, 1), noErr);
	assert_int_equal(fake_holds(memory), 1);
	assert_int_equal(UnholdMemory(memory, 1), noErr);
	assert_int_equal(fake_busy_pages(), 0);
}

/* Statements 8, 9, 11, 12 */
static void locks_nest_per_page(void **state)
{
	(void)state;
	assert_int_equal(UnlockMemory(memory, 1), notLockedErr);
	assert_int_equal(LockMemory(memory + 10, 10), noErr);
	assert_int_equal(LockMemory(memory + 90, 10), noErr);
	assert_int_equal(UnlockMemory(memory + 10, 10), noErr);
	assert_int_equal(fake_locks(memory), 1);
	assert_int_equal(UnlockMemory(memory + 90, 10), noErr);
	assert_int_equal(UnlockMemory(memory + 90, 10), notLockedErr);
	assert_int_equal(errno, ENOLCK);
	assert_int_equal(fake_busy_pages(), 0);
}

/* Statement 10, and rule R3: UnholdMemory cannot undo a lock. */
static void holds_and_locks_are_separate(void **state)
{
	(void)state;
	assert_int_equal(UnholdMemory(memory, 1), notHeldErr);
	assert_int_equal(errno, ENODATA);
	assert_int_equal(LockMemory(memory, 1), noErr);
	assert_int_equal(UnholdMemory(memory, 1), notHeldErr);
	assert_int_equal(UnlockMemory(memory, 1), noErr);
	assert_int_equal(HoldMemory(memory, 1), noErr);
	assert_int_equal(UnlockMemory(memory, 1), notLockedErr);
	assert_int_equal(UnholdMemory(memory, 1), noErr);
}

/* Statements 13, 14 */
static void unlock_undoes_every_kind_of_lock(void **state)
{
	(void)state;
	assert_int_equal(LockMemoryContiguous(memory, 2 * PAGE), noErr);
	assert_int_equal(fake.last.lock.flags, CONTIG_LOCK_CONTIGUOUS);
	assert_int_equal(UnlockMemory(memory, 2 * PAGE), noErr);
	assert_int_equal(LockMemoryForOutput(memory, 2 * PAGE), noErr);
	assert_int_equal(fake.last.lock.flags, CONTIG_LOCK_OUTPUT);
	assert_int_equal(UnlockMemory(memory, 2 * PAGE), noErr);
	assert_int_equal(fake_busy_pages(), 0);
}

/* Statements 17, 30 */
static void bad_ranges_are_parameter_errors(void **state)
{
	LogicalToPhysicalTable table;
	unsigned long count = 8;

	(void)state;
	assert_int_equal(HoldMemory(NULL, 1), paramErr);
	assert_int_equal(LockMemory(NULL, 1), paramErr);
	assert_int_equal(LockMemory(memory, -1ul), paramErr);
	assert_int_equal(HoldMemory(memory, -1ul), paramErr);
	fake.device = memory + 3 * PAGE;
	assert_int_equal(LockMemory(memory, 5 * PAGE), paramErr);
	assert_int_equal(errno, ENXIO);
	assert_int_equal(HoldMemory(memory, 5 * PAGE), paramErr);
	table.logical.address = memory + 3 * PAGE;
	table.logical.count = 1;
	assert_int_equal(GetPhysical(&table, &count), paramErr);
	fake.read_only = memory;
	assert_int_equal(LockMemory(memory, 1), paramErr);
	assert_int_equal(LockMemoryForOutput(memory, 1), noErr);
	assert_int_equal(UnlockMemory(memory, 1), noErr);
	assert_int_equal(fake_busy_pages(), 0);
}

/* Statement 18 */
static void limits_are_shortages_of_memory(void **state)
{
	(void)state;
	fake_fail(CONTIG_CMD_LOCK, 0, EDQUOT);
	assert_int_equal(LockMemory(memory, 1), notEnoughMemoryErr);
	fake_fail(CONTIG_CMD_HOLD, 0, EDQUOT);
	assert_int_equal(HoldMemory(memory, 1), notEnoughMemoryErr);
	fake.mlock_pages = 2;
	assert_int_equal(HoldMemory(memory, 4 * PAGE), notEnoughMemoryErr);
	assert_int_equal(fake_busy_pages(), 0);
}

/* Rule R1 */
static void nothing_is_no_range(void **state)
{
	unsigned int i;

	(void)state;
	assert_int_equal(HoldMemory(NULL, 0), noErr);
	assert_int_equal(UnholdMemory(NULL, 0), noErr);
	assert_int_equal(LockMemory(NULL, 0), noErr);
	assert_int_equal(LockMemoryForOutput(NULL, 0), noErr);
	assert_int_equal(LockMemoryContiguous(NULL, 0), noErr);
	assert_int_equal(UnlockMemory(NULL, 0), noErr);
	for (i = 0; i < FAKE_COMMANDS; i++)
		assert_int_equal(fake.calls[i], 0);
}

static void every_errno_has_its_result(void **state)
{
	static const struct {
		int error;
		OSErr result;
	} expected[] = {
		{ENOMEM, notEnoughMemoryErr},
		{EDQUOT, notEnoughMemoryErr},
		{EILSEQ, cannotMakeContiguousErr},
		{ENOLCK, notLockedErr},
		{ENODATA, notHeldErr},
		{EINVAL, paramErr},
		{EFAULT, paramErr},
		{ENXIO, paramErr},
		{EACCES, paramErr},
		{EOVERFLOW, paramErr},
		{EOPNOTSUPP, paramErr},
		{EXDEV, paramErr},
		{ESTALE, paramErr},
		{EPERM, permErr},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		fake_fail(CONTIG_CMD_LOCK, 0, expected[i].error);
		assert_int_equal(LockMemory(memory, 1), expected[i].result);
		assert_int_equal(errno, expected[i].error);
		assert_int_equal(MacVMLastError(), expected[i].result);
	}
}

static void result_codes_have_their_classic_values(void **state)
{
	(void)state;
	assert_int_equal(noErr, 0);
	assert_int_equal(paramErr, -50);
	assert_int_equal(permErr, -54);
	assert_int_equal(notEnoughMemoryErr, -620);
	assert_int_equal(notHeldErr, -621);
	assert_int_equal(cannotMakeContiguousErr, -622);
	assert_int_equal(notLockedErr, -623);
	assert_int_equal(noMMUErr, -626);
	assert_int_equal(gestaltUnknownErr, -5550);
	assert_int_equal(gestaltUndefSelectorErr, -5551);
	assert_int_equal(sizeof(OSErr), 2);
	assert_int_equal(sizeof(OSStatus), 4);
}

static void signals_do_not_end_a_call(void **state)
{
	(void)state;
	fake_fail(CONTIG_CMD_LOCK, 0, EINTR);
	assert_int_equal(LockMemory(memory, 1), noErr);
	assert_int_equal(fake.calls[CONTIG_CMD_LOCK], 2);
	assert_int_equal(UnlockMemory(memory, 1), noErr);
	fake_fail(CONTIG_CMD_HOLD, 0, EINTR);
	assert_int_equal(HoldMemory(memory, 1), noErr);
	assert_int_equal(UnholdMemory(memory, 1), noErr);
}

/* Statements 31, 32, 33 */
static void contiguous_locks_are_checked(void **state)
{
	LogicalToPhysicalTable table = {.logical = {memory, PAGE}};
	unsigned long count = 0;

	(void)state;
	fake.run_pages = 1;
	assert_int_equal(LockMemoryContiguous(memory, PAGE), noErr);
	assert_int_equal(GetPhysical(&table, &count), noErr);
	assert_int_equal(count, 1);
	assert_int_equal(LockMemoryContiguous(memory, 2 * PAGE),
			 cannotMakeContiguousErr);
	assert_int_equal(fake_locks(memory), 1);
	assert_int_equal(fake_locks(memory + PAGE), 0);
	assert_int_equal(UnlockMemory(memory, PAGE), noErr);
}

/* Statements 19, 20 */
static void only_locked_ranges_translate(void **state)
{
	LogicalToPhysicalTable table = {.logical = {memory, PAGE}};
	LogicalToPhysicalTable before = table;
	unsigned long count;

	(void)state;
	for (count = 0; count <= 8; count += 8) {
		unsigned long entries = count;

		assert_int_equal(GetPhysical(&table, &entries), notLockedErr);
		assert_int_equal(entries, count);
		assert_int_equal(HoldMemory(memory, PAGE), noErr);
		assert_int_equal(GetPhysical(&table, &entries), notLockedErr);
		assert_int_equal(UnholdMemory(memory, PAGE), noErr);
	}
	assert_memory_equal(&table, &before, sizeof(table));
}

/* Statement 21 */
static void counting_leaves_the_table_alone(void **state)
{
	LogicalToPhysicalTable table;
	LogicalToPhysicalTable before;
	unsigned long count = 0;

	(void)state;
	fake.run_pages = 1;
	memset(&table, 0xa5, sizeof(table));
	table.logical.address = memory + 100;
	table.logical.count = 12 * PAGE;
	before = table;
	assert_int_equal(LockMemory(memory, 13 * PAGE), noErr);
	assert_int_equal(GetPhysical(&table, &count), noErr);
	assert_int_equal(count, 13);
	assert_memory_equal(&table, &before, sizeof(table));
	assert_int_equal(UnlockMemory(memory, 13 * PAGE), noErr);
}

/* Statements 22, 23, 27, 28; also tables that do not fit on the stack. */
static void one_call_translates_all(void **state)
{
	struct {
		MemoryBlock logical;
		MemoryBlock physical[PAGES];
	} table = {.logical = {memory + 33, (PAGES - 1) * PAGE}};
	unsigned long needed = 0;
	unsigned long sum = 0;
	unsigned long count = PAGES;
	unsigned long i;

	(void)state;
	fake.run_pages = 1;
	assert_int_equal(LockMemory(memory, PAGES * PAGE), noErr);
	assert_int_equal(GetPhysical((LogicalToPhysicalTable *)&table, &needed),
			 noErr);
	assert_int_equal(needed, PAGES);
	assert_int_equal(GetPhysical((LogicalToPhysicalTable *)&table, &count),
			 noErr);
	assert_int_equal(count, needed);
	assert_int_equal(table.logical.count, 0);
	assert_ptr_equal(table.logical.address,
			 memory + 33 + (PAGES - 1) * PAGE);
	assert_int_equal((uintptr_t)table.physical[0].address,
			 fake_physical(memory + 33));
	for (i = 0; i < count; i++) {
		sum += table.physical[i].count;
		if (i)
			assert_ptr_not_equal(
				(char *)table.physical[i - 1].address +
					table.physical[i - 1].count,
				table.physical[i].address);
	}
	assert_int_equal(sum, (PAGES - 1) * PAGE);
	assert_int_equal(UnlockMemory(memory, PAGES * PAGE), noErr);
}

/* Statements 24, 25, 26, 29: the published loop. */
static void short_tables_advance(void **state)
{
	LogicalToPhysicalTable table;
	unsigned long entries;
	unsigned long count;
	unsigned long i;

	(void)state;
	fake.run_pages = 1;
	assert_int_equal(sizeof(table) / sizeof(MemoryBlock) - 1,
			 defaultPhysicalEntryCount);
	assert_int_equal(LockMemory(memory, PAGES * PAGE), noErr);
	for (entries = 1; entries <= 8; entries += 7) {
		char *expected = memory + 7;

		table.logical.address = expected;
		table.logical.count = (PAGES - 1) * PAGE;
		while (table.logical.count) {
			count = entries;
			assert_int_equal(GetPhysical(&table, &count), noErr);
			assert_in_range(count, 1, entries);
			for (i = 0; i < count; i++) {
				assert_int_equal(
					(uintptr_t)table.physical[i].address,
					fake_physical(expected));
				expected += table.physical[i].count;
			}
			assert_ptr_equal(table.logical.address, expected);
		}
		assert_ptr_equal(expected, memory + 7 + (PAGES - 1) * PAGE);
	}
	assert_int_equal(UnlockMemory(memory, PAGES * PAGE), noErr);
}

static void failed_translation_changes_nothing(void **state)
{
	static const struct {
		int error;
		OSErr result;
	} expected[] = {
		{ESTALE, notLockedErr},
		{EPERM, permErr},
		{ENXIO, paramErr},
		{EOVERFLOW, paramErr},
	};
	LogicalToPhysicalTable table;
	LogicalToPhysicalTable before;
	unsigned long count = 8;
	size_t i;

	(void)state;
	memset(&table, 0x5a, sizeof(table));
	table.logical.address = memory;
	table.logical.count = PAGE;
	before = table;
	for (i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		fake_fail(CONTIG_CMD_GET_PHYSICAL, 0, expected[i].error);
		assert_int_equal(GetPhysical(&table, &count),
				 expected[i].result);
		assert_int_equal(count, 8);
		assert_memory_equal(&table, &before, sizeof(table));
	}
}

static void translation_checks_its_arguments(void **state)
{
	LogicalToPhysicalTable table = {.logical = {memory, 0}};
	unsigned long count = 8;

	(void)state;
	assert_int_equal(GetPhysical(&table, &count), paramErr);
	table.logical.count = 1;
	assert_int_equal(GetPhysical(NULL, &count), paramErr);
	assert_int_equal(GetPhysical(&table, NULL), paramErr);
	assert_int_equal(fake.calls[CONTIG_CMD_GET_PHYSICAL], 0);
}

static void room_for_more_than_all_is_fine(void **state)
{
	LogicalToPhysicalTable table = {.logical = {memory, PAGE}};
	unsigned long count = -1ul;

	(void)state;
	assert_int_equal(LockMemory(memory, PAGE), noErr);
	assert_int_equal(GetPhysical(&table, &count), noErr);
	assert_int_equal(count, 1);
	assert_int_equal(UnlockMemory(memory, PAGE), noErr);
}

/* Statements 38, 39, 40, 41 */
static void gestalt_knows_the_machine(void **state)
{
	uint64_t wide = 0;
	long response = 0;

	(void)state;
	assert_int_equal(Gestalt(gestaltVMAttr, &response), noErr);
	assert_int_equal(response,
			 1 << gestaltVMPresent |
				 1 << gestaltVMHasLockMemoryForOutput);
	assert_int_equal(Gestalt(gestaltLogicalPageSize, &response), noErr);
	assert_int_equal(response, PAGE);
	assert_int_equal(Gestalt64(gestaltPhysicalRAMSize, &wide), noErr);
	assert_true(wide > 0);
	assert_int_equal(Gestalt(gestaltPhysicalRAMSize, &response), noErr);
	assert_int_equal(response, wide < 0x7fffffff ? (long)wide : 0x7fffffff);
	response = 77;
	assert_int_equal(Gestalt(0x6d6d7520, &response),
			 gestaltUndefSelectorErr);
	assert_int_equal(response, 77);
	assert_int_equal(MacVMLastError(), gestaltUndefSelectorErr);
	assert_int_equal(Gestalt(gestaltVMAttr, NULL), paramErr);
	assert_int_equal(Gestalt64(gestaltVMAttr, NULL), paramErr);
}

static void logical_memory_includes_swap_space(void **state)
{
	uint64_t physical;
	uint64_t logical;

	(void)state;
	assert_int_equal(Gestalt64(gestaltPhysicalRAMSize, &physical), noErr);
	assert_int_equal(Gestalt64(gestaltLogicalRAMSize, &logical), noErr);
	assert_true(logical >= physical);
}

static volatile sig_atomic_t handler_result;

static void unlock_in_handler(int signal)
{
	(void)signal;
	handler_result = UnlockMemory(memory, 1);
}

static void a_signal_handler_can_unlock(void **state)
{
	(void)state;
	signal(SIGUSR1, unlock_in_handler);
	assert_int_equal(LockMemory(memory, 1), noErr);
	handler_result = 1;
	raise(SIGUSR1);
	assert_int_equal(handler_result, noErr);
	assert_int_equal(fake_busy_pages(), 0);
}

static void a_child_opens_its_own_client(void **state)
{
	LogicalToPhysicalTable table = {.logical = {memory, PAGE}};
	unsigned int files = fake_open_files();
	unsigned long count = 8;
	int status;
	pid_t child;

	(void)state;
	assert_int_equal(LockMemory(memory, 1), noErr);
	assert_int_equal(HoldMemory(memory, 1), noErr);
	child = fork();
	if (!child) {
		unsigned int opens = fake.opens;
		int failures = 0;

		/* The inherited client was closed. */
		failures += fake_open_files() != files - 1;
		failures += UnlockMemory(memory, 1) != notLockedErr;
		failures += UnholdMemory(memory, 1) != notHeldErr;
		failures += GetPhysical(&table, &count) != notLockedErr;
		failures += fake.opens != opens + 1;
		failures += LockMemory(memory, 1) != noErr;
		failures += HoldMemory(memory, 1) != noErr;
		failures += GetPhysical(&table, &count) != noErr;
		failures += UnholdMemory(memory, 1) != noErr;
		failures += UnlockMemory(memory, 1) != noErr;
		failures += fake.opens != opens + 1;
		_exit(failures);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(UnholdMemory(memory, 1), noErr);
	assert_int_equal(UnlockMemory(memory, 1), noErr);
}

#define MACVM_TEST(function)                                                   \
	cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACVM_TEST(without_the_device_there_is_no_mmu),
		MACVM_TEST(the_device_is_opened_once),
		MACVM_TEST(holding_rounds_out_to_pages),
		MACVM_TEST(holds_nest),
		MACVM_TEST(locks_nest_per_page),
		MACVM_TEST(holds_and_locks_are_separate),
		MACVM_TEST(unlock_undoes_every_kind_of_lock),
		MACVM_TEST(bad_ranges_are_parameter_errors),
		MACVM_TEST(limits_are_shortages_of_memory),
		MACVM_TEST(nothing_is_no_range),
		MACVM_TEST(every_errno_has_its_result),
		MACVM_TEST(result_codes_have_their_classic_values),
		MACVM_TEST(signals_do_not_end_a_call),
		MACVM_TEST(contiguous_locks_are_checked),
		MACVM_TEST(only_locked_ranges_translate),
		MACVM_TEST(counting_leaves_the_table_alone),
		MACVM_TEST(one_call_translates_all),
		MACVM_TEST(short_tables_advance),
		MACVM_TEST(failed_translation_changes_nothing),
		MACVM_TEST(translation_checks_its_arguments),
		MACVM_TEST(room_for_more_than_all_is_fine),
		MACVM_TEST(gestalt_knows_the_machine),
		MACVM_TEST(logical_memory_includes_swap_space),
		MACVM_TEST(a_signal_handler_can_unlock),
		MACVM_TEST(a_child_opens_its_own_client),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
