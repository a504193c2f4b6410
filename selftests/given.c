// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that memmap=32M$0x30000000 sets aside, given to the module by its
 * address. The test loads the module itself.
 *
 * It checks the memory with /proc/iomem, with pagemap, and with /dev/mem, which
 * shows the memory as long as no driver has it.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/klog.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "kselftest_harness.h"
#include "contig_utils.h"

#define AREA 0x30000000ull
#define AREA_BYTES MIB(32)
#define AREA_LINE "30000000-31ffffff : Reserved"
/* The last part of the area, which is lost once a page of it has failed. */
#define LAST (AREA + MIB(28))

#ifndef MADV_HWPOISON
#define MADV_HWPOISON 100
#endif

/* Mark the log: what follows was printed by the next load. */
static void mark_log(void)
{
	write_text("/dev/kmsg", "given: mark\n");
}

static char *log_since_mark(void)
{
	int size = syscall(SYS_syslog, 10, NULL, 0);
	char *text = calloc(1, size + 1), *at, *last;

	if (!text || syscall(SYS_syslog, 3, text, size) < 0)
		return NULL;
	for (last = at = text; (at = strstr(at, "given: mark")); at++)
		last = at;
	memmove(text, last, strlen(last) + 1);
	return text;
}

/* Return how many lines of the log since the mark contain these words. */
static unsigned int log_says(const char *words)
{
	char *text = log_since_mark(), *at;
	unsigned int n = 0;

	for (at = text; at && (at = strstr(at, words)); at++)
		n++;
	if (!n)
		fprintf(stderr, "# not in the log: %s\n", words);
	free(text);
	return n;
}

/* Load the module with a list of blocks, formatted as by printf(). */
static int load(const char *format, ...)
{
	char command[512] = "modprobe contig ";
	size_t at = strlen(command);
	va_list list;

	va_start(list, format);
	vsnprintf(command + at, sizeof(command) - at, format, list);
	va_end(list);
	strcat(command, " 2>/dev/null");
	mark_log();
	return system(command);
}

static bool is_unloaded(void *unused)
{
	return !syscall(SYS_delete_module, "contig", O_NONBLOCK) ||
	       errno == ENOENT;
}

static uint64_t figure(const char *key)
{
	char *text = debugfs_text("reserves"), line[64];
	const char *at;
	uint64_t value;

	snprintf(line, sizeof(line), "\n%s ", key);
	at = text ? strstr(text, line) : NULL;
	value = at ? strtoull(at + strlen(line), NULL, 10) : ~0ull;
	free(text);
	return value;
}

static bool iomem_has(const char *line)
{
	char *text = read_text("/proc/iomem");
	bool has = text && strstr(text, line);

	free(text);
	return has;
}

/* Return a request for a part of the area. */
static struct contig_alloc request_at(uint64_t address, uint64_t length)
{
	struct contig_alloc alloc = alloc_request(length, CONTIG_RUNGS_RESERVE);

	alloc.constraints.lowest = address;
	alloc.constraints.highest = address + length - 1;
	return alloc;
}

/* Write a pattern to memory that no driver has. */
static int write_area(uint64_t address, size_t length, uint64_t seed)
{
	int fd = open("/dev/mem", O_RDWR | O_CLOEXEC);
	char *map;

	if (fd < 0)
		return -errno;
	map = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		   address);
	close(fd);
	if (map == MAP_FAILED)
		return -errno;
	fill_pattern(map, length, seed);
	return munmap(map, length);
}

FIXTURE(given) {
	int fd;
};

FIXTURE_SETUP(given) {
	if (!iomem_has(AREA_LINE))
		SKIP(return, "boot with memmap=32M$0x30000000");
	self->fd = -1;
}

FIXTURE_TEARDOWN(given) {
	if (self->fd >= 0)
		close(self->fd);
	EXPECT_TRUE(poll_until(is_unloaded, NULL));
	EXPECT_FALSE(iomem_has("30000000-307fffff : contig"));
}

#define load_client(...) do { \
	ASSERT_EQ(0, load(__VA_ARGS__)); \
	self->fd = client_open(); \
	ASSERT_LE(0, self->fd); \
} while (0)

TEST_F(given, is_memory_like_any_other)
{
	struct contig_alloc alloc = request_at(AREA, MIB(8));
	int turn, disk;
	char *map;

	load_client("early=8M@0x30000000");
	EXPECT_EQ(MIB(8), figure("total"));
	EXPECT_TRUE(debugfs_has("reserves", "0x0000000030000000"));
	EXPECT_TRUE(iomem_has("30000000-307fffff : contig"));
	for (turn = 0; turn < 2; turn++) {
		test_alloc(self->fd, &alloc);
		map = buffer_map(alloc.out_fd, MIB(8));
		ASSERT_NE(NULL, map);
		EXPECT_TRUE(is_zero(map, MIB(8)));
		EXPECT_EQ(AREA, pfn_of(map) * page_size);
		EXPECT_EQ(AREA + MIB(8) - page_size,
			  pfn_of(map + MIB(8) - page_size) * page_size);
		fill_pattern(map, MIB(8), turn);
		EXPECT_TRUE(has_pattern(map, MIB(8), turn));
		test_lock_buffer(self->fd, alloc.out_fd, 0, MIB(8), 0);
		EXPECT_TRUE(buffer_translation_is_true(self->fd, alloc.out_fd,
						       map, MIB(8)));
		test_unlock_buffer(self->fd, alloc.out_fd, 0, MIB(8));
		test_lock(self->fd, map, MIB(8), 0);
		test_unlock(self->fd, map, MIB(8));
		/* Direct I/O takes references on the pages. */
		disk = open("/dev/ram0", O_RDWR | O_DIRECT | O_CLOEXEC);
		ASSERT_LE(0, disk);
		EXPECT_EQ(MIB(1), pwrite(disk, map, MIB(1), 0));
		memset(map, 0, MIB(1));
		EXPECT_EQ(MIB(1), pread(disk, map, MIB(1), 0));
		EXPECT_TRUE(has_pattern(map, MIB(8), turn));
		close(disk);
		munmap(map, MIB(8));
		close(alloc.out_fd);
	}
}

/* The memory was cleared at load. */
TEST_F(given, is_cleared_at_load)
{
	struct contig_alloc alloc = request_at(AREA, MIB(4));
	char *map;

	ASSERT_EQ(0, write_area(AREA, MIB(4), 3));
	load_client("early=4M@0x30000000");
	test_alloc(self->fd, &alloc);
	map = buffer_map(alloc.out_fd, MIB(4));
	ASSERT_NE(NULL, map);
	EXPECT_TRUE(is_zero(map, MIB(4)));
	munmap(map, MIB(4));
	close(alloc.out_fd);
}

/* Blocks that cannot be used, and what the log says about each. */
static const struct {
	const char *block, *why;
} refused[] = {
	{ "4M@0x10000000", "0x10000000 is not taken: it is memory that the kernel" },
	{ "8M@0x31c00000", "0x31c00000 is not taken: it is memory that the kernel" },
	{ "4M@0x2fe00000", "0x2fe00000 is not taken: it is memory that the kernel" },
	{ "2M@0xe0000000", "0xe0000000 is not taken: it is not all reserved" },
	{ "2M@0x8000000000", "0x8000000000 is not taken: it is not all reserved" },
	{ "2M@0x7f8000000000", "taken: this machine has no addresses so high" },
	{ "1M@0x30000000", "0x30000000 is not taken: address and size are not" },
	{ "2M@0x30001000", "0x30001000 is not taken: address and size are not" },
	{ "2M@0x30100000", "0x30100000 is not taken: address and size are not" },
	{ "2M@0x30800000/node=15", "taken: there is no such node" },
};

TEST_F(given, is_refused_with_one_sentence)
{
	char list[512] = "";
	size_t i;

	for (i = 0; i < ARRAY_SIZE(refused); i++) {
		strcat(list, refused[i].block);
		strcat(list, ",");
	}
	ASSERT_EQ(0, load("early=%s2M@0x31000000", list));
	EXPECT_EQ(MIB(2), figure("total"));
	EXPECT_EQ(ARRAY_SIZE(refused), log_says("is not taken: "));
	for (i = 0; i < ARRAY_SIZE(refused); i++)
		EXPECT_EQ(1, log_says(refused[i].why));
}

TEST_F(given, is_not_given_twice)
{
	ASSERT_EQ(0, load("early=4M@0x30000000,2M@0x30000000/keep,"
			  "2M@0x30200000,4M@0x30000000"));
	EXPECT_EQ(MIB(4), figure("total"));
	EXPECT_EQ(3, log_says("another block has a part of it"));
}

TEST_F(given, lies_in_no_space_that_addresses_do_not_have)
{
	EXPECT_NE(0, load("early=2M@0xffffffffff000"));
	EXPECT_LT(0, log_says("no machine has memory at so high an address"));
}

/* Without a block by address, no memory of the machine meets such limits. */
TEST_F(given, is_out_of_range_else)
{
	struct contig_alloc alloc = request_at(AREA, MIB(1));
	struct contig_probe probe = probe_request(MIB(1), 0);

	load_client("early=4M");
	alloc.rungs = 0;
	probe.constraints = alloc.constraints;
	test_err_alloc(ERANGE, self->fd, &alloc);
	test_err_probe(ERANGE, self->fd, &probe);
	/* A place that includes some memory of the machine. */
	alloc.constraints.lowest -= MIB(2);
	probe.constraints = alloc.constraints;
	test_probe(self->fd, &probe);
	close(self->fd);
	ASSERT_TRUE(poll_until(is_unloaded, NULL));

	load_client("early=4M@0x30000000");
	alloc = request_at(AREA, MIB(1));
	test_probe(self->fd, &probe);
	test_alloc(self->fd, &alloc);
	close(alloc.out_fd);
	alloc = request_at(AREA + MIB(4), MIB(1));
	test_err_alloc(ERANGE, self->fd, &alloc);
}

/*
 * Every user can read the address of the block, but a user without the right
 * must not learn where a buffer lies.
 */
TEST_F(given, is_for_those_who_may_see_physical_addresses)
{
	struct contig_alloc alloc = alloc_request(KIB(64), CONTIG_RUNGS_RESERVE);
	struct contig_info info;

	load_client("early=4M@0x30000000");
	test_info(self->fd, &info);
	EXPECT_EQ(MIB(4), info.out_reserve_bytes);
	EXPECT_EQ(MIB(4), info.out_reserve_free);
	test_alloc(self->fd, &alloc);
	close(alloc.out_fd);
	ASSERT_EQ(0, drop_cap(CAP_SYS_RAWIO_NR));
	test_info(self->fd, &info);
	EXPECT_EQ(0, info.out_reserve_bytes);
	EXPECT_EQ(0, info.out_reserve_free);
	EXPECT_EQ(0, info.out_reserve_largest);
	test_err_alloc(ENOMEM, self->fd, &alloc);
	EXPECT_EQ(CONTIG_BLOCKED_ABSENT, alloc.out_reports[0].blocked);
}

static bool may_unload(void)
{
	return is_unloaded(NULL);
}

/* The page would disappear with the module. */
TEST_F(given, keeps_the_module_while_a_page_is_in_a_pipe)
{
	struct contig_alloc alloc = request_at(AREA, MIB(1));
	struct iovec iov = { .iov_len = page_size };
	char *map, *copy = calloc(1, page_size);
	int pipes[2], i;

	load_client("early=4M@0x30000000");
	test_alloc(self->fd, &alloc);
	map = buffer_map(alloc.out_fd, MIB(1));
	ASSERT_NE(NULL, map);
	fill_pattern(map, MIB(1), 5);
	iov.iov_base = map;
	ASSERT_EQ(0, pipe(pipes));
	ASSERT_EQ((ssize_t)page_size, vmsplice(pipes[1], &iov, 1, 0));
	munmap(map, MIB(1));
	close(alloc.out_fd);
	close(self->fd);
	self->fd = -1;
	for (i = 0; i < 20; i++) {
		ASSERT_FALSE(may_unload());
		usleep(100000);
	}
	EXPECT_EQ(MIB(1), figure("quarantined"));
	ASSERT_EQ((ssize_t)page_size, read(pipes[0], copy, page_size));
	EXPECT_TRUE(has_pattern(copy, page_size, 5));
	free(copy);
	close(pipes[0]);
	close(pipes[1]);
}

/*
 * Contents that are kept
 */

#define KEPT MIB(4)

static int alloc_kept(int client, uint64_t address, uint64_t length,
		      struct contig_alloc *alloc)
{
	*alloc = request_at(address, length);
	alloc->flags = CONTIG_ALLOC_KEEP_CONTENTS;
	return _test_cmd_alloc(client, alloc);
}

/* Return true if the memory has this address and the pattern written there. */
static bool holds(int fd, uint64_t address, size_t length, uint64_t seed)
{
	char *map = buffer_map(fd, length);
	char *copy = calloc(1, KEPT);
	size_t at = address - AREA;
	bool same = map && copy;

	if (same)
		fill_pattern(copy, KEPT, seed);
	same = same && pfn_of(map) * page_size == address &&
	       !memcmp(map, copy + at, length);
	if (map)
		munmap(map, length);
	free(copy);
	return same;
}

TEST_F(given, contents_are_kept_until_they_were_used)
{
	struct contig_alloc alloc, plain = request_at(AREA + MIB(1), MIB(1));
	char *map;

	ASSERT_EQ(0, write_area(AREA, KEPT, 7));
	load_client("early=4M@0x30000000/keep,2M@0x31000000");
	EXPECT_EQ(KEPT, figure("kept"));
	EXPECT_EQ(MIB(2), figure("clean"));
	/* Requests without the flag do not get it. */
	test_err_alloc(ENOMEM, self->fd, &plain);
	/* A buffer that was never used leaves the contents valid. */
	ASSERT_EQ(0, alloc_kept(self->fd, AREA + MIB(1), MIB(1), &alloc));
	close(alloc.out_fd);
	EXPECT_EQ(KEPT, figure("kept"));

	ASSERT_EQ(0, alloc_kept(self->fd, AREA + MIB(1), MIB(1), &alloc));
	EXPECT_TRUE(holds(alloc.out_fd, AREA + MIB(1), MIB(1), 7));
	EXPECT_EQ(KEPT - MIB(1), figure("kept"));
	close(alloc.out_fd);
	reserve_settle();
	/* It was cleared, and is now ordinary memory of the reserve. */
	EXPECT_EQ(MIB(3), figure("clean"));
	EXPECT_EQ(-ENOMEM, alloc_kept(self->fd, AREA + MIB(1), MIB(1), &alloc));
	EXPECT_EQ(CONTIG_BLOCKED_CONTENTS, alloc.out_reports[0].blocked);
	test_alloc(self->fd, &plain);
	map = buffer_map(plain.out_fd, MIB(1));
	ASSERT_NE(NULL, map);
	EXPECT_TRUE(is_zero(map, MIB(1)));
	EXPECT_EQ(AREA + MIB(1), pfn_of(map) * page_size);
	munmap(map, MIB(1));
	close(plain.out_fd);
	/* The rest is unchanged, also after the module was loaded again. */
	ASSERT_EQ(0, alloc_kept(self->fd, AREA, page_size, &alloc));
	EXPECT_TRUE(holds(alloc.out_fd, AREA, page_size, 7));
	close(alloc.out_fd);
	close(self->fd);
	ASSERT_TRUE(poll_until(is_unloaded, NULL));
	load_client("early=4M@0x30000000/keep");
	ASSERT_EQ(0, alloc_kept(self->fd, AREA + MIB(2), MIB(2), &alloc));
	EXPECT_TRUE(holds(alloc.out_fd, AREA + MIB(2), MIB(2), 7));
	close(alloc.out_fd);
}

TEST_F(given, contents_are_for_the_administrator)
{
	struct contig_probe probe = probe_request(MIB(1), 0);
	struct contig_alloc alloc;
	int child;

	load_client("early=4M@0x30000000/keep");
	probe.flags = CONTIG_ALLOC_KEEP_CONTENTS;
	test_probe(self->fd, &probe);
	EXPECT_EQ(CONTIG_RUNG_RESERVE, probe.out_rung);
	EXPECT_EQ(KEPT, probe.out_largest);
	alloc = request_at(AREA, MIB(1));
	alloc.flags = CONTIG_ALLOC_KEEP_CONTENTS | CONTIG_ALLOC_PAGE_FRAMES;
	test_err_alloc(EINVAL, self->fd, &alloc);
	/* The other rungs have no contents to keep. */
	alloc = alloc_request(MIB(1), CONTIG_RUNGS_ALL & ~CONTIG_RUNGS_RESERVE);
	alloc.flags = CONTIG_ALLOC_KEEP_CONTENTS;
	test_err_alloc(ENOMEM, self->fd, &alloc);
	ASSERT_EQ(4, alloc.out_report_count);
	EXPECT_EQ(CONTIG_BLOCKED_CONTENTS, alloc.out_reports[3].blocked);
	EXPECT_EQ(EOPNOTSUPP, alloc.out_reports[3].error);
	EXPECT_EQ(-ENOMEM, alloc_kept(self->fd, AREA - MIB(16), MIB(1), &alloc));

	child = fork();
	if (!child) {
		_exit(drop_cap(CAP_SYS_ADMIN_NR) ||
		      alloc_kept(self->fd, AREA, MIB(1), &alloc) != -EPERM ||
		      _test_cmd_probe(self->fd, &probe) != -EPERM);
	}
	EXPECT_EQ(0, child_wait(child));
	child = fork();
	if (!child) {
		_exit(drop_cap(CAP_SYS_RAWIO_NR) ||
		      alloc_kept(self->fd, AREA, MIB(1), &alloc) != -EPERM);
	}
	EXPECT_EQ(0, child_wait(child));
	ASSERT_EQ(0, alloc_kept(self->fd, AREA, MIB(1), &alloc));
	close(alloc.out_fd);
}

/*
 * A page that fails
 */

static sigjmp_buf before_access;

static void on_bus(int signal)
{
	siglongjmp(before_access, 1);
}

static bool is_gone(void *page)
{
	volatile bool gone = true;

	if (!sigsetjmp(before_access, 1)) {
		(void)*(volatile char *)page;
		gone = false;
	}
	return gone;
}

/* This must be the last test: afterwards this part of the area is lost. */
TEST_F(given, page_fails)
{
	struct contig_alloc alloc = request_at(LAST, MIB(4));
	char *map;

	if (access("/sys/devices/system/memory/hard_offline_page", F_OK))
		SKIP(return, "this kernel does not handle failed memory");
	signal(SIGBUS, on_bus);
	load_client("early=4M@0x31c00000");
	test_alloc(self->fd, &alloc);
	map = buffer_map(alloc.out_fd, MIB(4));
	ASSERT_NE(NULL, map);
	madvise(map + pages(3), page_size, MADV_HWPOISON);
	EXPECT_TRUE(poll_until(is_gone, map + pages(3)));
	EXPECT_FALSE(is_gone(map + pages(2)));
	EXPECT_FALSE(is_gone(map + pages(4)));
	EXPECT_EQ(-EHWPOISON, _test_cmd_lock_buffer(self->fd, alloc.out_fd, 0,
						    MIB(1), 0));
	munmap(map, MIB(4));
	close(alloc.out_fd);
	reserve_settle();
	EXPECT_EQ(page_size, figure("failed"));
	test_err_alloc(ERANGE, self->fd, &alloc);
	alloc = request_at(LAST + MIB(1), MIB(3));
	test_alloc(self->fd, &alloc);
	close(alloc.out_fd);
	close(self->fd);
	ASSERT_TRUE(poll_until(is_unloaded, NULL));
	/* Clearing it could stop the machine. */
	EXPECT_TRUE(iomem_has("31c00000-31ffffff : contig (failed)"));
	load_client("early=4M@0x31c00000");
	EXPECT_EQ(0, figure("total"));
	EXPECT_EQ(1, log_says("a page of it has failed"));
}

TEST_HARNESS_MAIN
