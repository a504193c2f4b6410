/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the Device Tree says of pools, and what memory has to do with it
 */
#ifndef CONTIG_SELFTESTS_POOL_H
#define CONTIG_SELFTESTS_POOL_H

#include <dirent.h>

#include "contig_utils.h"

#define TREE "/sys/firmware/devicetree/base"
#define REGIONS TREE "/reserved-memory"

struct pool {
	uint64_t base, size;
	bool no_map;
};

/* A property as big-endian cells; how many there are, or -1. */
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

/* The region that has this phandle; it uses two cells for each number. */
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

/* The pool of a node that lies at the root. */
static bool pool_of(const char *node, struct pool *pool)
{
	uint32_t phandle;

	return cells(TREE, node, "memory-region", &phandle, 1) == 1 &&
	       region_of(phandle, pool);
}

/* Is all of a buffer in a pool, in one piece? The client can lock it. */
static bool lies_in(const struct pool *pool, int client, int fd,
		    uint64_t length, uint64_t *where)
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

/* What the machine says lies at a physical address. */
static bool physical_is(uint64_t at, const void *expected, size_t length)
{
	void *map, *copy = malloc(length);
	bool same = false;
	int fd;

	if (kcore_read(at, copy, length))
		same = !memcmp(copy, expected, length);
	free(copy);
	if (same)
		return true;
	/* Memory that the kernel does not map is not in its core. */
	fd = open("/dev/mem", O_RDONLY | O_SYNC | O_CLOEXEC);
	map = mmap(NULL, length, PROT_READ, MAP_SHARED, fd, at);
	close(fd);
	if (map == MAP_FAILED)
		return false;
	same = !memcmp(map, expected, length);
	munmap(map, length);
	return same;
}

#endif /* CONTIG_SELFTESTS_POOL_H */
