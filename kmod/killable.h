/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Mutexes of a scope that a fatal signal can interrupt
 */
#ifndef CONTIG_KILLABLE_H
#define CONTIG_KILLABLE_H

#include <linux/cleanup.h>
#include <linux/mutex.h>

/*
 * Lock a mutex until the end of the scope, as guard(mutex) does, unless a fatal
 * signal comes first. The caller must check the result::
 *
 *	CLASS(contig_killable, locked)(&client->lock);
 *	if (!locked)
 *		return -EINTR;
 */
DEFINE_CLASS(contig_killable, struct mutex *, if (_T) mutex_unlock(_T),
	     mutex_lock_killable(mutex) ? NULL : mutex, struct mutex *mutex)

#endif /* CONTIG_KILLABLE_H */
