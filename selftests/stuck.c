// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of a file whose server, in user space, no longer answers; the machine
 * being suspended while requests wait; and tasks without a processor. None of
 * these delays a request beyond its budget, nor does a request keep the machine
 * from suspending.
 */
#include <linux/kernel-page-flags.h>
#include <signal.h>
#include <sys/utsname.h>

#include "kselftest_harness.h"
#include "cgroup_utils.h"
#include "contig_utils.h"
#include "hostile_utils.h"

#define SLACK_MS 2000
#define FUSE_TRIES 6

FIXTURE(fuse) {
	int fd;
	struct silent_fs fs;
	char *file, *interval;
	int file_fd;
	char *ballast;
	size_t ballast_length;
};

/*
 * How often the kernel writes dirty pages back by itself. With 0 it does so
 * once for each inode that becomes dirty, at once.
 */
#define INTERVAL "/proc/sys/vm/dirty_writeback_centisecs"
#define NEVER "360000"

/* Mount the file system, and map its file. Return 0 or -errno. */
static int fuse_begin(FIXTURE_DATA(fuse) *self)
{
	int ret = silent_fs_mount(&self->fs);

	self->file = MAP_FAILED;
	self->file_fd = -1;
	if (ret)
		return ret;
	self->file_fd = open(self->fs.path, O_RDWR);
	if (self->file_fd < 0)
		return -errno;
	self->file = mmap(NULL, SILENT_PAGES * page_size, PROT_READ | PROT_WRITE,
			  MAP_SHARED, self->file_fd, 0);
	return self->file == MAP_FAILED ? -errno : 0;
}

static void fuse_end(FIXTURE_DATA(fuse) *self)
{
	silent_fs_unmount(&self->fs);
	if (self->file != MAP_FAILED)
		munmap(self->file, SILENT_PAGES * page_size);
	if (self->file_fd >= 0)
		close(self->file_fd);
}

FIXTURE_SETUP(fuse) {
	int ret;

	setup_client(self->fd);
	need_range(self->fd);
	ret = fuse_begin(self);
	if (ret == -ENOENT || ret == -ENODEV)
		SKIP(return, "this kernel has no file systems in user space");
	ASSERT_EQ(0, ret);
	quota_lift();
	/*
	 * Use up free pages between those of the kernel, so that the pages of
	 * the file lie among movable ones.
	 */
	self->ballast_length = KIB(meminfo_kib("MemFree")) / 2 / page_size *
			       page_size;
	self->ballast = mmap(NULL, self->ballast_length, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->ballast);
	madvise(self->ballast, self->ballast_length, MADV_NOHUGEPAGE);
	madvise(self->ballast, self->ballast_length, MADV_POPULATE_WRITE);
	/* It would write a copy, and unlock the page, which then is clean. */
	self->interval = read_text(INTERVAL);
	write_text(INTERVAL, NEVER);
}

FIXTURE_TEARDOWN(fuse) {
	fuse_end(self);
	if (self->interval)
		write_text(INTERVAL, self->interval);
	free(self->interval);
	munmap(self->ballast, self->ballast_length);
	quota_restore();
	close(self->fd);
}

/* Return constraints for the window that contains @pfn. */
static struct contig_constraints around(uint64_t pfn)
{
	uint64_t block = pageblock_bytes(), at = pfn * page_size & -block;

	return (struct contig_constraints) {
		.lowest = at,
		.highest = at + block - 1,
	};
}

/* Return a page of the file in a block that could be emptied. */
static char *movable_page(int client, char *file)
{
	const uint64_t block = pageblock_bytes();
	size_t i;

	for (i = 0; i < SILENT_PAGES; i++)
		*(volatile char *)(file + i * page_size);
	/* This drains per-CPU lists: pages on them do not look movable. */
	close(window_get(client, KIB(64)));
	for (i = 0; i < SILENT_PAGES; i += 16) {
		struct contig_probe probe = probe_request(block,
							  CONTIG_RUNGS_RANGE);
		char *page = file + i * page_size;

		probe.constraints = around(pfn_of(page));
		if (!_test_cmd_probe(client, &probe) &&
		    !probe.out_kernel_pages && !probe.out_pinned_pages)
			return page;
	}
	return NULL;
}

static bool is_locked(void *arg)
{
	uint64_t flags = page_flags(*(uint64_t *)arg);

	return flags & 1ull << KPF_LOCKED && flags & 1ull << KPF_UPTODATE;
}

/* Return true if the page becomes locked within seconds, and stays so. */
static bool stays_locked(uint64_t pfn)
{
	int i, locked = 0;

	for (i = 0; i < 500 && locked < 15; i++) {
		locked = is_locked(&pfn) ? locked + 1 : 0;
		usleep(20000);
	}
	return locked == 15;
}

/*
 * Make the kernel drop the page cache of the file, for which it must write the
 * page. It may have written a copy before; then the page is gone. Another
 * process does it, since writing to the page may wait for the server as well.
 */
static pid_t lock_page(FIXTURE_DATA(fuse) *self, char *page, uint64_t *pfn)
{
	pid_t opener;

	*pfn = pfn_of(page);
	opener = fork();
	if (!opener) {
		*page = 1;
		open(self->fs.path, O_RDONLY);
		_exit(0);
	}
	if (stays_locked(*pfn))
		return opener;
	kill(opener, SIGKILL);
	return -1;
}

TEST_F_TIMEOUT(fuse, a_page_that_stays_locked_holds_nothing_up, 120)
{
	uint64_t pfn, begun, took;
	struct {
		struct contig_report report;
		int error;
		bool over;
	} volatile *answer;
	pid_t opener = -1, caller;
	int try;

	/* A task that waits for one page keeps others from being locked. */
	for (try = 0; opener < 0 && try < FUSE_TRIES; try++) {
		char *page = movable_page(self->fd, self->file);

		if (page)
			opener = lock_page(self, page, &pfn);
		if (opener >= 0)
			break;
		TH_LOG("try %d: no page %s", try,
		       page ? "stays locked" : "lies among movable ones");
		fuse_end(self);
		ASSERT_EQ(0, fuse_begin(self));
	}
	if (opener < 0)
		SKIP(return, "no page of the file among movable ones is locked");

	/*
	 * Poll the answer: the caller's exit would close the file, and wait for
	 * the server.
	 */
	answer = mmap(NULL, page_size, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, answer);
	begun = now_ms();
	caller = fork();
	if (!caller) {
		struct contig_alloc alloc = alloc_request(pageblock_bytes(),
							  CONTIG_RUNGS_RANGE);
		int client = client_open();

		alloc.timeout_ms = 2000;
		alloc.constraints = around(pfn);
		answer->error = _test_cmd_alloc(client, &alloc);
		answer->report = alloc.out_reports[0];
		answer->over = true;
		_exit(0);
	}
	do {
		usleep(5000);
		took = now_ms() - begun;
	} while (!answer->over && took < 2000 + 2 * SLACK_MS);
	EXPECT_GE(2000 + SLACK_MS, took)
		TH_LOG("a request is past its budget");
	/* No other request is delayed either. */
	if (took < 2000 + SLACK_MS) {
		int buffer = window_get(self->fd, MIB(4));

		EXPECT_NE(0, answer->error);
		EXPECT_EQ(EBUSY, answer->report.error);
		/*
		 * The kernel may have put a page of its own into the block
		 * meanwhile. Newer kernels write no copy of a page: it is under
		 * writeback itself, and counts as pinned.
		 */
		EXPECT_TRUE(answer->report.blocked == CONTIG_BLOCKED_BUSY ||
			    answer->report.blocked == CONTIG_BLOCKED_UNMOVABLE ||
			    (answer->report.blocked == CONTIG_BLOCKED_PINNED &&
			     page_flags(pfn) & 1ull << KPF_WRITEBACK))
			TH_LOG("blocked by %u", answer->report.blocked);
		EXPECT_LE(0, buffer);
		close(buffer);
	}
	EXPECT_TRUE(is_locked(&pfn))
		TH_LOG("its flags are %llx",
		       (unsigned long long)page_flags(pfn));
	silent_fs_abort(&self->fs);
	kill(caller, SIGKILL);
	waitpid(caller, NULL, 0);
	waitpid(opener, NULL, 0);
}

FIXTURE(suspend) {
	int fd;
	char *timeout, *delay;
};

/* Running tasks need a moment to reach a point where they freeze. */
#define FREEZE_MS (is_slow_kernel() ? "10000" : "1000")
#define FREEZE_TIMEOUT "/sys/power/pm_freeze_timeout"
#define FREEZE_DELAY "/sys/module/suspend/parameters/pm_test_delay"

/*
 * Freezing switches code that all processors run, in which the emulator is wrong
 * now and then (Oops: int3): leave one processor.
 */
#define SECOND "/sys/devices/system/cpu/cpu1/online"

FIXTURE_SETUP(suspend) {
	setup_client(self->fd);
	need_range(self->fd);
	if (access("/sys/power/pm_test", W_OK))
		SKIP(return, "this kernel cannot test suspending");
	quota_lift();
	write_text(SECOND, "0");
	self->delay = read_text(FREEZE_DELAY);
	write_text(FREEZE_DELAY, "1");
	self->timeout = read_text(FREEZE_TIMEOUT);
	ASSERT_EQ(0, write_text(FREEZE_TIMEOUT, FREEZE_MS));
	ASSERT_EQ(0, write_text("/sys/power/pm_test", "freezer"));
}

FIXTURE_TEARDOWN(suspend) {
	write_text("/sys/power/pm_test", "none");
	write_text(SECOND, "1");
	if (self->timeout)
		write_text(FREEZE_TIMEOUT, self->timeout);
	free(self->timeout);
	if (self->delay)
		write_text(FREEZE_DELAY, self->delay);
	free(self->delay);
	quota_restore();
	close(self->fd);
}

#define CALLERS 24

TEST_F_TIMEOUT(suspend, requests_that_wait_are_frozen, 120)
{
	pid_t pids[CALLERS];
	int i;

	/* First check that the machine can be suspended at all. */
	ASSERT_EQ(0, write_text("/sys/power/state", "freeze"));
	for (i = 0; i < CALLERS; i++) {
		struct contig_alloc alloc = alloc_request(MIB(32),
							  CONTIG_RUNGS_RANGE);
		int client;

		pids[i] = fork();
		if (pids[i])
			continue;
		client = client_open();
		alloc.timeout_ms = 60000;
		for (;;) {
			_test_cmd_alloc(client, &alloc);
			close(alloc.out_fd);
		}
	}
	usleep(500000);
	EXPECT_EQ(0, write_text("/sys/power/state", "freeze"));
	for (i = 0; i < CALLERS; i++) {
		EXPECT_EQ(0, waitpid(pids[i], NULL, WNOHANG));
		kill(pids[i], SIGKILL);
	}
	for (i = 0; i < CALLERS; i++)
		waitpid(pids[i], NULL, 0);
}

#define SLOW 3
#define SLOW_TRIES 6

FIXTURE(throttled) {
	int fd;
	struct cgroup group;
	pid_t pids[SLOW];
};

FIXTURE_SETUP(throttled) {
	int ret;

	setup_client(self->fd);
	need_range(self->fd);
	ret = cgroup_make(&self->group, "cpu");
	if (ret == -ENODEV)
		SKIP(return, "no CPU controller of cgroup v2");
	ASSERT_EQ(0, ret);
	quota_lift();
}

FIXTURE_TEARDOWN(throttled) {
	int i;

	cgroup_write(&self->group, "cpu.max", "max");
	for (i = 0; i < SLOW && self->pids[i] > 0; i++) {
		kill(self->pids[i], SIGKILL);
		waitpid(self->pids[i], NULL, 0);
	}
	cgroup_remove(&self->group);
	quota_restore();
	close(self->fd);
}

/* Make requests without end, in a cgroup. */
static pid_t ask_in_group(const struct cgroup *group, size_t length)
{
	pid_t pid = fork();
	int client;

	if (pid)
		return pid;
	cgroup_enter(group);
	client = client_open();
	for (;;) {
		struct contig_alloc alloc = window_request(length);

		alloc.timeout_ms = 60000;
		if (!_test_cmd_alloc(client, &alloc))
			close(alloc.out_fd);
	}
}

/*
 * On a real-time kernel the owner of a spinlock can be throttled, too. A task
 * that loses its processor while it holds the lock of a zone delays all tasks
 * that allocate, for a second or more; so only half of the tries must be in
 * time there.
 */
static int tries_in_time(void)
{
	struct utsname name;

	if (uname(&name) || !strstr(name.version, "PREEMPT_RT"))
		return SLOW_TRIES;
	return SLOW_TRIES / 2;
}

TEST_F_TIMEOUT(throttled, tasks_that_do_not_run_keep_no_turn, 120)
{
	const uint32_t ms = is_slow_kernel() ? 20000 : 5000;
	int i, in_time = 0;

	for (i = 0; i < SLOW; i++)
		self->pids[i] = ask_in_group(&self->group, KIB(64));
	usleep(300000);
	/* The smallest runtime in the longest period. */
	ASSERT_EQ(0, cgroup_write(&self->group, "cpu.max", "1000 1000000"));
	usleep(100000);
	for (i = 0; i < SLOW_TRIES; i++) {
		struct contig_alloc alloc = window_request(KIB(64));

		alloc.timeout_ms = ms;
		/* A request that gets the turn is answered in time. */
		if (!_test_cmd_alloc(self->fd, &alloc)) {
			close(alloc.out_fd);
			in_time++;
			continue;
		}
		TH_LOG("try %d: %m, blocked by %u after %u windows and %llu ms, largest %llu KiB",
		       i, alloc.out_reports[0].blocked,
		       alloc.out_reports[0].windows,
		       (unsigned long long)
		       alloc.out_reports[0].time_ns / 1000000,
		       (unsigned long long)alloc.out_reports[0].largest >> 10);
		/*
		 * The debug kernel keeps freed objects for a while. After the
		 * tests before they can lie in all pageblocks.
		 */
		in_time += errno == ENOMEM &&
			   alloc.out_reports[0].largest < KIB(64);
	}
	EXPECT_LE(tries_in_time(), in_time);
}

TEST_HARNESS_MAIN
