// SPDX-License-Identifier: GPL-2.0-only
/*
 * CONTIG_PREPARE and CONTIG_CHECKPOINT: memory for transfers by a device
 *
 * A preparation consists of locks on a part of the caller's ranges, and of an
 * id by which CHECKPOINT ends them.
 */
#include <linux/compiler.h>
#include <linux/dma-buf.h>
#include <linux/dma-direction.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <uapi/linux/contig.h>

#include "client.h"
#include "dma_map.h"
#include "dmabuf.h"
#include "gfp.h"
#include "limits.h"
#include "lock.h"
#include "preparation.h"
#include "sync.h"
#include "target.h"
#include "ucmd.h"

#define CONTIG_IO_WAYS (CONTIG_IO_INPUT | CONTIG_IO_OUTPUT)

/* Addresses that are written at a time. Two arrays of them are on the stack. */
#define CONTIG_ADDRS 32UL

/* Ranges that are read without allocating memory for them. */
#define CONTIG_PREPARE_FEW 4

/**
 * struct contig_plan - the caller's ranges, and where a preparation begins
 * @spans: ranges, from user space
 * @nr: number of ranges, not 0
 * @total: bytes in all of them
 * @first: first byte to prepare
 */
struct contig_plan {
	const struct contig_span *spans;
	unsigned int nr;
	u64 total;
	u64 first;
};

/*
 * Step through the ranges from plan->first on. @at and @index keep the
 * position, and are 0 at first. Return true if there is a range left; then
 * @addr and @length are the part of it that lies behind plan->first.
 */
static bool contig_plan_next(const struct contig_plan *plan,
			     unsigned int *index, u64 *at, u64 *addr,
			     u64 *length)
{
	const struct contig_span *span;
	u64 skip;

	for (; *index < plan->nr; (*index)++) {
		span = &plan->spans[*index];
		skip = plan->first > *at ? plan->first - *at : 0;
		if (skip >= span->length) {
			*at += span->length;
			continue;
		}
		*addr = span->addr + skip;
		*length = span->length - skip;
		*at += span->length;
		(*index)++;
		return true;
	}
	return false;
}

/* Return how many pages @length bytes at @addr touch. */
static u64 contig_pages_touched(u64 addr, u64 length)
{
	return ((addr & ~PAGE_MASK) + length - 1) / PAGE_SIZE + 1;
}

/*
 * Return how many bytes can be prepared with @pages entries of a table, in
 * whole multiples of @granularity unless that is 0 or all of the rest fits.
 */
static u64 contig_plan_length(const struct contig_plan *plan, u64 pages,
			      u64 granularity)
{
	u64 at = 0, addr, length, most, done = 0;
	unsigned int i = 0;

	while (contig_plan_next(plan, &i, &at, &addr, &length)) {
		if (!pages)
			break;
		most = contig_pages_touched(addr, length);
		if (most > pages) {
			done += pages * PAGE_SIZE - (addr & ~PAGE_MASK);
			break;
		}
		pages -= most;
		done += length;
	}
	if (!granularity || plan->first + done == plan->total)
		return done;
	/* No preparation is so long, and round_up() would overflow. */
	if (granularity > U64_MAX - PAGE_SIZE)
		return 0;
	granularity = round_up(granularity, (u64)PAGE_SIZE);
	div64_u64_rem(done, granularity, &at);
	return done - at;
}

/*
 * Undo the locks of a preparation, the last one first.
 *
 * Return: 0, or -ENOMEM: then it can be called again for the parts left.
 */
static int contig_preparation_unlock(struct contig_client *client,
				     struct contig_preparation *prep)
{
	struct contig_target target;
	int ret;

	for (; prep->nr; prep->nr--) {
		const struct contig_prepared *part = &prep->parts[prep->nr - 1];

		ret = contig_target_again(client, prep->dmabuf, part->addr,
					  part->length, &target) ?:
		      contig_unlock_target(client, &target);
		contig_target_done(client, &target);
		/* Ignore other errors: the caller may have unlocked it. */
		if (ret == -ENOMEM)
			return ret;
		cond_resched();
	}
	return 0;
}

/* Hand a preparation from the CPU to the device or back. */
static int contig_preparation_sync(struct contig_client *client,
				   struct contig_preparation *prep,
				   bool for_device)
{
	enum dma_data_direction direction = contig_io_direction(prep->flags);
	struct contig_target target;
	unsigned int i;
	int ret, error = 0;

	if (!client->device || !(prep->flags & CONTIG_IO_WAYS))
		return 0;
	/* Sync the other parts even if one fails. */
	for (i = 0; i < prep->nr; i++) {
		ret = contig_target_again(client, prep->dmabuf,
					  prep->parts[i].addr,
					  prep->parts[i].length, &target) ?:
		      contig_target_sync(&target, for_device, direction);
		contig_target_done(client, &target);
		error = error ?: ret;
		/* A locked part syncs all of a foreign dma-buf. */
		if (prep->dmabuf && !contig_buffer_of(prep->dmabuf) &&
		    ret != -ENOLCK)
			break;
		cond_resched();
	}
	return error;
}

/* Return for how many of @n pages the device uses a copy. */
static u32 contig_count_copies(struct contig_client *client,
			       const u64 *dma, const u64 *physical,
			       unsigned long n)
{
	u32 copies = 0;

	while (n--)
		copies += contig_dma_is_copy(client->device, dma[n],
					     physical[n]);
	return copies;
}

/* contig_prepare_tell() for a foreign dma-buf, which is never copied. */
static noinline_for_stack int
contig_prepare_tell_foreign(struct contig_prepare *cmd,
			    const struct contig_target *target)
{
	enum contig_side side = cmd->flags & CONTIG_GET_DMA ?
				CONTIG_SIDE_DEVICE : CONTIG_SIDE_CPU;
	u64 __user *user = u64_to_user_ptr(cmd->addrs);
	unsigned long page = target->first, n;
	u64 addrs[CONTIG_ADDRS] __uninitialized;
	int ret;

	if (side == CONTIG_SIDE_CPU) {
		ret = contig_target_physical(target);
		if (ret)
			return ret;
	}
	while (page <= target->last) {
		n = contig_target_addrs(target, side, &page, addrs,
					CONTIG_ADDRS);
		if (page - n == target->first)
			addrs[0] += target->head;
		if (contig_copy_to_user(user + cmd->count, addrs,
					n * sizeof(*user)))
			return -EFAULT;
		cmd->count += n;
		cond_resched();
	}
	return 0;
}

/* Write the addresses of the pages that were locked of one range. */
static noinline_for_stack int
contig_prepare_tell(struct contig_client *client, struct contig_prepare *cmd,
		    const struct contig_target *target)
{
	/*
	 * Not cleared as CONFIG_INIT_STACK_ALL_ZERO would: most callers want no
	 * addresses. Others get those that contig_target_addrs() writes.
	 */
	u64 dma[CONTIG_ADDRS] __uninitialized;
	u64 physical[CONTIG_ADDRS] __uninitialized, *addrs = physical;
	u64 __user *user = u64_to_user_ptr(cmd->addrs);
	unsigned long page = target->first, at, n;

	/* The caller wants no addresses, and there are no copies to count. */
	if (!user && (contig_target_is_foreign(target) ||
		      !(cmd->flags & CONTIG_IO_BOUNCE))) {
		cmd->count += target->last - target->first + 1;
		return 0;
	}
	if (contig_target_is_foreign(target))
		return contig_prepare_tell_foreign(cmd, target);
	if (cmd->flags & CONTIG_GET_DMA)
		addrs = dma;
	while (page <= target->last) {
		at = page;
		n = contig_target_addrs(target, CONTIG_SIDE_CPU, &page, physical,
					CONTIG_ADDRS);
		if (client->device) {
			contig_target_addrs(target, CONTIG_SIDE_DEVICE, &at,
					    dma, n);
			cmd->out_bounced += contig_count_copies(client, dma,
								physical, n);
		}
		if (user && page - n == target->first)
			addrs[0] += target->head;
		if (user && contig_copy_to_user(user + cmd->count, addrs,
						n * sizeof(*user)))
			return -EFAULT;
		cmd->count += n;
		cond_resched();
	}
	return 0;
}

/* Make a target of a part of one range; contig_target_done() also on failure. */
static int contig_prepare_target(struct contig_client *client,
				 const struct contig_prepare *cmd,
				 const struct contig_preparation *prep,
				 u64 addr, u64 length,
				 struct contig_target *target)
{
	const struct contig_range range = {
		.fd = cmd->fd,
		.addr = addr,
		.length = length,
	};

	if (!prep->dmabuf)
		return contig_target_init(client, &range, true, target);
	get_dma_buf(prep->dmabuf);
	return contig_target_init_dmabuf(client, prep->dmabuf, addr, length,
					 true, target);
}

/* Lock a target, add it to the preparation, and write its addresses. */
static int contig_prepare_lock(struct contig_client *client,
			       struct contig_prepare *cmd,
			       struct contig_preparation *prep,
			       const struct contig_target *target)
{
	u32 flags = cmd->flags & CONTIG_IO_BOUNCE;
	int ret;

	if (!prep->writable)
		flags |= CONTIG_LOCK_OUTPUT;
	ret = contig_lock_target(client, target, flags);
	if (ret)
		return ret;
	prep->parts[prep->nr++] = (struct contig_prepared){
		(u64)target->first << PAGE_SHIFT | target->head, target->length
	};
	return contig_prepare_tell(client, cmd, target);
}

/* Lock the part of one range that is prepared, and write its addresses. */
static int contig_prepare_part(struct contig_client *client,
			       struct contig_prepare *cmd,
			       struct contig_preparation *prep, u64 addr,
			       u64 length)
{
	struct contig_target target;
	int ret;

	ret = contig_prepare_target(client, cmd, prep, addr, length, &target) ?:
	      contig_prepare_lock(client, cmd, prep, &target);
	contig_target_done(client, &target);
	return ret;
}

static int contig_prepare_parts(struct contig_client *client,
				struct contig_prepare *cmd,
				const struct contig_plan *plan,
				struct contig_preparation *prep)
{
	u64 at = 0, addr, length, left = cmd->out_length;
	unsigned int i = 0;
	int ret = 0;

	cmd->count = 0;
	while (!ret && left && contig_plan_next(plan, &i, &at, &addr,
						&length)) {
		length = min(length, left);
		left -= length;
		ret = contig_prepare_part(client, cmd, prep, addr, length);
	}
	return ret ?: contig_preparation_sync(client, prep, true);
}

/* Give a preparation an id and respond; then the client owns it. */
static int contig_prepare_publish(struct contig_ucmd *ucmd,
				  struct contig_preparation *prep)
{
	struct contig_client *client = ucmd->client;
	struct contig_prepare *cmd = ucmd->cmd;
	int ret;

	ret = contig_preparation_add(client, prep);
	if (ret)
		return ret;
	cmd->out_id = prep->id;
	ret = contig_ucmd_respond(ucmd, sizeof(*cmd));
	if (ret)
		contig_preparation_remove(client, prep);
	return ret;
}

/* Prepare all parts and publish them. The caller undoes what is locked. */
static int contig_prepare_all(struct contig_ucmd *ucmd,
			      const struct contig_plan *plan,
			      struct contig_preparation *prep)
{
	struct contig_client *client = ucmd->client;
	struct contig_prepare *cmd = ucmd->cmd;
	int ret;

	if (cmd->flags & (CONTIG_GET_DMA | CONTIG_IO_BOUNCE) && !client->device)
		return -EUNATCH;
	ret = contig_prepare_parts(client, cmd, plan, prep);
	if (ret)
		return ret;
	return contig_prepare_publish(ucmd, prep);
}

static int contig_prepare_plan(struct contig_ucmd *ucmd,
			       const struct contig_plan *plan)
{
	struct contig_client *client = ucmd->client;
	struct contig_prepare *cmd = ucmd->cmd;
	struct contig_preparation *prep;
	int ret;

	prep = kvzalloc(struct_size(prep, parts, plan->nr), CONTIG_GFP);
	if (!prep)
		return -ENOMEM;
	prep->flags = cmd->flags & CONTIG_IO_WAYS;
	prep->writable = prep->flags != CONTIG_IO_OUTPUT;
	if (cmd->flags & CONTIG_RANGE_BUFFER) {
		struct dma_buf *dmabuf = contig_target_dmabuf(cmd->fd);

		if (IS_ERR(dmabuf)) {
			kvfree(prep);
			return PTR_ERR(dmabuf);
		}
		prep->dmabuf = dmabuf;
	}
	if (mutex_lock_killable(&client->lock)) {
		contig_preparation_free(prep);
		return -EINTR;
	}
	ret = contig_prepare_all(ucmd, plan, prep);
	if (ret) {
		/* If the process is killed, its locks end with the client. */
		while (contig_preparation_unlock(client, prep) &&
		       !fatal_signal_pending(current))
			;
		contig_preparation_free(prep);
	}
	mutex_unlock(&client->lock);
	return ret;
}

/* Check the ranges and add up their lengths. */
static int contig_plan_init(struct contig_plan *plan,
			    const struct contig_prepare *cmd)
{
	unsigned int i;

	plan->nr = cmd->range_count;
	plan->total = 0;
	plan->first = cmd->first;
	for (i = 0; i < plan->nr; i++) {
		if (!plan->spans[i].length)
			return -EINVAL;
		if (check_add_overflow(plan->total, plan->spans[i].length,
				       &plan->total) ||
		    plan->spans[i].addr + plan->spans[i].length - 1 <
		    plan->spans[i].addr)
			return -EOVERFLOW;
	}
	return plan->first < plan->total ? 0 : -EINVAL;
}

static int contig_prepare_check(const struct contig_prepare *cmd)
{
	const u32 known = CONTIG_IO_WAYS | CONTIG_IO_BOUNCE |
			  CONTIG_RANGE_BUFFER | CONTIG_GET_DMA;

	if (cmd->flags & ~known)
		return -EOPNOTSUPP;
	if (!cmd->range_count || cmd->range_count > CONTIG_PREPARE_RANGES)
		return -EINVAL;
	if (cmd->addrs && !cmd->count)
		return -EINVAL;
	if (cmd->addrs && !(cmd->flags & CONTIG_GET_DMA) &&
	    !contig_may_see_physical())
		return -EPERM;
	return 0;
}

static int contig_prepare_spans(struct contig_ucmd *ucmd,
				struct contig_span *spans)
{
	struct contig_prepare *cmd = ucmd->cmd;
	struct contig_plan plan = { .spans = spans };
	int ret;

	if (copy_from_user(spans, u64_to_user_ptr(cmd->ranges),
			   cmd->range_count * sizeof(*spans)))
		return -EFAULT;
	cmd->out_bounced = 0;
	ret = contig_plan_init(&plan, cmd);
	if (ret)
		return ret;
	cmd->out_length = contig_plan_length(&plan, cmd->count ?: U32_MAX,
					     cmd->granularity);
	cmd->out_done = plan.first + cmd->out_length == plan.total;
	if (!cmd->out_length)
		return -EMSGSIZE;
	return contig_prepare_plan(ucmd, &plan);
}

int contig_prepare_ioctl(struct contig_ucmd *ucmd)
{
	struct contig_span few[CONTIG_PREPARE_FEW] __uninitialized;
	struct contig_span *spans = few;
	struct contig_prepare *cmd = ucmd->cmd;
	int ret;

	ret = contig_prepare_check(cmd);
	if (ret)
		return ret;
	if (cmd->range_count > ARRAY_SIZE(few)) {
		spans = kvmalloc_array(cmd->range_count, sizeof(*spans),
				       CONTIG_GFP);
		if (!spans)
			return -ENOMEM;
	}
	ret = contig_prepare_spans(ucmd, spans);
	if (spans != few)
		kvfree(spans);
	return ret;
}

/* Begin another transfer with the same memory. */
static int contig_checkpoint_more(struct contig_client *client,
				  struct contig_preparation *prep, u32 flags)
{
	if (flags & CONTIG_IO_INPUT && !prep->writable)
		return -EACCES;
	prep->flags = flags & CONTIG_IO_WAYS;
	return contig_preparation_sync(client, prep, true);
}

static int contig_checkpoint(struct contig_client *client,
			     const struct contig_checkpoint *cmd)
{
	struct contig_preparation *prep;
	int ret;

	prep = contig_preparation_find(client, cmd->id);
	if (!prep)
		return -ENOENT;
	if (!prep->dmabuf) {
		ret = contig_client_check_space(client);
		if (ret)
			return ret;
	}
	if (prep->ending && cmd->flags & CONTIG_IO_MORE)
		return -ENOLCK;
	/* Sync only once: the CPU may have written to the memory since. */
	ret = !prep->ending && prep->flags & CONTIG_IO_INPUT ?
	      contig_preparation_sync(client, prep, false) : 0;
	/* Interrupted while it waited for fences: nothing has changed. */
	if (ret == -EINTR)
		return ret;
	if (cmd->flags & CONTIG_IO_MORE)
		return ret ?: contig_checkpoint_more(client, prep, cmd->flags);

	/* Unlock even if the sync failed, because the device is gone say. */
	prep->ending = true;
	prep->error = prep->error ?: ret;
	if (contig_preparation_unlock(client, prep))
		return -ENOMEM;
	ret = prep->error;
	contig_preparation_remove(client, prep);
	contig_preparation_free(prep);
	return ret;
}

int contig_checkpoint_ioctl(struct contig_ucmd *ucmd)
{
	struct contig_checkpoint *cmd = ucmd->cmd;
	struct contig_client *client = ucmd->client;
	int ret;

	if (cmd->flags & ~(CONTIG_IO_WAYS | CONTIG_IO_MORE) || cmd->reserved)
		return -EOPNOTSUPP;
	if (cmd->flags & CONTIG_IO_WAYS && !(cmd->flags & CONTIG_IO_MORE))
		return -EINVAL;
	if (mutex_lock_killable(&client->lock))
		return -EINTR;
	ret = contig_checkpoint(client, cmd);
	mutex_unlock(&client->lock);
	return ret;
}
