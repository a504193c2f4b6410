// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * Conversion between the library's structures and the kernel's.
 */
#include <stddef.h>
#include <string.h>

#include "internal.h"

/*
 * The size that a structure had in the first version, up to the last member
 * that it had then. These sizes never change: programs that do not know later
 * members pass structures without them, and sizeof() would refuse such a
 * program as soon as there is a new member.
 */
#define SIZE_0(type, last)                                                     \
	(offsetof(struct type, last) + sizeof(((struct type *)0)->last))

#define OPEN_OPTS_SIZE_0 SIZE_0(contig_open_opts, path)
#define DEVICE_OPTS_SIZE_0 SIZE_0(contig_device_opts, boundary)
#define ALLOC_OPTS_SIZE_0 SIZE_0(contig_alloc_opts, answer)
#define DEFER_OPTS_SIZE_0 SIZE_0(contig_defer_opts, deadline_ms)
#define PREPARE_OPTS_SIZE_0 SIZE_0(contig_prepare_opts, addrs)
#define REPORT_SIZE_0 SIZE_0(contig_report, largest)
#define INFO_SIZE_0 SIZE_0(contig_info, out_quota_used)
#define ALLOC_SIZE_0 SIZE_0(contig_alloc, out_reports)
#define PROBE_SIZE_0 SIZE_0(contig_probe, out_reports)
#define DEVICE_SIZE_0 SIZE_0(contig_device, out_features)
#define PREPARE_SIZE_0 SIZE_0(contig_prepare, out_bounced)

/**
 * copy_opts() - copy an option structure of another version
 * @known: receives the members that this library knows
 * @known_size: size of @known
 * @opts: the caller's structure, which begins with its size as a size_t
 * @min_size: size of the structure in the first version
 *
 * Return: 0; -EINVAL: too short; -E2BIG: an unknown member is not zero.
 */
static int copy_opts(void *known, size_t known_size, const void *opts,
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

/**
 * init_opts() - set all options to their defaults
 * @opts: the caller's structure, which begins with its size as a size_t
 * @size: this size
 * @min_size: size of the structure in the first version
 *
 * The default of an option that this library does not know is 0 as well.
 *
 * Return: 0; -EINVAL: too short.
 */
static int init_opts(void *opts, size_t size, size_t min_size)
{
	if (size < min_size)
		return ctg_result(-EINVAL);
	memset(opts, 0, size);
	memcpy(opts, &size, sizeof(size));
	return 0;
}

CONTIG_EXPORT int contig_open_opts_init(struct contig_open_opts *opts,
					size_t size)
{
	return init_opts(opts, size, OPEN_OPTS_SIZE_0);
}

CONTIG_EXPORT int contig_device_opts_init(struct contig_device_opts *opts,
					  size_t size)
{
	return init_opts(opts, size, DEVICE_OPTS_SIZE_0);
}

CONTIG_EXPORT int contig_alloc_opts_init(struct contig_alloc_opts *opts,
					 size_t size)
{
	return init_opts(opts, size, ALLOC_OPTS_SIZE_0);
}

CONTIG_EXPORT int contig_defer_opts_init(struct contig_defer_opts *opts,
					 size_t size)
{
	return init_opts(opts, size, DEFER_OPTS_SIZE_0);
}

CONTIG_EXPORT int contig_prepare_opts_init(struct contig_prepare_opts *opts,
					   size_t size)
{
	return init_opts(opts, size, PREPARE_OPTS_SIZE_0);
}

int ctg_copy_open_opts(struct contig_open_opts *known,
		       const struct contig_open_opts *opts)
{
	memset(known, 0, sizeof(*known));
	return opts ? copy_opts(known, sizeof(*known), opts, OPEN_OPTS_SIZE_0)
		    : 0;
}

int ctg_copy_device_opts(struct contig_device_opts *known,
			 const struct contig_device_opts *opts)
{
	memset(known, 0, sizeof(*known));
	return opts ? copy_opts(known, sizeof(*known), opts, DEVICE_OPTS_SIZE_0)
		    : 0;
}

int ctg_copy_prepare_opts(struct contig_prepare_opts *known,
			  const struct contig_prepare_opts *opts)
{
	memset(known, 0, sizeof(*known));
	return opts ? copy_opts(known, sizeof(*known), opts,
				PREPARE_OPTS_SIZE_0)
		    : 0;
}

int ctg_check_alloc(const struct contig_alloc *answer)
{
	return answer->size < ALLOC_SIZE_0 ? -EINVAL : 0;
}

int ctg_copy_alloc_opts(struct contig_alloc_opts *known,
			const struct contig_alloc_opts *opts)
{
	int error;

	memset(known, 0, sizeof(*known));
	if (!opts)
		return 0;
	error = copy_opts(known, sizeof(*known), opts, ALLOC_OPTS_SIZE_0);
	if (error)
		return error;
	if (known->reserved)
		return -EOPNOTSUPP;
	return known->answer ? ctg_check_alloc(known->answer) : 0;
}

int ctg_copy_defer_opts(struct contig_defer_opts *known,
			const struct contig_defer_opts *opts)
{
	int error;

	memset(known, 0, sizeof(*known));
	if (!opts)
		return 0;
	error = copy_opts(known, sizeof(*known), opts, DEFER_OPTS_SIZE_0);
	return !error && known->reserved ? -EOPNOTSUPP : error;
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

int ctg_defer_to_uapi(struct contig_defer *arg, uint64_t length,
		      const struct contig_alloc_opts *alloc_opts,
		      const struct contig_defer_opts *opts)
{
	memset(arg, 0, sizeof(*arg));
	arg->size = sizeof(*arg);
	arg->flags = opts->flags;
	arg->priority = opts->priority;
	arg->eventfd = opts->eventfd;
	arg->deadline_ms = opts->deadline_ms;
	return ctg_alloc_to_uapi(&arg->alloc, length, alloc_opts);
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
 * Copy a structure. Its sizes differ if the two sides were compiled with
 * different versions of a header.
 */
static void copy_known(void *to, size_t to_size, const void *from,
		       size_t from_size)
{
	memset(to, 0, to_size);
	memcpy(to, from, to_size < from_size ? to_size : from_size);
}

/* Copy a structure that starts with its size. */
static void copy_sized(void *to, uint32_t to_size, const void *from,
		       uint32_t from_size)
{
	copy_known(to, to_size, from, from_size);
	memcpy(to, &to_size, sizeof(to_size));
}

/*
 * Fill the kernel's structure before the command. Only the flags are input. All
 * other members of the caller's structure are output, and their old contents
 * are not passed on.
 */
int ctg_info_to_uapi(struct contig_info *arg, const struct contig_info *info)
{
	if (info->size < INFO_SIZE_0)
		return -EINVAL;
	*arg = (struct contig_info){
		.size = sizeof(*arg),
		.flags = info->flags,
	};
	return 0;
}

void ctg_copy_info(struct contig_info *to, const struct contig_info *from)
{
	copy_sized(to, to->size, from, from->size);
}

void ctg_copy_alloc(struct contig_alloc *to, const struct contig_alloc *from)
{
	copy_sized(to, to->size, from, from->size);
}

int ctg_copy_report(void *to, size_t to_size, const struct contig_report *from)
{
	if (to_size < REPORT_SIZE_0)
		return -EINVAL;
	copy_known(to, to_size, from, sizeof(*from));
	return 0;
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

/*
 * Check this before preparing: a caller that cannot be given the id could not
 * end the preparation.
 */
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
