/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CONTIG_DEBUGFS_H
#define CONTIG_DEBUGFS_H

void contig_debugfs_init(void);
void contig_debugfs_exit(void);

#endif /* CONTIG_DEBUGFS_H */
