// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each kind of memory that a program can have, locked and translated; and
 * mappings that are not memory.
 */
#include "kselftest_harness.h"
#include "contig_utils.h"

#define HUGE_PAGES "/proc/sys/vm/nr_hugepages"

FIXTURE(memory) {
	int fd;
	struct contig_info info;
	int file;
	char *map;
	size_t length;
};

enum kind {
	ANON_PRIVATE, ANON_SHARED, ANON_STACK, MEMFD_SHARED, TMPFS_SHARED,
	FILE_PRIVATE, FILE_PRIVATE_TOUCHED, PROGRAM_DATA, THP, HUGETLB_PRIVATE,
	HUGETLB_SHARED, BUFFER_PAGES, BUFFER_PFNS,
};

FIXTURE_VARIANT(memory) {
	enum kind kind;
	bool huge;
};

FIXTURE_VARIANT_ADD(memory, anon_private) { .kind = ANON_PRIVATE };
FIXTURE_VARIANT_ADD(memory, anon_shared) { .kind = ANON_SHARED };
FIXTURE_VARIANT_ADD(memory, anon_stack) { .kind = ANON_STACK };
FIXTURE_VARIANT_ADD(memory, memfd_shared) { .kind = MEMFD_SHARED };
FIXTURE_VARIANT_ADD(memory, tmpfs_shared) { .kind = TMPFS_SHARED };
FIXTURE_VARIANT_ADD(memory, file_private) { .kind = FILE_PRIVATE };
FIXTURE_VARIANT_ADD(memory, file_private_touched) {
	.kind = FILE_PRIVATE_TOUCHED,
};
FIXTURE_VARIANT_ADD(memory, program_data) { .kind = PROGRAM_DATA };
FIXTURE_VARIANT_ADD(memory, thp) { .kind = THP, .huge = true };
FIXTURE_VARIANT_ADD(memory, hugetlb_private) {
	.kind = HUGETLB_PRIVATE, .huge = true,
};
FIXTURE_VARIANT_ADD(memory, hugetlb_shared) {
	.kind = HUGETLB_SHARED, .huge = true,
};
FIXTURE_VARIANT_ADD(memory, buffer_pages) { .kind = BUFFER_PAGES };
FIXTURE_VARIANT_ADD(memory, buffer_pfns) { .kind = BUFFER_PFNS };

/* Enough for eight pages of up to 64 KiB, wherever the first one begins. */
static char program_data[9 << 16];

static char *map_anon(size_t length, int flags)
{
	return mmap(NULL, length, PROT_READ | PROT_WRITE,
		    MAP_ANONYMOUS | flags, -1, 0);
}

static char *map_file(FIXTURE_DATA(memory) *self, int file, int flags)
{
	self->file = file;
	if (file < 0 || ftruncate(file, self->length))
		return MAP_FAILED;
	return mmap(NULL, self->length, PROT_READ | PROT_WRITE, flags, file, 0);
}

static char *map_thp(void)
{
	uint64_t huge = huge_page_bytes();
	char *area = map_anon(2 * huge, MAP_PRIVATE);

	if (area == MAP_FAILED)
		return area;
	area = to_pointer((to_addr(area) + huge - 1) & -huge);
	madvise(area, huge, MADV_HUGEPAGE);
	*area = 1;
	return area;
}

static char *map_buffer(FIXTURE_DATA(memory) *self, uint32_t rungs,
			uint32_t flags)
{
	self->file = buffer_alloc(self->fd, self->length, rungs, flags);
	return self->file < 0 ? MAP_FAILED :
	       buffer_map(self->file, self->length) ?: MAP_FAILED;
}

static char *map_kind(FIXTURE_DATA(memory) *self, enum kind kind)
{
	switch (kind) {
	case ANON_PRIVATE:
		return map_anon(self->length, MAP_PRIVATE);
	case ANON_SHARED:
		return map_anon(self->length, MAP_SHARED);
	case ANON_STACK:
		return map_anon(self->length, MAP_PRIVATE | MAP_STACK |
				MAP_GROWSDOWN);
	case MEMFD_SHARED:
		return map_file(self, memfd_create("contig", MFD_CLOEXEC),
				MAP_SHARED);
	case TMPFS_SHARED:
		return map_file(self, open("/dev/shm", O_TMPFILE | O_RDWR |
					   O_CLOEXEC, 0600), MAP_SHARED);
	case FILE_PRIVATE:
	case FILE_PRIVATE_TOUCHED:
		return map_file(self, open("/tmp", O_TMPFILE | O_RDWR |
					   O_CLOEXEC, 0600), MAP_PRIVATE);
	case PROGRAM_DATA:
		return to_pointer(round_up_page(to_addr(program_data)));
	case THP:
		return map_thp();
	case HUGETLB_PRIVATE:
		return map_anon(self->length, MAP_PRIVATE | MAP_HUGETLB);
	case HUGETLB_SHARED:
		return map_anon(self->length, MAP_SHARED | MAP_HUGETLB);
	case BUFFER_PAGES:
		return map_buffer(self, CONTIG_RUNGS_SCATTER, 0);
	case BUFFER_PFNS:
		return map_buffer(self, CONTIG_RUNGS_COHERENT,
				  CONTIG_ALLOC_PAGE_FRAMES);
	}
	return MAP_FAILED;
}

static bool is_hugetlb(enum kind kind)
{
	return kind == HUGETLB_PRIVATE || kind == HUGETLB_SHARED;
}

static bool pagemap_tells(const FIXTURE_VARIANT(memory) *variant)
{
	return variant->kind != BUFFER_PFNS;
}

FIXTURE_SETUP(memory) {
	setup_client(self->fd);
	test_info(self->fd, &self->info);
	self->file = -1;
	self->length = variant->huge ? huge_page_bytes() : pages(8);
	if (!self->length)
		SKIP(return, "no huge pages");
	if (is_hugetlb(variant->kind))
		write_text(HUGE_PAGES, "4");
	self->map = map_kind(self, variant->kind);
	if (self->map == MAP_FAILED && is_hugetlb(variant->kind)) {
		write_text(HUGE_PAGES, "0");
		SKIP(return, "no huge pages");
	}
	ASSERT_NE(MAP_FAILED, self->map);
	if (variant->kind == THP && !page_flag(self->map, KPF_THP))
		SKIP(return, "no transparent huge page");
	if (variant->kind == FILE_PRIVATE_TOUCHED)
		memset(self->map, 1, self->length);
}

FIXTURE_TEARDOWN(memory) {
	if (self->file >= 0)
		close(self->file);
	close(self->fd);
	if (is_hugetlb(variant->kind)) {
		munmap(self->map, self->length);
		write_text(HUGE_PAGES, "0");
	}
}

TEST_F(memory, can_be_locked_and_translated)
{
	test_lock(self->fd, self->map, self->length, 0);
	if (pagemap_tells(variant))
		EXPECT_TRUE(translation_is_true(self->fd, self->map,
						self->length));
	EXPECT_EQ(variant->kind == BUFFER_PAGES || variant->kind == BUFFER_PFNS,
		  !!(page_state(self->fd, self->map).state &
		     CONTIG_PAGE_BUFFER));
	fill_pattern(self->map, self->length, 1);
	if (pagemap_tells(variant))
		EXPECT_TRUE(translation_is_true(self->fd, self->map,
						self->length));
	test_unlock(self->fd, self->map, self->length);
	EXPECT_TRUE(has_pattern(self->map, self->length, 1));
	test_err_unlock(ENOLCK, self->fd, self->map, self->length);
}

/* A device finds at these addresses what the program wrote. */
TEST_F(memory, is_where_the_translation_says)
{
	struct contig_extent *e;
	uint64_t offset, seen;
	char *at = self->map;
	int64_t n, i;

	if (!kcore_usable())
		SKIP(return, "no /proc/kcore");
	test_lock(self->fd, self->map, self->length, 0);
	fill_pattern(self->map, self->length, 2);
	n = translate_all(self->fd, -1, to_addr(self->map), self->length, 0,
			  &e);
	ASSERT_LT(0, n);
	for (i = 0; i < n; i++) {
		for (offset = 0; offset < e[i].length; offset += page_size) {
			ASSERT_TRUE(kcore_read(e[i].addr + offset, &seen,
					       sizeof(seen)));
			EXPECT_EQ(*(uint64_t *)at, seen);
			at += page_size;
		}
	}
	free(e);
}

TEST_F(memory, can_be_locked_for_output)
{
	test_lock(self->fd, self->map, self->length, CONTIG_LOCK_OUTPUT);
	if (pagemap_tells(variant))
		EXPECT_TRUE(translation_is_true(self->fd, self->map,
						self->length));
	/* The device must read whatever the CPU writes now. */
	fill_pattern(self->map, self->length, 1);
	if (pagemap_tells(variant))
		EXPECT_TRUE(translation_is_true(self->fd, self->map,
						self->length));
	test_unlock(self->fd, self->map, self->length);
}

TEST_F(memory, can_be_locked_in_part)
{
	size_t half = self->length / 2;
	char *at = self->map + half + 100;

	test_lock(self->fd, at, 1000, 0);
	EXPECT_EQ(1, _test_cmd_count(self->fd, at, 1000));
	if (pagemap_tells(variant))
		EXPECT_TRUE(translation_is_true(self->fd, at, 1000));
	test_err_count(ENOLCK, self->fd, self->map, 1);
	EXPECT_EQ(0, page_state(self->fd, at + page_size).locks);
	EXPECT_EQ(0, page_state(self->fd, at - page_size).locks);
	test_unlock(self->fd, at, 1000);
}

TEST_F(memory, can_be_held)
{
	uint64_t unlocked;

	test_hold(self->fd, self->map, self->length, &unlocked);
	if (pagemap_tells(variant))
		EXPECT_TRUE(page_is_resident(self->map));
	EXPECT_EQ(1, page_state(self->fd, self->map).holds);
	test_unhold(self->fd, self->map, self->length, NULL, NULL);
}

/* The lock must succeed exactly if the memory is contiguous. */
TEST_F(memory, can_be_locked_contiguous_if_it_is)
{
	int64_t needed;
	int ret;

	test_lock(self->fd, self->map, self->length, 0);
	needed = _test_cmd_count(self->fd, self->map, self->length);
	if (variant->huge || variant->kind == BUFFER_PFNS)
		EXPECT_EQ(1, needed);
	ret = _test_cmd_lock(self->fd, self->map, self->length,
			     CONTIG_LOCK_CONTIGUOUS);
	EXPECT_EQ(needed == 1 ? 0 : -EILSEQ, ret);
	EXPECT_EQ(ret ? 1 : 2, page_state(self->fd, self->map).locks);
}

TEST_F(memory, unlocking_gives_back_what_it_cost)
{
	long before = charged_kib();
	int i;

	for (i = 0; i < 20; i++) {
		test_lock(self->fd, self->map, self->length, 0);
		test_lock(self->fd, self->map + page_size, page_size, 0);
		test_unlock(self->fd, self->map, self->length);
		test_unlock(self->fd, self->map + page_size, page_size);
	}
	EXPECT_EQ(before, charged_kib());
}

FIXTURE(no_memory) {
	int fd;
};

FIXTURE_SETUP(no_memory) {
	setup_client(self->fd);
}

FIXTURE_TEARDOWN(no_memory) {
	close(self->fd);
}

/* Map registers or ROM, at one of the places where machines have some. */
static char *map_device(void)
{
	off_t places[] = { 0xf0000, 0xc0000, 0xfee00000, 0xfed00000 };
	int mem = open("/dev/mem", O_RDWR | O_SYNC | O_CLOEXEC);
	char *map;
	size_t i;

	for (i = 0; mem >= 0 && i < ARRAY_SIZE(places); i++) {
		map = mmap(NULL, page_size, PROT_READ | PROT_WRITE, MAP_SHARED,
			   mem, places[i]);
		if (map != MAP_FAILED) {
			close(mem);
			return map;
		}
	}
	if (mem >= 0)
		close(mem);
	return NULL;
}

TEST_F(no_memory, device)
{
	char *map = map_device();
	struct snapshot before;

	if (!map)
		SKIP(return, "no part of /dev/mem can be mapped");
	snapshot_take(&before, self->fd);
	test_err_lock(ENXIO, self->fd, map, page_size, 0);
	test_err_lock(ENXIO, self->fd, map + 1, 1, CONTIG_LOCK_OUTPUT);
	test_err_hold(ENXIO, self->fd, map, page_size, NULL);
	test_err_count(ENOLCK, self->fd, map, page_size);
	EXPECT_TRUE(snapshot_is_same(&before, self->fd));
}

TEST_F(no_memory, device_beside_memory)
{
	char *device = map_device(), *memory = anon_map(pages(3));
	struct snapshot before;

	if (!device)
		SKIP(return, "no part of /dev/mem can be mapped");
	ASSERT_NE(NULL, memory);
	ASSERT_EQ(memory + page_size,
		  mremap(device, page_size, page_size,
			 MREMAP_MAYMOVE | MREMAP_FIXED, memory + page_size));
	snapshot_take(&before, self->fd);
	test_err_lock(ENXIO, self->fd, memory, pages(3), 0);
	EXPECT_TRUE(snapshot_is_same(&before, self->fd));
	EXPECT_EQ(0, page_state(self->fd, memory).locks);
	test_lock(self->fd, memory, page_size, 0);
}

TEST_F(no_memory, protected)
{
	char *map = anon_map(pages(3));

	ASSERT_NE(NULL, map);
	ASSERT_EQ(0, mprotect(map + page_size, page_size, PROT_NONE));
	EXPECT_GT(0, _test_cmd_lock(self->fd, map, pages(3), 0));
	EXPECT_GT(0, _test_cmd_lock(self->fd, map + page_size, page_size,
				    CONTIG_LOCK_OUTPUT));
	EXPECT_EQ(0, page_state(self->fd, map).locks);
}

TEST_F(no_memory, file_that_ends_before_its_mapping)
{
	int file = memfd_create("contig", MFD_CLOEXEC);
	char *map;

	ASSERT_EQ(0, ftruncate(file, page_size));
	map = mmap(NULL, pages(2), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	ASSERT_NE(MAP_FAILED, map);
	test_err_lock(EFAULT, self->fd, map, pages(2), 0);
	test_err_hold(EFAULT, self->fd, map, pages(2), NULL);
	test_lock(self->fd, map, page_size, 0);
}

TEST_F(no_memory, file_that_cannot_be_written)
{
	int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	char *map;

	ASSERT_LE(0, file);
	map = mmap(NULL, page_size, PROT_READ, MAP_SHARED, file, 0);
	ASSERT_NE(MAP_FAILED, map);
	test_err_lock(EACCES, self->fd, map, page_size, 0);
	test_lock(self->fd, map, page_size, CONTIG_LOCK_OUTPUT);
	EXPECT_TRUE(translation_is_true(self->fd, map, page_size));
}

TEST_HARNESS_MAIN
