/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Quotas of users, and the right to see physical addresses
 */
#ifndef CONTIG_LIMITS_H
#define CONTIG_LIMITS_H

#include <linux/atomic.h>
#include <linux/ktime.h>
#include <linux/refcount.h>
#include <linux/types.h>
#include <linux/uidgid.h>

#include "turn.h"

/**
 * struct contig_user_backlog - the deferred requests of an account
 * @nr: how many there are
 * @tried: time at which the last attempt to move memory for one of them ended
 * @rests: time until which memory is not moved for them
 *
 * Protected by the lock of backlog.c.
 */
struct contig_user_backlog {
	unsigned int nr;
	ktime_t tried;
	ktime_t rests;
};

/**
 * struct contig_user - an account: the memory that a user has allocated
 * @refs: clients, buffers, maps and dirty runs of the reserve; the last put
 *        frees the account
 * @uid: the user; constant
 * @ordinary: the files of this account were opened without CAP_SYS_RESOURCE;
 *            constant
 * @pages: pages charged to this account
 * @turns: requests that wait for their turn to empty memory
 * @gathers: bit 0 is set while a buffer of it is made contiguous
 * @compacts: bit 0 is set while the reserve is compacted for it
 * @backlog: its deferred requests
 * @rcu: frees it
 */
struct contig_user {
	refcount_t refs;
	kuid_t uid;
	bool ordinary;
	atomic_long_t pages;
	struct contig_turn_account turns;
	unsigned long gathers;
	unsigned long compacts;
	struct contig_user_backlog backlog;
	struct rcu_head rcu;
};

/**
 * struct contig_holding - the memory of an account, for reports
 * @uid: the user
 * @npages: pages charged to it
 */
struct contig_holding {
	kuid_t uid;
	unsigned long npages;
};

struct contig_user *contig_user_get(kuid_t uid);
struct contig_user *contig_user_ref(struct contig_user *user);
void contig_user_put(struct contig_user *user);
int contig_user_charge(struct contig_user *user, unsigned long npages);
void contig_user_uncharge(struct contig_user *user, unsigned long npages);
unsigned long contig_user_quota(const struct contig_user *user);
unsigned long contig_user_left(const struct contig_user *user);
unsigned long contig_users_largest(struct contig_holding *top, unsigned int nr);

int contig_pins_charge(unsigned long npages, bool *counted);
void contig_pins_uncharge(unsigned long npages, bool counted);

bool contig_may_see_physical(void);
bool contig_may_see_physical_noaudit(void);

#endif /* CONTIG_LIMITS_H */
