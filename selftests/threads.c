// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many threads at once: on one client, on many, and on memory that changes
 * while it is locked.
 */
#include <pthread.h>
#include <sys/prctl.h>

#include "kselftest_harness.h"
#include "contig_utils.h"

#define THREADS 8
#define PAGES 32

FIXTURE(thread) {
	int fd;
	char *shared;
	pthread_t threads[THREADS];
	long rounds;
	volatile int stop;
	long free;
};

struct job {
	FIXTURE_DATA(thread) *self;
	unsigned int number;
	long errors;
	volatile long done;
};

FIXTURE_SETUP(thread) {
	setup_client(self->fd);
	self->shared = anon_map(pages(PAGES));
	ASSERT_NE(NULL, self->shared);
	self->free = free_pages();
	self->rounds = 60;
}

FIXTURE_TEARDOWN(thread) {
	close(self->fd);
}

static unsigned int random_number(unsigned int *seed, unsigned int below)
{
	*seed = *seed * 1103515245 + 12345;
	return (*seed >> 16) % below;
}

static int run_threads(FIXTURE_DATA(thread) *self, void *(*fn)(void *),
		       struct job *jobs)
{
	int i, failed = 0;

	for (i = 0; i < THREADS; i++) {
		jobs[i] = (struct job) { .self = self, .number = i };
		if (pthread_create(&self->threads[i], NULL, fn, &jobs[i]))
			return -1;
	}
	for (i = 0; i < THREADS; i++) {
		pthread_join(self->threads[i], NULL);
		if (!jobs[i].errors)
			continue;
		fprintf(stderr, "# thread %d: %ld errors in %ld rounds\n", i,
			jobs[i].errors, jobs[i].done);
		failed++;
	}
	return failed;
}

/* All kinds of commands, on memory of the thread and on shared memory. */
static void *hammer(void *arg)
{
	struct job *job = arg;
	FIXTURE_DATA(thread) *self = job->self;
	unsigned int seed = job->number * 7919 + 1, first, n;
	char *own = anon_map(pages(PAGES)), *map;
	size_t length;
	int fd;

	for (job->done = 0; job->done < self->rounds; job->done++) {
		uint32_t rung = 1 + random_number(&seed, 5);

		first = random_number(&seed, PAGES - 1);
		n = 1 + random_number(&seed, PAGES - first);
		if (_test_cmd_lock(self->fd, self->shared + pages(first),
				   pages(n), 0) ||
		    _test_cmd_lock(self->fd, own + pages(first), pages(n), 0))
			job->errors++;
		if (!translation_is_true(self->fd, own + pages(first),
					 pages(n)) ||
		    !translation_is_true(self->fd, self->shared + pages(first),
					 pages(n)))
			job->errors++;

		length = pages(n);
		fd = buffer_alloc(self->fd, length, 1u << rung |
				  CONTIG_RUNGS_SCATTER, 0);
		map = fd < 0 ? NULL : buffer_map(fd, length);
		if (!map || !is_zero(map, length)) {
			job->errors++;
		} else {
			fill_pattern(map, length, job->number);
			if (_test_cmd_lock(self->fd, map, length, 0) ||
			    _test_cmd_lock_buffer(self->fd, fd, 0, length, 0) ||
			    _test_cmd_count_buffer(self->fd, fd, 0,
						   length) <= 0)
				job->errors++;
			if (!has_pattern(map, length, job->number))
				job->errors++;
			if (_test_cmd_unlock(self->fd, map, length) ||
			    _test_cmd_unlock_buffer(self->fd, fd, 0, length))
				job->errors++;
			munmap(map, length);
		}
		if (fd >= 0)
			close(fd);
		if (_test_cmd_unlock(self->fd, own + pages(first), pages(n)) ||
		    _test_cmd_unlock(self->fd, self->shared + pages(first),
				     pages(n)))
			job->errors++;
	}
	munmap(own, pages(PAGES));
	return NULL;
}

TEST_F_TIMEOUT(thread, eight_on_one_client, 400)
{
	struct job jobs[THREADS];
	struct snapshot before;
	int i;

	/*
	 * The C library keeps thread stacks, some of which would be huge pages.
	 */
	ASSERT_EQ(0, prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
	snapshot_take(&before, self->fd);
	ASSERT_EQ(0, run_threads(self, hammer, jobs));
	for (i = 0; i < PAGES; i++)
		EXPECT_EQ(0, page_state(self->fd,
					self->shared + pages(i)).locks);
	EXPECT_TRUE(snapshot_is_same(&before, self->fd));
	EXPECT_TRUE(free_pages_return(self->free - 1024));
}

/* Counts are exact even if all threads count the same pages. */
static void *count_up(void *arg)
{
	struct job *job = arg;
	FIXTURE_DATA(thread) *self = job->self;

	for (job->done = 0; job->done < 200; job->done++)
		job->errors += !!_test_cmd_lock(self->fd, self->shared,
						pages(4), 0) +
			       !!_test_cmd_hold(self->fd, self->shared,
						pages(4), NULL);
	return NULL;
}

static void *count_down(void *arg)
{
	struct job *job = arg;
	FIXTURE_DATA(thread) *self = job->self;

	for (job->done = 0; job->done < 200; job->done++)
		job->errors += !!_test_cmd_unlock(self->fd, self->shared,
						  pages(4)) +
			       !!_test_cmd_unhold(self->fd, self->shared,
						  pages(4), NULL, NULL);
	return NULL;
}

TEST_F_TIMEOUT(thread, counts_are_exact, 400)
{
	struct job jobs[THREADS];

	ASSERT_EQ(0, run_threads(self, count_up, jobs));
	EXPECT_EQ(200 * THREADS, page_state(self->fd, self->shared).locks);
	EXPECT_EQ(200 * THREADS, page_state(self->fd, self->shared).holds);
	ASSERT_EQ(0, run_threads(self, count_down, jobs));
	EXPECT_EQ(0, page_state(self->fd, self->shared).locks);
	EXPECT_EQ(0, page_state(self->fd, self->shared).holds);
	test_err_unlock(ENOLCK, self->fd, self->shared, 1);
}

/* Replace pages while other threads lock them. */
static void *change(void *arg)
{
	struct job *job = arg;
	FIXTURE_DATA(thread) *self = job->self;
	unsigned int seed = job->number + 1;

	for (job->done = 0; job->done < self->rounds * 4; job->done++) {
		char *at = self->shared + pages(random_number(&seed, PAGES));

		switch (random_number(&seed, 4)) {
		case 0:
			madvise(at, page_size, MADV_DONTNEED);
			break;
		case 1:
			mmap(at, page_size, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
			break;
		case 2:
			mprotect(at, page_size, PROT_READ);
			mprotect(at, page_size, PROT_READ | PROT_WRITE);
			break;
		default:
			(void)*(volatile char *)at;
		}
	}
	return NULL;
}

/*
 * A page that another thread replaces between the lock and the translation is
 * stale. It cannot come back, so a page that was not there before the
 * translation must not be reported.
 */
static void *lock_changing(void *arg)
{
	struct job *job = arg;
	FIXTURE_DATA(thread) *self = job->self;
	unsigned int seed = job->number + 100;
	struct contig_extent e = {};
	int client = client_open(), ret;

	for (job->done = 0; job->done < self->rounds * 4; job->done++) {
		char *at = self->shared + pages(random_number(&seed, PAGES));
		struct contig_get_physical cmd = {
			.size = sizeof(cmd),
			.addr = to_addr(at),
			.length = page_size,
			.extents = to_addr(&e),
			.count = 1,
		};
		int locked, unlocked;
		uint64_t old;

		locked = _test_cmd_lock(client, at, page_size, 0);
		if (locked == -EFAULT || locked == -EACCES)
			continue;	/* during a change */
		old = pfn_of(at);
		ret = _test_cmd_get_physical(client, &cmd);
		unlocked = _test_cmd_unlock(client, at, page_size);
		if (!locked && !unlocked &&
		    (ret ? ret == -ESTALE : e.addr / page_size == old))
			continue;
		fprintf(stderr, "# lock %d, translation %d, frame %llx and then %llx, unlock %d\n",
			locked, ret, (unsigned long long)old,
			(unsigned long long)e.addr / page_size, unlocked);
		job->errors++;
	}
	close(client);
	return NULL;
}

static void *change_or_lock(void *arg)
{
	struct job *job = arg;

	return job->number & 1 ? change(arg) : lock_changing(arg);
}

TEST_F_TIMEOUT(thread, memory_that_changes, 400)
{
	struct job jobs[THREADS];

	EXPECT_EQ(0, run_threads(self, change_or_lock, jobs));
	EXPECT_EQ(0, charged_kib());
}

/* Open and close clients while other threads read debugfs. */
static void *open_and_close(void *arg)
{
	struct job *job = arg;
	FIXTURE_DATA(thread) *self = job->self;
	const char *names[] = { "stats", "buffers", "clients", "reserves" };
	char *text;
	int client, fd;

	for (job->done = 0; job->done < self->rounds; job->done++) {
		if (job->number & 1) {
			text = debugfs_text(names[job->done % 4]);
			job->errors += !text || !*text;
			free(text);
			continue;
		}
		client = client_open();
		fd = buffer_alloc(client, KIB(64), 0, 0);
		job->errors += client < 0 || fd < 0;
		job->errors += !!_test_cmd_lock(client, self->shared,
						pages(PAGES), 0);
		job->errors += !!_test_cmd_hold(client, self->shared,
						pages(PAGES), NULL);
		close(client);
		close(fd);
	}
	return NULL;
}

TEST_F_TIMEOUT(thread, clients_come_and_go, 400)
{
	struct job jobs[THREADS];

	EXPECT_EQ(0, run_threads(self, open_and_close, jobs));
	EXPECT_EQ(0, charged_kib());
}

/* A client that is closed during a command lives until the command ends. */
static void *use_descriptor(void *arg)
{
	struct job *job = arg;
	FIXTURE_DATA(thread) *self = job->self;
	int ret;

	while (!self->stop) {
		ret = _test_cmd_lock(self->fd, self->shared, pages(PAGES), 0);
		job->errors += ret && ret != -EBADF;
		ret = _test_cmd_unlock(self->fd, self->shared, pages(PAGES));
		job->errors += ret && ret != -EBADF && ret != -ENOLCK;
		job->done++;
	}
	return NULL;
}

static bool all_have_done_some(void *arg)
{
	const struct job *jobs = arg;
	int i;

	for (i = 0; i < THREADS; i++)
		if (!jobs[i].done)
			return false;
	return true;
}

TEST_F_TIMEOUT(thread, client_closed_in_use, 400)
{
	struct job jobs[THREADS];
	int i, fd;

	for (i = 0; i < THREADS; i++) {
		jobs[i] = (struct job) { .self = self };
		ASSERT_EQ(0, pthread_create(&self->threads[i], NULL,
					    use_descriptor, &jobs[i]));
	}
	for (i = 0; i < 50; i++) {
		usleep(2000);
		fd = client_open();
		ASSERT_LE(0, fd);
		/* The old file is closed while the threads use it. */
		ASSERT_EQ(self->fd, dup3(fd, self->fd, O_CLOEXEC));
		close(fd);
	}
	EXPECT_TRUE(poll_until(all_have_done_some, jobs));
	self->stop = 1;
	for (i = 0; i < THREADS; i++) {
		pthread_join(self->threads[i], NULL);
		EXPECT_EQ(0, jobs[i].errors);
		EXPECT_LT(0, jobs[i].done);
	}
	close(self->fd);
	EXPECT_EQ(0, charged_kib());
	self->fd = client_open();
}

TEST_HARNESS_MAIN
