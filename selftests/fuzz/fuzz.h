/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Interfaces between the parts of the fuzzer
 */
#ifndef CONTIG_FUZZ_H
#define CONTIG_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/*
 * Programs: a string of bytes, read as steps of this many bytes each. The first
 * byte of a step selects the operation, the others are its arguments. Every
 * string is a valid program, so a mutation cannot make an invalid one.
 */
#define STEP_BYTES 8
#define STEPS_MAX 32

struct program {
	unsigned int steps;
	uint8_t step[STEPS_MAX][STEP_BYTES];
};

/* random.c: xorshift; a seed determines the sequence. */
struct rng {
	uint64_t state;
};

void rng_seed(struct rng *rng, uint64_t seed);
uint64_t rng_next(struct rng *rng);
/* Return a number from 0 to @n - 1. */
unsigned int rng_below(struct rng *rng, unsigned int n);

/*
 * cover.c: everything ever reached. The parent and all its children share the
 * maps.
 */
enum { KCOV_MAIN, KCOV_THREAD, KCOV_CHILD, KCOV_SLOTS };

/*
 * Return true if the kernel has KCOV. Otherwise only results of steps are new.
 */
bool cover_init(void);
/* Trace the calling thread from now on, in a slot of its own. */
void cover_begin(int slot);
/* Add what was traced since the last time to the maps. */
void cover_collect(int slot);
/* Record that the step @op ended with @result. */
void cover_result(int slot, unsigned int op, unsigned int result);
/* Return how much was new since the last call. */
unsigned int cover_news(void);
/* Start anew. With @places set, edges do not count as new from now on. */
void cover_forget(bool places);
/* Return the number of program counters of the module that were reached. */
unsigned int cover_pcs(void);
/* Print all of them, one a line, as offsets from the module's text. */
void cover_list(FILE *file);

/* steps.c: run a program, in a process that does nothing else. */
#define EXIT_NOT_ZERO 77	/* memory was handed out that was not zero */
#define EXIT_NO_ARENA 78	/* the interpreter could not begin */

void steps_run(const struct program *program, bool tell);
/* Return the name of an operation. */
const char *step_name(uint8_t op);
unsigned int step_count(void);

/* corpus.c: programs that are kept. */
struct corpus {
	struct program *programs;
	unsigned int nr, room;
};

void corpus_add(struct corpus *corpus, const struct program *program);
/*
 * Read all files of a folder, or one file. Return false, after a message, on
 * failure.
 */
bool corpus_read(struct corpus *corpus, const char *path);
bool corpus_write(const struct corpus *corpus, const char *path);
/* Sort, shortest first. */
void corpus_sort(struct corpus *corpus);
/* A program as one line of text, as corpus_read() parses it. */
#define PROGRAM_TEXT (STEPS_MAX * (STEP_BYTES * 2 + 1) + 1)
void program_print(const struct program *program, char text[PROGRAM_TEXT]);
bool program_parse(struct program *program, const char *text);

/* mutate.c: derive a program from one or two of the corpus. */
void mutate(struct rng *rng, const struct corpus *corpus,
	    struct program *program);

/* child.c: run one program and report how it ended. */
enum outcome {
	RAN,
	/* Not a bug: the program's alarm, or it ran too long. */
	KILLED,
	/* Each of these is a bug. */
	HANGS, DIED, NOT_ZERO, LEFT, COMPLAINED,
};

struct run {
	enum outcome outcome;
	int status;		/* as waitpid() gives it */
	char why[160];
};

bool child_init(void);
void child_run(const struct program *program, bool tell, struct run *run);

#endif /* CONTIG_FUZZ_H */
