// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the parameter "early" says
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/pfn.h>
#include <linux/string.h>

#include "early.h"

/**
 * contig_early_parse() - read "64M*2,4M*16"
 * @text: what the administrator wrote
 * @memory: bytes that a block may have at most
 * @npages: receives the length of each block, in pages and in the order written
 * @room: how many fit
 *
 * Return: how many blocks were asked for; -EINVAL for what is no such list,
 * -EFBIG for a block that is too large, -E2BIG for too many.
 */
int contig_early_parse(const char *text, u64 memory, unsigned long *npages,
		       unsigned int room)
{
	unsigned long long bytes, count;
	unsigned int nr = 0;
	char *end;

	while (*text) {
		bytes = memparse(text, &end);
		if (end == text || !bytes)
			return -EINVAL;
		count = 1;
		if (*end == '*') {
			text = end + 1;
			count = memparse(text, &end);
			if (end == text || !count)
				return -EINVAL;
		}
		if (*end != ',' && *end != '\0')
			return -EINVAL;
		text = *end ? end + 1 : end;
		if (bytes > memory)
			return -EFBIG;
		if (count > room - nr)
			return -E2BIG;
		while (count--)
			npages[nr++] = PFN_UP(bytes);
	}
	return nr;
}
