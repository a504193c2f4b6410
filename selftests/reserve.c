// SPDX-License-Identifier: GPL-2.0-only
/*
 * The reserve: what it contains, that it is handed out completely, and that it
 * is complete again afterwards.
 */
#include "kselftest_harness.h"
#include "contig_utils.h"

#define MOST 1024

FIXTURE(reserve) {
	int fd;
	struct contig_info info;
	int fds[MOST];
	int n;
	char *quota;
};

FIXTURE_SETUP(reserve) {
	setup_client(self->fd);
	need_reserve(self->fd, MIB(4));
	reserve_settle();
	test_info(self->fd, &self->info);
	self->quota = read_text(CONTIG_PARAMETERS "/quota_mib");
	ASSERT_NE(NULL, self->quota);
}

FIXTURE_TEARDOWN(reserve) {
	/* Also after a failure, since other programs need it. */
	write_text(CONTIG_PARAMETERS "/quota_mib", self->quota);
	free(self->quota);
	close(self->fd);
}

static uint64_t reserve_free(int client)
{
	struct contig_info info;

	return _test_cmd_info(client, &info) ? 0 : info.out_reserve_free;
}

struct wait_free {
	int client;
	uint64_t bytes;
};

static bool is_free(void *arg)
{
	struct wait_free *w = arg;

	return reserve_free(w->client) == w->bytes;
}

/* Allocate blocks of a size until none is left. */
static uint64_t take_all(FIXTURE_DATA(reserve) *self, uint64_t length)
{
	uint64_t taken = 0;
	int fd;

	while (self->n < MOST) {
		fd = buffer_alloc(self->fd, length, CONTIG_RUNGS_RESERVE, 0);
		if (fd < 0)
			break;
		self->fds[self->n++] = fd;
		taken += length;
	}
	return taken;
}

static void give_all(FIXTURE_DATA(reserve) *self)
{
	while (self->n)
		close(self->fds[--self->n]);
}

TEST_F_TIMEOUT(reserve, can_be_taken_to_the_last_page_and_comes_back, 400)
{
	struct wait_free w = {
		.client = self->fd,
		.bytes = self->info.out_reserve_bytes,
	};
	uint64_t taken = 0, length;
	struct contig_info info;
	int round;

	for (round = 0; round < 2; round++) {
		taken = 0;
		for (length = MIB(64); length >= page_size; length /= 4)
			taken += take_all(self, length);
		EXPECT_EQ(self->info.out_reserve_bytes, taken);
		test_info(self->fd, &info);
		EXPECT_EQ(0, info.out_reserve_free);
		EXPECT_EQ(0, info.out_reserve_largest);
		EXPECT_EQ(taken, info.out_quota_used);
		EXPECT_EQ(-ENOMEM, buffer_alloc(self->fd, page_size,
						CONTIG_RUNGS_RESERVE, 0));
		give_all(self);
		EXPECT_TRUE(poll_until(is_free, &w));
	}
	test_info(self->fd, &info);
	EXPECT_EQ(0, info.out_quota_used);
	EXPECT_EQ(self->info.out_reserve_bytes, info.out_reserve_bytes);
}

/* Memory of one buffer is not in another, whatever their sizes. */
TEST_F_TIMEOUT(reserve, buffers_do_not_overlap, 400)
{
	struct contig_extent *e;
	uint64_t *taken;
	uint64_t n = 0, i, j, length;
	void *map;

	taken = calloc(MOST, 2 * sizeof(*taken));
	ASSERT_NE(NULL, taken);
	for (length = MIB(3) + page_size; length >= KIB(256); length /= 2) {
		int first = self->n;

		take_all(self, length & ~(page_size - 1));
		for (; first < self->n; first++) {
			off_t size = lseek(self->fds[first], 0, SEEK_END);

			map = buffer_map(self->fds[first], size);
			ASSERT_NE(NULL, map);
			ASSERT_EQ(1, pagemap_extents(map, size, &e));
			munmap(map, size);
			taken[2 * n] = e->addr;
			taken[2 * n++ + 1] = e->addr + e->length;
			free(e);
		}
	}
	ASSERT_LT(8, n);
	for (i = 0; i < n; i++)
		for (j = 0; j < i; j++)
			ASSERT_TRUE(taken[2 * i] >= taken[2 * j + 1] ||
				    taken[2 * j] >= taken[2 * i + 1]);
	give_all(self);
	free(taken);
}

/* Two adjacent pieces that are freed form one block again. */
TEST_F_TIMEOUT(reserve, is_not_left_in_pieces, 400)
{
	struct wait_free w = {
		.client = self->fd,
		.bytes = self->info.out_reserve_free,
	};
	struct contig_info info;
	int i, round;

	for (round = 0; round < 3; round++) {
		take_all(self, MIB(1));
		/* Not in the order of their allocation. */
		for (i = 0; i < self->n; i += 2)
			close(self->fds[i]);
		for (i = 1; i < self->n; i += 2)
			close(self->fds[i]);
		self->n = 0;
		EXPECT_TRUE(poll_until(is_free, &w));
	}
	/* Wait until it is clean as well, which may take a moment more. */
	reserve_settle();
	test_info(self->fd, &info);
	EXPECT_EQ(self->info.out_reserve_largest, info.out_reserve_largest);
}

/* Freed memory can be allocated again before it is scrubbed. */
TEST_F_TIMEOUT(reserve, can_be_had_again_at_once, 400)
{
	uint64_t largest = self->info.out_reserve_largest;
	void *map;
	int i, n;

	for (i = 0; i < 5; i++) {
		n = take_all(self, largest) / largest;
		ASSERT_LT(0, n);
		map = buffer_map(self->fds[0], largest);
		ASSERT_NE(NULL, map);
		memset(map, 0xff, MIB(1));
		munmap(map, largest);
		give_all(self);
		EXPECT_LE(n, (int)(take_all(self, largest) / largest));
		give_all(self);
	}
}

/* Make a block of the reserve dirty. Return its length, or 0 on failure. */
static uint64_t make_dirty(FIXTURE_DATA(reserve) *self)
{
	uint64_t length = self->info.out_reserve_largest;
	int fd = buffer_alloc(self->fd, length, CONTIG_RUNGS_RESERVE, 0);
	char *map = fd < 0 ? NULL : buffer_map(fd, length);

	if (!map)
		return 0;
	map[0] = 1;
	munmap(map, length);
	close(fd);
	return length;
}

/* Find a place without a block, with all of the reserve free. */
static void place_without_block(int client, struct contig_constraints *place)
{
	struct contig_probe probe;
	int ret;

	place->lowest = round_up_page(ram_start());
	/* ERANGE: no memory lies there at all. */
	do {
		place->lowest = (place->lowest | (MIB(1) - 1)) + 1;
		place->highest = place->lowest + KIB(64) - 1;
		probe = probe_request(KIB(64), CONTIG_RUNGS_RESERVE);
		probe.constraints = *place;
		ret = _test_cmd_probe(client, &probe);
	} while (ret == -ERANGE || (!ret && !probe.out_reports[0].error));
}

/* Where no block lies, waiting for the scrubber is useless. */
TEST_F(reserve, never_waits_for_what_no_block_can_give)
{
	struct contig_alloc alloc = alloc_request(KIB(64), CONTIG_RUNGS_RESERVE);
	struct contig_probe probe = probe_request(KIB(64), CONTIG_RUNGS_RESERVE);
	struct contig_info info = {};
	uint64_t length;
	int i, ret;

	place_without_block(self->fd, &alloc.constraints);
	probe.constraints = alloc.constraints;
	/* Try again if the scrubber was faster than the request. */
	for (i = 0; i < 5; i++) {
		length = make_dirty(self);
		ASSERT_LT(0, length);
		ret = _test_cmd_alloc(self->fd, &alloc);
		test_info(self->fd, &info);
		ASSERT_EQ(-ENOMEM, ret);
		ASSERT_EQ(1, alloc.out_report_count);
		EXPECT_EQ(CONTIG_BLOCKED_CONSTRAINTS,
			  alloc.out_reports[0].blocked);
		EXPECT_EQ(0, alloc.out_reports[0].largest);
		if (info.out_reserve_largest < length)
			break;
		reserve_settle();
	}
	EXPECT_LT(info.out_reserve_largest, length);
	ASSERT_EQ(0, _test_cmd_probe(self->fd, &probe));
	EXPECT_EQ(ENOMEM, probe.out_reports[0].error);
	EXPECT_EQ(CONTIG_BLOCKED_CONSTRAINTS, probe.out_reports[0].blocked);
}

TEST_F(reserve, steps_aside_when_it_is_used_up)
{
	struct contig_alloc alloc = alloc_request(KIB(64), 0);
	uint64_t length;

	for (length = MIB(64); length >= page_size; length /= 4)
		take_all(self, length);
	test_alloc(self->fd, &alloc);
	EXPECT_EQ(CONTIG_RUNG_COHERENT, alloc.out_rung);
	ASSERT_EQ(2, alloc.out_report_count);
	EXPECT_EQ(CONTIG_RUNG_RESERVE, alloc.out_reports[0].rung);
	EXPECT_EQ(ENOMEM, alloc.out_reports[0].error);
	EXPECT_EQ(CONTIG_BLOCKED_EXHAUSTED, alloc.out_reports[0].blocked);
	EXPECT_EQ(0, alloc.out_reports[0].largest);
	close(alloc.out_fd);
	give_all(self);
}

TEST_F(reserve, is_no_matter_of_free_memory)
{
	/* Allow for the noise of a machine, but not for half a block. */
	long least = free_pages() -
		     (long)(self->info.out_reserve_largest / page_size / 2);
	int fd = buffer_alloc(self->fd, self->info.out_reserve_largest,
			      CONTIG_RUNGS_RESERVE, 0);

	ASSERT_LE(0, fd);
	EXPECT_TRUE(free_pages_return(least));
	close(fd);
	EXPECT_TRUE(free_pages_return(least));
}

TEST_F(reserve, info_counts_it)
{
	uint64_t before = self->info.out_reserve_free;
	struct contig_info info;
	int fd = buffer_get(self->fd, MIB(1) + 1, CONTIG_RUNGS_RESERVE);

	ASSERT_LE(0, fd);
	test_info(self->fd, &info);
	EXPECT_EQ(before - MIB(1) - page_size, info.out_reserve_free);
	close(fd);
	test_info(self->fd, &info);
	EXPECT_EQ(before, info.out_reserve_free);
}

TEST_F_TIMEOUT(reserve, counts_until_it_is_clean, 400)
{
	char *map;
	int i, fd;

	need_reserve(self->fd, MIB(4));
	ASSERT_EQ(0, write_text(CONTIG_PARAMETERS "/quota_mib", "4"));
	/* A user can allocate again what it freed, without waiting. */
	for (i = 0; i < 30; i++) {
		fd = buffer_get(self->fd, MIB(4), CONTIG_RUNGS_RESERVE);
		ASSERT_LE(0, fd)
			TH_LOG("turn %d", i);
		map = buffer_map(fd, MIB(4));
		ASSERT_NE(NULL, map);
		map[0] = 1;
		munmap(map, MIB(4));
		close(fd);
	}
}

/* A page of a large block uses more than a page, and is charged as such. */
TEST_F_TIMEOUT(reserve, is_paid_by_the_granule, 400)
{
	struct contig_info before, after;
	uint64_t used = 0;
	int fd, i;

	need_reserve(self->fd, MIB(64));
	/* Allocate until only the largest blocks are left. */
	for (i = 0; i < MOST; i++) {
		test_info(self->fd, &before);
		if (before.out_reserve_free == before.out_reserve_largest)
			break;
		fd = buffer_alloc(self->fd, KIB(256), CONTIG_RUNGS_RESERVE, 0);
		ASSERT_LE(0, fd);
	}
	used = before.out_quota_used;
	ASSERT_LE(MIB(64), before.out_reserve_free);
	fd = buffer_alloc(self->fd, page_size, CONTIG_RUNGS_RESERVE, 0);
	ASSERT_LE(0, fd);
	test_info(self->fd, &after);
	EXPECT_EQ(before.out_reserve_free - after.out_reserve_free,
		  after.out_quota_used - used);
	EXPECT_EQ(KIB(64), after.out_quota_used - used);
	close(fd);
	test_info(self->fd, &after);
	EXPECT_EQ(used, after.out_quota_used);
}

/*
 * Holes in a block that is otherwise full
 */
#define PIECE KIB(256)
#define IN_ROW 10

struct piece {
	uint64_t pfn;
	int fd;
};

static int compare_pieces(const void *a, const void *b)
{
	const struct piece *x = a, *y = b;

	return x->pfn < y->pfn ? -1 : x->pfn > y->pfn;
}

FIXTURE(hole) {
	int fd;
	struct piece pieces[MOST];
	int n;
	struct piece *row;	/* of IN_ROW adjacent pieces */
};

FIXTURE_VARIANT(hole) {
	int at[3];		/* where the holes of 3, 1 and 2 pieces begin */
};

FIXTURE_VARIANT_ADD(hole, largest_first) { .at = { 0, 4, 6 } };
FIXTURE_VARIANT_ADD(hole, largest_in_the_middle) { .at = { 4, 2, 8 } };
FIXTURE_VARIANT_ADD(hole, largest_last) { .at = { 7, 5, 1 } };

static void give_back(struct piece *piece)
{
	close(piece->fd);
	piece->fd = -1;
}

/* Find where a row fits into one block: adjacent blocks are not merged. */
static uint64_t row_in_a_block(int client)
{
	int fd = buffer_alloc(client, IN_ROW * PIECE, CONTIG_RUNGS_RESERVE, 0);
	char *map = fd < 0 ? NULL : buffer_map(fd, IN_ROW * PIECE);
	uint64_t pfn = map ? pfn_of(map) : 0;

	if (map)
		munmap(map, IN_ROW * PIECE);
	close(fd);
	reserve_settle();
	return pfn;
}

FIXTURE_SETUP(hole) {
	uint64_t row;
	int i, first;
	char *map;

	setup_client(self->fd);
	need_reserve(self->fd, IN_ROW * PIECE);
	row = row_in_a_block(self->fd);
	ASSERT_NE(0, row);
	while (self->n < MOST) {
		struct piece *piece = &self->pieces[self->n];

		piece->fd = buffer_alloc(self->fd, PIECE, CONTIG_RUNGS_RESERVE,
					 0);
		if (piece->fd < 0)
			break;
		map = buffer_map(piece->fd, PIECE);
		ASSERT_NE(NULL, map);
		piece->pfn = pfn_of(map);
		munmap(map, PIECE);
		self->n++;
	}
	qsort(self->pieces, self->n, sizeof(*self->pieces), compare_pieces);
	for (first = 0; first < self->n && self->pieces[first].pfn < row;)
		first++;
	ASSERT_LE(IN_ROW, self->n - first);
	for (i = 0; i < IN_ROW; i++)
		ASSERT_EQ(row + i * PIECE / page_size,
			  self->pieces[first + i].pfn);
	self->row = &self->pieces[first];
	for (i = 0; i < 3; i++)
		give_back(&self->row[variant->at[0] + i]);
	give_back(&self->row[variant->at[1]]);
	for (i = 0; i < 2; i++)
		give_back(&self->row[variant->at[2] + i]);
	/* The others are not moved to make room. */
	for (i = 0; i < self->n; i++)
		if (self->pieces[i].fd >= 0)
			test_lock_buffer(self->fd, self->pieces[i].fd, 0, PIECE,
					 0);
	reserve_settle();
}

FIXTURE_TEARDOWN(hole) {
	close(self->fd);
}

TEST_F_TIMEOUT(hole, largest_is_what_can_be_had, 400)
{
	struct contig_alloc alloc;
	struct contig_info info;
	int i;

	test_info(self->fd, &info);
	EXPECT_EQ(3 * PIECE, info.out_reserve_largest);
	EXPECT_EQ(6 * PIECE, info.out_reserve_free);
	alloc = alloc_request(4 * PIECE, CONTIG_RUNGS_RESERVE);
	test_err_alloc(ENOMEM, self->fd, &alloc);
	EXPECT_EQ(CONTIG_BLOCKED_LOCKED, alloc.out_reports[0].blocked);
	EXPECT_EQ(3 * PIECE, alloc.out_reports[0].largest);
	/* A request takes the hole of its size. */
	for (i = 3; i; i--) {
		alloc = alloc_request(i * PIECE, CONTIG_RUNGS_RESERVE);
		test_alloc(self->fd, &alloc);
	}
	test_info(self->fd, &info);
	EXPECT_EQ(0, info.out_reserve_free);
}

TEST_HARNESS_MAIN
