// SPDX-License-Identifier: GPL-2.0-only
#include <linux/mm.h>
#include <linux/sizes.h>

#include "early.h"
#include "kunit.h"

#define ROOM 8U

struct early_case {
	const char *text;
	int ret;
	unsigned long npages[ROOM];
};

#define BYTES(_n) ((_n) >> PAGE_SHIFT)

static const struct early_case cases[] = {
	{ "", 0 },
	{ "64M", 1, { BYTES(SZ_64M) } },
	{ "64M*2,4M", 3, { BYTES(SZ_64M), BYTES(SZ_64M), BYTES(SZ_4M) } },
	{ "4M,64M", 2, { BYTES(SZ_4M), BYTES(SZ_64M) } },
	{ "1M,", 1, { BYTES(SZ_1M) } },
	{ "1048576", 1, { BYTES(SZ_1M) } },
	{ "0x100000*0x2", 2, { BYTES(SZ_1M), BYTES(SZ_1M) } },
	/* Part of a page is a page. */
	{ "1,2*1", 2, { 1, 1 } },
	{ "1G", 1, { BYTES(SZ_1G) } },
	{ "4K*8", 8, { 1, 1, 1, 1, 1, 1, 1, 1 } },

	{ ",", -EINVAL },
	{ ",1M", -EINVAL },
	{ "1M,,1M", -EINVAL },
	{ "0", -EINVAL },
	{ "0M*2", -EINVAL },
	{ "1M*", -EINVAL },
	{ "1M*0", -EINVAL },
	{ "1M*2*2", -EINVAL },
	{ "1M 2M", -EINVAL },
	{ " 1M", -EINVAL },
	{ "1M\n", -EINVAL },
	{ "-1M", -EINVAL },
	{ "M", -EINVAL },
	{ "1MB", -EINVAL },
	{ "1M*-1", -EINVAL },
	{ "one", -EINVAL },

	{ "1025M", -EFBIG },
	{ "1T", -EFBIG },
	{ "1M,1E", -EFBIG },

	{ "1M*9", -E2BIG },
	{ "1M*8,1M", -E2BIG },
	{ "1M*4294967297", -E2BIG },
	{ "1M,1M*18446744073709551615", -E2BIG },
};

static void early_case_name(const struct early_case *c, char *name)
{
	strscpy(name, *c->text ? c->text : "(nothing)", KUNIT_PARAM_DESC_SIZE);
	strreplace(name, '\n', '|');
}

KUNIT_ARRAY_PARAM(early, cases, early_case_name);

static void early_is_read(struct kunit *test)
{
	const struct early_case *c = test->param_value;
	/* One more than there is room for, which must stay as it is. */
	unsigned long npages[ROOM + 1] = { [ROOM] = 77 };
	int i, ret;

	ret = contig_early_parse(c->text, SZ_1G, npages, ROOM);
	KUNIT_EXPECT_EQ(test, ret, c->ret);
	for (i = 0; i < ret; i++)
		KUNIT_EXPECT_EQ(test, npages[i], c->npages[i]);
	KUNIT_EXPECT_EQ(test, npages[ROOM], 77);
}

static struct kunit_case early_cases[] = {
	KUNIT_CASE_PARAM(early_is_read, early_gen_params),
	{}
};

struct kunit_suite contig_early_suite = {
	.name = "contig_early",
	.test_cases = early_cases,
};
