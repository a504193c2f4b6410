// SPDX-License-Identifier: GPL-2.0-only
/*
 * How much a user may lock and allocate, and which users may open the device.
 */
#include <sys/resource.h>
#include <sys/stat.h>

#include "kselftest_harness.h"
#include "contig_utils.h"

#define LIMIT 16	/* pages */

static int limit_memlock(rlim_t bytes)
{
	struct rlimit limit = { bytes, bytes };

	return setrlimit(RLIMIT_MEMLOCK, &limit);
}

FIXTURE(memlock) {
	int fd;
	int other;
	char *memory;
	char *map;
	int buffer;
};

FIXTURE_VARIANT(memlock) {
	bool user;
};

FIXTURE_VARIANT_ADD(memlock, root_without_capability) { .user = false };
FIXTURE_VARIANT_ADD(memlock, ordinary_user) { .user = true };

FIXTURE_SETUP(memlock) {
	setup_client(self->fd);
	/* Open it as root: the ordinary user could not open it later. */
	self->other = client_open();
	ASSERT_LE(0, self->other);
	self->memory = anon_map(pages(4 * LIMIT));
	ASSERT_NE(NULL, self->memory);
	self->buffer = buffer_get(self->fd, pages(4 * LIMIT), 0);
	ASSERT_LE(0, self->buffer);
	self->map = buffer_map(self->buffer, pages(4 * LIMIT));
	ASSERT_NE(NULL, self->map);
	ASSERT_EQ(0, limit_memlock(pages(LIMIT)));
	ASSERT_EQ(0, variant->user ? drop_to_user(1000) :
				     drop_cap(CAP_IPC_LOCK_NR));
}

FIXTURE_TEARDOWN(memlock) {
	close(self->buffer);
	close(self->other);
	close(self->fd);
}

TEST_F(memlock, limit_is_kept_to_the_page)
{
	struct contig_run run;

	test_lock(self->fd, self->memory, pages(LIMIT), 0);
	test_err_lock(EDQUOT, self->fd, self->memory + pages(LIMIT), 1, 0);
	test_err_lock(EDQUOT, self->fd, self->memory, pages(LIMIT) + 1, 0);
	run = page_state(self->fd, self->memory);
	EXPECT_EQ(1, run.locks);
	run = page_state(self->fd, self->memory + pages(LIMIT));
	EXPECT_EQ(0, run.locks);
	test_unlock(self->fd, self->memory, page_size);
	test_lock(self->fd, self->memory + pages(LIMIT), 1, 0);
}

TEST_F(memlock, too_much_at_once_locks_nothing)
{
	long before = charged_kib();
	int i;

	test_err_lock(EDQUOT, self->fd, self->memory, pages(LIMIT + 1), 0);
	EXPECT_EQ(before, charged_kib());
	test_err_unlock(ENOLCK, self->fd, self->memory, 1);
	/*
	 * If a failed lock had charged anything, this would not fit any more.
	 */
	for (i = 0; i < 10; i++)
		test_err_lock(EDQUOT, self->fd, self->memory,
			      pages(4 * LIMIT), 0);
	test_lock(self->fd, self->memory, pages(LIMIT), 0);
}

TEST_F(memlock, memory_counts_once)
{
	int i;

	for (i = 0; i < 20; i++)
		test_lock(self->fd, self->memory, pages(LIMIT), 0);
	for (i = 0; i < LIMIT; i++)
		test_lock(self->fd, self->memory + pages(i), 1,
			  CONTIG_LOCK_OUTPUT);
}

TEST_F(memlock, part_that_is_new_counts)
{
	test_lock(self->fd, self->memory, pages(LIMIT - 2), 0);
	test_err_lock(EDQUOT, self->fd, self->memory + pages(4),
		      pages(LIMIT), 0);
	test_lock(self->fd, self->memory + pages(4), pages(LIMIT - 4), 0);
	test_unlock(self->fd, self->memory, pages(4));
	test_lock(self->fd, self->memory + pages(LIMIT), pages(4), 0);
	test_err_lock(EDQUOT, self->fd, self->memory, 1, 0);
}

TEST_F(memlock, memory_of_buffers_does_not_count)
{
	test_lock(self->fd, self->memory, pages(LIMIT), 0);
	test_lock(self->fd, self->map, pages(4 * LIMIT), 0);
	test_lock_buffer(self->fd, self->buffer, 0, pages(4 * LIMIT), 0);
	test_unlock(self->fd, self->memory, pages(LIMIT));
	test_lock(self->fd, self->memory, pages(LIMIT), 0);
}

TEST_F(memlock, unmapped_memory_counts_until_it_is_unlocked)
{
	test_lock(self->fd, self->memory, pages(LIMIT), 0);
	ASSERT_EQ(0, munmap(self->memory, pages(LIMIT)));
	test_err_lock(EDQUOT, self->fd, self->memory + pages(LIMIT), 1, 0);
	test_unlock(self->fd, self->memory, pages(LIMIT));
	test_lock(self->fd, self->memory + pages(LIMIT), pages(LIMIT), 0);
}

TEST_F(memlock, closing_gives_it_back)
{
	test_lock(self->fd, self->memory, pages(LIMIT), 0);
	test_err_lock(EDQUOT, self->other, self->memory + pages(LIMIT), 1, 0);
	close(self->fd);
	self->fd = -1;
	EXPECT_EQ(0, charged_kib());
	test_lock(self->other, self->memory + pages(LIMIT), pages(LIMIT), 0);
}

TEST_F(memlock, failed_locks_charge_nothing)
{
	int i;

	ASSERT_EQ(0, munmap(self->memory + pages(LIMIT - 1), page_size));
	for (i = 0; i < 20; i++)
		test_err_lock(EFAULT, self->fd, self->memory, pages(LIMIT), 0);
	test_lock(self->fd, self->memory + pages(LIMIT), pages(LIMIT), 0);
}

/*
 * Locks outlive their process if another process has its client; so does the
 * charge.
 */
TEST_F(memlock, locks_of_a_process_that_ended_count)
{
	pid_t pid = fork();

	if (!pid)
		_exit(-_test_cmd_lock(self->other, self->memory, pages(LIMIT),
				      0));
	EXPECT_EQ(0, child_wait(pid));
	test_err_lock(EDQUOT, self->fd, self->memory, 1, 0);
	close(self->other);
	self->other = -1;
	test_lock(self->fd, self->memory, pages(LIMIT), 0);
}

FIXTURE(unlimited) {
	int fd;
	char *memory;
};

FIXTURE_SETUP(unlimited) {
	setup_client(self->fd);
	self->memory = anon_map(pages(LIMIT));
	ASSERT_NE(NULL, self->memory);
}

FIXTURE_TEARDOWN(unlimited) {
	close(self->fd);
}

TEST_F(unlimited, capability_is_above_the_limit)
{
	ASSERT_EQ(0, limit_memlock(page_size));
	test_lock(self->fd, self->memory, pages(LIMIT), 0);
}

TEST_F(unlimited, limit_of_nothing)
{
	ASSERT_EQ(0, limit_memlock(0));
	ASSERT_EQ(0, drop_cap(CAP_IPC_LOCK_NR));
	test_err_lock(EDQUOT, self->fd, self->memory, 1, 0);
}

TEST_F(unlimited, limit_of_infinity)
{
	ASSERT_EQ(0, limit_memlock(RLIM_INFINITY));
	ASSERT_EQ(0, drop_cap(CAP_IPC_LOCK_NR));
	test_lock(self->fd, self->memory, pages(LIMIT), 0);
}

TEST_F(unlimited, what_is_charged_can_be_seen)
{
	long before = charged_kib();

	test_lock(self->fd, self->memory, pages(LIMIT), 0);
	EXPECT_EQ(before + (long)(pages(LIMIT) >> 10), charged_kib());
	test_lock(self->fd, self->memory, pages(LIMIT), 0);
	EXPECT_EQ(before + (long)(pages(LIMIT) >> 10), charged_kib());
	test_unlock(self->fd, self->memory, pages(LIMIT));
	test_unlock(self->fd, self->memory, pages(LIMIT));
	EXPECT_EQ(before, charged_kib());
}

/*
 * The quota of allocated memory
 */
#define QUOTA CONTIG_PARAMETERS "/quota_mib"

FIXTURE(quota) {
	int fd;
	char *old;
};

FIXTURE_SETUP(quota) {
	setup_client(self->fd);
	self->old = read_text(QUOTA);
	ASSERT_NE(NULL, self->old);
	ASSERT_EQ(0, write_text(QUOTA, "8"));
}

FIXTURE_TEARDOWN(quota) {
	write_text(QUOTA, self->old);
	free(self->old);
	close(self->fd);
}

#define expect_used(bytes) do { \
	struct contig_info _info; \
	test_info(self->fd, &_info); \
	EXPECT_EQ((uint64_t)(bytes), _info.out_quota_used); \
	EXPECT_EQ(MIB(8), _info.out_quota_bytes); \
} while (0)

TEST_F(quota, is_kept_to_the_page)
{
	struct contig_info info;
	uint32_t rungs = 0;
	int a, b;

	/* The page allocator, which may have so much, gives powers of two. */
	test_info(self->fd, &info);
	if (info.out_max_order_bytes >= MIB(8))
		rungs = CONTIG_RUNGS_ALL & ~CONTIG_RUNGS_COHERENT;
	a = buffer_get(self->fd, MIB(8) - page_size, rungs);
	ASSERT_LE(0, a);
	expect_used(MIB(8) - page_size);
	EXPECT_EQ(-EDQUOT, buffer_alloc(self->fd, pages(2), 0, 0));
	expect_used(MIB(8) - page_size);
	b = buffer_get(self->fd, 1, 0);
	ASSERT_LE(0, b);
	expect_used(MIB(8));
	EXPECT_EQ(-EDQUOT, buffer_alloc(self->fd, 1, 0, 0));
	close(a);
	expect_used(page_size);
	close(b);
	expect_used(0);
}

TEST_F(quota, is_for_every_rung)
{
	uint32_t rung;
	int fd, other;

	for (rung = CONTIG_RUNG_RESERVE; rung < CONTIG_RUNG_MAX; rung++) {
		fd = buffer_alloc(self->fd, MIB(4), 1u << rung, 0);
		if (fd < 0)
			continue;	/* as a kernel without the rung */
		expect_used(MIB(4));
		other = buffer_alloc(self->fd, MIB(4) + 1, 1u << rung, 0);
		EXPECT_EQ(-EDQUOT, other)
			TH_LOG("%s", rung_name(rung));
		close(fd);
		expect_used(0);
	}
}

#define TOTAL CONTIG_PARAMETERS "/total_mib"

TEST_F(quota, of_all_users_together)
{
	char *old = read_text(TOTAL);
	struct stat st;
	pid_t pid;
	int fd;

	ASSERT_NE(NULL, old);
	ASSERT_EQ(0, write_text(TOTAL, "12"));
	ASSERT_EQ(0, stat(CONTIG_PATH, &st));
	ASSERT_EQ(0, chmod(CONTIG_PATH, 0666));
	fd = buffer_alloc(self->fd, MIB(8), 0, 0);
	EXPECT_LE(0, fd);
	/*
	 * Another user has a quota of its own, limited by the total that is
	 * left.
	 */
	pid = fork();
	if (!pid) {
		int client;

		if (drop_to_user(1000))
			_exit(1);
		client = client_open();
		if (client < 0)
			_exit(2);
		if (buffer_alloc(client, MIB(4) + 1, 0, 0) != -EDQUOT)
			_exit(3);
		_exit(buffer_alloc(client, MIB(4), 0, 0) < 0 ? 4 : 0);
	}
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_EQ(0, chmod(CONTIG_PATH, st.st_mode & 0777));
	EXPECT_EQ(-EDQUOT, buffer_alloc(self->fd, MIB(4) + 1, 0, 0));
	expect_used(MIB(8));
	close(fd);
	EXPECT_EQ(0, write_text(TOTAL, old));
	free(old);
}

/* The page allocator rounds such a block up to a power of two. */
TEST_F(quota, pays_for_what_is_kept)
{
	struct contig_alloc alloc;
	int fd;

	fd = buffer_alloc(self->fd, MIB(1) + page_size, CONTIG_RUNGS_COHERENT,
			  CONTIG_ALLOC_PAGE_FRAMES);
	ASSERT_LE(0, fd);
	expect_used(MIB(2));
	close(fd);
	expect_used(0);
	/*
	 * The length is within the quota, the block that is kept for it is not.
	 */
	fd = buffer_alloc(self->fd, MIB(6) + pages(2), CONTIG_RUNGS_SCATTER, 0);
	ASSERT_LE(0, fd);
	alloc = alloc_request(MIB(1) + page_size, CONTIG_RUNGS_COHERENT);
	alloc.flags = CONTIG_ALLOC_PAGE_FRAMES;
	test_err_alloc(ENOMEM, self->fd, &alloc);
	EXPECT_EQ(EDQUOT, alloc.out_reports[0].error);
	expect_used(MIB(6) + pages(2));
	close(fd);
	expect_used(0);
	/* The rest of a block with struct pages is freed. */
	alloc = alloc_request(MIB(1) + page_size, CONTIG_RUNGS_COHERENT);
	test_alloc(self->fd, &alloc);
	if (alloc.out_mapping == CONTIG_MAPPING_STRUCT_PAGE)
		expect_used(MIB(1) + page_size);
	close(alloc.out_fd);
	expect_used(0);
}

TEST_F(quota, failures_use_nothing)
{
	struct contig_alloc alloc;
	int i;

	for (i = 0; i < 20; i++) {
		alloc = alloc_request(MIB(6), CONTIG_RUNGS_COHERENT);
		alloc.flags = CONTIG_ALLOC_STRUCT_PAGE;
		test_err_alloc(ENOMEM, self->fd, &alloc);
		alloc = alloc_request(page_size, 0);
		alloc.constraints.lowest = 1ull << 60;
		test_err_alloc(ERANGE, self->fd, &alloc);
	}
	expect_used(0);
}

TEST_F(quota, lasts_as_long_as_the_memory)
{
	int fd = buffer_alloc(self->fd, MIB(8), 0, 0);
	char *map;

	ASSERT_LE(0, fd);
	map = buffer_map(fd, MIB(8));
	ASSERT_NE(NULL, map);
	close(fd);
	expect_used(MIB(8));
	munmap(map, MIB(4));
	expect_used(MIB(8));
	munmap(map + MIB(4), MIB(4));
	expect_used(0);
}

TEST_F(quota, can_be_lowered_and_raised)
{
	int fd = buffer_get(self->fd, MIB(8), 0);
	struct contig_info info;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, write_text(QUOTA, "4"));
	test_info(self->fd, &info);
	EXPECT_EQ(MIB(4), info.out_quota_bytes);
	EXPECT_EQ(MIB(8), info.out_quota_used);
	EXPECT_EQ(-EDQUOT, buffer_alloc(self->fd, 1, 0, 0));
	ASSERT_EQ(0, write_text(QUOTA, "12"));
	EXPECT_LE(0, buffer_alloc(self->fd, MIB(4), 0, 0));
	EXPECT_EQ(-EDQUOT, buffer_alloc(self->fd, 1, 0, 0));
	close(fd);
}

TEST_F(quota, probe_foretells_it)
{
	struct contig_probe probe = probe_request(MIB(8) + 1, 0);

	test_probe(self->fd, &probe);
	EXPECT_EQ(CONTIG_REMEDY_QUOTA, probe.out_remedy);
	probe = probe_request(MIB(8), 0);
	test_probe(self->fd, &probe);
	EXPECT_EQ(CONTIG_REMEDY_NONE, probe.out_remedy);
}

TEST_F(quota, each_user_has_one)
{
	int fd = buffer_get(self->fd, MIB(8), 0);
	struct stat st;
	pid_t pid;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, stat(CONTIG_PATH, &st));
	ASSERT_EQ(0, chmod(CONTIG_PATH, 0666));
	pid = fork();
	if (!pid) {
		struct contig_info info;
		int client;

		if (drop_to_user(1000))
			_exit(1);
		client = client_open();
		if (client < 0 || _test_cmd_info(client, &info))
			_exit(2);
		if (info.out_quota_used || info.out_quota_bytes != MIB(8))
			_exit(3);
		fd = buffer_alloc(client, MIB(8), 0, 0);
		if (fd < 0)
			_exit(4);
		if (buffer_alloc(client, 1, 0, 0) != -EDQUOT)
			_exit(5);
		close(fd);
		_test_cmd_info(client, &info);
		_exit(info.out_quota_used ? 6 : 0);
	}
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_EQ(0, chmod(CONTIG_PATH, st.st_mode & 0777));
	expect_used(MIB(8));
	close(fd);
	expect_used(0);
}

TEST_F(quota, all_clients_of_a_user_share_it)
{
	int other = client_open(), fd;

	ASSERT_LE(0, other);
	fd = buffer_alloc(other, MIB(8), 0, 0);
	ASSERT_LE(0, fd);
	expect_used(MIB(8));
	EXPECT_EQ(-EDQUOT, buffer_alloc(self->fd, 1, 0, 0));
	/* The client is closed, but the memory remains. */
	close(other);
	expect_used(MIB(8));
	close(fd);
	expect_used(0);
}

TEST_F(unlimited, device_is_roots_alone)
{
	pid_t pid = fork();

	if (!pid) {
		if (drop_to_user(1000))
			_exit(1);
		_exit(client_open() == -EACCES ? 0 : 2);
	}
	EXPECT_EQ(0, child_wait(pid));
}

TEST_HARNESS_MAIN
