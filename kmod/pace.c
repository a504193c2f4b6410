// SPDX-License-Identifier: GPL-2.0-only
/*
 * How often attempts are made for deferred requests
 *
 * They take CPU time that belongs to no process. After each the account rests for
 * CONTIG_PACE_ACCOUNT times as long as it took. After one that moves memory the request
 * rests for CONTIG_PACE_REQUEST times as long, and all accounts without CAP_SYS_RESOURCE
 * together for as long as it took.
 *
 * The caller holds the lock of backlog.c.
 */
#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/vmstat.h>

#include "backlog.h"
#include "limits.h"
#include "pace.h"

#define CONTIG_PACE_REQUEST 8
#define CONTIG_PACE_ACCOUNT 3

/* An account may use so much of its rest in advance, for many short attempts. */
#define CONTIG_PACE_GRACE (60 * NSEC_PER_MSEC)

/* Pauses between two attempts to move memory: the shortest, and the longest. */
#define CONTIG_PACE_SHORT (100 * NSEC_PER_MSEC)
#define CONTIG_PACE_LONG (2 * NSEC_PER_SEC)

/* Let an account rest after an attempt for one of its requests, which took @took. */
void contig_pace_account(struct contig_user *user, ktime_t took)
{
	ktime_t now = ktime_get();

	user->backlog.rests = max(user->backlog.rests,
				  ktime_sub_ns(now, CONTIG_PACE_GRACE)) +
			      took * CONTIG_PACE_ACCOUNT;
}

/* Let a request, and those that it competes with, rest after memory was moved for it. */
void contig_pace_request(struct contig_deferral *deferral, ktime_t took,
			 ktime_t *rests)
{
	ktime_t now = ktime_get();

	deferral->free = global_zone_page_state(NR_FREE_PAGES);
	deferral->took = took;
	deferral->pause = clamp_t(ktime_t, deferral->pause * 2, CONTIG_PACE_SHORT,
				  CONTIG_PACE_LONG);
	deferral->pause = max_t(ktime_t, deferral->pause,
				took * CONTIG_PACE_REQUEST);
	deferral->next = ktime_add(now, deferral->pause);
	deferral->user->backlog.tried = now;
	if (deferral->user->ordinary)
		*rests = ktime_add(now, took);
}

/* Try a request again as soon as that is allowed. */
void contig_pace_hurry(struct contig_deferral *deferral)
{
	ktime_t rest = max_t(ktime_t, deferral->took * CONTIG_PACE_REQUEST,
			     CONTIG_PACE_SHORT);

	if (deferral->pause <= rest)
		return;
	deferral->next = ktime_sub(deferral->next, deferral->pause - rest);
	deferral->pause = rest;
}
