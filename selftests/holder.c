// SPDX-License-Identifier: GPL-2.0-only
/*
 * For shell tests: have something of contig's, say so, and keep it until
 * standard input ends.
 */
#include <sys/uio.h>

#include "contig_utils.h"

#define LENGTH MIB(1)

static int fail(const char *what)
{
	perror(what);
	return 1;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "client";
	bool keep_client = !strcmp(what, "client") || !strcmp(what, "lock");
	uint32_t rungs = argc > 2 ? strtoul(argv[2], NULL, 0) : 0;
	int client = client_open(), fd, pipes[2];
	struct iovec iov = { .iov_len = 4096 };
	char byte;

	if (client < 0)
		return fail(CONTIG_PATH);
	fd = buffer_alloc(client, LENGTH, rungs, 0);
	if (fd < 0)
		return fail("CONTIG_ALLOC");
	iov.iov_base = buffer_map(fd, LENGTH);
	if (!iov.iov_base)
		return fail("mmap");
	memset(iov.iov_base, 0x5a, LENGTH);
	if (!strcmp(what, "lock") &&
	    _test_cmd_lock_buffer(client, fd, 0, LENGTH, 0))
		return fail("CONTIG_LOCK");
	if (!strcmp(what, "pipe") &&
	    (pipe(pipes) || vmsplice(pipes[1], &iov, 1, 0) != 4096))
		return fail("vmsplice");
	if (strcmp(what, "mapping"))
		munmap(iov.iov_base, LENGTH);
	if (strcmp(what, "buffer"))
		close(fd);
	if (!keep_client)
		close(client);
	puts("ready");
	fflush(stdout);
	return read(0, &byte, 1) < 0;
}
