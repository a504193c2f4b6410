// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * Descriptions of results of the allocator in plain English.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "explain.h"

/* Return the name of a rung for use in a sentence. */
static const char *rung_phrase(char text[32], uint32_t rung)
{
	if (rung == CONTIG_RUNG_RESERVE)
		snprintf(text, 32, "the reserve");
	else
		snprintf(text, 32, "the %s rung", contig_rung_name(rung));
	return text;
}

/* Append which buffer keeps the reserve from making room. */
static void add_in_way(struct ctg_text *text, const struct outcome *outcome)
{
	if (!outcome->in_way_id) {
		ctg_add(text, ", and has buffers that cannot be moved");
		return;
	}
	ctg_add(text, ", and buffer %" PRIu64, outcome->in_way_id);
	if (outcome->in_way_pid)
		ctg_add(text, " of process %u (user %u)", outcome->in_way_pid,
			outcome->in_way_uid);
	ctg_add(text, " cannot be moved");
}

static void add_windows(struct ctg_text *text, uint32_t windows)
{
	if (windows == 1)
		ctg_add(text, " in the only window");
	else if (windows)
		ctg_add(text, " in each of %u windows", windows);
}

/*
 * Return the clause that describes a report; its %s stands for the name of the
 * rung.
 */
static const char *blocked_clause(const struct contig_report *report,
				  uint32_t flags)
{
	switch (report->blocked) {
	case CONTIG_BLOCKED_NOT:
		return "%s answered";
	case CONTIG_BLOCKED_ABSENT:
		if (report->rung == CONTIG_RUNG_RESERVE)
			return "there is no reserve";
		if (report->rung == CONTIG_RUNG_COHERENT)
			return "the pool of the device cannot be used";
		return "%s does not exist on this machine";
	case CONTIG_BLOCKED_MAPPING:
		if (flags & CONTIG_ALLOC_PAGE_FRAMES)
			return "%s was skipped because it cannot give bare "
			       "page frames";
		return "%s was skipped because it cannot give memory with "
		       "struct pages";
	case CONTIG_BLOCKED_CONSTRAINTS:
		return "the memory of %s does not meet the constraints";
	case CONTIG_BLOCKED_EXHAUSTED:
		return "%s has too little left";
	case CONTIG_BLOCKED_TOO_LARGE:
		return "%s can never give so much";
	case CONTIG_BLOCKED_UNMOVABLE:
		return "%s found memory of the kernel";
	case CONTIG_BLOCKED_PINNED:
		return "%s found pinned pages";
	case CONTIG_BLOCKED_BUSY:
		return "%s found memory that refused to move";
	case CONTIG_BLOCKED_NO_ROOM:
		return "%s found too little free memory to move the rest to";
	case CONTIG_BLOCKED_TIME:
		return "%s ran out of time";
	case CONTIG_BLOCKED_SIGNAL:
		return "%s was interrupted by a signal";
	case CONTIG_BLOCKED_SEGMENTS:
		return "%s would have needed more extents than allowed";
	case CONTIG_BLOCKED_CONTENTS:
		return "%s has no memory whose contents were kept";
	case CONTIG_BLOCKED_LOCKED:
		return "%s has enough free memory, but not in one piece";
	case CONTIG_BLOCKED_WAIT:
		return "%s has no such memory free now";
	default:
		return "%s could not answer";
	}
}

/* Return true if the report's largest length is a lower bound. */
static bool is_bound(const struct outcome *outcome,
		     const struct contig_report *report)
{
	return report->rung < 32 && outcome->at_least & 1u << report->rung;
}

/* Append a report; with @most also the largest length that it names. */
static void add_report(struct ctg_text *text,
		       const struct contig_report *report,
		       const struct outcome *outcome, bool most)
{
	const uint32_t in_windows =
		BLOCKED(UNMOVABLE) | BLOCKED(PINNED) | BLOCKED(BUSY);
	char phrase[32];
	char size[32];

	rung_phrase(phrase, report->rung);
	/* The format is one of the constants above. */
	ctg_add(text, blocked_clause(report, outcome->flags), phrase);
	if (report->blocked < 32 && (1u << report->blocked) & in_windows)
		add_windows(text, report->windows);
	if (report->blocked == CONTIG_BLOCKED_LOCKED)
		add_in_way(text, outcome);
	if (most && report->largest && report->largest < outcome->length)
		ctg_add(text, " (at %s %s now)",
			is_bound(outcome, report) ? "least" : "most",
			ctg_format_size(size, report->largest));
}

/*
 * Append why no rung, or no rung before the one that succeeded, could give the
 * memory.
 */
static void add_cause(struct ctg_text *text, const char *intro,
		      const struct outcome *outcome, bool most)
{
	if (!outcome->cause)
		return;
	ctg_add(text, "%s", intro);
	add_report(text, outcome->cause, outcome, most);
}

static void add_largest(struct ctg_text *text, const struct outcome *outcome)
{
	const struct contig_report *largest = outcome->largest;
	char phrase[32];
	char size[32];

	if (!outcome->count)
		return;
	if (!largest) {
		ctg_add(text, " No length at all would have succeeded.");
		return;
	}
	rung_phrase(phrase, largest->rung);
	ctg_format_size(size, largest->largest);
	if (largest->largest < outcome->length)
		ctg_add(text,
			" The largest block that would have succeeded is %s%s, "
			"from %s.",
			is_bound(outcome, largest) ? "at least " : "", size,
			phrase);
	else
		ctg_add(text,
			" Yet a block of %s seems to be available from %s.",
			size, phrase);
}

/* Return true if the rung could give memory at another time. */
static bool is_passing(const struct contig_report *report)
{
	return report->blocked != CONTIG_BLOCKED_ABSENT &&
	       report->blocked != CONTIG_BLOCKED_MAPPING &&
	       report->blocked != CONTIG_BLOCKED_TOO_LARGE;
}

/*
 * Return true if @report explains the failure better than @other, which is of a
 * rung that was tried before. A report that ended the request, by a signal or
 * the deadline, explains it best. Otherwise the rung with the largest length
 * does, since it came closest. A rung that does not exist, gives memory of
 * another kind or can never give so much does not explain it. Of two equal
 * reports the later one does, since its rung demands less.
 */
static bool matters_more(const struct contig_report *report,
			 const struct contig_report *other, uint32_t ended)
{
	const bool ends = report->blocked == ended;
	const bool other_ends = other->blocked == ended;

	if (ends || other_ends)
		return ends;
	if (report->largest != other->largest)
		return report->largest > other->largest;
	/*
	 * Only the reserve, the first rung, has memory whose contents were
	 * kept.
	 */
	if (report->blocked == CONTIG_BLOCKED_CONTENTS)
		return false;
	return is_passing(report) || !is_passing(other);
}

/*
 * Return the report that explains why there is no memory, or why no rung before
 * the one that succeeded gave it.
 */
static const struct contig_report *find_cause(const struct outcome *outcome,
					      int error)
{
	const uint32_t ended = error == EINTR	? CONTIG_BLOCKED_SIGNAL
			       : error == ETIME ? CONTIG_BLOCKED_TIME
						: CONTIG_BLOCKED_NOT;
	const struct contig_report *cause = NULL;
	unsigned int i;

	for (i = 0; i < outcome->count; i++) {
		const struct contig_report *report = &outcome->reports[i];

		if (report->blocked == CONTIG_BLOCKED_NOT)
			continue;
		if (!cause || matters_more(report, cause, ended))
			cause = report;
	}
	return cause;
}

static struct outcome make_outcome(uint64_t length,
				   const struct contig_constraints *constraints,
				   uint32_t rungs,
				   const struct contig_report *reports,
				   unsigned int count, int error)
{
	struct outcome outcome = {
		.length = length,
		.constraints = constraints,
		.rungs = rungs ? rungs : CONTIG_RUNGS_ALL,
		.reports = reports,
		.count = count < CONTIG_REPORTS ? count : CONTIG_REPORTS,
	};
	uint64_t largest = 0;
	unsigned int i;

	for (i = 0; i < outcome.count; i++) {
		if (reports[i].blocked == CONTIG_BLOCKED_NOT ||
		    reports[i].largest <= largest)
			continue;
		largest = reports[i].largest;
		outcome.largest = &reports[i];
	}
	outcome.cause = find_cause(&outcome, error);
	return outcome;
}

static bool is_constrained(const struct contig_constraints *constraints)
{
	static const struct contig_constraints none;

	return memcmp(constraints, &none, sizeof(none)) != 0;
}

static void add_extents(struct ctg_text *text, uint64_t extents)
{
	if (extents == 1)
		ctg_add(text, "one extent");
	else
		ctg_add(text, "%" PRIu64 " extents", extents);
}

/*
 * Return why the buffer is mapped as bare page frames; empty if the module is
 * too old to report it.
 */
static const char *frames_clause(uint32_t frames)
{
	switch (frames) {
	case CONTIG_FRAMES_DEMANDED:
		return ", as was demanded";
	case CONTIG_FRAMES_POOL:
		return ", since it lies in a pool";
	case CONTIG_FRAMES_ENCRYPTED:
		return ", since memory for devices has to be decrypted";
	case CONTIG_FRAMES_CACHES:
		return ", since devices may not look into the caches";
	case CONTIG_FRAMES_CMA:
		return ", since only CMA had such a block";
	default:
		return "";
	}
}

static void explain_success(struct ctg_text *text,
			    const struct contig_alloc *answer,
			    const struct outcome *outcome)
{
	char phrase[32];
	char size[96];

	ctg_add(text, "%s came from %s in ",
		ctg_format_length(size, answer->out_length),
		rung_phrase(phrase, answer->out_rung));
	add_extents(text, answer->out_extents);
	if (answer->out_mapping == CONTIG_MAPPING_STRUCT_PAGE)
		ctg_add(text, ", mapped as ordinary pages.");
	else if (answer->out_mapping == CONTIG_MAPPING_PFN)
		ctg_add(text,
			", mapped as bare page frames, which O_DIRECT and "
			"io_uring refuse%s.",
			frames_clause(answer->out_frames));
	else
		ctg_add(text, ".");
	if (outcome->cause) {
		add_cause(text, " No rung above could answer: ", outcome, true);
		ctg_add(text, ".");
	}
	/* A buffer of one extent needs no advice. */
	if (answer->out_extents > 1)
		ctg_add_advice(text, " For a single extent: ", outcome);
}

static void add_over_quota(struct ctg_text *text, const char *size)
{
	ctg_add(text,
		"%s more would exceed the quota of this user. What helps: free "
		"other buffers; have the quota raised.",
		size);
}

static void explain_failure(struct ctg_text *text, int error,
			    const struct outcome *outcome)
{
	const char *constrained = is_constrained(outcome->constraints)
					  ? " under these constraints"
					  : "";
	char size[96];

	ctg_format_length(size, outcome->length);
	switch (error) {
	case ENOMEM:
		ctg_add(text, "No rung could give %s%s", size, constrained);
		break;
	case ERANGE:
		ctg_add(text,
			"No memory of this machine, free or not, could give "
			"%s%s",
			size, constrained);
		/* The kernel refused the request before it tried any rung. */
		if (!outcome->count) {
			ctg_add(text, ". What helps: widen the constraints.");
			return;
		}
		break;
	case EAGAIN:
		/* The kernel looked for no other length. */
		ctg_add(text, "No rung could give %s%s at once", size,
			constrained);
		add_cause(text, ": ", outcome, false);
		ctg_add(text, ".");
		ctg_add_advice(text, " What helps: ", outcome);
		return;
	case ETIME:
		ctg_add(text, "The time ran out before a rung could give %s%s",
			size, constrained);
		break;
	case EINTR:
		ctg_add(text, "A signal came before a rung could give %s%s",
			size, constrained);
		break;
	case EDQUOT:
		add_over_quota(text, size);
		return;
	case EFBIG:
		ctg_add(text, "%s is more than the memory of this machine.",
			size);
		return;
	default:
		ctg_add(text, "The request for %s was refused: %s.", size,
			contig_strerror(error));
		return;
	}
	add_cause(text, ": ", outcome, false);
	ctg_add(text, ".");
	add_largest(text, outcome);
	ctg_add_advice(text, " What helps: ", outcome);
}

CONTIG_EXPORT size_t contig_explain(const struct contig_alloc *answer,
				    int error, char *text, size_t size)
{
	CTG_PAGING;
	struct contig_alloc known = {.size = sizeof(known)};
	struct ctg_text out = {.start = text, .size = size};
	struct outcome outcome;
	int saved = errno;

	error = error < 0 ? -error : error;
	ctg_copy_alloc(&known, answer);
	outcome =
		make_outcome(known.length, &known.constraints, known.rungs,
			     known.out_reports, known.out_report_count, error);
	outcome.flags = known.flags;
	outcome.address_bits = known.out_address_bits;
	outcome.at_least = known.out_at_least;
	outcome.in_way_id = known.out_in_way_id;
	outcome.in_way_pid = known.out_in_way_pid;
	outcome.in_way_uid = known.out_in_way_uid;
	if (error)
		explain_failure(&out, error, &outcome);
	else
		explain_success(&out, &known, &outcome);
	errno = saved;
	return out.length;
}

static void add_census(struct ctg_text *text, const struct contig_probe *probe)
{
	const uint64_t page_size = sysconf(_SC_PAGESIZE);
	char free[32];
	char movable[32];
	char kernel[32];
	char pinned[32];

	/*
	 * Not all of these can be 0: the kernel did not report them to this
	 * caller.
	 */
	if (!probe->out_free_pages && !probe->out_movable_pages &&
	    !probe->out_kernel_pages && !probe->out_pinned_pages)
		return;
	ctg_add(text,
		" Of the memory in question %s is free, %s can be moved, %s is "
		"the kernel's and %s is pinned.",
		ctg_format_size(free, probe->out_free_pages * page_size),
		ctg_format_size(movable, probe->out_movable_pages * page_size),
		ctg_format_size(kernel, probe->out_kernel_pages * page_size),
		ctg_format_size(pinned, probe->out_pinned_pages * page_size));
}

/* Return true if all that the kernel reports is an exceeded quota. */
static bool is_over_quota(const struct outcome *outcome)
{
	unsigned int i;

	for (i = 0; i < outcome->count; i++)
		if (outcome->reports[i].error != EDQUOT)
			return false;
	return outcome->count;
}

static void explain_probe(struct ctg_text *text,
			  const struct contig_probe *probe,
			  const struct outcome *outcome)
{
	uint64_t moves = probe->out_moves;
	char phrase[32];
	char size[96];

	ctg_format_length(size, probe->length);
	if (is_over_quota(outcome)) {
		add_over_quota(text, size);
		return;
	}
	if (probe->out_rung == CONTIG_RUNG_NONE) {
		ctg_add(text, "No rung could give %s now", size);
		add_cause(text, ": ", outcome, true);
		ctg_add(text, ".");
	} else {
		ctg_add(text, "%s would come from %s", size,
			rung_phrase(phrase, probe->out_rung));
		if (moves)
			ctg_add(text, ", after moving %" PRIu64 " page%s",
				moves, moves == 1 ? "" : "s");
		add_cause(text, ". No rung above could answer: ", outcome,
			  true);
		ctg_add(text, ".");
	}
	ctg_add(text,
		" The largest single extent that can be allocated is %s%s.",
		probe->out_at_least & 1u << CONTIG_RUNG_NONE ? "at least " : "",
		ctg_format_size(size, probe->out_largest));
	add_census(text, probe);
	ctg_add_remedy(text, probe);
}

CONTIG_EXPORT size_t contig_explain_probe(const struct contig_probe *probe,
					  char *text, size_t size)
{
	CTG_PAGING;
	struct contig_probe known = {.size = sizeof(known)};
	struct ctg_text out = {.start = text, .size = size};
	struct outcome outcome;
	int saved = errno;

	ctg_copy_probe(&known, probe);
	outcome = make_outcome(known.length, &known.constraints, known.rungs,
			       known.out_reports, known.out_report_count, 0);
	outcome.flags = known.flags;
	outcome.address_bits = known.out_address_bits;
	outcome.at_least = known.out_at_least;
	explain_probe(&out, &known, &outcome);
	errno = saved;
	return out.length;
}
