// SPDX-License-Identifier: GPL-2.0-only
#include <time.h>

#include "contig_utils.h"

bool poll_until(bool (*done)(void *arg), void *arg)
{
	uint64_t end = now_ns() + 60000000000ull;

	while (!done(arg)) {
		if (now_ns() > end)
			return false;
		usleep(2000);
	}
	return true;
}

bool is_soak(void)
{
	return getenv("CONTIG_SOAK");
}

bool is_slow_kernel(void)
{
	return !access("/sys/kernel/debug/kmemleak", F_OK);
}

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}
