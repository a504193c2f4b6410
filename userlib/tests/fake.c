// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "fake_internal.h"

#define MAX_FILES 256

/*
 * Offsets in buffers are turned into addresses above this, which no process
 * has.
 */
#define BUFFER_SPACE (1ull << 62)

/* DMA addresses are above this. */
#define DMA_SPACE (1ull << 61)

struct file {
	bool is_client;
	bool is_buffer;
	pid_t owner;
	ino_t inode;
};

struct fake fake;

static struct page pages[MAX_PAGES];
static struct file files[MAX_FILES];
static struct {
	unsigned int after;
	int error;
} failures[FAKE_COMMANDS];

/* Like the kernel, execute one command at a time, to protect the tables. */
static pthread_mutex_t tables = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;

void fake_lock(void)
{
	pthread_mutex_lock(&tables);
}

void fake_unlock(void)
{
	pthread_mutex_unlock(&tables);
}

/* Reset the mutex in a child: fork() does not copy mutexes of a real kernel. */
static void make_anew(void)
{
	tables = (pthread_mutex_t)PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
}

__attribute__((constructor)) static void watch_forks(void)
{
	pthread_atfork(fake_lock, fake_unlock, make_anew);
}

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);

int fake_reset(void **state)
{
	(void)state;
	memset(&fake, 0, sizeof(fake));
	memset(pages, 0, sizeof(pages));
	memset(failures, 0, sizeof(failures));
	fake_hold_reset();
	fake_prepare_reset();
	fake.mlock_pages = MAX_PAGES;
	return 0;
}

void fake_fail(unsigned int cmd, unsigned int after, int error)
{
	failures[cmd].after = after;
	failures[cmd].error = error;
}

char *fake_memory(size_t count)
{
	char *memory = mmap(NULL, count * PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(memory, MAP_FAILED);
	return memory;
}

uint64_t fake_page_of(uint64_t addr)
{
	return addr & ~(uint64_t)(PAGE - 1);
}

/* Do not use /proc, which also shows files that a debugger opened. */
unsigned int fake_open_files(void)
{
	unsigned int count = 0;
	int fd;

	for (fd = 0; fd < MAX_FILES; fd++)
		count += fcntl(fd, F_GETFD) != -1;
	return count;
}

bool fake_page_is_mapped(uint64_t page)
{
	unsigned char resident;

	return !mincore((void *)(uintptr_t)page, 1, &resident);
}

bool fake_is_mapped(const void *addr)
{
	return fake_page_is_mapped(fake_page_of((uintptr_t)addr));
}

struct page *fake_get_page(int client, uint64_t addr)
{
	size_t i;

	addr = fake_page_of(addr);
	for (i = 0; i < MAX_PAGES && pages[i].addr; i++)
		if (pages[i].addr == addr && pages[i].client == client)
			return &pages[i];
	assert_true(i < MAX_PAGES);
	pages[i].addr = addr;
	pages[i].client = client;
	return &pages[i];
}

static uint64_t with_gaps(uint64_t addr, unsigned int run_pages)
{
	uint64_t number = (addr & ~BUFFER_SPACE) / PAGE;

	if (run_pages != FAKE_RUNS_FOREVER)
		number += number / run_pages;
	return number * PAGE + addr % PAGE;
}

/* Return the address of a byte, for the CPU or for the device. */
uint64_t fake_translated(uint64_t addr, uint32_t flags)
{
	if (flags & (CONTIG_GET_DMA | CONTIG_LOCK_DEVICE_CONTIGUOUS))
		return DMA_SPACE + with_gaps(addr, fake.dma_run_pages);
	return with_gaps(addr, fake.run_pages);
}

uint64_t fake_physical(const void *addr)
{
	return fake_translated((uintptr_t)addr, 0);
}

uint64_t fake_dma(const void *addr)
{
	return fake_translated((uintptr_t)addr, CONTIG_GET_DMA);
}

unsigned int fake_total(uint64_t addr, bool holds)
{
	unsigned int count = 0;
	size_t i;

	for (i = 0; i < MAX_PAGES && pages[i].addr; i++)
		if (pages[i].addr == fake_page_of(addr))
			count += holds ? pages[i].holds : pages[i].locks;
	return count;
}

unsigned int fake_locks(const void *addr)
{
	return fake_total((uintptr_t)addr, false);
}

unsigned int fake_holds(const void *addr)
{
	return fake_total((uintptr_t)addr, true);
}

unsigned int fake_busy_pages(void)
{
	unsigned int count = 0;
	size_t i;

	for (i = 0; i < MAX_PAGES && pages[i].addr; i++)
		count += pages[i].locks || pages[i].holds;
	return count + fake_mlocked_pages();
}

static bool touches(const void *special, uint64_t page)
{
	return special && fake_page_of((uintptr_t)special) == page;
}

static bool is_buffer(int fd)
{
	struct stat status;

	return fd >= 0 && fd < MAX_FILES && files[fd].is_buffer &&
	       !fstat(fd, &status) && status.st_ino == files[fd].inode;
}

/* Check a range, and convert it to a range of addresses. */
int fake_resolve(uint32_t flags, int fd, uint64_t *addr, uint64_t length)
{
	struct stat status;

	if (!length)
		return EINVAL;
	if (*addr + length < *addr)
		return EOVERFLOW;
	if (!(flags & CONTIG_RANGE_BUFFER))
		return fd ? EINVAL : 0;
	if (fstat(fd, &status))
		return EBADF;
	if (!is_buffer(fd))
		return EBADFD;
	if (*addr + length > (uint64_t)status.st_size)
		return EOVERFLOW;
	*addr += BUFFER_SPACE + ((uint64_t)fd << 44);
	return 0;
}

int fake_check_pages(uint64_t addr, uint64_t length, bool writes)
{
	uint64_t page;

	if (addr & BUFFER_SPACE)
		return 0;
	for (page = fake_page_of(addr); page < addr + length; page += PAGE) {
		if (touches(fake.device, page))
			return ENXIO;
		if (!fake_page_is_mapped(page))
			return EFAULT;
		if (writes && touches(fake.read_only, page))
			return EACCES;
	}
	return 0;
}

static int do_info(struct contig_info *arg)
{
	if (arg->size < sizeof(*arg))
		return EINVAL;
	if (arg->flags)
		return EOPNOTSUPP;
	arg->out_abi_version = CONTIG_ABI_VERSION;
	arg->out_page_size = PAGE;
	return 0;
}

int fake_do_alloc(struct contig_alloc *arg)
{
	struct stat status;
	int error = 0;

	if (!arg->length)
		return EINVAL;
	arg->out_length = (arg->length + PAGE - 1) / PAGE * PAGE;
	arg->out_rung = CONTIG_RUNG_RESERVE;
	arg->out_mapping = CONTIG_MAPPING_STRUCT_PAGE;
	arg->out_extents = 1;
	arg->out_report_count = 1;
	arg->out_reports[0].rung = CONTIG_RUNG_RESERVE;
	if (fake.alloc)
		error = fake.alloc(arg);
	if (error) {
		arg->out_fd = -1;
		arg->out_rung = CONTIG_RUNG_NONE;
		return error;
	}
	arg->out_fd = memfd_create("fake buffer", MFD_CLOEXEC);
	assert_int_not_equal(arg->out_fd, -1);
	assert_int_equal(ftruncate(arg->out_fd, arg->out_length), 0);
	assert_int_equal(fstat(arg->out_fd, &status), 0);
	files[arg->out_fd] = (struct file){
		.is_buffer = true,
		.inode = status.st_ino,
	};
	return 0;
}

static bool in_one_run(uint64_t addr, uint64_t length, uint32_t flags)
{
	return fake_translated(addr + length - 1, flags) -
		       fake_translated(addr, flags) ==
	       length - 1;
}

int fake_do_lock(int client, const struct contig_lock *arg)
{
	uint64_t addr = arg->addr;
	uint64_t page;
	int error = fake_resolve(arg->flags, arg->fd, &addr, arg->length);

	if (arg->flags &
	    ~(CONTIG_RANGE_BUFFER | CONTIG_LOCK_OUTPUT |
	      CONTIG_LOCK_CONTIGUOUS | CONTIG_LOCK_DEVICE_CONTIGUOUS))
		return EOPNOTSUPP;
	if (arg->flags & CONTIG_LOCK_DEVICE_CONTIGUOUS && !*fake.attached)
		return EUNATCH;
	if (!error)
		error = fake_check_pages(addr, arg->length,
					 !(arg->flags & CONTIG_LOCK_OUTPUT));
	if (error)
		return error;
	if (arg->flags & CONTIG_LOCK_CONTIGUOUS &&
	    !in_one_run(addr, arg->length, 0))
		return EILSEQ;
	if (arg->flags & CONTIG_LOCK_DEVICE_CONTIGUOUS &&
	    !in_one_run(addr, arg->length, CONTIG_LOCK_DEVICE_CONTIGUOUS))
		return EILSEQ;
	for (page = fake_page_of(addr); page < addr + arg->length; page += PAGE)
		if (touches(fake.stale, page))
			return ESTALE;
	for (page = fake_page_of(addr); page < addr + arg->length; page += PAGE)
		fake_get_page(client, page)->locks++;
	return 0;
}

static int check_locked(int client, uint64_t addr, uint64_t length)
{
	uint64_t page;

	for (page = fake_page_of(addr); page < addr + length; page += PAGE)
		if (!fake_get_page(client, page)->locks)
			return ENOLCK;
	return 0;
}

/* Like check_locked(); the locked memory must also still be there. */
int fake_check_locked(int client, uint64_t addr, uint64_t length)
{
	uint64_t page;
	int error = check_locked(client, addr, length);

	if (error)
		return error;
	for (page = fake_page_of(addr); page < addr + length; page += PAGE)
		if (touches(fake.stale, page))
			return ESTALE;
	return 0;
}

int fake_do_unlock(int client, const struct contig_unlock *arg)
{
	uint64_t addr = arg->addr;
	uint64_t page;
	int error = fake_resolve(arg->flags, arg->fd, &addr, arg->length);

	if (!error)
		error = check_locked(client, addr, arg->length);
	if (error)
		return error;
	for (page = fake_page_of(addr); page < addr + arg->length; page += PAGE)
		fake_get_page(client, page)->locks--;
	return 0;
}

static uint64_t extent_length(uint64_t addr, uint64_t length, uint32_t flags)
{
	uint64_t end = fake_page_of(addr) + PAGE;

	while (end < addr + length &&
	       fake_translated(end, flags) ==
		       fake_translated(end - 1, flags) + 1)
		end += PAGE;
	return end < addr + length ? end - addr : length;
}

static int do_get_physical(int client, struct contig_get_physical *arg)
{
	struct contig_extent *extents = (void *)(uintptr_t)arg->extents;
	uint64_t addr = arg->addr;
	uint64_t length = arg->length;
	uint32_t count = 0;
	int error = fake_resolve(arg->flags, arg->fd, &addr, length);

	if (!error)
		error = fake_check_pages(addr, length, false);
	if (!error)
		error = fake_check_locked(client, addr, length);
	if (error)
		return error;
	if (arg->flags & CONTIG_GET_DMA && !*fake.attached)
		return EUNATCH;
	if (arg->count && fake.deny_physical && !(arg->flags & CONTIG_GET_DMA))
		return EPERM;

	if (arg->count && fake.most_extents && arg->count > fake.most_extents)
		arg->count = fake.most_extents;
	while (length && (!arg->count || count < arg->count)) {
		uint64_t run = extent_length(addr, length, arg->flags);

		if (arg->count) {
			extents[count].addr = fake_translated(addr, arg->flags);
			extents[count].length = run;
		}
		count++;
		addr += run;
		length -= run;
	}
	if (arg->count) {
		arg->addr += arg->length - length;
		arg->length = length;
	}
	arg->count = count;
	return 0;
}

static int do_get_state(int client, struct contig_get_state *arg)
{
	struct contig_run *runs = (void *)(uintptr_t)arg->runs;
	uint64_t addr = arg->addr;
	uint64_t end;
	uint32_t count = 0;
	int error = fake_resolve(arg->flags, arg->fd, &addr, arg->length);

	if (!error && !arg->count)
		error = EINVAL;
	if (error)
		return error;
	end = addr + arg->length;
	while (addr < end && count < arg->count) {
		struct page *page = fake_get_page(client, addr);

		runs[count++] = (struct contig_run){
			.addr = page->addr,
			.length = PAGE,
			.locks = page->locks,
			.holds = page->holds,
		};
		addr = page->addr + PAGE;
	}
	if (addr > end)
		addr = end;
	arg->addr += addr - (end - arg->length);
	arg->length = end - addr;
	arg->count = count;
	return 0;
}

static int do_device(struct contig_device *arg)
{
	if (arg->flags & CONTIG_DEVICE_QUERY) {
		if (!*fake.attached)
			return EUNATCH;
	} else if (arg->flags & CONTIG_DEVICE_DETACH) {
		if (!*fake.attached)
			return EUNATCH;
		*fake.attached = '\0';
		return 0;
	} else {
		if (!*arg->name)
			return EINVAL;
		if (strncmp(arg->name, "pci/", 4))
			return ENODEV;
		strcpy(fake.attached, arg->name);
	}
	strcpy(arg->out_name, fake.attached);
	arg->out_address_bits = 28;
	arg->out_node = -1;
	arg->out_features = CONTIG_DEVICE_IOMMU;
	return 0;
}

static int do_command(int client, unsigned int cmd, void *arg)
{
	switch (cmd) {
	case CONTIG_CMD_INFO:
		return do_info(arg);
	case CONTIG_CMD_ALLOC:
		return fake_do_alloc(arg);
	case CONTIG_CMD_PROBE:
		return fake.probe ? fake.probe(arg) : 0;
	case CONTIG_CMD_DEVICE:
		return do_device(arg);
	case CONTIG_CMD_DEFER:
		return fake_do_defer(arg);
	case CONTIG_CMD_COLLECT:
		return fake_do_collect(arg);
	default:
		break;
	}
	if (files[client].owner != getpid())
		return EXDEV;
	switch (cmd) {
	case CONTIG_CMD_HOLD:
		return fake_do_hold(client, arg);
	case CONTIG_CMD_UNHOLD:
		return fake_do_unhold(client, arg);
	case CONTIG_CMD_LOCK:
		return fake_do_lock(client, arg);
	case CONTIG_CMD_UNLOCK:
		return fake_do_unlock(client, arg);
	case CONTIG_CMD_GET_PHYSICAL:
		return do_get_physical(client, arg);
	case CONTIG_CMD_PREPARE:
		return fake_do_prepare(client, arg);
	case CONTIG_CMD_CHECKPOINT:
		return fake_do_checkpoint(client, arg);
	case CONTIG_CMD_SYNC:
		return fake_do_sync(client, arg);
	default:
		return do_get_state(client, arg);
	}
}

/* Like the kernel, write only the members that are in/out or out. */
static int command(int client, unsigned int cmd, void *arg)
{
	uint32_t size;
	int error;

	if (cmd >= FAKE_COMMANDS || !files[client].is_client)
		return ENOTTY;
	memcpy(&size, arg, sizeof(size));
	memset(&fake.last, 0, sizeof(fake.last));
	memcpy(&fake.last, arg,
	       size < sizeof(fake.last) ? size : sizeof(fake.last));
	fake.calls[cmd]++;
	if (fake.during)
		fake.during(cmd);
	if (failures[cmd].error && !failures[cmd].after--) {
		error = failures[cmd].error;
		failures[cmd].error = 0;
		return error;
	}
	fake_lock();
	error = do_command(client, cmd, arg);
	fake_unlock();
	return error;
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *arg;
	int error;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	if (request == DMA_BUF_IOCTL_SYNC) {
		/* Interrupt the first call, as the kernel may do. */
		fake.last_sync = ((struct dma_buf_sync *)arg)->flags;
		error = fake.syncs++ % 2 ? 0 : EINTR;
	} else if (_IOC_TYPE(request) != CONTIG_IOCTL_TYPE) {
		return __real_ioctl(fd, request, arg);
	} else {
		error = command(fd, _IOC_NR(request), arg);
	}
	if (!error)
		return 0;
	errno = error;
	return -1;
}

int __wrap_open(const char *path, int flags, ...)
{
	size_t i;
	int fd;

	if (strncmp(path, "/dev/contig", 11)) {
		fd = __real_open(path, flags, 0);
		if (fd >= 0 && fd < MAX_FILES)
			files[fd] = (struct file){0};
		return fd;
	}
	fake.opens++;
	strncpy(fake.open_path, path, sizeof(fake.open_path) - 1);
	if (fake.open_error) {
		errno = fake.open_error;
		return -1;
	}
	assert_true(flags & O_CLOEXEC);
	fd = __real_open("/dev/null", flags);
	assert_true(fd >= 0 && fd < MAX_FILES);
	files[fd] = (struct file){.is_client = true, .owner = getpid()};
	for (i = 0; i < MAX_PAGES; i++)
		if (pages[i].client == fd)
			pages[i].locks = pages[i].holds = 0;
	return fd;
}

/* The name of open() where files may be long. */
int __wrap_open64(const char *path, int flags, ...)
	__attribute__((alias("__wrap_open")));
