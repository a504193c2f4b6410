/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * The least that a driver does to pin memory of a process, or to empty memory, to
 * compare with
 */
#ifndef CONTIG_BENCH_H
#define CONTIG_BENCH_H

#include <linux/ioctl.h>
#include <linux/types.h>

/**
 * struct contig_bench_pin - memory of the caller
 * @addr: its first byte
 * @length: bytes, not 0
 */
struct contig_bench_pin {
	__u64 addr;
	__u64 length;
};

/**
 * struct contig_bench_empty - page frames to move pages out of
 * @pfn: the first one
 * @npages: their number, not 0
 */
struct contig_bench_empty {
	__u64 pfn;
	__u64 npages;
};

/* Returns 0, so it costs what a system call of a driver costs. */
#define CONTIG_BENCH_NOTHING _IO('B', 0)
/* One file pins one range at a time. */
#define CONTIG_BENCH_PIN _IOW('B', 1, struct contig_bench_pin)
#define CONTIG_BENCH_UNPIN _IO('B', 2)
/* Takes the page frames, with one call of the kernel; one window at a time. */
#define CONTIG_BENCH_EMPTY _IOW('B', 3, struct contig_bench_empty)
#define CONTIG_BENCH_GIVE _IO('B', 4)

#endif
