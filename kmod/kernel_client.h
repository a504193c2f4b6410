/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Other kernel modules as clients
 */
#ifndef CONTIG_KERNEL_CLIENT_H
#define CONTIG_KERNEL_CLIENT_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/workqueue.h>

#include "contig_kernel.h"
#include "defer.h"
#include "umem.h"

/* Number of times that one call verifies a page that seems to be gone. */
#define CONTIG_KERNEL_LOOKS 3

struct contig_dma_device;
struct contig_listing;
struct contig_watch;
struct mm_struct;

/**
 * struct contig_kernel_client - another module, or one of its devices
 * @number: its number in contig_kernel_clients; constant
 * @device: the device that memory is mapped for, or NULL; constant
 * @mutex: serialises creation, verification and release of umems. Held while
 *         memory is pinned. Lock order: client.h
 * @mm: the address space that the client is bound to, with a reference on the
 *      structure; NULL at first, then constant
 * @watch: records changes of @mm, once that is set
 * @umems: memory of @mm that is held or locked
 * @preparations: struct contig_kernel_preparation; protected by
 *                contig_umems.lock
 * @prepared: number of preparations; protected by contig_umems.lock, but
 *            debugfs reads it without the lock
 * @release: work that unpins dead umems
 * @deferred: deferred functions
 */
struct contig_kernel_client {
	unsigned long number;
	struct contig_dma_device *device;
	struct mutex mutex; /* serialises making and releasing umems */
	struct mm_struct *mm;
	struct contig_watch *watch;
	struct contig_umems umems;
	struct list_head preparations;
	unsigned int prepared;
	struct work_struct release;
	struct contig_deferred deferred;
};

unsigned long contig_kernel_most(void);
int contig_kernel_ranges(const struct contig_span *ranges, unsigned int nr,
			 u64 *total);
int contig_kernel_whole(const struct contig_span *span,
			struct contig_part *part);
int contig_kernel_add(struct contig_kernel_client *client,
		      const struct contig_part *part,
		      enum contig_umem_kind kind, u32 flags);
int contig_kernel_remove(struct contig_kernel_client *client,
			 const struct contig_part *part,
			 enum contig_umem_kind kind);
void contig_kernel_release(struct contig_kernel_client *client);

int contig_kernel_init(void);
void contig_kernel_exit(void);
extern struct contig_listing contig_kernel_clients; /* for debugfs */

#endif /* CONTIG_KERNEL_CLIENT_H */
