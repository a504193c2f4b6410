/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The state of the module and of this process, to compare later
 */
#ifndef CONTIG_SELFTESTS_SNAPSHOT_UTILS_H
#define CONTIG_SELFTESTS_SNAPSHOT_UTILS_H

#include <stdbool.h>

#include <linux/contig.h>

/* Everything that a command must not change if it fails. */
struct snapshot {
	char *buffers, *clients, *reserves;
	struct contig_info info;
	long charged_kib;
	int fds;
};

void snapshot_take(struct snapshot *s, int client);
/* Compare and free. Prints the differences on stderr. */
bool snapshot_is_same(struct snapshot *s, int client);
/* The same without freeing, for the next comparison. */
bool snapshot_is_still(const struct snapshot *s, int client);

#endif /* CONTIG_SELFTESTS_SNAPSHOT_UTILS_H */
