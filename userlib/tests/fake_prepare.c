// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * The stand-in's preparations, computed byte by byte, so that it shares no
 * arithmetic with the code under test; and whether the CPU or the device owns
 * the memory.
 */
#include "fake_internal.h"

#define WAYS (CONTIG_IO_INPUT | CONTIG_IO_OUTPUT)

#define MAX_PREPARATIONS 64
#define MAX_PARTS 64

struct preparation {
	int client;
	uint32_t ways;
	uint32_t buffer;
	int fd;
	unsigned int count;
	struct contig_span parts[MAX_PARTS];
};

static struct preparation preparations[MAX_PREPARATIONS];
static uint32_t last_id;

void fake_prepare_reset(void)
{
	memset(preparations, 0, sizeof(preparations));
	last_id = 0;
}

unsigned int fake_preparations(void)
{
	unsigned int count = 0;
	size_t i;

	for (i = 0; i < MAX_PREPARATIONS; i++)
		count += preparations[i].client != 0;
	return count;
}

static int unlock_parts(int client, struct preparation *prep)
{
	int error = 0;

	while (!error && prep->count) {
		const struct contig_span *part = &prep->parts[--prep->count];
		struct contig_unlock arg = {
			.size = sizeof(arg),
			.flags = prep->buffer,
			.addr = part->addr,
			.length = part->length,
			.fd = prep->fd,
		};

		error = fake_do_unlock(client, &arg);
	}
	return error;
}

static int lock_parts(int client, struct preparation *prep)
{
	unsigned int count = prep->count;
	int error = 0;

	for (prep->count = 0; !error && prep->count < count; prep->count++) {
		const struct contig_span *part = &prep->parts[prep->count];
		struct contig_lock arg = {
			.size = sizeof(arg),
			.flags = prep->buffer,
			.addr = part->addr,
			.length = part->length,
			.fd = prep->fd,
		};

		if (prep->ways == CONTIG_IO_OUTPUT)
			arg.flags |= CONTIG_LOCK_OUTPUT;
		error = fake_do_lock(client, &arg);
		if (error)
			break;
	}
	if (error)
		unlock_parts(client, prep);
	return error;
}

static uint64_t translated(const struct contig_prepare *arg, uint64_t addr)
{
	fake_resolve(arg->flags, arg->fd, &addr, 1);
	return fake_translated(addr, arg->flags);
}

/* Take bytes until the limit of pages; return how many. */
static uint64_t take(const struct contig_prepare *arg, uint64_t limit,
		     struct preparation *prep, uint64_t *addrs, uint32_t *pages)
{
	const struct contig_span *spans = (void *)(uintptr_t)arg->ranges;
	uint64_t at = 0;
	uint64_t taken = 0;
	uint64_t byte;
	uint32_t i;

	*pages = 0;
	prep->count = 0;
	for (i = 0; i < arg->range_count; i++) {
		bool begun = false;

		for (byte = 0; byte < spans[i].length; byte++, at++) {
			uint64_t addr = spans[i].addr + byte;

			if (at < arg->first)
				continue;
			if (taken == limit)
				return taken;
			if (!begun || !(addr % PAGE)) {
				if (arg->count && *pages == arg->count)
					return taken;
				if (addrs)
					addrs[*pages] = translated(arg, addr);
				++*pages;
			}
			if (!begun) {
				assert_true(prep->count < MAX_PARTS);
				prep->parts[prep->count++].addr = addr;
			}
			begun = true;
			prep->parts[prep->count - 1].length =
				addr + 1 - prep->parts[prep->count - 1].addr;
			taken++;
		}
	}
	return taken;
}

static int check(const struct contig_prepare *arg, uint64_t *total)
{
	const struct contig_span *spans = (void *)(uintptr_t)arg->ranges;
	const uint32_t known =
		WAYS | CONTIG_IO_BOUNCE | CONTIG_GET_DMA | CONTIG_RANGE_BUFFER;
	uint32_t i;
	int error;

	if (arg->flags & ~known)
		return EOPNOTSUPP;
	if (!arg->range_count || arg->range_count > CONTIG_PREPARE_RANGES ||
	    (arg->addrs && !arg->count))
		return EINVAL;
	if (arg->addrs && fake.deny_physical && !(arg->flags & CONTIG_GET_DMA))
		return EPERM;
	*total = 0;
	for (i = 0; i < arg->range_count; i++) {
		uint64_t addr = spans[i].addr;

		error = fake_resolve(arg->flags, arg->fd, &addr,
				     spans[i].length);
		if (error)
			return error;
		*total += spans[i].length;
	}
	if (arg->first >= *total)
		return EINVAL;
	if (arg->flags & (CONTIG_GET_DMA | CONTIG_IO_BOUNCE) && !*fake.attached)
		return EUNATCH;
	return 0;
}

int fake_do_prepare(int client, struct contig_prepare *arg)
{
	uint64_t granularity = (arg->granularity + PAGE - 1) / PAGE * PAGE;
	uint64_t *addrs = (void *)(uintptr_t)arg->addrs;
	struct preparation prep = {
		.client = client,
		.ways = arg->flags & WAYS,
		.buffer = arg->flags & CONTIG_RANGE_BUFFER,
		.fd = arg->fd,
	};
	uint64_t total;
	uint64_t length;
	uint32_t pages;
	int error = check(arg, &total);

	if (error)
		return error;
	length = take(arg, -1ull, &prep, NULL, &pages);
	if (granularity && arg->first + length != total)
		length -= length % granularity;
	if (!length)
		return EMSGSIZE;
	take(arg, length, &prep, addrs, &pages);
	error = lock_parts(client, &prep);
	if (error)
		return error;
	assert_true(last_id < MAX_PREPARATIONS);
	preparations[last_id++] = prep;
	arg->out_id = last_id;
	arg->out_length = length;
	arg->out_done = arg->first + length == total;
	arg->out_bounced = arg->flags & CONTIG_IO_BOUNCE ? fake.bounced : 0;
	arg->count = pages;
	return 0;
}

int fake_do_checkpoint(int client, const struct contig_checkpoint *arg)
{
	struct preparation *prep;

	if (arg->flags & ~(WAYS | CONTIG_IO_MORE) || arg->reserved)
		return EOPNOTSUPP;
	if (arg->flags & WAYS && !(arg->flags & CONTIG_IO_MORE))
		return EINVAL;
	if (!arg->id || arg->id > MAX_PREPARATIONS)
		return ENOENT;
	prep = &preparations[arg->id - 1];
	if (prep->client != client)
		return ENOENT;
	if (arg->flags & CONTIG_IO_MORE)
		return arg->flags & CONTIG_IO_INPUT &&
				       prep->ways == CONTIG_IO_OUTPUT
			       ? EACCES
			       : 0;
	prep->client = 0;
	return unlock_parts(client, prep);
}

int fake_do_sync(int client, const struct contig_sync *arg)
{
	const uint32_t turns = CONTIG_IO_FOR_CPU | CONTIG_IO_FOR_DEVICE;
	uint64_t addr = arg->addr;
	int error;

	if (arg->flags & ~(WAYS | turns | CONTIG_RANGE_BUFFER) || arg->reserved)
		return EOPNOTSUPP;
	if (!(arg->flags & WAYS) || !(arg->flags & turns) ||
	    (arg->flags & turns) == turns)
		return EINVAL;
	error = fake_resolve(arg->flags, arg->fd, &addr, arg->length);
	if (error)
		return error;
	if (!*fake.attached)
		return EUNATCH;
	return fake_check_locked(client, addr, arg->length);
}
