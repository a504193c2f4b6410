/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Compacting the reserve
 */
#ifndef CONTIG_COMPACT_H
#define CONTIG_COMPACT_H

struct contig_buffer;
struct contig_report;
struct contig_request;

int contig_compact_init(void);
void contig_compact_exit(void);
int contig_compact(const struct contig_request *request,
		   struct contig_buffer *buffer, struct contig_report *report);

#endif /* CONTIG_COMPACT_H */
