// SPDX-License-Identifier: GPL-2.0-only
/*
 * The range rung moves compressed memory: pages of zsmalloc, which belong to no
 * process and to no file, and whose owner moves them
 */
#include "kselftest_harness.h"
#include "contig_utils.h"
#include "memory_utils.h"
#include "time_utils.h"

#define DEVICE "/dev/zram0"
#define SETTING "/sys/block/zram0/"
#define LENGTH MIB(16)

/* Pages that are written to the device in turn with those of this process. */
#define TURN 16

FIXTURE(zsmalloc) {
	int fd;
	int device;
	char *page;
	size_t written;
};

FIXTURE_SETUP(zsmalloc) {
	self->device = -1;
	self->page = NULL;
	setup_client(self->fd);
	need_range(self->fd);
	quota_lift();
	watermarks_stay(true);
	write_text("/proc/sys/vm/drop_caches", "3");
	if (access(DEVICE, F_OK))
		SKIP(return, "no " DEVICE ": the kernel has no zram");
	if (write_text(SETTING "disksize", "64G"))
		SKIP(return, "zram cannot be set up");
	self->device = open(DEVICE, O_RDWR | O_DIRECT | O_CLOEXEC);
	ASSERT_LE(0, self->device);
	self->page = aligned_alloc(page_size, page_size);
	ASSERT_NE(NULL, self->page);
}

FIXTURE_TEARDOWN(zsmalloc) {
	if (self->device >= 0) {
		close(self->device);
		write_text(SETTING "reset", "1");
	}
	free(self->page);
	watermarks_stay(false);
	quota_restore();
	close(self->fd);
}

/*
 * Make the contents of a page of the device, half of which cannot be compressed, so
 * that two such pages need one of zsmalloc's.
 */
static void make_page(uint64_t *page, uint64_t number)
{
	uint64_t z = number * 0x9e3779b97f4a7c15 + 1;
	size_t i;

	memset(page, 0x5a, page_size);
	for (i = 0; i < page_size / sizeof(*page) / 2; i++) {
		z ^= z << 13;
		z ^= z >> 7;
		z ^= z << 17;
		page[i] = z;
	}
}

/* Fill memory, half with the device's pages and half with holes between them. */
static bool fill(FIXTURE_DATA(zsmalloc) *self)
{
	size_t length = KIB(meminfo_kib("MemFree")), at = 0;
	/* What zones keep free stays free. */
	const uint64_t margin = watermark_bytes() + MIB(16);
	char *gaps = mmap(NULL, length, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	int i;

	if (gaps == MAP_FAILED)
		return false;
	madvise(gaps, length, MADV_NOHUGEPAGE);
	while (at < length && (at % MIB(4) ||
			       kernel_free_bytes() > margin)) {
		for (i = 0; i < 2 * TURN; i++, self->written++) {
			make_page((uint64_t *)self->page, self->written);
			if (pwrite(self->device, self->page, page_size,
				   self->written * page_size) !=
			    (ssize_t)page_size)
				break;
		}
		if (i < 2 * TURN)
			break;
		for (i = 0; i < TURN && at < length; i++, at += page_size)
			gaps[at] = 1;
	}
	munmap(gaps, length);
	return at < length && !(at % MIB(4)) && at > 4 * LENGTH;
}

/* Return how many pages of the device have other contents than were written. */
static size_t count_wrong(FIXTURE_DATA(zsmalloc) *self)
{
	uint64_t *expected = malloc(page_size);
	size_t i, wrong = 0;

	for (i = 0; expected && i < self->written; i++) {
		make_page(expected, i);
		wrong += pread(self->device, self->page, page_size,
			       i * page_size) != (ssize_t)page_size ||
			 memcmp(self->page, expected, page_size);
	}
	free(expected);
	return expected ? wrong : self->written;
}

TEST_F_TIMEOUT(zsmalloc, moves_and_keeps_its_contents, 300)
{
	struct contig_alloc alloc = window_request(LENGTH);
	long before, moved;
	int fds[12], n;

	if (!fill(self))
		SKIP(return, "memory cannot be filled");
	before = pages_migrated();
	for (n = 0; n < ARRAY_SIZE(fds); n++) {
		if (_test_cmd_alloc(self->fd, &alloc))
			break;
		fds[n] = alloc.out_fd;
	}
	moved = pages_migrated() - before;
	EXPECT_EQ(ARRAY_SIZE(fds), n)
		TH_LOG("blocked by %u, %u windows tried",
		       alloc.out_reports[0].blocked,
		       alloc.out_reports[0].windows);
	TH_LOG("%zu MiB of the device are kept, %d windows had, %ld pages moved",
	       self->written * page_size / MIB(1), n, moved);
	/*
	 * What has to stay free can be in windows; half of the others is zsmalloc's,
	 * and no process has so much memory.
	 */
	EXPECT_LE(n * (long)(LENGTH / page_size) / 8, moved);
	while (n)
		close(fds[--n]);
	EXPECT_EQ(0, count_wrong(self));
}

TEST_HARNESS_MAIN
