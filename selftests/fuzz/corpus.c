// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs as text: one program a line, each step a word of hexadecimal digits,
 * and comments after a #.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz.h"

void corpus_add(struct corpus *corpus, const struct program *program)
{
	if (corpus->nr == corpus->room) {
		corpus->room = corpus->room ? 2 * corpus->room : 256;
		corpus->programs = realloc(corpus->programs,
					   corpus->room * sizeof(*program));
		if (!corpus->programs) {
			perror("fuzz: no memory for the corpus");
			exit(2);
		}
	}
	corpus->programs[corpus->nr++] = *program;
}

void program_print(const struct program *program, char text[PROGRAM_TEXT])
{
	char *at = text;

	*at = 0;
	for (unsigned int i = 0; i < program->steps; i++) {
		if (i)
			*at++ = ' ';
		for (int j = 0; j < STEP_BYTES; j++)
			at += sprintf(at, "%02x", program->step[i][j]);
	}
}

bool program_parse(struct program *program, const char *text)
{
	*program = (struct program){};
	while (*(text += strspn(text, " \t\n")) && *text != '#') {
		size_t digits = strcspn(text, " \t\n#");
		uint8_t *step = program->step[program->steps];

		if (digits > 2 * STEP_BYTES || digits % 2 ||
		    strspn(text, "0123456789abcdef") < digits ||
		    program->steps == STEPS_MAX)
			return false;
		/* A step that is cut off ends with zeroes. */
		for (size_t i = 0; i < digits / 2; i++)
			sscanf(text + 2 * i, "%2hhx", &step[i]);
		text += digits;
		program->steps++;
	}
	return true;
}

static bool read_file(struct corpus *corpus, const char *path)
{
	char line[PROGRAM_TEXT + 256];
	struct program program;
	unsigned int number = 0;
	FILE *file = fopen(path, "r");

	if (!file) {
		fprintf(stderr, "fuzz: cannot read %s: %s\n", path,
			strerror(errno));
		return false;
	}
	while (fgets(line, sizeof(line), file)) {
		number++;
		if (!program_parse(&program, line)) {
			fprintf(stderr, "fuzz: %s:%u is not a program\n", path,
				number);
			fclose(file);
			return false;
		}
		if (program.steps)
			corpus_add(corpus, &program);
	}
	fclose(file);
	return true;
}

bool corpus_read(struct corpus *corpus, const char *path)
{
	struct dirent **names;
	struct stat st;
	char name[4096];
	bool ok = true;
	int nr;

	if (stat(path, &st) || !S_ISDIR(st.st_mode))
		return read_file(corpus, path);
	nr = scandir(path, &names, NULL, alphasort);
	if (nr < 0) {
		fprintf(stderr, "fuzz: cannot read %s: %s\n", path,
			strerror(errno));
		return false;
	}
	for (int i = 0; i < nr; i++) {
		snprintf(name, sizeof(name), "%s/%s", path, names[i]->d_name);
		if (ok && names[i]->d_name[0] != '.')
			ok = read_file(corpus, name);
		free(names[i]);
	}
	free(names);
	return ok;
}

bool corpus_write(const struct corpus *corpus, const char *path)
{
	char text[PROGRAM_TEXT];
	FILE *file = fopen(path, "w");

	if (file) {
		for (unsigned int i = 0; i < corpus->nr; i++) {
			program_print(&corpus->programs[i], text);
			fprintf(file, "%s\n", text);
		}
		if (!fclose(file))
			return true;
	}
	fprintf(stderr, "fuzz: cannot write %s: %s\n", path, strerror(errno));
	return false;
}

static int shorter(const void *a, const void *b)
{
	const struct program *p = a, *q = b;

	if (p->steps != q->steps)
		return p->steps < q->steps ? -1 : 1;
	return memcmp(p->step, q->step, sizeof(p->step));
}

void corpus_sort(struct corpus *corpus)
{
	if (corpus->nr)
		qsort(corpus->programs, corpus->nr, sizeof(struct program),
		      shorter);
}
