// SPDX-License-Identifier: GPL-2.0-only
/*
 * CONTIG_DEFER and CONTIG_COLLECT: a deferred request as a file
 */
#include <linux/anon_inodes.h>
#include <linux/cleanup.h>
#include <linux/err.h>
#include <linux/dma-buf.h>
#include <linux/eventfd.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/ktime.h>
#include <linux/memcontrol.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/wait.h>

#include <uapi/linux/contig.h>

#include "alloc.h"
#include "backlog.h"
#include "buffer.h"
#include "client.h"
#include "dmabuf.h"
#include "gfp.h"
#include "ladder.h"
#include "limits.h"
#include "name.h"
#include "poison.h"
#include "report.h"
#include "request.h"
#include "request_check.h"
#include "ucmd.h"

/* Time budget of an attempt: by default, and at most. */
#define CONTIG_DEFER_BUDGET (2 * MSEC_PER_SEC)
#define CONTIG_DEFER_BUDGET_MAX (10 * MSEC_PER_SEC)

/* Longest time to a deadline: a day and more can be had by asking again. */
#define CONTIG_DEADLINE_MAX_MS (24ULL * 60 * 60 * MSEC_PER_SEC)

static int contig_deferral_release(struct inode *inode, struct file *file)
{
	struct contig_deferral *deferral = file->private_data;

	contig_backlog_cancel(deferral);
	contig_deferral_put(deferral);
	return 0;
}

static __poll_t contig_deferral_poll(struct file *file, poll_table *wait)
{
	struct contig_deferral *deferral = file->private_data;

	poll_wait(file, &deferral->wait, wait);
	/* Pairs with contig_backlog_end(). */
	return smp_load_acquire(&deferral->over) ? EPOLLIN | EPOLLRDNORM : 0;
}

static const struct file_operations contig_deferral_fops = {
	.owner = THIS_MODULE,
	.release = contig_deferral_release,
	.poll = contig_deferral_poll,
	.llseek = noop_llseek,
};

static int contig_defer_check(const struct contig_ucmd *ucmd)
{
	const struct contig_defer *cmd = ucmd->cmd;

	if (cmd->flags & ~CONTIG_DEFER_EVENTFD || cmd->reserved)
		return -EOPNOTSUPP;
	if (cmd->priority < CONTIG_PRIORITY_MIN ||
	    cmd->priority > CONTIG_PRIORITY_MAX)
		return -EINVAL;
	if (cmd->priority > 0 && ucmd->client->user->ordinary)
		return -EPERM;
	if (!(cmd->flags & CONTIG_DEFER_EVENTFD) && cmd->eventfd)
		return -EINVAL;
	if (cmd->alloc.flags & CONTIG_ALLOC_NO_WAIT ||
	    cmd->deadline_ms > CONTIG_DEADLINE_MAX_MS)
		return -EINVAL;
	return contig_name_check(cmd->alloc.name, sizeof(cmd->alloc.name));
}

/* Set what a request is for. Return 0, or -errno as CONTIG_ALLOC gives it. */
static int contig_deferral_ask(struct contig_deferral *deferral,
			       struct contig_ucmd *ucmd)
{
	struct contig_request *request = &deferral->request;
	struct contig_defer *cmd = ucmd->cmd;
	struct contig_alloc *alloc = &cmd->alloc;
	u32 budget = min(alloc->timeout_ms ?: CONTIG_DEFER_BUDGET,
			 CONTIG_DEFER_BUDGET_MAX);
	int ret;

	ret = contig_request_for(ucmd->client, request, alloc->length, alloc->flags,
				 alloc->rungs, budget, &alloc->constraints);
	if (ret)
		return ret;
	if (request->npages > contig_user_quota(request->user))
		return -EDQUOT;
	alloc->out_address_bits = contig_request_address_bits(request);
	deferral->budget = ms_to_ktime(budget);
	contig_name_choose(deferral->name, alloc->name, sizeof(deferral->name));
	return 0;
}

/* Return the eventfd of a request, NULL for none, or ERR_PTR(). */
static struct eventfd_ctx *contig_defer_eventfd(const struct contig_defer *cmd)
{
	struct eventfd_ctx *eventfd;

	if (!(cmd->flags & CONTIG_DEFER_EVENTFD))
		return NULL;
	eventfd = eventfd_ctx_fdget(cmd->eventfd);
	return eventfd == ERR_PTR(-EINVAL) ? ERR_PTR(-EBADFD) : eventfd;
}

/* Make a request of a command. Return it with one reference, or ERR_PTR(). */
static struct contig_deferral *contig_deferral_new(struct contig_ucmd *ucmd)
{
	struct contig_deferral *deferral __free(kfree) =
		kzalloc(sizeof(*deferral), CONTIG_GFP);
	const struct contig_defer *cmd = ucmd->cmd;
	int ret;

	if (!deferral)
		return ERR_PTR(-ENOMEM);
	ret = contig_deferral_ask(deferral, ucmd);
	if (ret)
		return ERR_PTR(ret);
	deferral->eventfd = contig_defer_eventfd(cmd);
	if (IS_ERR(deferral->eventfd))
		return ERR_CAST(deferral->eventfd);
	kref_init(&deferral->kref);
	INIT_LIST_HEAD(&deferral->node);
	init_waitqueue_head(&deferral->wait);
	deferral->client = ucmd->client;
	deferral->user = contig_user_ref(ucmd->client->user);
	deferral->request.deferred = true;
	deferral->request.memcg = get_mem_cgroup_from_mm(current->mm);
	deferral->pid = task_tgid_nr(current);
	deferral->priority = cmd->priority;
	deferral->queued = ktime_get();
	deferral->deadline = cmd->deadline_ms ?
			     ktime_add_ms(deferral->queued, cmd->deadline_ms) :
			     KTIME_MAX;
	deferral->next = deferral->queued;
	deferral->heard = true;
	deferral->answer.error = -EAGAIN;
	/* Until it is queued. */
	deferral->over = true;
	return no_free_ptr(deferral);
}

/* Publish the file of a request, which owns it, and queue it. Return 0 or -errno. */
static int contig_defer_publish(struct contig_ucmd *ucmd, struct file *file)
{
	struct contig_deferral *deferral = file->private_data;
	struct contig_defer *cmd = ucmd->cmd;
	int fd, ret;

	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;
	cmd->out_fd = fd;
	ret = contig_ucmd_respond(ucmd, sizeof(*cmd));
	if (!ret) {
		kref_get(&deferral->kref);
		ret = contig_backlog_add(deferral);
		if (ret)
			contig_deferral_put(deferral);
	}
	if (ret)
		put_unused_fd(fd);
	else
		fd_install(fd, file);
	return ret;
}

int contig_defer_ioctl(struct contig_ucmd *ucmd)
{
	struct contig_deferral *deferral;
	struct file *file;
	int ret;

	ret = contig_defer_check(ucmd);
	if (ret)
		return ret;
	deferral = contig_deferral_new(ucmd);
	if (IS_ERR(deferral))
		return PTR_ERR(deferral);
	file = anon_inode_getfile("[contig-request]", &contig_deferral_fops, deferral,
				  O_RDONLY);
	if (IS_ERR(file)) {
		contig_deferral_put(deferral);
		return PTR_ERR(file);
	}
	ret = contig_defer_publish(ucmd, file);
	if (ret)
		fput(file);
	return ret;
}

/*
 * Fill in what the reports say, and why there is no memory, or none yet. Who collects can
 * have less right to know that than who made the request.
 */
static void contig_collect_explain(struct contig_alloc *alloc,
				   const struct contig_deferral *deferral,
				   struct contig_answer *answer)
{
	struct contig_request request = deferral->request;

	request.told &= contig_may_see_physical_noaudit();
	if (!answer->error) {
		contig_reports_blur(&request, deferral->user, alloc->out_reports,
				    alloc->out_report_count);
		return;
	}
	request.in_way = &answer->in_way;
	request.start = ktime_get();
	request.deadline = ktime_add_ns(request.start, CONTIG_SURVEY_TIME);
	/* Only the end of it is worth looking at all memory. */
	request.no_wait = answer->error != -ETIME;
	contig_alloc_explain(alloc, &request);
}

/* Give a buffer that was claimed to the caller as @fd. Return 0 or -errno. */
static int contig_collect_buffer(struct contig_ucmd *ucmd,
				 struct contig_deferral *deferral,
				 struct contig_buffer *buffer, int fd)
{
	unsigned long npages = buffer->extents.npages;
	struct contig_collect *cmd = ucmd->cmd;
	int ret;

	contig_alloc_describe(&cmd->alloc, buffer, fd);
	ret = contig_ucmd_respond(ucmd, sizeof(*cmd)) ?:
	      contig_buffer_export(buffer, O_RDWR | O_CLOEXEC);
	/* It could never be exported. */
	if (ret == -ENOMEM && contig_buffer_first_failed(buffer, 0, npages) < npages) {
		contig_backlog_claimed(deferral, true);
		contig_buffer_destroy(buffer);
		return -EHWPOISON;
	}
	contig_backlog_claimed(deferral, !ret);
	/* The file owns the buffer now. */
	if (!ret)
		fd_install(fd, buffer->dmabuf->file);
	return ret;
}

/* Give the answer to the caller. Return 0 or -errno. */
static int contig_collect_answer(struct contig_ucmd *ucmd,
				 struct contig_deferral *deferral,
				 struct contig_answer *answer)
{
	struct contig_collect *cmd = ucmd->cmd;
	struct contig_alloc *alloc = &cmd->alloc;
	int fd, ret;

	contig_alloc_clear(alloc);
	alloc->out_address_bits = contig_request_address_bits(&deferral->request);
	alloc->out_report_count = answer->nr;
	memcpy(alloc->out_reports, answer->reports, sizeof(answer->reports));
	cmd->out_tries = answer->tries;
	contig_collect_explain(alloc, deferral, answer);
	if (answer->error)
		return contig_ucmd_respond(ucmd, sizeof(*cmd)) ?: answer->error;
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0) {
		contig_backlog_claimed(deferral, false);
		return fd;
	}
	ret = contig_collect_buffer(ucmd, deferral, answer->buffer, fd);
	if (ret)
		put_unused_fd(fd);
	return ret;
}

static int contig_collect_file(struct contig_ucmd *ucmd,
			       struct contig_deferral *deferral)
{
	struct contig_collect *cmd = ucmd->cmd;
	struct contig_answer *answer __free(kfree) =
		kmalloc(sizeof(*answer), CONTIG_GFP);
	ktime_t waited;
	int ret;

	if (!answer)
		return -ENOMEM;
	if (cmd->flags & CONTIG_COLLECT_TICKLE)
		contig_backlog_tickle(deferral);
	if (cmd->flags & CONTIG_COLLECT_CANCEL)
		contig_backlog_cancel(deferral);
	ret = contig_backlog_claim(deferral, answer, &waited);
	if (ret)
		return ret;
	cmd->out_waited_ns = ktime_to_ns(waited);
	return contig_collect_answer(ucmd, deferral, answer);
}

int contig_collect_ioctl(struct contig_ucmd *ucmd)
{
	const struct contig_collect *cmd = ucmd->cmd;
	struct file *file;
	int ret;

	if (cmd->flags & ~(CONTIG_COLLECT_TICKLE | CONTIG_COLLECT_CANCEL))
		return -EOPNOTSUPP;
	file = fget(cmd->fd);
	if (!file)
		return -EBADF;
	ret = file->f_op == &contig_deferral_fops ?
		      contig_collect_file(ucmd, file->private_data) : -EBADFD;
	fput(file);
	return ret;
}
