// SPDX-License-Identifier: GPL-2.0-only
/*
 * 32-bit programs on a 64-bit kernel get the same answers as 64-bit programs.
 *
 * compat_peer prints what every command answers. Its two builds run here on the
 * same memory and the same buffer, and must print the same.
 */
#include "kselftest_harness.h"
#include "contig_utils.h"
#include "edu.h"

#define PAGES 8

FIXTURE(compat) {
	int fd;
	int memory;
	int buffer;
	char *map;
	struct edu edu;
};

FIXTURE_SETUP(compat) {
	struct contig_alloc alloc;

	if (sizeof(long) != 8)
		SKIP(return, "this program is a 32-bit one itself");
	if (access("compat_peer32", X_OK))
		SKIP(return, "compat_peer32 is missing: the compiler that built"
			     " the tests makes no static 32-bit programs");
	setup_client(self->fd);
	if (!edu_find(&self->edu))
		ASSERT_EQ(0, edu_setup(&self->edu));

	/* Contiguous or not, but locked, so that it does not move. */
	self->memory = memfd_create("compat", 0);
	ASSERT_LE(0, self->memory);
	ASSERT_EQ(0, ftruncate(self->memory, pages(PAGES)));
	self->map = buffer_map(self->memory, pages(PAGES));
	ASSERT_NE(NULL, self->map);
	fill_pattern(self->map, pages(PAGES), 1);
	test_lock(self->fd, self->map, pages(PAGES), 0);

	/* Single pages, so that there is more than one extent. */
	alloc = alloc_request(pages(PAGES), CONTIG_RUNGS_SCATTER);
	test_alloc(self->fd, &alloc);
	self->buffer = alloc.out_fd;
	/* The programs inherit the descriptor. */
	ASSERT_EQ(0, fcntl(self->buffer, F_SETFD, 0));
}

FIXTURE_TEARDOWN(compat) {
	edu_disable(&self->edu);
	close(self->buffer);
	close(self->memory);
	close(self->fd);
}

/* Store what a program prints, up to @size bytes; return its exit status. */
static int output_of(const char *command, char *text, size_t size)
{
	FILE *pipe = popen(command, "r");
	size_t n;

	if (!pipe)
		return -1;
	n = fread(text, 1, size - 1, pipe);
	text[n] = '\0';
	return WEXITSTATUS(pclose(pipe));
}

/* Print the lines that differ; return their number. */
static int differences(char *a, char *b)
{
	char *line_a, *line_b, *rest_a = a, *rest_b = b;
	int n = 0;

	for (;;) {
		line_a = strsep(&rest_a, "\n");
		line_b = strsep(&rest_b, "\n");
		if (!line_a && !line_b)
			return n;
		if (line_a && line_b && !strcmp(line_a, line_b))
			continue;
		fprintf(stderr, "# 64: %s\n# 32: %s\n", line_a ?: "(nothing)",
			line_b ?: "(nothing)");
		n++;
	}
}

TEST_F_TIMEOUT(compat, the_programs_are_what_they_say, 300)
{
	char text[16];

	ASSERT_EQ(0, output_of("./compat_peer bits", text, sizeof(text)));
	EXPECT_STREQ("64\n", text);
	ASSERT_EQ(0, output_of("./compat_peer32 bits", text, sizeof(text)));
	EXPECT_STREQ("32\n", text);
}

TEST_F_TIMEOUT(compat, every_command_answers_the_same, 300)
{
	static char wide[1 << 16], narrow[1 << 16];
	char command[64];
	char *map = buffer_map(self->buffer, pages(PAGES));

	ASSERT_NE(NULL, map);
	fill_pattern(map, pages(PAGES), 2);
	snprintf(command, sizeof(command), "./compat_peer %d %d", self->memory,
		 self->buffer);
	EXPECT_EQ(0, output_of(command, wide, sizeof(wide)));
	snprintf(command, sizeof(command), "./compat_peer32 %d %d",
		 self->memory, self->buffer);
	EXPECT_EQ(0, output_of(command, narrow, sizeof(narrow)));

	/* Neither output was cut off, and the basic commands succeeded. */
	ASSERT_NE(NULL, strstr(wide, "\nend\n"));
	EXPECT_NE(NULL, strstr(wide, "\nalloc: ok"));
	EXPECT_NE(NULL, strstr(wide, "\nlock: ok"));
	EXPECT_NE(NULL, strstr(wide, "\nhold: ok"));
	EXPECT_NE(NULL, strstr(wide, "\nprepare: ok"));
	if (*self->edu.name) {
		EXPECT_NE(NULL, strstr(wide, "\ndevice edu: ok"));
		EXPECT_NE(NULL, strstr(wide, "\ndevice detached: ok"));
	}
	EXPECT_NE(NULL, strstr(wide, "\npattern: 1\n"));
	EXPECT_NE(NULL, strstr(wide, "\nbuffer: 1\n"));
	EXPECT_NE(NULL, strstr(wide, "\ntranslation is true: 1\n"));
	EXPECT_EQ(0, differences(wide, narrow));
}

TEST_HARNESS_MAIN
