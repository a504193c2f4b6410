/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * contig: physically contiguous memory that a DMA engine can use
 */
#ifndef _UAPI_LINUX_CONTIG_H
#define _UAPI_LINUX_CONTIG_H

#include <linux/ioctl.h>
#include <linux/types.h>

/**
 * DOC: General rules of the ioctl interface
 *
 * All commands go to a file opened from /dev/contig, a *client*. Each takes a
 * pointer to one structure whose first member, @size, is the size that the
 * caller was compiled with, and whose second is a word of flags.
 *
 *  - A structure may be longer than the kernel knows when the excess is zero,
 *    and shorter down to the members that the first version had.
 *  - Members whose name starts with out_ are written by the kernel and ignored
 *    on input. Members without it are input, unless their text says in/out.
 *  - A command either does all that it says or changes nothing, except where
 *    its text says otherwise (CONTIG_CHECKPOINT, CONTIG_SYNC).
 *  - Ranges are given in bytes, need no alignment, and take effect on every
 *    page they touch.
 *
 * What an errno means is the same for every command:
 *
 *  - ENOTTY: the kernel does not know this command.
 *  - E2BIG: the structure has non-zero bytes beyond what the kernel knows.
 *  - EOPNOTSUPP: a flag is unknown, a reserved member is not zero, or an
 *    enumeration has a value the kernel does not know.
 *  - EINVAL: a value that the kernel knows is wrong: a structure too short, a
 *    length of 0, an alignment that is no power of two, a lowest address above
 *    the highest, flags that exclude each other.
 *  - EOVERFLOW: an address plus a length runs past the end of the address
 *    space or of the buffer, or a count would.
 *  - EFBIG: an allocation longer than the machine has memory.
 *  - ERANGE: no memory of this machine, free or not, meets the constraints.
 *  - EFAULT: the structure, an array, or a page of a range is not mapped.
 *  - ENXIO: a page of a range is not memory: registers or other PFN mappings.
 *  - EACCES: a page of a range is not writable, or belongs to a file whose
 *    filesystem has to know of every write, and the lock is for a device that
 *    writes (that is, without CONTIG_LOCK_OUTPUT); or, from CONTIG_DEVICE, the
 *    caller lacks CAP_SYS_RAWIO and the device is not confined.
 *  - EPERM: physical addresses need CAP_SYS_RAWIO (or the module parameter
 *    allow_physical), and so does what reveals them: constraints that leave few
 *    places (see &struct contig_constraints), and asking which pages of the
 *    caller's own memory adjoin. A device needs
 *    CAP_SYS_RAWIO or an entry for the caller in the module parameter devices.
 *  - EBADF: a file descriptor is not open.
 *  - EBADFD: a file descriptor is open, but not a buffer of contig.
 *  - EXDEV: the client holds and locks ranges of another process's memory;
 *    open /dev/contig again in this one.
 *  - ENODATA: a page of the range is not held (classic notHeldErr).
 *  - ENOLCK: a page of the range is not locked (classic notLockedErr).
 *  - ENOENT: nothing was prepared under this id, or it is over.
 *  - EILSEQ: the pages are not in physical sequence (classic
 *    cannotMakeContiguousErr); or not in sequence for the device, where that was
 *    asked for.
 *  - EUNATCH: no device is attached to the client, or no driver to the device.
 *  - ENODEV: there is no such device, or it went away or changed its driver
 *    since it was attached; CONTIG_DEVICE attaches it again.
 *  - EMFILE: as many clients of this process hold or lock memory as may.
 *  - EBUSY: the driver of a device does its DMA behind the kernel's back; other
 *    clients use the device with other limits; a user to whom the module
 *    parameter devices does not give it any more still has it, or another
 *    device of its IOMMU group, attached; a client with CAP_SYS_RAWIO has one
 *    of these attached and the caller lacks that right; or something is locked
 *    that would have to move to another device.
 *  - EADDRNOTAVAIL: a page of a range lies where the client's device cannot
 *    reach it.
 *  - ESTALE: a locked page was unmapped or replaced since; unlock it first.
 *  - EHWPOISON: the hardware has reported a page of a range as faulty, and the
 *    range belongs to a buffer. The range can be unlocked, and pages beside the
 *    failed one can be locked and translated.
 *  - EMSGSIZE: an array is too short for a result that cannot be resumed; its
 *    count says how many entries are needed.
 *  - EDQUOT: RLIMIT_MEMLOCK; the user's quota of allocated memory; what all
 *    users together, or all ordinary users (without CAP_SYS_RESOURCE), may have
 *    allocated; what all users without CAP_IPC_LOCK together may have locked;
 *    or what devices may have copies of.
 *  - ENOMEM: there is not enough memory of the kind asked for (classic
 *    notEnoughMemoryErr); CONTIG_ALLOC says more in its reports.
 *  - ETIME: the time budget ran out first.
 *  - EINTR: a fatal signal came first; nothing was changed.
 *
 * Inside a &struct contig_report, which tells of one rung, these in addition:
 *
 *  - ENODEV: the rung does not exist here: no reserve was configured, the
 *    kernel cannot do it, memory for devices has to be decrypted, or the pool of
 *    the client's device cannot be used.
 *  - EOPNOTSUPP: the rung was passed over because it cannot give what was demanded.
 *  - EBUSY: memory that cannot be moved lies in every window.
 */

#define CONTIG_IOCTL_TYPE 0xBC

/* Grows when a command or a member is added, never for a bug fix. */
#define CONTIG_ABI_VERSION 2

enum {
	CONTIG_CMD_BASE = 0x00,
	CONTIG_CMD_INFO = CONTIG_CMD_BASE,
	CONTIG_CMD_ALLOC = 0x01,
	CONTIG_CMD_PROBE = 0x02,
	CONTIG_CMD_HOLD = 0x03,
	CONTIG_CMD_UNHOLD = 0x04,
	CONTIG_CMD_LOCK = 0x05,
	CONTIG_CMD_UNLOCK = 0x06,
	CONTIG_CMD_GET_PHYSICAL = 0x07,
	CONTIG_CMD_GET_STATE = 0x08,
	CONTIG_CMD_DEVICE = 0x09,
	CONTIG_CMD_PREPARE = 0x0a,
	CONTIG_CMD_CHECKPOINT = 0x0b,
	CONTIG_CMD_SYNC = 0x0c
};

/**
 * enum contig_rung - the ways to get memory, in the order they are tried
 * @CONTIG_RUNG_NONE: no rung
 * @CONTIG_RUNG_RESERVE: from blocks set aside when the module was loaded; one
 *                       extent, already zero
 * @CONTIG_RUNG_COHERENT: from dma_alloc_attrs(): CMA where the kernel has it,
 *                        else the page allocator up to its largest order; one
 *                        extent
 * @CONTIG_RUNG_RANGE: by choosing a window of memory and moving out what lies
 *                     in it; one extent
 * @CONTIG_RUNG_SPLIT: the fewest, largest extents that can be found
 * @CONTIG_RUNG_SCATTER: single pages
 * @CONTIG_RUNG_MAX: one more than the last rung
 */
enum contig_rung {
	CONTIG_RUNG_NONE = 0,
	CONTIG_RUNG_RESERVE = 1,
	CONTIG_RUNG_COHERENT = 2,
	CONTIG_RUNG_RANGE = 3,
	CONTIG_RUNG_SPLIT = 4,
	CONTIG_RUNG_SCATTER = 5,
	CONTIG_RUNG_MAX
};

/**
 * enum contig_rungs - masks for &contig_alloc.rungs
 * @CONTIG_RUNGS_RESERVE: the reserve rung
 * @CONTIG_RUNGS_COHERENT: the coherent rung
 * @CONTIG_RUNGS_RANGE: the range rung
 * @CONTIG_RUNGS_SPLIT: the split rung
 * @CONTIG_RUNGS_SCATTER: the scatter rung
 * @CONTIG_RUNGS_CONTIGUOUS: those that give a single extent
 * @CONTIG_RUNGS_ALL: all of them
 */
enum contig_rungs {
	CONTIG_RUNGS_RESERVE = 1 << CONTIG_RUNG_RESERVE,
	CONTIG_RUNGS_COHERENT = 1 << CONTIG_RUNG_COHERENT,
	CONTIG_RUNGS_RANGE = 1 << CONTIG_RUNG_RANGE,
	CONTIG_RUNGS_SPLIT = 1 << CONTIG_RUNG_SPLIT,
	CONTIG_RUNGS_SCATTER = 1 << CONTIG_RUNG_SCATTER,
	CONTIG_RUNGS_CONTIGUOUS = CONTIG_RUNGS_RESERVE | CONTIG_RUNGS_COHERENT |
				  CONTIG_RUNGS_RANGE,
	CONTIG_RUNGS_ALL = CONTIG_RUNGS_CONTIGUOUS | CONTIG_RUNGS_SPLIT |
			   CONTIG_RUNGS_SCATTER
};

/**
 * enum contig_mapping - how a buffer appears in a user's page tables
 * @CONTIG_MAPPING_NONE: no buffer
 * @CONTIG_MAPPING_STRUCT_PAGE: as ordinary pages: O_DIRECT, io_uring, zero-copy
 *                              sockets and debuggers work on the mapping
 * @CONTIG_MAPPING_PFN: as bare page frames: the CPU can read and write, and
 *                      nothing in the kernel can take references
 */
enum contig_mapping {
	CONTIG_MAPPING_NONE = 0,
	CONTIG_MAPPING_STRUCT_PAGE = 1,
	CONTIG_MAPPING_PFN = 2
};

/**
 * enum contig_feature - bits of &contig_info.out_features
 * @CONTIG_FEATURE_RANGE: the range rung works here
 * @CONTIG_FEATURE_CMA: the kernel was built with CMA
 * @CONTIG_FEATURE_OUTPUT_READ_ONLY: CONTIG_LOCK_OUTPUT pins without write
 *                                   access; without this bit the kernel is too
 *                                   old to do that safely, and such a lock
 *                                   takes write access but leaves the page clean
 * @CONTIG_FEATURE_MEMORY_ENCRYPTED: device memory has to be decrypted, so only
 *                                   the coherent rung is available
 * @CONTIG_FEATURE_PHYSICAL_ALLOWED: this caller may see physical addresses
 * @CONTIG_FEATURE_POOL: the coherent rung takes memory from a pool of its own,
 *                       which the Device Tree describes, and from nowhere else
 */
enum contig_feature {
	CONTIG_FEATURE_RANGE = 1 << 0,
	CONTIG_FEATURE_CMA = 1 << 1,
	CONTIG_FEATURE_OUTPUT_READ_ONLY = 1 << 2,
	CONTIG_FEATURE_MEMORY_ENCRYPTED = 1 << 3,
	CONTIG_FEATURE_PHYSICAL_ALLOWED = 1 << 4,
	CONTIG_FEATURE_POOL = 1 << 5
};

/**
 * struct contig_info - ioctl(CONTIG_INFO)
 * @size: sizeof(struct contig_info)
 * @flags: must be 0
 * @out_abi_version: CONTIG_ABI_VERSION of the module
 * @out_page_size: bytes in a page
 * @out_features: bits of &enum contig_feature
 * @out_ram_bytes: memory that the kernel manages
 * @out_ram_top: highest physical address of that memory
 * @out_max_order_bytes: largest block that the page allocator itself can give
 * @out_reserve_bytes: size of the reserve
 * @out_reserve_free: bytes of it that are free, whether clean or being scrubbed
 * @out_reserve_largest: largest free block of it; rounded down to a power of
 *                       two for a caller without the right to see physical
 *                       addresses
 * @out_quota_bytes: how much memory the account of this file may have
 *                   allocated: that of the user that opened it, with the rights
 *                   that the user had then
 * @out_quota_used: how much is charged to this account
 *
 * Describe the machine and the module. Changes nothing, needs no right, and is
 * the cheapest command: use it to see whether the module is there.
 */
struct contig_info {
	__u32 size;
	__u32 flags;
	__u32 out_abi_version;
	__u32 out_page_size;
	__aligned_u64 out_features;
	__aligned_u64 out_ram_bytes;
	__aligned_u64 out_ram_top;
	__aligned_u64 out_max_order_bytes;
	__aligned_u64 out_reserve_bytes;
	__aligned_u64 out_reserve_free;
	__aligned_u64 out_reserve_largest;
	__aligned_u64 out_quota_bytes;
	__aligned_u64 out_quota_used;
};

#define CONTIG_INFO _IO(CONTIG_IOCTL_TYPE, CONTIG_CMD_INFO)

/**
 * enum contig_node_policy - what &contig_constraints.node means
 * @CONTIG_NODE_ANY: any node will do; node must be 0
 * @CONTIG_NODE_PREFERRED: try this node first
 * @CONTIG_NODE_STRICT: this node or nothing
 */
enum contig_node_policy {
	CONTIG_NODE_ANY = 0,
	CONTIG_NODE_PREFERRED = 1,
	CONTIG_NODE_STRICT = 2
};

/**
 * struct contig_constraints - what the device can address
 * @lowest: lowest physical address that the memory may have
 * @highest: highest physical address that its last byte may have, 0 for no
 *           limit; for a device with n address bits, (1 << n) - 1
 * @align: every extent starts at a multiple of this; a power of two, 0 for a
 *         page
 * @boundary: no extent may cross a multiple of this; a power of two of at least
 *            a page, 0 for none
 * @min_segment: no extent may be shorter than this, the last one excepted; 0
 *               for no limit
 * @max_segment: no extent may be longer than this; at least a page, 0 for no
 *               limit
 * @max_segments: the most extents that the memory may have, 0 for no limit
 * @node_policy: one of &enum contig_node_policy
 * @node: a NUMA node
 * @reserved: must be 0
 *
 * All zero asks for nothing in particular. An extent is a maximal run of
 * adjacent physical memory, as CONTIG_GET_PHYSICAL gives it; where a limit on
 * extents has to cut such a run (@boundary, @max_segment), the pieces between
 * the cuts are what the limits apply to.
 *
 * A caller without the right to see physical addresses may limit no more than a
 * device needs, else EPERM: @lowest must be 0; @highest must be 0 or
 * (1 << n) - 1 with n of at least 24; @align must not be more than the block's
 * length, rounded up to a power of two; and if @highest or a strict @node rules
 * out memory of the machine, at least eight times the length, rounded up
 * likewise, must be left.
 */
struct contig_constraints {
	__aligned_u64 lowest;
	__aligned_u64 highest;
	__aligned_u64 align;
	__aligned_u64 boundary;
	__aligned_u64 min_segment;
	__aligned_u64 max_segment;
	__u32 max_segments;
	__u32 node_policy;
	__u32 node;
	__u32 reserved;
};

/**
 * enum contig_blocked - why a rung could not answer
 * @CONTIG_BLOCKED_NOT: it answered
 * @CONTIG_BLOCKED_ABSENT: the rung does not exist here
 * @CONTIG_BLOCKED_MAPPING: it cannot give memory with struct pages
 * @CONTIG_BLOCKED_CONSTRAINTS: what it has does not meet the constraints
 * @CONTIG_BLOCKED_EXHAUSTED: what it had is in use
 * @CONTIG_BLOCKED_TOO_LARGE: it can never give so large a block
 * @CONTIG_BLOCKED_UNMOVABLE: kernel memory lies in every window
 * @CONTIG_BLOCKED_PINNED: pinned pages lie in every window otherwise free of
 *                         kernel memory
 * @CONTIG_BLOCKED_BUSY: memory that looked movable would not move
 * @CONTIG_BLOCKED_NO_ROOM: too little free memory to move the others to
 * @CONTIG_BLOCKED_TIME: the time budget ran out
 * @CONTIG_BLOCKED_SIGNAL: a fatal signal came
 * @CONTIG_BLOCKED_SEGMENTS: more extents would be needed than allowed
 */
enum contig_blocked {
	CONTIG_BLOCKED_NOT = 0,
	CONTIG_BLOCKED_ABSENT = 1,
	CONTIG_BLOCKED_MAPPING = 2,
	CONTIG_BLOCKED_CONSTRAINTS = 3,
	CONTIG_BLOCKED_EXHAUSTED = 4,
	CONTIG_BLOCKED_TOO_LARGE = 5,
	CONTIG_BLOCKED_UNMOVABLE = 6,
	CONTIG_BLOCKED_PINNED = 7,
	CONTIG_BLOCKED_BUSY = 8,
	CONTIG_BLOCKED_NO_ROOM = 9,
	CONTIG_BLOCKED_TIME = 10,
	CONTIG_BLOCKED_SIGNAL = 11,
	CONTIG_BLOCKED_SEGMENTS = 12
};

/**
 * struct contig_report - what became of one rung
 * @rung: one of &enum contig_rung
 * @error: 0, or the positive errno with which the rung failed
 * @blocked: one of &enum contig_blocked
 * @windows: how many places the rung tried; at most 1 for a caller without the
 *           right to see physical addresses
 * @time_ns: how long it took
 * @largest: the largest length that this rung could have given at that moment
 *           under the same constraints, as far as can be seen without moving
 *           anything. To know it costs a scan of memory, so CONTIG_ALLOC tells
 *           it only if it fails, of the rungs that were tried, and CONTIG_PROBE
 *           always. 0 when it is not told. A caller without the right to see
 *           physical addresses is told the length that it asked for if the rung
 *           could give it, else a power of two that is below that and below what
 *           is left of the quota
 */
struct contig_report {
	__u32 rung;
	__u32 error;
	__u32 blocked;
	__u32 windows;
	__aligned_u64 time_ns;
	__aligned_u64 largest;
};

#define CONTIG_NAME_SIZE 32
#define CONTIG_REPORTS 8

/**
 * enum contig_alloc_flags - flags of CONTIG_ALLOC and CONTIG_PROBE
 * @CONTIG_ALLOC_STRUCT_PAGE: only memory that can be mapped as
 *                            CONTIG_MAPPING_STRUCT_PAGE; rungs that cannot
 *                            give it are passed over
 */
enum contig_alloc_flags {
	CONTIG_ALLOC_STRUCT_PAGE = 1 << 0
};

/**
 * struct contig_alloc - ioctl(CONTIG_ALLOC)
 * @size: sizeof(struct contig_alloc)
 * @flags: of &enum contig_alloc_flags
 * @length: bytes wanted, rounded up to pages
 * @constraints: what the memory must be like
 * @rungs: mask of the rungs that may be tried, bit n for rung n; 0 for all
 * @timeout_ms: how long the whole allocation may take, 0 for the module's
 *              default; ten minutes at most
 * @name: what debugfs and fdinfo call the buffer: printable, ended by a NUL,
 *        empty for the name of the calling thread
 * @out_fd: a dma-buf with close-on-exec set, -1 on failure
 * @out_rung: the rung that answered
 * @out_mapping: one of &enum contig_mapping
 * @out_report_count: how many of @out_reports were filled
 * @out_length: the buffer's length
 * @out_extents: the number of extents it consists of
 * @out_reports: what became of each rung tried, in the order they were tried;
 *               the last is the one that answered, if any did
 *
 * Get memory for a device: walk down the rungs until one can give memory that
 * meets all constraints. The memory is zero. It goes back when the last
 * descriptor of the buffer, the last mapping, lock and importing driver are
 * gone, whichever processes have them.
 *
 * The result is also written when the call fails with ENOMEM, ETIME, ERANGE or
 * EINTR, so that the reports can say why.
 */
struct contig_alloc {
	__u32 size;
	__u32 flags;
	__aligned_u64 length;
	struct contig_constraints constraints;
	__u32 rungs;
	__u32 timeout_ms;
	char name[CONTIG_NAME_SIZE];
	__s32 out_fd;
	__u32 out_rung;
	__u32 out_mapping;
	__u32 out_report_count;
	__aligned_u64 out_length;
	__aligned_u64 out_extents;
	struct contig_report out_reports[CONTIG_REPORTS];
};

#define CONTIG_ALLOC _IO(CONTIG_IOCTL_TYPE, CONTIG_CMD_ALLOC)

/**
 * enum contig_remedy - what would help most
 * @CONTIG_REMEDY_NONE: nothing needs help, the allocation would succeed
 * @CONTIG_REMEDY_RESERVE: load the module with a reserve, early
 * @CONTIG_REMEDY_FREE: free memory or let the page cache shrink
 * @CONTIG_REMEDY_UNPIN: let the owners of pinned pages release them
 * @CONTIG_REMEDY_SEGMENTS: accept more extents
 * @CONTIG_REMEDY_CONSTRAINTS: widen the constraints
 * @CONTIG_REMEDY_QUOTA: raise the user's quota
 */
enum contig_remedy {
	CONTIG_REMEDY_NONE = 0,
	CONTIG_REMEDY_RESERVE = 1,
	CONTIG_REMEDY_FREE = 2,
	CONTIG_REMEDY_UNPIN = 3,
	CONTIG_REMEDY_SEGMENTS = 4,
	CONTIG_REMEDY_CONSTRAINTS = 5,
	CONTIG_REMEDY_QUOTA = 6
};

/**
 * struct contig_probe - ioctl(CONTIG_PROBE)
 * @size: sizeof(struct contig_probe)
 * @flags: of &enum contig_alloc_flags
 * @length: as for CONTIG_ALLOC
 * @constraints: as for CONTIG_ALLOC
 * @rungs: as for CONTIG_ALLOC
 * @out_rung: the rung that would answer now, CONTIG_RUNG_NONE if none
 * @out_remedy: one of &enum contig_remedy
 * @out_report_count: how many of @out_reports were filled
 * @out_largest: largest single extent obtainable now under the constraints
 * @out_moves: pages that would have to be moved for the cheapest window, if the
 *             range rung would answer; 0 for a caller without the right to see
 *             physical addresses
 * @out_free_pages: pages that are free, among those the constraints allow
 * @out_movable_pages: pages in use that can be moved
 * @out_kernel_pages: pages in use by the kernel, which cannot
 * @out_pinned_pages: pages of users that cannot move now because they are
 *                    pinned
 * @out_reports: one for each rung allowed, with its largest length
 *
 * Tell what CONTIG_ALLOC would answer, without allocating or moving anything.
 * It is a view of the moment: what it promises can be gone at once, and memory
 * that looks movable can refuse to move.
 *
 * For a caller without the right to see physical addresses the numbers of pages
 * are rounded down to a MiB, and are 0 if the constraints or the device rule
 * out some of the memory by its address or its node; such a request is judged
 * by figures of three significant bits, so the answer may be that no rung can
 * give the last eighth of what there is. If the length is more than what is
 * left of the quota, the call succeeds, every report has the error EDQUOT and
 * CONTIG_BLOCKED_EXHAUSTED, @out_remedy is CONTIG_REMEDY_QUOTA, and all lengths
 * and numbers of pages are 0.
 */
struct contig_probe {
	__u32 size;
	__u32 flags;
	__aligned_u64 length;
	struct contig_constraints constraints;
	__u32 rungs;
	__u32 out_rung;
	__u32 out_remedy;
	__u32 out_report_count;
	__aligned_u64 out_largest;
	__aligned_u64 out_moves;
	__aligned_u64 out_free_pages;
	__aligned_u64 out_movable_pages;
	__aligned_u64 out_kernel_pages;
	__aligned_u64 out_pinned_pages;
	struct contig_report out_reports[CONTIG_REPORTS];
};

#define CONTIG_PROBE _IO(CONTIG_IOCTL_TYPE, CONTIG_CMD_PROBE)

/**
 * struct contig_span - a range of addresses
 * @addr: first byte
 * @length: bytes
 */
struct contig_span {
	__aligned_u64 addr;
	__aligned_u64 length;
};

/**
 * struct contig_hold - ioctl(CONTIG_HOLD)
 * @size: sizeof(struct contig_hold)
 * @flags: must be 0
 * @addr: first byte of the range
 * @length: bytes; must not be 0
 * @out_unlocked: bytes of the touched pages that are resident now, but that
 *                nothing keeps resident: they are not mlock()ed
 *
 * Make every page of a range resident and count one more hold on it. A held
 * page may still be moved.
 *
 * What keeps pages resident without pinning them in place is mlock(2), which a
 * module cannot call. So this command counts and the caller locks: when
 * @out_unlocked is not 0, mlock2() the range with MLOCK_ONFAULT, or mlock() it,
 * and take back the hold should that fail. libcontig does so. Counts are kept
 * per page and client, and for the whole process, so two clients cannot undo
 * each other's holds.
 */
struct contig_hold {
	__u32 size;
	__u32 flags;
	__aligned_u64 addr;
	__aligned_u64 length;
	__aligned_u64 out_unlocked;
};

#define CONTIG_HOLD _IO(CONTIG_IOCTL_TYPE, CONTIG_CMD_HOLD)

/**
 * enum contig_unhold_flags - flags of CONTIG_UNHOLD
 * @CONTIG_UNHOLD_ON_FAULT: leave out of @spans what is not locked on fault. A
 *                          caller that makes its holds good with mlock2() and
 *                          MLOCK_ONFAULT, instead of mlock(), sets it: what the
 *                          program mlock()ed itself after the hold stays so
 */
enum contig_unhold_flags {
	CONTIG_UNHOLD_ON_FAULT = 1 << 0
};

/**
 * struct contig_unhold - ioctl(CONTIG_UNHOLD)
 * @size: sizeof(struct contig_unhold)
 * @flags: of &enum contig_unhold_flags
 * @addr: first byte of the range
 * @length: bytes; must not be 0
 * @spans: user pointer to an array of &struct contig_span
 * @count: in/out: entries in @spans; on return how many are filled. 0 if the
 *         list is not wanted
 * @reserved: must be 0
 *
 * Count one hold less on every page of a range, all of which this client must
 * hold (else ENODATA). @spans receives the pages that no client of the process
 * holds any longer and that were not mlock()ed before contig held them: the
 * caller should munlock() these, as far as they are still mapped. If there are
 * more than @count, the call fails with EMSGSIZE, @count says how many, and
 * nothing was changed.
 */
struct contig_unhold {
	__u32 size;
	__u32 flags;
	__aligned_u64 addr;
	__aligned_u64 length;
	__aligned_u64 spans;
	__u32 count;
	__u32 reserved;
};

#define CONTIG_UNHOLD _IO(CONTIG_IOCTL_TYPE, CONTIG_CMD_UNHOLD)

/**
 * enum contig_range_flags - flags of the commands that take a range
 * @CONTIG_RANGE_BUFFER: the range lies in the buffer @fd, and @addr is an
 *                       offset; without it @fd must be 0 and @addr is an
 *                       address in the caller's memory. Locks by an offset and
 *                       locks by an address in a mapping of the same buffer are
 *                       counted apart
 * @CONTIG_LOCK_OUTPUT: CONTIG_LOCK only: the device will only read, so the
 *                      pages need not be writable and are not marked dirty
 * @CONTIG_LOCK_CONTIGUOUS: CONTIG_LOCK only: fail with EILSEQ unless the whole
 *                          range is one extent. For more than a page that is not
 *                          of one buffer it takes the right to see physical
 *                          addresses (EPERM)
 * @CONTIG_LOCK_DEVICE_CONTIGUOUS: CONTIG_LOCK only: fail with EILSEQ unless the
 *                                 whole range is one run of DMA addresses for
 *                                 the client's device, wherever the memory lies;
 *                                 EUNATCH if the client has no device
 * @CONTIG_GET_DMA: CONTIG_GET_PHYSICAL and CONTIG_PREPARE only: translate into
 *                  what the client's device puts on its bus; EUNATCH if the client
 *                  has no device
 */
enum contig_range_flags {
	CONTIG_RANGE_BUFFER = 1 << 0,
	CONTIG_LOCK_OUTPUT = 1 << 1,
	CONTIG_LOCK_CONTIGUOUS = 1 << 2,
	CONTIG_LOCK_DEVICE_CONTIGUOUS = 1 << 3,
	CONTIG_GET_DMA = 1 << 4
};

/**
 * struct contig_lock - ioctl(CONTIG_LOCK)
 * @size: sizeof(struct contig_lock)
 * @flags: of &enum contig_range_flags
 * @addr: first byte of the range, or offset into the buffer
 * @length: bytes; must not be 0
 * @fd: a buffer, with CONTIG_RANGE_BUFFER
 * @reserved: must be 0
 *
 * Make every page of a range resident and immovable, and count one more lock on
 * it. Pages may be moved before the call returns, not after. Works on anonymous
 * memory, on files where the kernel allows it, on huge pages and on mappings of
 * contig's buffers; memory of the caller counts against RLIMIT_MEMLOCK once
 * for each client, however often the client locks it, and likewise against the
 * module parameter pin_total_mib. Neither limits a caller with CAP_IPC_LOCK.
 *
 * Locks end by CONTIG_UNLOCK or with the client's last file descriptor. Memory
 * that is unmapped while locked is not used for anything else until then, but
 * its addresses no longer translate: ESTALE.
 *
 * If the client has a device, the memory is mapped for it as well, for reading
 * and writing, or for reading only with CONTIG_LOCK_OUTPUT. What a device
 * cannot reach is refused (EADDRNOTAVAIL) instead of being copied to where it
 * can. Pages that were mapped by one command stay in place until all of them
 * are unlocked. What is locked for output cannot be locked for writing as well
 * (EACCES), since the device might have to see it at another address. Where the
 * device does not look into the CPU's caches, locking writes them back; from
 * then on CONTIG_SYNC says whether the CPU or the device has the memory next,
 * and unlocking does nothing to caches.
 */
struct contig_lock {
	__u32 size;
	__u32 flags;
	__aligned_u64 addr;
	__aligned_u64 length;
	__s32 fd;
	__u32 reserved;
};

#define CONTIG_LOCK _IO(CONTIG_IOCTL_TYPE, CONTIG_CMD_LOCK)

/**
 * struct contig_unlock - ioctl(CONTIG_UNLOCK)
 * @size: sizeof(struct contig_unlock)
 * @flags: 0 or CONTIG_RANGE_BUFFER
 * @addr: first byte of the range, or offset into the buffer
 * @length: bytes; must not be 0
 * @fd: a buffer, with CONTIG_RANGE_BUFFER
 * @reserved: must be 0
 *
 * Count one lock less on every page of a range, all of which this client must
 * have locked (else ENOLCK). Pages whose count comes to 0 may move again.
 */
struct contig_unlock {
	__u32 size;
	__u32 flags;
	__aligned_u64 addr;
	__aligned_u64 length;
	__s32 fd;
	__u32 reserved;
};

#define CONTIG_UNLOCK _IO(CONTIG_IOCTL_TYPE, CONTIG_CMD_UNLOCK)

/**
 * struct contig_extent - a run of adjacent physical memory
 * @addr: physical address of its first byte
 * @length: bytes
 */
struct contig_extent {
	__aligned_u64 addr;
	__aligned_u64 length;
};

/**
 * struct contig_get_physical - ioctl(CONTIG_GET_PHYSICAL)
 * @size: sizeof(struct contig_get_physical)
 * @flags: 0 or CONTIG_RANGE_BUFFER
 * @addr: in/out: first byte of the range, or offset into the buffer; on return
 *        the first byte not yet translated
 * @length: in/out: bytes; on return those not yet translated
 * @extents: user pointer to an array of &struct contig_extent
 * @count: in/out: entries in @extents; on return how many are filled
 * @fd: a buffer, with CONTIG_RANGE_BUFFER
 *
 * Translate a locked range into physical addresses. The first extent starts at
 * the very byte asked for; the lengths add up to the bytes translated; adjacent
 * memory is always merged. If @extents is too short, call again with the
 * structure as it was returned, until @length is 0.
 *
 * With @count 0 nothing is written except @count, which becomes the number of
 * extents that the whole range needs; this needs no right for a single page or a
 * range of one buffer. Everything else needs CAP_SYS_RAWIO or the module parameter
 * allow_physical (else EPERM).
 *
 * What the CPU calls a physical address is not what a device behind an IOMMU
 * puts on its bus. With CONTIG_GET_DMA the addresses are the client's device's,
 * and adjacent ones are merged, whether the memory is adjacent or not, and beyond
 * out_max_segment and out_boundary of the device. That needs no right but the one to
 * attach the device, and fails with ENODEV once the device is gone. Where no IOMMU
 * translates they are physical addresses: the right to attach such a device is a
 * right to see those of the memory that is locked for it.
 */
struct contig_get_physical {
	__u32 size;
	__u32 flags;
	__aligned_u64 addr;
	__aligned_u64 length;
	__aligned_u64 extents;
	__u32 count;
	__s32 fd;
};

#define CONTIG_GET_PHYSICAL _IO(CONTIG_IOCTL_TYPE, CONTIG_CMD_GET_PHYSICAL)

/**
 * enum contig_page_state - bits of &contig_run.state
 * @CONTIG_PAGE_LOCKED: locked by this client
 * @CONTIG_PAGE_HELD: held or locked by this client
 * @CONTIG_PAGE_STALE: locked, but the memory was unmapped or replaced since
 * @CONTIG_PAGE_BUFFER: locked memory that belongs to a buffer of contig
 * @CONTIG_PAGE_FAILED: locked memory of a buffer, which the hardware has reported
 *                      as faulty
 */
enum contig_page_state {
	CONTIG_PAGE_LOCKED = 1 << 0,
	CONTIG_PAGE_HELD = 1 << 1,
	CONTIG_PAGE_STALE = 1 << 2,
	CONTIG_PAGE_BUFFER = 1 << 3,
	CONTIG_PAGE_FAILED = 1 << 4
};

/**
 * struct contig_run - a run of pages in the same state
 * @addr: first byte
 * @length: bytes
 * @locks: how often this client has locked each of them
 * @holds: how often this client has held each of them
 * @state: bits of &enum contig_page_state
 * @reserved: is 0
 */
struct contig_run {
	__aligned_u64 addr;
	__aligned_u64 length;
	__u32 locks;
	__u32 holds;
	__u32 state;
	__u32 reserved;
};

/**
 * struct contig_get_state - ioctl(CONTIG_GET_STATE)
 * @size: sizeof(struct contig_get_state)
 * @flags: 0 or CONTIG_RANGE_BUFFER
 * @addr: in/out: first byte of the range, or offset into the buffer; on return
 *        the first byte not yet reported
 * @length: in/out: bytes; on return those not yet reported
 * @runs: user pointer to an array of &struct contig_run
 * @count: in/out: entries in @runs, not 0; on return how many are filled
 * @fd: a buffer, with CONTIG_RANGE_BUFFER
 *
 * Tell how often this client has held and locked the pages of a range, mapped
 * or not. The cost depends on the number of runs, not on the length. Runs
 * cover the whole pages that the range touches, so the first may start before
 * @addr and the last end after the range.
 */
struct contig_get_state {
	__u32 size;
	__u32 flags;
	__aligned_u64 addr;
	__aligned_u64 length;
	__aligned_u64 runs;
	__u32 count;
	__s32 fd;
};

#define CONTIG_GET_STATE _IO(CONTIG_IOCTL_TYPE, CONTIG_CMD_GET_STATE)

/* Longest name of a device, its NUL included. */
#define CONTIG_DEVICE_NAME_SIZE 64

/**
 * enum contig_device_flags - flags of CONTIG_DEVICE
 * @CONTIG_DEVICE_QUERY: attach nothing, only describe the device that is
 *                       attached; everything else in the structure is ignored
 * @CONTIG_DEVICE_DETACH: detach the device; everything else is ignored
 */
enum contig_device_flags {
	CONTIG_DEVICE_QUERY = 1 << 0,
	CONTIG_DEVICE_DETACH = 1 << 1
};

/**
 * enum contig_device_feature - bits of &contig_device.out_features
 * @CONTIG_DEVICE_IOMMU: an IOMMU translates what the device puts on its bus
 * @CONTIG_DEVICE_COHERENT: the device sees what is in the CPU's caches
 * @CONTIG_DEVICE_POOL: the Device Tree gives the device a pool; for this client the
 *                      coherent rung takes memory from there and from nowhere else
 * @CONTIG_DEVICE_CONFINED: at this moment the device reaches no memory but what is
 *                          mapped for devices of the caller, see &struct
 *                          contig_device
 */
enum contig_device_feature {
	CONTIG_DEVICE_IOMMU = 1 << 0,
	CONTIG_DEVICE_COHERENT = 1 << 1,
	CONTIG_DEVICE_POOL = 1 << 2,
	CONTIG_DEVICE_CONFINED = 1 << 3
};

/**
 * struct contig_device - ioctl(CONTIG_DEVICE)
 * @size: sizeof(struct contig_device)
 * @flags: of &enum contig_device_flags
 * @name: "pci/DDDD:BB:DD.F" or "platform/NAME", ended by a NUL
 * @address_bits: how many bits of a DMA address the device has; 12 to 64, 0 for
 *                what the kernel believes
 * @max_segment: the longest run of memory that the device takes as one, in
 *               bytes; at least a page, 0 for what the kernel believes
 * @boundary: a run of memory must not cross a multiple of this, in bytes; a
 *            power of two of at least a page, 0 for what the kernel believes
 * @reserved: must be 0
 * @out_name: the name of the device
 * @out_address_bits: the number that counts now
 * @out_node: NUMA node that the device is next to; -1 if it is not known
 * @out_max_segment: the length that counts now
 * @out_boundary: the boundary that counts now, 0 for none
 * @out_highest: the highest physical address that the device can reach
 * @out_features: bits of &enum contig_device_feature
 *
 * Attach the device that this client's memory is for. From then on CONTIG_ALLOC
 * and CONTIG_PROBE stay within the limits of the device besides the constraints
 * (as to addresses, unless an IOMMU translates them), CONTIG_LOCK maps memory for
 * the device, and CONTIG_GET_PHYSICAL with CONTIG_GET_DMA gives its addresses. If
 * the device has a pool in the Device Tree (its first memory-region is a
 * shared-dma-pool), and its driver leaves the device to user space or has the kernel
 * allocate from there itself, the coherent rung has that pool and nothing else.
 * Buffers from there are memory like all others: the device can be detached or
 * unplugged while they live.
 *
 * The device must have a driver, one that leaves DMA to others, like
 * uio_pci_generic: the kernel sets up its IOMMU when a driver is bound. What the
 * kernel believes of such a device is little, for PCI 32 bits and 64 KiB, since
 * a driver would say more: so say what the device can. The limits are given to
 * the kernel as long as any client has the device attached; all clients of a
 * device have to agree on them (else EBUSY). A driver that the module parameter
 * "stub_drivers" does not name knows its device itself: no limits can be given then
 * (EBUSY).
 *
 * When the device is unplugged, or its driver changes, it is detached from all
 * memory at once. Locks stay, and unlocking works, but everything that needs the
 * device is ENODEV, until CONTIG_DEVICE detaches it or attaches one.
 *
 * Unlocking takes the memory from a device behind an IOMMU. One without goes on
 * writing where it was told to: stop it first. If a process may die, open the file
 * that stops it (of a UIO device, say) before /dev/contig, since files are closed in
 * the order of their numbers.
 *
 * Needs CAP_SYS_RAWIO, or an entry of the module parameter "devices": "NAME@UID"
 * gives the device to one user (by the effective user id of the caller), "NAME" to
 * all users who may open /dev/contig. Other callers get EPERM, whether the device
 * exists or not. Not while this client has anything locked (EBUSY).
 *
 * A device can be told to read and write all memory that it reaches. So without
 * CAP_SYS_RAWIO it has to be confined (else EACCES):
 *
 *  - an IOMMU translates for it, and maps what drivers ask for and nothing else: no
 *    domain of type identity, no memory that firmware wants to be mapped;
 *  - the interrupts that it can cause are its own (isolated MSIs, on x86 interrupt
 *    remapping);
 *  - each device of its IOMMU group, itself included, is given to the same user by
 *    "devices", and has no driver or one of "stub_drivers". Bridges do not count.
 *
 * Then it reaches memory that clients lock and prepare for devices of this
 * group, and nothing else. CONTIG_DEVICE_CONFINED says that it is so now; a
 * caller with CAP_SYS_RAWIO needs no entry for the device itself. If another
 * device of the group gets a driver, and is not given to the same user or the
 * driver is not one of "stub_drivers", the kernel maps memory for it in the
 * same domain. contig then unmaps everything from the user's device, as if that
 * had been unplugged. This cannot stop the device itself: a user that still has
 * its registers can make it reach what is mapped for the other one. With the
 * module parameter "allow_unconfined" devices that are not confined can be
 * attached as well, and their users must be trusted with all memory.
 *
 * Users to whom the list gives the same device, or devices of one group, must
 * trust each other: each reaches memory that the others have mapped, and the
 * first client that attaches a device sets its limits for all. If the list has
 * changed, a device cannot be attached (EBUSY, for CAP_SYS_RAWIO as well) while
 * a user to whom the list does not give it has it, or another device of its
 * group, attached. Nor can a caller without CAP_SYS_RAWIO attach it while a
 * client with CAP_SYS_RAWIO has it, or another device of its group, attached
 * (EBUSY). Unbinding the driver takes the device away.
 */
struct contig_device {
	__u32 size;
	__u32 flags;
	char name[CONTIG_DEVICE_NAME_SIZE];
	__u32 address_bits;
	__u32 reserved;
	__aligned_u64 max_segment;
	__aligned_u64 boundary;
	char out_name[CONTIG_DEVICE_NAME_SIZE];
	__u32 out_address_bits;
	__s32 out_node;
	__aligned_u64 out_max_segment;
	__aligned_u64 out_boundary;
	__aligned_u64 out_highest;
	__aligned_u64 out_features;
};

#define CONTIG_DEVICE _IO(CONTIG_IOCTL_TYPE, CONTIG_CMD_DEVICE)

/**
 * enum contig_io_flags - what is going to happen to memory
 * @CONTIG_IO_INPUT: the device writes to it
 * @CONTIG_IO_OUTPUT: the device reads it
 * @CONTIG_IO_BOUNCE: CONTIG_PREPARE only: let the kernel use a copy of memory that
 *                    the device cannot reach, instead of EADDRNOTAVAIL. It stays
 *                    that for devices of less than 32 address bits, and where the
 *                    kernel has set no memory aside for copies (swiotlb)
 * @CONTIG_IO_MORE: CONTIG_CHECKPOINT only: there will be another transfer
 * @CONTIG_IO_FOR_CPU: CONTIG_SYNC only: the CPU has it next
 * @CONTIG_IO_FOR_DEVICE: CONTIG_SYNC only: the device has it next
 *
 * They share a word with &enum contig_range_flags.
 */
enum contig_io_flags {
	CONTIG_IO_INPUT = 1 << 8,
	CONTIG_IO_OUTPUT = 1 << 9,
	CONTIG_IO_BOUNCE = 1 << 10,
	CONTIG_IO_MORE = 1 << 11,
	CONTIG_IO_FOR_CPU = 1 << 12,
	CONTIG_IO_FOR_DEVICE = 1 << 13
};

/* The most ranges that one preparation may have. */
#define CONTIG_PREPARE_RANGES 1024

/**
 * struct contig_prepare - ioctl(CONTIG_PREPARE)
 * @size: sizeof(struct contig_prepare)
 * @flags: CONTIG_IO_INPUT, CONTIG_IO_OUTPUT, both or neither; CONTIG_IO_BOUNCE;
 *         CONTIG_RANGE_BUFFER; CONTIG_GET_DMA
 * @ranges: user pointer to an array of &struct contig_span: memory in the order in
 *          which it is transferred, as if it were in one piece; ranges may overlap
 * @range_count: entries in @ranges, 1 to CONTIG_PREPARE_RANGES
 * @fd: a buffer that all ranges lie in, with CONTIG_RANGE_BUFFER
 * @first: where in all of that to begin, in bytes
 * @granularity: 0, or what is prepared shall be a multiple of this, in bytes,
 *               rounded up to pages, unless it reaches the end
 * @addrs: user pointer to an array of __u64, an entry for each page in turn:
 *         its physical address or, with CONTIG_GET_DMA, its DMA address; a
 *         range begins at its very first byte, and each range begins a new
 *         entry. 0 if the addresses are not wanted
 * @count: in/out: entries in @addrs, and so the most pages to prepare; 0 for no
 *         limit, if @addrs is 0 as well. On return how many pages were prepared
 * @out_id: what CONTIG_CHECKPOINT wants to know; never 0
 * @out_length: how many bytes were prepared, from @first on
 * @out_done: 1 if that is all up to the end, 0 if it is a part
 * @out_bounced: pages of which the device uses a copy
 *
 * Prepare memory for one or more transfers by a device: lock it, tell where it is,
 * and do what caches need so that the device sees what the CPU wrote
 * (CONTIG_IO_OUTPUT) and the CPU will see what the device writes (CONTIG_IO_INPUT).
 * With neither, caches are left to CONTIG_CHECKPOINT.
 *
 * If @count does not suffice, a part is prepared, which is no failure: transfer it,
 * end it by CONTIG_CHECKPOINT, and prepare the next with @first raised by
 * @out_length. If not even @granularity can be prepared, the call fails with
 * EMSGSIZE. Copies are scarce, and shared by all (EDQUOT).
 *
 * Locks are counted as those of CONTIG_LOCK are, and last until CONTIG_CHECKPOINT.
 * CONTIG_GET_DMA and CONTIG_IO_BOUNCE need a device (EUNATCH); physical addresses
 * need the right to see them (EPERM).
 */
struct contig_prepare {
	__u32 size;
	__u32 flags;
	__aligned_u64 ranges;
	__u32 range_count;
	__s32 fd;
	__aligned_u64 first;
	__aligned_u64 granularity;
	__aligned_u64 addrs;
	__u32 count;
	__u32 out_id;
	__aligned_u64 out_length;
	__u32 out_done;
	__u32 out_bounced;
};

#define CONTIG_PREPARE _IO(CONTIG_IOCTL_TYPE, CONTIG_CMD_PREPARE)

/**
 * struct contig_checkpoint - ioctl(CONTIG_CHECKPOINT)
 * @size: sizeof(struct contig_checkpoint)
 * @flags: 0 to end a preparation; or CONTIG_IO_MORE, with CONTIG_IO_INPUT,
 *         CONTIG_IO_OUTPUT, both or neither for the next transfer
 * @id: from CONTIG_PREPARE
 * @reserved: must be 0
 *
 * A transfer is over, or was given up: the CPU may look at the memory. With
 * CONTIG_IO_MORE the preparation goes on, and caches are got ready for the next
 * transfer; memory that was prepared for output only cannot be written to next
 * (EACCES). Without it the memory is unlocked, as often as it was locked, and
 * the id is over, also after ENODEV, ENOLCK, EHWPOISON and ESTALE.
 *
 * After ENODEV and ENOLCK the device or a lock is gone, and after EHWPOISON a
 * page of a buffer has failed: some of what the device wrote may be lost.
 * Memory that was locked by other calls than the failed page is synced all the
 * same. After ESTALE all of it is in the pages that were locked, and the
 * process has other pages there now.
 */
struct contig_checkpoint {
	__u32 size;
	__u32 flags;
	__u32 id;
	__u32 reserved;
};

#define CONTIG_CHECKPOINT _IO(CONTIG_IOCTL_TYPE, CONTIG_CMD_CHECKPOINT)

/**
 * struct contig_sync - ioctl(CONTIG_SYNC)
 * @size: sizeof(struct contig_sync)
 * @flags: CONTIG_IO_FOR_CPU or CONTIG_IO_FOR_DEVICE; with CONTIG_IO_INPUT,
 *         CONTIG_IO_OUTPUT or both, which way the device moves data;
 *         CONTIG_RANGE_BUFFER
 * @addr: first byte of the range, or offset into the buffer
 * @length: bytes; must not be 0
 * @fd: a buffer, with CONTIG_RANGE_BUFFER
 * @reserved: must be 0
 *
 * Hand locked memory from the CPU to the client's device or back: write what is
 * in caches to memory, or throw it out of caches, for the pages of this range
 * alone. Costs nothing where the device looks into the caches. Needs a device
 * (EUNATCH). It is about the pages that are locked, also if the process has
 * replaced some of them meanwhile: then the range is synced, and the answer is
 * ESTALE. If a page of a buffer has failed, memory that was locked by other
 * calls than this page is synced all the same, and the answer is EHWPOISON.
 */
struct contig_sync {
	__u32 size;
	__u32 flags;
	__aligned_u64 addr;
	__aligned_u64 length;
	__s32 fd;
	__u32 reserved;
};

#define CONTIG_SYNC _IO(CONTIG_IOCTL_TYPE, CONTIG_CMD_SYNC)

#endif /* _UAPI_LINUX_CONTIG_H */
