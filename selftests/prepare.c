// SPDX-License-Identifier: GPL-2.0-only
/*
 * CONTIG_PREPARE and CONTIG_CHECKPOINT, on which PrepareMemoryForIO and
 * CheckpointIO are built, and CONTIG_SYNC.
 */
#include "kselftest_harness.h"
#include "contig_device_utils.h"

#define PAGES 8
#define MOST 64
#define BOTH (CONTIG_IO_INPUT | CONTIG_IO_OUTPUT)

FIXTURE(prepare) {
	int fd;
	char *memory;
	struct contig_span spans[4];
	uint64_t addrs[MOST];
	struct contig_prepare cmd;
};

FIXTURE_SETUP(prepare) {
	setup_client(self->fd);
	self->memory = anon_map(pages(PAGES));
	ASSERT_NE(NULL, self->memory);
	memset(&self->cmd, 0, sizeof(self->cmd));
	memset(self->addrs, 0xa5, sizeof(self->addrs));
	self->cmd = (struct contig_prepare) {
		.size = sizeof(self->cmd),
		.flags = BOTH,
		.ranges = to_addr(self->spans),
		.range_count = 1,
		.addrs = to_addr(self->addrs),
		.count = MOST,
	};
}

FIXTURE_TEARDOWN(prepare) {
	close(self->fd);
	munmap(self->memory, pages(PAGES));
}

/* Prepare a range of the memory, in bytes from its beginning. */
static int prepare(FIXTURE_DATA(prepare) *self, size_t from, size_t length)
{
	self->spans[0].addr = to_addr(self->memory) + from;
	self->spans[0].length = length;
	return contig_ioctl(self->fd, CONTIG_PREPARE, &self->cmd);
}

static uint64_t physical(const char *at)
{
	return pfn_of(at) * page_size + (to_addr(at) & (page_size - 1));
}

static uint32_t locks(int fd, const char *at)
{
	return page_state(fd, at).locks;
}

/* Statement 47. */
TEST_F(prepare, one_page)
{
	ASSERT_EQ(0, prepare(self, 100, 200));
	EXPECT_EQ(1, self->cmd.count);
	EXPECT_EQ(physical(self->memory + 100), self->addrs[0]);
	EXPECT_EQ(200, self->cmd.out_length);
	EXPECT_EQ(1, self->cmd.out_done);
	EXPECT_NE(0, self->cmd.out_id);
	EXPECT_EQ(0, self->cmd.out_bounced);
	EXPECT_EQ(0xa5a5a5a5a5a5a5a5, self->addrs[1]);
	EXPECT_EQ(1, locks(self->fd, self->memory));
	EXPECT_EQ(0, checkpoint(self->fd, self->cmd.out_id, 0));
	EXPECT_EQ(0, locks(self->fd, self->memory));
}

/* Statements 48 and 49. */
TEST_F(prepare, an_entry_for_each_page)
{
	unsigned int i;

	ASSERT_EQ(0, prepare(self, 100, pages(3)));
	ASSERT_EQ(4, self->cmd.count);
	EXPECT_EQ(physical(self->memory + 100), self->addrs[0]);
	for (i = 1; i < 4; i++)
		EXPECT_EQ(physical(self->memory + pages(i)), self->addrs[i]);
	EXPECT_EQ(pages(3), self->cmd.out_length);
	EXPECT_EQ(0, checkpoint(self->fd, self->cmd.out_id, 0));
}

/* The same in contiguous memory, where entries could be merged. */
TEST_F(prepare, entries_are_never_merged)
{
	int fd = buffer_get(self->fd, MIB(1), CONTIG_RUNGS_CONTIGUOUS);
	uint32_t i;

	ASSERT_LE(0, fd);
	self->cmd.flags |= CONTIG_RANGE_BUFFER;
	self->cmd.fd = fd;
	self->spans[0].addr = 5;
	self->spans[0].length = pages(16) - 5;
	ASSERT_EQ(0, contig_ioctl(self->fd, CONTIG_PREPARE, &self->cmd));
	ASSERT_EQ(16, self->cmd.count);
	for (i = 1; i < 16; i++)
		EXPECT_EQ(self->addrs[0] - 5 + pages(i), self->addrs[i]);
	/* The buffer lives as long as it is prepared. */
	close(fd);
	EXPECT_EQ(0, checkpoint(self->fd, self->cmd.out_id, 0));
}

/* Statements 50 and 51. */
TEST_F(prepare, in_parts)
{
	size_t total = pages(6) + 77, done = 0;
	uint64_t first = 0;
	unsigned int i;

	while (!done) {
		self->cmd.count = 2;
		self->cmd.first = first;
		memset(self->addrs, 0xa5, sizeof(self->addrs));
		ASSERT_EQ(0, prepare(self, 3000, total));
		ASSERT_LT(0, self->cmd.out_length);
		EXPECT_GE(2, self->cmd.count);
		EXPECT_EQ(physical(self->memory + 3000 + first),
			  self->addrs[0]);
		for (i = 1; i < self->cmd.count; i++)
			EXPECT_EQ(0, self->addrs[i] % page_size);
		EXPECT_EQ(0xa5a5a5a5a5a5a5a5, self->addrs[self->cmd.count]);
		EXPECT_EQ(first + self->cmd.out_length == total,
			  self->cmd.out_done);
		/* Only this part is locked. */
		EXPECT_EQ(1, locks(self->fd, self->memory + 3000 + first));
		EXPECT_EQ(1, locks(self->fd, self->memory + 3000 + first +
				   self->cmd.out_length - 1));
		if (!self->cmd.out_done)
			EXPECT_EQ(0, locks(self->fd, self->memory + 3000 +
					   first + self->cmd.out_length));
		EXPECT_EQ(0, checkpoint(self->fd, self->cmd.out_id, 0));
		first += self->cmd.out_length;
		done = self->cmd.out_done;
	}
	EXPECT_EQ(total, first);
}

/* Statement 53: in sequence, each with a new entry. */
TEST_F(prepare, several_ranges)
{
	char *at = self->memory;

	self->cmd.range_count = 3;
	self->spans[0] = (struct contig_span) { to_addr(at + pages(5)), 10 };
	self->spans[1] = (struct contig_span) { to_addr(at + 50), pages(1) };
	self->spans[2] = (struct contig_span) { to_addr(at + 1000), 24 };
	ASSERT_EQ(0, contig_ioctl(self->fd, CONTIG_PREPARE, &self->cmd));
	ASSERT_EQ(4, self->cmd.count);
	EXPECT_EQ(physical(at + pages(5)), self->addrs[0]);
	EXPECT_EQ(physical(at + 50), self->addrs[1]);
	EXPECT_EQ(physical(at + pages(1)), self->addrs[2]);
	EXPECT_EQ(physical(at + 1000), self->addrs[3]);
	EXPECT_EQ(10 + pages(1) + 24, self->cmd.out_length);
	EXPECT_EQ(1, self->cmd.out_done);
	/* Statement 54: ranges may overlap, and each one counts. */
	EXPECT_EQ(2, locks(self->fd, at));
	EXPECT_EQ(1, locks(self->fd, at + pages(1)));
	EXPECT_EQ(0, checkpoint(self->fd, self->cmd.out_id, 0));
	EXPECT_EQ(0, locks(self->fd, at));
}

/* Begin in the middle of the second range. */
TEST_F(prepare, several_ranges_in_parts)
{
	char *at = self->memory;

	self->cmd.range_count = 3;
	self->spans[0] = (struct contig_span) { to_addr(at), pages(1) };
	self->spans[1] = (struct contig_span) { to_addr(at + pages(2)),
						pages(2) };
	self->spans[2] = (struct contig_span) { to_addr(at + pages(6)),
						pages(1) };
	self->cmd.first = pages(1) + 7;
	self->cmd.count = 2;
	ASSERT_EQ(0, contig_ioctl(self->fd, CONTIG_PREPARE, &self->cmd));
	ASSERT_EQ(2, self->cmd.count);
	EXPECT_EQ(physical(at + pages(2) + 7), self->addrs[0]);
	EXPECT_EQ(physical(at + pages(3)), self->addrs[1]);
	EXPECT_EQ(pages(2) - 7, self->cmd.out_length);
	EXPECT_EQ(0, self->cmd.out_done);
	EXPECT_EQ(0, locks(self->fd, at));
	EXPECT_EQ(0, locks(self->fd, at + pages(6)));
	EXPECT_EQ(0, checkpoint(self->fd, self->cmd.out_id, 0));
}

/* Statements 56 and 57. */
TEST_F(prepare, granularity)
{
	self->cmd.granularity = pages(2);
	self->cmd.count = 3;
	ASSERT_EQ(0, prepare(self, 0, pages(7)));
	EXPECT_EQ(pages(2), self->cmd.out_length);
	EXPECT_EQ(2, self->cmd.count);
	EXPECT_EQ(0, self->cmd.out_done);
	EXPECT_EQ(0, checkpoint(self->fd, self->cmd.out_id, 0));

	/* The part at the end may be shorter. */
	self->cmd.first = pages(6);
	self->cmd.count = 3;
	ASSERT_EQ(0, prepare(self, 0, pages(7)));
	EXPECT_EQ(pages(1), self->cmd.out_length);
	EXPECT_EQ(1, self->cmd.out_done);
	EXPECT_EQ(0, checkpoint(self->fd, self->cmd.out_id, 0));

	self->cmd.first = 0;
	self->cmd.granularity = pages(4);
	self->cmd.count = 3;
	EXPECT_EQ(-EMSGSIZE, prepare(self, 0, pages(7)));
	self->cmd.granularity = UINT64_MAX;
	EXPECT_EQ(-EMSGSIZE, prepare(self, 0, pages(7)));
	EXPECT_EQ(0, locks(self->fd, self->memory));
}

/* Statement 58. */
TEST_F(prepare, its_id_is_over_in_the_end)
{
	uint32_t id;

	ASSERT_EQ(0, prepare(self, 0, 1));
	id = self->cmd.out_id;
	EXPECT_EQ(0, checkpoint(self->fd, id, 0));
	EXPECT_EQ(-ENOENT, checkpoint(self->fd, id, 0));
	EXPECT_EQ(-ENOENT, checkpoint(self->fd, id, CONTIG_IO_MORE));
	EXPECT_EQ(-ENOENT, checkpoint(self->fd, 0, 0));
	EXPECT_EQ(-ENOENT, checkpoint(self->fd, UINT32_MAX, 0));
	/* The id is not used again soon. */
	self->cmd.count = MOST;
	ASSERT_EQ(0, prepare(self, 0, 1));
	EXPECT_NE(id, self->cmd.out_id);
	EXPECT_EQ(-ENOENT, checkpoint(self->fd, id, 0));
}

/* Statement 59. */
TEST_F(prepare, more_transfers)
{
	ASSERT_EQ(0, prepare(self, 0, pages(2)));
	EXPECT_EQ(0, checkpoint(self->fd, self->cmd.out_id,
				CONTIG_IO_MORE | CONTIG_IO_INPUT));
	EXPECT_EQ(1, locks(self->fd, self->memory));
	EXPECT_EQ(0, checkpoint(self->fd, self->cmd.out_id,
				CONTIG_IO_MORE | CONTIG_IO_OUTPUT));
	EXPECT_EQ(0, checkpoint(self->fd, self->cmd.out_id, CONTIG_IO_MORE));
	EXPECT_EQ(1, locks(self->fd, self->memory + pages(1)));
	EXPECT_EQ(0, checkpoint(self->fd, self->cmd.out_id, 0));
	EXPECT_EQ(0, locks(self->fd, self->memory));
}

/* Statement 60. */
TEST_F(prepare, twice)
{
	uint32_t id;

	ASSERT_EQ(0, prepare(self, 0, pages(2)));
	id = self->cmd.out_id;
	self->cmd.count = MOST;
	ASSERT_EQ(0, prepare(self, pages(1), pages(2)));
	EXPECT_EQ(2, locks(self->fd, self->memory + pages(1)));
	EXPECT_EQ(0, checkpoint(self->fd, id, 0));
	EXPECT_EQ(0, locks(self->fd, self->memory));
	EXPECT_EQ(1, locks(self->fd, self->memory + pages(1)));
	EXPECT_EQ(0, checkpoint(self->fd, self->cmd.out_id, 0));
	EXPECT_EQ(0, locks(self->fd, self->memory + pages(1)));
}

/* Statement 61. */
TEST_F(prepare, output_leaves_pages_clean)
{
	static const struct {
		uint32_t flags;
		bool dirty;
	} ways[] = {
		{ CONTIG_IO_OUTPUT, false },
		{ CONTIG_IO_INPUT, true },
		{ BOTH, true },
	};
	char name[] = "/tmp/contig-prepare-XXXXXX";
	int file = mkstemp(name);
	unsigned int i;
	char *map;

	ASSERT_LE(0, file);
	unlink(name);
	ASSERT_EQ(0, ftruncate(file, pages(1)));
	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		map = mmap(NULL, pages(1), PROT_READ | PROT_WRITE, MAP_PRIVATE,
			   file, 0);
		ASSERT_NE(MAP_FAILED, map);
		EXPECT_EQ(0, *(volatile char *)map);
		self->cmd.flags = ways[i].flags;
		self->cmd.count = MOST;
		self->spans[0] = (struct contig_span) { to_addr(map), 1 };
		ASSERT_EQ(0, contig_ioctl(self->fd, CONTIG_PREPARE,
					  &self->cmd));
		ASSERT_EQ(0, checkpoint(self->fd, self->cmd.out_id, 0));
		if (ways[i].dirty)
			EXPECT_TRUE(page_flag(map, KPF_DIRTY));
		munmap(map, pages(1));
	}
	close(file);
	/* A device can read memory that cannot be written. */
	ASSERT_EQ(0, mprotect(self->memory, pages(1), PROT_READ));
	self->cmd.count = MOST;
	self->cmd.flags = CONTIG_IO_OUTPUT;
	ASSERT_EQ(0, prepare(self, 0, 1));
	EXPECT_EQ(-EACCES, checkpoint(self->fd, self->cmd.out_id,
				      CONTIG_IO_MORE | CONTIG_IO_INPUT));
	EXPECT_EQ(0, checkpoint(self->fd, self->cmd.out_id,
				CONTIG_IO_MORE | CONTIG_IO_OUTPUT));
	EXPECT_EQ(0, checkpoint(self->fd, self->cmd.out_id, 0));
	self->cmd.flags = CONTIG_IO_INPUT;
	EXPECT_EQ(-EACCES, prepare(self, 0, 1));
	self->cmd.flags = 0;
	EXPECT_EQ(-EACCES, prepare(self, 0, 1));
}

/* Statement 63: closing the client ends its preparations. */
TEST_F(prepare, ends_with_the_client)
{
	long before = charged_kib();
	unsigned int i;

	for (i = 0; i < 10; i++) {
		self->cmd.count = MOST;
		ASSERT_EQ(0, prepare(self, 0, pages(PAGES)));
	}
	EXPECT_LT(before, charged_kib());
	close(self->fd);
	EXPECT_EQ(before, charged_kib());
	self->fd = client_open();
}

TEST_F(prepare, without_a_table)
{
	self->cmd.addrs = 0;
	self->cmd.count = 0;
	ASSERT_EQ(0, drop_cap(CAP_SYS_RAWIO_NR));
	ASSERT_EQ(0, prepare(self, 10, pages(PAGES) - 10));
	EXPECT_EQ(PAGES, self->cmd.count);
	EXPECT_EQ(1, self->cmd.out_done);
	EXPECT_EQ(0, checkpoint(self->fd, self->cmd.out_id, 0));
	/* Without a table the count is a limit only. */
	self->cmd.count = 3;
	ASSERT_EQ(0, prepare(self, 10, pages(PAGES) - 10));
	EXPECT_EQ(pages(3) - 10, self->cmd.out_length);
	EXPECT_EQ(0, checkpoint(self->fd, self->cmd.out_id, 0));
	self->cmd.addrs = to_addr(self->addrs);
	EXPECT_EQ(-EPERM, prepare(self, 0, 1));
}

TEST_F(prepare, what_makes_no_sense)
{
	struct contig_checkpoint end = { .size = sizeof(end), .reserved = 1 };
	struct contig_prepare good;
	struct snapshot before;
	int fd = buffer_get(self->fd, pages(2), 0);

	self->spans[0] = (struct contig_span) { to_addr(self->memory), 10 };
	good = self->cmd;
	snapshot_take(&before, self->fd);
#define WRONG(error, ...) do { \
	self->cmd = good; \
	self->spans[0] = (struct contig_span) { to_addr(self->memory), 10 }; \
	__VA_ARGS__; \
	EXPECT_EQ(-(error), contig_ioctl(self->fd, CONTIG_PREPARE, \
					 &self->cmd)) \
		TH_LOG("%s", #__VA_ARGS__); \
	EXPECT_TRUE(snapshot_is_still(&before, self->fd)) \
		TH_LOG("%s", #__VA_ARGS__); \
} while (0)
	WRONG(EINVAL, self->cmd.range_count = 0);
	WRONG(EINVAL, self->cmd.range_count = CONTIG_PREPARE_RANGES + 1);
	WRONG(EINVAL, self->cmd.range_count = -1);
	WRONG(EINVAL, self->cmd.count = 0);
	WRONG(EINVAL, self->cmd.first = 10);
	WRONG(EINVAL, self->cmd.first = -1);
	WRONG(EINVAL, self->spans[0].length = 0);
	WRONG(EINVAL, self->cmd.fd = fd);
	WRONG(EOVERFLOW, self->spans[0].length = -1);
	WRONG(EFAULT, self->spans[0].addr = 0);
	WRONG(EFAULT, self->cmd.ranges = 0);
	WRONG(EFAULT, self->cmd.addrs = 8);
	WRONG(EOVERFLOW, self->cmd.range_count = 2;
	      self->spans[0].length = 1ull << 63;
	      self->spans[0].addr = 0;
	      self->spans[1] = self->spans[0]);
	WRONG(EFAULT, self->cmd.range_count = 2;
	      self->spans[1] = (struct contig_span) { 0, 1 });
	WRONG(EUNATCH, self->cmd.flags |= CONTIG_GET_DMA);
	WRONG(EUNATCH, self->cmd.flags |= CONTIG_IO_BOUNCE);
	WRONG(EBADF, self->cmd.flags |= CONTIG_RANGE_BUFFER;
	      self->cmd.fd = -1);
	WRONG(EBADFD, self->cmd.flags |= CONTIG_RANGE_BUFFER;
	      self->cmd.fd = 0);
	WRONG(EOVERFLOW, self->cmd.flags |= CONTIG_RANGE_BUFFER;
	      self->cmd.fd = fd);
	EXPECT_TRUE(snapshot_is_same(&before, self->fd));
	EXPECT_EQ(-EOPNOTSUPP, contig_ioctl(self->fd, CONTIG_CHECKPOINT, &end));
	EXPECT_EQ(-EINVAL, checkpoint(self->fd, 1, CONTIG_IO_INPUT));
	EXPECT_EQ(-EOPNOTSUPP, checkpoint(self->fd, 1, CONTIG_IO_BOUNCE));
	close(fd);
}

/* Each of two clients has ids of its own. */
TEST_F(prepare, belongs_to_one_client)
{
	int other = client_open();

	ASSERT_EQ(0, prepare(self, 0, 1));
	EXPECT_EQ(-ENOENT, checkpoint(other, self->cmd.out_id, 0));
	EXPECT_EQ(0, checkpoint(self->fd, self->cmd.out_id, 0));
	close(other);
}

/* Unlocking prepared memory by hand does not harm other locks. */
TEST_F(prepare, unlocked_by_hand)
{
	ASSERT_EQ(0, prepare(self, 0, pages(2)));
	test_unlock(self->fd, self->memory, pages(2));
	EXPECT_EQ(0, checkpoint(self->fd, self->cmd.out_id, 0));
	test_err_unlock(ENOLCK, self->fd, self->memory, pages(2));
}

TEST_HARNESS_MAIN
