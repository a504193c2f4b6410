/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whether the module translates addresses as the kernel does
 */
#ifndef CONTIG_SELFTESTS_TRANSLATION_UTILS_H
#define CONTIG_SELFTESTS_TRANSLATION_UTILS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct contig_extent;

/* Return true if GET_PHYSICAL of a range agrees with pagemap, byte by byte. */
bool translation_is_true(int client, const volatile void *addr, size_t length);
/*
 * Return true if the addresses that GET_PHYSICAL gives for a buffer have the
 * memory that is mapped at @map, according to pagemap, or to kcore for mappings
 * that pagemap does not show. Addresses of memory that kcore lacks too are not
 * checked.
 */
bool buffer_translation_is_true(int client, int fd, const volatile void *map,
				size_t length);
/*
 * Get the extents of a buffer, checked in the same way. Return their number or
 * a negative errno. The caller frees *extents.
 */
int64_t buffer_extents(int client, int fd, size_t length,
		       struct contig_extent **extents);

#endif /* CONTIG_SELFTESTS_TRANSLATION_UTILS_H */
