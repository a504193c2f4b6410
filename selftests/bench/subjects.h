/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Calls that the benchmark times, alternately
 */
#ifndef BENCH_SUBJECTS_H
#define BENCH_SUBJECTS_H

#include <stddef.h>
#include <stdint.h>

#include "tools.h"

#define LARGE (64 * MIB)

/**
 * enum kind - what a call stands for in the table and the picture
 * @OURS: a call of contig
 * @PEER: another way to the same end
 * @LIMIT: work that cannot be avoided, such as clearing the memory
 */
enum kind {
	OURS,
	PEER,
	LIMIT,
};

/**
 * struct subject - a call to be timed
 * @name: its name in the output
 * @kind: whose it is
 * @run: makes the call once
 * @after: prepares for the next turn, not timed; or NULL
 * @length: bytes that the call is about, or 0
 * @rungs: for CONTIG_ALLOC
 * @flags: for CONTIG_ALLOC
 * @memory: that the call is about, or NULL
 * @calls: how often to run it in each turn, if it is too short for the clock
 * @times: of all turns
 */
struct subject {
	const char *name;
	enum kind kind;
	void (*run)(const struct subject *subject);
	void (*after)(const struct subject *subject);
	size_t length;
	uint32_t rungs;
	uint32_t flags;
	char *memory;
	unsigned int calls;
	struct times times;
};

extern int client;

/* Memory that the subjects use. */
extern char *memory;

int alloc_fd(const struct subject *subject);
void run_alloc(const struct subject *subject);
char *map_fd(int fd, size_t length);

void take_memory(int advice);
void free_memory(void);

void take_turns(struct subject *subjects, unsigned int nr, unsigned int turns);
void report(struct subject *subject, struct subject *reference, double target);
void section(const char *name);

void run_info(const struct subject *subject);
void bench_peers(void);
void bench_locks(void);
void bench_io(void);
void bench_moves(void);
void bench_crowd(void);
void bench_relocate(void);

#endif
