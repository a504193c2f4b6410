// SPDX-License-Identifier: GPL-2.0-only
/*
 * Steps that allocate, or probe whether it is possible
 */
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include <linux/contig.h>

#include "calls.h"

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
		.flags = (b[1] & 0x20 ? CONTIG_ALLOC_STRUCT_PAGE : 0) |
			 (b[1] & 0x80 ? CONTIG_ALLOC_NO_WAIT : 0) |
			 (b[1] & 0x40 ? CONTIG_ALLOC_FEWEST_MOVES : 0) |
			 (b[6] & 0x08 ? CONTIG_ALLOC_HUGE_PAGES : 0) |
			 (b[6] & 0x10 ? CONTIG_ALLOC_UNINITIALIZED : 0),
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
	state.fresh[slot] = !(cmd.flags & CONTIG_ALLOC_UNINITIALIZED);
	state.buffer[slot] = cmd.out_fd;
	return ret;
}

/*
 * DEFER: as ALLOC, but 1 has the request (2 bits) instead of the buffer; 6 also has the
 * deadline and the priority.
 */
int step_defer(struct step *step)
{
	const uint8_t *b = step->b;
	int *request = &state.request[b[1] / 4 % REQUESTS];
	struct contig_defer cmd = {
		.flags = b[1] & 0x40 ? CONTIG_DEFER_EVENTFD : 0,
		.eventfd = b[1] & 0x40 ? step_fd(b[6]) : 0,
		.priority = (b[6] & 0xf) - 8,
		.deadline_ms = b[6] / 16 * 100,
		.out_fd = -2,
		.alloc = {
			.flags = b[1] & 0x20 ? CONTIG_ALLOC_STRUCT_PAGE : 0,
			.length = alloc_length(b[2]),
			.rungs = rungs_of(b[5]),
			.timeout_ms = timeout_of(b[6] / 16),
		},
	};
	int ret;

	constrain(&cmd.alloc.constraints, b[3]);
	constrain(&cmd.alloc.constraints, b[4]);
	if (b[7] & FORM_RESERVED)
		cmd.reserved = 1;
	ret = call(step, CONTIG_DEFER, &cmd, sizeof(cmd));
	if (ret || cmd.out_fd < 0)
		return ret;
	if (*request >= 0)
		close(*request);
	*request = cmd.out_fd;
	return ret;
}

/*
 * COLLECT: 1 client (2 bits), request (2), flags (2), wait first (1); 2 buffer. The result
 * does not depend on whether the request has ended.
 */
int step_collect(struct step *step)
{
	const uint8_t *b = step->b;
	unsigned int slot = b[2] % BUFFERS;
	struct contig_collect cmd = {
		.flags = b[1] / 16 % 4,
		.fd = state.request[b[1] / 4 % REQUESTS],
		.alloc.out_fd = -2,
	};
	struct pollfd pollfd = { .fd = cmd.fd, .events = POLLIN };
	int ret;

	if (b[1] & 0x40)
		poll(&pollfd, 1, 20);
	if (b[2] & 0x80)
		cmd.fd = step_fd(b[2]);
	ret = call(step, CONTIG_COLLECT, &cmd, sizeof(cmd));
	if (ret)
		return ret == -EAGAIN || ret == -ECANCELED || ret == -ETIME ? 0 : ret;
	if (cmd.alloc.out_fd < 0)
		return 0;
	if (state.buffer[slot] >= 0)
		close(state.buffer[slot]);
	state.fresh[slot] = true;
	state.buffer[slot] = cmd.alloc.out_fd;
	return 0;
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
