// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a caller without the right to see physical addresses can learn: the
 * tests play a user that tries to find out where memory lies, by all answers of
 * the interface.
 */
#include <sys/stat.h>

#include "kselftest_harness.h"
#include "contig_utils.h"

/* As Documentation/uapi.md promises. */
#define PLACES 8

FIXTURE(oblivious) {
	int fd;
	char *memory;
	struct contig_info info;
	uint64_t start;
};

#define MEMORY_PAGES 16

/* A client of an ordinary user, used by an ordinary user. */
FIXTURE_SETUP(oblivious) {
	self->start = ram_start();
	ASSERT_EQ(0, drop_cap(CAP_SYS_RESOURCE_NR));
	setup_client(self->fd);
	self->memory = anon_map(pages(MEMORY_PAGES));
	ASSERT_NE(NULL, self->memory);
	ASSERT_EQ(0, drop_to_user(1000));
	test_info(self->fd, &self->info);
	ASSERT_FALSE(self->info.out_features & CONTIG_FEATURE_PHYSICAL_ALLOWED);
}

FIXTURE_TEARDOWN(oblivious) {
	close(self->fd);
}

static uint64_t power_from(uint64_t n)
{
	uint64_t power = page_size;

	while (power < n)
		power *= 2;
	return power;
}

/* Return the number of places with this alignment in memory below 2^@bits. */
static uint64_t places(const FIXTURE_DATA(oblivious) *self, unsigned int bits,
		       uint64_t align)
{
	uint64_t end = self->info.out_ram_top + 1;

	if (bits && bits < 64 && 1ull << bits < end)
		end = 1ull << bits;
	return end > self->start ? (end - self->start) / align : 0;
}

static int ask(int client, uint64_t length, const struct contig_constraints *c)
{
	struct contig_alloc alloc = alloc_request(length, 0);
	struct contig_probe probe = probe_request(length, CONTIG_RUNGS_RESERVE);
	int ret;

	alloc.constraints = *c;
	probe.constraints = *c;
	/* Both commands must refuse with the same errno. */
	ret = _test_cmd_probe(client, &probe);
	if (ret)
		return _test_cmd_alloc(client, &alloc) == ret ? ret : -EIO;
	ret = _test_cmd_alloc(client, &alloc);
	if (!ret)
		close(alloc.out_fd);
	return ret == -EPERM ? -EIO : ret;
}

/*
 * Only one such place exists with this alignment below the limit, besides
 * address 0.
 */
TEST_F(oblivious, alignment_names_no_place)
{
	/* The numbers of a 32-bit kernel's pages have 32 bits. */
	const unsigned int most = sizeof(long) == 4 ?
				  32 + __builtin_ctzl(page_size) : 48;
	struct contig_constraints c = {};
	unsigned int bits;

	for (bits = 24; bits < most; bits++) {
		c.align = 1ull << bits;
		c.highest = 2 * c.align - 1;
		EXPECT_EQ(-EPERM, ask(self->fd, page_size, &c))
			TH_LOG("%u bits", bits);
		c.align = pages(2);
		EXPECT_EQ(-EPERM, ask(self->fd, page_size, &c))
			TH_LOG("%u bits", bits);
		c.align = 1ull << bits;
		c.highest = 0;
		EXPECT_EQ(-EPERM, ask(self->fd, page_size, &c))
			TH_LOG("alignment of %u bits alone", bits);
	}
}

TEST_F(oblivious, windows_name_no_place)
{
	struct contig_constraints c = { .lowest = self->start + MIB(64) };

	EXPECT_EQ(-EPERM, ask(self->fd, page_size, &c));
	c.highest = c.lowest + page_size - 1;
	EXPECT_EQ(-EPERM, ask(self->fd, page_size, &c));
	c.lowest = 0;
	EXPECT_EQ(-EPERM, ask(self->fd, page_size, &c));
	c.highest = (1ull << 23) - 1;
	EXPECT_EQ(-EPERM, ask(self->fd, page_size, &c));
}

/* Each combination that is not refused leaves many places. */
TEST_F_TIMEOUT(oblivious, what_is_granted_leaves_places, 400)
{
	static const unsigned int widths[] = {
		0, 24, 25, 28, 30, 32, 33, 64,
	};
	static const size_t lengths[] = {
		KIB(4), KIB(12), MIB(1), MIB(16),
	};
	unsigned int granted = 0;
	size_t i, j;
	int shift, kind;

	for (i = 0; i < ARRAY_SIZE(widths); i++)
	for (j = 0; j < ARRAY_SIZE(lengths); j++)
	for (shift = -1; shift <= 2; shift++)
	for (kind = 0; kind < 2; kind++) {
		uint64_t own = power_from(lengths[j]);
		struct contig_constraints c = {};
		uint64_t align = page_size;
		int ret;

		if (kind) {
			/*
			 * Contiguous between boundaries: equivalent to an
			 * alignment.
			 */
			c.boundary = shift < 0 ? own >> -shift : own << shift;
			c.max_segments = 1;
			if (shift == 0 && own == lengths[j])
				align = own;
		} else {
			c.align = shift < 0 ? own >> -shift : own << shift;
			align = c.align;
		}
		if (align < page_size || c.boundary % page_size)
			continue;
		if (widths[i])
			c.highest = widths[i] == 64 ? UINT64_MAX :
						      (1ull << widths[i]) - 1;
		ret = ask(self->fd, lengths[j], &c);
		EXPECT_NE(-EIO, ret);
		if (ret && ret != -ENOMEM)
			continue;
		granted++;
		EXPECT_LE(align, own)
			TH_LOG("%u bits, length %zu, align %#llx", widths[i],
			       lengths[j], (unsigned long long)align);
		/* The block is at least as long as its alignment. */
		EXPECT_LE(PLACES, places(self, widths[i], own))
			TH_LOG("%u bits, length %zu, %s", widths[i],
			       lengths[j], kind ? "boundary" : "align");
	}
	EXPECT_LT(40, granted);
}

/* The rule must not prevent requests that devices need. */
TEST_F(oblivious, devices_get_what_they_need)
{
	static const struct {
		unsigned int bits;
		uint64_t length, align, boundary, max_segments;
	} needs[] = {
		{ 24, KIB(64), 0, KIB(64), 1 },		/* ISA DMA */
		{ 24, MIB(1), 0, 0, 0 },
		{ 28, MIB(4), MIB(4), 0, 1 },
		{ 30, KIB(8), KIB(8), 0, 1 },
		{ 32, KIB(4), KIB(4), 0, 1 },		/* descriptor rings */
		{ 32, MIB(1), MIB(1), 0, 1 },
		{ 32, MIB(16), MIB(16), 1ull << 32, 1 },
		{ 36, MIB(64), MIB(2), 0, 0 },
		{ 64, MIB(60), MIB(64), 0, 0 },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(needs); i++) {
		struct contig_constraints c = {
			.highest = needs[i].bits == 64 ?
				   UINT64_MAX : (1ull << needs[i].bits) - 1,
			.align = needs[i].align,
			.boundary = needs[i].boundary,
			.max_segments = needs[i].max_segments,
		};
		int ret = ask(self->fd, needs[i].length, &c);

		/* Some machines have no memory at such low addresses. */
		if (ret == -ERANGE && c.highest < self->start + MIB(256))
			continue;
		EXPECT_TRUE(!ret || ret == -ENOMEM)
			TH_LOG("device %zu: %d", i, ret);
	}
}

/* PROBE does not count the memory below an address. */
TEST_F(oblivious, probe_counts_no_part_of_memory)
{
	struct contig_probe probe;
	unsigned int bits;

	for (bits = 24; bits < 64; bits++) {
		probe = probe_request(page_size, 0);
		probe.constraints.highest = (1ull << bits) - 1;
		if (_test_cmd_probe(self->fd, &probe) ||
		    probe.constraints.highest >= self->info.out_ram_top)
			continue;
		EXPECT_EQ(0, probe.out_free_pages);
		EXPECT_EQ(0, probe.out_movable_pages);
		EXPECT_EQ(0, probe.out_kernel_pages);
		EXPECT_EQ(0, probe.out_pinned_pages);
		EXPECT_EQ(0, probe.out_moves);
	}
}

/* Nor does it reveal how many of the caller's own pages would have to move. */
TEST_F(oblivious, probe_counts_memory_coarsely)
{
	struct contig_probe probe = probe_request(MIB(64), 0);

	test_probe(self->fd, &probe);
	EXPECT_LT(0, probe.out_free_pages);
	EXPECT_EQ(0, probe.out_free_pages * page_size % MIB(1));
	EXPECT_EQ(0, probe.out_movable_pages * page_size % MIB(1));
	EXPECT_EQ(0, probe.out_kernel_pages * page_size % MIB(1));
	EXPECT_EQ(0, probe.out_pinned_pages * page_size % MIB(1));
	EXPECT_EQ(0, probe.out_moves);
}

/*
 * The length of the longest run between two pages that the caller has pinned
 * would reveal their distance.
 */
TEST_F(oblivious, reports_give_no_length_of_a_run)
{
	struct contig_probe probe = probe_request(MIB(16), 0);
	struct contig_alloc alloc;
	uint32_t i;

	test_probe(self->fd, &probe);
	EXPECT_GE(MIB(16), probe.out_largest);
	for (i = 0; i < probe.out_report_count; i++) {
		uint64_t largest = probe.out_reports[i].largest;

		EXPECT_GE(MIB(16), largest);
		EXPECT_EQ(0, largest & (largest - 1))
			TH_LOG("%s: %llu", rung_name(i + 1),
			       (unsigned long long)largest);
	}

	/* Three pages would be possible; the answer is rounded down. */
	alloc = alloc_request(MIB(32), CONTIG_RUNGS_SCATTER);
	alloc.constraints.max_segments = 3;
	test_err_alloc(ENOMEM, self->fd, &alloc);
	EXPECT_EQ(pages(2), alloc.out_reports[0].largest);

	/* A length beyond the quota gets no details. */
	probe = probe_request(self->info.out_quota_bytes + page_size, 0);
	test_probe(self->fd, &probe);
	EXPECT_EQ(CONTIG_REMEDY_QUOTA, probe.out_remedy);
	EXPECT_EQ(CONTIG_RUNG_NONE, probe.out_rung);
	EXPECT_EQ(0, probe.out_largest);
	EXPECT_EQ(0, probe.out_free_pages);
	for (i = 0; i < probe.out_report_count; i++) {
		EXPECT_EQ(EDQUOT, probe.out_reports[i].error);
		EXPECT_EQ(0, probe.out_reports[i].largest);
	}
}

/* Neither the addresses of pages nor their adjacency. */
TEST_F(oblivious, own_pages_tell_nothing)
{
	struct contig_extent table[MEMORY_PAGES] = {};
	struct contig_get_physical cmd = {
		.size = sizeof(cmd),
		.addr = to_addr(self->memory),
		.length = pages(MEMORY_PAGES),
		.extents = to_addr(table),
		.count = MEMORY_PAGES,
	};
	size_t first, n;

	test_lock(self->fd, self->memory, pages(MEMORY_PAGES), 0);
	test_err_get_physical(EPERM, self->fd, &cmd);
	EXPECT_EQ(0, table[0].addr);
	for (n = 2; n <= MEMORY_PAGES; n++)
		for (first = 0; first + n <= MEMORY_PAGES; first++)
			test_err_count(EPERM, self->fd,
				       self->memory + pages(first), pages(n));
	test_unlock(self->fd, self->memory, pages(MEMORY_PAGES));

	for (n = 2; n <= MEMORY_PAGES; n++) {
		test_err_lock(EPERM, self->fd, self->memory, pages(n),
			      CONTIG_LOCK_CONTIGUOUS);
		test_err_unlock(ENOLCK, self->fd, self->memory, 1);
	}
	/* Pages that are locked already are refused as well. */
	test_lock(self->fd, self->memory, pages(2), 0);
	test_err_lock(EPERM, self->fd, self->memory, pages(2),
		      CONTIG_LOCK_CONTIGUOUS);
	test_unlock(self->fd, self->memory, pages(2));
	EXPECT_EQ(0, page_state(self->fd, self->memory).locks);
	/* A single page is contiguous on each machine. */
	test_lock(self->fd, self->memory, page_size, CONTIG_LOCK_CONTIGUOUS);
	EXPECT_EQ(1, _test_cmd_count(self->fd, self->memory, page_size));
}

/* The caller knows a buffer's number of extents from ALLOC. */
TEST_F(oblivious, buffers_tell_their_extents)
{
	struct contig_alloc alloc = alloc_request(pages(8),
						  CONTIG_RUNGS_SCATTER);
	struct contig_alloc other = alloc;
	char *map;

	test_alloc(self->fd, &alloc);
	test_alloc(self->fd, &other);
	map = mmap(NULL, pages(16), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		   0);
	ASSERT_NE(MAP_FAILED, map);
	ASSERT_EQ(map, mmap(map, pages(8), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_FIXED, alloc.out_fd, 0));
	ASSERT_EQ(map + pages(8),
		  mmap(map + pages(8), pages(8), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_FIXED, other.out_fd, 0));
	test_lock_buffer(self->fd, alloc.out_fd, 0, pages(8), 0);
	EXPECT_EQ((int64_t)alloc.out_extents,
		  _test_cmd_count_buffer(self->fd, alloc.out_fd, 0, pages(8)));
	test_lock(self->fd, map, pages(16), 0);
	EXPECT_EQ((int64_t)alloc.out_extents,
		  _test_cmd_count(self->fd, map, pages(8)));
	EXPECT_EQ(alloc.out_extents == 1 ? 0 : -EILSEQ,
		  _test_cmd_lock(self->fd, map, pages(8),
				 CONTIG_LOCK_CONTIGUOUS));
	/* Whether two buffers adjoin is not revealed. */
	test_err_count(EPERM, self->fd, map, pages(16));
	test_err_lock(EPERM, self->fd, map, pages(16), CONTIG_LOCK_CONTIGUOUS);
	close(alloc.out_fd);
	close(other.out_fd);
}

static bool readable(const char *path)
{
	char *text = read_text(path);

	free(text);
	return text;
}

TEST_F(oblivious, files_tell_no_address)
{
	char path[64], *text, *line, *end;
	long long kib;

	EXPECT_FALSE(readable(CONTIG_DEBUGFS "/buffers"));
	EXPECT_FALSE(readable(CONTIG_DEBUGFS "/reserves"));
	EXPECT_FALSE(readable("/sys/kernel/tracing/trace"));
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", self->fd);
	text = read_text(path);
	ASSERT_NE(NULL, text);
	/* The line has only numbers in KiB. */
	for (line = strstr(text, "contig-"); line; line = strstr(end, "contig-")) {
		end = strchr(line, '\n');
		ASSERT_NE(NULL, end);
		*end++ = 0;
		EXPECT_EQ(1, sscanf(line, "contig-%*[a-z]: %lld KiB", &kib));
	}
	free(text);
}

TEST_HARNESS_MAIN
