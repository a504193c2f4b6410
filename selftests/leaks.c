// SPDX-License-Identifier: GPL-2.0-only
/*
 * After a thousand calls of every kind (two hundred on a slow kernel) the
 * machine has as much free memory as before, and the module has no objects
 * left.
 */
#include "kselftest_harness.h"
#include "contig_utils.h"

#define CYCLES 1000
/* Pages that the machine itself may take; less than one for each cycle. */
#define NOISE 900

FIXTURE(leak) {
	int fd;
	long free;
	uint64_t reserve_free;
	char *buffers;
};

static void warm_up(int client)
{
	uint32_t rung;

	/* Allocate slabs and page tables that stay once they exist. */
	for (rung = 0; rung < CONTIG_RUNG_MAX; rung++)
		close(buffer_alloc(client, MIB(1), rung ? 1u << rung : 0, 0));
}

FIXTURE_SETUP(leak) {
	struct contig_info info;

	setup_client(self->fd);
	warm_up(self->fd);
	test_info(self->fd, &info);
	self->reserve_free = info.out_reserve_free;
	self->buffers = debugfs_text("buffers");
	ASSERT_NE(NULL, self->buffers);
	self->free = free_pages();
}

FIXTURE_TEARDOWN(leak) {
	close(self->fd);
}

#define expect_nothing_lost() do { \
	struct contig_info _info; \
	char *_buffers = debugfs_text("buffers"); \
	test_info(self->fd, &_info); \
	EXPECT_EQ(self->reserve_free, _info.out_reserve_free); \
	EXPECT_EQ(0, _info.out_quota_used); \
	ASSERT_NE(NULL, _buffers); \
	EXPECT_STREQ(self->buffers, _buffers); \
	free(_buffers); \
	EXPECT_TRUE(free_pages_return(self->free - NOISE)); \
} while (0)

/*
 * Return a size: mostly some pages to a few hundred, of many kinds, seldom
 * large.
 */
static size_t mixed_size(int i)
{
	if (i % 100 == 99)
		return MIB(4);
	return page_size * (1 + (i * 37 % 23) * (i % 7 == 0 ? 16 : 1)) -
	       i % 5;
}

TEST_F_TIMEOUT(leak, thousand_buffers, 400)
{
	uint32_t rung;
	char *map;
	int i, fd;

	for (i = 0; i < times(CYCLES); i++) {
		/*
		 * Start at each rung in turn, with the lower ones to fall back
		 * on.
		 */
		rung = 1 + i % 5;
		fd = buffer_get(self->fd, mixed_size(i),
				  CONTIG_RUNGS_ALL & ~0u << rung);
		ASSERT_LE(0, fd)
			TH_LOG("cycle %d, %zu bytes", i, mixed_size(i));
		if (i & 1) {
			map = buffer_map(fd, mixed_size(i));
			ASSERT_NE(NULL, map);
			map[0] = i;
			munmap(map, mixed_size(i));
		}
		close(fd);
	}
	expect_nothing_lost();
}

/* Many at once, freed in another order. */
TEST_F_TIMEOUT(leak, many_at_once, 400)
{
	int fds[CYCLES / 5], n = ARRAY_SIZE(fds), i, round;

	for (round = 0; round < times(5); round++) {
		for (i = 0; i < n; i++) {
			fds[i] = buffer_get(self->fd, mixed_size(i),
					      CONTIG_RUNGS_ALL &
					      ~0u << (1 + i % 5));
			ASSERT_LE(0, fds[i]);
		}
		for (i = 0; i < n; i++)
			close(fds[i * 7 % n]);
	}
	expect_nothing_lost();
}

TEST_F_TIMEOUT(leak, hundred_failures, 400)
{
	struct contig_info info;
	struct contig_alloc alloc;
	int i;

	test_info(self->fd, &info);
	/* Fewer, since each failure scans all memory to explain itself. */
	for (i = 0; i < times(CYCLES / 10); i++) {
		switch (i % 5) {
		case 0:		/* no memory that is large enough */
			alloc = alloc_request(info.out_ram_bytes / 2,
					      CONTIG_RUNGS_RESERVE);
			break;
		case 1:
			alloc = alloc_request(MIB(8), CONTIG_RUNGS_COHERENT);
			alloc.flags = CONTIG_ALLOC_STRUCT_PAGE;
			break;
		case 2:		/* memory, but not within the constraints */
			alloc = alloc_request(KIB(512), CONTIG_RUNGS_SCATTER);
			alloc.constraints.max_segments = 1;
			alloc.constraints.align = MIB(1);
			break;
		case 3:
			alloc = alloc_request(page_size, 0);
			alloc.constraints.highest = 1;
			break;
		default:	/* a structure that cannot be written */
			test_err_alloc(EFAULT, self->fd, NULL);
			continue;
		}
		EXPECT_NE(0, _test_cmd_alloc(self->fd, &alloc))
			close(alloc.out_fd);
	}
	expect_nothing_lost();
}

TEST_F_TIMEOUT(leak, thousand_locks, 400)
{
	char *memory = mmap(NULL, pages(24), PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int i;

	ASSERT_NE(MAP_FAILED, memory);
	for (i = 0; i < times(CYCLES); i++) {
		char *at = memory + pages(i % 9) + i % 4000;
		size_t length = 1 + i * 1301 % pages(14);

		test_lock(self->fd, at, length,
			  i & 1 ? CONTIG_LOCK_OUTPUT : 0);
		if (i % 3 == 0)
			test_hold(self->fd, at, length, NULL);
		ASSERT_LT(0, _test_cmd_count(self->fd, at, length));
		if (i % 7 == 0)
			ASSERT_EQ(0, madvise(to_pointer(to_addr(at) &
							-page_size), page_size,
					     MADV_DONTNEED));
		test_unlock(self->fd, at, length);
		if (i % 3 == 0)
			test_unhold(self->fd, at, length, NULL, NULL);
	}
	munmap(memory, pages(24));
	EXPECT_EQ(0, charged_kib());
	expect_nothing_lost();
}

/* The kernel has to clean up when the client closes. */
TEST_F_TIMEOUT(leak, thousand_clients, 400)
{
	char *memory = anon_map(pages(16));
	int i, client;

	ASSERT_NE(NULL, memory);
	for (i = 0; i < times(CYCLES); i++) {
		client = client_open();
		ASSERT_LE(0, client);
		test_lock(client, memory + pages(i % 8), pages(1 + i % 8), 0);
		if (i % 2)
			test_hold(client, memory, pages(4), NULL);
		close(client);
	}
	munmap(memory, pages(16));
	EXPECT_EQ(0, charged_kib());
	expect_nothing_lost();
}

TEST_F_TIMEOUT(leak, thousand_locks_of_buffers, 400)
{
	int i, fd;

	for (i = 0; i < times(CYCLES); i++) {
		fd = buffer_get(self->fd, pages(8), 1u << (2 + i % 4));
		ASSERT_LE(0, fd);
		test_lock_buffer(self->fd, fd, pages(i % 8), 1, 0);
		test_lock_buffer(self->fd, fd, 0, pages(8), 0);
		test_unlock_buffer(self->fd, fd, pages(i % 8), 1);
		test_unlock_buffer(self->fd, fd, 0, pages(8));
		close(fd);
	}
	expect_nothing_lost();
}

/* Once the descriptor is closed, only the lock keeps the memory. */
TEST_F_TIMEOUT(leak, locks_outlive_descriptors, 400)
{
	int i, fd, client;

	for (i = 0; i < 20; i++) {
		client = client_open();
		fd = buffer_get(client, MIB(1), 1u << (2 + i % 4));
		ASSERT_LE(0, fd);
		test_lock_buffer(client, fd, 0, MIB(1), 0);
		close(fd);
		close(client);
	}
	expect_nothing_lost();
}

TEST_HARNESS_MAIN
