/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the Device Tree says of pools, and what memory has to do with it
 */
#ifndef CONTIG_SELFTESTS_POOL_UTILS_H
#define CONTIG_SELFTESTS_POOL_UTILS_H

#include "contig_utils.h"

#define TREE "/sys/firmware/devicetree/base"
/* What is had of a pool at once where all of it is had. */
#define PIECE MIB(1)

struct pool {
	uint64_t base, size;
	bool no_map;
};

/* The pool of a node that lies at the root. */
bool pool_of(const char *node, struct pool *pool);

/* Is all of a buffer in a pool, in one piece? The client can lock it. */
bool lies_in(const struct pool *pool, int client, int fd, uint64_t length,
	     uint64_t *where);

/* What the machine says lies at a physical address. */
bool physical_is(uint64_t at, const void *expected, size_t length);

/*
 * A buffer of the coherent rung, used and given back: it lies in the pool, is zero
 * and is where the addresses say.
 */
bool gives(const struct pool *pool, int client, uint64_t length);

/*
 * All of the pool, in PIECEs that somebody has to close. How many they are, after
 * which comes the error; or -1 if one lies elsewhere or where another does.
 */
int take_all(const struct pool *pool, int client, int *fds, int most);

/* A byte more than there is: the error, and the report that comes with it. */
int ask_for_more(const struct pool *pool, int client,
		 struct contig_report *report);

#endif /* CONTIG_SELFTESTS_POOL_UTILS_H */
