/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Moving a buffer to other memory
 */
#ifndef CONTIG_MOVE_H
#define CONTIG_MOVE_H

struct contig_buffer;
struct contig_user;

int contig_move_init(void);
void contig_move_exit(void);
int contig_move_gather(struct contig_buffer *buffer,
		       const struct contig_user *user, unsigned long first,
		       unsigned long last);

#endif /* CONTIG_MOVE_H */
