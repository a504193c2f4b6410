// SPDX-License-Identifier: GPL-2.0-only
/*
 * A buffer is a dma-buf: how it is mapped, used in part, synchronised, passed
 * to other processes, and how long it lives.
 */
#include <linux/dma-buf.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "kselftest_harness.h"
#include "contig_utils.h"

#define PAGES 16

FIXTURE(buffer) {
	int fd;
	int buffer;
	size_t length;
	char *map;
};

FIXTURE_VARIANT(buffer) {
	uint32_t rung;
};

variant_of_each_rung(buffer);

FIXTURE_SETUP(buffer) {
	setup_client(self->fd);
	need_rung(self->fd, variant->rung, pages(PAGES));
	self->length = pages(PAGES);
	setup_buffer(self, buffer_get(self->fd, self->length,
				      1u << variant->rung));
	fill_pattern(self->map, self->length, 1);
}

FIXTURE_TEARDOWN(buffer) {
	close(self->buffer);
	close(self->fd);
}

TEST_F(buffer, length_by_seeking)
{
	EXPECT_EQ((off_t)self->length, lseek(self->buffer, 0, SEEK_END));
	EXPECT_EQ(0, lseek(self->buffer, 0, SEEK_SET));
	EXPECT_EQ(-1, lseek(self->buffer, 1, SEEK_SET));
	EXPECT_EQ(EINVAL, errno);
}

TEST_F(buffer, part_at_an_offset)
{
	size_t first, n;
	char *part;

	for (first = 0; first < PAGES; first += 3) {
		for (n = 1; first + n <= PAGES; n += 4) {
			part = mmap(NULL, pages(n), PROT_READ | PROT_WRITE,
				    MAP_SHARED, self->buffer, pages(first));
			ASSERT_NE(MAP_FAILED, part);
			EXPECT_EQ(0, memcmp(part, self->map + pages(first),
					    pages(n)));
			part[pages(n) - 1] ^= 0xff;
			EXPECT_EQ(part[pages(n) - 1],
				  self->map[pages(first + n) - 1]);
			part[pages(n) - 1] ^= 0xff;
			EXPECT_EQ(pfn_of(self->map + pages(first)),
				  pfn_of(part));
			munmap(part, pages(n));
		}
	}
	EXPECT_TRUE(has_pattern(self->map, self->length, 1));
}

TEST_F(buffer, private_mapping_is_refused)
{
	int prot[] = { PROT_READ, PROT_READ | PROT_WRITE };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(prot); i++) {
		EXPECT_EQ(MAP_FAILED, mmap(NULL, self->length, prot[i],
					   MAP_PRIVATE, self->buffer, 0));
		EXPECT_EQ(EINVAL, errno);
	}
}

TEST_F(buffer, past_its_end_is_refused)
{
	struct {
		size_t length;
		off_t offset;
	} past[] = {
		{ pages(PAGES + 1), 0 },
		{ pages(PAGES), pages(1) },
		{ pages(1), pages(PAGES) },
		{ pages(1), (off_t)page_size << 20 },
		{ pages(2), pages(PAGES - 1) },
		{ pages(1), 0x7fffffffffff0000 },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(past); i++) {
		EXPECT_EQ(MAP_FAILED, mmap(NULL, past[i].length, PROT_READ,
					   MAP_SHARED, self->buffer,
					   past[i].offset))
			TH_LOG("%zu bytes at %#lx", past[i].length,
			       (long)past[i].offset);
		EXPECT_TRUE(errno == EINVAL || errno == EOVERFLOW);
	}
}

TEST_F(buffer, mapping_cannot_grow)
{
	EXPECT_EQ(MAP_FAILED, mremap(self->map, self->length, 2 * self->length,
				     MREMAP_MAYMOVE));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_TRUE(has_pattern(self->map, self->length, 1));
}

TEST_F(buffer, mapping_can_move_and_shrink)
{
	char *area = mmap(NULL, self->length, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t pfn = pfn_of(self->map);
	char *map;

	ASSERT_NE(MAP_FAILED, area);
	map = mremap(self->map, self->length, self->length,
		     MREMAP_MAYMOVE | MREMAP_FIXED, area);
	ASSERT_EQ(area, map);
	EXPECT_TRUE(has_pattern(map, self->length, 1));
	EXPECT_EQ(pfn, pfn_of(map));
	ASSERT_EQ(map, mremap(map, self->length, pages(3), 0));
	EXPECT_TRUE(has_pattern(map, pages(3), 1));
	EXPECT_EQ(-1, madvise(map + pages(3), page_size, MADV_NORMAL));
}

TEST_F(buffer, hole_in_the_mapping)
{
	uint64_t *at = (uint64_t *)(self->map + pages(5));
	char *again;

	ASSERT_EQ(0, munmap(self->map + pages(4), page_size));
	EXPECT_NE(0, *at);
	ASSERT_EQ(0, munmap(self->map + pages(6), pages(2)));
	EXPECT_NE(0, *at);
	again = buffer_map(self->buffer, self->length);
	ASSERT_NE(NULL, again);
	EXPECT_TRUE(has_pattern(again, self->length, 1));
}

/* Pages dropped from a shared mapping come back with the same contents. */
TEST_F(buffer, madvise_loses_nothing)
{
	int advice[] = { MADV_DONTNEED, MADV_WILLNEED, MADV_COLD, MADV_PAGEOUT,
			 MADV_RANDOM, MADV_NORMAL, MADV_REMOVE, MADV_FREE };
	uint64_t pfn = pfn_of(self->map);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(advice); i++) {
		madvise(self->map, self->length, advice[i]);
		EXPECT_TRUE(has_pattern(self->map, self->length, 1))
			TH_LOG("advice %d", advice[i]);
		EXPECT_EQ(pfn, pfn_of(self->map));
	}
}

TEST_F(buffer, protection)
{
	const char *reader = mmap(NULL, self->length, PROT_READ, MAP_SHARED,
				  self->buffer, 0);
	int pipes[2];

	ASSERT_NE(MAP_FAILED, reader);
	EXPECT_TRUE(has_pattern(reader, self->length, 1));
	/* The kernel must respect the protection as the CPU does. */
	ASSERT_EQ(0, pipe(pipes));
	ASSERT_EQ(1, write(pipes[1], "x", 1));
	EXPECT_EQ(-1, read(pipes[0], (void *)reader, 1));
	EXPECT_EQ(EFAULT, errno);
	ASSERT_EQ(0, mprotect((void *)reader, self->length,
			      PROT_READ | PROT_WRITE));
	((char *)reader)[0] ^= 1;
	EXPECT_EQ(self->map[0], reader[0]);
}

TEST_F(buffer, sync)
{
	uint64_t good[] = {
		DMA_BUF_SYNC_READ, DMA_BUF_SYNC_WRITE, DMA_BUF_SYNC_RW,
	};
	struct dma_buf_sync sync;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(good); i++) {
		sync.flags = DMA_BUF_SYNC_START | good[i];
		EXPECT_EQ(0, ioctl(self->buffer, DMA_BUF_IOCTL_SYNC, &sync));
		EXPECT_TRUE(has_pattern(self->map, self->length, 1));
		sync.flags = DMA_BUF_SYNC_END | good[i];
		EXPECT_EQ(0, ioctl(self->buffer, DMA_BUF_IOCTL_SYNC, &sync));
	}
	sync.flags = 0;
	EXPECT_EQ(-1, ioctl(self->buffer, DMA_BUF_IOCTL_SYNC, &sync));
	EXPECT_EQ(EINVAL, errno);
	sync.flags = ~0ull;
	EXPECT_EQ(-1, ioctl(self->buffer, DMA_BUF_IOCTL_SYNC, &sync));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, ioctl(self->buffer, DMA_BUF_IOCTL_SYNC, NULL));
	EXPECT_EQ(EFAULT, errno);
}

TEST_F(buffer, other_operations)
{
	struct pollfd p = { .fd = self->buffer, .events = POLLIN | POLLOUT };
	char byte = 0;

	/* No device uses the buffer, so poll() reports it as ready. */
	EXPECT_EQ(1, poll(&p, 1, 0));
	EXPECT_EQ(-1, read(self->buffer, &byte, 1));
	EXPECT_EQ(-1, write(self->buffer, &byte, 1));
	EXPECT_EQ(-1, ftruncate(self->buffer, 0));
	EXPECT_EQ(-ENOTTY, contig_ioctl(self->buffer, CONTIG_INFO, &byte));
}

TEST_F(buffer, lives_as_long_as_a_mapping)
{
	close(self->buffer);
	close(self->fd);
	EXPECT_TRUE(has_pattern(self->map, self->length, 1));
	fill_pattern(self->map, self->length, 2);
	/* An allocation made now must get other memory. */
	self->fd = client_open();
	self->buffer = buffer_get(self->fd, self->length, 1u << variant->rung);
	ASSERT_LE(0, self->buffer);
	EXPECT_NE(NULL, buffer_map(self->buffer, self->length));
	EXPECT_TRUE(has_pattern(self->map, self->length, 2));
}

TEST_F(buffer, lives_as_long_as_a_descriptor)
{
	int other = dup(self->buffer);
	char *map;

	munmap(self->map, self->length);
	close(self->buffer);
	close(self->fd);
	self->buffer = -1;
	map = buffer_map(other, self->length);
	ASSERT_NE(NULL, map);
	EXPECT_TRUE(has_pattern(map, self->length, 1));
	close(other);
	self->fd = client_open();
}

TEST_F(buffer, is_shared_with_a_forked_child)
{
	pid_t pid = fork();

	if (!pid) {
		if (!has_pattern(self->map, self->length, 1))
			_exit(1);
		fill_pattern(self->map, self->length, 3);
		_exit(0);
	}
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_TRUE(has_pattern(self->map, self->length, 3));
}

TEST_F(buffer, can_be_passed_to_another_process)
{
	int sockets[2];
	pid_t pid;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	pid = fork();
	if (!pid) {
		int fd, client;
		char *map;

		close(self->buffer);
		close(self->fd);
		munmap(self->map, self->length);
		fd = fd_receive(sockets[1]);
		map = fd < 0 ? NULL : buffer_map(fd, self->length);
		if (!map || !has_pattern(map, self->length, 1))
			_exit(1);
		fill_pattern(map, self->length, 4);
		/*
		 * The receiver can also lock the buffer, with a client of its
		 * own.
		 */
		client = client_open();
		if (_test_cmd_lock_buffer(client, fd, 0, self->length, 0) ||
		    !buffer_translation_is_true(client, fd, map, self->length))
			_exit(2);
		_exit(0);
	}
	ASSERT_EQ(0, fd_send(sockets[0], self->buffer));
	/* A descriptor on its way must not depend on the sender. */
	close(self->buffer);
	self->buffer = -1;
	EXPECT_EQ(0, child_wait(pid));
	if (variant->rung != CONTIG_RUNG_COHERENT)
		EXPECT_TRUE(has_pattern(self->map, self->length, 4));
}

TEST_F(buffer, lives_in_a_socket)
{
	int sockets[2], fd;
	char *map;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	ASSERT_EQ(0, fd_send(sockets[0], self->buffer));
	munmap(self->map, self->length);
	close(self->buffer);
	close(self->fd);
	self->buffer = -1;
	fd = fd_receive(sockets[1]);
	ASSERT_LE(0, fd);
	map = buffer_map(fd, self->length);
	ASSERT_NE(NULL, map);
	EXPECT_TRUE(has_pattern(map, self->length, 1));
	close(fd);
	self->fd = client_open();
}

TEST_F(buffer, name_in_the_lists)
{
	struct contig_alloc alloc = alloc_request(page_size,
						  1u << variant->rung);
	char path[64], *fdinfo;

	strcpy(alloc.name, "a buffer's name");
	test_alloc(self->fd, &alloc);
	EXPECT_TRUE(debugfs_has("buffers", "a buffer's name"));
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", alloc.out_fd);
	fdinfo = read_text(path);
	ASSERT_NE(NULL, fdinfo);
	EXPECT_NE(NULL, strstr(fdinfo, "a buffer's name"))
		TH_LOG("%s", fdinfo);
	free(fdinfo);
	close(alloc.out_fd);
	EXPECT_FALSE(debugfs_has("buffers", "a buffer's name"));
}

TEST_F(buffer, without_a_name_has_the_threads)
{
	int fd;

	ASSERT_EQ(0, prctl(PR_SET_NAME, "some-thread"));
	fd = buffer_get(self->fd, page_size, 1u << variant->rung);
	ASSERT_LE(0, fd);
	EXPECT_TRUE(debugfs_has("buffers", "some-thread"));
	close(fd);
}

TEST_HARNESS_MAIN
