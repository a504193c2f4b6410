/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Figures of the kernel: memory of the machine, and memory that is charged to
 * this process
 */
#ifndef CONTIG_SELFTESTS_MEMORY_UTILS_H
#define CONTIG_SELFTESTS_MEMORY_UTILS_H

#include <stdbool.h>
#include <stdint.h>

/* Return the number of free pages, those on per-CPU lists included. */
long free_pages(void);
/*
 * Wait until at least so many pages are free. Prints on stderr if that fails.
 */
bool free_pages_return(long pages);
/* Return how many pages the kernel has migrated since it started, for any reason. */
long pages_migrated(void);
long meminfo_kib(const char *key);
/* Return the bytes that all zones together keep free: below, the kernel reclaims. */
uint64_t watermark_bytes(void);
/* Return the free bytes that the kernel itself can use: not those of CMA. */
uint64_t kernel_free_bytes(void);
/*
 * Let the kernel keep no more free than that, as it does for a while after pageblocks
 * have changed their type; false lets it again.
 */
void watermarks_stay(bool stay);
/*
 * Return the bytes of a pageblock, of which one page of the kernel keeps contig
 * from emptying any part; 0 if that is not known.
 */
uint64_t pageblock_bytes(void);
/* Return the bytes of a huge page, 0 if the kernel has none. */
uint64_t huge_page_bytes(void);
/*
 * Return the bytes of a block of memory that can go offline, 0 if there are
 * none.
 */
uint64_t memory_block_bytes(void);
/* Write to the state of such a block. Return 0 or a negative errno. */
int memory_block_set(uint64_t n, const char *state);
/* Return where memory begins, rounded down to a MiB: not 0 on all machines. */
uint64_t ram_start(void);
/* Return a value like VmLck of /proc/self/status, in KiB. */
long status_kib(const char *key);
/* Return what locks charge to this process, as mlocked or as pinned, in KiB. */
long charged_kib(void);

/*
 * Return true if the kernel's image begins in the first pageblock of memory and
 * ends above @highest: then it leaves no window there. On 32-bit ARM, where a
 * pageblock has 8 MiB, it does.
 */
bool image_is_in_the_way(uint64_t highest);

#endif /* CONTIG_SELFTESTS_MEMORY_UTILS_H */
