/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pages that fail: how to report them to the kernel, which pages it has marked,
 * and what a process that accesses them receives
 */
#ifndef CONTIG_SELFTESTS_POISON_UTILS_H
#define CONTIG_SELFTESTS_POISON_UTILS_H

#include "contig_utils.h"

#define MEMORY "/sys/devices/system/memory"
#define HARD_OFFLINE MEMORY "/hard_offline_page"
#define SOFT_OFFLINE MEMORY "/soft_offline_page"

#ifndef MADV_HWPOISON
#define MADV_HWPOISON 100
#endif
#ifndef MADV_SOFT_OFFLINE
#define MADV_SOFT_OFFLINE 101
#endif

bool has_failed(uint64_t pfn);
/*
 * Report a failed page to the kernel, which also marks pages that it cannot
 * isolate.
 */
bool fail_page(uint64_t pfn);
/* Return true if one of these adjacent pages is marked as failed. */
bool any_has_failed(uint64_t pfn, size_t npages);

/* Get the page frames of a buffer. */
bool frames_of(int client, int fd, size_t npages, uint64_t *pfns);

/* Read a byte. Return 0, or the si_code of the SIGBUS that this raises. */
int access_code(const volatile char *p);
/* For poll_until(): return true once the byte at @arg is gone. */
bool is_gone(void *arg);

#endif /* CONTIG_SELFTESTS_POISON_UTILS_H */
