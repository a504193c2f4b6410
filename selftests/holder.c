// SPDX-License-Identifier: GPL-2.0-only
/*
 * Helper of the shell tests: take an object of contig's, or a processor, print
 * a line, and keep it until the end of standard input.
 */
#include <sys/uio.h>

#include "contig_utils.h"
#include "hostile_utils.h"

#define LENGTH MIB(1)

static int fail(const char *what)
{
	perror(what);
	return 1;
}

/* Keep the second processor busy with a real-time task. */
static int spin(void)
{
	struct realtime rt = {};
	char byte;

	realtime_begin(&rt, 1);
	puts("ready");
	fflush(stdout);
	while (read(0, &byte, 1) > 0)
		;
	realtime_end(&rt);
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "client";
	bool keep_client = !strcmp(what, "client") || !strcmp(what, "lock");
	uint32_t rungs = argc > 2 ? strtoul(argv[2], NULL, 0) : 0;
	struct iovec iov = { .iov_len = 4096 };
	int client, fd, pipes[2];
	char byte;

	if (!strcmp(what, "spin"))
		return spin();
	client = client_open();
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
