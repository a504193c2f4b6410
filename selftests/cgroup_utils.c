// SPDX-License-Identifier: GPL-2.0-only
/*
 * A cgroup of version 2 for a test
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroup_utils.h"
#include "contig_utils.h"

static void hierarchy_leave(struct cgroup *group)
{
	umount2(group->root, MNT_DETACH);
	rmdir(group->root);
}

int cgroup_make(struct cgroup *group, const char *controller)
{
	char path[64], text[16];
	int ret = 0;

	*group = (struct cgroup) { .root = "/tmp/contig-cgroup-XXXXXX" };
	if (!mkdtemp(group->root))
		return -errno;
	snprintf(path, sizeof(path), "%s/cgroup.subtree_control", group->root);
	snprintf(text, sizeof(text), "+%s", controller);
	if (mount("none", group->root, "cgroup2", 0, NULL) ||
	    write_text(path, text))
		ret = -ENODEV;
	snprintf(group->path, sizeof(group->path), "%s/contig", group->root);
	if (!ret && mkdir(group->path, 0755))
		ret = -errno;
	if (ret) {
		hierarchy_leave(group);
		*group->path = 0;
	}
	return ret;
}

void cgroup_remove(struct cgroup *group)
{
	int i;

	if (!*group->path)
		return;
	/* The cgroup counts a task until that task is released. */
	for (i = 0; i < 100 && rmdir(group->path); i++)
		usleep(10000);
	hierarchy_leave(group);
	*group->path = 0;
}

static char *path_of(const struct cgroup *group, const char *name,
		     char path[128])
{
	snprintf(path, 128, "%s/%s", group->path, name);
	return path;
}

int cgroup_write(const struct cgroup *group, const char *name, const char *text)
{
	char path[128];

	return write_text(path_of(group, name, path), text);
}

int64_t cgroup_read(const struct cgroup *group, const char *name)
{
	char path[128], *text = read_text(path_of(group, name, path));
	int64_t n = text ? atoll(text) : -1;

	free(text);
	return n;
}

bool cgroup_has(const struct cgroup *group, const char *name, const char *text)
{
	char path[128], *all = read_text(path_of(group, name, path));
	bool found = all && strstr(all, text);

	free(all);
	return found;
}

int cgroup_enter(const struct cgroup *group)
{
	return cgroup_write(group, "cgroup.procs", "0");
}
