/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parts of the fuzzer know of each other
 */
#ifndef CONTIG_FUZZ_H
#define CONTIG_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/*
 * Programs: a string of bytes, taken as steps of this many bytes each. The
 * first byte of a step says what to do, the others with what. Every string is a
 * program, so a mutation cannot make a bad one.
 */
#define STEP_BYTES 8
#define STEPS_MAX 32

struct program {
	unsigned int steps;
	uint8_t step[STEPS_MAX][STEP_BYTES];
};

/* random.c: xorshift, so that a seed says what follows. */
struct rng {
	uint64_t state;
};

void rng_seed(struct rng *rng, uint64_t seed);
uint64_t rng_next(struct rng *rng);
/* From 0 up to, without, @n. */
unsigned int rng_below(struct rng *rng, unsigned int n);

/*
 * cover.c: what has ever been reached. The parent and all that it forks share
 * the maps.
 */
enum { KCOV_MAIN, KCOV_THREAD, KCOV_CHILD, KCOV_SLOTS };

/* Is there KCOV? Without it only the results of steps tell what is new. */
bool cover_init(void);
/* Count for the calling thread from now on, in a slot of its own. */
void cover_begin(int slot);
/* Take what was traced since the last time. */
void cover_collect(int slot);
/* The step @op ended with @result. */
void cover_result(int slot, unsigned int op, unsigned int result);
/* How much was new since the last call. */
unsigned int cover_news(void);
/* Begin anew; from now on the way to a place is no news, if @places is set. */
void cover_forget(bool places);
/* Different program counters of the module. */
unsigned int cover_pcs(void);
/* All of them, one a line, as offsets from the module's text. */
void cover_list(FILE *file);

/* steps.c: carry out a program, in a process that is there for nothing else. */
#define EXIT_NOT_ZERO 77	/* memory was handed out that was not zero */
#define EXIT_NO_ARENA 78	/* the interpreter could not begin */

void steps_run(const struct program *program, bool tell);
/* The name of what a step does. */
const char *step_name(uint8_t op);
unsigned int step_count(void);

/* corpus.c: programs that are worth keeping. */
struct corpus {
	struct program *programs;
	unsigned int nr, room;
};

void corpus_add(struct corpus *corpus, const struct program *program);
/* All files of a folder, or one file; false, with a message, if it cannot. */
bool corpus_read(struct corpus *corpus, const char *path);
bool corpus_write(const struct corpus *corpus, const char *path);
/* Shortest first. */
void corpus_sort(struct corpus *corpus);
/* A program as one line of text, which corpus_read() understands. */
#define PROGRAM_TEXT (STEPS_MAX * (STEP_BYTES * 2 + 1) + 1)
void program_print(const struct program *program, char text[PROGRAM_TEXT]);
bool program_parse(struct program *program, const char *text);

/* mutate.c: another program, from one or two of the corpus. */
void mutate(struct rng *rng, const struct corpus *corpus,
	    struct program *program);

/* child.c: run one program and see what becomes of it. */
enum outcome {
	RAN,
	/* The program's own doing: an alarm, or it ran too long. */
	KILLED,
	/* Any of these is a bug. */
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
