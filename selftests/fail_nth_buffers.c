// SPDX-License-Identifier: GPL-2.0-only
/*
 * Paths of fail_nth: opening, querying, allocating; and the use of buffers by
 * other drivers and by page tables.
 */
#include <poll.h>
#include <sys/prctl.h>

#include "kselftest.h"
#include "fail_nth.h"
#include "importing.h"

/*
 * Preparation
 */

static int get_buffer(struct env *e, size_t length, uint32_t rungs)
{
	e->length = length;
	e->buffer = buffer_get(e->client, length, rungs);
	return e->buffer < 0 ? e->buffer : 0;
}

int scatter_buffer(struct env *e)
{
	return get_buffer(e, pages(MANY), CONTIG_RUNGS_SCATTER);
}

static int coherent_buffer(struct env *e)
{
	return get_buffer(e, KIB(256), CONTIG_RUNGS_COHERENT);
}

static int range_buffer(struct env *e)
{
	return get_buffer(e, MIB(1), CONTIG_RUNGS_RANGE);
}

/* Allocate all of the reserve. */
int empty_reserve(struct env *e)
{
	struct contig_info info;
	size_t i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(e->fillers); i++) {
		ret = _test_cmd_info(e->client, &info);
		if (ret || !info.out_reserve_largest)
			return ret;
		e->fillers[i] = buffer_get(e->client, info.out_reserve_largest,
					   CONTIG_RUNGS_RESERVE);
		if (e->fillers[i] < 0)
			return e->fillers[i];
	}
	return -E2BIG;
}

/*
 * OPEN, INFO, PROBE
 */

int do_open(struct env *e)
{
	e->fd = client_open();
	return e->fd < 0 ? e->fd : 0;
}

bool check_open(struct env *e)
{
	struct contig_info info;

	return !_test_cmd_info(e->fd, &info);
}

void undo_fd(struct env *e)
{
	close(e->fd);
	e->fd = -1;
}

int do_info(struct env *e)
{
	struct contig_info info;

	return _test_cmd_info(e->client, &info) ?:
	       info.out_quota_used != e->before.info.out_quota_used ||
	       info.out_reserve_free != e->before.info.out_reserve_free ?
	       -EBADMSG : 0;
}

int do_probe(struct env *e)
{
	struct contig_probe probe = probe_request(KIB(64), 0);

	return _test_cmd_probe(e->client, &probe) ?:
	       probe.out_rung != CONTIG_RUNG_RESERVE ||
	       probe.out_report_count != CONTIG_RUNG_MAX - 1 ? -EBADMSG : 0;
}

/*
 * ALLOC
 */

static int alloc(struct env *e, struct contig_alloc *cmd)
{
	int ret = _test_cmd_alloc(e->client, cmd);
	uint32_t last = cmd->out_report_count - 1;

	e->length = cmd->length;
	if (ret)
		return cmd->out_fd >= 0 ? -EBADMSG : ret;
	e->fd = cmd->out_fd;
	if (last >= CONTIG_REPORTS || cmd->out_reports[last].error ||
	    cmd->out_reports[last].rung != cmd->out_rung ||
	    (cmd->rungs && !(cmd->rungs & 1u << cmd->out_rung)) ||
	    cmd->out_length != cmd->length)
		return -EBADMSG;
	return 0;
}

static int alloc_rungs(struct env *e, size_t length, uint32_t rungs)
{
	struct contig_alloc cmd = alloc_request(length, rungs);

	strcpy(cmd.name, "to fail");
	return alloc(e, &cmd);
}

int do_alloc_reserve(struct env *e)
{
	return alloc_rungs(e, KIB(64), CONTIG_RUNGS_RESERVE);
}

int do_alloc_coherent(struct env *e)
{
	return alloc_rungs(e, KIB(64), CONTIG_RUNGS_COHERENT);
}

/* Emptied in two steps, so that one can fail after another. */
int do_alloc_range(struct env *e)
{
	return alloc_rungs(e, MIB(20), CONTIG_RUNGS_RANGE);
}

int do_alloc_split(struct env *e)
{
	struct contig_alloc cmd = alloc_request(KIB(256), CONTIG_RUNGS_SPLIT);

	cmd.constraints.max_segment = KIB(16);
	return alloc(e, &cmd);
}

/*
 * Below such a limit the page allocator cannot help: pieces of emptied windows.
 */
int do_alloc_split_windows(struct env *e)
{
	struct contig_alloc cmd = alloc_request(KIB(256), CONTIG_RUNGS_SPLIT);

	cmd.constraints.lowest = MIB(16);
	cmd.constraints.max_segment = KIB(64);
	return alloc(e, &cmd);
}

int do_alloc_scatter(struct env *e)
{
	return alloc_rungs(e, pages(20), CONTIG_RUNGS_SCATTER);
}

int do_alloc_scatter_windows(struct env *e)
{
	struct contig_alloc cmd = alloc_request(pages(100),
						CONTIG_RUNGS_SCATTER);

	cmd.constraints.lowest = MIB(16);
	return alloc(e, &cmd);
}

int do_alloc_many(struct env *e)
{
	return alloc_rungs(e, pages(MANY), CONTIG_RUNGS_SCATTER);
}

int do_alloc_any(struct env *e)
{
	return alloc_rungs(e, KIB(64), 0);
}

int do_alloc_no_reserve(struct env *e)
{
	return alloc_rungs(e, KIB(64), CONTIG_RUNGS_RANGE | CONTIG_RUNGS_SPLIT |
				       CONTIG_RUNGS_SCATTER);
}

/* A request that fails without an injected failure, and has to be explained. */
int do_alloc_in_vain(struct env *e)
{
	struct contig_alloc cmd = alloc_request(KIB(512), CONTIG_RUNGS_RANGE);
	int ret;

	/* Only firmware lies below. */
	cmd.constraints.highest = MIB(1) - 1;
	ret = _test_cmd_alloc(e->client, &cmd);

	if (ret != -ENOMEM || cmd.out_report_count != 1)
		return ret ?: -EBADMSG;
	/* Another error means that the survey for the report had no memory. */
	return cmd.out_reports[0].error == EBUSY ? 0 : -ENOMEM;
}

bool check_alloc(struct env *e)
{
	char *map = buffer_map(e->fd, e->length);
	bool good = map && is_zero(map, e->length) &&
		    !_test_cmd_lock_buffer(e->client, e->fd, 0, e->length, 0) &&
		    buffer_translation_is_true(e->client, e->fd, map,
					       e->length) &&
		    !_test_cmd_unlock_buffer(e->client, e->fd, 0, e->length);

	if (map) {
		/* The next owner must not see this. */
		fill_pattern(map, e->length, 1);
		munmap(map, e->length);
	}
	return good;
}

/*
 * Mappings of buffers
 */

int do_mmap(struct env *e)
{
	e->map = mmap(NULL, e->length, PROT_READ | PROT_WRITE, MAP_SHARED,
		      e->buffer, 0);
	return e->map == MAP_FAILED ? -errno : 0;
}

/*
 * A place that has a page table already, since the page beside it is in use. If
 * there is no memory for a page table, the kernel undoes a mapping that it has
 * not made, and warns about it.
 */
int coherent_buffer_and_place(struct env *e)
{
	char *area = mmap(NULL, MIB(4), PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (area == MAP_FAILED || prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0))
		return -errno;
	e->place = to_pointer((to_addr(area) + MIB(2) - 1) & -MIB(2));
	e->place[0] = 1;
	e->place += MIB(1);
	return coherent_buffer(e);
}

int do_mmap_at_place(struct env *e)
{
	e->map = mmap(e->place, e->length, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_FIXED, e->buffer, 0);
	return e->map == MAP_FAILED ? -errno : 0;
}

bool check_mmap(struct env *e)
{
	fill_pattern(e->map, e->length, 2);
	return has_pattern(e->map, e->length, 2);
}

void undo_mmap(struct env *e)
{
	munmap(e->map, e->length);
}

/*
 * Other drivers
 */

int drm_buffer(struct env *e)
{
	e->device = open("/dev/dri/card0", O_RDWR | O_CLOEXEC);
	return e->device < 0 ? -ENODEV : scatter_buffer(e);
}

int do_import(struct env *e)
{
	struct drm_prime_handle import = { .fd = e->buffer };

	if (ioctl(e->device, DRM_IOCTL_PRIME_FD_TO_HANDLE, &import))
		return -errno;
	e->handle = import.handle;
	return 0;
}

void undo_import(struct env *e)
{
	struct drm_gem_close gem = { .handle = e->handle };

	ioctl(e->device, DRM_IOCTL_GEM_CLOSE, &gem);
}

/* Open the capture device that maps buffers into the kernel. */
int video_buffer(struct env *e)
{
	e->device = open_video(0);
	return e->device < 0 ? -ENODEV : range_buffer(e);
}

void undo_video(struct env *e)
{
	struct v4l2_requestbuffers request = {
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
		.memory = V4L2_MEMORY_DMABUF,
	};

	ioctl(e->device, VIDIOC_REQBUFS, &request);
}

int do_video(struct env *e)
{
	struct v4l2_requestbuffers request = {
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
		.memory = V4L2_MEMORY_DMABUF,
		.count = 1,
	};
	struct v4l2_buffer buffer = {
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
		.memory = V4L2_MEMORY_DMABUF,
		.m.fd = e->buffer,
		.length = e->length,
	};
	int ret;

	if (ioctl(e->device, VIDIOC_REQBUFS, &request))
		return -errno;
	ret = ioctl(e->device, VIDIOC_QBUF, &buffer) ? -errno : 0;
	if (ret)
		undo_video(e);
	return ret;
}

/*
 * Deferred requests. Their attempts are made by the kernel, where no failure is
 * injected.
 */

int do_defer(struct env *e)
{
	struct contig_defer cmd = {
		.size = sizeof(cmd),
		.alloc = alloc_request(KIB(64), CONTIG_RUNGS_RESERVE),
	};
	int ret = contig_ioctl(e->client, CONTIG_DEFER, &cmd);

	e->request = ret ? -1 : cmd.out_fd;
	return ret;
}

/* It ends, so that no attempt is being made any more. */
bool check_defer(struct env *e)
{
	struct pollfd pollfd = { .fd = e->request, .events = POLLIN };

	return poll(&pollfd, 1, 60000) == 1;
}

/* All of it, since what a request has got would be gone after the first time. */
int do_collect(struct env *e)
{
	struct contig_collect cmd = { .size = sizeof(cmd) };
	int ret = do_defer(e);

	if (ret)
		return ret;
	if (!check_defer(e)) {
		undo_defer(e);
		return -ENOMEM;
	}
	cmd.fd = e->request;
	ret = contig_ioctl(e->client, CONTIG_COLLECT, &cmd);
	if (!ret) {
		e->fd = cmd.alloc.out_fd;
		e->length = cmd.alloc.out_length;
	}
	undo_defer(e);
	return ret;
}

void undo_defer(struct env *e)
{
	close(e->request);
	e->request = -1;
}
