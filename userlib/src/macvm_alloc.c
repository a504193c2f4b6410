// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * The classic face: allocating contiguous blocks.
 */
#include <stdlib.h>
#include <sys/mman.h>

#include "macvm_internal.h"

/**
 * struct block - a block of MemAllocatePhysicallyContiguous()
 * @next: next block in the list
 * @buffer: buffer that the block consists of
 * @address: address at which it is mapped
 * @locked: this process has it locked
 */
struct block {
	struct block *next;
	struct contig_buffer *buffer;
	void *address;
	bool locked;
};

/* Protected by the leaf mutex. */
static struct block *blocks;

/*
 * Mark all blocks as not locked, in the child of a fork. Called with the leaf
 * mutex held.
 */
void ctg_mac_blocks_after_fork(void)
{
	struct block *block;

	for (block = blocks; block; block = block->next)
		block->locked = false;
}

static void add_block(struct block *block)
{
	struct ctg_leaf leaf;

	ctg_leaf_lock(&leaf);
	block->next = blocks;
	blocks = block;
	ctg_leaf_unlock(&leaf);
}

static struct block *take_block(void *address)
{
	struct ctg_leaf leaf;
	struct block **at;
	struct block *block;

	ctg_leaf_lock(&leaf);
	for (at = &blocks; *at && (*at)->address != address; at = &(*at)->next)
		;
	block = *at;
	if (block)
		*at = block->next;
	ctg_leaf_unlock(&leaf);
	return block;
}

static void dispose_block(struct block *block)
{
	contig_buffer_unmap(block->address,
			    contig_buffer_length(block->buffer));
	contig_buffer_free(block->buffer);
	free(block);
}

static int new_block(struct contig *client, ByteCount size,
		     struct block **block)
{
	struct contig_alloc_opts opts = CONTIG_ALLOC_OPTS_INIT;
	struct block *new = calloc(1, sizeof(*new));
	int error;

	if (!new)
		return -ENOMEM;
	opts.rungs = CONTIG_RUNGS_CONTIGUOUS;
	opts.name = "MemAllocate";
	error = CTG_RETRY(contig_alloc(client, size, &opts, &new->buffer));
	if (error) {
		free(new);
		return error;
	}
	error = contig_buffer_map(new->buffer, 0,
				  contig_buffer_length(new->buffer),
				  PROT_READ | PROT_WRITE, &new->address);
	if (error) {
		contig_buffer_free(new->buffer);
		free(new);
		return error;
	}
	*block = new;
	return 0;
}

static int lock_block(struct contig *client, struct block *block)
{
	int error = CTG_RETRY(contig_lock(client, block->address,
					  contig_buffer_length(block->buffer),
					  CONTIG_LOCK_CONTIGUOUS));

	block->locked = !error;
	return error;
}

/*
 * Try twice, the second time while the first block still exists, so that the
 * second block cannot be the same memory. The lock checks whether a block is
 * contiguous.
 */
static int allocate(struct contig *client, ByteCount size, struct block **block)
{
	struct block *first;
	int error;

	error = new_block(client, size, block);
	if (error)
		return error;
	error = lock_block(client, *block);
	if (!error)
		return 0;

	first = *block;
	error = new_block(client, size, block);
	if (!error) {
		error = lock_block(client, *block);
		if (error)
			dispose_block(*block);
	}
	dispose_block(first);
	return error;
}

CONTIG_EXPORT LogicalAddress MemAllocatePhysicallyContiguous(ByteCount byteSize,
							     Boolean clear)
{
	CTG_PAGING;
	struct contig *client;
	struct block *block;
	int error;

	/*
	 * Memory of a buffer is always zero, since old contents must not leak.
	 */
	(void)clear;
	if (!byteSize) {
		ctg_mac_result(-EINVAL);
		return NULL;
	}
	if (ctg_mac_client(&client))
		return NULL;
	error = allocate(client, byteSize, &block);
	ctg_mac_result(error);
	if (error)
		return NULL;
	add_block(block);
	return block->address;
}

static int unlock_block(struct block *block)
{
	struct contig *client = ctg_mac_client_if_open();

	if (!block->locked)
		return 0;
	return CTG_RETRY(contig_unlock(client, block->address,
				       contig_buffer_length(block->buffer)));
}

CONTIG_EXPORT OSStatus MemDeallocatePhysicallyContiguous(LogicalAddress address)
{
	CTG_PAGING;
	struct block *block = take_block(address);
	int error;

	if (!block)
		return ctg_mac_result(-EINVAL);
	error = unlock_block(block);
	if (error) {
		add_block(block);
		return ctg_mac_result(error);
	}
	dispose_block(block);
	return ctg_mac_result(0);
}
