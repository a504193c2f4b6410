/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What makes the kernel wait without an end: a file system that does not
 * answer, and a real-time task
 */
#ifndef CONTIG_HOSTILE_UTILS_H
#define CONTIG_HOSTILE_UTILS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Pages of the only file in the file system. */
#define SILENT_PAGES 1024

/**
 * struct silent_fs - a file system in user space that answers all but writes
 * @device: descriptor of the FUSE device
 * @server: the process that answers
 * @folder: where it is mounted
 * @path: path of its file
 */
struct silent_fs {
	int device;
	pid_t server;
	char folder[32];
	char path[48];
};

/* Return 0, or a negative errno: -ENOENT if this kernel has no FUSE. */
int silent_fs_mount(struct silent_fs *fs);
/* Abort all requests that wait for the server. */
void silent_fs_abort(const struct silent_fs *fs);
void silent_fs_unmount(struct silent_fs *fs);

/**
 * struct realtime - a real-time task that has a processor for itself
 * @runtime: the limit before
 * @cpu: the processor
 * @spinner: the task
 */
struct realtime {
	char *runtime;
	int cpu;
	pid_t spinner;
};

void realtime_begin(struct realtime *rt, int cpu);
void realtime_end(struct realtime *rt);

/* The processors on which the kernel's workers may run that belong to none. */
#define WORKERS_CPUMASK "/sys/devices/virtual/workqueue/cpumask"

uint64_t now_ms(void);

/*
 * Run on one CPU only, so that this process is not one that waits for the CPU
 * of a real-time task. Return 0, or -1 and errno.
 */
int stay_on(int cpu);
/* Wait for a process, at most so long. Return true if it has ended. */
bool ends_within(pid_t pid, uint64_t ms);

/* Return the number of isolated pageblocks. */
long isolated_pageblocks(void);

#endif /* CONTIG_HOSTILE_UTILS_H */
