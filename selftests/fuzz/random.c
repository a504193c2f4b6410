// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pseudo-random numbers that a seed reproduces
 */
#include "fuzz.h"

void rng_seed(struct rng *rng, uint64_t seed)
{
	/* Similar seeds must not begin alike, and a state of 0 would stay 0. */
	rng->state = (seed + 1) * 0x9e3779b97f4a7c15ull;
	if (!rng->state)
		rng->state = 1;
	for (int i = 0; i < 8; i++)
		rng_next(rng);
}

uint64_t rng_next(struct rng *rng)
{
	uint64_t x = rng->state;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	rng->state = x;
	return x * 0x2545f4914f6cdd1dull;
}

unsigned int rng_below(struct rng *rng, unsigned int n)
{
	return (rng_next(rng) >> 32) % n;
}
