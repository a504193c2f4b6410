// SPDX-License-Identifier: GPL-2.0-only
/*
 * A pool that the Device Tree gives to contig: coherent memory comes from there
 * and from nowhere else. The test reads the pool's place from the Device Tree.
 *
 *	scripts/vm -k arm64 -d selftests/dt/pool-no-map.dtso -- .../run pool
 */
#include <dirent.h>

#include "kselftest_harness.h"
#include "pool_utils.h"

#define PIECES 1024

static bool is_contig_node(const char *name)
{
	static const char want[] = "contig,dma-pool";
	char path[512], is[sizeof(want)] = "";
	FILE *file;

	snprintf(path, sizeof(path), TREE "/%s/compatible", name);
	file = fopen(path, "r");
	if (!file)
		return false;
	if (fread(is, 1, sizeof(is), file) != sizeof(is))
		is[0] = 1;
	fclose(file);
	return !memcmp(is, want, sizeof(want));
}

static bool find_pool(struct pool *pool)
{
	DIR *dir = opendir(TREE);
	struct dirent *entry;
	bool found = false;

	while (dir && !found && (entry = readdir(dir)))
		found = is_contig_node(entry->d_name) &&
			pool_of(entry->d_name, pool);
	if (dir)
		closedir(dir);
	return found;
}

FIXTURE(pool) {
	int fd;
	struct contig_info info;
	struct pool pool;
};

FIXTURE_SETUP(pool) {
	bool described = find_pool(&self->pool);

	setup_client(self->fd);
	test_info(self->fd, &self->info);
	EXPECT_EQ(described, !!(self->info.out_features & CONTIG_FEATURE_POOL));
	if (!described)
		SKIP(return, "the Device Tree describes no pool for contig");
	quota_lift();
}

FIXTURE_TEARDOWN(pool) {
	if (self->pool.size)
		quota_restore();
	close(self->fd);
}

TEST_F(pool, has_all_sizes)
{
	uint64_t lengths[] = { page_size, KIB(64), MIB(1), MIB(1) + page_size,
			       MIB(8) };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(lengths); i++)
		EXPECT_TRUE(gives(&self->pool, self->fd, lengths[i]));
}

TEST_F(pool, comes_back_zero)
{
	char *map;
	int fd, i;

	for (i = 0; i < 3; i++) {
		fd = buffer_get(self->fd, self->pool.size / 2,
				CONTIG_RUNGS_COHERENT);
		ASSERT_LE(0, fd);
		map = buffer_map(fd, self->pool.size / 2);
		ASSERT_NE(NULL, map);
		EXPECT_TRUE(is_zero(map, self->pool.size / 2));
		memset(map, 0x5a, self->pool.size / 2);
		munmap(map, self->pool.size / 2);
		close(fd);
	}
}

/*
 * Allocate until the pool is empty: each piece is in the pool, no two overlap,
 * the machine's other memory is untouched, and then there is an error.
 */
TEST_F(pool, is_all_there_is)
{
	struct contig_alloc alloc = alloc_request(PIECE, CONTIG_RUNGS_COHERENT);
	int most = self->pool.size / PIECE, fds[PIECES], n;
	long cma = meminfo_kib("CmaFree"), memory = free_pages();

	ASSERT_GT(PIECES, most);
	n = take_all(&self->pool, self->fd, fds, PIECES);
	ASSERT_EQ(most, n);
	EXPECT_EQ(-ENOMEM, fds[n]);

	/* A reusable pool is lent to the kernel: its free memory decreases. */
	if (!self->pool.no_map)
		memory -= self->pool.size / page_size;
	EXPECT_LE(memory - 512, free_pages());
	free(read_text("/proc/sys/vm/stat_refresh"));
	if (self->pool.no_map) {
		EXPECT_EQ(cma, meminfo_kib("CmaFree"));
	} else {
		/* The rest of CMA is still free, but for movable pages. */
		cma = meminfo_kib("CmaTotal") - self->pool.size / 1024;
		EXPECT_GE(cma, meminfo_kib("CmaFree"));
		EXPECT_LE(cma - 8192, meminfo_kib("CmaFree"));
	}

	test_err_alloc(ENOMEM, self->fd, &alloc);
	EXPECT_EQ(CONTIG_BLOCKED_EXHAUSTED, alloc.out_reports[0].blocked);
	EXPECT_GT(PIECE, alloc.out_reports[0].largest);
	/* Not even one page, although the machine has plenty. */
	alloc = alloc_request(page_size, CONTIG_RUNGS_COHERENT);
	test_err_alloc(ENOMEM, self->fd, &alloc);
	EXPECT_EQ(CONTIG_BLOCKED_EXHAUSTED, alloc.out_reports[0].blocked);
	/* The other rungs do not use the pool, and report their own names. */
	alloc = alloc_request(PIECE, CONTIG_RUNGS_COHERENT |
				     CONTIG_RUNGS_RANGE |
				     CONTIG_RUNGS_SCATTER);
	test_alloc(self->fd, &alloc);
	EXPECT_LT(CONTIG_RUNG_COHERENT, alloc.out_rung);
	close(alloc.out_fd);

	while (n)
		close(fds[--n]);
	fds[0] = buffer_get(self->fd, PIECE, CONTIG_RUNGS_COHERENT);
	EXPECT_LE(0, fds[0]);
	close(fds[0]);
}

TEST_F(pool, is_too_small_for_more)
{
	struct contig_probe probe = probe_request(self->pool.size,
						  CONTIG_RUNGS_COHERENT);
	struct contig_report report;

	EXPECT_EQ(-ENOMEM, ask_for_more(&self->pool, self->fd, &report));
	EXPECT_EQ(CONTIG_BLOCKED_TOO_LARGE, report.blocked);
	EXPECT_EQ(self->pool.size, report.largest);
	test_probe(self->fd, &probe);
	EXPECT_EQ(CONTIG_RUNG_COHERENT, probe.out_rung);
	EXPECT_EQ(self->pool.size, probe.out_largest);
	EXPECT_TRUE(gives(&self->pool, self->fd, self->pool.size));
}

/* Constraints that exclude the pool are refused, not met elsewhere. */
TEST_F(pool, is_nowhere_else)
{
	struct contig_alloc alloc = alloc_request(KIB(64),
						  CONTIG_RUNGS_COHERENT);

	alloc.constraints.highest = self->pool.base - 1;
	test_err_alloc(ENOMEM, self->fd, &alloc);
	EXPECT_EQ(CONTIG_BLOCKED_CONSTRAINTS, alloc.out_reports[0].blocked);
	alloc = alloc_request(KIB(64), CONTIG_RUNGS_RANGE);
	alloc.constraints.lowest = self->pool.base;
	alloc.constraints.highest = self->pool.base + self->pool.size - 1;
	/* Memory that is not mapped is not memory of the kernel. */
	test_err_alloc(self->pool.no_map ? ERANGE : ENOMEM, self->fd, &alloc);
	alloc.rungs = CONTIG_RUNGS_COHERENT;
	test_alloc(self->fd, &alloc);
	close(alloc.out_fd);
}

TEST_HARNESS_MAIN
