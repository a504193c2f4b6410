/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Other drivers that import and export buffers: a DRM and a V4L2 device
 */
#ifndef CONTIG_IMPORTING_H
#define CONTIG_IMPORTING_H

#include <linux/videodev2.h>

#include "contig_utils.h"

/*
 * The needed parts of drm/drm.h and drm_mode.h, which some distributions lack.
 */
struct drm_gem_close {
	uint32_t handle;
	uint32_t pad;
};

struct drm_prime_handle {
	uint32_t handle;
	uint32_t flags;
	int32_t fd;
};

struct drm_mode_create_dumb {
	uint32_t height;
	uint32_t width;
	uint32_t bpp;
	uint32_t flags;
	uint32_t handle;
	uint32_t pitch;
	uint64_t size;
};

#define DRM_IOCTL_GEM_CLOSE _IOW('d', 0x09, struct drm_gem_close)
#define DRM_IOCTL_PRIME_HANDLE_TO_FD _IOWR('d', 0x2d, struct drm_prime_handle)
#define DRM_IOCTL_PRIME_FD_TO_HANDLE _IOWR('d', 0x2e, struct drm_prime_handle)
#define DRM_IOCTL_MODE_CREATE_DUMB _IOWR('d', 0xb2, struct drm_mode_create_dumb)
#define DRM_CLOEXEC O_CLOEXEC
#define DRM_RDWR O_RDWR

/* Open the nth capture device of vivid; each fills memory in its own way. */
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

/* The devices of vivid, by how they fill memory. */
enum { BY_CPU, BY_DMA };

/* Its frames, in YUYV. */
#define WIDTH 320
#define HEIGHT 180
#define FRAME (WIDTH * HEIGHT * 2)

/* Return 0 or a negative errno. */
static inline int set_video_format(int video)
{
	struct v4l2_format format = {
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
		.fmt.pix.width = WIDTH,
		.fmt.pix.height = HEIGHT,
		.fmt.pix.pixelformat = V4L2_PIX_FMT_YUYV,
	};

	if (ioctl(video, VIDIOC_S_FMT, &format))
		return -errno;
	return format.fmt.pix.sizeimage == FRAME ? 0 : -EPROTO;
}

/* Open a device of vivid in a fixture's setup, or skip all of its tests. */
#define setup_video(video, how) do { \
	(video) = open_video(how); \
	if ((video) < 0) \
		SKIP(return, "no vivid: modprobe vivid n_devs=2 node_types=1,1 allocators=0,1"); \
	ASSERT_EQ(0, set_video_format(video)); \
} while (0)

#endif /* CONTIG_IMPORTING_H */
