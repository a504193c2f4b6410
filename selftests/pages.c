// SPDX-License-Identifier: GPL-2.0-only
/*
 * All parts of the kernel that take references on pages accept a buffer mapped
 * as struct pages; all refuse one mapped as page frames; and memory with
 * remaining references is not given to another owner.
 */
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "kselftest_harness.h"
#include "contig_utils.h"
#include "uring.h"

#define RAM_DISK "/dev/ram0"
#define PAGES 8

/* Fork a child that stops so that the parent can trace it. */
static pid_t stopped_child(void)
{
	pid_t pid = fork();

	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		_exit(0);
	}
	waitpid(pid, NULL, WUNTRACED);
	return pid;
}

static void end_child(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

FIXTURE(page) {
	int fd;
	int buffer;
	int disk;
	size_t length;
	char *map;
};

FIXTURE_VARIANT(page) {
	uint32_t rung;
	uint32_t flags;
};

FIXTURE_VARIANT_ADD(page, reserve) { .rung = CONTIG_RUNG_RESERVE };
FIXTURE_VARIANT_ADD(page, page_frames) { .rung = CONTIG_RUNG_COHERENT,
					 .flags = CONTIG_ALLOC_PAGE_FRAMES };
FIXTURE_VARIANT_ADD(page, range) { .rung = CONTIG_RUNG_RANGE };
FIXTURE_VARIANT_ADD(page, split) { .rung = CONTIG_RUNG_SPLIT };
FIXTURE_VARIANT_ADD(page, scatter) { .rung = CONTIG_RUNG_SCATTER };

static bool has_pages(const FIXTURE_VARIANT(page) *variant)
{
	return !(variant->flags & CONTIG_ALLOC_PAGE_FRAMES);
}

FIXTURE_SETUP(page) {
	setup_client(self->fd);
	need_rung(self->fd, variant->rung, pages(PAGES));
	self->length = pages(PAGES);
	setup_buffer(self, buffer_alloc(self->fd, self->length,
					1u << variant->rung, variant->flags));
	fill_pattern(self->map, self->length, 1);
	self->disk = open(RAM_DISK, O_RDWR | O_DIRECT | O_CLOEXEC);
}

FIXTURE_TEARDOWN(page) {
	close(self->disk);
	close(self->buffer);
	close(self->fd);
}

TEST_F(page, direct_io)
{
	ssize_t length = self->length;
	char *other;

	if (self->disk < 0)
		SKIP(return, "no " RAM_DISK ": modprobe brd");
	if (!has_pages(variant)) {
		EXPECT_EQ(-1, pwrite(self->disk, self->map, length, 0));
		EXPECT_EQ(EFAULT, errno);
		EXPECT_EQ(-1, pread(self->disk, self->map, length, 0));
		EXPECT_EQ(EFAULT, errno);
		EXPECT_TRUE(has_pattern(self->map, self->length, 1));
		return;
	}
	ASSERT_EQ(length, pwrite(self->disk, self->map, length, 0));
	other = aligned_alloc(page_size, length);
	ASSERT_NE(NULL, other);
	ASSERT_EQ(length, pread(self->disk, other, length, 0));
	EXPECT_TRUE(has_pattern(other, length, 1));

	fill_pattern(other, length, 2);
	ASSERT_EQ(length, pwrite(self->disk, other, length, 0));
	ASSERT_EQ(length, pread(self->disk, self->map, length, 0));
	EXPECT_TRUE(has_pattern(self->map, length, 2));

	/* A sector in the middle of a page. */
	ASSERT_EQ(512, pread(self->disk, self->map + pages(3) + 1024, 512, 0));
	EXPECT_TRUE(has_pattern(self->map, pages(3) + 1024, 2));
	EXPECT_EQ(0, memcmp(self->map, self->map + pages(3) + 1024, 512));
	free(other);
}

TEST_F(page, direct_io_into_a_locked_buffer)
{
	ssize_t length = self->length;

	if (self->disk < 0)
		SKIP(return, "no " RAM_DISK ": modprobe brd");
	if (!has_pages(variant))
		return;
	test_lock(self->fd, self->map, length, 0);
	ASSERT_EQ(length, pwrite(self->disk, self->map, length, 0));
	memset(self->map, 0, length);
	ASSERT_EQ(length, pread(self->disk, self->map, length, 0));
	EXPECT_TRUE(has_pattern(self->map, length, 1));
	EXPECT_TRUE(translation_is_true(self->fd, self->map, length));
	test_unlock(self->fd, self->map, length);
}

TEST_F(page, io_uring_fixed_buffer)
{
	int file = memfd_create("contig", MFD_CLOEXEC);
	char *other = malloc(self->length);
	struct ring r;
	int ret;

	ret = ring_open(&r);
	if (ret)
		SKIP(return, "io_uring: %s", strerror(-ret));
	ASSERT_LE(0, file);
	ASSERT_EQ(0, ftruncate(file, self->length));
	if (!has_pages(variant)) {
		EXPECT_EQ(-EFAULT, ring_register(&r, self->map, self->length));
		EXPECT_TRUE(has_pattern(self->map, self->length, 1));
		return;
	}
	ret = ring_register(&r, self->map, self->length);
	if (ret == -EOPNOTSUPP && !ksft_min_kernel_version(6, 5))
		SKIP(return, "before 6.5 io_uring registers no mapped file");
	ASSERT_EQ(0, ret);
	EXPECT_EQ((int)self->length,
		  ring_do(&r, IORING_OP_WRITE_FIXED, file, self->map,
			  self->length, 0));
	ASSERT_EQ((ssize_t)self->length, pread(file, other, self->length, 0));
	EXPECT_TRUE(has_pattern(other, self->length, 1));
	fill_pattern(other, self->length, 2);
	ASSERT_EQ((ssize_t)self->length, pwrite(file, other, self->length, 0));
	EXPECT_EQ((int)self->length,
		  ring_do(&r, IORING_OP_READ_FIXED, file, self->map,
			  self->length, 0));
	EXPECT_TRUE(has_pattern(self->map, self->length, 2));
	EXPECT_EQ(0, ring_unregister(&r));
	close(r.fd);
}

TEST_F(page, read_and_written_by_another_process)
{
	pid_t parent = getpid(), pid = fork();

	if (!pid) {
		char *copy = malloc(self->length);
		struct iovec here = { copy, self->length };
		struct iovec there = { self->map, self->length };
		ssize_t n;

		/*
		 * Read the parent's mapping, not the one inherited by this
		 * child.
		 */
		n = process_vm_readv(parent, &here, 1, &there, 1, 0);
		if (!has_pages(variant))
			_exit(n == -1 && errno == EFAULT ? 0 : 1);
		if (n != here.iov_len || !has_pattern(copy, n, 1))
			_exit(2);
		fill_pattern(copy, self->length, 2);
		n = process_vm_writev(parent, &here, 1, &there, 1, 0);
		_exit(n == here.iov_len ? 0 : 3);
	}
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_TRUE(has_pattern(self->map, self->length,
				has_pages(variant) ? 2 : 1));
}

TEST_F(page, seen_by_a_debugger)
{
	long *at = (long *)(self->map + pages(2) + 64), word;
	pid_t pid = stopped_child();
	char path[64];
	int mem;

	ASSERT_LT(0, pid);
	errno = 0;
	word = ptrace(PTRACE_PEEKDATA, pid, at, NULL);
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	mem = open(path, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, mem);
#ifdef __arm__
	/* This kernel does not ask the module: no HAVE_IOREMAP_PROT. */
	if (!has_pages(variant)) {
		EXPECT_EQ(EIO, errno);
		close(mem);
		end_child(pid);
		return;
	}
#endif
	/* The module itself lets debuggers access bare page frames as well. */
	EXPECT_EQ(0, errno);
	EXPECT_EQ(*at, word);
	EXPECT_EQ(0, ptrace(PTRACE_POKEDATA, pid, at, 0x1234567));
	EXPECT_EQ(0x1234567, *at);
	EXPECT_EQ((ssize_t)sizeof(word),
		  pread(mem, &word, sizeof(word), to_addr(at)));
	EXPECT_EQ(0x1234567, word);
	word = 0x7654321;
	EXPECT_EQ((ssize_t)sizeof(word),
		  pwrite(mem, &word, sizeof(word), to_addr(at)));
	EXPECT_EQ(0x7654321, *at);
	close(mem);
	end_child(pid);
}

TEST_F(page, copied_by_ordinary_calls)
{
	int pipes[2];
	char *other = malloc(self->length);

	/* The CPU can read and write both kinds. */
	ASSERT_EQ(0, pipe(pipes));
	ASSERT_EQ((ssize_t)self->length,
		  write(pipes[1], self->map, self->length));
	ASSERT_EQ((ssize_t)self->length, read(pipes[0], other, self->length));
	EXPECT_TRUE(has_pattern(other, self->length, 1));
	fill_pattern(other, self->length, 2);
	ASSERT_EQ((ssize_t)self->length, write(pipes[1], other, self->length));
	ASSERT_EQ((ssize_t)self->length,
		  read(pipes[0], self->map, self->length));
	EXPECT_TRUE(has_pattern(self->map, self->length, 2));
	free(other);
}

TEST_F(page, spliced_into_a_pipe)
{
	struct iovec iov = { self->map, self->length };
	char *other = malloc(self->length);
	int pipes[2];

	ASSERT_EQ(0, pipe(pipes));
	if (!has_pages(variant)) {
		EXPECT_EQ(-1, vmsplice(pipes[1], &iov, 1, 0));
		EXPECT_EQ(EFAULT, errno);
		return;
	}
	ASSERT_EQ((ssize_t)self->length, vmsplice(pipes[1], &iov, 1, 0));
	/* The pipe refers to the pages themselves. */
	fill_pattern(self->map, self->length, 2);
	ASSERT_EQ((ssize_t)self->length, read(pipes[0], other, self->length));
	EXPECT_TRUE(has_pattern(other, self->length, 2));
	free(other);
}

/*
 * Pages with references that remain after the buffer was freed
 */
FIXTURE(kept) {
	int fd;
	int pipes[2];
	struct ring ring;
	size_t length;
	uint64_t reserve_free;
	uint64_t pfns[PAGES];
	long free;
};

FIXTURE_VARIANT(kept) {
	uint32_t rung;
};

variant_of_each_rung(kept);

FIXTURE_SETUP(kept) {
	struct contig_info info;

	setup_client(self->fd);
	need_rung(self->fd, variant->rung, pages(PAGES));
	test_info(self->fd, &info);
	if (variant->rung == CONTIG_RUNG_COHERENT &&
	    !coherent_has_pages(&info, pages(PAGES)))
		SKIP(return, "this machine's coherent memory has no struct pages");
	self->reserve_free = info.out_reserve_free;
	self->length = pages(PAGES);
	self->free = free_pages();
	ASSERT_EQ(0, pipe(self->pipes));
}

FIXTURE_TEARDOWN(kept) {
	close(self->pipes[0]);
	close(self->pipes[1]);
	close(self->fd);
}

/*
 * Make a buffer with a pattern, and record its frames. Return NULL on failure.
 */
static char *make(FIXTURE_DATA(kept) *self,
		  const FIXTURE_VARIANT(kept) *variant, int *buffer)
{
	char *map;
	int i;

	*buffer = buffer_alloc(self->fd, self->length, 1u << variant->rung, 0);
	map = *buffer < 0 ? NULL : buffer_map(*buffer, self->length);
	if (!map)
		return NULL;
	fill_pattern(map, self->length, 1);
	for (i = 0; i < PAGES; i++)
		self->pfns[i] = pfn_of(map + pages(i));
	return map;
}

/* Return how many of the recorded frames are in these extents. */
static int noted_in(FIXTURE_DATA(kept) *self,
		    const struct contig_extent *extents, int64_t n)
{
	int found = 0, i;

	while (n--)
		for (i = 0; i < PAGES; i++) {
			uint64_t at = self->pfns[i] * page_size;

			found += at && at - extents[n].addr < extents[n].length;
		}
	return found;
}

/*
 * Allocate a lot of memory from the same rung. Return how many of the recorded
 * frames are in it.
 */
static int come_again(FIXTURE_DATA(kept) *self,
		      const FIXTURE_VARIANT(kept) *variant)
{
	size_t most = variant->rung == CONTIG_RUNG_RESERVE ? MIB(1024) :
							     times(MIB(40));
	size_t length = MIB(4), taken = 0, at;
	struct contig_extent *extents;
	int fds[512], n = 0, again = 0;
	int64_t nextents;
	char *map;

	while (length >= page_size && taken < most && n < 512) {
		fds[n] = buffer_alloc(self->fd, length, 1u << variant->rung, 0);
		if (fds[n] < 0) {
			length /= 4;
			continue;
		}
		map = buffer_map(fds[n++], length);
		if (!map)
			return -1;
		taken += length;
		for (at = 0; at < length; at += page_size)
			memset(map + at, 0xee, 64);
		nextents = pagemap_extents(map, length, &extents);
		if (nextents < 0)
			return -1;
		again += noted_in(self, extents, nextents);
		free(extents);
		munmap(map, length);
	}
	while (n)
		close(fds[--n]);
	return again;
}

struct wait_free {
	int client;
	uint64_t bytes;
};

static bool is_free(void *arg)
{
	struct wait_free *w = arg;
	struct contig_info info;

	return !_test_cmd_info(w->client, &info) &&
	       info.out_reserve_free == w->bytes;
}

static bool all_is_free(FIXTURE_DATA(kept) *self)
{
	struct wait_free w = { self->fd, self->reserve_free };

	return poll_until(is_free, &w) &&
	       free_pages_return(self->free - 1024);
}

TEST_F_TIMEOUT(kept, by_a_pipe, 400)
{
	char *other = malloc(self->length);
	struct iovec iov;
	int buffer;

	iov.iov_base = make(self, variant, &buffer);
	ASSERT_NE(NULL, iov.iov_base);
	iov.iov_len = self->length;
	ASSERT_EQ((ssize_t)self->length,
		  vmsplice(self->pipes[1], &iov, 1, 0));
	munmap(iov.iov_base, self->length);
	close(buffer);

	EXPECT_EQ(0, come_again(self, variant));
	ASSERT_EQ((ssize_t)self->length,
		  read(self->pipes[0], other, self->length));
	EXPECT_TRUE(has_pattern(other, self->length, 1));
	EXPECT_TRUE(all_is_free(self));
	free(other);
}

/*
 * One page of many: the others can be used again, and all are freed in the end.
 */
TEST_F_TIMEOUT(kept, one_page_of_many, 400)
{
	char *other = malloc(page_size), *map;
	struct iovec iov;
	int buffer;

	map = make(self, variant, &buffer);
	ASSERT_NE(NULL, map);
	fill_pattern(map + pages(3), page_size, 5);
	iov.iov_base = map + pages(3);
	iov.iov_len = page_size;
	ASSERT_EQ((ssize_t)page_size, vmsplice(self->pipes[1], &iov, 1, 0));
	self->pfns[0] = self->pfns[3];
	memset(&self->pfns[1], 0, sizeof(self->pfns) - sizeof(self->pfns[0]));
	munmap(map, self->length);
	close(buffer);

	EXPECT_EQ(0, come_again(self, variant));
	ASSERT_EQ((ssize_t)page_size, read(self->pipes[0], other, page_size));
	EXPECT_TRUE(has_pattern(other, page_size, 5));
	EXPECT_TRUE(all_is_free(self));
	free(other);
}

TEST_F_TIMEOUT(kept, by_io_uring, 400)
{
	int file = memfd_create("contig", MFD_CLOEXEC), buffer, ret;
	char *other = malloc(self->length), *map;

	ret = ring_open(&self->ring);
	if (ret)
		SKIP(return, "io_uring: %s", strerror(-ret));
	map = make(self, variant, &buffer);
	ASSERT_NE(NULL, map);
	ret = ring_register(&self->ring, map, self->length);
	if (ret == -EOPNOTSUPP && !ksft_min_kernel_version(6, 5))
		SKIP(return, "before 6.5 io_uring registers no mapped file");
	ASSERT_EQ(0, ret);
	munmap(map, self->length);
	close(buffer);

	EXPECT_EQ(0, come_again(self, variant));
	EXPECT_EQ((int)self->length,
		  ring_do(&self->ring, IORING_OP_WRITE_FIXED, file, map,
			  self->length, 0));
	ASSERT_EQ((ssize_t)self->length, pread(file, other, self->length, 0));
	EXPECT_TRUE(has_pattern(other, self->length, 1));
	EXPECT_EQ(0, ring_unregister(&self->ring));
	close(self->ring.fd);
	EXPECT_TRUE(all_is_free(self));
	free(other);
}

/* A lock keeps memory as well, and here nothing else does. */
TEST_F_TIMEOUT(kept, by_a_lock, 400)
{
	int buffer, other_client;
	char *map;

	map = make(self, variant, &buffer);
	ASSERT_NE(NULL, map);
	other_client = client_open();
	test_lock(self->fd, map, self->length, 0);
	test_lock_buffer(other_client, buffer, 0, self->length, 0);
	munmap(map, self->length);
	close(buffer);

	EXPECT_EQ(0, come_again(self, variant));
	test_unlock(self->fd, map, self->length);
	EXPECT_EQ(0, come_again(self, variant));
	close(other_client);
	EXPECT_TRUE(all_is_free(self));
}

TEST_F_TIMEOUT(kept, by_a_process_that_dies, 400)
{
	int buffer, ready[2];
	struct iovec iov;
	char byte;
	pid_t pid;

	/* The child puts the pages into a pipe of its own, and is killed. */
	ASSERT_EQ(0, pipe(ready));
	iov.iov_base = make(self, variant, &buffer);
	ASSERT_NE(NULL, iov.iov_base);
	iov.iov_len = self->length;
	pid = fork();
	if (!pid) {
		int own[2];

		if (pipe(own) || vmsplice(own[1], &iov, 1, 0) < 0)
			_exit(1);
		munmap(iov.iov_base, self->length);
		close(buffer);
		if (write(ready[1], "x", 1) != 1)
			_exit(2);
		pause();
	}
	ASSERT_EQ(1, read(ready[0], &byte, 1));
	munmap(iov.iov_base, self->length);
	close(buffer);
	EXPECT_EQ(0, come_again(self, variant));
	end_child(pid);
	EXPECT_TRUE(all_is_free(self));
}

TEST_HARNESS_MAIN
