/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How often attempts are made for deferred requests
 */
#ifndef CONTIG_PACE_H
#define CONTIG_PACE_H

#include <linux/ktime.h>

struct contig_deferral;
struct contig_user;

void contig_pace_account(struct contig_user *user, ktime_t took);
void contig_pace_request(struct contig_deferral *deferral, ktime_t took,
			 ktime_t *rests);
void contig_pace_hurry(struct contig_deferral *deferral);

#endif /* CONTIG_PACE_H */
