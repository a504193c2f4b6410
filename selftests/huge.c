// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buffers of huge pages: one entry of the page tables maps each, and a reference on
 * any of its pages keeps all of it, charged to the user or in quarantine
 *
 * /proc/self/smaps shows how they are mapped, and /proc/kpageflags of what they are
 * made.
 */
#include <linux/futex.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/utsname.h>

#include "kselftest_harness.h"
#include "contig_utils.h"
#include "poison_utils.h"

/* Bits of /proc/kpageflags. */
#define COMPOUND_HEAD 15
#define COMPOUND_TAIL 16

/* Huge pages of most buffers. */
#define HUGE 2

/* Past a multiple of a huge page no mapping of one begins. */
#define SHIFT page_size

static uint64_t huge;

/* Return true if this kernel makes and maps huge pages for modules: since 6.12. */
static bool kernel_can(void)
{
	struct utsname name;
	int major, minor;

	huge = huge_page_bytes();
	return huge && !access("/sys/kernel/mm/transparent_hugepage", F_OK) &&
	       !uname(&name) &&
	       sscanf(name.release, "%d.%d", &major, &minor) == 2 &&
	       (major > 6 || (major == 6 && minor >= 12));
}

/*
 * Map a buffer at an address that is @shift bytes past a multiple of a huge page.
 * Return NULL on failure.
 */
static char *map_at(int fd, size_t length, size_t offset, size_t shift)
{
	char *room = mmap(NULL, length + 2 * huge, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	char *at, *map;

	if (room == MAP_FAILED)
		return NULL;
	at = room + (huge - to_addr(room) % huge) + shift;
	map = mmap(at, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		   fd, offset);
	if (map == MAP_FAILED)
		return NULL;
	munmap(room, at - room);
	munmap(map + length, room + length + 2 * huge - (map + length));
	return map;
}

/* Return the KiB of the mapping at an address that entries for huge pages map. */
static long mapped_huge_kib(const void *map)
{
	char *text = read_text("/proc/self/smaps"), start[40], *at, *line;
	long kib = -1;

	snprintf(start, sizeof(start), "%llx-", (unsigned long long)to_addr(map));
	for (at = text; at; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (!strncmp(at, start, strlen(start)))
			break;
	}
	line = at ? strstr(at, "FilePmdMapped:") : NULL;
	if (line)
		kib = atol(line + strlen("FilePmdMapped:"));
	free(text);
	return kib;
}

static long faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt;
}

static void touch(volatile char *map, size_t length)
{
	size_t at;

	for (at = 0; at < length; at += page_size)
		(void)map[at];
}

/* Return true if the memory consists of whole compound pages of the huge size. */
static bool is_made_of_huge(const volatile char *map, size_t length)
{
	size_t n = length / page_size, per = huge / page_size, i;
	uint64_t *pfns = calloc(n, sizeof(*pfns));
	bool good = pfns && !pfns_of(map, n, pfns);

	for (i = 0; good && i < n; i++) {
		uint64_t flags = page_flags(pfns[i]);

		good = i % per ? flags & 1ull << COMPOUND_TAIL &&
				 pfns[i] == pfns[i - 1] + 1 :
				 flags & 1ull << COMPOUND_HEAD &&
				 !(pfns[i] % per);
	}
	free(pfns);
	return good;
}

/*
 * Every rung that can give them
 */

FIXTURE(rung) {
	int fd;
	struct contig_alloc alloc;
	size_t length;
};

FIXTURE_VARIANT(rung) {
	uint32_t rung;
	uint32_t flags;
	unsigned int pages;
};

FIXTURE_VARIANT_ADD(rung, reserve) {
	CONTIG_RUNG_RESERVE, CONTIG_ALLOC_HUGE_PAGES, HUGE
};
FIXTURE_VARIANT_ADD(rung, reserve_one) {
	CONTIG_RUNG_RESERVE, CONTIG_ALLOC_HUGE_PAGES, 1
};
/* Most often there is a free block of the right size. */
FIXTURE_VARIANT_ADD(rung, range_one) {
	CONTIG_RUNG_RANGE, CONTIG_ALLOC_HUGE_PAGES, 1
};
FIXTURE_VARIANT_ADD(rung, range) {
	CONTIG_RUNG_RANGE, CONTIG_ALLOC_HUGE_PAGES, 5
};
FIXTURE_VARIANT_ADD(rung, split) {
	CONTIG_RUNG_SPLIT, CONTIG_ALLOC_HUGE_PAGES, 3
};

FIXTURE_SETUP(rung) {
	struct contig_alloc *alloc = &self->alloc;

	setup_client(self->fd);
	if (!kernel_can())
		SKIP(return, "this kernel has no huge pages for modules");
	if (variant->rung == CONTIG_RUNG_RANGE)
		need_range(self->fd);
	reserve_settle();
	self->length = variant->pages * huge;
	*alloc = alloc_request(self->length, 1u << variant->rung);
	alloc->flags = variant->flags;
	test_alloc(self->fd, alloc);
	ASSERT_EQ(huge, alloc->out_huge_size);
}

FIXTURE_TEARDOWN(rung) {
	close(self->fd);
}

TEST_F(rung, one_entry_maps_each)
{
	char *map = map_at(self->alloc.out_fd, self->length, 0, 0);
	long before;

	ASSERT_NE(NULL, map);
	before = faults();
	touch(map, self->length);
	/* The harness and the compiler may fault a page or two of their own. */
	EXPECT_GE(variant->pages + 8, faults() - before);
	EXPECT_EQ((long)(self->length >> 10), mapped_huge_kib(map));
	EXPECT_TRUE(is_made_of_huge(map, self->length));
	EXPECT_TRUE(is_zero(map, self->length));
	fill_pattern(map, self->length, 1);
	EXPECT_TRUE(has_pattern(map, self->length, 1));
	munmap(map, self->length);
	close(self->alloc.out_fd);
}

TEST_F(rung, small_entries_map_it_elsewhere)
{
	char *map = map_at(self->alloc.out_fd, self->length, 0, SHIFT), *same;
	long before;

	ASSERT_NE(NULL, map);
	before = faults();
	touch(map, self->length);
	EXPECT_GE(8, faults() - before);
	EXPECT_EQ(0, mapped_huge_kib(map));
	EXPECT_TRUE(is_made_of_huge(map, self->length));
	/* Both at a time. */
	same = map_at(self->alloc.out_fd, self->length, 0, 0);
	ASSERT_NE(NULL, same);
	fill_pattern(map, self->length, 2);
	EXPECT_TRUE(has_pattern(same, self->length, 2));
	EXPECT_EQ((long)(self->length >> 10), mapped_huge_kib(same));
	munmap(map, self->length);
	fill_pattern(same, self->length, 3);
	map = map_at(self->alloc.out_fd, self->length, 0, SHIFT);
	munmap(same, self->length);
	ASSERT_NE(NULL, map);
	EXPECT_TRUE(has_pattern(map, self->length, 3));
	munmap(map, self->length);
	close(self->alloc.out_fd);
}

/* A pipe takes a reference on one page in the middle, and the buffer goes. */
TEST_F(rung, reference_keeps_the_memory)
{
	uint64_t used = quota_used(self->fd) - self->length;
	size_t at = self->length - huge + pages(7), i;
	struct wait w = { self->fd, used };
	char *map = map_at(self->alloc.out_fd, self->length, 0, 0);
	char *got = malloc(page_size);
	struct iovec iov;
	int pipes[2], fd;

	ASSERT_NE(NULL, map);
	ASSERT_NE(NULL, got);
	ASSERT_EQ(0, pipe(pipes));
	fill_pattern(map, self->length, 4);
	iov = (struct iovec) { map + at, page_size };
	ASSERT_EQ((ssize_t)page_size, vmsplice(pipes[1], &iov, 1, 0));
	memcpy(got, map + at, page_size);
	munmap(map, self->length);
	close(self->alloc.out_fd);
	/* All but that huge page is given back; in the reserve nothing is. */
	w.bytes = used + (variant->rung == CONTIG_RUNG_RESERVE ? self->length : huge);
	EXPECT_TRUE(poll_until(quota_used_is, &w))
		TH_LOG("%llu bytes charged, not %llu",
		       (unsigned long long)quota_used(self->fd),
		       (unsigned long long)w.bytes);
	/* Nobody else gets it, and what the pipe shows stays. */
	for (i = 0; i < 4; i++) {
		fd = buffer_alloc(self->fd, huge, CONTIG_RUNGS_ALL, 0);
		ASSERT_LE(0, fd);
		map = map_at(fd, huge, 0, 0);
		ASSERT_NE(NULL, map);
		EXPECT_TRUE(is_zero(map, huge));
		memset(map, 0xee, huge);
		munmap(map, huge);
		close(fd);
	}
	map = malloc(page_size);
	ASSERT_EQ((ssize_t)page_size, read(pipes[0], map, page_size));
	EXPECT_EQ(0, memcmp(map, got, page_size));
	close(pipes[0]);
	close(pipes[1]);
	w.bytes = used;
	EXPECT_TRUE(poll_until(quota_used_is, &w))
		TH_LOG("%llu bytes charged, not %llu",
		       (unsigned long long)quota_used(self->fd),
		       (unsigned long long)used);
	free(map);
	free(got);
}

/* The page allocator would give out a failed page in the middle again. */
TEST_F(rung, failed_page_is_not_given_back)
{
	char *map = map_at(self->alloc.out_fd, self->length, 0, 0);
	struct wait w = { self->fd, quota_used(self->fd) - self->length };
	uint64_t pfn;

	if (access(HARD_OFFLINE, W_OK))
		SKIP(return, "this kernel has no CONFIG_MEMORY_FAILURE");
	ASSERT_NE(NULL, map);
	touch(map, self->length);
	pfn = pfn_of(map + pages(17));
	ASSERT_TRUE(fail_page(pfn));
	EXPECT_TRUE(poll_until(is_gone, map));
	munmap(map, self->length);
	close(self->alloc.out_fd);
	EXPECT_TRUE(poll_until(quota_used_is, &w));
	EXPECT_TRUE(page_flags(pfn - 1) & 1ull << COMPOUND_TAIL);
	EXPECT_TRUE(page_flags(pfn + 1) & 1ull << COMPOUND_TAIL);
	EXPECT_TRUE(has_failed(pfn));
}

/*
 * What a process can do to the mapping
 */

FIXTURE(mapping) {
	int fd;
	int buffer;
	char *map;
	size_t length;
};

FIXTURE_SETUP(mapping) {
	struct contig_alloc alloc;

	setup_client(self->fd);
	if (!kernel_can())
		SKIP(return, "this kernel has no huge pages for modules");
	self->length = HUGE * huge;
	reserve_settle();
	alloc = alloc_request(self->length, CONTIG_RUNGS_RESERVE);
	alloc.flags = CONTIG_ALLOC_HUGE_PAGES;
	test_alloc(self->fd, &alloc);
	self->buffer = alloc.out_fd;
	self->map = map_at(self->buffer, self->length, 0, 0);
	ASSERT_NE(NULL, self->map);
	fill_pattern(self->map, self->length, 5);
}

FIXTURE_TEARDOWN(mapping) {
	close(self->fd);
}

/* Return true if the other pages have the pattern that the fixture wrote. */
static bool rest_is_there(const char *map, size_t length, size_t missing)
{
	char *copy = malloc(length);
	bool same = copy;
	size_t at;

	if (copy)
		fill_pattern(copy, length, 5);
	for (at = 0; same && at < length; at += page_size)
		same = at == missing || !memcmp(map + at, copy + at, page_size);
	free(copy);
	return same;
}

TEST_F(mapping, loses_a_page_in_the_middle)
{
	size_t hole = pages(9);

	ASSERT_EQ(0, munmap(self->map + hole, page_size));
	EXPECT_TRUE(rest_is_there(self->map, self->length, hole));
	EXPECT_NE(MAP_FAILED, mmap(self->map + hole, page_size,
				   PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
				   self->buffer, hole));
	EXPECT_TRUE(has_pattern(self->map, self->length, 5));
}

TEST_F(mapping, is_protected_and_dropped_in_part)
{
	ASSERT_EQ(0, mprotect(self->map + pages(3), page_size, PROT_READ));
	EXPECT_TRUE(has_pattern(self->map, self->length, 5));
	ASSERT_EQ(0, mprotect(self->map + pages(3), page_size,
			      PROT_READ | PROT_WRITE));
	fill_pattern(self->map, self->length, 6);
	ASSERT_EQ(0, madvise(self->map + pages(5), pages(2), MADV_DONTNEED));
	EXPECT_TRUE(has_pattern(self->map, self->length, 6));
	ASSERT_EQ(0, madvise(self->map, self->length, MADV_DONTNEED));
	EXPECT_TRUE(has_pattern(self->map, self->length, 6));
	/* Advice that would split a huge page of another owner. */
	madvise(self->map + pages(5), pages(2), MADV_COLD);
	madvise(self->map + pages(5), pages(2), MADV_PAGEOUT);
	EXPECT_TRUE(has_pattern(self->map, self->length, 6));
	EXPECT_TRUE(is_made_of_huge(self->map, self->length));
}

TEST_F(mapping, is_moved)
{
	char *room = map_at(self->buffer, self->length, 0, SHIFT), *moved;

	ASSERT_NE(NULL, room);
	moved = mremap(self->map, self->length, self->length,
		       MREMAP_MAYMOVE | MREMAP_FIXED, room);
	ASSERT_EQ(room, moved);
	EXPECT_TRUE(has_pattern(moved, self->length, 5));
	fill_pattern(moved, self->length, 7);
	EXPECT_TRUE(has_pattern(moved, self->length, 7));
}

TEST_F(mapping, is_shared_with_children)
{
	pid_t pid = fork();

	if (!pid) {
		bool good = has_pattern(self->map, self->length, 5);

		fill_pattern(self->map, self->length, 8);
		_exit(!good);
	}
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_TRUE(has_pattern(self->map, self->length, 8));
}

/* The kernel reads and writes it for this process. */
TEST_F(mapping, is_reached_by_system_calls)
{
	char *copy = malloc(self->length);
	struct iovec here = { copy, self->length };
	struct iovec there = { self->map, self->length };

	ASSERT_NE(NULL, copy);
	madvise(self->map, self->length, MADV_DONTNEED);
	ASSERT_EQ((ssize_t)self->length,
		  process_vm_readv(getpid(), &here, 1, &there, 1, 0));
	EXPECT_TRUE(has_pattern(copy, self->length, 5));
	fill_pattern(copy, self->length, 9);
	ASSERT_EQ((ssize_t)self->length,
		  process_vm_writev(getpid(), &here, 1, &there, 1, 0));
	EXPECT_TRUE(has_pattern(self->map, self->length, 9));
	EXPECT_EQ((long)(self->length >> 10), mapped_huge_kib(self->map));
	free(copy);
}

static long futex(volatile uint32_t *word, int op, uint32_t value)
{
	struct timespec limit = { .tv_sec = 60 };

	return syscall(SYS_futex, word, op, value,
		       op == FUTEX_WAIT ? &limit : NULL, NULL, 0);
}

/* Both kinds of mappings name the same futex. */
TEST_F(mapping, has_futexes)
{
	char *other = map_at(self->buffer, self->length, 0, SHIFT);
	size_t at = huge + pages(11) + 64;
	volatile uint32_t *word = (uint32_t *)(other + at);
	int tries = 0;
	pid_t pid;

	ASSERT_NE(NULL, other);
	*word = 1;
	pid = fork();
	if (!pid)
		_exit(futex((uint32_t *)(self->map + at), FUTEX_WAIT, 1) != 0);
	while (futex(word, FUTEX_WAKE, 1) != 1 && tries++ < 1000)
		usleep(10000);
	EXPECT_GT(1000, tries);
	EXPECT_EQ(0, child_wait(pid));
}

/* A part that is no multiple of huge pages is mapped as far as it goes. */
TEST_F(mapping, of_a_part)
{
	size_t length = huge + pages(4);
	char *part = map_at(self->buffer, length, huge - pages(4),
			    huge - pages(4));

	ASSERT_NE(NULL, part);
	munmap(self->map, self->length);
	touch(part, length);
	EXPECT_EQ((long)(huge >> 10), mapped_huge_kib(part));
	self->map = map_at(self->buffer, self->length, 0, SHIFT);
	ASSERT_NE(NULL, self->map);
	EXPECT_EQ(0, memcmp(part, self->map + huge - pages(4), length));
}

/*
 * A buffer that ends within a huge page is mapped by small entries, also when pages
 * that were dropped are mapped again.
 */
TEST_F(mapping, of_a_buffer_that_is_no_multiple)
{
	struct wait w = { self->fd, quota_used(self->fd) };
	struct contig_alloc alloc;
	size_t length = huge + pages(3);
	char *map;

	alloc = alloc_request(length, CONTIG_RUNGS_RESERVE);
	alloc.flags = CONTIG_ALLOC_HUGE_PAGES;
	test_alloc(self->fd, &alloc);
	EXPECT_EQ(0, alloc.out_huge_size);
	map = map_at(alloc.out_fd, length, 0, 0);
	ASSERT_NE(NULL, map);
	fill_pattern(map, length, 10);
	ASSERT_EQ(0, madvise(map, length, MADV_DONTNEED));
	EXPECT_TRUE(has_pattern(map, length, 10));
	EXPECT_EQ(0, mapped_huge_kib(map));
	munmap(map, length);
	close(alloc.out_fd);
	EXPECT_TRUE(poll_until(quota_used_is, &w));
}

/* Return which of @n huge pages lies just below another one; -1 if none does. */
static int adjacent(char *thp, int n, int *above)
{
	int i, j;

	for (i = 0; i < n; i++)
		for (j = 0; j < n; j++)
			if (page_flag(thp + i * huge, KPF_THP) &&
			    page_flag(thp + j * huge, KPF_THP) &&
			    pfn_of(thp + j * huge) ==
				    pfn_of(thp + i * huge) + huge / page_size) {
				*above = j;
				return i;
			}
	return -1;
}

/*
 * A window that begins within a huge page of a process: that moves as a whole, but is
 * no part of what is taken. The kernel would warn, and the run fail.
 */
TEST_F(mapping, is_made_beside_huge_pages_of_processes)
{
	const int n = huge > MIB(2) ? 8 : 16;
	char *thp = aligned_alloc(huge, n * huge);
	struct contig_alloc alloc;
	int i, below, above;
	uint64_t first;

	need_range(self->fd);
	quota_lift();
	ASSERT_NE(NULL, thp);
	write_text("/proc/sys/vm/drop_caches", "3");
	write_text("/proc/sys/vm/compact_memory", "1");
	madvise(thp, n * huge, MADV_HUGEPAGE);
	memset(thp, 1, n * huge);
	below = adjacent(thp, n, &above);
	if (below < 0)
		SKIP(goto out, "no two huge pages are adjacent");
	first = pfn_of(thp + below * huge) * page_size;
	madvise(thp + above * huge, huge, MADV_DONTNEED);
	for (i = 0; i < 4; i++) {
		/* The range rung begins with a huge page of its own. */
		alloc = alloc_request(huge + pages(100 * i + 1),
				      CONTIG_RUNGS_SPLIT);
		alloc.flags = CONTIG_ALLOC_HUGE_PAGES;
		alloc.constraints.lowest = first;
		alloc.constraints.highest = first + 2 * huge - 1;
		EXPECT_EQ(0, _test_cmd_alloc_tell(self->fd, &alloc));
		close(alloc.out_fd);
	}
out:
	free(thp);
	quota_restore();
}

/* The failed page takes its huge page along, but only where that is mapped as one. */
TEST_F(mapping, with_a_failed_page)
{
	char *small = map_at(self->buffer, self->length, 0, SHIFT);
	size_t bad = pages(13);
	struct contig_info info;
	uint64_t total;

	if (access(HARD_OFFLINE, W_OK))
		SKIP(return, "this kernel has no CONFIG_MEMORY_FAILURE");
	ASSERT_NE(NULL, small);
	test_info(self->fd, &info);
	total = info.out_reserve_free;
	ASSERT_TRUE(fail_page(pfn_of(self->map + bad)));
	EXPECT_TRUE(poll_until(is_gone, self->map + bad));
	EXPECT_TRUE(poll_until(is_gone, small + bad));
	EXPECT_EQ(BUS_MCEERR_AR, access_code(self->map));
	EXPECT_EQ(0, access_code(self->map + huge));
	EXPECT_TRUE(rest_is_there(small, self->length, bad));
	munmap(small, self->length);
	munmap(self->map, self->length);
	close(self->buffer);
	/* The other one comes back, this one never. */
	reserve_settle();
	test_info(self->fd, &info);
	EXPECT_EQ(total + self->length - huge, info.out_reserve_free);
}

TEST_HARNESS_MAIN
