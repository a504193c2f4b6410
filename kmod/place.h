/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where the memory of a buffer lies, and what relies on that
 *
 * A buffer can be moved (relocate.c) while its addresses are not in use. Looking up
 * where its pages lie takes holding contig_buffer.place for reading; using the addresses
 * afterwards takes making the buffer stay.
 */
#ifndef CONTIG_PLACE_H
#define CONTIG_PLACE_H

#include <linux/atomic.h>
#include <linux/errno.h>
#include <linux/rwsem.h>

#include "buffer.h"
#include "freed.h"

/*
 * Begin to look up where pages of a buffer lie. Waits while it is moved. May sleep;
 * takes contig_buffer.place, lock order: client.h. Return 0, or -EINTR after a fatal
 * signal.
 */
static inline int contig_place_look(struct contig_buffer *buffer)
{
	return down_read_killable(&buffer->place);
}

static inline void contig_place_looked(struct contig_buffer *buffer)
{
	up_read(&buffer->place);
}

/*
 * Make a buffer stay where it is until contig_place_leave(). May sleep, as
 * contig_place_look() does. Return 0, or -EINTR after a fatal signal.
 */
static inline int contig_place_stay(struct contig_buffer *buffer)
{
	int ret = contig_place_look(buffer);

	if (ret)
		return ret;
	atomic_inc(&buffer->stays);
	contig_place_looked(buffer);
	return 0;
}

/* What was written to the memory before is copied if it is moved. Any context. */
static inline void contig_place_leave(struct contig_buffer *buffer)
{
	if (!atomic_dec_return_release(&buffer->stays))
		contig_freed();
}

/* Return true if the addresses of a buffer are not in use; pairs with the former. */
static inline bool contig_place_free(const struct contig_buffer *buffer)
{
	return !atomic_read_acquire(&buffer->stays);
}

#endif /* CONTIG_PLACE_H */
