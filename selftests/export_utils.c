// SPDX-License-Identifier: GPL-2.0-only
#include <linux/dma-heap.h>
#include <linux/udmabuf.h>

#include "export_utils.h"
#include "importing.h"

int export_udmabuf(int flags)
{
	int memfd = memfd_create("foreign", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int device = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	struct udmabuf_create create = {
		.memfd = memfd,
		.flags = UDMABUF_FLAGS_CLOEXEC,
		.size = pages(EXPORT_PAGES),
	};
	int fd = -ENOENT;

	if (device >= 0 && !ftruncate(memfd, pages(EXPORT_PAGES)) &&
	    !fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK)) {
		fd = ioctl(device, UDMABUF_CREATE, &create);
		if (fd < 0)
			fd = -errno;
	}
	close(device);
	close(memfd);
	return fd;
}

int export_heap(int flags)
{
	struct dma_heap_allocation_data data = {
		.len = pages(EXPORT_PAGES),
		.fd_flags = flags | O_CLOEXEC,
	};
	int heap = open("/dev/dma_heap/system", O_RDWR | O_CLOEXEC), ret;

	if (heap < 0)
		return -ENOENT;
	ret = ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &data) ? -errno : (int)data.fd;
	close(heap);
	return ret;
}

int export_drm(int flags)
{
	struct drm_mode_create_dumb dumb = {
		.width = page_size / 4,
		.height = EXPORT_PAGES,
		.bpp = 32,
	};
	struct drm_prime_handle export = { .flags = flags | DRM_CLOEXEC };
	int card = open("/dev/dri/card0", O_RDWR | O_CLOEXEC), ret = 0;

	if (card < 0)
		return -ENOENT;
	if (ioctl(card, DRM_IOCTL_MODE_CREATE_DUMB, &dumb))
		ret = -errno;
	export.handle = dumb.handle;
	if (!ret && ioctl(card, DRM_IOCTL_PRIME_HANDLE_TO_FD, &export))
		ret = -errno;
	close(card);
	return ret ?: export.fd;
}

int export_video(int flags)
{
	/* Two bytes for each pixel. */
	const unsigned int scale = pages(EXPORT_PAGES) > 320 * 180 * 2 ? 2 : 1;
	struct v4l2_format format = {
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
		.fmt.pix.width = 320 * scale,
		.fmt.pix.height = 180 * scale,
		.fmt.pix.pixelformat = V4L2_PIX_FMT_YUYV,
	};
	struct v4l2_requestbuffers request = {
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
		.memory = V4L2_MEMORY_MMAP,
		.count = 1,
	};
	struct v4l2_exportbuffer export = {
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
		.flags = flags | O_CLOEXEC,
	};
	int video = open_video(0), ret = 0;

	if (video < 0)
		return -ENOENT;
	if (ioctl(video, VIDIOC_S_FMT, &format) ||
	    ioctl(video, VIDIOC_REQBUFS, &request) ||
	    ioctl(video, VIDIOC_EXPBUF, &export))
		ret = -errno;
	close(video);
	return ret ?: export.fd;
}
