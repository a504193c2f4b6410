// SPDX-License-Identifier: GPL-2.0-only
/*
 * What administrators see of the module: debugfs, fdinfo, tracepoints.
 */
#include <inttypes.h>
#include <linux/dma-buf.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "kselftest_harness.h"
#include "contig_utils.h"

FIXTURE(observe) {
	int fd;
};

FIXTURE_SETUP(observe) {
	setup_client(self->fd);
}

FIXTURE_TEARDOWN(observe) {
	close(self->fd);
}

TEST_F(observe, stats_count_successes)
{
	int64_t before[3], after[3], i;
	uint32_t rung;
	int fd;

	for (rung = CONTIG_RUNG_COHERENT; rung < CONTIG_RUNG_MAX; rung++) {
		for (i = STAT_ATTEMPTS; i <= STAT_BYTES; i++)
			before[i] = stat_of(rung, i);
		fd = buffer_get(self->fd, pages(3), 1u << rung);
		ASSERT_LE(0, fd);
		EXPECT_EQ((int64_t)pages(3), stat_of(rung, STAT_IN_USE));
		close(fd);
		EXPECT_EQ(0, stat_of(rung, STAT_IN_USE));
		for (i = STAT_ATTEMPTS; i <= STAT_BYTES; i++)
			after[i] = stat_of(rung, i);
		EXPECT_EQ(before[STAT_ATTEMPTS] + 1, after[STAT_ATTEMPTS]);
		EXPECT_EQ(before[STAT_SUCCESSES] + 1, after[STAT_SUCCESSES]);
		EXPECT_EQ(before[STAT_BYTES] + (int64_t)pages(3),
			  after[STAT_BYTES]);
	}
}

TEST_F(observe, stats_count_failures)
{
	int64_t attempts = stat_of(CONTIG_RUNG_RESERVE, STAT_ATTEMPTS);
	int64_t successes = stat_of(CONTIG_RUNG_RESERVE, STAT_SUCCESSES);
	int64_t failures = stat_of(CONTIG_RUNG_RESERVE, STAT_ENOMEM);
	struct contig_info info;
	int i;

	test_info(self->fd, &info);
	need_reserve(self->fd, page_size);
	for (i = 0; i < 7; i++)
		EXPECT_EQ(-ENOMEM, buffer_alloc(self->fd,
						info.out_reserve_bytes + 1,
						CONTIG_RUNGS_RESERVE, 0));
	EXPECT_EQ(attempts + 7, stat_of(CONTIG_RUNG_RESERVE, STAT_ATTEMPTS));
	EXPECT_EQ(successes, stat_of(CONTIG_RUNG_RESERVE, STAT_SUCCESSES));
	EXPECT_EQ(failures + 7, stat_of(CONTIG_RUNG_RESERVE, STAT_ENOMEM));
}

TEST_F(observe, buffers_come_and_go)
{
	struct contig_alloc alloc = alloc_request(pages(5),
						  CONTIG_RUNGS_SCATTER);
	char *empty = debugfs_text("buffers"), *text;
	char figure[32];

	ASSERT_NE(NULL, empty);
	strcpy(alloc.name, "seen-from-outside");
	test_alloc(self->fd, &alloc);
	text = debugfs_text("buffers");
	ASSERT_NE(NULL, text);
	snprintf(figure, sizeof(figure), " %zu ", pages(5));
	EXPECT_NE(NULL, strstr(text, "seen-from-outside"));
	EXPECT_NE(NULL, strstr(text, "scatter"));
	EXPECT_NE(NULL, strstr(text, figure))
		TH_LOG("%s", text);
	free(text);
	close(alloc.out_fd);
	text = debugfs_text("buffers");
	ASSERT_NE(NULL, text);
	EXPECT_STREQ(empty, text);
	free(text);
	free(empty);
}

/* A process chooses its name, and must not be able to forge a line with it. */
TEST_F(observe, names_of_processes_are_one_word)
{
	int client;

	ASSERT_EQ(0, prctl(PR_SET_NAME, "for\nge\x7f"));
	client = client_open();
	ASSERT_LE(0, client);
	EXPECT_TRUE(debugfs_has("clients", "for?ge?"));
	EXPECT_FALSE(debugfs_has("clients", "for\nge"));
	close(client);
}

/*
 * The list has the name set by DMA_BUF_SET_NAME, on one line whatever it
 * contains.
 */
TEST_F(observe, buffers_can_be_renamed)
{
	struct contig_alloc alloc = alloc_request(pages(2),
						  CONTIG_RUNGS_SCATTER);
	/* The longest name. */
	char longest[DMA_BUF_NAME_LEN] = "abcdefghijklmnopqrstuvwxyz01234";

	strcpy(alloc.name, "first-name");
	test_alloc(self->fd, &alloc);
	EXPECT_TRUE(debugfs_has("buffers", " first-name\n"));
	ASSERT_EQ(0, ioctl(alloc.out_fd, DMA_BUF_SET_NAME, "second-name"));
	EXPECT_TRUE(debugfs_has("buffers", " second-name\n"));
	EXPECT_FALSE(debugfs_has("buffers", "first-name"));
	ASSERT_EQ(0, ioctl(alloc.out_fd, DMA_BUF_SET_NAME, longest));
	EXPECT_TRUE(debugfs_has("buffers", " abcdefghijklmnopqrstuvwxyz01234\n"));
	ASSERT_EQ(0, ioctl(alloc.out_fd, DMA_BUF_SET_NAME,
			   "for\nge\x1b[1m\xff"));
	EXPECT_TRUE(debugfs_has("buffers", " for?ge?[1m?\n"));
	EXPECT_FALSE(debugfs_has("buffers", "for\nge"));
	close(alloc.out_fd);
	EXPECT_FALSE(debugfs_has("buffers", "for?ge"));
}

TEST_F(observe, clients_show_what_is_locked)
{
	char *memory = anon_map(pages(7)), figure[32];

	ASSERT_NE(NULL, memory);
	snprintf(figure, sizeof(figure), " %zu ", pages(7));
	EXPECT_FALSE(debugfs_has("clients", figure));
	test_lock(self->fd, memory, pages(7), 0);
	test_lock(self->fd, memory, pages(7), 0);
	EXPECT_TRUE(debugfs_has("clients", figure));
	test_unlock(self->fd, memory, pages(7));
	EXPECT_TRUE(debugfs_has("clients", figure));
	test_unlock(self->fd, memory, pages(7));
	EXPECT_FALSE(debugfs_has("clients", figure));
	snprintf(figure, sizeof(figure), "%d", getpid());
	EXPECT_TRUE(debugfs_has("clients", figure));
}

TEST_F(observe, reserves_add_up)
{
	struct contig_info info;
	char figure[32];

	test_info(self->fd, &info);
	need_reserve(self->fd, MIB(1));
	snprintf(figure, sizeof(figure), " %" PRIu64 "\n",
		 (uint64_t)info.out_reserve_bytes);
	EXPECT_TRUE(debugfs_has("reserves", figure));
}

TEST_F(observe, files_are_roots_alone)
{
	pid_t pid = fork();

	if (!pid) {
		if (drop_to_user(1000))
			_exit(1);
		_exit(debugfs_text("buffers") || debugfs_text("reserves"));
	}
	EXPECT_EQ(0, child_wait(pid));
}

TEST_F(observe, fdinfo_of_a_buffer)
{
	int fd = buffer_get(self->fd, pages(3), CONTIG_RUNGS_SPLIT);
	char path[64], *text;

	ASSERT_LE(0, fd);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	text = read_text(path);
	ASSERT_NE(NULL, text);
	EXPECT_NE(NULL, strstr(text, "exp_name:\tcontig"))
		TH_LOG("%s", text);
	free(text);
	close(fd);
}

TEST_F(observe, tracepoints_fire)
{
	const char *names[] = { "contig_alloc_start", "contig_alloc_end",
				"contig_lock", "contig_translate" };
	char *memory = anon_map(page_size), *text;
	size_t i;
	int fd;

	if (access(TRACING "/events/contig", F_OK))
		SKIP(return, "no tracefs at " TRACING);
	ASSERT_EQ(0, trace_events("contig", true));
	fd = buffer_alloc(self->fd, page_size, 0, 0);
	test_lock(self->fd, memory, page_size, 0);
	EXPECT_EQ(1, _test_cmd_count(self->fd, memory, page_size));
	test_unlock(self->fd, memory, page_size);
	EXPECT_EQ(0, trace_events("contig", false));
	close(fd);
	text = read_text(TRACING "/trace");
	ASSERT_NE(NULL, text);
	for (i = 0; i < ARRAY_SIZE(names); i++)
		EXPECT_NE(NULL, strstr(text, names[i]))
			TH_LOG("%s is missing", names[i]);
	free(text);
	write_text(TRACING "/trace", "\n");
}

/* Reading must neither block other commands nor take without end. */
TEST_F_TIMEOUT(observe, while_things_happen, 400)
{
	const char *names[] = { "stats", "buffers", "clients", "reserves" };
	char *text;
	pid_t pid;
	int i;

	pid = fork();
	if (!pid) {
		int client = client_open(), fds[16] = {}, n = 0;

		for (i = 0; i < 300; i++) {
			if (fds[n])
				close(fds[n]);
			fds[n] = buffer_alloc(client, KIB(64), 0, 0);
			if (fds[n] < 0)
				_exit(1);
			n = (n + 1) % 16;
		}
		_exit(0);
	}
	for (i = 0; i < 100; i++) {
		text = debugfs_text(names[i % 4]);
		EXPECT_NE(NULL, text);
		free(text);
	}
	EXPECT_EQ(0, child_wait(pid));
}

/*
 * Reading a long list does not stop processes that open and close clients
 */
#define MANY 40000

struct opener {
	volatile bool stop;
	uint64_t worst;
	long rounds;
};

static void *open_and_close(void *data)
{
	struct opener *o = data;

	while (!o->stop) {
		uint64_t start = now_ns(), took;
		int fd = client_open();

		if (fd < 0) {
			o->worst = UINT64_MAX;
			break;
		}
		close(fd);
		took = now_ns() - start;
		if (took > o->worst)
			o->worst = took;
		o->rounds++;
		usleep(200);
	}
	return NULL;
}

/* Read the list of clients. Return its number of lines without the header. */
static long clients_listed(void)
{
	static char text[65536];
	int fd = open(CONTIG_DEBUGFS "/clients", O_RDONLY);
	long lines = -1;
	ssize_t n, i;

	while ((n = read(fd, text, sizeof(text))) > 0)
		for (i = 0; i < n; i++)
			lines += text[i] == '\n';
	close(fd);
	return lines;
}

TEST_F_TIMEOUT(observe, many_clients_without_stopping_others, 400)
{
	struct rlimit limit = { MANY + 100, MANY + 100 };
	struct opener opener = {};
	int n = times(MANY), i, *fds;
	uint64_t quiet, start, took;
	pthread_t thread;

	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	fds = calloc(n, sizeof(*fds));
	ASSERT_NE(NULL, fds);
	for (i = 0; i < n; i++) {
		fds[i] = client_open();
		ASSERT_LE(0, fds[i]);
	}
	EXPECT_EQ(n + 1, clients_listed());
	ASSERT_EQ(0, pthread_create(&thread, NULL, open_and_close, &opener));
	while (opener.rounds < 500)
		usleep(1000);
	quiet = opener.worst;
	opener.worst = 0;
	start = now_ns();
	/* The opener's client may be listed or not. */
	EXPECT_LE(n + 1, clients_listed());
	took = now_ns() - start;
	opener.stop = true;
	pthread_join(thread, NULL);
	TH_LOG("listed in %lld ms, others waited for %lld us, else %lld us",
	       (long long)took / 1000000, (long long)opener.worst / 1000,
	       (long long)quiet / 1000);
	EXPECT_GT(took / 5 > 4 * quiet ? took / 5 : 4 * quiet, opener.worst);
	for (i = 0; i < n; i++)
		close(fds[i]);
	free(fds);
}

TEST_HARNESS_MAIN
