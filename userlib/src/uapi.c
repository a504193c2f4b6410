// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * Between the structures of the library's users and those of the kernel.
 */
#include <stddef.h>
#include <string.h>

#include "internal.h"

/*
 * The sizes in the first version. What was added since is zero for programs
 * that do not know it.
 */
#define ALLOC_OPTS_SIZE_0                                                      \
	(offsetof(struct contig_alloc_opts, answer) + sizeof(void *))
#define ALLOC_SIZE_0                                                           \
	(offsetof(struct contig_alloc, out_reports) +                          \
	 sizeof(struct contig_report) * CONTIG_REPORTS)
#define PROBE_SIZE_0                                                           \
	(offsetof(struct contig_probe, out_reports) +                          \
	 sizeof(struct contig_report) * CONTIG_REPORTS)
#define DEVICE_SIZE_0                                                          \
	(offsetof(struct contig_device, out_features) + sizeof(__u64))
#define PREPARE_SIZE_0                                                         \
	(offsetof(struct contig_prepare, out_bounced) + sizeof(__u32))

/**
 * ctg_copy_opts() - take over an option structure of another version
 * @known: where to put what this library knows of it
 * @known_size: size of that
 * @opts: the caller's structure, a size_t first
 * @min_size: size that the first version had
 *
 * Return: 0; -EINVAL: too short; -E2BIG: it says something unknown.
 */
int ctg_copy_opts(void *known, size_t known_size, const void *opts,
		  size_t min_size)
{
	const unsigned char *bytes = opts;
	size_t size;
	size_t i;

	memcpy(&size, opts, sizeof(size));
	if (size < min_size)
		return -EINVAL;
	for (i = known_size; i < size; i++)
		if (bytes[i])
			return -E2BIG;

	memset(known, 0, known_size);
	memcpy(known, opts, size < known_size ? size : known_size);
	return 0;
}

int ctg_copy_alloc_opts(struct contig_alloc_opts *known,
			const struct contig_alloc_opts *opts)
{
	int error;

	memset(known, 0, sizeof(*known));
	if (!opts)
		return 0;
	error = ctg_copy_opts(known, sizeof(*known), opts, ALLOC_OPTS_SIZE_0);
	if (error)
		return error;
	if (known->reserved)
		return -EOPNOTSUPP;
	if (known->answer && known->answer->size < ALLOC_SIZE_0)
		return -EINVAL;
	return 0;
}

int ctg_alloc_to_uapi(struct contig_alloc *arg, uint64_t length,
		      const struct contig_alloc_opts *opts)
{
	size_t name_length = opts->name ? strlen(opts->name) : 0;

	memset(arg, 0, sizeof(*arg));
	arg->size = sizeof(*arg);
	arg->flags = opts->flags;
	arg->length = length;
	arg->constraints = opts->constraints;
	arg->rungs = opts->rungs;
	arg->timeout_ms = opts->timeout_ms;
	arg->out_fd = -1;
	if (name_length >= sizeof(arg->name))
		return -EINVAL;
	memcpy(arg->name, opts->name ? opts->name : "", name_length);
	return 0;
}

void ctg_probe_to_uapi(struct contig_probe *arg, uint64_t length,
		       const struct contig_alloc_opts *opts)
{
	memset(arg, 0, sizeof(*arg));
	arg->size = sizeof(*arg);
	arg->flags = opts->flags;
	arg->length = length;
	arg->constraints = opts->constraints;
	arg->rungs = opts->rungs;
}

int ctg_device_to_uapi(struct contig_device *arg, const char *name,
		       const struct contig_device_opts *opts)
{
	size_t name_length = strlen(name);

	memset(arg, 0, sizeof(*arg));
	arg->size = sizeof(*arg);
	arg->address_bits = opts->address_bits;
	arg->reserved = opts->reserved;
	arg->max_segment = opts->max_segment;
	arg->boundary = opts->boundary;
	if (name_length >= sizeof(arg->name))
		return -EINVAL;
	memcpy(arg->name, name, name_length);
	return 0;
}

/*
 * Both structures start with their size. They differ when program and library
 * were compiled with different versions of the kernel's header.
 */
static void copy_sized(void *to, uint32_t to_size, const void *from,
		       uint32_t from_size)
{
	memset(to, 0, to_size);
	memcpy(to, from, to_size < from_size ? to_size : from_size);
	memcpy(to, &to_size, sizeof(to_size));
}

void ctg_copy_alloc(struct contig_alloc *to, const struct contig_alloc *from)
{
	copy_sized(to, to->size, from, from->size);
}

int ctg_copy_probe(struct contig_probe *to, const struct contig_probe *from)
{
	if (to->size < PROBE_SIZE_0)
		return -EINVAL;
	copy_sized(to, to->size, from, from->size);
	return 0;
}

int ctg_copy_device(struct contig_device *to, const struct contig_device *from)
{
	if (to->size < DEVICE_SIZE_0)
		return -EINVAL;
	copy_sized(to, to->size, from, from->size);
	return 0;
}

/* Before it is prepared: who cannot be told what was could not end it. */
int ctg_check_prepare(const struct contig_prepare *to)
{
	return to->size < PREPARE_SIZE_0 ? -EINVAL : 0;
}

void ctg_copy_prepare(struct contig_prepare *to,
		      const struct contig_prepare *from)
{
	copy_sized(to, to->size, from, from->size);
}

void ctg_lock_to_uapi(struct contig_lock *arg, const struct ctg_range *range,
		      uint32_t flags)
{
	*arg = (struct contig_lock){
		.size = sizeof(*arg),
		.flags = range->flags | flags,
		.addr = range->addr,
		.length = range->length,
		.fd = range->fd,
	};
}

void ctg_unlock_to_uapi(struct contig_unlock *arg,
			const struct ctg_range *range)
{
	*arg = (struct contig_unlock){
		.size = sizeof(*arg),
		.flags = range->flags,
		.addr = range->addr,
		.length = range->length,
		.fd = range->fd,
	};
}

void ctg_get_physical_to_uapi(struct contig_get_physical *arg,
			      const struct ctg_range *range,
			      struct contig_extent *extents, uint32_t count)
{
	*arg = (struct contig_get_physical){
		.size = sizeof(*arg),
		.flags = range->flags,
		.addr = range->addr,
		.length = range->length,
		.extents = (uintptr_t)extents,
		.count = count,
		.fd = range->fd,
	};
}

void ctg_get_state_to_uapi(struct contig_get_state *arg,
			   const struct ctg_range *range,
			   struct contig_run *runs, uint32_t count)
{
	*arg = (struct contig_get_state){
		.size = sizeof(*arg),
		.flags = range->flags,
		.addr = range->addr,
		.length = range->length,
		.runs = (uintptr_t)runs,
		.count = count,
		.fd = range->fd,
	};
}

void ctg_prepare_to_uapi(struct contig_prepare *arg,
			 const struct contig_span *ranges, uint32_t range_count,
			 const struct contig_prepare_opts *opts)
{
	*arg = (struct contig_prepare){
		.size = sizeof(*arg),
		.flags = opts->flags,
		.ranges = (uintptr_t)ranges,
		.range_count = range_count,
		.first = opts->first,
		.granularity = opts->granularity,
		.addrs = (uintptr_t)opts->addrs,
		.count = opts->max_pages,
	};
}

void ctg_sync_to_uapi(struct contig_sync *arg, const struct ctg_range *range,
		      uint32_t flags)
{
	*arg = (struct contig_sync){
		.size = sizeof(*arg),
		.flags = range->flags | flags,
		.addr = range->addr,
		.length = range->length,
		.fd = range->fd,
	};
}
