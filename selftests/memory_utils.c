// SPDX-License-Identifier: GPL-2.0-only
#include "contig_utils.h"

static long figure(const char *path, const char *key)
{
	char *text = read_text(path), *at = text;
	size_t n = strlen(key);
	long value = -1;

	while (at && *at) {
		if (!strncmp(at, key, n) && at[n] == ':') {
			value = strtol(at + n + 1, NULL, 10);
			break;
		}
		at = strchr(at, '\n');
		if (at)
			at++;
	}
	free(text);
	return value;
}

long pages_migrated(void)
{
	char *text = read_text("/proc/vmstat");
	char *at = text ? strstr(text, "\npgmigrate_success ") : NULL;
	long n = at ? atol(strchr(at, ' ')) : -1;

	free(text);
	return n;
}

uint64_t kernel_free_bytes(void)
{
	long cma = meminfo_kib("CmaFree");

	return (uint64_t)(meminfo_kib("MemFree") - (cma > 0 ? cma : 0)) << 10;
}

void watermarks_stay(bool stay)
{
	write_text("/proc/sys/vm/watermark_boost_factor", stay ? "0" : "15000");
}

uint64_t watermark_bytes(void)
{
	char *text = read_text("/proc/zoneinfo"), *line, *rest = text;
	unsigned long long pages = 0, high;

	while (text && (line = strsep(&rest, "\n")))
		if (sscanf(line, " high %llu", &high) == 1)
			pages += high;
	free(text);
	return pages * sysconf(_SC_PAGESIZE);
}

long meminfo_kib(const char *key)
{
	return figure("/proc/meminfo", key);
}

uint64_t pageblock_bytes(void)
{
	static uint64_t bytes;
	char *text, *at;

	if (bytes)
		return bytes;
	text = read_text("/proc/pagetypeinfo");
	at = text ? strstr(text, "Pages per block:") : NULL;
	if (at)
		bytes = strtoull(at + strlen("Pages per block:"), NULL, 10) *
			page_size;
	free(text);
	return bytes;
}

uint64_t huge_page_bytes(void)
{
	char *text = read_text("/sys/kernel/mm/transparent_hugepage/"
			       "hpage_pmd_size");
	uint64_t bytes = text ? strtoull(text, NULL, 10) : 0;
	long kib = meminfo_kib("Hugepagesize");

	free(text);
	return kib > 0 ? kib * 1024ull : bytes;
}

#define MEMORY_BLOCKS "/sys/devices/system/memory"

uint64_t memory_block_bytes(void)
{
	char *text = read_text(MEMORY_BLOCKS "/block_size_bytes");
	uint64_t bytes = text ? strtoull(text, NULL, 16) : 0;

	free(text);
	return bytes;
}

int memory_block_set(uint64_t n, const char *state)
{
	char path[80];

	snprintf(path, sizeof(path), MEMORY_BLOCKS "/memory%llu/state",
		 (unsigned long long)n);
	return write_text(path, state);
}

uint64_t ram_start(void)
{
	static uint64_t start = UINT64_MAX;
	char *text, *line, *next;

	if (start != UINT64_MAX)
		return start;
	text = read_text("/proc/iomem");
	for (line = text; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = 0;
		if (strstr(line, "System RAM")) {
			start = strtoull(line, NULL, 16) & ~(MIB(1) - 1);
			break;
		}
	}
	free(text);
	return start == UINT64_MAX ? 0 : start;
}

long status_kib(const char *key)
{
	return figure("/proc/self/status", key);
}

long charged_kib(void)
{
	return status_kib("VmLck") + status_kib("VmPin");
}

/*
 * Count the pages on the free lists and on per-CPU lists. MemFree is a separate
 * counter, which drifts by pageblocks on kernels before 6.10 when adjacent
 * ranges are emptied at the same time.
 */
static long count_free_pages(void)
{
	static const char count_key[] = "count:", zone_key[] = ", zone";
	long count = 0, n;
	char *text, *at, *end;
	int order;

	text = read_text("/proc/zoneinfo");
	for (at = text ? strstr(text, count_key) : NULL; at;
	     at = strstr(at, count_key)) {
		at += strlen(count_key);
		count += strtol(at, NULL, 10);
	}
	free(text);

	text = read_text("/proc/buddyinfo");
	for (at = text ? strstr(text, zone_key) : NULL; at;
	     at = strstr(at, zone_key)) {
		at += strlen(zone_key);
		at += strspn(at, " ");
		at += strcspn(at, " ");
		for (order = 0;; order++, at = end) {
			n = strtol(at, &end, 10);
			if (end == at)
				break;
			count += n << order;
		}
	}
	free(text);
	return count;
}

/* Pages that moved from one list to the other meanwhile were counted twice. */
long free_pages(void)
{
	long first = count_free_pages(), second = count_free_pages();

	return first < second ? first : second;
}

static bool enough_free(void *arg)
{
	return free_pages() >= *(long *)arg;
}

bool free_pages_return(long want)
{
	/*
	 * KASAN keeps up to a 32nd of memory, to detect accesses to freed
	 * memory.
	 */
	if (is_slow_kernel())
		want -= sysconf(_SC_PHYS_PAGES) / 32;
	if (poll_until(enough_free, &want))
		return true;
	fprintf(stderr, "# %ld pages are free, not %ld\n", free_pages(), want);
	return false;
}

bool image_is_in_the_way(uint64_t highest)
{
	char *text = read_text("/proc/iomem"), *at = text;
	uint64_t start = UINT64_MAX, end = 0;
	unsigned long long from, to;
	char what[16];

	for (; at && *at; at = strchr(at + 1, '\n')) {
		if (sscanf(at, " %llx-%llx : Kernel %15s", &from, &to, what) != 3)
			continue;
		start = from < start ? from : start;
		end = to > end ? to : end;
	}
	free(text);
	return start < ram_start() + pageblock_bytes() &&
	       end > highest;
}
