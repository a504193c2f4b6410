// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every command with its first failure, its second one, and so on until nothing
 * is left that can fail. Whatever fails, a command that says so has changed
 * nothing and works the next time; and one that finds its way around the
 * failure has a right result.
 */
#include <sys/syscall.h>

#include "kselftest_harness.h"
#include "contig_device_utils.h"
#include "edu.h"
#include "faults.h"
#include "importing.h"

#define PAGES 16
/* More than are pinned, or mapped, in one go. */
#define MANY 600

/**
 * struct env - what a path works on
 * @client: opened before anything fails
 * @other: another client of the process
 * @buffer: a buffer, or -1
 * @length: its length
 * @memory: memory of the process
 * @npages: pages of it whose state must not change
 * @fd: what a command made, or -1
 * @map: the same
 * @handle: the same
 * @device: of another driver
 * @file: behind @memory, or -1
 * @fillers: buffers that take up the reserve
 * @table: extents, or what else a command fills
 * @spans: the same
 * @state: of each page of @memory
 * @before: what else must not change
 */
struct env {
	int client, other;
	int buffer;
	size_t length;
	char *memory;
	size_t npages;
	int fd;
	char *map;
	uint32_t handle;
	int device;
	int file;
	int fillers[16];
	struct contig_extent table[MANY];
	struct contig_span spans[PAGES];
	struct contig_run state[MANY];
	struct snapshot before;
};

/* The state of each page by itself, however it is told in runs. */
static bool state_take(struct env *e, struct contig_run *state)
{
	struct contig_run runs[PAGES * 2];
	struct contig_get_state cmd = {
		.size = sizeof(cmd),
		.flags = e->memory ? 0 : CONTIG_RANGE_BUFFER,
		.addr = to_addr(e->memory),
		.length = pages(e->npages),
		.runs = to_addr(runs),
		.fd = e->memory ? 0 : e->buffer,
	};
	uint64_t page, end;
	uint32_t i;

	while (cmd.length) {
		cmd.count = ARRAY_SIZE(runs);
		if (_test_cmd_get_state(e->client, &cmd))
			return false;
		for (i = 0; i < cmd.count; i++) {
			page = (runs[i].addr - to_addr(e->memory)) / page_size;
			end = page + runs[i].length / page_size;
			for (; page < end && page < e->npages; page++)
				state[page] = (struct contig_run) {
					.locks = runs[i].locks,
					.holds = runs[i].holds,
					.state = runs[i].state,
				};
		}
	}
	return true;
}

static bool all_take(struct env *e)
{
	snapshot_take(&e->before, e->client);
	return !e->npages || state_take(e, e->state);
}

/* Nothing is different. */
static bool all_same(struct env *e)
{
	static struct contig_run now[MANY];
	bool same = snapshot_is_still(&e->before, e->client);

	if (e->npages && (!state_take(e, now) ||
			  memcmp(now, e->state, e->npages * sizeof(*now)))) {
		fprintf(stderr, "# pages are locked or held otherwise\n");
		same = false;
	}
	return same;
}

/*
 * Preparation
 */

static int get_buffer(struct env *e, size_t length, uint32_t rungs)
{
	e->length = length;
	e->buffer = buffer_get(e->client, length, rungs);
	return e->buffer < 0 ? e->buffer : 0;
}

static int scatter_buffer(struct env *e)
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

/* Memory of the process, every second page first: so it is scattered. */
static int memory_of(struct env *e, size_t npages, int flags, int file)
{
	size_t i;

	e->npages = npages;
	e->memory = mmap(NULL, pages(npages), PROT_READ | PROT_WRITE, flags,
			 file, 0);
	if (e->memory == MAP_FAILED)
		return -errno;
	for (i = 0; i < npages; i++)
		e->memory[pages((i * 2) % npages + (i >= npages / 2))] = i;
	return 0;
}

static int some_memory(struct env *e)
{
	return memory_of(e, PAGES, MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

static int much_memory(struct env *e)
{
	return memory_of(e, MANY, MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

static int file_memory(struct env *e)
{
	e->file = syscall(SYS_memfd_create, "fail_nth", 0);
	if (e->file < 0 || ftruncate(e->file, pages(PAGES)))
		return -errno;
	return memory_of(e, PAGES, MAP_SHARED, e->file);
}

static int mapped_buffer(struct env *e)
{
	int ret = scatter_buffer(e);

	e->memory = ret ? NULL : buffer_map(e->buffer, e->length);
	e->npages = MANY;
	return e->memory ? 0 : -ENOMEM;
}

static int whole_buffer(struct env *e)
{
	e->npages = MANY;
	return scatter_buffer(e);
}

static int two_clients(struct env *e)
{
	e->other = client_open();
	return some_memory(e) ?: _test_cmd_hold(e->other, e->memory, pages(2),
						NULL);
}

/* Leave nothing of the reserve. */
static int empty_reserve(struct env *e)
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

static int do_open(struct env *e)
{
	e->fd = client_open();
	return e->fd < 0 ? e->fd : 0;
}

static bool check_open(struct env *e)
{
	struct contig_info info;

	return !_test_cmd_info(e->fd, &info);
}

static void undo_fd(struct env *e)
{
	close(e->fd);
	e->fd = -1;
}

static int do_info(struct env *e)
{
	struct contig_info info;

	return _test_cmd_info(e->client, &info) ?:
	       info.out_quota_used != e->before.info.out_quota_used ||
	       info.out_reserve_free != e->before.info.out_reserve_free ?
	       -EBADMSG : 0;
}

static int do_probe(struct env *e)
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

static int do_alloc_reserve(struct env *e)
{
	return alloc_rungs(e, KIB(64), CONTIG_RUNGS_RESERVE);
}

static int do_alloc_coherent(struct env *e)
{
	return alloc_rungs(e, KIB(64), CONTIG_RUNGS_COHERENT);
}

/* Two steps of emptying, so that one can fail after another. */
static int do_alloc_range(struct env *e)
{
	return alloc_rungs(e, MIB(20), CONTIG_RUNGS_RANGE);
}

static int do_alloc_split(struct env *e)
{
	struct contig_alloc cmd = alloc_request(KIB(256), CONTIG_RUNGS_SPLIT);

	cmd.constraints.max_segment = KIB(16);
	return alloc(e, &cmd);
}

/* The page allocator cannot be asked: pieces of emptied windows. */
static int do_alloc_split_windows(struct env *e)
{
	struct contig_alloc cmd = alloc_request(KIB(256), CONTIG_RUNGS_SPLIT);

	cmd.constraints.lowest = MIB(16);
	cmd.constraints.max_segment = KIB(64);
	return alloc(e, &cmd);
}

static int do_alloc_scatter(struct env *e)
{
	return alloc_rungs(e, pages(20), CONTIG_RUNGS_SCATTER);
}

static int do_alloc_scatter_windows(struct env *e)
{
	struct contig_alloc cmd = alloc_request(pages(100),
						CONTIG_RUNGS_SCATTER);

	cmd.constraints.lowest = MIB(16);
	return alloc(e, &cmd);
}

static int do_alloc_many(struct env *e)
{
	return alloc_rungs(e, pages(MANY), CONTIG_RUNGS_SCATTER);
}

static int do_alloc_any(struct env *e)
{
	return alloc_rungs(e, KIB(64), 0);
}

static int do_alloc_no_reserve(struct env *e)
{
	return alloc_rungs(e, KIB(64), CONTIG_RUNGS_RANGE | CONTIG_RUNGS_SPLIT |
				       CONTIG_RUNGS_SCATTER);
}

/* A failure that needs no help, and has to be explained. */
static int do_alloc_in_vain(struct env *e)
{
	struct contig_alloc cmd = alloc_request(KIB(512), CONTIG_RUNGS_RANGE);
	int ret;

	/* Firmware is there. */
	cmd.constraints.highest = MIB(1) - 1;
	ret = _test_cmd_alloc(e->client, &cmd);

	if (ret != -ENOMEM || cmd.out_report_count != 1)
		return ret ?: -EBADMSG;
	/* Or was there nothing to look with? */
	return cmd.out_reports[0].error == EBUSY ? 0 : -ENOMEM;
}

static bool check_alloc(struct env *e)
{
	char *map = buffer_map(e->fd, e->length);
	bool good = map && is_zero(map, e->length) &&
		    !_test_cmd_lock_buffer(e->client, e->fd, 0, e->length, 0) &&
		    buffer_translation_is_true(e->client, e->fd, map,
					       e->length) &&
		    !_test_cmd_unlock_buffer(e->client, e->fd, 0, e->length);

	if (map) {
		/* For the next owner not to see. */
		fill_pattern(map, e->length, 1);
		munmap(map, e->length);
	}
	return good;
}

/*
 * Mappings of buffers
 */

static int do_mmap(struct env *e)
{
	e->map = mmap(NULL, e->length, PROT_READ | PROT_WRITE, MAP_SHARED,
		      e->buffer, 0);
	return e->map == MAP_FAILED ? -errno : 0;
}

static bool check_mmap(struct env *e)
{
	fill_pattern(e->map, e->length, 2);
	return has_pattern(e->map, e->length, 2);
}

static void undo_mmap(struct env *e)
{
	munmap(e->map, e->length);
}

/*
 * LOCK and UNLOCK
 */

static int do_lock(struct env *e)
{
	return _test_cmd_lock(e->client, e->memory, pages(e->npages), 0);
}

static bool check_lock(struct env *e)
{
	return translation_is_true(e->client, e->memory, pages(e->npages));
}

static void undo_lock(struct env *e)
{
	_test_cmd_unlock(e->client, e->memory, pages(e->npages));
}

static int do_lock_output(struct env *e)
{
	return _test_cmd_lock(e->client, e->memory, pages(e->npages),
			      CONTIG_LOCK_OUTPUT);
}

static int do_lock_contiguous(struct env *e)
{
	int ret = _test_cmd_lock(e->client, e->memory, pages(e->npages),
				 CONTIG_LOCK_CONTIGUOUS);

	return ret == -EILSEQ ? 0 : ret ?: -EBADMSG;
}

/* Locks of parts: what is between them is pinned by itself. */
static int before_nested(struct env *e)
{
	return _test_cmd_lock(e->client, e->memory + pages(2), pages(3), 0) ?:
	       _test_cmd_lock(e->client, e->memory + pages(4), pages(6), 0);
}

static void after_nested(struct env *e)
{
	_test_cmd_unlock(e->client, e->memory + pages(2), pages(3));
	_test_cmd_unlock(e->client, e->memory + pages(4), pages(6));
}

static int do_lock_nested(struct env *e)
{
	return _test_cmd_lock(e->client, e->memory, pages(PAGES - 1), 0);
}

static bool check_nested(struct env *e)
{
	return translation_is_true(e->client, e->memory, pages(PAGES - 1)) &&
	       page_state(e->client, e->memory + pages(4)).locks == 3 &&
	       page_state(e->client, e->memory).locks == 1;
}

static void undo_nested(struct env *e)
{
	_test_cmd_unlock(e->client, e->memory, pages(PAGES - 1));
}

static int before_output(struct env *e)
{
	return do_lock_output(e);
}

/* Memory that nobody has touched, so page tables are missing, too. */
static int before_untouched(struct env *e)
{
	e->npages = PAGES;
	e->memory = mmap((void *)(1ul << 40), pages(PAGES),
			 PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
	return e->memory == MAP_FAILED ? -errno : 0;
}

static void after_untouched(struct env *e)
{
	munmap(e->memory, pages(PAGES));
}

static int before_file(struct env *e)
{
	/* The file's pages as well. */
	if (ftruncate(e->file, 0) || ftruncate(e->file, pages(PAGES)))
		return -errno;
	return 0;
}

static int do_lock_fd(struct env *e)
{
	return _test_cmd_lock_buffer(e->client, e->buffer, 0, e->length, 0);
}

static bool check_lock_fd(struct env *e)
{
	return _test_cmd_count_buffer(e->client, e->buffer, 0, e->length) > 0;
}

static void undo_lock_fd(struct env *e)
{
	_test_cmd_unlock_buffer(e->client, e->buffer, 0, e->length);
}

static int do_unlock_middle(struct env *e)
{
	return _test_cmd_unlock(e->client, e->memory + pages(5), pages(4));
}

static bool check_unlock_middle(struct env *e)
{
	return page_state(e->client, e->memory + pages(4)).locks == 1 &&
	       page_state(e->client, e->memory + pages(5)).locks == 0 &&
	       page_state(e->client, e->memory + pages(8)).locks == 0 &&
	       page_state(e->client, e->memory + pages(9)).locks == 1;
}

static void undo_unlock_middle(struct env *e)
{
	_test_cmd_lock(e->client, e->memory + pages(5), pages(4), 0);
}

static int do_unlock_fd(struct env *e)
{
	return _test_cmd_unlock_buffer(e->client, e->buffer, pages(5),
				       pages(4));
}

static void undo_unlock_fd(struct env *e)
{
	_test_cmd_lock_buffer(e->client, e->buffer, pages(5), pages(4), 0);
}

/*
 * HOLD and UNHOLD
 */

static int do_hold(struct env *e)
{
	return _test_cmd_hold(e->client, e->memory + pages(1),
			      pages(e->npages - 2), NULL);
}

static bool check_hold(struct env *e)
{
	return page_state(e->client, e->memory + pages(1)).holds ==
	       e->state[1].holds + 1 &&
	       !page_state(e->client, e->memory).holds;
}

static void undo_hold(struct env *e)
{
	_test_cmd_unhold(e->client, e->memory + pages(1), pages(e->npages - 2),
			 NULL, NULL);
}

static int before_hold(struct env *e)
{
	return _test_cmd_hold(e->client, e->memory + pages(3), pages(4), NULL);
}

static void after_hold(struct env *e)
{
	_test_cmd_unhold(e->client, e->memory + pages(3), pages(4), NULL, NULL);
}

static int before_unhold(struct env *e)
{
	return do_hold(e);
}

static int do_unhold(struct env *e)
{
	uint32_t count = ARRAY_SIZE(e->spans);
	int ret;

	memset(e->spans, 0, sizeof(e->spans));
	ret = _test_cmd_unhold(e->client, e->memory + pages(1), pages(4),
			       e->spans, &count);
	return ret ?: count != 1 ? -EBADMSG : 0;
}

/* The other client holds the first two pages. */
static bool check_unhold(struct env *e)
{
	return e->spans[0].addr == to_addr(e->memory) + pages(2) &&
	       e->spans[0].length == pages(3) &&
	       !page_state(e->client, e->memory + pages(4)).holds &&
	       page_state(e->client, e->memory + pages(5)).holds == 1;
}

static void undo_unhold(struct env *e)
{
	_test_cmd_hold(e->client, e->memory + pages(1), pages(4), NULL);
}

/*
 * GET_PHYSICAL and GET_STATE
 */

static int get_physical(struct env *e, size_t npages)
{
	struct contig_get_physical cmd = {
		.size = sizeof(cmd),
		.addr = to_addr(e->memory),
		.length = pages(npages),
		.extents = to_addr(e->table),
		.count = ARRAY_SIZE(e->table),
	};

	memset(e->table, 0, sizeof(e->table));
	return _test_cmd_get_physical(e->client, &cmd) ?:
	       cmd.length ? -EBADMSG : 0;
}

static bool is_physical(struct env *e, size_t npages)
{
	struct contig_extent *want;
	int64_t n = pagemap_extents(e->memory, pages(npages), &want);
	bool same = n > 0 && !memcmp(want, e->table, n * sizeof(*want));

	free(want);
	return same;
}

static int do_get_physical(struct env *e)
{
	return get_physical(e, e->npages);
}

static bool check_get_physical(struct env *e)
{
	return is_physical(e, e->npages);
}

/*
 * The same pages again, but not in the page tables, where they are looked for.
 * Their state is not asked for meanwhile, since that would look as well.
 */
static int before_mapped_again(struct env *e)
{
	void *at = (void *)(1ul << 40);

	e->npages = 0;
	e->memory = mmap(at, pages(PAGES), PROT_READ | PROT_WRITE, MAP_SHARED,
			 e->file, 0);
	if (e->memory != at ||
	    _test_cmd_lock(e->client, at, pages(PAGES), 0) ||
	    munmap(at, pages(PAGES)) || get_physical(e, PAGES) != -ESTALE)
		return -EBADMSG;
	e->memory = mmap(at, pages(PAGES), PROT_READ | PROT_WRITE, MAP_SHARED,
			 e->file, 0);
	return e->memory == at ? 0 : -EBADMSG;
}

static void after_mapped_again(struct env *e)
{
	_test_cmd_unlock(e->client, e->memory, pages(PAGES));
	munmap(e->memory, pages(PAGES));
}

static int do_get_mapped_again(struct env *e)
{
	return get_physical(e, PAGES);
}

static bool check_mapped_again(struct env *e)
{
	return is_physical(e, PAGES);
}

static int do_get_state_mapped_again(struct env *e)
{
	struct contig_run run;
	struct contig_get_state cmd = {
		.size = sizeof(cmd),
		.addr = to_addr(e->memory),
		.length = page_size,
		.runs = to_addr(&run),
		.count = 1,
	};

	return _test_cmd_get_state(e->client, &cmd) ?:
	       run.state & CONTIG_PAGE_STALE ? -EBADMSG : 0;
}

static int do_get_state(struct env *e)
{
	struct contig_run runs[PAGES];
	struct contig_get_state cmd = {
		.size = sizeof(cmd),
		.addr = to_addr(e->memory),
		.length = pages(PAGES),
		.runs = to_addr(runs),
		.count = PAGES,
	};

	/* None, one, two, one, none: see before_nested(). */
	return _test_cmd_get_state(e->client, &cmd) ?:
	       cmd.count != 5 || runs[2].locks != 2 ||
	       runs[4].locks ? -EBADMSG : 0;
}

/*
 * Other drivers
 */

static int drm_buffer(struct env *e)
{
	e->device = open("/dev/dri/card0", O_RDWR | O_CLOEXEC);
	return e->device < 0 ? -ENODEV : scatter_buffer(e);
}

static int do_import(struct env *e)
{
	struct drm_prime_handle import = { .fd = e->buffer };

	if (ioctl(e->device, DRM_IOCTL_PRIME_FD_TO_HANDLE, &import))
		return -errno;
	e->handle = import.handle;
	return 0;
}

static void undo_import(struct env *e)
{
	struct drm_gem_close gem = { .handle = e->handle };

	ioctl(e->device, DRM_IOCTL_GEM_CLOSE, &gem);
}

/* The capture device that maps buffers into the kernel. */
static int video_buffer(struct env *e)
{
	e->device = open_video(0);
	return e->device < 0 ? -ENODEV : range_buffer(e);
}

static void undo_video(struct env *e)
{
	struct v4l2_requestbuffers request = {
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
		.memory = V4L2_MEMORY_DMABUF,
	};

	ioctl(e->device, VIDIOC_REQBUFS, &request);
}

static int do_video(struct env *e)
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
 * All paths
 */

FIXTURE(survives) {
	struct env env;
};

/**
 * @prepare: once; -ENODEV if there is nothing to do it with
 * @before: each time, nothing fails
 * @run: what is made to fail; 0 or -errno
 * @check: is what it says after success true?
 * @undo: its success
 * @after: @before
 * @reserve: bytes that the reserve has to have
 * @alike: the points are many and alike, so not each of them is tried
 */
FIXTURE_VARIANT(survives) {
	int (*prepare)(struct env *e);
	int (*before)(struct env *e);
	int (*run)(struct env *e);
	bool (*check)(struct env *e);
	void (*undo)(struct env *e);
	void (*after)(struct env *e);
	size_t reserve;
	bool alike;
};

/*
 * A device, and memory for transfers. Nothing is mapped for the device: a kernel
 * that looks after mappings does that no more once it had no memory for its own
 * notes, and says so. The program "drivers" has mappings fail.
 */

static struct edu edu;

static int edu_device(struct env *e)
{
	int ret = edu_setup(&edu);

	edu_disable(&edu);
	return ret;
}

static int do_attach(struct env *e)
{
	struct contig_device cmd = {
		.address_bits = 32,
		.max_segment = MIB(1),
	};

	return attach(e->client, &cmd, edu.name);
}

static bool check_attach(struct env *e)
{
	struct contig_device cmd;

	return !query(e->client, &cmd) && cmd.out_address_bits == 32 &&
	       cmd.out_max_segment == MIB(1);
}

static void undo_attach(struct env *e)
{
	detach(e->client);
}

/* In two ranges, so that there is something to undo. */
static int do_prepare(struct env *e)
{
	struct contig_prepare cmd = {
		.size = sizeof(cmd),
		.flags = CONTIG_IO_INPUT,
		.ranges = to_addr(e->spans),
		.range_count = 2,
		.addrs = to_addr(e->table),
		.count = MANY,
	};
	int ret;

	e->spans[0] = (struct contig_span) { to_addr(e->memory), pages(3) };
	e->spans[1] = (struct contig_span) { to_addr(e->memory) + pages(5),
					     pages(4) };
	ret = contig_ioctl(e->client, CONTIG_PREPARE, &cmd);
	e->handle = ret ? 0 : cmd.out_id;
	return ret;
}

static bool check_prepare(struct env *e)
{
	const uint64_t *addrs = (const uint64_t *)e->table;

	return addrs[0] == pfn_of(e->memory) * page_size &&
	       addrs[6] == pfn_of(e->memory + pages(8)) * page_size;
}

static void undo_prepare(struct env *e)
{
	checkpoint(e->client, e->handle, 0);
}

#define PATH(name, ...) FIXTURE_VARIANT_ADD(survives, name) { __VA_ARGS__ }
#define ALLOC(name, ...) PATH(alloc_##name, .run = do_alloc_##name, \
	.check = check_alloc, .undo = undo_fd, __VA_ARGS__)
#define LOCK(name, ...) PATH(lock_##name, .run = do_lock, \
	.check = check_lock, .undo = undo_lock, __VA_ARGS__)

PATH(open, .run = do_open, .check = check_open, .undo = undo_fd);
PATH(info, .run = do_info);
PATH(probe, .run = do_probe, .reserve = KIB(64));
ALLOC(reserve, .reserve = KIB(64));
ALLOC(coherent);
ALLOC(range);
ALLOC(split);
ALLOC(split_windows);
ALLOC(scatter);
ALLOC(scatter_windows);
ALLOC(many, .alike = true);
ALLOC(any, .reserve = KIB(64));
ALLOC(no_reserve);
PATH(alloc_after_the_reserve, .prepare = empty_reserve, .run = do_alloc_any,
     .check = check_alloc, .undo = undo_fd, .reserve = KIB(64));
PATH(alloc_in_vain, .run = do_alloc_in_vain);
PATH(mmap_pages, .prepare = scatter_buffer, .run = do_mmap, .check = check_mmap,
     .undo = undo_mmap);
PATH(mmap_coherent, .prepare = coherent_buffer, .run = do_mmap,
     .check = check_mmap, .undo = undo_mmap);
LOCK(anonymous, .prepare = some_memory);
LOCK(many, .prepare = much_memory);
LOCK(untouched, .before = before_untouched, .after = after_untouched);
LOCK(file, .prepare = file_memory, .before = before_file);
LOCK(mapped_buffer, .prepare = mapped_buffer);
LOCK(to_write_after_output, .prepare = some_memory, .before = before_output,
     .after = undo_lock);
PATH(lock_output, .prepare = some_memory, .run = do_lock_output,
     .check = check_lock, .undo = undo_lock);
PATH(lock_contiguous, .prepare = some_memory, .run = do_lock_contiguous);
PATH(lock_nested, .prepare = some_memory, .before = before_nested,
     .run = do_lock_nested, .check = check_nested, .undo = undo_nested,
     .after = after_nested);
PATH(lock_fd, .prepare = whole_buffer, .run = do_lock_fd,
     .check = check_lock_fd, .undo = undo_lock_fd);
PATH(unlock_middle, .prepare = some_memory, .before = do_lock,
     .run = do_unlock_middle, .check = check_unlock_middle,
     .undo = undo_unlock_middle, .after = undo_lock);
PATH(unlock_fd, .prepare = whole_buffer, .before = do_lock_fd,
     .run = do_unlock_fd, .undo = undo_unlock_fd, .after = undo_lock_fd);
PATH(hold, .prepare = some_memory, .run = do_hold, .check = check_hold,
     .undo = undo_hold);
PATH(hold_nested, .prepare = some_memory, .before = before_hold,
     .run = do_hold, .check = check_hold, .undo = undo_hold,
     .after = after_hold);
PATH(unhold, .prepare = two_clients, .before = before_unhold, .run = do_unhold,
     .check = check_unhold, .undo = undo_unhold, .after = undo_hold);
PATH(get_physical, .prepare = much_memory, .before = do_lock,
     .run = do_get_physical, .check = check_get_physical, .after = undo_lock);
PATH(get_physical_mapped_again, .prepare = file_memory,
     .before = before_mapped_again, .run = do_get_mapped_again,
     .check = check_mapped_again, .after = after_mapped_again);
PATH(get_state, .prepare = some_memory, .before = before_nested,
     .run = do_get_state, .after = after_nested);
PATH(get_state_mapped_again, .prepare = file_memory,
     .before = before_mapped_again, .run = do_get_state_mapped_again,
     .after = after_mapped_again);
PATH(attach, .prepare = edu_device, .run = do_attach, .check = check_attach,
     .undo = undo_attach);
PATH(prepare, .prepare = some_memory, .run = do_prepare,
     .check = check_prepare, .undo = undo_prepare);
PATH(import, .prepare = drm_buffer, .run = do_import, .undo = undo_import,
     .alike = true);

FIXTURE_SETUP(survives) {
	struct env *e = &self->env;
	int ret;

	*e = (struct env) { .buffer = -1, .fd = -1, .other = -1, .file = -1 };
	memset(e->fillers, -1, sizeof(e->fillers));
	setup_client(e->client);
	faults_setup();
	/* It is opened once, and stays: not in the middle of what is compared. */
	kcore_usable();
	if (variant->reserve)
		need_reserve(e->client, variant->reserve);
	ret = variant->prepare ? variant->prepare(e) : 0;
	if (ret == -ENODEV)
		SKIP(return, "no such driver here");
	ASSERT_EQ(0, ret);
}

FIXTURE_TEARDOWN(survives) {
	size_t i;

	close(self->env.buffer);
	close(self->env.client);
	close(self->env.other);
	for (i = 0; i < ARRAY_SIZE(self->env.fillers); i++)
		close(self->env.fillers[i]);
}

static bool is_sane(int error)
{
	return error == -ENOMEM || error == -EFAULT || error == -EAGAIN ||
	       error == -EINTR;
}

/* After success: is it as it says, and can it be taken back? */
static bool is_good(struct env *e, const FIXTURE_VARIANT(survives) *path)
{
	bool good = !path->check || path->check(e);

	if (path->undo)
		path->undo(e);
	return all_same(e) && good;
}

TEST_F_TIMEOUT(survives, every_failure, 600)
{
	unsigned int n, left = 0, injected = 0, hidden = 0, done = 0;
	struct env *e = &self->env;
	int fd, ret;

	for (n = 1; !left && n < FAULTS_MAX;
	     n += variant->alike && n > 32 ? n / 4 : 1) {
		if (variant->before)
			ASSERT_EQ(0, variant->before(e));
		if (variant->before || n == 1)
			ASSERT_TRUE(all_take(e));

		fd = fault_arm(n);
		ret = variant->run(e);
		left = fault_disarm(fd);
		injected += !left;
		hidden += !left && !ret;
		if (ret) {
			EXPECT_EQ(0, left);
			EXPECT_TRUE(is_sane(ret));
			EXPECT_TRUE(all_same(e));
			ret = variant->run(e);
		}
		EXPECT_EQ(0, ret);
		if (!ret)
			EXPECT_TRUE(is_good(e, variant));
		if (variant->after)
			variant->after(e);
		if (_metadata->exit_code)
			TH_LOG("point %u", n);
		ASSERT_EQ(0, _metadata->exit_code);
		done = n;
	}
	ASSERT_NE(0, left);
	/* A path with nothing that can fail is not the path it should be. */
	EXPECT_LT(0, injected);
	printf("# %u points, %u tried, %u without harm\n", done - 1, injected,
	       hidden);
}

/*
 * Closing
 */

static int use_everything(struct env *e)
{
	e->other = client_open();
	e->fd = buffer_get(e->other, pages(PAGES), CONTIG_RUNGS_SCATTER);
	if (e->other < 0 || e->fd < 0)
		return -EBADMSG;
	e->map = buffer_map(e->fd, pages(PAGES));
	return _test_cmd_lock(e->other, e->memory, pages(PAGES), 0) ?:
	       _test_cmd_lock(e->other, e->memory + pages(2), pages(3), 0) ?:
	       _test_cmd_hold(e->other, e->memory, pages(PAGES), NULL) ?:
	       _test_cmd_lock(e->other, e->map, pages(PAGES), 0) ?:
	       _test_cmd_lock_buffer(e->other, e->fd, 0, pages(PAGES), 0);
}

FIXTURE(closing) {
	struct env env;
};

FIXTURE_SETUP(closing) {
	setup_client(self->env.client);
	faults_setup();
	ASSERT_EQ(0, some_memory(&self->env));
}

FIXTURE_TEARDOWN(closing) {
	close(self->env.client);
}

/* It cannot fail, and nobody could be told: so nothing may be left. */
TEST_F_TIMEOUT(closing, leaves_nothing, 300)
{
	struct env *e = &self->env;
	unsigned int n, left = 0;
	int fault;

	for (n = 1; !left && n < FAULTS_MAX; n++) {
		ASSERT_TRUE(all_take(e));
		ASSERT_EQ(0, use_everything(e));
		fault = fault_arm(n);
		munmap(e->map, pages(PAGES));
		close(e->fd);
		close(e->other);
		left = fault_disarm(fault);
		/* Unmapping says if it fails: a mapping may be left then. */
		munmap(e->map, pages(PAGES));
		ASSERT_TRUE(all_same(e))
			TH_LOG("point %u", n);
	}
	ASSERT_NE(0, left);
	printf("# %u points\n", n - 2);
}

enum { FAILED_WELL, FAILED_BADLY, PASSED };

static int lock_in_child(unsigned int n)
{
	char *memory = anon_map(pages(PAGES));
	int client = client_open(), fault, ret;
	unsigned int left;

	fault = fault_arm(n);
	ret = _test_cmd_lock(client, memory, pages(PAGES), 0);
	left = fault_disarm(fault);
	if (ret && (left || !is_sane(ret) || charged_kib() ||
		    _test_cmd_lock(client, memory, pages(PAGES), 0)))
		return FAILED_BADLY;
	if (!translation_is_true(client, memory, pages(PAGES)))
		return FAILED_BADLY;
	return left ? PASSED : FAILED_WELL;
}

/* The first lock of a process has more to make than any later one. */
TEST_F_TIMEOUT(closing, of_a_process_that_locks_once, 300)
{
	struct env *e = &self->env;
	int status = FAILED_WELL;
	unsigned int n;
	pid_t pid;

	ASSERT_TRUE(all_take(e));
	for (n = 1; status == FAILED_WELL && n < FAULTS_MAX; n++) {
		pid = fork();
		if (!pid)
			_exit(lock_in_child(n));
		status = child_wait(pid);
		ASSERT_TRUE(all_same(e))
			TH_LOG("point %u", n);
	}
	EXPECT_EQ(PASSED, status)
		TH_LOG("point %u", n - 1);
	printf("# %u points\n", n - 2);
}

/*
 * The points that are contig's own, by their attributes in debugfs: always, and
 * never again.
 */

FIXTURE(point) {
	struct env env;
};

FIXTURE_VARIANT(point) {
	const char *name;
	int (*prepare)(struct env *e);
	int (*run)(struct env *e);
	void (*undo)(struct env *e);
	int error;
	size_t reserve;
};

#define POINT(_name, ...) FIXTURE_VARIANT_ADD(point, _name) { \
	.name = "contig/fail_" #_name, __VA_ARGS__ }

POINT(reserve, .run = do_alloc_reserve, .undo = undo_fd, .error = ENOMEM,
      .reserve = KIB(64));
POINT(coherent, .run = do_alloc_coherent, .undo = undo_fd, .error = ENOMEM);
POINT(range, .run = do_alloc_range, .undo = undo_fd, .error = ENOMEM);
POINT(split, .run = do_alloc_split, .undo = undo_fd, .error = ENOMEM);
POINT(scatter, .run = do_alloc_scatter, .undo = undo_fd, .error = ENOMEM);
POINT(pin, .prepare = some_memory, .run = do_lock, .undo = undo_lock,
      .error = ENOMEM);
POINT(map, .prepare = scatter_buffer, .run = do_mmap, .undo = undo_mmap,
      .error = ENOMEM);
POINT(copy, .run = do_info, .error = EFAULT);
/*
 * No path of its own: if videobuf2 itself has no memory to attach a buffer, 6.12
 * never lets go of it.
 */
POINT(map_into_the_kernel, .name = "contig/fail_map", .prepare = video_buffer,
      .run = do_video, .undo = undo_video, .error = EFAULT);

static int set_point(const char *name, const char *what, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), DEBUGFS "%s/%s", name, what);
	return write_text(path, value);
}

FIXTURE_SETUP(point) {
	struct env *e = &self->env;
	int ret;

	*e = (struct env) { .buffer = -1, .fd = -1, .other = -1, .file = -1 };
	setup_client(e->client);
	faults_setup();
	/* It is opened once, and stays: not in the middle of what is compared. */
	kcore_usable();
	if (variant->reserve)
		need_reserve(e->client, variant->reserve);
	ret = variant->prepare ? variant->prepare(e) : 0;
	if (ret == -ENODEV)
		SKIP(return, "no such driver here");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, set_point(variant->name, "times", "-1"));
}

FIXTURE_TEARDOWN(point) {
	set_point(variant->name, "probability", "0");
	close(self->env.buffer);
	close(self->env.client);
}

TEST_F(point, fails_on_demand)
{
	struct env *e = &self->env;

	ASSERT_TRUE(all_take(e));
	ASSERT_EQ(0, set_point(variant->name, "probability", "100"));
	EXPECT_EQ(-variant->error, variant->run(e));
	ASSERT_EQ(0, set_point(variant->name, "probability", "0"));
	EXPECT_TRUE(all_same(e));
	ASSERT_EQ(0, variant->run(e));
	if (variant->undo)
		variant->undo(e);
	EXPECT_TRUE(all_same(e));
}

static __attribute__((constructor)) void need_kernel(void)
{
	faults_need_kernel();
}

TEST_HARNESS_MAIN
