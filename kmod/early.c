// SPDX-License-Identifier: GPL-2.0-only
/*
 * Parser of the parameter "early"
 *
 * A list of blocks, separated by commas:
 *
 *	SIZE[*COUNT][@BITSbit][/align=SIZE][/node=NODE][/huge]
 *	SIZE@ADDRESS[/node=NODE][/keep]
 */
#include <linux/bits.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/numa.h>
#include <linux/pfn.h>
#include <linux/string.h>

#include "early.h"
#include "powers.h"

/*
 * More than any machine has, but the sum of all blocks fits in a u64, and the
 * pages of a block in an unsigned long.
 */
#define CONTIG_EARLY_MOST BIT_ULL(BITS_PER_LONG == 64 ? 52 : 40)

/* Parse a number with an optional suffix K, M, G or T, and skip it. */
static bool contig_early_number(const char **at, u64 *number)
{
	char *end;

	*number = memparse(*at, &end);
	if (end == *at)
		return false;
	*at = end;
	return true;
}

/* Skip @word if it comes next. Return true if it did. */
static bool contig_early_word(const char **at, const char *word)
{
	size_t length = str_has_prefix(*at, word);

	*at += length;
	return length;
}

static const char *contig_early_size(const char **at, u64 *bytes)
{
	if (!contig_early_number(at, bytes) || !*bytes)
		return "a block begins with its size, as in 64M";
	if (*bytes > CONTIG_EARLY_MOST)
		return "no machine has so much memory";
	return NULL;
}

/* Parse address bits or an address. */
static const char *contig_early_place(const char **at, struct contig_early *block)
{
	u64 n;

	if (!contig_early_number(at, &n) || !n)
		return "after @ come address bits, as in @32bit, or an address";
	if (!contig_early_word(at, "bit")) {
		if (!PAGE_ALIGNED(n))
			return "after @ come address bits, as in @32bit, or the address of a page";
		if (n > CONTIG_EARLY_MOST - ((u64)block->npages << PAGE_SHIFT))
			return "no machine has memory at so high an address";
		block->address = n;
		/* Bits to reach it; blocks with more bits are used up first. */
		block->bits = fls64(n + ((u64)block->npages << PAGE_SHIFT) - 1);
		return NULL;
	}
	if (n <= PAGE_SHIFT || n > 64)
		return "addresses have more bits than an offset in a page, and at most 64";
	block->bits = n;
	return NULL;
}

static const char *contig_early_option(const char **at,
				       struct contig_early *block)
{
	u64 n;

	if (contig_early_word(at, "align=")) {
		if (!contig_early_number(at, &n) || !contig_is_power_of_2(n) ||
		    n > CONTIG_EARLY_MOST)
			return "an alignment is a power of two, as in /align=16M";
		block->align = max_t(u64, n >> PAGE_SHIFT, 1);
		return NULL;
	}
	if (contig_early_word(at, "node=")) {
		if (!contig_early_number(at, &n) || n >= MAX_NUMNODES)
			return "a node is a number of this kernel's, as in /node=1";
		block->node = n;
		return NULL;
	}
	if (contig_early_word(at, "huge")) {
		block->huge = true;
		return NULL;
	}
	if (contig_early_word(at, "keep")) {
		block->keep = true;
		return NULL;
	}
	return "after / comes align=SIZE, node=NUMBER, huge or keep";
}

/* Parse one entry. Return NULL, or a message that describes the error. */
static const char *contig_early_entry(const char **at,
				      struct contig_early *block, u64 *count)
{
	const char *why;
	u64 bytes;

	*block = (struct contig_early){ .node = NUMA_NO_NODE };
	why = contig_early_size(at, &bytes);
	if (why)
		return why;
	block->npages = PFN_UP(bytes);
	*count = 1;
	if (contig_early_word(at, "*") &&
	    (!contig_early_number(at, count) || !*count))
		return "after * comes how many such blocks, as in 4M*16";
	if (contig_early_word(at, "@"))
		why = contig_early_place(at, block);
	while (!why && contig_early_word(at, "/"))
		why = contig_early_option(at, block);
	if (!why && block->address && (*count > 1 || block->align))
		why = "at an address there is one block, with no other alignment";
	if (!why && block->address && block->huge)
		why = "memory at an address has no huge pages";
	if (!why && block->keep && !block->address)
		why = "only memory at an address is kept, as in 16M@0x100000000/keep";
	if (!why && **at != ',' && **at != '\0')
		why = "a block is SIZE[*COUNT][@BITSbit] or SIZE@ADDRESS, with options after /";
	return why;
}

/**
 * contig_early_parse() - parse a list such as "64M*2,4M@24bit/align=1M/node=1"
 * @text: value of the parameter
 * @blocks: receives the blocks, in the order of the list
 * @room: number of entries of @blocks
 * @why: receives a message that describes the error
 *
 * Return: the number of blocks; -EINVAL if the text is not such a list or asks
 * for more than @room blocks.
 */
int contig_early_parse(const char *text, struct contig_early *blocks,
		       unsigned int room, const char **why)
{
	struct contig_early block;
	unsigned int nr = 0;
	u64 count;

	while (*text) {
		*why = contig_early_entry(&text, &block, &count);
		if (*why)
			return -EINVAL;
		if (*text == ',')
			text++;
		if (count > room - nr) {
			*why = "these are too many blocks";
			return -EINVAL;
		}
		while (count--)
			blocks[nr++] = block;
	}
	return nr;
}
