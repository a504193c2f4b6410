// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that has failed: no rung hands it out, a buffer with a failed page
 * keeps the rest, and the reserve is split around it. Memory in use by contig
 * does not go offline.
 *
 * The tests report failed pages to the kernel with /sys/devices/system/memory,
 * and /proc/kpageflags shows which pages are marked. A failed page is lost to
 * the machine until it reboots, some twenty pages in all.
 */
#include <signal.h>

#include <linux/dma-buf.h>

#include "kselftest_harness.h"
#include "poison_utils.h"

#define PAGES 32
#define MOST 1024
#define BAD 5

static uint64_t reserve_free(int client)
{
	struct contig_info info;

	return _test_cmd_info(client, &info) ? 0 : info.out_reserve_free;
}

static bool reserve_is(void *arg)
{
	struct wait *w = arg;

	return reserve_free(w->client) == w->bytes;
}

/* Return the number after a word in debugfs, or -1 if it is not there. */
static long figure(const char *file, const char *word)
{
	char *text = debugfs_text(file), *line = text ? strstr(text, word) : NULL;
	long n = line ? atol(line + strlen(word)) : -1;

	free(text);
	return n;
}

/* Return true if debugfs counts one failed page in the buffer of this name. */
static bool buffer_line_says_one(void *arg)
{
	char *text = debugfs_text("buffers"), *line, *next;
	unsigned int failed = 0;

	for (line = text; line && *line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = 0;
		else
			next = line + strlen(line);
		if (strstr(line, arg))
			sscanf(line, "%*u %*s %*s %*u %*u %u", &failed);
	}
	free(text);
	return failed == 1;
}

/*
 * A page of a buffer in use, on each rung
 */

FIXTURE(in_use) {
	int fd;
	int buffer;
	uint64_t pfns[PAGES];
	volatile char *map;
	uint64_t used;
};

FIXTURE_VARIANT(in_use) {
	uint32_t rung;
};

variant_of_each_rung(in_use);

FIXTURE_SETUP(in_use) {
	struct contig_alloc alloc = alloc_request(pages(PAGES),
						  1u << variant->rung);

	setup_client(self->fd);
	if (variant->rung == CONTIG_RUNG_RANGE)
		need_range(self->fd);
	if (access(HARD_OFFLINE, W_OK))
		SKIP(return, "this kernel has no CONFIG_MEMORY_FAILURE");
	reserve_settle();
	self->used = quota_used(self->fd);
	strcpy(alloc.name, "some of it fails");
	test_alloc(self->fd, &alloc);
	self->buffer = alloc.out_fd;
	ASSERT_TRUE(frames_of(self->fd, self->buffer, PAGES, self->pfns));
	self->map = buffer_map(self->buffer, pages(PAGES));
	ASSERT_NE(NULL, self->map);
	fill_pattern(self->map, pages(PAGES), 3);
}

FIXTURE_TEARDOWN(in_use) {
	close(self->fd);
}

/* Return true if a mapping shows all pages but the failed one. */
static bool rest_is_there(volatile char *map)
{
	char *copy = malloc(pages(PAGES));
	bool same = true;
	int i;

	fill_pattern(copy, pages(PAGES), 3);
	for (i = 0; i < PAGES; i++)
		same &= i == BAD || !memcmp((char *)map + pages(i),
					    copy + pages(i), page_size);
	free(copy);
	return same;
}

/* Return true if a new mapping and one in a child have the hole as well. */
static bool others_see_the_same(int buffer)
{
	volatile char *map = buffer_map(buffer, pages(PAGES));
	bool same = map && access_code(map + pages(BAD)) == BUS_MCEERR_AR &&
		    rest_is_there(map);
	pid_t pid = fork();

	if (!pid)
		_exit(!(access_code(map + pages(BAD)) == BUS_MCEERR_AR &&
			rest_is_there(map)));
	same &= !child_wait(pid);
	munmap((char *)map, pages(PAGES));
	return same;
}

TEST_F(in_use, page_is_gone_and_the_rest_lives)
{
	struct wait w = { self->fd, self->used };
	int zero = open("/dev/zero", O_RDONLY), fds[PAGES], i, j;
	uint64_t pfns[PAGES];

	ASSERT_TRUE(fail_page(self->pfns[BAD]));
	EXPECT_TRUE(poll_until(is_gone, (char *)self->map + pages(BAD)));
	EXPECT_TRUE(rest_is_there(self->map));
	EXPECT_TRUE(others_see_the_same(self->buffer));
	/* Accesses by the kernel. */
	EXPECT_EQ(-1, read(zero, (char *)self->map + pages(BAD), 1));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(page_size, read(zero, (char *)self->map + pages(BAD + 1),
				  page_size));
	EXPECT_TRUE(poll_until(buffer_line_says_one, "some of it fails"));

	/*
	 * The page is not charged to a user afterwards, and not handed out
	 * again.
	 */
	munmap((char *)self->map, pages(PAGES));
	close(self->buffer);
	EXPECT_TRUE(poll_until(quota_used_is, &w))
		TH_LOG("%llu bytes charged", (unsigned long long)quota_used(self->fd));
	for (i = 0; i < PAGES; i++) {
		fds[i] = buffer_alloc(self->fd, pages(PAGES), 1u << variant->rung,
				      0);
		ASSERT_LE(0, fds[i]);
		ASSERT_TRUE(frames_of(self->fd, fds[i], PAGES, pfns));
		for (j = 0; j < PAGES; j++)
			EXPECT_FALSE(has_failed(pfns[j]));
	}
	for (i = 0; i < PAGES; i++)
		close(fds[i]);
	EXPECT_TRUE(has_failed(self->pfns[BAD]));
	close(zero);
}

TEST_F(in_use, commands_refuse_the_page_only)
{
	struct dma_buf_sync sync = { DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ };
	struct contig_run runs[4] = {};
	struct contig_get_state state = {
		.size = sizeof(state),
		.flags = CONTIG_RANGE_BUFFER,
		.length = pages(PAGES),
		.runs = (uintptr_t)runs,
		.count = 4,
		.fd = self->buffer,
	};
	struct contig_extent *e;

	test_lock_buffer(self->fd, self->buffer, 0, pages(PAGES), 0);
	ASSERT_EQ(0, ioctl(self->buffer, DMA_BUF_IOCTL_SYNC, &sync));
	ASSERT_TRUE(fail_page(self->pfns[BAD]));

	EXPECT_EQ(-EHWPOISON, translate_all(self->fd, self->buffer, 0,
					    pages(PAGES), 0, &e));
	EXPECT_LT(0, translate_all(self->fd, self->buffer, 0, pages(BAD), 0,
				   &e));
	EXPECT_LT(0, translate_all(self->fd, self->buffer, pages(BAD + 1),
				   page_size, 0, &e));
	test_err_lock_buffer(EHWPOISON, self->fd, self->buffer, pages(BAD), 1, 0);
	test_lock_buffer(self->fd, self->buffer, 0, pages(BAD), 0);
	test_unlock_buffer(self->fd, self->buffer, 0, pages(BAD));

	test_get_state(self->fd, &state);
	ASSERT_EQ(3, state.count);
	EXPECT_EQ(pages(BAD), runs[0].length);
	EXPECT_FALSE(runs[0].state & CONTIG_PAGE_FAILED);
	EXPECT_EQ(page_size, runs[1].length);
	EXPECT_TRUE(runs[1].state & CONTIG_PAGE_FAILED);
	EXPECT_EQ(1, runs[1].locks);
	EXPECT_EQ(pages(PAGES - BAD - 1), runs[2].length);
	EXPECT_FALSE(runs[2].state & CONTIG_PAGE_FAILED);
	test_unlock_buffer(self->fd, self->buffer, 0, pages(PAGES));

	/* A new lock fails, by offset and by address. */
	test_err_lock_buffer(EHWPOISON, self->fd, self->buffer, 0, pages(PAGES),
			     0);
	test_err_lock(EHWPOISON, self->fd, self->map, pages(PAGES), 0);
	test_lock(self->fd, self->map + pages(BAD + 1), page_size, 0);
	test_unlock(self->fd, self->map + pages(BAD + 1), page_size);
	EXPECT_EQ(-1, ioctl(self->buffer, DMA_BUF_IOCTL_SYNC, &sync));
	EXPECT_EQ(EHWPOISON, errno);
	munmap((char *)self->map, pages(PAGES));
	close(self->buffer);
}

/* Soft offline would migrate the page; pages of contig cannot be migrated. */
TEST_F(in_use, soft_offline_does_no_harm)
{
	char text[32];

	snprintf(text, sizeof(text), "0x%llx",
		 (unsigned long long)self->pfns[BAD] * page_size);
	EXPECT_GT(0, write_text(SOFT_OFFLINE, text));
	EXPECT_NE(0, madvise((char *)self->map + pages(BAD), page_size,
			     MADV_SOFT_OFFLINE));
	EXPECT_FALSE(has_failed(self->pfns[BAD]));
	EXPECT_TRUE(has_pattern(self->map, pages(PAGES), 3));
	test_lock(self->fd, self->map, pages(PAGES), 0);
	test_unlock(self->fd, self->map, pages(PAGES));
	munmap((char *)self->map, pages(PAGES));
	close(self->buffer);
}

/*
 * The reserve
 */

FIXTURE(reserve) {
	int fd;
	struct contig_info info;
	long failed;
};

FIXTURE_SETUP(reserve) {
	setup_client(self->fd);
	need_reserve(self->fd, MIB(4));
	if (access(HARD_OFFLINE, W_OK))
		SKIP(return, "this kernel has no CONFIG_MEMORY_FAILURE");
	reserve_settle();
	test_info(self->fd, &self->info);
	self->failed = figure("reserves", "failed");
	ASSERT_LE(0, self->failed);
	ASSERT_EQ(self->info.out_reserve_bytes, self->info.out_reserve_free);
}

FIXTURE_TEARDOWN(reserve) {
	close(self->fd);
}

/*
 * Return true if the reserve has that much less, without a failed page in it.
 */
static bool reserve_is_less(FIXTURE_DATA(reserve) *self, uint64_t bytes)
{
	struct wait w = { self->fd, self->info.out_reserve_free - bytes };
	struct contig_info info;
	int fds[MOST], n = 0;
	uint64_t taken = 0;
	bool good = true;
	size_t length;
	char *map;

	if (!poll_until(reserve_is, &w)) {
		fprintf(stderr, "%llu bytes are free, not %llu\n",
			(unsigned long long)reserve_free(self->fd),
			(unsigned long long)w.bytes);
		return false;
	}
	reserve_settle();
	_test_cmd_info(self->fd, &info);
	good &= info.out_reserve_bytes == info.out_reserve_free;
	good &= info.out_quota_used == self->info.out_quota_used;
	good &= figure("reserves", "failed") == self->failed + (long)bytes;
	for (length = MIB(4); length >= page_size; length /= 4) {
		while (n < MOST) {
			fds[n] = buffer_alloc(self->fd, length,
					      CONTIG_RUNGS_RESERVE, 0);
			if (fds[n] < 0)
				break;
			taken += length;
			map = buffer_map(fds[n++], length);
			good &= map && !any_has_failed(pfn_of(map),
						       length / page_size);
			if (map)
				munmap(map, length);
		}
	}
	good &= taken == info.out_reserve_free;
	while (n)
		close(fds[--n]);
	good &= poll_until(reserve_is, &w);
	reserve_settle();
	return good;
}

/* Allocate a buffer of @length, and get where it lies. */
static int take_length(int client, size_t length, uint64_t *pfn, char **map)
{
	int fd = buffer_get(client, length, CONTIG_RUNGS_RESERVE);

	*map = fd < 0 ? NULL : buffer_map(fd, length);
	*pfn = *map ? pfn_of(*map) : 0;
	return fd;
}

static int take(int client, uint64_t *pfn, char **map)
{
	return take_length(client, MIB(4), pfn, map);
}

TEST_F_TIMEOUT(reserve, page_that_fails_while_free, 400)
{
	struct contig_info info;
	uint64_t pfn;
	char *map;
	int fd = take(self->fd, &pfn, &map);

	ASSERT_NE(0, pfn);
	munmap(map, MIB(4));
	close(fd);
	reserve_settle();
	ASSERT_TRUE(fail_page(pfn + 7));
	test_info(self->fd, &info);
	EXPECT_EQ(self->info.out_reserve_bytes - page_size,
		  info.out_reserve_bytes);
	EXPECT_EQ(self->info.out_reserve_free - page_size,
		  info.out_reserve_free);
	EXPECT_TRUE(reserve_is_less(self, page_size));
}

TEST_F_TIMEOUT(reserve, pages_that_fail_in_use, 400)
{
	size_t last = MIB(4) / page_size - 1;
	uint64_t pfn;
	char *map;
	int fd = take(self->fd, &pfn, &map);

	ASSERT_NE(0, pfn);
	memset(map, 0xff, MIB(4));
	ASSERT_TRUE(fail_page(pfn));
	ASSERT_TRUE(fail_page(pfn + 9));
	ASSERT_TRUE(fail_page(pfn + 10));
	ASSERT_TRUE(fail_page(pfn + last));
	EXPECT_TRUE(poll_until(is_gone, map + pages(last)));
	munmap(map, MIB(4));
	close(fd);
	EXPECT_TRUE(reserve_is_less(self, pages(4)));
}

/*
 * With a failed page a 1024th of a large block is lost, wherever the page lies.
 */
TEST_F_TIMEOUT(reserve, pages_of_larger_granules, 400)
{
	/* Pages of such a part; one if pages are large. */
	size_t per = MIB(16) / 1024 / page_size ?: 1;
	size_t last = MIB(8) / page_size, lost = 5 / per == 6 / per ? 2 : 3;
	uint64_t pfn;
	char *map;
	int fd;

	need_reserve(self->fd, MIB(16));
	fd = take_length(self->fd, MIB(8) + page_size, &pfn, &map);
	ASSERT_NE(0, pfn);
	memset(map, 0xff, MIB(8) + page_size);
	ASSERT_TRUE(fail_page(pfn + 5));
	ASSERT_TRUE(fail_page(pfn + 6));
	/* In the unused end of the last granule. */
	ASSERT_TRUE(fail_page(pfn + last + 3));
	munmap(map, MIB(8) + page_size);
	close(fd);
	EXPECT_TRUE(reserve_is_less(self, pages(lost * per)));
}

/* Such a page keeps the reference of the caller that reported it. */
TEST_F_TIMEOUT(reserve, page_that_has_a_reference_for_good, 400)
{
	uint64_t pfn;
	char *map;
	int fd = take(self->fd, &pfn, &map);

	ASSERT_NE(0, pfn);
	madvise(map + pages(3), page_size, MADV_HWPOISON);
	ASSERT_TRUE(has_failed(pfn + 3));
	EXPECT_TRUE(poll_until(is_gone, map + pages(3)));
	munmap(map, MIB(4));
	close(fd);
	EXPECT_TRUE(reserve_is_less(self, page_size));
	EXPECT_EQ(0, figure("reserves", "quarantined"));
}

/* A buffer that was never mapped is freed without being scrubbed. */
TEST_F_TIMEOUT(reserve, page_of_a_buffer_that_nobody_could_write_to, 400)
{
	uint64_t pfn;
	char *map;
	int fd = take(self->fd, &pfn, &map);

	ASSERT_NE(0, pfn);
	munmap(map, MIB(4));
	close(fd);
	reserve_settle();
	fd = buffer_get(self->fd, MIB(4), CONTIG_RUNGS_RESERVE);
	ASSERT_LE(0, fd);
	ASSERT_TRUE(fail_page(pfn + 1));
	close(fd);
	EXPECT_TRUE(reserve_is_less(self, page_size));
}

/* The scrubber must not write to a failed page. */
TEST_F_TIMEOUT(reserve, page_is_not_scrubbed, 400)
{
	struct wait w = { self->fd, self->info.out_reserve_free - page_size };
	uint64_t pfn, word;
	char *map;
	int fd;

	if (!kcore_usable())
		SKIP(return, "no /proc/kcore");
	fd = take(self->fd, &pfn, &map);
	ASSERT_NE(0, pfn);
	memset(map, 0x5a, MIB(4));
	ASSERT_TRUE(fail_page(pfn + 2));
	munmap(map, MIB(4));
	close(fd);
	EXPECT_TRUE(poll_until(reserve_is, &w));
	reserve_settle();
	/*
	 * Some kernels know of the failure and show the page as zero in kcore.
	 */
	if (kcore_read((pfn + 2) * page_size, &word, sizeof(word)) && word)
		EXPECT_EQ(0x5a5a5a5a5a5a5a5a, word);
	ASSERT_TRUE(kcore_read((pfn + 3) * page_size, &word, sizeof(word)));
	EXPECT_EQ(0, word);
}

/*
 * Memory that goes offline
 */

FIXTURE(offline) {
	int fd;
	uint64_t block;		/* bytes in a block of memory */
};

FIXTURE_SETUP(offline) {
	self->block = memory_block_bytes();
	if (!self->block)
		SKIP(return, "this kernel has no CONFIG_MEMORY_HOTPLUG");
	setup_client(self->fd);
}

FIXTURE_TEARDOWN(offline) {
	close(self->fd);
}

TEST_F_TIMEOUT(offline, block_in_use_is_busy_at_once, 400)
{
	const uint32_t rungs[] = { CONTIG_RUNGS_RESERVE, CONTIG_RUNGS_COHERENT,
				   CONTIG_RUNGS_RANGE, CONTIG_RUNGS_SPLIT,
				   CONTIG_RUNGS_SCATTER };
	uint64_t pfns[PAGES], start;
	volatile char *map;
	unsigned int i;
	int fd, ret;

	for (i = 0; i < sizeof(rungs) / sizeof(rungs[0]); i++) {
		fd = buffer_alloc(self->fd, pages(PAGES), rungs[i], 0);
		ASSERT_LE(0, fd);
		ASSERT_TRUE(frames_of(self->fd, fd, PAGES, pfns));
		map = buffer_map(fd, pages(PAGES));
		ASSERT_NE(NULL, map);
		fill_pattern(map, pages(PAGES), i);
		start = now_ns();
		ret = memory_block_set(pfns[0] * page_size / self->block, "offline");
		/* EINVAL: a block with a hole, or in two zones. */
		EXPECT_TRUE(ret == -EBUSY || ret == -EINVAL)
			TH_LOG("rung %u: %d", i, ret);
		EXPECT_GT(20000000000ull, now_ns() - start);
		EXPECT_TRUE(has_pattern(map, pages(PAGES), i));
		munmap((char *)map, pages(PAGES));
		close(fd);
	}
}

TEST_HARNESS_MAIN
