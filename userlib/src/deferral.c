// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * Deferred requests: buffers that need not be there yet.
 */
#include <stdlib.h>
#include <unistd.h>

#include "internal.h"

/**
 * struct contig_deferral - a deferred request
 * @client: the client that it was made with
 * @fd: its descriptor
 */
struct contig_deferral {
	struct contig *client;
	int fd;
};

CONTIG_EXPORT int contig_defer(struct contig *client, uint64_t length,
			       const struct contig_alloc_opts *alloc_opts,
			       const struct contig_defer_opts *opts,
			       struct contig_deferral **deferral)
{
	CTG_PAGING;
	struct contig_alloc_opts known_alloc;
	struct contig_defer_opts known;
	struct contig_deferral *new;
	struct contig_defer arg;
	int error;

	*deferral = NULL;
	error = ctg_copy_alloc_opts(&known_alloc, alloc_opts);
	if (!error)
		error = ctg_copy_defer_opts(&known, opts);
	if (!error)
		error = ctg_defer_to_uapi(&arg, length, &known_alloc, &known);
	if (error)
		return ctg_result(error);
	new = calloc(1, sizeof(*new));
	if (!new)
		return ctg_result(-ENOMEM);
	error = ctg_ioctl(client->fd, CONTIG_DEFER, &arg);
	if (error) {
		free(new);
		return ctg_result(error);
	}
	new->client = client;
	new->fd = arg.out_fd;
	*deferral = new;
	return 0;
}

CONTIG_EXPORT int contig_deferral_fd(const struct contig_deferral *deferral)
{
	return deferral->fd;
}

CONTIG_EXPORT int contig_deferral_collect(struct contig_deferral *deferral,
					  uint32_t flags,
					  struct contig_alloc *answer,
					  struct contig_buffer **buffer)
{
	CTG_PAGING;
	struct contig_collect arg = {
		.size = sizeof(arg),
		.flags = flags,
		.fd = deferral->fd,
		.alloc.size = sizeof(arg.alloc),
		.alloc.out_fd = -1,
	};
	struct contig_buffer *new;
	int error;

	*buffer = NULL;
	error = answer ? ctg_check_alloc(answer) : 0;
	if (error)
		return ctg_result(error);
	new = calloc(1, sizeof(*new));
	if (!new)
		return ctg_result(-ENOMEM);
	error = ctg_ioctl(deferral->client->fd, CONTIG_COLLECT, &arg);
	if (answer)
		ctg_copy_alloc(answer, &arg.alloc);
	if (error) {
		free(new);
		return ctg_result(error);
	}
	new->answer = arg.alloc;
	new->fd = arg.alloc.out_fd;
	new->length = arg.alloc.out_length;
	*buffer = new;
	return 0;
}

CONTIG_EXPORT void contig_deferral_free(struct contig_deferral *deferral)
{
	CTG_PAGING;
	int saved = errno;

	if (!deferral)
		return;
	close(deferral->fd);
	free(deferral);
	errno = saved;
}
