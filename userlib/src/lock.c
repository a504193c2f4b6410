// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * A mutex that records its owner, also in the child of a fork.
 *
 * A pthread_mutex_t does not serve here. In the child of fork() the library
 * must distinguish a mutex that another thread of the parent held, which no
 * thread will ever unlock, from one that the calling thread holds because
 * fork() was called in a signal handler. And a handler that calls a function
 * which is not async-signal-safe gets an error instead of waiting for its own
 * thread.
 */
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "internal.h"

#define WAITERS 0x80000000u

/*
 * Return the number of the calling thread. Unlike a thread id, it is the same
 * in the child of a fork.
 */
static uint32_t my_number(void)
{
	static __thread uint32_t mine
		__attribute__((tls_model("initial-exec")));
	static atomic_uint last;

	/*
	 * A signal handler that interrupts this returns before the thread
	 * continues.
	 */
	while (!mine)
		mine = (atomic_fetch_add(&last, 1) + 1) & ~WAITERS;
	return mine;
}

static void futex(struct ctg_mutex *mutex, int op, uint32_t value)
{
	int saved = errno;

	syscall(SYS_futex, &mutex->word, op | FUTEX_PRIVATE_FLAG, value, NULL,
		NULL, 0);
	errno = saved;
}

bool ctg_mutex_is_mine(struct ctg_mutex *mutex)
{
	return (atomic_load(&mutex->word) & ~WAITERS) == my_number();
}

/**
 * ctg_mutex_lock() - wait until the mutex is free and lock it
 * @mutex: the mutex
 *
 * Return: true; false if the calling thread holds it already.
 */
bool ctg_mutex_lock(struct ctg_mutex *mutex)
{
	uint32_t self = my_number();
	uint32_t seen = 0;

	if (atomic_compare_exchange_strong(&mutex->word, &seen, self))
		return true;
	for (;;) {
		if ((seen & ~WAITERS) == self)
			return false;
		/* There may be more waiters: make the next unlock wake one. */
		if (!seen) {
			if (atomic_compare_exchange_strong(&mutex->word, &seen,
							   self | WAITERS))
				return true;
			continue;
		}
		if (!(seen & WAITERS) &&
		    !atomic_compare_exchange_strong(&mutex->word, &seen,
						    seen | WAITERS))
			continue;
		futex(mutex, FUTEX_WAIT, seen | WAITERS);
		seen = atomic_load(&mutex->word);
	}
}

void ctg_mutex_unlock(struct ctg_mutex *mutex)
{
	if (atomic_exchange(&mutex->word, 0) & WAITERS)
		futex(mutex, FUTEX_WAKE, 1);
}

/*
 * Reset the mutex in the child of a fork, where the calling thread is the only
 * one: the mutex is free unless this thread holds it.
 */
void ctg_mutex_after_fork(struct ctg_mutex *mutex)
{
	atomic_store(&mutex->word, ctg_mutex_is_mine(mutex) ? my_number() : 0);
}
