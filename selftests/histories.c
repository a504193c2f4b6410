// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random histories of buffers, against a model: whatever is allocated, locked, mapped,
 * written, moved, forked, killed and waited for, each buffer has the contents that the
 * model says, and nothing is left in the end
 *
 * CONTIG_SEED replaces the seed.
 */
#include <poll.h>
#include <signal.h>

#include "kselftest_harness.h"
#include "contig_utils.h"

#define RESERVE MIB(8)
#define SLOTS 20
#define REQUESTS 4
#define STEPS 40

/* Most pages of a buffer. */
#define LONGEST 96

/**
 * struct slot - what the model knows of a buffer
 * @fd: its descriptor, -1 for no buffer
 * @map: where it is mapped
 * @length: bytes
 * @seed: of the pattern in it, 0 for zeros
 * @locks: how often all of it is locked
 */
struct slot {
	int fd;
	char *map;
	size_t length;
	uint64_t seed;
	int locks;
};

FIXTURE(histories) {
	int fd;
	uint64_t used;
	uint64_t random;
	uint64_t seeds;
	int requests[REQUESTS];
	struct slot slots[SLOTS];
	unsigned int diverged;
	unsigned int gathered;
	unsigned int collected;
};

static bool used_as_before(void *arg)
{
	FIXTURE_DATA(histories) *self = arg;

	return quota_used(self->fd) == self->used;
}

FIXTURE_SETUP(histories) {
	setup_client(self->fd);
	reserve_settle();
	if (!reserve_promises(RESERVE))
		SKIP(return, "this needs early=8M");
	self->used = quota_used(self->fd);
}

FIXTURE_TEARDOWN(histories) {
	close(self->fd);
}

static uint32_t next(FIXTURE_DATA(histories) *self, uint32_t below)
{
	self->random = self->random * 6364136223846793005ull +
		       1442695040888963407ull;
	return (self->random >> 33) % below;
}

static void diverge(FIXTURE_DATA(histories) *self, const struct slot *slot,
		    const char *what)
{
	fprintf(stderr, "# buffer %d: %s\n", (int)(slot - self->slots), what);
	self->diverged++;
}

static bool holds(const struct slot *slot)
{
	return slot->seed ? has_pattern(slot->map, slot->length, slot->seed) :
			    is_zero(slot->map, slot->length);
}

static void look(FIXTURE_DATA(histories) *self, struct slot *slot)
{
	if (!holds(slot))
		diverge(self, slot, "has other contents than were written");
}

static void fill(FIXTURE_DATA(histories) *self, struct slot *slot)
{
	slot->seed = ++self->seeds;
	fill_pattern(slot->map, slot->length, slot->seed);
}

/* Take a new buffer over. */
static void adopt(FIXTURE_DATA(histories) *self, struct slot *slot, int fd,
		  size_t length)
{
	*slot = (struct slot){ .fd = fd, .length = length };
	slot->map = buffer_map(fd, length);
	if (!slot->map) {
		diverge(self, slot, "cannot be mapped");
		close(fd);
		slot->fd = -1;
		return;
	}
	look(self, slot);
	fill(self, slot);
}

static uint32_t some_rungs(FIXTURE_DATA(histories) *self)
{
	static const uint32_t rungs[] = {
		CONTIG_RUNGS_RESERVE, CONTIG_RUNGS_SCATTER, CONTIG_RUNGS_RANGE,
		CONTIG_RUNGS_SPLIT, CONTIG_RUNGS_ALL,
	};

	return rungs[next(self, ARRAY_SIZE(rungs))];
}

static void do_alloc(FIXTURE_DATA(histories) *self, struct slot *slot)
{
	size_t length = pages(1 + next(self, LONGEST));
	struct contig_alloc alloc = alloc_request(length, some_rungs(self));

	if (!_test_cmd_alloc(self->fd, &alloc))
		adopt(self, slot, alloc.out_fd, length);
}

static void do_free(FIXTURE_DATA(histories) *self, struct slot *slot)
{
	while (slot->locks && !_test_cmd_unlock_buffer(self->fd, slot->fd, 0,
						       slot->length))
		slot->locks--;
	if (slot->locks)
		diverge(self, slot, "cannot be unlocked");
	look(self, slot);
	/* In either order. */
	if (next(self, 2)) {
		close(slot->fd);
		munmap(slot->map, slot->length);
	} else {
		munmap(slot->map, slot->length);
		close(slot->fd);
	}
	slot->fd = -1;
}

/* Lock it, maybe in one piece, which moves it. */
static void do_lock(FIXTURE_DATA(histories) *self, struct slot *slot)
{
	uint32_t flags = next(self, 2) ? CONTIG_LOCK_CONTIGUOUS : 0;
	struct contig_extent *extents = NULL;
	int64_t n;

	if (_test_cmd_lock_buffer(self->fd, slot->fd, 0, slot->length, flags))
		return;
	slot->locks++;
	look(self, slot);
	n = translate_all(self->fd, slot->fd, 0, slot->length, 0, &extents);
	free(extents);
	if (n < 1 || (flags && n != 1))
		diverge(self, slot, "is not locked in one piece");
	if (!buffer_translation_is_true(self->fd, slot->fd, slot->map,
					slot->length))
		diverge(self, slot, "is not where its translation says");
	self->gathered += !!flags;
}

static void do_unlock(FIXTURE_DATA(histories) *self, struct slot *slot)
{
	if (!slot->locks)
		return;
	if (_test_cmd_unlock_buffer(self->fd, slot->fd, 0, slot->length))
		diverge(self, slot, "cannot be unlocked");
	slot->locks--;
}

static void do_map_again(FIXTURE_DATA(histories) *self, struct slot *slot)
{
	munmap(slot->map, slot->length);
	slot->map = buffer_map(slot->fd, slot->length);
	if (slot->map)
		look(self, slot);
	else
		diverge(self, slot, "cannot be mapped again");
}

/* A child sees the same, and what it writes is seen here. */
static void do_fork(FIXTURE_DATA(histories) *self, struct slot *slot)
{
	uint64_t seed = ++self->seeds;
	pid_t pid = fork();

	if (!pid) {
		if (!holds(slot))
			_exit(1);
		fill_pattern(slot->map, slot->length, seed);
		_exit(0);
	}
	if (child_wait(pid))
		diverge(self, slot, "has other contents in a child");
	slot->seed = seed;
	look(self, slot);
}

/* A process that allocates, locks and waits is killed at some moment. */
static void do_kill(FIXTURE_DATA(histories) *self)
{
	uint32_t delay = next(self, 3000);
	pid_t pid = fork();

	if (!pid) {
		int client = client_open();

		for (;;) {
			struct contig_defer defer = {
				.size = sizeof(defer),
				.alloc = alloc_request(MIB(1),
						       CONTIG_RUNGS_RESERVE),
			};
			int fd = buffer_get(client, pages(8),
					    CONTIG_RUNGS_SCATTER);

			_test_cmd_lock_buffer(client, fd, 0, pages(8),
					      CONTIG_LOCK_CONTIGUOUS);
			contig_ioctl(client, CONTIG_DEFER, &defer);
		}
	}
	usleep(delay);
	kill(pid, SIGKILL);
	child_wait(pid);
}

/* A large request, for which buffers of the reserve are moved. */
static void do_compact(FIXTURE_DATA(histories) *self)
{
	struct contig_alloc alloc = alloc_request(RESERVE / 4,
						  CONTIG_RUNGS_RESERVE);

	if (!_test_cmd_alloc(self->fd, &alloc))
		close(alloc.out_fd);
}

static void do_defer(FIXTURE_DATA(histories) *self, int *request)
{
	struct contig_defer cmd = {
		.size = sizeof(cmd),
		.deadline_ms = next(self, 2) * 50,
		.alloc = alloc_request(pages(1 + next(self, LONGEST)),
				       some_rungs(self)),
	};

	if (*request >= 0)
		close(*request);
	*request = contig_ioctl(self->fd, CONTIG_DEFER, &cmd) ? -1 : cmd.out_fd;
}

static void do_collect(FIXTURE_DATA(histories) *self, int *request,
		       struct slot *slot)
{
	struct contig_collect cmd = {
		.size = sizeof(cmd),
		.flags = next(self, 4),
		.fd = *request,
	};

	if (*request < 0 || contig_ioctl(self->fd, CONTIG_COLLECT, &cmd))
		return;
	adopt(self, slot, cmd.alloc.out_fd, cmd.alloc.out_length);
	self->collected++;
}

static void step(FIXTURE_DATA(histories) *self)
{
	struct slot *slot = &self->slots[next(self, SLOTS)];
	int *request = &self->requests[next(self, REQUESTS)];
	uint32_t what = next(self, 16);

	if (what == 14)
		return do_defer(self, request);
	if (what == 13)
		return next(self, 8) ? do_compact(self) : do_kill(self);
	if (slot->fd < 0)
		return what & 1 ? do_alloc(self, slot) :
				  do_collect(self, request, slot);
	switch (what) {
	case 0 ... 2:
		return do_lock(self, slot);
	case 3 ... 5:
		return do_unlock(self, slot);
	case 6:
		return do_map_again(self, slot);
	case 7:
		return do_fork(self, slot);
	case 8 ... 9:
		return do_free(self, slot);
	case 10 ... 11:
		return fill(self, slot);
	default:
		return look(self, slot);
	}
}

static void history(FIXTURE_DATA(histories) *self)
{
	int i;

	for (i = 0; i < SLOTS; i++)
		self->slots[i].fd = -1;
	for (i = 0; i < REQUESTS; i++)
		self->requests[i] = -1;
	for (i = 0; i < STEPS; i++)
		step(self);
	for (i = 0; i < SLOTS; i++)
		if (self->slots[i].fd >= 0)
			do_free(self, &self->slots[i]);
	for (i = 0; i < REQUESTS; i++)
		if (self->requests[i] >= 0)
			close(self->requests[i]);
}

TEST_F_TIMEOUT(histories, agree_with_the_model, 40000)
{
	const char *wanted = getenv("CONTIG_SEED");
	uint64_t seed = wanted ? strtoull(wanted, NULL, 0) : 1;
	unsigned int nr = is_soak() ? 10000 : times(150), i;

	for (i = 0; i < nr && !self->diverged; i++) {
		self->random = seed * 1000003 + i;
		history(self);
		if (self->diverged)
			TH_LOG("history %u of seed %llu", i,
			       (unsigned long long)seed);
		/* Memory of the reserve is cleaned in the background. */
		if (i % 50 == 49)
			ASSERT_TRUE(poll_until(used_as_before, self));
	}
	EXPECT_EQ(0, self->diverged);
	EXPECT_TRUE(poll_until(used_as_before, self));
	EXPECT_TRUE(reserve_has(self->fd, RESERVE));
	TH_LOG("%u histories, %u buffers locked in one piece, %u collected", i,
	       self->gathered, self->collected);
}

TEST_HARNESS_MAIN
