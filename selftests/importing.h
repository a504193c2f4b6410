/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Other drivers that take buffers: a DRM and a V4L2 device
 */
#ifndef CONTIG_IMPORTING_H
#define CONTIG_IMPORTING_H

#include <linux/videodev2.h>

#include "contig_utils.h"

/* What we need of drm/drm.h, which not every distribution installs. */
struct drm_gem_close {
	uint32_t handle;
	uint32_t pad;
};

struct drm_prime_handle {
	uint32_t handle;
	uint32_t flags;
	int32_t fd;
};

#define DRM_IOCTL_GEM_CLOSE _IOW('d', 0x09, struct drm_gem_close)
#define DRM_IOCTL_PRIME_HANDLE_TO_FD _IOWR('d', 0x2d, struct drm_prime_handle)
#define DRM_IOCTL_PRIME_FD_TO_HANDLE _IOWR('d', 0x2e, struct drm_prime_handle)
#define DRM_CLOEXEC O_CLOEXEC
#define DRM_RDWR O_RDWR

/* The nth capture device of vivid, which takes memory in its nth way. */
static inline int open_video(int n)
{
	struct v4l2_capability cap;
	char path[32];
	int i, fd;

	for (i = 0; i < 16; i++) {
		snprintf(path, sizeof(path), "/dev/video%d", i);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (!ioctl(fd, VIDIOC_QUERYCAP, &cap) &&
		    !strcmp((char *)cap.driver, "vivid") &&
		    cap.device_caps & V4L2_CAP_VIDEO_CAPTURE && !n--)
			return fd;
		close(fd);
	}
	return -1;
}

#endif /* CONTIG_IMPORTING_H */
