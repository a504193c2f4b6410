/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Physical memory, as the kernel shows it without the module: page frames,
 * their flags and what they contain
 */
#ifndef CONTIG_SELFTESTS_PHYSICAL_UTILS_H
#define CONTIG_SELFTESTS_PHYSICAL_UTILS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct contig_extent;

#ifndef KPF_DIRTY
#define KPF_DIRTY 4
#define KPF_BUDDY 10
#define KPF_HUGE 17
#define KPF_THP 22
#endif

/*
 * /proc/PID/pagemap: return the page frame behind an address, 0 if there is
 * none.
 */
uint64_t pfn_of(const volatile void *addr);
uint64_t pfn_of_pid(pid_t pid, const volatile void *addr);
/* The same for each of a number of pages. Return 0, or -EIO. */
int pfns_of(const volatile void *addr, size_t npages, uint64_t *pfns);
/*
 * The same for a range, with adjacent frames merged. The caller frees *extents.
 */
int64_t pagemap_extents(const volatile void *addr, size_t length,
			struct contig_extent **extents);
/* /proc/zoneinfo: return the last page frame of memory, holes included. */
uint64_t last_frame(void);
/* Return the first page frame of the highest zone, that of movable memory aside. */
uint64_t highest_zone(void);
/* Return where CMA lies according to the kernel's log, or 0 if it is not there. */
uint64_t cma_region(uint64_t *size);
bool page_is_resident(const volatile void *addr);
uint64_t page_flags(uint64_t pfn);
int64_t page_mapcount(uint64_t pfn);
bool page_flag(const volatile void *addr, int bit);

/* /proc/kcore: read the memory at a physical address. */
bool kcore_usable(void);
bool kcore_read(uint64_t physical, void *to, size_t length);

/*
 * Return true if there is no /proc/kcore, as in Debian's kernels of 32-bit ARM,
 * or if it has no such memory because the kernel does not map it, as high memory.
 */
bool kcore_lacks(uint64_t physical);

#endif /* CONTIG_SELFTESTS_PHYSICAL_UTILS_H */
