// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * The classic face: translation.
 */
#include <stdlib.h>
#include <unistd.h>

#include "macvm_internal.h"

/* Number of entries that are translated without allocating memory. */
#define STACK_ENTRIES 64

/*
 * Copy the kernel's table to the caller's. It is a separate table, because the
 * caller's must not change on failure, and has narrower fields on 32-bit
 * machines.
 */
static int copy_blocks(MemoryBlock *blocks, const struct contig_extent *extents,
		       uint32_t count)
{
	uint32_t i;

	for (i = 0; i < count; i++)
		if (extents[i].addr + extents[i].length - 1 > UINTPTR_MAX)
			return -EOVERFLOW;
	for (i = 0; i < count; i++) {
		blocks[i].address = (void *)(uintptr_t)extents[i].addr;
		blocks[i].count = extents[i].length;
	}
	return 0;
}

static int translate(struct contig *client, LogicalToPhysicalTable *table,
		     unsigned long *entry_count, struct contig_extent *extents,
		     uint32_t count)
{
	const void *addr = table->logical.address;
	size_t length = table->logical.count;
	int error;

	error = CTG_RETRY(
		contig_get_physical(client, &addr, &length, extents, &count));
	/* A caller that only counts gives no room. */
	if (!error && extents)
		error = copy_blocks(table->physical, extents, count);
	if (error)
		return error;
	table->logical.address = (void *)(uintptr_t)addr;
	table->logical.count = length;
	*entry_count = count;
	return 0;
}

/* Return how many entries can be filled: not more than there are pages. */
static unsigned long useful_entries(unsigned long room, unsigned long length)
{
	unsigned long pages = length / sysconf(_SC_PAGESIZE) + 2;

	if (pages > UINT32_MAX)
		pages = UINT32_MAX;
	return room < pages ? room : pages;
}

static int get_physical(struct contig *client, LogicalToPhysicalTable *table,
			unsigned long *entry_count)
{
	struct contig_extent few[STACK_ENTRIES];
	struct contig_extent *many;
	unsigned long count;
	int error;

	count = useful_entries(*entry_count, table->logical.count);
	if (!count)
		return translate(client, table, entry_count, NULL, 0);

	many = count > STACK_ENTRIES ? calloc(count, sizeof(*many)) : NULL;
	/* If there is no memory, filling fewer entries is allowed. */
	if (!many)
		return translate(client, table, entry_count, few,
				 count < STACK_ENTRIES ? count : STACK_ENTRIES);
	error = translate(client, table, entry_count, many, count);
	free(many);
	return error;
}

CONTIG_EXPORT OSErr GetPhysical(LogicalToPhysicalTable *addresses,
				unsigned long *physicalEntryCount)
{
	CTG_PAGING;
	struct contig *client;
	OSErr result;

	if (!addresses || !physicalEntryCount)
		return ctg_mac_result(-EFAULT);
	if (!addresses->logical.count)
		return ctg_mac_result(-EINVAL);
	result = ctg_mac_client(&client);
	if (result)
		return result;
	return ctg_mac_result(
		get_physical(client, addresses, physicalEntryCount));
}
