/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What only memory of the coherent rung needs
 */
#ifndef CONTIG_COHERENT_H
#define CONTIG_COHERENT_H

struct contig_buffer;
struct contig_pool;
struct contig_request;
struct vm_area_struct;

struct contig_pool *contig_coherent_pool(const struct contig_request *request);
int contig_coherent_mmap(struct contig_buffer *buffer,
			 struct vm_area_struct *vma);

#endif /* CONTIG_COHERENT_H */
