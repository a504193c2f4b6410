// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * Remedies for a failed allocation, in words.
 */
#include <inttypes.h>
#include <stdio.h>

#include "explain.h"

/* Return true if the cause of the failure is one of @set. */
static bool was_caused(const struct outcome *outcome, uint32_t set)
{
	return outcome->cause && outcome->cause->blocked < 32 &&
	       (1u << outcome->cause->blocked) & set;
}

/* Return true if the reserve was blocked by one of @set. */
static bool reserve_was_blocked(const struct outcome *outcome, uint32_t set)
{
	unsigned int i;

	for (i = 0; i < outcome->count; i++)
		if (outcome->reports[i].rung == CONTIG_RUNG_RESERVE &&
		    outcome->reports[i].blocked < 32 &&
		    (1u << outcome->reports[i].blocked) & set)
			return true;
	return false;
}

/**
 * struct advice - a list of pieces of advice that is being composed
 * @text: where the list goes
 * @intro: text before the first piece
 * @any: true after the first piece
 */
struct advice {
	struct ctg_text *text;
	const char *intro;
	bool any;
};

static void add_advice(struct advice *list, const char *advice)
{
	ctg_add(list->text, "%s%s", list->any ? "; " : list->intro, advice);
	list->any = true;
}

static void end_advice(struct advice *list)
{
	if (list->any)
		ctg_add(list->text, ".");
}

/* Return how many address bits reach no further than @highest. */
static unsigned int address_bits(uint64_t highest)
{
	unsigned int bits = 0;

	while (bits < 64 && highest >> bits)
		bits++;
	/* So many bits would reach beyond @highest. */
	if (bits && bits < 64 && (highest & (highest + 1)))
		bits--;
	return bits;
}

/*
 * Return true if a block that the module takes at load meets the alignment even
 * if the parameter does not ask for it.
 */
static bool is_aligned_anyway(uint64_t mib, uint64_t align)
{
	return align <= 4096 || (align <= 4 << 20 && align <= mib << 20);
}

/*
 * Format the constraints on a block, as the module parameter early takes them
 * after the size.
 */
static void format_place(char *text, size_t size, uint64_t mib,
			 unsigned int bits,
			 const struct contig_constraints *constraints)
{
	uint64_t align = constraints->align;
	int n = 0;

	text[0] = '\0';
	if (bits && bits < 64)
		n += snprintf(text + n, size - n, "@%ubit", bits);
	if (!is_aligned_anyway(mib, align))
		n += snprintf(text + n, size - n, "/align=%" PRIu64 "%s",
			      align >> 20 ? align >> 20 : align,
			      align >> 20 ? "M" : "");
	if (constraints->node_policy != CONTIG_NODE_ANY)
		snprintf(text + n, size - n, "/node=%u", constraints->node);
}

static void add_reserve_advice(struct advice *list, uint64_t length,
			       const struct contig_constraints *constraints,
			       unsigned int bits, bool misfit)
{
	uint64_t mib = (length >> 20) + !!(length & ((1 << 20) - 1));
	const char *device = "";
	char advice[192];
	char place[64];

	/* The parameter cannot express a lowest address. */
	if (constraints->lowest)
		return;
	/* A kernel that does not report them leaves the device's to guess. */
	if (!bits && misfit && !constraints->highest) {
		bits = 32;
		device = ", with the address bits of the device";
	} else if (!bits) {
		bits = address_bits(constraints->highest);
	}
	format_place(place, sizeof(place), mib, bits, constraints);
	snprintf(advice, sizeof(advice),
		 "load the module early with a reserve "
		 "(modprobe contig early=%" PRIu64 "M%s%s)",
		 mib, place, device);
	add_advice(list, advice);
}

static void add_size_advice(struct advice *list, uint64_t largest)
{
	char advice[64];
	char size[32];

	snprintf(advice, sizeof(advice), "ask for %s or less",
		 ctg_format_size(size, largest));
	add_advice(list, advice);
}

/* Append advice that fits the cause; the most promising comes first. */
void ctg_add_advice(struct ctg_text *text, const char *intro,
		    const struct outcome *outcome)
{
	const struct {
		uint32_t set;
		const char *advice;
	} by_blocked[] = {
		{BLOCKED(SIGNAL), "call again"},
		{BLOCKED(TIME), "allow more time (timeout_ms)"},
		{BLOCKED(CONSTRAINTS), "widen the constraints"},
		{BLOCKED(MAPPING),
		 outcome->flags & CONTIG_ALLOC_PAGE_FRAMES
			 ? "do without CONTIG_ALLOC_PAGE_FRAMES"
			 : "do without CONTIG_ALLOC_STRUCT_PAGE"},
		{BLOCKED(WAIT), "do without CONTIG_ALLOC_NO_WAIT"},
		{BLOCKED(SEGMENTS), "accept more extents (max_segments)"},
		{BLOCKED(CONTENTS),
		 "load the module with the memory "
		 "(modprobe contig early=SIZE@ADDRESS/keep)"},
		{BLOCKED(PINNED), "let the owners of pinned pages release "
				  "them"},
		{BLOCKED(NO_ROOM), "free memory"},
		{BLOCKED(BUSY), "try again later"},
		{BLOCKED(LOCKED), "unlock the buffers in the reserve that are "
				  "not in use"},
	};
	const uint32_t gather = CONTIG_RUNGS_SPLIT | CONTIG_RUNGS_SCATTER;
	const uint32_t misfit = BLOCKED(CONSTRAINTS);
	struct advice list = {.text = text, .intro = intro};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(by_blocked); i++)
		if (was_caused(outcome, by_blocked[i].set))
			add_advice(&list, by_blocked[i].advice);
	if (!(outcome->flags & CONTIG_ALLOC_KEEP_CONTENTS) &&
	    reserve_was_blocked(outcome, BLOCKED(ABSENT) | BLOCKED(EXHAUSTED) |
						 BLOCKED(TOO_LARGE) | misfit))
		add_reserve_advice(&list, outcome->length, outcome->constraints,
				   outcome->address_bits,
				   reserve_was_blocked(outcome, misfit));
	if (outcome->largest && outcome->largest->largest < outcome->length)
		add_size_advice(&list, outcome->largest->largest);
	if (!(outcome->rungs & gather))
		add_advice(&list, "allow the split and scatter rungs, "
				  "if the device can gather");
	end_advice(&list);
}

void ctg_add_remedy(struct ctg_text *text, const struct contig_probe *probe)
{
	struct advice list = {.text = text, .intro = " What helps: "};

	switch (probe->out_remedy) {
	case CONTIG_REMEDY_RESERVE:
		add_reserve_advice(&list, probe->length, &probe->constraints,
				   probe->out_address_bits, false);
		break;
	case CONTIG_REMEDY_FREE:
		add_advice(&list, "free memory");
		break;
	case CONTIG_REMEDY_UNPIN:
		add_advice(&list,
			   "let the owners of pinned pages release them");
		break;
	case CONTIG_REMEDY_SEGMENTS:
		add_advice(&list, "accept more extents");
		break;
	case CONTIG_REMEDY_CONSTRAINTS:
		add_advice(&list, "widen the constraints");
		break;
	case CONTIG_REMEDY_QUOTA:
		add_advice(&list, "have the quota raised");
		break;
	default:
		break;
	}
	end_advice(&list);
}
