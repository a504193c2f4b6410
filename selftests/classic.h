/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Helpers for the tests of libcontig's classic interface
 */
#ifndef CONTIG_CLASSIC_H
#define CONTIG_CLASSIC_H

#include "contig_utils.h"

/*
 * Return the client that all classic calls share. The test must have no other.
 */
static inline int classic_client(void)
{
	char path[64], target[64];
	int fd, n;

	for (fd = 3; fd < 64; fd++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		n = readlink(path, target, sizeof(target) - 1);
		if (n < 0)
			continue;
		target[n] = 0;
		if (!strcmp(target, CONTIG_PATH))
			return fd;
	}
	return -1;
}

static inline struct contig_run state_of(const void *addr)
{
	return page_state(classic_client(), addr);
}

#endif /* CONTIG_CLASSIC_H */
