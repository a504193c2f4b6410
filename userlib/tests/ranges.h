/* SPDX-License-Identifier: LGPL-2.1-or-later OR MIT */
/*
 * Fixture for tests of ranges: a client, and memory of either kind.
 */
#ifndef CONTIG_TESTS_RANGES_H
#define CONTIG_TESTS_RANGES_H

#include <contig.h>

#include "fake.h"

#define PAGES 32

#define DEVICE "pci/0000:00:04.0"

extern struct contig *client;

/* Memory of the program and a buffer, PAGES long each. */
extern char *memory;
extern struct contig_buffer *buffer;

int ranges_setup(void **state);

/* Also fails if the test left memory locked or held. */
int ranges_teardown(void **state);

#define RANGE_TEST(function)                                                   \
	cmocka_unit_test_setup_teardown(function, ranges_setup, ranges_teardown)

#endif /* CONTIG_TESTS_RANGES_H */
