// SPDX-License-Identifier: GPL-2.0-only
/*
 * Steps with the descriptors of buffers: what programs do with a dma-buf
 */
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "state.h"

/* The needed parts of drm/drm.h, which some distributions lack. */
struct gem_close {
	uint32_t handle;
	uint32_t pad;
};

struct prime_handle {
	uint32_t handle;
	uint32_t flags;
	int32_t fd;
};

#define GEM_CLOSE _IOW('d', 0x09, struct gem_close)
#define PRIME_HANDLE_TO_FD _IOWR('d', 0x2d, struct prime_handle)
#define PRIME_FD_TO_HANDLE _IOWR('d', 0x2e, struct prime_handle)

static void put_buffer(unsigned int slot, int fd)
{
	if (state.buffer[slot] >= 0)
		close(state.buffer[slot]);
	state.buffer[slot] = fd;
	state.fresh[slot] = false;
}

/* 1 from, 2 to, 3 a client instead. */
int step_dup(struct step *step)
{
	int fd;

	if (step->b[3] & 1) {
		fd = dup(state.client[step->b[1] % CLIENTS]);
		if (fd < 0)
			return -errno;
		if (state.client[step->b[2] % CLIENTS] >= 0)
			close(state.client[step->b[2] % CLIENTS]);
		state.client[step->b[2] % CLIENTS] = fd;
		return 0;
	}
	fd = dup(state.buffer[step->b[1] % BUFFERS]);
	if (fd < 0)
		return -errno;
	put_buffer(step->b[2] % BUFFERS, fd);
	return 0;
}

/* 1 buffer. */
int step_close_buffer(struct step *step)
{
	int *buffer = &state.buffer[step->b[1] % BUFFERS], fd = *buffer;

	*buffer = -1;
	return result_of(close(fd));
}

/* 1 buffer; 2 flags. */
int step_sync(struct step *step)
{
	struct dma_buf_sync sync = { .flags = step->b[2] };

	return result_of(ioctl(state.buffer[step->b[1] % BUFFERS],
			       DMA_BUF_IOCTL_SYNC, &sync));
}

/* 1 buffer; 2 operation. */
int step_dmabuf(struct step *step)
{
	struct dma_buf_export_sync_file fence = { .flags = DMA_BUF_SYNC_RW };
	int fd = state.buffer[step->b[1] % BUFFERS];
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN | POLLOUT };
	int ret;

	switch (step->b[2] % 6) {
	case 0:
		return result_of(ioctl(fd, DMA_BUF_SET_NAME_B, "fuzz"));
	case 1:
		return result_of(lseek(fd, 0, step->b[3] % 5));
	case 2:
		return result_of(poll(&poll_fd, 1, 0));
	case 3:
		ret = ioctl(fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &fence);
		if (ret)
			return -errno;
		close(fence.fd);
		return 0;
	case 4:
		return result_of(ftruncate(fd, step->b[3] * PAGE));
	default:
		return result_of(read(fd, scratch, PAGE));
	}
}

/*
 * 1 buffer or client to send, 2 slot to receive it, 3 leave it in the socket.
 */
int step_pass(struct step *step)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {};
	char byte = 0;
	struct iovec io = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &io, .msg_iovlen = 1, .msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&msg);
	int pair[2], ret, fd = step->b[1] & 0x80 ?
		state.client[step->b[1] % CLIENTS] :
		state.buffer[step->b[1] % BUFFERS];

	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair))
		return -errno;
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(int));
	ret = result_of(sendmsg(pair[0], &msg, MSG_DONTWAIT));
	if (!ret && !(step->b[3] & 1)) {
		ret = result_of(recvmsg(pair[1], &msg,
					MSG_DONTWAIT | MSG_CMSG_CLOEXEC));
		header = CMSG_FIRSTHDR(&msg);
		if (!ret && header) {
			memcpy(&fd, CMSG_DATA(header), sizeof(int));
			if (step->b[1] & 0x80)
				close(fd);
			else
				put_buffer(step->b[2] % BUFFERS, fd);
		}
	}
	close(pair[0]);
	close(pair[1]);
	return ret;
}

/* Import a buffer into another driver, which attaches and maps it: 1 buffer. */
int step_import(struct step *step)
{
	struct prime_handle prime = {
		.fd = state.buffer[step->b[1] % BUFFERS],
	};
	struct gem_close gem = {};
	int ret;

	if (state.drm < 0)
		state.drm = open("/dev/dri/card0", O_RDWR | O_CLOEXEC);
	if (state.drm < 0)
		return -errno;
	if (ioctl(state.drm, PRIME_FD_TO_HANDLE, &prime))
		return -errno;
	ret = 0;
	if (step->b[2] & 1) {
		prime.flags = O_CLOEXEC | O_RDWR;
		ret = result_of(ioctl(state.drm, PRIME_HANDLE_TO_FD, &prime));
		if (!ret)
			put_buffer(step->b[3] % BUFFERS, prime.fd);
	}
	gem.handle = prime.handle;
	if (step->b[2] & 2)
		ret = result_of(ioctl(state.drm, GEM_CLOSE, &gem));
	return ret;
}

/* Read a file about contig or memory: 1 file, 2 descriptor for fdinfo. */
int step_inspect(struct step *step)
{
	static const char *const files[] = {
		"/sys/kernel/debug/contig/stats",
		"/sys/kernel/debug/contig/buffers",
		"/sys/kernel/debug/contig/clients",
		"/sys/kernel/debug/contig/reserves",
		"/proc/self/smaps",
		"/proc/self/numa_maps",
	};
	char path[40];
	int ret, fd;

	if (step->b[1] % 8 < ARRAY_SIZE(files)) {
		fd = open(files[step->b[1] % 8], O_RDONLY | O_CLOEXEC);
	} else {
		snprintf(path, sizeof(path), "/proc/self/fdinfo/%d",
			 step_fd(step->b[2]));
		fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	if (fd < 0)
		return -errno;
	while ((ret = read(fd, scratch, PAGE)) > 0)
		;
	ret = result_of(ret);
	close(fd);
	return ret;
}
