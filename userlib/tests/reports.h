/* SPDX-License-Identifier: LGPL-2.1-or-later OR MIT */
/*
 * Reports of rungs, for tests of explanations.
 */
#ifndef CONTIG_TEST_REPORTS_H
#define CONTIG_TEST_REPORTS_H

#include <contig.h>

#define MIB (1ull << 20)

/* The report of a rung that failed. */
#define BLOCKED(name, number, why, size)                                       \
	{                                                                      \
		.rung = CONTIG_RUNG_##name, .error = ENOMEM,                   \
		.blocked = CONTIG_BLOCKED_##why, .windows = number,            \
		.largest = size,                                               \
	}
#define ANSWERED(name)                                                         \
	{                                                                      \
		.rung = CONTIG_RUNG_##name                                     \
	}

#endif /* CONTIG_TEST_REPORTS_H */
