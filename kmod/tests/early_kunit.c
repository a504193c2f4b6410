// SPDX-License-Identifier: GPL-2.0-only
#include <linux/mm.h>
#include <linux/numa.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include "early.h"
#include "kunit.h"

#define ROOM 8U

struct early_case {
	const char *text;
	int ret;
	struct contig_early blocks[ROOM];
};

#define BYTES(_n) ((unsigned long)((_n) >> PAGE_SHIFT))
#define ANY(_pages) { .npages = (_pages), .node = NUMA_NO_NODE }
#define BITS(_pages, _bits) \
	{ .npages = (_pages), .bits = (_bits), .node = NUMA_NO_NODE }

static const struct early_case cases[] = {
	{ "", 0 },
	{ "64M", 1, { ANY(BYTES(SZ_64M)) } },
	{ "64M*2,4M", 3, {
		ANY(BYTES(SZ_64M)), ANY(BYTES(SZ_64M)), ANY(BYTES(SZ_4M)) } },
	{ "4M,64M", 2, { ANY(BYTES(SZ_4M)), ANY(BYTES(SZ_64M)) } },
	{ "1M,", 1, { ANY(BYTES(SZ_1M)) } },
	{ "1048576", 1, { ANY(BYTES(SZ_1M)) } },
	{ "0x100000*0x2", 2, { ANY(BYTES(SZ_1M)), ANY(BYTES(SZ_1M)) } },
	/* A part of a page is rounded up. */
	{ "1,2*1", 2, { ANY(1), ANY(1) } },
	{ "4K*8", 8, { ANY(1), ANY(1), ANY(1), ANY(1), ANY(1), ANY(1), ANY(1),
		       ANY(1) } },
	/* More than a machine may have: the block is missing then. */
	{ "1T", 1, { ANY(1UL << (40 - PAGE_SHIFT)) } },

	{ "4M@32bit", 1, { BITS(BYTES(SZ_4M), 32) } },
	{ "4M*2@24bit,1M@64bit", 3, {
		BITS(BYTES(SZ_4M), 24), BITS(BYTES(SZ_4M), 24),
		BITS(BYTES(SZ_1M), 64) } },
	{ "4M/align=16M", 1, { {
		.npages = BYTES(SZ_4M), .align = BYTES(SZ_16M),
		.node = NUMA_NO_NODE } } },
	{ "4M/align=4G", 1, { {
		.npages = BYTES(SZ_4M), .align = BYTES(SZ_4G),
		.node = NUMA_NO_NODE } } },
	{ "4M/align=1", 1, { {
		.npages = BYTES(SZ_4M), .align = 1, .node = NUMA_NO_NODE } } },
	{ "4M/node=0", 1, { { .npages = BYTES(SZ_4M) } } },
	{ "1M@32bit/align=2M/node=0,1M", 2, {
		{ .npages = BYTES(SZ_1M), .align = BYTES(SZ_2M), .bits = 32 },
		ANY(BYTES(SZ_1M)) } },
	{ "1M/node=0/align=2M", 1, {
		{ .npages = BYTES(SZ_1M), .align = BYTES(SZ_2M) } } },

	{ "64M*2@32bit/huge", 2, {
		{ .npages = BYTES(SZ_64M), .bits = 32, .node = NUMA_NO_NODE,
		  .huge = true },
		{ .npages = BYTES(SZ_64M), .bits = 32, .node = NUMA_NO_NODE,
		  .huge = true } } },

	{ "4M@0x100000000", 1, { {
		.npages = BYTES(SZ_4M), .node = NUMA_NO_NODE,
		.address = 0x100000000, .bits = 33 } } },
	{ "4M@4G/node=0", 1, { {
		.npages = BYTES(SZ_4M), .address = 0x100000000, .bits = 33 } } },
	{ "4M@2G/keep", 1, { {
		.npages = BYTES(SZ_4M), .address = 0x80000000, .bits = 32,
		.node = NUMA_NO_NODE, .keep = true } } },

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
	{ "15E", -EINVAL },

	{ "1M@", -EINVAL },
	{ "1M@0", -EINVAL },
	{ "1M@0x100000800", -EINVAL },
	{ "1M*2@4G", -EINVAL },
	{ "1M@4G/align=2M", -EINVAL },
	{ "1M@0xffffffffff000", -EINVAL },
	{ "1M@0x10000000000000", -EINVAL },
	{ "1M@0xfffffffffffff000", -EINVAL },
	{ "1M/keep", -EINVAL },
	{ "1M@32bit/keep", -EINVAL },
	{ "1M@4G/keeps", -EINVAL },
	{ "1M@4G/huge", -EINVAL },
	{ "1M/huger", -EINVAL },
	{ "1M@32", -EINVAL },
	{ "1M@bit", -EINVAL },
	{ "1M@12bit", -EINVAL },
	{ "1M@65bit", -EINVAL },
	{ "1M@32bits", -EINVAL },
	{ "1M@32bit*2", -EINVAL },
	{ "1M@32bit@24bit", -EINVAL },
	{ "1M/", -EINVAL },
	{ "1M/align", -EINVAL },
	{ "1M/align=", -EINVAL },
	{ "1M/align=0", -EINVAL },
	{ "1M/align=3M", -EINVAL },
	{ "1M/node=", -EINVAL },
	{ "1M/node=-1", -EINVAL },
	{ "1M/node=65536", -EINVAL },
	{ "1M/where=0", -EINVAL },
	{ "1M/node=0,", 1, { { .npages = BYTES(SZ_1M) } } },

	{ "1M*9", -EINVAL },
	{ "1M*8,1M", -EINVAL },
	{ "1M*4294967297", -EINVAL },
	{ "1M,1M*18446744073709551615", -EINVAL },
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
	/* One entry more than the limit, which must stay unchanged. */
	struct contig_early blocks[ROOM + 1] = { [ROOM] = { .npages = 77 } };
	const char *why = NULL;
	int i, ret;

	ret = contig_early_parse(c->text, blocks, ROOM, &why);
	KUNIT_EXPECT_EQ(test, ret, c->ret);
	for (i = 0; i < ret; i++)
		KUNIT_EXPECT_TRUE(test, !memcmp(&blocks[i], &c->blocks[i],
						sizeof(blocks[i])));
	if (ret < 0)
		KUNIT_EXPECT_NOT_NULL(test, why);
	KUNIT_EXPECT_EQ(test, blocks[ROOM].npages, 77);
}

static struct kunit_case early_cases[] = {
	KUNIT_CASE_PARAM(early_is_read, early_gen_params),
	{}
};

struct kunit_suite contig_early_suite = {
	.name = "contig_early",
	.test_cases = early_cases,
};
