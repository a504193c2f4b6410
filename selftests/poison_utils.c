// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <signal.h>

#include "poison_utils.h"

#define KPF_HWPOISON 19

bool has_failed(uint64_t pfn)
{
	return page_flags(pfn) >> KPF_HWPOISON & 1;
}

bool fail_page(uint64_t pfn)
{
	char text[32];

	snprintf(text, sizeof(text), "0x%llx",
		 (unsigned long long)pfn * page_size);
	write_text(HARD_OFFLINE, text);
	return has_failed(pfn);
}

bool any_has_failed(uint64_t pfn, size_t npages)
{
	static uint64_t flags[MIB(4) / 4096];
	int fd = open("/proc/kpageflags", O_RDONLY);
	ssize_t n = npages * sizeof(flags[0]);
	bool failed = pread(fd, flags, n, pfn * sizeof(flags[0])) != n;

	while (npages--)
		failed |= flags[npages] >> KPF_HWPOISON & 1;
	close(fd);
	return failed;
}

bool frames_of(int client, int fd, size_t npages, uint64_t *pfns)
{
	struct contig_extent *e;
	int64_t n = buffer_extents(client, fd, pages(npages), &e), i;
	size_t at = 0, j;

	for (i = 0; i < n; i++)
		for (j = 0; j < e[i].length / page_size; j++)
			pfns[at++] = e[i].addr / page_size + j;
	if (n > 0)
		free(e);
	return at == npages;
}

static sigjmp_buf before_access;
static volatile int bus_code;
static void *volatile bus_addr;

static void on_bus(int signal, siginfo_t *info, void *context)
{
	bus_code = info->si_code;
	bus_addr = info->si_addr;
	siglongjmp(before_access, 1);
}

int access_code(const volatile char *p)
{
	struct sigaction new = { .sa_sigaction = on_bus, .sa_flags = SA_SIGINFO };
	struct sigaction old;
	int code = 0;

	sigaction(SIGBUS, &new, &old);
	if (!sigsetjmp(before_access, 1))
		(void)*p;
	else
		code = bus_addr == p ? bus_code : -1;
	sigaction(SIGBUS, &old, NULL);
	return code;
}

bool is_gone(void *arg)
{
	return access_code(arg) == BUS_MCEERR_AR;
}
