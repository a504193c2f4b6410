/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fault injection for tests
 */
#ifndef CONTIG_FAULT_H
#define CONTIG_FAULT_H

#include <linux/kconfig.h>
#include <linux/types.h>

struct dentry;

/**
 * enum contig_fault_point - steps that can be made to fail
 * @CONTIG_FAULT_RESERVE: allocation from a block of the reserve
 * @CONTIG_FAULT_COHERENT: dma_alloc_attrs()
 * @CONTIG_FAULT_RANGE: a step of emptying a window
 * @CONTIG_FAULT_SPLIT: allocation of a block from the page allocator
 * @CONTIG_FAULT_SCATTER: allocation of a page from the page allocator
 * @CONTIG_FAULT_PIN: pinning a batch of pages
 * @CONTIG_FAULT_MAP: mapping a batch of pages for a user, or a buffer for a
 *                    device or the kernel
 * @CONTIG_FAULT_COPY: a write to user space
 * @CONTIG_FAULT_MOVE: moving a buffer
 * @CONTIG_FAULT_MOVE_COPIED: moving a buffer, when it has been copied
 * @CONTIG_FAULT_POINTS: number of these
 */
enum contig_fault_point {
	CONTIG_FAULT_RESERVE,
	CONTIG_FAULT_COHERENT,
	CONTIG_FAULT_RANGE,
	CONTIG_FAULT_SPLIT,
	CONTIG_FAULT_SCATTER,
	CONTIG_FAULT_PIN,
	CONTIG_FAULT_MAP,
	CONTIG_FAULT_COPY,
	CONTIG_FAULT_MOVE,
	CONTIG_FAULT_MOVE_COPIED,
	CONTIG_FAULT_POINTS
};

#if IS_ENABLED(CONFIG_CONTIG_TEST)
bool contig_should_fail(enum contig_fault_point point);
void contig_fault_debugfs_init(struct dentry *parent);
#else
static inline bool contig_should_fail(enum contig_fault_point point)
{
	return false;
}

static inline void contig_fault_debugfs_init(struct dentry *parent)
{
}
#endif

#endif /* CONTIG_FAULT_H */
