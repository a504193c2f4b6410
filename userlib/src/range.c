// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * Locking, translating and handing over ranges of memory and of buffers.
 */
#include <stdlib.h>

#include "internal.h"

static struct ctg_range memory_range(const void *addr, size_t length)
{
	return (struct ctg_range){
		.addr = (uintptr_t)addr,
		.length = length,
	};
}

static struct ctg_range buffer_range(const struct contig_buffer *buffer,
				     uint64_t offset, uint64_t length)
{
	return (struct ctg_range){
		.addr = offset,
		.length = length,
		.fd = buffer->fd,
		.flags = CONTIG_RANGE_BUFFER,
	};
}

static int lock_range(struct contig *client, const struct ctg_range *range,
		      uint32_t flags)
{
	CTG_PAGING;
	struct contig_lock arg;

	/* The library sets this flag, not the caller. */
	if (flags & CONTIG_RANGE_BUFFER)
		return ctg_result(-EOPNOTSUPP);
	ctg_lock_to_uapi(&arg, range, flags);
	return ctg_result(ctg_ioctl(client->fd, CONTIG_LOCK, &arg));
}

static int unlock_range(struct contig *client, const struct ctg_range *range)
{
	struct contig_unlock arg;

	ctg_unlock_to_uapi(&arg, range);
	return ctg_result(ctg_ioctl(client->fd, CONTIG_UNLOCK, &arg));
}

static int sync_range(struct contig *client, const struct ctg_range *range,
		      uint32_t flags)
{
	struct contig_sync arg;

	if (flags & CONTIG_RANGE_BUFFER)
		return ctg_result(-EOPNOTSUPP);
	ctg_sync_to_uapi(&arg, range, flags);
	return ctg_result(ctg_ioctl(client->fd, CONTIG_SYNC, &arg));
}

/* Translate a range. On success, advance it, unless *@count was 0. */
static int translate_range(struct contig *client, struct ctg_range *range,
			   struct contig_extent *extents, uint32_t *count)
{
	struct contig_get_physical arg;
	int error;

	ctg_get_physical_to_uapi(&arg, range, extents, *count);
	error = ctg_ioctl(client->fd, CONTIG_GET_PHYSICAL, &arg);
	if (error)
		return ctg_result(error);
	range->addr = arg.addr;
	range->length = arg.length;
	*count = arg.count;
	return 0;
}

int ctg_range_state(struct contig *client, struct ctg_range *range,
		    struct contig_run *runs, uint32_t *count)
{
	struct contig_get_state arg;
	int error;

	ctg_get_state_to_uapi(&arg, range, runs, *count);
	error = ctg_ioctl(client->fd, CONTIG_GET_STATE, &arg);
	if (error)
		return error;
	range->addr = arg.addr;
	range->length = arg.length;
	*count = arg.count;
	return 0;
}

/*
 * Translate a range to its end. Locked memory does not change its extents, but
 * other threads may unlock, unmap and lock again between the count and the
 * translation: repeat until the whole range is translated.
 */
static int translate_all(struct contig *client, struct ctg_range range,
			 struct contig_extent **extents, uint32_t *count)
{
	CTG_PAGING;
	struct contig_extent *table = NULL;
	uint32_t filled = 0;
	int error;

	*extents = NULL;
	*count = 0;
	do {
		struct contig_extent *longer;
		uint32_t more = 0;

		error = translate_range(client, &range, NULL, &more);
		if (error)
			break;
		longer = reallocarray(table, (size_t)filled + more,
				      sizeof(*table));
		if (!longer) {
			error = ctg_result(-ENOMEM);
			break;
		}
		table = longer;
		error = translate_range(client, &range, table + filled, &more);
		filled += more;
	} while (!error && range.length);

	if (error) {
		free(table);
		return error;
	}
	*extents = table;
	*count = filled;
	return 0;
}

CONTIG_EXPORT int contig_lock(struct contig *client, const void *addr,
			      size_t length, uint32_t flags)
{
	struct ctg_range range = memory_range(addr, length);

	return lock_range(client, &range, flags);
}

CONTIG_EXPORT int contig_unlock(struct contig *client, const void *addr,
				size_t length)
{
	struct ctg_range range = memory_range(addr, length);

	return unlock_range(client, &range);
}

CONTIG_EXPORT int contig_buffer_lock(struct contig *client,
				     const struct contig_buffer *buffer,
				     uint64_t offset, uint64_t length,
				     uint32_t flags)
{
	struct ctg_range range = buffer_range(buffer, offset, length);

	return lock_range(client, &range, flags);
}

CONTIG_EXPORT int contig_buffer_unlock(struct contig *client,
				       const struct contig_buffer *buffer,
				       uint64_t offset, uint64_t length)
{
	struct ctg_range range = buffer_range(buffer, offset, length);

	return unlock_range(client, &range);
}

static int get_addresses(struct contig *client, const void **addr,
			 size_t *length, struct contig_extent *extents,
			 uint32_t *count, uint32_t flags)
{
	struct ctg_range range = memory_range(*addr, *length);
	int error;

	range.flags |= flags;
	error = translate_range(client, &range, extents, count);
	if (!error) {
		*addr = (const void *)(uintptr_t)range.addr;
		*length = range.length;
	}
	return error;
}

static int buffer_get_addresses(struct contig *client,
				const struct contig_buffer *buffer,
				uint64_t *offset, uint64_t *length,
				struct contig_extent *extents, uint32_t *count,
				uint32_t flags)
{
	struct ctg_range range = buffer_range(buffer, *offset, *length);
	int error;

	range.flags |= flags;
	error = translate_range(client, &range, extents, count);
	if (!error) {
		*offset = range.addr;
		*length = range.length;
	}
	return error;
}

CONTIG_EXPORT int contig_get_physical(struct contig *client, const void **addr,
				      size_t *length,
				      struct contig_extent *extents,
				      uint32_t *count)
{
	return get_addresses(client, addr, length, extents, count, 0);
}

CONTIG_EXPORT int contig_get_dma(struct contig *client, const void **addr,
				 size_t *length, struct contig_extent *extents,
				 uint32_t *count)
{
	return get_addresses(client, addr, length, extents, count,
			     CONTIG_GET_DMA);
}

CONTIG_EXPORT int contig_buffer_get_physical(struct contig *client,
					     const struct contig_buffer *buffer,
					     uint64_t *offset, uint64_t *length,
					     struct contig_extent *extents,
					     uint32_t *count)
{
	return buffer_get_addresses(client, buffer, offset, length, extents,
				    count, 0);
}

CONTIG_EXPORT int contig_buffer_get_dma(struct contig *client,
					const struct contig_buffer *buffer,
					uint64_t *offset, uint64_t *length,
					struct contig_extent *extents,
					uint32_t *count)
{
	return buffer_get_addresses(client, buffer, offset, length, extents,
				    count, CONTIG_GET_DMA);
}

CONTIG_EXPORT int contig_get_extents(struct contig *client, const void *addr,
				     size_t length,
				     struct contig_extent **extents,
				     uint32_t *count)
{
	return translate_all(client, memory_range(addr, length), extents,
			     count);
}

CONTIG_EXPORT int contig_get_dma_extents(struct contig *client,
					 const void *addr, size_t length,
					 struct contig_extent **extents,
					 uint32_t *count)
{
	struct ctg_range range = memory_range(addr, length);

	range.flags |= CONTIG_GET_DMA;
	return translate_all(client, range, extents, count);
}

CONTIG_EXPORT int contig_buffer_get_extents(struct contig *client,
					    const struct contig_buffer *buffer,
					    uint64_t offset, uint64_t length,
					    struct contig_extent **extents,
					    uint32_t *count)
{
	return translate_all(client, buffer_range(buffer, offset, length),
			     extents, count);
}

CONTIG_EXPORT int
contig_buffer_get_dma_extents(struct contig *client,
			      const struct contig_buffer *buffer,
			      uint64_t offset, uint64_t length,
			      struct contig_extent **extents, uint32_t *count)
{
	struct ctg_range range = buffer_range(buffer, offset, length);

	range.flags |= CONTIG_GET_DMA;
	return translate_all(client, range, extents, count);
}

CONTIG_EXPORT int contig_sync(struct contig *client, const void *addr,
			      size_t length, uint32_t flags)
{
	struct ctg_range range = memory_range(addr, length);

	return sync_range(client, &range, flags);
}

CONTIG_EXPORT int contig_buffer_sync(struct contig *client,
				     const struct contig_buffer *buffer,
				     uint64_t offset, uint64_t length,
				     uint32_t flags)
{
	struct ctg_range range = buffer_range(buffer, offset, length);

	return sync_range(client, &range, flags);
}

CONTIG_EXPORT int contig_get_state(struct contig *client, const void **addr,
				   size_t *length, struct contig_run *runs,
				   uint32_t *count)
{
	struct ctg_range range = memory_range(*addr, *length);
	int error = ctg_range_state(client, &range, runs, count);

	if (!error) {
		*addr = (const void *)(uintptr_t)range.addr;
		*length = range.length;
	}
	return ctg_result(error);
}

CONTIG_EXPORT int contig_buffer_get_state(struct contig *client,
					  const struct contig_buffer *buffer,
					  uint64_t *offset, uint64_t *length,
					  struct contig_run *runs,
					  uint32_t *count)
{
	struct ctg_range range = buffer_range(buffer, *offset, *length);
	int error = ctg_range_state(client, &range, runs, count);

	if (!error) {
		*offset = range.addr;
		*length = range.length;
	}
	return ctg_result(error);
}
