// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a program reached: places in the module's code, edges between two
 * places, and results of calls. Only the module is built with KCOV, so the
 * traces have only its code.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/kcov.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"

/*
 * Entries of a trace. The search for a window passes through all of memory, and
 * a full trace loses what follows, so the first trace is large; fork() copies
 * its page tables, so it is not larger.
 */
#define TRACE_MAIN (1u << 18)
#define TRACE_OTHER (1u << 15)

#define PCS (1u << 21)		/* bytes of code, more than the module has */
#define EDGES (1u << 18)

struct maps {
	unsigned int news;
	unsigned int pcs;
	uint8_t pc[PCS];
	uint8_t edge[EDGES];
};

static struct maps *maps;
static uint64_t module_text;
static bool places_only;

static struct {
	int fd;
	uint64_t *area;		/* NULL without KCOV, or outside of its task */
} slots[KCOV_SLOTS];
/*
 * Only the thread that began may collect: in a forked process the area belongs
 * to another thread.
 */
static __thread bool mine[KCOV_SLOTS];

static uint64_t *trace_open(int slot, size_t entries)
{
	void *area = MAP_FAILED;
	int fd = open("/sys/kernel/debug/kcov", O_RDWR | O_CLOEXEC);

	if (fd >= 0 && !ioctl(fd, KCOV_INIT_TRACE, entries))
		area = mmap(NULL, entries * sizeof(uint64_t),
			    PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (area == MAP_FAILED) {
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	slots[slot].fd = fd;
	return area;
}

bool cover_init(void)
{
	FILE *file = fopen("/sys/module/contig/sections/.text", "r");

	maps = mmap(NULL, sizeof(*maps), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (maps == MAP_FAILED) {
		perror("fuzz: no memory for the maps");
		exit(2);
	}
	if (file) {
		if (fscanf(file, "%" SCNx64, &module_text) != 1)
			module_text = 0;
		fclose(file);
	}
	for (int i = 0; i < KCOV_SLOTS; i++)
		slots[i].area = trace_open(i, i ? TRACE_OTHER : TRACE_MAIN);
	return slots[KCOV_MAIN].area;
}

void cover_begin(int slot)
{
	/* Another thread may have the slot: then this one is not traced. */
	mine[slot] = false;
	if (!slots[slot].area ||
	    ioctl(slots[slot].fd, KCOV_ENABLE, KCOV_TRACE_PC))
		return;
	__atomic_store_n(slots[slot].area, 0, __ATOMIC_RELAXED);
	mine[slot] = true;
}

static void note(uint8_t *seen)
{
	if (*seen)
		return;
	*seen = 1;
	__atomic_add_fetch(&maps->news, 1, __ATOMIC_RELAXED);
}

static uint32_t mix(uint64_t n)
{
	return (n * 0x9e3779b97f4a7c15ull) >> 32;
}

void cover_collect(int slot)
{
	uint64_t *area = slots[slot].area, before = 0, n;

	if (!mine[slot])
		return;
	n = __atomic_load_n(area, __ATOMIC_RELAXED);
	for (uint64_t i = 1; i <= n; i++) {
		uint64_t pc = area[i] - module_text;
		uint8_t *seen = &maps->pc[pc % PCS];

		if (!*seen)
			__atomic_add_fetch(&maps->pcs, 1, __ATOMIC_RELAXED);
		note(seen);
		if (!places_only)
			note(&maps->edge[mix(before << 32 | (uint32_t)pc) %
					 EDGES]);
		before = pc;
	}
	__atomic_store_n(area, 0, __ATOMIC_RELAXED);
}

void cover_result(int slot, unsigned int op, unsigned int result)
{
	cover_collect(slot);
	note(&maps->edge[mix(~(uint64_t)(op << 16 | result)) % EDGES]);
}

unsigned int cover_news(void)
{
	return __atomic_exchange_n(&maps->news, 0, __ATOMIC_RELAXED);
}

void cover_forget(bool places)
{
	places_only = places;
	memset(maps, 0, sizeof(*maps));
}

unsigned int cover_pcs(void)
{
	return __atomic_load_n(&maps->pcs, __ATOMIC_RELAXED);
}

void cover_list(FILE *file)
{
	for (unsigned int i = 0; i < PCS; i++)
		if (maps->pc[i])
			fprintf(file, "0x%x\n", i);
}
