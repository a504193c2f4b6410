// SPDX-License-Identifier: GPL-2.0-only
/*
 * What all commands of /dev/contig have in common: the number, the pointer, the
 * size, the flags and the reserved members.
 */
#include <stddef.h>

#include "kselftest_harness.h"
#include "commands.h"

FIXTURE_SETUP(command) {
	int i;

	setup_client(self->fd);
	if (variant->nr == CONTIG_DEVICE || variant->nr == CONTIG_SYNC) {
		if (edu_find(&self->edu))
			SKIP(return, "no device: run QEMU with -device edu");
		ASSERT_EQ(0, edu_setup(&self->edu));
	}
	self->memory = anon_map(pages(SMALL_PAGES));
	ASSERT_NE(NULL, self->memory);
	self->buffer = buffer_get(self->fd, page_size, 0);
	ASSERT_LE(0, self->buffer);

	/* A client that has memory locked cannot change its device. */
	if (variant->nr == CONTIG_DEVICE)
		return;
	if (variant->nr == CONTIG_SYNC) {
		struct contig_device cmd = { .size = sizeof(cmd) };

		strcpy(cmd.name, self->edu.name);
		ASSERT_EQ(0, contig_ioctl(self->fd, CONTIG_DEVICE, &cmd));
	}
	/* Commands that undo holds and locks must find enough of them. */
	for (i = 0; i < 8; i++) {
		test_hold(self->fd, self->memory, page_size, NULL);
		test_lock(self->fd, self->memory, page_size, 0);
		test_lock_buffer(self->fd, self->buffer, 0, page_size, 0);
	}
}

FIXTURE_TEARDOWN(command) {
	edu_disable(&self->edu);
	request_end(self);
	close(self->buffer);
	close(self->fd);
}

TEST_F(command, exact_size)
{
	good(self, variant);
	EXPECT_EQ(0, issue(self, variant));
}

TEST_F(command, short_size)
{
	uint32_t size;

	/* A program built with older headers has fewer members. */
	for (size = 0; size < variant->size; size++) {
		good(self, variant);
		self->cmd.size = size;
		EXPECT_EQ(size < variant->first ? -EINVAL : 0,
			  issue(self, variant))
			TH_LOG("size %u", size);
	}
}

TEST_F(command, longer_with_zeros)
{
	size_t longer[] = { 1, 4, 8, 100, MAX_STRUCT - variant->size };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(longer); i++) {
		good(self, variant);
		self->cmd.size += longer[i];
		EXPECT_EQ(0, issue(self, variant))
			TH_LOG("%zu bytes more", longer[i]);
	}
}

TEST_F(command, longer_with_something)
{
	size_t longer[] = { 1, 4, 8, 100, MAX_STRUCT - variant->size };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(longer); i++) {
		good(self, variant);
		self->cmd.size += longer[i];
		self->cmd.bytes[self->cmd.size - 1] = 1;
		EXPECT_EQ(-E2BIG, issue(self, variant))
			TH_LOG("%zu bytes more", longer[i]);
		good(self, variant);
		self->cmd.size += longer[i];
		self->cmd.bytes[variant->size] = 0x80;
		EXPECT_EQ(-E2BIG, issue(self, variant))
			TH_LOG("%zu bytes more", longer[i]);
	}
}

TEST_F(command, enormous_size)
{
	size_t length = pages(4);
	char *end = anon_map(length);
	union any *cmd;

	ASSERT_NE(NULL, end);
	ASSERT_EQ(0, munmap(end + length - page_size, page_size));
	cmd = (void *)end;
	good(self, variant);
	memcpy(cmd, &self->cmd, variant->size);
	/*
	 * A program must not be able to make the kernel read gigabytes of
	 * zeros.
	 */
	cmd->size = UINT32_MAX;
	EXPECT_EQ(-E2BIG, issue_at(self, variant, cmd));
	cmd->size = 1u << 31;
	EXPECT_EQ(-E2BIG, issue_at(self, variant, cmd));
	cmd->size = page_size + 8;
	EXPECT_EQ(-E2BIG, issue_at(self, variant, cmd));
	cmd->size = page_size;
	EXPECT_EQ(0, issue_at(self, variant, cmd));
	/* The size exceeds the mapped memory. */
	cmd = (void *)(end + length - page_size - variant->size);
	memcpy(cmd, &self->cmd, variant->size);
	cmd->size = variant->size + 8;
	EXPECT_EQ(-EFAULT, issue_at(self, variant, cmd));
}

TEST_F(command, unknown_flags)
{
	uint32_t bit;

	for (bit = 0; bit < 32; bit++) {
		if (variant->flags & 1u << bit)
			continue;
		good(self, variant);
		self->cmd.flags = 1u << bit;
		EXPECT_EQ(-EOPNOTSUPP, issue(self, variant))
			TH_LOG("flag %#x", 1u << bit);
		good(self, variant);
		self->cmd.flags = variant->flags | 1u << bit;
		EXPECT_EQ(-EOPNOTSUPP, issue(self, variant))
			TH_LOG("flag %#x among others", 1u << bit);
	}
}

/* Return what a single flag must lead to, in a client without a device. */
static int answer_to(unsigned int nr, uint32_t flag)
{
	const uint32_t ways = CONTIG_IO_INPUT | CONTIG_IO_OUTPUT;

	/* The reserve has no block whose contents were kept. */
	if (nr == CONTIG_ALLOC && flag == CONTIG_ALLOC_KEEP_CONTENTS)
		return -ENOMEM;
	/* These flags are invalid alone. */
	if ((nr == CONTIG_CHECKPOINT && flag & ways) ||
	    (nr == CONTIG_SYNC && flag != CONTIG_RANGE_BUFFER))
		return -EINVAL;
	/* Without an eventfd: 0 is a terminal, or nothing. */
	if (nr == CONTIG_DEFER)
		return -EBADFD;
	if (nr == CONTIG_PREPARE)
		return flag & (CONTIG_IO_BOUNCE | CONTIG_GET_DMA) ? -EUNATCH :
								    0;
	if ((nr == CONTIG_LOCK && flag == CONTIG_LOCK_DEVICE_CONTIGUOUS) ||
	    (nr == CONTIG_GET_PHYSICAL && flag == CONTIG_GET_DMA) ||
	    nr == CONTIG_DEVICE)
		return -EUNATCH;
	return 0;
}

TEST_F(command, known_flags)
{
	uint32_t bit;

	for (bit = 0; bit < 32; bit++) {
		if (!(variant->flags & 1u << bit))
			continue;
		if (variant->nr != CONTIG_ALLOC &&
		    variant->nr != CONTIG_PROBE &&
		    variant->nr != CONTIG_DEVICE &&
		    variant->nr != CONTIG_DEFER &&
		    variant->nr != CONTIG_COLLECT &&
		    1u << bit == CONTIG_RANGE_BUFFER) {
			good_buffer(self, variant);
		} else {
			good(self, variant);
			self->cmd.flags = 1u << bit;
		}
		EXPECT_EQ(answer_to(variant->nr, 1u << bit),
			  issue(self, variant))
			TH_LOG("flag %#x", 1u << bit);
	}
}

TEST_F(command, reserved_members)
{
	uint32_t *reserved;

	good(self, variant);
	switch (variant->nr) {
	case CONTIG_ALLOC:
		reserved = &self->cmd.alloc.constraints.reserved;
		break;
	case CONTIG_PROBE:
		reserved = &self->cmd.probe.constraints.reserved;
		break;
	case CONTIG_UNHOLD:
		reserved = &self->cmd.unhold.reserved;
		break;
	case CONTIG_LOCK:
	case CONTIG_UNLOCK:
		reserved = &self->cmd.lock.reserved;
		break;
	case CONTIG_DEVICE:
		reserved = &self->cmd.device.reserved;
		break;
	case CONTIG_CHECKPOINT:
		reserved = &self->cmd.checkpoint.reserved;
		break;
	case CONTIG_SYNC:
		reserved = &self->cmd.sync.reserved;
		break;
	case CONTIG_DEFER:
		reserved = &self->cmd.defer.reserved;
		break;
	default:
		return;		/* has none */
	}
	*reserved = 1;
	EXPECT_EQ(-EOPNOTSUPP, issue(self, variant));
	*reserved = 1u << 31;
	EXPECT_EQ(-EOPNOTSUPP, issue(self, variant));
	*reserved = 0;
	EXPECT_EQ(0, issue(self, variant));
}

TEST_F(command, out_members_are_ignored)
{
	good(self, variant);
	switch (variant->nr) {
	case CONTIG_INFO:
		memset(&self->cmd.info.out_abi_version, 0xa5, variant->size -
		       offsetof(struct contig_info, out_abi_version));
		break;
	case CONTIG_ALLOC:
		memset(&self->cmd.alloc.out_fd, 0xa5, variant->size -
		       offsetof(struct contig_alloc, out_fd));
		break;
	case CONTIG_PROBE:
		memset(&self->cmd.probe.out_rung, 0xa5, variant->size -
		       offsetof(struct contig_probe, out_rung));
		break;
	case CONTIG_HOLD:
		self->cmd.hold.out_unlocked = ~0ull;
		break;
	case CONTIG_DEVICE:
		memset(self->cmd.device.out_name, 0xa5, variant->size -
		       offsetof(struct contig_device, out_name));
		break;
	case CONTIG_DEFER:
		self->cmd.defer.out_fd = ~0;
		memset(&self->cmd.defer.alloc.out_fd, 0xa5, sizeof(struct contig_alloc) -
		       offsetof(struct contig_alloc, out_fd));
		break;
	case CONTIG_COLLECT:
		self->cmd.collect.out_tries = ~0u;
		memset(&self->cmd.collect.alloc, 0xa5, sizeof(struct contig_alloc));
		break;
	case CONTIG_PREPARE:
		self->cmd.prepare.out_id = ~0u;
		self->cmd.prepare.out_length = ~0ull;
		self->cmd.prepare.out_done = ~0u;
		self->cmd.prepare.out_bounced = ~0u;
		break;
	default:
		return;		/* has none */
	}
	EXPECT_EQ(0, issue(self, variant));
}

TEST_F(command, bad_pointer)
{
	char *guarded = anon_map(pages(2));
	char *read_only = anon_map(page_size);
	union any *cmd;
	int ret;

	ASSERT_NE(NULL, guarded);
	ASSERT_NE(NULL, read_only);
	ASSERT_EQ(0, munmap(guarded + page_size, page_size));

	EXPECT_EQ(-EFAULT, issue_at(self, variant, NULL));
	EXPECT_EQ(-EFAULT, issue_at(self, variant, (void *)1));
	EXPECT_EQ(-EFAULT, issue_at(self, variant, (void *)-16L));
	EXPECT_EQ(-EFAULT,
		  issue_at(self, variant, (void *)(guarded + page_size)));

	/* The size can be read, the other members cannot. */
	cmd = (void *)(guarded + page_size - sizeof(uint32_t));
	cmd->size = variant->size;
	EXPECT_EQ(-EFAULT, issue_at(self, variant, cmd));

	/* The last byte cannot be read. */
	good(self, variant);
	cmd = (void *)(guarded + page_size - variant->size + 1);
	memcpy(cmd, &self->cmd, variant->size - 1);
	EXPECT_EQ(-EFAULT, issue_at(self, variant, cmd));

	/* All can be read, but the answer cannot be written. */
	memcpy(read_only, &self->cmd, variant->size);
	ASSERT_EQ(0, mprotect(read_only, page_size, PROT_READ));
	ret = issue_at(self, variant, (void *)read_only);
	EXPECT_EQ(has_answer(variant->nr) ? -EFAULT : 0, ret);
}

TEST_F(command, answer_that_cannot_be_written_changes_nothing)
{
	struct contig_run now, then;
	struct snapshot before;
	char *read_only = anon_map(page_size);

	if (!has_answer(variant->nr))
		return;
	ASSERT_NE(NULL, read_only);
	good(self, variant);
	memcpy(read_only, &self->cmd, variant->size);
	ASSERT_EQ(0, mprotect(read_only, page_size, PROT_READ));
	then = page_state(self->fd, self->memory);
	snapshot_take(&before, self->fd);
	EXPECT_EQ(-EFAULT, issue_at(self, variant, (void *)read_only));
	EXPECT_TRUE(snapshot_is_same(&before, self->fd));
	now = page_state(self->fd, self->memory);
	EXPECT_EQ(then.locks, now.locks);
	EXPECT_EQ(then.holds, now.holds);
}

FIXTURE(device) {
	int fd;
};

FIXTURE_SETUP(device) {
	setup_client(self->fd);
}

FIXTURE_TEARDOWN(device) {
	close(self->fd);
}

TEST_F(device, unknown_commands)
{
	union any cmd = { .size = sizeof(cmd) };
	unsigned int nr;

	for (nr = CONTIG_CMD_COLLECT + 1; nr < 256; nr++)
		EXPECT_EQ(-ENOTTY, contig_ioctl(self->fd,
						_IO(CONTIG_IOCTL_TYPE, nr),
						&cmd))
			TH_LOG("command %#x", nr);
	for (nr = 0; nr <= CONTIG_CMD_COLLECT; nr++) {
		EXPECT_EQ(-ENOTTY, contig_ioctl(self->fd,
						_IO(CONTIG_IOCTL_TYPE + 1, nr),
						&cmd));
		/*
		 * The command numbers encode no size: one that does is unknown.
		 */
		EXPECT_EQ(-ENOTTY,
			  contig_ioctl(self->fd, _IOWR(CONTIG_IOCTL_TYPE, nr,
						       struct contig_info),
				       &cmd));
	}
}

TEST_F(device, numbers_are_those_of_the_abi)
{
	EXPECT_EQ(0xbc00, CONTIG_INFO);
	EXPECT_EQ(0xbc01, CONTIG_ALLOC);
	EXPECT_EQ(0xbc02, CONTIG_PROBE);
	EXPECT_EQ(0xbc03, CONTIG_HOLD);
	EXPECT_EQ(0xbc04, CONTIG_UNHOLD);
	EXPECT_EQ(0xbc05, CONTIG_LOCK);
	EXPECT_EQ(0xbc06, CONTIG_UNLOCK);
	EXPECT_EQ(0xbc07, CONTIG_GET_PHYSICAL);
	EXPECT_EQ(0xbc08, CONTIG_GET_STATE);
	EXPECT_EQ(0xbc09, CONTIG_DEVICE);
	EXPECT_EQ(0xbc0a, CONTIG_PREPARE);
	EXPECT_EQ(0xbc0b, CONTIG_CHECKPOINT);
	EXPECT_EQ(0xbc0c, CONTIG_SYNC);
}

TEST_F(device, info_tells_the_truth)
{
	struct contig_info info;
	long total = meminfo_kib("MemTotal");

	test_info(self->fd, &info);
	EXPECT_EQ(sizeof(info), info.size);
	EXPECT_EQ(CONTIG_ABI_VERSION, info.out_abi_version);
	EXPECT_EQ(page_size, info.out_page_size);
	EXPECT_EQ((uint64_t)total << 10, info.out_ram_bytes);
	EXPECT_LT(info.out_ram_bytes, info.out_ram_top + 1);
	EXPECT_EQ(0, (info.out_ram_top + 1) & (page_size - 1));
	EXPECT_LE(page_size, info.out_max_order_bytes);
	EXPECT_GE(MIB(64), info.out_max_order_bytes);
	EXPECT_LE(info.out_reserve_free, info.out_reserve_bytes);
	EXPECT_LE(info.out_reserve_largest, info.out_reserve_free);
	EXPECT_EQ(0, info.out_features &
		     ~(uint64_t)(CONTIG_FEATURE_RANGE | CONTIG_FEATURE_CMA |
				 CONTIG_FEATURE_OUTPUT_READ_ONLY |
				 CONTIG_FEATURE_MEMORY_ENCRYPTED |
				 CONTIG_FEATURE_PHYSICAL_ALLOWED));
	EXPECT_NE(0, info.out_quota_bytes);
}

TEST_F(device, no_other_file_operation_works)
{
	char byte = 0;

	EXPECT_EQ(-1, read(self->fd, &byte, 1));
	EXPECT_EQ(-1, write(self->fd, &byte, 1));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, page_size, PROT_READ, MAP_SHARED,
				   self->fd, 0));
}

TEST_F(device, close_on_exec_and_access_mode_of_a_buffer)
{
	int fd = buffer_get(self->fd, page_size, 0);

	ASSERT_LE(0, fd);
	EXPECT_EQ(FD_CLOEXEC, fcntl(fd, F_GETFD));
	EXPECT_EQ(O_RDWR, fcntl(fd, F_GETFL) & O_ACCMODE);
	close(fd);
}

TEST_HARNESS_MAIN
