/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The pool of the coherent rung
 */
#ifndef CONTIG_COHERENT_H
#define CONTIG_COHERENT_H

#include <linux/types.h>

struct contig_pool;
struct contig_request;

struct contig_pool *contig_coherent_pool(const struct contig_request *request);
bool contig_coherent_possible(const struct contig_request *request);

#endif /* CONTIG_COHERENT_H */
