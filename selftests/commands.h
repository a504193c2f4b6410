/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A structure of each command that succeeds, to be made invalid by a test of
 * commands.c. Include kselftest_harness.h first.
 */
#ifndef CONTIG_SELFTESTS_COMMANDS_H
#define CONTIG_SELFTESTS_COMMANDS_H

#include <poll.h>
#include <stddef.h>

#include "contig_utils.h"
#include "edu.h"

#define MAX_STRUCT 1024

/* A structure of any command, with room for members that may follow it. */
union any {
	struct {
		uint32_t size;
		uint32_t flags;
	};
	struct contig_info info;
	struct contig_alloc alloc;
	struct contig_probe probe;
	struct contig_hold hold;
	struct contig_unhold unhold;
	struct contig_lock lock;
	struct contig_unlock unlock;
	struct contig_get_physical get_physical;
	struct contig_get_state get_state;
	struct contig_device device;
	struct contig_prepare prepare;
	struct contig_checkpoint checkpoint;
	struct contig_sync sync;
	struct contig_defer defer;
	struct contig_collect collect;
	uint8_t bytes[MAX_STRUCT];
};

FIXTURE(command) {
	int fd;
	int buffer;
	char *memory;
	struct edu edu;
	struct contig_extent extents[2 * SMALL_PAGES];
	struct contig_run runs[2 * SMALL_PAGES];
	struct contig_span span;
	uint64_t addrs[2 * SMALL_PAGES];
	int request;	/* that COLLECT has to answer, 0 for none */
	union any cmd;
};

FIXTURE_VARIANT(command) {
	unsigned int nr;
	uint32_t size;
	uint32_t first;		/* size of the first version */
	uint32_t flags;		/* flags that the command knows */
};

#define COMMAND_SINCE(name, NAME, size_then, known) \
	FIXTURE_VARIANT_ADD(command, name) { \
		.nr = CONTIG_##NAME, \
		.size = sizeof(struct contig_##name), \
		.first = size_then, \
		.flags = known, \
	}
#define COMMAND(name, NAME, known) \
	COMMAND_SINCE(name, NAME, sizeof(struct contig_##name), known)

COMMAND(info, INFO, 0);
COMMAND_SINCE(alloc, ALLOC, offsetof(struct contig_alloc, out_frames),
	      CONTIG_ALLOC_STRUCT_PAGE | CONTIG_ALLOC_PAGE_FRAMES |
	      CONTIG_ALLOC_KEEP_CONTENTS | CONTIG_ALLOC_NO_WAIT |
	      CONTIG_ALLOC_FEWEST_MOVES | CONTIG_ALLOC_HUGE_PAGES |
	      CONTIG_ALLOC_UNINITIALIZED);
COMMAND_SINCE(probe, PROBE, offsetof(struct contig_probe, out_at_least),
	      CONTIG_ALLOC_STRUCT_PAGE | CONTIG_ALLOC_PAGE_FRAMES |
	      CONTIG_ALLOC_KEEP_CONTENTS | CONTIG_ALLOC_FEWEST_MOVES |
	      CONTIG_ALLOC_HUGE_PAGES | CONTIG_ALLOC_UNINITIALIZED);
COMMAND(hold, HOLD, 0);
COMMAND(unhold, UNHOLD, CONTIG_UNHOLD_ON_FAULT);
COMMAND(lock, LOCK,
	CONTIG_RANGE_BUFFER | CONTIG_LOCK_OUTPUT | CONTIG_LOCK_CONTIGUOUS |
	CONTIG_LOCK_DEVICE_CONTIGUOUS);
COMMAND(unlock, UNLOCK, CONTIG_RANGE_BUFFER);
COMMAND(get_physical, GET_PHYSICAL, CONTIG_RANGE_BUFFER | CONTIG_GET_DMA);
COMMAND(get_state, GET_STATE, CONTIG_RANGE_BUFFER);
COMMAND(device, DEVICE, CONTIG_DEVICE_QUERY | CONTIG_DEVICE_DETACH);
COMMAND(prepare, PREPARE,
	CONTIG_IO_INPUT | CONTIG_IO_OUTPUT | CONTIG_IO_BOUNCE |
	CONTIG_RANGE_BUFFER | CONTIG_GET_DMA);
COMMAND(checkpoint, CHECKPOINT,
	CONTIG_IO_INPUT | CONTIG_IO_OUTPUT | CONTIG_IO_MORE);
COMMAND(sync, SYNC,
	CONTIG_IO_INPUT | CONTIG_IO_OUTPUT | CONTIG_IO_FOR_CPU |
	CONTIG_IO_FOR_DEVICE | CONTIG_RANGE_BUFFER);
COMMAND(defer, DEFER, CONTIG_DEFER_EVENTFD);
COMMAND(collect, COLLECT, CONTIG_COLLECT_TICKLE | CONTIG_COLLECT_CANCEL);

/* Return true if the command returns more than success or failure. */
static bool has_answer(unsigned int nr)
{
	return nr != CONTIG_LOCK && nr != CONTIG_UNLOCK &&
	       nr != CONTIG_CHECKPOINT && nr != CONTIG_SYNC;
}

/* Fill in a preparation of one page. */
static void good_prepare(FIXTURE_DATA(command) *self,
			 struct contig_prepare *cmd)
{
	self->span.addr = to_addr(self->memory);
	self->span.length = page_size;
	cmd->size = sizeof(*cmd);
	cmd->ranges = to_addr(&self->span);
	cmd->range_count = 1;
	cmd->addrs = to_addr(self->addrs);
	cmd->count = ARRAY_SIZE(self->addrs);
}

/* Make a preparation that CHECKPOINT can end. */
static uint32_t preparation(FIXTURE_DATA(command) *self)
{
	struct contig_prepare cmd = {};

	good_prepare(self, &cmd);
	return contig_ioctl(self->fd, CONTIG_PREPARE, &cmd) ? 0 : cmd.out_id;
}

static void request_end(FIXTURE_DATA(command) *self)
{
	if (self->request > 0)
		close(self->request);
	self->request = 0;
}

/* Make a request that has got memory. */
static int request_begin(FIXTURE_DATA(command) *self)
{
	struct contig_defer cmd = { .size = sizeof(cmd), .alloc.length = 1 };
	struct pollfd pollfd = { .events = POLLIN };

	request_end(self);
	if (contig_ioctl(self->fd, CONTIG_DEFER, &cmd))
		return -1;
	self->request = pollfd.fd = cmd.out_fd;
	poll(&pollfd, 1, -1);
	return self->request;
}

/* Fill in a command that succeeds, without flags where that is possible. */
static void good(FIXTURE_DATA(command) *self,
		 const FIXTURE_VARIANT(command) *variant)
{
	union any *cmd = &self->cmd;
	uint64_t addr = to_addr(self->memory);

	memset(cmd, 0, sizeof(*cmd));
	cmd->size = variant->size;
	switch (variant->nr) {
	case CONTIG_ALLOC:
		cmd->alloc.length = 1;
		break;
	case CONTIG_PROBE:
		cmd->probe.length = 1;
		break;
	case CONTIG_HOLD:
		cmd->hold.addr = addr;
		cmd->hold.length = page_size;
		break;
	case CONTIG_UNHOLD:
		cmd->unhold.addr = addr;
		cmd->unhold.length = page_size;
		break;
	case CONTIG_LOCK:
	case CONTIG_UNLOCK:
		cmd->lock.addr = addr;
		cmd->lock.length = page_size;
		break;
	case CONTIG_GET_PHYSICAL:
		cmd->get_physical.addr = addr;
		cmd->get_physical.length = page_size;
		cmd->get_physical.extents = to_addr(self->extents);
		cmd->get_physical.count = ARRAY_SIZE(self->extents);
		break;
	case CONTIG_GET_STATE:
		cmd->get_state.addr = addr;
		cmd->get_state.length = page_size;
		cmd->get_state.runs = to_addr(self->runs);
		cmd->get_state.count = ARRAY_SIZE(self->runs);
		break;
	case CONTIG_DEVICE:
		strcpy(cmd->device.name, self->edu.name);
		break;
	case CONTIG_PREPARE:
		good_prepare(self, &cmd->prepare);
		break;
	case CONTIG_CHECKPOINT:
		cmd->checkpoint.id = preparation(self);
		break;
	case CONTIG_SYNC:
		cmd->flags = CONTIG_IO_FOR_CPU | CONTIG_IO_INPUT;
		cmd->sync.addr = addr;
		cmd->sync.length = page_size;
		break;
	case CONTIG_DEFER:
		cmd->defer.alloc.length = 1;
		break;
	case CONTIG_COLLECT:
		cmd->collect.fd = request_begin(self);
		break;
	}
}

/* The same with CONTIG_RANGE_BUFFER. */
static void good_buffer(FIXTURE_DATA(command) *self,
			const FIXTURE_VARIANT(command) *variant)
{
	good(self, variant);
	self->cmd.flags |= CONTIG_RANGE_BUFFER;
	switch (variant->nr) {
	case CONTIG_LOCK:
	case CONTIG_UNLOCK:
		self->cmd.lock.addr = 0;
		self->cmd.lock.fd = self->buffer;
		break;
	case CONTIG_GET_PHYSICAL:
		self->cmd.get_physical.addr = 0;
		self->cmd.get_physical.fd = self->buffer;
		break;
	case CONTIG_GET_STATE:
		self->cmd.get_state.addr = 0;
		self->cmd.get_state.fd = self->buffer;
		break;
	case CONTIG_PREPARE:
		self->span.addr = 0;
		self->cmd.prepare.fd = self->buffer;
		break;
	case CONTIG_SYNC:
		self->cmd.sync.addr = 0;
		self->cmd.sync.fd = self->buffer;
		break;
	}
}

/* Issue the command in @cmd, and close what it opened. */
static int issue_at(FIXTURE_DATA(command) *self,
		    const FIXTURE_VARIANT(command) *variant, union any *cmd)
{
	int ret = contig_ioctl(self->fd, variant->nr, cmd);

	if (ret || !cmd)
		return ret;
	if (variant->nr == CONTIG_ALLOC)
		close(cmd->alloc.out_fd);
	if (variant->nr == CONTIG_DEFER)
		close(cmd->defer.out_fd);
	if (variant->nr == CONTIG_COLLECT)
		close(cmd->collect.alloc.out_fd);
	return 0;
}

static int issue(FIXTURE_DATA(command) *self,
		 const FIXTURE_VARIANT(command) *variant)
{
	return issue_at(self, variant, &self->cmd);
}

#endif /* CONTIG_SELFTESTS_COMMANDS_H */
