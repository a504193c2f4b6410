// SPDX-License-Identifier: GPL-2.0-only
/*
 * Word that memory became free
 *
 * What frees memory, or stops using its addresses, is below what waits for that in
 * kmod/Kbuild. So it says so here, and backlog.c listens.
 */
#include <linux/rcupdate.h>

#include "freed.h"

/* Requests wait. Without it the hot paths of locks would make a call. */
bool contig_freed_awaited;

static const struct contig_listener __rcu *contig_freed_listener;

/*
 * Set who hears of it, in any context; NULL for nobody: the one before is not called any
 * more then. May sleep.
 */
void contig_freed_listen(const struct contig_listener *listener)
{
	rcu_assign_pointer(contig_freed_listener, listener);
	if (!listener)
		synchronize_rcu();
}

/* Say whether anything waits. What became free before need not have been told. */
void contig_freed_await(bool awaited)
{
	WRITE_ONCE(contig_freed_awaited, awaited);
}

void contig_freed_tell(void)
{
	const struct contig_listener *listener;

	rcu_read_lock();
	listener = rcu_dereference(contig_freed_listener);
	if (listener)
		listener->hear();
	rcu_read_unlock();
}
