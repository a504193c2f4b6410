/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pools in the Device Tree, and checks of the memory that they supply
 */
#ifndef CONTIG_SELFTESTS_POOL_UTILS_H
#define CONTIG_SELFTESTS_POOL_UTILS_H

#include "contig_utils.h"

#define TREE "/sys/firmware/devicetree/base"
/* The length of each buffer when all of a pool is allocated. */
#define PIECE MIB(1)

struct pool {
	uint64_t base, size;
	bool no_map;
};

/* Find the pool of a node below the root. */
bool pool_of(const char *node, struct pool *pool);

/*
 * Return true if all of a buffer is in a pool, contiguously. The client must be
 * able to lock it.
 */
bool lies_in(const struct pool *pool, int client, int fd, uint64_t length,
	     uint64_t *where);

/*
 * Compare what the machine has at a physical address. True if a 32-bit kernel
 * shows none of that memory: see kcore_lacks().
 */
bool physical_is(uint64_t at, const void *expected, size_t length);

/*
 * Allocate from the coherent rung, use the buffer and free it. Return true if
 * it was in the pool, zero, and at the addresses that were reported.
 */
bool gives(const struct pool *pool, int client, uint64_t length);

/*
 * Allocate all of the pool, in PIECEs that the caller must close. Return their
 * number, with the error in the next element of @fds; or -1 if one lies outside
 * or overlaps another.
 */
int take_all(const struct pool *pool, int client, int *fds, int most);

/* Ask for more than the pool has. Return the error, and the report about it. */
int ask_for_more(const struct pool *pool, int client,
		 struct contig_report *report);

#endif /* CONTIG_SELFTESTS_POOL_UTILS_H */
