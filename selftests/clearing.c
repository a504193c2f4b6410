// SPDX-License-Identifier: GPL-2.0-only
/*
 * Large buffers, which several CPUs clear, are zero; memory that an administrator
 * asks for uncleared is what it was, and is clean when others get it
 */
#include <sched.h>

#include "kselftest_harness.h"
#include "contig_utils.h"

/* A whole block of the reserve. */
#define LENGTH MIB(64)

/* The reserve has this many. */
#define BLOCKS 2

/* Chances for what depends on who is faster. */
#define TRIES 20

/* Return true if the kernel does not clear what it allocates. */
static bool kernel_clears_not(void)
{
	char *text = read_text("/proc/cmdline");
	bool not = text && strstr(text, "init_on_alloc=0");

	free(text);
	return not;
}

/* Confine this task to one CPU. */
static int confine(void)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	return sched_setaffinity(0, sizeof(one), &one);
}

/* Write a pattern to a buffer. Return false on failure. */
static bool write_buffer(int fd, size_t length, uint64_t seed)
{
	void *map = buffer_map(fd, length);

	if (!map)
		return false;
	fill_pattern(map, length, seed);
	return !munmap(map, length);
}

/* Return true if @holds is true of the contents of a buffer. */
static bool buffer_holds(int fd, size_t length, uint64_t seed)
{
	void *map = buffer_map(fd, length);
	bool holds = map && (seed ? has_pattern(map, length, seed) :
				    is_zero(map, length));

	if (map)
		munmap(map, length);
	return holds;
}

FIXTURE(large) {
	int fd;
	cpu_set_t all;
};

FIXTURE_VARIANT(large) {
	uint32_t rung;
	size_t length;
	bool confined;
};

FIXTURE_VARIANT_ADD(large, reserve) {
	CONTIG_RUNG_RESERVE, LENGTH, false
};

FIXTURE_VARIANT_ADD(large, reserve_on_one_cpu) {
	CONTIG_RUNG_RESERVE, LENGTH, true
};

FIXTURE_VARIANT_ADD(large, range) {
	CONTIG_RUNG_RANGE, MIB(16), false
};

FIXTURE_VARIANT_ADD(large, range_on_one_cpu) {
	CONTIG_RUNG_RANGE, MIB(16), true
};

FIXTURE_SETUP(large) {
	setup_client(self->fd);
	need_rung(self->fd, variant->rung, variant->length);
	ASSERT_EQ(0, sched_getaffinity(0, sizeof(self->all), &self->all));
	if (variant->confined)
		ASSERT_EQ(0, confine());
}

FIXTURE_TEARDOWN(large) {
	sched_setaffinity(0, sizeof(self->all), &self->all);
	close(self->fd);
}

/* Lengths that end in a part, and in a part of a part. */
TEST_F_TIMEOUT(large, is_zero, 400)
{
	const size_t whole = variant->length;
	const size_t lengths[] = { whole, whole - page_size,
				   whole / 2 + pages(3), whole };
	size_t i;
	int fd;

	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		fd = buffer_alloc(self->fd, lengths[i], 1u << variant->rung, 0);
		ASSERT_LE(0, fd);
		EXPECT_TRUE(buffer_holds(fd, lengths[i], 0));
		EXPECT_TRUE(write_buffer(fd, lengths[i], i + 1));
		close(fd);
	}
}

FIXTURE(uninitialized) {
	int fd;
};

FIXTURE_SETUP(uninitialized) {
	setup_client(self->fd);
}

FIXTURE_TEARDOWN(uninitialized) {
	close(self->fd);
}

static int take(int client, size_t length, uint32_t rung)
{
	return buffer_alloc(client, length, 1u << rung,
			    CONTIG_ALLOC_UNINITIALIZED);
}

/* It would show other users' data. */
TEST_F(uninitialized, needs_rights)
{
	const int caps[] = { CAP_SYS_ADMIN_NR, CAP_SYS_RAWIO_NR };
	size_t i;
	pid_t pid;
	int fd;

	for (i = 0; i < ARRAY_SIZE(caps); i++) {
		pid = fork();
		if (!pid) {
			if (drop_cap(caps[i]))
				_exit(1);
			fd = take(self->fd, page_size, CONTIG_RUNG_SCATTER);
			_exit(fd == -EPERM ? 0 : 2);
		}
		EXPECT_EQ(0, child_wait(pid)) TH_LOG("capability %d", caps[i]);
	}
}

TEST_F_TIMEOUT(uninitialized, keeps_what_the_kernel_left, 400)
{
	const uint32_t rungs[] = { CONTIG_RUNG_RANGE, CONTIG_RUNG_SPLIT,
				   CONTIG_RUNG_SCATTER };
	unsigned int i, t, kept;
	int fd;

	if (!kernel_clears_not())
		SKIP(return, "boot with init_on_alloc=0");
	for (i = 0; i < ARRAY_SIZE(rungs); i++) {
		kept = 0;
		for (t = 0; t < TRIES && !kept; t++) {
			fd = buffer_alloc(self->fd, MIB(8), 1u << rungs[i], 0);
			ASSERT_LE(0, fd);
			EXPECT_TRUE(buffer_holds(fd, MIB(8), 0));
			EXPECT_TRUE(write_buffer(fd, MIB(8), 7));
			close(fd);
			fd = take(self->fd, MIB(8), rungs[i]);
			ASSERT_LE(0, fd);
			kept += !buffer_holds(fd, MIB(8), 0);
			close(fd);
		}
		EXPECT_NE(0, kept) TH_LOG("%s", rung_name(rungs[i]));
	}
}

/* Take all of the reserve. Return the number of buffers. */
static int take_all(int client, int fds[BLOCKS])
{
	int n;

	for (n = 0; n < BLOCKS; n++) {
		fds[n] = buffer_alloc(client, LENGTH, CONTIG_RUNGS_RESERVE, 0);
		if (fds[n] < 0)
			break;
	}
	return n;
}

/*
 * Take memory of the reserve that was freed with a pattern in it and is not clean
 * yet. If @look is not set it probably is not, and nobody has mapped it since.
 * Return a descriptor, or -errno.
 */
static int take_unclean(int client, size_t length, uint32_t flags, bool look)
{
	int fds[BLOCKS], fd = -EAGAIN, t, n;

	for (t = 0; t < TRIES; t++) {
		if (take_all(client, fds) != BLOCKS)
			return -ENOMEM;
		for (n = 0; n < BLOCKS; n++)
			if (!write_buffer(fds[n], LENGTH, n + 1))
				return -EIO;
		for (n = 0; n < BLOCKS; n++)
			close(fds[n]);
		fd = buffer_alloc(client, length, CONTIG_RUNGS_RESERVE,
				  CONTIG_ALLOC_UNINITIALIZED | flags);
		if (fd == -EAGAIN)
			continue;
		if (fd < 0 || !look)
			return fd;
		for (n = 0; n < BLOCKS; n++)
			if (buffer_holds(fd, length, n + 1))
				return fd;
		close(fd);
	}
	return -EAGAIN;
}

FIXTURE(unclean) {
	int fd;
	uint64_t used;
};

FIXTURE_VARIANT(unclean) {
	size_t length;	/* in pages, 0: a whole block */
	uint32_t flags;
};

FIXTURE_VARIANT_ADD(unclean, block) {
	0, 0
};

FIXTURE_VARIANT_ADD(unclean, block_now) {
	0, CONTIG_ALLOC_NO_WAIT
};

/* Less than a granule, and a little more than many. */
FIXTURE_VARIANT_ADD(unclean, page) {
	1, 0
};

FIXTURE_VARIANT_ADD(unclean, part) {
	1025, 0
};

FIXTURE_SETUP(unclean) {
	setup_client(self->fd);
	need_reserve(self->fd, LENGTH);
	reserve_settle();
	self->used = quota_used(self->fd);
}

FIXTURE_TEARDOWN(unclean) {
	struct wait wait = { self->fd, self->used };

	/* All of it came back, and nobody pays for it twice or not at all. */
	EXPECT_TRUE(poll_until(quota_used_is, &wait));
	close(self->fd);
}

/* Whether or not its user has mapped it. */
TEST_F_TIMEOUT(unclean, is_cleaned_before_others_get_it, 400)
{
	size_t length = variant->length ? pages(variant->length) : LENGTH;
	int fds[BLOCKS], fd, n, round;

	for (round = 0; round < 4; round++) {
		fd = take_unclean(self->fd, length, variant->flags, round & 1);
		ASSERT_LE(0, fd);
		close(fd);
		ASSERT_EQ(BLOCKS, take_all(self->fd, fds));
		for (n = 0; n < BLOCKS; n++) {
			EXPECT_TRUE(buffer_holds(fds[n], LENGTH, 0));
			close(fds[n]);
		}
	}
}

TEST_HARNESS_MAIN
