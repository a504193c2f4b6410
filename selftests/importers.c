// SPDX-License-Identifier: GPL-2.0-only
/*
 * Other drivers that import buffers and know nothing of contig: a V4L2 device
 * that fills them by the CPU or through the DMA API, and a DRM device.
 */
#include <linux/dma-buf.h>
#include <poll.h>

#include "kselftest_harness.h"
#include "contig_utils.h"
#include "importing.h"

#define BUFFERS 3
#define NAME "a frame"

static int make(int client, uint32_t rung, uint64_t length)
{
	struct contig_alloc alloc = alloc_request(length, 1u << rung);

	strcpy(alloc.name, NAME);
	return _test_cmd_alloc_tell(client, &alloc) ?: alloc.out_fd;
}

static int sync_buffer(int fd, uint64_t flags)
{
	struct dma_buf_sync sync = { .flags = flags | DMA_BUF_SYNC_RW };

	return ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync) ? -errno : 0;
}

FIXTURE(video) {
	int fd;
	int video;
	int buffers[BUFFERS];
	char *maps[BUFFERS];
	size_t length;
};

FIXTURE_VARIANT(video) {
	int how;
	uint32_t rung;
};

#define VIDEO(name, NAME_, how_) \
	FIXTURE_VARIANT_ADD(video, name) { \
		.how = how_, \
		.rung = CONTIG_RUNG_##NAME_, \
	}

VIDEO(reserve_by_cpu, RESERVE, BY_CPU);
VIDEO(coherent_by_cpu, COHERENT, BY_CPU);
VIDEO(range_by_cpu, RANGE, BY_CPU);
VIDEO(scatter_by_cpu, SCATTER, BY_CPU);
VIDEO(reserve_by_dma, RESERVE, BY_DMA);
VIDEO(coherent_by_dma, COHERENT, BY_DMA);
VIDEO(range_by_dma, RANGE, BY_DMA);

static int video_buffer(FIXTURE_DATA(video) *self, unsigned long request, int n)
{
	struct v4l2_buffer buffer = {
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
		.memory = V4L2_MEMORY_DMABUF,
		.index = n < 0 ? 0 : n,
	};

	if (n >= 0) {
		buffer.m.fd = self->buffers[n];
		buffer.length = self->length;
	}
	if (ioctl(self->video, request, &buffer))
		return -errno;
	return buffer.index;
}

static int video_request(FIXTURE_DATA(video) *self, unsigned int count)
{
	struct v4l2_requestbuffers request = {
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
		.memory = V4L2_MEMORY_DMABUF,
		.count = count,
	};

	return ioctl(self->video, VIDIOC_REQBUFS, &request) ? -errno : 0;
}

static int video_stream(FIXTURE_DATA(video) *self, unsigned long request)
{
	int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;

	return ioctl(self->video, request, &type) ? -errno : 0;
}

FIXTURE_SETUP(video) {
	int i;

	setup_client(self->fd);
	setup_video(self->video, variant->how);
	need_rung(self->fd, variant->rung, MIB(1));
	self->length = round_up_page(FRAME) + page_size;
	for (i = 0; i < BUFFERS; i++) {
		self->buffers[i] = make(self->fd, variant->rung, self->length);
		ASSERT_LE(0, self->buffers[i]);
		self->maps[i] = buffer_map(self->buffers[i], self->length);
		ASSERT_NE(NULL, self->maps[i]);
	}
	ASSERT_EQ(0, video_request(self, BUFFERS));
}

FIXTURE_TEARDOWN(video) {
	int i;

	for (i = 0; i < BUFFERS; i++) {
		munmap(self->maps[i], self->length);
		close(self->buffers[i]);
	}
	close(self->video);
	close(self->fd);
	EXPECT_FALSE(debugfs_has("buffers", NAME));
}

TEST_F_TIMEOUT(video, frames_arrive, 400)
{
	struct pollfd p = { .fd = self->video, .events = POLLIN };
	int i, n;

	for (i = 0; i < BUFFERS; i++)
		ASSERT_EQ(i, video_buffer(self, VIDIOC_QBUF, i));
	ASSERT_EQ(0, video_stream(self, VIDIOC_STREAMON));
	for (i = 0; i < 2 * BUFFERS; i++) {
		ASSERT_EQ(1, poll(&p, 1, 60000));
		n = video_buffer(self, VIDIOC_DQBUF, -1);
		ASSERT_LE(0, n);
		/* Grey, black and colours all have non-zero bytes in YUYV. */
		EXPECT_NE(0, *(uint64_t *)(self->maps[n] + FRAME / 2));
		EXPECT_NE(0, *(uint64_t *)(self->maps[n] + FRAME - 8));
		EXPECT_TRUE(is_zero(self->maps[n] + FRAME,
				    self->length - FRAME));
		memset(self->maps[n], 0, FRAME);
		ASSERT_EQ(n, video_buffer(self, VIDIOC_QBUF, n));
	}
	EXPECT_EQ(0, video_stream(self, VIDIOC_STREAMOFF));
	EXPECT_EQ(0, video_request(self, 0));
}

/* Only the importer still has the memory, and frames keep arriving. */
TEST_F_TIMEOUT(video, importer_keeps_the_memory, 400)
{
	struct pollfd p = { .fd = self->video, .events = POLLIN };
	int i;

	for (i = 0; i < BUFFERS; i++)
		ASSERT_EQ(i, video_buffer(self, VIDIOC_QBUF, i));
	ASSERT_EQ(0, video_stream(self, VIDIOC_STREAMON));
	for (i = 0; i < BUFFERS; i++) {
		munmap(self->maps[i], self->length);
		close(self->buffers[i]);
		self->buffers[i] = -1;
	}
	EXPECT_TRUE(debugfs_has("buffers", NAME));
	ASSERT_EQ(1, poll(&p, 1, 60000));
	EXPECT_LE(0, video_buffer(self, VIDIOC_DQBUF, -1));
	EXPECT_EQ(0, video_stream(self, VIDIOC_STREAMOFF));
	EXPECT_EQ(0, video_request(self, 0));
	EXPECT_FALSE(debugfs_has("buffers", NAME));
}

/*
 * No process ever mapped the frames; the next owner of the memory must not see
 * them.
 */
TEST_F_TIMEOUT(video, frames_are_gone_for_the_next_owner, 400)
{
	struct pollfd p = { .fd = self->video, .events = POLLIN };
	int fds[64], i, n;
	char *map;

	if (variant->rung != CONTIG_RUNG_RESERVE)
		return;		/* other rungs clear what they allocate */
	for (i = 0; i < BUFFERS; i++) {
		munmap(self->maps[i], self->length);
		close(self->buffers[i]);
		self->buffers[i] = make(self->fd, variant->rung, self->length);
		ASSERT_LE(0, self->buffers[i]);
		ASSERT_EQ(i, video_buffer(self, VIDIOC_QBUF, i));
	}
	ASSERT_EQ(0, video_stream(self, VIDIOC_STREAMON));
	ASSERT_EQ(1, poll(&p, 1, 60000));
	EXPECT_LE(0, video_buffer(self, VIDIOC_DQBUF, -1));
	EXPECT_EQ(0, video_stream(self, VIDIOC_STREAMOFF));
	EXPECT_EQ(0, video_request(self, 0));
	for (i = 0; i < BUFFERS; i++)
		close(self->buffers[i]);

	/* Allocate all of the reserve: the frames were somewhere in it. */
	for (n = 0; n < 64; n++) {
		fds[n] = buffer_alloc(self->fd, MIB(1),
				     CONTIG_RUNGS_RESERVE, 0);
		if (fds[n] < 0)
			break;
		map = buffer_map(fds[n], MIB(1));
		ASSERT_NE(NULL, map);
		EXPECT_TRUE(is_zero(map, MIB(1)));
		munmap(map, MIB(1));
	}
	EXPECT_LT(BUFFERS, n);
	while (n)
		close(fds[--n]);
	for (i = 0; i < BUFFERS; i++)
		self->buffers[i] = -1;
}

FIXTURE(drm) {
	int fd;
	int card;
	int buffer;
};

FIXTURE_VARIANT(drm) {
	uint32_t rung;
};

variant_of_each_rung(drm);

FIXTURE_SETUP(drm) {
	setup_client(self->fd);
	self->card = open("/dev/dri/card0", O_RDWR | O_CLOEXEC);
	if (self->card < 0)
		SKIP(return, "no /dev/dri/card0: modprobe vgem");
	need_rung(self->fd, variant->rung, MIB(1));
	self->buffer = make(self->fd, variant->rung, MIB(1));
	ASSERT_LE(0, self->buffer);
}

FIXTURE_TEARDOWN(drm) {
	close(self->buffer);
	close(self->card);
	close(self->fd);
	EXPECT_FALSE(debugfs_has("buffers", NAME));
}

TEST_F(drm, import_and_export)
{
	struct drm_prime_handle import = { .fd = self->buffer };
	struct drm_prime_handle again = import, export;
	struct drm_gem_close gem = {};
	char *map, *twin;

	ASSERT_EQ(0, ioctl(self->card, DRM_IOCTL_PRIME_FD_TO_HANDLE, &import));
	ASSERT_EQ(0, ioctl(self->card, DRM_IOCTL_PRIME_FD_TO_HANDLE, &again));
	EXPECT_EQ(import.handle, again.handle);
	/* The CPU accesses the buffer while the device has it. */
	EXPECT_EQ(0, sync_buffer(self->buffer, DMA_BUF_SYNC_START));
	EXPECT_EQ(0, sync_buffer(self->buffer, DMA_BUF_SYNC_END));

	map = buffer_map(self->buffer, MIB(1));
	ASSERT_NE(NULL, map);
	fill_pattern(map, MIB(1), 1);
	close(self->buffer);
	self->buffer = -1;
	munmap(map, MIB(1));
	EXPECT_TRUE(debugfs_has("buffers", NAME));

	/* Exported again, it is the same buffer. */
	export = (struct drm_prime_handle) {
		.handle = import.handle,
		.flags = DRM_CLOEXEC | DRM_RDWR,
	};
	ASSERT_EQ(0, ioctl(self->card, DRM_IOCTL_PRIME_HANDLE_TO_FD, &export));
	twin = buffer_map(export.fd, MIB(1));
	ASSERT_NE(NULL, twin);
	EXPECT_TRUE(has_pattern(twin, MIB(1), 1));
	test_lock_buffer(self->fd, export.fd, 0, MIB(1), 0);
	test_unlock_buffer(self->fd, export.fd, 0, MIB(1));
	munmap(twin, MIB(1));
	close(export.fd);

	gem.handle = import.handle;
	EXPECT_EQ(0, ioctl(self->card, DRM_IOCTL_GEM_CLOSE, &gem));
}

TEST_F(drm, import_outlives_everything_else)
{
	struct drm_prime_handle import = { .fd = self->buffer };

	ASSERT_EQ(0, ioctl(self->card, DRM_IOCTL_PRIME_FD_TO_HANDLE, &import));
	close(self->buffer);
	self->buffer = -1;
	EXPECT_TRUE(debugfs_has("buffers", NAME));
	close(self->card);
	self->card = -1;
	EXPECT_FALSE(debugfs_has("buffers", NAME));
}

TEST_HARNESS_MAIN
