/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What lies in a range of a process's memory?
 */
#ifndef CONTIG_USERSPACE_H
#define CONTIG_USERSPACE_H

#include <linux/types.h>

struct contig_buffer;
struct mm_struct;

/**
 * struct contig_stretch - adjacent pages of a process that are of one kind
 * @npages: how many
 * @buffer: contig's buffer they show, with a reference; NULL for other memory
 * @offset: where in @buffer they begin, in pages
 * @mlocked: the kernel keeps them resident
 * @readable: the process may read them
 * @writable: the process may write to them
 * @shared_file: a mapping that shares what it shows with a file
 * @tracked_file: and its filesystem has to hear of every write
 * @private_write: a write gives the process a page of its own
 */
struct contig_stretch {
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
int contig_stretch_at(struct mm_struct *mm, unsigned long first,
		      unsigned long last, struct contig_stretch *stretch);
void contig_stretch_put(struct contig_stretch *stretch);

#endif /* CONTIG_USERSPACE_H */
