// SPDX-License-Identifier: GPL-2.0-only
/*
 * A block of memory that the kernel takes offline stays isolated while contig
 * searches for memory: an ordinary request must not prolong that without end.
 *
 * Needs a block without memory of the kernel. Must run before poison: memory
 * with failed pages cannot be set online again.
 */
#include <signal.h>

#include "kselftest_harness.h"
#include "contig_utils.h"
#include "hostile_utils.h"

FIXTURE(offline) {
	int fd;
	uint64_t block;		/* bytes in a block of memory */
};

FIXTURE_SETUP(offline) {
	self->block = memory_block_bytes();
	if (!self->block)
		SKIP(return, "this kernel has no CONFIG_MEMORY_HOTPLUG");
	setup_client(self->fd);
}

FIXTURE_TEARDOWN(offline) {
	close(self->fd);
}

static bool is_isolated(void *arg)
{
	return isolated_pageblocks() > 0;
}

static void on_interrupt(int signal)
{
}

/* Take a block offline, until a SIGINT arrives. */
static pid_t go_offline(uint64_t n)
{
	struct sigaction action = { .sa_handler = on_interrupt };
	pid_t pid = fork();
	int ret;

	if (pid)
		return pid;
	sigaction(SIGINT, &action, NULL);
	ret = memory_block_set(n, "offline");
	_exit(-ret);
}

/*
 * Return true if the process still takes the block offline; otherwise store its
 * exit status in @status. A block that cannot go offline is isolated as well,
 * but only briefly.
 */
static bool is_running(pid_t pid, int *status)
{
	int i, seen = 0;

	for (i = 0; i < 50 && seen < 5; i++) {
		if (waitpid(pid, status, WNOHANG) == pid)
			return false;
		seen = is_isolated(NULL) ? seen + 1 : 0;
		usleep(100000);
	}
	return true;
}

/* Wait for the process for 20 s, then interrupt it. */
static bool ends_by_itself(pid_t pid, int *status)
{
	int i;

	for (i = 0; i < 200; i++) {
		if (waitpid(pid, status, WNOHANG) == pid)
			return true;
		usleep(100000);
	}
	kill(pid, SIGINT);
	waitpid(pid, status, 0);
	return false;
}

#define PINNED MIB(128)

TEST_F_TIMEOUT(offline, is_not_made_endless, 400)
{
	int status = 0, fds[32], n, i;
	uint64_t tried[64] = {}, at;
	unsigned int tries = 0, k;
	volatile char *memory, *page;
	pid_t pid = -1;
	long before;

	need_range(self->fd);
	memory = anon_map(PINNED);
	ASSERT_NE(NULL, memory);
	no_huge_pages((void *)memory, PINNED);
	/*
	 * Find a block that would go offline if one page in it were not pinned.
	 */
	for (page = memory; page < memory + PINNED && tries < 64;
	     page += pages(64)) {
		at = pfn_of(page) * page_size / self->block;
		for (k = 0; k < tries && tried[k] != at;)
			k++;
		if (k < tries)
			continue;
		tried[tries++] = at;
		if (_test_cmd_lock(self->fd, page, 1, 0))
			continue;
		pid = go_offline(at);
		if (is_running(pid, &status))
			break;
		pid = -1;
		_test_cmd_unlock(self->fd, page, 1);
		if (WIFEXITED(status) && !WEXITSTATUS(status))
			memory_block_set(at, "online");
	}
	if (pid < 0)
		SKIP(return, "no block of memory can go offline here");
	before = isolated_pageblocks();
	EXPECT_LT(0, before);
	/*
	 * If contig ended the isolation, these would be allocated in the block.
	 */
	for (n = 0; n < 32; n++) {
		struct contig_alloc alloc = alloc_request(MIB(4),
							  CONTIG_RUNGS_RANGE);

		alloc.timeout_ms = 2000;
		alloc.constraints.lowest = at * self->block;
		alloc.constraints.highest = (at + 1) * self->block - 1;
		if (_test_cmd_alloc(self->fd, &alloc))
			break;
		fds[n] = alloc.out_fd;
	}
	EXPECT_EQ(0, n);
	EXPECT_EQ(before, isolated_pageblocks())
		TH_LOG("after %d buffers", n);
	for (i = 0; i < n; i++)
		close(fds[i]);
	/* Now the block goes offline, or the kernel still waits for a page. */
	_test_cmd_unlock(self->fd, page, 1);
	munmap((char *)memory, PINNED);
	if (!ends_by_itself(pid, &status)) {
		/*
		 * If another page keeps it, a second attempt must fail as well.
		 */
		pid = go_offline(at);
		EXPECT_FALSE(ends_by_itself(pid, &status) &&
			     WIFEXITED(status) && !WEXITSTATUS(status))
			TH_LOG("memory%llu went offline at the second try only",
			       (unsigned long long)at);
	}
	/* Another page may have kept it online, which is not contig's fault. */
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		EXPECT_EQ(0, memory_block_set(at, "online"));
}

TEST_HARNESS_MAIN
