// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * What to do about an answer of the allocator.
 */
#include <inttypes.h>
#include <stdio.h>

#include "explain.h"

static bool was_blocked(const struct outcome *outcome, uint32_t set)
{
	unsigned int i;

	for (i = 0; i < outcome->count; i++)
		if (outcome->reports[i].blocked < 32 &&
		    (1u << outcome->reports[i].blocked) & set)
			return true;
	return false;
}

static bool lacks_reserve(const struct outcome *outcome)
{
	const uint32_t set =
		BLOCKED(ABSENT) | BLOCKED(EXHAUSTED) | BLOCKED(TOO_LARGE);
	unsigned int i;

	for (i = 0; i < outcome->count; i++)
		if (outcome->reports[i].rung == CONTIG_RUNG_RESERVE &&
		    outcome->reports[i].blocked < 32 &&
		    (1u << outcome->reports[i].blocked) & set)
			return true;
	return false;
}

/**
 * struct advice - pieces of advice being listed
 * @text: where
 * @intro: what comes before the first
 * @any: whether there was one
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

static void add_reserve_advice(struct advice *list, uint64_t length)
{
	const uint64_t mib = 1 << 20;
	char advice[96];

	snprintf(advice, sizeof(advice),
		 "load the module early with a reserve "
		 "(modprobe contig early=%" PRIu64 "M)",
		 length / mib + !!(length % mib));
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

/* What to do, by what blocked the rungs; the likeliest to help comes first. */
void ctg_add_advice(struct ctg_text *text, const char *intro,
		    const struct outcome *outcome)
{
	static const struct {
		uint32_t set;
		const char *advice;
	} by_blocked[] = {
		{BLOCKED(SIGNAL), "call again"},
		{BLOCKED(TIME), "allow more time (timeout_ms)"},
		{BLOCKED(CONSTRAINTS), "widen the constraints"},
		{BLOCKED(MAPPING), "do without CONTIG_ALLOC_STRUCT_PAGE"},
		{BLOCKED(SEGMENTS), "accept more extents (max_segments)"},
		{BLOCKED(PINNED), "let the owners of pinned pages release "
				  "them"},
		{BLOCKED(NO_ROOM), "free memory"},
		{BLOCKED(BUSY), "try again later"},
	};
	const uint32_t gather = CONTIG_RUNGS_SPLIT | CONTIG_RUNGS_SCATTER;
	struct advice list = {.text = text, .intro = intro};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(by_blocked); i++)
		if (was_blocked(outcome, by_blocked[i].set))
			add_advice(&list, by_blocked[i].advice);
	if (lacks_reserve(outcome))
		add_reserve_advice(&list, outcome->length);
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
		add_reserve_advice(&list, probe->length);
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
