/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Names that people will read
 */
#ifndef CONTIG_NAME_H
#define CONTIG_NAME_H

#include <linux/errno.h>
#include <linux/string.h>
#include <linux/types.h>

static inline bool contig_name_printable(char c)
{
	return c >= ' ' && c <= '~';
}

/* A name from user space must be ended and printable, since people will read it. */
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

/* A process names itself as it likes: nothing of that may forge a line. */
static inline void contig_name_clean(char *name)
{
	for (; *name; name++)
		if (!contig_name_printable(*name))
			*name = '?';
}

#endif /* CONTIG_NAME_H */
