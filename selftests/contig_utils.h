/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Helpers for the tests of /dev/contig: one function for each command, and what
 * all programs need of buffers and fixtures. The headers that this one includes
 * have helpers that know the kernel and the machine.
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

#include "memory_utils.h"
#include "physical_utils.h"
#include "process_utils.h"
#include "snapshot_utils.h"
#include "text_utils.h"
#include "time_utils.h"
#include "translation_utils.h"

/*
 * The harness counts seconds, and a debug kernel in an emulated guest is slow.
 */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT 180

#define CONTIG_PATH "/dev/contig"

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

/* The inverse of to_addr(). */
static inline void *to_pointer(uint64_t addr)
{
	return (void *)(uintptr_t)addr;
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

/*
 * Translate all of a range through a table of @entries (0: as many as it needs)
 * until nothing is left. The caller frees *extents.
 */
int64_t translate_all(int client, int fd, uint64_t addr, uint64_t length,
		      uint32_t entries, struct contig_extent **extents);

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
 * The same from the range rung, which has to empty a window: free blocks of the page
 * allocator are not taken if a limit is not the end of a zone. This one excludes the
 * last page of memory.
 */
struct contig_constraints window_only(void);
struct contig_alloc window_request(uint64_t length);
int window_get(int client, uint64_t length);
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

/* Wait until all memory that came back to the reserve has been scrubbed. */
void reserve_settle(void);

/*
 * Set the quotas, or lift them, for the rest of the test; the teardown calls
 * quota_restore().
 */
void quota_set(uint64_t mib);
void quota_lift(void);
void quota_restore(void);

/*
 * Fill CMA for a while, and return of how many buffers that took. The kernel prefers
 * CMA for pages that move, and the range rung takes none of it.
 */
#define CMA_PIECES 64
int cma_fill(int client, int fds[CMA_PIECES]);
void close_all(const int *fds, int n);

/* What the user of a client is charged for, in bytes; ~0 if INFO fails. */
uint64_t quota_used(int client);

/* For poll_until(): what a figure of a client is to become. */
struct wait {
	int client;
	uint64_t bytes;
};

bool quota_used_is(void *arg);

bool is_zero(const volatile void *addr, size_t length);
/* Write a pattern that differs for each page and for each seed. */
void fill_pattern(volatile void *addr, size_t length, uint64_t seed);
bool has_pattern(const volatile void *addr, size_t length, uint64_t seed);

const char *rung_name(uint32_t rung);

#endif /* CONTIG_UTILS_H */
