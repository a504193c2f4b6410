/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page faults that last as long as a test needs.
 */
#ifndef CONTIG_SLOW_MEMORY_H
#define CONTIG_SLOW_MEMORY_H

#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <sys/syscall.h>

#include "contig_utils.h"

/**
 * struct slow_memory - memory whose first access waits for a thread of the test
 * @memory: its address
 * @length: its length in bytes
 * @fd: descriptor of the userfaultfd
 * @wake: a pipe; closing it ends the thread if no access came
 * @meanwhile: called while the access waits
 * @waited: an access came
 * @thread: fills the memory
 */
struct slow_memory {
	char *memory;
	size_t length;
	int fd;
	int wake[2];
	void (*meanwhile)(struct slow_memory *slow);
	bool waited;
	pthread_t thread;
};

static bool slow_fill(struct slow_memory *slow)
{
	struct uffdio_zeropage zero = {
		.range = { to_addr(slow->memory), slow->length },
	};

	return !ioctl(slow->fd, UFFDIO_ZEROPAGE, &zero);
}

static void *slow_serve(void *arg)
{
	struct slow_memory *slow = arg;
	struct pollfd poll_fds[] = {
		{ slow->fd, POLLIN }, { slow->wake[0], POLLIN },
	};
	struct uffd_msg message;

	if (poll(poll_fds, 2, -1) < 1 || !(poll_fds[0].revents & POLLIN) ||
	    read(slow->fd, &message, sizeof(message)) != sizeof(message))
		return NULL;
	/* The call that is tested waits in the access now. */
	slow->waited = true;
	slow->meanwhile(slow);
	slow_fill(slow);
	return NULL;
}

static int slow_start(struct slow_memory *slow, size_t nr_pages,
		      void (*meanwhile)(struct slow_memory *slow))
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = {
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};

	*slow = (struct slow_memory) {
		.length = pages(nr_pages),
		.meanwhile = meanwhile,
	};
	slow->fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (slow->fd < 0)
		return -errno;
	if (ioctl(slow->fd, UFFDIO_API, &api))
		return -errno;
	slow->memory = mmap(NULL, slow->length, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	reg.range.start = to_addr(slow->memory);
	reg.range.len = slow->length;
	if (ioctl(slow->fd, UFFDIO_REGISTER, &reg) || pipe(slow->wake))
		return -errno;
	return -pthread_create(&slow->thread, NULL, slow_serve, slow);
}

static void slow_end(struct slow_memory *slow)
{
	close(slow->wake[1]);
	pthread_join(slow->thread, NULL);
	close(slow->wake[0]);
	close(slow->fd);
	munmap(slow->memory, slow->length);
}

#endif /* CONTIG_SLOW_MEMORY_H */
