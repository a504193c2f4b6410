// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * Clients: one open /dev/contig each.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "internal.h"

int ctg_ioctl(int fd, unsigned long request, void *arg)
{
	return ioctl(fd, request, arg) < 0 ? -errno : 0;
}

static int open_device(const char *path, int *fd)
{
	struct contig_info info = {.size = sizeof(info)};
	int error;

	*fd = open(path, O_RDWR | O_CLOEXEC);
	if (*fd < 0)
		return -errno;

	/* Only contig's device answers this command. */
	error = ctg_ioctl(*fd, CONTIG_INFO, &info);
	if (error)
		close(*fd);
	return error;
}

CONTIG_EXPORT int contig_open(struct contig **client,
			      const struct contig_open_opts *opts)
{
	CTG_PAGING;
	struct contig_open_opts known;
	struct contig *new;
	int error;

	*client = NULL;
	error = ctg_copy_open_opts(&known, opts);
	if (error)
		return ctg_result(error);
	error = ctg_watch_forks();
	if (error)
		return ctg_result(error);

	new = calloc(1, sizeof(*new));
	if (!new)
		return ctg_result(-ENOMEM);
	error = open_device(known.path ? known.path : CONTIG_PATH, &new->fd);
	if (error) {
		free(new);
		return ctg_result(error);
	}
	*client = new;
	return 0;
}

CONTIG_EXPORT void contig_close(struct contig *client)
{
	CTG_PAGING;
	int saved = errno;

	if (!client)
		return;
	ctg_hold_close(client);
	close(client->fd);
	free(client);
	errno = saved;
}

CONTIG_EXPORT int contig_fd(const struct contig *client)
{
	return client->fd;
}

CONTIG_EXPORT int contig_get_info(struct contig *client,
				  struct contig_info *info)
{
	struct contig_info arg;
	int error = ctg_info_to_uapi(&arg, info);

	if (!error)
		error = ctg_ioctl(client->fd, CONTIG_INFO, &arg);
	if (!error)
		ctg_copy_info(info, &arg);
	return ctg_result(error);
}
