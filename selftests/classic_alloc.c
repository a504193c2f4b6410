// SPDX-License-Identifier: GPL-2.0-only
/*
 * The testable statements about MemAllocatePhysicallyContiguous and its
 * opposite, checked through libcontig's classic interface. Each test carries
 * the number of its statement.
 */
#include <contig/macvm.h>
#include <stdarg.h>
#include <sys/syscall.h>

#include "kselftest_harness.h"
#include "classic_fixture.h"

/*
 * Wrappers between the library and the kernel: how many of the next locks must
 * fail for lack of contiguity, and which buffer was made last.
 */
static int fail_contiguous;
static int contiguous_locks;
static int buffers_made;
static int last_buffer = -1;

int ioctl(int fd, unsigned long request, ...)
{
	struct contig_lock *lock;
	va_list args;
	void *arg;
	int ret;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	lock = arg;
	if (request == CONTIG_LOCK && lock->flags & CONTIG_LOCK_CONTIGUOUS) {
		contiguous_locks++;
		if (fail_contiguous && fail_contiguous--) {
			errno = EILSEQ;
			return -1;
		}
	}
	ret = syscall(SYS_ioctl, fd, request, arg);
	if (request == CONTIG_ALLOC && !ret) {
		buffers_made++;
		last_buffer = ((struct contig_alloc *)arg)->out_fd;
	}
	return ret;
}

TEST_F(classic, s42_allocated_block_is_one_and_on_a_page)
{
	size_t sizes[] = { 1, 4096, 5000, KIB(64), MIB(1) + 1, MIB(8) };
	size_t i;
	char *block;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		block = MemAllocatePhysicallyContiguous(sizes[i], false);
		ASSERT_NE(NULL, block)
			TH_LOG("%zu bytes", sizes[i]);
		EXPECT_EQ(0, to_addr(block) % page_size);
		set_logical(block, sizes[i]);
		self->count = 0;
		EXPECT_EQ(noErr, GetPhysical(&self->table, &self->count));
		EXPECT_EQ(1, self->count);
		EXPECT_EQ(noErr, MemDeallocatePhysicallyContiguous(block));
	}
	EXPECT_EQ(NULL, MemAllocatePhysicallyContiguous(0, true));
	EXPECT_EQ(paramErr, MacVMLastError());
}

TEST_F(classic, s43_cleared_block_is_zero)
{
	char *block;
	int i;

	for (i = 0; i < 6; i++) {
		block = MemAllocatePhysicallyContiguous(MIB(2), true);
		ASSERT_NE(NULL, block);
		ASSERT_TRUE(is_zero(block, MIB(2)));
		memset(block, 0xff, MIB(2));
		ASSERT_EQ(noErr, MemDeallocatePhysicallyContiguous(block));
	}
}

TEST_F(classic, s44_two_attempts)
{
	char *block, *text, *at;
	int i, left = 0;

	/* Both attempts fail: the result is nil, and neither block is left. */
	fail_contiguous = 2;
	EXPECT_EQ(NULL, MemAllocatePhysicallyContiguous(MIB(1), true));
	EXPECT_EQ(cannotMakeContiguousErr, MacVMLastError());
	EXPECT_EQ(2, contiguous_locks);
	EXPECT_EQ(2, buffers_made);
	EXPECT_FALSE(debugfs_has("buffers", "MemAllocate"));

	/* The second attempt succeeds: the first block is freed. */
	contiguous_locks = buffers_made = 0;
	fail_contiguous = 1;
	block = MemAllocatePhysicallyContiguous(MIB(1), true);
	ASSERT_NE(NULL, block);
	EXPECT_EQ(2, contiguous_locks);
	EXPECT_EQ(2, buffers_made);
	text = debugfs_text("buffers");
	for (at = text; at && (at = strstr(at, "MemAllocate")); at++)
		left++;
	free(text);
	EXPECT_EQ(1, left);
	for (i = 0; i < 2; i++)
		EXPECT_EQ(i ? paramErr : noErr,
			  MemDeallocatePhysicallyContiguous(block));
}

TEST_F(classic, s45_deallocating_what_is_no_block)
{
	char *block = MemAllocatePhysicallyContiguous(MIB(1), true);
	void *foreign[] = { NULL, self->memory, block + page_size, block + 1,
			    &foreign, (void *)-1l };
	size_t i;
	OSStatus status;

	ASSERT_NE(NULL, block);
	for (i = 0; i < ARRAY_SIZE(foreign); i++) {
		status = MemDeallocatePhysicallyContiguous(foreign[i]);
		EXPECT_TRUE(status == paramErr || status == notLockedErr);
	}
	memset(block, 1, MIB(1));
	EXPECT_EQ(noErr, MemDeallocatePhysicallyContiguous(block));
}

TEST_F(classic, s46_deallocating_a_block)
{
	char *block = MemAllocatePhysicallyContiguous(MIB(1), true);

	ASSERT_NE(NULL, block);
	EXPECT_TRUE(debugfs_has("buffers", "MemAllocate"));
	EXPECT_EQ(noErr, MemDeallocatePhysicallyContiguous(block));
	EXPECT_FALSE(debugfs_has("buffers", "MemAllocate"));
	EXPECT_FALSE(page_is_resident(block));
	EXPECT_EQ(paramErr, LockMemory(block, 1));
	EXPECT_NE(noErr, MemDeallocatePhysicallyContiguous(block));
}

TEST_HARNESS_MAIN
