// SPDX-License-Identifier: GPL-2.0-only
/*
 * How much of a machine all users together may take, and where it shows that
 * they have it: shares of memory, cgroups, fdinfo, the log of the OOM killer.
 */
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/klog.h>
#include <signal.h>

#include "kselftest_harness.h"
#include "cgroup_utils.h"
#include "contig_utils.h"

#define QUOTA CONTIG_PARAMETERS "/quota_mib"
#define ORDINARY CONTIG_PARAMETERS "/ordinary_mib"

/*
 * Limits of users with no other right than to open the device
 */
FIXTURE(share) {
	int fd;
	mode_t mode;
	uint64_t ram;
};

FIXTURE_SETUP(share) {
	struct contig_info info;
	struct stat st;

	setup_client(self->fd);
	test_info(self->fd, &info);
	self->ram = info.out_ram_bytes;
	ASSERT_EQ(0, stat(CONTIG_PATH, &st));
	self->mode = st.st_mode & 0777;
	ASSERT_EQ(0, chmod(CONTIG_PATH, 0666));
}

FIXTURE_TEARDOWN(share) {
	chmod(CONTIG_PATH, self->mode);
	close(self->fd);
}

/*
 * As another user, allocate as much as possible, in large buffers and then in
 * smaller ones, and keep it until @hold has a byte. Write the MiB that were
 * allocated to @out, or a negative errno other than EDQUOT.
 */
static pid_t take_all(unsigned int uid, int out, int hold)
{
	int32_t taken = 0;
	size_t size;
	int client, fd;
	char byte;
	pid_t pid = fork();

	if (pid)
		return pid;
	if (drop_to_user(uid))
		_exit(1);
	client = client_open();
	if (client < 0)
		taken = client;
	for (size = MIB(64); taken >= 0 && size >= MIB(1);) {
		fd = buffer_alloc(client, size, CONTIG_RUNGS_SCATTER, 0);
		if (fd >= 0)
			taken += size >> 20;
		else if (fd == -EDQUOT)
			size /= 2;
		else
			taken = fd;
	}
	if (write(out, &taken, sizeof(taken)) != sizeof(taken))
		_exit(2);
	_exit(read(hold, &byte, 1) == 1 ? 0 : 3);
}

TEST_F_TIMEOUT(share, one_user_takes_an_eighth_and_all_a_quarter, 400)
{
	int32_t eighth = self->ram / 8 >> 20, quarter = self->ram / 4 >> 20;
	int32_t taken, sum = 0;
	int out[2], hold[2], fd;
	pid_t pids[16];
	unsigned int i;

	ASSERT_EQ(0, pipe(out));
	ASSERT_EQ(0, pipe(hold));
	for (i = 0; i < ARRAY_SIZE(pids); i++) {
		pids[i] = take_all(100000 + i, out[1], hold[0]);
		ASSERT_EQ(sizeof(taken), read(out[0], &taken, sizeof(taken)));
		EXPECT_LE(0, taken);
		EXPECT_GE(eighth, taken)
			TH_LOG("user %u took %d MiB", i, taken);
		/* The first user gets all of its share. */
		EXPECT_LE(i ? 0 : eighth - 1, taken);
		sum += taken;
	}
	EXPECT_GE(quarter, sum);
	EXPECT_LE(quarter - 2, sum);
	/* The administrator can still allocate. */
	fd = buffer_alloc(self->fd, MIB(32), 0, 0);
	EXPECT_LE(0, fd);
	close(fd);
	for (i = 0; i < ARRAY_SIZE(pids); i++)
		ASSERT_EQ(1, write(hold[1], "", 1));
	for (i = 0; i < ARRAY_SIZE(pids); i++)
		EXPECT_EQ(0, child_wait(pids[i]));
	close(hold[0]);
	close(hold[1]);
	close(out[0]);
	close(out[1]);
}

/* Run @check as another user, and return its result. */
static int as_user(unsigned int uid, int (*check)(int inherited, uint64_t ram),
		   int inherited, uint64_t ram)
{
	pid_t pid = fork();

	if (!pid)
		_exit(drop_to_user(uid) ? 100 : check(inherited, ram));
	return child_wait(pid);
}

static bool quota_is(int client, uint64_t bytes)
{
	struct contig_info info;

	return !_test_cmd_info(client, &info) &&
	       info.out_quota_bytes / page_size == bytes / page_size;
}

static int check_info(int inherited, uint64_t ram)
{
	int client = client_open();

	if (client < 0 || !quota_is(client, ram / 8))
		return 1;
	/* The account belongs to the file, whichever process uses it. */
	return quota_is(inherited, ram / 2) ? 0 : 2;
}

TEST_F(share, info_tells_it)
{
	EXPECT_TRUE(quota_is(self->fd, self->ram / 2));
	EXPECT_EQ(0, as_user(1000, check_info, self->fd, self->ram));
	/* The capability decides, not the uid. */
	ASSERT_EQ(0, drop_cap(CAP_SYS_RESOURCE_NR));
	EXPECT_EQ(0, as_user(0, check_info, self->fd, self->ram));
}

static int check_six(int inherited, uint64_t ram)
{
	int client = client_open();

	if (client < 0 || !quota_is(client, ram))
		return 1;
	if (buffer_alloc(client, ram + 1, 0, 0) != -EDQUOT)
		return 2;
	return buffer_alloc(client, ram, 0, 0) < 0 ? 3 : 0;
}

TEST_F(share, what_the_administrator_sets_holds_for_all)
{
	char *quota = read_text(QUOTA), *ordinary = read_text(ORDINARY);

	ASSERT_NE(NULL, quota);
	ASSERT_NE(NULL, ordinary);
	EXPECT_EQ(0, write_text(QUOTA, "6"));
	EXPECT_TRUE(quota_is(self->fd, MIB(6)));
	EXPECT_EQ(0, as_user(1000, check_six, self->fd, MIB(6)));
	EXPECT_EQ(0, write_text(ORDINARY, "5"));
	EXPECT_EQ(3, as_user(1000, check_six, self->fd, MIB(6)));
	EXPECT_EQ(0, write_text(ORDINARY, ordinary));
	EXPECT_EQ(0, write_text(QUOTA, quota));
	free(ordinary);
	free(quota);
}

/*
 * The total of the users' own memory that is locked
 */
#define PIN_TOTAL CONTIG_PARAMETERS "/pin_total_mib"
#define PIN_MIB 2

/* Lock memory as another user and keep it until @hold can be read from. */
static pid_t lock_as_user(unsigned int uid, int client, size_t length, int out,
			  int hold)
{
	struct rlimit limit = { MIB(PIN_MIB), MIB(PIN_MIB) };
	pid_t pid = fork();
	int32_t ret;
	char byte;

	if (pid)
		return pid;
	if (setrlimit(RLIMIT_MEMLOCK, &limit) || drop_to_user(uid))
		_exit(1);
	ret = _test_cmd_lock(client, anon_map(length), length, 0);
	if (write(out, &ret, sizeof(ret)) != sizeof(ret))
		_exit(2);
	_exit(read(hold, &byte, 1) == 1 ? 0 : 3);
}

TEST_F(share, pins_of_all_uids_have_a_total)
{
	char *old = read_text(PIN_TOTAL);
	pid_t pids[8];
	int32_t ret;
	int out[2], hold[2];
	unsigned int i;
	char *memory;
	int client;

	ASSERT_NE(NULL, old);
	ASSERT_EQ(0, write_text(PIN_TOTAL, "8"));
	ASSERT_EQ(0, pipe(out));
	ASSERT_EQ(0, pipe(hold));
	/* Each user stays within its own RLIMIT_MEMLOCK. */
	for (i = 0; i < ARRAY_SIZE(pids); i++) {
		client = client_open();
		pids[i] = lock_as_user(100000 + i, client, MIB(PIN_MIB), out[1],
				       hold[0]);
		close(client);
		ASSERT_EQ(sizeof(ret), read(out[0], &ret, sizeof(ret)));
		EXPECT_EQ(i < 8 / PIN_MIB ? 0 : -EDQUOT, ret)
			TH_LOG("user %u", i);
	}
	/* CAP_IPC_LOCK exempts from the total. */
	memory = anon_map(MIB(PIN_MIB));
	test_lock(self->fd, memory, MIB(PIN_MIB), 0);
	test_unlock(self->fd, memory, MIB(PIN_MIB));
	for (i = 0; i < ARRAY_SIZE(pids); i++)
		ASSERT_EQ(1, write(hold[1], "", 1));
	for (i = 0; i < ARRAY_SIZE(pids); i++)
		EXPECT_EQ(0, child_wait(pids[i]));
	/* Everything was uncharged, and failed locks charged nothing. */
	for (i = 0; i < 2; i++) {
		client = client_open();
		pids[0] = lock_as_user(1000, client, MIB(PIN_MIB), out[1],
				       hold[0]);
		close(client);
		ASSERT_EQ(sizeof(ret), read(out[0], &ret, sizeof(ret)));
		EXPECT_EQ(0, ret);
		ASSERT_EQ(1, write(hold[1], "", 1));
		EXPECT_EQ(0, child_wait(pids[0]));
	}
	EXPECT_EQ(0, write_text(PIN_TOTAL, old));
	free(old);
	close(out[0]);
	close(out[1]);
	close(hold[0]);
	close(hold[1]);
}

/*
 * Memory cgroups
 */
FIXTURE(cgroup) {
	int fd;
	struct cgroup group;
};

FIXTURE_SETUP(cgroup) {
	int ret;

	setup_client(self->fd);
	ret = cgroup_make(&self->group, "memory");
	if (ret == -ENODEV)
		SKIP(return, "no memory controller of cgroup v2");
	ASSERT_EQ(0, ret);
}

FIXTURE_TEARDOWN(cgroup) {
	cgroup_remove(&self->group);
	close(self->fd);
}

/*
 * Allocate some buffers in the cgroup. Return by how many bytes the charge
 * grew, a negative errno, or -128 and less if a signal ended the process.
 */
static int64_t charged_many(const struct cgroup *group, uint64_t length,
			    int times, uint32_t rung)
{
	int64_t result[2] = {};
	int out[2], ret;
	pid_t pid;

	if (pipe(out))
		return -errno;
	pid = fork();
	if (!pid) {
		int client, fd;

		if (cgroup_enter(group))
			_exit(1);
		client = client_open();
		/*
		 * Allocate once before: this charges the user's account and
		 * what a process needs.
		 */
		close(buffer_alloc(client, page_size, 1u << rung, 0));
		result[0] = cgroup_read(group, "memory.current");
		do {
			fd = buffer_alloc(client, length, 1u << rung, 0);
		} while (fd >= 0 && --times);
		if (fd < 0) {
			/*
			 * In a cgroup without a page left nothing else works.
			 */
			close_range(client, ~0u, 0);
			_exit(-fd);
		}
		result[1] = cgroup_read(group, "memory.current");
		if (write(out[1], result, sizeof(result)) != sizeof(result))
			_exit(2);
		_exit(0);
	}
	ret = child_wait(pid);
	if (ret)
		result[1] = result[0] - ret;
	else if (read(out[0], result, sizeof(result)) != sizeof(result))
		result[1] = result[0] - EIO;
	close(out[0]);
	close(out[1]);
	return result[1] - result[0];
}

static int64_t charged_for(const struct cgroup *group, uint64_t length,
			   uint32_t rung)
{
	return charged_many(group, length, 1, rung);
}

/* The kernel charges some pages for each processor in advance. */
#define BATCH KIB(512)

TEST_F(cgroup, is_charged)
{
	struct contig_info info;
	int64_t charged;

	test_info(self->fd, &info);
	charged = charged_for(&self->group, MIB(8), CONTIG_RUNG_SCATTER);
	EXPECT_LE((int64_t)(MIB(8) - BATCH), charged);
	charged = charged_for(&self->group, MIB(2), CONTIG_RUNG_SPLIT);
	EXPECT_LE((int64_t)(MIB(2) - BATCH), charged);
	/* The kernel charges CMA to no cgroup. */
	if (meminfo_kib("CmaTotal") <= 0 &&
	    !(info.out_features & CONTIG_FEATURE_POOL)) {
		charged = charged_for(&self->group, MIB(2),
				      CONTIG_RUNG_COHERENT);
		EXPECT_LE((int64_t)(MIB(2) - BATCH), charged);
	}
	/*
	 * If this fails, change "Accounting" in Documentation/limitations.md.
	 */
	if (info.out_features & CONTIG_FEATURE_RANGE) {
		/* No block of the page allocator, which would be charged. */
		charged = charged_for(&self->group,
				      2 * info.out_max_order_bytes,
				      CONTIG_RUNG_RANGE);
		EXPECT_LE(-(int64_t)BATCH, charged);
		EXPECT_GE((int64_t)MIB(4), charged);
	}
	/* Everything was uncharged, but for the pages charged in advance. */
	EXPECT_GE((int64_t)MIB(4), cgroup_read(&self->group, "memory.current"));
}

TEST_F(cgroup, refuses)
{
	int ret;

	ASSERT_EQ(0, cgroup_write(&self->group, "memory.max", "8M"));
	cgroup_write(&self->group, "memory.swap.max", "0");
	EXPECT_EQ(-ENOMEM, charged_for(&self->group, MIB(16),
				       CONTIG_RUNG_SCATTER));
	/* The request failed, and no process was killed for it. */
	EXPECT_TRUE(cgroup_has(&self->group, "memory.events", "oom_kill 0"));
	EXPECT_LT(0, charged_for(&self->group, MIB(1), CONTIG_RUNG_SCATTER));

	/*
	 * The same for orders that the page allocator considers cheap. The
	 * limit may be too low by then for the kernel's own memory, for
	 * instance to open a file.
	 */
	if (meminfo_kib("CmaTotal") <= 0) {
		ret = charged_many(&self->group, KIB(32), 512,
				   CONTIG_RUNG_COHERENT);
		EXPECT_TRUE(ret == -ENOMEM || ret == -(128 + SIGKILL))
			TH_LOG("%d", ret);
	}
}

#define LOCK_CLIENTS 64
#define LOCK_PAGES 2048

/*
 * In a cgroup limited to 2 MiB more than it uses at the beginning, lock every
 * other page of memory that is charged elsewhere, through one client after the
 * other, until a lock is refused. Then unlock the middle of a range, which
 * takes memory as well. Return the errno of the refusal, or 200 and more if
 * another call fails.
 */
static int lock_until_refused(const struct cgroup *group, char *memory)
{
	int client[LOCK_CLIENTS], i, n, ret = 0;
	char limit[32];

	for (i = 0; i < LOCK_CLIENTS; i++) {
		client[i] = client_open();
		if (client[i] < 0)
			return 200;
	}
	if (cgroup_enter(group) ||
	    _test_cmd_lock(client[0], memory, pages(LOCK_PAGES), 0))
		return 201;
	snprintf(limit, sizeof(limit), "%lld",
		 (long long)cgroup_read(group, "memory.current") + MIB(2));
	if (cgroup_write(group, "memory.max", limit))
		return 202;
	for (i = 1; i < LOCK_CLIENTS && !ret; i++)
		for (n = 0; n < LOCK_PAGES && !ret; n += 2)
			ret = -_test_cmd_lock(client[i], memory + pages(n),
					      page_size, 0);
	for (n = 1; n < 512; n += 2)
		if (_test_cmd_unlock(client[0], memory + pages(n), page_size))
			return 203;
	return ret;
}

TEST_F(cgroup, refuses_what_describes_locks)
{
	int memory_fd = memfd_create("contig", MFD_CLOEXEC), ret;
	char *memory;
	pid_t pid;

	ASSERT_EQ(0, ftruncate(memory_fd, pages(LOCK_PAGES)));
	memory = mmap(NULL, pages(LOCK_PAGES), PROT_READ | PROT_WRITE,
		      MAP_SHARED, memory_fd, 0);
	ASSERT_NE(MAP_FAILED, memory);
	memset(memory, 1, pages(LOCK_PAGES));
	cgroup_write(&self->group, "memory.swap.max", "0");
	pid = fork();
	if (!pid)
		_exit(lock_until_refused(&self->group, memory));
	ret = child_wait(pid);
	EXPECT_EQ(ENOMEM, ret);
	EXPECT_TRUE(cgroup_has(&self->group, "memory.events", "oom_kill 0"));
	munmap(memory, pages(LOCK_PAGES));
	close(memory_fd);
}

/* Return a value of a client's fdinfo in KiB, or -1 if it is not there. */
static int64_t fdinfo_kib(int fd, const char *key)
{
	char path[64], *text, *at;
	int64_t kib = -1;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	text = read_text(path);
	at = text ? strstr(text, key) : NULL;
	if (at)
		sscanf(at + strlen(key), ":%*[ \t]%lld KiB", (long long *)&kib);
	free(text);
	return kib;
}

TEST_F(share, fdinfo_tells_what_a_client_has)
{
	int fd = buffer_get(self->fd, MIB(3), CONTIG_RUNGS_SCATTER);
	char *memory = anon_map(KIB(640));

	ASSERT_LE(0, fd);
	ASSERT_NE(NULL, memory);
	EXPECT_EQ(3 << 10, fdinfo_kib(self->fd, "contig-allocated"));
	EXPECT_LE((int64_t)(self->ram / 2 - page_size) >> 10,
		  fdinfo_kib(self->fd, "contig-quota"));
	EXPECT_EQ(0, fdinfo_kib(self->fd, "contig-locked"));
	test_lock(self->fd, memory, KIB(256), 0);
	test_hold(self->fd, memory, KIB(640), NULL);
	EXPECT_EQ(256, fdinfo_kib(self->fd, "contig-locked"));
	EXPECT_EQ(640, fdinfo_kib(self->fd, "contig-held"));
	close(fd);
	EXPECT_EQ(0, fdinfo_kib(self->fd, "contig-allocated"));
}

/*
 * Buffers mapped as ordinary pages count as resident memory for the OOM killer.
 */
TEST_F(share, mapped_buffers_are_resident)
{
	int fd = buffer_get(self->fd, MIB(16), CONTIG_RUNGS_SCATTER);
	long before = status_kib("VmRSS");
	void *map;

	ASSERT_LE(0, fd);
	map = buffer_map(fd, MIB(16));
	ASSERT_NE(NULL, map);
	/*
	 * Kernels before 6.2 add a thread's pages up at every 64th page fault.
	 */
	ASSERT_NE(NULL, anon_map(pages(128)));
	EXPECT_LE(before + (14 << 10), status_kib("VmRSS"));
	munmap(map, MIB(16));
	close(fd);
}

static bool log_has(void *text)
{
	int size = klogctl(10, NULL, 0);
	char *log = calloc(1, size + 1);
	bool found = log && klogctl(3, log, size) > 0 && strstr(log, text);

	free(log);
	return found;
}

/*
 * When the OOM killer is invoked, the log names the users with the most memory.
 */
TEST_F_TIMEOUT(share, oom_killer_is_told, 400)
{
	pid_t victim, user;
	int32_t taken;
	int out[2], hold[2];
	int status;

	ASSERT_EQ(0, pipe(out));
	ASSERT_EQ(0, pipe(hold));
	user = take_all(4242, out[1], hold[0]);
	ASSERT_EQ(sizeof(taken), read(out[0], &taken, sizeof(taken)));
	ASSERT_LT(0, taken);
	victim = fork();
	if (!victim) {
		if (write_text("/proc/self/oom_score_adj", "1000"))
			_exit(1);
		anon_map(MIB(64));
		for (;;)
			pause();
	}
	usleep(300000);
	if (write_text("/proc/sysrq-trigger", "f")) {
		kill(victim, SIGKILL);
		kill(user, SIGKILL);
		ASSERT_TRUE(!"the kernel has CONFIG_MAGIC_SYSRQ");
	}
	ASSERT_EQ(victim, waitpid(victim, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_TRUE(poll_until(log_has, "contig: out of memory: uid 4242 has "));
	ASSERT_EQ(1, write(hold[1], "", 1));
	EXPECT_EQ(0, child_wait(user));
	close(hold[0]);
	close(hold[1]);
	close(out[0]);
	close(out[1]);
}

TEST_HARNESS_MAIN
