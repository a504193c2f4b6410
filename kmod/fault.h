/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Failures on demand, for tests
 */
#ifndef CONTIG_FAULT_H
#define CONTIG_FAULT_H

#include <linux/kconfig.h>
#include <linux/types.h>

struct dentry;

/**
 * enum contig_fault_point - what can be made to fail
 * @CONTIG_FAULT_RESERVE: a block of the reserve has no room
 * @CONTIG_FAULT_COHERENT: dma_alloc_attrs()
 * @CONTIG_FAULT_RANGE: a step of emptying a window
 * @CONTIG_FAULT_SPLIT: a block from the page allocator
 * @CONTIG_FAULT_SCATTER: a page from the page allocator
 * @CONTIG_FAULT_PIN: a batch of pages to pin
 * @CONTIG_FAULT_MAP: a batch of pages to map for a user, or a buffer for a
 *                    device or the kernel
 * @CONTIG_FAULT_COPY: something to write to user space
 * @CONTIG_FAULT_POINTS: how many there are
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
