/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * contig for other modules: memory of a process for a driver's device, also
 * from interrupt level. Documentation/kernel.md tells how to use it.
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

/* The call must not sleep, even if its context seems to allow it. */
#define CONTIG_KERNEL_NOSLEEP	BIT(31)

/* Options of a preparation, and of contig_kernel_checkpoint(). */

/* The device writes to memory; in a checkpoint: in the next transfer. */
#define CONTIG_KERNEL_INPUT	BIT(0)
/* The device reads memory; in a checkpoint: in the next transfer. */
#define CONTIG_KERNEL_OUTPUT	BIT(1)
/* Checkpoint only: keep the preparation for another transfer. */
#define CONTIG_KERNEL_MORE	BIT(2)

/* Deferred functions that a client can have queued: contig_kernel_defer(). */
#define CONTIG_KERNEL_DEFERRED	32

/**
 * struct contig_kernel_physical - a translation
 * @addr: in/out: address in the process, advanced past the translated part
 * @length: in/out: bytes, reduced by the translated part; 0 when complete
 * @extents: receives the extents; ignored if @count is 0
 * @count: in/out: entries of @extents, and entries used. If 0, receives the
 *         number that the whole range needs, and nothing else is changed
 * @flags: CONTIG_GET_DMA: DMA addresses of the client's device instead of
 *         physical addresses
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
 * @ranges: the list; ranges may be empty and may overlap
 * @nr: number of ranges
 * @first: bytes of the list before the part
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
 * @nr: number of ranges
 * @ranges: ranges of the process's memory, transferred one after the other;
 *          must stay valid until the preparation ends
 * @granularity: if not 0, a part that does not reach the end has a multiple of
 *               this length, rounded up to whole pages
 * @first: bytes of the list before the part to prepare
 * @dma: receives a DMA address of the client's device for each page; or NULL
 * @physical: receives a physical address for each page; or NULL
 * @entries: number of entries of each of these tables
 * @out_entries: number of entries filled
 * @out_done: the part extends to the end of the last range
 * @out_length: bytes in the part, which begins at @first
 * @client: private: the client, NULL if no memory is prepared
 * @node: private: entry of the client's list
 * @part: private: the prepared part
 * @direction: private: direction of the current transfer
 *
 * The caller owns this structure, so preparing allocates no memory. It must be
 * zeroed before its first use. While memory is prepared it must not be moved or
 * freed.
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
