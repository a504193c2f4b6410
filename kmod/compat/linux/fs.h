/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CONTIG_COMPAT_LINUX_FS_H
#define CONTIG_COMPAT_LINUX_FS_H

#include_next <linux/fs.h>

/* Until 6.6 this was a macro with another argument, and the only such function. */
#ifdef get_file_rcu
static inline struct file *get_file_active(struct file **f)
{
	return get_file_rcu(*f) ? *f : NULL;
}
#endif

#endif /* CONTIG_COMPAT_LINUX_FS_H */
