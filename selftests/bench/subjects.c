// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls that the benchmark times, alternately
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "subjects.h"

int client;
char *memory;
static char *mapping;
static size_t mapping_length;

int alloc_fd(const struct subject *subject)
{
	struct contig_alloc result;
	int ret;

	ret = contig_do_alloc(client, subject->length, subject->rungs,
			      subject->flags, &result);
	if (ret)
		die("%s of %zu bytes: %s", subject->name, subject->length,
		    strerror(-ret));
	return result.out_fd;
}

void run_alloc(const struct subject *subject)
{
	close(alloc_fd(subject));
}

/* Find room for a mapping of huge pages. */
static char *find_place(void)
{
	char *place = mmap(NULL, LARGE + 2 * MIB, PROT_NONE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (place == MAP_FAILED)
		die_errno("mmap");
	munmap(place, LARGE + 2 * MIB);
	return place + -(uintptr_t)place % (2 * MIB);
}

/* Map a dma-buf where huge pages fit. */
char *map_fd(int fd, size_t length)
{
	static char *place;
	char *addr;

	for (;;) {
		addr = mmap(place, length, PROT_READ | PROT_WRITE, MAP_SHARED,
			    fd, 0);
		if (addr == MAP_FAILED)
			die_errno("mmap");
		if (!((uintptr_t)addr % (2 * MIB)))
			return addr;
		/* There is another mapping by now. */
		munmap(addr, length);
		place = find_place();
	}
}

/* Fault pages in by a stride, so that adjacent pages are apart in memory. */
void take_memory(int advice)
{
	size_t pages = LARGE / page_size, i, at = 0;

	mapping_length = LARGE + 2 * MIB;
	mapping = mmap(NULL, mapping_length, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mapping == MAP_FAILED)
		die_errno("mmap");
	if (madvise(mapping, mapping_length, advice))
		die_errno("madvise");
	/* Huge pages begin at a multiple of their size. */
	memory = mapping + -(uintptr_t)mapping % (2 * MIB);
	for (i = 0; i < pages; i++) {
		memory[at * page_size] = 1;
		at = (at + 4099) % pages;
	}
}

void free_memory(void)
{
	munmap(mapping, mapping_length);
}

void take_turns(struct subject *subjects, unsigned int nr, unsigned int turns)
{
	unsigned int turn, i, call;
	struct subject *subject;
	uint64_t start;

	for (turn = 0; turn < turns; turn++) {
		for (i = 0; i < nr; i++) {
			subject = &subjects[i];
			start = now_ns();
			for (call = 0; call < subject->calls; call++)
				subject->run(subject);
			/* The first turn warms up the caches. */
			if (turn)
				times_add(&subject->times,
					  (now_ns() - start) / subject->calls);
			if (subject->after)
				subject->after(subject);
		}
	}
}

static double us(struct subject *subject, unsigned int percent)
{
	return times_percentile(&subject->times, percent) / 1e3;
}

/* Print a line; @target is the highest acceptable ratio of medians, or 0. */
void report(struct subject *subject, struct subject *reference, double target)
{
	static const char *const kinds[] = {
		[OURS] = "contig",
		[PEER] = "peer",
		[LIMIT] = "limit",
	};
	double median = us(subject, 50), other = us(reference, 50);

	printf("%s,%zu,%.2f,%.2f,%s,%s,%zu,%.2f,%.2f,%.3f,", subject->name,
	       subject->length, median, us(subject, 0), reference->name,
	       kinds[reference->kind], reference->length, other,
	       us(reference, 0), median / other);
	if (target)
		printf("%g", target);
	putchar('\n');
	fflush(stdout);
}

void section(const char *name)
{
	printf("section,%s\n", name);
	fflush(stdout);
	fprintf(stderr, "%s\n", name);
}
