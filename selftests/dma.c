// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of every kind, as a device sees it: at which addresses, and until
 * when. The device's own DMA shows that the addresses are right.
 */
#include "kselftest_harness.h"
#include "contig_device_utils.h"
#include "edu.h"

#define PAGES OWN_PAGES

FIXTURE(dma) {
	int fd;
	struct edu edu;
	struct contig_device cmd;
	int buffer;
	char *memory;
	uint64_t addr;
	struct contig_extent extents[PAGES];
	int n;
};

FIXTURE_VARIANT(dma) {
	uint32_t rung;
};

FIXTURE_VARIANT_ADD(dma, own_memory) { .rung = CONTIG_RUNG_NONE };
variant_of_each_rung(dma);

FIXTURE_SETUP(dma) {
	struct contig_alloc alloc = alloc_request(pages(PAGES),
						  1u << variant->rung);

	setup_edu(self);
	need_rung(self->fd, variant->rung, MIB(1));
	memset(&self->cmd, 0, sizeof(self->cmd));
	self->cmd.address_bits = edu_bits();
	self->cmd.max_segment = UINT32_MAX;
	ASSERT_EQ(0, attach(self->fd, &self->cmd, self->edu.name));
	self->buffer = -1;
	if (variant->rung) {
		if (variant->rung == CONTIG_RUNG_RESERVE &&
		    !(self->cmd.out_features & CONTIG_DEVICE_IOMMU) &&
		    _test_cmd_alloc(self->fd, &alloc))
			SKIP(return, "the reserve lies where the device cannot reach it");
		if (alloc.out_fd < 0)
			test_alloc(self->fd, &alloc);
		self->buffer = alloc.out_fd;
		self->memory = buffer_map(self->buffer, pages(PAGES));
		ASSERT_NE(NULL, self->memory);
		test_lock_buffer(self->fd, self->buffer, 0, pages(PAGES), 0);
		self->addr = 0;
	} else {
		self->memory = own_memory(self->fd, pages(PAGES));
		ASSERT_NE(NULL, self->memory);
		self->addr = to_addr(self->memory);
	}
	self->n = get_dma(self->fd, self->buffer, self->addr, pages(PAGES),
			  self->extents, PAGES);
	ASSERT_LT(0, self->n);
}

FIXTURE_TEARDOWN(dma) {
	edu_disable(&self->edu);
	close(self->fd);
	close(self->buffer);
}

/* The device reads the first page and writes it to the last one. */
TEST_F(dma, moves_data_both_ways)
{
	char *last = self->memory + pages(PAGES - 1);
	uint64_t from = dma_at(self->extents, self->n, 0);
	uint64_t to = dma_at(self->extents, self->n, pages(PAGES - 1));

	fill_pattern(self->memory, pages(PAGES), 1);
	ASSERT_EQ(0, edu_transfer(&self->edu, from, false));
	fill_pattern(self->memory, pages(PAGES), 2);
	ASSERT_EQ(0, edu_transfer(&self->edu, to, true));
	EXPECT_TRUE(has_pattern(last, EDU_CHUNK, 1));
	/* No other page has changed. */
	EXPECT_TRUE(has_pattern(self->memory, pages(PAGES - 1), 2));
}

/* The test must notice an address that is wrong by a page. */
TEST_F(dma, goes_wrong_one_page_off)
{
	char *last = self->memory + pages(PAGES - 1);
	uint64_t from = dma_at(self->extents, self->n, 0);
	uint64_t wrong = dma_at(self->extents, self->n, pages(PAGES - 2));

	fill_pattern(self->memory, pages(PAGES), 1);
	ASSERT_EQ(0, edu_transfer(&self->edu, from, false));
	memset(self->memory, 0, pages(PAGES));
	ASSERT_EQ(0, edu_transfer(&self->edu, wrong, true));
	EXPECT_FALSE(has_pattern(last, EDU_CHUNK, 1));
	EXPECT_TRUE(has_pattern(last - pages(1), EDU_CHUNK, 1));
}

TEST_F(dma, addresses_are_within_the_limits)
{
	uint64_t sum = 0, top = 1ull << (self->cmd.out_address_bits - 1) << 1;
	int i;

	for (i = 0; i < self->n; i++) {
		EXPECT_GE(top - 1, self->extents[i].addr +
			  self->extents[i].length - 1);
		EXPECT_NE(i ? self->extents[i - 1].addr +
			  self->extents[i - 1].length : 0,
			  self->extents[i].addr);
		sum += self->extents[i].length;
	}
	EXPECT_EQ(pages(PAGES), sum);
	EXPECT_EQ(self->n, get_dma(self->fd, self->buffer, self->addr,
				   pages(PAGES), NULL, 0));
}

/* In bytes and resumable, like physical addresses. */
TEST_F(dma, addresses_are_exact)
{
	struct contig_get_physical cmd = {
		.size = sizeof(cmd),
		.flags = CONTIG_GET_DMA |
			 (self->buffer < 0 ? 0 : CONTIG_RANGE_BUFFER),
		.addr = self->addr + 1234,
		.length = pages(PAGES) - 1234 - 99,
		.fd = self->buffer < 0 ? 0 : self->buffer,
	};
	struct contig_extent extent;
	uint64_t at = 1234;

	while (cmd.length) {
		cmd.extents = to_addr(&extent);
		cmd.count = 1;
		test_get_physical(self->fd, &cmd);
		ASSERT_EQ(1, cmd.count);
		EXPECT_EQ(dma_at(self->extents, self->n, at), extent.addr);
		at += extent.length;
		ASSERT_EQ(self->addr + at, cmd.addr);
	}
	EXPECT_EQ(pages(PAGES) - 99, at);
}

/* Without an IOMMU they are the physical addresses. */
TEST_F(dma, addresses_are_physical_without_iommu)
{
	struct contig_extent *extents;
	int64_t n;
	int i;

	if (self->cmd.out_features & CONTIG_DEVICE_IOMMU) {
		EXPECT_EQ(1, self->n)
			TH_LOG("an IOMMU makes one extent of it");
		return;
	}
	n = translate_all(self->fd, self->buffer, self->addr, pages(PAGES), 0,
			  &extents);
	ASSERT_EQ(self->n, n);
	for (i = 0; i < n; i++) {
		EXPECT_EQ(extents[i].addr, self->extents[i].addr);
		EXPECT_EQ(extents[i].length, self->extents[i].length);
	}
	free(extents);
}

TEST_F(dma, contiguous_for_the_device_is_said_so)
{
	int ret;

	if (self->buffer < 0)
		ret = _test_cmd_lock(self->fd, self->memory, pages(PAGES),
				     CONTIG_LOCK_DEVICE_CONTIGUOUS);
	else
		ret = _test_cmd_lock_buffer(self->fd, self->buffer, 0,
					    pages(PAGES),
					    CONTIG_LOCK_DEVICE_CONTIGUOUS);
	EXPECT_EQ(self->n == 1 ? 0 : -EILSEQ, ret);
}

/* Partial unlock: memory that stays locked keeps its addresses. */
TEST_F(dma, unlocking_a_part_leaves_the_rest)
{
	uint64_t last = self->addr + pages(PAGES - 1);
	struct contig_extent extent;
	int ret;

	if (self->buffer < 0)
		ret = _test_cmd_unlock(self->fd, self->memory,
				       pages(PAGES - 1));
	else
		ret = _test_cmd_unlock_buffer(self->fd, self->buffer, 0,
					      pages(PAGES - 1));
	ASSERT_EQ(0, ret);
	EXPECT_EQ(-ENOLCK, get_dma(self->fd, self->buffer, self->addr,
				   pages(1), &extent, 1));
	ASSERT_EQ(1, get_dma(self->fd, self->buffer, last, pages(1), &extent,
			     1));
	EXPECT_EQ(dma_at(self->extents, self->n, pages(PAGES - 1)),
		  extent.addr);
	fill_pattern(self->memory + pages(PAGES - 1), page_size, 3);
	ASSERT_EQ(0, edu_transfer(&self->edu, extent.addr, false));
	memset(self->memory, 0, pages(PAGES));
	ASSERT_EQ(0, edu_transfer(&self->edu, extent.addr, true));
	EXPECT_TRUE(has_pattern(self->memory + pages(PAGES - 1), EDU_CHUNK,
				3));
}

/* Behind an IOMMU the device cannot reach memory that has been unlocked. */
TEST_F(dma, does_not_reach_what_was_unlocked)
{
	uint64_t to = dma_at(self->extents, self->n, 0);
	int ret;

	if (!(self->cmd.out_features & CONTIG_DEVICE_IOMMU))
		return;		/* nothing would prevent it */
	fill_pattern(self->memory, pages(PAGES), 1);
	ASSERT_EQ(0, edu_transfer(&self->edu, to, false));
	fill_pattern(self->memory, pages(PAGES), 2);
	if (self->buffer < 0)
		ret = _test_cmd_unlock(self->fd, self->memory, pages(PAGES));
	else
		ret = _test_cmd_unlock_buffer(self->fd, self->buffer, 0,
					      pages(PAGES));
	ASSERT_EQ(0, ret);
	edu_transfer(&self->edu, to, true);
	EXPECT_TRUE(has_pattern(self->memory, pages(PAGES), 2));
}

static void go_by_unbinding(struct edu *edu)
{
	edu_unbind(edu);
}

static void go_by_unplugging(struct edu *edu)
{
	pci_write(edu->slot, "remove", "1");
}

/* The device disappears while its memory is mapped, and comes back. */
static void device_goes(struct __test_metadata *_metadata,
			FIXTURE_DATA(dma) *self, void (*go)(struct edu *edu))
{
	struct contig_extent extents[PAGES];
	struct contig_alloc alloc = alloc_request(page_size, 0);
	struct contig_device cmd = {
		.address_bits = self->cmd.address_bits,
	};

	edu_disable(&self->edu);
	go(&self->edu);
	EXPECT_EQ(-ENODEV, get_dma(self->fd, self->buffer, self->addr,
				   pages(PAGES), extents, PAGES));
	EXPECT_EQ(-ENODEV, get_dma(self->fd, self->buffer, self->addr,
				   pages(PAGES), NULL, 0));
	EXPECT_EQ(-ENODEV, query(self->fd, &cmd));
	test_err_alloc(ENODEV, self->fd, &alloc);
	test_err_lock(ENODEV, self->fd, self->memory, pages(1), 0);
	EXPECT_FALSE(debugfs_has("devices", self->edu.name));
	/* The memory is still there, and so are physical addresses. */
	fill_pattern(self->memory, pages(PAGES), 5);
	EXPECT_TRUE(has_pattern(self->memory, pages(PAGES), 5));
	EXPECT_LT(0, self->buffer < 0 ?
		  _test_cmd_count(self->fd, self->memory, pages(PAGES)) :
		  _test_cmd_count_buffer(self->fd, self->buffer, 0,
					 pages(PAGES)));
	EXPECT_EQ(-EBUSY, detach(self->fd));
	EXPECT_EQ(0, self->buffer < 0 ?
		  _test_cmd_unlock(self->fd, self->memory, pages(PAGES)) :
		  _test_cmd_unlock_buffer(self->fd, self->buffer, 0,
					  pages(PAGES)));

	write_text("/sys/bus/pci/rescan", "1");
	ASSERT_EQ(0, edu_setup(&self->edu));
	memset(&cmd, 0, sizeof(cmd));
	cmd.address_bits = self->cmd.address_bits;
	ASSERT_EQ(0, attach(self->fd, &cmd, self->edu.name));
	if (self->buffer < 0)
		return;
	test_lock_buffer(self->fd, self->buffer, 0, pages(PAGES), 0);
	EXPECT_LT(0, get_dma(self->fd, self->buffer, 0, pages(PAGES), extents,
			     PAGES));
}

TEST_F(dma, loses_its_driver)
{
	device_goes(_metadata, self, go_by_unbinding);
}

TEST_F(dma, is_unplugged)
{
	device_goes(_metadata, self, go_by_unplugging);
}

/* The device does not come back: everything is closed in any order. */
TEST_F(dma, is_unplugged_and_forgotten)
{
	edu_disable(&self->edu);
	go_by_unplugging(&self->edu);
	close(self->fd);
	munmap(self->memory, pages(PAGES));
	close(self->buffer);
	write_text("/sys/bus/pci/rescan", "1");
	ASSERT_EQ(0, edu_setup(&self->edu));
}

TEST_HARNESS_MAIN
