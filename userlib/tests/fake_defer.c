// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
#include <fcntl.h>

#include "fake_internal.h"

/* The request is a file of no kind: it can be polled, and always has ended. */
int fake_do_defer(struct contig_defer *arg)
{
	if (!arg->alloc.length)
		return EINVAL;
	arg->out_fd = memfd_create("fake request", MFD_CLOEXEC);
	assert_int_not_equal(arg->out_fd, -1);
	return 0;
}

int fake_do_collect(struct contig_collect *arg)
{
	if (fcntl(arg->fd, F_GETFD) == -1)
		return EBADF;
	arg->out_tries = 1;
	arg->alloc.out_fd = -1;
	arg->alloc.length = PAGE;
	return fake.collect ? fake.collect : fake_do_alloc(&arg->alloc);
}
