// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module, loaded without parameters.
 */
#include "kselftest_harness.h"
#include "contig_utils.h"

FIXTURE(bare) {
	int fd;
	struct contig_info info;
};

FIXTURE_SETUP(bare) {
	setup_client(self->fd);
	test_info(self->fd, &self->info);
	if (self->info.out_reserve_bytes)
		SKIP(return, "the module was loaded with a reserve");
}

FIXTURE_TEARDOWN(bare) {
	close(self->fd);
}

TEST_F(bare, has_no_reserve)
{
	struct contig_alloc alloc = alloc_request(page_size,
						  CONTIG_RUNGS_RESERVE);
	struct contig_probe probe = probe_request(page_size,
						  CONTIG_RUNGS_RESERVE);

	EXPECT_EQ(0, self->info.out_reserve_free);
	EXPECT_EQ(0, self->info.out_reserve_largest);
	test_err_alloc(ENOMEM, self->fd, &alloc);
	ASSERT_EQ(1, alloc.out_report_count);
	EXPECT_EQ(CONTIG_RUNG_RESERVE, alloc.out_reports[0].rung);
	EXPECT_EQ(ENODEV, alloc.out_reports[0].error);
	EXPECT_EQ(CONTIG_BLOCKED_ABSENT, alloc.out_reports[0].blocked);
	EXPECT_EQ(0, alloc.out_reports[0].largest);
	test_probe(self->fd, &probe);
	EXPECT_EQ(CONTIG_RUNG_NONE, probe.out_rung);
	EXPECT_EQ(CONTIG_REMEDY_RESERVE, probe.out_remedy);
	EXPECT_EQ(ENODEV, probe.out_reports[0].error);
}

TEST_F(bare, goes_on_to_the_next_rung)
{
	struct contig_alloc alloc = alloc_request(KIB(64), 0);

	test_alloc(self->fd, &alloc);
	close(alloc.out_fd);
	ASSERT_EQ(2, alloc.out_report_count);
	EXPECT_EQ(ENODEV, alloc.out_reports[0].error);
	EXPECT_EQ(CONTIG_BLOCKED_ABSENT, alloc.out_reports[0].blocked);
	EXPECT_EQ(CONTIG_RUNG_COHERENT, alloc.out_rung);
}

TEST_F(bare, quota_is_half_of_memory)
{
	uint64_t half = self->info.out_ram_bytes / 2;

	EXPECT_LE(half - MIB(2), self->info.out_quota_bytes);
	EXPECT_GE(half + MIB(2), self->info.out_quota_bytes);
	EXPECT_EQ(0, self->info.out_quota_used);
}

TEST_F(bare, physical_addresses_are_for_capable_users)
{
	ASSERT_EQ(0, drop_cap(CAP_SYS_RAWIO_NR));
	test_info(self->fd, &self->info);
	EXPECT_FALSE(self->info.out_features &
		     CONTIG_FEATURE_PHYSICAL_ALLOWED);
}

TEST_HARNESS_MAIN
