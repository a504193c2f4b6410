/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One ioctl on its way through the module
 */
#ifndef CONTIG_UCMD_H
#define CONTIG_UCMD_H

#include <linux/minmax.h>
#include <linux/types.h>
#include <linux/uaccess.h>

#include "fault.h"

struct contig_client;

/**
 * struct contig_ucmd - one ioctl
 * @client: the file it came through
 * @ubuffer: the caller's structure
 * @user_size: its size, from its first member
 * @cmd: contig's copy of it, zero beyond @user_size
 */
struct contig_ucmd {
	struct contig_client *client;
	void __user *ubuffer;
	u32 user_size;
	void *cmd;
};

static inline int contig_copy_to_user(void __user *to, const void *from,
				      size_t size)
{
	if (contig_should_fail(CONTIG_FAULT_COPY) ||
	    copy_to_user(to, from, size))
		return -EFAULT;
	return 0;
}

/* Write back the structure, no further than the caller's version of it. */
static inline int contig_ucmd_respond(struct contig_ucmd *ucmd, size_t size)
{
	return contig_copy_to_user(ucmd->ubuffer, ucmd->cmd,
				   min_t(size_t, ucmd->user_size, size));
}

int contig_alloc_ioctl(struct contig_ucmd *ucmd);
int contig_collect_ioctl(struct contig_ucmd *ucmd);
int contig_defer_ioctl(struct contig_ucmd *ucmd);
int contig_probe_ioctl(struct contig_ucmd *ucmd);
int contig_hold_ioctl(struct contig_ucmd *ucmd);
int contig_unhold_ioctl(struct contig_ucmd *ucmd);
int contig_lock_ioctl(struct contig_ucmd *ucmd);
int contig_unlock_ioctl(struct contig_ucmd *ucmd);
int contig_get_physical_ioctl(struct contig_ucmd *ucmd);
int contig_get_state_ioctl(struct contig_ucmd *ucmd);
int contig_device_ioctl(struct contig_ucmd *ucmd);
int contig_prepare_ioctl(struct contig_ucmd *ucmd);
int contig_checkpoint_ioctl(struct contig_ucmd *ucmd);
int contig_sync_ioctl(struct contig_ucmd *ucmd);

#endif /* CONTIG_UCMD_H */
