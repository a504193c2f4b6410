// SPDX-License-Identifier: GPL-2.0-only
/*
 * The queue of requests that empty memory, and their claims
 *
 * Two requests that empty memory at the same time would take the pages that the
 * other has just freed, so one step is done at a time. Accounts take turns, and
 * requests of one account are served in order: a request waits for one request
 * of each other account, however many these have. A request that needs one step
 * passes those that need many, between two of their steps; while both kinds
 * wait they take turns. A request that was expected to need one step and needs
 * another counts as one that needs many from then on. After a window has
 * failed, a request goes to the end of its account's line.
 *
 * The turn only keeps order. A request that does not finish a step soon loses
 * the turn, since it may be frozen, or wait for a page that is never unlocked.
 * Each waiting request grants a late turn to the next one in line, which may
 * not run either. A request that missed its turn queues again when it runs.
 * Claims keep requests from harming each other: a request claims its window, by
 * whole pageblocks, before it empties the first step, and the searches of all
 * other requests avoid it.
 */
#include <linux/jiffies.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/pageblock-flags.h>
#include <linux/spinlock.h>

#include "avoid.h"
#include "request.h"
#include "turn.h"
#include "waiting.h"

/* Time for one step after which a request loses the turn if others wait. */
#define CONTIG_TURN_TIME (HZ / 4)

/* Time for consecutive steps after which it passes the turn on. */
#define CONTIG_TURN_MOST (2 * HZ)

/**
 * struct contig_turns - the queue
 * @lock: protects the members below; lock order: client.h
 * @holder: the request that has the turn, NULL if none
 * @since: time at which @holder got it or began its last step, in jiffies
 * @waiting: lines of the accounts with requests that wait, the next one first:
 *           requests that need many steps, and those that need one
 * @kernel: account of requests that are not charged to a user
 * @was_brief: contig_turn.brief of @holder, or of the last one
 * @claims: all claims
 * @drops: number of claims that were dropped
 * @dropped: requests wait here for a claim to be dropped
 */
static struct contig_turns {
	spinlock_t lock; /* for all that follows */
	struct contig_turn *holder;
	unsigned long since;
	struct list_head waiting[2];
	struct contig_turn_account kernel;
	bool was_brief;
	struct list_head claims;
	unsigned long drops;
	wait_queue_head_t dropped;
} turns = {
	.lock = __SPIN_LOCK_UNLOCKED(turns.lock),
	.waiting = {
		LIST_HEAD_INIT(turns.waiting[0]),
		LIST_HEAD_INIT(turns.waiting[1]),
	},
	.kernel.lines[0].node = LIST_HEAD_INIT(turns.kernel.lines[0].node),
	.kernel.lines[0].turns = LIST_HEAD_INIT(turns.kernel.lines[0].turns),
	.kernel.lines[1].node = LIST_HEAD_INIT(turns.kernel.lines[1].node),
	.kernel.lines[1].turns = LIST_HEAD_INIT(turns.kernel.lines[1].turns),
	.claims = LIST_HEAD_INIT(turns.claims),
	.dropped = __WAIT_QUEUE_HEAD_INITIALIZER(turns.dropped),
};

void contig_turn_account_init(struct contig_turn_account *account)
{
	int brief;

	for (brief = 0; brief < 2; brief++) {
		INIT_LIST_HEAD(&account->lines[brief].node);
		INIT_LIST_HEAD(&account->lines[brief].turns);
	}
}

/**
 * contig_turn_init() - prepare a request for the queue
 * @turn: to be filled
 * @account: of the user that the request is charged to, which must outlive
 *           @turn; NULL for the kernel's own requests
 * @brief: the request is expected to need one step only
 */
void contig_turn_init(struct contig_turn *turn,
		      struct contig_turn_account *account, bool brief)
{
	INIT_LIST_HEAD(&turn->node);
	init_waitqueue_head(&turn->wait);
	turn->account = account ?: &turns.kernel;
	turn->brief = brief;
}

static struct contig_turn_line *contig_turn_line(struct contig_turn *turn)
{
	return &turn->account->lines[turn->brief];
}

/* Put a request into the line of its account, at the head if @first. */
static void contig_turn_queue(struct contig_turn *turn, bool first)
{
	struct contig_turn_line *line = contig_turn_line(turn);

	lockdep_assert_held(&turns.lock);
	if (list_empty(&line->turns))
		list_add_tail(&line->node, &turns.waiting[turn->brief]);
	if (first)
		list_add(&turn->node, &line->turns);
	else
		list_add_tail(&turn->node, &line->turns);
}

/* Take a request out of the line of its account. */
static void contig_turn_unqueue(struct contig_turn *turn)
{
	struct contig_turn_line *line = contig_turn_line(turn);

	lockdep_assert_held(&turns.lock);
	list_del_init(&turn->node);
	if (list_empty(&line->turns))
		list_del_init(&line->node);
}

/* Return the request that is next, NULL if none waits. */
static struct contig_turn *contig_turn_next(void)
{
	struct contig_turn_line *line;
	bool brief = !turns.was_brief;

	lockdep_assert_held(&turns.lock);
	if (list_empty(&turns.waiting[brief]))
		brief = !brief;
	line = list_first_entry_or_null(&turns.waiting[brief],
					struct contig_turn_line, node);
	return line ? list_first_entry(&line->turns, struct contig_turn, node) :
		      NULL;
}

/* Give the turn to a request that waits, or to none. */
static void contig_turn_grant(struct contig_turn *turn)
{
	struct contig_turn_line *line;

	lockdep_assert_held(&turns.lock);
	WRITE_ONCE(turns.holder, turn);
	if (!turn)
		return;
	contig_turn_unqueue(turn);
	/* The other accounts come before the next request of this one. */
	line = contig_turn_line(turn);
	if (!list_empty(&line->turns))
		list_move_tail(&line->node, &turns.waiting[turn->brief]);
	turns.was_brief = turn->brief;
	turns.since = jiffies;
	turn->got = jiffies;
	/* Under the lock: the waiter may be gone when the lock is dropped. */
	wake_up(&turn->wait);
}

/*
 * Return true if a request that waits has got the turn; then it waits no
 * longer. Pass on the turn of a request that is late.
 */
static bool contig_turn_mine(struct contig_turn *turn)
{
	lockdep_assert_held(&turns.lock);
	if (turns.holder == turn)
		return true;
	/* It had the turn, and lost it before this task ran. */
	if (list_empty(&turn->node))
		contig_turn_queue(turn, false);
	if (!turns.holder ||
	    time_after(jiffies, turns.since + CONTIG_TURN_TIME))
		contig_turn_grant(contig_turn_next());
	return turns.holder == turn;
}

/**
 * contig_turn_enter() - wait until it is a request's turn
 * @turn: the request; it may have the turn already
 * @request: deadline
 * @again: the request had the turn before, and goes before those of its account
 *         that had not
 *
 * Must be called before each step: a request that took long for the last one
 * has lost the turn. May sleep; a task that is frozen here does not block
 * others.
 *
 * Return: 0, -EINTR or -ETIME.
 */
int contig_turn_enter(struct contig_turn *turn,
		      const struct contig_request *request, bool again)
{
	int ret = 0;
	bool mine;

	spin_lock(&turns.lock);
	mine = turns.holder == turn;
	if (!mine) {
		contig_turn_queue(turn, again);
		if (!turns.holder)
			contig_turn_grant(turn);
		mine = turns.holder == turn;
	}
	spin_unlock(&turns.lock);

	while (!mine && !ret) {
		long left = min_t(long, contig_request_left(request),
				  CONTIG_TURN_TIME);

		contig_wait_event_timeout(turn->wait,
					  READ_ONCE(turns.holder) == turn, left);
		ret = contig_request_expired(request);
		spin_lock(&turns.lock);
		mine = contig_turn_mine(turn);
		if (!mine && ret)
			contig_turn_unqueue(turn);
		spin_unlock(&turns.lock);
	}
	return mine ? 0 : ret;
}

/**
 * contig_turn_pass() - let other requests do a step
 * @turn: the request that has the turn, or had it
 * @failed: its last step failed, so requests that need many steps go first as
 *          well
 *
 * Must be called between two steps, and between two windows. One step was not
 * enough for the request then, so it counts as one that needs many.
 */
void contig_turn_pass(struct contig_turn *turn, bool failed)
{
	spin_lock(&turns.lock);
	turn->brief = false;
	if (turns.holder == turn) {
		turns.was_brief = false;
		turns.since = jiffies;
		if (failed || !list_empty(&turns.waiting[true]) ||
		    time_after(jiffies, turn->got + CONTIG_TURN_MOST))
			contig_turn_grant(contig_turn_next());
	}
	spin_unlock(&turns.lock);
}

/* End a request's use of the queue. */
void contig_turn_leave(struct contig_turn *turn)
{
	spin_lock(&turns.lock);
	if (turns.holder == turn)
		contig_turn_grant(contig_turn_next());
	spin_unlock(&turns.lock);
}

/*
 * Return what the ends of a claim are aligned to. Of a huge page that is being
 * emptied, the pageblocks beside it must not be isolated: see contig_window_apart().
 */
static unsigned long contig_claim_align(bool huge)
{
	return huge ? MAX_ORDER_NR_PAGES : pageblock_nr_pages;
}

static void contig_claim_fill(struct contig_claim *claim, unsigned long pfn,
			      unsigned long npages, bool huge)
{
	unsigned long align = contig_claim_align(huge);

	claim->first = round_down(pfn, align);
	claim->last = round_up(pfn + npages, align) - 1;
}

/**
 * contig_claim_take() - claim a window
 * @claim: to be filled
 * @pfn: first page frame of the window
 * @npages: number of page frames
 * @huge: it is for huge pages
 *
 * Return: false if another claim overlaps it.
 */
bool contig_claim_take(struct contig_claim *claim, unsigned long pfn,
		       unsigned long npages, bool huge)
{
	struct contig_claim *other;
	bool taken = false;

	contig_claim_fill(claim, pfn, npages, huge);
	claim->left = false;
	spin_lock(&turns.lock);
	list_for_each_entry(other, &turns.claims, node)
		taken |= other->first <= claim->last &&
			 claim->first <= other->last;
	if (!taken)
		list_add(&claim->node, &turns.claims);
	spin_unlock(&turns.lock);
	return !taken;
}

/* Claim, for a worker that is left alone, a part of the caller's own claim. */
void contig_claim_inherit(struct contig_claim *claim, unsigned long pfn,
			  unsigned long npages, bool huge)
{
	contig_claim_fill(claim, pfn, npages, huge);
	claim->left = true;
	spin_lock(&turns.lock);
	list_add(&claim->node, &turns.claims);
	spin_unlock(&turns.lock);
}

void contig_claim_drop(struct contig_claim *claim)
{
	spin_lock(&turns.lock);
	list_del(&claim->node);
	WRITE_ONCE(turns.drops, turns.drops + 1);
	spin_unlock(&turns.lock);
	wake_up(&turns.dropped);
}

/**
 * contig_claims_avoid() - add all claims to the page frames to avoid
 * @request: the request
 * @avoid: page frames to avoid
 * @drops: receives the value for contig_claims_wait()
 *
 * The caller has no claim.
 *
 * Return: kind of the claims on memory that the request may have.
 */
enum contig_claims contig_claims_avoid(const struct contig_request *request,
				       struct contig_avoid *avoid,
				       unsigned long *drops)
{
	enum contig_claims claims = CONTIG_CLAIMS_NONE;
	/* As far as a claim of this request would reach. */
	unsigned long align = contig_claim_align(request->huge);
	struct contig_claim *claim;

	spin_lock(&turns.lock);
	*drops = turns.drops;
	list_for_each_entry(claim, &turns.claims, node) {
		contig_avoid_add(avoid, round_down(claim->first, align),
				 round_up(claim->last + 1, align) - 1);
		if (claim->first <= request->highest &&
		    request->lowest <= claim->last)
			claims = max(claims, claim->left ? CONTIG_CLAIMS_LEFT :
							   CONTIG_CLAIMS_LIVE);
	}
	spin_unlock(&turns.lock);
	return claims;
}

/**
 * contig_claims_wait() - wait until a claim is dropped
 * @request: deadline
 * @drops: from contig_claims_avoid()
 * @timeout: longest time to wait, in jiffies
 *
 * The caller has no claim and not the turn. May sleep; can be killed and
 * frozen.
 *
 * Return: 0 if a claim was dropped, or after @timeout; -EINTR or -ETIME.
 */
int contig_claims_wait(const struct contig_request *request,
		       unsigned long drops, long timeout)
{
	contig_wait_event_timeout(turns.dropped,
				  READ_ONCE(turns.drops) != drops, timeout);
	return contig_request_expired(request);
}
