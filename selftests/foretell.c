// SPDX-License-Identifier: GPL-2.0-only
/*
 * PROBE in random states of memory: the largest extent that it foretells equals
 * what ALLOC gives, within a tenth, or five pageblocks if that is more: the kernel
 * keeps and isolates whole ones. Or it is a lower bound, if PROBE says so.
 *
 * CONTIG_STATES sets the number of states, CONTIG_SEED replaces the seed that
 * is derived from the kernel's version.
 */
#include <sys/utsname.h>

#include "kselftest_harness.h"
#include "contig_utils.h"

/* Reads of it complete without data: page cache without storage. */
#define CACHE_DEVICE "/dev/nullb0"
#define BLOCK MIB(1)
#define PINS 64
#define KEPT 64
#define TRIES 5

#define ASIDE 256

/*
 * What always stays free or reclaimable, so that the guest survives. The kernel
 * keeps so many pageblocks free, and more for a while after it has mixed pages
 * of different kinds in one.
 */
static size_t margin(void)
{
	return pageblock_bytes() > MIB(12) ? 8 * pageblock_bytes() : MIB(96);
}

/* The rest of memory is set aside: more states can be tried in less memory. */
static size_t playground(void)
{
	return 4 * margin();
}

FIXTURE(foretell) {
	int fd;
	int cache;
	size_t ram;
	uint64_t random;
	char *anon;		/* process memory, partly locked */
	size_t anon_length;
	char *shared;		/* cannot be reclaimed without swap, but
				 * moved */
	size_t shared_length;
	int kept[KEPT];		/* pages of buffers, which do not move */
	int kept_nr;
	int locker;		/* client that has pages of anon locked */
	int aside[ASIDE];	/* memory that the states do not use */
	int aside_nr;
};

/*
 * How much CMA can give depends on free memory outside, to which pages are
 * moved.
 */
static uint32_t rungs(void)
{
	return meminfo_kib("CmaTotal") > 0 ?
	       CONTIG_RUNGS_CONTIGUOUS & ~CONTIG_RUNGS_COHERENT :
	       CONTIG_RUNGS_CONTIGUOUS;
}

FIXTURE_SETUP(foretell) {
	struct contig_info info;

	setup_client(self->fd);
	need_range(self->fd);
	test_info(self->fd, &info);
	self->ram = info.out_ram_bytes;
	self->cache = open(CACHE_DEVICE, O_RDONLY | O_CLOEXEC);
	self->locker = -1;
	quota_lift();
	while (self->aside_nr < ASIDE &&
	       KIB(meminfo_kib("MemAvailable")) > playground() + MIB(16)) {
		int fd = buffer_alloc(self->fd, MIB(16), CONTIG_RUNGS_SPLIT, 0);

		ASSERT_LE(0, fd);
		self->aside[self->aside_nr++] = fd;
	}
}

static void clear_state(FIXTURE_DATA(foretell) *self)
{
	if (self->locker >= 0)
		close(self->locker);
	self->locker = -1;
	if (self->anon)
		munmap(self->anon, self->anon_length);
	if (self->shared)
		munmap(self->shared, self->shared_length);
	self->anon = self->shared = NULL;
	while (self->kept_nr)
		close(self->kept[--self->kept_nr]);
	write_text("/proc/sys/vm/drop_caches", "3");
}

FIXTURE_TEARDOWN(foretell) {
	clear_state(self);
	while (self->aside_nr)
		close(self->aside[--self->aside_nr]);
	quota_restore();
	close(self->cache);
	close(self->fd);
}

static uint32_t next(FIXTURE_DATA(foretell) *self, uint32_t below)
{
	self->random = self->random * 6364136223846793005ull +
		       1442695040888963407ull;
	return (self->random >> 33) % below;
}

/* Return how much of the machine's memory is neither used nor needed. */
static size_t room(void)
{
	long kib = meminfo_kib("MemAvailable");
	size_t bytes = KIB(kib > 0 ? kib : 0), kept = margin();

	return bytes > kept ? bytes - kept : 0;
}

static char *map_some(size_t length, int flags)
{
	char *map = mmap(NULL, length, PROT_READ | PROT_WRITE,
			 flags | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED)
		return NULL;
	madvise(map, length, MADV_NOHUGEPAGE);
	madvise(map, length, MADV_POPULATE_WRITE);
	return map;
}

static void read_cache(FIXTURE_DATA(foretell) *self, size_t length)
{
	static char data[BLOCK];
	size_t at;

	for (at = 0; at < length; at += BLOCK)
		if (pread(self->cache, data, BLOCK, at) <= 0)
			return;
}

/* Spread pages that do not move over free memory. */
static void keep_pages(FIXTURE_DATA(foretell) *self, uint32_t nr)
{
	char *between[KEPT] = {};
	size_t gap = room() / (2 * KEPT);
	uint32_t i;

	if (gap > MIB(8))
		gap = MIB(8);
	for (i = 0; i < nr; i++) {
		self->kept[i] = buffer_alloc(self->fd, page_size,
					     CONTIG_RUNGS_SCATTER, 0);
		if (self->kept[i] < 0)
			break;
		between[i] = gap > BLOCK ? map_some(gap, MAP_PRIVATE) : NULL;
	}
	self->kept_nr = i;
	for (i = 0; i < KEPT; i++)
		if (between[i])
			munmap(between[i], gap);
}

static void lock_pages(FIXTURE_DATA(foretell) *self, uint32_t nr)
{
	self->locker = client_open();
	while (nr-- && self->anon_length)
		_test_cmd_lock(self->locker, self->anon +
			       next(self, self->anon_length / page_size) *
			       page_size, 1, 0);
}

/* Fill memory with pages of each kind, in random order and amounts. */
static void make_state(FIXTURE_DATA(foretell) *self, char text[128])
{
	uint32_t order = next(self, 6), i;
	size_t cached = 0;

	self->anon_length = self->shared_length = 0;
	for (i = 0; i < 4; i++, order++) {
		switch (order % 4) {
		case 0:
			self->anon_length = room() / 8 * next(self, 6) /
					    page_size * page_size;
			self->anon = self->anon_length ?
				map_some(self->anon_length, MAP_PRIVATE) : NULL;
			break;
		case 1:
			self->shared_length = room() / 8 * next(self, 4) /
					      page_size * page_size;
			self->shared = self->shared_length ?
				map_some(self->shared_length, MAP_SHARED) : NULL;
			break;
		case 2:
			cached = room() / 4 * next(self, 6);
			read_cache(self, cached);
			break;
		case 3:
			if (next(self, 2))
				keep_pages(self, next(self, KEPT));
			break;
		}
	}
	if (next(self, 3) == 0)
		lock_pages(self, next(self, PINS));
	snprintf(text, 128, "anon %zu, shared %zu, cache %zu, kept %d, locked %s",
		 self->anon_length >> 20, self->shared_length >> 20,
		 cached >> 20, self->kept_nr, self->locker >= 0 ? "yes" : "no");
}

/* Return true if ALLOC gives so much; otherwise @alloc has the reason. */
static bool can(FIXTURE_DATA(foretell) *self, uint64_t length,
		struct contig_alloc *alloc)
{
	*alloc = alloc_request(length / page_size * page_size,
			       rungs());
	if (!alloc->length)
		return true;
	if (_test_cmd_alloc(self->fd, alloc))
		return false;
	close(alloc->out_fd);
	return true;
}

/* Return the most that ALLOC gives, to a 32nd; it gives @low and not @high. */
static uint64_t bisect(FIXTURE_DATA(foretell) *self, uint64_t low, uint64_t high)
{
	struct contig_alloc alloc;
	uint64_t middle;

	while (high - low > high / 32) {
		middle = (low + high) / 2;
		if (can(self, middle, &alloc))
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* Return the report of the rung that decides, after an ALLOC that failed. */
static const struct contig_report *last_report(const struct contig_alloc *alloc)
{
	static const struct contig_report none;

	return alloc->out_report_count ?
	       &alloc->out_reports[alloc->out_report_count - 1] : &none;
}

/*
 * ALLOC looks at memory as PROBE does, and once more when it has failed. If it
 * then sees less than the length of the request, memory has changed since
 * PROBE. A page can also refuse to move for a moment, which PROBE cannot
 * foretell.
 */
static bool memory_has_changed(const struct contig_alloc *alloc)
{
	const struct contig_report *last = last_report(alloc);

	return last->rung == CONTIG_RUNG_RANGE &&
	       (!last->windows || last->largest < alloc->length ||
		last->blocked == CONTIG_BLOCKED_BUSY);
}

static void log_failure(struct __test_metadata *_metadata,
			const struct contig_alloc *alloc)
{
	const struct contig_report *last = last_report(alloc);

	TH_LOG("%llu MiB: error %u, blocked %u after %u windows and %llu ms, at most %llu MiB",
	       (unsigned long long)alloc->length >> 20, last->error,
	       last->blocked, last->windows,
	       (unsigned long long)last->time_ns / 1000000,
	       (unsigned long long)last->largest >> 20);
}

/* Get what PROBE foretells now, and what ALLOC then gives. */
static void foretold_and_had(struct __test_metadata *_metadata,
			     FIXTURE_DATA(foretell) *self,
			     struct contig_probe *probe, uint64_t *had)
{
	struct contig_alloc alloc;
	uint64_t said;
	int try;

	/*
	 * The kernel allocates pages meanwhile, which is not an error of PROBE.
	 */
	for (try = 0; try < TRIES; try++) {
		*probe = probe_request(page_size, rungs());
		ASSERT_EQ(0, _test_cmd_probe(self->fd, probe));
		said = probe->out_largest;
		if (can(self, said / 100 * 91, &alloc)) {
			*had = can(self, said / 100 * 109, &alloc) ?
			       bisect(self, said, self->ram) : said;
			return;
		}
		log_failure(_metadata, &alloc);
		if (!memory_has_changed(&alloc))
			break;
	}
	*had = bisect(self, 0, said / 100 * 91);
}

/* Derive a seed from the kernel, so that each kernel has states of its own. */
static uint64_t first_seed(void)
{
	const char *wanted = getenv("CONTIG_SEED"), *at;
	struct utsname name;
	uint64_t seed = 0;

	if (wanted)
		return strtoull(wanted, NULL, 0);
	uname(&name);
	for (at = name.release; *at; at++)
		seed = seed * 31 + *at;
	for (at = name.machine; *at; at++)
		seed = seed * 31 + *at;
	return seed;
}

TEST_F_TIMEOUT(foretell, largest_in_random_states, 40000)
{
	const char *states = getenv("CONTIG_STATES");
	uint64_t seed = first_seed();
	int nr = states ? atoi(states) : times(is_soak() ? 125 : 5), i;
	int at_least = 0, wrong = 0, misled = 0;

	if (self->cache < 0)
		SKIP(return, "no " CACHE_DEVICE ": modprobe null_blk");
	for (i = 0; i < nr; i++) {
		struct contig_probe probe;
		uint64_t said, had, slack;
		bool bound, good;
		char text[128];

		self->random = seed * 1000003 + i;
		make_state(self, text);
		foretold_and_had(_metadata, self, &probe, &had);
		said = probe.out_largest;
		bound = probe.out_at_least & 1 << CONTIG_RUNG_NONE;
		slack = said / 10 > 5 * pageblock_bytes() ? said / 10 :
			5 * pageblock_bytes();
		good = had + slack >= said && had <= said * 2 &&
		       (bound || had <= said + slack);
		at_least += bound;
		wrong += !good;
		misled += had * 2 < said || said * 2 < had;
		if (!good || states || is_soak())
			TH_LOG("%s %d (%s): foretold %s%llu MiB, had %llu",
			       good ? "state" : "wrong in state", i, text,
			       bound ? "at least " : "",
			       (unsigned long long)said >> 20,
			       (unsigned long long)had >> 20);
		clear_state(self);
	}
	TH_LOG("%d states, %d lower bounds, %d wrong", nr, at_least, wrong);
	/*
	 * Memory that ALLOC itself needs can lie in the only window. So one
	 * wrong answer in a few states means little; soak has many states, and
	 * a limit for their share.
	 */
	EXPECT_GE(is_soak() ? nr / 25 : 1, wrong);
	EXPECT_EQ(0, misled);
}

TEST_HARNESS_MAIN
