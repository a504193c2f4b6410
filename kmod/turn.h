/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The queue of requests that empty memory, and their claims
 */
#ifndef CONTIG_TURN_H
#define CONTIG_TURN_H

#include <linux/list.h>
#include <linux/types.h>
#include <linux/wait.h>

struct contig_avoid;
struct contig_request;

/**
 * struct contig_turn_line - requests of one account that wait
 * @node: entry of the list of lines of all accounts, empty if no request waits
 * @turns: these requests, the next one first
 *
 * The lock of the queue protects both.
 */
struct contig_turn_line {
	struct list_head node;
	struct list_head turns;
};

/**
 * struct contig_turn_account - an account's part of the queue
 * @lines: requests that need many steps, requests that need one
 */
struct contig_turn_account {
	struct contig_turn_line lines[2];
};

/**
 * struct contig_turn - a request in the queue, or at its head
 * @node: in the line of its account, empty if it does not wait; protected by
 *        the lock of the queue
 * @wait: the request waits here
 * @account: the account in whose lines it waits; constant
 * @got: time at which it got the turn last, in jiffies; protected by the lock
 *       of the queue
 * @brief: it is expected to need one step only; written by the request itself,
 *         while it does not wait
 */
struct contig_turn {
	struct list_head node;
	wait_queue_head_t wait;
	struct contig_turn_account *account;
	unsigned long got;
	bool brief;
};

/**
 * struct contig_claim - page frames that only one request may empty
 * @node: entry of the list of all claims; protected by the lock of the queue
 * @first: first page frame, of a pageblock
 * @last: last page frame, of a pageblock
 * @left: a worker was left alone with it; constant while it is a claim
 */
struct contig_claim {
	struct list_head node;
	unsigned long first;
	unsigned long last;
	bool left;
};

/**
 * enum contig_claims - kinds of claims that a request has to avoid
 * @CONTIG_CLAIMS_NONE: none
 * @CONTIG_CLAIMS_LEFT: of workers that were left alone, perhaps for good
 * @CONTIG_CLAIMS_LIVE: of requests, which drop them soon
 */
enum contig_claims {
	CONTIG_CLAIMS_NONE,
	CONTIG_CLAIMS_LEFT,
	CONTIG_CLAIMS_LIVE,
};

void contig_turn_account_init(struct contig_turn_account *account);
void contig_turn_init(struct contig_turn *turn,
		      struct contig_turn_account *account, bool brief);
int contig_turn_enter(struct contig_turn *turn,
		      const struct contig_request *request, bool again);
void contig_turn_pass(struct contig_turn *turn, bool failed);
void contig_turn_leave(struct contig_turn *turn);

bool contig_claim_take(struct contig_claim *claim, unsigned long pfn,
		       unsigned long npages, bool huge);
void contig_claim_inherit(struct contig_claim *claim, unsigned long pfn,
			  unsigned long npages, bool huge);
void contig_claim_drop(struct contig_claim *claim);
enum contig_claims contig_claims_avoid(const struct contig_request *request,
				       struct contig_avoid *avoid,
				       unsigned long *drops);
int contig_claims_wait(const struct contig_request *request,
		       unsigned long drops, long timeout);

#endif /* CONTIG_TURN_H */
