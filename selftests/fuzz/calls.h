/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Calls of contig by steps: the form of the structure and of its tables
 */
#ifndef CONTIG_FUZZ_CALLS_H
#define CONTIG_FUZZ_CALLS_H

#include "state.h"

/* In the last byte of a step: a reserved member is not zero. */
#define FORM_RESERVED 0x40

/* Make the call with the structure @cmd, which lacks only its size. */
int call(const struct step *step, unsigned int number, void *cmd,
	 uint32_t size);

/* Return where the kernel must write an array. */
uint64_t table_at(uint8_t b);
uint32_t table_room(uint8_t b);

#endif /* CONTIG_FUZZ_CALLS_H */
