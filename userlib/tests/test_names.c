// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
#include <contig.h>
#include <errno.h>

#include "fake.h"

static void names(void **state)
{
	(void)state;
	assert_string_equal(contig_rung_name(CONTIG_RUNG_NONE), "none");
	assert_string_equal(contig_rung_name(CONTIG_RUNG_RESERVE), "reserve");
	assert_string_equal(contig_rung_name(CONTIG_RUNG_SCATTER), "scatter");
	assert_string_equal(contig_rung_name(CONTIG_RUNG_MAX), "unknown");
	assert_string_equal(contig_rung_name(UINT32_MAX), "unknown");
	assert_string_equal(contig_mapping_name(CONTIG_MAPPING_PFN), "pfn");
	assert_string_equal(contig_mapping_name(CONTIG_MAPPING_PFN + 1),
			    "unknown");
	assert_string_equal(contig_blocked_name(CONTIG_BLOCKED_SEGMENTS),
			    "segments");
	assert_string_equal(contig_blocked_name(CONTIG_BLOCKED_LOCKED + 1),
			    "unknown");
	assert_string_equal(contig_remedy_name(CONTIG_REMEDY_QUOTA), "quota");
	assert_string_equal(contig_remedy_name(CONTIG_REMEDY_QUOTA + 1),
			    "unknown");
}

/* Each errno that linux/contig.h defines has a phrase of its own. */
static void phrases(void **state)
{
	static const int errors[] = {
		0,	   ENOTTY,	  E2BIG,     EOPNOTSUPP, EINVAL,
		EOVERFLOW, EFBIG,	  ERANGE,    EFAULT,	 ENXIO,
		EACCES,	   EPERM,	  EBADF,     EBADFD,	 EXDEV,
		ENODATA,   ENOLCK,	  EILSEQ,    ESTALE,	 EMSGSIZE,
		EDEADLK,   EDQUOT,	  ENOMEM,    ETIME,	 EINTR,
		ENODEV,	   EBUSY,	  ENOENT,    EMFILE,	 ENFILE,
		EUNATCH,   EADDRNOTAVAIL, EHWPOISON,
	};
	const size_t count = sizeof(errors) / sizeof(errors[0]);
	size_t i;
	size_t j;

	(void)state;
	for (i = 0; i < count; i++) {
		assert_ptr_equal(contig_strerror(errors[i]),
				 contig_strerror(-errors[i]));
		for (j = 0; j < i; j++)
			assert_string_not_equal(contig_strerror(errors[i]),
						contig_strerror(errors[j]));
	}
	assert_string_equal(contig_strerror(ENOLCK), "the range is not locked");
	assert_string_equal(contig_strerror(EDOM),
			    "an error that contig does not return");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(names),
		TEST(phrases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
