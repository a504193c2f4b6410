// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unit tests of the parts that need no device. They run when the module
 * contig_kunit is loaded, on a kernel with "kunit.enable=1".
 */
#include <linux/module.h>

#include "kunit.h"

kunit_test_suites(&contig_areas_suite, &contig_constraints_suite,
		  &contig_early_suite, &contig_extents_suite,
		  &contig_preparation_suite, &contig_search_suite,
		  &contig_slide_suite);

MODULE_AUTHOR("The contig authors");
MODULE_DESCRIPTION("Unit tests of contig");
MODULE_LICENSE("GPL");
