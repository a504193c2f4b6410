/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The demo's reserve in holes
 */
#ifndef BENCH_COMPACTED_H
#define BENCH_COMPACTED_H

void compacted_reserve(int client);

#endif
