/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The fixture of the programs that call the interface for other modules in every
 * context. Include kselftest_harness.h first.
 */
#ifndef CONTIG_SELFTESTS_INTERRUPTS_CALLS_H
#define CONTIG_SELFTESTS_INTERRUPTS_CALLS_H

#include "interrupts.h"

#define PAGES 16

FIXTURE(calls) {
	int fd;
	char *memory;
};

FIXTURE_SETUP(calls) {
	setup_kernel_client(self, IRQ_TEST_FOR_NONE);
	self->memory = anon_map(pages(PAGES));
	ASSERT_NE(NULL, self->memory);
	no_huge_pages(self->memory, pages(PAGES));
}

FIXTURE_TEARDOWN(calls) {
	close(self->fd);
	munmap(self->memory, pages(PAGES));
}

#endif /* CONTIG_SELFTESTS_INTERRUPTS_CALLS_H */
