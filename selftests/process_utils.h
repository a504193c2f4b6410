/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Other processes, their rights, and descriptors that are passed to them
 */
#ifndef CONTIG_SELFTESTS_PROCESS_UTILS_H
#define CONTIG_SELFTESTS_PROCESS_UTILS_H

#include <sys/types.h>

/*
 * Wait for a child. Return its exit status, or 128 plus the signal that ended
 * it.
 */
int child_wait(pid_t pid);

/* Drop all rights of root; open files stay open. */
int drop_to_user(unsigned int uid);
/* Drop one capability. */
int drop_cap(int cap);

int fd_send(int socket, int fd);
int fd_receive(int socket);

#define CAP_IPC_LOCK_NR 14
#define CAP_SYS_RAWIO_NR 17
#define CAP_SYS_ADMIN_NR 21
#define CAP_SYS_RESOURCE_NR 24

#endif /* CONTIG_SELFTESTS_PROCESS_UTILS_H */
