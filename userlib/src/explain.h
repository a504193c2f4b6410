/* SPDX-License-Identifier: LGPL-2.1-or-later OR MIT */
/*
 * What the files share that put answers into words.
 */
#ifndef CONTIG_EXPLAIN_H
#define CONTIG_EXPLAIN_H

#include "internal.h"

/**
 * struct outcome - what was asked for and what became of it
 * @length: bytes
 * @constraints: what the memory had to be like
 * @rungs: mask of the rungs that were allowed
 * @reports: what became of them
 * @count: number of @reports
 * @largest: the report with the largest block, NULL if none has any
 */
struct outcome {
	uint64_t length;
	const struct contig_constraints *constraints;
	uint32_t rungs;
	const struct contig_report *reports;
	unsigned int count;
	const struct contig_report *largest;
};

/* Sets of values of enum contig_blocked. */
#define BLOCKED(name) (1u << CONTIG_BLOCKED_##name)

/* advice.c */
void ctg_add_advice(struct ctg_text *text, const char *intro,
		    const struct outcome *outcome);
void ctg_add_remedy(struct ctg_text *text, const struct contig_probe *probe);

#endif /* CONTIG_EXPLAIN_H */
