/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Names that people will read
 */
#ifndef CONTIG_NAME_H
#define CONTIG_NAME_H

#include <linux/types.h>

static inline bool contig_name_printable(char c)
{
	return c >= ' ' && c <= '~';
}

/* A process names itself as it likes: nothing of that may forge a line. */
static inline void contig_name_clean(char *name)
{
	for (; *name; name++)
		if (!contig_name_printable(*name))
			*name = '?';
}

#endif /* CONTIG_NAME_H */
