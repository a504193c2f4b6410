// SPDX-License-Identifier: GPL-2.0-only
/*
 * Steps that call contig, with valid and invalid structures
 */
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/contig.h>

#include "state.h"

/* How the structure is made invalid, from the last byte of a step. */
enum form {
	FORM_GOOD, FORM_SHORT, FORM_LONG_ZERO, FORM_LONG, FORM_EMPTY, FORM_HUGE,
	FORM_NULL, FORM_EDGE, FORM_READ_ONLY, FORM_PAGE, FORM_ODD, FORM_KERNEL,
};

#define FORM_RESERVED 0x40	/* a reserved member is not zero */
#define FORM_FLAG 0x80		/* an unknown flag */

#define KERNEL_ADDRESS 0xffff888000001000ul

static int client_of(const struct step *step)
{
	return state.client[step->b[1] % CLIENTS];
}

/* Make the call with the structure @cmd, which lacks only its size. */
static int call(const struct step *step, unsigned int number, void *cmd,
		uint32_t size)
{
	uint8_t form = step->b[7] & 0x3f;
	char *at = scratch, *guard = scratch + SCRATCH_PAGES * PAGE;
	uint32_t *header = cmd;
	int ret;

	header[0] = size;
	if (step->b[7] & FORM_FLAG)
		header[1] |= 1u << 31;
	switch (form) {
	case FORM_SHORT:
		header[0] = size - 8;
		break;
	case FORM_LONG_ZERO:
	case FORM_LONG:
		header[0] = size + 8;
		break;
	case FORM_EMPTY:
		header[0] = 0;
		break;
	case FORM_HUGE:
		header[0] = ~0u;
		break;
	case FORM_PAGE:
		header[0] = PAGE;
		break;
	case FORM_EDGE:
		at = guard - size / 2 / 8 * 8;
		break;
	case FORM_READ_ONLY:
		at = guard + PAGE;
		mprotect(at, PAGE, PROT_READ | PROT_WRITE);
		break;
	case FORM_ODD:
		at++;
		break;
	}
	if (form == FORM_EDGE) {
		memcpy(at, cmd, guard - at);
	} else {
		memset(at, 0, PAGE);
		memcpy(at, cmd, size);
		if (form == FORM_LONG)
			at[size + 4] = 1;
	}
	if (form == FORM_READ_ONLY)
		mprotect(at, PAGE, PROT_READ);
	if (form == FORM_NULL)
		at = NULL;
	else if (form == FORM_KERNEL)
		at = (char *)KERNEL_ADDRESS;

	ret = result_of(ioctl(client_of(step), number, at));
	if (form != FORM_NULL && form != FORM_KERNEL && form != FORM_EDGE)
		memcpy(cmd, at, size);
	return ret;
}

/* Return where the kernel must write an array. */
static uint64_t table_at(uint8_t b)
{
	switch (b % 8) {
	case 4:
		return ARENA + (b / 8 % 16) * PAGE;
	case 5:
		return (uintptr_t)scratch + SCRATCH_PAGES * PAGE - 24;
	case 6:
		return b & 8 ? 0 : KERNEL_ADDRESS;
	case 7:
		return (uintptr_t)scratch + (SCRATCH_PAGES + 1) * PAGE;
	default:
		return (uintptr_t)scratch + PAGE;
	}
}

static uint32_t table_room(uint8_t b)
{
	static const uint32_t rooms[] = {
		64, 0, 1, 2, 8, 1024, 3000, ~0u,
	};

	return rooms[b % ARRAY_SIZE(rooms)];
}

int step_open(struct step *step)
{
	int *client = &state.client[step->b[1] % CLIENTS];
	int fd = open("/dev/contig", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (*client >= 0)
		close(*client);
	*client = fd;
	return 0;
}

int step_close(struct step *step)
{
	int *client = &state.client[step->b[1] % CLIENTS];
	int fd = *client;

	*client = -1;
	return result_of(close(fd));
}

int step_info(struct step *step)
{
	struct contig_info cmd = {};

	return call(step, CONTIG_INFO, &cmd, sizeof(cmd));
}

/*
 * ALLOC and PROBE: 1 client (2 bits), buffer (3), struct pages (1); 2 length;
 * 3, 4 constraints; 5 rungs; 6 time and name.
 */
static uint64_t alloc_length(uint8_t b)
{
	static const uint64_t lengths[] = {
		PAGE, 2 * PAGE, 4 * PAGE, 16 * PAGE, 64 * PAGE, 1 << 20,
		2 << 20, 4 << 20, 1, PAGE + 1, 3 * PAGE, 5 * PAGE,
		(4 << 20) + PAGE, 8 << 20, 16 << 20, 33 << 20, 200 << 20,
		1ull << 30, 1ull << 40, 0, ~0ull, 1ull << 63,
		-PAGE, 12345,
	};

	return lengths[b % ARRAY_SIZE(lengths)];
}

static void constrain(struct contig_constraints *c, uint8_t b)
{
	static const uint64_t powers[] = {
		PAGE, 2 * PAGE, 1 << 16, 1 << 20, 2 << 20, 8 << 20, 1 << 30,
		1, 512, 1ull << 63,
	};
	uint64_t power = powers[b / 16 % ARRAY_SIZE(powers)];

	switch (b % 16) {
	case 0:
		break;
	case 1:
		c->align = power;
		break;
	case 2:
		c->boundary = power;
		break;
	case 3:
		c->max_segment = power;
		break;
	case 4:
		c->min_segment = power;
		break;
	case 5:
		c->max_segments = 1 + b / 16;
		break;
	case 6:
		c->highest = (1ull << (16 + b / 16)) - 1;
		break;
	case 7:
		c->lowest = 1ull << (24 + b / 16);
		break;
	case 8:
		/* A window of 4 MiB, so that searching it is quick. */
		c->lowest = (uint64_t)(b / 16) << 25;
		c->highest = c->lowest + (4 << 20) - 1;
		break;
	case 9:
		c->highest = ((uint64_t)(b / 16) << 24) + 12345;
		break;
	case 10:
		c->node_policy = b / 16 % 4;
		break;
	case 11:
		c->node_policy = 1 + b / 16 % 2;
		c->node = b / 32 % 4 ? 1u << (b / 32) * 4 : 0;
		break;
	case 12:
		c->align = power + 1;
		break;
	case 13:
		c->boundary = power - 1;
		break;
	case 14:
		c->max_segment = power + PAGE / 2;
		break;
	case 15:
		c->lowest = power - 1;
		break;
	}
}

static uint32_t rungs_of(uint8_t b)
{
	return b & 0x80 ? b << 2 : b & 0x3f;
}

static uint32_t timeout_of(uint8_t b)
{
	static const uint32_t timeouts[] = {
		0, 1, 5, 50, 500, 1000, 10 * 60 * 1000 + 1, ~0u,
	};

	return timeouts[b % ARRAY_SIZE(timeouts)];
}

static void name_buffer(char name[CONTIG_NAME_SIZE], uint8_t b)
{
	switch (b / 16) {
	case 1:
		strcpy(name, "a frame");
		break;
	case 2:
		memset(name, 'x', CONTIG_NAME_SIZE);
		break;
	case 3:
		strcpy(name, "a\nline %s");
		break;
	case 4:
		strcpy(name, "\xff\xfe");
		break;
	}
}

int step_alloc(struct step *step)
{
	const uint8_t *b = step->b;
	unsigned int slot = b[1] / 4 % BUFFERS;
	struct contig_alloc cmd = {
		.flags = b[1] & 0x20 ? CONTIG_ALLOC_STRUCT_PAGE : 0,
		.length = alloc_length(b[2]),
		.rungs = rungs_of(b[5]),
		.timeout_ms = timeout_of(b[6]),
		.out_fd = -2,
	};
	int ret;

	constrain(&cmd.constraints, b[3]);
	constrain(&cmd.constraints, b[4]);
	name_buffer(cmd.name, b[6]);
	if (b[7] & FORM_RESERVED)
		cmd.constraints.reserved = 1;
	ret = call(step, CONTIG_ALLOC, &cmd, sizeof(cmd));
	if (ret)
		return ret;
	/* The rung is part of the result. */
	ret = 200 + cmd.out_rung;
	if (cmd.out_fd < 0)
		return ret;
	if (state.buffer[slot] >= 0)
		close(state.buffer[slot]);
	state.fresh[slot] = true;
	state.buffer[slot] = cmd.out_fd;
	return ret;
}

int step_probe(struct step *step)
{
	const uint8_t *b = step->b;
	struct contig_probe cmd = {
		.flags = b[1] & 0x20 ? CONTIG_ALLOC_STRUCT_PAGE : 0,
		.length = alloc_length(b[2]),
		.rungs = rungs_of(b[5]),
	};
	int ret;

	constrain(&cmd.constraints, b[3]);
	constrain(&cmd.constraints, b[4]);
	if (b[7] & FORM_RESERVED)
		cmd.constraints.reserved = 1;
	ret = call(step, CONTIG_PROBE, &cmd, sizeof(cmd));
	return ret ?: (int)(200 + cmd.out_rung * 8 + cmd.out_remedy % 8);
}

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
		mlock2((void *)(cmd.addr & -PAGE), cmd.length,
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

/*
 * DEVICE: 1 client (2 bits), flags; 2 name; 3 address bits; 4 longest segment;
 * 5 boundary. scripts/fuzz adds the first two to the guest, "run" binds them.
 */
int step_device(struct step *step)
{
	static const char * const names[] = {
		FUZZ_DEVICE, "pci/0000:00:11.0", "pci/0000:00:1f.2",
		"platform/contig", "platform/serial8250", "pci/0000:00:1e.7",
		"pci/", "", "platform/", FUZZ_DEVICE "\n",
	};
	static const uint8_t bits[] = { 28, 0, 32, 64, 12, 11, 65, 24 };
	static const uint64_t lengths[] = {
		0, PAGE, 1 << 16, 1 << 20, 1ull << 32, ~0ull, PAGE - 1, 1,
	};
	const uint8_t *b = step->b;
	struct contig_device cmd = {
		.flags = b[1] / 4 % 4,
		.address_bits = bits[b[3] % ARRAY_SIZE(bits)],
		.reserved = b[7] & FORM_RESERVED,
		.max_segment = lengths[b[4] % ARRAY_SIZE(lengths)],
		.boundary = lengths[b[5] % ARRAY_SIZE(lengths)],
	};

	if (b[2] == 0xff)
		memset(cmd.name, 'x', sizeof(cmd.name));
	else
		strcpy(cmd.name, names[b[2] % ARRAY_SIZE(names)]);
	return call(step, CONTIG_DEVICE, &cmd, sizeof(cmd));
}

static int write_name(const char *path)
{
	const char *name = strchr(FUZZ_DEVICE, '/') + 1;
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int ret;

	if (fd < 0)
		return -errno;
	ret = result_of(write(fd, name, strlen(name)));
	close(fd);
	return ret;
}

/*
 * Unbind and bind the driver of the device, whichever client has it attached.
 */
int step_rebind(struct step *step)
{
	int ret = write_name("/sys/bus/pci/drivers/uio_pci_generic/unbind");

	(void)step;
	return write_name("/sys/bus/pci/drivers/uio_pci_generic/bind") ?: ret;
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

/*
 * Any call with any structure: 2 its number, 3 its size, 4 how many of the
 * following steps are the structure after its flags, 7 the flags.
 */
int step_raw(struct step *step)
{
	static const uint16_t sizes[] = {
		[CONTIG_CMD_INFO] = sizeof(struct contig_info),
		[CONTIG_CMD_ALLOC] = sizeof(struct contig_alloc),
		[CONTIG_CMD_PROBE] = sizeof(struct contig_probe),
		[CONTIG_CMD_HOLD] = sizeof(struct contig_hold),
		[CONTIG_CMD_UNHOLD] = sizeof(struct contig_unhold),
		[CONTIG_CMD_LOCK] = sizeof(struct contig_lock),
		[CONTIG_CMD_UNLOCK] = sizeof(struct contig_unlock),
		[CONTIG_CMD_GET_PHYSICAL] = sizeof(struct contig_get_physical),
		[CONTIG_CMD_GET_STATE] = sizeof(struct contig_get_state),
		[CONTIG_CMD_DEVICE] = sizeof(struct contig_device),
		[CONTIG_CMD_PREPARE] = sizeof(struct contig_prepare),
		[CONTIG_CMD_CHECKPOINT] = sizeof(struct contig_checkpoint),
		[CONTIG_CMD_SYNC] = sizeof(struct contig_sync),
	};
	unsigned int left = step->program->steps - step->at - 1;
	unsigned int number, nr = step->b[2] % 16, n = step->b[4] % 8;
	union {
		uint64_t word[PAGE / 8];
		char byte[PAGE];
	} raw = {};
	int fd = client_of(step);

	if (n > left)
		n = left;
	step->used = n;
	memcpy(&raw.word[1], step->program->step[step->at + 1], n * STEP_BYTES);
	number = _IO(CONTIG_IOCTL_TYPE, nr);
	if (step->b[2] & 0x80)
		number = _IOC(step->b[2] & 3, step->b[2], nr, step->b[5]);
	raw.word[0] = (uint64_t)step->b[7] << 32;
	raw.word[0] |= step->b[3] ? step->b[3] * 8u :
		       nr < ARRAY_SIZE(sizes) ? sizes[nr] : 8;
	/* An array may be anywhere but in memory of the fuzzer itself. */
	if (nr == CONTIG_CMD_UNHOLD || nr == CONTIG_CMD_GET_PHYSICAL ||
	    nr == CONTIG_CMD_GET_STATE)
		raw.word[3] |= raw.word[3] < ARENA ? ARENA : 0;
	if (nr == CONTIG_CMD_PREPARE)
		raw.word[5] |= raw.word[5] < ARENA ? ARENA : 0;
	if (step->b[1] & 0x40)
		fd = step_fd(step->b[6]);
	return result_of(ioctl(fd, number, &raw));
}
