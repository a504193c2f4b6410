/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Common declarations of the unit tests
 */
#ifndef CONTIG_TESTS_KUNIT_H
#define CONTIG_TESTS_KUNIT_H

#include <kunit/test.h>
#include <linux/prandom.h>

extern struct kunit_suite contig_areas_suite;
extern struct kunit_suite contig_constraints_suite;
extern struct kunit_suite contig_early_suite;
extern struct kunit_suite contig_extents_suite;
extern struct kunit_suite contig_preparation_suite;
extern struct kunit_suite contig_search_suite;
extern struct kunit_suite contig_slide_suite;

/* Return a number from 0 up to @below; the same sequence in every run. */
static inline u32 contig_random(struct rnd_state *state, u32 below)
{
	return prandom_u32_state(state) % below;
}

#endif /* CONTIG_TESTS_KUNIT_H */
