// SPDX-License-Identifier: GPL-2.0-only
#include <inttypes.h>
#include <link.h>
#include <sys/klog.h>

#include "contig_utils.h"

/* Of klogctl(). */
#define KLOG_READ_ALL 3
#define KLOG_SIZE 10

#define PAGEMAP_PRESENT (1ull << 63)
#define PAGEMAP_PFN ((1ull << 55) - 1)

static bool pread_word(const char *path, uint64_t index, uint64_t *word)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool ok;

	if (fd < 0)
		return false;
	ok = pread(fd, word, sizeof(*word), index * sizeof(*word)) ==
	     sizeof(*word);
	close(fd);
	return ok;
}

uint64_t highest_zone(void)
{
	static const char *const names[] = { "DMA", "DMA32", "Normal", "HighMem" };
	char *text = read_text("/proc/zoneinfo"), *line, *rest = text, name[16];
	unsigned long long managed = 0, start, best_start = 0;
	int rank = -1, best = -1, i;

	while (text && (line = strsep(&rest, "\n"))) {
		if (sscanf(line, "Node %*d, zone %15s", name) == 1) {
			rank = -1;
			for (i = 0; i < 4; i++)
				if (!strcmp(name, names[i]))
					rank = i;
			managed = 0;
		}
		sscanf(line, " managed %llu", &managed);
		if (sscanf(line, " start_pfn: %llu", &start) == 1 && managed &&
		    (rank > best || (rank == best && start < best_start))) {
			best = rank;
			best_start = start;
		}
	}
	free(text);
	return best_start;
}

uint64_t last_frame(void)
{
	char *text = read_text("/proc/zoneinfo"), *line, *rest = text;
	uint64_t first, spanned = 0, last = 0;

	/* The length of a zone comes before its start. */
	while ((line = strsep(&rest, "\n"))) {
		sscanf(line, " spanned %" SCNu64, &spanned);
		if (sscanf(line, " start_pfn: %" SCNu64, &first) == 1 &&
		    spanned && first + spanned - 1 > last)
			last = first + spanned - 1;
	}
	free(text);
	return last;
}

uint64_t pfn_of_pid(pid_t pid, const volatile void *addr)
{
	uint64_t entry;
	char path[64];

	if (pid)
		snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
	else
		strcpy(path, "/proc/self/pagemap");
	if (!pread_word(path, to_addr(addr) / page_size, &entry) ||
	    !(entry & PAGEMAP_PRESENT))
		return 0;
	return entry & PAGEMAP_PFN;
}

uint64_t pfn_of(const volatile void *addr)
{
	return pfn_of_pid(0, addr);
}

int pfns_of(const volatile void *addr, size_t npages, uint64_t *pfns)
{
	ssize_t length = npages * sizeof(*pfns), got = -1;
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	size_t i;

	if (fd >= 0) {
		got = pread(fd, pfns, length,
			    to_addr(addr) / page_size * sizeof(*pfns));
		close(fd);
	}
	if (got != length)
		return -EIO;
	for (i = 0; i < npages; i++)
		pfns[i] = pfns[i] & PAGEMAP_PRESENT ? pfns[i] & PAGEMAP_PFN : 0;
	return 0;
}

int64_t pagemap_extents(const volatile void *addr, size_t length,
			struct contig_extent **extents)
{
	uint64_t first = to_addr(addr) / page_size;
	uint64_t last = (to_addr(addr) + length - 1) / page_size;
	size_t n = last - first + 1, i;
	uint64_t *entries = malloc(n * sizeof(*entries));
	struct contig_extent *e = malloc(n * sizeof(*e));
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	int64_t count = 0;

	if (fd < 0 || !entries || !e ||
	    pread(fd, entries, n * sizeof(*entries),
		  first * sizeof(*entries)) != (ssize_t)(n * sizeof(*entries)))
		count = -EIO;
	for (i = 0; i < n && count >= 0; i++) {
		uint64_t start = (first + i) * page_size, end;
		uint64_t physical = (entries[i] & PAGEMAP_PFN) * page_size;

		if (!(entries[i] & PAGEMAP_PRESENT) || !physical) {
			count = -ENOENT;
			break;
		}
		end = start + page_size;
		if (start < to_addr(addr)) {
			physical += to_addr(addr) - start;
			start = to_addr(addr);
		}
		if (end > to_addr(addr) + length)
			end = to_addr(addr) + length;
		if (count && e[count - 1].addr + e[count - 1].length ==
		    physical) {
			e[count - 1].length += end - start;
			continue;
		}
		e[count].addr = physical;
		e[count++].length = end - start;
	}
	if (fd >= 0)
		close(fd);
	free(entries);
	if (count < 0) {
		free(e);
		e = NULL;
	}
	*extents = e;
	return count;
}

bool page_is_resident(const volatile void *addr)
{
	return pfn_of(addr) != 0;
}

uint64_t page_flags(uint64_t pfn)
{
	uint64_t flags;

	return pread_word("/proc/kpageflags", pfn, &flags) ? flags : 0;
}

int64_t page_mapcount(uint64_t pfn)
{
	uint64_t count;

	return pread_word("/proc/kpagecount", pfn, &count) ? (int64_t)count :
							     -1;
}

bool page_flag(const volatile void *addr, int bit)
{
	return page_flags(pfn_of(addr)) >> bit & 1;
}

static int kcore_fd = -1;
static ElfW(Phdr) kcore_header[64];
static int kcore_headers;

static void kcore_open(void)
{
	ElfW(Ehdr) elf;

	kcore_fd = open("/proc/kcore", O_RDONLY | O_CLOEXEC);
	if (kcore_fd < 0)
		return;
	if (pread(kcore_fd, &elf, sizeof(elf), 0) != sizeof(elf))
		return;
	kcore_headers = elf.e_phnum < 64 ? elf.e_phnum : 64;
	if (pread(kcore_fd, kcore_header,
		  kcore_headers * sizeof(*kcore_header), elf.e_phoff) !=
	    (ssize_t)(kcore_headers * sizeof(*kcore_header)))
		kcore_headers = 0;
}

/*
 * The longest segment is the kernel's mapping of memory; another one is of its
 * image, with holes where parts of it were freed.
 */
static const ElfW(Phdr) *kcore_segment(uint64_t physical, size_t length)
{
	const ElfW(Phdr) *best = NULL;
	int i;

	if (kcore_fd < 0)
		kcore_open();
	for (i = 0; i < kcore_headers; i++) {
		const ElfW(Phdr) *h = &kcore_header[i];

		if (h->p_type != PT_LOAD || h->p_paddr == (ElfW(Addr))-1 ||
		    physical < h->p_paddr ||
		    physical + length > (uint64_t)h->p_paddr + h->p_memsz)
			continue;
		if (!best || h->p_memsz > best->p_memsz)
			best = h;
	}
	return best;
}

/* A 32-bit kernel shows low memory only, or nothing. */
bool kcore_lacks(uint64_t physical)
{
	const ElfW(Phdr) *segment = kcore_segment(physical, page_size);

	return sizeof(void *) == 4 && !segment &&
	       (kcore_headers || access("/proc/kcore", F_OK));
}

bool kcore_read(uint64_t physical, void *to, size_t length)
{
	const ElfW(Phdr) *segment = kcore_segment(physical, length);

	return segment && pread(kcore_fd, to, length, segment->p_offset +
				physical - segment->p_paddr) == (ssize_t)length;
}

bool kcore_usable(void)
{
	static volatile uint64_t stamp;
	uint64_t seen = 0;

	stamp = now_ns() | 1;
	return kcore_read(pfn_of(&stamp) * page_size +
			  to_addr(&stamp) % page_size, &seen, sizeof(seen)) &&
	       seen == stamp;
}

uint64_t cma_region(uint64_t *size)
{
	int length = klogctl(KLOG_SIZE, NULL, 0);
	char *log = calloc(1, length + 1), *at;
	unsigned long long mib, base = 0;

	if (klogctl(KLOG_READ_ALL, log, length) > 0) {
		at = strstr(log, "cma: Reserved ");
		if (at && sscanf(at, "cma: Reserved %llu MiB at 0x%llx", &mib,
				 &base) == 2)
			*size = mib << 20;
	}
	free(log);
	return base;
}
