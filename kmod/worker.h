/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Workers, which call kernel functions that can wait for ever
 */
#ifndef CONTIG_WORKER_H
#define CONTIG_WORKER_H

#include <linux/compiler.h>
#include <linux/kref.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

struct contig_job;
struct contig_request;
struct seq_file;
struct task_struct;

/**
 * struct contig_job_ops - a kind of job
 * @name: for debugfs
 * @single: at most one job of this kind runs at a time
 * @work: does the job, in a worker, and returns the result; may sleep
 * @leave: called when the caller leaves the job to its worker, under the lock
 *         of contig_workers; may be NULL
 * @drop: gives back the memory of a job whose caller has left; called by the
 *        worker, may sleep
 * @stuck: returns true if the job has made no progress since the last call;
 *         called by the caller, NULL for a job that does not show progress
 * @free: frees the job
 */
struct contig_job_ops {
	const char *name;
	bool single;
	int (*work)(struct contig_job *job);
	void (*leave)(struct contig_job *job);
	void (*drop)(struct contig_job *job);
	bool (*stuck)(struct contig_job *job);
	void (*free)(struct contig_job *job);
};

/**
 * struct contig_job - work that a worker does for a caller
 * @work: for the workqueue
 * @ref: references of the worker, of the caller and of a struct contig_orphan
 * @node: in contig_workers.jobs; protected by its lock
 * @wait: the caller waits here
 * @ops: its kind; constant
 * @pfn: first page frame, ULONG_MAX for anywhere; constant
 * @npages: number of pages; constant
 * @start: time at which it was admitted, then at which it began, or made progress;
 *         protected by the lock of contig_workers
 * @left: time at which the caller left; constant once @abandoned is set
 * @task: the worker while it is at the job, else NULL; protected by that lock
 * @result: what work() returned; valid if @done
 * @done: written under the lock of contig_workers
 * @abandoned: the caller has left; written under that lock
 * @over: the worker is free again; written under that lock
 */
struct contig_job {
	struct work_struct work;
	struct kref ref;
	struct list_head node;
	wait_queue_head_t wait;
	const struct contig_job_ops *ops;
	unsigned long pfn;
	unsigned long npages;
	ktime_t start;
	ktime_t left;
	struct task_struct *task;
	int result;
	bool done;
	bool abandoned;
	bool over;
};

/**
 * struct contig_orphan - the job that a request has abandoned to its worker
 * @job: the job, with a reference; NULL for none
 */
struct contig_orphan {
	struct contig_job *job;
};

/* Return true if the caller has left, so that the job should end. */
static inline bool contig_job_abandoned(const struct contig_job *job)
{
	return READ_ONCE(job->abandoned);
}

int contig_workers_init(void);
void contig_workers_exit(void);
int contig_workers_show(struct seq_file *m, void *unused);

void contig_job_init(struct contig_job *job, const struct contig_job_ops *ops,
		     unsigned long pfn, unsigned long npages);
int contig_job_run(struct contig_job *job, const struct contig_request *request);
void contig_job_progress(struct contig_job *job);
void contig_job_put(struct contig_job *job);
void contig_orphan_put(struct contig_orphan *orphan);
bool contig_orphan_ends(const struct contig_orphan *orphan);

#endif /* CONTIG_WORKER_H */
