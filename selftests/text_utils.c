// SPDX-License-Identifier: GPL-2.0-only
#include "contig_utils.h"

char *read_text(const char *path)
{
	size_t size = 1 << 16, used = 0;
	char *text = malloc(size);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = -1;

	while (fd >= 0 && text) {
		n = read(fd, text + used, size - used - 1);
		if (n <= 0)
			break;
		used += n;
		if (used == size - 1)
			text = realloc(text, size *= 2);
	}
	if (fd >= 0)
		close(fd);
	if (n < 0 || !text) {
		free(text);
		return NULL;
	}
	text[used] = 0;
	return text;
}

int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n;
	int err;

	if (fd < 0)
		return -errno;
	n = write(fd, text, strlen(text));
	err = n < 0 ? -errno : 0;
	close(fd);
	return err;
}

/*
 * With the first event the kernel also begins to record the names of processes
 * when it switches between them, for which it patches its scheduler while other
 * processors run it. An emulator that translates code at that moment can keep
 * an int3 that was there only briefly. So turn that recording off; contig's own
 * code, which has the events, is run only by the process that switches them.
 */
int trace_events(const char *folder, bool on)
{
	const char *names = TRACING "/options/record-cmd";
	char path[128];
	int ret;

	snprintf(path, sizeof(path), TRACING "/events/%s/enable", folder);
	if (on)
		write_text(names, "0");
	ret = write_text(path, on ? "1" : "0");
	if (!on || ret)
		write_text(names, "1");
	return ret;
}

char *debugfs_text(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), CONTIG_DEBUGFS "/%s", name);
	return read_text(path);
}

bool debugfs_has(const char *name, const char *word)
{
	char *text = debugfs_text(name);
	bool has = text && strstr(text, word);

	free(text);
	return has;
}

bool parameter_is(const char *name, const char *value)
{
	char path[128], *text;
	bool same;

	snprintf(path, sizeof(path), CONTIG_PARAMETERS "/%s", name);
	text = read_text(path);
	same = text && !strncmp(text, value, strlen(value)) &&
	       text[strlen(value)] == '\n';
	free(text);
	return same;
}

int64_t stat_of(uint32_t rung, enum rung_stat n)
{
	char *text = debugfs_text("stats"), *line = text;
	int64_t value = -1;
	size_t length = strlen(rung_name(rung));

	while (line && (strncmp(line, rung_name(rung), length) ||
			line[length] != ' ')) {
		line = strchr(line, '\n');
		if (line)
			line++;
	}
	if (line) {
		line += length;
		do {
			value = strtoll(line, &line, 10);
		} while (n--);
	}
	free(text);
	return value;
}

int64_t stat_event(const char *text)
{
	char *stats = debugfs_text("stats"), line[64], *at;
	int64_t value;

	snprintf(line, sizeof(line), "\n%s ", text);
	at = stats ? strstr(stats, line) : NULL;
	value = at ? strtoll(at + strlen(line), NULL, 10) : -1;
	free(stats);
	return value;
}
