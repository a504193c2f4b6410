// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * The device that a client's memory is for.
 */
#include "internal.h"

CONTIG_EXPORT int contig_attach_device(struct contig *client, const char *name,
				       const struct contig_device_opts *opts)
{
	struct contig_device_opts known;
	struct contig_device arg;
	int error = ctg_copy_device_opts(&known, opts);

	if (!error)
		error = ctg_device_to_uapi(&arg, name, &known);
	if (!error)
		error = ctg_ioctl(client->fd, CONTIG_DEVICE, &arg);
	return ctg_result(error);
}

CONTIG_EXPORT int contig_detach_device(struct contig *client)
{
	struct contig_device arg = {
		.size = sizeof(arg),
		.flags = CONTIG_DEVICE_DETACH,
	};

	return ctg_result(ctg_ioctl(client->fd, CONTIG_DEVICE, &arg));
}

CONTIG_EXPORT int contig_get_device(struct contig *client,
				    struct contig_device *info)
{
	struct contig_device arg = {
		.size = sizeof(arg),
		.flags = CONTIG_DEVICE_QUERY,
	};
	int error = ctg_ioctl(client->fd, CONTIG_DEVICE, &arg);

	if (!error) {
		arg.flags = 0;
		error = ctg_copy_device(info, &arg);
	}
	return ctg_result(error);
}
