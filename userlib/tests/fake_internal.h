/* SPDX-License-Identifier: LGPL-2.1-or-later OR MIT */
/*
 * What the files of the stand-in for the kernel module share.
 */
#ifndef CONTIG_TESTS_FAKE_INTERNAL_H
#define CONTIG_TESTS_FAKE_INTERNAL_H

#include "fake.h"

uint64_t fake_translated(uint64_t addr, uint32_t flags);
int fake_do_lock(int client, const struct contig_lock *arg);
int fake_do_unlock(int client, const struct contig_unlock *arg);

/* fake_prepare.c */
void fake_prepare_reset(void);
int fake_do_prepare(int client, struct contig_prepare *arg);
int fake_do_checkpoint(int client, const struct contig_checkpoint *arg);

#endif /* CONTIG_TESTS_FAKE_INTERNAL_H */
