/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Looks at the mappings of a process
 */
#ifndef CONTIG_VMA_H
#define CONTIG_VMA_H

#include <linux/types.h>

struct contig_buffer;
struct mm_struct;

/**
 * struct contig_vma - adjacent pages of a process that are of one kind
 * @npages: number of pages
 * @buffer: buffer of contig that is mapped, with a reference; NULL for other
 *          memory
 * @offset: where in @buffer they begin, in pages
 * @mlocked: the kernel keeps them resident
 * @readable: the process may read them
 * @writable: the process may write to them
 * @shared_file: a shared mapping of a file
 * @tracked_file: likewise, and its filesystem must be notified of writes
 * @private_write: a write gives the process a page of its own
 */
struct contig_vma {
	unsigned long npages;
	struct contig_buffer *buffer;
	unsigned long offset;
	bool mlocked;
	bool readable;
	bool writable;
	bool shared_file;
	bool tracked_file;
	bool private_write;
};

int contig_on_fault_next(struct mm_struct *mm, unsigned long *first,
			 unsigned long last, unsigned long *npages);
int contig_vma_at(struct mm_struct *mm, unsigned long first,
		  unsigned long last, struct contig_vma *mapping);
void contig_vma_put(struct contig_vma *mapping);

#endif /* CONTIG_VMA_H */
