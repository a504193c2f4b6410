/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Huge pages that outlive their buffer
 */
#ifndef CONTIG_LINGER_H
#define CONTIG_LINGER_H

struct contig_buffer;

void contig_linger_add(struct contig_buffer *buffer);
void contig_linger_settle(void);
void contig_linger_exit(void);

#endif /* CONTIG_LINGER_H */
