// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dma-bufs of other exporters, locked for a device. Their addresses are checked
 * by the device's own DMA, if it reaches them, and by pagemap.
 */
#include <linux/dma-buf.h>
#include <pthread.h>
#include <sys/resource.h>

#include "kselftest_harness.h"
#include "contig_device_utils.h"
#include "edu.h"
#include "export_utils.h"

#define PAGES EXPORT_PAGES
#define BUFINFO "/sys/kernel/debug/dma_buf/bufinfo"

static int buffer_sync(int fd, uint64_t flags)
{
	struct dma_buf_sync sync = { .flags = flags | DMA_BUF_SYNC_RW };

	return ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync) ? -errno : 0;
}

FIXTURE(foreign) {
	int fd;
	int buffer;
	size_t length;
	char *map;
	bool iommu;
	struct edu edu;
	struct contig_device cmd;
	struct contig_extent extents[2 * PAGES];
};

FIXTURE_VARIANT(foreign) {
	int (*export)(int flags);
	bool always_writable;
};

FIXTURE_VARIANT_ADD(foreign, udmabuf) {
	.export = export_udmabuf, .always_writable = true };
FIXTURE_VARIANT_ADD(foreign, heap) { .export = export_heap };
FIXTURE_VARIANT_ADD(foreign, drm) { .export = export_drm };
FIXTURE_VARIANT_ADD(foreign, video) { .export = export_video };

/*
 * Without an IOMMU the memory can lie anywhere, so state that the device
 * reaches it, although edu does not.
 */
static int attach_edu(FIXTURE_DATA(foreign) *self)
{
	int ret;

	self->cmd = (struct contig_device) {
		.address_bits = edu_bits(),
		/* Exporters ignore shorter segments. */
		.max_segment = MIB(1),
	};
	ret = attach(self->fd, &self->cmd, self->edu.name);
	self->iommu = self->cmd.out_features & CONTIG_DEVICE_IOMMU;
	if (ret || self->iommu)
		return ret;
	self->cmd.address_bits = 64;
	return detach(self->fd) ?: attach(self->fd, &self->cmd, self->edu.name);
}

FIXTURE_SETUP(foreign) {
	setup_client(self->fd);
	self->buffer = -1;
	if (edu_find(&self->edu))
		SKIP(return, "no device: run QEMU with -device edu");
	ASSERT_EQ(0, edu_setup(&self->edu));
	self->buffer = variant->export(O_RDWR);
	if (self->buffer == -ENOENT)
		SKIP(return, "this kernel or machine has no such exporter");
	ASSERT_LE(0, self->buffer);
	self->length = lseek(self->buffer, 0, SEEK_END);
	ASSERT_LE(pages(PAGES), self->length);
	ASSERT_GE(sizeof(self->extents) / sizeof(self->extents[0]),
		  self->length / page_size);
	self->map = buffer_map(self->buffer, self->length);
	ASSERT_NE(NULL, self->map);
	ASSERT_EQ(0, buffer_sync(self->buffer, DMA_BUF_SYNC_START));
	fill_pattern(self->map, self->length, 1);
	ASSERT_EQ(0, buffer_sync(self->buffer, DMA_BUF_SYNC_END));
	ASSERT_EQ(0, attach_edu(self));
}

FIXTURE_TEARDOWN(foreign) {
	edu_disable(&self->edu);
	if (self->map)
		munmap(self->map, self->length);
	close(self->buffer);
	close(self->fd);
}

/*
 * Return true if the page is at this address, according to pagemap; or, for
 * mappings that pagemap does not show, if the same contents lie there. If the
 * kernel shows no contents either, only the device's own DMA can tell.
 */
static bool lies_at(const char *page, uint64_t addr)
{
	uint64_t pfn = pfn_of(page);
	char copy[page_size];

	if (pfn)
		return pfn * page_size == addr;
	return kcore_lacks(addr) || (kcore_read(addr, copy, page_size) &&
				     !memcmp(copy, page, page_size));
}

/* Return true if the kernel lists a dma-buf that is attached to the device. */
static bool is_attached(const struct edu *edu)
{
	char *text = read_text(BUFINFO), line[32];
	bool found;

	snprintf(line, sizeof(line), "\t%s\n", edu->slot);
	found = text && strstr(text, line);
	free(text);
	return found;
}

static int all_dma(FIXTURE_DATA(foreign) *self)
{
	return get_dma(self->fd, self->buffer, 0, self->length, self->extents,
		       2 * PAGES);
}

/* Check that all of the buffer lies at the addresses for the device. */
static void expect_true_dma(struct __test_metadata *_metadata,
			    FIXTURE_DATA(foreign) *self, int n)
{
	const size_t last = self->length - page_size;
	uint64_t from = dma_at(self->extents, n, 0);
	uint64_t to = dma_at(self->extents, n, last);
	size_t at;

	EXPECT_NE(0, dma_at(self->extents, n, self->length - 1));
	EXPECT_EQ(0, dma_at(self->extents, n, self->length));
	for (at = 0; at < self->length && !self->iommu; at += page_size)
		EXPECT_TRUE(lies_at(self->map + at,
				    dma_at(self->extents, n, at)));
	if ((from | to) >> edu_bits())
		return;
	ASSERT_EQ(0, edu_transfer(&self->edu, from, false));
	ASSERT_EQ(0, edu_transfer(&self->edu, to, true));
	ASSERT_EQ(0, buffer_sync(self->buffer, DMA_BUF_SYNC_START));
	EXPECT_EQ(0, memcmp(self->map, self->map + last, EDU_CHUNK));
	EXPECT_NE(0, memcmp(self->map + EDU_CHUNK, self->map + last + EDU_CHUNK,
			    EDU_CHUNK));
	ASSERT_EQ(0, buffer_sync(self->buffer, DMA_BUF_SYNC_END));
}

TEST_F(foreign, is_where_the_device_is_told)
{
	int n;

	EXPECT_EQ(-ENOLCK, all_dma(self));
	EXPECT_FALSE(is_attached(&self->edu));
	test_lock_buffer(self->fd, self->buffer, 0, self->length, 0);
	EXPECT_TRUE(is_attached(&self->edu));
	n = all_dma(self);
	ASSERT_LT(0, n);
	EXPECT_EQ(n, get_dma(self->fd, self->buffer, 0, self->length, NULL, 0));
	expect_true_dma(_metadata, self, n);
	/* A part of it, to the byte. */
	ASSERT_EQ(1, get_dma(self->fd, self->buffer, page_size + 5, 7,
			     &self->extents[n], 1));
	EXPECT_EQ(dma_at(self->extents, n, page_size + 5),
		  self->extents[n].addr);
	EXPECT_EQ(7, self->extents[n].length);
	test_unlock_buffer(self->fd, self->buffer, 0, self->length);
	EXPECT_FALSE(is_attached(&self->edu));
	EXPECT_EQ(-ENOLCK, all_dma(self));
}

/* Physical addresses need the right to see them, as in all commands. */
TEST_F(foreign, is_system_memory)
{
	struct contig_extent *extents;
	size_t at;
	int64_t n;

	test_lock_buffer(self->fd, self->buffer, 0, self->length, 0);
	n = translate_all(self->fd, self->buffer, 0, self->length, 0, &extents);
	ASSERT_LT(0, n);
	for (at = 0; at < self->length; at += page_size)
		EXPECT_TRUE(lies_at(self->map + at, dma_at(extents, n, at)));
	EXPECT_EQ(n, _test_cmd_count_buffer(self->fd, self->buffer, 0,
					    self->length));
	EXPECT_EQ(n == 1 ? 0 : -EILSEQ,
		  _test_cmd_lock_buffer(self->fd, self->buffer, 0, self->length,
					CONTIG_LOCK_CONTIGUOUS));
	free(extents);
	ASSERT_EQ(0, drop_cap(CAP_SYS_RAWIO_NR));
	EXPECT_EQ(-EPERM, translate_all(self->fd, self->buffer, 0, page_size, 1,
					&extents));
	EXPECT_EQ(-EPERM, _test_cmd_count_buffer(self->fd, self->buffer, 0,
						 self->length));
	test_err_lock_buffer(EPERM, self->fd, self->buffer, 0, self->length,
			     CONTIG_LOCK_CONTIGUOUS);
	EXPECT_LT(0, all_dma(self));
}

static int prepare(FIXTURE_DATA(foreign) *self, int client, uint32_t flags,
		   uint64_t *addrs, uint32_t *id)
{
	struct contig_span span = { 0, self->length };
	struct contig_prepare cmd = {
		.size = sizeof(cmd),
		.flags = CONTIG_RANGE_BUFFER | flags,
		.ranges = to_addr(&span),
		.range_count = 1,
		.fd = self->buffer,
		.addrs = to_addr(addrs),
		.count = self->length / page_size,
	};
	int ret = contig_ioctl(client, CONTIG_PREPARE, &cmd);

	*id = cmd.out_id;
	return ret ?: cmd.out_bounced ? -EIO : (int)cmd.count;
}

/* The descriptor can be closed before CHECKPOINT. */
TEST_F(foreign, is_prepared)
{
	int count = self->length / page_size, n, i;
	uint64_t dma[2 * PAGES], physical[2 * PAGES];
	uint32_t id, other;

	ASSERT_EQ(count, prepare(self, self->fd, CONTIG_GET_DMA |
				 CONTIG_IO_INPUT | CONTIG_IO_OUTPUT, dma, &id));
	ASSERT_EQ(count, prepare(self, self->fd, CONTIG_IO_OUTPUT, physical,
				 &other));
	n = all_dma(self);
	ASSERT_LT(0, n);
	for (i = 0; i < count; i++) {
		EXPECT_EQ(dma_at(self->extents, n, pages(i)), dma[i]);
		EXPECT_TRUE(lies_at(self->map + pages(i), physical[i]));
	}
	expect_true_dma(_metadata, self, n);
	EXPECT_EQ(0, checkpoint(self->fd, other, 0));
	EXPECT_EQ(0, checkpoint(self->fd, id, CONTIG_IO_MORE | CONTIG_IO_INPUT));
	close(self->buffer);
	self->buffer = -1;
	EXPECT_TRUE(is_attached(&self->edu));
	EXPECT_EQ(0, checkpoint(self->fd, id, 0));
	EXPECT_FALSE(is_attached(&self->edu));
}

TEST_F(foreign, is_synced)
{
	struct contig_sync cmd = {
		.size = sizeof(cmd),
		.flags = CONTIG_RANGE_BUFFER | CONTIG_IO_INPUT |
			 CONTIG_IO_FOR_CPU,
		.length = self->length,
		.fd = self->buffer,
	};

	EXPECT_EQ(-ENOLCK, contig_ioctl(self->fd, CONTIG_SYNC, &cmd));
	test_lock_buffer(self->fd, self->buffer, 0, self->length, 0);
	EXPECT_EQ(0, contig_ioctl(self->fd, CONTIG_SYNC, &cmd));
	cmd.flags = CONTIG_RANGE_BUFFER | CONTIG_IO_OUTPUT |
		    CONTIG_IO_FOR_DEVICE;
	EXPECT_EQ(0, contig_ioctl(self->fd, CONTIG_SYNC, &cmd));
	EXPECT_TRUE(has_pattern(self->map, self->length, 1));
}

TEST_F(foreign, locks_are_counted)
{
	test_lock_buffer(self->fd, self->buffer, 0, self->length, 0);
	test_lock_buffer(self->fd, self->buffer, pages(2), pages(3), 0);
	test_unlock_buffer(self->fd, self->buffer, 0, self->length);
	EXPECT_EQ(-ENOLCK, all_dma(self));
	EXPECT_LT(0, get_dma(self->fd, self->buffer, pages(2), pages(3),
			     self->extents, PAGES));
	/* Pages beside it have the addresses of the mapping. */
	test_lock_buffer(self->fd, self->buffer, pages(5), page_size, 0);
	EXPECT_LT(0, get_dma(self->fd, self->buffer, pages(2), pages(4),
			     self->extents, PAGES));
	test_unlock_buffer(self->fd, self->buffer, pages(2), pages(3));
	EXPECT_TRUE(is_attached(&self->edu));
	test_err_unlock_buffer(ENOLCK, self->fd, self->buffer, pages(2),
			       pages(4));
	test_unlock_buffer(self->fd, self->buffer, pages(5), page_size);
	EXPECT_FALSE(is_attached(&self->edu));
}

/* The first lock sets the direction, since there is one mapping only. */
TEST_F(foreign, may_be_for_reading_only)
{
	int buffer;

	test_lock_buffer(self->fd, self->buffer, 0, page_size,
			 CONTIG_LOCK_OUTPUT);
	test_lock_buffer(self->fd, self->buffer, 0, self->length,
			 CONTIG_LOCK_OUTPUT);
	test_err_lock_buffer(EACCES, self->fd, self->buffer, 0, page_size, 0);
	test_unlock_buffer(self->fd, self->buffer, 0, self->length);
	test_err_lock_buffer(EACCES, self->fd, self->buffer, page_size,
			     page_size, 0);
	test_unlock_buffer(self->fd, self->buffer, 0, page_size);
	test_lock_buffer(self->fd, self->buffer, 0, page_size, 0);
	if (variant->always_writable)
		return;
	/* A process without write access must not let a device write. */
	buffer = variant->export(O_RDONLY);
	ASSERT_LE(0, buffer);
	test_err_lock_buffer(EACCES, self->fd, buffer, 0, page_size, 0);
	test_lock_buffer(self->fd, buffer, 0, page_size, CONTIG_LOCK_OUTPUT);
	close(buffer);
}

TEST_F(foreign, is_refused)
{
	int plain = client_open();
	uint64_t addrs[2 * PAGES];
	struct snapshot before;
	uint32_t id;

	snapshot_take(&before, self->fd);
	test_err_lock_buffer(EUNATCH, plain, self->buffer, 0, page_size, 0);
	EXPECT_EQ(-EUNATCH, prepare(self, plain, CONTIG_IO_INPUT, addrs, &id));
	test_err_unlock_buffer(ENOLCK, plain, self->buffer, 0, page_size);
	EXPECT_EQ(-EINVAL, _test_cmd_lock_buffer(self->fd, self->buffer, 0, 0,
						 0));
	test_err_lock_buffer(EOVERFLOW, self->fd, self->buffer, 0,
			     self->length + 1, 0);
	test_err_lock_buffer(EOVERFLOW, self->fd, self->buffer, self->length, 1,
			     0);
	test_err_lock_buffer(EOVERFLOW, self->fd, self->buffer, -1, 1, 0);
	test_err_lock_buffer(EOVERFLOW, self->fd, self->buffer, page_size, -1,
			     0);
	test_err_lock_buffer(EOVERFLOW, self->fd, self->buffer, 1ull << 63,
			     1ull << 63, 0);
	EXPECT_EQ(-EOVERFLOW, get_dma(self->fd, self->buffer, 0,
				      self->length + 1, NULL, 0));
	EXPECT_FALSE(is_attached(&self->edu));
	EXPECT_TRUE(snapshot_is_same(&before, self->fd));
	close(plain);
}

/*
 * It is charged as a whole, once for each client that has a part of it locked.
 */
TEST_F(foreign, counts_as_locked_memory)
{
	struct rlimit limit = { self->length, self->length };
	int other = client_open();

	ASSERT_EQ(0, attach(other, &self->cmd, self->edu.name));
	ASSERT_EQ(0, drop_cap(CAP_IPC_LOCK_NR));
	limit.rlim_cur--;
	ASSERT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &limit));
	test_err_lock_buffer(EDQUOT, self->fd, self->buffer, 0, 1, 0);
	limit.rlim_cur++;
	ASSERT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &limit));
	test_lock_buffer(self->fd, self->buffer, 0, 1, 0);
	test_lock_buffer(self->fd, self->buffer, 0, self->length, 0);
	test_err_lock_buffer(EDQUOT, other, self->buffer, 0, 1, 0);
	test_unlock_buffer(self->fd, self->buffer, 0, self->length);
	test_err_lock_buffer(EDQUOT, other, self->buffer, 0, 1, 0);
	test_unlock_buffer(self->fd, self->buffer, 0, 1);
	test_lock_buffer(other, self->buffer, 0, 1, 0);
	close(other);
	test_lock_buffer(self->fd, self->buffer, 0, 1, 0);
}

static void unplug(struct edu *edu)
{
	edu_disable(edu);
	pci_write(edu->slot, "remove", "1");
}

/* The device is removed first, then everything else. */
TEST_F(foreign, is_taken_from_a_device_that_goes)
{
	struct contig_extent *extents;
	uint64_t addrs[2 * PAGES];
	uint32_t id;

	test_lock_buffer(self->fd, self->buffer, 0, self->length, 0);
	ASSERT_LT(0, prepare(self, self->fd, CONTIG_GET_DMA | CONTIG_IO_INPUT,
			     addrs, &id));
	unplug(&self->edu);
	EXPECT_FALSE(is_attached(&self->edu));
	EXPECT_EQ(-ENODEV, all_dma(self));
	/* The memory is not kept in place any more. */
	EXPECT_EQ(-ENODEV, translate_all(self->fd, self->buffer, 0,
					 self->length, 1, &extents));
	test_err_lock_buffer(ENODEV, self->fd, self->buffer, 0, page_size, 0);
	EXPECT_EQ(-ENODEV, checkpoint(self->fd, id, 0));
	EXPECT_EQ(-EBUSY, detach(self->fd));
	test_unlock_buffer(self->fd, self->buffer, 0, self->length);
	EXPECT_TRUE(has_pattern(self->map, self->length, 1));

	write_text("/sys/bus/pci/rescan", "1");
	ASSERT_EQ(0, edu_setup(&self->edu));
	ASSERT_EQ(0, attach_edu(self));
	test_lock_buffer(self->fd, self->buffer, 0, self->length, 0);
	EXPECT_LT(0, all_dma(self));
}

TEST_F(foreign, is_let_go_of_with_the_client)
{
	test_lock_buffer(self->fd, self->buffer, 0, self->length, 0);
	close(self->fd);
	self->fd = -1;
	EXPECT_FALSE(is_attached(&self->edu));
	EXPECT_TRUE(has_pattern(self->map, self->length, 1));
}

/* The descriptor and the mapping are closed first. */
TEST_F(foreign, is_kept_by_its_locks)
{
	test_lock_buffer(self->fd, self->buffer, 0, self->length, 0);
	munmap(self->map, self->length);
	self->map = NULL;
	close(self->buffer);
	self->buffer = -1;
	EXPECT_TRUE(is_attached(&self->edu));
	unplug(&self->edu);
	EXPECT_FALSE(is_attached(&self->edu));
	close(self->fd);
	self->fd = -1;
	write_text("/sys/bus/pci/rescan", "1");
	ASSERT_EQ(0, edu_setup(&self->edu));
}

/* Memory out of the device's reach is refused; it is never copied silently. */
TEST_F(foreign, is_never_a_copy)
{
	int bits, n, i;

	/* Behind an IOMMU the device reaches all memory. */
	for (bits = edu_bits(); bits <= 32 && !self->iommu; bits += 4) {
		ASSERT_EQ(0, detach(self->fd));
		self->cmd.address_bits = bits;
		ASSERT_EQ(0, attach(self->fd, &self->cmd, self->edu.name));
		n = _test_cmd_lock_buffer(self->fd, self->buffer, 0,
					  self->length, 0);
		EXPECT_EQ(!n, is_attached(&self->edu));
		if (n) {
			EXPECT_EQ(-EADDRNOTAVAIL, n);
			continue;
		}
		n = all_dma(self);
		for (i = 0; i < n; i++)
			EXPECT_FALSE((self->extents[i].addr +
				      self->extents[i].length - 1) >> bits);
		expect_true_dma(_metadata, self, n);
		test_unlock_buffer(self->fd, self->buffer, 0, self->length);
	}
}

/*
 * Lock a dma-buf repeatedly, for a device that is removed and added meanwhile.
 */
struct locker {
	struct contig_device cmd;
	int buffer;
	bool stop;
	unsigned int locked;
};

static void *lock_on(void *arg)
{
	struct contig_extent extents[2 * PAGES];
	struct locker *l = arg;
	int client = client_open();

	while (!__atomic_load_n(&l->stop, __ATOMIC_RELAXED)) {
		struct contig_device cmd = l->cmd;

		if (contig_ioctl(client, CONTIG_DEVICE, &cmd))
			continue;
		if (!_test_cmd_lock_buffer(client, l->buffer, 0, 1, 0)) {
			__atomic_add_fetch(&l->locked, 1, __ATOMIC_RELAXED);
			get_dma(client, l->buffer, 0, 1, extents, 1);
			_test_cmd_unlock_buffer(client, l->buffer, 0, 1);
		}
		detach(client);
	}
	close(client);
	return NULL;
}

static bool has_locked(void *arg)
{
	return __atomic_load_n((unsigned int *)arg, __ATOMIC_RELAXED);
}

TEST_F(foreign, is_locked_while_the_device_goes)
{
	struct locker l = { .cmd = self->cmd, .buffer = self->buffer };
	pthread_t thread;
	int i;

	/* One thread only: DMA API debugging allows no overlapping mappings. */
	edu_disable(&self->edu);
	ASSERT_EQ(0, pthread_create(&thread, NULL, lock_on, &l));
	for (i = 0; i < times(10); i++) {
		__atomic_store_n(&l.locked, 0, __ATOMIC_RELAXED);
		EXPECT_TRUE(poll_until(has_locked, &l.locked));
		edu_unbind(&self->edu);
		EXPECT_FALSE(is_attached(&self->edu));
		ASSERT_EQ(0, edu_bind(&self->edu, UIO));
	}
	__atomic_store_n(&l.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	EXPECT_FALSE(is_attached(&self->edu));
}

TEST_HARNESS_MAIN
