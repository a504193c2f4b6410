/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How long a test may take on this kernel, and how long it waits
 */
#ifndef CONTIG_SELFTESTS_TIME_UTILS_H
#define CONTIG_SELFTESTS_TIME_UTILS_H

#include <stdbool.h>
#include <stdint.h>

/* Return true on a kernel whose debugging checks make it ten times as slow. */
bool is_slow_kernel(void);
/* Scale down the volume of a test, or its number of rounds, on slow kernels. */
#define times(n) ((n) / (is_slow_kernel() ? 5 : 1))

/* Return true if the test may take hours: "make soak" sets CONTIG_SOAK. */
bool is_soak(void);

/*
 * Wait for an event in the background: for a minute, which does not imply that
 * it may take so long. An emulated machine on a busy host stalls at times.
 */
bool poll_until(bool (*done)(void *arg), void *arg);
uint64_t now_ns(void);

#endif /* CONTIG_SELFTESTS_TIME_UTILS_H */
