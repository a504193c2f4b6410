// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pools in the Device Tree, and checks of the memory that they supply
 */
#include <dirent.h>

#include "pool_utils.h"

#define REGIONS TREE "/reserved-memory"

/* Read a property as big-endian cells. Return their number, or -1. */
static int cells(const char *folder, const char *node, const char *property,
		 uint32_t *to, int most)
{
	unsigned char raw[4];
	char path[512];
	int n = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s/%s", folder, node, property);
	file = fopen(path, "r");
	if (!file)
		return -1;
	while (n < most && fread(raw, 4, 1, file) == 1)
		to[n++] = (uint32_t)raw[0] << 24 | raw[1] << 16 | raw[2] << 8 |
			  raw[3];
	fclose(file);
	return n;
}

/* Find the region with this phandle; its numbers have two cells each. */
static bool region_of(uint32_t phandle, struct pool *pool)
{
	DIR *dir = opendir(REGIONS);
	struct dirent *entry;
	uint32_t cell[4];
	bool found = false;

	while (dir && !found && (entry = readdir(dir))) {
		if (cells(REGIONS, entry->d_name, "phandle", cell, 1) != 1 ||
		    cell[0] != phandle)
			continue;
		found = cells(REGIONS, entry->d_name, "reg", cell, 4) == 4;
		pool->base = (uint64_t)cell[0] << 32 | cell[1];
		pool->size = (uint64_t)cell[2] << 32 | cell[3];
		pool->no_map = cells(REGIONS, entry->d_name, "no-map", cell,
				     1) >= 0;
	}
	if (dir)
		closedir(dir);
	return found;
}

bool pool_of(const char *node, struct pool *pool)
{
	uint32_t phandle;

	return cells(TREE, node, "memory-region", &phandle, 1) == 1 &&
	       region_of(phandle, pool);
}

bool lies_in(const struct pool *pool, int client, int fd, uint64_t length,
	     uint64_t *where)
{
	struct contig_extent *extents;
	bool in = false;
	int64_t n;

	if (_test_cmd_lock_buffer(client, fd, 0, length, 0))
		return false;
	n = translate_all(client, fd, 0, length, 0, &extents);
	if (n == 1) {
		*where = extents[0].addr;
		in = extents[0].length == length && *where >= pool->base &&
		     *where + length <= pool->base + pool->size;
	}
	if (n >= 0)
		free(extents);
	_test_cmd_unlock_buffer(client, fd, 0, length);
	return in;
}

bool physical_is(uint64_t at, const void *expected, size_t length)
{
	void *map, *copy = malloc(length);
	bool same = false;
	int fd;

	if (kcore_read(at, copy, length))
		same = !memcmp(copy, expected, length);
	free(copy);
	if (same)
		return true;
	/* /proc/kcore lacks memory that the kernel does not map. */
	fd = open("/dev/mem", O_RDONLY | O_SYNC | O_CLOEXEC);
	map = mmap(NULL, length, PROT_READ, MAP_SHARED, fd, at);
	close(fd);
	/* The kernel may have neither file for memory that it uses. */
	if (map == MAP_FAILED)
		return kcore_lacks(at);
	same = !memcmp(map, expected, length);
	munmap(map, length);
	return same;
}

bool gives(const struct pool *pool, int client, uint64_t length)
{
	int fd = buffer_get(client, length, CONTIG_RUNGS_COHERENT);
	bool good = false;
	uint64_t at;
	char *map;

	if (fd < 0)
		return false;
	map = buffer_map(fd, length);
	if (map) {
		good = lies_in(pool, client, fd, length, &at) &&
		       is_zero(map, length);
		fill_pattern(map, length, length);
		good = good && has_pattern(map, length, length) &&
		       physical_is(at, map, length);
		munmap(map, length);
	}
	close(fd);
	return good;
}

int take_all(const struct pool *pool, int client, int *fds, int most)
{
	bool *taken = calloc(pool->size / PIECE, sizeof(*taken));
	uint64_t at;
	int n;

	for (n = 0; n < most; n++) {
		fds[n] = buffer_alloc(client, PIECE, CONTIG_RUNGS_COHERENT, 0);
		if (fds[n] < 0)
			break;
		if (lies_in(pool, client, fds[n], PIECE, &at)) {
			at = (at - pool->base) / PIECE;
			if (!taken[at]) {
				taken[at] = true;
				continue;
			}
		}
		do
			close(fds[n]);
		while (n--);
		break;
	}
	free(taken);
	return n;
}

int ask_for_more(const struct pool *pool, int client,
		 struct contig_report *report)
{
	struct contig_alloc alloc = alloc_request(pool->size + page_size,
						  CONTIG_RUNGS_COHERENT);
	int ret = _test_cmd_alloc(client, &alloc);

	if (!ret)
		close(alloc.out_fd);
	*report = alloc.out_reports[0];
	return ret;
}
