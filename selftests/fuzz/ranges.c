// SPDX-License-Identifier: GPL-2.0-only
/*
 * Steps that call contig with a range of memory or of a buffer
 */
#include <sys/mman.h>

#include <linux/contig.h>

#include "calls.h"

/*
 * Ranges: 1 client (2 bits), buffer (3), flags (3: in the buffer, output,
 * contiguous); 2, 3 address or offset; 4 length; 5 room of the table, or
 * another fd; 6 table, with a bit for DMA addresses, and for LOCK whether it
 * must be contiguous for the device.
 */
static uint32_t range_flags(const uint8_t *b)
{
	return (b[1] & 0x20 ? CONTIG_RANGE_BUFFER : 0) |
	       (b[1] & 0x40 ? CONTIG_LOCK_OUTPUT : 0) |
	       (b[1] & 0x80 ? CONTIG_LOCK_CONTIGUOUS : 0);
}

static int32_t range_fd(const uint8_t *b)
{
	if (b[5] >= 0xc0)
		return step_fd(b[5]);
	return b[1] & 0x20 ? state.buffer[b[1] / 4 % BUFFERS] : 0;
}

static uint64_t range_address(const uint8_t *b)
{
	if (!(b[1] & 0x20))
		return step_address(b + 2);
	/* Offsets: mostly small, sometimes in the middle of a page. */
	if (b[3] >= 0xf0)
		return ~0ull << (b[2] % 64);
	return b[2] * PAGE + (b[3] & 0x80 ? b[3] * 17 % PAGE : 0);
}

int step_hold(struct step *step)
{
	struct contig_hold cmd = {
		.addr = range_address(step->b),
		.length = step_length(step->b[4]),
	};
	int ret = call(step, CONTIG_HOLD, &cmd, sizeof(cmd));

	/* As libcontig does, or as it did where mlock2() is not known. */
	if (!ret && cmd.out_unlocked && step->b[6] & 1)
		mlock2((void *)(uintptr_t)(cmd.addr & -PAGE), cmd.length,
		       step->b[6] & 2 ? MLOCK_ONFAULT : 0);
	return ret;
}

int step_unhold(struct step *step)
{
	struct contig_unhold cmd = {
		.flags = step->b[6] & 0x80 ? CONTIG_UNHOLD_ON_FAULT : 0,
		.addr = range_address(step->b),
		.length = step_length(step->b[4]),
		.spans = table_at(step->b[6]),
		.count = table_room(step->b[5]),
		.reserved = step->b[7] & FORM_RESERVED,
	};
	int ret = call(step, CONTIG_UNHOLD, &cmd, sizeof(cmd));

	return ret ?: 200 + (int)(cmd.count < 4 ? cmd.count : 4);
}

int step_lock(struct step *step)
{
	struct contig_lock cmd = {
		.flags = range_flags(step->b) |
			 (step->b[6] & 1 ? CONTIG_LOCK_DEVICE_CONTIGUOUS : 0),
		.addr = range_address(step->b),
		.length = step_length(step->b[4]),
		.fd = range_fd(step->b),
		.reserved = step->b[7] & FORM_RESERVED,
	};

	return call(step, CONTIG_LOCK, &cmd, sizeof(cmd));
}

int step_unlock(struct step *step)
{
	struct contig_unlock cmd = {
		.flags = range_flags(step->b) & CONTIG_RANGE_BUFFER,
		.addr = range_address(step->b),
		.length = step_length(step->b[4]),
		.fd = range_fd(step->b),
		.reserved = step->b[7] & FORM_RESERVED,
	};

	return call(step, CONTIG_UNLOCK, &cmd, sizeof(cmd));
}

int step_physical(struct step *step)
{
	struct contig_get_physical cmd = {
		.flags = (range_flags(step->b) & CONTIG_RANGE_BUFFER) |
			 (step->b[6] & 0x80 ? CONTIG_GET_DMA : 0),
		.addr = range_address(step->b),
		.length = step_length(step->b[4]),
		.extents = table_at(step->b[6]),
		.count = table_room(step->b[5]),
		.fd = range_fd(step->b),
	};
	int ret = call(step, CONTIG_GET_PHYSICAL, &cmd, sizeof(cmd));

	if (!ret)
		ret = 200 + 8 * !cmd.length + (cmd.count < 7 ? cmd.count : 7);
	return ret;
}

int step_get_state(struct step *step)
{
	struct contig_get_state cmd = {
		.flags = range_flags(step->b) & CONTIG_RANGE_BUFFER,
		.addr = range_address(step->b),
		.length = step_length(step->b[4]),
		.runs = table_at(step->b[6]),
		.count = table_room(step->b[5]),
		.fd = range_fd(step->b),
	};
	int ret = call(step, CONTIG_GET_STATE, &cmd, sizeof(cmd));

	if (!ret)
		ret = 200 + 8 * !cmd.length + (cmd.count < 7 ? cmd.count : 7);
	return ret;
}

static uint32_t io_ways(uint8_t b)
{
	return (b & 1 ? CONTIG_IO_INPUT : 0) | (b & 2 ? CONTIG_IO_OUTPUT : 0);
}

/*
 * PREPARE: 1, 2, 3, 4 as for ranges, of which there are up to four, one behind
 * the other; 5 direction, bounce, DMA addresses, number of ranges; 6 table,
 * with a bit for a short one, and one for the offset of the part.
 */
int step_prepare(struct step *step)
{
	static const uint32_t rooms[] = { 64, 1, 2, 0 };
	const uint8_t *b = step->b;
	struct contig_span spans[4];
	unsigned int nr = 1 + b[5] / 16 % 4, i;
	struct contig_prepare cmd = {
		.flags = io_ways(b[5]) |
			 (range_flags(b) & CONTIG_RANGE_BUFFER) |
			 (b[5] & 4 ? CONTIG_IO_BOUNCE : 0) |
			 (b[5] & 8 ? CONTIG_GET_DMA : 0),
		.ranges = (uintptr_t)spans,
		.range_count = b[5] >= 0xf0 ? ~0u : nr,
		.fd = b[1] & 0x20 ? state.buffer[b[1] / 4 % BUFFERS] : 0,
		.first = b[6] & 0x80 ? PAGE + 17 : 0,
		.granularity = b[6] & 0x40 ? 2 * PAGE : b[7] & FORM_RESERVED,
		.count = rooms[b[6] / 8 % 4],
	};
	uint64_t at = range_address(b), length = step_length(b[4]);
	int ret;

	for (i = 0; i < ARRAY_SIZE(spans); i++) {
		spans[i].addr = at;
		spans[i].length = length;
		at += length / 2;
	}
	cmd.addrs = cmd.count ? table_at(b[6] % 8) : 0;
	ret = call(step, CONTIG_PREPARE, &cmd, sizeof(cmd));
	if (ret)
		return ret;
	state.preparation[step->b[1] % CLIENTS] = cmd.out_id;
	return 200 + 4 * !!cmd.out_bounced + 2 * cmd.out_done +
	       (cmd.count > 1);
}

/* CHECKPOINT: 1 client; 2 flags; 3 preparation. */
int step_checkpoint(struct step *step)
{
	const uint8_t *b = step->b;
	struct contig_checkpoint cmd = {
		.flags = io_ways(b[2]) | (b[2] & 4 ? CONTIG_IO_MORE : 0),
		.id = b[3] ? b[3] : state.preparation[b[1] % CLIENTS],
		.reserved = b[7] & FORM_RESERVED,
	};

	return call(step, CONTIG_CHECKPOINT, &cmd, sizeof(cmd));
}

/* SYNC: as for ranges; 6 direction, and for the CPU or the device. */
int step_sync_range(struct step *step)
{
	const uint8_t *b = step->b;
	struct contig_sync cmd = {
		.flags = (range_flags(b) & CONTIG_RANGE_BUFFER) |
			 io_ways(b[6]) |
			 (b[6] & 4 ? CONTIG_IO_FOR_CPU : 0) |
			 (b[6] & 8 ? CONTIG_IO_FOR_DEVICE : 0),
		.addr = range_address(b),
		.length = step_length(b[4]),
		.fd = range_fd(b),
		.reserved = b[7] & FORM_RESERVED,
	};

	return call(step, CONTIG_SYNC, &cmd, sizeof(cmd));
}
