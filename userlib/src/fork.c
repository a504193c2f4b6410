// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * Keep the library usable across fork().
 *
 * fork() waits for leaf_mutex alone. Threads hold it while they read or write a
 * few words of the library's own memory: with all signals blocked, without a
 * system call, without a page fault of the program's memory. fork() never waits
 * for the mutex of hold.c, which its owner holds over system calls.
 */
#include <pthread.h>
#include <signal.h>

#include "macvm_internal.h"

static struct ctg_mutex leaf_mutex;

/* Written with leaf_mutex held. */
static atomic_uint forks;
static struct ctg_leaf forking;
static struct ctg_cancel forking_cancel;

static atomic_bool watched;
static atomic_int watch_error;

/**
 * ctg_leaf_lock() - lock the mutex that fork() waits for
 * @leaf: state for ctg_leaf_unlock()
 *
 * The caller has CTG_PAGING, so the thread is not cancelled.
 *
 * Signals are blocked until ctg_leaf_unlock(), so that no handler can run, and
 * fork, while the thread holds the mutex. In the atfork handlers of other
 * libraries the forking thread holds it already; these handlers may use the
 * library too.
 */
void ctg_leaf_lock(struct ctg_leaf *leaf)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &leaf->signals);
	leaf->is_outermost = ctg_mutex_lock(&leaf_mutex);
}

void ctg_leaf_unlock(struct ctg_leaf *leaf)
{
	struct ctg_leaf mine = *leaf;

	if (mine.is_outermost)
		ctg_mutex_unlock(&leaf_mutex);
	pthread_sigmask(SIG_SETMASK, &mine.signals, NULL);
}

/*
 * Return the number of forks that have begun plus that of forks that have
 * ended; changes with leaf_mutex held.
 */
unsigned int ctg_forks(void)
{
	return atomic_load(&forks);
}

/*
 * Lock leaf_mutex for the fork. Deferred functions must not run until the fork
 * is over, because the C library holds mutexes of its own too, that of malloc()
 * among them. Signals stay blocked in the child until after_fork_in_child() has
 * reset leaf_mutex.
 */
static void before_fork(void)
{
	struct ctg_cancel cancel = ctg_paging_begin();
	struct ctg_leaf leaf;

	ctg_leaf_lock(&leaf);
	forking = leaf;
	forking_cancel = cancel;
	atomic_fetch_add(&forks, 1);
}

static void after_fork(void)
{
	struct ctg_cancel cancel = forking_cancel;

	atomic_fetch_add(&forks, 1);
	ctg_leaf_unlock(&forking);
	ctg_paging_end(&cancel);
}

static void after_fork_in_child(void)
{
	ctg_mutex_after_fork(&leaf_mutex);
	ctg_hold_after_fork();
	ctg_mac_after_fork();
	ctg_mac_blocks_after_fork();
	ctg_paging_forget();
	after_fork();
}

/**
 * ctg_watch_forks() - register the atfork handlers, once
 *
 * Return: 0, -ENOMEM.
 */
int ctg_watch_forks(void)
{
	if (!atomic_exchange(&watched, true))
		atomic_store(&watch_error,
			     pthread_atfork(before_fork, after_fork,
					    after_fork_in_child));
	return -atomic_load(&watch_error);
}

/* Runs before there are threads, and before the first signal is handled. */
__attribute__((constructor)) static void watch_forks(void)
{
	ctg_watch_forks();
}
