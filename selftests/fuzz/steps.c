// SPDX-License-Identifier: GPL-2.0-only
/*
 * Run a program, step by step
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "state.h"

#define FORKS_MAX 4
#define DEPTH_MAX 2

struct state state;
__thread char *scratch;

static char *scratches[2];
static __thread sigjmp_buf fault_jump;
static __thread volatile bool fault_expected;
static __thread int slot;
/* The thread's exit must not free what other threads still use. */
static __thread bool in_thread;
static bool tell;

static const struct {
	const char *name;
	int (*run)(struct step *step);
	bool main_only;
} steps[] = {
	/* Stored programs refer to these by number: add new ones at the end. */
	{ "open", step_open, false },
	{ "close", step_close, false },
	{ "info", step_info, false },
	{ "alloc", step_alloc, false },
	{ "probe", step_probe, false },
	{ "hold", step_hold, false },
	{ "unhold", step_unhold, false },
	{ "lock", step_lock, false },
	{ "unlock", step_unlock, false },
	{ "physical", step_physical, false },
	{ "state", step_get_state, false },
	{ "raw", step_raw, false },
	{ "map", step_map, false },
	{ "map_buffer", step_map_buffer, false },
	{ "unmap", step_unmap, false },
	{ "protect", step_protect, false },
	{ "remap", step_remap, false },
	{ "advise", step_advise, false },
	{ "mlock", step_mlock, false },
	{ "touch", step_touch, false },
	{ "reach", step_reach, false },
	{ "dup", step_dup, false },
	{ "close_buffer", step_close_buffer, false },
	{ "sync", step_sync, false },
	{ "dmabuf", step_dmabuf, false },
	{ "pass", step_pass, false },
	{ "import", step_import, false },
	{ "inspect", step_inspect, false },
	{ "fork", step_fork, true },
	{ "thread", step_thread, true },
	{ "user", step_user, true },
	{ "alarm", step_alarm, true },
	{ "wait", step_wait, false },
	{ "device", step_device, false },
	{ "rebind", step_rebind, false },
	{ "prepare", step_prepare, false },
	{ "checkpoint", step_checkpoint, false },
	{ "sync_range", step_sync_range, false },
	{ "defer", step_defer, false },
	{ "collect", step_collect, false },
};

unsigned int step_count(void)
{
	return ARRAY_SIZE(steps);
}

const char *step_name(uint8_t op)
{
	return steps[op % ARRAY_SIZE(steps)].name;
}

char *arena_at(const uint8_t b[2])
{
	unsigned int page;

	switch (b[1] >> 4) {
	case 8:
		page = b[0];
		break;
	case 9:
		page = b[0] * 16;
		break;
	default:
		/* Few pages, so that steps use the same ones. */
		page = b[0] % 64;
	}
	return (char *)ARENA + page * PAGE;
}

static const uint16_t lengths[] = {
	1, 2, 3, 4, 8, 16, 64, 512, 5, 100, 1024, 4096,
};

size_t arena_length(const char *at, uint8_t b)
{
	size_t room = ARENA_PAGES - (at - (char *)ARENA) / PAGE;
	size_t n = lengths[b % ARRAY_SIZE(lengths)];

	return (n < room ? n : room) * PAGE;
}

uint64_t step_length(uint8_t b)
{
	static const uint64_t odd[] = {
		0, 1, PAGE - 1, PAGE + 1, 2 * PAGE + 2, ~0ull, 1ull << 63,
		1ull << 47, 1ull << 32, -PAGE,
	};

	if (b >= 0xd0)
		return odd[b % ARRAY_SIZE(odd)];
	return lengths[b % ARRAY_SIZE(lengths)] * PAGE;
}

static uint64_t special_address(uint8_t b)
{
	uint64_t vdso = getauxval(AT_SYSINFO_EHDR);
	char on_stack;

	switch (b % 16) {
	case 0:
		return 0;
	case 1:
		return PAGE - 1;
	case 2:
		return 0x7ffffffff000ull;
	case 3:
		return 0x7fffffffe000ull;
	case 4:
		return ~0ull;
	case 5:
		return 0xffff888000000000ull;
	case 6:
		return 1ull << 63;
	case 7:
		return 0xffffffffff600000ull;
	case 8:
		return (uintptr_t)&on_stack;
	case 9:
		return (uintptr_t)special_address;
	case 10:
		return vdso;
	case 11:
		return vdso - PAGE;
	case 12:
		return vdso - 3 * PAGE;
	case 13:
		return (uintptr_t)lengths;
	case 14:
		return ARENA + (ARENA_PAGES - 1) * PAGE;
	default:
		return (uintptr_t)scratch;
	}
}

uint64_t step_address(const uint8_t b[2])
{
	uint64_t at = (uintptr_t)arena_at(b);

	switch (b[1] >> 4) {
	case 10:
		return at + b[1] % 16 * 257;
	case 11:
		return special_address(b[0]);
	default:
		return at;
	}
}

int step_fd(uint8_t b)
{
	switch (b / 8 % 4) {
	case 0:
		return state.buffer[b % BUFFERS];
	case 1:
		return state.client[b % CLIENTS];
	case 2:
		return state.memfd;
	default:
		return (int)(b % 8) - 2 + (b & 0x40) * 100;
	}
}

static void on_fault(int signal)
{
	if (fault_expected)
		siglongjmp(fault_jump, 1);
	/* A bug of the fuzzer, or contig wrote to a wrong address. */
	sigaction(signal, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
}

int catch_faults(int (*fn)(void *arg), void *arg)
{
	int ret;

	if (sigsetjmp(fault_jump, 0)) {
		fault_expected = false;
		return -EFAULT;
	}
	fault_expected = true;
	ret = fn(arg);
	fault_expected = false;
	return ret;
}

/* Run some steps, also those that belong to other steps. */
static void run(const struct program *program, unsigned int at,
		unsigned int end)
{
	struct step step = { .program = program, .thread = in_thread };
	int ret;

	for (; at < end; at += 1 + step.used) {
		unsigned int op = program->step[at][0] % ARRAY_SIZE(steps);

		step.b = program->step[at];
		step.at = at;
		step.used = 0;
		if (in_thread && steps[op].main_only)
			continue;
		if (tell)
			fprintf(stderr, "%d: %u %s\n", getpid(), at,
				steps[op].name);
		errno = 0;
		ret = steps[op].run(&step);
		cover_result(slot, op, ret < 0 ? -ret : ret);
		if (tell)
			fprintf(stderr, "%d: %u %s %s\n", getpid(), at,
				steps[op].name, ret < 0 ? strerror(-ret) :
				ret ? "answered" : "ok");
	}
}

static unsigned int steps_behind(const struct step *step, uint8_t n)
{
	unsigned int left = step->program->steps - step->at - 1;

	return n < left ? n : left;
}

/* Run the following steps in a child: 1 how many, 2 wait for it. */
int step_fork(struct step *step)
{
	unsigned int n = steps_behind(step, 1 + step->b[1] % 8);
	pid_t pid;

	step->used = n;
	if (state.forks >= FORKS_MAX || state.depth >= DEPTH_MAX)
		return -EAGAIN;
	state.forks++;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid) {
		alarm(10);
		state.depth++;
		slot = KCOV_CHILD;
		cover_begin(slot);
		run(step->program, step->at + 1, step->at + 1 + n);
		_exit(0);
	}
	if (step->b[2] & 1)
		waitpid(pid, NULL, 0);
	return 0;
}

static struct {
	pthread_t id;
	bool running;
	const struct program *program;
	unsigned int at, end, times;
} thread;

static void *thread_main(void *unused)
{
	(void)unused;
	in_thread = true;
	scratch = scratches[1];
	slot = KCOV_THREAD;
	cover_begin(slot);
	while (thread.times--)
		run(thread.program, thread.at, thread.end);
	return NULL;
}

static void thread_join(void)
{
	if (thread.running)
		pthread_join(thread.id, NULL);
	thread.running = false;
}

/*
 * Run the following steps in another thread while this one continues: 1 how
 * many, 2 how often.
 */
int step_thread(struct step *step)
{
	unsigned int n = steps_behind(step, 1 + step->b[1] % 4);

	step->used = n;
	thread_join();
	thread.program = step->program;
	thread.at = step->at + 1;
	thread.end = step->at + 1 + n;
	thread.times = 1 + step->b[2] % 8;
	/*
	 * A forked child has a copy of its parent's thread, and the parent's
	 * slot.
	 */
	if (state.depth || pthread_create(&thread.id, NULL, thread_main, NULL))
		return -EAGAIN;
	thread.running = true;
	return 0;
}

/* Become a user with few rights: 1 limit of locked memory, 2 stay root. */
int step_user(struct step *step)
{
	static const rlim_t limits[] = { 0, 1 << 16, 1 << 20, 8 << 20 };
	rlim_t n = limits[step->b[1] % ARRAY_SIZE(limits)];
	struct rlimit limit = { n, n };

	setrlimit(RLIMIT_MEMLOCK, &limit);
	if (step->b[2] & 1)
		return 0;
	/*
	 * Not setresuid() of the C library, which would signal the other
	 * thread.
	 */
	return result_of(syscall(SYS_setresuid, 1000, 1000, 1000));
}

static void on_tick(int signal)
{
	(void)signal;
}

/* 1 delay, 2 a signal that kills or one that repeats. */
int step_alarm(struct step *step)
{
	unsigned int us = 1u << (4 + step->b[1] % 16);
	struct itimerval timer = {
		.it_value.tv_usec = us,
		.it_interval.tv_usec = step->b[2] & 1 ? us + 200 : 0,
	};

	if (!(step->b[2] & 1))
		return result_of(setitimer(ITIMER_REAL, &timer, NULL));
	sigaction(SIGPROF, &(struct sigaction){ .sa_handler = on_tick,
		  .sa_flags = SA_RESTART }, NULL);
	return result_of(setitimer(ITIMER_PROF, &timer, NULL));
}

/* Let other threads run, or the reserve be scrubbed: 1 how long. */
int step_wait(struct step *step)
{
	if (step->b[1] % 4 == 1)
		usleep(100 << step->b[1] / 4 % 6);
	else
		sched_yield();
	return 0;
}

static char *scratch_new(void)
{
	char *at = mmap(NULL, (SCRATCH_PAGES + 2) * PAGE,
			PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			-1, 0);

	if (at == MAP_FAILED ||
	    mprotect(at + SCRATCH_PAGES * PAGE, PAGE, PROT_NONE) ||
	    mprotect(at + (SCRATCH_PAGES + 1) * PAGE, PAGE, PROT_READ))
		_exit(EXIT_NO_ARENA);
	return at;
}

static void begin(void)
{
	struct sigaction fault = {
		.sa_handler = on_fault,
		.sa_flags = SA_NODEFER,
	};

	sigaction(SIGSEGV, &fault, NULL);
	sigaction(SIGBUS, &fault, NULL);
	signal(SIGPIPE, SIG_IGN);
	memset(state.client, -1, sizeof(state.client));
	memset(state.buffer, -1, sizeof(state.buffer));
	memset(state.request, -1, sizeof(state.request));
	state.drm = -1;
	state.memfd = memfd_create("fuzz", MFD_CLOEXEC);
	if (state.memfd < 0 || ftruncate(state.memfd, 100 * PAGE) ||
	    pipe2(state.pipe, O_CLOEXEC | O_NONBLOCK))
		_exit(EXIT_NO_ARENA);
	for (int i = 0; i < 2; i++)
		scratches[i] = scratch_new();
	scratch = scratches[0];
}

static void close_all(const int *fds, int n)
{
	for (int i = 0; i < n; i++)
		close(fds[i]);
}

/* KCOV does not see what is freed by the exit of the process. */
static void end(bool clients_first)
{
	for (int turn = 0; turn < 2; turn++) {
		if (clients_first == !turn)
			close_all(state.client, CLIENTS);
		else
			close_all(state.buffer, BUFFERS);
		if (!turn)
			munmap((void *)ARENA, ARENA_PAGES * PAGE);
		cover_collect(slot);
	}
	close_all(state.request, REQUESTS);
}

void steps_run(const struct program *program, bool telling)
{
	uint8_t sum = 0;

	tell = telling;
	slot = KCOV_MAIN;
	begin();
	cover_begin(slot);
	run(program, 0, program->steps);
	thread_join();
	/*
	 * The program determines how it ends, so that it ends the same way
	 * again.
	 */
	for (unsigned int i = 0; i < program->steps; i++)
		for (int j = 0; j < STEP_BYTES; j++)
			sum = sum * 31 + program->step[i][j];
	if (sum & 3)
		end(sum & 4);
	while (waitpid(-1, NULL, 0) > 0)
		;
}
