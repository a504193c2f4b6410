/* SPDX-License-Identifier: LGPL-2.1-or-later OR MIT */
/*
 * Declarations shared by the files that describe results in words.
 */
#ifndef CONTIG_EXPLAIN_H
#define CONTIG_EXPLAIN_H

#include "internal.h"

/**
 * struct outcome - a request for memory and its result
 * @length: bytes
 * @constraints: limits that the memory had to meet
 * @rungs: mask of the rungs that were allowed
 * @flags: of &enum contig_alloc_flags
 * @reports: the results of these rungs
 * @count: number of @reports
 * @address_bits: most bits with which no address is too high; 0 if the kernel
 *                does not report it
 * @at_least: mask of the rungs whose largest length is a lower bound
 * @in_way_id: number of the buffer in the way; 0 if the kernel names none
 * @in_way_pid: process that allocated it, 0 if the caller may not know
 * @in_way_uid: user that it is charged to
 * @largest: the report with the largest block, NULL if none has any
 * @cause: the report that explains the failure, NULL if there is none
 */
struct outcome {
	uint64_t length;
	const struct contig_constraints *constraints;
	uint32_t rungs;
	uint32_t flags;
	const struct contig_report *reports;
	unsigned int count;
	uint32_t address_bits;
	uint32_t at_least;
	uint64_t in_way_id;
	uint32_t in_way_pid;
	uint32_t in_way_uid;
	const struct contig_report *largest;
	const struct contig_report *cause;
};

/* Sets of values of enum contig_blocked. */
#define BLOCKED(name) (1u << CONTIG_BLOCKED_##name)

/* advice.c */
void ctg_add_advice(struct ctg_text *text, const char *intro,
		    const struct outcome *outcome);
void ctg_add_remedy(struct ctg_text *text, const struct contig_probe *probe);

#endif /* CONTIG_EXPLAIN_H */
