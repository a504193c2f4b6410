// SPDX-License-Identifier: GPL-2.0-only
/*
 * Drivers in the kernel that use contig: one for which memory is mapped, and
 * one whose interrupts transfer it
 */
#include "kselftest_harness.h"
#include "contig_utils.h"
#include "edu.h"
#include "interrupts.h"

#define TEST_DRIVER "contig_irq_test"
#define PAGES 16

/*
 * A device that transfers nothing, but for which memory is mapped
 */
FIXTURE(platform) {
	int fd;
	char *memory;
};

FIXTURE_SETUP(platform) {
	setup_kernel_client(self, IRQ_TEST_FOR_PLATFORM);
	self->memory = anon_map(pages(PAGES));
	ASSERT_NE(NULL, self->memory);
	no_huge_pages(self->memory, pages(PAGES));
}

FIXTURE_TEARDOWN(platform) {
	close(self->fd);
	munmap(self->memory, pages(PAGES));
}

/* All directions, so that caches are maintained in every context. */
TEST_F(platform, prepare_and_checkpoint)
{
	char *start = self->memory + 300;
	uint32_t level, options;

	ASSERT_EQ(0, hold(self->fd, IRQ_TEST_TASK, self->memory,
			  pages(PAGES)));
	for (level = 0; level < IRQ_TEST_LEVELS; level++) {
		for (options = 0; options <= (INPUT | OUTPUT); options++) {
			struct irq_test_prepare cmd =
				prepare_of(level, start, pages(8), options);
			uint32_t i;

			fill_pattern(self->memory, pages(PAGES), options);
			cmd.want_dma = 1;
			ASSERT_EQ(0, prepare(self->fd, &cmd));
			EXPECT_EQ(9, cmd.out_entries);
			/* No IOMMU translates for this device. */
			for (i = 0; i < cmd.out_entries; i++)
				EXPECT_EQ(cmd.physical[i], cmd.dma[i]);
			EXPECT_TRUE(is_at(cmd.dma[0], start));
			EXPECT_EQ(0, checkpoint(self->fd, level, 0, MORE));
			EXPECT_EQ(0, checkpoint(self->fd, level, 0,
						MORE | OUTPUT));
			EXPECT_EQ(options == OUTPUT ? -EACCES : 0,
				  checkpoint(self->fd, level, 0, MORE | INPUT));
			EXPECT_EQ(0, checkpoint(self->fd, level, 0, 0));
			EXPECT_TRUE(has_pattern(self->memory, pages(PAGES),
						options));
		}
	}
}

/*
 * A driver is removed without closing: nothing stays mapped, all counts are
 * balanced.
 */
TEST_F(platform, is_left_by_its_driver)
{
	struct irq_test_prepare cmd;
	struct irq_test_call table;
	int fd = self->fd, level = IRQ_TEST_HARDIRQ;

	EXPECT_TRUE(debugfs_has("devices", "platform/contig_irq_test"));
	ASSERT_EQ(0, hold(fd, IRQ_TEST_TASK, self->memory, pages(PAGES)));
	ASSERT_EQ(0, lock(fd, level, self->memory, pages(PAGES)));
	cmd = prepare_of(level, self->memory, pages(4), INPUT);
	ASSERT_EQ(0, prepare(fd, &cmd));
	ASSERT_EQ(0, write_text("/sys/bus/platform/drivers/contig_irq_test/unbind",
				"contig_irq_test"));
	EXPECT_FALSE(debugfs_has("devices", "platform/contig_irq_test"));
	EXPECT_EQ(-ENODEV, get_physical(fd, level, self->memory, 1, &table, 1,
					CONTIG_GET_DMA));
	EXPECT_TRUE(physical_is_true(fd, level, self->memory, pages(PAGES),
				     64));
	EXPECT_EQ(-ENODEV, lock(fd, level, self->memory, 1));
	EXPECT_EQ(-ENODEV, hold(fd, IRQ_TEST_TASK, self->memory, 1));
	cmd.slot = 1;
	EXPECT_EQ(-ENODEV, prepare(fd, &cmd));
	EXPECT_EQ(0, checkpoint(fd, level, 0, 0));
	EXPECT_EQ(0, unlock(fd, level, self->memory, pages(PAGES)));
	EXPECT_EQ(0, unhold(fd, level, self->memory, pages(PAGES)));
	EXPECT_TRUE(poll_until(nothing_is_kept, NULL));
	ASSERT_EQ(0, contig_ioctl(fd, IRQ_TEST_CLOSE, NULL));
	EXPECT_EQ(-ENODEV, contig_ioctl(fd, IRQ_TEST_OPEN,
					(void *)IRQ_TEST_FOR_PLATFORM));
	ASSERT_EQ(0, write_text("/sys/bus/platform/drivers/contig_irq_test/bind",
				"contig_irq_test"));
	EXPECT_EQ(0, contig_ioctl(fd, IRQ_TEST_OPEN,
				  (void *)IRQ_TEST_FOR_PLATFORM));
}

#define FAIL_MAP CONTIG_DEBUGFS "/fail_map/"

/* Memory that cannot be mapped is not held. */
TEST_F(platform, cannot_be_mapped_for)
{
	int fd = self->fd;

	if (access(FAIL_MAP "times", W_OK))
		SKIP(return, "no fault injection in this module: CONTIG_TEST=y");
	ASSERT_EQ(0, hold(fd, IRQ_TEST_TASK, self->memory, pages(2)));
	ASSERT_EQ(0, write_text(FAIL_MAP "verbose", "0"));
	ASSERT_EQ(0, write_text(FAIL_MAP "times", "1"));
	ASSERT_EQ(0, write_text(FAIL_MAP "probability", "100"));
	EXPECT_EQ(-ENOMEM, hold(fd, IRQ_TEST_TASK, self->memory,
				pages(PAGES)));
	ASSERT_EQ(0, write_text(FAIL_MAP "probability", "0"));
	EXPECT_EQ(pages(2), kernel_stat(1));
	EXPECT_EQ(-ENODATA, unhold(fd, IRQ_TEST_TASK, self->memory,
				   pages(PAGES)));
	EXPECT_EQ(0, hold(fd, IRQ_TEST_TASK, self->memory, pages(PAGES)));
	EXPECT_EQ(pages(PAGES), kernel_stat(1));
}

/*
 * A chain of transfers, each prepared and started by the previous interrupt
 */
FIXTURE(chain) {
	int fd;
	int client;
	int buffer;
	struct edu edu;
	char *memory;
};

/* Memory that the device can reach, in single pages where possible. */
static char *reachable(int client, int *buffer)
{
	struct contig_alloc alloc = alloc_request(pages(PAGES),
						  CONTIG_RUNGS_SCATTER);

	alloc.constraints.highest = (1ull << edu_bits()) - 1;
	if (_test_cmd_alloc_tell(client, &alloc))
		return NULL;
	*buffer = alloc.out_fd;
	return buffer_map(*buffer, pages(PAGES));
}

FIXTURE_SETUP(chain) {
	char command[64];

	self->client = -1;
	if (edu_find(&self->edu))
		SKIP(return, "no device: run QEMU with -device edu");
	snprintf(command, sizeof(command),
		 "modprobe contig_irq_test dma_bits=%u", edu_bits());
	if (system("rmmod contig_irq_test 2>/dev/null; true") ||
	    system(command))
		SKIP(return, "no module contig_irq_test: it is built for guests");
	/* An earlier test may have bound it to another driver. */
	edu_unbind(&self->edu);
	ASSERT_EQ(0, edu_bind(&self->edu, TEST_DRIVER));
	ASSERT_TRUE(debugfs_has("kernel", "device"));
	self->fd = kernel_client(IRQ_TEST_FOR_EDU);
	ASSERT_LE(0, self->fd) {
		TH_LOG("the device has another driver");
	}
	self->client = client_open();
	ASSERT_LE(0, self->client);
	self->memory = reachable(self->client, &self->buffer);
	ASSERT_NE(NULL, self->memory);
}

FIXTURE_TEARDOWN(chain) {
	close(self->fd);
	close(self->client);
	close(self->buffer);
	munmap(self->memory, pages(PAGES));
	system("rmmod contig_irq_test");
	/* The driver of the other tests does not set the override itself. */
	pci_write(self->edu.slot, "driver_override", "\n");
}

static int chain_run(int fd, struct irq_test_chain *cmd)
{
	return contig_ioctl(fd, IRQ_TEST_CHAIN, cmd);
}

/* 6 pages to 6 others, in parts of two pages, at unaligned offsets. */
TEST_F(chain, moves_data)
{
	struct irq_test_chain cmd = {
		.from = to_addr(self->memory) + 256,
		.to = to_addr(self->memory) + pages(8) + 2048,
		.length = pages(4) - 512,
		.entries = 2,
	};
	char *expected = malloc(pages(PAGES));

	ASSERT_EQ(0, hold(self->fd, IRQ_TEST_TASK, self->memory,
			  pages(PAGES)));
	fill_pattern(self->memory, pages(PAGES), 1);
	memcpy(expected, self->memory, pages(PAGES));
	memcpy(expected + pages(8) + 2048, expected + 256, cmd.length);
	ASSERT_EQ(0, chain_run(self->fd, &cmd));
	EXPECT_EQ(0, cmd.result);
	EXPECT_EQ(cmd.length, cmd.moved);
	/* Two interrupts for each piece, from real transfers. */
	EXPECT_LE(2 * (cmd.length / EDU_CHUNK), cmd.interrupts);
	EXPECT_LE(3, cmd.prepared);
	EXPECT_EQ(0, memcmp(expected, self->memory, pages(PAGES)));
	printf("# %llu bytes, %u interrupts, which prepared %u parts; the longest took %llu ns\n",
	       (unsigned long long)cmd.moved, cmd.interrupts, cmd.prepared,
	       (unsigned long long)cmd.longest_ns);
	/* All counts are balanced. */
	EXPECT_EQ(-ENOLCK, unlock(self->fd, IRQ_TEST_TASK, self->memory,
				  pages(PAGES)));
	EXPECT_EQ(0, unhold(self->fd, IRQ_TEST_TASK, self->memory,
			    pages(PAGES)));
	free(expected);
}

/* The test must notice a wrong address. */
TEST_F(chain, goes_wrong_one_page_off)
{
	struct irq_test_chain cmd = {
		.from = to_addr(self->memory),
		.to = to_addr(self->memory) + pages(8),
		.length = 2048,
		.entries = 1,
		.off_by = 2048,
	};

	ASSERT_EQ(0, hold(self->fd, IRQ_TEST_TASK, self->memory,
			  pages(PAGES)));
	fill_pattern(self->memory, pages(PAGES), 1);
	ASSERT_EQ(0, chain_run(self->fd, &cmd));
	EXPECT_EQ(0, cmd.result);
	EXPECT_NE(0, memcmp(self->memory, self->memory + pages(8), 2048));
	EXPECT_EQ(0, memcmp(self->memory, self->memory + pages(8) + 2048,
			    2048));
}

/* Memory that is not held ends the chain after the first part. */
TEST_F(chain, stops_where_nothing_is_held)
{
	struct irq_test_chain cmd = {
		.from = to_addr(self->memory),
		.to = to_addr(self->memory) + pages(8),
		.length = pages(4),
		.entries = 1,
	};

	fill_pattern(self->memory, pages(PAGES), 1);
	ASSERT_EQ(0, chain_run(self->fd, &cmd));
	EXPECT_EQ(-EWOULDBLOCK, cmd.result);
	EXPECT_EQ(pages(1), cmd.moved);
	EXPECT_EQ(0, memcmp(self->memory, self->memory + pages(8), pages(1)));
	EXPECT_NE(0, memcmp(self->memory + pages(1), self->memory + pages(9),
			    pages(1)));
}

/* Addresses for the device at interrupt level equal those of prepare. */
TEST_F(chain, has_addresses_for_the_device)
{
	struct irq_test_prepare cmd;
	struct irq_test_call table;
	uint64_t at = 0, i, n;

	ASSERT_EQ(0, hold(self->fd, IRQ_TEST_TASK, self->memory,
			  pages(PAGES)));
	EXPECT_TRUE(debugfs_has("devices", self->edu.name));
	cmd = prepare_of(IRQ_TEST_HARDIRQ, self->memory + 1, pages(PAGES) - 1,
			 INPUT);
	cmd.want_dma = 1;
	ASSERT_EQ(0, prepare(self->fd, &cmd));
	ASSERT_EQ(PAGES, cmd.out_entries);
	ASSERT_LT(0, get_physical(self->fd, IRQ_TEST_HARDIRQ, self->memory,
				  pages(PAGES), &table, 64, CONTIG_GET_DMA));
	EXPECT_EQ(0, table.next_length);
	for (n = 0; n < table.count; n++)
		for (i = 0; i < table.extents[n].length; i += page_size, at++)
			EXPECT_EQ(table.extents[n].addr + i + (at == 0),
				  cmd.dma[at]);
	EXPECT_EQ(PAGES, at);
	/* No address exceeds the device's address bits. */
	for (at = 0; at < PAGES; at++)
		EXPECT_GT(1ull << edu_bits(), cmd.dma[at]);
	EXPECT_EQ(table.count == 1 ? 0 : -EILSEQ,
		  call_flags(self->fd, IRQ_TEST_LOCK, IRQ_TEST_HARDIRQ,
			     self->memory, pages(PAGES),
			     CONTIG_LOCK_DEVICE_CONTIGUOUS));
}

/*
 * Return true if the second piece has arrived, so the first has been recorded.
 */
static bool second_has_arrived(void *arg)
{
	const char *from = (char *)arg + EDU_CHUNK;

	return !memcmp(from, from + pages(8), EDU_CHUNK);
}

/*
 * The device disappears mid-chain: the chain fails, and nothing stays behind.
 */
static void device_goes(struct __test_metadata *_metadata,
			FIXTURE_DATA(chain) *self, bool unplugged)
{
	struct irq_test_chain cmd = {
		.from = to_addr(self->memory),
		.to = to_addr(self->memory) + pages(8),
		.length = pages(8),
		.entries = 1,
	};
	struct irq_test_call table;
	pid_t pid;

	ASSERT_EQ(0, hold(self->fd, IRQ_TEST_TASK, self->memory,
			  pages(PAGES)));
	fill_pattern(self->memory, pages(PAGES), 1);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		/* Most transfers are still to come, which takes 3 seconds. */
		if (!poll_until(second_has_arrived, self->memory))
			_exit(2);
		if (unplugged)
			pci_write(self->edu.slot, "remove", "1");
		else
			edu_unbind(&self->edu);
		_exit(edu_is_bound(&self->edu));
	}
	ASSERT_EQ(0, chain_run(self->fd, &cmd));
	EXPECT_EQ(-ENODEV, cmd.result);
	EXPECT_LT(0, cmd.moved);
	EXPECT_GT(cmd.length, cmd.moved);
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_EQ(0, memcmp(self->memory, self->memory + pages(8), cmd.moved));
	/* The driver has closed the client. */
	EXPECT_EQ(-EBADFD, get_physical(self->fd, IRQ_TEST_TASK, self->memory,
					1, &table, 1, 0));
	EXPECT_FALSE(debugfs_has("devices", self->edu.name));
	EXPECT_EQ(-1, kernel_stat(1));
	/* Another client can be opened. */
	write_text("/sys/bus/pci/rescan", "1");
	ASSERT_EQ(0, edu_bind(&self->edu, TEST_DRIVER));
	EXPECT_EQ(0, ioctl(self->fd, IRQ_TEST_OPEN, IRQ_TEST_FOR_EDU));
	cmd.length = 2048;
	ASSERT_EQ(0, hold(self->fd, IRQ_TEST_TASK, self->memory,
			  pages(PAGES)));
	ASSERT_EQ(0, chain_run(self->fd, &cmd));
	EXPECT_EQ(0, cmd.result);
}

TEST_F(chain, loses_its_driver)
{
	device_goes(_metadata, self, false);
}

TEST_F(chain, is_unplugged)
{
	device_goes(_metadata, self, true);
}

TEST_HARNESS_MAIN
