/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * contig for other modules: memory of a process for a driver's device, also from
 * interrupt level. Documentation/kernel.md tells how to use it.
 */
#ifndef CONTIG_KERNEL_H
#define CONTIG_KERNEL_H

#include <linux/bits.h>
#include <linux/list.h>
#include <linux/types.h>

#include <uapi/linux/contig.h>

struct contig_kernel_client;
struct device;

/*
 * Flags of lock, hold, prepare and defer. Those of locks are uapi's
 * CONTIG_LOCK_OUTPUT, CONTIG_LOCK_CONTIGUOUS and CONTIG_LOCK_DEVICE_CONTIGUOUS.
 */

/* The call must not sleep, whatever it can find out about where it is made. */
#define CONTIG_KERNEL_NOSLEEP	BIT(31)

/* Options of a preparation, and of contig_kernel_checkpoint(). */

/* A device writes to the memory; in a checkpoint: it does in the next transfer. */
#define CONTIG_KERNEL_INPUT	BIT(0)
/* A device reads the memory; in a checkpoint: it does in the next transfer. */
#define CONTIG_KERNEL_OUTPUT	BIT(1)
/* Of a checkpoint only: the preparation stays for another transfer. */
#define CONTIG_KERNEL_MORE	BIT(2)

/* Functions that a client can have waiting: see contig_kernel_defer(). */
#define CONTIG_KERNEL_DEFERRED	32

/**
 * struct contig_kernel_physical - a translation
 * @addr: in/out: address in the process, advanced by what was translated
 * @length: in/out: bytes, reduced by what was translated; 0 when all was
 * @extents: receives runs of adjacent memory; not looked at if @count is 0
 * @count: in/out: entries of @extents, and how many were used; if 0, how many all
 *         of the range needs, and nothing else is changed
 * @flags: CONTIG_GET_DMA: addresses of the client's device, not physical ones
 */
struct contig_kernel_physical {
	u64 addr;
	u64 length;
	struct contig_extent *extents;
	u32 count;
	u32 flags;
};

/**
 * struct contig_part - a part of a list of ranges
 * @ranges: the list; a range may be empty, and they may overlap
 * @nr: how many there are
 * @first: bytes of all ranges together that lie before the part
 * @length: bytes in the part
 */
struct contig_part {
	const struct contig_span *ranges;
	unsigned int nr;
	u64 first;
	u64 length;
};

/**
 * struct contig_kernel_preparation - memory that is prepared for a transfer
 * @options: CONTIG_KERNEL_INPUT, _OUTPUT, both or neither, and _NOSLEEP
 * @nr: how many ranges there are
 * @ranges: ranges of the process's memory, transferred one after the other; they
 *          must stay until the preparation is over
 * @granularity: if not 0, a part that does not reach the end is a multiple of this,
 *               rounded up to whole pages
 * @first: bytes of all ranges together that come before what is to be prepared
 * @dma: receives an address of the client's device for each page; or NULL
 * @physical: receives a physical address for each page; or NULL
 * @entries: how many entries each table has, if there is one
 * @out_entries: how many were filled
 * @out_done: it is prepared up to the end of the last range
 * @out_length: bytes that are prepared, from @first on
 * @client: of contig: who it is for, NULL if nothing is prepared
 * @node: of contig: entry of the client's list
 * @part: of contig: what is prepared
 * @direction: of contig: of the transfer that is under way
 *
 * Belongs to the caller, so that preparing allocates nothing. All zero before its
 * first use. While something is prepared it must neither be moved nor freed.
 */
struct contig_kernel_preparation {
	u32 options;
	unsigned int nr;
	const struct contig_span *ranges;
	u64 granularity;
	u64 first;
	u64 *dma;
	u64 *physical;
	unsigned int entries;
	unsigned int out_entries;
	bool out_done;
	u64 out_length;

	struct contig_kernel_client *client;
	struct list_head node;
	struct contig_part part;
	u32 direction;
};

struct contig_kernel_client *contig_kernel_open(struct device *dev);
void contig_kernel_close(struct contig_kernel_client *client);

int contig_kernel_hold(struct contig_kernel_client *client, u64 addr,
		       u64 length, u32 flags);
int contig_kernel_unhold(struct contig_kernel_client *client, u64 addr,
			 u64 length);
int contig_kernel_lock(struct contig_kernel_client *client, u64 addr,
		       u64 length, u32 flags);
int contig_kernel_unlock(struct contig_kernel_client *client, u64 addr,
			 u64 length);
int contig_kernel_get_physical(struct contig_kernel_client *client,
			       struct contig_kernel_physical *table);

int contig_kernel_prepare(struct contig_kernel_client *client,
			  struct contig_kernel_preparation *preparation);
int contig_kernel_checkpoint(struct contig_kernel_preparation *preparation,
			     u32 options);

int contig_kernel_defer(struct contig_kernel_client *client,
			void (*fn)(void *arg), void *arg, u32 flags);

#endif /* CONTIG_KERNEL_H */
