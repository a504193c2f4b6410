/* SPDX-License-Identifier: LGPL-2.1-or-later OR MIT */
/*
 * Declarations shared by the files of the stand-in for the kernel module.
 */
#ifndef CONTIG_TESTS_FAKE_INTERNAL_H
#define CONTIG_TESTS_FAKE_INTERNAL_H

#include "fake.h"

#define MAX_PAGES 4096

/* Locks and holds of a page by one client. */
struct page {
	int client;
	uint64_t addr;
	unsigned int locks;
	unsigned int holds;
};

/* fake.c */
void fake_lock(void);
void fake_unlock(void);
uint64_t fake_page_of(uint64_t addr);
bool fake_page_is_mapped(uint64_t page);
struct page *fake_get_page(int client, uint64_t addr);
unsigned int fake_total(uint64_t addr, bool holds);
int fake_resolve(uint32_t flags, int fd, uint64_t *addr, uint64_t length);
int fake_check_pages(uint64_t addr, uint64_t length, bool writes);
int fake_check_locked(int client, uint64_t addr, uint64_t length);
uint64_t fake_translated(uint64_t addr, uint32_t flags);
int fake_do_alloc(struct contig_alloc *arg);
int fake_do_lock(int client, const struct contig_lock *arg);
int fake_do_unlock(int client, const struct contig_unlock *arg);

/* fake_hold.c */
void fake_hold_reset(void);
unsigned int fake_mlocked_pages(void);
int fake_do_hold(int client, struct contig_hold *arg);
int fake_do_unhold(int client, struct contig_unhold *arg);

/* fake_defer.c */
int fake_do_defer(struct contig_defer *arg);
int fake_do_collect(struct contig_collect *arg);

/* fake_prepare.c */
void fake_prepare_reset(void);
int fake_do_prepare(int client, struct contig_prepare *arg);
int fake_do_checkpoint(int client, const struct contig_checkpoint *arg);
int fake_do_sync(int client, const struct contig_sync *arg);

#endif /* CONTIG_TESTS_FAKE_INTERNAL_H */
