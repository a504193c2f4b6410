/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is done to caches: kprobes on the two functions of arm64 and 32-bit ARM
 * that maintain them
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

/* Record what this process does from now on. Return 0 or a negative errno. */
int watch(void);
void watch_no_more(void);

void forget(void);

/* Read the operations since forget(), at most OPS. Return their number. */
int ops_read(struct op *ops);

#endif /* CONTIG_SELFTESTS_CACHES_UTILS_H */
