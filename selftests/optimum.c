// SPDX-License-Identifier: GPL-2.0-only
/*
 * How many pages the range rung moves, compared with the best window there is,
 * which this program finds in /proc/kpageflags by trying all.
 */
#include "kselftest_harness.h"
#include "contig_utils.h"
#include "memory_utils.h"
#include "physical_utils.h"
#include "time_utils.h"

#define DEVICE "/dev/nullb0"
#define LENGTH MIB(8)

/* Pages that others move meanwhile, and for which lists of CPUs have to be drained. */
#define NOISE 64

#define KPF(n) (1ull << (n))
/* A page of a program or of a file. */
#define LRU KPF(5)
/* Locked, under writeback, a page table, bad, unevictable, ... */
#define STUCK (KPF(0) | KPF(8) | KPF(7) | KPF(18) | KPF(19) | KPF(26))

#define HELD 40

FIXTURE(optimum) {
	int fd;
	char *full;
	size_t length;
	int file;
	int held[HELD];
	int n;
};

FIXTURE_SETUP(optimum) {
	uint64_t size;

	self->file = -1;
	self->n = 0;
	self->full = NULL;
	if (!pageblock_bytes())
		SKIP(return, "the length of a pageblock is not known");
	if (meminfo_kib("CmaTotal") > 0 && !cma_region(&size))
		SKIP(return, "the kernel's log no longer has the place of CMA");
	setup_client(self->fd);
	need_range(self->fd);
	quota_lift();
	watermarks_stay(true);
	write_text("/proc/sys/vm/compaction_proactiveness", "0");
	write_text("/proc/sys/vm/drop_caches", "3");
}

FIXTURE_TEARDOWN(optimum) {
	while (self->n)
		close(self->held[--self->n]);
	if (self->full)
		munmap(self->full, self->length);
	if (self->file >= 0)
		close(self->file);
	write_text("/proc/sys/vm/compaction_proactiveness", "20");
	write_text("/proc/sys/vm/drop_caches", "3");
	watermarks_stay(false);
	quota_restore();
	close(self->fd);
}

static bool is_free(uint64_t flags)
{
	return flags & KPF(KPF_BUDDY);
}

static bool moves(uint64_t flags)
{
	return flags & (LRU | KPF(KPF_THP)) && !(flags & STUCK);
}

/*
 * Return how few pages have to be moved to empty a window of LENGTH bytes that
 * begins at any page frame of the highest zone; -1 if there is no window. It has
 * pages only of pageblocks all of whose pages are free or move, and none of CMA.
 * Frames without any flag can be on the list of a CPU or the kernel's: these do not.
 */
static long best_window(void)
{
	static uint64_t flags[1 << 15];
	const size_t window = LENGTH / page_size;
	const size_t block = pageblock_bytes() / page_size;
	uint8_t *inside = calloc(window, 1);
	int fd = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
	uint64_t pfn, end = last_frame() + 1, size = 0, cma = cma_region(&size);
	size_t run = 0, cost = 0, slot = 0, i;
	long best = -1;

	cma /= page_size;
	size /= page_size;
	for (pfn = highest_zone(); inside && pfn + block <= end; pfn += block) {
		if (pread(fd, flags, block * sizeof(flags[0]),
			  pfn * sizeof(flags[0])) <
		    (ssize_t)(block * sizeof(flags[0])))
			break;
		for (i = 0; i < block && pfn + i - cma >= size; i++)
			if (!is_free(flags[i]) && !moves(flags[i]))
				break;
		if (i < block) {
			run = cost = 0;
			memset(inside, 0, window);
			continue;
		}
		for (i = 0; i < block; i++) {
			cost += moves(flags[i]) - inside[slot];
			inside[slot] = moves(flags[i]);
			slot = (slot + 1) % window;
			if (++run >= window && (best < 0 || (long)cost < best))
				best = cost;
		}
	}
	close(fd);
	free(inside);
	return best;
}

/* Return how many bytes can be filled, so that what zones keep free stays free. */
static size_t fillable(void)
{
	size_t length = kernel_free_bytes();
	size_t margin = watermark_bytes() + MIB(16);

	return length < 3 * margin ? 0 : (length - margin) / MIB(2) * MIB(2);
}

/* Fill memory with pages of this process. */
static bool fill(FIXTURE_DATA(optimum) *self, int advice)
{
	size_t at;

	self->length = fillable();
	if (!self->length)
		return false;
	self->full = mmap(NULL, self->length, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (self->full == MAP_FAILED) {
		self->full = NULL;
		return false;
	}
	madvise(self->full, self->length, advice);
	for (at = 0; at < self->length; at += page_size)
		self->full[at] = 1;
	return true;
}

/* Free those pages of the process for whose page frame @gives returns true. */
static bool thin(FIXTURE_DATA(optimum) *self, bool (*gives)(uint64_t pfn))
{
	size_t npages = self->length / page_size, i;
	uint64_t *pfns = calloc(npages, sizeof(*pfns));
	bool known = pfns && !pfns_of(self->full, npages, pfns);

	for (i = 0; known && i < npages; i++)
		if (pfns[i] && gives(pfns[i]))
			madvise(self->full + i * page_size, page_size,
				MADV_DONTNEED);
	free(pfns);
	return known;
}

static bool gives_second(uint64_t pfn)
{
	return pfn % 2;
}

static bool gives_eighth(uint64_t pfn)
{
	return pfn % 8 == 7;
}

/* The same of 30 of 100 for each page frame, so that it can be done again. */
static bool gives_random(uint64_t pfn)
{
	uint64_t z = pfn * 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	return (z ^ z >> 27) % 100 < 30;
}

/* Every third huge page, and no part of one: that would stay in use. */
static bool gives_huge(uint64_t pfn)
{
	return pfn * page_size / huge_page_bytes() % 3 == 0;
}

/* Lower zones keep memory for those who can use no other. */
static struct contig_alloc request(void)
{
	struct contig_alloc alloc = window_request(LENGTH);

	alloc.constraints.lowest = highest_zone() * page_size;
	return alloc;
}

/*
 * Take windows that cost little, since some of memory has to be free, until an eighth
 * of the best window has to be moved. Return how many pages that is, -1 if there is no
 * window.
 */
static long take_cheap(FIXTURE_DATA(optimum) *self)
{
	struct contig_alloc alloc = request();
	long best = best_window();

	alloc.flags = CONTIG_ALLOC_FEWEST_MOVES;
	while (best >= 0 && best < (long)(LENGTH / page_size / 8) &&
	       self->n < HELD && !_test_cmd_alloc(self->fd, &alloc)) {
		self->held[self->n++] = alloc.out_fd;
		/* To look at all memory takes longer than to take a window. */
		if (self->n % 4 == 0)
			best = best_window();
	}
	return self->n % 4 ? best_window() : best;
}

/*
 * Allocate, and compare the pages that moved with the best window. A request that
 * does not look at all memory cannot know of it, so its figure is only printed;
 * search.c tests when it stops.
 */
static void compare(struct __test_metadata *_metadata,
		    FIXTURE_DATA(optimum) *self, uint32_t flags)
{
	struct contig_alloc alloc = request();
	long best, before, moved;

	alloc.flags = flags;
	best = take_cheap(self);
	if (best < 0)
		SKIP(return, "there is no window that can be emptied");
	before = pages_migrated();
	ASSERT_EQ(0, _test_cmd_alloc(self->fd, &alloc))
		TH_LOG("blocked by %u after %u windows; the best has %ld pages",
		       alloc.out_reports[0].blocked,
		       alloc.out_reports[0].windows, best);
	moved = pages_migrated() - before;
	close(alloc.out_fd);
	while (self->n)
		close(self->held[--self->n]);
	TH_LOG("%ld pages moved, the best window has %ld%s", moved, best,
	       flags ? "" : "; without looking at all memory");
	if (flags)
		EXPECT_GE(best * 105 / 100 + NOISE, moved);
}

/*
 * The window that was emptied is free afterwards, so break it up before the next
 * one: its memory is filled as before, since all other memory is used.
 */
static void compare_both(struct __test_metadata *_metadata,
			 FIXTURE_DATA(optimum) *self, int advice,
			 bool (*gives)(uint64_t pfn))
{
	int round;

	/* The second time is for comparison. */
	for (round = 0; round < (is_soak() ? 2 : 1); round++) {
		if (!fill(self, advice))
			SKIP(return, "memory cannot be filled");
		if (gives && !thin(self, gives))
			SKIP(return, "/proc/self/pagemap does not tell");
		compare(_metadata, self,
			round ? 0 : CONTIG_ALLOC_FEWEST_MOVES);
		munmap(self->full, self->length);
		self->full = NULL;
	}
}

TEST_F_TIMEOUT(optimum, every_second_page, 240)
{
	compare_both(_metadata, self, MADV_NOHUGEPAGE, gives_second);
}

TEST_F_TIMEOUT(optimum, every_eighth_page, 240)
{
	compare_both(_metadata, self, MADV_NOHUGEPAGE, gives_eighth);
}

TEST_F_TIMEOUT(optimum, random_pages, 240)
{
	compare_both(_metadata, self, MADV_NOHUGEPAGE, gives_random);
}

TEST_F_TIMEOUT(optimum, huge_pages, 240)
{
	if (!huge_page_bytes())
		SKIP(return, "the kernel has no huge pages");
	/* A huge page moves as a whole, also if a part of it is in the window. */
	if (huge_page_bytes() > LENGTH)
		SKIP(return, "a huge page is larger than the window");
	compare_both(_metadata, self, MADV_HUGEPAGE, gives_huge);
}

/* Memory of a file system in memory, every fourth page of which is free. */
TEST_F_TIMEOUT(optimum, tmpfs, 240)
{
	size_t length, at;

	self->file = memfd_create("optimum", MFD_CLOEXEC);
	ASSERT_LE(0, self->file);
	length = fillable();
	if (!length)
		SKIP(return, "memory cannot be filled");
	if (ftruncate(self->file, length) ||
	    fallocate(self->file, 0, 0, length))
		SKIP(return, "memory cannot be filled: %s", strerror(errno));
	for (at = 0; at < length; at += 4 * page_size)
		fallocate(self->file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			  at, page_size);
	compare(_metadata, self, CONTIG_ALLOC_FEWEST_MOVES);
}

/* Page cache moves, or is dropped, which moves nothing. */
TEST_F_TIMEOUT(optimum, page_cache, 240)
{
	size_t length = KIB(meminfo_kib("MemFree")), at;
	static char data[1 << 20];

	self->file = open(DEVICE, O_RDONLY | O_CLOEXEC);
	if (self->file < 0)
		SKIP(return, "no " DEVICE);
	for (at = 0; at < length; at += sizeof(data))
		if (pread(self->file, data, sizeof(data), at) != sizeof(data))
			SKIP(return, DEVICE " is too short");
	for (at = 0; at < length; at += 4 * page_size)
		posix_fadvise(self->file, at, page_size, POSIX_FADV_DONTNEED);
	compare(_metadata, self, CONTIG_ALLOC_FEWEST_MOVES);
}

TEST_HARNESS_MAIN
