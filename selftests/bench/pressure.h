/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A process that keeps memory busy
 */
#ifndef BENCH_PRESSURE_H
#define BENCH_PRESSURE_H

#include <stdint.h>

/**
 * enum pressure - states of memory
 * @PRESSURE_FRESH: nothing is kept busy
 * @PRESSURE_MOVABLE: memory is full of pages of a process, every second page
 *                    frame is free
 * @PRESSURE_MIXED: the same, with page cache and full pipes in between
 */
enum pressure {
	PRESSURE_FRESH,
	PRESSURE_MOVABLE,
	PRESSURE_MIXED,
};

/**
 * struct pressure_state - memory that a process keeps busy
 * @filled: the most bytes of its own that were filled
 * @kept: bytes of them that are still mapped
 * @cached: bytes of page cache that it filled
 * @pipes: pipes with a page of data each
 */
struct pressure_state {
	uint64_t filled;
	uint64_t kept;
	uint64_t cached;
	uint64_t pipes;
};

void pressure_start(void);
void pressure_apply(enum pressure pressure, struct pressure_state *state);
void pressure_renew(struct pressure_state *state);

#endif
