/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A cgroup of version 2 for a test
 */
#ifndef CONTIG_CGROUP_UTILS_H
#define CONTIG_CGROUP_UTILS_H

#include <stdbool.h>
#include <stdint.h>

/**
 * struct cgroup - a cgroup, and a mount of the hierarchy that it is in
 * @root: where the hierarchy is mounted
 * @path: of the cgroup; empty if there is none
 */
struct cgroup {
	char root[32];
	char path[48];
};

/*
 * Create a cgroup that has a controller. Return 0, or a negative errno if there
 * is nothing to remove then; -ENODEV if there is no such controller of version
 * 2.
 */
int cgroup_make(struct cgroup *group, const char *controller);
/* Remove the cgroup, if there is one; its processes must be exiting. */
void cgroup_remove(struct cgroup *group);

int cgroup_write(const struct cgroup *group, const char *name, const char *text);
/* Return the number in a file, or -1 if there is no such file. */
int64_t cgroup_read(const struct cgroup *group, const char *name);
/* Return true if a file contains this text. */
bool cgroup_has(const struct cgroup *group, const char *name, const char *text);
/* Move the calling process into it. */
int cgroup_enter(const struct cgroup *group);

#endif /* CONTIG_CGROUP_UTILS_H */
