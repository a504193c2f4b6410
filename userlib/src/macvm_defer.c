// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * The classic face: deferring functions until paging is safe.
 *
 * All of it belongs to one thread. A call of the library that a thread is in
 * keeps no other thread from touching memory or from calling the library, so a
 * signal handler only has to wait for the thread that it interrupted. So the
 * only concurrency is that of signal handlers: each runs to its end while the
 * code that it interrupted stands still.
 */
#include "macvm_internal.h"

/* A function and its argument. */
struct deferred {
	UserFnUPP fn;
	void *argument;
};

/**
 * struct paging - calls of the library that a thread is in
 * @depth: how many calls it is in, each within the one before
 * @head: how many deferred functions were ever taken out of the table
 * @tail: how many were ever put into it
 * @table: the functions from @head to @tail, each at its number modulo the size
 *
 * A handler that defers a function may be interrupted between writing @tail and
 * writing the table, by another handler that does the same. Functions are only
 * taken out when @depth was 0, and so when all these handlers have returned.
 */
struct paging {
	atomic_uint depth;
	atomic_uint head;
	atomic_uint tail;
	struct deferred table[maxDeferredUserFns];
};

/* initial-exec: a first access in a signal handler must not allocate it. */
static __thread struct paging paging __attribute__((tls_model("initial-exec")));

static bool is_any_deferred(void)
{
	return atomic_load(&paging.head) != atomic_load(&paging.tail);
}

/*
 * Run the first deferred function. The caller of the library must not notice
 * it, so errno and the last result are restored.
 */
static void run_first(void)
{
	unsigned int head = atomic_load(&paging.head);
	struct deferred first = paging.table[head % maxDeferredUserFns];
	OSErr result = MacVMLastError();
	int saved = errno;

	/* Free its place, in case it defers another function. */
	atomic_store(&paging.head, head + 1);
	first.fn(first.argument);
	errno = saved;
	ctg_mac_set_result(result);
}

/*
 * Run all deferred functions. Called with a depth of 0. While functions run it
 * is 1, so that functions that they and handlers defer meanwhile are run after
 * those that wait already. A handler that comes when it is 0 does the same as
 * this.
 */
static void run_deferred(void)
{
	while (is_any_deferred()) {
		atomic_store(&paging.depth, 1);
		while (is_any_deferred())
			run_first();
		atomic_store(&paging.depth, 0);
	}
}

void ctg_paging_enter(void)
{
	atomic_fetch_add(&paging.depth, 1);
}

void ctg_paging_leave(void)
{
	if (atomic_fetch_sub(&paging.depth, 1) == 1)
		run_deferred();
}

/* Forget deferred functions, in the child of a fork: the parent runs them. */
void ctg_paging_forget(void)
{
	atomic_store(&paging.head, atomic_load(&paging.tail));
}

static bool defer(UserFnUPP fn, void *argument)
{
	unsigned int tail = atomic_load(&paging.tail);

	do {
		if (tail - atomic_load(&paging.head) >= maxDeferredUserFns)
			return false;
	} while (!atomic_compare_exchange_weak(&paging.tail, &tail, tail + 1));
	paging.table[tail % maxDeferredUserFns] = (struct deferred){
		.fn = fn,
		.argument = argument,
	};
	return true;
}

CONTIG_EXPORT OSErr DeferUserFn(UserFnUPP fn, void *argument)
{
	if (!fn)
		return ctg_mac_result(-EINVAL);
	if (atomic_load(&paging.depth))
		return ctg_mac_result(defer(fn, argument) ? 0 : -ENOBUFS);
	/* Some may be left if the handler interrupted the end of a call. */
	run_deferred();
	fn(argument);
	return ctg_mac_result(0);
}
