/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Helpers of the demo and the benchmark: time, statistics, calls, and reading
 * memory without the module
 */
#ifndef BENCH_TOOLS_H
#define BENCH_TOOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/contig.h>

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

extern size_t page_size;

/**
 * struct times - durations of a repeated call
 * @ns: each duration
 * @nr: number of durations
 * @room: number of durations that fit into @ns
 */
struct times {
	uint64_t *ns;
	size_t nr;
	size_t room;
};

void tools_init(void);
void die(const char *format, ...)
	__attribute__((noreturn, format(printf, 1, 2)));
void die_errno(const char *what) __attribute__((noreturn));

uint64_t now_ns(void);
void times_add(struct times *times, uint64_t ns);
uint64_t times_percentile(struct times *times, unsigned int percent);
void times_free(struct times *times);

void write_file(const char *path, const char *text);
uint64_t meminfo_bytes(const char *name);
void reserve_wait_clean(void);

/* Each returns 0 or -errno. */
int contig_do_alloc(int client, size_t length, uint32_t rungs, uint32_t flags,
		    struct contig_alloc *result);
int contig_do_lock(int client, void *addr, size_t length, uint32_t flags);
int contig_do_unlock(int client, void *addr, size_t length);
int contig_do_count(int client, void *addr, size_t length, uint32_t *extents);
int contig_do_translate(int client, void *addr, size_t length,
			struct contig_extent *extents, uint32_t *count);

#define PAGEMAP_PFN(entry) ((entry) & (((uint64_t)1 << 55) - 1))
#define PAGEMAP_PRESENT(entry) ((entry) >> 63)

void pagemap_read(const void *addr, size_t npages, uint64_t *entries);
uint64_t pagemap_extents(const void *addr, size_t length);

bool kcore_equals(uint64_t physical, const void *expected, size_t length);

#endif
