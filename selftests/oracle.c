// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random constraints: allocated memory meets them, and what can be allocated
 * is.
 *
 * The memory is checked page by page. What could be allocated is derived from
 * what is free: in the reserve exactly, since its blocks are allocated once to
 * learn where they lie; in the rest of memory from /proc/kpageflags, where a
 * window is certain if its pageblocks are free or full of pages of programs.
 *
 * CONTIG_SEED in the environment selects other sets, CONTIG_SETS another number
 * of them than 1000.
 */
#include "kselftest_harness.h"
#include "contig_utils.h"
#include "oracle.h"

#define MOST 1024		/* pages of a buffer */
#define LIVE 12			/* buffers that are kept for a while */
#define FAILURES 5		/* stop after so many */

/*
 * Random sets
 */

static uint64_t seed_of_environment(void)
{
	const char *text = getenv("CONTIG_SEED");

	return text ? strtoull(text, NULL, 0) : 1;
}

static int sets_of_environment(int percent)
{
	const char *text = getenv("CONTIG_SETS");
	int sets = text ? atoi(text) : is_soak() ? 10000 : 1000;

	return times(sets * percent / 100);
}

/* A place anywhere in the machine, or close to @anchor, in bytes. */
static void random_place(struct contig_constraints *c, uint64_t length,
			 uint64_t anchor, uint64_t top)
{
	if (one_in(2)) {
		switch (below(4)) {
		case 0:
			c->highest = (1ull << (24 + below(13))) - 1;
			break;
		case 1:
			c->highest = ram_start() + below(top - ram_start()) +
				     MIB(1);
			break;
		case 2:
			c->highest = UINT64_MAX;
			break;
		case 3:
			c->highest = anchor + length +
				     below(length) * below(4);
			break;
		}
		c->highest -= one_in(4) ? below(page_size) : 0;
	}
	if (one_in(3)) {
		c->lowest = one_in(4) ? ram_start() + below(top - ram_start()) :
			    anchor - below(4) * below(length);
		if (c->lowest > anchor + length)
			c->lowest = one_in(2) ? anchor : c->lowest;
	}
	/* The only possible place, or some bytes too few for one. */
	if (one_in(8)) {
		c->lowest = anchor;
		c->highest = anchor + round_up_page(length) - 1;
		if (one_in(3))
			c->highest -= 1 + below(page_size);
		else if (one_in(3))
			c->lowest += 1 + below(page_size);
	}
	if (c->highest && c->lowest > c->highest)
		c->lowest = 0;
}

static void random_set(struct contig_alloc *alloc, uint32_t rungs,
		       uint64_t anchor, uint64_t top)
{
	struct contig_constraints *c = &alloc->constraints;
	uint64_t npages = 1 + below(1ull << below(11));

	*alloc = alloc_request(npages * page_size, rungs);
	if (one_in(3))
		alloc->length -= below(page_size);
	if (one_in(2))
		c->align = 1ull << below(one_in(6) ? 27 : 19);
	if (one_in(3))
		c->boundary = page_size << below(15);
	if (one_in(3))
		c->max_segment = page_size + below(2 * alloc->length);
	if (one_in(4))
		c->min_segment = below((c->max_segment ?: alloc->length) + 1);
	if (one_in(3))
		c->max_segments = 1 + below(one_in(2) ? 4 : npages + 8);
	random_place(c, alloc->length, anchor, top);
}

static void tell_set(const struct contig_alloc *alloc)
{
	const struct contig_constraints *c = &alloc->constraints;

	fprintf(stderr, "# rungs %#x, length %llu, lowest %#llx, highest %#llx, align %#llx, boundary %#llx, min_segment %llu, max_segment %llu, max_segments %u\n",
		alloc->rungs, alloc->length, c->lowest, c->highest, c->align,
		c->boundary, c->min_segment, c->max_segment, c->max_segments);
}

FIXTURE(oracle) {
	int fd;
	char *memory;
	struct contig_info info;
	struct {
		int fd;
		bool reserve;
		uint64_t first, n;
	} live[LIVE];
	int nr_live;
};

FIXTURE_VARIANT(oracle) {
	uint32_t rungs;
	int percent;			/* share of all sets */
};

FIXTURE_VARIANT_ADD(oracle, reserve) { CONTIG_RUNGS_RESERVE, 30 };
FIXTURE_VARIANT_ADD(oracle, coherent) { CONTIG_RUNGS_COHERENT, 10 };
FIXTURE_VARIANT_ADD(oracle, range) { CONTIG_RUNGS_RANGE, 20 };
FIXTURE_VARIANT_ADD(oracle, split) { CONTIG_RUNGS_SPLIT, 15 };
FIXTURE_VARIANT_ADD(oracle, scatter) { CONTIG_RUNGS_SCATTER, 10 };
FIXTURE_VARIANT_ADD(oracle, ladder) { 0, 15 };

FIXTURE_SETUP(oracle) {
	setup_client(self->fd);
	test_info(self->fd, &self->info);
	if (variant->rungs == CONTIG_RUNGS_RANGE)
		need_range(self->fd);
	if (variant->rungs == CONTIG_RUNGS_RESERVE)
		need_reserve(self->fd, MIB(4));
	quota_lift();
	/* Memory that has to be moved. */
	self->memory = mmap(NULL, MIB(64), PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->memory);
	no_huge_pages(self->memory, MIB(64));
	memset(self->memory, 1, MIB(64));
	self->nr_live = 0;
	state = seed_of_environment() + variant->rungs * 1000003;
	ASSERT_TRUE(reserve_promises(MIB(1)) ? learn_reserve(self->fd) : true);
	ASSERT_TRUE(learn_memory(self->info.out_ram_top));
}

FIXTURE_TEARDOWN(oracle) {
	while (self->nr_live--)
		close(self->live[self->nr_live].fd);
	close(self->fd);
	munmap(self->memory, MIB(64));
	quota_restore();
}

/* Return true if it is certain that the request can be met. */
static bool can_be_had(FIXTURE_DATA(oracle) *self, struct contig_alloc *alloc,
		       uint64_t *window)
{
	uint32_t rungs = alloc->rungs ?: CONTIG_RUNGS_ALL;
	bool range = self->info.out_features & CONTIG_FEATURE_RANGE;

	*window = NEVER;
	if (rungs & CONTIG_RUNGS_RESERVE && reserve_can(alloc))
		return true;
	if (!range || !(rungs & (CONTIG_RUNGS_RANGE | CONTIG_RUNGS_SPLIT |
				 CONTIG_RUNGS_SCATTER)))
		return false;
	if (rungs == CONTIG_RUNGS_SCATTER && !pages_will_do(alloc))
		return false;
	*window = find_window(alloc);
	return *window != NEVER;
}

static void drop(FIXTURE_DATA(oracle) *self, int i)
{
	if (self->live[i].reserve)
		mark_reserve(self->live[i].first, self->live[i].n, false);
	_test_cmd_unlock_buffer(self->fd, self->live[i].fd, 0,
				self->live[i].n * page_size);
	close(self->live[i].fd);
	self->live[i] = self->live[--self->nr_live];
}

static void keep(FIXTURE_DATA(oracle) *self, const struct contig_alloc *alloc,
		 uint64_t first)
{
	int i = self->nr_live++;

	self->live[i].fd = alloc->out_fd;
	self->live[i].reserve = alloc->out_rung == CONTIG_RUNG_RESERVE;
	self->live[i].first = first;
	self->live[i].n = alloc->out_length / page_size;
	if (self->live[i].reserve)
		mark_reserve(first, self->live[i].n, true);
	/* It is not moved to make room for another. */
	_test_cmd_lock_buffer(self->fd, self->live[i].fd, 0, alloc->out_length,
			      0);
	if (self->nr_live == LIVE || one_in(2))
		drop(self, below(self->nr_live));
}

/* Return what is wrong with an allocated buffer, or NULL. */
static const char *wrong(int client, const struct contig_alloc *alloc,
			 uint64_t *first)
{
	static uint64_t frames[MOST];
	struct contig_extent *extents;
	uint64_t n = 0, i;
	int64_t nr = buffer_extents(client, alloc->out_fd, alloc->out_length,
				    &extents), e;

	if (nr <= 0)
		return "translation";
	for (e = 0; e < nr; e++)
		for (i = 0; i < extents[e].length / page_size && n < MOST; i++)
			frames[n++] = extents[e].addr / page_size + i;
	free(extents);
	*first = frames[0];
	if (n != round_up_page(alloc->length) / page_size)
		return "length";
	if ((int64_t)alloc->out_extents != nr)
		return "out_extents";
	return breaks(&alloc->constraints, frames, 0, n);
}

/*
 * Return true if a refused request should have been met. If other users took
 * the memory meanwhile, the window is no longer certain, and cannot be
 * allocated alone either: return false then.
 */
static bool could_be_had(int client, const struct contig_alloc *alloc,
			 uint64_t window)
{
	uint64_t n = round_up_page(alloc->length) / page_size;
	struct contig_alloc again = alloc_request(n * page_size,
						  CONTIG_RUNGS_RANGE);

	if (window == NEVER || window_is_certain(alloc, window, n))
		return true;
	again.constraints.lowest = window * page_size;
	again.constraints.highest = (window + n) * page_size - 1;
	if (_test_cmd_alloc(client, &again))
		return false;
	close(again.out_fd);
	return true;
}

TEST_F_TIMEOUT(oracle, is_right, 1700)
{
	int sets = sets_of_environment(variant->percent);
	int had = 0, sure = 0, passed_by = 0, failed = 0, i, ret;
	bool reserve = variant->rungs == CONTIG_RUNGS_RESERVE;
	struct contig_alloc alloc;
	uint64_t window, first = 0;
	const char *what;
	bool can;

	for (i = 0; i < sets && failed < FAILURES; i++) {
		if (i % 100 == 99 && !reserve)
			learn_memory(self->info.out_ram_top);
		random_set(&alloc, variant->rungs,
			   reserve || (nr_blocks && !variant->rungs &&
				       one_in(4)) ?
			   anchor_in_reserve() : anchor_in_memory(),
			   self->info.out_ram_top);
		can = can_be_had(self, &alloc, &window);
		ret = _test_cmd_alloc(self->fd, &alloc);
		sure += can;
		if (!ret) {
			had++;
			what = wrong(self->fd, &alloc, &first);
			/*
			 * Only the known blocks of the reserve could have met
			 * it.
			 */
			if (!what && reserve && !can)
				what = "the oracle";
			EXPECT_EQ(NULL, what) {
				TH_LOG("set %d breaks %s, rung %u", i, what,
				       alloc.out_rung);
				tell_set(&alloc);
				failed++;
			}
			keep(self, &alloc, first);
			continue;
		}
		if (ret != -ENOMEM && ret != -ERANGE) {
			EXPECT_EQ(-ENOMEM, ret) {
				TH_LOG("set %d", i);
				tell_set(&alloc);
				failed++;
			}
		} else if (can && could_be_had(self->fd, &alloc, window)) {
			EXPECT_EQ(0, ret) {
				TH_LOG("set %d could be had, at %#llx; blocked by %u after %u windows and %llu ms",
				       i, (unsigned long long)
				       (window == NEVER ? 0 :
					window * page_size),
				       alloc.out_reports[0].blocked,
				       alloc.out_reports[0].windows,
				       (unsigned long long)
				       alloc.out_reports[0].time_ns / 1000000);
				tell_set(&alloc);
				failed++;
			}
		} else if (can) {
			passed_by++;
		}
	}
	TH_LOG("seed %llu: %d sets, %d allocated, %d certain before, %d of these not certain afterwards",
	       (unsigned long long)seed_of_environment(), i, had, sure,
	       passed_by);
	/* An oracle that is rarely certain proves nothing. */
	if (variant->rungs != CONTIG_RUNGS_COHERENT)
		EXPECT_LE(i / 10, sure);
	EXPECT_GE(sets / 100 + 1, passed_by);
}

TEST_HARNESS_MAIN
