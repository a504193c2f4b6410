/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Allocation of a buffer
 */
#ifndef CONTIG_ALLOC_H
#define CONTIG_ALLOC_H

#include <linux/types.h>

#include <uapi/linux/contig.h>

struct contig_buffer;
struct contig_request;

struct contig_buffer *contig_alloc_buffer(const struct contig_request *request,
					  const char *name,
					  struct contig_report *reports,
					  u32 *nr);
void contig_alloc_describe(struct contig_alloc *cmd,
			   const struct contig_buffer *buffer, int fd);
void contig_alloc_clear(struct contig_alloc *cmd);
void contig_alloc_explain(struct contig_alloc *cmd,
			  const struct contig_request *request);

#endif /* CONTIG_ALLOC_H */
