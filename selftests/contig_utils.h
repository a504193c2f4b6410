/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of /dev/contig share: one function for each command, and
 * oracles that know about physical memory without asking the module.
 *
 * Include kselftest_harness.h first. The functions return 0 or a negative
 * errno where nothing else is said; the macros test_x() stop a test that does
 * not get 0, test_err_x() note a test that does not get the errno.
 */
#ifndef CONTIG_UTILS_H
#define CONTIG_UTILS_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/contig.h>

/* The harness counts seconds, and a debug kernel in an emulated guest is slow. */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT 180

#define CONTIG_PATH "/dev/contig"
#define CONTIG_DEBUGFS "/sys/kernel/debug/contig"
#define CONTIG_PARAMETERS "/sys/module/contig/parameters"

#define KIB(n) ((size_t)(n) << 10)
#define MIB(n) ((size_t)(n) << 20)

/* A buffer of this many pages needs no luck on any machine that runs tests. */
#define SMALL_PAGES 4

extern size_t page_size;

static inline uint64_t to_addr(const volatile void *p)
{
	return (uintptr_t)p;
}

static inline size_t pages(size_t n)
{
	return n * page_size;
}

static inline uint64_t round_up_page(uint64_t n)
{
	return (n + page_size - 1) & ~(uint64_t)(page_size - 1);
}

/*
 * Commands
 */

int client_open(void);
int contig_ioctl(int client, unsigned int cmd, void *arg);

int _test_cmd_info(int client, struct contig_info *info);
int _test_cmd_alloc(int client, struct contig_alloc *alloc);
/* The same, telling on stderr why it failed. */
int _test_cmd_alloc_tell(int client, struct contig_alloc *alloc);
int _test_cmd_probe(int client, struct contig_probe *probe);
int _test_cmd_hold(int client, const volatile void *addr, uint64_t length,
		   uint64_t *unlocked);
int _test_cmd_unhold(int client, const volatile void *addr, uint64_t length,
		     struct contig_span *spans, uint32_t *count);
int _test_cmd_lock(int client, const volatile void *addr, uint64_t length,
		   uint32_t flags);
int _test_cmd_unlock(int client, const volatile void *addr, uint64_t length);
int _test_cmd_lock_buffer(int client, int fd, uint64_t offset, uint64_t length,
			  uint32_t flags);
int _test_cmd_unlock_buffer(int client, int fd, uint64_t offset,
			    uint64_t length);
int _test_cmd_get_physical(int client, struct contig_get_physical *cmd);
int _test_cmd_get_state(int client, struct contig_get_state *cmd);

/* How many extents a range needs, or a negative errno. */
int64_t _test_cmd_count(int client, const volatile void *addr, uint64_t length);
int64_t _test_cmd_count_buffer(int client, int fd, uint64_t offset,
			       uint64_t length);

/* The state of one page; all members 0 if the command failed. */
struct contig_run page_state(int client, const volatile void *addr);

#define test_info(...) ASSERT_EQ(0, _test_cmd_info(__VA_ARGS__))
#define test_alloc(...) ASSERT_EQ(0, _test_cmd_alloc_tell(__VA_ARGS__))
#define test_probe(...) ASSERT_EQ(0, _test_cmd_probe(__VA_ARGS__))
#define test_hold(...) ASSERT_EQ(0, _test_cmd_hold(__VA_ARGS__))
#define test_unhold(...) ASSERT_EQ(0, _test_cmd_unhold(__VA_ARGS__))
#define test_lock(...) ASSERT_EQ(0, _test_cmd_lock(__VA_ARGS__))
#define test_unlock(...) ASSERT_EQ(0, _test_cmd_unlock(__VA_ARGS__))
#define test_lock_buffer(...) ASSERT_EQ(0, _test_cmd_lock_buffer(__VA_ARGS__))
#define test_unlock_buffer(...) \
	ASSERT_EQ(0, _test_cmd_unlock_buffer(__VA_ARGS__))
#define test_get_physical(...) ASSERT_EQ(0, _test_cmd_get_physical(__VA_ARGS__))
#define test_get_state(...) ASSERT_EQ(0, _test_cmd_get_state(__VA_ARGS__))

#define test_err_alloc(err, ...) EXPECT_EQ(-(err), _test_cmd_alloc(__VA_ARGS__))
#define test_err_probe(err, ...) EXPECT_EQ(-(err), _test_cmd_probe(__VA_ARGS__))
#define test_err_hold(err, ...) EXPECT_EQ(-(err), _test_cmd_hold(__VA_ARGS__))
#define test_err_unhold(err, ...) \
	EXPECT_EQ(-(err), _test_cmd_unhold(__VA_ARGS__))
#define test_err_lock(err, ...) EXPECT_EQ(-(err), _test_cmd_lock(__VA_ARGS__))
#define test_err_unlock(err, ...) \
	EXPECT_EQ(-(err), _test_cmd_unlock(__VA_ARGS__))
#define test_err_lock_buffer(err, ...) \
	EXPECT_EQ(-(err), _test_cmd_lock_buffer(__VA_ARGS__))
#define test_err_unlock_buffer(err, ...) \
	EXPECT_EQ(-(err), _test_cmd_unlock_buffer(__VA_ARGS__))
#define test_err_get_physical(err, ...) \
	EXPECT_EQ(-(err), _test_cmd_get_physical(__VA_ARGS__))
#define test_err_get_state(err, ...) \
	EXPECT_EQ(-(err), _test_cmd_get_state(__VA_ARGS__))
#define test_err_count(err, ...) EXPECT_EQ(-(err), _test_cmd_count(__VA_ARGS__))

/* Open a client in a fixture's setup, or skip all of its tests. */
#define setup_client(client) do { \
	(client) = client_open(); \
	if ((client) == -ENOENT) \
		SKIP(return, "no " CONTIG_PATH ": load the module"); \
	ASSERT_LE(0, (client)); \
} while (0)

/*
 * Leave a test that needs a block of so many bytes in the reserve. Where the
 * module was told to have one it is no excuse that there is none.
 */
#define need_reserve(client, bytes) do { \
	if (!reserve_promises(bytes)) \
		SKIP(return, "reserve too small: load with early=64M*2,4M*16");\
	ASSERT_TRUE(reserve_has((client), (bytes))); \
} while (0)

/* Take and map a new buffer of self->length bytes in a fixture's setup. */
#define setup_buffer(self, new) do { \
	(self)->buffer = (new); \
	ASSERT_LE(0, (self)->buffer); \
	(self)->map = buffer_map((self)->buffer, (self)->length); \
	ASSERT_NE(NULL, (self)->map); \
} while (0)

#define need_range(client) do { \
	struct contig_info _info; \
	test_info((client), &_info); \
	if (!(_info.out_features & CONTIG_FEATURE_RANGE)) \
		SKIP(return, "this kernel has no range rung"); \
} while (0)

/* Leave a test that needs a rung; of the reserve, a block of so many bytes. */
#define need_rung(client, number, bytes) do { \
	if ((number) == CONTIG_RUNG_RESERVE) \
		need_reserve((client), (bytes)); \
	if ((number) == CONTIG_RUNG_RANGE) \
		need_range(client); \
} while (0)

/* For fixtures whose variant has a member "rung". */
#define variant_of_each_rung(fixture) \
	FIXTURE_VARIANT_ADD(fixture, reserve) { .rung = CONTIG_RUNG_RESERVE }; \
	FIXTURE_VARIANT_ADD(fixture, coherent) { .rung = CONTIG_RUNG_COHERENT };\
	FIXTURE_VARIANT_ADD(fixture, range) { .rung = CONTIG_RUNG_RANGE }; \
	FIXTURE_VARIANT_ADD(fixture, split) { .rung = CONTIG_RUNG_SPLIT }; \
	FIXTURE_VARIANT_ADD(fixture, scatter) { .rung = CONTIG_RUNG_SCATTER }

/*
 * Buffers
 */

static inline struct contig_alloc alloc_request(uint64_t length, uint32_t rungs)
{
	return (struct contig_alloc) {
		.size = sizeof(struct contig_alloc),
		.length = length,
		.rungs = rungs,
		/* A debug kernel in an emulated guest is slow. */
		.timeout_ms = 240000,
		.out_fd = -2,
	};
}

static inline struct contig_probe probe_request(uint64_t length, uint32_t rungs)
{
	return (struct contig_probe) {
		.size = sizeof(struct contig_probe),
		.length = length,
		.rungs = rungs,
	};
}

/* A buffer's fd, or a negative errno. */
int buffer_alloc(int client, uint64_t length, uint32_t rungs, uint32_t flags);
/* The same where it must not fail: tells on stderr why it did. */
int buffer_get(int client, uint64_t length, uint32_t rungs);
/*
 * Does the coherent rung give a buffer of this length as struct pages? Only where
 * devices look into caches, and this cannot be asked of other machines.
 */
static inline bool coherent_has_pages(const struct contig_info *info,
				      uint64_t length)
{
#ifdef __x86_64__
	return !(info->out_features & (CONTIG_FEATURE_POOL |
				       CONTIG_FEATURE_MEMORY_ENCRYPTED)) &&
	       length <= info->out_max_order_bytes;
#else
	return false;
#endif
}

/* Its shared mapping, or NULL. */
void *buffer_map(int fd, size_t length);
/* Small pages only; a real-time kernel has no others and does not know this. */
#define no_huge_pages(memory, length) \
	ASSERT_TRUE(!madvise((memory), (length), MADV_NOHUGEPAGE) || \
		    errno == EINVAL)

/* Anonymous private memory, touched; or NULL. */
void *anon_map(size_t length);

/* Was the module loaded with such a block? */
bool reserve_promises(uint64_t bytes);
/* Wait for such a block to be scrubbed, if there can be one. */
bool reserve_has(int client, uint64_t bytes);

/* No quota for the rest of the test; quota_restore() in the teardown. */
void quota_lift(void);
void quota_restore(void);

bool is_zero(const volatile void *addr, size_t length);
/* Make every page differ from every other page and other seed. */
void fill_pattern(volatile void *addr, size_t length, uint64_t seed);
bool has_pattern(const volatile void *addr, size_t length, uint64_t seed);

const char *rung_name(uint32_t rung);

/*
 * Oracles
 */

#ifndef KPF_DIRTY
#define KPF_DIRTY 4
#define KPF_BUDDY 10
#define KPF_HUGE 17
#define KPF_THP 22
#endif

/* /proc/PID/pagemap: the page frame behind an address, 0 if there is none. */
uint64_t pfn_of(const volatile void *addr);
uint64_t pfn_of_pid(pid_t pid, const volatile void *addr);
/* The same for a whole range, merged; *extents is to be freed. */
int64_t pagemap_extents(const volatile void *addr, size_t length,
			struct contig_extent **extents);
bool page_is_resident(const volatile void *addr);
uint64_t page_flags(uint64_t pfn);
int64_t page_mapcount(uint64_t pfn);
bool page_flag(const volatile void *addr, int bit);

/* /proc/kcore: what lies at a physical address. */
bool kcore_usable(void);
bool kcore_read(uint64_t physical, void *to, size_t length);

/*
 * Translate all of a range through a table of @entries (0: as many as it
 * needs) until nothing is left; *extents is to be freed.
 */
int64_t translate_all(int client, int fd, uint64_t addr, uint64_t length,
		      uint32_t entries, struct contig_extent **extents);

/* Does GET_PHYSICAL of a range say what pagemap says, byte by byte? */
bool translation_is_true(int client, const volatile void *addr, size_t length);
/*
 * Do the addresses that GET_PHYSICAL gives for a buffer hold the memory that is
 * mapped at @map? Asks pagemap, or kcore for mappings pagemap does not tell of.
 */
bool buffer_translation_is_true(int client, int fd, const volatile void *map,
				size_t length);
/*
 * What a buffer consists of, by the same two: how many extents, or less than 0;
 * *extents is to be freed.
 */
int64_t buffer_extents(int client, int fd, size_t length,
		       struct contig_extent **extents);

/* Is this a kernel that looks at everything it does, ten times as slowly? */
bool is_slow_kernel(void);
/* How often to do, or how much to take of, what is worth most by being much. */
#define times(n) ((n) / (is_slow_kernel() ? 5 : 1))

/* Has the test hours? "make soak" says so by CONTIG_SOAK in the environment. */
bool is_soak(void);

/* Free pages of the machine, those in per-CPU lists included. */
long free_pages(void);
/* Wait until at least so many are free; tells on stderr if they never are. */
bool free_pages_return(long pages);
long meminfo_kib(const char *key);
/* Bytes in a block of memory that can go offline; 0 if there are none. */
uint64_t memory_block_bytes(void);
/* Write to the state of such a block: 0 or a negative errno. */
int memory_block_set(uint64_t n, const char *state);
/* Where the machine's memory begins, down to a MiB: not at 0 everywhere. */
uint64_t ram_start(void);
/* A figure like VmLck of /proc/self/status, in KiB. */
long status_kib(const char *key);
/* What locks charge to this process, in KiB: as mlock()ed or as pinned. */
long charged_kib(void);

/* A whole file as a string to be freed, or NULL. */
char *read_text(const char *path);
int write_text(const char *path, const char *text);
#define TRACING "/sys/kernel/tracing"
/* Switch the events of a folder of TRACING on or off, and no other code with them. */
int trace_events(const char *folder, bool on);
char *debugfs_text(const char *name);
/* A figure in a rung's line of debugfs stats; -1 if there is none. */
enum rung_stat {
	STAT_ATTEMPTS, STAT_SUCCESSES, STAT_BYTES, STAT_IN_USE, STAT_ENOMEM,
	STAT_EBUSY, STAT_ETIME, STAT_ABSENT, STAT_OTHER,
};

int64_t stat_of(uint32_t rung, enum rung_stat n);
/* A line of a debugfs file has this word in it. */
bool debugfs_has(const char *name, const char *word);
bool parameter_is(const char *name, const char *value);

/* Wait until all that came back to the reserve has been scrubbed. */
void reserve_settle(void);

/*
 * Wait for what happens in the background: for a minute, which says nothing
 * about how long it may take. An emulated machine on a busy host stands still
 * at times.
 */
bool poll_until(bool (*done)(void *arg), void *arg);
uint64_t now_ns(void);

/* What must not differ after a command that failed. */
struct snapshot {
	char *buffers, *clients, *reserves;
	struct contig_info info;
	long charged_kib;
	int fds;
};

void snapshot_take(struct snapshot *s, int client);
/* Compare and free; tells on stderr what is different. */
bool snapshot_is_same(struct snapshot *s, int client);
/* The same without freeing it, for the next comparison. */
bool snapshot_is_still(const struct snapshot *s, int client);

/*
 * Processes
 */

/* Wait for a child; its exit status, or 128 plus the signal that ended it. */
int child_wait(pid_t pid);

/* Give up all rights of root but the open files. */
int drop_to_user(unsigned int uid);
/* Give up one capability. */
int drop_cap(int cap);

int fd_send(int socket, int fd);
int fd_receive(int socket);

#define CAP_IPC_LOCK_NR 14
#define CAP_SYS_RAWIO_NR 17
#define CAP_SYS_RESOURCE_NR 24

#endif /* CONTIG_UTILS_H */
