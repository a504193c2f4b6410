/* SPDX-License-Identifier: LGPL-2.1-or-later OR MIT */
/*
 * A stand-in for the kernel module, good enough to test the library without
 * one: it takes the place of open(), ioctl(), mlock(), mlock2() and munlock().
 */
#ifndef CONTIG_TESTS_FAKE_H
#define CONTIG_TESTS_FAKE_H

/* cmocka.h needs these four before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/contig.h>

#define FAKE_COMMANDS (CONTIG_CMD_COLLECT + 1)

/* For run_pages: physical memory has no gap. */
#define FAKE_RUNS_FOREVER 0

#define PAGE ((size_t)sysconf(_SC_PAGESIZE))

/* Check that a call fails with this errno, both returned and in errno. */
#define assert_error(call, error)                                              \
	do {                                                                   \
		errno = 0;                                                     \
		assert_int_equal((call), -(error));                            \
		assert_int_equal(errno, (error));                              \
	} while (0)

/* Check that a function returns each of these errnos of a command. */
#define assert_passes_errors(cmd, call, ...)                                   \
	do {                                                                   \
		static const int passed_errors[] = {__VA_ARGS__};              \
		size_t passed;                                                 \
		for (passed = 0; passed < sizeof(passed_errors) / sizeof(int); \
		     passed++) {                                               \
			fake_fail((cmd), 0, passed_errors[passed]);            \
			assert_error(call, passed_errors[passed]);             \
		}                                                              \
	} while (0)

/**
 * struct fake - state that tests set and read
 * @calls: how often each command was called
 * @syncs: how often DMA_BUF_IOCTL_SYNC was called
 * @opens: how often the device was opened
 * @open_error: errno with which opening fails
 * @open_path: path that was opened last
 * @last: the structure of the last command, as it was passed in
 * @last_sync: flags of the last DMA_BUF_IOCTL_SYNC
 * @run_pages: physical memory has a gap after so many pages
 * @most_extents: how many are translated at a time, 0 for any number
 * @mlock_pages: how many pages can be mlocked
 * @device: a page that is not memory
 * @read_only: a page that cannot be written
 * @stale: a page that was replaced since it was locked
 * @knows_no_on_fault: an old module, without CONTIG_UNHOLD_ON_FAULT
 * @deny_physical: CAP_SYS_RAWIO is missing
 * @attached: the name of the device that any client has attached
 * @dma_run_pages: as run_pages, for DMA addresses
 * @alloc: fills the answer of CONTIG_ALLOC, returns 0 or an errno
 * @probe: fills the answer of CONTIG_PROBE
 * @collect: the errno of CONTIG_COLLECT
 * @bounced: pages of which the device needs a copy
 * @during: called within every command
 * @before_munlock: called at the beginning of every munlock()
 */
struct fake {
	unsigned int calls[FAKE_COMMANDS];
	unsigned int syncs;
	unsigned int opens;
	int open_error;
	char open_path[64];
	union {
		__u32 size;
		struct contig_info info;
		struct contig_alloc alloc;
		struct contig_probe probe;
		struct contig_hold hold;
		struct contig_unhold unhold;
		struct contig_lock lock;
		struct contig_unlock unlock;
		struct contig_get_physical get_physical;
		struct contig_get_state get_state;
		struct contig_device device;
		struct contig_prepare prepare;
		struct contig_checkpoint checkpoint;
		struct contig_sync sync;
		struct contig_defer defer;
		struct contig_collect collect;
	} last;
	uint64_t last_sync;
	unsigned int run_pages;
	unsigned int most_extents;
	unsigned int mlock_pages;
	const void *device;
	const void *read_only;
	const void *stale;
	bool knows_no_on_fault;
	bool deny_physical;
	char attached[CONTIG_DEVICE_NAME_SIZE];
	unsigned int dma_run_pages;
	int (*alloc)(struct contig_alloc *arg);
	int (*probe)(struct contig_probe *arg);
	int collect;
	uint32_t bounced;
	void (*during)(unsigned int cmd);
	void (*before_munlock)(void);
};

extern struct fake fake;

/* Forget everything; the setup function of each test. */
int fake_reset(void **state);

#define TEST(function) cmocka_unit_test_setup(function, fake_reset)

/* Let call number @after (0 for the next) of a command fail. */
void fake_fail(unsigned int cmd, unsigned int after, int error);

/* Raise a signal within the next command. */
void fake_raise(int signal);

uint64_t fake_physical(const void *addr);
uint64_t fake_dma(const void *addr);
unsigned int fake_locks(const void *addr);
unsigned int fake_holds(const void *addr);
bool fake_mlocked(const void *addr);
bool fake_is_mapped(const void *addr);

/* Return how many pages are mlocked, locked or held by any client. */
unsigned int fake_busy_pages(void);

/* Return how many preparations have not ended. */
unsigned int fake_preparations(void);

/* Return how many file descriptors this process has. */
unsigned int fake_open_files(void);

/* Map new anonymous memory. */
char *fake_memory(size_t pages);

#endif /* CONTIG_TESTS_FAKE_H */
