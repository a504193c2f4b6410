/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Deferred requests: they wait until there is memory
 */
#ifndef CONTIG_BACKLOG_H
#define CONTIG_BACKLOG_H

#include <linux/kref.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/types.h>
#include <linux/wait.h>

#include <uapi/linux/contig.h>

#include "request.h"

struct contig_buffer;
struct contig_client;
struct contig_user;
struct eventfd_ctx;
struct seq_file;

/**
 * struct contig_answer - what came of the attempts for a request
 * @buffer: the memory, which is not exported yet; NULL for none
 * @error: why the request has ended without memory, 0 if it has some, -EAGAIN while it
 *         waits
 * @tries: number of attempts
 * @nr: number of reports
 * @reports: of the last attempt that moved memory, or of the one that succeeded
 * @in_way: the buffer that it failed for
 */
struct contig_answer {
	struct contig_buffer *buffer;
	int error;
	u32 tries;
	u32 nr;
	struct contig_report reports[CONTIG_REPORTS];
	struct contig_in_way in_way;
};

/**
 * struct contig_deferral - a deferred request
 * @kref: its file has a reference, and the backlog has one while it waits
 * @node: in the backlog while it waits
 * @client: the file that it was made through, for comparison only
 * @user: the account, with a reference; constant, like the members up to @deadline
 * @eventfd: is signalled at the end; NULL for none
 * @request: what is asked for; has a reference on its memory cgroup
 * @budget: time of an attempt
 * @name: name of the buffer
 * @pid: process that made it, in the initial namespace
 * @priority: those with a larger one are tried first
 * @queued: time at which it was made
 * @deadline: time at which it fails, KTIME_MAX for never
 * @wait: those that poll its file
 * @answer: the result so far. This and the following are protected by the lock of
 *          backlog.c; @over can be read without it
 * @ended: time at which it ended
 * @next: time from which memory may be moved for it
 * @pause: time from a failed attempt to the next
 * @free: free pages of the machine after the last attempt that moved memory
 * @took: how long the last attempt that moved memory took
 * @heard: memory became free since the last attempt
 * @trying: an attempt is being made, which only backlog.c ends
 * @cancel: the error with which it ends after the attempt; 0 to go on
 * @over: it has ended
 * @collected: the buffer was given to a process, or is about to be
 */
struct contig_deferral {
	struct kref kref;
	struct list_head node;
	const struct contig_client *client;
	struct contig_user *user;
	struct eventfd_ctx *eventfd;
	struct contig_request request;
	ktime_t budget;
	char name[CONTIG_NAME_SIZE];
	pid_t pid;
	int priority;
	ktime_t queued;
	ktime_t deadline;
	wait_queue_head_t wait;
	struct contig_answer answer;
	ktime_t ended;
	ktime_t next;
	ktime_t pause;
	unsigned long free;
	ktime_t took;
	bool heard;
	bool trying;
	int cancel;
	bool over;
	bool collected;
};

int contig_backlog_init(void);
void contig_backlog_exit(void);
int contig_backlog_add(struct contig_deferral *deferral);
void contig_backlog_cancel(struct contig_deferral *deferral);
void contig_backlog_tickle(struct contig_deferral *deferral);
void contig_backlog_tickle_all(void);
int contig_backlog_claim(struct contig_deferral *deferral,
			 struct contig_answer *answer, ktime_t *waited);
void contig_backlog_claimed(struct contig_deferral *deferral, bool taken);
void contig_backlog_forget(const struct contig_client *client);
void contig_deferral_put(struct contig_deferral *deferral);
int contig_backlog_show(struct seq_file *m, void *unused);

#endif /* CONTIG_BACKLOG_H */
