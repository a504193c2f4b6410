/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The nth point that can fail in this thread fails: /proc/PID/fail-nth.
 *
 * A point is an allocation of the kernel, a copy from or to user space, or one
 * of contig's own points. See Documentation/testing.md.
 */
#ifndef CONTIG_FAULTS_H
#define CONTIG_FAULTS_H

#include "contig_utils.h"

#define FAIL_NTH "/proc/thread-self/fail-nth"
#define DEBUGFS "/sys/kernel/debug/"

/* No operation that is tested has more points than this. */
#define FAULTS_MAX 5000

/* On a kernel without this file a program reports that instead of its plan. */
static inline void faults_need_kernel(void)
{
	if (!access(FAIL_NTH, W_OK))
		return;
	printf("TAP version 13\n1..0 # SKIP no fault injection in this kernel:"
	       " CONFIG_FAULT_INJECTION\n");
	exit(4);
}

/* Let allocations that may sleep fail as well: the tests are about those. */
static inline void faults_setup(void)
{
	static const char * const settings[][2] = {
		{ "failslab/ignore-gfp-wait", "N" },
		{ "fail_page_alloc/ignore-gfp-wait", "N" },
		{ "fail_page_alloc/ignore-gfp-highmem", "N" },
		{ "fail_page_alloc/min-order", "0" },
		/* Each failure would print a stack trace. */
		{ "failslab/verbose", "0" },
		{ "fail_page_alloc/verbose", "0" },
		{ "fail_usercopy/verbose", "0" },
		{ "contig/fail_reserve/verbose", "0" },
		{ "contig/fail_coherent/verbose", "0" },
		{ "contig/fail_range/verbose", "0" },
		{ "contig/fail_split/verbose", "0" },
		{ "contig/fail_scatter/verbose", "0" },
		{ "contig/fail_pin/verbose", "0" },
		{ "contig/fail_map/verbose", "0" },
		{ "contig/fail_copy/verbose", "0" },
		{ "contig/fail_move/verbose", "0" },
		{ "contig/fail_move_copied/verbose", "0" },
	};
	char path[128];
	size_t i;

	for (i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		snprintf(path, sizeof(path), DEBUGFS "%s", settings[i][0]);
		write_text(path, settings[i][1]);
	}
}

/*
 * Let the nth point from here on fail. Return a descriptor for fault_disarm().
 */
static inline int fault_arm(unsigned int n)
{
	int fd = open(FAIL_NTH, O_RDWR | O_CLOEXEC), length;
	char text[16];

	length = snprintf(text, sizeof(text), "%u", n);
	if (fd < 0 || pwrite(fd, text, length, 0) != length) {
		perror("# " FAIL_NTH);
		exit(1);
	}
	return fd;
}

/*
 * Stop injecting failures. Return how many more points would have passed before
 * one failed: 0 if one has failed.
 */
static inline unsigned int fault_disarm(int fd)
{
	char text[16] = "";
	unsigned int left;

	/*
	 * The read is a point itself: if it fails, no point before it has
	 * failed.
	 */
	if (pread(fd, text, sizeof(text) - 1, 0) <= 0)
		left = 1;
	else
		left = strtoul(text, NULL, 10);
	while (pwrite(fd, "0", 1, 0) != 1)
		;
	close(fd);
	return left;
}

#endif /* CONTIG_FAULTS_H */
