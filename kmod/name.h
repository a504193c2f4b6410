/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Names in logs and debugfs
 */
#ifndef CONTIG_NAME_H
#define CONTIG_NAME_H

#include <linux/errno.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/types.h>

static inline bool contig_name_printable(char c)
{
	return c >= ' ' && c <= '~';
}

/* Return 0 if a name from user space is terminated and printable. */
static inline int contig_name_check(const char *name, size_t size)
{
	size_t length = strnlen(name, size), i;

	if (length == size)
		return -EINVAL;
	for (i = 0; i < length; i++)
		if (!contig_name_printable(name[i]))
			return -EINVAL;
	return 0;
}

/* Replace unprintable characters: a process could forge lines by its name. */
static inline void contig_name_clean(char *name)
{
	for (; *name; name++)
		if (!contig_name_printable(*name))
			*name = '?';
}

/* Copy a name, or that of the calling thread if it is empty. */
static inline void contig_name_choose(char *name, const char *wanted, size_t size)
{
	strscpy(name, *wanted ? wanted : current->comm, size);
	contig_name_clean(name);
}

#endif /* CONTIG_NAME_H */
