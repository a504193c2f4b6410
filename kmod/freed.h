/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Word that memory became free
 */
#ifndef CONTIG_FREED_H
#define CONTIG_FREED_H

#include <linux/compiler.h>
#include <linux/types.h>

/**
 * struct contig_listener - who waits for free memory
 * @hear: called when some became free, in any context
 */
struct contig_listener {
	void (*hear)(void);
};

extern bool contig_freed_awaited;

void contig_freed_listen(const struct contig_listener *listener);
void contig_freed_await(bool awaited);
void contig_freed_tell(void);

/*
 * Memory of contig's became free, or can be moved now: requests that wait for some can be
 * tried again. Any context.
 */
static inline void contig_freed(void)
{
	if (READ_ONCE(contig_freed_awaited))
		contig_freed_tell();
}

#endif /* CONTIG_FREED_H */
