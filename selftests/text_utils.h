/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Text files of the kernel: of the module in sysfs and debugfs, and all others
 */
#ifndef CONTIG_SELFTESTS_TEXT_UTILS_H
#define CONTIG_SELFTESTS_TEXT_UTILS_H

#include <stdbool.h>
#include <stdint.h>

#define CONTIG_DEBUGFS "/sys/kernel/debug/contig"
#define CONTIG_PARAMETERS "/sys/module/contig/parameters"

/* Return a whole file as a string that the caller frees, or NULL. */
char *read_text(const char *path);
int write_text(const char *path, const char *text);
#define TRACING "/sys/kernel/tracing"
/*
 * Switch the events of a folder of TRACING on or off, and no other tracing
 * code.
 */
int trace_events(const char *folder, bool on);
char *debugfs_text(const char *name);
/* Return a number in a rung's line of debugfs stats, -1 if there is none. */
enum rung_stat {
	STAT_ATTEMPTS, STAT_SUCCESSES, STAT_BYTES, STAT_IN_USE, STAT_ENOMEM,
	STAT_EBUSY, STAT_ETIME, STAT_ABSENT, STAT_OTHER,
};

int64_t stat_of(uint32_t rung, enum rung_stat n);
/* Return the number behind a text at the beginning of a line, -1 if there is none. */
int64_t stat_event(const char *text);
/* Return true if a line of a debugfs file contains this word. */
bool debugfs_has(const char *name, const char *word);
bool parameter_is(const char *name, const char *value);

#endif /* CONTIG_SELFTESTS_TEXT_UTILS_H */
