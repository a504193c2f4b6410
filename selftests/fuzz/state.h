/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The state of a program that is run, shared by its steps
 */
#ifndef CONTIG_FUZZ_STATE_H
#define CONTIG_FUZZ_STATE_H

#include <errno.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fuzz.h"

#define PAGE 4096ul
#define CLIENTS 4
#define BUFFERS 8
#define REQUESTS 4

/* Where programs map memory. Nothing of the fuzzer itself lies there. */
#define ARENA 0x100000000ul
#define ARENA_PAGES 4096ul

/* Structures and arrays for calls: pages, one that faults, one read-only. */
#define SCRATCH_PAGES 16ul

/* A device that "run" has bound to uio_pci_generic, if there is one. */
#define FUZZ_DEVICE "pci/0000:00:10.0"

struct state {
	int client[CLIENTS];
	int buffer[BUFFERS];
	int request[REQUESTS];
	bool fresh[BUFFERS];	/* not written yet by any process */
	uint32_t preparation[CLIENTS];	/* id of the last one */
	int memfd, pipe[2], drm;
	unsigned int depth;	/* of forks */
	unsigned int forks;
};

extern struct state state;
/* One for each of the two threads. */
extern __thread char *scratch;

/* A step and those that follow, which some steps use as arguments. */
struct step {
	const uint8_t *b;
	const struct program *program;
	unsigned int at;
	unsigned int used;	/* following steps that are not to be run */
	bool thread;		/* this is not the main thread */
};

/* Return the result of a system call as a result of a step. */
static inline int result_of(long ret)
{
	return ret < 0 ? -errno : 0;
}

/* Return an address in the arena, or a special one, from two bytes. */
uint64_t step_address(const uint8_t b[2]);
/* Return a page in the arena, and a length in pages that stays inside it. */
char *arena_at(const uint8_t b[2]);
size_t arena_length(const char *at, uint8_t b);
uint64_t step_length(uint8_t b);
/* Return a descriptor of the program, often a buffer. */
int step_fd(uint8_t b);

/* Run @fn. Return -EFAULT if it accesses memory that is not mapped. */
int catch_faults(int (*fn)(void *arg), void *arg);

/* calls.c */
int step_open(struct step *step);
int step_close(struct step *step);
int step_info(struct step *step);
int step_raw(struct step *step);

/* allocs.c */
int step_alloc(struct step *step);
int step_probe(struct step *step);
int step_defer(struct step *step);
int step_collect(struct step *step);

/* ranges.c */
int step_hold(struct step *step);
int step_unhold(struct step *step);
int step_lock(struct step *step);
int step_unlock(struct step *step);
int step_physical(struct step *step);
int step_get_state(struct step *step);
int step_prepare(struct step *step);
int step_checkpoint(struct step *step);
int step_sync_range(struct step *step);

/* devices.c */
int step_device(struct step *step);
int step_rebind(struct step *step);

/* memory.c */
int step_map(struct step *step);
int step_map_buffer(struct step *step);
int step_unmap(struct step *step);
int step_protect(struct step *step);
int step_remap(struct step *step);
int step_advise(struct step *step);
int step_mlock(struct step *step);
int step_touch(struct step *step);
int step_reach(struct step *step);

/* files.c */
int step_dup(struct step *step);
int step_close_buffer(struct step *step);
int step_sync(struct step *step);
int step_dmabuf(struct step *step);
int step_pass(struct step *step);
int step_import(struct step *step);
int step_inspect(struct step *step);

/* steps.c */
int step_fork(struct step *step);
int step_thread(struct step *step);
int step_user(struct step *step);
int step_alarm(struct step *step);
int step_wait(struct step *step);

#endif /* CONTIG_FUZZ_STATE_H */
