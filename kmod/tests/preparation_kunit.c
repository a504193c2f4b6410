// SPDX-License-Identifier: GPL-2.0-only
#include <linux/mutex.h>

#include "client.h"
#include "kunit.h"
#include "preparation.h"

#define NR 12U

struct preparation_test {
	struct contig_client client;
	struct contig_preparation *all[NR];
};

static int preparation_init(struct kunit *test)
{
	struct preparation_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	unsigned int i;

	if (!t)
		return -ENOMEM;
	mutex_init(&t->client.lock);
	t->client.preparations = RB_ROOT;
	for (i = 0; i < NR; i++) {
		t->all[i] = kunit_kzalloc(test, sizeof(*t->all[i]), GFP_KERNEL);
		if (!t->all[i])
			return -ENOMEM;
	}
	test->priv = t;
	return 0;
}

/* Add a preparation after the id @last was given out, and return its id. */
static u32 add(struct kunit *test, unsigned int i, u32 last)
{
	struct preparation_test *t = test->priv;

	guard(mutex)(&t->client.lock);
	t->client.last_id = last;
	KUNIT_EXPECT_EQ(test, 0,
			contig_preparation_add(&t->client, t->all[i]));
	KUNIT_EXPECT_EQ(test, t->all[i]->id, t->client.last_id);
	return t->all[i]->id;
}

/* Ids that are in use are passed, also where they begin again, and 0 is none. */
static void ids_are_unique(struct kunit *test)
{
	struct preparation_test *t = test->priv;

	KUNIT_EXPECT_EQ(test, 1U, add(test, 0, 0));
	KUNIT_EXPECT_EQ(test, 2U, add(test, 1, 1));
	KUNIT_EXPECT_EQ(test, 3U, add(test, 2, 0));
	KUNIT_EXPECT_EQ(test, 5U, add(test, 3, 4));
	KUNIT_EXPECT_EQ(test, 4U, add(test, 4, 1));
	KUNIT_EXPECT_EQ(test, 6U, add(test, 5, 3));
	KUNIT_EXPECT_EQ(test, U32_MAX - 1, add(test, 6, U32_MAX - 2));
	KUNIT_EXPECT_EQ(test, U32_MAX, add(test, 7, U32_MAX - 1));
	KUNIT_EXPECT_EQ(test, 7U, add(test, 8, U32_MAX));
	KUNIT_EXPECT_EQ(test, 8U, add(test, 9, U32_MAX - 2));

	guard(mutex)(&t->client.lock);
	KUNIT_EXPECT_PTR_EQ(test, t->all[4],
			    contig_preparation_find(&t->client, 4));
	KUNIT_EXPECT_NULL(test, contig_preparation_find(&t->client, 0));
	KUNIT_EXPECT_NULL(test, contig_preparation_find(&t->client, 9));
	contig_preparation_remove(&t->client, t->all[4]);
	KUNIT_EXPECT_NULL(test, contig_preparation_find(&t->client, 4));
	KUNIT_EXPECT_PTR_EQ(test, t->all[7],
			    contig_preparation_find(&t->client, U32_MAX));
}

static struct kunit_case preparation_cases[] = {
	KUNIT_CASE(ids_are_unique),
	{}
};

struct kunit_suite contig_preparation_suite = {
	.name = "contig_preparation",
	.init = preparation_init,
	.test_cases = preparation_cases,
};
