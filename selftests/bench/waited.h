/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The demo's request that waits for memory
 */
#ifndef BENCH_WAITED_H
#define BENCH_WAITED_H

void waited_requests(int client);

#endif
