// SPDX-License-Identifier: GPL-2.0-only
/*
 * Search for bugs of contig with random programs
 *
 * Runs programs of steps (see steps.c), each in a process of its own, and keeps
 * those that reach something new, to derive others from them.
 */
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"

#define PROGRESS_SECONDS 5

static struct {
	unsigned int time;
	uint64_t seed;
	const char *corpus, *save, *places, *replay;
	bool log;
} options = { .time = 60 };

static struct corpus corpus;
static struct {
	unsigned long programs, killed;
	time_t start;
	bool kcov;
} totals;
static int log_fd = -1;
static volatile sig_atomic_t stop;

static void usage(FILE *file)
{
	fputs("Usage: fuzz [OPTION]...\n"
	      "Calls /dev/contig with random arguments, in programs derived from those of\n"
	      "a corpus, and keeps programs that reach new code. Fails as soon as a program\n"
	      "hangs, dies, leaves an object behind or makes the kernel report a bug.\n"
	      "\n"
	      "  --time SECONDS    how long (default: 60); 0 runs the corpus only\n"
	      "  --seed N          of the random numbers (default: another each time)\n"
	      "  --corpus FOLDER   begin with the programs there, in files of any name\n"
	      "  --save FILE       write what the corpus has become, the fewest programs\n"
	      "                    that reach all that was reached\n"
	      "  --places FILE     write the places in the module's code that were reached\n"
	      "  --log             write each program to the kernel's log before it runs\n"
	      "  --replay FILE     only run the programs of a file, and tell of each step\n"
	      "  --help            print this\n", file);
}

static time_t elapsed(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec - totals.start;
}

/*
 * If the kernel reports a bug or dies, the log has the program that was
 * running.
 */
static void log_program(const struct program *program)
{
	char line[PROGRAM_TEXT + 16] = "<6>fuzz: ";

	if (log_fd < 0)
		return;
	program_print(program, line + strlen(line));
	/* The log is not essential. */
	if (write(log_fd, line, strlen(line)) < 0)
		log_fd = -1;
}

static void progress(const char *what)
{
	time_t t = elapsed();
	char reached[40] = "no KCOV";

	if (totals.kcov)
		snprintf(reached, sizeof(reached), "%u places", cover_pcs());
	fprintf(stderr, "fuzz: %s%ld s, %lu programs, %lu/s, %s, corpus %u\n",
		what, (long)t, totals.programs,
		totals.programs / (t ? t : 1), reached, corpus.nr);
}

static void tell_failure(const struct program *program, const struct run *run)
{
	char text[PROGRAM_TEXT];

	program_print(program, text);
	fprintf(stderr, "fuzz: FAILED: %s; the program was\n%s\n", run->why,
		text);
	for (unsigned int i = 0; i < program->steps; i++)
		fprintf(stderr, "  %s", step_name(program->step[i][0]));
	fputs("\n", stderr);
}

/* Run one program. Return false if that showed a bug. */
static bool run_one(const struct program *program)
{
	struct run run;

	log_program(program);
	child_run(program, options.replay, &run);
	totals.programs++;
	if (run.outcome == KILLED)
		totals.killed++;
	if (run.outcome <= KILLED)
		return true;
	tell_failure(program, &run);
	return false;
}

static bool time_is_up(void)
{
	return stop || (options.time && elapsed() >= (time_t)options.time);
}

/* A slow machine has no time for all: each seed selects another part. */
static void shuffle(struct rng *rng, struct corpus *programs)
{
	for (unsigned int i = programs->nr; i > 1; i--) {
		unsigned int other = rng_below(rng, i);
		struct program program = programs->programs[i - 1];

		programs->programs[i - 1] = programs->programs[other];
		programs->programs[other] = program;
	}
}

static bool run_all(const struct corpus *programs)
{
	for (unsigned int i = 0; i < programs->nr; i++) {
		if (time_is_up()) {
			fprintf(stderr, "fuzz: no time for more than %u of the corpus\n",
				i);
			break;
		}
		if (!run_one(&programs->programs[i]))
			return false;
	}
	return true;
}

static bool fuzz(struct rng *rng)
{
	struct program program;
	time_t next = 0;

	while (options.time && !time_is_up()) {
		if (elapsed() >= next) {
			progress("");
			next = elapsed() + PROGRESS_SECONDS;
		}
		mutate(rng, &corpus, &program);
		if (!run_one(&program))
			return false;
		if (cover_news())
			corpus_add(&corpus, &program);
	}
	return true;
}

/* Leave out programs that reach nothing that a shorter one does not. */
static bool minimise(void)
{
	struct corpus needed = {};

	corpus_sort(&corpus);
	cover_forget(true);
	for (unsigned int i = 0; i < corpus.nr; i++) {
		cover_news();
		if (!run_one(&corpus.programs[i]))
			return false;
		if (cover_news())
			corpus_add(&needed, &corpus.programs[i]);
	}
	free(corpus.programs);
	corpus = needed;
	return true;
}

static bool save(void)
{
	FILE *file;

	/* Save the most valuable first: the places. */
	if (options.places) {
		file = fopen(options.places, "w");
		if (!file) {
			perror(options.places);
			return false;
		}
		cover_list(file);
		fclose(file);
	}
	if (!options.save)
		return true;
	fprintf(stderr, "fuzz: %u programs, searching for a minimum\n",
		corpus.nr);
	return minimise() && corpus_write(&corpus, options.save);
}

static uint64_t number(const char *text)
{
	char *end;
	uint64_t n = strtoull(text, &end, 0);

	if (!*text || *end) {
		fprintf(stderr, "fuzz: '%s' is not a number\n", text);
		exit(2);
	}
	return n;
}

static void parse(int argc, char **argv)
{
	static const struct option known[] = {
		{ "time", required_argument, NULL, 't' },
		{ "seed", required_argument, NULL, 's' },
		{ "corpus", required_argument, NULL, 'c' },
		{ "save", required_argument, NULL, 'w' },
		{ "places", required_argument, NULL, 'p' },
		{ "replay", required_argument, NULL, 'r' },
		{ "log", no_argument, NULL, 'l' },
		{ "help", no_argument, NULL, 'h' },
		{}
	};
	struct timespec now;
	int option;

	clock_gettime(CLOCK_REALTIME, &now);
	options.seed = (now.tv_sec * 1000 + now.tv_nsec / 1000000) % 1000000;
	while ((option = getopt_long(argc, argv, "", known, NULL)) >= 0) {
		switch (option) {
		case 't':
			options.time = number(optarg);
			break;
		case 's':
			options.seed = number(optarg);
			break;
		case 'c':
			options.corpus = optarg;
			break;
		case 'w':
			options.save = optarg;
			break;
		case 'p':
			options.places = optarg;
			break;
		case 'r':
			options.replay = optarg;
			break;
		case 'l':
			options.log = true;
			break;
		case 'h':
			usage(stdout);
			exit(0);
		default:
			usage(stderr);
			exit(2);
		}
	}
	if (optind < argc) {
		usage(stderr);
		exit(2);
	}
}

static void on_stop(int signal)
{
	(void)signal;
	stop = 1;
}

int main(int argc, char **argv)
{
	struct timespec now;
	struct rng rng;
	bool ok;

	parse(argc, argv);
	clock_gettime(CLOCK_MONOTONIC, &now);
	totals.start = now.tv_sec;
	if (!child_init())
		return 2;
	totals.kcov = cover_init();
	if (!totals.kcov)
		fputs("fuzz: no /sys/kernel/debug/kcov: only the results of calls are new\n",
		      stderr);
	if (options.log)
		log_fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	if (options.replay) {
		options.time = 0;
		return !(corpus_read(&corpus, options.replay) &&
			 run_all(&corpus));
	}
	if (options.corpus && !corpus_read(&corpus, options.corpus))
		return 2;
	signal(SIGINT, on_stop);
	signal(SIGTERM, on_stop);
	rng_seed(&rng, options.seed);
	fprintf(stderr, "fuzz: seed %llu, %u programs to begin with\n",
		(unsigned long long)options.seed, corpus.nr);

	shuffle(&rng, &corpus);
	ok = run_all(&corpus);
	cover_news();
	progress("corpus run: ");
	ok = ok && fuzz(&rng);
	progress(ok ? "ended: " : "FAILED: ");
	fprintf(stderr, "fuzz: %lu programs were killed, which is expected of some\n",
		totals.killed);
	return !(ok && save());
}
