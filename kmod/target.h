/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The range that a command is about
 */
#ifndef CONTIG_TARGET_H
#define CONTIG_TARGET_H

#include <linux/types.h>

struct contig_area;
struct contig_areas;
struct contig_buffer;
struct contig_client;
struct contig_extents;
struct dma_buf;

/**
 * enum contig_side - the kind of addresses that a command is about
 * @CONTIG_SIDE_CPU: physical addresses
 * @CONTIG_SIDE_DEVICE: DMA addresses of the client's device
 */
enum contig_side {
	CONTIG_SIDE_CPU,
	CONTIG_SIDE_DEVICE,
};

/**
 * struct contig_range - a range as user space names it
 * @flags: with or without CONTIG_RANGE_BUFFER, others are ignored
 * @fd: the dma-buf, with CONTIG_RANGE_BUFFER; else 0
 * @addr: first byte, or offset into the dma-buf
 * @length: bytes
 */
struct contig_range {
	u32 flags;
	s32 fd;
	u64 addr;
	u64 length;
};

/**
 * struct contig_target - the range that a command is about
 * @areas: areas that count its locks; NULL if no page of it can be locked
 * @dmabuf: the dma-buf, with a reference, if the range was named by a
 *          descriptor
 * @buffer: the buffer of contig that @dmabuf is, NULL if it is another
 *          exporter's
 * @first: first page
 * @last: last page
 * @head: bytes in the first page that lie before the range
 * @length: bytes in the range
 */
struct contig_target {
	struct contig_areas *areas;
	struct dma_buf *dmabuf;
	struct contig_buffer *buffer;
	unsigned long first;
	unsigned long last;
	unsigned long head;
	u64 length;
};

/* Return true if a range lies in a dma-buf of another exporter. */
static inline bool contig_target_is_foreign(const struct contig_target *target)
{
	return target->dmabuf && !target->buffer;
}

int contig_target_do(struct contig_client *client,
		     const struct contig_range *range, bool create,
		     int (*command)(struct contig_client *client,
				    const struct contig_target *target,
				    void *data),
		     void *data);
int contig_target_init(struct contig_client *client,
		       const struct contig_range *range, bool create,
		       struct contig_target *target);
struct dma_buf *contig_target_dmabuf(int fd);
int contig_target_init_dmabuf(struct contig_client *client,
			      struct dma_buf *dmabuf, u64 offset, u64 length,
			      bool create, struct contig_target *target);
int contig_target_again(struct contig_client *client,
			struct dma_buf *dmabuf, u64 addr, u64 length,
			struct contig_target *target);
void contig_target_done(struct contig_client *client,
			struct contig_target *target);
int contig_target_pages(u64 addr, u64 length, struct contig_target *target);

const struct contig_extents *contig_area_extents(const struct contig_area *area,
						 enum contig_side side);
unsigned long contig_area_offset(const struct contig_area *area,
				 unsigned long page, enum contig_side side);
unsigned long contig_target_extents(const struct contig_target *target,
				    enum contig_side side);
int contig_target_locked(const struct contig_target *target);
bool contig_target_may_count(const struct contig_target *target);
int contig_target_check(const struct contig_target *target,
			enum contig_side side);
int contig_target_physical(const struct contig_target *target);
unsigned long contig_target_addrs(const struct contig_target *target,
				  enum contig_side side, unsigned long *page,
				  u64 *addrs, unsigned long room);

#endif /* CONTIG_TARGET_H */
