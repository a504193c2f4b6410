// SPDX-License-Identifier: GPL-2.0-only
/*
 * A process for each program: nothing of the process may outlive it
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/contig.h>

#include "fuzz.h"

/*
 * In seconds: the alarm of a program, the limit of the parent, and how long a
 * process may take to die.
 */
#define LIMIT 20
#define LIMIT_KILL 25
#define LIMIT_DEATH 60

#define DEBUGFS "/sys/kernel/debug/contig/"

static int tainted_fd = -1;
static unsigned long tainted;

static unsigned long read_tainted(void)
{
	char text[32] = "";

	if (pread(tainted_fd, text, sizeof(text) - 1, 0) <= 0)
		return 0;
	return strtoul(text, NULL, 10);
}

bool child_init(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	/*
	 * Adopt the children of processes that die, so that their end is seen.
	 */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	tainted_fd = open("/proc/sys/kernel/tainted", O_RDONLY | O_CLOEXEC);
	tainted = read_tainted();
	fd = open("/dev/contig", O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		fprintf(stderr, "fuzz: cannot open /dev/contig: %s: load the module\n",
			strerror(errno));
		return false;
	}
	close(fd);
	return true;
}

static time_t seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* Wait for a process, or for any with -1. Return false if it took too long. */
static bool wait_for(pid_t pid, int *status, time_t until)
{
	struct timespec some = { .tv_sec = 1 };
	sigset_t set;
	pid_t got;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	for (;;) {
		got = waitpid(pid, status, WNOHANG);
		if (got == pid || (got < 0 && errno == ECHILD))
			return true;
		if (got > 0)
			continue;
		if (seconds() > until)
			return false;
		sigtimedwait(&set, NULL, &some);
	}
}

/* Return true if a list of the module has only its header. */
static bool list_is_empty(const char *path)
{
	char line[256];
	unsigned int lines = 0;
	FILE *file = fopen(path, "r");

	if (!file)
		return true;
	while (fgets(line, sizeof(line), file))
		lines++;
	fclose(file);
	return lines <= 1;
}

static bool quota_is_free(void)
{
	struct contig_info info = { .size = sizeof(info) };
	int fd = open("/dev/contig", O_RDWR | O_CLOEXEC);
	int ret = fd < 0 ? -1 : ioctl(fd, CONTIG_INFO, &info);

	if (fd >= 0)
		close(fd);
	return !ret && !info.out_quota_used;
}

/* Return what is left once no process could still have it, or NULL. */
static const char *left(void)
{
	const char *what = NULL;

	/* Some objects are freed in the background. */
	for (int tries = 0; tries < 200; tries++) {
		what = !list_is_empty(DEBUGFS "buffers") ? "a buffer" :
		       !list_is_empty(DEBUGFS "clients") ? "a client" :
		       !quota_is_free() ? "a charge to the quota" : NULL;
		if (!what)
			break;
		usleep(10000);
	}
	return what;
}

static void judge(struct run *run)
{
	const char *what;
	int status = run->status;

	if (WIFSIGNALED(status)) {
		run->outcome = KILLED;
		if (WTERMSIG(status) != SIGALRM && WTERMSIG(status) != SIGKILL) {
			run->outcome = DIED;
			snprintf(run->why, sizeof(run->why), "signal %d: %s",
				 WTERMSIG(status), strsignal(WTERMSIG(status)));
			return;
		}
	} else if (WEXITSTATUS(status) == EXIT_NOT_ZERO) {
		run->outcome = NOT_ZERO;
		strcpy(run->why, "a new buffer was not zero");
		return;
	} else if (WEXITSTATUS(status)) {
		run->outcome = DIED;
		snprintf(run->why, sizeof(run->why), "exit status %d",
			 WEXITSTATUS(status));
		return;
	}
	if (read_tainted() != tainted) {
		run->outcome = COMPLAINED;
		strcpy(run->why, "the kernel complained, see its log");
		return;
	}
	what = left();
	if (what) {
		run->outcome = LEFT;
		snprintf(run->why, sizeof(run->why), "%s was left", what);
	}
}

void child_run(const struct program *program, bool tell, struct run *run)
{
	time_t start = seconds();
	sigset_t none;
	pid_t pid;

	*run = (struct run){ .outcome = RAN };
	pid = fork();
	if (pid < 0) {
		perror("fuzz: cannot fork");
		exit(2);
	}
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		setpgid(0, 0);
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		alarm(LIMIT);
		steps_run(program, tell);
		_exit(0);
	}
	setpgid(pid, pid);
	if (!wait_for(pid, &run->status, start + LIMIT_KILL)) {
		kill(-pid, SIGKILL);
		if (!wait_for(pid, &run->status, seconds() + LIMIT_DEATH)) {
			run->outcome = HANGS;
			strcpy(run->why, "it cannot be killed");
			return;
		}
	}
	kill(-pid, SIGKILL);
	if (!wait_for(-1, NULL, seconds() + LIMIT_DEATH)) {
		run->outcome = HANGS;
		strcpy(run->why, "a child of it cannot be killed");
		return;
	}
	judge(run);
}
