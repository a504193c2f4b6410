// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * The classic face: deferring functions until paging is safe.
 *
 * All of it belongs to one thread. What a thread is in the middle of keeps no
 * other from touching memory or from calling the library, so a signal handler
 * has to wait for the very thread that it interrupted and for nobody else. So
 * the only concurrency is that of handlers, which come and go while whatever
 * they interrupted stands still.
 */
#include "macvm_internal.h"

/* A function and what to call it with. */
struct deferred {
	UserFnUPP fn;
	void *argument;
};

/**
 * struct paging - what a thread is in the middle of
 * @depth: how many calls it is inside, each within the one before
 * @head: how many deferred functions were taken out of the table
 * @tail: how many were ever put into it
 * @table: those from @head to @tail, each in its place modulo the size
 *
 * A handler that puts one in may be interrupted between @tail and the table, by
 * another one that does the same. Functions are only taken out when @depth was
 * 0, and so when all these are through.
 */
struct paging {
	atomic_uint depth;
	atomic_uint head;
	atomic_uint tail;
	struct deferred table[maxDeferredUserFns];
};

/* A signal handler must not make the first access allocate it. */
static __thread struct paging paging __attribute__((tls_model("initial-exec")));

static bool is_any_deferred(void)
{
	return atomic_load(&paging.head) != atomic_load(&paging.tail);
}

/* The caller of the library knows nothing of what runs here. */
static void run_first(void)
{
	unsigned int head = atomic_load(&paging.head);
	struct deferred first = paging.table[head % maxDeferredUserFns];
	OSErr result = MacVMLastError();
	int saved = errno;

	/* Its place is free, should it defer another. */
	atomic_store(&paging.head, head + 1);
	first.fn(first.argument);
	errno = saved;
	ctg_mac_set_result(result);
}

/*
 * Called with a depth of 0. While functions run it is 1, so that what they and
 * handlers defer meanwhile comes after what is waiting. A handler that comes
 * when it is 0 does the same as this.
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

/* In a new process: what is waiting here will run in the old one. */
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
	/* There are some if a call is just over that waits for this handler. */
	run_deferred();
	fn(argument);
	return ctg_mac_result(0);
}
