// SPDX-License-Identifier: GPL-2.0-only
#include <dirent.h>
#include <elf.h>
#include <grp.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>

#include "contig_utils.h"

#define PAGEMAP_PRESENT (1ull << 63)
#define PAGEMAP_PFN ((1ull << 55) - 1)

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

/* The quota of each user and the total of all users. */
static const char *const quotas[] = {
	CONTIG_PARAMETERS "/quota_mib",
	CONTIG_PARAMETERS "/total_mib",
};
static char *old_quotas[2];

void quota_lift(void)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		old_quotas[i] = read_text(quotas[i]);
		write_text(quotas[i], "1000000");
	}
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

/*
 * Oracles
 */

static bool pread_word(const char *path, uint64_t index, uint64_t *word)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool ok;

	if (fd < 0)
		return false;
	ok = pread(fd, word, sizeof(*word), index * sizeof(*word)) ==
	     sizeof(*word);
	close(fd);
	return ok;
}

uint64_t pfn_of_pid(pid_t pid, const volatile void *addr)
{
	uint64_t entry;
	char path[64];

	if (pid)
		snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
	else
		strcpy(path, "/proc/self/pagemap");
	if (!pread_word(path, to_addr(addr) / page_size, &entry) ||
	    !(entry & PAGEMAP_PRESENT))
		return 0;
	return entry & PAGEMAP_PFN;
}

uint64_t pfn_of(const volatile void *addr)
{
	return pfn_of_pid(0, addr);
}

int64_t pagemap_extents(const volatile void *addr, size_t length,
			struct contig_extent **extents)
{
	uint64_t first = to_addr(addr) / page_size;
	uint64_t last = (to_addr(addr) + length - 1) / page_size;
	size_t n = last - first + 1, i;
	uint64_t *entries = malloc(n * sizeof(*entries));
	struct contig_extent *e = malloc(n * sizeof(*e));
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	int64_t count = 0;

	if (fd < 0 || !entries || !e ||
	    pread(fd, entries, n * sizeof(*entries),
		  first * sizeof(*entries)) != (ssize_t)(n * sizeof(*entries)))
		count = -EIO;
	for (i = 0; i < n && count >= 0; i++) {
		uint64_t start = (first + i) * page_size, end;
		uint64_t physical = (entries[i] & PAGEMAP_PFN) * page_size;

		if (!(entries[i] & PAGEMAP_PRESENT) || !physical) {
			count = -ENOENT;
			break;
		}
		end = start + page_size;
		if (start < to_addr(addr)) {
			physical += to_addr(addr) - start;
			start = to_addr(addr);
		}
		if (end > to_addr(addr) + length)
			end = to_addr(addr) + length;
		if (count && e[count - 1].addr + e[count - 1].length ==
		    physical) {
			e[count - 1].length += end - start;
			continue;
		}
		e[count].addr = physical;
		e[count++].length = end - start;
	}
	if (fd >= 0)
		close(fd);
	free(entries);
	if (count < 0) {
		free(e);
		e = NULL;
	}
	*extents = e;
	return count;
}

bool page_is_resident(const volatile void *addr)
{
	return pfn_of(addr) != 0;
}

uint64_t page_flags(uint64_t pfn)
{
	uint64_t flags;

	return pread_word("/proc/kpageflags", pfn, &flags) ? flags : 0;
}

int64_t page_mapcount(uint64_t pfn)
{
	uint64_t count;

	return pread_word("/proc/kpagecount", pfn, &count) ? (int64_t)count :
							     -1;
}

bool page_flag(const volatile void *addr, int bit)
{
	return page_flags(pfn_of(addr)) >> bit & 1;
}

static int kcore_fd = -1;
static Elf64_Phdr kcore_header[64];
static int kcore_headers;

static void kcore_open(void)
{
	Elf64_Ehdr elf;

	kcore_fd = open("/proc/kcore", O_RDONLY | O_CLOEXEC);
	if (kcore_fd < 0)
		return;
	if (pread(kcore_fd, &elf, sizeof(elf), 0) != sizeof(elf))
		return;
	kcore_headers = elf.e_phnum < 64 ? elf.e_phnum : 64;
	if (pread(kcore_fd, kcore_header,
		  kcore_headers * sizeof(*kcore_header), elf.e_phoff) !=
	    (ssize_t)(kcore_headers * sizeof(*kcore_header)))
		kcore_headers = 0;
}

/*
 * The longest segment is the kernel's mapping of memory; another one is of its
 * image, with holes where parts of it were freed.
 */
bool kcore_read(uint64_t physical, void *to, size_t length)
{
	const Elf64_Phdr *best = NULL;
	int i;

	if (kcore_fd < 0)
		kcore_open();
	for (i = 0; i < kcore_headers; i++) {
		const Elf64_Phdr *h = &kcore_header[i];

		if (h->p_type != PT_LOAD || h->p_paddr == (Elf64_Addr)-1 ||
		    physical < h->p_paddr ||
		    physical + length > h->p_paddr + h->p_memsz)
			continue;
		if (!best || h->p_memsz > best->p_memsz)
			best = h;
	}
	return best && pread(kcore_fd, to, length, best->p_offset + physical -
			     best->p_paddr) == (ssize_t)length;
}

bool kcore_usable(void)
{
	static volatile uint64_t stamp;
	uint64_t seen = 0;

	stamp = now_ns() | 1;
	return kcore_read(pfn_of(&stamp) * page_size +
			  to_addr(&stamp) % page_size, &seen, sizeof(seen)) &&
	       seen == stamp;
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

static bool extents_are_same(const struct contig_extent *a, int64_t na,
			     const struct contig_extent *b, int64_t nb)
{
	int64_t i;

	for (i = 0; i < na && i < nb; i++) {
		if (a[i].addr == b[i].addr && a[i].length == b[i].length)
			continue;
		fprintf(stderr, "# extent %" PRId64 " is %#llx+%#llx, not"
			" %#llx+%#llx\n", i, a[i].addr, a[i].length, b[i].addr,
			b[i].length);
		return false;
	}
	if (na != nb)
		fprintf(stderr, "# %" PRId64 " extents, not %" PRId64 "\n", na,
			nb);
	return na == nb;
}

bool translation_is_true(int client, const volatile void *addr, size_t length)
{
	struct contig_extent *got, *want;
	int64_t ngot = translate_all(client, -1, to_addr(addr), length, 0,
				     &got);
	int64_t nwant = pagemap_extents(addr, length, &want);
	bool same = ngot > 0 && nwant > 0 &&
		    extents_are_same(got, ngot, want, nwant);

	if (ngot <= 0 || nwant <= 0)
		fprintf(stderr, "# translation %" PRId64 ", pagemap %" PRId64
			"\n", ngot, nwant);
	free(got);
	free(want);
	return same;
}

static bool kcore_agrees(const struct contig_extent *e, int64_t n,
			 const volatile void *map)
{
	const volatile char *at = map;
	uint64_t offset, seen;
	int64_t i;

	for (i = 0; i < n; i++) {
		for (offset = 0; offset < e[i].length; offset += page_size) {
			if (!kcore_read(e[i].addr + offset, &seen,
					sizeof(seen)) ||
			    seen != *(const volatile uint64_t *)at) {
				fprintf(stderr, "# not at %#llx\n",
					e[i].addr + offset);
				return false;
			}
			at += page_size;
		}
	}
	return true;
}

bool buffer_translation_is_true(int client, int fd, const volatile void *map,
				size_t length)
{
	struct contig_extent *got, *want = NULL;
	int64_t ngot = translate_all(client, fd, 0, length, 0, &got), nwant;
	bool same;

	if (ngot <= 0) {
		fprintf(stderr, "# translation %" PRId64 "\n", ngot);
		return false;
	}
	nwant = pagemap_extents(map, length, &want);
	if (nwant > 0) {
		same = extents_are_same(got, ngot, want, nwant);
	} else {
		fill_pattern((volatile void *)map, length, getpid());
		same = kcore_agrees(got, ngot, map);
	}
	free(got);
	free(want);
	return same;
}

int64_t buffer_extents(int client, int fd, size_t length,
		       struct contig_extent **extents)
{
	void *map = buffer_map(fd, length);
	int64_t n;

	if (!map)
		return -1;
	n = pagemap_extents(map, length, extents);
	if (n < 0 && !_test_cmd_lock_buffer(client, fd, 0, length, 0)) {
		n = translate_all(client, fd, 0, length, 0, extents);
		if (!buffer_translation_is_true(client, fd, map, length))
			n = -1;
		_test_cmd_unlock_buffer(client, fd, 0, length);
	}
	munmap(map, length);
	return n;
}

char *read_text(const char *path)
{
	size_t size = 1 << 16, used = 0;
	char *text = malloc(size);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = -1;

	while (fd >= 0 && text) {
		n = read(fd, text + used, size - used - 1);
		if (n <= 0)
			break;
		used += n;
		if (used == size - 1)
			text = realloc(text, size *= 2);
	}
	if (fd >= 0)
		close(fd);
	if (n < 0 || !text) {
		free(text);
		return NULL;
	}
	text[used] = 0;
	return text;
}

int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n;
	int err;

	if (fd < 0)
		return -errno;
	n = write(fd, text, strlen(text));
	err = n < 0 ? -errno : 0;
	close(fd);
	return err;
}

/*
 * With the first event the kernel also begins to record the names of processes
 * when it switches between them, for which it patches its scheduler while other
 * processors run it. An emulator that translates code at that moment can keep
 * an int3 that was there only briefly. So turn that recording off; contig's own
 * code, which has the events, is run only by the process that switches them.
 */
int trace_events(const char *folder, bool on)
{
	const char *names = TRACING "/options/record-cmd";
	char path[128];
	int ret;

	snprintf(path, sizeof(path), TRACING "/events/%s/enable", folder);
	if (on)
		write_text(names, "0");
	ret = write_text(path, on ? "1" : "0");
	if (!on || ret)
		write_text(names, "1");
	return ret;
}

char *debugfs_text(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), CONTIG_DEBUGFS "/%s", name);
	return read_text(path);
}

bool debugfs_has(const char *name, const char *word)
{
	char *text = debugfs_text(name);
	bool has = text && strstr(text, word);

	free(text);
	return has;
}

bool parameter_is(const char *name, const char *value)
{
	char path[128], *text;
	bool same;

	snprintf(path, sizeof(path), CONTIG_PARAMETERS "/%s", name);
	text = read_text(path);
	same = text && !strncmp(text, value, strlen(value)) &&
	       text[strlen(value)] == '\n';
	free(text);
	return same;
}

int64_t stat_of(uint32_t rung, enum rung_stat n)
{
	char *text = debugfs_text("stats"), *line = text;
	int64_t value = -1;
	size_t length = strlen(rung_name(rung));

	while (line && (strncmp(line, rung_name(rung), length) ||
			line[length] != ' ')) {
		line = strchr(line, '\n');
		if (line)
			line++;
	}
	if (line) {
		line += length;
		do {
			value = strtoll(line, &line, 10);
		} while (n--);
	}
	free(text);
	return value;
}

static long figure(const char *path, const char *key)
{
	char *text = read_text(path), *at = text;
	size_t n = strlen(key);
	long value = -1;

	while (at && *at) {
		if (!strncmp(at, key, n) && at[n] == ':') {
			value = strtol(at + n + 1, NULL, 10);
			break;
		}
		at = strchr(at, '\n');
		if (at)
			at++;
	}
	free(text);
	return value;
}

long meminfo_kib(const char *key)
{
	return figure("/proc/meminfo", key);
}

#define MEMORY_BLOCKS "/sys/devices/system/memory"

uint64_t memory_block_bytes(void)
{
	char *text = read_text(MEMORY_BLOCKS "/block_size_bytes");
	uint64_t bytes = text ? strtoull(text, NULL, 16) : 0;

	free(text);
	return bytes;
}

int memory_block_set(uint64_t n, const char *state)
{
	char path[80];

	snprintf(path, sizeof(path), MEMORY_BLOCKS "/memory%llu/state",
		 (unsigned long long)n);
	return write_text(path, state);
}

uint64_t ram_start(void)
{
	static uint64_t start = UINT64_MAX;
	char *text, *line, *next;

	if (start != UINT64_MAX)
		return start;
	text = read_text("/proc/iomem");
	for (line = text; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = 0;
		if (strstr(line, "System RAM")) {
			start = strtoull(line, NULL, 16) & ~(MIB(1) - 1);
			break;
		}
	}
	free(text);
	return start == UINT64_MAX ? 0 : start;
}

long status_kib(const char *key)
{
	return figure("/proc/self/status", key);
}

long charged_kib(void)
{
	return status_kib("VmLck") + status_kib("VmPin");
}

/*
 * Count the pages on the free lists and on per-CPU lists. MemFree is a separate
 * counter, which drifts by pageblocks on kernels before 6.10 when adjacent
 * ranges are emptied at the same time.
 */
static long count_free_pages(void)
{
	static const char count_key[] = "count:", zone_key[] = ", zone";
	long count = 0, n;
	char *text, *at, *end;
	int order;

	text = read_text("/proc/zoneinfo");
	for (at = text ? strstr(text, count_key) : NULL; at;
	     at = strstr(at, count_key)) {
		at += strlen(count_key);
		count += strtol(at, NULL, 10);
	}
	free(text);

	text = read_text("/proc/buddyinfo");
	for (at = text ? strstr(text, zone_key) : NULL; at;
	     at = strstr(at, zone_key)) {
		at += strlen(zone_key);
		at += strspn(at, " ");
		at += strcspn(at, " ");
		for (order = 0;; order++, at = end) {
			n = strtol(at, &end, 10);
			if (end == at)
				break;
			count += n << order;
		}
	}
	free(text);
	return count;
}

/* Pages that moved from one list to the other meanwhile were counted twice. */
long free_pages(void)
{
	long first = count_free_pages(), second = count_free_pages();

	return first < second ? first : second;
}

bool poll_until(bool (*done)(void *arg), void *arg)
{
	uint64_t end = now_ns() + 60000000000ull;

	while (!done(arg)) {
		if (now_ns() > end)
			return false;
		usleep(2000);
	}
	return true;
}

bool is_soak(void)
{
	return getenv("CONTIG_SOAK");
}

bool is_slow_kernel(void)
{
	return !access("/sys/kernel/debug/kmemleak", F_OK);
}

static bool enough_free(void *arg)
{
	return free_pages() >= *(long *)arg;
}

bool free_pages_return(long want)
{
	/*
	 * KASAN keeps up to a 32nd of memory, to detect accesses to freed
	 * memory.
	 */
	if (is_slow_kernel())
		want -= sysconf(_SC_PHYS_PAGES) / 32;
	if (poll_until(enough_free, &want))
		return true;
	fprintf(stderr, "# %ld pages are free, not %ld\n", free_pages(), want);
	return false;
}

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
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

void snapshot_take(struct snapshot *s, int client)
{
	reserve_settle();
	s->buffers = debugfs_text("buffers");
	s->clients = debugfs_text("clients");
	s->reserves = debugfs_text("reserves");
	_test_cmd_info(client, &s->info);
	s->charged_kib = charged_kib();
	s->fds = count_fds();
}

static bool text_is_same(const char *name, const char *a, const char *b)
{
	if (a && b && !strcmp(a, b))
		return true;
	fprintf(stderr, "# %s was:\n# %s\n# and is:\n# %s\n", name, a ?: "?",
		b ?: "?");
	return false;
}

static void snapshot_free(struct snapshot *s)
{
	free(s->buffers);
	free(s->clients);
	free(s->reserves);
}

bool snapshot_is_still(const struct snapshot *s, int client)
{
	struct snapshot now;
	bool same = true;

	snapshot_take(&now, client);
	same &= text_is_same("buffers", s->buffers, now.buffers);
	same &= text_is_same("clients", s->clients, now.clients);
	same &= text_is_same("reserves", s->reserves, now.reserves);
	if (memcmp(&s->info, &now.info, sizeof(now.info))) {
		fprintf(stderr, "# INFO differs from before\n");
		same = false;
	}
	if (s->charged_kib != now.charged_kib || s->fds != now.fds) {
		fprintf(stderr, "# %ld KiB charged, not %ld, %d files, not"
			" %d\n", now.charged_kib, s->charged_kib, now.fds,
			s->fds);
		same = false;
	}
	snapshot_free(&now);
	return same;
}

bool snapshot_is_same(struct snapshot *s, int client)
{
	bool same = snapshot_is_still(s, client);

	snapshot_free(s);
	return same;
}

/*
 * Processes
 */

int child_wait(pid_t pid)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) :
				   128 + WTERMSIG(status);
}

int drop_to_user(unsigned int uid)
{
	if (setgroups(0, NULL) || setresgid(uid, uid, uid) ||
	    setresuid(uid, uid, uid))
		return -errno;
	/* Changing the uid hides /proc/self, which the oracles need. */
	prctl(PR_SET_DUMPABLE, 1);
	return 0;
}

int drop_cap(int cap)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data))
		return -errno;
	data[cap / 32].effective &= ~(1u << cap % 32);
	data[cap / 32].permitted &= ~(1u << cap % 32);
	return syscall(SYS_capset, &header, data) ? -errno : 0;
}

int fd_send(int socket, int fd)
{
	char byte = 0, control[CMSG_SPACE(sizeof(fd))] = {};
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	return sendmsg(socket, &msg, 0) == 1 ? 0 : -errno;
}

int fd_receive(int socket)
{
	char byte, control[CMSG_SPACE(sizeof(int))] = {};
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *c;
	int fd;

	if (recvmsg(socket, &msg, 0) != 1)
		return -errno;
	c = CMSG_FIRSTHDR(&msg);
	if (!c || c->cmsg_type != SCM_RIGHTS)
		return -EPROTO;
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}
