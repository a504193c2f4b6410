// SPDX-License-Identifier: GPL-2.0-only
/*
 * A process whose threads change its memory without a pause delays neither
 * itself nor other processes: LOCK, UNLOCK, GET_PHYSICAL, close, unbinding a
 * driver and unloading each take as long as without these changes, within a
 * factor.
 *
 * Loads and unloads the module itself.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>

#include "kselftest_harness.h"
#include "interrupts.h"

#define THREADS 16
#define AREA KIB(128)
#define WIDE (1ul << 30)
#define ROUNDS 25
#define FACTOR 10

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

static volatile bool storm_over;

/*
 * Memory shared by all threads, so that some change of it is always in
 * progress.
 */
static char *wide;

/* Page tables are almost empty, so nearly all time is spent in the change. */
static void change_by_madvise(char *unused)
{
	*(volatile char *)wide = 1;
	madvise(wide, WIDE, MADV_DONTNEED);
}

static int wide_map(void)
{
	size_t at;

	wide = mmap(NULL, WIDE, PROT_READ | PROT_WRITE, MAP_PRIVATE |
		    MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (wide == MAP_FAILED)
		return -errno;
	madvise(wide, WIDE, MADV_NOHUGEPAGE);
	for (at = 0; at < WIDE; at += MIB(2))
		wide[at] = 1;
	return 0;
}

static void change_by_mprotect(char *area)
{
	mprotect(area, AREA / 2, PROT_READ);
	mprotect(area, AREA / 2, PROT_READ | PROT_WRITE);
	area[0]++;
}

static void change_by_mremap(char *area)
{
	area[0] = 1;
	/* The move leaves no gap in which another mapping could be placed. */
	mremap(area, AREA / 2, AREA / 2, MREMAP_MAYMOVE | MREMAP_FIXED |
	       MREMAP_DONTUNMAP, area + AREA / 2);
}

static void change_by_fork(char *area)
{
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	area[0]++;
}

/* Only one fork(): it copies everything, and holds mmap_lock for as long. */
static void (*const changes[THREADS])(char *area) = {
	change_by_fork,
	change_by_mremap, change_by_mremap, change_by_mremap,
	change_by_mprotect, change_by_mprotect, change_by_mprotect,
	change_by_mprotect,
	change_by_madvise, change_by_madvise, change_by_madvise,
	change_by_madvise, change_by_madvise, change_by_madvise,
	change_by_madvise, change_by_madvise,
};

enum weather_kind { QUIET, MADVISE, ALL, WEATHERS };

struct weather {
	pthread_t threads[THREADS];
	unsigned int nr;
	int client;
};

static void *storm_thread(void *arg)
{
	char *area = arg;
	unsigned int i = (uintptr_t)area / AREA % THREADS;

	while (!storm_over)
		changes[i](area);
	return NULL;
}

static void *madvise_thread(void *area)
{
	while (!storm_over)
		change_by_madvise(area);
	return NULL;
}

static int storm_begin(struct weather *w, enum weather_kind kind)
{
	void *(*thread)(void *area) = kind == ALL ? storm_thread :
						    madvise_thread;
	int i, ret;

	char *all = mmap(NULL, (THREADS + 1) * AREA, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (all == MAP_FAILED)
		return -errno;
	/* Align, so that each kind of change has its share of the threads. */
	all = (char *)(((uintptr_t)all + AREA - 1) / AREA * AREA);
	madvise(all, THREADS * AREA, MADV_NOHUGEPAGE);
	ret = wide_map();
	if (ret)
		return ret;
	/*
	 * All changes affect locked pages, so that contig is notified of them.
	 */
	w->client = client_open();
	if (w->client < 0)
		return w->client;
	ret = _test_cmd_lock(w->client, wide, page_size, 0);
	if (ret)
		return ret;
	for (i = 0; i < THREADS; i++) {
		char *page = all + (i + 1) * AREA - page_size;

		*page = 1;
		ret = _test_cmd_lock(w->client, page, page_size, 0) ?:
		      _test_cmd_lock(w->client, all + i * AREA, page_size, 0);
		if (ret)
			return ret;
	}
	storm_over = false;
	for (w->nr = 0; w->nr < THREADS; w->nr++)
		if (pthread_create(&w->threads[w->nr], NULL, thread,
				   all + w->nr * AREA))
			return -EAGAIN;
	return 0;
}

static void storm_end(struct weather *w)
{
	storm_over = true;
	while (w->nr)
		pthread_join(w->threads[--w->nr], NULL);
	if (w->client > 0)
		close(w->client);
	w->client = 0;
	if (wide)
		munmap(wide, WIDE);
	wide = NULL;
}

/*
 * The commands that are measured, in the order of the printed lines, and for
 * comparison a system call that only takes mmap_lock for reading.
 */
enum work {
	LOCK, GET_PHYSICAL, UNLOCK, CLOSE, COMMANDS, MINCORE = COMMANDS, WORKS
};

static const char *const work_names[WORKS] = {
	"LOCK", "GET_PHYSICAL", "UNLOCK", "close", "mincore()",
};

FIXTURE(storm) {
	struct weather weather;
	char *memory;
	uint64_t took[WEATHERS][WORKS][ROUNDS];
};

FIXTURE_SETUP(storm) {
	if (system("modprobe contig"))
		SKIP(return, "the module cannot be loaded");
	self->memory = anon_map(pages(64));
	ASSERT_NE(NULL, self->memory);
	no_huge_pages(self->memory, pages(64));
}

FIXTURE_TEARDOWN(storm) {
	storm_end(&self->weather);
	munmap(self->memory, pages(64));
	EXPECT_EQ(0, system("modprobe -r contig_irq_test contig"));
}

static uint64_t since(uint64_t *start)
{
	uint64_t now = now_ns(), took = now - *start;

	*start = now;
	return took;
}

/* Run each command once, with one page of a new client. */
static int measure_once(char *page, uint64_t took[WORKS])
{
	struct contig_extent extent;
	struct contig_get_physical cmd = {
		.size = sizeof(cmd),
		.addr = to_addr(page),
		.length = page_size,
		.extents = to_addr(&extent),
		.count = 1,
	};
	int fd = client_open(), ret;
	unsigned char resident;
	uint64_t start;

	if (fd < 0)
		return fd;
	start = now_ns();
	if (mincore(page, page_size, &resident))
		return -errno;
	took[MINCORE] = since(&start);
	ret = _test_cmd_lock(fd, page, page_size, 0);
	took[LOCK] = since(&start);
	ret = ret ?: _test_cmd_get_physical(fd, &cmd);
	took[GET_PHYSICAL] = since(&start);
	ret = ret ?: _test_cmd_unlock(fd, page, page_size);
	took[UNLOCK] = since(&start);
	if (close(fd))
		ret = -errno;
	took[CLOSE] = since(&start);
	return ret;
}

static int measure(char *memory, uint64_t took[WORKS][ROUNDS])
{
	/* The first lock in an address space has more to do. */
	int first = client_open(), i, n, ret;
	uint64_t once[WORKS];

	if (first < 0)
		return first;
	ret = _test_cmd_lock(first, memory, page_size, 0);
	if (ret)
		return ret;
	for (i = 0; i < ROUNDS; i++) {
		ret = measure_once(memory + pages(1 + i), once);
		if (ret)
			return ret;
		for (n = 0; n < WORKS; n++)
			took[n][i] = once[n];
		usleep(1000);
	}
	close(first);
	return 0;
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/*
 * Return how long a command may take: @ns, or a few times as long as something
 * took that does not use contig.
 */
static uint64_t patience(uint64_t ns, uint64_t other)
{
	return 4 * other > ns ? 4 * other : ns;
}

/*
 * LOCK looks at the address space, so it takes mmap_lock for reading, as page
 * faults and mlock() do. madvise() and page faults let other readers in. The
 * other calls hold mmap_lock exclusively for any length of time, and may lose
 * the processor meanwhile: LOCK waits for them as mincore() does, and here for
 * no longer than a few turns of the scheduler, unless the machine has other work
 * and mincore() takes as long. The other commands do not need mmap_lock; their
 * times in the full storm are printed, and differ between kernels by how tasks
 * are scheduled.
 */
TEST_F_TIMEOUT(storm, makes_no_command_wait, 400)
{
	uint64_t median[WEATHERS][WORKS], limit, *took;
	unsigned int i, n;

	for (i = 0; i < WEATHERS; i++) {
		if (i != QUIET)
			ASSERT_EQ(0, storm_begin(&self->weather, i));
		ASSERT_EQ(0, measure(self->memory, self->took[i]));
		storm_end(&self->weather);
		for (n = 0; n < WORKS; n++) {
			took = self->took[i][n];
			qsort(took, ROUNDS, sizeof(*took), compare);
			median[i][n] = took[ROUNDS / 2];
		}
	}
	for (n = 0; n < WORKS; n++)
		TH_LOG("%-12s us: quiet %5llu; madvise %5llu, at most %7llu; all %6llu, at most %7llu",
		       work_names[n],
		       (unsigned long long)median[QUIET][n] / 1000,
		       (unsigned long long)median[MADVISE][n] / 1000,
		       (unsigned long long)self->took[MADVISE][n][ROUNDS - 1] / 1000,
		       (unsigned long long)median[ALL][n] / 1000,
		       (unsigned long long)self->took[ALL][n][ROUNDS - 1] / 1000);
	limit = patience(5000000000ull, self->took[ALL][MINCORE][ROUNDS - 1]);
	for (n = 0; n < COMMANDS; n++) {
		EXPECT_GT(FACTOR * median[QUIET][n], median[MADVISE][n])
			TH_LOG("%s", work_names[n]);
		/* A command that waits for all changes to end takes seconds. */
		EXPECT_GT(1000000000ull, self->took[MADVISE][n][ROUNDS - 1])
			TH_LOG("%s", work_names[n]);
		/* This includes the scheduler: sixteen threads want to run. */
		EXPECT_GT(limit, self->took[ALL][n][ROUNDS - 1])
			TH_LOG("%s", work_names[n]);
	}
}

/* A process that shares the address space and inherits the descriptors. */
static int sharing_child(void *arg)
{
	char *page = arg;
	int fd = client_open();

	while (!_test_cmd_lock(fd, page, page_size, 0))
		_test_cmd_unlock(fd, page, page_size);
	return 1;
}

/* The same without contig. */
static int idle_child(void *unused)
{
	pause();
	return 1;
}

#define STACK KIB(64)

/* Kill such processes. Return how many ns that takes, 0 if it fails. */
static uint64_t kill_children(int (*child)(void *arg), char *page)
{
	char *stack = anon_map(STACK);
	uint64_t start = now_ns();
	bool killed = stack;
	int i;

	for (i = 0; killed && i < times(5); i++) {
		pid_t pid = clone(child, stack + STACK, CLONE_VM | SIGCHLD,
				  page);

		usleep(10000);
		killed = pid > 0 && !kill(pid, SIGKILL) &&
			 child_wait(pid) == 128 + SIGKILL;
	}
	start = now_ns() - start;
	munmap(stack, STACK);
	return killed ? start : 0;
}

TEST_F_TIMEOUT(storm, cannot_keep_a_process_alive, 400)
{
	uint64_t idle, sharing;
	int fd = client_open();

	ASSERT_LE(0, fd);
	test_lock(fd, self->memory, page_size, 0);
	ASSERT_EQ(0, storm_begin(&self->weather, ALL));
	idle = kill_children(idle_child, NULL);
	ASSERT_NE(0, idle);
	sharing = kill_children(sharing_child, self->memory + pages(1));
	ASSERT_NE(0, sharing);
	/*
	 * A tenth of a second each; a process that cannot be killed took
	 * minutes.
	 */
	EXPECT_GT(patience(times(5) * 2000000000ull, idle), sharing)
		TH_LOG("without contig %llu ms",
		       (unsigned long long)idle / 1000000);
	storm_end(&self->weather);
	close(fd);
}

/* Children of the storm inherit the descriptors for a moment. */
static bool no_more_charged(void *kib)
{
	return charged_kib() == *(long *)kib;
}

/*
 * Another process than the owner of the memory closes the last descriptor of a
 * client: unpinning the pages does not wait either.
 */
TEST_F(storm, cannot_keep_what_another_process_closes)
{
	int sockets[2], fd, i;
	long before;
	pid_t pid;
	char c;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	ASSERT_EQ(0, storm_begin(&self->weather, ALL));
	before = charged_kib();
	for (i = 0; i < 2; i++) {
		pid = fork();
		if (!pid) {
			fd = fd_receive(sockets[1]);
			/* Wait until the parent has closed its descriptor. */
			if (fd < 0 || read(sockets[1], &c, 1) != 1)
				_exit(1);
			close(fd);
			_exit(0);
		}
		ASSERT_LT(0, pid);
		fd = client_open();
		ASSERT_LE(0, fd);
		test_lock(fd, self->memory, pages(64), 0);
		ASSERT_EQ(0, fd_send(sockets[0], fd));
		close(fd);
		EXPECT_EQ(1, write(sockets[0], "x", 1));
		EXPECT_EQ(0, child_wait(pid));
		EXPECT_TRUE(poll_until(no_more_charged, &before));
	}
	storm_end(&self->weather);
	close(sockets[0]);
	close(sockets[1]);
}

#define DRIVER "/sys/bus/platform/drivers/contig_irq_test/"

/*
 * Measure unbinding the driver, closing, binding it and unloading both modules.
 */
static int unload(FIXTURE_DATA(storm) *self, bool in_storm, uint64_t *took)
{
	int fd = kernel_client(IRQ_TEST_FOR_PLATFORM), ret;
	uint64_t start;

	if (fd < 0)
		return fd;
	ret = hold(fd, IRQ_TEST_TASK, self->memory, pages(64));
	/*
	 * Hold the memory that the storm changes, in place of the storm's own
	 * client.
	 */
	if (!ret && in_storm) {
		do {
			ret = hold(fd, IRQ_TEST_TASK, wide, page_size);
		} while (ret == -ESTALE);
		close(self->weather.client);
		self->weather.client = 0;
	}
	start = now_ns();
	ret = ret ?: write_text(DRIVER "unbind", "contig_irq_test");
	close(fd);
	ret = ret ?: write_text(DRIVER "bind", "contig_irq_test");
	ret = ret ?: system("modprobe -r contig_irq_test contig");
	*took = since(&start);
	return ret ?: system("modprobe contig");
}

TEST_F(storm, cannot_keep_a_driver_or_the_module)
{
	uint64_t quiet, took;
	int try;

	/*
	 * The programs started here share the processors with the storm, and an
	 * emulated machine stalls at times. A command that waits for the storm
	 * to end would be too slow at each try.
	 */
	for (try = 0; try < 3; try++) {
		ASSERT_EQ(0, unload(self, false, &quiet));
		ASSERT_EQ(0, storm_begin(&self->weather, ALL));
		ASSERT_EQ(0, unload(self, true, &took));
		storm_end(&self->weather);
		TH_LOG("unbind, close, bind, modprobe -r, ms: quiet %llu, storm %llu",
		       (unsigned long long)quiet / 1000000,
		       (unsigned long long)took / 1000000);
		if (FACTOR * quiet > took)
			break;
	}
	EXPECT_GT(FACTOR * quiet, took);
}

/*
 * contig knows which pages a change touched: translating other pages that were
 * locked with them costs no more than before.
 */
TEST_F(storm, of_other_pages_costs_nothing)
{
	size_t many = times(MIB(64)) / page_size, n;
	uint64_t start, took[2] = { 0 };
	int fd = client_open(), i, ret;
	struct contig_extent extent;
	char *memory;

	memory = anon_map(pages(many));
	ASSERT_NE(NULL, memory);
	no_huge_pages(memory, pages(many));
	test_lock(fd, memory, pages(many), 0);
	/*
	 * Pinning counts as a change until the pages are looked at for the
	 * first time.
	 */
	ASSERT_LT(0, _test_cmd_count(fd, memory, pages(many)));
	for (i = 0; i < 2; i++) {
		for (n = 0; n < 200; n++) {
			struct contig_get_physical cmd = {
				.size = sizeof(cmd),
				.addr = to_addr(memory),
				.length = page_size,
				.extents = to_addr(&extent),
				.count = 1,
			};
			char *other = memory + pages(many - 1 - n);

			if (i)
				ASSERT_EQ(0, madvise(other, page_size,
						     MADV_DONTNEED));
			start = now_ns();
			ret = _test_cmd_get_physical(fd, &cmd);
			took[i] += since(&start);
			ASSERT_EQ(0, ret);
			if (i)
				test_err_count(ESTALE, fd, other, page_size);
		}
	}
	TH_LOG("GET_PHYSICAL of 4 KiB, us: quiet %llu, after changes %llu",
	       (unsigned long long)took[0] / 200000,
	       (unsigned long long)took[1] / 200000);
	/*
	 * The caches lose some of their contents; checking all pages took 1000
	 * times as long.
	 */
	EXPECT_GT(5 * FACTOR * took[0], took[1]);
	munmap(memory, pages(many));
	close(fd);
}

TEST_HARNESS_MAIN
