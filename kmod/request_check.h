/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Checks of requests from user space
 */
#ifndef CONTIG_REQUEST_CHECK_H
#define CONTIG_REQUEST_CHECK_H

#include <linux/types.h>

#include <uapi/linux/contig.h>

struct contig_client;
struct contig_dma_device;
struct contig_request;

int contig_request_init(struct contig_request *request, u64 length, u32 flags,
			u32 rungs, u32 timeout_ms,
			const struct contig_constraints *constraints,
			struct contig_dma_device *device);
int contig_request_for(struct contig_client *client,
		       struct contig_request *request, u64 length, u32 flags,
		       u32 rungs, u32 timeout_ms,
		       const struct contig_constraints *constraints);

#endif /* CONTIG_REQUEST_CHECK_H */
