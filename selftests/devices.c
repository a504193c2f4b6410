// SPDX-License-Identifier: GPL-2.0-only
/*
 * A client with a device attached: which devices, for which users, within which
 * limits, and until when. dma.c has the addresses of memory for the device.
 */
#include "kselftest_harness.h"
#include "contig_device_utils.h"
#include "edu.h"

#define PAGES OWN_PAGES

FIXTURE(device) {
	int fd;
	struct edu edu;
	struct contig_device cmd;
};

FIXTURE_SETUP(device) {
	setup_edu(self);
	memset(&self->cmd, 0, sizeof(self->cmd));
}

FIXTURE_TEARDOWN(device) {
	edu_disable(&self->edu);
	close(self->fd);
}

TEST_F(device, is_described)
{
	struct contig_device cmd;

	EXPECT_EQ(-EUNATCH, query(self->fd, &cmd));
	EXPECT_EQ(-EUNATCH, detach(self->fd));
	self->cmd.address_bits = edu_bits();
	self->cmd.max_segment = MIB(1);
	self->cmd.boundary = MIB(16);
	ASSERT_EQ(0, attach(self->fd, &self->cmd, self->edu.name));
	ASSERT_EQ(0, query(self->fd, &cmd));
	EXPECT_STREQ(self->edu.name, cmd.out_name);
	EXPECT_EQ(edu_bits(), cmd.out_address_bits);
	EXPECT_EQ(MIB(1), cmd.out_max_segment);
	EXPECT_EQ(MIB(16), cmd.out_boundary);
	if (!(cmd.out_features & CONTIG_DEVICE_IOMMU))
		EXPECT_GE(1ull << edu_bits(), cmd.out_highest + 1);
	EXPECT_TRUE(debugfs_has("devices", self->edu.name));
	EXPECT_EQ(0, detach(self->fd));
	EXPECT_FALSE(debugfs_has("devices", self->edu.name));
	EXPECT_EQ(-EUNATCH, query(self->fd, &cmd));
}

/*
 * Limits that a client states for a device end when the last client detaches
 * it.
 */
TEST_F(device, has_its_old_limits_back)
{
	struct contig_probe probe = probe_request(page_size, 0);
	struct contig_device before, after = {};
	int other = client_open();

	ASSERT_EQ(0, attach(self->fd, &self->cmd, self->edu.name));
	ASSERT_EQ(0, query(self->fd, &before));
	ASSERT_EQ(0, detach(self->fd));
	self->cmd.address_bits = edu_bits();
	self->cmd.max_segment = MIB(2);
	self->cmd.boundary = MIB(32);
	ASSERT_EQ(0, attach(self->fd, &self->cmd, self->edu.name));
	ASSERT_EQ(0, attach(other, &after, self->edu.name));
	EXPECT_EQ(edu_bits(), after.out_address_bits);
	test_probe(other, &probe);
	EXPECT_EQ(after.out_features & CONTIG_DEVICE_IOMMU ? 64 : edu_bits(),
		  probe.out_address_bits);
	/* Closing has the same effect as detaching. */
	close(self->fd);
	self->fd = client_open();
	ASSERT_EQ(0, query(other, &after));
	EXPECT_EQ(MIB(2), after.out_max_segment);
	ASSERT_EQ(0, detach(other));
	memset(&after, 0, sizeof(after));
	ASSERT_EQ(0, attach(other, &after, self->edu.name));
	EXPECT_EQ(before.out_address_bits, after.out_address_bits);
	EXPECT_EQ(before.out_max_segment, after.out_max_segment);
	EXPECT_EQ(before.out_boundary, after.out_boundary);
	close(other);
}

TEST_F(device, is_shared_by_who_agree)
{
	struct contig_device same = {}, other = {};
	int second = client_open();

	self->cmd.address_bits = edu_bits();
	ASSERT_EQ(0, attach(self->fd, &self->cmd, self->edu.name));
	other.address_bits = edu_bits() + 1;
	EXPECT_EQ(-EBUSY, attach(second, &other, self->edu.name));
	other.address_bits = 0;
	other.max_segment = MIB(3);
	EXPECT_EQ(-EBUSY, attach(second, &other, self->edu.name));
	other.max_segment = 0;
	other.boundary = MIB(64);
	EXPECT_EQ(-EBUSY, attach(second, &other, self->edu.name));
	same.address_bits = edu_bits();
	EXPECT_EQ(0, attach(second, &same, self->edu.name));
	close(second);
}

TEST_F(device, that_cannot_be_attached)
{
	static const struct {
		const char *name;
		struct contig_device cmd;
		int error;
	} wrong[] = {
		{ "", {}, EINVAL },
		{ "pci", {}, ENODEV },
		{ "pci/", {}, ENODEV },
		{ "pci/ffff:ff:1f.7", {}, ENODEV },
		{ "platform/no such device", {}, ENODEV },
		{ "usb/1-1", {}, ENODEV },
		{ "pci/\n", {}, EINVAL },
		{ "pci/\x7f", {}, EINVAL },
		{ NULL, { .address_bits = 11 }, EINVAL },
		{ NULL, { .address_bits = 65 }, EINVAL },
		{ NULL, { .address_bits = -1 }, EINVAL },
		{ NULL, { .max_segment = 4095 }, EINVAL },
		{ NULL, { .boundary = 2048 }, EINVAL },
		{ NULL, { .boundary = 12288 }, EINVAL },
		{ NULL, { .boundary = -1 }, EINVAL },
		{ NULL, { .reserved = 1 }, EOPNOTSUPP },
		{ NULL, { .flags = 4 }, EOPNOTSUPP },
		{ NULL, { .flags = 1u << 31 }, EOPNOTSUPP },
		{ NULL, { .flags = CONTIG_DEVICE_QUERY |
				   CONTIG_DEVICE_DETACH }, EINVAL },
	};
	struct snapshot before;
	unsigned int i;

	snapshot_take(&before, self->fd);
	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct contig_device cmd = wrong[i].cmd;

		EXPECT_EQ(-wrong[i].error,
			  attach(self->fd, &cmd,
				 wrong[i].name ?: self->edu.name))
			TH_LOG("number %u", i);
	}
	/* A name without a terminating NUL. */
	self->cmd.size = sizeof(self->cmd);
	memset(self->cmd.name, 'a', sizeof(self->cmd.name));
	EXPECT_EQ(-EINVAL, contig_ioctl(self->fd, CONTIG_DEVICE, &self->cmd));
	EXPECT_TRUE(snapshot_is_same(&before, self->fd));
}

TEST_F(device, needs_a_driver)
{
	edu_disable(&self->edu);
	edu_unbind(&self->edu);
	EXPECT_EQ(-EUNATCH, attach(self->fd, &self->cmd, self->edu.name));
	ASSERT_EQ(0, edu_bind(&self->edu, UIO));
	EXPECT_EQ(0, attach(self->fd, &self->cmd, self->edu.name));
}

TEST_F(device, needs_the_right_or_the_list)
{
	const char *list = CONTIG_PARAMETERS "/devices";
	char text[128];

	ASSERT_EQ(0, write_text(CONTIG_PARAMETERS "/allow_unconfined", "Y"));
	ASSERT_EQ(0, drop_cap(CAP_SYS_RAWIO_NR));
	EXPECT_EQ(-EPERM, attach(self->fd, &self->cmd, self->edu.name));
	/* The errno does not reveal whether the device exists either. */
	EXPECT_EQ(-EPERM, attach(self->fd, &self->cmd, "pci/none"));
	ASSERT_EQ(0, write_text(list, "pci/none,platform/*"));
	EXPECT_EQ(-EPERM, attach(self->fd, &self->cmd, self->edu.name));
	snprintf(text, sizeof(text), "pci/none,%s,x", self->edu.name);
	ASSERT_EQ(0, write_text(list, text));
	EXPECT_EQ(0, attach(self->fd, &self->cmd, self->edu.name));
	ASSERT_EQ(0, detach(self->fd));
	snprintf(text, sizeof(text), "%.*s*", (int)strlen(self->edu.name) - 1,
		 self->edu.name);
	ASSERT_EQ(0, write_text(list, text));
	EXPECT_EQ(0, attach(self->fd, &self->cmd, self->edu.name));
	EXPECT_FALSE(self->cmd.out_features & CONTIG_DEVICE_CONFINED);
	ASSERT_EQ(0, detach(self->fd));
	/* Without an IOMMU the list is not sufficient. */
	ASSERT_EQ(0, write_text(CONTIG_PARAMETERS "/allow_unconfined", "N"));
	if (!(self->cmd.out_features & CONTIG_DEVICE_IOMMU))
		EXPECT_EQ(-EACCES, attach(self->fd, &self->cmd,
					  self->edu.name));
	ASSERT_EQ(0, write_text(list, "\n"));
}

/* An entry can name the user that may attach the device. */
TEST_F(device, is_for_the_users_that_the_list_names)
{
	static const struct {
		const char *format;
		int by_1000;
		int by_1001;
	} lists[] = {
		{ "%s@1000", 0, -EPERM },
		{ "%s@1001", -EPERM, 0 },
		{ "%s@1000,%s@1001", 0, 0 },
		{ "%s@1001,%s", 0, 0 },
		{ "%s@", -EPERM, -EPERM },
		{ "%s@1000x", -EPERM, -EPERM },
		{ "%s@x1000", -EPERM, -EPERM },
		{ "%s@1000@1001", -EPERM, -EPERM },
		{ "%s@-1", -EPERM, -EPERM },
		{ "%s@4294967295", -EPERM, -EPERM },
		{ "%s@4294968296", -EPERM, -EPERM },	/* 2^32 + 1000 */
		{ "%s@18446744073709552616", -EPERM, -EPERM },
		{ "@1000", -EPERM, -EPERM },
		{ "*@1000", 0, -EPERM },
	};
	unsigned int i, uid;

	ASSERT_EQ(0, write_text(CONTIG_PARAMETERS "/allow_unconfined", "Y"));
	for (i = 0; i < ARRAY_SIZE(lists); i++) {
		char text[256];

		snprintf(text, sizeof(text), lists[i].format, self->edu.name,
			 self->edu.name);
		ASSERT_EQ(0, write_text(CONTIG_PARAMETERS "/devices", text));
		for (uid = 1000; uid <= 1001; uid++) {
			struct contig_device cmd = {};
			pid_t pid = fork();

			if (!pid)
				_exit(drop_to_user(uid) ? 255 :
				      -attach(self->fd, &cmd, self->edu.name));
			EXPECT_EQ(uid == 1000 ? lists[i].by_1000 :
						lists[i].by_1001,
				  -child_wait(pid))
				TH_LOG("uid %u, list %s", uid, text);
			detach(self->fd);
		}
	}
	ASSERT_EQ(0, write_text(CONTIG_PARAMETERS "/allow_unconfined", "N"));
	ASSERT_EQ(0, write_text(CONTIG_PARAMETERS "/devices", "\n"));
}

/*
 * The limits of one user must not block another user: the list may have changed
 * since the device was attached.
 */
TEST_F(device, is_not_taken_from_who_has_it)
{
	struct contig_device cmd = {
		.address_bits = __builtin_ctzl(page_size),
	};
	int other = client_open(), ret;
	char text[64];
	pid_t pid;

	ASSERT_EQ(0, write_text(CONTIG_PARAMETERS "/allow_unconfined", "Y"));
	snprintf(text, sizeof(text), "%s@1000", self->edu.name);
	ASSERT_EQ(0, write_text(CONTIG_PARAMETERS "/devices", text));
	pid = fork();
	if (!pid)
		_exit(drop_to_user(1001) ? 255 :
		      -attach(other, &cmd, self->edu.name));
	EXPECT_EQ(EPERM, child_wait(pid));
	pid = fork();
	if (!pid)
		_exit(drop_to_user(1000) ? 255 :
		      -attach(self->fd, &self->cmd, self->edu.name));
	ASSERT_EQ(0, child_wait(pid));
	snprintf(text, sizeof(text), "%s@1001", self->edu.name);
	ASSERT_EQ(0, write_text(CONTIG_PARAMETERS "/devices", text));
	cmd.address_bits = 0;
	pid = fork();
	if (!pid)
		_exit(drop_to_user(1001) ? 255 :
		      -attach(other, &cmd, self->edu.name));
	EXPECT_EQ(EBUSY, child_wait(pid));
	ret = attach(other, &cmd, self->edu.name);
	EXPECT_EQ(-EBUSY, ret);
	ASSERT_EQ(0, detach(self->fd));
	EXPECT_EQ(0, attach(other, &cmd, self->edu.name));
	close(other);
	ASSERT_EQ(0, write_text(CONTIG_PARAMETERS "/allow_unconfined", "N"));
	ASSERT_EQ(0, write_text(CONTIG_PARAMETERS "/devices", "\n"));
}

/* A driver that sets the limits of its device is not overridden. */
TEST_F(device, of_a_real_driver_keeps_its_limits)
{
	const char *list = CONTIG_PARAMETERS "/stub_drivers";
	char *before = read_text(list);
	struct contig_device cmd;

	ASSERT_NE(NULL, before);
	ASSERT_EQ(0, write_text(list, "some_driver,uio_pdrv*"));
	self->cmd.address_bits = edu_bits();
	EXPECT_EQ(-EBUSY, attach(self->fd, &self->cmd, self->edu.name));
	self->cmd.address_bits = 0;
	self->cmd.max_segment = MIB(1);
	EXPECT_EQ(-EBUSY, attach(self->fd, &self->cmd, self->edu.name));
	self->cmd.max_segment = 0;
	self->cmd.boundary = MIB(1);
	EXPECT_EQ(-EBUSY, attach(self->fd, &self->cmd, self->edu.name));
	self->cmd.boundary = 0;
	EXPECT_EQ(0, attach(self->fd, &self->cmd, self->edu.name));
	ASSERT_EQ(0, query(self->fd, &cmd));
	ASSERT_EQ(0, write_text(list, before));
	free(before);
}

/*
 * Where segments end at boundaries, an IOMMU must not map the memory beside
 * them.
 */
TEST_F(device, sees_no_holes_at_boundaries)
{
	struct contig_extent extents[PAGES];
	int fd, n;

	self->cmd.boundary = pages(4);
	ASSERT_EQ(0, attach(self->fd, &self->cmd, self->edu.name));
	fd = buffer_get(self->fd, pages(PAGES + 1), CONTIG_RUNGS_CONTIGUOUS);
	ASSERT_LE(0, fd);
	test_lock_buffer(self->fd, fd, pages(1), pages(PAGES), 0);
	n = get_dma(self->fd, fd, pages(1), pages(PAGES), extents, PAGES);
	EXPECT_EQ(1, n);
	EXPECT_EQ(pages(PAGES), extents[0].length);
	close(fd);
}

TEST_F(device, stays_while_something_is_locked)
{
	char *memory = anon_map(pages(2));
	int fd = buffer_alloc(self->fd, pages(1), 0, 0);

	ASSERT_NE(NULL, memory);
	ASSERT_LE(0, fd);
	test_lock(self->fd, memory, pages(2), 0);
	EXPECT_EQ(-EBUSY, attach(self->fd, &self->cmd, self->edu.name));
	test_unlock(self->fd, memory, pages(2));
	ASSERT_EQ(0, attach(self->fd, &self->cmd, self->edu.name));
	test_lock_buffer(self->fd, fd, 0, pages(1), 0);
	EXPECT_EQ(-EBUSY, detach(self->fd));
	test_unlock_buffer(self->fd, fd, 0, pages(1));
	EXPECT_EQ(0, detach(self->fd));
	close(fd);
}

TEST_F(device, is_needed_for_dma_addresses)
{
	struct contig_extent extents[PAGES];
	char *memory = anon_map(pages(PAGES));

	ASSERT_NE(NULL, memory);
	test_lock(self->fd, memory, pages(PAGES), 0);
	EXPECT_EQ(-EUNATCH, get_dma(self->fd, -1, to_addr(memory),
				    pages(PAGES), extents, PAGES));
	EXPECT_EQ(-EUNATCH, _test_cmd_lock(self->fd, memory, pages(PAGES),
					   CONTIG_LOCK_DEVICE_CONTIGUOUS));
}

/*
 * A device writes to memory that no process has ever mapped. The next owner
 * must not see the data.
 */
TEST_F(device, writes_what_the_next_owner_does_not_see)
{
	struct contig_alloc alloc = alloc_request(MIB(4), CONTIG_RUNGS_RESERVE);
	struct contig_extent from, to;
	struct contig_extent *extents;
	int round, plain = client_open();
	char *memory, *map;
	size_t length;

	need_reserve(self->fd, MIB(4));
	self->cmd.address_bits = edu_bits();
	ASSERT_EQ(0, attach(self->fd, &self->cmd, self->edu.name));
	if (!(self->cmd.out_features & CONTIG_DEVICE_IOMMU) &&
	    _test_cmd_alloc(self->fd, &alloc))
		SKIP(return, "the reserve lies where the device cannot reach it");
	if (alloc.out_fd < 0)
		test_alloc(self->fd, &alloc);
	memory = own_memory(self->fd, pages(1));
	ASSERT_NE(NULL, memory);
	ASSERT_EQ(1, get_dma(self->fd, -1, to_addr(memory), pages(1), &from, 1));
	fill_pattern(memory, pages(1), 6);
	ASSERT_EQ(0, edu_transfer(&self->edu, from.addr, false));

	/* Lock all of it first, then only one page. */
	for (round = 0; round < 2; round++) {
		length = round ? pages(1) : MIB(4);
		test_lock_buffer(self->fd, alloc.out_fd, 0, length, 0);
		ASSERT_EQ(1, translate_all(self->fd, alloc.out_fd, 0, pages(1),
					   0, &extents));
		ASSERT_EQ(1, get_dma(self->fd, alloc.out_fd, 0, pages(1), &to,
				     1));
		ASSERT_EQ(0, edu_transfer(&self->edu, to.addr, true));
		test_unlock_buffer(self->fd, alloc.out_fd, 0, length);
		close(alloc.out_fd);

		/*
		 * Allocate the same memory twice more, and check what its owner
		 * sees.
		 */
		alloc = alloc_request(MIB(4), CONTIG_RUNGS_RESERVE);
		alloc.constraints.lowest = extents[0].addr;
		alloc.constraints.highest = extents[0].addr + MIB(4) - 1;
		free(extents);
		test_alloc(plain, &alloc);
		map = buffer_map(alloc.out_fd, MIB(4));
		ASSERT_NE(NULL, map);
		EXPECT_TRUE(is_zero(map, MIB(4)));
		munmap(map, MIB(4));
		close(alloc.out_fd);
		test_alloc(plain, &alloc);
	}
	close(alloc.out_fd);
	close(plain);
}

/* Memory that the device could never reach is neither allocated nor mapped. */
TEST_F(device, reaches_nothing_above_its_bits)
{
	uint64_t top = 1ull << edu_bits();
	struct contig_extent *extents;
	struct contig_alloc alloc;
	uint32_t rung;
	int64_t n, i;
	int plain = client_open();
	struct contig_info info;
	bool iommu;

	self->cmd.address_bits = edu_bits();
	ASSERT_EQ(0, attach(self->fd, &self->cmd, self->edu.name));
	iommu = self->cmd.out_features & CONTIG_DEVICE_IOMMU;
	for (rung = CONTIG_RUNG_COHERENT; rung < CONTIG_RUNG_MAX; rung++) {
		alloc = alloc_request(pages(4), 1u << rung);
		test_alloc(self->fd, &alloc) {
			TH_LOG("%s", rung_name(rung));
		}
		test_lock_buffer(self->fd, alloc.out_fd, 0, pages(4), 0);
		n = translate_all(self->fd, alloc.out_fd, 0, pages(4), 0,
				  &extents);
		EXPECT_LT(0, n);
		for (i = 0; i < n && !iommu; i++)
			EXPECT_GE(top, extents[i].addr + extents[i].length)
				TH_LOG("%s", rung_name(rung));
		if (n > 0)
			free(extents);
		test_unlock_buffer(self->fd, alloc.out_fd, 0, pages(4));
		close(alloc.out_fd);
	}

	/*
	 * Memory of another client above the limit can be mapped only by an
	 * IOMMU.
	 */
	test_info(plain, &info);
	if (info.out_ram_top < top + MIB(64))
		return;
	alloc = alloc_request(pages(4), CONTIG_RUNGS_RANGE);
	alloc.constraints.lowest = top;
	test_alloc(plain, &alloc);
	EXPECT_EQ(iommu ? 0 : -EADDRNOTAVAIL,
		  _test_cmd_lock_buffer(self->fd, alloc.out_fd, 0, pages(4), 0));
	close(alloc.out_fd);
	close(plain);
}

TEST_HARNESS_MAIN
