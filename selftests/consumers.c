// SPDX-License-Identifier: GPL-2.0-only
/*
 * The parts of the kernel that take memory of a process accept memory that was
 * allocated without a rung, a flag or a constraint, from one page to a large
 * buffer.
 */
#include <time.h>
#include <linux/errqueue.h>
#include <linux/futex.h>
#include <linux/nvme_ioctl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "kselftest_harness.h"
#include "contig_utils.h"
#include "importing.h"
#include "uring.h"

#ifndef SO_ZEROCOPY
#define SO_ZEROCOPY 60
#endif
#ifndef MSG_ZEROCOPY
#define MSG_ZEROCOPY 0x4000000
#endif

#define RAM_DISK "/dev/ram0"

FIXTURE(consumer) {
	int fd;
	int buffer;
	size_t length;
	char *map;
	char *other;		/* ordinary memory to compare with */
};

FIXTURE_VARIANT(consumer) {
	size_t length;
};

FIXTURE_VARIANT_ADD(consumer, of_4k) { .length = KIB(4) };
FIXTURE_VARIANT_ADD(consumer, of_12k) { .length = KIB(12) };
FIXTURE_VARIANT_ADD(consumer, of_2m) { .length = MIB(2) };
FIXTURE_VARIANT_ADD(consumer, of_16m) { .length = MIB(16) };

/*
 * Allocate without requirements. The answer must have a reason for bare page
 * frames: then allocate struct pages instead.
 */
static int default_buffer(int client, size_t length)
{
	struct contig_alloc alloc = alloc_request(length, 0);
	int ret = _test_cmd_alloc_tell(client, &alloc);

	if (!ret && alloc.out_mapping == CONTIG_MAPPING_PFN &&
	    alloc.out_frames >= CONTIG_FRAMES_POOL) {
		close(alloc.out_fd);
		alloc.flags = CONTIG_ALLOC_STRUCT_PAGE;
		ret = _test_cmd_alloc_tell(client, &alloc);
	}
	return ret ?: alloc.out_fd;
}

FIXTURE_SETUP(consumer) {
	setup_client(self->fd);
	self->length = round_up_page(variant->length);
	setup_buffer(self, default_buffer(self->fd, self->length));
	self->other = aligned_alloc(page_size, self->length);
	ASSERT_NE(NULL, self->other);
	fill_pattern(self->map, self->length, 1);
	memset(self->other, 0, self->length);
}

FIXTURE_TEARDOWN(consumer) {
	free(self->other);
	munmap(self->map, self->length);
	close(self->buffer);
	close(self->fd);
}

/* Bare page frames need a reason, and only large buffers come from CMA. */
TEST_F(consumer, bare_page_frames_have_a_reason)
{
	struct contig_alloc alloc = alloc_request(self->length, 0);
	struct contig_info info;

	test_info(self->fd, &info);
	test_alloc(self->fd, &alloc);
	close(alloc.out_fd);
	EXPECT_EQ(alloc.out_mapping == CONTIG_MAPPING_PFN,
		  alloc.out_frames != CONTIG_FRAMES_NOT);
	EXPECT_NE(CONTIG_FRAMES_DEMANDED, alloc.out_frames);
	if (coherent_has_pages(&info, self->length))
		EXPECT_EQ(CONTIG_MAPPING_STRUCT_PAGE, alloc.out_mapping);
}

TEST_F(consumer, direct_io)
{
	ssize_t length = self->length;
	int disk = open(RAM_DISK, O_RDWR | O_DIRECT | O_CLOEXEC);

	if (disk < 0)
		SKIP(return, "no " RAM_DISK ": modprobe brd");
	ASSERT_EQ(length, pwrite(disk, self->map, length, 0));
	ASSERT_EQ(length, pread(disk, self->other, length, 0));
	EXPECT_TRUE(has_pattern(self->other, length, 1));
	fill_pattern(self->other, length, 2);
	ASSERT_EQ(length, pwrite(disk, self->other, length, 0));
	ASSERT_EQ(length, pread(disk, self->map, length, 0));
	EXPECT_TRUE(has_pattern(self->map, length, 2));
	close(disk);
}

TEST_F(consumer, io_uring)
{
	int disk = open(RAM_DISK, O_RDWR | O_DIRECT | O_CLOEXEC);
	struct ring r;
	int ret;

	if (disk < 0)
		SKIP(return, "no " RAM_DISK ": modprobe brd");
	ret = ring_open(&r);
	if (ret == -ENOSYS || ret == -EPERM)
		SKIP(return, "this kernel has no io_uring");
	ASSERT_EQ(0, ret);
	EXPECT_EQ((int)self->length,
		  ring_do(&r, IORING_OP_WRITE, disk, self->map, self->length,
			  0));
	ASSERT_EQ((ssize_t)self->length,
		  pread(disk, self->other, self->length, 0));
	EXPECT_TRUE(has_pattern(self->other, self->length, 1));
	ret = ring_register(&r, self->map, self->length);
	if (ret == -EOPNOTSUPP && !ksft_min_kernel_version(6, 5))
		goto out;	/* no mapped files in io_uring before 6.5 */
	ASSERT_EQ(0, ret);
	memset(self->map, 0, self->length);
	EXPECT_EQ((int)self->length,
		  ring_do(&r, IORING_OP_READ_FIXED, disk, self->map,
			  self->length, 0));
	EXPECT_TRUE(has_pattern(self->map, self->length, 1));
	EXPECT_EQ(0, ring_unregister(&r));
out:
	close(r.fd);
	close(disk);
}

TEST_F(consumer, vmsplice)
{
	struct iovec iov = { self->map, page_size };
	int pipes[2];

	ASSERT_EQ(0, pipe(pipes));
	ASSERT_EQ((ssize_t)page_size, vmsplice(pipes[1], &iov, 1, 0));
	ASSERT_EQ((ssize_t)page_size, read(pipes[0], self->other, page_size));
	EXPECT_EQ(0, memcmp(self->map, self->other, page_size));
	close(pipes[0]);
	close(pipes[1]);
}

struct shared {
	pthread_mutex_t mutex;
	uint32_t word;
	int sum;
};

/*
 * A mutex shared by two processes, which map the buffer at different addresses.
 */
TEST_F(consumer, shared_futex)
{
	struct shared *shared = (struct shared *)self->map, *there;
	pthread_mutexattr_t attr;
	pid_t pid;
	int i;

	memset(shared, 0, sizeof(*shared));
	pthread_mutexattr_init(&attr);
	ASSERT_EQ(0, pthread_mutexattr_setpshared(&attr,
						  PTHREAD_PROCESS_SHARED));
	ASSERT_EQ(0, pthread_mutex_init(&shared->mutex, &attr));
	ASSERT_EQ(0, syscall(SYS_futex, &shared->word, FUTEX_WAKE, 1, NULL,
			     NULL, 0));
	pid = fork();
	if (!pid) {
		there = buffer_map(self->buffer, self->length);
		if (!there)
			_exit(1);
		while (!__atomic_load_n(&there->word, __ATOMIC_ACQUIRE))
			if (syscall(SYS_futex, &there->word, FUTEX_WAIT, 0,
				    NULL, NULL, 0) && errno != EAGAIN)
				_exit(2);
		for (i = 0; i < 1000; i++) {
			pthread_mutex_lock(&there->mutex);
			there->sum++;
			pthread_mutex_unlock(&there->mutex);
		}
		_exit(0);
	}
	usleep(10000);
	__atomic_store_n(&shared->word, 1, __ATOMIC_RELEASE);
	EXPECT_LE(0, syscall(SYS_futex, &shared->word, FUTEX_WAKE, 1, NULL,
			     NULL, 0));
	for (i = 0; i < 1000; i++) {
		ASSERT_EQ(0, pthread_mutex_lock(&shared->mutex));
		shared->sum++;
		ASSERT_EQ(0, pthread_mutex_unlock(&shared->mutex));
	}
	ASSERT_EQ(0, child_wait(pid));
	EXPECT_EQ(2000, shared->sum);
}

/* Connect over the loopback device. Set both ends, or set them to -1. */
static void connect_pair(int ends[2])
{
	struct sockaddr_in at = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t size = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ends[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ends[1] = -1;
	if (!bind(listener, (struct sockaddr *)&at, sizeof(at)) &&
	    !listen(listener, 1) &&
	    !getsockname(listener, (struct sockaddr *)&at, &size) &&
	    !connect(ends[0], (struct sockaddr *)&at, sizeof(at)))
		ends[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	close(listener);
}

/* Wait until the kernel has released all that was sent with MSG_ZEROCOPY. */
static bool zerocopy_is_over(int fd, uint32_t last)
{
	struct pollfd p = { .fd = fd };
	char control[256];
	uint32_t done = 0;

	while (done <= last) {
		struct msghdr m = { .msg_control = control,
				    .msg_controllen = sizeof(control) };
		struct sock_extended_err *e;
		struct cmsghdr *c;

		if (poll(&p, 1, 60000) != 1 ||
		    recvmsg(fd, &m, MSG_ERRQUEUE) < 0)
			return false;
		for (c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
			e = (struct sock_extended_err *)CMSG_DATA(c);
			if (e->ee_origin == SO_EE_ORIGIN_ZEROCOPY)
				done = e->ee_data + 1;
		}
	}
	return true;
}

TEST_F(consumer, zero_copy_socket)
{
	size_t sent = 0, length = self->length;
	int ends[2], one = 1;
	uint32_t calls = 0;
	pid_t pid;

	connect_pair(ends);
	ASSERT_LE(0, ends[1]);
	ASSERT_EQ(0, setsockopt(ends[0], SOL_SOCKET, SO_ZEROCOPY, &one,
				sizeof(one)));
	pid = fork();
	if (!pid) {
		close(ends[0]);
		if (recv(ends[1], self->other, length, MSG_WAITALL) !=
		    (ssize_t)length)
			_exit(1);
		_exit(has_pattern(self->other, length, 1) ? 0 : 2);
	}
	close(ends[1]);
	while (sent < length) {
		ssize_t n = send(ends[0], self->map + sent, length - sent,
				 MSG_ZEROCOPY);

		/* The process has as many pages in flight as it may. */
		if (n < 0 && errno == ENOBUFS) {
			usleep(1000);
			continue;
		}
		ASSERT_LT(0, n);
		sent += n;
		calls++;
	}
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_TRUE(zerocopy_is_over(ends[0], calls - 1));
	close(ends[0]);
}

/*
 * Open the disk whose controller takes commands of the whole length, or return
 * -1.
 */
static int nvme_open(void)
{
	return open("/dev/nvme0n1", O_RDWR | O_CLOEXEC);
}

/*
 * Return how long a passthrough command can be. It is never cut, and since a
 * release between 6.12 and 7.2 each page of a mapping counts as a segment.
 */
static size_t nvme_limit(void)
{
	size_t limit = MIB(2), most;
	char *text;

	if (!ksft_min_kernel_version(6, 13))
		return limit;
	text = read_text("/sys/block/nvme0n1/queue/max_segments");
	most = text ? pages(strtoul(text, NULL, 10)) : limit;
	free(text);
	return most < limit ? most : limit;
}

/* A passthrough command with the buffer as its data, of 2 MiB if possible. */
TEST_F(consumer, nvme_passthrough)
{
	size_t limit = nvme_limit();
	size_t length = self->length < limit ? self->length : limit;
	int disk = nvme_open();
	struct nvme_passthru_cmd cmd = {
		.opcode = 2,	/* read */
		.nsid = 1,
		.addr = to_addr(self->map),
		.data_len = length,
		.cdw12 = length / 512 - 1,
		.timeout_ms = 60000,
	};

	if (disk < 0)
		SKIP(return, "no /dev/nvme0n1: run QEMU with -device nvme");
	ASSERT_EQ(0, ioctl(disk, NVME_IOCTL_IO_CMD, &cmd)) {
		TH_LOG("%s", strerror(errno));
	}
	/* That disk returns zeros. */
	EXPECT_TRUE(is_zero(self->map, length));
	close(disk);
}

/*
 * A video device that fills memory by the CPU, or through the DMA API
 */
FIXTURE(video) {
	int fd;
	int video;
	int buffer;
	size_t length;
	char *map;
};

FIXTURE_VARIANT(video) {
	int how;
	uint32_t memory;
	size_t length;
};

FIXTURE_VARIANT_ADD(video, user_pointer_by_cpu) {
	.how = BY_CPU, .memory = V4L2_MEMORY_USERPTR, .length = FRAME };
FIXTURE_VARIANT_ADD(video, large_user_pointer_by_cpu) {
	.how = BY_CPU, .memory = V4L2_MEMORY_USERPTR, .length = MIB(16) };
/* In DMA mode it takes no user pointers. */
FIXTURE_VARIANT_ADD(video, dma_buf_by_cpu) {
	.how = BY_CPU, .memory = V4L2_MEMORY_DMABUF, .length = FRAME };
FIXTURE_VARIANT_ADD(video, dma_buf_by_dma) {
	.how = BY_DMA, .memory = V4L2_MEMORY_DMABUF, .length = FRAME };

FIXTURE_SETUP(video) {
	setup_client(self->fd);
	setup_video(self->video, variant->how);
	self->length = round_up_page(variant->length);
	setup_buffer(self, default_buffer(self->fd, self->length));
}

FIXTURE_TEARDOWN(video) {
	if (self->map)
		munmap(self->map, self->length);
	close(self->video);
	close(self->buffer);
	close(self->fd);
}

TEST_F_TIMEOUT(video, frame_arrives, 400)
{
	struct v4l2_requestbuffers request = {
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
		.memory = variant->memory,
		.count = 2,
	};
	struct v4l2_buffer buffer = {
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
		.memory = variant->memory,
		.length = self->length,
	};
	struct pollfd p = { .fd = self->video, .events = POLLIN };
	int type = V4L2_BUF_TYPE_VIDEO_CAPTURE, i, second;

	ASSERT_EQ(0, ioctl(self->video, VIDIOC_REQBUFS, &request));
	/* The second one is another buffer of the same kind. */
	second = default_buffer(self->fd, self->length);
	ASSERT_LE(0, second);
	for (i = 0; i < 2; i++) {
		buffer.index = i;
		if (variant->memory == V4L2_MEMORY_DMABUF)
			buffer.m.fd = i ? second : self->buffer;
		else
			buffer.m.userptr = to_addr(i ?
				buffer_map(second, self->length) : self->map);
		ASSERT_EQ(0, ioctl(self->video, VIDIOC_QBUF, &buffer)) {
			TH_LOG("%s", strerror(errno));
		}
	}
	ASSERT_EQ(0, ioctl(self->video, VIDIOC_STREAMON, &type));
	ASSERT_EQ(1, poll(&p, 1, 60000));
	memset(&buffer, 0, sizeof(buffer));
	buffer.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
	buffer.memory = variant->memory;
	ASSERT_EQ(0, ioctl(self->video, VIDIOC_DQBUF, &buffer));
	EXPECT_EQ(0, buffer.index);
	/* Grey, black and colours all have non-zero bytes in YUYV. */
	EXPECT_NE(0, *(uint64_t *)(self->map + FRAME / 2));
	EXPECT_EQ(0, ioctl(self->video, VIDIOC_STREAMOFF, &type));
	request.count = 0;
	EXPECT_EQ(0, ioctl(self->video, VIDIOC_REQBUFS, &request));
	close(second);
}

TEST_HARNESS_MAIN
