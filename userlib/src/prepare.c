// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * Preparing memory for transfers by a device.
 */
#include "internal.h"

/* Prepare ranges of @buffer, or of the program's memory if it is NULL. */
static int prepare(struct contig *client, const struct contig_buffer *buffer,
		   const struct contig_span *ranges, uint32_t range_count,
		   const struct contig_prepare_opts *opts,
		   struct contig_prepare *prepared)
{
	CTG_PAGING;
	struct contig_prepare_opts known;
	struct contig_prepare arg;
	int error = ctg_copy_prepare_opts(&known, opts);

	if (!error)
		error = ctg_check_prepare(prepared);
	if (error)
		return error;
	/* The library sets this flag, not the caller. */
	if (known.flags & CONTIG_RANGE_BUFFER)
		return -EOPNOTSUPP;
	ctg_prepare_to_uapi(&arg, ranges, range_count, &known);
	if (buffer) {
		arg.flags |= CONTIG_RANGE_BUFFER;
		arg.fd = buffer->fd;
	}
	error = ctg_ioctl(client->fd, CONTIG_PREPARE, &arg);
	if (!error)
		ctg_copy_prepare(prepared, &arg);
	return error;
}

CONTIG_EXPORT int contig_prepare(struct contig *client,
				 const struct contig_span *ranges,
				 uint32_t range_count,
				 const struct contig_prepare_opts *opts,
				 struct contig_prepare *prepared)
{
	return ctg_result(
		prepare(client, NULL, ranges, range_count, opts, prepared));
}

CONTIG_EXPORT int contig_buffer_prepare(struct contig *client,
					const struct contig_buffer *buffer,
					const struct contig_span *ranges,
					uint32_t range_count,
					const struct contig_prepare_opts *opts,
					struct contig_prepare *prepared)
{
	return ctg_result(
		prepare(client, buffer, ranges, range_count, opts, prepared));
}

CONTIG_EXPORT int contig_checkpoint(struct contig *client, uint32_t id,
				    uint32_t flags)
{
	struct contig_checkpoint arg = {
		.size = sizeof(arg),
		.flags = flags,
		.id = id,
	};

	return ctg_result(ctg_ioctl(client->fd, CONTIG_CHECKPOINT, &arg));
}
