// SPDX-License-Identifier: GPL-2.0-only
#include <dirent.h>

#include "contig_utils.h"

static int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

void snapshot_take(struct snapshot *s, int client)
{
	reserve_settle();
	s->buffers = debugfs_text("buffers");
	s->clients = debugfs_text("clients");
	s->reserves = debugfs_text("reserves");
	_test_cmd_info(client, &s->info);
	s->charged_kib = charged_kib();
	s->fds = count_fds();
}

static bool text_is_same(const char *name, const char *a, const char *b)
{
	if (a && b && !strcmp(a, b))
		return true;
	fprintf(stderr, "# %s was:\n# %s\n# and is:\n# %s\n", name, a ?: "?",
		b ?: "?");
	return false;
}

static void snapshot_free(struct snapshot *s)
{
	free(s->buffers);
	free(s->clients);
	free(s->reserves);
}

bool snapshot_is_still(const struct snapshot *s, int client)
{
	struct snapshot now;
	bool same = true;

	snapshot_take(&now, client);
	same &= text_is_same("buffers", s->buffers, now.buffers);
	same &= text_is_same("clients", s->clients, now.clients);
	same &= text_is_same("reserves", s->reserves, now.reserves);
	if (memcmp(&s->info, &now.info, sizeof(now.info))) {
		fprintf(stderr, "# INFO differs from before\n");
		same = false;
	}
	if (s->charged_kib != now.charged_kib || s->fds != now.fds) {
		fprintf(stderr, "# %ld KiB charged, not %ld, %d files, not"
			" %d\n", now.charged_kib, s->charged_kib, now.fds,
			s->fds);
		same = false;
	}
	snapshot_free(&now);
	return same;
}

bool snapshot_is_same(struct snapshot *s, int client)
{
	bool same = snapshot_is_still(s, client);

	snapshot_free(s);
	return same;
}
