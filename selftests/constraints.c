// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a device can address: each constraint alone and several together, on
 * every rung, checked against the page tables and not against the answer.
 */
#include "kselftest_harness.h"
#include "contig_utils.h"
#include "oracle.h"

/*
 * Return why a device that cuts at the limits of @c cannot use this memory, or
 * NULL.
 */
static const char *broken(const struct contig_constraints *c,
			  const struct contig_extent *e, int64_t n)
{
	uint64_t align = c->align ?: page_size;
	uint64_t longest = c->max_segment ?: UINT64_MAX;
	uint64_t pieces = 0;
	int64_t i;

	if (c->boundary && c->boundary < longest)
		longest = c->boundary;
	/* The piece after a cut must be aligned as well. */
	if (longest != UINT64_MAX && longest > align)
		longest -= longest % align;
	for (i = 0; i < n; i++) {
		uint64_t at = e[i].addr, end = e[i].addr + e[i].length, cut;

		if (at < c->lowest)
			return "lowest";
		if (c->highest && end - 1 > c->highest)
			return "highest";
		for (; at < end; at = cut) {
			cut = end;
			if (longest < cut - at)
				cut = at + longest;
			if (c->boundary &&
			    at / c->boundary != (cut - 1) / c->boundary)
				cut = (at / c->boundary + 1) * c->boundary;
			if (at % align)
				return "align";
			if (cut - at < c->min_segment &&
			    (i < n - 1 || cut < end))
				return "min_segment";
			pieces++;
		}
	}
	if (c->max_segments && pieces > c->max_segments)
		return "max_segments";
	return NULL;
}

FIXTURE(constraint) {
	int fd;
	struct contig_info info;
};

FIXTURE_VARIANT(constraint) {
	uint32_t rung;
};

variant_of_each_rung(constraint);

FIXTURE_SETUP(constraint) {
	setup_client(self->fd);
	test_info(self->fd, &self->info);
	if (variant->rung == CONTIG_RUNG_RESERVE) {
		need_reserve(self->fd, MIB(4));
		ASSERT_TRUE(learn_reserve(self->fd));
	}
	if (variant->rung == CONTIG_RUNG_RANGE)
		need_range(self->fd);
}

FIXTURE_TEARDOWN(constraint) {
	close(self->fd);
}

/* Addresses below this in the table are relative to where memory begins. */
#define RELATIVE MIB(2048)

/* Stands in the table for a page of the machine, which can be larger. */
#define PAGE 4096

static struct contig_constraints placed(const struct contig_constraints *c)
{
	struct contig_constraints result = *c;

	if (c->lowest && c->lowest < RELATIVE)
		result.lowest += ram_start();
	if (c->highest && c->highest < RELATIVE)
		result.highest += ram_start();
	if (c->boundary == PAGE)
		result.boundary = page_size;
	if (c->max_segment == PAGE || c->max_segment == PAGE + 1)
		result.max_segment += page_size - PAGE;
	return result;
}

/*
 * These rungs choose where the memory lies, so they must find it if it exists.
 */
#define CHOOSE CONTIG_RUNGS_RANGE
#define CHOOSE_PIECES (CONTIG_RUNGS_RANGE | CONTIG_RUNGS_SPLIT)
#define ALL CONTIG_RUNGS_ALL

static struct constraint_case {
	const char *name;
	uint64_t length;
	struct contig_constraints c;
	uint32_t must;		/* rungs that must meet it */
	uint32_t low;		/* those that must if memory begins at 0 */
} cases[] = {
	{ "none", MIB(1), {}, ALL },
	{ "lowest", MIB(1), { .lowest = MIB(640) }, CHOOSE },
	{ "lowest odd", KIB(64), { .lowest = MIB(300) + 1 }, CHOOSE },
	{ "highest 16M", KIB(64), { .highest = MIB(16) - 1 }, CHOOSE,
	  CONTIG_RUNGS_COHERENT },
	{ "highest 256M", MIB(1), { .highest = MIB(256) - 1 }, CHOOSE,
	  CONTIG_RUNGS_COHERENT },
	{ "highest odd", MIB(1), { .highest = MIB(256) + 100 }, CHOOSE },
	{ "highest 4G", MIB(4), { .highest = (1ull << 32) - 1 }, CHOOSE },
	{ "highest all", MIB(1), { .highest = UINT64_MAX }, ALL },
	{ "window", MIB(2), { .lowest = MIB(512), .highest = MIB(576) - 1 },
	  CHOOSE },
	{ "tight window", MIB(2), { .lowest = MIB(520),
				    .highest = MIB(522) - 1 }, 0 },
	{ "align 1", MIB(1), { .align = 1 }, ALL },
	{ "align 512", MIB(1), { .align = 512 }, ALL },
	{ "align page", MIB(1), { .align = PAGE }, ALL },
	{ "align 64K", KIB(64), { .align = KIB(64) }, CHOOSE_PIECES },
	{ "align 64K odd length", KIB(68), { .align = KIB(64) },
	  CHOOSE_PIECES },
	{ "align 1M", MIB(1), { .align = MIB(1) }, CHOOSE_PIECES },
	{ "align 2M", MIB(4), { .align = MIB(2) }, CHOOSE_PIECES },
	{ "align 16M", KIB(12), { .align = MIB(16) }, CHOOSE },
	{ "align 64M", MIB(8), { .align = MIB(64) }, CHOOSE },
	{ "boundary page", KIB(64), { .boundary = PAGE }, ALL },
	{ "boundary 64K", MIB(1), { .boundary = KIB(64) }, ALL },
	{ "boundary 64K one piece", KIB(64),
	  { .boundary = KIB(64), .max_segments = 1 }, CHOOSE },
	{ "boundary 1M one piece", KIB(516),
	  { .boundary = MIB(1), .max_segments = 1 }, CHOOSE },
	{ "boundary 1M two pieces", MIB(1) + KIB(4),
	  { .boundary = MIB(1), .max_segments = 2 }, CHOOSE },
	{ "boundary 4G", MIB(1), { .boundary = 1ull << 32 }, ALL },
	{ "boundary top", MIB(1), { .boundary = 1ull << 63 }, ALL },
	{ "min segment 64K", MIB(1), { .min_segment = KIB(64) },
	  CHOOSE_PIECES },
	{ "min segment odd", MIB(1), { .min_segment = KIB(32) + 1 },
	  CHOOSE_PIECES },
	{ "min segment all", KIB(256), { .min_segment = KIB(256) }, CHOOSE },
	{ "min segment more than all", KIB(64), { .min_segment = KIB(256) },
	  CHOOSE },
	{ "max segment page", KIB(256), { .max_segment = PAGE }, ALL },
	{ "max segment odd", KIB(256), { .max_segment = PAGE + 1 }, ALL },
	{ "max segment 64K", MIB(1), { .max_segment = KIB(64) }, ALL },
	{ "max segments 1", MIB(2), { .max_segments = 1 }, CHOOSE },
	{ "max segments 4", MIB(2), { .max_segments = 4 }, CHOOSE },
	{ "max segments 10000", MIB(1), { .max_segments = 10000 }, ALL },
	{ "16 segments of 64K", MIB(1),
	  { .max_segment = KIB(64), .max_segments = 16 }, CHOOSE },
	{ "17 segments of 64K, boundary 64K", MIB(1),
	  { .max_segment = KIB(64), .max_segments = 17, .boundary = KIB(64) },
	  CHOOSE },
	{ "segments of exactly 64K", MIB(1),
	  { .min_segment = KIB(64), .max_segment = KIB(64) }, CHOOSE },
	{ "aligned segments", MIB(1),
	  { .align = KIB(64), .max_segment = KIB(192) }, CHOOSE },
	{ "node 0", MIB(1), { .node_policy = CONTIG_NODE_STRICT }, ALL },
	{ "node 0 first", MIB(1), { .node_policy = CONTIG_NODE_PREFERRED },
	  ALL },
	{ "ISA DMA", KIB(64), { .highest = MIB(16) - 1, .boundary = KIB(64),
				.max_segments = 1 }, CHOOSE },
	{ "IDE PRD", MIB(1), { .highest = (1ull << 32) - 1,
			       .boundary = KIB(64), .max_segment = KIB(64),
			       .max_segments = 256 }, CHOOSE | ALL },
	{ "everything", MIB(1) + KIB(4), {
		.lowest = MIB(128), .highest = MIB(1024) - 1,
		.align = KIB(128), .boundary = MIB(4), .min_segment = KIB(128),
		.max_segment = MIB(1), .max_segments = 2,
		.node_policy = CONTIG_NODE_STRICT }, CHOOSE },
};

/*
 * Where pageblocks are large, pages of the kernel can leave no window in a part
 * of memory. There only what the oracle sees has to be found.
 */
static bool has_no_window(const struct contig_alloc *alloc, uint64_t top)
{
	return pageblock_bytes() > MIB(4) && learn_memory(top) &&
	       find_window(alloc) == NEVER;
}

/*
 * The reserve is fixed; on machines with much memory it may lie above 4 GiB.
 * Which constraints it can meet depends on that, but only if these restrict
 * addresses.
 */
static bool has_to_be_met(const struct constraint_case *it, uint32_t rung,
			  uint64_t top)
{
	struct contig_alloc alloc = alloc_request(it->length, 1u << rung);
	uint32_t must = it->must | (ram_start() ? 0 : it->low);
	const struct contig_constraints *c = &alloc.constraints;
	bool in_a_part;

	alloc.constraints = placed(&it->c);
	in_a_part = c->lowest || (c->highest && c->highest != UINT64_MAX);
	if (rung == CONTIG_RUNG_RESERVE) {
		if (reserve_can(&alloc))
			return true;
		if (in_a_part)
			return false;
	}
	if (!(must & 1u << rung))
		return false;
	if (c->highest && image_is_in_the_way(c->highest))
		return false;
	return rung != CONTIG_RUNG_RANGE || !in_a_part ||
	       !has_no_window(&alloc, top);
}

TEST_F_TIMEOUT(constraint, is_met_or_refused, 400)
{
	struct contig_extent *extents;
	const char *what;
	int64_t n;
	size_t i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct constraint_case *it = &cases[i];
		struct contig_alloc alloc = alloc_request(it->length,
							  1u << variant->rung);

		alloc.constraints = placed(&it->c);
		ret = _test_cmd_alloc(self->fd, &alloc);
		if (ret) {
			/*
			 * A rung may refuse a case that it does not have to
			 * meet.
			 */
			EXPECT_FALSE(has_to_be_met(it, variant->rung,
						   self->info.out_ram_top))
				TH_LOG("%s: error %d, blocked %u", it->name,
				       -ret, alloc.out_reports[0].blocked);
			EXPECT_EQ(-ENOMEM, ret)
				TH_LOG("%s", it->name);
			EXPECT_NE(CONTIG_BLOCKED_NOT,
				  alloc.out_reports[0].blocked)
				TH_LOG("%s", it->name);
			continue;
		}
		n = buffer_extents(self->fd, alloc.out_fd, alloc.out_length,
				   &extents);
		EXPECT_LT(0, n)
			TH_LOG("%s: no translation", it->name);
		if (n > 0) {
			what = broken(&alloc.constraints, extents, n);
			EXPECT_EQ(NULL, what)
				TH_LOG("%s: breaks %s, %lld extents at %#llx",
				       it->name, what, (long long)n,
				       extents[0].addr);
			EXPECT_EQ((int64_t)alloc.out_extents, n)
				TH_LOG("%s", it->name);
			free(extents);
		}
		close(alloc.out_fd);
	}
}

/* PROBE must apply the same constraints. */
TEST_F_TIMEOUT(constraint, is_probed, 400)
{
	size_t i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct constraint_case *it = &cases[i];
		struct contig_probe probe = probe_request(it->length,
							  1u << variant->rung);

		/*
		 * Each PROBE scans all memory: try only the cases with a known
		 * answer.
		 */
		if (!has_to_be_met(it, variant->rung, self->info.out_ram_top))
			continue;
		probe.constraints = placed(&it->c);
		ret = _test_cmd_probe(self->fd, &probe);
		EXPECT_EQ(0, ret)
			TH_LOG("%s", it->name);
		EXPECT_EQ(variant->rung, probe.out_rung)
			TH_LOG("%s: blocked %u, largest %llu", it->name,
			       probe.out_reports[0].blocked,
			       probe.out_reports[0].largest);
		EXPECT_EQ(CONTIG_REMEDY_NONE, probe.out_remedy)
			TH_LOG("%s", it->name);
	}
}

/* Invalid constraints, and those that this machine can never meet. */
TEST_F(constraint, is_wrong)
{
	uint64_t top = self->info.out_ram_top;
	struct {
		const char *name;
		uint64_t length;
		struct contig_constraints c;
		int error;
	} wrong[] = {
		{ "empty window", KIB(4), { .lowest = MIB(2),
					    .highest = MIB(1) }, EINVAL },
		{ "align 3", KIB(4), { .align = 3 }, EINVAL },
		{ "align 12K", KIB(4), { .align = KIB(12) }, EINVAL },
		{ "align -1", KIB(4), { .align = -1 }, EINVAL },
		{ "boundary 2K", KIB(4), { .boundary = KIB(2) }, EINVAL },
		{ "boundary 12K", KIB(4), { .boundary = KIB(12) }, EINVAL },
		{ "boundary -1", KIB(4), { .boundary = -1 }, EINVAL },
		{ "max segment 1", KIB(4), { .max_segment = 1 }, EINVAL },
		{ "max segment 4095", KIB(4), { .max_segment = 4095 }, EINVAL },
		{ "min above max segment", KIB(64),
		  { .min_segment = KIB(16), .max_segment = KIB(8) }, EINVAL },
		{ "node without policy", KIB(4), { .node = 1 }, EINVAL },
		{ "no such node", KIB(4), { .node_policy = CONTIG_NODE_STRICT,
					    .node = 1000 }, EINVAL },
		{ "enormous node", KIB(4), { .node_policy = CONTIG_NODE_STRICT,
					     .node = -1 }, EINVAL },
		{ "unknown policy", KIB(4), { .node_policy = 3 }, EOPNOTSUPP },
		{ "enormous policy", KIB(4), { .node_policy = -1 },
		  EOPNOTSUPP },
		{ "reserved", KIB(4), { .reserved = 1 }, EOPNOTSUPP },
		{ "above the top", KIB(4), { .lowest = top + 1 }, ERANGE },
		{ "far above the top", KIB(4), { .lowest = 1ull << 62 },
		  ERANGE },
		{ "highest below a page", KIB(4), { .highest = 100 }, ERANGE },
		{ "window below length", MIB(1),
		  { .lowest = MIB(512), .highest = MIB(513) - 2 }, ERANGE },
		{ "window of part of a page", KIB(4),
		  { .lowest = MIB(512) + 1, .highest = MIB(512) + 4096 },
		  ERANGE },
		{ "align above memory", KIB(4),
		  { .lowest = KIB(4), .align = 1ull << 63 }, ERANGE },
		{ "align 4G in the first 4G", KIB(4),
		  { .lowest = KIB(4), .highest = (1ull << 32) - 1,
		    .align = 1ull << 32 }, ERANGE },
		{ "segments too few", MIB(1),
		  { .max_segment = KIB(64), .max_segments = 15 }, ERANGE },
		{ "boundary makes too many", MIB(1),
		  { .boundary = KIB(64), .max_segments = 15 }, ERANGE },
		{ "min segment above boundary", MIB(1),
		  { .min_segment = KIB(64), .boundary = KIB(32) }, ERANGE },
	};
	struct snapshot before;
	size_t i;

	snapshot_take(&before, self->fd);
	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct contig_alloc alloc = alloc_request(wrong[i].length,
							  1u << variant->rung);
		struct contig_probe probe = probe_request(wrong[i].length,
							  1u << variant->rung);

		alloc.constraints = wrong[i].c;
		EXPECT_EQ(-wrong[i].error, _test_cmd_alloc(self->fd, &alloc))
			TH_LOG("%s", wrong[i].name);
		if (wrong[i].error == ERANGE)
			EXPECT_EQ(-1, alloc.out_fd);
		probe.constraints = wrong[i].c;
		EXPECT_EQ(-wrong[i].error, _test_cmd_probe(self->fd, &probe))
			TH_LOG("probing %s", wrong[i].name);
	}
	EXPECT_TRUE(snapshot_is_same(&before, self->fd));
}

/*
 * Call @check for each hole between the machine's memory, according to
 * /proc/iomem.
 */
static void check_gaps(struct __test_metadata *_metadata, int fd,
		       void (*check)(struct __test_metadata *_metadata, int fd,
				     uint64_t first, uint64_t last))
{
	FILE *iomem = fopen("/proc/iomem", "r");
	unsigned long long start, end;
	uint64_t free = 0;
	char line[256];

	ASSERT_NE(NULL, iomem);
	while (fgets(line, sizeof(line), iomem)) {
		/* Resources within another one are indented. */
		if (line[0] == ' ' || !strstr(line, " : System RAM") ||
		    sscanf(line, "%llx-%llx", &start, &end) != 2)
			continue;
		start = start / page_size * page_size;
		if (start > free)
			check(_metadata, fd, free, start - 1);
		free = (end + page_size) / page_size * page_size;
	}
	fclose(iomem);
}

static void nothing_there(struct __test_metadata *_metadata, int fd,
			  uint64_t first, uint64_t last)
{
	struct contig_alloc alloc = alloc_request(page_size, 0);
	struct contig_probe probe = probe_request(page_size, 0);

	alloc.constraints.lowest = first;
	alloc.constraints.highest = last;
	probe.constraints = alloc.constraints;
	EXPECT_EQ(-ERANGE, _test_cmd_alloc(fd, &alloc))
		TH_LOG("%llx-%llx", (unsigned long long)first,
		       (unsigned long long)last);
	EXPECT_EQ(-ERANGE, _test_cmd_probe(fd, &probe))
		TH_LOG("%llx-%llx", (unsigned long long)first,
		       (unsigned long long)last);
}

/*
 * Memory that the firmware or memmap= reserves does not belong to the machine.
 */
TEST(place_that_is_no_memory)
{
	int client;

	setup_client(client);
	check_gaps(_metadata, client, nothing_there);
	close(client);
}

/*
 * Choosing where memory lies reveals where it lies
 */
static const struct {
	uint64_t lowest;
	uint64_t highest;
	bool told;
} choices[] = {
	{ 0, 0, false },
	{ 0, (1ull << 24) - 1, false },
	{ 0, (1ull << 28) - 1, false },
	{ 0, (1ull << 32) - 1, false },
	{ 0, UINT64_MAX, false },
	{ 0, (1ull << 23) - 1, true },
	{ 0, (1ull << 28) - 2, true },
	{ 0, 3ull << 27, true },
	{ 4096, 0, true },
	{ 1ull << 24, (1ull << 28) - 1, true },
};

TEST(window_needs_the_right_to_see_physical_addresses)
{
	struct contig_alloc alloc;
	struct contig_probe probe;
	int client, ret;
	uint64_t start = ram_start();
	unsigned int i;

	setup_client(client);
	ASSERT_EQ(0, drop_cap(CAP_SYS_RAWIO_NR));
	for (i = 0; i < ARRAY_SIZE(choices); i++) {
		/* Some machines have no memory at such low addresses. */
		int may = choices[i].highest && choices[i].highest < start ?
			  -ERANGE : 0;

		alloc = alloc_request(page_size, 0);
		alloc.constraints.lowest = choices[i].lowest;
		alloc.constraints.highest = choices[i].highest;
		probe = (struct contig_probe) {
			.size = sizeof(probe),
			.length = page_size,
			.constraints = alloc.constraints,
		};
		ret = _test_cmd_alloc(client, &alloc);
		EXPECT_EQ(choices[i].told ? -EPERM : may, ret)
			TH_LOG("choice %u", i);
		ret = _test_cmd_probe(client, &probe);
		EXPECT_EQ(choices[i].told ? -EPERM : may, ret)
			TH_LOG("choice %u", i);
	}
	close(client);
}

FIXTURE(window) {
	int fd;
};

FIXTURE_SETUP(window) {
	setup_client(self->fd);
	need_range(self->fd);
}

FIXTURE_TEARDOWN(window) {
	close(self->fd);
}

/* Tries to have the same place twice; the kernel may take a page of it meanwhile. */
#define PLACE_TRIES 5

/*
 * The only suitable place is in use by another buffer, and is known to be
 * available otherwise.
 */
TEST_F_TIMEOUT(window, that_is_taken, 400)
{
	struct contig_alloc first, second;
	struct contig_extent *extents;
	bool had = false;
	int try;

	for (try = 0; !had && try < PLACE_TRIES; try++) {
		second = alloc_request(MIB(32), CONTIG_RUNGS_RANGE);
		second.constraints.align = MIB(4);
		test_alloc(self->fd, &second);
		ASSERT_EQ(1, buffer_extents(self->fd, second.out_fd, MIB(32),
					    &extents));
		close(second.out_fd);

		first = alloc_request(MIB(16), CONTIG_RUNGS_RANGE);
		first.constraints.lowest = extents->addr;
		first.constraints.highest = extents->addr + MIB(32) - 1;
		first.constraints.align = MIB(4);
		free(extents);
		if (_test_cmd_alloc(self->fd, &first))
			continue;

		second = first;
		second.length = MIB(32);
		test_err_alloc(ENOMEM, self->fd, &second);
		EXPECT_NE(CONTIG_BLOCKED_NOT, second.out_reports[0].blocked);
		EXPECT_GE(MIB(16), second.out_reports[0].largest);
		close(first.out_fd);
		had = !_test_cmd_alloc(self->fd, &second);
	}
	ASSERT_TRUE(had);
	close(second.out_fd);
}

/*
 * The first free run of the reserve begins beside a boundary, so that memory
 * there would have one segment too many; a later run has a suitable place.
 */
TEST(reserve_is_searched_for_few_segments)
{
	const uint64_t boundary = MIB(4), length = MIB(8);
	struct contig_extent *extents;
	struct contig_alloc alloc;
	int fd, beside, client;
	uint64_t start;

	setup_client(client);
	need_reserve(client, 2 * length);
	alloc = alloc_request(2 * length, CONTIG_RUNGS_RESERVE);
	alloc.constraints.align = boundary;
	test_alloc(client, &alloc);
	test_lock_buffer(client, alloc.out_fd, 0, page_size, 0);
	ASSERT_EQ(1, translate_all(client, alloc.out_fd, 0, page_size, 0,
				   &extents));
	start = extents[0].addr;
	free(extents);
	test_unlock_buffer(client, alloc.out_fd, 0, page_size);
	close(alloc.out_fd);
	reserve_settle();

	alloc = alloc_request(KIB(64), CONTIG_RUNGS_RESERVE);
	alloc.constraints.lowest = start;
	alloc.constraints.highest = start + KIB(64) - 1;
	test_alloc(client, &alloc);
	beside = alloc.out_fd;
	alloc = alloc_request(length, CONTIG_RUNGS_RESERVE);
	alloc.constraints.lowest = start;
	alloc.constraints.highest = start + 2 * length - 1;
	alloc.constraints.boundary = boundary;
	alloc.constraints.max_segments = 2;
	test_alloc(client, &alloc);
	fd = alloc.out_fd;
	test_lock_buffer(client, fd, 0, page_size, 0);
	ASSERT_EQ(1, translate_all(client, fd, 0, page_size, 0, &extents));
	EXPECT_EQ(0, extents[0].addr % boundary);
	free(extents);
	test_unlock_buffer(client, fd, 0, page_size);
	close(fd);
	close(beside);
	close(client);
}

TEST_HARNESS_MAIN
