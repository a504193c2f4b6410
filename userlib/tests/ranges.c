// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
#include "ranges.h"

struct contig *client;
char *memory;
struct contig_buffer *buffer;

int ranges_setup(void **state)
{
	fake_reset(state);
	memory = fake_memory(PAGES);
	if (contig_open(&client, NULL))
		return -1;
	return contig_alloc(client, PAGES * PAGE, NULL, &buffer);
}

int ranges_teardown(void **state)
{
	bool clean = !fake_busy_pages() && !fake_preparations();

	(void)state;
	contig_buffer_free(buffer);
	contig_close(client);
	return munmap(memory, PAGES * PAGE) || !clean ? -1 : 0;
}
