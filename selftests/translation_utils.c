// SPDX-License-Identifier: GPL-2.0-only
#include <inttypes.h>

#include "contig_utils.h"

static bool extents_are_same(const struct contig_extent *a, int64_t na,
			     const struct contig_extent *b, int64_t nb)
{
	int64_t i;

	for (i = 0; i < na && i < nb; i++) {
		if (a[i].addr == b[i].addr && a[i].length == b[i].length)
			continue;
		fprintf(stderr, "# extent %" PRId64 " is %#llx+%#llx, not"
			" %#llx+%#llx\n", i, a[i].addr, a[i].length, b[i].addr,
			b[i].length);
		return false;
	}
	if (na != nb)
		fprintf(stderr, "# %" PRId64 " extents, not %" PRId64 "\n", na,
			nb);
	return na == nb;
}

bool translation_is_true(int client, const volatile void *addr, size_t length)
{
	struct contig_extent *got, *want;
	int64_t ngot = translate_all(client, -1, to_addr(addr), length, 0,
				     &got);
	int64_t nwant = pagemap_extents(addr, length, &want);
	bool same = ngot > 0 && nwant > 0 &&
		    extents_are_same(got, ngot, want, nwant);

	if (ngot <= 0 || nwant <= 0)
		fprintf(stderr, "# translation %" PRId64 ", pagemap %" PRId64
			"\n", ngot, nwant);
	free(got);
	free(want);
	return same;
}

static bool kcore_agrees(const struct contig_extent *e, int64_t n,
			 const volatile void *map)
{
	const volatile char *at = map;
	uint64_t offset, seen;
	int64_t i;

	for (i = 0; i < n; i++) {
		for (offset = 0; offset < e[i].length; offset += page_size) {
			if (!kcore_lacks(e[i].addr + offset) &&
			    (!kcore_read(e[i].addr + offset, &seen,
					 sizeof(seen)) ||
			     seen != *(const volatile uint64_t *)at)) {
				fprintf(stderr, "# not at %#llx\n",
					e[i].addr + offset);
				return false;
			}
			at += page_size;
		}
	}
	return true;
}

bool buffer_translation_is_true(int client, int fd, const volatile void *map,
				size_t length)
{
	struct contig_extent *got, *want = NULL;
	int64_t ngot = translate_all(client, fd, 0, length, 0, &got), nwant;
	bool same;

	if (ngot <= 0) {
		fprintf(stderr, "# translation %" PRId64 "\n", ngot);
		return false;
	}
	nwant = pagemap_extents(map, length, &want);
	if (nwant > 0) {
		same = extents_are_same(got, ngot, want, nwant);
	} else {
		fill_pattern((volatile void *)map, length, getpid());
		same = kcore_agrees(got, ngot, map);
	}
	free(got);
	free(want);
	return same;
}

int64_t buffer_extents(int client, int fd, size_t length,
		       struct contig_extent **extents)
{
	void *map = buffer_map(fd, length);
	int64_t n;

	if (!map)
		return -1;
	n = pagemap_extents(map, length, extents);
	if (n < 0 && !_test_cmd_lock_buffer(client, fd, 0, length, 0)) {
		n = translate_all(client, fd, 0, length, 0, extents);
		if (!buffer_translation_is_true(client, fd, map, length))
			n = -1;
		_test_cmd_unlock_buffer(client, fd, 0, length);
	}
	munmap(map, length);
	return n;
}
