// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device that does not snoop the CPU's caches: which command maintains them,
 * when, and for which bytes. Kprobes on the two functions of arm64 and 32-bit
 * ARM that maintain caches record it.
 */
#include <linux/dma-buf.h>

#include "kselftest_harness.h"
#include "caches_utils.h"
#include "contig_device_utils.h"
#include "edu.h"

/* The device in selftests/dt/non-coherent.dtso. */
#define DEVICE "test-device"

#define PAGES 8
#define BOTH (CONTIG_IO_INPUT | CONTIG_IO_OUTPUT)

enum { BIDIRECTIONAL, TO_DEVICE, FROM_DEVICE, NONE };

static int sync_range(int client, int fd, uint64_t addr, uint64_t length,
		      uint32_t flags)
{
	struct contig_sync cmd = {
		.size = sizeof(cmd),
		.flags = flags | (fd < 0 ? 0 : CONTIG_RANGE_BUFFER),
		.addr = addr,
		.length = length,
		.fd = fd < 0 ? 0 : fd,
	};

	return contig_ioctl(client, CONTIG_SYNC, &cmd);
}

/* Return the id of a preparation, or 0. */
static uint32_t prepare(int client, const struct contig_span *spans,
			uint32_t count, uint32_t flags)
{
	struct contig_prepare cmd = {
		.size = sizeof(cmd),
		.flags = flags,
		.ranges = to_addr(spans),
		.range_count = count,
	};

	return contig_ioctl(client, CONTIG_PREPARE, &cmd) ? 0 : cmd.out_id;
}

static int dmabuf_sync(int fd, uint64_t flags)
{
	struct dma_buf_sync cmd = { .flags = flags };

	return ioctl(fd, DMA_BUF_IOCTL_SYNC, &cmd);
}

FIXTURE(caches) {
	int fd;
	char *memory;
	int buffer;
	char *map;
	struct op ops[OPS];
	int n;
	/*
	 * For each byte of the memory under test, how many operations covered
	 * it.
	 */
	uint8_t seen[2][PAGES << 16];
};

FIXTURE_SETUP(caches) {
	struct contig_device cmd = {};

	setup_client(self->fd);
	if (access("/sys/bus/platform/devices/" DEVICE, F_OK))
		SKIP(return, "no device: selftests/dt/non-coherent.dtso");
	ASSERT_EQ(0, system("modprobe fixed"));
	ASSERT_EQ(0, watch());
	ASSERT_EQ(0, attach(self->fd, &cmd, "platform/" DEVICE));
	ASSERT_EQ(0, cmd.out_features);
	self->memory = anon_map(pages(PAGES));
	ASSERT_NE(NULL, self->memory);
	self->buffer = buffer_get(self->fd, pages(PAGES),
				  CONTIG_RUNGS_RANGE);
	ASSERT_LE(0, self->buffer);
	self->map = buffer_map(self->buffer, pages(PAGES));
	ASSERT_NE(NULL, self->map);
	forget();
}

FIXTURE_TEARDOWN(caches) {
	watch_no_more();
	munmap(self->map, pages(PAGES));
	munmap(self->memory, pages(PAGES));
	close(self->buffer);
	close(self->fd);
}

/* Count what was done to @memory, then discard the record. */
static void look(FIXTURE_DATA(caches) *self, const char *memory)
{
	uint64_t at, end;
	int i, page;

	self->n = ops_read(self->ops);
	forget();
	memset(self->seen, 0, sizeof(self->seen));
	for (page = 0; page < PAGES; page++) {
		uint64_t first = pfn_of(memory + pages(page)) * page_size;

		for (i = 0; i < self->n; i++) {
			const struct op *op = &self->ops[i];

			at = op->addr > first ? op->addr - first : 0;
			end = op->addr + op->size > first ?
			      op->addr + op->size - first : 0;
			for (; at < end && at < page_size; at++)
				self->seen[op->for_device][pages(page) + at]++;
		}
	}
}

/*
 * Return true if each of these bytes was covered @times times and no other was.
 */
static bool only(FIXTURE_DATA(caches) *self, bool for_device, size_t from,
		 size_t length, int times)
{
	size_t i;

	for (i = 0; i < pages(PAGES); i++) {
		int want = i >= from && i < from + length ? times : 0;

		if (self->seen[for_device][i] == want)
			continue;
		fprintf(stderr, "# byte %zu: %d times for the %s\n", i,
			self->seen[for_device][i],
			for_device ? "device" : "CPU");
		return false;
	}
	return true;
}

/*
 * Return true if all operations for the device or for the CPU have this
 * direction, and there are some unless it is NONE.
 */
static bool ways(FIXTURE_DATA(caches) *self, bool for_device,
		 unsigned int direction)
{
	bool any = false;
	int i;

	for (i = 0; i < self->n; i++) {
		if (self->ops[i].for_device != for_device)
			continue;
		any = true;
		if (self->ops[i].direction != direction) {
			fprintf(stderr, "# direction %u\n",
				self->ops[i].direction);
			return false;
		}
	}
	return any == (direction != NONE);
}

TEST_F(caches, lock_writes_back)
{
	test_lock(self->fd, self->memory + pages(1), pages(3), 0);
	look(self, self->memory);
	EXPECT_TRUE(only(self, true, pages(1), pages(3), 1));
	EXPECT_TRUE(ways(self, true, BIDIRECTIONAL));
	EXPECT_TRUE(ways(self, false, NONE));
	/* Maintained once only: a client that locks it again must call SYNC. */
	test_lock(self->fd, self->memory + pages(1), pages(3), 0);
	look(self, self->memory);
	EXPECT_EQ(0, self->n);
	test_unlock(self->fd, self->memory + pages(1), pages(3));
	test_unlock(self->fd, self->memory + pages(1), pages(3));
	look(self, self->memory);
	EXPECT_EQ(0, self->n);
}

TEST_F(caches, lock_for_output_writes_back)
{
	test_lock(self->fd, self->memory, pages(PAGES), CONTIG_LOCK_OUTPUT);
	look(self, self->memory);
	EXPECT_TRUE(only(self, true, 0, pages(PAGES), 1));
	EXPECT_TRUE(ways(self, true, TO_DEVICE));
	EXPECT_TRUE(ways(self, false, NONE));
}

/* Memory that is locked already is prepared to the byte. */
TEST_F(caches, prepare_is_exact)
{
	static const struct {
		uint32_t flags;
		unsigned int before, after;
	} cases[] = {
		{ CONTIG_IO_OUTPUT, TO_DEVICE, NONE },
		{ CONTIG_IO_INPUT, FROM_DEVICE, FROM_DEVICE },
		{ BOTH, BIDIRECTIONAL, BIDIRECTIONAL },
		{ 0, NONE, NONE },
	};
	struct contig_span span = { to_addr(self->memory) + 100,
				    pages(2) + 77 };
	unsigned int i;
	uint32_t id;

	test_lock(self->fd, self->memory, pages(PAGES), 0);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		forget();
		id = prepare(self->fd, &span, 1, cases[i].flags);
		ASSERT_NE(0, id);
		look(self, self->memory);
		EXPECT_TRUE(only(self, true, 100, span.length,
				 cases[i].before != NONE));
		EXPECT_TRUE(ways(self, true, cases[i].before));
		EXPECT_TRUE(ways(self, false, NONE));
		EXPECT_EQ(0, checkpoint(self->fd, id, 0));
		look(self, self->memory);
		EXPECT_TRUE(only(self, false, 100, span.length,
				 cases[i].after != NONE));
		EXPECT_TRUE(ways(self, false, cases[i].after));
		EXPECT_TRUE(ways(self, true, NONE));
	}
}

/*
 * Memory that is not locked is written back as LOCK does it, in whole pages,
 * and invalidated.
 */
TEST_F(caches, prepare_locks_and_is_exact_afterwards)
{
	struct contig_span span = { to_addr(self->memory) + 100,
				    pages(1) + 77 };
	uint32_t id = prepare(self->fd, &span, 1, CONTIG_IO_INPUT);
	size_t i;

	ASSERT_NE(0, id);
	look(self, self->memory);
	EXPECT_TRUE(ways(self, false, NONE));
	for (i = 0; i < pages(PAGES); i++)
		ASSERT_EQ(i < pages(2), !!self->seen[true][i]);
	EXPECT_EQ(0, checkpoint(self->fd, id, 0));
	look(self, self->memory);
	EXPECT_TRUE(only(self, false, 100, span.length, 1));
	EXPECT_TRUE(ways(self, false, FROM_DEVICE));
	EXPECT_TRUE(ways(self, true, NONE));
}

TEST_F(caches, prepare_of_several_ranges)
{
	struct contig_span spans[] = {
		{ to_addr(self->memory) + pages(3) + 1, 1 },
		{ to_addr(self->memory), pages(1) },
	};
	uint32_t id;

	test_lock(self->fd, self->memory, pages(PAGES), 0);
	forget();
	id = prepare(self->fd, spans, 2, CONTIG_IO_OUTPUT);
	ASSERT_NE(0, id);
	look(self, self->memory);
	EXPECT_EQ(1, self->seen[true][pages(3) + 1]);
	self->seen[true][pages(3) + 1] = 0;
	EXPECT_TRUE(only(self, true, 0, pages(1), 1));
	EXPECT_EQ(0, checkpoint(self->fd, id, 0));
}

/* Between two transfers: first for the CPU, then for the device. */
TEST_F(caches, checkpoint_goes_on)
{
	struct contig_span span = { to_addr(self->memory) + pages(2) - 9, 20 };
	uint32_t id;

	test_lock(self->fd, self->memory, pages(PAGES), 0);
	id = prepare(self->fd, &span, 1, CONTIG_IO_INPUT);
	ASSERT_NE(0, id);
	forget();
	ASSERT_EQ(0, checkpoint(self->fd, id,
				CONTIG_IO_MORE | CONTIG_IO_OUTPUT));
	look(self, self->memory);
	EXPECT_TRUE(only(self, false, pages(2) - 9, 20, 1));
	EXPECT_TRUE(ways(self, false, FROM_DEVICE));
	EXPECT_TRUE(only(self, true, pages(2) - 9, 20, 1));
	EXPECT_TRUE(ways(self, true, TO_DEVICE));
	EXPECT_FALSE(self->ops[0].for_device);
	EXPECT_TRUE(self->ops[self->n - 1].for_device);
	/* The device wrote nothing. */
	EXPECT_EQ(0, checkpoint(self->fd, id, 0));
	look(self, self->memory);
	EXPECT_EQ(0, self->n);
}

/* To the byte, for memory and for a buffer, in each direction. */
TEST_F(caches, sync_is_exact)
{
	static const struct { uint32_t flags; unsigned int direction; } to[] = {
		{ CONTIG_IO_OUTPUT, TO_DEVICE },
		{ CONTIG_IO_INPUT, FROM_DEVICE },
		{ BOTH, BIDIRECTIONAL },
	};
	static const struct { size_t from, length; } ranges[] = {
		{ 0, 1 }, { 63, 2 }, { 4095, 2 }, { 100, 20000 },
		{ 8192, 4096 }, { 12345, 1 }, { 4096, 8191 },
	};
	unsigned int i, j, whose;
	int k;

	test_lock(self->fd, self->memory, pages(PAGES), 0);
	test_lock_buffer(self->fd, self->buffer, 0, pages(PAGES), 0);
	forget();
	for (i = 0; i < ARRAY_SIZE(to); i++)
		for (j = 0; j < ARRAY_SIZE(ranges); j++)
			for (k = 0; k < 4; k++) {
				bool buffer = k & 2, device = k & 1;

				whose = device ? CONTIG_IO_FOR_DEVICE :
						 CONTIG_IO_FOR_CPU;
				ASSERT_EQ(0, sync_range(self->fd, buffer ?
					  self->buffer : -1, ranges[j].from +
					  (buffer ? 0 : to_addr(self->memory)),
					  ranges[j].length,
					  whose | to[i].flags));
				look(self, buffer ? self->map : self->memory);
				EXPECT_TRUE(only(self, device, ranges[j].from,
						 ranges[j].length, 1));
				EXPECT_TRUE(ways(self, device,
						 to[i].direction));
				EXPECT_TRUE(ways(self, !device, NONE));
			}
}

/* A program that maps a buffer can use the ioctl of dma-buf alone. */
TEST_F(caches, dmabuf_sync_is_of_the_whole_buffer)
{
	const uint64_t rw = DMA_BUF_SYNC_RW;

	ASSERT_EQ(0, dmabuf_sync(self->buffer, DMA_BUF_SYNC_START | rw));
	ASSERT_EQ(0, dmabuf_sync(self->buffer, DMA_BUF_SYNC_END | rw));
	look(self, self->map);
	EXPECT_EQ(0, self->n)
		TH_LOG("no device has it");

	test_lock_buffer(self->fd, self->buffer, 0, pages(PAGES), 0);
	forget();
	ASSERT_EQ(0, dmabuf_sync(self->buffer, DMA_BUF_SYNC_START | rw));
	look(self, self->map);
	EXPECT_TRUE(only(self, false, 0, pages(PAGES), 1));
	EXPECT_TRUE(ways(self, false, BIDIRECTIONAL));
	EXPECT_TRUE(ways(self, true, NONE));
	ASSERT_EQ(0, dmabuf_sync(self->buffer, DMA_BUF_SYNC_END | rw));
	look(self, self->map);
	EXPECT_TRUE(only(self, true, 0, pages(PAGES), 1));
	EXPECT_TRUE(ways(self, true, BIDIRECTIONAL));
	EXPECT_TRUE(ways(self, false, NONE));
	test_unlock_buffer(self->fd, self->buffer, 0, pages(PAGES));

	/* A device that only reads never has newer data than the CPU. */
	test_lock_buffer(self->fd, self->buffer, 0, pages(PAGES),
			 CONTIG_LOCK_OUTPUT);
	forget();
	ASSERT_EQ(0, dmabuf_sync(self->buffer, DMA_BUF_SYNC_START | rw));
	look(self, self->map);
	EXPECT_TRUE(ways(self, false, NONE));
	ASSERT_EQ(0, dmabuf_sync(self->buffer, DMA_BUF_SYNC_END | rw));
	look(self, self->map);
	EXPECT_TRUE(only(self, true, 0, pages(PAGES), 1));
	EXPECT_TRUE(ways(self, true, TO_DEVICE));
}

/* The same commands, for a device that snoops the caches. */
TEST_F(caches, need_nothing_where_the_device_sees_them)
{
	struct contig_span span = { to_addr(self->memory), pages(3) };
	struct contig_device cmd = {};
	struct edu edu;
	uint32_t id;
	int client;

	if (edu_find(&edu))
		SKIP(return, "no device: run QEMU with -device edu");
	ASSERT_EQ(0, edu_setup(&edu));
	client = client_open();
	ASSERT_EQ(0, attach(client, &cmd, edu.name));
	ASSERT_TRUE(cmd.out_features & CONTIG_DEVICE_COHERENT);
	forget();
	test_lock(client, self->memory, pages(PAGES), 0);
	id = prepare(client, &span, 1, BOTH);
	ASSERT_NE(0, id);
	EXPECT_EQ(0, sync_range(client, -1, to_addr(self->memory), pages(2),
				BOTH | CONTIG_IO_FOR_CPU));
	EXPECT_EQ(0, sync_range(client, -1, to_addr(self->memory), pages(2),
				BOTH | CONTIG_IO_FOR_DEVICE));
	EXPECT_EQ(0, checkpoint(client, id, 0));
	test_lock_buffer(client, self->buffer, 0, pages(PAGES), 0);
	EXPECT_EQ(0, dmabuf_sync(self->buffer,
				 DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW));
	EXPECT_EQ(0, dmabuf_sync(self->buffer,
				 DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW));
	look(self, self->memory);
	EXPECT_EQ(0, self->n);
	/*
	 * The device that does not snoop shows that the kprobes record
	 * operations.
	 */
	test_lock(self->fd, self->memory, pages(1), 0);
	look(self, self->memory);
	EXPECT_TRUE(only(self, true, 0, pages(1), 1));
	close(client);
	edu_disable(&edu);
}

TEST_HARNESS_MAIN
