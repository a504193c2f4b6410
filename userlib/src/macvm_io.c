// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * The classic face: preparing memory for transfers.
 */
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "macvm_internal.h"

/* Number of ranges and pages that are prepared without allocating memory. */
#define STACK_RANGES 16
#define STACK_PAGES 64

#define KNOWN_OPTIONS                                                          \
	(kIOMultipleRanges | kIOLogicalRanges | kIOMinimalLogicalMapping |     \
	 kIOShareMappingTables | kIOIsInput | kIOIsOutput |                    \
	 kIOCoherentDataPath | kIOTransferIsLogical | kIONoCopies)

#define KNOWN_CHECKPOINT_OPTIONS                                               \
	(kNextIOIsInput | kNextIOIsOutput | kMoreIOTransfers)

/**
 * struct plan - limits of a preparation
 * @table: the caller's table
 * @spans: its ranges
 * @count: number of ranges
 * @pages: maximum number of pages to prepare, 0 for no limit
 */
struct plan {
	IOPreparationTable *table;
	struct contig_span *spans;
	uint32_t count;
	uint32_t pages;
};

/**
 * struct part - the part of a range that is prepared
 * @addr: its first byte
 * @length: bytes
 * @index: number of the next range
 * @skip: bytes to skip from there on; at first, where to begin
 */
struct part {
	uintptr_t addr;
	uint64_t length;
	uint32_t index;
	uint64_t skip;
};

static uintptr_t page_mask(void)
{
	return sysconf(_SC_PAGESIZE) - 1;
}

/* Return how many pages a part touches. */
static uint64_t pages_of(const struct part *part)
{
	uintptr_t mask = page_mask();

	return ((part->addr & mask) + part->length - 1) / (mask + 1) + 1;
}

/* Return the address of the last page of a part. */
static uintptr_t last_page(const struct part *part)
{
	return (part->addr + part->length - 1) & ~page_mask();
}

static struct part before_first(const struct plan *plan)
{
	return (struct part){.skip = plan->table->firstPrepared};
}

/*
 * Step to the next range, or to the end of it that is wanted. Return false
 * after the last one.
 */
static bool next_part(const struct plan *plan, struct part *part)
{
	const struct contig_span *span;

	for (; part->index < plan->count; part->index++) {
		span = &plan->spans[part->index];
		if (part->skip < span->length) {
			part->addr = span->addr + part->skip;
			part->length = span->length - part->skip;
			part->skip = 0;
			part->index++;
			return true;
		}
		part->skip -= span->length;
	}
	return false;
}

static bool is_minimal(const IOPreparationTable *table)
{
	return table->logicalMapping &&
	       table->options & kIOMinimalLogicalMapping;
}

/*
 * Return how many pages can be prepared so that everything fits in the tables.
 * In the minimal table a range has two entries; if it has only one page the
 * second is not filled and may be missing.
 */
static uint64_t pages_that_fit(const struct plan *plan)
{
	const IOPreparationTable *table = plan->table;
	bool minimal = is_minimal(table);
	struct part part = before_first(plan);
	uint64_t room = table->mappingEntryCount;
	uint64_t pages = 0;

	while (room && next_part(plan, &part)) {
		if (!minimal) {
			pages += pages_of(&part);
		} else if (room == 1) {
			pages++;
			room = 0;
		} else {
			pages += pages_of(&part);
			room -= 2;
		}
	}
	if (minimal && !table->physicalMapping)
		return pages;
	room = table->mappingEntryCount;
	return pages < room ? pages : room;
}

static int plan_pages(struct plan *plan)
{
	const IOPreparationTable *table = plan->table;
	uint64_t pages;

	plan->pages = 0;
	if (!table->logicalMapping && !table->physicalMapping)
		return 0;
	pages = pages_that_fit(plan);
	/* 0 would be no limit. */
	if (!pages)
		return -EMSGSIZE;
	plan->pages = pages < UINT32_MAX ? pages : UINT32_MAX;
	return 0;
}

static uint32_t prepare_flags(const IOPreparationTable *table)
{
	uint32_t flags = 0;

	if (table->options & kIOIsInput)
		flags |= CONTIG_IO_INPUT;
	if (table->options & kIOIsOutput)
		flags |= CONTIG_IO_OUTPUT;
	if (!ctg_mac_has_device())
		return flags;
	if (!(table->options & kIONoCopies))
		flags |= CONTIG_IO_BOUNCE;
	return flags | CONTIG_GET_DMA;
}

/* The caller's addresses are narrower than the kernel's on 32-bit machines. */
static int copy_physical(PhysicalAddress *mapping, const uint64_t *addrs,
			 uint32_t count)
{
	uint32_t i;

	for (i = 0; i < count; i++)
		if ((uintptr_t)addrs[i] != addrs[i])
			return -EOVERFLOW;
	for (i = 0; i < count; i++)
		mapping[i] = (PhysicalAddress)(uintptr_t)addrs[i];
	return 0;
}

/* Fill the logical table for a preparation of so many bytes. */
static void fill_logical(const struct plan *plan, uint64_t left)
{
	LogicalAddress *mapping = plan->table->logicalMapping;
	struct part part = before_first(plan);
	uintptr_t page;

	while (left && next_part(plan, &part)) {
		if (part.length > left)
			part.length = left;
		left -= part.length;
		*mapping++ = (LogicalAddress)part.addr;
		if (is_minimal(plan->table)) {
			/*
			 * Never filled if there is one page: see
			 * pages_that_fit().
			 */
			if (pages_of(&part) > 1)
				*mapping = (LogicalAddress)last_page(&part);
			mapping++;
			continue;
		}
		for (page = part.addr & ~page_mask(); page != last_page(&part);
		     *mapping++ = (LogicalAddress)page)
			page += page_mask() + 1;
	}
}

/* Prepare; @addrs has room for the addresses of all pages, or is NULL. */
static int prepare_into(struct contig *client, const struct plan *plan,
			uint64_t *addrs)
{
	IOPreparationTable *table = plan->table;
	const struct contig_prepare_opts opts = {
		.sz = sizeof(opts),
		.flags = prepare_flags(table),
		.max_pages = plan->pages,
		.first = table->firstPrepared,
		.granularity = table->granularity,
		.addrs = addrs,
	};
	struct contig_prepare prepared = {.size = sizeof(prepared)};
	int error;

	error = CTG_RETRY(contig_prepare(client, plan->spans, plan->count,
					 &opts, &prepared));
	if (error)
		return error;
	if (addrs)
		error = copy_physical(table->physicalMapping, addrs,
				      prepared.count);
	if (error) {
		CTG_RETRY(contig_checkpoint(client, prepared.out_id, 0));
		return error;
	}
	if (table->logicalMapping)
		fill_logical(plan, prepared.out_length);
	table->preparationID = prepared.out_id;
	table->lengthPrepared = prepared.out_length;
	if (prepared.out_done)
		table->state |= kIOStateDone;
	if (prepared.out_bounced)
		table->state |= kIOStateCopied;
	return 0;
}

static int prepare(struct contig *client, struct plan *plan)
{
	uint64_t few[STACK_PAGES];
	uint64_t *many;
	int error;

	error = plan_pages(plan);
	if (error)
		return error;
	if (!plan->table->physicalMapping)
		return prepare_into(client, plan, NULL);
	if (plan->pages <= STACK_PAGES)
		return prepare_into(client, plan, few);
	many = calloc(plan->pages, sizeof(*many));
	/* Preparing only a part is allowed. */
	if (!many) {
		plan->pages = STACK_PAGES;
		return prepare_into(client, plan, few);
	}
	error = prepare_into(client, plan, many);
	free(many);
	return error;
}

/*
 * Copy the ranges, and check that addresses and lengths fit in the types of
 * this library, which the kernel cannot check.
 */
static int copy_ranges(struct plan *plan, const AddressRange *ranges)
{
	ByteCount total = 0;
	uintptr_t last;
	uint32_t i;

	for (i = 0; i < plan->count; i++) {
		uintptr_t base = (uintptr_t)ranges[i].base;
		ByteCount length = ranges[i].length;

		if (!length)
			return -EINVAL;
		if (__builtin_add_overflow(base, length - 1, &last) ||
		    __builtin_add_overflow(total, length, &total))
			return -EOVERFLOW;
		plan->spans[i] = (struct contig_span){base, length};
	}
	return plan->table->firstPrepared < total ? 0 : -EINVAL;
}

static int prepare_ranges(struct contig *client, IOPreparationTable *table,
			  const AddressRange *ranges, ItemCount count)
{
	struct contig_span few[STACK_RANGES];
	struct plan plan = {.table = table, .spans = few, .count = count};
	int error;

	if (!ranges || !count || count > CONTIG_PREPARE_RANGES)
		return -EINVAL;
	if (count > STACK_RANGES)
		plan.spans = calloc(count, sizeof(*plan.spans));
	if (!plan.spans)
		return -ENOMEM;
	error = copy_ranges(&plan, ranges);
	if (!error)
		error = prepare(client, &plan);
	if (plan.spans != few)
		free(plan.spans);
	return error;
}

static int prepare_table(struct contig *client, IOPreparationTable *table)
{
	const MultipleAddressRange *multiple = &table->rangeInfo.multipleRanges;

	if (table->options & kIOMultipleRanges)
		return prepare_ranges(client, table, multiple->rangeTable,
				      multiple->entryCount);
	return prepare_ranges(client, table, &table->rangeInfo.range, 1);
}

static bool is_table_good(const IOPreparationTable *table)
{
	return table->options & kIOLogicalRanges &&
	       !(table->options & ~(OptionBits)KNOWN_OPTIONS) &&
	       table->addressSpace == kCurrentAddressSpaceID;
}

CONTIG_EXPORT OSStatus PrepareMemoryForIO(IOPreparationTable *table)
{
	CTG_PAGING;
	struct contig *client;
	OSErr result;
	int error;

	if (!table)
		return ctg_mac_result(-EFAULT);
	table->state = 0;
	table->preparationID = 0;
	table->lengthPrepared = 0;
	if (!is_table_good(table))
		return ctg_mac_result(-EINVAL);
	result = ctg_mac_client(&client);
	if (result)
		return result;
	error = prepare_table(client, table);
	/* notLockedErr would be misleading as the result of a lock. */
	if (error == -ESTALE) {
		ctg_result(error);
		return ctg_mac_set_result(paramErr);
	}
	return ctg_mac_result(error);
}

CONTIG_EXPORT OSStatus CheckpointIO(IOPreparationID preparationID,
				    IOCheckpointOptions options)
{
	struct contig *client = ctg_mac_client_if_open();
	uint32_t flags = 0;

	if (options & ~(OptionBits)KNOWN_CHECKPOINT_OPTIONS)
		return ctg_mac_result(-EINVAL);
	/* Without a next transfer directions are ignored. */
	if (options & kMoreIOTransfers) {
		flags = CONTIG_IO_MORE;
		if (options & kNextIOIsInput)
			flags |= CONTIG_IO_INPUT;
		if (options & kNextIOIsOutput)
			flags |= CONTIG_IO_OUTPUT;
	}
	if (!client)
		return ctg_mac_result(-ENOENT);
	return ctg_mac_result(
		CTG_RETRY(contig_checkpoint(client, preparationID, flags)));
}
