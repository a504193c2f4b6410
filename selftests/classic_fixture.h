/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The fixture of the programs classic and classic_alloc: memory that consists
 * of several blocks. Include kselftest_harness.h first.
 */
#ifndef CONTIG_SELFTESTS_CLASSIC_FIXTURE_H
#define CONTIG_SELFTESTS_CLASSIC_FIXTURE_H

#include <contig/macvm.h>
#include <sys/swap.h>

#include "classic.h"

#define PAGES 64
#define SWAP "/dev/ram1"

FIXTURE(classic) {
	char *memory;
	LogicalToPhysicalTable table;
	unsigned long count;
	bool swapping;
};

FIXTURE_SETUP(classic) {
	int i;

	if (access(CONTIG_PATH, F_OK))
		SKIP(return, "no " CONTIG_PATH ": load the module");
	self->memory = mmap(NULL, pages(2 * PAGES), PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->memory);
	/* Touch the pages in an order that yields several blocks. */
	for (i = 0; i < PAGES; i++) {
		self->memory[pages(i)] = 1;
		if (i % 3 == 2)
			self->memory[pages(2 * PAGES - 1 - i)] = 1;
	}
	self->count = defaultPhysicalEntryCount;
}

FIXTURE_TEARDOWN(classic) {
	if (self->swapping)
		swapoff(SWAP);
}

#define expect_state(page, nr_holds, nr_locks) do { \
	struct contig_run _r = state_of(self->memory + pages(page)); \
	EXPECT_EQ(nr_holds, _r.holds); \
	EXPECT_EQ(nr_locks, _r.locks); \
} while (0)

#define set_logical(addr, length) do { \
	self->table.logical.address = (addr); \
	self->table.logical.count = (length); \
} while (0)

#endif /* CONTIG_SELFTESTS_CLASSIC_FIXTURE_H */
