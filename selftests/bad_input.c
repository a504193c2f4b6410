// SPDX-License-Identifier: GPL-2.0-only
/*
 * Invalid input from programs: each kind of it has an errno of its own, changes
 * no counter and leaves nothing behind.
 */
#include <linux/udmabuf.h>
#include <sys/epoll.h>

#include "kselftest_harness.h"
#include "contig_utils.h"

#define PAGES 8

static bool is_user_page(uint64_t page)
{
	void *at = mmap(to_pointer(page), page_size, PROT_NONE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE |
			MAP_FIXED_NOREPLACE, -1, 0);

	if (at != MAP_FAILED)
		munmap(at, page_size);
	return at != MAP_FAILED || errno == EEXIST;
}

/*
 * Return the first address that no program has: the end of the last page that
 * can be mapped.
 */
static uint64_t user_end(void)
{
	static uint64_t end;
	unsigned int bit = sizeof(void *) == 4 ? 0 : 57;
	uint64_t page;

	/* 32-bit kernels end it at a multiple of a MiB. */
	for (page = (1ull << 32) - page_size; !end && !bit; page -= MIB(1))
		end = is_user_page(page) ? page + page_size : 0;
	for (; !end && bit >= 38; bit--) {
		page = (1ull << bit) - page_size;
		/* Some machines do not map the last page. */
		for (; !end && page >= (1ull << bit) - pages(2);
		     page -= page_size)
			end = is_user_page(page) ? page + page_size : 0;
	}
	return end;
}

#define USER_END user_end()

FIXTURE(bad) {
	int fd;
	int buffer;
	char *memory;		/* its pages 2 and 3 are held and locked */
	char *hole;		/* a page within it is not mapped */
	struct contig_extent extents[PAGES];
	struct contig_run runs[PAGES];
	struct contig_span spans[PAGES];
	struct snapshot before;
};

FIXTURE_SETUP(bad) {
	setup_client(self->fd);
	self->buffer = buffer_get(self->fd, pages(PAGES), 0);
	ASSERT_LE(0, self->buffer);
	self->memory = anon_map(pages(PAGES));
	self->hole = anon_map(pages(PAGES));
	ASSERT_NE(NULL, self->memory);
	ASSERT_NE(NULL, self->hole);
	ASSERT_EQ(0, munmap(self->hole + pages(4), page_size));
	test_lock(self->fd, self->memory + pages(2), pages(2), 0);
	test_hold(self->fd, self->memory + pages(2), pages(2), NULL);
	test_lock_buffer(self->fd, self->buffer, pages(2), pages(2), 0);
	snapshot_take(&self->before, self->fd);
}

/* The counters must be unchanged after each test. */
FIXTURE_TEARDOWN(bad) {
	EXPECT_TRUE(snapshot_is_same(&self->before, self->fd));
	EXPECT_EQ(1, page_state(self->fd, self->memory + pages(2)).locks);
	EXPECT_EQ(1, page_state(self->fd, self->memory + pages(2)).holds);
	EXPECT_EQ(0, page_state(self->fd, self->memory + pages(1)).state);
	EXPECT_EQ(1, _test_cmd_count_buffer(self->fd, self->buffer, pages(2),
					    page_size));
	EXPECT_EQ(0, _test_cmd_unlock(self->fd, self->memory + pages(2),
				      pages(2)));
	EXPECT_EQ(0, _test_cmd_unhold(self->fd, self->memory + pages(2),
				      pages(2), NULL, NULL));
	close(self->buffer);
	close(self->fd);
}

/* What each command on a range must answer for one of these ranges. */
struct answers {
	int lock, unlock, hold, unhold, physical, state;
};

static int get_physical(FIXTURE_DATA(bad) *self, uint64_t addr, uint64_t length,
			uint32_t flags, int fd, uint32_t count)
{
	struct contig_get_physical cmd = {
		.size = sizeof(cmd),
		.flags = flags,
		.addr = addr,
		.length = length,
		.extents = to_addr(self->extents),
		.count = count,
		.fd = fd,
	}, before = cmd;
	int ret = _test_cmd_get_physical(self->fd, &cmd);

	return ret && memcmp(&before, &cmd, sizeof(cmd)) ? -EPROTO : ret;
}

static int get_state(FIXTURE_DATA(bad) *self, uint64_t addr, uint64_t length,
		     uint32_t flags, int fd)
{
	struct contig_get_state cmd = {
		.size = sizeof(cmd),
		.flags = flags,
		.addr = addr,
		.length = length,
		.runs = to_addr(self->runs),
		.count = PAGES,
		.fd = fd,
	}, before = cmd;
	int ret = _test_cmd_get_state(self->fd, &cmd);

	return ret && memcmp(&before, &cmd, sizeof(cmd)) ? -EPROTO : ret;
}

/*
 * The commands that ranges of pointers are given to elsewhere, with addresses
 * that no pointer of a 32-bit program can hold.
 */
static int lock_range(FIXTURE_DATA(bad) *self, unsigned int nr, uint64_t addr,
		      uint64_t length, uint32_t flags)
{
	struct contig_lock cmd = {
		.size = sizeof(cmd),
		.flags = flags,
		.addr = addr,
		.length = length,
	};

	return contig_ioctl(self->fd, nr, &cmd);
}

static int hold_range(FIXTURE_DATA(bad) *self, uint64_t addr, uint64_t length)
{
	struct contig_hold cmd = {
		.size = sizeof(cmd),
		.addr = addr,
		.length = length,
	};

	return contig_ioctl(self->fd, CONTIG_HOLD, &cmd);
}

static int unhold_range(FIXTURE_DATA(bad) *self, uint64_t addr, uint64_t length)
{
	struct contig_unhold cmd = {
		.size = sizeof(cmd),
		.addr = addr,
		.length = length,
		.spans = to_addr(self->spans),
		.count = PAGES,
	};

	return contig_ioctl(self->fd, CONTIG_UNHOLD, &cmd);
}

#define expect_answers(what, addr, length, ...) do { \
	const struct answers _a = { __VA_ARGS__ }; \
	EXPECT_EQ(-_a.lock, lock_range(self, CONTIG_LOCK, addr, length, 0)) \
		TH_LOG(what); \
	EXPECT_EQ(-_a.lock, lock_range(self, CONTIG_LOCK, addr, length, \
				       CONTIG_LOCK_OUTPUT | \
				       CONTIG_LOCK_CONTIGUOUS)) \
		TH_LOG(what); \
	EXPECT_EQ(-_a.unlock, lock_range(self, CONTIG_UNLOCK, addr, length, \
					 0)) \
		TH_LOG(what); \
	EXPECT_EQ(-_a.hold, hold_range(self, addr, length)) \
		TH_LOG(what); \
	EXPECT_EQ(-_a.unhold, unhold_range(self, addr, length)) \
		TH_LOG(what); \
	EXPECT_EQ(-_a.physical, get_physical(self, addr, length, 0, 0, 0)) \
		TH_LOG(what); \
	EXPECT_EQ(-_a.physical, get_physical(self, addr, length, 0, 0, 1)) \
		TH_LOG(what); \
	EXPECT_EQ(-_a.state, get_state(self, addr, length, 0, 0)) \
		TH_LOG(what); \
} while (0)

#define NOT_THERE EFAULT, ENOLCK, EFAULT, ENODATA, ENOLCK, 0
#define TOO_FAR EOVERFLOW, EOVERFLOW, EOVERFLOW, EOVERFLOW, EOVERFLOW, EOVERFLOW
#define WRONG EINVAL, EINVAL, EINVAL, EINVAL, EINVAL, EINVAL

TEST_F(bad, null)
{
	expect_answers("null", 0, page_size, NOT_THERE);
	expect_answers("first byte", 0, 1, NOT_THERE);
	expect_answers("near null", 1, 1, NOT_THERE);
}

TEST_F(bad, unmapped)
{
	uint64_t hole = to_addr(self->hole + pages(4));

	expect_answers("unmapped", hole, page_size, NOT_THERE);
	expect_answers("last byte", hole + page_size - 1, 1, NOT_THERE);
	expect_answers("ends unmapped", hole - 1, 2, NOT_THERE);
	expect_answers("starts unmapped", hole + page_size - 1, 2, NOT_THERE);
	expect_answers("with a hole", hole - pages(4), pages(PAGES), NOT_THERE);
}

TEST_F(bad, nothing)
{
	expect_answers("no length", to_addr(self->memory), 0, WRONG);
	expect_answers("null, no length", 0, 0, WRONG);
	expect_answers("locked, no length", to_addr(self->memory + pages(2)), 0,
		       WRONG);
}

TEST_F(bad, wrapping)
{
	uint64_t m = to_addr(self->memory);

	expect_answers("wraps", -page_size, pages(2), TOO_FAR);
	expect_answers("wraps to 0", -page_size, page_size, TOO_FAR);
	expect_answers("wraps by a byte", ~0ull, 2, TOO_FAR);
	expect_answers("wraps to itself", m, -page_size, TOO_FAR);
	expect_answers("wraps behind itself", m + pages(2), ~0ull, TOO_FAR);
}

TEST_F(bad, enormous)
{
	uint64_t m = to_addr(self->memory), h = to_addr(self->hole + pages(3));

	/* The second page is the one that is not mapped. */
	expect_answers("to the end of memory", h, USER_END - h, NOT_THERE);
	expect_answers("past the end of memory", m, USER_END, TOO_FAR);
	expect_answers("half of everything", m, 1ull << 63, TOO_FAR);
	expect_answers("all but a byte", 1, ~0ull, TOO_FAR);
	expect_answers("everything", 0, ~0ull, TOO_FAR);
	/* All addresses that a program can have. */
	expect_answers("whole address space", 0, USER_END, NOT_THERE);
}

TEST_F(bad, negative_looking)
{
	uint64_t m = to_addr(self->memory);

	expect_answers("length -1", m, -1ull, TOO_FAR);
	expect_answers("length -4096", m, -4096ull, TOO_FAR);
	expect_answers("length INT_MIN", m, (uint64_t)INT32_MIN, TOO_FAR);
	expect_answers("address -1", -1ull, 1, TOO_FAR);
	expect_answers("kernel address", 0xffff888000000000ull, page_size,
		       TOO_FAR);
	expect_answers("no address of any kind", (1ull << 62) + USER_END, page_size,
		       TOO_FAR);
	expect_answers("first address that is not ours", USER_END, 1, TOO_FAR);
	/* The lower half alone would be right. */
	if (sizeof(void *) == 4)
		expect_answers("more than 32 bits", m | 1ull << 32, page_size,
			       TOO_FAR);
}

/* Memory that was never locked: the counts of other pages must not change. */
TEST_F(bad, not_locked_and_not_held)
{
	char *m = self->memory;
	int i;

	for (i = 0; i < PAGES; i++) {
		if (i == 2 || i == 3)
			continue;
		test_err_unlock(ENOLCK, self->fd, m + pages(i), 1);
		test_err_unhold(ENODATA, self->fd, m + pages(i), 1, NULL, NULL);
		test_err_count(ENOLCK, self->fd, m + pages(i), 1);
	}
	test_err_unlock(ENOLCK, self->fd, m + pages(1), pages(2));
	test_err_unlock(ENOLCK, self->fd, m + pages(3), pages(2));
	test_err_unlock(ENOLCK, self->fd, m, pages(PAGES));
	test_err_unhold(ENODATA, self->fd, m, pages(PAGES), NULL, NULL);
}

/* Odd lengths and unaligned addresses are valid: whole pages are affected. */
TEST_F(bad, unaligned_is_good)
{
	char *before_end = self->memory + page_size - 1;

	test_lock(self->fd, before_end, 3, 0);
	test_unlock(self->fd, self->memory + 1, pages(2) - 1);
	test_hold(self->fd, before_end, 3, NULL);
	test_unhold(self->fd, self->memory + 1, pages(2) - 1, NULL, NULL);
}

/* Compare what each command on a range of a buffer answers. */
#define expect_buffer_answers(what, fd_, offset, length, lock_, unlock_, \
			      physical_, state_) do { \
	EXPECT_EQ(-(lock_), _test_cmd_lock_buffer(self->fd, fd_, offset, \
						  length, 0)) \
		TH_LOG(what); \
	EXPECT_EQ(-(unlock_), _test_cmd_unlock_buffer(self->fd, fd_, offset, \
						      length)) \
		TH_LOG(what); \
	EXPECT_EQ(-(physical_), get_physical(self, offset, length, \
					     CONTIG_RANGE_BUFFER, fd_, 0)) \
		TH_LOG(what); \
	EXPECT_EQ(-(physical_), get_physical(self, offset, length, \
					     CONTIG_RANGE_BUFFER, fd_, 1)) \
		TH_LOG(what); \
	EXPECT_EQ(-(state_), get_state(self, offset, length, \
				       CONTIG_RANGE_BUFFER, fd_)) \
		TH_LOG(what); \
} while (0)

#define expect_wrong_fd(what, fd_, err) \
	expect_buffer_answers(what, fd_, 0, page_size, err, err, err, err)

TEST_F(bad, wrong_descriptors)
{
	int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int memfd = memfd_create("contig", MFD_CLOEXEC);
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	int other = client_open(), pipes[2];
	int closed;

	ASSERT_EQ(0, pipe(pipes));
	closed = dup(file);
	close(closed);
	expect_wrong_fd("-1", -1, EBADF);
	expect_wrong_fd("INT_MIN", INT32_MIN, EBADF);
	expect_wrong_fd("INT_MAX", INT32_MAX, EBADF);
	expect_wrong_fd("closed", closed, EBADF);
	expect_wrong_fd("file", file, EBADFD);
	expect_wrong_fd("memfd", memfd, EBADFD);
	expect_wrong_fd("epoll", epoll, EBADFD);
	expect_wrong_fd("pipe", pipes[0], EBADFD);
	expect_wrong_fd("this client", self->fd, EBADFD);
	expect_wrong_fd("another client", other, EBADFD);
	close(file);
	close(memfd);
	close(epoll);
	close(other);
	close(pipes[0]);
	close(pipes[1]);
}

/*
 * A dma-buf of ordinary memory that contig did not export, and no device
 * attached.
 */
TEST_F(bad, buffer_of_somebody_else)
{
	int memfd = memfd_create("contig", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int device = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	struct udmabuf_create create = {
		.memfd = memfd,
		.flags = UDMABUF_FLAGS_CLOEXEC,
		.size = page_size,
	};
	int fd;

	if (device < 0) {
		close(memfd);
		SKIP(return, "no /dev/udmabuf");
	}
	ASSERT_EQ(0, ftruncate(memfd, page_size));
	ASSERT_EQ(0, fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK));
	fd = ioctl(device, UDMABUF_CREATE, &create);
	ASSERT_LE(0, fd);
	expect_buffer_answers("udmabuf", fd, 0, page_size, EUNATCH, ENOLCK,
			      ENOLCK, 0);
	expect_buffer_answers("udmabuf", fd, page_size, 1, EOVERFLOW, EOVERFLOW,
			      EOVERFLOW, EOVERFLOW);
	close(fd);
	close(device);
	close(memfd);
}

TEST_F(bad, descriptor_without_the_flag)
{
	struct contig_lock lock = {
		.size = sizeof(lock),
		.addr = to_addr(self->memory),
		.length = page_size,
		.fd = self->buffer,
	};

	EXPECT_EQ(-EINVAL, contig_ioctl(self->fd, CONTIG_LOCK, &lock));
	EXPECT_EQ(-EINVAL, contig_ioctl(self->fd, CONTIG_UNLOCK, &lock));
	EXPECT_EQ(-EINVAL, get_physical(self, lock.addr, page_size, 0,
					self->buffer, 1));
	EXPECT_EQ(-EINVAL, get_state(self, lock.addr, page_size, 0, -1));
}

TEST_F(bad, ranges_of_a_buffer)
{
	expect_buffer_answers("at its end", self->buffer, pages(PAGES), 1,
			      EOVERFLOW, EOVERFLOW, EOVERFLOW, EOVERFLOW);
	expect_buffer_answers("past its end", self->buffer, 0,
			      pages(PAGES) + 1,
			      EOVERFLOW, EOVERFLOW, EOVERFLOW, EOVERFLOW);
	expect_buffer_answers("wrapping", self->buffer, pages(2), -page_size,
			      EOVERFLOW, EOVERFLOW, EOVERFLOW, EOVERFLOW);
	expect_buffer_answers("negative", self->buffer, -page_size, page_size,
			      EOVERFLOW, EOVERFLOW, EOVERFLOW, EOVERFLOW);
	expect_buffer_answers("nothing", self->buffer, 0, 0,
			      EINVAL, EINVAL, EINVAL, EINVAL);
	/* An address in the mapping is not a valid offset. */
	expect_buffer_answers("address", self->buffer, to_addr(self->memory), 1,
			      EOVERFLOW, EOVERFLOW, EOVERFLOW, EOVERFLOW);
	test_err_unlock_buffer(ENOLCK, self->fd, self->buffer, 0, 1);
	test_err_unlock_buffer(ENOLCK, self->fd, self->buffer, pages(1),
			       pages(2));
}

/* A client can neither undo nor see the locks of another client. */
TEST_F(bad, locks_of_another_client)
{
	int other = client_open();

	ASSERT_LE(0, other);
	test_err_unlock(ENOLCK, other, self->memory + pages(2), pages(2));
	test_err_unhold(ENODATA, other, self->memory + pages(2), pages(2), NULL,
			NULL);
	test_err_count(ENOLCK, other, self->memory + pages(2), pages(2));
	test_err_unlock_buffer(ENOLCK, other, self->buffer, pages(2), pages(2));
	EXPECT_EQ(-ENOLCK, _test_cmd_count_buffer(other, self->buffer, pages(2),
						  pages(2)));
	EXPECT_EQ(0, page_state(other, self->memory + pages(2)).state);
	close(other);
}

TEST_F(bad, descriptors_that_are_no_clients)
{
	struct contig_info info = { .size = sizeof(info) };
	int pipes[2];

	ASSERT_EQ(0, pipe(pipes));
	EXPECT_EQ(-EBADF, contig_ioctl(-1, CONTIG_INFO, &info));
	EXPECT_EQ(-ENOTTY, contig_ioctl(pipes[0], CONTIG_INFO, &info));
	EXPECT_EQ(-ENOTTY, contig_ioctl(self->buffer, CONTIG_INFO, &info));
	close(pipes[0]);
	close(pipes[1]);
}

TEST_F(bad, tables)
{
	uint64_t m = to_addr(self->memory + pages(2));
	struct contig_get_physical physical = {
		.size = sizeof(physical),
		.addr = m,
		.length = pages(2),
		.count = 2,
	};
	struct contig_get_state state = {
		.size = sizeof(state),
		.addr = m,
		.length = pages(2),
		.count = 2,
	};
	uint64_t nowhere[] = {
		0, 1, to_addr(self->hole + pages(4)), USER_END,
		0xffff888000000000ull, ~0ull,
	};
	uint32_t count;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(nowhere); i++) {
		physical.extents = nowhere[i];
		test_err_get_physical(EFAULT, self->fd, &physical);
		state.runs = nowhere[i];
		test_err_get_state(EFAULT, self->fd, &state);
		count = 2;
		test_err_unhold(EFAULT, self->fd, to_pointer(m), pages(2),
				to_pointer(nowhere[i]), &count);
		EXPECT_EQ(2, count);
	}
	EXPECT_EQ(2, physical.count);
	EXPECT_EQ(pages(2), physical.length);
	EXPECT_EQ(pages(2), state.length);
	state.runs = to_addr(self->runs);
	state.count = 0;
	test_err_get_state(EINVAL, self->fd, &state);
}

TEST_F(bad, allocations)
{
	const uint32_t huge = CONTIG_ALLOC_HUGE_PAGES;
	const uint32_t kept = CONTIG_ALLOC_KEEP_CONTENTS;
	struct contig_info info;
	struct {
		struct contig_alloc alloc;
		int error;
	} wrong[] = {
		{ { .length = 0 }, EINVAL },
		{ { .length = ~0ull }, EFBIG },
		{ { .length = 1ull << 63 }, EFBIG },
		{ { .length = 1, .flags = 128 }, EOPNOTSUPP },
		/* Huge pages have reference counts, and are no region. */
		{ { .length = 1, .flags = huge | CONTIG_ALLOC_PAGE_FRAMES }, EINVAL },
		{ { .length = 1, .flags = huge | kept }, EINVAL },
		{ { .length = 1, .flags = CONTIG_ALLOC_UNINITIALIZED | kept }, EINVAL },
		{ { .length = 1, .flags = CONTIG_ALLOC_NO_WAIT |
					  CONTIG_ALLOC_FEWEST_MOVES }, EINVAL },
		{ { .length = 1, .flags = ~0u }, EOPNOTSUPP },
		{ { .length = 1, .rungs = 1 }, EOPNOTSUPP },
		{ { .length = 1, .rungs = ~0u }, EOPNOTSUPP },
		{ { .length = 1, .constraints.reserved = 1 }, EOPNOTSUPP },
		{ { .length = 1, .constraints.align = 3 }, EINVAL },
		{ { .length = 1, .constraints.boundary = 1 }, EINVAL },
		{ { .length = 1, .constraints.lowest = ~0ull }, ERANGE },
		{ { .length = 1, .name = "\n" }, EINVAL },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		wrong[i].alloc.size = sizeof(wrong[i].alloc);
		test_err_alloc(wrong[i].error, self->fd, &wrong[i].alloc)
			TH_LOG("case %zu", i);
	}
	/* No descriptor is left for the buffer: its memory must be freed. */
	for (i = 3; i < 1 << 16; i++)
		if (dup(self->fd) < 0)
			break;
	EXPECT_EQ(-EMFILE, buffer_alloc(self->fd, MIB(1), 0, 0));
	for (i = 3; i < 1 << 16; i++)
		if (i != self->fd && i != self->buffer)
			close(i);
	test_info(self->fd, &info);
	EXPECT_EQ(self->before.info.out_quota_used, info.out_quota_used);
}

static uint64_t random_word(void)
{
	static uint64_t seed = 88172645463325252ull;

	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed >> seed % 64;
}

/*
 * Random arguments. Only addresses avoid this test's own memory, so that no
 * valid command changes what the teardown compares.
 */
TEST_F_TIMEOUT(bad, at_random, 400)
{
	const uint32_t sizes[] = {
		sizeof(struct contig_info), sizeof(struct contig_alloc),
		sizeof(struct contig_probe), sizeof(struct contig_hold),
		sizeof(struct contig_unhold), sizeof(struct contig_lock),
		sizeof(struct contig_unlock),
		sizeof(struct contig_get_physical),
		sizeof(struct contig_get_state),
	};
	union {
		struct {
			uint32_t size;
			uint32_t flags;
			uint64_t first;		/* length or address */
		};
		struct contig_alloc alloc;
		uint64_t words[64];
	} cmd;
	unsigned int nr;
	int i, j;

	for (i = 0; i < 1500; i++) {
		for (j = 0; j < 64; j++)
			cmd.words[j] = random_word() & random_word();
		nr = random_word() % ARRAY_SIZE(sizes);
		cmd.size = sizes[nr];
		if (!(random_word() & 7))
			cmd.size += random_word() & 15;
		cmd.flags = random_word() & 1 ? 0 : random_word() & 15;
		if (nr == CONTIG_CMD_ALLOC || nr == CONTIG_CMD_PROBE) {
			cmd.first &= MIB(1) - 1;
			cmd.alloc.timeout_ms = 1;
			if (random_word() & 1)
				memset(&cmd.alloc.constraints, 0,
				       sizeof(cmd.alloc.constraints));
			cmd.alloc.rungs &= 63;
			memset(cmd.alloc.name, 0, sizeof(cmd.alloc.name));
		} else {
			cmd.first |= 1ull << 46;
			if (cmd.first >> 32 == to_addr(self->memory) >> 32)
				continue;
		}
		if (!contig_ioctl(self->fd, _IO(CONTIG_IOCTL_TYPE, nr), &cmd) &&
		    nr == CONTIG_CMD_ALLOC)
			close(cmd.alloc.out_fd);
	}
}

TEST_HARNESS_MAIN
