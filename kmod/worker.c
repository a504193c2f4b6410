// SPDX-License-Identifier: GPL-2.0-only
/*
 * Workers, which call kernel functions that can wait for ever
 *
 * The kernel's functions that migrate memory wait for a page that a file system
 * has locked, which may be one in user space that never answers, and for every
 * CPU to drain its lists, which a real-time task can prevent. So a worker calls
 * them. The caller waits for the worker until its deadline, and can be killed
 * and frozen meanwhile. If the caller leaves, a signal tells the worker to
 * stop: the kernel then migrates no more than the batch of pages at hand. A
 * worker that waits for one of these goes on waiting. It ends by itself, and
 * gives back the memory that it got.
 *
 * There are few workers, which bounds the threads that a hostile user can make
 * wait. A request waits for workers only if all of them are busy; if they have
 * been for long, it gets -EAGAIN. A request that has left a worker alone uses
 * no other one before that has ended, so that one request does not use up all.
 * Of some kinds of job only one runs at a time.
 *
 * The context of a worker differs from that of the caller:
 *
 * - memory cgroups: a page that migrates stays charged to its cgroup. Memory
 *   that a job allocates for its caller is charged to the caller's cgroup;
 * - cpusets and memory policies: these do not bind a worker. Pages that migrate
 *   belong to other tasks, and go to the same node first; the memory to take is
 *   chosen by the caller, from the nodes that it may use;
 * - priority: that of a worker. A caller of low priority does not keep memory
 *   isolated for long, and one of high priority does not slow down others. The
 *   work escapes the caller's cpu.max, and runs on CPUs outside of its cpuset,
 *   on as many as there are workers for all users together at most;
 * - freezing: workers do not freeze. One that waits would make suspending fail,
 *   and one that runs ends after its job, since its caller is frozen.
 *
 * rmmod fails while a worker runs, since it has a reference on the module.
 */
#include <linux/kref.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "request.h"
#include "stats.h"
#include "trace.h"
#include "waiting.h"
#include "worker.h"

#define CONTIG_WORKERS 4

/* Interval at which a caller checks the progress of its job. */
#define CONTIG_WORKER_PATIENCE (2 * HZ)

/*
 * Milliseconds after which a worker counts as stuck for requests that wait for
 * a worker. It does not matter whether its caller still waits: the caller can
 * have been killed just now, or can itself cause the delay.
 */
#define CONTIG_WORKER_STUCK 5000

/* Milliseconds after which a worker that was told to stop counts as stuck. */
#define CONTIG_WORKER_LINGER 1000

/* Interval at which a waiting request checks whether all workers are stuck. */
#define CONTIG_WORKER_WAIT (HZ / 4)

/**
 * struct contig_workers - all workers
 * @lock: protects the members below but @queue; lock order: client.h
 * @jobs: the jobs that were given to workers
 * @nr: number of jobs
 * @idle: requests wait here for a worker
 * @queue: runs the jobs; constant
 */
static struct contig_workers {
	spinlock_t lock; /* for all that follows */
	struct list_head jobs;
	unsigned int nr;
	wait_queue_head_t idle;
	struct workqueue_struct *queue;
} workers = {
	.lock = __SPIN_LOCK_UNLOCKED(workers.lock),
	.jobs = LIST_HEAD_INIT(workers.jobs),
	.idle = __WAIT_QUEUE_HEAD_INITIALIZER(workers.idle),
};

/* As for flush_work(): locks of a worker nest inside those of its caller. */
#ifdef CONFIG_LOCKDEP
static struct lockdep_map contig_worker_map =
	STATIC_LOCKDEP_MAP_INIT("contig_worker", &contig_worker_map);
#endif

static void contig_job_free(struct kref *ref)
{
	struct contig_job *job = container_of(ref, struct contig_job, ref);

	job->ops->free(job);
}

/* Drop a reference; job->ops->free() is called with the last one. */
void contig_job_put(struct contig_job *job)
{
	kref_put(&job->ref, contig_job_free);
}

/* A job that takes long makes progress: it does not count as stuck. For its worker. */
void contig_job_progress(struct contig_job *job)
{
	spin_lock(&workers.lock);
	job->start = ktime_get();
	spin_unlock(&workers.lock);
}

/*
 * Begin a job that the caller may end by SIGKILL. Kernel threads ignore
 * signals; with allow_kernel_signal() they still ignore those that a process
 * sends. A fatal signal ends only those waits and loops of the kernel that
 * check for one.
 */
static void contig_job_begin(struct contig_job *job)
{
	allow_kernel_signal(SIGKILL);
	spin_lock(&workers.lock);
	job->start = ktime_get();
	job->task = current;
	spin_unlock(&workers.lock);
}

/*
 * End a job. The kernel uses this thread for other work afterwards, so no
 * signal may stay pending; none is sent once job->task is NULL. Return true if
 * the caller has left.
 */
static bool contig_job_end(struct contig_job *job)
{
	bool abandoned;

	spin_lock(&workers.lock);
	job->task = NULL;
	/* Pairs with contig_job_done(), which does not take the lock. */
	smp_store_release(&job->done, true);
	abandoned = job->abandoned;
	spin_unlock(&workers.lock);
	disallow_signal(SIGKILL);
	return abandoned;
}

static void contig_job_work(struct work_struct *work)
{
	struct contig_job *job = container_of(work, struct contig_job, work);

	contig_job_begin(job);
	lock_map_acquire(&contig_worker_map);
	job->result = contig_job_abandoned(job) ? -EINTR : job->ops->work(job);
	lock_map_release(&contig_worker_map);

	if (contig_job_end(job))
		job->ops->drop(job);
	spin_lock(&workers.lock);
	list_del(&job->node);
	workers.nr--;
	WRITE_ONCE(job->over, true);
	spin_unlock(&workers.lock);
	wake_up(&job->wait);
	wake_up(&workers.idle);
	contig_job_put(job);
	/* contig_workers_exit() waits until this function has returned. */
	module_put(THIS_MODULE);
}

/* Return the job that keeps @job, of a single kind, from running; else NULL. */
static struct contig_job *contig_job_rival(const struct contig_job *job)
{
	struct contig_job *other;

	lockdep_assert_held(&workers.lock);
	if (!job->ops->single)
		return NULL;
	list_for_each_entry(other, &workers.jobs, node)
		if (other->ops == job->ops)
			return other;
	return NULL;
}

/* Add a job to those of workers; return false if there are too many. */
static bool contig_job_admit(struct contig_job *job)
{
	bool admitted;

	spin_lock(&workers.lock);
	admitted = workers.nr < CONTIG_WORKERS && !contig_job_rival(job);
	if (admitted) {
		workers.nr++;
		job->start = ktime_get();
		list_add_tail(&job->node, &workers.jobs);
	}
	spin_unlock(&workers.lock);
	return admitted;
}

/* Return true if a worker was told to stop and has not stopped in time. */
static bool contig_job_lingers(const struct contig_job *job)
{
	lockdep_assert_held(&workers.lock);
	return job->abandoned &&
	       ktime_ms_delta(ktime_get(), job->left) > CONTIG_WORKER_LINGER;
}

/* Return true if all workers that could do the job are stuck. */
static bool contig_job_hopeless(const struct contig_job *job)
{
	ktime_t now = ktime_get();
	struct contig_job *other;
	bool stuck;

	spin_lock(&workers.lock);
	stuck = workers.nr == CONTIG_WORKERS;
	list_for_each_entry(other, &workers.jobs, node)
		stuck &= ktime_ms_delta(now, other->start) > CONTIG_WORKER_STUCK;
	other = contig_job_rival(job);
	stuck |= other && (contig_job_lingers(other) ||
			   ktime_ms_delta(now, other->start) >
				   CONTIG_WORKER_STUCK);
	spin_unlock(&workers.lock);
	return stuck;
}

/* Give a job to a worker. Return 0, -EINTR, -ETIME, or -EAGAIN if stuck. */
static int contig_job_enqueue(struct contig_job *job,
			      const struct contig_request *request)
{
	int ret;

	while (!contig_job_admit(job)) {
		ret = contig_request_expired(request);
		if (!ret && contig_job_hopeless(job))
			ret = -EAGAIN;
		if (ret)
			return ret;
		if (contig_wait_event_timeout(workers.idle,
					      contig_job_admit(job),
					      min_t(long, CONTIG_WORKER_WAIT,
						    contig_request_left(request))) > 0)
			break;
	}
	/* Safe, since the caller has a reference on the module meanwhile. */
	__module_get(THIS_MODULE);
	kref_get(&job->ref);
	queue_work(workers.queue, &job->work);
	return 0;
}

/**
 * contig_job_init() - prepare a job
 * @job: embedded in the structure of its kind, which the caller fills
 * @ops: its kind
 * @pfn: first page frame, for debugfs; ULONG_MAX for anywhere
 * @npages: number of pages
 */
void contig_job_init(struct contig_job *job, const struct contig_job_ops *ops,
		     unsigned long pfn, unsigned long npages)
{
	INIT_WORK(&job->work, contig_job_work);
	kref_init(&job->ref);
	init_waitqueue_head(&job->wait);
	job->ops = ops;
	job->pfn = pfn;
	job->npages = npages;
}

static bool contig_job_done(struct contig_job *job)
{
	/* Pairs with contig_job_end(): the result is valid if true. */
	return smp_load_acquire(&job->done);
}

/*
 * Wait for a job. Return 0 if it is done, -EINTR, -ETIME, or -EAGAIN if the
 * worker is stuck.
 */
static int contig_job_wait(struct contig_job *job,
			   const struct contig_request *request)
{
	int ret;

	for (;;) {
		long left = min_t(long, contig_request_left(request),
				  CONTIG_WORKER_PATIENCE);

		if (contig_wait_event_timeout(job->wait, contig_job_done(job),
					      left) > 0)
			return 0;
		ret = contig_request_expired(request);
		if (ret)
			return ret;
		if (job->ops->stuck && job->ops->stuck(job))
			return -EAGAIN;
	}
}

/* Leave a job to its worker and tell that to stop; false if it is done. */
static bool contig_job_abandon(struct contig_job *job)
{
	bool done;

	spin_lock(&workers.lock);
	done = job->done;
	if (!done) {
		if (job->ops->leave)
			job->ops->leave(job);
		job->left = ktime_get();
		WRITE_ONCE(job->abandoned, true);
		/* The lock keeps the worker at this job. */
		if (job->task)
			send_sig(SIGKILL, job->task, 1);
	}
	spin_unlock(&workers.lock);
	return !done;
}

/* Return how long the worker of an orphan still has to stop, in jiffies. */
static long contig_orphan_grace(const struct contig_job *job)
{
	s64 ms = CONTIG_WORKER_LINGER - ktime_ms_delta(ktime_get(), job->left);

	return msecs_to_jiffies(max_t(s64, ms, 0));
}

/*
 * Wait, up to CONTIG_WORKER_LINGER, for the job that a request abandoned.
 * Return 0 if there is none now, -EAGAIN if it is stuck, -EINTR or -ETIME.
 */
static int contig_orphan_wait(const struct contig_request *request)
{
	struct contig_job *job = request->orphan ? request->orphan->job : NULL;

	if (!job)
		return 0;
	contig_wait_event_timeout(workers.idle, READ_ONCE(job->over),
				  min(contig_orphan_grace(job),
				      contig_request_left(request)));
	if (!READ_ONCE(job->over))
		return contig_request_expired(request) ?: -EAGAIN;
	contig_orphan_put(request->orphan);
	return 0;
}

/* Drop the reference on the job that a request abandoned. */
void contig_orphan_put(struct contig_orphan *orphan)
{
	if (orphan->job)
		contig_job_put(orphan->job);
	orphan->job = NULL;
}

/**
 * contig_orphan_ends() - give the worker of an abandoned job time to stop
 * @orphan: the job, from requests that have ended
 *
 * Sleeps for CONTIG_WORKER_LINGER at most, whatever signals are pending.
 *
 * Return: false if it still runs, perhaps for ever.
 */
bool contig_orphan_ends(const struct contig_orphan *orphan)
{
	return !orphan->job ||
	       wait_event_timeout(workers.idle, READ_ONCE(orphan->job->over),
				  contig_orphan_grace(orphan->job));
}

/**
 * contig_job_run() - give a job to a worker, and wait for it
 * @job: from contig_job_init(); the caller keeps its reference
 * @request: deadline
 *
 * May sleep until the deadline; can be killed and frozen. After a failure the
 * worker may own the job: the caller must only drop its reference.
 *
 * Return: 0 if it is done, with job->result; -ETIME, -EINTR; -EAGAIN if its
 * worker, or all that could do it, are stuck: the request should not try again.
 */
int contig_job_run(struct contig_job *job, const struct contig_request *request)
{
	int ret;

	lock_map_acquire(&contig_worker_map);
	lock_map_release(&contig_worker_map);
	ret = contig_orphan_wait(request) ?: contig_job_enqueue(job, request);
	if (ret)
		return ret;
	ret = contig_job_wait(job, request);
	if (!ret || !contig_job_abandon(job))
		return 0;
	contig_stats_count(CONTIG_EVENT_ABANDONED);
	trace_contig_abandoned(job->pfn, job->npages, ret);
	if (request->orphan) {
		kref_get(&job->ref);
		request->orphan->job = job;
	}
	return ret;
}

/* List jobs in debugfs with their physical addresses, for root only. */
int contig_workers_show(struct seq_file *m, void *unused)
{
	ktime_t now = ktime_get();
	struct contig_job *job;

	seq_puts(m, "address            KiB       ms  caller\n");
	spin_lock(&workers.lock);
	list_for_each_entry(job, &workers.jobs, node) {
		if (job->pfn == ULONG_MAX)
			seq_printf(m, "%-16s", job->ops->name);
		else
			seq_printf(m, "%#016llx", (u64)PFN_PHYS(job->pfn));
		seq_printf(m, " %5lu %8lld  %s\n",
			   job->npages << (PAGE_SHIFT - 10),
			   ktime_ms_delta(now, job->start),
			   job->abandoned ? "left" : "waits");
	}
	spin_unlock(&workers.lock);
	return 0;
}

int contig_workers_init(void)
{
	workers.queue = alloc_workqueue("contig", WQ_UNBOUND, CONTIG_WORKERS);
	return workers.queue ? 0 : -ENOMEM;
}

/* Wait for workers. After a failed load contig_orphan_ends() has been true. */
void contig_workers_exit(void)
{
	destroy_workqueue(workers.queue);
}
