/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Looks for failed pages in buffers and in the reserve
 */
#ifndef CONTIG_SWEEP_H
#define CONTIG_SWEEP_H

int contig_sweep_init(void);
void contig_sweep_exit(void);
void contig_sweep_soon(void);
void contig_sweep_wait(void);

#endif /* CONTIG_SWEEP_H */
