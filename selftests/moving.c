// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buffers that are moved, to lock them in one piece: contents, mappings of all
 * processes and descriptors stay, no store is lost, and a buffer whose addresses are
 * in use stays where it is
 */
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "kselftest_harness.h"
#include "contig_utils.h"
#include "uring.h"

#define LENGTH MIB(4)
#define THREADS 4
#define ROUNDS 12

/* Free pages in holes, so that buffers consist of many extents. */
static char *holes_make(size_t length)
{
	char *map = anon_map(length);
	size_t at;

	if (!map)
		return NULL;
	madvise(map, length, MADV_NOHUGEPAGE);
	memset(map, 1, length);
	for (at = 0; at < length; at += pages(2))
		madvise(map + at, page_size, MADV_DONTNEED);
	return map;
}

/* Allocate a buffer of several extents. Return its descriptor, or -errno. */
static int scattered(int client, size_t length)
{
	struct contig_alloc alloc;
	int t, ret;

	for (t = 0; t < 20; t++) {
		alloc = alloc_request(length, CONTIG_RUNGS_SCATTER);
		ret = _test_cmd_alloc(client, &alloc);
		if (ret)
			return ret;
		if (alloc.out_extents > 1)
			return alloc.out_fd;
		close(alloc.out_fd);
	}
	return -ENODATA;
}

/* The same for a buffer that is needed, and map it. */
#define scattered_and_mapped(client, buffer, map) do { \
	(buffer) = scattered((client), LENGTH); \
	ASSERT_LE(0, (buffer)); \
	(map) = buffer_map((buffer), LENGTH); \
	ASSERT_NE(NULL, (map)); \
} while (0)

FIXTURE(moving) {
	int fd;
	int buffer;
	char *holes;
	char *map;
	uint64_t used;
};

FIXTURE_SETUP(moving) {
	setup_client(self->fd);
	need_range(self->fd);
	reserve_settle();
	self->used = quota_used(self->fd);
	self->holes = holes_make(MIB(32));
	ASSERT_NE(NULL, self->holes);
	self->buffer = scattered(self->fd, LENGTH);
	ASSERT_LE(0, self->buffer);
	self->map = buffer_map(self->buffer, LENGTH);
	ASSERT_NE(NULL, self->map);
	fill_pattern(self->map, LENGTH, 5);
}

FIXTURE_TEARDOWN(moving) {
	struct wait wait = { self->fd, self->used };

	quota_restore();
	munmap(self->map, LENGTH);
	munmap(self->holes, MIB(32));
	close(self->buffer);
	/* The memory that it had before is no longer charged, either. */
	EXPECT_TRUE(poll_until(quota_used_is, &wait));
	close(self->fd);
}

static int lock_whole(int client, int buffer)
{
	return _test_cmd_lock_buffer(client, buffer, 0, LENGTH,
				     CONTIG_LOCK_CONTIGUOUS);
}

/* What a device would find is what the program finds. */
#define expect_one_extent(client, buffer, map) do { \
	uint64_t _phys = 0; \
	EXPECT_EQ(1, _test_cmd_count_buffer((client), (buffer), 0, LENGTH)); \
	_phys = first_address((client), (buffer)); \
	EXPECT_NE(0, _phys); \
	EXPECT_TRUE(lies_at((map), LENGTH, _phys)); \
} while (0)

/* Return the physical address of a locked buffer of one extent, or 0. */
static uint64_t first_address(int client, int buffer)
{
	struct contig_extent extent = {};
	struct contig_get_physical cmd = {
		.size = sizeof(cmd),
		.flags = CONTIG_RANGE_BUFFER,
		.fd = buffer,
		.length = LENGTH,
		.extents = to_addr(&extent),
		.count = 1,
	};

	return _test_cmd_get_physical(client, &cmd) ||
	       extent.length != LENGTH ? 0 : extent.addr;
}

/* Return true if the kernel's pagemap has a mapping at these addresses. */
static bool lies_at(const char *map, size_t length, uint64_t phys)
{
	size_t at;

	for (at = 0; at < length; at += page_size) {
		/* A page that was not touched since is not mapped. */
		(void)((const volatile char *)map)[at];
		if (pfn_of(map + at) * page_size != phys + at)
			return false;
	}
	return true;
}

TEST_F(moving, locks_a_scattered_buffer_in_one_piece)
{
	char *other = buffer_map(self->buffer, LENGTH);

	ASSERT_NE(NULL, other);
	ASSERT_EQ(0, lock_whole(self->fd, self->buffer));
	EXPECT_TRUE(has_pattern(self->map, LENGTH, 5));
	expect_one_extent(self->fd, self->buffer, self->map);
	expect_one_extent(self->fd, self->buffer, other);
	/* The mappings still are of the same memory. */
	fill_pattern(other, LENGTH, 6);
	EXPECT_TRUE(has_pattern(self->map, LENGTH, 6));
	munmap(other, LENGTH);
	test_unlock_buffer(self->fd, self->buffer, 0, LENGTH);
}

TEST_F(moving, is_counted)
{
	int64_t moved = stat_event("buffers moved");
	int64_t of = stat_event("pages of these");

	ASSERT_EQ(0, lock_whole(self->fd, self->buffer));
	EXPECT_EQ(moved + 1, stat_event("buffers moved"));
	EXPECT_EQ(of + (int64_t)(LENGTH / page_size), stat_event("pages of these"));
	EXPECT_LT(0, stat_event("longest stall by a move, us"));
	test_unlock_buffer(self->fd, self->buffer, 0, LENGTH);
}

TEST_F(moving, locks_a_range_of_it_by_address)
{
	test_lock(self->fd, self->map + pages(3), LENGTH - pages(5),
		  CONTIG_LOCK_CONTIGUOUS);
	EXPECT_EQ(1, _test_cmd_count(self->fd, self->map + pages(3),
				     LENGTH - pages(5)));
	EXPECT_TRUE(has_pattern(self->map, LENGTH, 5));
	test_unlock(self->fd, self->map + pages(3), LENGTH - pages(5));
}

/* A process that has it mapped, and another that has inherited it. */
TEST_F(moving, keeps_the_mappings_of_other_processes)
{
	int ready[2], go[2];
	pid_t pid;
	char c;

	ASSERT_EQ(0, pipe(ready));
	ASSERT_EQ(0, pipe(go));
	pid = fork();
	if (!pid) {
		close(go[1]);
		if (!has_pattern(self->map, LENGTH, 5) ||
		    write(ready[1], "", 1) != 1 || read(go[0], &c, 1) != 1)
			_exit(1);
		if (!has_pattern(self->map, LENGTH, 5))
			_exit(2);
		fill_pattern(self->map, LENGTH, 9);
		_exit(0);
	}
	ASSERT_EQ(1, read(ready[0], &c, 1));
	ASSERT_EQ(0, lock_whole(self->fd, self->buffer));
	ASSERT_EQ(1, write(go[1], "", 1));
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_TRUE(has_pattern(self->map, LENGTH, 9));
	expect_one_extent(self->fd, self->buffer, self->map);
	test_unlock_buffer(self->fd, self->buffer, 0, LENGTH);
	for (c = 0; c < 2; c++) {
		close(ready[(int)c]);
		close(go[(int)c]);
	}
}

struct sleeper {
	uint32_t *word;
	pthread_t thread;
	long ret;
};

static void *sleeper(void *arg)
{
	const struct timespec limit = { .tv_sec = 30 };
	struct sleeper *s = arg;

	s->ret = syscall(SYS_futex, s->word, FUTEX_WAIT, 0, &limit, NULL, 0);
	return NULL;
}

/* A thread that waits for a futex in it. */
TEST_F(moving, keeps_futexes)
{
	struct sleeper s = { .word = (uint32_t *)(self->map + pages(7)) };

	*s.word = 0;
	ASSERT_EQ(0, pthread_create(&s.thread, NULL, sleeper, &s));
	usleep(200000);
	ASSERT_EQ(0, lock_whole(self->fd, self->buffer));
	EXPECT_EQ(1, syscall(SYS_futex, s.word, FUTEX_WAKE, 1, NULL, NULL, 0));
	pthread_join(s.thread, NULL);
	EXPECT_EQ(0, s.ret);
	test_unlock_buffer(self->fd, self->buffer, 0, LENGTH);
}

/* The kernel can drop a reference later than its user. */
static bool moves(void *arg)
{
	FIXTURE_DATA(moving) *self = arg;

	return !lock_whole(self->fd, self->buffer);
}

/* Expect that it did not move, and does once that is over. */
#define expect_stays(self, other) do { \
	EXPECT_EQ(-EILSEQ, lock_whole((self)->fd, (self)->buffer)); \
	EXPECT_TRUE(has_pattern((self)->map, LENGTH, 5)); \
	other; \
	EXPECT_TRUE(poll_until(moves, (self))); \
	EXPECT_TRUE(has_pattern((self)->map, LENGTH, 5)); \
	test_unlock_buffer((self)->fd, (self)->buffer, 0, LENGTH); \
} while (0)

TEST_F(moving, stays_while_a_page_is_locked)
{
	int client = client_open();

	ASSERT_LE(0, client);
	test_lock_buffer(client, self->buffer, LENGTH / 2, 1, 0);
	expect_stays(self, close(client));
}

TEST_F(moving, stays_while_a_page_is_in_a_pipe)
{
	struct iovec iov = { self->map + LENGTH / 2, page_size };
	int pipes[2];

	ASSERT_EQ(0, pipe(pipes));
	ASSERT_EQ((ssize_t)page_size, vmsplice(pipes[1], &iov, 1, 0));
	expect_stays(self, close(pipes[0]); close(pipes[1]));
}

TEST_F(moving, stays_while_a_page_is_registered)
{
	struct ring ring;
	int ret = ring_open(&ring);

	if (ret == -ENOSYS || ret == -EPERM)
		SKIP(return, "this kernel has no io_uring for us");
	ASSERT_EQ(0, ret);
	ret = ring_register(&ring, self->map + LENGTH / 2, page_size);
	if (ret == -EOPNOTSUPP)
		SKIP(return, "io_uring of this kernel registers no file mappings");
	ASSERT_EQ(0, ret);
	expect_stays(self, ring_unregister(&ring));
	close(ring.fd);
}

/*
 * An account that the buffer is not charged to: the owner would pay for both. A uid has
 * another account for what it opens without the capability.
 */
static int lock_of_other_account(int buffer)
{
	int client;

	if (drop_cap(CAP_SYS_RESOURCE_NR))
		return -EPERM;
	client = client_open();
	return client < 0 ? client : lock_whole(client, buffer);
}

TEST_F(moving, stays_for_another_account)
{
	pid_t pid = fork();

	if (!pid)
		_exit(-lock_of_other_account(self->buffer));
	EXPECT_EQ(EILSEQ, child_wait(pid));
	EXPECT_EQ(0, lock_whole(self->fd, self->buffer));
	test_unlock_buffer(self->fd, self->buffer, 0, LENGTH);
}

/* No room for both places. */
TEST_F(moving, stays_beyond_the_quota)
{
	/* Others of this account may have memory as well. */
	quota_set((quota_used(self->fd) + LENGTH / 2) / MIB(1));
	expect_stays(self, quota_restore());
}

/* What the buffer was allocated for still holds. */
TEST_F(moving, keeps_within_its_constraints)
{
	struct contig_alloc alloc = alloc_request(LENGTH, CONTIG_RUNGS_SCATTER);
	/* Where the kernel lies, which comes first, there can be no window. */
	uint64_t half = KIB(meminfo_kib("MemTotal")) / 2 & ~(MIB(1) - 1);
	uint64_t end = ram_start() + half;

	alloc.constraints.highest = end - 1;
	test_alloc(self->fd, &alloc);
	if (alloc.out_extents > 1) {
		ASSERT_EQ(0, lock_whole(self->fd, alloc.out_fd));
		EXPECT_GE(end - LENGTH,
			  first_address(self->fd, alloc.out_fd));
		test_unlock_buffer(self->fd, alloc.out_fd, 0, LENGTH);
	}
	close(alloc.out_fd);
}

struct hammer {
	char *map;
	size_t from;
	pthread_t thread;
	volatile bool stop;
	uint64_t stores;
	uint64_t bad;
};

/* Count in words of one's own, and never find one that is not what it was. */
static void *hammer(void *arg)
{
	struct hammer *h = arg;
	volatile uint64_t *word;
	uint64_t round = 0;
	size_t at;

	/* At least once, also if it gets to run late. */
	do {
		for (at = 0; at < LENGTH; at += page_size / 2) {
			word = (void *)(h->map + at + h->from);
			if (*word != round)
				h->bad++;
			*word = round + 1;
			h->stores++;
		}
		round++;
	} while (!h->stop);
	/* What was stored last is there. */
	for (at = 0; at < LENGTH; at += page_size / 2)
		h->bad += *(uint64_t *)(h->map + at + h->from) != round;
	return NULL;
}

TEST_F_TIMEOUT(moving, loses_no_store, 400)
{
	struct hammer hammers[THREADS];
	int round, buffer, i, ret, moved = 0;
	char *map;

	for (round = 0; round < ROUNDS; round++) {
		scattered_and_mapped(self->fd, buffer, map);
		memset(hammers, 0, sizeof(hammers));
		for (i = 0; i < THREADS; i++) {
			hammers[i].map = map;
			hammers[i].from = 64 * i;
			ASSERT_EQ(0, pthread_create(&hammers[i].thread, NULL,
						    hammer, &hammers[i]));
		}
		usleep(1000 * round);
		ret = lock_whole(self->fd, buffer);
		/* A thread that does not get to run can keep a page for long. */
		EXPECT_TRUE(!ret || ret == -EILSEQ);
		moved += !ret;
		if (!ret)
			EXPECT_EQ(1, _test_cmd_count_buffer(self->fd, buffer, 0,
							    LENGTH));
		usleep(2000);
		for (i = 0; i < THREADS; i++)
			hammers[i].stop = true;
		for (i = 0; i < THREADS; i++) {
			pthread_join(hammers[i].thread, NULL);
			EXPECT_EQ(0, hammers[i].bad);
			EXPECT_NE(0, hammers[i].stores);
		}
		if (!ret)
			test_unlock_buffer(self->fd, buffer, 0, LENGTH);
		munmap(map, LENGTH);
		close(buffer);
	}
	TH_LOG("%d of %d moved", moved, ROUNDS);
	EXPECT_NE(0, moved);
}

static void *remap(void *arg)
{
	struct hammer *h = arg;
	int buffer = (int)h->from;
	char *map;

	while (!h->stop) {
		map = buffer_map(buffer, LENGTH);
		if (!map)
			continue;
		h->bad += !has_pattern(map, LENGTH, 7);
		madvise(map, LENGTH / 2, MADV_DONTNEED);
		h->bad += map[0] != h->map[0];
		munmap(map, LENGTH);
		h->stores++;
	}
	return NULL;
}

/* Mappings come and go meanwhile, and children. */
TEST_F_TIMEOUT(moving, beside_new_mappings, 400)
{
	struct hammer mapper;
	int round, buffer, ret, moved = 0;
	pid_t pid;
	char *map;

	for (round = 0; round < ROUNDS; round++) {
		scattered_and_mapped(self->fd, buffer, map);
		fill_pattern(map, LENGTH, 7);
		mapper = (struct hammer){ .map = map, .from = buffer };
		ASSERT_EQ(0, pthread_create(&mapper.thread, NULL, remap,
					    &mapper));
		pid = fork();
		if (!pid)
			_exit(!has_pattern(map, LENGTH, 7));
		/* A mapping that is being made keeps it where it is. */
		ret = lock_whole(self->fd, buffer);
		EXPECT_TRUE(!ret || ret == -EILSEQ);
		moved += !ret;
		EXPECT_TRUE(has_pattern(map, LENGTH, 7));
		if (!ret)
			test_unlock_buffer(self->fd, buffer, 0, LENGTH);
		mapper.stop = true;
		pthread_join(mapper.thread, NULL);
		EXPECT_EQ(0, mapper.bad);
		EXPECT_EQ(0, child_wait(pid));
		munmap(map, LENGTH);
		close(buffer);
	}
	TH_LOG("%d of %d moved", moved, ROUNDS);
	EXPECT_NE(0, moved);
}

/* The caller is killed, or its last descriptor is closed. */
TEST_F_TIMEOUT(moving, survives_its_caller, 400)
{
	int round, buffer;
	char *map;
	pid_t pid;

	for (round = 0; round < ROUNDS; round++) {
		scattered_and_mapped(self->fd, buffer, map);
		fill_pattern(map, LENGTH, 8);
		pid = fork();
		if (!pid) {
			int client = client_open();

			lock_whole(client, buffer);
			pause();
		}
		usleep(1000 * round);
		kill(pid, SIGKILL);
		if (round & 1)
			close(buffer);
		EXPECT_EQ(128 + SIGKILL, child_wait(pid));
		EXPECT_TRUE(has_pattern(map, LENGTH, 8));
		munmap(map, LENGTH);
		if (!(round & 1))
			close(buffer);
	}
}

TEST_HARNESS_MAIN
