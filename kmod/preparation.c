// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that a client has prepared for I/O
 */
#include <linux/dma-buf.h>
#include <linux/lockdep.h>
#include <linux/rbtree.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "client.h"
#include "preparation.h"

static struct contig_preparation *contig_preparation_of(struct rb_node *node)
{
	return rb_entry_safe(node, struct contig_preparation, node);
}

static int contig_preparation_cmp(const void *id, const struct rb_node *node)
{
	u32 a = *(const u32 *)id;
	u32 b = rb_entry(node, struct contig_preparation, node)->id;

	return a == b ? 0 : a < b ? -1 : 1;
}

static int contig_preparation_cmp_nodes(struct rb_node *a,
					const struct rb_node *b)
{
	return contig_preparation_cmp(&contig_preparation_of(a)->id, b);
}

static u32 contig_preparation_next_id(u32 id)
{
	return id == U32_MAX ? 1 : id + 1;
}

/*
 * Give a preparation to a client, and an id. Ids are used again as late as can
 * be, so that one of a transfer that ended long ago mostly names no other. Return
 * 0, or -EINTR after a fatal signal.
 */
int contig_preparation_add(struct contig_client *client,
			   struct contig_preparation *prep)
{
	u32 id = contig_preparation_next_id(client->last_id);
	struct rb_node *used;

	lockdep_assert_held(&client->lock);
	for (;;) {
		prep->id = id;
		used = rb_find_add(&prep->node, &client->preparations,
				   contig_preparation_cmp_nodes);
		if (!used)
			break;
		/* There can be millions, and all those after it can follow on it. */
		for (; used && contig_preparation_of(used)->id == id;
		     used = rb_next(used)) {
			id = contig_preparation_next_id(id);
			if (fatal_signal_pending(current))
				return -EINTR;
			cond_resched();
		}
	}
	client->last_id = id;
	return 0;
}

/* Return the preparation with an id, or NULL. */
struct contig_preparation *contig_preparation_find(struct contig_client *client,
						   u32 id)
{
	lockdep_assert_held(&client->lock);
	return contig_preparation_of(rb_find(&id, &client->preparations,
					     contig_preparation_cmp));
}

/* Take a preparation away from its client. */
void contig_preparation_remove(struct contig_client *client,
			       struct contig_preparation *prep)
{
	lockdep_assert_held(&client->lock);
	rb_erase(&prep->node, &client->preparations);
}

/* Free a preparation whose locks are undone. */
void contig_preparation_free(struct contig_preparation *prep)
{
	if (prep->dmabuf)
		dma_buf_put(prep->dmabuf);
	kvfree(prep);
}

/* Free all preparations of a client that is released with all its locks. */
void contig_preparations_forget(struct contig_client *client)
{
	struct contig_preparation *prep, *next;

	rbtree_postorder_for_each_entry_safe(prep, next, &client->preparations,
					     node) {
		contig_preparation_free(prep);
		cond_resched();
	}
}
