// SPDX-License-Identifier: GPL-2.0-only
/*
 * One open /dev/contig
 */
#include <linux/cred.h>
#include <linux/llist.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/overflow.h>
#include <linux/sched/mm.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/user_namespace.h>
#include <linux/workqueue.h>

#include "buffer.h"
#include "client.h"
#include "dma_device.h"
#include "limits.h"
#include "listing.h"
#include "name.h"
#include "pin.h"
#include "prepare.h"
#include "watch.h"

/*
 * Commands on holds look at all clients of a process, one by one, and keep them
 * from working meanwhile.
 */
#define CONTIG_SPACE_CLIENTS 1024

/*
 * Frees holds of clients that another process closed: one item of work for each
 * address space, however many clients it is about.
 */
static struct workqueue_struct *contig_clients_wq;

/* Every address space that has clients. */
static LIST_HEAD(contig_spaces);
static DEFINE_MUTEX(contig_spaces_mutex);

struct contig_client *contig_client_new(void)
{
	struct contig_client *client;

	client = kzalloc(sizeof(*client), GFP_KERNEL_ACCOUNT);
	if (!client)
		return NULL;
	client->user = contig_user_get(current_uid());
	if (!client->user)
		goto err_free;
	client->pid = task_tgid_nr(current);
	get_task_comm(client->comm, current);
	contig_name_clean(client->comm);
	mutex_init(&client->lock);
	contig_areas_init(&client->locks);
	contig_areas_init(&client->holds);
	xa_init_flags(&client->buffer_locks, XA_FLAGS_ACCOUNT);
	xa_init_flags(&client->preparations, XA_FLAGS_ALLOC1 | XA_FLAGS_ACCOUNT);
	if (contig_listing_add(&contig_clients, client, &client->number))
		goto err_user;
	return client;

err_user:
	contig_user_put(client->user);
err_free:
	kfree(client);
	return NULL;
}

static void contig_space_work(struct work_struct *work);

/* The space of @mm, with a reference, or ERR_PTR() of -EMFILE or -ENOMEM. */
static struct contig_space *contig_space_get(struct mm_struct *mm)
{
	struct contig_space *space;

	guard(mutex)(&contig_spaces_mutex);
	list_for_each_entry(space, &contig_spaces, node) {
		if (space->mm == mm) {
			if (space->refs == CONTIG_SPACE_CLIENTS)
				return ERR_PTR(-EMFILE);
			space->refs++;
			return space;
		}
	}
	space = kzalloc(sizeof(*space), GFP_KERNEL_ACCOUNT);
	if (!space)
		return ERR_PTR(-ENOMEM);
	mmgrab(mm);
	space->mm = mm;
	space->refs = 1;
	mutex_init(&space->lock);
	INIT_LIST_HEAD(&space->clients);
	init_llist_head(&space->dead);
	INIT_WORK(&space->work, contig_space_work);
	list_add(&space->node, &contig_spaces);
	return space;
}

static void contig_space_put(struct contig_space *space)
{
	scoped_guard(mutex, &contig_spaces_mutex) {
		if (--space->refs)
			return;
		list_del(&space->node);
	}
	if (space->watch)
		contig_watch_put(space->watch);
	mmdrop(space->mm);
	kfree(space);
}

/**
 * contig_client_bind() - make a client one of the calling process
 * @client: with its lock held
 *
 * The first command on a range binds a client for good: what it locks and holds
 * belongs to one address space.
 *
 * Return: 0, -EXDEV if it is bound to another one, -EMFILE if that has too many
 * clients, -ENOMEM, -EINTR.
 */
int contig_client_bind(struct contig_client *client)
{
	struct contig_space *space;

	lockdep_assert_held(&client->lock);
	if (client->space)
		return client->space->mm == current->mm ? 0 : -EXDEV;
	space = contig_space_get(current->mm);
	if (IS_ERR(space))
		return PTR_ERR(space);
	if (mutex_lock_killable(&space->lock)) {
		contig_space_put(space);
		return -EINTR;
	}
	client->space = space;
	list_add_tail(&client->space_node, &space->clients);
	mutex_unlock(&space->lock);
	return 0;
}

/* Return: 0 or, if the client is bound to another address space, -EXDEV. */
int contig_client_check_space(struct contig_client *client)
{
	lockdep_assert_held(&client->lock);
	return client->space && client->space->mm != current->mm ? -EXDEV : 0;
}

/**
 * contig_client_watch() - have changes of the client's address space noted
 * @client: bound to the calling process, with its lock held
 *
 * Lasts as long as any client of the address space. May sleep.
 *
 * Return: 0 or as contig_watch_get().
 */
int contig_client_watch(struct contig_client *client)
{
	struct contig_space *space = client->space;
	struct contig_watch *watch;

	lockdep_assert_held(&client->lock);
	/* Pairs with the release below. */
	if (smp_load_acquire(&space->watch))
		return 0;
	/* Not with the lock held: other threads can keep mmap_lock for long. */
	watch = contig_watch_get();
	if (IS_ERR(watch))
		return PTR_ERR(watch);
	if (mutex_lock_killable(&space->lock)) {
		contig_watch_put(watch);
		return -EINTR;
	}
	if (!space->watch) {
		/* Pairs with the acquire above. */
		smp_store_release(&space->watch, watch);
		watch = NULL;
	}
	mutex_unlock(&space->lock);
	if (watch)
		contig_watch_put(watch);
	return 0;
}

/* Is anything locked through this client? */
bool contig_client_locks_any(struct contig_client *client)
{
	lockdep_assert_held(&client->lock);
	return !contig_areas_empty(&client->locks) ||
	       !xa_empty(&client->buffer_locks);
}

/**
 * contig_client_device() - the device that a client has attached
 * @client: the client
 * @device: receives the device, with a reference, or NULL if there is none
 *
 * Return: 0, -ENODEV if the device is gone, -EINTR.
 */
int contig_client_device(struct contig_client *client,
			 struct contig_dma_device **device)
{
	int ret = 0;

	*device = NULL;
	if (mutex_lock_killable(&client->lock))
		return -EINTR;
	if (client->device)
		ret = contig_dma_device_check(client->device);
	if (client->device && !ret) {
		contig_dma_device_get(client->device);
		*device = client->device;
	}
	mutex_unlock(&client->lock);
	return ret;
}

static void contig_client_free_holds(struct contig_client *client)
{
	struct contig_area *area;

	lockdep_assert_held(&client->space->lock);
	list_del(&client->space_node);
	client->space->changes++;
	while ((area = contig_areas_first(&client->holds, 0, ULONG_MAX))) {
		contig_areas_remove(&client->holds, area);
		kfree(area);
		cond_resched();
	}
}

/* The end of a client that has let go of everything. */
static void contig_client_forget(struct contig_client *client)
{
	if (client->space)
		contig_space_put(client->space);
	contig_user_put(client->user);
	mutex_destroy(&client->lock);
	kfree(client);
}

/* Each client has a reference on the space, which goes with the last of them. */
static void contig_space_work(struct work_struct *work)
{
	struct contig_space *space = container_of(work, struct contig_space,
						  work);
	struct llist_node *dead = llist_del_all(&space->dead);
	struct contig_client *client, *next;

	llist_for_each_entry_safe(client, next, dead, dead) {
		scoped_guard(mutex, &space->lock)
			contig_client_free_holds(client);
		contig_client_forget(client);
		module_put(THIS_MODULE);
	}
}

/* Let go of everything that was locked through a client. */
static void contig_client_release(struct contig_client *client)
{
	struct contig_buffer_locks *locks;
	unsigned long index;

	contig_preparations_forget(client);
	contig_areas_release(&client->locks);
	xa_for_each(&client->buffer_locks, index, locks) {
		contig_areas_release(&locks->areas);
		kfree(locks);
	}
	xa_destroy(&client->buffer_locks);
	if (client->device)
		contig_dma_device_detach(client->device, client->grant);
}

/*
 * The file is gone: so is everything that was locked or held through it.
 *
 * A process can keep contig_space.lock for as long as it likes, by commands on many
 * holds one after the other. So only a task of that process waits for it; if another
 * process closes the file, a worker does. What was locked is unpinned at once in
 * either case, since that waits for no process.
 */
void contig_client_free(struct contig_client *client)
{
	struct contig_space *space = client->space;

	contig_listing_remove(&contig_clients, client->number);
	contig_client_release(client);
	if (!space) {
		contig_client_forget(client);
		return;
	}
	if (!mutex_trylock(&space->lock)) {
		if (space->mm != current->mm) {
			/* Unloading says EBUSY until the work is done. */
			__module_get(THIS_MODULE);
			if (llist_add(&client->dead, &space->dead))
				queue_work(contig_clients_wq, &space->work);
			return;
		}
		mutex_lock(&space->lock);
	}
	contig_client_free_holds(client);
	mutex_unlock(&space->lock);
	contig_client_forget(client);
}

int contig_clients_init(void)
{
	contig_clients_wq = alloc_workqueue("contig", WQ_UNBOUND,
					    WQ_MAX_ACTIVE);
	return contig_clients_wq ? 0 : -ENOMEM;
}

/* No client is left, but the last work may not have returned yet. */
void contig_clients_exit(void)
{
	destroy_workqueue(contig_clients_wq);
}

/*
 * The pages that @length bytes at @addr touch, in the caller's address space.
 * Some architectures let programs keep a tag in the upper bits of an address.
 */
int contig_target_pages(u64 addr, u64 length, struct contig_target *target)
{
	u64 last;

	if (!length)
		return -EINVAL;
	addr = untagged_addr(addr);
	if (check_add_overflow(addr, length - 1, &last) || last >= TASK_SIZE)
		return -EOVERFLOW;
	target->first = addr >> PAGE_SHIFT;
	target->last = last >> PAGE_SHIFT;
	target->head = addr & ~PAGE_MASK;
	target->length = length;
	return 0;
}

static struct contig_buffer_locks *
contig_buffer_locks(struct contig_client *client, struct contig_buffer *buffer,
		    bool create)
{
	unsigned long index = (unsigned long)buffer;
	struct contig_buffer_locks *locks;

	locks = xa_load(&client->buffer_locks, index);
	if (locks || !create)
		return locks;
	locks = kzalloc(sizeof(*locks), GFP_KERNEL_ACCOUNT);
	if (!locks)
		return ERR_PTR(-ENOMEM);
	locks->buffer = buffer;
	contig_areas_init(&locks->areas);
	if (xa_err(xa_store(&client->buffer_locks, index, locks,
			    GFP_KERNEL_ACCOUNT))) {
		kfree(locks);
		return ERR_PTR(-ENOMEM);
	}
	return locks;
}

/**
 * contig_target_init_buffer() - a range of a buffer that a command is about
 * @client: with its lock held
 * @buffer: the buffer; @target takes over a reference
 * @offset: from user space
 * @length: from user space
 * @create: the command may lock something
 * @target: filled; contig_target_done() even after a failure
 *
 * Return: 0, -EINVAL, -EOVERFLOW or -ENOMEM.
 */
int contig_target_init_buffer(struct contig_client *client,
			      struct contig_buffer *buffer, u64 offset,
			      u64 length, bool create,
			      struct contig_target *target)
{
	struct contig_buffer_locks *locks;
	u64 last;

	lockdep_assert_held(&client->lock);
	*target = (struct contig_target){ .buffer = buffer };
	if (!length)
		return -EINVAL;
	if (check_add_overflow(offset, length - 1, &last) ||
	    last >= contig_buffer_size(buffer))
		return -EOVERFLOW;
	target->first = offset >> PAGE_SHIFT;
	target->last = last >> PAGE_SHIFT;
	target->head = offset & ~PAGE_MASK;
	target->length = length;
	locks = contig_buffer_locks(client, buffer, create);
	if (IS_ERR(locks))
		return PTR_ERR(locks);
	target->areas = locks ? &locks->areas : NULL;
	return 0;
}

/**
 * contig_target_init() - find out what range a command is about
 * @client: with its lock held
 * @flags: with or without CONTIG_RANGE_BUFFER, others are ignored
 * @addr: from user space
 * @length: from user space
 * @fd: from user space
 * @create: the command may lock something
 * @target: filled; contig_target_done() even after a failure
 *
 * Return: 0 or -errno as uapi/linux/contig.h has it.
 */
int contig_target_init(struct contig_client *client, u32 flags, u64 addr,
		       u64 length, s32 fd, bool create,
		       struct contig_target *target)
{
	int ret;

	lockdep_assert_held(&client->lock);
	*target = (struct contig_target){};
	if (!length)
		return -EINVAL;
	if (flags & CONTIG_RANGE_BUFFER) {
		struct contig_buffer *buffer = contig_buffer_from_fd(fd);

		if (IS_ERR(buffer))
			return PTR_ERR(buffer);
		return contig_target_init_buffer(client, buffer, addr, length,
						 create, target);
	}
	if (fd)
		return -EINVAL;
	ret = contig_target_pages(addr, length, target);
	if (!ret)
		ret = create ? contig_client_bind(client) :
			       contig_client_check_space(client);
	target->areas = &client->locks;
	return ret;
}

/**
 * contig_target_again() - a range that a command was about before
 * @client: with its lock held
 * @buffer: the buffer that it lies in, or NULL
 * @addr: first byte, or offset into the buffer
 * @length: bytes
 * @target: filled; contig_target_done() afterwards
 *
 * Return: 0, or -EXDEV if the range belongs to another process.
 */
int contig_target_again(struct contig_client *client,
			struct contig_buffer *buffer, u64 addr, u64 length,
			struct contig_target *target)
{
	struct contig_buffer_locks *locks;

	lockdep_assert_held(&client->lock);
	*target = (struct contig_target){
		.areas = &client->locks,
		.buffer = buffer,
		.first = addr >> PAGE_SHIFT,
		.last = (addr + length - 1) >> PAGE_SHIFT,
		.head = addr & ~PAGE_MASK,
		.length = length,
	};
	if (!buffer)
		return contig_client_check_space(client);
	contig_buffer_get(buffer);
	locks = contig_buffer_locks(client, buffer, false);
	target->areas = locks ? &locks->areas : NULL;
	return 0;
}

/* Let go of a range; forget a buffer of which nothing is locked any more. */
void contig_target_done(struct contig_client *client,
			struct contig_target *target)
{
	unsigned long index = (unsigned long)target->buffer;
	struct contig_buffer_locks *locks;

	lockdep_assert_held(&client->lock);
	if (!target->buffer)
		return;
	locks = xa_load(&client->buffer_locks, index);
	if (locks && contig_areas_empty(&locks->areas)) {
		xa_erase(&client->buffer_locks, index);
		kfree(locks);
	}
	contig_buffer_put(target->buffer);
}

/**
 * struct contig_client_line - what the list in debugfs says of a client
 * @pid: see &struct contig_client
 * @uid: in the initial namespace
 * @locked: see &struct contig_client
 * @held: see &struct contig_client
 * @comm: see &struct contig_client
 */
struct contig_client_line {
	pid_t pid;
	uid_t uid;
	unsigned long locked;
	unsigned long held;
	char comm[TASK_COMM_LEN];
};

static void contig_client_head(struct seq_file *m)
{
	seq_printf(m, "%7s %6s %14s %14s %s\n", "pid", "uid", "bytes locked",
		   "bytes held", "name");
}

static void contig_client_copy(const void *entry, void *copy)
{
	const struct contig_client *client = entry;
	struct contig_client_line *line = copy;

	line->pid = client->pid;
	line->uid = from_kuid_munged(&init_user_ns, client->user->uid);
	line->locked = atomic_long_read(&client->locked);
	line->held = atomic_long_read(&client->held);
	strscpy(line->comm, client->comm, sizeof(line->comm));
}

static void contig_client_show(struct seq_file *m, const void *copy)
{
	const struct contig_client_line *line = copy;

	seq_printf(m, "%7d %6u %14lu %14lu %s\n", line->pid, line->uid,
		   line->locked << PAGE_SHIFT, line->held << PAGE_SHIFT,
		   line->comm);
}

struct contig_listing contig_clients = {
	.entries = XARRAY_INIT(contig_clients.entries, 0),
	.size = sizeof(struct contig_client_line),
	.head = contig_client_head,
	.copy = contig_client_copy,
	.show = contig_client_show,
};
