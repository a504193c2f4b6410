// SPDX-License-Identifier: GPL-2.0-only
/*
 * Helpers of the demo and the benchmark
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "tools.h"

/* Entries of pagemap read at a time. */
#define PAGEMAP_BATCH ((size_t)8192)

/* How long to wait for memory of the reserve to be zeroed. */
#define RESERVES "/sys/kernel/debug/contig/reserves"
#define SCRUB_TRIES 10000
#define SCRUB_WAIT_US 1000

size_t page_size;
static int pagemap_fd;

void tools_init(void)
{
	page_size = sysconf(_SC_PAGESIZE);
	pagemap_fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (pagemap_fd < 0)
		die_errno("/proc/self/pagemap");
}

void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "%s: ", program_invocation_short_name);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(2);
}

void die_errno(const char *what)
{
	die("%s: %s", what, strerror(errno));
}

uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

void times_add(struct times *times, uint64_t ns)
{
	if (times->nr == times->room) {
		times->room = times->room ? 2 * times->room : 64;
		times->ns = realloc(times->ns,
				    times->room * sizeof(times->ns[0]));
		if (!times->ns)
			die("out of memory");
	}
	times->ns[times->nr++] = ns;
}

static int compare_ns(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/*
 * Return the smallest time that @percent of all do not exceed, or 0 if there
 * are none.
 */
uint64_t times_percentile(struct times *times, unsigned int percent)
{
	size_t rank = (times->nr * percent + 99) / 100;

	if (!times->nr)
		return 0;
	qsort(times->ns, times->nr, sizeof(times->ns[0]), compare_ns);
	return times->ns[rank ? rank - 1 : 0];
}

void times_free(struct times *times)
{
	free(times->ns);
	*times = (struct times){};
}

void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		die_errno(path);
	close(fd);
}

/* Return a value of /proc/meminfo in bytes. */
uint64_t meminfo_bytes(const char *name)
{
	FILE *file = fopen("/proc/meminfo", "re");
	size_t length = strlen(name);
	char line[128];
	uint64_t kib = 0;

	if (!file)
		die_errno("/proc/meminfo");
	while (fgets(line, sizeof(line), file))
		if (!strncmp(line, name, length) && line[length] == ':')
			kib = strtoull(line + length + 1, NULL, 10);
	fclose(file);
	return kib * KIB;
}

/* Return the bytes of the reserve that were freed and are not zeroed yet. */
static unsigned long long reserve_dirty(void)
{
	unsigned long long bytes = 0;
	char line[128];
	FILE *file;

	file = fopen(RESERVES, "re");
	if (!file)
		die_errno(RESERVES);
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "to scrub %llu", &bytes) == 1)
			break;
	fclose(file);
	return bytes;
}

void reserve_wait_clean(void)
{
	unsigned int i;

	for (i = 0; i < SCRUB_TRIES && reserve_dirty(); i++)
		usleep(SCRUB_WAIT_US);
}

static int result_of(int ret)
{
	return ret < 0 ? -errno : 0;
}

int contig_do_alloc(int client, size_t length, uint32_t rungs, uint32_t flags,
		    struct contig_alloc *result)
{
	*result = (struct contig_alloc){
		.size = sizeof(*result),
		.flags = flags,
		.length = length,
		.rungs = rungs,
		.timeout_ms = 60000,
	};
	return result_of(ioctl(client, CONTIG_ALLOC, result));
}

int contig_do_lock(int client, void *addr, size_t length, uint32_t flags)
{
	struct contig_lock cmd = {
		.size = sizeof(cmd),
		.flags = flags,
		.addr = (uintptr_t)addr,
		.length = length,
	};

	return result_of(ioctl(client, CONTIG_LOCK, &cmd));
}

int contig_do_unlock(int client, void *addr, size_t length)
{
	struct contig_unlock cmd = {
		.size = sizeof(cmd),
		.addr = (uintptr_t)addr,
		.length = length,
	};

	return result_of(ioctl(client, CONTIG_UNLOCK, &cmd));
}

int contig_do_count(int client, void *addr, size_t length, uint32_t *extents)
{
	struct contig_get_physical cmd = {
		.size = sizeof(cmd),
		.addr = (uintptr_t)addr,
		.length = length,
	};
	int ret = result_of(ioctl(client, CONTIG_GET_PHYSICAL, &cmd));

	*extents = cmd.count;
	return ret;
}

int contig_do_translate(int client, void *addr, size_t length,
			struct contig_extent *extents, uint32_t *count)
{
	struct contig_get_physical cmd = {
		.size = sizeof(cmd),
		.addr = (uintptr_t)addr,
		.length = length,
		.extents = (uintptr_t)extents,
		.count = *count,
	};
	int ret = result_of(ioctl(client, CONTIG_GET_PHYSICAL, &cmd));

	*count = cmd.count;
	return ret;
}

/* Read the entries of pagemap for @npages pages from @addr on. */
void pagemap_read(const void *addr, size_t npages, uint64_t *entries)
{
	size_t length = npages * sizeof(entries[0]);
	off_t at = (uintptr_t)addr / page_size * sizeof(entries[0]);

	if (pread(pagemap_fd, entries, length, at) != (ssize_t)length)
		die_errno("reading /proc/self/pagemap");
}

/*
 * Return the number of extents behind a mapping, or 0 if a page is not present
 * or is mapped as a bare page frame.
 */
uint64_t pagemap_extents(const void *addr, size_t length)
{
	static uint64_t entries[PAGEMAP_BATCH];
	size_t npages = length / page_size, done, nr, i;
	uint64_t extents = 0, next = 0, pfn;

	for (done = 0; done < npages; done += nr) {
		nr = npages - done;
		if (nr > PAGEMAP_BATCH)
			nr = PAGEMAP_BATCH;
		pagemap_read((const char *)addr + done * page_size, nr,
			     entries);
		for (i = 0; i < nr; i++) {
			pfn = PAGEMAP_PFN(entries[i]);
			if (!PAGEMAP_PRESENT(entries[i]) || !pfn)
				return 0;
			extents += pfn != next;
			next = pfn + 1;
		}
	}
	return extents;
}

/*
 * Return the offset in /proc/kcore of the kernel's own mapping of memory, or
 * -1. It is the longest segment: another one is of the kernel's image, with
 * holes where parts of it were freed.
 */
static off_t kcore_offset(int fd, uint64_t physical, size_t length)
{
	Elf64_Ehdr elf;
	Elf64_Phdr segment;
	uint64_t longest = 0;
	off_t at = -1;
	int i;

	if (pread(fd, &elf, sizeof(elf), 0) != sizeof(elf))
		die_errno("/proc/kcore");
	for (i = 0; i < elf.e_phnum; i++) {
		if (pread(fd, &segment, sizeof(segment),
			  elf.e_phoff + i * sizeof(segment)) !=
		    sizeof(segment))
			die_errno("/proc/kcore");
		if (segment.p_type == PT_LOAD && segment.p_paddr <= physical &&
		    physical - segment.p_paddr < segment.p_memsz &&
		    length <= segment.p_memsz - (physical - segment.p_paddr) &&
		    segment.p_memsz > longest) {
			longest = segment.p_memsz;
			at = segment.p_offset + (physical - segment.p_paddr);
		}
	}
	return at;
}

/*
 * Return true if physical memory has these bytes. Reads it through the kernel's
 * own mapping of all memory, in which physically adjacent pages are adjacent.
 */
bool kcore_equals(uint64_t physical, const void *expected, size_t length)
{
	static char copy[64 * 1024];
	static int fd = -1;
	size_t done, n;
	off_t at;

	if (fd < 0)
		fd = open("/proc/kcore", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		die_errno("/proc/kcore");
	at = kcore_offset(fd, physical, length);
	if (at < 0)
		return false;
	for (done = 0; done < length; done += n) {
		n = length - done < sizeof(copy) ? length - done : sizeof(copy);
		if (pread(fd, copy, n, at + done) != (ssize_t)n ||
		    memcmp(copy, (const char *)expected + done, n))
			return false;
	}
	return true;
}
