// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * For the test "ages": a module that knows the structures of the version that
 * this file was compiled with, and accepts those of other versions as the
 * kernel does.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/contig.h>

#ifdef AGE_later
#define ANSWER_ADDED(arg) ((arg).out_added = 42)
#else
#define ANSWER_ADDED(arg) ((void)(arg))
#endif

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);

union command {
	__u32 size;
	struct contig_info info;
	struct contig_alloc alloc;
	struct contig_probe probe;
	struct contig_device device;
	struct contig_prepare prepare;
	struct contig_hold hold;
	struct contig_unhold unhold;
	struct contig_get_state state;
};

/* Fail if a member that the program or the library sets would be lost. */
static int copy_in(union command *cmd, size_t known, const unsigned char *user,
		   size_t min_size)
{
	__u32 size;
	size_t i;

	memcpy(&size, user, sizeof(size));
	if (size < min_size)
		return EINVAL;
	for (i = known; i < size; i++)
		if (user[i])
			return E2BIG;
	memset(cmd, 0, sizeof(*cmd));
	memcpy(cmd, user, size < known ? size : known);
	return 0;
}

static void copy_out(unsigned char *user, const union command *cmd,
		     size_t known)
{
	__u32 size;

	memcpy(&size, user, sizeof(size));
	memcpy(user, cmd, size < known ? size : known);
}

static int alloc(struct contig_alloc *arg)
{
	arg->out_fd = memfd_create("buffer", MFD_CLOEXEC);
	if (arg->out_fd < 0 || ftruncate(arg->out_fd, arg->length))
		return ENOMEM;
	arg->out_length = arg->length;
	arg->out_rung = CONTIG_RUNG_RESERVE;
	arg->out_extents = 1;
	arg->out_report_count = 2;
	arg->out_reports[0].rung = CONTIG_RUNG_RESERVE;
	arg->out_reports[1].largest = ~0ull;
	ANSWER_ADDED(*arg);
	return 0;
}

static int execute(unsigned int nr, union command *cmd)
{
	switch (nr) {
	case CONTIG_CMD_INFO:
		cmd->info.out_quota_used = 7;
		ANSWER_ADDED(cmd->info);
		return 0;
	case CONTIG_CMD_ALLOC:
		return alloc(&cmd->alloc);
	case CONTIG_CMD_PROBE:
		cmd->probe.out_reports[CONTIG_REPORTS - 1].largest = 7;
		ANSWER_ADDED(cmd->probe);
		return 0;
	case CONTIG_CMD_DEVICE:
		cmd->device.out_features = 7;
		ANSWER_ADDED(cmd->device);
		return 0;
	case CONTIG_CMD_UNHOLD:
		cmd->unhold.count = 0;
		return 0;
	case CONTIG_CMD_GET_STATE:
		cmd->state.length = 0;
		cmd->state.count = 0;
		return 0;
	case CONTIG_CMD_PREPARE:
		cmd->prepare.out_bounced = 7;
		ANSWER_ADDED(cmd->prepare);
		return 0;
	default:
		return 0;
	}
}

/* The members of the first version never change. */
#define COMMAND(type, last)                                                    \
	{                                                                      \
		sizeof(struct type), offsetof(struct type, last) +             \
					     sizeof(((struct type *)0)->last)  \
	}

static const struct {
	size_t known;
	size_t min_size;
} commands[] = {
	[CONTIG_CMD_INFO] = COMMAND(contig_info, out_quota_used),
	[CONTIG_CMD_ALLOC] = COMMAND(contig_alloc, out_reports),
	[CONTIG_CMD_PROBE] = COMMAND(contig_probe, out_reports),
	[CONTIG_CMD_DEVICE] = COMMAND(contig_device, out_features),
	[CONTIG_CMD_PREPARE] = COMMAND(contig_prepare, out_bounced),
	[CONTIG_CMD_HOLD] = COMMAND(contig_hold, out_unlocked),
	[CONTIG_CMD_UNHOLD] = COMMAND(contig_unhold, reserved),
	[CONTIG_CMD_GET_STATE] = COMMAND(contig_get_state, fd),
};

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	unsigned int nr = _IOC_NR(request);
	union command cmd;
	va_list args;
	void *user;
	int error;

	(void)fd;
	va_start(args, request);
	user = va_arg(args, void *);
	va_end(args);
	if (nr >= sizeof(commands) / sizeof(commands[0]) || !commands[nr].known)
		error = ENOTTY;
	else
		error = copy_in(&cmd, commands[nr].known, user,
				commands[nr].min_size);
	if (!error)
		error = execute(nr, &cmd);
	if (!error) {
		copy_out(user, &cmd, commands[nr].known);
		return 0;
	}
	errno = error;
	return -1;
}

int __wrap_open(const char *path, int flags, ...)
{
	return __real_open(strcmp(path, "/dev/contig") ? path : "/dev/null",
			   flags, 0);
}

int __wrap_open64(const char *path, int flags, ...)
	__attribute__((alias("__wrap_open")));
