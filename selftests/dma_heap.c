// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/dma_heap/contig, as a program uses it that knows dma-heaps and not contig
 */
#include <linux/dma-heap.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "kselftest_harness.h"
#include "cgroup_utils.h"
#include "contig_utils.h"
#include "hostile_utils.h"

#define HEAP_PATH "/dev/dma_heap/contig"

/* Return a dma-buf or a negative errno. */
static int heap_alloc(int heap, uint64_t length, uint32_t fd_flags)
{
	struct dma_heap_allocation_data data = {
		.len = length,
		.fd_flags = fd_flags,
	};

	return ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &data) ? -errno : (int)data.fd;
}

static int heap_get(int heap, uint64_t length)
{
	return heap_alloc(heap, length, O_RDWR | O_CLOEXEC);
}

/* Open the heap in a fixture's setup, or skip all of its tests. */
#define setup_heap(heap) do { \
	(heap) = open(HEAP_PATH, O_RDWR | O_CLOEXEC); \
	if ((heap) < 0 && errno == ENOENT) \
		SKIP(return, "no " HEAP_PATH ": the kernel lets no module add " \
		     "a dma-heap, or the module lacks dma_heap=1"); \
	ASSERT_LE(0, (heap)); \
} while (0)

/* Return the KiB that the account of this process has allocated. */
static uint64_t account_kib(void)
{
	int client = client_open();
	uint64_t used = quota_used(client);

	close(client);
	return used >> 10;
}

/*
 * Find the buffer of a process in the list in debugfs. Return 0, or -1 if the
 * process has none.
 */
static int buffer_line(pid_t pid, unsigned long long *bytes,
		       unsigned int *extents, unsigned int *uid, char name[64])
{
	char *text = debugfs_text("buffers"), *line, *rest = text;
	int ret = -1, owner;

	while (ret && (line = strsep(&rest, "\n")))
		if (sscanf(line, "%*u %*s %*s %llu %u %*u %d %u %63s", bytes,
			   extents, &owner, uid, name) == 5 && owner == pid)
			ret = 0;
	free(text);
	return ret;
}

FIXTURE(heap) {
	int heap;
};

FIXTURE_SETUP(heap) {
	setup_heap(self->heap);
}

FIXTURE_TEARDOWN(heap) {
	close(self->heap);
}

TEST_F(heap, only_root_may_open_it)
{
	struct stat st;
	pid_t pid;

	ASSERT_EQ(0, stat(HEAP_PATH, &st));
	EXPECT_EQ(0600, st.st_mode & 07777);
	EXPECT_EQ(0, st.st_uid);
	pid = fork();
	if (!pid) {
		if (drop_to_user(1000))
			_exit(1);
		_exit(open(HEAP_PATH, O_RDWR) < 0 && errno == EACCES ? 0 : 2);
	}
	EXPECT_EQ(0, child_wait(pid));
}

/*
 * Return in how many extents a buffer lies. The pagemap has no bare page frames,
 * as which large buffers from CMA are mapped: only contig knows where they lie.
 */
static int64_t extents_of(const void *map, int fd, size_t length)
{
	struct contig_extent *extents = NULL;
	int64_t count = pagemap_extents(map, length, &extents);
	int client;

	free(extents);
	if (count != -ENOENT)
		return count;
	client = client_open();
	count = _test_cmd_lock_buffer(client, fd, 0, length, 0);
	if (!count)
		count = _test_cmd_count_buffer(client, fd, 0, length);
	close(client);
	return count;
}

static const size_t lengths[] = {
	KIB(4), KIB(12), KIB(64), MIB(1), MIB(3), MIB(4), MIB(16), MIB(24),
};

TEST_F(heap, memory_is_contiguous_and_zero)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		size_t length = round_up_page(lengths[i]);
		int fd = heap_get(self->heap, lengths[i]);
		char *map;

		ASSERT_LE(0, fd)
			TH_LOG("%zu bytes: error %d", lengths[i], fd);
		EXPECT_EQ((off_t)length, lseek(fd, 0, SEEK_END));
		map = buffer_map(fd, length);
		ASSERT_NE(NULL, map);
		EXPECT_TRUE(is_zero(map, length));
		fill_pattern(map, length, i);
		EXPECT_TRUE(has_pattern(map, length, i));
		EXPECT_EQ(1, extents_of(map, fd, length));
		munmap(map, length);
		close(fd);
	}
}

/* Memory that was written to and freed comes back clean. */
TEST_F(heap, no_data_of_others)
{
	size_t length = MIB(2);
	int i;

	for (i = 0; i < 20; i++) {
		int fd = heap_get(self->heap, length);
		char *map;

		ASSERT_LE(0, fd);
		map = buffer_map(fd, length);
		ASSERT_NE(NULL, map);
		ASSERT_TRUE(is_zero(map, length));
		memset(map, 0xa5, length);
		munmap(map, length);
		close(fd);
	}
}

TEST_F(heap, bad_requests)
{
	struct dma_heap_allocation_data data = {
		.len = page_size,
		.fd_flags = O_RDWR | O_CLOEXEC,
		.heap_flags = 1,
	};

	EXPECT_EQ(-1, ioctl(self->heap, DMA_HEAP_IOCTL_ALLOC, &data));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-EINVAL, heap_get(self->heap, 0));
	EXPECT_EQ(-EINVAL, heap_alloc(self->heap, page_size, O_APPEND));
	EXPECT_EQ(-EFBIG, heap_get(self->heap, 1ull << 50));
}

/* Neither the program nor a device may write to such a buffer. */
TEST_F(heap, read_only_buffers)
{
	int fd = heap_alloc(self->heap, page_size, O_RDONLY | O_CLOEXEC);
	int client = client_open();
	char *map;

	ASSERT_LE(0, fd);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, page_size, PROT_READ | PROT_WRITE,
				   MAP_SHARED, fd, 0));
	EXPECT_EQ(EACCES, errno);
	map = mmap(NULL, page_size, PROT_READ, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, map);
	EXPECT_EQ(-1, mprotect(map, page_size, PROT_READ | PROT_WRITE));
	EXPECT_TRUE(is_zero(map, page_size));
	test_err_lock_buffer(EACCES, client, fd, 0, page_size, 0);
	test_err_lock(EACCES, client, map, page_size, 0);
	test_lock_buffer(client, fd, 0, page_size, CONTIG_LOCK_OUTPUT);
	test_unlock_buffer(client, fd, 0, page_size);
	munmap(map, page_size);
	close(client);
	close(fd);
}

TEST_F(heap, the_quota_counts_until_close)
{
	char *old = read_text(CONTIG_PARAMETERS "/quota_mib");
	uint64_t before = account_kib();
	int fd, other;

	ASSERT_NE(NULL, old);
	ASSERT_EQ(0, write_text(CONTIG_PARAMETERS "/quota_mib", "8"));
	EXPECT_EQ(-EDQUOT, heap_get(self->heap, MIB(16)));
	fd = heap_get(self->heap, MIB(4));
	ASSERT_LE(0, fd);
	EXPECT_EQ(before + 4096, account_kib());
	other = heap_get(self->heap, MIB(4));
	ASSERT_LE(0, other);
	EXPECT_EQ(-EDQUOT, heap_get(self->heap, page_size));
	close(other);
	/* Memory that comes back to the reserve counts until it is clean. */
	reserve_settle();
	other = heap_get(self->heap, MIB(4));
	EXPECT_LE(0, other);
	close(other);
	close(fd);
	reserve_settle();
	EXPECT_EQ(before, account_kib());
	EXPECT_EQ(0, write_text(CONTIG_PARAMETERS "/quota_mib", old));
	free(old);
}

/*
 * The descriptor of the heap names no user: memory belongs to the user who asks
 * for it. So an ordinary user is limited as such with a file that root opened.
 */
TEST_F(heap, the_caller_pays)
{
	uint64_t before = account_kib(), mib;
	unsigned int extents, uid;
	unsigned long long bytes;
	int pipes[2], ok = 0;
	struct contig_info info;
	char name[64], byte;
	int client = client_open();
	pid_t pid;

	test_info(client, &info);
	close(client);
	/* Less than root's share, and more than another user's. */
	mib = (info.out_ram_bytes >> 20) / 6;
	ASSERT_EQ(0, pipe(pipes));
	pid = fork();
	if (!pid) {
		int fd;

		if (drop_to_user(1000))
			_exit(1);
		if (heap_get(self->heap, MIB(mib)) != -EDQUOT)
			_exit(2);
		fd = heap_get(self->heap, MIB(2));
		if (fd < 0)
			_exit(3);
		byte = 1;
		if (write(pipes[1], &byte, 1) != 1)
			_exit(4);
		pause();
	}
	close(pipes[1]);
	ok = read(pipes[0], &byte, 1) == 1;
	EXPECT_EQ(1, ok);
	if (ok) {
		EXPECT_EQ(0, buffer_line(pid, &bytes, &extents, &uid, name));
		EXPECT_EQ(MIB(2), bytes);
		EXPECT_EQ(1, extents);
		EXPECT_EQ(1000, uid);
		EXPECT_STREQ("dma_heap", name);
		EXPECT_EQ(before, account_kib());
		kill(pid, SIGKILL);
		EXPECT_EQ(128 + SIGKILL, child_wait(pid));
		EXPECT_EQ(-1, buffer_line(pid, &bytes, &extents, &uid, name));
	} else {
		EXPECT_EQ(0, child_wait(pid));
	}
	close(pipes[0]);
}

static int64_t allocations(enum rung_stat what)
{
	uint32_t rung;
	int64_t sum = 0;

	for (rung = 1; rung < CONTIG_RUNG_MAX; rung++)
		sum += stat_of(rung, what);
	return sum;
}

TEST_F(heap, statistics_and_lists_have_it)
{
	int64_t successes = allocations(STAT_SUCCESSES);
	int64_t in_use = allocations(STAT_IN_USE);
	unsigned int extents, uid;
	unsigned long long bytes;
	char name[64], path[64], *text;
	int fd = heap_get(self->heap, MIB(1));

	ASSERT_LE(0, fd);
	EXPECT_EQ(successes + 1, allocations(STAT_SUCCESSES));
	EXPECT_LT(in_use, allocations(STAT_IN_USE));
	ASSERT_EQ(0, buffer_line(getpid(), &bytes, &extents, &uid, name));
	EXPECT_EQ(MIB(1), bytes);
	EXPECT_EQ(1, extents);
	EXPECT_EQ(0, uid);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	text = read_text(path);
	ASSERT_NE(NULL, text);
	EXPECT_NE(NULL, strstr(text, "exp_name:\tcontig"));
	free(text);
	close(fd);
	EXPECT_EQ(in_use, allocations(STAT_IN_USE));
	EXPECT_EQ(-1, buffer_line(getpid(), &bytes, &extents, &uid, name));
}

TEST_F(heap, the_reserve_comes_first)
{
	int64_t successes = stat_of(CONTIG_RUNG_RESERVE, STAT_SUCCESSES);
	int fd;

	if (!reserve_promises(MIB(4)))
		SKIP(return, "reserve too small: load with early=4M*2");
	reserve_settle();
	fd = heap_get(self->heap, MIB(4));
	ASSERT_LE(0, fd);
	EXPECT_EQ(successes + 1, stat_of(CONTIG_RUNG_RESERVE, STAT_SUCCESSES));
	close(fd);
}

/* It is a buffer of contig's in all respects. */
TEST_F(heap, a_client_knows_the_buffer)
{
	int client = client_open();
	int fd = heap_get(self->heap, MIB(4));

	ASSERT_LE(0, fd);
	test_lock_buffer(client, fd, 0, MIB(4), CONTIG_LOCK_CONTIGUOUS);
	EXPECT_EQ(1, _test_cmd_count_buffer(client, fd, 0, MIB(4)));
	test_unlock_buffer(client, fd, 0, MIB(4));
	close(fd);
	close(client);
}

/* More than there is, with 2 s: nothing dies, and the call returns. */
TEST_F_TIMEOUT(heap, too_much_fails_in_time, 120)
{
	char *old = read_text(CONTIG_PARAMETERS "/timeout_ms");
	struct contig_info info;
	int client = client_open();
	uint64_t begun;
	int fd;

	ASSERT_NE(NULL, old);
	test_info(client, &info);
	close(client);
	quota_lift();
	ASSERT_EQ(0, write_text(CONTIG_PARAMETERS "/timeout_ms", "2000"));
	begun = now_ms();
	fd = heap_get(self->heap, info.out_ram_bytes / 8 * 7);
	EXPECT_GE(20000, now_ms() - begun);
	EXPECT_TRUE(fd == -ENOMEM || fd == -ETIME)
		TH_LOG("%d", fd);
	if (fd >= 0)
		close(fd);
	EXPECT_EQ(0, write_text(CONTIG_PARAMETERS "/timeout_ms", old));
	free(old);
	quota_restore();
}

/* Memory of the page allocator is charged, not that of the reserve. */
TEST_F(heap, the_memory_cgroup_is_charged)
{
	int64_t taken = stat_of(CONTIG_RUNG_RESERVE, STAT_SUCCESSES), was;
	struct cgroup group;
	int64_t before;
	pid_t pid;
	int ret;

	/* The process keeps these until it exits. */
	do {
		was = taken;
		ASSERT_LE(0, heap_get(self->heap, MIB(2)));
		taken = stat_of(CONTIG_RUNG_RESERVE, STAT_SUCCESSES);
	} while (taken > was);

	ret = cgroup_make(&group, "memory");
	if (ret == -ENODEV)
		SKIP(return, "no memory controller of version 2");
	ASSERT_EQ(0, ret);
	pid = fork();
	if (!pid) {
		int64_t rung = stat_of(CONTIG_RUNG_COHERENT, STAT_SUCCESSES);
		int fd;

		if (cgroup_enter(&group))
			_exit(1);
		before = cgroup_read(&group, "memory.current");
		fd = heap_get(self->heap, MIB(2));
		if (fd < 0)
			_exit(2);
		if (stat_of(CONTIG_RUNG_COHERENT, STAT_SUCCESSES) == rung)
			_exit(3);
		_exit(cgroup_read(&group, "memory.current") <
		      before + (int64_t)MIB(2) ? 4 : 0);
	}
	EXPECT_EQ(0, child_wait(pid));
	cgroup_remove(&group);
}

static void *alloc_and_free(void *arg)
{
	intptr_t heap = (intptr_t)arg;
	long i, failed = 0;

	for (i = 0; i < 50; i++) {
		int fd = heap_get(heap, KIB(64) << i % 4);

		failed += fd < 0;
		if (fd >= 0)
			close(fd);
	}
	return (void *)failed;
}

TEST_F(heap, many_threads)
{
	uint64_t before = account_kib();
	pthread_t threads[8];
	void *failed;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(threads); i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, alloc_and_free,
					    (void *)(intptr_t)self->heap));
	for (i = 0; i < ARRAY_SIZE(threads); i++) {
		ASSERT_EQ(0, pthread_join(threads[i], &failed));
		EXPECT_EQ(NULL, failed);
	}
	EXPECT_EQ(before, account_kib());
}

/*
 * The kernel cannot remove a heap. The last test: without the module's own
 * reference the kernel would call code that is gone.
 */
TEST_F(heap, the_module_stays)
{
	EXPECT_TRUE(parameter_is("dma_heap", "Y"));
	EXPECT_EQ(-1, syscall(SYS_delete_module, "contig", O_NONBLOCK));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(0, access("/sys/module/contig", F_OK));
}

TEST_HARNESS_MAIN
