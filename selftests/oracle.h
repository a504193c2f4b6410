/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which memory could be allocated under which constraints, without the module:
 * of the reserve, and of all memory that is free or can be moved.
 */
#ifndef CONTIG_ORACLE_H
#define CONTIG_ORACLE_H

#include <inttypes.h>
#include <sys/klog.h>

#include "contig_utils.h"

#define NEVER UINT64_MAX

/*
 * Random numbers
 */

static uint64_t state;

static uint64_t below(uint64_t n)
{
	uint64_t z = state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return (z ^ z >> 31) % n;
}

static bool one_in(uint64_t n)
{
	return !below(n);
}

/*
 * The check. Adjacent memory is cut into segments as by a device that takes as
 * much as it can: up to a boundary, and at most the longest segment that leaves
 * the next one aligned.
 */

/*
 * Return which constraint these pages violate, or NULL. Page @i is frames[i],
 * or @first + @i.
 */
static const char *breaks(const struct contig_constraints *c,
			  const uint64_t *frames, uint64_t first, uint64_t n)
{
	uint64_t page = page_size, length = 0, segments = 0, last = 0, i;
	uint64_t align = c->align ?: 1, longest = c->max_segment / page;

	if (c->boundary && (!longest || c->boundary / page < longest))
		longest = c->boundary / page;
	if (longest * page > align && align > page)
		longest -= longest % (align / page);
	for (i = 0; i < n; i++) {
		uint64_t at = (frames ? frames[i] : first + i) * page;

		if (at < c->lowest)
			return "lowest";
		if (c->highest && at + page - 1 > c->highest)
			return "highest";
		if (!i || at != last + page || (longest && length == longest) ||
		    (c->boundary && !(at % c->boundary))) {
			if (i && length * page < c->min_segment)
				return "min_segment";
			if (at % align)
				return "align";
			if (c->max_segments && segments == c->max_segments)
				return "max_segments";
			segments++;
			length = 0;
		}
		length++;
		last = at;
	}
	return NULL;
}

/*
 * The reserve
 */

struct block {
	uint64_t first;
	uint64_t n;
	uint64_t step;			/* buffers begin at multiples of it */
	bool *used;
};

static struct block blocks[32];
static int nr_blocks;

/* Allocate all of the reserve, to learn where it lies. */
static bool learn_reserve(int client)
{
	struct contig_extent *extents;
	int fds[ARRAY_SIZE(blocks)], i;
	struct contig_info info;

	nr_blocks = 0;
	reserve_settle();
	for (;;) {
		struct block *block = &blocks[nr_blocks];

		if (_test_cmd_info(client, &info) || !info.out_reserve_largest ||
		    nr_blocks == ARRAY_SIZE(blocks))
			break;
		fds[nr_blocks] = buffer_alloc(client, info.out_reserve_largest,
					      CONTIG_RUNGS_RESERVE, 0);
		if (fds[nr_blocks] < 0 ||
		    buffer_extents(client, fds[nr_blocks],
				   info.out_reserve_largest, &extents) != 1)
			return false;
		block->first = extents->addr / page_size;
		block->n = info.out_reserve_largest / page_size;
		/*
		 * In large blocks the module's granules are a 1024th of the
		 * block.
		 */
		for (block->step = 1; block->step * 2048 <= block->n;)
			block->step *= 2;
		block->used = calloc(block->n, sizeof(*block->used));
		free(extents);
		nr_blocks++;
	}
	for (i = 0; i < nr_blocks; i++)
		close(fds[i]);
	reserve_settle();
	return nr_blocks;
}

static void mark_reserve(uint64_t first, uint64_t n, bool used)
{
	int i;

	for (i = 0; i < nr_blocks; i++) {
		struct block *b = &blocks[i];

		if (first < b->first || first >= b->first + b->n)
			continue;
		n = (n + b->step - 1) / b->step * b->step;
		memset(b->used + (first - b->first), used, n);
	}
}

static bool reserve_can(const struct contig_alloc *alloc)
{
	uint64_t n = round_up_page(alloc->length) / page_size, at, free;
	int i;

	for (i = 0; i < nr_blocks; i++) {
		struct block *b = &blocks[i];

		for (at = b->n, free = 0; at--;) {
			free = b->used[at] ? 0 : free + 1;
			if (free >= n && at % b->step == 0 &&
			    !breaks(&alloc->constraints, NULL, b->first + at,
				    n))
				return true;
		}
	}
	return false;
}

/*
 * All memory
 */

#define KPF(n) (1ull << (n))
/* A page of a program, which can be moved. */
#define OWN (KPF(5) | KPF(11) | KPF(12) | KPF(14))
/* Flags that prevent that: locked, under writeback, compound, ... */
#define NOT_OWN (KPF(0) | KPF(8) | KPF(15) | KPF(16) | KPF(17) | KPF(18) | \
		 KPF(19) | KPF(21) | KPF(22))

struct zone {
	uint64_t first, n, free, high;
	uint64_t protection[8];
};

static struct zone zones[8];
static int nr_zones;
static uint64_t nr_frames, block_pages;
static bool *certain;			/* for each pageblock */
static struct { uint64_t first, n; } cma[8];
static int nr_cma;

static bool read_zones(void)
{
	char *text = read_text("/proc/zoneinfo"), *line, *rest = text;
	struct zone *z = NULL;
	int i;

	nr_zones = 0;
	while ((line = strsep(&rest, "\n")) && rest) {
		char name[16];

		if (sscanf(line, "Node %*d, zone %15s", name) == 1) {
			if (!strcmp(name, "Movable") ||
			    nr_zones == ARRAY_SIZE(zones))
				break;
			z = &zones[nr_zones++];
			memset(z, 0, sizeof(*z));
			continue;
		}
		if (!z)
			continue;
		sscanf(line, " pages free %" SCNu64, &z->free);
		sscanf(line, " high %" SCNu64, &z->high);
		sscanf(line, " spanned %" SCNu64, &z->n);
		sscanf(line, " start_pfn: %" SCNu64, &z->first);
		line = strstr(line, "protection: (");
		for (i = 0; line && i < 8; i++) {
			line = strpbrk(line, "0123456789");
			if (line)
				z->protection[i] = strtoull(line, &line, 10);
		}
	}
	free(text);
	return nr_zones;
}

/* Find CMA, which only the kernel's log shows. Memory there is not certain. */
static bool read_cma(void)
{
	static char text[1 << 20];
	char *line, *rest = text;
	uint64_t sum = 0;
	int n = klogctl(3, text, sizeof(text) - 1);

	nr_cma = 0;
	text[n > 0 ? n : 0] = 0;
	while ((line = strsep(&rest, "\n"))) {
		unsigned long long mib, at;

		line = strstr(line, "cma: Reserved ");
		if (!line || nr_cma == ARRAY_SIZE(cma) ||
		    sscanf(line, "cma: Reserved %llu MiB at %llx", &mib, &at) !=
		    2)
			continue;
		cma[nr_cma].first = at / page_size;
		cma[nr_cma++].n = MIB(mib) / page_size;
		sum += mib;
	}
	return sum == (uint64_t)(meminfo_kib("CmaTotal") > 0 ?
				 meminfo_kib("CmaTotal") >> 10 : 0);
}

static bool is_cma(uint64_t frame)
{
	int i;

	for (i = 0; i < nr_cma; i++)
		if (frame - cma[i].first < cma[i].n)
			return true;
	return false;
}

/* Record for each of these pageblocks whether all of its pages can be moved. */
static void read_blocks(uint64_t block, uint64_t nr)
{
	static uint64_t flags[1 << 15];
	int fd = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
	uint64_t i, n;

	for (; nr--; block++) {
		ssize_t size = block_pages * sizeof(*flags);

		certain[block] = false;
		n = block * block_pages;
		if (is_cma(n) || pread(fd, flags, size, n * 8) != size)
			continue;
		for (i = 0; i < block_pages; i++)
			if (!(flags[i] & KPF(KPF_BUDDY)) &&
			    ((flags[i] & OWN) != OWN || flags[i] & NOT_OWN))
				break;
		certain[block] = i == block_pages;
	}
	close(fd);
}

static bool learn_memory(uint64_t top)
{
	block_pages = pageblock_bytes() / page_size;
	nr_frames = (top + 1) / page_size;
	if (!block_pages || block_pages > 1 << 15 || !read_zones() ||
	    !read_cma())
		return false;
	nr_frames -= nr_frames % block_pages;
	free(certain);
	certain = calloc(nr_frames / block_pages, sizeof(*certain));
	read_blocks(0, nr_frames / block_pages);
	return true;
}

/* Return the zone of a page, or NULL. */
static struct zone *zone_of(uint64_t frame)
{
	int i;

	for (i = 0; i < nr_zones; i++)
		if (frame - zones[i].first < zones[i].n)
			return &zones[i];
	return NULL;
}

/* Return true if the zone can give so much, beyond what it keeps for others. */
static bool zone_can(const struct zone *z, const struct contig_alloc *alloc,
		     uint64_t n)
{
	uint64_t highest = alloc->constraints.highest ?: UINT64_MAX;
	int last = z - zones, i;

	for (i = last + 1; i < nr_zones; i++)
		if (zones[i].n && zones[i].first * page_size <= highest)
			last = i;
	/* Leave some more: other users allocate memory as well. */
	return z->free > z->high + z->protection[last] + n + 1024;
}

/* Return true if this window is certain at this moment. */
static bool window_is_certain(const struct contig_alloc *alloc, uint64_t first,
			      uint64_t n)
{
	uint64_t block = first / block_pages;
	uint64_t last = (first + n - 1) / block_pages;
	const struct zone *z = zone_of(first);

	if (!z || zone_of(first + n - 1) != z)
		return false;
	read_blocks(block, last - block + 1);
	while (block <= last)
		if (!certain[block++])
			return false;
	return read_zones() && zone_can(z, alloc, n);
}

/*
 * Return a window among the pages from @at to @end, all of which can be taken,
 * or NEVER. Only its position relative to boundaries matters: so try the
 * beginning, and before and behind each boundary.
 */
static uint64_t window_in(const struct contig_alloc *alloc, uint64_t at,
			  uint64_t end, uint64_t n)
{
	const struct contig_constraints *c = &alloc->constraints;
	uint64_t step = c->align > page_size ? c->align / page_size : 1;
	uint64_t edge = c->boundary / page_size, tries = 0;

	if (at * page_size < c->lowest)
		at = round_up_page(c->lowest) / page_size;
	if (c->highest && end * page_size > c->highest)
		end = (c->highest + 1) / page_size;
	for (at = (at + step - 1) / step * step; at + n <= end; at += step) {
		if (!breaks(c, NULL, at, n))
			return at;
		if (++tries < 32)
			continue;
		/*
		 * Continue at the next boundary, where the result can differ.
		 */
		tries = 0;
		if (!edge)
			break;
		at = (at + edge) / edge * edge;
		if (at + n <= end && !breaks(c, NULL, at, n))
			return at;
	}
	return NEVER;
}

/* Return a window that is certain to be available contiguously, or NEVER. */
static uint64_t find_window(const struct contig_alloc *alloc)
{
	uint64_t n = round_up_page(alloc->length) / page_size;
	uint64_t nr = nr_frames / block_pages, i, block, end, at;
	uint64_t skip = below(nr);
	int misses = 0;

	for (i = 0; i < nr && misses < 8; i = end) {
		block = (i + skip) % nr;
		end = i + 1;
		if (!certain[block] || !zone_of(block * block_pages))
			continue;
		/*
		 * As far as blocks are certain, within one zone and without
		 * wrapping around.
		 */
		for (; end < nr && (end + skip) % nr > block; end++)
			if (!certain[(end + skip) % nr] ||
			    zone_of((end + skip) % nr * block_pages) !=
			    zone_of(block * block_pages))
				break;
		at = window_in(alloc, block * block_pages,
			       (block + end - i) * block_pages, n);
		if (at == NEVER)
			continue;
		if (window_is_certain(alloc, at, n))
			return at;
		misses++;
	}
	return NEVER;
}

/* Return a random place where memory is free, in bytes. */
static uint64_t anchor_in_memory(void)
{
	uint64_t nr = nr_frames / block_pages, block = below(nr), i;

	for (i = 0; i < nr && !certain[(block + i) % nr];)
		i++;
	return ((block + i) % nr * block_pages + below(block_pages)) *
	       page_size;
}

static uint64_t anchor_in_reserve(void)
{
	const struct block *b = &blocks[below(nr_blocks)];

	return (b->first + below(b->n)) * page_size;
}

/* Return true if single pages anywhere in a window suffice. */
static bool pages_will_do(const struct contig_alloc *alloc)
{
	const struct contig_constraints *c = &alloc->constraints;
	uint64_t n = round_up_page(alloc->length) / page_size;

	return c->align <= page_size && c->min_segment <= page_size &&
	       (!c->max_segments || c->max_segments >= n);
}

#endif /* CONTIG_ORACLE_H */
