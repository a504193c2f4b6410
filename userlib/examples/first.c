// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
#include <contig.h>
#include <stdio.h>

static unsigned char data[65536];

int main(void)
{
	const void *next = data;
	size_t left = sizeof(data);
	struct contig_extent table[8];
	struct contig *client;

	if (contig_open(&client, NULL) ||
	    contig_lock(client, data, sizeof(data), 0))
		return perror("contig"), 1;
	while (left) {
		uint32_t i, count = 8;

		if (contig_get_physical(client, &next, &left, table, &count))
			return perror("contig"), 1;
		for (i = 0; i < count; i++)
			printf("0x%012llx %6llu bytes\n", table[i].addr,
			       table[i].length);
	}
	contig_unlock(client, data, sizeof(data));
	contig_close(client);
	return 0;
}
