// SPDX-License-Identifier: GPL-2.0-only
/*
 * CONTIG_PREPARE and CONTIG_CHECKPOINT: memory for transfers by a device
 *
 * A preparation is locks, taken for a part of what the caller described, and an
 * id to end them by.
 */
#include <linux/dma-direction.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include <uapi/linux/contig.h>

#include "buffer.h"
#include "client.h"
#include "dma_map.h"
#include "limits.h"
#include "lock.h"
#include "prepare.h"
#include "translate.h"
#include "ucmd.h"

#define CONTIG_IO_WAYS (CONTIG_IO_INPUT | CONTIG_IO_OUTPUT)

/* So many addresses are written at a time. */
#define CONTIG_ADDRS 64UL

/**
 * struct contig_part - what was prepared of one range
 * @addr: first byte, or offset into the buffer
 * @length: bytes
 */
struct contig_part {
	u64 addr;
	u64 length;
};

/**
 * struct contig_preparation - memory that was prepared
 * @buffer: the buffer that it lies in, with a reference, or NULL
 * @flags: CONTIG_IO_INPUT, CONTIG_IO_OUTPUT: which way data moves in this transfer
 * @writable: the device may write to it
 * @nr: how many parts are locked
 * @parts: these
 */
struct contig_preparation {
	struct contig_buffer *buffer;
	u32 flags;
	bool writable;
	unsigned int nr;
	struct contig_part parts[];
};

/**
 * struct contig_plan - what a preparation could be
 * @spans: ranges, from user space
 * @nr: how many, not 0
 * @total: bytes in all of them
 * @first: where to begin, in bytes
 */
struct contig_plan {
	const struct contig_span *spans;
	unsigned int nr;
	u64 total;
	u64 first;
};

/*
 * Step through the ranges from plan->first on. @at and @index are where to go on,
 * 0 at first. Return: whether there is a range left; then @addr and @length are
 * what of it is wanted.
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

/* How many pages do so many bytes touch? */
static u64 contig_pages_touched(u64 addr, u64 length)
{
	return ((addr & ~PAGE_MASK) + length - 1) / PAGE_SIZE + 1;
}

/*
 * How much can be prepared with so many pages? In bytes, and no less than a
 * multiple of @granularity, if that is not 0.
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
	/* What is above the end of the address space can never be reached. */
	if (granularity > U64_MAX - PAGE_SIZE)
		return 0;
	granularity = round_up(granularity, (u64)PAGE_SIZE);
	div64_u64_rem(done, granularity, &at);
	return done - at;
}

/* Undo the locks of a preparation, the last one first. */
static void contig_preparation_unlock(struct contig_client *client,
				      struct contig_preparation *prep)
{
	struct contig_target target;

	while (prep->nr) {
		const struct contig_part *part = &prep->parts[--prep->nr];

		/* Who unlocked it by hand has what he wanted. */
		if (!contig_target_again(client, prep->buffer, part->addr,
					 part->length, &target))
			contig_unlock_target(client, &target);
		contig_target_done(client, &target);
		cond_resched();
	}
}

static void contig_preparation_free(struct contig_preparation *prep)
{
	if (prep->buffer)
		contig_buffer_put(prep->buffer);
	kvfree(prep);
}

/* The client goes, and all its locks with it. */
void contig_preparations_forget(struct contig_client *client)
{
	struct contig_preparation *prep;
	unsigned long id;

	xa_for_each(&client->preparations, id, prep) {
		contig_preparation_free(prep);
		cond_resched();
	}
	xa_destroy(&client->preparations);
}

/* Hand all of it from the CPU to the device or back. */
static int contig_preparation_sync(struct contig_client *client,
				   struct contig_preparation *prep,
				   bool for_device)
{
	enum dma_data_direction direction =
		contig_dma_direction(prep->flags & CONTIG_IO_INPUT,
				     prep->flags & CONTIG_IO_OUTPUT);
	struct contig_target target;
	unsigned int i;
	int ret, error = 0;

	if (!client->device || !(prep->flags & CONTIG_IO_WAYS))
		return 0;
	/* What became of one part is no reason to leave out the others. */
	for (i = 0; i < prep->nr; i++) {
		ret = contig_target_again(client, prep->buffer,
					  prep->parts[i].addr,
					  prep->parts[i].length, &target);
		target.dma = true;
		if (!ret)
			ret = contig_target_sync(&target, for_device,
						 direction);
		contig_target_done(client, &target);
		error = error ?: ret;
	}
	return error;
}

/* Of which of these pages does the device use a copy? */
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

/* Tell the addresses of what a preparation has locked of one range. */
static int contig_prepare_tell(struct contig_client *client,
			       struct contig_prepare *cmd,
			       struct contig_target *target)
{
	u64 dma[CONTIG_ADDRS], physical[CONTIG_ADDRS], *addrs = physical;
	u64 __user *user = u64_to_user_ptr(cmd->addrs);
	unsigned long page = target->first, at, n;

	/* Nobody wants to know, and there are no copies to count. */
	if (!user && !(cmd->flags & CONTIG_IO_BOUNCE)) {
		cmd->count += target->last - target->first + 1;
		return 0;
	}
	if (cmd->flags & CONTIG_GET_DMA)
		addrs = dma;
	while (page <= target->last) {
		at = page;
		target->dma = false;
		n = contig_target_addrs(target, &page, physical, CONTIG_ADDRS);
		if (client->device) {
			target->dma = true;
			contig_target_addrs(target, &at, dma, n);
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

/* Lock one range, or the part of it that is prepared, and tell where it is. */
static int contig_prepare_part(struct contig_client *client,
			       struct contig_prepare *cmd,
			       struct contig_preparation *prep, u64 addr,
			       u64 length)
{
	u32 flags = cmd->flags & CONTIG_IO_BOUNCE;
	struct contig_target target;
	int ret;

	if (!prep->writable)
		flags |= CONTIG_LOCK_OUTPUT;
	if (prep->buffer) {
		contig_buffer_get(prep->buffer);
		ret = contig_target_init_buffer(client, prep->buffer, addr,
						length, true, &target);
	} else {
		ret = contig_target_init(client, 0, addr, length, cmd->fd, true,
					 &target);
	}
	if (!ret)
		ret = contig_lock_target(client, &target, flags);
	if (!ret) {
		prep->parts[prep->nr++] = (struct contig_part){
			(u64)target.first << PAGE_SHIFT | target.head, length
		};
		ret = contig_prepare_tell(client, cmd, &target);
	}
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

/* Give it an id and tell the caller; then it is the client's. */
static int contig_prepare_publish(struct contig_ucmd *ucmd,
				  struct contig_preparation *prep)
{
	struct contig_client *client = ucmd->client;
	struct contig_prepare *cmd = ucmd->cmd;
	int ret;

	ret = xa_alloc_cyclic(&client->preparations, &cmd->out_id, prep,
			      XA_LIMIT(1, U32_MAX), &client->last_id,
			      GFP_KERNEL_ACCOUNT);
	if (ret < 0)
		return -ENOMEM;
	ret = contig_ucmd_respond(ucmd, sizeof(*cmd));
	if (ret)
		xa_erase(&client->preparations, cmd->out_id);
	return ret;
}

static int contig_prepare_plan(struct contig_ucmd *ucmd,
			       const struct contig_plan *plan)
{
	struct contig_client *client = ucmd->client;
	struct contig_prepare *cmd = ucmd->cmd;
	struct contig_preparation *prep;
	int ret;

	prep = kvzalloc(struct_size(prep, parts, plan->nr),
			GFP_KERNEL_ACCOUNT);
	if (!prep)
		return -ENOMEM;
	prep->flags = cmd->flags & CONTIG_IO_WAYS;
	prep->writable = prep->flags != CONTIG_IO_OUTPUT;
	if (cmd->flags & CONTIG_RANGE_BUFFER) {
		struct contig_buffer *buffer = contig_buffer_from_fd(cmd->fd);

		if (IS_ERR(buffer)) {
			kvfree(prep);
			return PTR_ERR(buffer);
		}
		prep->buffer = buffer;
	}
	if (mutex_lock_killable(&client->lock)) {
		contig_preparation_free(prep);
		return -EINTR;
	}
	ret = cmd->flags & (CONTIG_GET_DMA | CONTIG_IO_BOUNCE) &&
	      !client->device ? -EUNATCH : 0;
	if (!ret)
		ret = contig_prepare_parts(client, cmd, plan, prep);
	if (!ret)
		ret = contig_prepare_publish(ucmd, prep);
	if (ret) {
		contig_preparation_unlock(client, prep);
		contig_preparation_free(prep);
	}
	mutex_unlock(&client->lock);
	return ret;
}

/* The ranges as the caller describes them, added up. */
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

int contig_prepare_ioctl(struct contig_ucmd *ucmd)
{
	struct contig_prepare *cmd = ucmd->cmd;
	struct contig_plan plan;
	void *spans;
	int ret;

	ret = contig_prepare_check(cmd);
	if (ret)
		return ret;
	spans = memdup_user(u64_to_user_ptr(cmd->ranges),
			    array_size(cmd->range_count,
				       sizeof(*plan.spans)));
	if (IS_ERR(spans))
		return PTR_ERR(spans);
	plan.spans = spans;
	cmd->out_bounced = 0;
	ret = contig_plan_init(&plan, cmd);
	if (!ret) {
		cmd->out_length = contig_plan_length(&plan,
						     cmd->count ?: U32_MAX,
						     cmd->granularity);
		cmd->out_done = plan.first + cmd->out_length == plan.total;
		ret = cmd->out_length ? contig_prepare_plan(ucmd, &plan) :
					-EMSGSIZE;
	}
	kfree(spans);
	return ret;
}

/* Another transfer over the same memory. */
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

	prep = xa_load(&client->preparations, cmd->id);
	if (!prep)
		return -ENOENT;
	if (!prep->buffer) {
		ret = contig_client_check_space(client);
		if (ret)
			return ret;
	}
	ret = prep->flags & CONTIG_IO_INPUT ?
	      contig_preparation_sync(client, prep, false) : 0;
	if (cmd->flags & CONTIG_IO_MORE)
		return ret ?: contig_checkpoint_more(client, prep, cmd->flags);

	/* The end is the end, whatever became of the device. */
	xa_erase(&client->preparations, cmd->id);
	contig_preparation_unlock(client, prep);
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
