// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
#include <contig/macvm.h>
#include <pthread.h>
#include <sys/wait.h>

#include "fake.h"

static unsigned int files;

static int setup(void **state)
{
	long response;

	fake_reset(state);
	/* Opens the client, which stays open. */
	Gestalt(gestaltVMAttr, &response);
	files = fake_open_files();
	memset(&fake.calls, 0, sizeof(fake.calls));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return fake_open_files() != files || fake_busy_pages();
}

/* Statements 42, 43, 46 */
static void a_block_is_aligned_contiguous_locked_and_clear(void **state)
{
	LogicalToPhysicalTable table;
	unsigned long count = 8;
	size_t i;
	char *block = MemAllocatePhysicallyContiguous(2 * PAGE + 1, true);

	(void)state;
	assert_non_null(block);
	assert_true(fake_is_mapped(block));
	assert_int_equal(MacVMLastError(), noErr);
	assert_int_equal((uintptr_t)block % PAGE, 0);
	assert_int_equal(fake_locks(block + 2 * PAGE), 1);
	for (i = 0; i < 3 * PAGE; i++)
		assert_int_equal(block[i], 0);
	memset(block, 1, 3 * PAGE);
	table.logical.address = block;
	table.logical.count = 2 * PAGE + 1;
	assert_int_equal(GetPhysical(&table, &count), noErr);
	assert_int_equal(count, 1);
	assert_int_equal(table.physical[0].count, 2 * PAGE + 1);
	assert_int_equal(MemDeallocatePhysicallyContiguous(block), noErr);
	assert_false(fake_is_mapped(block));
}

static void only_contiguous_rungs_are_asked(void **state)
{
	void *block = MemAllocatePhysicallyContiguous(1, false);

	(void)state;
	assert_int_equal(fake.last.lock.flags, CONTIG_LOCK_CONTIGUOUS);
	assert_int_equal(MemDeallocatePhysicallyContiguous(block), noErr);
	fake_fail(CONTIG_CMD_ALLOC, 0, ENOMEM);
	assert_null(MemAllocatePhysicallyContiguous(1, false));
	assert_int_equal(fake.last.alloc.rungs, CONTIG_RUNGS_CONTIGUOUS);
}

/* Statement 44, first half */
static void two_failures_to_be_contiguous_give_nil(void **state)
{
	(void)state;
	fake.run_pages = 1;
	assert_null(MemAllocatePhysicallyContiguous(2 * PAGE, true));
	assert_int_equal(MacVMLastError(), cannotMakeContiguousErr);
	assert_int_equal(fake.calls[CONTIG_CMD_ALLOC], 2);
	assert_int_equal(fake.calls[CONTIG_CMD_LOCK], 2);
}

/* Shows whether the first block still exists when the second is allocated. */
static unsigned int files_at_alloc[2];

static int watch_files(struct contig_alloc *arg)
{
	(void)arg;
	if (fake.calls[CONTIG_CMD_ALLOC] <= 2)
		files_at_alloc[fake.calls[CONTIG_CMD_ALLOC] - 1] =
			fake_open_files();
	return 0;
}

/* Statement 44, second half */
static void one_failure_gives_the_second_block(void **state)
{
	void *block;

	(void)state;
	fake.alloc = watch_files;
	fake_fail(CONTIG_CMD_LOCK, 0, EILSEQ);
	block = MemAllocatePhysicallyContiguous(2 * PAGE, true);
	assert_non_null(block);
	assert_int_equal(fake.calls[CONTIG_CMD_ALLOC], 2);
	assert_int_equal(files_at_alloc[1], files_at_alloc[0] + 1);
	/* Only one of the two blocks is left. */
	assert_int_equal(fake_open_files(), files + 1);
	assert_int_equal(MemDeallocatePhysicallyContiguous(block), noErr);
}

static void no_second_block_frees_the_first(void **state)
{
	(void)state;
	fake_fail(CONTIG_CMD_LOCK, 0, EILSEQ);
	fake_fail(CONTIG_CMD_ALLOC, 1, ENOMEM);
	assert_null(MemAllocatePhysicallyContiguous(2 * PAGE, true));
	assert_int_equal(MacVMLastError(), notEnoughMemoryErr);
}

static void no_memory_gives_nil_at_once(void **state)
{
	static const struct {
		int error;
		OSErr result;
	} expected[] = {
		{ENOMEM, notEnoughMemoryErr}, {ETIME, notEnoughMemoryErr},
		{EDQUOT, notEnoughMemoryErr}, {EFBIG, paramErr},
		{EINVAL, paramErr},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		fake.calls[CONTIG_CMD_ALLOC] = 0;
		fake_fail(CONTIG_CMD_ALLOC, 0, expected[i].error);
		errno = 0;
		assert_null(MemAllocatePhysicallyContiguous(PAGE, true));
		assert_int_equal(errno, expected[i].error);
		assert_int_equal(MacVMLastError(), expected[i].result);
		assert_int_equal(fake.calls[CONTIG_CMD_ALLOC], 1);
	}
}

static void no_size_gives_nil(void **state)
{
	(void)state;
	assert_null(MemAllocatePhysicallyContiguous(0, true));
	assert_int_equal(MacVMLastError(), paramErr);
	assert_int_equal(fake.calls[CONTIG_CMD_ALLOC], 0);
}

static void signals_do_not_end_it(void **state)
{
	void *block;

	(void)state;
	fake_fail(CONTIG_CMD_ALLOC, 0, EINTR);
	fake_fail(CONTIG_CMD_LOCK, 0, EINTR);
	block = MemAllocatePhysicallyContiguous(PAGE, true);
	assert_non_null(block);
	assert_int_equal(fake.calls[CONTIG_CMD_ALLOC], 2);
	assert_int_equal(fake.calls[CONTIG_CMD_LOCK], 2);
	assert_int_equal(MemDeallocatePhysicallyContiguous(block), noErr);
}

/* Statement 45 */
static void foreign_addresses_are_refused(void **state)
{
	char *block = MemAllocatePhysicallyContiguous(2 * PAGE, true);
	int local = 0;

	(void)state;
	assert_int_equal(MemDeallocatePhysicallyContiguous(NULL), paramErr);
	assert_int_equal(MemDeallocatePhysicallyContiguous(&local), paramErr);
	assert_int_equal(MemDeallocatePhysicallyContiguous(block + 1),
			 paramErr);
	assert_int_equal(MemDeallocatePhysicallyContiguous(block + PAGE),
			 paramErr);
	assert_int_equal(MemDeallocatePhysicallyContiguous(block), noErr);
	assert_int_equal(MemDeallocatePhysicallyContiguous(block), paramErr);
}

static void a_block_unlocked_by_its_user_stays(void **state)
{
	char *block = MemAllocatePhysicallyContiguous(PAGE, true);

	(void)state;
	assert_int_equal(UnlockMemory(block, PAGE), noErr);
	assert_int_equal(MemDeallocatePhysicallyContiguous(block),
			 notLockedErr);
	block[0] = 1;
	assert_int_equal(LockMemory(block, PAGE), noErr);
	assert_int_equal(MemDeallocatePhysicallyContiguous(block), noErr);
}

static void many_blocks_are_kept_apart(void **state)
{
	char *block[10];
	size_t i;

	(void)state;
	for (i = 0; i < 10; i++) {
		block[i] = MemAllocatePhysicallyContiguous(PAGE, true);
		assert_non_null(block[i]);
		*block[i] = i + 1;
	}
	for (i = 1; i < 10; i += 2)
		assert_int_equal(MemDeallocatePhysicallyContiguous(block[i]),
				 noErr);
	for (i = 0; i < 10; i += 2) {
		assert_int_equal(*block[i], i + 1);
		assert_int_equal(MemDeallocatePhysicallyContiguous(block[i]),
				 noErr);
	}
}

static void a_child_has_the_block_unlocked(void **state)
{
	char *block = MemAllocatePhysicallyContiguous(PAGE, true);
	int status;
	pid_t child;

	(void)state;
	child = fork();
	if (!child) {
		int failures = 0;

		block[0] = 42;
		failures += UnlockMemory(block, PAGE) != notLockedErr;
		failures += MemDeallocatePhysicallyContiguous(block) != noErr;
		failures +=
			MemDeallocatePhysicallyContiguous(block) != paramErr;
		_exit(failures);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(block[0], 42);
	assert_int_equal(MemDeallocatePhysicallyContiguous(block), noErr);
}

#define ALLOC_TEST(function)                                                   \
	cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ALLOC_TEST(a_block_is_aligned_contiguous_locked_and_clear),
		ALLOC_TEST(only_contiguous_rungs_are_asked),
		ALLOC_TEST(two_failures_to_be_contiguous_give_nil),
		ALLOC_TEST(one_failure_gives_the_second_block),
		ALLOC_TEST(no_second_block_frees_the_first),
		ALLOC_TEST(no_memory_gives_nil_at_once),
		ALLOC_TEST(no_size_gives_nil),
		ALLOC_TEST(signals_do_not_end_it),
		ALLOC_TEST(foreign_addresses_are_refused),
		ALLOC_TEST(a_block_unlocked_by_its_user_stays),
		ALLOC_TEST(many_blocks_are_kept_apart),
		ALLOC_TEST(a_child_has_the_block_unlocked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
