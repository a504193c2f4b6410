/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is done to caches: kprobes on the two functions that arm64 does it by tell
 */
#ifndef CONTIG_SELFTESTS_CACHES_UTILS_H
#define CONTIG_SELFTESTS_CACHES_UTILS_H

#include "contig_utils.h"

#define OPS 512

struct op {
	bool for_device;
	unsigned int direction;
	uint64_t addr, size;
};

/* From now on, what this process does; 0 or a negative errno. */
int watch(void);
void watch_no_more(void);

void forget(void);

/* All since forget(), at most OPS; how many. */
int ops_read(struct op *ops);

#endif /* CONTIG_SELFTESTS_CACHES_UTILS_H */
