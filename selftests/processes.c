// SPDX-License-Identifier: GPL-2.0-only
/*
 * Clients and their processes: fork, exec, exit, SIGKILL, and descriptors that
 * are passed on.
 */
#include <signal.h>
#include <sys/socket.h>

#include "kselftest_harness.h"
#include "contig_utils.h"

#define PAGES 8
#define EXEC_VARIABLE "CONTIG_EXEC_CLIENT"

/* Runs in the program when a test executes it again. */
static __attribute__((constructor)) void executed(void)
{
	const char *client = getenv(EXEC_VARIABLE);
	struct contig_info info;
	static char memory[1 << 13];
	int fd;

	if (!client)
		return;
	fd = atoi(client);
	if (_test_cmd_info(fd, &info))
		_exit(fd ? 10 : 0);
	if (_test_cmd_lock(fd, memory, 1, 0) != -EXDEV)
		_exit(11);
	if (_test_cmd_hold(fd, memory, 1, NULL) != -EXDEV)
		_exit(12);
	_exit(13);
}

FIXTURE(process) {
	int fd;
	char *memory;
	struct contig_extent extents[PAGES];
	struct contig_run runs[PAGES];
};

FIXTURE_SETUP(process) {
	setup_client(self->fd);
	self->memory = anon_map(pages(PAGES));
	ASSERT_NE(NULL, self->memory);
	fill_pattern(self->memory, pages(PAGES), 1);
}

FIXTURE_TEARDOWN(process) {
	close(self->fd);
}

/* Return 0 if every command on a range of memory gives EXDEV. */
static int all_give_exdev(FIXTURE_DATA(process) *self)
{
	struct contig_get_physical translate = {
		.size = sizeof(translate),
		.addr = to_addr(self->memory),
		.length = 1,
		.extents = to_addr(self->extents),
		.count = PAGES,
	};
	struct contig_get_state state = {
		.size = sizeof(state),
		.addr = to_addr(self->memory),
		.length = 1,
		.runs = to_addr(self->runs),
		.count = PAGES,
	};

	if (_test_cmd_lock(self->fd, self->memory, 1, 0) != -EXDEV)
		return 21;
	if (_test_cmd_unlock(self->fd, self->memory, 1) != -EXDEV)
		return 22;
	if (_test_cmd_hold(self->fd, self->memory, 1, NULL) != -EXDEV)
		return 23;
	if (_test_cmd_unhold(self->fd, self->memory, 1, NULL, NULL) != -EXDEV)
		return 24;
	if (_test_cmd_get_physical(self->fd, &translate) != -EXDEV)
		return 25;
	if (_test_cmd_count(self->fd, self->memory, 1) != -EXDEV)
		return 26;
	if (_test_cmd_get_state(self->fd, &state) != -EXDEV)
		return 27;
	return 0;
}

TEST_F(process, ranges_are_not_for_a_forked_child)
{
	struct snapshot before;
	pid_t pid;

	test_lock(self->fd, self->memory, pages(PAGES), 0);
	test_hold(self->fd, self->memory, pages(PAGES), NULL);
	snapshot_take(&before, self->fd);
	pid = fork();
	if (!pid)
		_exit(all_give_exdev(self));
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_TRUE(snapshot_is_same(&before, self->fd));
	EXPECT_TRUE(translation_is_true(self->fd, self->memory, pages(PAGES)));
}

TEST_F(process, buffers_are_for_a_forked_child)
{
	struct contig_info info;
	pid_t pid = fork();

	if (!pid) {
		int fd = buffer_alloc(self->fd, page_size, 0, 0);

		if (fd < 0 || _test_cmd_info(self->fd, &info))
			_exit(1);
		if (_test_cmd_lock_buffer(self->fd, fd, 0, page_size, 0) ||
		    _test_cmd_count_buffer(self->fd, fd, 0, page_size) != 1)
			_exit(2);
		_exit(_test_cmd_unlock_buffer(self->fd, fd, 0, page_size));
	}
	EXPECT_EQ(0, child_wait(pid));
}

TEST_F(process, child_can_open_a_client_of_its_own)
{
	pid_t pid;

	test_lock(self->fd, self->memory, pages(PAGES), 0);
	pid = fork();
	if (!pid) {
		int client = client_open();

		if (_test_cmd_count(client, self->memory, 1) != -ENOLCK)
			_exit(1);
		if (_test_cmd_lock(client, self->memory, pages(PAGES), 0))
			_exit(2);
		fill_pattern(self->memory, pages(PAGES), 2);
		_exit(!translation_is_true(client, self->memory, pages(PAGES)));
	}
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_TRUE(has_pattern(self->memory, pages(PAGES), 1));
	EXPECT_TRUE(translation_is_true(self->fd, self->memory, pages(PAGES)));
}

/* Copy on write must not replace the locked page. */
TEST_F(process, writing_after_fork_keeps_the_page)
{
	uint64_t pfns[PAGES];
	int ready[2], i;
	char byte;
	pid_t pid;

	ASSERT_EQ(0, pipe(ready));
	test_lock(self->fd, self->memory, pages(PAGES / 2), 0);
	test_lock(self->fd, self->memory + pages(PAGES / 2), pages(PAGES / 2),
		  CONTIG_LOCK_OUTPUT);
	for (i = 0; i < PAGES; i++)
		pfns[i] = pfn_of(self->memory + pages(i));
	pid = fork();
	if (!pid) {
		if (read(ready[0], &byte, 1) != 1)
			_exit(1);
		/* The child has the contents at the time of the fork. */
		_exit(!has_pattern(self->memory, pages(PAGES), 1));
	}
	fill_pattern(self->memory, pages(PAGES), 2);
	for (i = 0; i < PAGES; i++)
		EXPECT_EQ(pfns[i], pfn_of(self->memory + pages(i)));
	EXPECT_TRUE(translation_is_true(self->fd, self->memory, pages(PAGES)));
	ASSERT_EQ(1, write(ready[1], "x", 1));
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_TRUE(translation_is_true(self->fd, self->memory, pages(PAGES)));
}

/* The pages are shared already when they are locked. */
TEST_F(process, locking_after_fork_takes_the_right_page)
{
	uint32_t flags;
	int ready[2];
	char byte;
	pid_t pid;

	for (flags = 0; flags <= CONTIG_LOCK_OUTPUT;
	     flags += CONTIG_LOCK_OUTPUT) {
		ASSERT_EQ(0, pipe(ready));
		fill_pattern(self->memory, pages(PAGES), 1);
		pid = fork();
		if (!pid) {
			close(ready[1]);
			if (read(ready[0], &byte, 1) != 1)
				_exit(1);
			_exit(!has_pattern(self->memory, pages(PAGES), 1));
		}
		test_lock(self->fd, self->memory, pages(PAGES), flags);
		EXPECT_TRUE(translation_is_true(self->fd, self->memory,
						pages(PAGES)));
		fill_pattern(self->memory, pages(PAGES), 2);
		EXPECT_TRUE(translation_is_true(self->fd, self->memory,
						pages(PAGES)));
		ASSERT_EQ(1, write(ready[1], "x", 1));
		EXPECT_EQ(0, child_wait(pid));
		EXPECT_TRUE(has_pattern(self->memory, pages(PAGES), 2));
		test_unlock(self->fd, self->memory, pages(PAGES));
		close(ready[0]);
		close(ready[1]);
	}
}

TEST_F(process, child_that_ends_takes_nothing_along)
{
	int i;

	test_lock(self->fd, self->memory, pages(PAGES), 0);
	for (i = 0; i < 10; i++) {
		pid_t pid = fork();

		if (!pid) {
			memset(self->memory, i, pages(PAGES));
			munmap(self->memory, pages(PAGES));
			_exit(0);
		}
		EXPECT_EQ(0, child_wait(pid));
		EXPECT_TRUE(translation_is_true(self->fd, self->memory,
						pages(PAGES)));
	}
	EXPECT_TRUE(has_pattern(self->memory, pages(PAGES), 1));
}

/* Locks end with the last descriptor, whichever process has it. */
TEST_F(process, owner_that_ends_before_the_last_descriptor)
{
	long before = free_pages();
	int sockets[2], client;
	pid_t pid;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	pid = fork();
	if (!pid) {
		int own = client_open();
		char *much = anon_map(MIB(32));

		if (!much || _test_cmd_lock(own, much, MIB(32), 0) ||
		    _test_cmd_hold(own, much, MIB(32), NULL))
			_exit(1);
		_exit(-fd_send(sockets[1], own));
	}
	EXPECT_EQ(0, child_wait(pid));
	client = fd_receive(sockets[0]);
	ASSERT_LE(0, client);
	/* The memory is still locked, and no process can translate it. */
	EXPECT_GT(before - (long)(MIB(24) / page_size), free_pages());
	EXPECT_EQ(-EXDEV, _test_cmd_lock(client, self->memory, 1, 0));
	EXPECT_EQ(-EXDEV, _test_cmd_count(client, self->memory, 1));
	close(client);
	EXPECT_TRUE(free_pages_return(before - 1024));
}

TEST_F(process, client_passed_to_another_process)
{
	int sockets[2];
	pid_t pid;

	test_lock(self->fd, self->memory, pages(PAGES), 0);
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	pid = fork();
	if (!pid) {
		close(self->fd);
		self->fd = fd_receive(sockets[1]);
		_exit(all_give_exdev(self));
	}
	ASSERT_EQ(0, fd_send(sockets[0], self->fd));
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_TRUE(translation_is_true(self->fd, self->memory, pages(PAGES)));
}

static bool nothing_is_charged(void *arg)
{
	return !charged_kib();
}

/*
 * Another process may close the last descriptor than the one that locked: the
 * memory is unlocked all the same, if a little later.
 */
TEST_F(process, last_descriptor_is_closed_elsewhere)
{
	int go[2], done[2];
	char byte = 0;
	pid_t pid;

	test_lock(self->fd, self->memory, pages(PAGES), 0);
	test_hold(self->fd, self->memory, pages(PAGES), NULL);
	ASSERT_EQ(0, pipe(go));
	ASSERT_EQ(0, pipe(done));
	pid = fork();
	if (!pid) {
		/* The first descriptor is closed alone, the others by exit. */
		if (read(go[0], &byte, 1) != 1 || close(self->fd) ||
		    write(done[1], &byte, 1) != 1)
			_exit(1);
		_exit(read(go[0], &byte, 1) != 1);
	}
	close(self->fd);
	EXPECT_EQ((long)(pages(PAGES) >> 10), charged_kib());
	ASSERT_EQ(1, write(go[1], &byte, 1));
	ASSERT_EQ(1, read(done[0], &byte, 1));
	EXPECT_TRUE(poll_until(nothing_is_charged, NULL));
	ASSERT_EQ(1, write(go[1], &byte, 1));
	EXPECT_EQ(0, child_wait(pid));

	self->fd = client_open();
	ASSERT_LE(0, self->fd);
	test_lock(self->fd, self->memory, pages(PAGES), 0);
	EXPECT_TRUE(translation_is_true(self->fd, self->memory, pages(PAGES)));
	pid = fork();
	if (!pid)
		_exit(read(go[0], &byte, 1) != 1);
	close(self->fd);
	ASSERT_EQ(1, write(go[1], &byte, 1));
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_TRUE(poll_until(nothing_is_charged, NULL));
	self->fd = -1;
}

TEST_F(process, exec_closes_the_client)
{
	struct snapshot before;
	pid_t pid;

	snapshot_take(&before, self->fd);
	pid = fork();
	if (!pid) {
		char number[16];
		int client = client_open();

		if (_test_cmd_lock(client, self->memory, pages(PAGES), 0) ||
		    buffer_alloc(client, MIB(1), 0, 0) < 0)
			_exit(1);
		snprintf(number, sizeof(number), "%d", client);
		setenv(EXEC_VARIABLE, number, 1);
		execl("/proc/self/exe", "exec", NULL);
		_exit(2);
	}
	EXPECT_EQ(10, child_wait(pid));
	EXPECT_TRUE(snapshot_is_same(&before, self->fd));
}

TEST_F(process, exec_with_an_inherited_client)
{
	struct snapshot before;
	pid_t pid;

	snapshot_take(&before, self->fd);
	pid = fork();
	if (!pid) {
		char number[16];
		int client = client_open();

		fcntl(client, F_SETFD, 0);
		if (_test_cmd_lock(client, self->memory, pages(PAGES), 0))
			_exit(1);
		snprintf(number, sizeof(number), "%d", client);
		setenv(EXEC_VARIABLE, number, 1);
		execl("/proc/self/exe", "exec", NULL);
		_exit(2);
	}
	/* It is another program with other memory: EXDEV. */
	EXPECT_EQ(13, child_wait(pid));
	EXPECT_TRUE(snapshot_is_same(&before, self->fd));
}

static void use_everything(char *name)
{
	int client = client_open(), fd;
	struct contig_alloc alloc = alloc_request(MIB(4), 0);
	char *memory = anon_map(MIB(8)), *map;

	strcpy(alloc.name, name);
	if (client < 0 || _test_cmd_alloc(client, &alloc))
		_exit(1);
	fd = alloc.out_fd;
	map = buffer_map(fd, MIB(4));
	if (!map || _test_cmd_lock(client, map, MIB(1), 0) ||
	    _test_cmd_lock_buffer(client, fd, 0, MIB(2), 0) ||
	    _test_cmd_lock(client, memory, MIB(4), 0) ||
	    _test_cmd_lock(client, memory + MIB(2), MIB(4), 0) ||
	    _test_cmd_hold(client, memory, MIB(8), NULL))
		_exit(2);
	munmap(memory, MIB(1));
	fill_pattern(map, MIB(4), 1);
}

FIXTURE(end) {
	int fd;
};

FIXTURE_VARIANT(end) {
	int signal;
};

FIXTURE_VARIANT_ADD(end, exit) { .signal = 0 };
FIXTURE_VARIANT_ADD(end, sigkill) { .signal = SIGKILL };
FIXTURE_VARIANT_ADD(end, sigsegv) { .signal = SIGSEGV };

FIXTURE_SETUP(end) {
	setup_client(self->fd);
}

FIXTURE_TEARDOWN(end) {
	close(self->fd);
}

/* A process that has objects of each kind and is killed. */
TEST_F_TIMEOUT(end, leaves_nothing, 400)
{
	struct snapshot before;
	long free;
	pid_t pid;
	int i;

	snapshot_take(&before, self->fd);
	free = free_pages();
	for (i = 0; i < 5; i++) {
		pid = fork();
		if (!pid) {
			use_everything("the late lamented");
			signal(SIGSEGV, SIG_DFL);
			if (variant->signal)
				kill(getpid(), variant->signal);
			_exit(0);
		}
		EXPECT_EQ(variant->signal ? 128 + variant->signal : 0,
			  child_wait(pid));
		EXPECT_FALSE(debugfs_has("buffers", "the late lamented"));
	}
	EXPECT_TRUE(free_pages_return(free - 1024));
	EXPECT_TRUE(snapshot_is_same(&before, self->fd));
}

/* Killed at any moment, also inside a command. */
TEST_F_TIMEOUT(end, killed_at_work, 400)
{
	struct snapshot before;
	long free;
	int signal = variant->signal ?: SIGTERM;
	pid_t pid;
	int i;

	snapshot_take(&before, self->fd);
	free = free_pages();
	for (i = 0; i < 20; i++) {
		pid = fork();
		if (!pid) {
			for (;;) {
				use_everything("at work");
				for (int fd = 3; fd < 64; fd++)
					if (fd != self->fd)
						close(fd);
			}
		}
		usleep(10000 + i * 3000);
		kill(pid, signal);
		EXPECT_EQ(128 + signal, child_wait(pid));
		EXPECT_FALSE(debugfs_has("buffers", "at work"));
	}
	EXPECT_TRUE(free_pages_return(free - 1024));
	EXPECT_TRUE(snapshot_is_same(&before, self->fd));
}

TEST_HARNESS_MAIN
