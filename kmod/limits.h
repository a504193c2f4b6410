/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How much memory each user has allocated, and may
 */
#ifndef CONTIG_LIMITS_H
#define CONTIG_LIMITS_H

#include <linux/atomic.h>
#include <linux/refcount.h>
#include <linux/types.h>
#include <linux/uidgid.h>

/**
 * struct contig_user - what one user has allocated
 * @refs: clients and buffers of this user; the last one to go frees it
 * @uid: who
 * @pages: pages in this user's buffers
 */
struct contig_user {
	refcount_t refs;
	kuid_t uid;
	atomic_long_t pages;
};

struct contig_user *contig_user_get(kuid_t uid);
struct contig_user *contig_user_ref(struct contig_user *user);
void contig_user_put(struct contig_user *user);
int contig_user_charge(struct contig_user *user, unsigned long npages);
void contig_user_uncharge(struct contig_user *user, unsigned long npages);
unsigned long contig_user_quota(void);
unsigned long contig_user_left(const struct contig_user *user);
void contig_limits_init(void);

bool contig_may_see_physical(void);
bool contig_may_see_physical_noaudit(void);

#endif /* CONTIG_LIMITS_H */
