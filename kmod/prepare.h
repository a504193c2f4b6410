/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CONTIG_PREPARE_H
#define CONTIG_PREPARE_H

struct contig_client;

void contig_preparations_forget(struct contig_client *client);

#endif
