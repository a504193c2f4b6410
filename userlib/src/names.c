// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * Names and descriptions of the kernel's constants.
 */
#include "internal.h"

static const char *const rung_names[] = {
	[CONTIG_RUNG_NONE] = "none",	     [CONTIG_RUNG_RESERVE] = "reserve",
	[CONTIG_RUNG_COHERENT] = "coherent", [CONTIG_RUNG_RANGE] = "range",
	[CONTIG_RUNG_SPLIT] = "split",	     [CONTIG_RUNG_SCATTER] = "scatter",
};

static const char *const mapping_names[] = {
	[CONTIG_MAPPING_NONE] = "none",
	[CONTIG_MAPPING_STRUCT_PAGE] = "struct-page",
	[CONTIG_MAPPING_PFN] = "pfn",
};

static const char *const blocked_names[] = {
	[CONTIG_BLOCKED_NOT] = "not",
	[CONTIG_BLOCKED_ABSENT] = "absent",
	[CONTIG_BLOCKED_MAPPING] = "mapping",
	[CONTIG_BLOCKED_CONSTRAINTS] = "constraints",
	[CONTIG_BLOCKED_EXHAUSTED] = "exhausted",
	[CONTIG_BLOCKED_TOO_LARGE] = "too-large",
	[CONTIG_BLOCKED_UNMOVABLE] = "unmovable",
	[CONTIG_BLOCKED_PINNED] = "pinned",
	[CONTIG_BLOCKED_BUSY] = "busy",
	[CONTIG_BLOCKED_NO_ROOM] = "no-room",
	[CONTIG_BLOCKED_TIME] = "time",
	[CONTIG_BLOCKED_SIGNAL] = "signal",
	[CONTIG_BLOCKED_SEGMENTS] = "segments",
	[CONTIG_BLOCKED_CONTENTS] = "contents",
	[CONTIG_BLOCKED_WAIT] = "wait",
	[CONTIG_BLOCKED_LOCKED] = "locked",
};

static const char *const remedy_names[] = {
	[CONTIG_REMEDY_NONE] = "none",
	[CONTIG_REMEDY_RESERVE] = "reserve",
	[CONTIG_REMEDY_FREE] = "free",
	[CONTIG_REMEDY_UNPIN] = "unpin",
	[CONTIG_REMEDY_SEGMENTS] = "segments",
	[CONTIG_REMEDY_CONSTRAINTS] = "constraints",
	[CONTIG_REMEDY_QUOTA] = "quota",
};

static const struct {
	int error;
	const char *text;
} error_texts[] = {
	{0, "success"},
	{ENOTTY, "this is not contig's device, or it does not know the "
		 "command"},
	{E2BIG, "a structure sets a member that the other side, being older, "
		"does not know"},
	{EOPNOTSUPP, "a flag or a value is unknown to this version"},
	{EINVAL, "a value is wrong: a length of 0, an alignment that is no "
		 "power of two, or a structure too short"},
	{EOVERFLOW, "the range runs past the end of the address space or of "
		    "the buffer"},
	{EFBIG, "longer than the memory of the machine"},
	{ERANGE, "no memory of this machine, free or not, meets the "
		 "constraints"},
	{EFAULT, "the memory is not mapped"},
	{ENXIO, "the range is not memory but registers, for example"},
	{EACCES,
	 "/dev/contig may not be opened by this user, or the device is not "
	 "confined to this user's memory (see allow_unconfined), or the range "
	 "is not writable, or was prepared for output only"},
	{EPERM, "physical addresses, and constraints that reveal them (lowest, "
		"align above the size, highest or node with too few places), "
		"need CAP_SYS_RAWIO or the module parameter allow_physical, "
		"and attaching a device needs CAP_SYS_RAWIO or an entry in "
		"the parameter devices"},
	{EBADF, "the file descriptor is not open"},
	{EBADFD, "the file descriptor is not a buffer"},
	{EXDEV, "the client belongs to another process; open one in this "
		"process"},
	{ENODATA, "the range is not held"},
	{ENOLCK, "the range is not locked"},
	{EILSEQ, "the range is not contiguous, physically or for the device, "
		 "as was requested"},
	{EUNATCH, "no device is attached to the client, or no driver to the "
		  "device"},
	{EADDRNOTAVAIL, "the memory lies where the device cannot reach it"},
	{ESTALE, "the locked memory was unmapped or replaced since; unlock it "
		 "first"},
	{EHWPOISON, "the hardware has reported a page of the buffer as faulty"},
	{EMSGSIZE, "the table is too short for the result, or for the smallest "
		   "part that may be prepared"},
	{EDEADLK, "called in a signal handler, in the middle of a hold or "
		  "unhold"},
	{EDQUOT, "over RLIMIT_MEMLOCK, over the user's quota of allocated "
		 "memory, over the memory that all users together may have "
		 "locked or allocated, or over the memory for copies that "
		 "devices use"},
	{ENOMEM, "there is not enough memory of the requested kind"},
	{ETIME, "the time budget ran out"},
	{EAGAIN, "there is no memory that is free now, and the call may not "
		 "wait for other memory"},
	{EINTR, "a fatal signal came first"},
	{ENODEV, "there is no such rung or device here, or the device is gone "
		 "or changed its driver"},
	{EBUSY,
	 "memory that cannot be moved is in the way, the device is in "
	 "use in another way or by another user, or the client has memory "
	 "locked"},
	{ENOENT, "there is no such device (load the module), or there is no "
		 "preparation with this id"},
	{EMFILE,
	 "this process has too many open files, or too many clients that hold "
	 "or lock memory"},
	{ENFILE, "the machine has too many open files"},
};

static const char *name(const char *const *names, size_t count, uint32_t number)
{
	return number < count && names[number] ? names[number] : "unknown";
}

CONTIG_EXPORT const char *contig_rung_name(uint32_t rung)
{
	return name(rung_names, ARRAY_SIZE(rung_names), rung);
}

CONTIG_EXPORT const char *contig_mapping_name(uint32_t mapping)
{
	return name(mapping_names, ARRAY_SIZE(mapping_names), mapping);
}

CONTIG_EXPORT const char *contig_blocked_name(uint32_t blocked)
{
	return name(blocked_names, ARRAY_SIZE(blocked_names), blocked);
}

CONTIG_EXPORT const char *contig_remedy_name(uint32_t remedy)
{
	return name(remedy_names, ARRAY_SIZE(remedy_names), remedy);
}

CONTIG_EXPORT const char *contig_strerror(int error)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(error_texts); i++)
		if (error_texts[i].error == error ||
		    error_texts[i].error == -error)
			return error_texts[i].text;
	return "an error that contig does not return";
}
