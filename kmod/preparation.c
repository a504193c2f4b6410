// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that a client has prepared for I/O
 */
#include <linux/dma-buf.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "client.h"
#include "preparation.h"

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
	struct contig_preparation *prep;
	unsigned long id;

	xa_for_each(&client->preparations, id, prep) {
		contig_preparation_free(prep);
		cond_resched();
	}
	xa_destroy(&client->preparations);
}
