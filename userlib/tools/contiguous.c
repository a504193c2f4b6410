// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * Allocate memory for a device and show its properties: the rung that gave it
 * and why, its physical addresses, and that it can be used.
 */
#include <contig.h>
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* A longer table would scroll the lines before it off the screen. */
#define EXTENTS_SHOWN 32

static const char usage[] =
	"Usage: contiguous [OPTION]... [SIZE]\n"
	"Allocate SIZE bytes (default 16M) for a device, use them, and show\n"
	"the rung that gave them, the reason, and their addresses.\n"
	"\n"
	"  -r, --rungs LIST        try only these rungs, comma-separated\n"
	"                          (reserve, coherent, range, split, scatter)\n"
	"  -l, --lowest ADDRESS    lowest physical address\n"
	"  -b, --below ADDRESS     every byte lies below this address\n"
	"  -a, --align SIZE        segments start at multiples of this\n"
	"  -B, --boundary SIZE     segments do not cross multiples of this\n"
	"  -n, --max-segments N    at most this many segments\n"
	"  -s, --min-segment SIZE  no segment except the last is shorter\n"
	"  -S, --max-segment SIZE  no segment is longer\n"
	"  -N, --node NODE         only memory of this NUMA node\n"
	"  -p, --struct-page       only memory that O_DIRECT can use\n"
	"  -t, --timeout MS        give up after this many milliseconds\n"
	"  -w, --no-wait           only memory that is free now\n"
	"  -f, --fewest-moves      move as few pages as possible\n"
	"  -H, --huge-pages        made of huge pages, if possible\n"
	"  -P, --probe             only report what would be allocated\n"
	"  -h, --help              show this help\n"
	"  -V, --version           show the version\n"
	"\n"
	"SIZE and ADDRESS are numbers as in C, with K, M or G after them for\n"
	"KiB, MiB and GiB.\n";

static const struct option long_options[] = {
	{"rungs", required_argument, NULL, 'r'},
	{"lowest", required_argument, NULL, 'l'},
	{"below", required_argument, NULL, 'b'},
	{"align", required_argument, NULL, 'a'},
	{"boundary", required_argument, NULL, 'B'},
	{"max-segments", required_argument, NULL, 'n'},
	{"min-segment", required_argument, NULL, 's'},
	{"max-segment", required_argument, NULL, 'S'},
	{"node", required_argument, NULL, 'N'},
	{"struct-page", no_argument, NULL, 'p'},
	{"timeout", required_argument, NULL, 't'},
	{"no-wait", no_argument, NULL, 'w'},
	{"fewest-moves", no_argument, NULL, 'f'},
	{"huge-pages", no_argument, NULL, 'H'},
	{"probe", no_argument, NULL, 'P'},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{NULL, 0, NULL, 0},
};

static void bad_usage(const char *what, const char *value)
{
	fprintf(stderr, "contiguous: %s '%s'\nTry 'contiguous --help'.\n", what,
		value);
	exit(2);
}

static uint64_t parse_number(const char *value)
{
	static const char units[] = "KMG";
	const char *unit;
	uint64_t number;
	char *end;

	errno = 0;
	number = strtoull(value, &end, 0);
	if (errno == ERANGE)
		bad_usage("too large:", value);
	if (errno || !isdigit((unsigned char)*value))
		bad_usage("not a number:", value);
	unit = *end ? strchr(units, *end) : NULL;
	if (unit) {
		unsigned int shift = 10 * (unit - units + 1);

		if (number > UINT64_MAX >> shift)
			bad_usage("too large:", value);
		number <<= shift;
		end++;
	}
	if (*end)
		bad_usage("not a number:", value);
	return number;
}

/* Parse a number, and refuse 0, which the kernel takes for "no limit". */
static uint64_t parse_limit(const char *what, const char *value)
{
	uint64_t number = parse_number(value);

	if (!number)
		bad_usage(what, value);
	return number;
}

static uint32_t parse_limit32(const char *what, const char *value)
{
	uint64_t number = parse_limit(what, value);

	if (number > UINT32_MAX)
		bad_usage("too large:", value);
	return number;
}

/* Return the highest address; 0 would mean no limit. */
static uint64_t parse_below(const char *value)
{
	uint64_t number = parse_number(value);

	if (number < 2)
		bad_usage("no memory lies below", value);
	return number - 1;
}

static uint64_t parse_power_of_two(const char *what, const char *value)
{
	uint64_t number = parse_limit(what, value);

	if (number & (number - 1))
		bad_usage(what, value);
	return number;
}

/* A kernel without NUMA has node 0 only. */
static uint32_t parse_node(const char *value)
{
	uint64_t node = parse_number(value);
	char path[64];

	snprintf(path, sizeof(path), "/sys/devices/system/node/node%llu",
		 (unsigned long long)node);
	if (node && access(path, F_OK))
		bad_usage("this machine has no NUMA node", value);
	return node;
}

static uint32_t parse_rungs(char *list)
{
	uint32_t mask = 0;
	uint32_t rung;
	char *name;

	for (name = strtok(list, ","); name; name = strtok(NULL, ",")) {
		for (rung = 1; rung < CONTIG_RUNG_MAX; rung++)
			if (!strcmp(name, contig_rung_name(rung)))
				break;
		if (rung == CONTIG_RUNG_MAX)
			bad_usage("no such rung:", name);
		mask |= 1u << rung;
	}
	if (!mask)
		bad_usage("no rung is named in", list);
	return mask;
}

static void parse_option(int option, char *value,
			 struct contig_alloc_opts *opts, bool *probe)
{
	struct contig_constraints *constraints = &opts->constraints;

	switch (option) {
	case 'r':
		opts->rungs = parse_rungs(value);
		break;
	case 'l':
		constraints->lowest = parse_number(value);
		break;
	case 'b':
		constraints->highest = parse_below(value);
		break;
	case 'a':
		constraints->align = parse_power_of_two(
			"the alignment must be a power of two, not", value);
		break;
	case 'B':
		constraints->boundary = parse_power_of_two(
			"the boundary must be a power of two, not", value);
		break;
	case 'n':
		constraints->max_segments = parse_limit32(
			"there is always one segment, not", value);
		break;
	case 's':
		constraints->min_segment = parse_number(value);
		break;
	case 'S':
		constraints->max_segment =
			parse_limit("no segment is as short as", value);
		break;
	case 'N':
		constraints->node_policy = CONTIG_NODE_STRICT;
		constraints->node = parse_node(value);
		break;
	case 'p':
		opts->flags |= CONTIG_ALLOC_STRUCT_PAGE;
		break;
	case 't':
		opts->timeout_ms = parse_limit32(
			"no allocation takes as little time as", value);
		break;
	case 'w':
		opts->flags |= CONTIG_ALLOC_NO_WAIT;
		break;
	case 'f':
		opts->flags |= CONTIG_ALLOC_FEWEST_MOVES;
		break;
	case 'H':
		opts->flags |= CONTIG_ALLOC_HUGE_PAGES;
		break;
	case 'P':
		*probe = true;
		break;
	case 'h':
		fputs(usage, stdout);
		exit(EXIT_SUCCESS);
	case 'V':
		puts("contiguous (contig) " CONTIG_VERSION);
		exit(EXIT_SUCCESS);
	default:
		fprintf(stderr, "Try 'contiguous --help'.\n");
		exit(2);
	}
}

/* Name the mistakes that the kernel would report as EINVAL only. */
static void check_values(const struct contig_constraints *constraints)
{
	const uint64_t page = sysconf(_SC_PAGESIZE);
	const char *wrong = NULL;

	/* 0 means no limit. */
	if (constraints->highest && constraints->lowest > constraints->highest)
		wrong = "the lowest address is not below --below";
	else if (constraints->boundary && constraints->boundary < page)
		wrong = "the boundary is shorter than a page";
	else if (constraints->max_segment && constraints->max_segment < page)
		wrong = "the longest segment is shorter than a page";
	else if (constraints->max_segment &&
		 constraints->min_segment > constraints->max_segment)
		wrong = "the shortest segment is longer than the longest";
	if (!wrong)
		return;
	fprintf(stderr, "contiguous: %s\nTry 'contiguous --help'.\n", wrong);
	exit(2);
}

static int fail(const char *what, int error)
{
	fprintf(stderr, "contiguous: %s: %s\n", what, contig_strerror(error));
	return EXIT_FAILURE;
}

#define PATTERN(i) ((i)*0x9e3779b97f4a7c15ull)

/* Write every word through one mapping, and read it through another. */
static int write_and_read(struct contig_buffer *buffer, uint64_t *words,
			  const uint64_t *again)
{
	size_t count = contig_buffer_length(buffer) / sizeof(*words);
	size_t wrong = 0;
	size_t dirty = 0;
	size_t i;

	contig_buffer_begin_access(buffer,
				   CONTIG_ACCESS_READ | CONTIG_ACCESS_WRITE);
	for (i = 0; i < count; i++) {
		dirty += words[i] != 0;
		words[i] = PATTERN(i);
	}
	for (i = 0; i < count; i++)
		wrong += again[i] != PATTERN(i);
	contig_buffer_end_access(buffer,
				 CONTIG_ACCESS_READ | CONTIG_ACCESS_WRITE);

	printf("contents   %s, %s\n",
	       dirty ? "not zero at first" : "zero at first",
	       wrong ? "read back wrong" : "written and read back");
	return dirty || wrong ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int use_buffer(struct contig_buffer *buffer)
{
	size_t length = contig_buffer_length(buffer);
	int status = EXIT_FAILURE;
	void *words;
	void *again;
	int error;

	error = contig_buffer_map(buffer, 0, length, PROT_READ | PROT_WRITE,
				  &words);
	if (error)
		return fail("map", error);
	error = contig_buffer_map(buffer, 0, length, PROT_READ, &again);
	if (error) {
		fail("map", error);
	} else {
		status = write_and_read(buffer, words, again);
		contig_buffer_unmap(again, length);
	}
	contig_buffer_unmap(words, length);
	return status;
}

static void print_extents(const struct contig_extent *extents, uint32_t count)
{
	uint64_t offset = 0;
	uint32_t i;

	printf("\n%7s  %14s  %18s  %13s\n", "extent", "offset",
	       "physical address", "bytes");
	for (i = 0; i < count && i < EXTENTS_SHOWN; i++) {
		printf("%7u  %14llu  0x%016llx  %13llu\n", i,
		       (unsigned long long)offset,
		       (unsigned long long)extents[i].addr,
		       (unsigned long long)extents[i].length);
		offset += extents[i].length;
	}
	if (count > EXTENTS_SHOWN)
		printf("    ... and %u more\n", count - EXTENTS_SHOWN);
}

static int show_extents(struct contig *client, struct contig_buffer *buffer)
{
	uint64_t length = contig_buffer_length(buffer);
	struct contig_extent *extents;
	uint32_t count;
	int error;

	/* Addresses are valid only while the memory cannot move. */
	error = contig_buffer_lock(client, buffer, 0, length, 0);
	if (error)
		return fail("lock", error);
	error = contig_buffer_get_extents(client, buffer, 0, length, &extents,
					  &count);
	if (!error) {
		print_extents(extents, count);
		free(extents);
	} else {
		/* A user that may not see addresses still has the memory. */
		printf("\naddresses: %s\n", contig_strerror(error));
	}
	contig_buffer_unlock(client, buffer, 0, length);
	return error && error != -EPERM ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* Show the reports; @looked says that they have largest lengths. */
static void show_reports(const struct contig_report *reports,
			 unsigned int count, bool looked)
{
	char largest[24] = "-";
	unsigned int i;

	if (!count)
		return;
	printf("\n%-10s %-12s %8s %12s %14s\n", "rung", "blocked", "windows",
	       "time us", "largest");
	for (i = 0; i < count; i++) {
		if (looked)
			snprintf(largest, sizeof(largest), "%llu",
				 (unsigned long long)reports[i].largest);
		printf("%-10s %-12s %8u %12.1f %14s\n",
		       contig_rung_name(reports[i].rung),
		       reports[i].error
			       ? contig_blocked_name(reports[i].blocked)
			       : "",
		       reports[i].windows, reports[i].time_ns / 1000.0,
		       largest);
	}
}

static int show_buffer(struct contig *client, struct contig_buffer *buffer)
{
	struct contig_report reports[CONTIG_REPORTS];
	unsigned int count = CONTIG_REPORTS;
	char text[4096];
	int status;

	contig_buffer_explain(buffer, text, sizeof(text));
	printf("%s\n\n", text);
	printf("length     %llu bytes\n",
	       (unsigned long long)contig_buffer_length(buffer));
	printf("rung       %s\n", contig_rung_name(contig_buffer_rung(buffer)));
	printf("extents    %llu\n",
	       (unsigned long long)contig_buffer_extents(buffer));
	printf("mapping    %s\n",
	       contig_mapping_name(contig_buffer_mapping(buffer)));
	if (contig_buffer_huge_size(buffer))
		printf("huge pages %llu bytes each\n",
		       (unsigned long long)contig_buffer_huge_size(buffer));
	status = use_buffer(buffer);
	contig_buffer_get_reports(buffer, reports, sizeof(*reports), &count);
	show_reports(reports, count, false);
	return status | show_extents(client, buffer);
}

static int allocate(struct contig *client, uint64_t size,
		    const struct contig_alloc_opts *wanted)
{
	struct contig_alloc answer = {.size = sizeof(answer)};
	struct contig_alloc_opts opts = *wanted;
	struct contig_buffer *buffer;
	char text[4096];
	int status;
	int error;

	opts.name = "contiguous";
	opts.answer = &answer;
	error = contig_alloc(client, size, &opts, &buffer);
	if (error) {
		contig_explain(&answer, error, text, sizeof(text));
		printf("%s\n", text);
		show_reports(answer.out_reports, answer.out_report_count, true);
		return EXIT_FAILURE;
	}
	status = show_buffer(client, buffer);
	contig_buffer_free(buffer);
	return status;
}

static int foretell(struct contig *client, uint64_t size,
		    const struct contig_alloc_opts *opts)
{
	struct contig_probe probe = {.size = sizeof(probe)};
	char text[4096];
	int error = contig_probe(client, size, opts, &probe);

	if (error)
		return fail("probe", error);
	contig_explain_probe(&probe, text, sizeof(text));
	printf("%s\n", text);
	show_reports(probe.out_reports, probe.out_report_count, true);
	return probe.out_rung ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	struct contig_alloc_opts opts = CONTIG_ALLOC_OPTS_INIT;
	uint64_t size = 16 << 20;
	struct contig *client;
	bool probe = false;
	int option;
	int status;
	int error;

	while ((option = getopt_long(argc, argv, "r:l:b:a:B:n:s:S:N:pt:wfHPhV",
				     long_options, NULL)) != -1)
		parse_option(option, optarg, &opts, &probe);
	if (optind < argc)
		size = parse_limit("no memory is as short as", argv[optind++]);
	if (optind < argc)
		bad_usage("one argument too many:", argv[optind]);
	check_values(&opts.constraints);
	if (probe && opts.flags & CONTIG_ALLOC_NO_WAIT)
		bad_usage("there is no probe of what is free now: leave out",
			  "--no-wait");
	if (opts.flags & CONTIG_ALLOC_NO_WAIT &&
	    opts.flags & CONTIG_ALLOC_FEWEST_MOVES)
		bad_usage("what is free now needs no move: leave out",
			  "--fewest-moves");

	error = contig_open(&client, NULL);
	if (error)
		return fail(CONTIG_PATH, error);
	status = probe ? foretell(client, size, &opts)
		       : allocate(client, size, &opts);
	contig_close(client);
	return status;
}
