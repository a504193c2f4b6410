/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Moving a buffer to other memory
 */
#ifndef CONTIG_RELOCATE_H
#define CONTIG_RELOCATE_H

#include <linux/types.h>

struct contig_buffer;

int contig_move_init(void);
void contig_move_exit(void);
bool contig_move_possible(const struct contig_buffer *buffer);
bool contig_move_in_use(const struct contig_buffer *buffer);
int contig_move_alone(const struct contig_buffer *buffer);
int contig_move_begin(struct contig_buffer *buffer);
void contig_move_end(struct contig_buffer *buffer);
int contig_relocate_now(struct contig_buffer *buffer,
			struct contig_buffer *spare, bool paid);
int contig_relocate(struct contig_buffer *buffer, struct contig_buffer *spare);

#endif /* CONTIG_RELOCATE_H */
