// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls of contig with valid and invalid structures, and the steps that need no
 * more: open, close, INFO, and any command with any structure
 */
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/contig.h>

#include "calls.h"

/* How the structure is made invalid, from the last byte of a step. */
enum form {
	FORM_GOOD, FORM_SHORT, FORM_LONG_ZERO, FORM_LONG, FORM_EMPTY, FORM_HUGE,
	FORM_NULL, FORM_EDGE, FORM_READ_ONLY, FORM_PAGE, FORM_ODD, FORM_KERNEL,
};

#define FORM_FLAG 0x80		/* an unknown flag */

#define KERNEL_ADDRESS 0xffff888000001000ul

static int client_of(const struct step *step)
{
	return state.client[step->b[1] % CLIENTS];
}

int call(const struct step *step, unsigned int number, void *cmd,
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

uint64_t table_at(uint8_t b)
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

uint32_t table_room(uint8_t b)
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
