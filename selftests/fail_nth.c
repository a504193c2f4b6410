// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every command with its first failure, its second one, and so on until no
 * point is left that can fail. At each point, a command that reports the
 * failure has changed nothing and succeeds the next time; one that recovers
 * from the failure has a correct result.
 */
#include "kselftest_harness.h"
#include "fail_nth.h"
#include "faults.h"

/* Get the state of each page alone, however the answer groups pages in runs. */
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

/* Return true if nothing has changed. */
static bool all_same(struct env *e)
{
	static struct contig_run now[MANY];
	bool same = snapshot_is_still(&e->before, e->client);

	if (e->npages && (!state_take(e, now) ||
			  memcmp(now, e->state, e->npages * sizeof(*now)))) {
		fprintf(stderr, "# pages are not locked or held as before\n");
		same = false;
	}
	return same;
}

/*
 * All paths
 */

FIXTURE(survives) {
	struct env env;
};

/**
 * @prepare: runs once; -ENODEV if a device for the path is missing
 * @before: runs each time, without failures
 * @run: runs with a failure; 0 or -errno
 * @check: returns true if a result that is reported as success is right
 * @undo: undoes a successful @run
 * @after: undoes @before
 * @reserve: bytes that the reserve must have
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
PATH(defer, .run = do_defer, .check = check_defer, .undo = undo_defer,
     .reserve = KIB(64));
PATH(collect, .run = do_collect, .check = check_alloc, .undo = undo_fd,
     .reserve = KIB(64));
PATH(mmap_pages, .prepare = scatter_buffer, .run = do_mmap, .check = check_mmap,
     .undo = undo_mmap);
PATH(mmap_coherent, .prepare = coherent_buffer_and_place,
     .run = do_mmap_at_place, .check = check_mmap, .undo = undo_mmap);
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
PATH(gather, .run = do_gather, .check = check_gather, .undo = undo_gather,
     .alike = true);
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

	*e = (struct env) { .buffer = -1, .fd = -1, .request = -1, .other = -1,
			     .file = -1 };
	memset(e->fillers, -1, sizeof(e->fillers));
	setup_client(e->client);
	faults_setup();
	/*
	 * Open the file now: it stays open, and would look like a leak later.
	 */
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

/* After success: return true if the result is right and can be undone. */
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
	/* A path without a point that can fail is not the intended path. */
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

/* Closing cannot fail, and could not report it: so nothing may be left. */
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
		/* munmap() can fail and report it: then the mapping is left. */
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

/* The first lock of a process allocates more than any later one. */
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
 * contig's own failure points, set by their attributes in debugfs: they fail
 * always, and then never again.
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
POINT(move_copied, .run = do_gather, .undo = undo_gather, .error = ENOMEM);
POINT(move, .run = do_gather, .undo = undo_gather, .error = ENOMEM);
/*
 * Not a path of fail_nth: if videobuf2 itself has no memory to attach a buffer,
 * 6.12 never releases it.
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
	/*
	 * Open the file now: it stays open, and would look like a leak later.
	 */
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
