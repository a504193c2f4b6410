/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Helpers for the tests of /dev/contig: one function for each command, and
 * oracles that know about physical memory without the module.
 *
 * Include kselftest_harness.h first. Functions return 0 or a negative errno
 * unless their comment says otherwise; the macros test_x() stop a test unless
 * the result is 0, test_err_x() mark a test as failed unless the result is the
 * errno.
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

/*
 * The harness counts seconds, and a debug kernel in an emulated guest is slow.
 */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT 180

#define CONTIG_PATH "/dev/contig"
#define CONTIG_DEBUGFS "/sys/kernel/debug/contig"
#define CONTIG_PARAMETERS "/sys/module/contig/parameters"

#define KIB(n) ((size_t)(n) << 10)
#define MIB(n) ((size_t)(n) << 20)

/*
 * A buffer of this many pages can be allocated on all machines that run tests.
 */
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
/* The same, but print on stderr why it failed. */
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

/* Return the number of extents that a range needs, or a negative errno. */
int64_t _test_cmd_count(int client, const volatile void *addr, uint64_t length);
int64_t _test_cmd_count_buffer(int client, int fd, uint64_t offset,
			       uint64_t length);

/* Return the state of a page; all members are 0 if the command failed. */
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
 * Skip a test that needs a block of so many bytes in the reserve. If the module
 * was loaded with one, the test fails instead when there is none.
 */
#define need_reserve(client, bytes) do { \
	if (!reserve_promises(bytes)) \
		SKIP(return, "reserve too small: load with early=64M*2,4M*16");\
	ASSERT_TRUE(reserve_has((client), (bytes))); \
} while (0)

/* Allocate and map a new buffer of self->length bytes in a fixture's setup. */
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

/* Skip a test that needs a rung; for the reserve, a block of so many bytes. */
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

/* Return a buffer's descriptor, or a negative errno. */
int buffer_alloc(int client, uint64_t length, uint32_t rungs, uint32_t flags);
/* The same for a call that must not fail: prints on stderr why it did. */
int buffer_get(int client, uint64_t length, uint32_t rungs);
/*
 * Return true if the coherent rung gives a buffer of this length as struct
 * pages. That needs devices that snoop the caches, which is known of x86 only.
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

/* Map a buffer shared. Return NULL on failure. */
void *buffer_map(int fd, size_t length);
/*
 * Use small pages only. A real-time kernel has no others and rejects the
 * advice.
 */
#define no_huge_pages(memory, length) \
	ASSERT_TRUE(!madvise((memory), (length), MADV_NOHUGEPAGE) || \
		    errno == EINVAL)

/* Map anonymous private memory, and touch it. Return NULL on failure. */
void *anon_map(size_t length);

/* Return true if the module was loaded with such a block. */
bool reserve_promises(uint64_t bytes);
/* Wait until such a block is scrubbed, if there can be one. */
bool reserve_has(int client, uint64_t bytes);

/*
 * Lift the quota for the rest of the test; the teardown calls quota_restore().
 */
void quota_lift(void);
void quota_restore(void);

bool is_zero(const volatile void *addr, size_t length);
/* Write a pattern that differs for each page and for each seed. */
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

/*
 * /proc/PID/pagemap: return the page frame behind an address, 0 if there is
 * none.
 */
uint64_t pfn_of(const volatile void *addr);
uint64_t pfn_of_pid(pid_t pid, const volatile void *addr);
/*
 * The same for a range, with adjacent frames merged. The caller frees *extents.
 */
int64_t pagemap_extents(const volatile void *addr, size_t length,
			struct contig_extent **extents);
bool page_is_resident(const volatile void *addr);
uint64_t page_flags(uint64_t pfn);
int64_t page_mapcount(uint64_t pfn);
bool page_flag(const volatile void *addr, int bit);

/* /proc/kcore: read the memory at a physical address. */
bool kcore_usable(void);
bool kcore_read(uint64_t physical, void *to, size_t length);

/*
 * Translate all of a range through a table of @entries (0: as many as it needs)
 * until nothing is left. The caller frees *extents.
 */
int64_t translate_all(int client, int fd, uint64_t addr, uint64_t length,
		      uint32_t entries, struct contig_extent **extents);

/* Return true if GET_PHYSICAL of a range agrees with pagemap, byte by byte. */
bool translation_is_true(int client, const volatile void *addr, size_t length);
/*
 * Return true if the addresses that GET_PHYSICAL gives for a buffer have the
 * memory that is mapped at @map, according to pagemap, or to kcore for mappings
 * that pagemap does not show.
 */
bool buffer_translation_is_true(int client, int fd, const volatile void *map,
				size_t length);
/*
 * Get the extents of a buffer, checked in the same way. Return their number or
 * a negative errno. The caller frees *extents.
 */
int64_t buffer_extents(int client, int fd, size_t length,
		       struct contig_extent **extents);

/* Return true on a kernel whose debugging checks make it ten times as slow. */
bool is_slow_kernel(void);
/* Scale down the volume of a test, or its number of rounds, on slow kernels. */
#define times(n) ((n) / (is_slow_kernel() ? 5 : 1))

/* Return true if the test may take hours: "make soak" sets CONTIG_SOAK. */
bool is_soak(void);

/* Return the number of free pages, those on per-CPU lists included. */
long free_pages(void);
/*
 * Wait until at least so many pages are free. Prints on stderr if that fails.
 */
bool free_pages_return(long pages);
long meminfo_kib(const char *key);
/*
 * Return the bytes of a block of memory that can go offline, 0 if there are
 * none.
 */
uint64_t memory_block_bytes(void);
/* Write to the state of such a block. Return 0 or a negative errno. */
int memory_block_set(uint64_t n, const char *state);
/* Return where memory begins, rounded down to a MiB: not 0 on all machines. */
uint64_t ram_start(void);
/* Return a value like VmLck of /proc/self/status, in KiB. */
long status_kib(const char *key);
/* Return what locks charge to this process, as mlocked or as pinned, in KiB. */
long charged_kib(void);

/* Return a whole file as a string that the caller frees, or NULL. */
char *read_text(const char *path);
int write_text(const char *path, const char *text);
#define TRACING "/sys/kernel/tracing"
/*
 * Switch the events of a folder of TRACING on or off, and no other tracing
 * code.
 */
int trace_events(const char *folder, bool on);
char *debugfs_text(const char *name);
/* Return a number in a rung's line of debugfs stats, -1 if there is none. */
enum rung_stat {
	STAT_ATTEMPTS, STAT_SUCCESSES, STAT_BYTES, STAT_IN_USE, STAT_ENOMEM,
	STAT_EBUSY, STAT_ETIME, STAT_ABSENT, STAT_OTHER,
};

int64_t stat_of(uint32_t rung, enum rung_stat n);
/* Return true if a line of a debugfs file contains this word. */
bool debugfs_has(const char *name, const char *word);
bool parameter_is(const char *name, const char *value);

/* Wait until all memory that came back to the reserve has been scrubbed. */
void reserve_settle(void);

/*
 * Wait for an event in the background: for a minute, which does not imply that
 * it may take so long. An emulated machine on a busy host stalls at times.
 */
bool poll_until(bool (*done)(void *arg), void *arg);
uint64_t now_ns(void);

/* Everything that a command must not change if it fails. */
struct snapshot {
	char *buffers, *clients, *reserves;
	struct contig_info info;
	long charged_kib;
	int fds;
};

void snapshot_take(struct snapshot *s, int client);
/* Compare and free. Prints the differences on stderr. */
bool snapshot_is_same(struct snapshot *s, int client);
/* The same without freeing, for the next comparison. */
bool snapshot_is_still(const struct snapshot *s, int client);

/*
 * Processes
 */

/*
 * Wait for a child. Return its exit status, or 128 plus the signal that ended
 * it.
 */
int child_wait(pid_t pid);

/* Drop all rights of root; open files stay open. */
int drop_to_user(unsigned int uid);
/* Drop one capability. */
int drop_cap(int cap);

int fd_send(int socket, int fd);
int fd_receive(int socket);

#define CAP_IPC_LOCK_NR 14
#define CAP_SYS_RAWIO_NR 17
#define CAP_SYS_RESOURCE_NR 24

#endif /* CONTIG_UTILS_H */
