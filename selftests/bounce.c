// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that a device cannot reach: refused, or copied by the kernel if a
 * preparation allows that. Memory allocated for the device is never copied. And
 * memory above 4 GiB that a device does reach.
 *
 * Needs such memory, and a device with 40 address bits, of which most tests use
 * 32: scripts/vm -m 5120 -q -device -q edu,dma_mask=0xffffffffff.
 */
#include "kselftest_harness.h"
#include "contig_device_utils.h"
#include "edu.h"

#define TOP (1ull << 32)
#define PAGES 4

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif

FIXTURE(bounce) {
	int fd, other, buffer;
	struct edu edu;
	char *high;			/* memory out of the device's reach */
	struct contig_span span;
	uint64_t addrs[PAGES];
	struct contig_prepare cmd;
};

FIXTURE_SETUP(bounce) {
	struct contig_alloc alloc = alloc_request(pages(PAGES), 0);
	struct contig_device device = {
		.address_bits = 32,
		.max_segment = MIB(4),
	};
	struct contig_info info;

	setup_client(self->fd);
	test_info(self->fd, &info);
	if (info.out_ram_top < TOP + MIB(64))
		SKIP(return, "no memory above 4 GiB");
	if (edu_find(&self->edu))
		SKIP(return, "no device: run QEMU with -device edu");
	ASSERT_EQ(0, edu_setup(&self->edu));
	/* Another client, which has no device attached. */
	self->other = client_open();
	alloc.flags = CONTIG_ALLOC_STRUCT_PAGE;
	alloc.constraints.lowest = TOP;
	test_alloc(self->other, &alloc);
	self->buffer = alloc.out_fd;
	self->high = buffer_map(self->buffer, pages(PAGES));
	ASSERT_NE(NULL, self->high);
	ASSERT_EQ(0, attach(self->fd, &device, self->edu.name));
	if (device.out_features & CONTIG_DEVICE_IOMMU)
		SKIP(return, "an IOMMU lets the device reach everything");
	self->span.addr = 0;
	self->span.length = pages(PAGES);
	self->cmd = (struct contig_prepare) {
		.size = sizeof(self->cmd),
		.flags = CONTIG_RANGE_BUFFER | CONTIG_GET_DMA,
		.ranges = to_addr(&self->span),
		.range_count = 1,
		.fd = self->buffer,
		.addrs = to_addr(self->addrs),
		.count = PAGES,
	};
}

FIXTURE_TEARDOWN(bounce) {
	edu_disable(&self->edu);
	munmap(self->high, pages(PAGES));
	close(self->buffer);
	close(self->fd);
	close(self->other);
}

TEST_F(bounce, not_where_nobody_says_when)
{
	test_err_lock_buffer(EADDRNOTAVAIL, self->fd, self->buffer, 0,
			     pages(PAGES), 0);
	test_err_lock(EADDRNOTAVAIL, self->fd, self->high, pages(PAGES), 0);
	/* A preparation that does not ask for copies is refused as well. */
	self->cmd.flags |= CONTIG_IO_INPUT;
	EXPECT_EQ(-EADDRNOTAVAIL,
		  contig_ioctl(self->fd, CONTIG_PREPARE, &self->cmd));
	EXPECT_EQ(0, page_state(self->fd, self->high).locks);
	/* A client without a device can lock it. */
	test_lock_buffer(self->other, self->buffer, 0, pages(PAGES), 0);
	test_unlock_buffer(self->other, self->buffer, 0, pages(PAGES));
}

/* From the first page to the device, and from the device to the last page. */
TEST_F(bounce, copies_both_ways)
{
	char *last = self->high + pages(PAGES - 1);
	unsigned int i;

	fill_pattern(self->high, pages(PAGES), 1);
	self->cmd.flags |= CONTIG_IO_BOUNCE | CONTIG_IO_OUTPUT;
	ASSERT_EQ(0, contig_ioctl(self->fd, CONTIG_PREPARE, &self->cmd));
	ASSERT_EQ(PAGES, self->cmd.count);
	EXPECT_EQ(PAGES, self->cmd.out_bounced);
	for (i = 0; i < PAGES; i++) {
		EXPECT_GT(TOP, self->addrs[i]);
		EXPECT_NE(0, self->addrs[i]);
	}
	ASSERT_EQ(0, edu_transfer(&self->edu, self->addrs[0], false));
	ASSERT_EQ(0, checkpoint(self->fd, self->cmd.out_id, 0));

	fill_pattern(self->high, pages(PAGES), 2);
	self->cmd.flags = CONTIG_RANGE_BUFFER | CONTIG_GET_DMA |
			  CONTIG_IO_BOUNCE | CONTIG_IO_INPUT;
	ASSERT_EQ(0, contig_ioctl(self->fd, CONTIG_PREPARE, &self->cmd));
	EXPECT_EQ(PAGES, self->cmd.out_bounced);
	ASSERT_EQ(0, edu_transfer(&self->edu, self->addrs[PAGES - 1], true));
	/* The data stay in the copy until CHECKPOINT ends the transfer. */
	EXPECT_TRUE(has_pattern(self->high, pages(PAGES), 2));
	ASSERT_EQ(0, checkpoint(self->fd, self->cmd.out_id, 0));
	EXPECT_TRUE(has_pattern(last, EDU_CHUNK, 1));
	/* All other pages are unchanged. */
	EXPECT_TRUE(has_pattern(self->high, pages(PAGES - 1), 2));
}

/*
 * One preparation, for output and then input; CHECKPOINT announces each
 * transfer.
 */
TEST_F(bounce, copies_from_one_transfer_to_the_next)
{
	self->cmd.flags |= CONTIG_IO_BOUNCE | CONTIG_IO_OUTPUT |
			   CONTIG_IO_INPUT;
	fill_pattern(self->high, pages(PAGES), 3);
	ASSERT_EQ(0, contig_ioctl(self->fd, CONTIG_PREPARE, &self->cmd));
	/* The copy exists already; later changes need a CHECKPOINT. */
	fill_pattern(self->high, pages(PAGES), 4);
	ASSERT_EQ(0, edu_transfer(&self->edu, self->addrs[0], false));
	ASSERT_EQ(0, edu_transfer(&self->edu, self->addrs[1], true));
	ASSERT_EQ(0, checkpoint(self->fd, self->cmd.out_id,
				CONTIG_IO_MORE | CONTIG_IO_OUTPUT));
	EXPECT_TRUE(has_pattern(self->high + pages(1), EDU_CHUNK, 3));
	fill_pattern(self->high, pages(PAGES), 5);
	ASSERT_EQ(0, checkpoint(self->fd, self->cmd.out_id,
				CONTIG_IO_MORE | CONTIG_IO_OUTPUT));
	ASSERT_EQ(0, edu_transfer(&self->edu, self->addrs[0], false));
	ASSERT_EQ(0, checkpoint(self->fd, self->cmd.out_id,
				CONTIG_IO_MORE | CONTIG_IO_INPUT));
	ASSERT_EQ(0, edu_transfer(&self->edu, self->addrs[2], true));
	ASSERT_EQ(0, checkpoint(self->fd, self->cmd.out_id, 0));
	EXPECT_TRUE(has_pattern(self->high + pages(2), EDU_CHUNK, 5));
	EXPECT_EQ(0, page_state(self->fd, self->high).locks);
}

/*
 * What the device wrote arrives even if the process may not access the page at
 * that moment, and if the page was removed from the page tables meanwhile.
 */
TEST_F(bounce, arrives_where_the_process_may_not_read)
{
	uint64_t high = 0;
	char *memory;
	int file, i;

	fill_pattern(self->high, pages(PAGES), 6);
	self->cmd.flags |= CONTIG_IO_BOUNCE | CONTIG_IO_OUTPUT;
	ASSERT_EQ(0, contig_ioctl(self->fd, CONTIG_PREPARE, &self->cmd));
	ASSERT_EQ(0, edu_transfer(&self->edu, self->addrs[0], false));
	ASSERT_EQ(0, checkpoint(self->fd, self->cmd.out_id, 0));

	/* Find a page of ordinary memory that the device cannot reach. */
	file = memfd_create("contig", MFD_CLOEXEC);
	ASSERT_LE(0, file);
	ASSERT_EQ(0, ftruncate(file, MIB(64)));
	memory = buffer_map(file, MIB(64));
	ASSERT_NE(NULL, memory);
	memset(memory, 1, MIB(64));
	for (i = 0; (size_t)i < MIB(64) / page_size && !high; i++)
		if (pfn_of(memory + pages(i)) * page_size >= TOP)
			high = to_addr(memory + pages(i));
	if (!high)
		SKIP(return, "no page above 4 GiB was free");
	self->span = (struct contig_span){ high, page_size };
	self->cmd.flags = CONTIG_GET_DMA | CONTIG_IO_BOUNCE | CONTIG_IO_INPUT;
	self->cmd.fd = 0;
	self->cmd.count = 1;
	ASSERT_EQ(0, contig_ioctl(self->fd, CONTIG_PREPARE, &self->cmd));
	EXPECT_EQ(1, self->cmd.out_bounced);
	ASSERT_EQ(0, edu_transfer(&self->edu, self->addrs[0], true));
	ASSERT_EQ(0, mprotect(to_pointer(high), page_size, PROT_NONE));
	madvise(to_pointer(high), page_size, MADV_PAGEOUT);
	EXPECT_EQ(0, checkpoint(self->fd, self->cmd.out_id, 0));
	ASSERT_EQ(0, mprotect(to_pointer(high), page_size, PROT_READ));
	EXPECT_TRUE(has_pattern(to_pointer(high), EDU_CHUNK, 6));
	munmap(memory, MIB(64));
	close(file);
}

/*
 * Memory within the device's reach is not copied, although copies are allowed.
 */
TEST_F(bounce, never_of_what_was_had_for_the_device)
{
	uint32_t rung;
	int fd;

	for (rung = CONTIG_RUNG_NONE; rung < CONTIG_RUNG_MAX; rung++) {
		struct contig_alloc alloc = alloc_request(pages(PAGES), rung ?
							  1u << rung : 0);
		struct contig_extent *extents;
		int64_t n;

		/*
		 * The reserve stays where it was allocated, perhaps out of
		 * reach.
		 */
		if (rung == CONTIG_RUNG_RESERVE)
			continue;
		test_alloc(self->fd, &alloc);
		fd = alloc.out_fd;
		self->cmd.fd = fd;
		self->cmd.count = PAGES;
		self->cmd.flags = CONTIG_RANGE_BUFFER | CONTIG_GET_DMA |
				  CONTIG_IO_BOUNCE | CONTIG_IO_OUTPUT;
		ASSERT_EQ(0, contig_ioctl(self->fd, CONTIG_PREPARE,
					  &self->cmd));
		EXPECT_EQ(0, self->cmd.out_bounced)
			TH_LOG("%s", rung_name(alloc.out_rung));
		n = translate_all(self->fd, fd, 0, pages(PAGES), 0, &extents);
		ASSERT_LT(0, n);
		EXPECT_EQ(extents[0].addr, self->addrs[0]);
		free(extents);
		EXPECT_EQ(0, checkpoint(self->fd, self->cmd.out_id, 0));
		test_lock_buffer(self->fd, fd, 0, pages(PAGES), 0);
		test_unlock_buffer(self->fd, fd, 0, pages(PAGES));
		close(fd);
	}
}

FIXTURE(reach) {
	int fd;
	struct edu edu;
};

FIXTURE_VARIANT(reach) {
	struct contig_constraints where;
};

FIXTURE_VARIANT_ADD(reach, above_4_gib) { .where.lowest = TOP };
FIXTURE_VARIANT_ADD(reach, below_4_gib) { .where.highest = TOP - 1 };

FIXTURE_SETUP(reach) {
	struct contig_device device = { .address_bits = 40 };
	struct contig_info info;

	setup_client(self->fd);
	test_info(self->fd, &info);
	if (info.out_ram_top < TOP + MIB(64))
		SKIP(return, "no memory above 4 GiB");
	if (edu_find(&self->edu))
		SKIP(return, "no device: run QEMU with -device edu");
	ASSERT_EQ(0, edu_setup(&self->edu));
	ASSERT_EQ(0, attach(self->fd, &device, self->edu.name));
	if (device.out_features & CONTIG_DEVICE_IOMMU)
		SKIP(return, "behind an IOMMU addresses say nothing of memory");
}

FIXTURE_TEARDOWN(reach) {
	edu_disable(&self->edu);
	close(self->fd);
}

/* The device copies the first half of a buffer over the second one. */
static void device_copies(struct __test_metadata *_metadata,
			  FIXTURE_DATA(reach) *self, int buffer, char *map)
{
	const size_t half = pages(PAGES / 2);
	struct contig_extent e[PAGES];
	uint64_t at;
	int n;

	n = get_dma(self->fd, buffer, 0, 2 * half, e, PAGES);
	ASSERT_LT(0, n);
	fill_pattern(map, half, 1);
	memset(map + half, 0, half);
	for (at = 0; at < half; at += EDU_CHUNK) {
		ASSERT_EQ(0, edu_transfer(&self->edu, dma_at(e, n, at), false));
		ASSERT_EQ(0, edu_transfer(&self->edu, dma_at(e, n, half + at),
					  true));
	}
	EXPECT_TRUE(has_pattern(map, half, 1));
	EXPECT_TRUE(has_pattern(map + half, half, 1));
}

/* These rungs choose where the memory lies. */
TEST_F(reach, device_moves_what_lies_there)
{
	const uint64_t highest = variant->where.highest ?: UINT64_MAX;
	uint32_t rung;
	int64_t n, i;

	for (rung = CONTIG_RUNG_RANGE; rung < CONTIG_RUNG_MAX; rung++) {
		struct contig_alloc alloc = alloc_request(pages(PAGES),
							  1u << rung);
		struct contig_extent *extents;
		char *map;

		alloc.constraints = variant->where;
		test_alloc(self->fd, &alloc);
		map = buffer_map(alloc.out_fd, pages(PAGES));
		ASSERT_NE(NULL, map);
		test_lock_buffer(self->fd, alloc.out_fd, 0, pages(PAGES), 0);
		n = translate_all(self->fd, alloc.out_fd, 0, pages(PAGES), 0,
				  &extents);
		ASSERT_LT(0, n);
		for (i = 0; i < n; i++) {
			EXPECT_LE(variant->where.lowest, extents[i].addr);
			EXPECT_GE(highest,
				  extents[i].addr + extents[i].length - 1);
		}
		free(extents);
		EXPECT_TRUE(buffer_translation_is_true(self->fd, alloc.out_fd,
						       map, pages(PAGES)));
		device_copies(_metadata, self, alloc.out_fd, map);
		test_unlock_buffer(self->fd, alloc.out_fd, 0, pages(PAGES));
		munmap(map, pages(PAGES));
		close(alloc.out_fd);
	}
}

TEST_HARNESS_MAIN
