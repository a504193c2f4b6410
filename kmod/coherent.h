/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What only memory of the coherent rung needs
 */
#ifndef CONTIG_COHERENT_H
#define CONTIG_COHERENT_H

struct contig_buffer;
struct vm_area_struct;

int contig_coherent_mmap(struct contig_buffer *buffer,
			 struct vm_area_struct *vma);

#endif /* CONTIG_COHERENT_H */
