// SPDX-License-Identifier: GPL-2.0-only
/*
 * One open /dev/contig
 */
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/llist.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/user_namespace.h>
#include <linux/workqueue.h>

#include "client.h"
#include "dma_device.h"
#include "gfp.h"
#include "limits.h"
#include "listing.h"
#include "name.h"
#include "pin.h"
#include "preparation.h"
#include "watch.h"

/*
 * Limit on the clients of a process: commands on holds visit all of them, and
 * block their commands meanwhile.
 */
#define CONTIG_SPACE_CLIENTS 1024

/*
 * Frees holds of clients that another process closed: one work item for each
 * address space, for any number of clients.
 */
static struct workqueue_struct *contig_clients_wq;

/* Every address space that has clients. */
static LIST_HEAD(contig_spaces);
static DEFINE_MUTEX(contig_spaces_mutex);

struct contig_client *contig_client_new(void)
{
	struct contig_client *client;

	client = kzalloc(sizeof(*client), CONTIG_GFP);
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
	client->buffer_locks = RB_ROOT;
	client->preparations = RB_ROOT;
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

/* Return the space of @mm with a reference, ERR_PTR(-EMFILE) or (-ENOMEM). */
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
	space = kzalloc(sizeof(*space), CONTIG_GFP);
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
 * contig_client_bind() - bind a client to the calling process
 * @client: with its lock held
 *
 * The first command on a range binds a client for good, because all that it
 * locks and holds belongs to one address space.
 *
 * Return: 0, -EXDEV if it is bound to another space, -EMFILE if the space has
 * too many clients, -ENOMEM, -EINTR.
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

/* Return -EXDEV if the client is bound to another address space, else 0. */
int contig_client_check_space(struct contig_client *client)
{
	lockdep_assert_held(&client->lock);
	return client->space && client->space->mm != current->mm ? -EXDEV : 0;
}

/**
 * contig_client_watch() - start the watch of the client's address space
 * @client: bound to the calling process, with its lock held
 *
 * The watch lasts as long as any client of the address space. May sleep.
 *
 * Return: 0 or an errno of contig_watch_get().
 */
int contig_client_watch(struct contig_client *client)
{
	struct contig_space *space = client->space;
	struct contig_watch *watch;

	lockdep_assert_held(&client->lock);
	/* Pairs with the release below. */
	if (smp_load_acquire(&space->watch))
		return 0;
	/* Before the lock: other threads can keep mmap_lock for long. */
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

/* Return true if the client has locked memory. */
bool contig_client_locks_any(struct contig_client *client)
{
	lockdep_assert_held(&client->lock);
	return !contig_areas_empty(&client->locks) ||
	       !RB_EMPTY_ROOT(&client->buffer_locks);
}

/**
 * contig_client_device() - get the device that a client has attached
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

/* Free a client that has released all its memory. */
static void contig_client_forget(struct contig_client *client)
{
	if (client->space)
		contig_space_put(client->space);
	contig_user_put(client->user);
	mutex_destroy(&client->lock);
	kfree(client);
}

/* Each dead client has a reference on @space; the last put frees it. */
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

/* Release all locks and preparations of a client, and its device. */
static void contig_client_release(struct contig_client *client)
{
	struct contig_buffer_locks *locks, *next;

	contig_preparations_forget(client);
	contig_pin_release_areas(&client->locks);
	rbtree_postorder_for_each_entry_safe(locks, next, &client->buffer_locks,
					     node) {
		contig_pin_release_areas(&locks->areas);
		kfree(locks);
	}
	if (client->device)
		contig_dma_device_detach(client->device, client->grant);
}

/*
 * Release all locks and holds of a client whose file is gone.
 *
 * A process can keep contig_space.lock for long, by commands on many holds one
 * after the other. So only a task of that process waits for it; when another
 * process closes the file, a worker frees the holds. Locked memory is unpinned
 * at once in either case, since that waits for no process.
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
			/* Unloading fails with EBUSY until the work is done. */
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

/* No client is left, but the last work item may still be returning. */
void contig_clients_exit(void)
{
	destroy_workqueue(contig_clients_wq);
}

/**
 * struct contig_client_line - what the list in debugfs shows of a client
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

	seq_printf(m, "%7d %6u %14llu %14llu %s\n", line->pid, line->uid,
		   (u64)line->locked << PAGE_SHIFT,
		   (u64)line->held << PAGE_SHIFT, line->comm);
}

struct contig_listing contig_clients = {
	.entries = XARRAY_INIT(contig_clients.entries, 0),
	.size = sizeof(struct contig_client_line),
	.head = contig_client_head,
	.copy = contig_client_copy,
	.show = contig_client_show,
};
