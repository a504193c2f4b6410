// SPDX-License-Identifier: GPL-2.0-only
#include <inttypes.h>
#include <sys/mount.h>

#include "contig_utils.h"

size_t page_size;

static __attribute__((constructor)) void utils_init(void)
{
	page_size = sysconf(_SC_PAGESIZE);
	if (access(CONTIG_DEBUGFS, F_OK))
		mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);
}

/*
 * Commands
 */

int client_open(void)
{
	int fd = open(CONTIG_PATH, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int contig_ioctl(int client, unsigned int cmd, void *arg)
{
	return ioctl(client, cmd, arg) ? -errno : 0;
}

int _test_cmd_info(int client, struct contig_info *info)
{
	*info = (struct contig_info) { .size = sizeof(*info) };
	return contig_ioctl(client, CONTIG_INFO, info);
}

int _test_cmd_alloc(int client, struct contig_alloc *alloc)
{
	return contig_ioctl(client, CONTIG_ALLOC, alloc);
}

int _test_cmd_alloc_tell(int client, struct contig_alloc *alloc)
{
	int ret = _test_cmd_alloc(client, alloc);
	uint32_t i;

	if (!ret)
		return 0;
	fprintf(stderr, "# no %llu bytes: %s\n", alloc->length,
		strerror(-ret));
	for (i = 0; i < alloc->out_report_count && i < CONTIG_REPORTS; i++)
		fprintf(stderr, "# %s: error %u, blocked %u, %u windows,"
			" largest %llu\n",
			rung_name(alloc->out_reports[i].rung),
			alloc->out_reports[i].error,
			alloc->out_reports[i].blocked,
			alloc->out_reports[i].windows,
			alloc->out_reports[i].largest);
	return ret;
}

int _test_cmd_probe(int client, struct contig_probe *probe)
{
	return contig_ioctl(client, CONTIG_PROBE, probe);
}

int _test_cmd_hold(int client, const volatile void *addr, uint64_t length,
		   uint64_t *unlocked)
{
	struct contig_hold cmd = {
		.size = sizeof(cmd),
		.addr = to_addr(addr),
		.length = length,
	};
	int ret = contig_ioctl(client, CONTIG_HOLD, &cmd);

	if (unlocked)
		*unlocked = cmd.out_unlocked;
	return ret;
}

int _test_cmd_unhold(int client, const volatile void *addr, uint64_t length,
		     struct contig_span *spans, uint32_t *count)
{
	struct contig_unhold cmd = {
		.size = sizeof(cmd),
		.addr = to_addr(addr),
		.length = length,
		.spans = to_addr(spans),
		.count = count ? *count : 0,
	};
	int ret = contig_ioctl(client, CONTIG_UNHOLD, &cmd);

	if (count)
		*count = cmd.count;
	return ret;
}

static int lock_ioctl(int client, unsigned int nr, uint64_t addr,
		      uint64_t length, uint32_t flags, int fd)
{
	struct contig_lock cmd = {
		.size = sizeof(cmd),
		.flags = flags,
		.addr = addr,
		.length = length,
		.fd = fd,
	};

	/* The structures of both commands differ only in their names. */
	_Static_assert(sizeof(struct contig_lock) ==
		       sizeof(struct contig_unlock), "lock and unlock differ");
	return contig_ioctl(client, nr, &cmd);
}

int _test_cmd_lock(int client, const volatile void *addr, uint64_t length,
		   uint32_t flags)
{
	return lock_ioctl(client, CONTIG_LOCK, to_addr(addr), length, flags, 0);
}

int _test_cmd_unlock(int client, const volatile void *addr, uint64_t length)
{
	return lock_ioctl(client, CONTIG_UNLOCK, to_addr(addr), length, 0, 0);
}

int _test_cmd_lock_buffer(int client, int fd, uint64_t offset, uint64_t length,
			  uint32_t flags)
{
	return lock_ioctl(client, CONTIG_LOCK, offset, length,
			  flags | CONTIG_RANGE_BUFFER, fd);
}

int _test_cmd_unlock_buffer(int client, int fd, uint64_t offset,
			    uint64_t length)
{
	return lock_ioctl(client, CONTIG_UNLOCK, offset, length,
			  CONTIG_RANGE_BUFFER, fd);
}

int _test_cmd_get_physical(int client, struct contig_get_physical *cmd)
{
	return contig_ioctl(client, CONTIG_GET_PHYSICAL, cmd);
}

int _test_cmd_get_state(int client, struct contig_get_state *cmd)
{
	return contig_ioctl(client, CONTIG_GET_STATE, cmd);
}

static int64_t count_ioctl(int client, uint64_t addr, uint64_t length,
			   uint32_t flags, int fd)
{
	struct contig_get_physical cmd = {
		.size = sizeof(cmd),
		.flags = flags,
		.addr = addr,
		.length = length,
		.fd = fd,
	};
	int ret = contig_ioctl(client, CONTIG_GET_PHYSICAL, &cmd);

	return ret ? ret : (int64_t)cmd.count;
}

int64_t _test_cmd_count(int client, const volatile void *addr, uint64_t length)
{
	return count_ioctl(client, to_addr(addr), length, 0, 0);
}

int64_t _test_cmd_count_buffer(int client, int fd, uint64_t offset,
			       uint64_t length)
{
	return count_ioctl(client, offset, length, CONTIG_RANGE_BUFFER, fd);
}

int64_t translate_all(int client, int fd, uint64_t addr, uint64_t length,
		      uint32_t entries, struct contig_extent **extents)
{
	struct contig_get_physical cmd = {
		.size = sizeof(cmd),
		.flags = fd >= 0 ? CONTIG_RANGE_BUFFER : 0,
		.addr = addr,
		.length = length,
		.fd = fd >= 0 ? fd : 0,
	};
	int64_t count, n = 0;

	*extents = NULL;
	count = count_ioctl(client, addr, length, cmd.flags, cmd.fd);
	if (count <= 0)
		return count;
	*extents = calloc(count, sizeof(**extents));
	while (cmd.length) {
		uint64_t before = cmd.length;
		int ret;

		cmd.extents = to_addr(*extents + n);
		cmd.count = count - n;
		if (entries && cmd.count > entries)
			cmd.count = entries;
		ret = _test_cmd_get_physical(client, &cmd);
		/* A command that makes no progress would loop without end. */
		if (!ret && (!cmd.count || cmd.length >= before))
			ret = -EPROTO;
		if (ret) {
			free(*extents);
			*extents = NULL;
			return ret;
		}
		n += cmd.count;
	}
	return n;
}

struct contig_run page_state(int client, const volatile void *addr)
{
	struct contig_run run = {};
	struct contig_get_state cmd = {
		.size = sizeof(cmd),
		.addr = to_addr(addr),
		.length = 1,
		.runs = to_addr(&run),
		.count = 1,
	};

	if (_test_cmd_get_state(client, &cmd))
		memset(&run, 0, sizeof(run));
	return run;
}

/*
 * Buffers
 */

int buffer_alloc(int client, uint64_t length, uint32_t rungs, uint32_t flags)
{
	struct contig_alloc alloc = alloc_request(length, rungs);
	int ret;

	alloc.flags = flags;
	ret = _test_cmd_alloc(client, &alloc);
	return ret ? ret : alloc.out_fd;
}

int buffer_get(int client, uint64_t length, uint32_t rungs)
{
	struct contig_alloc alloc = alloc_request(length, rungs);

	return _test_cmd_alloc_tell(client, &alloc) ?: alloc.out_fd;
}

struct contig_constraints window_only(void)
{
	static uint64_t highest;

	if (!highest)
		highest = last_frame() * page_size - 1;
	return (struct contig_constraints){ .highest = highest };
}

struct contig_alloc window_request(uint64_t length)
{
	struct contig_alloc alloc = alloc_request(length, CONTIG_RUNGS_RANGE);

	alloc.constraints = window_only();
	return alloc;
}

int window_get(int client, uint64_t length)
{
	struct contig_alloc alloc = window_request(length);

	return _test_cmd_alloc_tell(client, &alloc) ?: alloc.out_fd;
}

struct reserve_wait {
	int client;
	uint64_t bytes;
};

static bool reserve_is_clean(void *arg)
{
	struct reserve_wait *w = arg;
	struct contig_info info;

	return _test_cmd_info(w->client, &info) ||
	       info.out_reserve_largest >= w->bytes ||
	       info.out_reserve_free < w->bytes;
}

bool reserve_has(int client, uint64_t bytes)
{
	struct reserve_wait w = { client, bytes };
	struct contig_info info;

	poll_until(reserve_is_clean, &w);
	return !_test_cmd_info(client, &info) &&
	       info.out_reserve_largest >= bytes;
}

bool reserve_promises(uint64_t bytes)
{
	char *text = read_text(CONTIG_PARAMETERS "/early"), *at = text;
	uint64_t size, largest = 0;

	while (at && *at) {
		size = strtoull(at, &at, 0);
		switch (*at) {
		case 'G':
		case 'g':
			size <<= 30;
			break;
		case 'M':
		case 'm':
			size <<= 20;
			break;
		case 'K':
		case 'k':
			size <<= 10;
			break;
		}
		if (size > largest)
			largest = size;
		at = strchr(at, ',');
		if (at)
			at++;
	}
	free(text);
	return largest >= bytes;
}

/* Return true if all memory that came back to the reserve has been scrubbed. */
static bool reserve_is_settled(void *arg)
{
	char *text = debugfs_text("reserves");
	char *at = text ? strstr(text, "to scrub") : NULL;
	bool settled = !at || !strtoul(at + strlen("to scrub"), NULL, 10);

	free(text);
	return settled;
}

void reserve_settle(void)
{
	poll_until(reserve_is_settled, NULL);
}

/* The quota of each user and the total of all users. */
static const char *const quotas[] = {
	CONTIG_PARAMETERS "/quota_mib",
	CONTIG_PARAMETERS "/total_mib",
};
static char *old_quotas[2];

void quota_set(uint64_t mib)
{
	char text[24];
	unsigned int i;

	snprintf(text, sizeof(text), "%" PRIu64, mib);
	for (i = 0; i < 2; i++) {
		old_quotas[i] = read_text(quotas[i]);
		write_text(quotas[i], text);
	}
}

void quota_lift(void)
{
	quota_set(1000000);
}

void quota_restore(void)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		if (old_quotas[i])
			write_text(quotas[i], old_quotas[i]);
		free(old_quotas[i]);
		old_quotas[i] = NULL;
	}
}

int cma_fill(int client, int fds[CMA_PIECES])
{
	/* More than the page allocator has in one piece. */
	const size_t piece = MIB(8) > pageblock_bytes() ? MIB(8) :
			     pageblock_bytes();
	int n = 0;

	while (n < CMA_PIECES && meminfo_kib("CmaFree") >= (long)(piece >> 10)) {
		fds[n] = buffer_get(client, piece, CONTIG_RUNGS_COHERENT);
		if (fds[n] < 0)
			break;
		n++;
	}
	return n;
}

void close_all(const int *fds, int n)
{
	while (n)
		close(fds[--n]);
}

void *buffer_map(int fd, size_t length)
{
	void *map = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			 0);

	return map == MAP_FAILED ? NULL : map;
}

void *anon_map(size_t length)
{
	void *map = mmap(NULL, length, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	return map == MAP_FAILED ? NULL : map;
}

uint64_t quota_used(int client)
{
	struct contig_info info;

	return _test_cmd_info(client, &info) ? ~0ull : info.out_quota_used;
}

bool quota_used_is(void *arg)
{
	struct wait *w = arg;

	return quota_used(w->client) == w->bytes;
}

bool is_zero(const volatile void *addr, size_t length)
{
	const uint64_t *word = (const uint64_t *)addr;
	size_t i;

	for (i = 0; i < length / sizeof(*word); i++) {
		if (!word[i])
			continue;
		fprintf(stderr, "# byte %zu of %zu is %#" PRIx64 ", not 0\n",
			i * sizeof(*word), length, word[i]);
		return false;
	}
	return true;
}

static uint64_t pattern(uint64_t seed, size_t i)
{
	return (seed << 40 ^ i * 0x9e3779b97f4a7c15ull) | 1;
}

void fill_pattern(volatile void *addr, size_t length, uint64_t seed)
{
	uint64_t *word = (uint64_t *)addr;
	size_t i;

	for (i = 0; i < length / sizeof(*word); i++)
		word[i] = pattern(seed, i);
}

bool has_pattern(const volatile void *addr, size_t length, uint64_t seed)
{
	const uint64_t *word = (const uint64_t *)addr;
	size_t i;

	for (i = 0; i < length / sizeof(*word); i++) {
		if (word[i] == pattern(seed, i))
			continue;
		fprintf(stderr, "# byte %zu of %zu is not what was written\n",
			i * sizeof(*word), length);
		return false;
	}
	return true;
}

const char *rung_name(uint32_t rung)
{
	static const char * const names[] = {
		"none", "reserve", "coherent", "range", "split", "scatter",
	};

	return rung < CONTIG_RUNG_MAX ? names[rung] : "?";
}
