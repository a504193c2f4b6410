// SPDX-License-Identifier: GPL-2.0-only
/*
 * A file system that does not answer, and a task that never yields its
 * processor
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "contig_utils.h"
#include "hostile_utils.h"

#define RT_RUNTIME "/proc/sys/kernel/sched_rt_runtime_us"
#define SPIN_MS 60000
#define FAIR_SERVER "/sys/kernel/debug/sched/fair_server"

/* A server with one file, which answers all requests but writes. */
static void reply(int fd, uint64_t unique, int error, const void *data,
		  size_t length)
{
	static char message[(1 << 18) + sizeof(struct fuse_out_header)];
	struct fuse_out_header *head = (void *)message;

	head->len = sizeof(*head) + length;
	head->error = error;
	head->unique = unique;
	if (length)
		memcpy(head + 1, data, length);
	if (write(fd, message, head->len) < 0 && errno != ENOENT)
		fprintf(stderr, "# fuse: %s\n", strerror(errno));
}

static struct fuse_attr file_attr(uint64_t node)
{
	return (struct fuse_attr) {
		.ino = node,
		.size = SILENT_PAGES * page_size,
		.mode = node == FUSE_ROOT_ID ? S_IFDIR | 0755 : S_IFREG | 0644,
		.nlink = 1,
		.blksize = page_size,
	};
}

static void answer(int fd, const struct fuse_in_header *in)
{
	static const char zeros[1 << 18];
	const struct fuse_init_in *init = (const void *)(in + 1);
	const struct fuse_read_in *get = (const void *)(in + 1);

	switch (in->opcode) {
	case FUSE_INIT: {
		struct fuse_init_out out = {
			.major = FUSE_KERNEL_VERSION,
			.minor = 31,
			.max_readahead = init->max_readahead,
			.max_write = 1 << 17,
			.time_gran = 1,
		};

		reply(fd, in->unique, 0, &out, sizeof(out));
		break;
	}
	case FUSE_LOOKUP: {
		struct fuse_entry_out out = {
			.nodeid = 2,
			.entry_valid = 1000,
			.attr_valid = 1000,
			.attr = file_attr(2),
		};

		reply(fd, in->unique, 0, &out, sizeof(out));
		break;
	}
	case FUSE_GETATTR: {
		struct fuse_attr_out out = {
			.attr_valid = 1000,
			.attr = file_attr(in->nodeid),
		};

		reply(fd, in->unique, 0, &out, sizeof(out));
		break;
	}
	case FUSE_OPEN: {
		/*
		 * Without FOPEN_KEEP_CACHE another open() drops the page cache.
		 */
		struct fuse_open_out out = {};

		reply(fd, in->unique, 0, &out, sizeof(out));
		break;
	}
	case FUSE_READ:
		reply(fd, in->unique, 0, zeros, get->size);
		break;
	case FUSE_WRITE:
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		break;
	default:
		reply(fd, in->unique, -ENOSYS, NULL, 0);
	}
}

static pid_t serve(int fd)
{
	static char message[1 << 18];
	pid_t pid = fork();

	if (pid)
		return pid;
	for (;;) {
		ssize_t n = read(fd, message, sizeof(message));

		if (n >= (ssize_t)sizeof(struct fuse_in_header))
			answer(fd, (void *)message);
		else if (n < 0 && errno != EINTR && errno != ENOENT &&
			 errno != EAGAIN)
			_exit(0);
	}
}

int silent_fs_mount(struct silent_fs *fs)
{
	char options[64];
	int ret;

	fs->device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (fs->device < 0)
		return -errno;
	strcpy(fs->folder, "/tmp/contig-XXXXXX");
	snprintf(options, sizeof(options),
		 "fd=%d,rootmode=40000,user_id=0,group_id=0", fs->device);
	if (!mkdtemp(fs->folder) ||
	    mount("contig", fs->folder, "fuse", MS_NOSUID | MS_NODEV, options)) {
		ret = -errno;
		close(fs->device);
		rmdir(fs->folder);
		return ret;
	}
	fs->server = serve(fs->device);
	snprintf(fs->path, sizeof(fs->path), "%s/file", fs->folder);
	return 0;
}

void silent_fs_abort(const struct silent_fs *fs)
{
	umount2(fs->folder, MNT_FORCE);
}

void silent_fs_unmount(struct silent_fs *fs)
{
	silent_fs_abort(fs);
	kill(fs->server, SIGKILL);
	waitpid(fs->server, NULL, 0);
	close(fs->device);
	umount2(fs->folder, MNT_DETACH);
	rmdir(fs->folder);
}

/* On 6.12 and later tasks of other classes have a share of each processor. */
static void fair_server_set(int cpu, const char *ns)
{
	char path[64];

	snprintf(path, sizeof(path), FAIR_SERVER "/cpu%d/runtime", cpu);
	write_text(path, ns);
}

int stay_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set);
}

static void spin(int cpu)
{
	struct sched_param param = { .sched_priority = 50 };
	uint64_t end;
	size_t i;
	char *page;

	if (stay_on(cpu))
		_exit(1);
	/*
	 * Leave pages on this CPU's lists, which only the CPU itself can drain.
	 */
	page = mmap(NULL, 4 * page_size, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	madvise(page, 4 * page_size, MADV_NOHUGEPAGE);
	for (i = 0; i < 4; i++)
		page[i * page_size] = 1;
	if (sched_setscheduler(0, SCHED_FIFO, &param))
		_exit(1);
	/* A limit, in case that the waiting process never ends this one. */
	for (end = now_ms() + SPIN_MS; now_ms() < end;)
		;
	_exit(0);
}

void realtime_begin(struct realtime *rt, int cpu)
{
	rt->runtime = read_text(RT_RUNTIME);
	write_text(RT_RUNTIME, "-1");
	rt->cpu = cpu;
	fair_server_set(cpu, "0");
	rt->spinner = fork();
	if (!rt->spinner)
		spin(cpu);
}

void realtime_end(struct realtime *rt)
{
	if (rt->spinner <= 0)
		return;
	kill(rt->spinner, SIGKILL);
	waitpid(rt->spinner, NULL, 0);
	rt->spinner = 0;
	fair_server_set(rt->cpu, "50000000");
	if (rt->runtime)
		write_text(RT_RUNTIME, rt->runtime);
	free(rt->runtime);
	rt->runtime = NULL;
}

uint64_t now_ms(void)
{
	return now_ns() / 1000000;
}

/*
 * If this process does not run either, since the machine stalls or is busy with
 * another guest, that time is added, up to four times the limit.
 */
bool ends_within(pid_t pid, uint64_t ms)
{
	uint64_t end = now_ms() + 4 * ms, naps = ms / 5 + 1;

	do {
		if (waitpid(pid, NULL, WNOHANG) == pid)
			return true;
		usleep(5000);
	} while (--naps && now_ms() < end);
	return waitpid(pid, NULL, WNOHANG) == pid;
}

/* Return the number of isolated pageblocks. */
long isolated_pageblocks(void)
{
	char *text = read_text("/proc/pagetypeinfo"), *at;
	long n = 0, last = 0;

	at = text ? strstr(text, "Number of blocks") : NULL;
	/* One line for each zone; the isolated ones are the last column. */
	while (at && (at = strchr(at, '\n')) && at[1]) {
		at++;
		if (strncmp(at, "Node ", 5))
			break;
		if (!strncmp(at, "Page block", 10))
			continue;
		char *end = strchr(at, '\n'), *word;

		if (!end)
			break;
		for (word = end; word > at && word[-1] == ' ';)
			word--;
		while (word > at && word[-1] != ' ')
			word--;
		last = atol(word);
		n += last;
		at = end - 1;
	}
	free(text);
	return n;
}
