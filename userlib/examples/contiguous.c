// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * Allocate memory for a device and show what there is to know about it: from
 * which rung it came and why, where it lies, and that it can be used.
 */
#include <contig.h>
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* A longer table would only scroll away what comes before it. */
#define EXTENTS_SHOWN 32

static const char usage[] =
	"Usage: contiguous [OPTION]... [SIZE]\n"
	"Allocate SIZE bytes (default 16M) for a device, use them, and show\n"
	"where they are and why there.\n"
	"\n"
	"  -r, --rungs LIST        try only these, for instance reserve,range\n"
	"                          (reserve, coherent, range, split, scatter)\n"
	"  -l, --lowest ADDRESS    lowest physical address\n"
	"  -b, --below ADDRESS     every byte lies below this address\n"
	"  -a, --align SIZE        extents start at multiples of this\n"
	"  -B, --boundary SIZE     extents do not cross multiples of this\n"
	"  -n, --max-segments N    at most this many extents\n"
	"  -s, --min-segment SIZE  no extent but the last is shorter\n"
	"  -S, --max-segment SIZE  no extent is longer\n"
	"  -N, --node NODE         only memory of this NUMA node\n"
	"  -p, --struct-page       only memory that O_DIRECT can use\n"
	"  -t, --timeout MS        give up after so many milliseconds\n"
	"  -P, --probe             only tell what would be answered\n"
	"  -h, --help              show this help\n"
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
	{"probe", no_argument, NULL, 'P'},
	{"help", no_argument, NULL, 'h'},
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
	if (errno || end == value || *value == '-')
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
		constraints->highest = parse_number(value) - 1;
		break;
	case 'a':
		constraints->align = parse_number(value);
		break;
	case 'B':
		constraints->boundary = parse_number(value);
		break;
	case 'n':
		constraints->max_segments = parse_number(value);
		break;
	case 's':
		constraints->min_segment = parse_number(value);
		break;
	case 'S':
		constraints->max_segment = parse_number(value);
		break;
	case 'N':
		constraints->node_policy = CONTIG_NODE_STRICT;
		constraints->node = parse_number(value);
		break;
	case 'p':
		opts->flags |= CONTIG_ALLOC_STRUCT_PAGE;
		break;
	case 't':
		opts->timeout_ms = parse_number(value);
		break;
	case 'P':
		*probe = true;
		break;
	case 'h':
		fputs(usage, stdout);
		exit(EXIT_SUCCESS);
	default:
		fprintf(stderr, "Try 'contiguous --help'.\n");
		exit(2);
	}
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

	/* Addresses are worth something only while the memory cannot move. */
	error = contig_buffer_lock(client, buffer, 0, length, 0);
	if (error)
		return fail("lock", error);
	error = contig_buffer_get_extents(client, buffer, 0, length, &extents,
					  &count);
	if (!error) {
		print_extents(extents, count);
		free(extents);
	} else {
		/* A user without the right to know still has the memory. */
		printf("\naddresses: %s\n", contig_strerror(error));
	}
	contig_buffer_unlock(client, buffer, 0, length);
	return error && error != -EPERM ? EXIT_FAILURE : EXIT_SUCCESS;
}

static void show_reports(const struct contig_report *reports,
			 unsigned int count)
{
	unsigned int i;

	if (!count)
		return;
	printf("\n%-10s %-12s %8s %12s %14s\n", "rung", "blocked", "windows",
	       "time us", "largest");
	for (i = 0; i < count; i++)
		printf("%-10s %-12s %8u %12.1f %14llu\n",
		       contig_rung_name(reports[i].rung),
		       reports[i].error
			       ? contig_blocked_name(reports[i].blocked)
			       : "",
		       reports[i].windows, reports[i].time_ns / 1000.0,
		       (unsigned long long)reports[i].largest);
}

static int show_buffer(struct contig *client, struct contig_buffer *buffer)
{
	const struct contig_report *reports;
	unsigned int count;
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
	status = use_buffer(buffer);
	reports = contig_buffer_reports(buffer, &count);
	show_reports(reports, count);
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
		show_reports(answer.out_reports, answer.out_report_count);
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
	show_reports(probe.out_reports, probe.out_report_count);
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

	while ((option = getopt_long(argc, argv, "r:l:b:a:B:n:s:S:N:pt:Ph",
				     long_options, NULL)) != -1)
		parse_option(option, optarg, &opts, &probe);
	if (optind < argc)
		size = parse_number(argv[optind++]);
	if (optind < argc)
		bad_usage("one argument too many:", argv[optind]);

	error = contig_open(&client, NULL);
	if (error)
		return fail(CONTIG_DEVICE, error);
	status = probe ? foretell(client, size, &opts)
		       : allocate(client, size, &opts);
	contig_close(client);
	return status;
}
