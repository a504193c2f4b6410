// SPDX-License-Identifier: GPL-2.0-only
/*
 * libcontig's own interface on the real module: what the library adds to the
 * commands. Its unit tests are in userlib/tests.
 */
#include <contig.h>
#include <sys/resource.h>

#include "kselftest_harness.h"
#include "contig_utils.h"
#include "edu.h"

FIXTURE(library) {
	struct contig *client;
	char *memory;
};

FIXTURE_SETUP(library) {
	int ret = contig_open(&self->client, NULL);

	if (ret == -ENOENT)
		SKIP(return, "no " CONTIG_PATH ": load the module");
	ASSERT_EQ(0, ret);
	self->memory = mmap(NULL, pages(16), PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->memory);
}

FIXTURE_TEARDOWN(library) {
	contig_close(self->client);
}

TEST_F(library, describes_the_machine)
{
	struct contig_info info = { .size = sizeof(info) };

	EXPECT_EQ(0, contig_get_info(self->client, &info));
	EXPECT_EQ(page_size, info.out_page_size);
	EXPECT_EQ((uint64_t)meminfo_kib("MemTotal") << 10, info.out_ram_bytes);
}

TEST_F(library, allocates_maps_locks_and_translates)
{
	struct contig_alloc answer = { .size = sizeof(answer) };
	struct contig_alloc_opts opts = CONTIG_ALLOC_OPTS_INIT;
	struct contig_buffer *buffer;
	struct contig_extent *extents, *want;
	struct contig_report reports[CONTIG_REPORTS];
	unsigned int nr_reports = CONTIG_REPORTS;
	uint32_t count;
	void *addr;
	int64_t n;

	opts.rungs = CONTIG_RUNGS_SCATTER;
	opts.name = "by the library";
	opts.answer = &answer;
	ASSERT_EQ(0, contig_alloc(self->client, MIB(1), &opts, &buffer));
	EXPECT_TRUE(debugfs_has("buffers", "by the library"));
	EXPECT_EQ(MIB(1), contig_buffer_length(buffer));
	EXPECT_EQ(CONTIG_RUNG_SCATTER, contig_buffer_rung(buffer));
	EXPECT_EQ(CONTIG_MAPPING_STRUCT_PAGE, contig_buffer_mapping(buffer));
	ASSERT_EQ(0, contig_buffer_get_reports(buffer, reports,
					       sizeof(*reports), &nr_reports));
	ASSERT_EQ(1, nr_reports);
	EXPECT_EQ(CONTIG_RUNG_SCATTER, reports[0].rung);

	ASSERT_EQ(0, contig_buffer_map(buffer, 0, MIB(1),
				       PROT_READ | PROT_WRITE, &addr));
	EXPECT_TRUE(is_zero(addr, MIB(1)));
	fill_pattern(addr, MIB(1), 1);
	EXPECT_EQ(0, contig_buffer_begin_access(buffer, CONTIG_ACCESS_READ));
	EXPECT_TRUE(has_pattern(addr, MIB(1), 1));
	EXPECT_EQ(0, contig_buffer_end_access(buffer, CONTIG_ACCESS_READ));

	ASSERT_EQ(0, contig_buffer_lock(self->client, buffer, 0, MIB(1), 0));
	ASSERT_EQ(0, contig_buffer_get_extents(self->client, buffer, 0, MIB(1),
					       &extents, &count));
	n = pagemap_extents(addr, MIB(1), &want);
	ASSERT_EQ(n, count);
	EXPECT_EQ((uint64_t)n, contig_buffer_extents(buffer));
	EXPECT_EQ(0, memcmp(extents, want, n * sizeof(*want)));
	free(extents);
	free(want);
	EXPECT_EQ(0, contig_buffer_unlock(self->client, buffer, 0, MIB(1)));
	EXPECT_EQ(-ENOLCK, contig_buffer_unlock(self->client, buffer, 0, 1));

	/* The mapping outlives the buffer's handle. */
	contig_buffer_free(buffer);
	EXPECT_TRUE(has_pattern(addr, MIB(1), 1));
	EXPECT_EQ(0, contig_buffer_unmap(addr, MIB(1)));
	EXPECT_FALSE(debugfs_has("buffers", "by the library"));
}

/* Return how many mappings this process has. */
static int count_mappings(void)
{
	char *text = read_text("/proc/self/maps"), *at;
	int n = 0;

	for (at = text; at && *at; at++)
		n += *at == '\n';
	free(text);
	return n;
}

TEST_F(library, maps_huge_pages_where_they_fit)
{
	const struct {
		uint64_t offset, length;
	} parts[] = { { 0, 3 }, { 0, 0 }, { 1, 0 }, { 4096 + 100, 0 } };
	struct contig_alloc_opts opts = CONTIG_ALLOC_OPTS_INIT;
	struct contig_buffer *buffer;
	uint64_t huge, offset;
	unsigned int i;
	int mappings;
	size_t length;
	char *map;

	opts.rungs = CONTIG_RUNGS_RANGE;
	opts.flags = CONTIG_ALLOC_HUGE_PAGES;
	if (contig_alloc(self->client, 3 * huge_page_bytes(), &opts, &buffer))
		SKIP(return, "this kernel has no range rung, or no huge pages");
	huge = contig_buffer_huge_size(buffer);
	if (!huge)
		SKIP(return, "this kernel has no huge pages for modules");
	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		offset = parts[i].offset;
		length = parts[i].length * huge ?: huge + 100;
		mappings = count_mappings();
		ASSERT_EQ(0, contig_buffer_map(buffer, offset, length,
					       PROT_READ | PROT_WRITE,
					       (void **)&map));
		EXPECT_EQ(offset % huge, to_addr(map) % huge);
		EXPECT_TRUE(page_is_resident(map + length - 1));
		memset(map, i, length);
		EXPECT_EQ(0, contig_buffer_unmap(map, length));
		EXPECT_EQ(mappings, count_mappings());
	}
	contig_buffer_free(buffer);
}

TEST_F(library, maps_a_part_that_starts_inside_a_page)
{
	struct contig_buffer *buffer;
	char *all, *part;

	ASSERT_EQ(0, contig_alloc(self->client, pages(8), NULL, &buffer));
	ASSERT_EQ(0, contig_buffer_map(buffer, 0, pages(8),
				       PROT_READ | PROT_WRITE, (void **)&all));
	fill_pattern(all, pages(8), 1);
	ASSERT_EQ(0, contig_buffer_map(buffer, pages(3) + 100, 5000, PROT_READ,
				       (void **)&part));
	EXPECT_EQ(0, memcmp(all + pages(3) + 100, part, 5000));
	EXPECT_EQ(0, contig_buffer_unmap(part, 5000));
	EXPECT_EQ(-EOVERFLOW, contig_buffer_map(buffer, pages(8), 1, PROT_READ,
						(void **)&part));
	contig_buffer_unmap(all, pages(8));
	contig_buffer_free(buffer);
}

TEST_F(library, explains_a_failure)
{
	struct contig_alloc answer = { .size = sizeof(answer) };
	struct contig_alloc_opts opts = CONTIG_ALLOC_OPTS_INIT;
	struct contig_info info = { .size = sizeof(info) };
	struct contig_buffer *buffer;
	char text[2000], *cause;
	int ret;

	ASSERT_EQ(0, contig_get_info(self->client, &info));
	opts.rungs = CONTIG_RUNGS_RESERVE | CONTIG_RUNGS_COHERENT;
	opts.answer = &answer;
	ret = contig_alloc(self->client, info.out_ram_bytes / 3, &opts,
			   &buffer);
	EXPECT_EQ(-ENOMEM, ret);
	EXPECT_EQ(NULL, buffer);
	EXPECT_EQ(2, answer.out_report_count);
	EXPECT_LT(0, contig_explain(&answer, ret, text, sizeof(text)));
	cause = strstr(text, ": ");
	ASSERT_NE(NULL, cause);
	cause[strcspn(cause, ".")] = '\0';
	/* The text names one of the two rungs. */
	EXPECT_NE(!strstr(cause, "reserve"), !strstr(cause, "coherent"))
		TH_LOG("%s", text);
}

TEST_F(library, holds_with_mlock)
{
	ASSERT_EQ(0, contig_hold(self->client, self->memory + 1, pages(4) - 2));
	EXPECT_EQ((long)(pages(4) >> 10), status_kib("VmLck"));
	EXPECT_TRUE(page_is_resident(self->memory + pages(3)));
	ASSERT_EQ(0, contig_hold(self->client, self->memory, pages(2)));
	EXPECT_EQ((long)(pages(4) >> 10), status_kib("VmLck"));
	ASSERT_EQ(0, contig_unhold(self->client, self->memory, pages(4)));
	EXPECT_EQ((long)(pages(2) >> 10), status_kib("VmLck"));
	ASSERT_EQ(0, contig_unhold(self->client, self->memory, pages(2)));
	EXPECT_EQ(0, status_kib("VmLck"));
	EXPECT_EQ(-ENODATA, contig_unhold(self->client, self->memory, 1));
}

TEST_F(library, leaves_mlocked_memory_so)
{
	ASSERT_EQ(0, mlock(self->memory, pages(2)));
	ASSERT_EQ(0, contig_hold(self->client, self->memory, pages(4)));
	EXPECT_EQ((long)(pages(4) >> 10), status_kib("VmLck"));
	ASSERT_EQ(0, contig_unhold(self->client, self->memory, pages(4)));
	EXPECT_EQ((long)(pages(2) >> 10), status_kib("VmLck"));
}

/* Pages that the program mlocks during a hold stay mlocked. */
TEST_F(library, leaves_what_is_mlocked_during_a_hold)
{
	struct contig *other;

	ASSERT_EQ(0, contig_hold(self->client, self->memory, pages(8)));
	ASSERT_EQ(0, mlock(self->memory + pages(2), pages(2)));
	EXPECT_EQ((long)(pages(8) >> 10), status_kib("VmLck"));
	ASSERT_EQ(0, contig_unhold(self->client, self->memory, pages(8)));
	EXPECT_EQ((long)(pages(2) >> 10), status_kib("VmLck"));

	/* Neither a later hold nor the end of a client undoes that. */
	ASSERT_EQ(0, contig_open(&other, NULL));
	ASSERT_EQ(0, contig_hold(other, self->memory, pages(8)));
	ASSERT_EQ(0, mlock(self->memory + pages(6), pages(1)));
	contig_close(other);
	EXPECT_EQ((long)(pages(3) >> 10), status_kib("VmLck"));
	ASSERT_EQ(0, munlock(self->memory, pages(8)));
	EXPECT_EQ(0, status_kib("VmLck"));
}

/* A program with an old library, or without it, holds the same page. */
TEST_F(library, shares_pages_with_holds_of_another_kind)
{
	struct contig_span spans[16];
	uint32_t count = 16;
	int other = client_open();

	ASSERT_LE(0, other);
	test_hold(other, self->memory, pages(4), NULL);
	ASSERT_EQ(0, mlock(self->memory, pages(4)));
	ASSERT_EQ(0, contig_hold(self->client, self->memory, pages(8)));
	ASSERT_EQ(0, contig_unhold(self->client, self->memory, pages(8)));
	EXPECT_EQ((long)(pages(4) >> 10), status_kib("VmLck"));
	test_unhold(other, self->memory, pages(4), spans, &count);
	ASSERT_EQ(1, count);
	EXPECT_EQ(pages(4), spans[0].length);
	close(other);
}

/* A program newer than the library and the module gets zeros. */
TEST_F(library, fills_structures_of_newer_programs)
{
	struct {
		union {
			uint32_t size;
			struct contig_info info;
			struct contig_probe probe;
			struct contig_alloc alloc;
		};
		char added[64];
	} longer;
	struct contig_alloc_opts opts = CONTIG_ALLOC_OPTS_INIT;
	struct contig_buffer *buffer;

	memset(&longer, 0xa5, sizeof(longer));
	longer.size = sizeof(longer.info) + 64;
	longer.info.flags = 0;
	ASSERT_EQ(0, contig_get_info(self->client, &longer.info));
	EXPECT_EQ(sizeof(longer.info) + 64, longer.size);
	EXPECT_EQ(page_size, longer.info.out_page_size);
	EXPECT_TRUE(is_zero((char *)(&longer.info + 1), 64));

	memset(&longer, 0xa5, sizeof(longer));
	longer.size = sizeof(longer.probe) + 64;
	ASSERT_EQ(0, contig_probe(self->client, page_size, NULL,
				  &longer.probe));
	EXPECT_TRUE(is_zero((char *)(&longer.probe + 1), 64));

	memset(&longer, 0xa5, sizeof(longer));
	longer.size = sizeof(longer.alloc) + 64;
	opts.answer = &longer.alloc;
	ASSERT_EQ(0, contig_alloc(self->client, page_size, &opts, &buffer));
	EXPECT_TRUE(is_zero((char *)(&longer.alloc + 1), 64));
	contig_buffer_free(buffer);
}

TEST_F(library, closing_ends_holds)
{
	struct contig *other;

	ASSERT_EQ(0, contig_open(&other, NULL));
	ASSERT_EQ(0, contig_hold(self->client, self->memory, pages(2)));
	ASSERT_EQ(0, contig_hold(other, self->memory, pages(4)));
	contig_close(other);
	EXPECT_EQ((long)(pages(2) >> 10), status_kib("VmLck"));
	ASSERT_EQ(0, contig_unhold(self->client, self->memory, pages(2)));
	EXPECT_EQ(0, status_kib("VmLck"));
}

TEST_F(library, hold_beyond_the_limit_takes_back)
{
	struct rlimit limit = { pages(4), pages(4) };

	ASSERT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &limit));
	ASSERT_EQ(0, drop_cap(CAP_IPC_LOCK_NR));
	EXPECT_EQ(-EDQUOT, contig_hold(self->client, self->memory, pages(8)));
	EXPECT_EQ(0, status_kib("VmLck"));
	EXPECT_EQ(-ENODATA, contig_unhold(self->client, self->memory, 1));
	EXPECT_EQ(0, contig_hold(self->client, self->memory, pages(4)));
}

TEST_F(library, translates_with_a_short_table)
{
	const void *addr = self->memory + 10;
	size_t length = pages(16) - 20, sum = 0;
	struct contig_extent e;
	uint32_t count;

	ASSERT_EQ(0, contig_lock(self->client, self->memory, pages(16), 0));
	while (length) {
		count = 1;
		ASSERT_EQ(0, contig_get_physical(self->client, &addr, &length,
						 &e, &count));
		ASSERT_EQ(1, count);
		sum += e.length;
	}
	EXPECT_EQ(pages(16) - 20, sum);
	EXPECT_EQ((const void *)(self->memory + pages(16) - 10), addr);
	EXPECT_EQ(0, contig_unlock(self->client, self->memory, pages(16)));
}

TEST_F(library, imports_a_descriptor)
{
	struct contig_buffer *buffer, *twin;
	int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	void *a, *b;

	ASSERT_EQ(0, contig_alloc(self->client, pages(2), NULL, &buffer));
	ASSERT_EQ(0, contig_buffer_import(self->client,
					  contig_buffer_fd(buffer), &twin));
	EXPECT_EQ(pages(2), contig_buffer_length(twin));
	ASSERT_EQ(0, contig_buffer_map(buffer, 0, pages(2),
				       PROT_READ | PROT_WRITE, &a));
	contig_buffer_free(buffer);
	ASSERT_EQ(0, contig_buffer_map(twin, 0, pages(2),
				       PROT_READ | PROT_WRITE, &b));
	fill_pattern(a, pages(2), 1);
	EXPECT_TRUE(has_pattern(b, pages(2), 1));
	contig_buffer_free(twin);
	EXPECT_EQ(-EBADFD, contig_buffer_import(self->client, file, &twin));
	EXPECT_EQ(-EBADF, contig_buffer_import(self->client, 1000, &twin));
}

TEST_F(library, probes)
{
	struct contig_probe probe = { .size = sizeof(probe) };
	char text[2000];

	ASSERT_EQ(0, contig_probe(self->client, KIB(64), NULL, &probe));
	EXPECT_NE(CONTIG_RUNG_NONE, probe.out_rung);
	EXPECT_LT(0, contig_explain_probe(&probe, text, sizeof(text)));
}

TEST_F(library, prepares_in_parts)
{
	struct contig_prepare_opts opts = CONTIG_PREPARE_OPTS_INIT;
	struct contig_prepare part = { .size = sizeof(part) };
	const struct contig_span ranges[] = {
		{ to_addr(self->memory) + 10, pages(3) },
		{ to_addr(self->memory) + pages(8), pages(2) },
	};
	const char *at = self->memory + 10;
	int fd = contig_fd(self->client);
	uint64_t addrs[4];

	opts.flags = CONTIG_IO_INPUT;
	opts.max_pages = 4;
	opts.addrs = addrs;
	ASSERT_EQ(0, contig_prepare(self->client, ranges, 2, &opts, &part));
	EXPECT_EQ(4, part.count);
	EXPECT_EQ(pages(3), part.out_length);
	EXPECT_EQ(0, part.out_done);
	EXPECT_EQ(pfn_of(at) * page_size + 10, addrs[0]);
	EXPECT_EQ(pfn_of(at + pages(3)) * page_size, addrs[3]);
	EXPECT_EQ(1, page_state(fd, at + pages(3)).locks);
	EXPECT_EQ(0, contig_checkpoint(self->client, part.out_id, 0));
	EXPECT_EQ(0, page_state(fd, at + pages(3)).locks);
	EXPECT_EQ(-ENOENT, contig_checkpoint(self->client, part.out_id, 0));

	opts.first = part.out_length;
	ASSERT_EQ(0, contig_prepare(self->client, ranges, 2, &opts, &part));
	EXPECT_EQ(2, part.count);
	EXPECT_EQ(1, part.out_done);
	EXPECT_EQ(pfn_of(self->memory + pages(8)) * page_size, addrs[0]);
	EXPECT_EQ(0, contig_checkpoint(self->client, part.out_id, 0));
	/* Without a device SYNC fails. */
	EXPECT_EQ(-EUNATCH, contig_sync(self->client, self->memory, 1,
					CONTIG_IO_FOR_DEVICE |
					CONTIG_IO_OUTPUT));
}

FIXTURE(device) {
	struct contig *client;
	struct edu edu;
	struct contig_buffer *buffer;
	char *mapped;
};

FIXTURE_SETUP(device) {
	struct contig_device_opts limits = CONTIG_DEVICE_OPTS_INIT;
	int ret = contig_open(&self->client, NULL);

	if (ret == -ENOENT)
		SKIP(return, "no " CONTIG_PATH ": load the module");
	ASSERT_EQ(0, ret);
	if (edu_find(&self->edu))
		SKIP(return, "no device: run QEMU with -device edu");
	ASSERT_EQ(0, edu_setup(&self->edu));
	limits.address_bits = edu_bits();
	ASSERT_EQ(0, contig_attach_device(self->client, self->edu.name,
					  &limits));
	ASSERT_EQ(0, contig_alloc(self->client, pages(2), NULL, &self->buffer));
	ASSERT_EQ(0, contig_buffer_map(self->buffer, 0, pages(2),
				       PROT_READ | PROT_WRITE,
				       (void **)&self->mapped));
	fill_pattern(self->mapped, page_size, 1);
}

FIXTURE_TEARDOWN(device) {
	contig_buffer_unmap(self->mapped, pages(2));
	contig_buffer_free(self->buffer);
	contig_close(self->client);
	edu_disable(&self->edu);
}

/* From the first page to the device, and from the device to the second page. */
TEST_F(device, has_its_turns_in_a_preparation)
{
	const uint32_t ways = CONTIG_IO_INPUT | CONTIG_IO_OUTPUT;
	struct contig_prepare_opts opts = CONTIG_PREPARE_OPTS_INIT;
	struct contig_prepare whole = { .size = sizeof(whole) };
	const struct contig_span range = { 0, pages(2) };
	uint64_t addrs[2];

	opts.flags = ways | CONTIG_GET_DMA;
	opts.max_pages = 2;
	opts.addrs = addrs;
	ASSERT_EQ(0, contig_buffer_prepare(self->client, self->buffer, &range,
					   1, &opts, &whole));
	EXPECT_EQ(2, whole.count);
	EXPECT_EQ(1, whole.out_done);
	EXPECT_EQ(0, whole.out_bounced);
	EXPECT_EQ(0, edu_transfer(&self->edu, addrs[0], false));
	EXPECT_EQ(0, contig_checkpoint(self->client, whole.out_id,
				       CONTIG_IO_MORE | CONTIG_IO_INPUT));
	EXPECT_EQ(0, edu_transfer(&self->edu, addrs[1], true));

	/*
	 * The CPU accesses the memory, then the device again, before
	 * CHECKPOINT.
	 */
	EXPECT_EQ(0, contig_buffer_sync(self->client, self->buffer, page_size,
					EDU_CHUNK, CONTIG_IO_FOR_CPU |
					CONTIG_IO_INPUT));
	EXPECT_TRUE(has_pattern(self->mapped + page_size, EDU_CHUNK, 1));
	fill_pattern(self->mapped, page_size, 2);
	EXPECT_EQ(0, contig_buffer_sync(self->client, self->buffer, 0,
					EDU_CHUNK, CONTIG_IO_FOR_DEVICE |
					CONTIG_IO_OUTPUT));
	EXPECT_EQ(0, edu_transfer(&self->edu, addrs[0], false));
	EXPECT_EQ(0, edu_transfer(&self->edu, addrs[1], true));
	EXPECT_EQ(0, contig_checkpoint(self->client, whole.out_id, 0));
	EXPECT_TRUE(has_pattern(self->mapped + page_size, EDU_CHUNK, 2));
	EXPECT_EQ(-ENOLCK, contig_buffer_sync(self->client, self->buffer, 0, 1,
					      CONTIG_IO_FOR_CPU | ways));
}

/* To the device and back, at the same place. */
TEST_F(device, has_its_turns_in_locked_memory)
{
	const void *addr = self->mapped;
	size_t length = page_size;
	struct contig_extent e;
	uint32_t count = 1;

	ASSERT_EQ(0, contig_lock(self->client, addr, length, 0));
	ASSERT_EQ(0, contig_get_dma(self->client, &addr, &length, &e, &count));
	EXPECT_EQ(0, contig_sync(self->client, self->mapped, page_size,
				 CONTIG_IO_FOR_DEVICE | CONTIG_IO_OUTPUT));
	EXPECT_EQ(0, edu_transfer(&self->edu, e.addr, false));
	EXPECT_EQ(0, contig_sync(self->client, self->mapped, page_size,
				 CONTIG_IO_FOR_CPU | CONTIG_IO_OUTPUT));
	memset(self->mapped, 0, page_size);
	EXPECT_EQ(0, contig_sync(self->client, self->mapped, page_size,
				 CONTIG_IO_FOR_DEVICE | CONTIG_IO_INPUT));
	EXPECT_EQ(0, edu_transfer(&self->edu, e.addr, true));
	EXPECT_EQ(0, contig_sync(self->client, self->mapped, page_size,
				 CONTIG_IO_FOR_CPU | CONTIG_IO_INPUT));
	EXPECT_TRUE(has_pattern(self->mapped, EDU_CHUNK, 1));
	/* Locks by address do not count as locks of the buffer. */
	EXPECT_EQ(-ENOLCK, contig_buffer_sync(self->client, self->buffer, 0, 1,
					      CONTIG_IO_FOR_CPU |
					      CONTIG_IO_INPUT));
	EXPECT_EQ(0, contig_unlock(self->client, self->mapped, page_size));
}

TEST_HARNESS_MAIN
