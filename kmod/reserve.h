/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The reserve rung: functions for other users than the ladder
 */
#ifndef CONTIG_RESERVE_H
#define CONTIG_RESERVE_H

#include <linux/types.h>

#include <uapi/linux/contig.h>

struct contig_buffer;
struct contig_report;
struct contig_request;
struct seq_file;

int contig_reserve_init(void);
void contig_reserve_exit(void);
void contig_reserve_sweep(void);
bool contig_reserve_overlaps(unsigned long start, unsigned long end);
int contig_reserve_take_now(const struct contig_request *request,
			    struct contig_buffer *buffer,
			    struct contig_report *report);
bool contig_reserve_possible(const struct contig_request *request);
unsigned long contig_reserve_given(void);
enum contig_blocked contig_reserve_blocked(const struct contig_request *request);
void contig_reserve_totals(bool told, u64 *total, u64 *free, u64 *largest);
int contig_reserve_show(struct seq_file *m, void *unused);

#endif /* CONTIG_RESERVE_H */
