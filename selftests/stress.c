// SPDX-License-Identifier: GPL-2.0-only
/*
 * Eight users allocate from all rungs, with budgets from a tenth of a second to
 * five seconds, while blocks of memory go offline and online, a file system
 * does not answer, a real-time task has a processor, a cgroup is full, and
 * processes are killed. Each request ends within its budget, each process when
 * it is killed, and nothing stays isolated. This runs for some seconds; in soak
 * for minutes.
 */
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>

#include "kselftest_harness.h"
#include "cgroup_utils.h"
#include "contig_utils.h"
#include "hostile_utils.h"

#define USERS 8
#define FIRST_UID 1000
#define KEPT 4

/* An emulated machine stalls at times. */
#define SLACK_MS 4000
#define KILL_MS (1000 + SLACK_MS)
#define OFFLINE_MS 3000

/**
 * struct record - what a user has seen
 * @requests: number of requests that ended
 * @answered: number of those that got memory
 * @late: number of those that exceeded their budget
 * @over: by how much at most, in milliseconds
 * @strange: an errno that no request should get, or 0
 */
struct record {
	int64_t requests, answered, late, over;
	int strange;
};

FIXTURE(stress) {
	mode_t mode;
	struct record *records;
	pid_t users[USERS];
	pid_t offliner;
	struct cgroup full;
	struct silent_fs fs;
	bool silent;
	struct realtime rt;
};

FIXTURE_SETUP(stress) {
	struct stat st;
	int client;

	setup_client(client);
	close(client);
	ASSERT_EQ(0, stat(CONTIG_PATH, &st));
	self->mode = st.st_mode & 0777;
	ASSERT_EQ(0, chmod(CONTIG_PATH, 0666));
	self->records = mmap(NULL, USERS * sizeof(*self->records),
			     PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->records);
	/* A limit without room for a buffer, if the kernel has such cgroups. */
	if (!cgroup_make(&self->full, "memory"))
		cgroup_write(&self->full, "memory.max", "4M");
}

FIXTURE_TEARDOWN(stress) {
	realtime_end(&self->rt);
	cgroup_remove(&self->full);
	chmod(CONTIG_PATH, self->mode);
}

/*
 * Return how long this process was runnable without a processor, in
 * milliseconds, or 0 if the kernel does not count it.
 */
static int64_t waited_for_cpu(void)
{
	long long ran, waited = 0;
	char *text = read_text("/proc/self/schedstat");

	if (text && sscanf(text, "%lld %lld", &ran, &waited) != 2)
		waited = 0;
	free(text);
	return waited / 1000000;
}

static bool is_an_answer(int error)
{
	return !error || error == ENOMEM || error == ETIME || error == EDQUOT ||
	       error == EINTR;
}

static void request(int client, struct record *record, int *fd)
{
	static const uint32_t budgets[] = { 100, 300, 1000, 2000, 5000 };
	static const uint32_t rungs[] = {
		0, CONTIG_RUNGS_RANGE, CONTIG_RUNGS_SPLIT, CONTIG_RUNGS_SCATTER,
		CONTIG_RUNGS_COHERENT, CONTIG_RUNGS_RANGE | CONTIG_RUNGS_SPLIT,
		CONTIG_RUNGS_RESERVE,
	};
	struct contig_alloc alloc =
		alloc_request(page_size << rand() % 13,
			      rungs[rand() % ARRAY_SIZE(rungs)]);
	int64_t begun, took, most;
	int ret;

	alloc.timeout_ms = budgets[rand() % ARRAY_SIZE(budgets)];
	most = alloc.timeout_ms * 11 / 10 + SLACK_MS;
	close(*fd);
	*fd = -1;
	begun = now_ms() - waited_for_cpu();
	ret = -_test_cmd_alloc(client, &alloc);
	took = now_ms() - waited_for_cpu() - begun;
	record->requests++;
	if (!ret) {
		record->answered++;
		*fd = alloc.out_fd;
	}
	if (!is_an_answer(ret))
		record->strange = ret;
	if (took > most) {
		record->late++;
		if (took - most > record->over)
			record->over = took - most;
	}
}

static pid_t user_begin(FIXTURE_DATA(stress) *self, int i)
{
	int fds[KEPT] = { -1, -1, -1, -1 }, client, n;
	pid_t pid = fork();

	if (pid)
		return pid;
	srand(now_ns() + i);
	stay_on(0);
	if (!i && *self->full.path)
		cgroup_enter(&self->full);
	if (drop_to_user(FIRST_UID + i))
		_exit(1);
	client = client_open();
	if (client < 0)
		_exit(2);
	for (n = 0;; n = (n + 1) % KEPT)
		request(client, &self->records[i], &fds[n]);
}

static void on_alarm(int signal)
{
}

/* Take blocks of memory offline and online again, one at a time. */
static pid_t offliner_begin(void)
{
	struct sigaction action = { .sa_handler = on_alarm };
	uint64_t block = memory_block_bytes(), n;
	pid_t pid;

	if (!block)
		return -1;
	pid = fork();
	if (pid)
		return pid;
	stay_on(0);
	srand(now_ns());
	sigaction(SIGALRM, &action, NULL);
	for (;;) {
		n = rand() % (2 * MIB(1024) / block);
		alarm(OFFLINE_MS / 1000);
		if (!memory_block_set(n, "offline")) {
			alarm(0);
			memory_block_set(n, "online");
		}
		alarm(0);
		usleep(100000);
	}
}

/* Make pages that stay locked: they must be written before they are dropped. */
static void silence_begin(FIXTURE_DATA(stress) *self)
{
	char *file;
	int fd, i;

	self->silent = !silent_fs_mount(&self->fs);
	if (!self->silent || fork())
		return;
	fd = open(self->fs.path, O_RDWR);
	file = mmap(NULL, SILENT_PAGES * page_size, PROT_READ | PROT_WRITE,
		    MAP_SHARED, fd, 0);
	for (i = 0; file != MAP_FAILED && i < SILENT_PAGES; i += 8)
		file[i * page_size] = 1;
	open(self->fs.path, O_RDONLY);
	_exit(0);
}

static void silence_end(FIXTURE_DATA(stress) *self)
{
	if (!self->silent)
		return;
	silent_fs_abort(&self->fs);
	silent_fs_unmount(&self->fs);
	self->silent = false;
}

static bool all_is_joined(void *unused)
{
	return !isolated_pageblocks();
}

/* Set blocks online that were left offline. */
static void blocks_online(void)
{
	uint64_t n;

	for (n = 0; n < 2 * MIB(1024) / memory_block_bytes(); n++)
		memory_block_set(n, "online");
}

static void tell(const struct record *records)
{
	struct record all = {};
	int i;

	for (i = 0; i < USERS; i++) {
		all.requests += records[i].requests;
		all.answered += records[i].answered;
	}
	printf("# %lld requests, %lld of them answered\n",
	       (long long)all.requests,
	       (long long)all.answered);
}

TEST_F_TIMEOUT(stress, of_all_kinds, 1200)
{
	int64_t end = now_ms() + (is_soak() ? 600000 : 12000);
	bool two = sysconf(_SC_NPROCESSORS_ONLN) > 1;
	unsigned int round, killed = 0, i;

	stay_on(0);
	srand(1);
	self->offliner = offliner_begin();
	for (i = 0; i < USERS; i++)
		self->users[i] = user_begin(self, i);
	for (round = 0; now_ms() < end; round++) {
		if (round % 8 == 0)
			silence_begin(self);
		if (two && round % 4 == 1)
			realtime_begin(&self->rt, 1);
		usleep(300000);
		i = rand() % USERS;
		kill(self->users[i], SIGKILL);
		ASSERT_TRUE(ends_within(self->users[i], KILL_MS))
			TH_LOG("a process cannot be killed");
		self->users[i] = user_begin(self, i);
		killed++;
		if (two && round % 4 == 2)
			realtime_end(&self->rt);
		if (round % 8 == 7)
			silence_end(self);
	}
	realtime_end(&self->rt);
	for (i = 0; i < USERS; i++) {
		kill(self->users[i], SIGKILL);
		EXPECT_TRUE(ends_within(self->users[i], KILL_MS));
		EXPECT_LT(0, self->records[i].requests);
		EXPECT_EQ(0, self->records[i].late)
			TH_LOG("user %u: at most %lld ms past the budget", i,
			       (long long)self->records[i].over);
		EXPECT_EQ(0, self->records[i].strange)
			TH_LOG("user %u: %s", i,
			       strerror(self->records[i].strange));
	}
	silence_end(self);
	if (self->offliner > 0) {
		kill(self->offliner, SIGKILL);
		EXPECT_TRUE(ends_within(self->offliner, OFFLINE_MS + KILL_MS))
			TH_LOG("memory is still going offline");
		blocks_online();
	}
	EXPECT_TRUE(poll_until(all_is_joined, NULL))
		TH_LOG("%ld pageblocks are isolated", isolated_pageblocks());
	printf("# %u processes killed\n", killed);
	tell(self->records);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

TEST_HARNESS_MAIN
