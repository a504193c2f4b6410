/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Name the users of contig's memory when the OOM killer is called
 */
#ifndef CONTIG_OOM_H
#define CONTIG_OOM_H

int contig_oom_init(void);
void contig_oom_exit(void);

#endif /* CONTIG_OOM_H */
