// SPDX-License-Identifier: GPL-2.0-only
/*
 * Paths of fail_nth: locking, holding, translating and preparing ranges.
 */
#include <sys/syscall.h>

#include "kselftest.h"
#include "contig_device_utils.h"
#include "edu.h"
#include "fail_nth.h"

/* An address without neighbours, so that its page tables are missing. */
#define FAR_AWAY to_pointer(sizeof(void *) == 8 ? 1ull << 40 : 1ull << 30)

/*
 * Preparation
 */

/*
 * Map memory of the process, and touch every second page first to scatter it.
 */
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

int some_memory(struct env *e)
{
	return memory_of(e, PAGES, MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

int much_memory(struct env *e)
{
	return memory_of(e, MANY, MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

int file_memory(struct env *e)
{
	e->file = syscall(SYS_memfd_create, "fail_nth", 0);
	if (e->file < 0 || ftruncate(e->file, pages(PAGES)))
		return -errno;
	return memory_of(e, PAGES, MAP_SHARED, e->file);
}

int mapped_buffer(struct env *e)
{
	int ret = scatter_buffer(e);

	e->memory = ret ? NULL : buffer_map(e->buffer, e->length);
	e->npages = MANY;
	return e->memory ? 0 : -ENOMEM;
}

int whole_buffer(struct env *e)
{
	e->npages = MANY;
	return scatter_buffer(e);
}

int two_clients(struct env *e)
{
	e->other = client_open();
	return some_memory(e) ?: _test_cmd_hold(e->other, e->memory, pages(2),
						NULL);
}

/*
 * LOCK and UNLOCK
 */

int do_lock(struct env *e)
{
	return _test_cmd_lock(e->client, e->memory, pages(e->npages), 0);
}

bool check_lock(struct env *e)
{
	return translation_is_true(e->client, e->memory, pages(e->npages));
}

void undo_lock(struct env *e)
{
	_test_cmd_unlock(e->client, e->memory, pages(e->npages));
}

int do_lock_output(struct env *e)
{
	return _test_cmd_lock(e->client, e->memory, pages(e->npages),
			      CONTIG_LOCK_OUTPUT);
}

int do_lock_contiguous(struct env *e)
{
	int ret = _test_cmd_lock(e->client, e->memory, pages(e->npages),
				 CONTIG_LOCK_CONTIGUOUS);

	return ret == -EILSEQ ? 0 : ret ?: -EBADMSG;
}

/* Lock two parts; the pages around them are pinned separately later. */
int before_nested(struct env *e)
{
	return _test_cmd_lock(e->client, e->memory + pages(2), pages(3), 0) ?:
	       _test_cmd_lock(e->client, e->memory + pages(4), pages(6), 0);
}

void after_nested(struct env *e)
{
	_test_cmd_unlock(e->client, e->memory + pages(2), pages(3));
	_test_cmd_unlock(e->client, e->memory + pages(4), pages(6));
}

int do_lock_nested(struct env *e)
{
	return _test_cmd_lock(e->client, e->memory, pages(PAGES - 1), 0);
}

bool check_nested(struct env *e)
{
	return translation_is_true(e->client, e->memory, pages(PAGES - 1)) &&
	       page_state(e->client, e->memory + pages(4)).locks == 3 &&
	       page_state(e->client, e->memory).locks == 1;
}

void undo_nested(struct env *e)
{
	_test_cmd_unlock(e->client, e->memory, pages(PAGES - 1));
}

int before_output(struct env *e)
{
	return do_lock_output(e);
}

/* Memory that was never touched: page tables are missing as well. */
int before_untouched(struct env *e)
{
	e->npages = PAGES;
	e->memory = mmap(FAR_AWAY, pages(PAGES),
			 PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
	return e->memory == MAP_FAILED ? -errno : 0;
}

void after_untouched(struct env *e)
{
	munmap(e->memory, pages(PAGES));
}

int before_file(struct env *e)
{
	/* Drop the pages of the file as well. */
	if (ftruncate(e->file, 0) || ftruncate(e->file, pages(PAGES)))
		return -errno;
	return 0;
}

int do_lock_fd(struct env *e)
{
	return _test_cmd_lock_buffer(e->client, e->buffer, 0, e->length, 0);
}

bool check_lock_fd(struct env *e)
{
	return _test_cmd_count_buffer(e->client, e->buffer, 0, e->length) > 0;
}

void undo_lock_fd(struct env *e)
{
	_test_cmd_unlock_buffer(e->client, e->buffer, 0, e->length);
}

/* A new buffer each time: one that was moved is not moved again. */
int do_gather(struct env *e)
{
	int ret = scatter_buffer(e);

	if (ret)
		return ret;
	ret = _test_cmd_lock_buffer(e->client, e->buffer, 0, e->length,
				    CONTIG_LOCK_CONTIGUOUS);
	if (!ret)
		return 0;
	close(e->buffer);
	e->buffer = -1;
	/* It may have been copied there. */
	reserve_settle();
	/* What was missing to move it is not told. */
	return ret == -EILSEQ ? -ENOMEM : ret;
}

void undo_gather(struct env *e)
{
	undo_lock_fd(e);
	close(e->buffer);
	e->buffer = -1;
	reserve_settle();
}

bool check_gather(struct env *e)
{
	return _test_cmd_count_buffer(e->client, e->buffer, 0, e->length) == 1;
}

int do_unlock_middle(struct env *e)
{
	return _test_cmd_unlock(e->client, e->memory + pages(5), pages(4));
}

bool check_unlock_middle(struct env *e)
{
	return page_state(e->client, e->memory + pages(4)).locks == 1 &&
	       page_state(e->client, e->memory + pages(5)).locks == 0 &&
	       page_state(e->client, e->memory + pages(8)).locks == 0 &&
	       page_state(e->client, e->memory + pages(9)).locks == 1;
}

void undo_unlock_middle(struct env *e)
{
	_test_cmd_lock(e->client, e->memory + pages(5), pages(4), 0);
}

int do_unlock_fd(struct env *e)
{
	return _test_cmd_unlock_buffer(e->client, e->buffer, pages(5),
				       pages(4));
}

void undo_unlock_fd(struct env *e)
{
	_test_cmd_lock_buffer(e->client, e->buffer, pages(5), pages(4), 0);
}

/*
 * HOLD and UNHOLD
 */

int do_hold(struct env *e)
{
	return _test_cmd_hold(e->client, e->memory + pages(1),
			      pages(e->npages - 2), NULL);
}

bool check_hold(struct env *e)
{
	return page_state(e->client, e->memory + pages(1)).holds ==
	       e->state[1].holds + 1 &&
	       !page_state(e->client, e->memory).holds;
}

void undo_hold(struct env *e)
{
	_test_cmd_unhold(e->client, e->memory + pages(1), pages(e->npages - 2),
			 NULL, NULL);
}

int before_hold(struct env *e)
{
	return _test_cmd_hold(e->client, e->memory + pages(3), pages(4), NULL);
}

void after_hold(struct env *e)
{
	_test_cmd_unhold(e->client, e->memory + pages(3), pages(4), NULL, NULL);
}

int before_unhold(struct env *e)
{
	return do_hold(e);
}

int do_unhold(struct env *e)
{
	uint32_t count = ARRAY_SIZE(e->spans);
	int ret;

	memset(e->spans, 0, sizeof(e->spans));
	ret = _test_cmd_unhold(e->client, e->memory + pages(1), pages(4),
			       e->spans, &count);
	return ret ?: count != 1 ? -EBADMSG : 0;
}

/* The other client holds the first two pages. */
bool check_unhold(struct env *e)
{
	return e->spans[0].addr == to_addr(e->memory) + pages(2) &&
	       e->spans[0].length == pages(3) &&
	       !page_state(e->client, e->memory + pages(4)).holds &&
	       page_state(e->client, e->memory + pages(5)).holds == 1;
}

void undo_unhold(struct env *e)
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

int do_get_physical(struct env *e)
{
	return get_physical(e, e->npages);
}

bool check_get_physical(struct env *e)
{
	return is_physical(e, e->npages);
}

/*
 * Map the same pages again without page table entries, so that a lookup finds
 * none. Nothing queries their state meanwhile, since that would look them up.
 */
int before_mapped_again(struct env *e)
{
	void *at = FAR_AWAY;

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

void after_mapped_again(struct env *e)
{
	_test_cmd_unlock(e->client, e->memory, pages(PAGES));
	munmap(e->memory, pages(PAGES));
}

int do_get_mapped_again(struct env *e)
{
	return get_physical(e, PAGES);
}

bool check_mapped_again(struct env *e)
{
	return is_physical(e, PAGES);
}

int do_get_state_mapped_again(struct env *e)
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

int do_get_state(struct env *e)
{
	struct contig_run runs[PAGES];
	struct contig_get_state cmd = {
		.size = sizeof(cmd),
		.addr = to_addr(e->memory),
		.length = pages(PAGES),
		.runs = to_addr(runs),
		.count = PAGES,
	};

	/* No lock, one, two, one, none: see before_nested(). */
	return _test_cmd_get_state(e->client, &cmd) ?:
	       cmd.count != 5 || runs[2].locks != 2 ||
	       runs[4].locks ? -EBADMSG : 0;
}

/*
 * A device, and memory for transfers. No memory is mapped for the device: the
 * kernel's DMA API debugging disables itself, with a message, once it has no
 * memory for its own records. The program "drivers" makes mappings fail.
 */

static struct edu edu;

int edu_device(struct env *e)
{
	int ret = edu_setup(&edu);

	edu_disable(&edu);
	return ret;
}

int do_attach(struct env *e)
{
	struct contig_device cmd = {
		.address_bits = 32,
		.max_segment = MIB(1),
	};

	return attach(e->client, &cmd, edu.name);
}

bool check_attach(struct env *e)
{
	struct contig_device cmd;

	return !query(e->client, &cmd) && cmd.out_address_bits == 32 &&
	       cmd.out_max_segment == MIB(1);
}

void undo_attach(struct env *e)
{
	detach(e->client);
}

/* Two ranges, so that the first has to be undone. */
int do_prepare(struct env *e)
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

bool check_prepare(struct env *e)
{
	const uint64_t *addrs = (const uint64_t *)e->table;

	return addrs[0] == pfn_of(e->memory) * page_size &&
	       addrs[6] == pfn_of(e->memory + pages(8)) * page_size;
}

void undo_prepare(struct env *e)
{
	checkpoint(e->client, e->handle, 0);
}
