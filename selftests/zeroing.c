// SPDX-License-Identifier: GPL-2.0-only
/*
 * No process ever sees data of another one: allocated memory is zero, from each
 * rung and whatever was done with it before.
 */
#include <pthread.h>
#include <signal.h>

#include "kselftest_harness.h"
#include "contig_utils.h"

#define LENGTH MIB(2)
#define ROUNDS 12

FIXTURE(zero) {
	int fd;
	size_t length;
};

FIXTURE_VARIANT(zero) {
	uint32_t rung;
};

variant_of_each_rung(zero);

FIXTURE_SETUP(zero) {
	setup_client(self->fd);
	need_rung(self->fd, variant->rung, LENGTH);
}

FIXTURE_TEARDOWN(zero) {
	close(self->fd);
}

static bool buffer_is_zero(int fd, size_t length)
{
	void *map = buffer_map(fd, length);
	bool zero = map && is_zero(map, length);

	if (map)
		munmap(map, length);
	return zero;
}

static int take(FIXTURE_DATA(zero) *self, const FIXTURE_VARIANT(zero) *variant)
{
	return buffer_alloc(self->fd, LENGTH, 1u << variant->rung, 0);
}

TEST_F_TIMEOUT(zero, after_it_was_written, 400)
{
	void *map;
	int i, fd;

	for (i = 0; i < ROUNDS; i++) {
		fd = take(self, variant);
		ASSERT_LE(0, fd);
		map = buffer_map(fd, LENGTH);
		ASSERT_NE(NULL, map);
		ASSERT_TRUE(is_zero(map, LENGTH));
		fill_pattern(map, LENGTH, i + 1);
		/* In both orders. */
		if (i & 1)
			close(fd);
		munmap(map, LENGTH);
		if (!(i & 1))
			close(fd);
	}
}

/* The mapping was read-only when it was made. */
TEST_F(zero, after_it_became_writable)
{
	void *map;
	int i, fd;

	for (i = 0; i < 4; i++) {
		fd = take(self, variant);
		ASSERT_LE(0, fd);
		map = mmap(NULL, LENGTH, PROT_READ, MAP_SHARED, fd, 0);
		ASSERT_NE(MAP_FAILED, map);
		ASSERT_TRUE(is_zero(map, LENGTH));
		ASSERT_EQ(0, mprotect(map, LENGTH, PROT_READ | PROT_WRITE));
		memset(map, 0x5a, LENGTH);
		munmap(map, LENGTH);
		close(fd);
	}
}

TEST_F(zero, after_a_part_was_written)
{
	char *map;
	int i, fd;

	for (i = 0; i < 8; i++) {
		fd = take(self, variant);
		ASSERT_LE(0, fd);
		ASSERT_TRUE(buffer_is_zero(fd, LENGTH));
		/* One byte, at the end, through a mapping of one page. */
		map = mmap(NULL, page_size, PROT_READ | PROT_WRITE, MAP_SHARED,
			   fd, LENGTH - page_size);
		ASSERT_NE(MAP_FAILED, map);
		map[page_size - 1] = 1;
		munmap(map, page_size);
		close(fd);
	}
}

TEST_F_TIMEOUT(zero, after_another_process_wrote_it, 400)
{
	int i, fd;
	pid_t pid;

	for (i = 0; i < 6; i++) {
		pid = fork();
		if (!pid) {
			void *map;

			fd = take(self, variant);
			map = fd < 0 ? NULL : buffer_map(fd, LENGTH);
			if (!map)
				_exit(1);
			fill_pattern(map, LENGTH, i);
			if (i & 1)
				_exit(0);
			kill(getpid(), SIGKILL);
		}
		EXPECT_EQ(i & 1 ? 0 : 128 + SIGKILL, child_wait(pid));
		fd = take(self, variant);
		ASSERT_LE(0, fd);
		EXPECT_TRUE(buffer_is_zero(fd, LENGTH));
		close(fd);
	}
}

/* From one rung to another: all use the same memory of the machine. */
TEST_F_TIMEOUT(zero, after_another_rung_had_it, 400)
{
	uint32_t rung;
	void *map;
	int fd;

	for (rung = CONTIG_RUNG_COHERENT; rung < CONTIG_RUNG_MAX; rung++) {
		fd = buffer_get(self->fd, LENGTH, 1u << rung);
		ASSERT_LE(0, fd);
		map = buffer_map(fd, LENGTH);
		ASSERT_NE(NULL, map);
		ASSERT_TRUE(is_zero(map, LENGTH));
		fill_pattern(map, LENGTH, rung);
		munmap(map, LENGTH);
		close(fd);
		fd = take(self, variant);
		ASSERT_LE(0, fd);
		ASSERT_TRUE(buffer_is_zero(fd, LENGTH));
		close(fd);
	}
}

/* Memory that programs had: the kernel does not always clear freed pages. */
TEST_F_TIMEOUT(zero, after_programs_had_it, 400)
{
	size_t much = times(MIB(160));
	void *memory;
	int i, fd;

	if (variant->rung == CONTIG_RUNG_RESERVE)
		return;		/* programs never use that memory */
	for (i = 0; i < 3; i++) {
		memory = anon_map(much);
		ASSERT_NE(NULL, memory);
		memset(memory, 0xa5, much);
		munmap(memory, much);
		fd = take(self, variant);
		ASSERT_LE(0, fd);
		EXPECT_TRUE(buffer_is_zero(fd, LENGTH));
		close(fd);
	}
}

FIXTURE(scrub) {
	int fd;
	struct contig_info info;
};

FIXTURE_SETUP(scrub) {
	setup_client(self->fd);
	need_reserve(self->fd, LENGTH);
	test_info(self->fd, &self->info);
}

FIXTURE_TEARDOWN(scrub) {
	close(self->fd);
}

/* All of the reserve, so that no clean part is left. */
TEST_F_TIMEOUT(scrub, whole_reserve, 400)
{
	int fds[256], n, round;
	void *map;

	for (round = 0; round < 3; round++) {
		for (n = 0; n < 256; n++) {
			fds[n] = buffer_alloc(self->fd, MIB(4),
					      CONTIG_RUNGS_RESERVE, 0);
			if (fds[n] < 0)
				break;
			map = buffer_map(fds[n], MIB(4));
			ASSERT_NE(NULL, map);
			ASSERT_TRUE(is_zero(map, MIB(4)));
			fill_pattern(map, MIB(4), round);
			munmap(map, MIB(4));
		}
		ASSERT_LT(0, n);
		while (n)
			close(fds[--n]);
	}
}

static void *scribble(void *arg)
{
	long seed = (long)arg, bad = 0;
	int client = client_open(), i, fd;
	void *map;

	for (i = 0; i < 30; i++) {
		fd = buffer_alloc(client, KIB(256), CONTIG_RUNGS_RESERVE, 0);
		if (fd < 0)
			continue;
		map = buffer_map(fd, KIB(256));
		if (map) {
			bad += !is_zero(map, KIB(256));
			fill_pattern(map, KIB(256), seed);
			bad += !has_pattern(map, KIB(256), seed);
			munmap(map, KIB(256));
		}
		close(fd);
	}
	close(client);
	return (void *)bad;
}

/* Other threads allocate and free while memory is scrubbed. */
TEST_F_TIMEOUT(scrub, races_with_allocations, 400)
{
	pthread_t threads[6];
	void *bad;
	long i;

	for (i = 0; i < 6; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, scribble,
					    (void *)(i + 1)));
	for (i = 0; i < 6; i++) {
		ASSERT_EQ(0, pthread_join(threads[i], &bad));
		EXPECT_EQ(NULL, bad);
	}
}

TEST_HARNESS_MAIN
