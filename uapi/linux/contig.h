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
 * All commands go to a file opened from /dev/contig, a *client*. Each command
 * takes a pointer to one structure. The first member, @size, is the size that
 * the caller was compiled with; the second is a word of flags.
 *
 *  - A structure may be longer than the kernel knows if the excess is zero, and
 *    shorter as long as it has the members of the first version.
 *  - The kernel writes members whose name starts with out_ and ignores them on
 *    input. All other members are input, unless their text says in/out.
 *  - A command either does all that its text describes or changes nothing,
 *    except where its text says otherwise (CONTIG_CHECKPOINT, CONTIG_SYNC).
 *  - Ranges are given in bytes, need no alignment, and take effect on every
 *    page that they touch.
 *  - An *extent* is a maximal run of adjacent physical memory. A *segment* is
 *    memory that a device takes as one descriptor: an extent or a piece of one.
 *
 * An errno has the same meaning for every command:
 *
 *  - ENOTTY: the kernel does not know this command.
 *  - E2BIG: the structure has non-zero bytes beyond the part that the kernel
 *    knows.
 *  - EOPNOTSUPP: a flag is unknown, a reserved member is not zero, or an
 *    enumeration has a value that the kernel does not know.
 *  - EINVAL: a value that the kernel knows is wrong: a structure too short, a
 *    length of 0, an alignment that is no power of two, a lowest address above
 *    the highest, flags that exclude each other.
 *  - EOVERFLOW: an address plus a length runs past the end of the address
 *    space or of the buffer, or a counter would overflow.
 *  - EFBIG: an allocation is longer than the memory of the machine, or, on a
 *    32-bit kernel, than 4 GiB less a page.
 *  - ERANGE: no memory of this machine, free or not, meets the constraints.
 *  - EFAULT: the structure, an array, or a page of a range is not mapped.
 *  - ENXIO: a page of a range is not memory but registers or another PFN
 *    mapping; or physical addresses are wanted of a foreign dma-buf that is not
 *    all system memory.
 *  - EACCES: a page of a range is not writable, or belongs to a file whose
 *    filesystem must be told of every write, and the lock is for a device that
 *    writes (that is, without CONTIG_LOCK_OUTPUT); or memory is locked or
 *    prepared for output only for the client's device, which would now write to
 *    it; or a dma-buf was opened for reading only; or, from
 *    CONTIG_DEVICE, the caller lacks CAP_SYS_RAWIO and the device is not
 *    confined.
 *  - EPERM: the caller lacks a right. The *right to see physical addresses* is
 *    CAP_SYS_RAWIO, or the module parameter allow_physical for all callers. It
 *    is needed for physical addresses; for requests that would reveal them:
 *    constraints that leave few places (see &struct contig_constraints), and
 *    whether pages of the caller's own memory are adjacent; and, together with
 *    CAP_SYS_ADMIN, for memory whose contents were kept. A device needs
 *    CAP_SYS_RAWIO or an entry for the caller in the module parameter devices.
 *  - EBADF: a file descriptor is not open.
 *  - EBADFD: a file descriptor is open, but is not a dma-buf, or whatever else is
 *    expected.
 *  - EXDEV: the client holds and locks ranges of another process's memory;
 *    open /dev/contig again in this process.
 *  - ENODATA: a page of the range is not held (classic notHeldErr), or the answer to a
 *    deferred request was collected before.
 *  - ENOLCK: a page of the range is not locked (classic notLockedErr).
 *  - ENOENT: the client has no preparation with this id, or it has ended.
 *  - EILSEQ: the pages are not in physical sequence (classic
 *    cannotMakeContiguousErr), or not in sequence for the device if that was
 *    requested.
 *  - EUNATCH: no device is attached to the client, or no driver is bound to the
 *    device; a foreign dma-buf can only be locked for a device.
 *  - ENODEV: there is no such device, or it was removed or changed its driver
 *    since it was attached; CONTIG_DEVICE attaches it again.
 *  - EMFILE: the process already has the maximum number of clients that hold or
 *    lock memory, or of open files.
 *  - EBUSY: the driver of a device does its DMA without the kernel's DMA API;
 *    other clients use the device with other limits; the device, or another
 *    device of its IOMMU group, is attached by a user and the module parameter
 *    devices no longer gives it to that user; one of these is attached by a
 *    client with CAP_SYS_RAWIO and the caller lacks that right; limits are
 *    given for a device whose driver sets them itself; or the client has memory
 *    locked, which would have to be mapped for another device.
 *  - EADDRNOTAVAIL: the client's device cannot reach a page of a range, or the
 *    exporter of a foreign dma-buf does not map the page for this device.
 *  - ESTALE: a locked page was unmapped or replaced since; unlock it first.
 *  - EHWPOISON: the hardware has reported a page of a range as faulty, and the
 *    range belongs to a buffer. The range can be unlocked, and other pages of
 *    it can be locked and translated.
 *  - EMSGSIZE: an array is too short: for the result of CONTIG_UNHOLD, whose
 *    count then says how many entries are needed, or for the smallest part that
 *    CONTIG_PREPARE may prepare.
 *  - EDQUOT: a limit is reached: RLIMIT_MEMLOCK; the user's quota of allocated
 *    memory; the memory that all users together, or all ordinary users (without
 *    CAP_SYS_RESOURCE), may have allocated; the memory that all users without
 *    CAP_IPC_LOCK together may have locked; or the memory for copies that
 *    devices use.
 *  - ENOMEM: there is not enough memory of the requested kind (classic
 *    notEnoughMemoryErr); the reports of CONTIG_ALLOC give the reasons.
 *  - EAGAIN: there is none that is free now, as CONTIG_ALLOC_NO_WAIT demands.
 *  - ETIME: the time budget ran out first.
 *  - ECANCELED: the deferred request was cancelled, or its client was closed.
 *  - ENOSPC: there are too many deferred requests.
 *  - EINTR: a fatal signal came first, or any signal while an exporter of a
 *    foreign dma-buf waited; nothing was changed.
 *
 * In a &struct contig_report, which describes one rung, these have another
 * meaning:
 *
 *  - ENODEV: the rung does not exist here: no reserve was configured, the
 *    kernel does not support it, memory for devices must be decrypted, or the
 *    pool of the client's device cannot be used.
 *  - EOPNOTSUPP: the rung was skipped because it cannot give the kind of memory
 *    that was demanded.
 *  - EBUSY: no window could be emptied; @blocked says why.
 */

#define CONTIG_IOCTL_TYPE 0xBC

/* Grows when a command or a member is added, never for a bug fix. */
#define CONTIG_ABI_VERSION 3

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
	CONTIG_CMD_SYNC = 0x0c,
	CONTIG_CMD_DEFER = 0x0d,
	CONTIG_CMD_COLLECT = 0x0e
};

/**
 * enum contig_rung - ways to get memory, in the order in which they are tried
 * @CONTIG_RUNG_NONE: no rung
 * @CONTIG_RUNG_RESERVE: from blocks set aside when the module was loaded; one
 *                       extent, already zero
 * @CONTIG_RUNG_COHERENT: one extent. Usually a block of the page allocator, up
 *                        to its largest order, mapped as
 *                        CONTIG_MAPPING_STRUCT_PAGE. If a pool, memory
 *                        encryption, a device that does not look into caches,
 *                        the length, or CONTIG_ALLOC_PAGE_FRAMES requires it,
 *                        memory from dma_alloc_attrs(), which lies in the pool,
 *                        in CMA or in the page allocator, mapped as
 *                        CONTIG_MAPPING_PFN
 * @CONTIG_RUNG_RANGE: a free block of the page allocator, or a window of memory
 *                     whose pages are moved elsewhere; one extent
 * @CONTIG_RUNG_SPLIT: as few extents as possible, each as large as possible
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
 * @CONTIG_RUNGS_CONTIGUOUS: the rungs that give a single extent
 * @CONTIG_RUNGS_ALL: all rungs
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
 * enum contig_mapping - how a buffer is mapped into user page tables
 * @CONTIG_MAPPING_NONE: no buffer
 * @CONTIG_MAPPING_STRUCT_PAGE: as ordinary pages: O_DIRECT, io_uring, zero-copy
 *                              sockets and debuggers work on the mapping
 * @CONTIG_MAPPING_PFN: as bare page frames: the CPU can read and write, but the
 *                      kernel cannot take references to the pages
 */
enum contig_mapping {
	CONTIG_MAPPING_NONE = 0,
	CONTIG_MAPPING_STRUCT_PAGE = 1,
	CONTIG_MAPPING_PFN = 2
};

/**
 * enum contig_feature - bits of &contig_info.out_features
 * @CONTIG_FEATURE_RANGE: the range rung works on this kernel
 * @CONTIG_FEATURE_CMA: the kernel has CMA, and memory in it
 * @CONTIG_FEATURE_OUTPUT_READ_ONLY: CONTIG_LOCK_OUTPUT pins without write
 *                                   access. Without this bit the kernel is too
 *                                   old to do that safely: such a lock takes
 *                                   write access, but leaves the pages clean
 * @CONTIG_FEATURE_MEMORY_ENCRYPTED: memory for devices must be decrypted, so
 *                                   only the coherent rung is available
 * @CONTIG_FEATURE_PHYSICAL_ALLOWED: this caller may see physical addresses
 * @CONTIG_FEATURE_POOL: the Device Tree describes a pool for contig, and the
 *                       coherent rung takes memory from this pool only
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
 * @out_ram_bytes: size of the memory that the kernel manages
 * @out_ram_top: highest physical address of that memory
 * @out_max_order_bytes: largest block that the page allocator itself can give
 * @out_reserve_bytes: size of the reserve
 * @out_reserve_free: free bytes of the reserve, clean or still being scrubbed
 * @out_reserve_largest: largest free block of the reserve; rounded down to a
 *                       power of two for a caller without the right to see
 *                       physical addresses
 * @out_quota_bytes: how much memory the account of this file may have
 *                   allocated. The account belongs to the user that opened the
 *                   file, with the rights that the user had at that time
 * @out_quota_used: how much is charged to this account
 *
 * Describe the machine and the module. The command changes nothing, needs no
 * right, and is the cheapest one: use it to check that the module is loaded.
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
 * enum contig_node_policy - the meaning of &contig_constraints.node
 * @CONTIG_NODE_ANY: any node will do; node must be 0. The node of the client's
 *                   device is tried first, else the node that the caller's
 *                   memory policy prefers, else the node that the caller runs
 *                   on
 * @CONTIG_NODE_PREFERRED: each rung tries this node first
 * @CONTIG_NODE_STRICT: only memory of this node is used
 *
 * The cpuset of the caller and its memory policy MPOL_BIND apply to all of
 * these. Memory of a node that they rule out is never used: with such a node
 * CONTIG_NODE_STRICT fails with ERANGE, and CONTIG_NODE_PREFERRED prefers no
 * node.
 */
enum contig_node_policy {
	CONTIG_NODE_ANY = 0,
	CONTIG_NODE_PREFERRED = 1,
	CONTIG_NODE_STRICT = 2
};

/**
 * struct contig_constraints - the memory that a device can address
 * @lowest: lowest physical address that the memory may have
 * @highest: highest physical address that its last byte may have, 0 for no
 *           limit; for a device with n address bits, (1 << n) - 1
 * @align: every segment must start at a multiple of this; a power of two, 0 for
 *         a page
 * @boundary: no segment may cross a multiple of this; a power of two of at
 *            least a page, 0 for none
 * @min_segment: no segment except the last may be shorter than this; 0 for no
 *               limit
 * @max_segment: no segment may be longer than this; at least a page, 0 for no
 *               limit
 * @max_segments: maximum number of segments, 0 for no limit
 * @node_policy: one of &enum contig_node_policy
 * @node: a NUMA node
 * @reserved: must be 0
 *
 * All members zero: any memory will do. CONTIG_GET_PHYSICAL gives extents; the
 * device cuts each extent into segments, at multiples of @boundary and after
 * @max_segment bytes. @align, @min_segment and @max_segments apply to these
 * segments.
 *
 * A caller without the right to see physical addresses may ask for no narrower
 * limits than a device needs, else EPERM: @lowest must be 0; @highest must be 0
 * or (1 << n) - 1 with n of at least 24; @align must not exceed the block's
 * length, rounded up to a power of two. If @highest, a strict @node or the
 * caller's memory policy MPOL_BIND rules out memory of the machine, the
 * remaining memory must be at least eight times the length, rounded up
 * likewise.
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
 * enum contig_blocked - why a rung gave no memory
 * @CONTIG_BLOCKED_NOT: the rung gave memory
 * @CONTIG_BLOCKED_ABSENT: the rung does not exist here
 * @CONTIG_BLOCKED_MAPPING: the rung cannot give the kind of memory that was
 *                          demanded: with struct pages, or as bare page frames
 * @CONTIG_BLOCKED_CONSTRAINTS: the rung's memory does not meet the constraints,
 *                              and will not when memory is given back
 * @CONTIG_BLOCKED_EXHAUSTED: the rung's memory is in use
 * @CONTIG_BLOCKED_TOO_LARGE: the rung can never give so large a block
 * @CONTIG_BLOCKED_UNMOVABLE: every window contains kernel memory. This is also
 *                            reported instead of CONTIG_BLOCKED_PINNED to a
 *                            caller without the right to see physical
 *                            addresses if the request rules out some memory by
 *                            its address or node
 * @CONTIG_BLOCKED_PINNED: every window without kernel memory contains pinned
 *                         pages
 * @CONTIG_BLOCKED_BUSY: memory that looked movable did not move, other requests
 *                       are emptying every window, or all workers have been
 *                       busy with their steps for more than five seconds
 * @CONTIG_BLOCKED_NO_ROOM: there is too little free memory to move the pages of
 *                          a window to
 * @CONTIG_BLOCKED_TIME: the time budget ran out
 * @CONTIG_BLOCKED_SIGNAL: a fatal signal came
 * @CONTIG_BLOCKED_SEGMENTS: more segments would be needed than allowed
 * @CONTIG_BLOCKED_CONTENTS: the rung has no memory whose contents were kept, or
 *                           none left that meets the constraints
 * @CONTIG_BLOCKED_WAIT: the rung could give the memory only by moving,
 *                       reclaiming or scrubbing some, by calling CMA or the DMA
 *                       API, or by waiting for another request;
 *                       CONTIG_ALLOC_NO_WAIT forbids that
 * @CONTIG_BLOCKED_LOCKED: the reserve has enough free memory, but not in one
 *                         piece, and every site has a buffer that cannot be
 *                         moved: locked, imported, or of huge pages
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
	CONTIG_BLOCKED_SEGMENTS = 12,
	CONTIG_BLOCKED_CONTENTS = 13,
	CONTIG_BLOCKED_WAIT = 14,
	CONTIG_BLOCKED_LOCKED = 15
};

/**
 * struct contig_report - the result of one rung
 * @rung: one of &enum contig_rung
 * @error: 0, or the positive errno with which the rung failed
 * @blocked: one of &enum contig_blocked
 * @windows: how many places the rung tried, 0 if the range rung took a free
 *           block; at most 1 for a caller without the right to see physical
 *           addresses
 * @time_ns: how long the rung took
 * @largest: the largest length that this rung could have given at that moment
 *           under the same constraints, estimated without moving any page; 0 if
 *           not computed. Computing it scans memory: CONTIG_PROBE always does,
 *           CONTIG_ALLOC only if it fails without CONTIG_ALLOC_NO_WAIT, for the
 *           rungs that it tried. For a caller without the right to see physical
 *           addresses it is the length requested if the rung could give that,
 *           else a power of two that is below the length and below the rest of
 *           the quota
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
 * @CONTIG_ALLOC_STRUCT_PAGE: allocate only memory that can be mapped as
 *                            CONTIG_MAPPING_STRUCT_PAGE; rungs that cannot
 *                            give it are skipped
 * @CONTIG_ALLOC_KEEP_CONTENTS: allocate only memory with the contents that it
 *                              had before the module was loaded, such as a
 *                              frame buffer or the log of a crash. Only the
 *                              reserve gives it, from a block that the
 *                              parameter early= marks so (SIZE@ADDRESS/keep);
 *                              &contig_constraints can say which part of the
 *                              block. Each page is given once: it is cleared
 *                              when the buffer is freed, and is ordinary
 *                              memory of the reserve from then on. If the
 *                              buffer was never mapped, locked or given to a
 *                              device, it is not cleared and can be allocated
 *                              with its contents again. Without this flag
 *                              such a block is skipped, and memory is zero
 *                              unless CONTIG_ALLOC_UNINITIALIZED is set.
 *                              Needs CAP_SYS_ADMIN and the right to see
 *                              physical addresses (EPERM). Excludes
 *                              CONTIG_ALLOC_PAGE_FRAMES
 * @CONTIG_ALLOC_PAGE_FRAMES: allocate only memory that is mapped as
 *                            CONTIG_MAPPING_PFN, so that the kernel cannot keep
 *                            a page of it once the buffer is freed. Only the
 *                            coherent rung gives it, and takes it from
 *                            dma_alloc_attrs() even where it would otherwise
 *                            take a block of the page allocator. Excludes
 *                            CONTIG_ALLOC_STRUCT_PAGE
 * @CONTIG_ALLOC_NO_WAIT: take only memory that is free now: clean memory of the
 *                        reserve, of a pool whose memory the kernel does not
 *                        map, and blocks of the page allocator. Nothing is
 *                        moved, reclaimed or scrubbed for the buffer, CMA is
 *                        left out, and no request of another client is waited
 *                        for, so the call takes little longer than clearing
 *                        the memory. EAGAIN if there is none; the reports then
 *                        have no largest length. CONTIG_PROBE refuses it
 *                        (EOPNOTSUPP)
 * @CONTIG_ALLOC_FEWEST_MOVES: range, split and scatter look at all memory for the
 *                             place with the fewest pages to move, on a
 *                             preferred node if it has one. By default they
 *                             stop when looking further would take longer than
 *                             moving the pages of the best place so far, and do
 *                             not look at low memory if there is a place above.
 *                             Excludes CONTIG_ALLOC_NO_WAIT (EINVAL)
 * @CONTIG_ALLOC_HUGE_PAGES: make the memory of huge pages as far as that is
 *                           possible: reserve prefers blocks that consist of them,
 *                           range and split empty memory in smaller steps, which
 *                           can take several times as long. One entry of the CPU's page
 *                           tables maps a huge page, and direct I/O handles it as
 *                           one piece; but a reference on any of its pages keeps
 *                           all of it. Implies CONTIG_ALLOC_STRUCT_PAGE; out_huge_size
 *                           says what came of it, 0 if the length is no multiple.
 *                           Excludes CONTIG_ALLOC_PAGE_FRAMES and
 *                           CONTIG_ALLOC_KEEP_CONTENTS (EINVAL)
 * @CONTIG_ALLOC_UNINITIALIZED: do not clear the memory for this buffer, to save the
 *                              time. It can then contain data of any process and
 *                              of the kernel, which whoever gets the buffer can
 *                              read. Needs CAP_SYS_ADMIN and CAP_SYS_RAWIO, and a
 *                              kernel that is not locked down for confidentiality
 *                              (EPERM). Memory that the kernel clears by itself is
 *                              zero nevertheless: all that the page allocator gives
 *                              if the kernel runs with init_on_alloc, and coherent
 *                              memory. The reserve is cleared when memory comes
 *                              back to it; with this flag, memory can be had that
 *                              waits for that, if the quota allows it beside that
 *                              memory. Excludes CONTIG_ALLOC_KEEP_CONTENTS (EINVAL)
 */
enum contig_alloc_flags {
	CONTIG_ALLOC_STRUCT_PAGE = 1 << 0,
	CONTIG_ALLOC_KEEP_CONTENTS = 1 << 1,
	CONTIG_ALLOC_PAGE_FRAMES = 1 << 2,
	CONTIG_ALLOC_NO_WAIT = 1 << 3,
	CONTIG_ALLOC_FEWEST_MOVES = 1 << 4,
	CONTIG_ALLOC_HUGE_PAGES = 1 << 5,
	CONTIG_ALLOC_UNINITIALIZED = 1 << 6
};

/**
 * enum contig_frames - why a buffer is mapped as bare page frames
 * @CONTIG_FRAMES_NOT: the buffer is not mapped so, or there is no buffer
 * @CONTIG_FRAMES_DEMANDED: CONTIG_ALLOC_PAGE_FRAMES was set
 * @CONTIG_FRAMES_POOL: the buffer lies in a pool, which users share with the
 *                      device only
 * @CONTIG_FRAMES_ENCRYPTED: the memory had to be decrypted for devices
 * @CONTIG_FRAMES_CACHES: the memory is not cacheable, because its device does
 *                        not look into the CPU's caches, or because no device
 *                        is attached and there can be such devices
 * @CONTIG_FRAMES_CMA: the buffer lies in CMA, where pages must not be pinned
 *                     for long; the page allocator could give no such block
 */
enum contig_frames {
	CONTIG_FRAMES_NOT = 0,
	CONTIG_FRAMES_DEMANDED = 1,
	CONTIG_FRAMES_POOL = 2,
	CONTIG_FRAMES_ENCRYPTED = 3,
	CONTIG_FRAMES_CACHES = 4,
	CONTIG_FRAMES_CMA = 5
};

/**
 * struct contig_alloc - ioctl(CONTIG_ALLOC)
 * @size: sizeof(struct contig_alloc)
 * @flags: of &enum contig_alloc_flags
 * @length: bytes wanted, rounded up to pages
 * @constraints: limits that the memory must meet
 * @rungs: mask of the rungs that may be tried, bit n for rung n; 0 for all
 * @timeout_ms: how long the whole allocation may take, 0 for the module's
 *              default; ten minutes at most. The last rung may use all of the
 *              time that is left, every other rung half of it
 * @name: name of the buffer in debugfs and fdinfo: printable, ended by a NUL,
 *        empty for the name of the calling thread; DMA_BUF_SET_NAME changes it
 * @out_fd: a dma-buf with close-on-exec set, -1 on failure
 * @out_rung: the rung that gave the memory
 * @out_mapping: one of &enum contig_mapping
 * @out_report_count: how many of @out_reports were filled
 * @out_length: the buffer's length
 * @out_extents: the number of extents that the buffer consists of
 * @out_reports: the result of each rung that was tried, in the order in which
 *               they were tried; on success the last one gave the memory
 * @out_frames: one of &enum contig_frames
 * @out_at_least: mask of the rungs, bit n for rung n, whose
 *                &contig_report.largest is a lower bound: the rung may be able
 *                to give more
 * @out_address_bits: all memory whose addresses have at most so many bits is low
 *                    enough for the constraints and the attached device; 64 if
 *                    they set no limit, 0 with ERANGE
 * @out_huge_size: size of a huge page in bytes if the buffer consists of huge
 *                 pages, else 0. Where its offsets and the addresses of a mapping
 *                 are alike modulo that size, the CPU maps whole huge pages, at
 *                 the first access
 * @out_in_way_id: with CONTIG_BLOCKED_LOCKED: number, in debugfs and fdinfo, of
 *                 the first buffer that keeps the reserve from making room where
 *                 fewest do. 0 in all other cases, and for a caller without the
 *                 right to see physical addresses
 * @out_in_way_pid: the process that allocated it, in the initial PID namespace;
 *                  0 for a caller without CAP_SYS_RAWIO
 * @out_in_way_uid: the user that it is charged to, in the initial user namespace;
 *                  likewise
 *
 * Allocate memory for a device: try the rungs in turn until one gives memory
 * that meets all constraints. The memory is zero, except with
 * CONTIG_ALLOC_KEEP_CONTENTS and CONTIG_ALLOC_UNINITIALIZED. It is freed when the
 * last descriptor, mapping, lock and importing driver of the buffer are gone, in
 * all processes.
 *
 * The result is also written if the call fails with ENOMEM, EAGAIN, ETIME or
 * EINTR, so that the reports give the reasons, and with ERANGE, without a report.
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
	__u32 out_frames;
	__u32 out_at_least;
	__u32 out_address_bits;
	__u32 out_huge_size;
	__aligned_u64 out_in_way_id;
	__u32 out_in_way_pid;
	__u32 out_in_way_uid;
};

#define CONTIG_ALLOC _IO(CONTIG_IOCTL_TYPE, CONTIG_CMD_ALLOC)

/**
 * enum contig_remedy - the most effective remedy
 * @CONTIG_REMEDY_NONE: no remedy is needed, the allocation would succeed
 * @CONTIG_REMEDY_RESERVE: load the module with a reserve, soon after boot
 * @CONTIG_REMEDY_FREE: free memory or let the page cache shrink
 * @CONTIG_REMEDY_UNPIN: let the owners of pinned pages release them
 * @CONTIG_REMEDY_SEGMENTS: accept more segments
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
 * @out_rung: the rung that would give the memory now, CONTIG_RUNG_NONE if none
 * @out_remedy: one of &enum contig_remedy
 * @out_report_count: how many of @out_reports were filled
 * @out_largest: largest single extent that can be allocated now under the
 *               constraints
 * @out_moves: pages that would have to be moved out of the cheapest window, which
 *             CONTIG_ALLOC need not find; 0 if no window was found, and for a
 *             caller without the right to see physical addresses
 * @out_free_pages: free pages, among those that the constraints allow
 * @out_movable_pages: pages in use that can be moved
 * @out_kernel_pages: pages in use by the kernel, which cannot be moved
 * @out_pinned_pages: pages of users that cannot be moved now because they are
 *                    pinned
 * @out_reports: one for each rung allowed, with its largest length
 * @out_at_least: as for CONTIG_ALLOC; bit 0 (CONTIG_RUNG_NONE) for @out_largest
 * @out_address_bits: as for CONTIG_ALLOC
 *
 * Report the result that CONTIG_ALLOC would have, without allocating or moving
 * memory. The report is true for a moment only: other callers can take the
 * memory, and memory that looks movable can turn out not to be.
 *
 * For a caller without the right to see physical addresses the numbers of pages
 * are rounded down to a MiB. They are 0 if the constraints or the device rule
 * out some memory by its address or its node; such a request is judged by
 * figures of three significant bits, so the report may say that no rung can
 * give the last eighth of the memory. If the length exceeds the rest of the
 * quota, the call succeeds, every report has the error EDQUOT and
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
	__u32 out_at_least;
	__u32 out_address_bits;
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
 * @out_unlocked: bytes of the touched pages that are resident now, but not
 *                mlock()ed, so that they need not stay resident
 *
 * Make every page of a range resident and count one more hold on it. A held
 * page may still be moved.
 *
 * mlock(2) keeps pages resident without pinning them in place, but a module
 * cannot call it. So this command counts the hold and the caller mlocks: if
 * @out_unlocked is not 0, mlock2() the range with MLOCK_ONFAULT, or mlock() it,
 * and take back the hold if that fails. libcontig does so. Counts are kept per
 * page and client, and for the whole process, so two clients cannot undo each
 * other's holds.
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
 * @CONTIG_UNHOLD_ON_FAULT: leave pages that are not locked on fault out of
 *                          @spans. For callers that mlock held pages with
 *                          mlock2() and MLOCK_ONFAULT: pages that the program
 *                          itself mlock()ed after the hold then stay so
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
 * caller should munlock() these, as far as they are still mapped. If @spans is
 * too short for them, the call fails with EMSGSIZE, @count is the number of
 * entries needed, and nothing is changed.
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
 *                       offset; without this flag @fd must be 0 and @addr is an
 *                       address in the caller's memory. Locks by an offset and
 *                       locks by an address in a mapping of the same buffer are
 *                       counted separately. @fd can be a dma-buf of another
 *                       exporter (a *foreign* dma-buf), see &struct contig_lock
 * @CONTIG_LOCK_OUTPUT: CONTIG_LOCK only: the device will only read, so the
 *                      pages need not be writable and are not marked dirty
 * @CONTIG_LOCK_CONTIGUOUS: CONTIG_LOCK only: fail with EILSEQ unless the whole
 *                          range is one extent. A buffer of contig of which the
 *                          range is a part, in one mapping, is moved to one
 *                          extent if that is possible: it must be charged to the
 *                          client's account, no part of it may be locked,
 *                          imported or pinned, it may not consist of huge
 *                          pages, and there must be memory, and quota, for both
 *                          places. Needs the right to see physical addresses
 *                          (EPERM), except for a single page and for a range of
 *                          one buffer
 * @CONTIG_LOCK_DEVICE_CONTIGUOUS: CONTIG_LOCK only: fail with EILSEQ unless the
 *                                 DMA addresses of the whole range are adjacent
 *                                 for the client's device, wherever the memory
 *                                 lies; EUNATCH if the client has no device
 * @CONTIG_GET_DMA: CONTIG_GET_PHYSICAL and CONTIG_PREPARE only: translate into
 *                  the DMA addresses of the client's device; EUNATCH if the
 *                  client has no device
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
 * it. Pages may be moved before the call returns, but not after. Works on
 * anonymous memory, on files where the kernel allows it, on huge pages and on
 * mappings of contig's buffers. Memory of the caller counts against
 * RLIMIT_MEMLOCK and against the module parameter pin_total_mib, once for each
 * client, however often the client locks it. Neither limits a caller with
 * CAP_IPC_LOCK.
 *
 * Locks end by CONTIG_UNLOCK, or when the client's last file descriptor is
 * closed. Memory that is unmapped while locked is not used for anything else
 * until then, but its addresses no longer translate: ESTALE.
 *
 * If the client has a device, the memory is also mapped for the device, for
 * reading and writing, or for reading only with CONTIG_LOCK_OUTPUT. Memory that
 * the device cannot reach is refused (EADDRNOTAVAIL), not copied. Pages that
 * were mapped by one command stay in place until all of them are unlocked.
 * Memory that is locked for output cannot be locked for writing as well
 * (EACCES), since that could change its DMA address. If the device does not
 * look into the CPU's caches, locking writes them back. From then on
 * CONTIG_SYNC says whether the CPU or the device uses the memory next;
 * unlocking leaves the caches alone.
 *
 * A client that has a device (else EUNATCH) can lock a foreign dma-buf, for
 * instance of a dma-heap, a DRM or a V4L2 driver, with CONTIG_RANGE_BUFFER. The
 * first lock of any page makes the exporter map all of the dma-buf for the
 * device, in the direction of that lock. While it is mapped for output, it
 * cannot be locked for writing (EACCES); nor can any dma-buf ever be whose
 * descriptor was opened for reading only. It stays mapped, and the exporter keeps it in
 * place, until this client has unlocked all of it or the device is removed. All
 * of it counts against RLIMIT_MEMLOCK and pin_total_mib, once for each client.
 * If the exporter has to wait, CONTIG_LOCK waits. Bracket accesses by the CPU
 * by DMA_BUF_IOCTL_SYNC as for any importer; for locked memory CONTIG_SYNC and
 * the commands for transfers do the same, for all of the dma-buf.
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
 * have locked (else ENOLCK). Pages whose count becomes 0 may move again.
 * Unlocking a part of a locked range needs a little memory, which is taken even
 * if the memory cgroup is full. If the machine has none for about a second, the
 * call fails with ENOMEM, and nothing is changed.
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
 * struct contig_extent - adjacent memory, as seen by the CPU or by a device
 * @addr: physical address of the first byte; with CONTIG_GET_DMA its DMA
 *        address
 * @length: bytes
 */
struct contig_extent {
	__aligned_u64 addr;
	__aligned_u64 length;
};

/**
 * struct contig_get_physical - ioctl(CONTIG_GET_PHYSICAL)
 * @size: sizeof(struct contig_get_physical)
 * @flags: CONTIG_RANGE_BUFFER; CONTIG_GET_DMA: translate into the addresses of
 *         the client's device (EUNATCH without one), not into physical addresses
 * @addr: in/out: first byte of the range, or offset into the buffer; on return
 *        the first byte not yet translated
 * @length: in/out: bytes; on return those not yet translated
 * @extents: user pointer to an array of &struct contig_extent
 * @count: in/out: entries in @extents; on return how many are filled
 * @fd: a buffer, with CONTIG_RANGE_BUFFER
 *
 * Translate a locked range into physical addresses. The first extent starts at
 * exactly the byte @addr; the lengths add up to the bytes translated; adjacent
 * memory is always merged. If @extents is too short, call again with the
 * structure as it was returned, until @length is 0.
 *
 * With @count 0 nothing is written except @count, which becomes the number of
 * extents of the whole range. This needs no right for a single page or a range
 * of one buffer. Everything else needs CAP_SYS_RAWIO or the module parameter
 * allow_physical (else EPERM).
 *
 * A device behind an IOMMU does not use the CPU's physical addresses. With
 * CONTIG_GET_DMA the addresses are the DMA addresses of the client's device.
 * Adjacent DMA addresses are merged, whether the memory is adjacent or not, and
 * even beyond out_max_segment and out_boundary of the device. CONTIG_GET_DMA
 * needs only the right to attach the device, and fails with ENODEV once the
 * device is gone. If no IOMMU translates, DMA addresses are physical addresses:
 * the right to attach such a device includes the right to see the physical
 * addresses of the memory that is locked for it.
 *
 * A foreign dma-buf has physical addresses if all of it is system memory (else
 * ENXIO), and only while it is mapped for the device (else ENODEV), since
 * nothing keeps it in place afterwards. Counting its extents needs the right to
 * see physical addresses, except for a single page.
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
 * @CONTIG_PAGE_FAILED: locked memory of a buffer that the hardware has reported
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
 * Report how often this client has held and locked the pages of a range, mapped
 * or not. The cost depends on the number of runs, not on the length. Runs cover
 * all pages that the range touches, so the first run may start before @addr and
 * the last may end after the range.
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
 * @CONTIG_DEVICE_QUERY: only describe the attached device; everything else in
 *                       the structure is ignored
 * @CONTIG_DEVICE_DETACH: detach the device; everything else is ignored
 */
enum contig_device_flags {
	CONTIG_DEVICE_QUERY = 1 << 0,
	CONTIG_DEVICE_DETACH = 1 << 1
};

/**
 * enum contig_device_feature - bits of &contig_device.out_features
 * @CONTIG_DEVICE_IOMMU: an IOMMU translates the addresses that the device uses
 * @CONTIG_DEVICE_COHERENT: the device looks into the CPU's caches
 * @CONTIG_DEVICE_POOL: the Device Tree gives the device a pool; for this client
 *                      the coherent rung takes memory from this pool only
 * @CONTIG_DEVICE_CONFINED: at this moment the device reaches only memory that
 *                          is mapped for devices of the caller, see &struct
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
 *                the kernel's value
 * @max_segment: longest segment that the device takes, in bytes; at least a
 *               page, 0 for the kernel's value
 * @boundary: no segment may cross a multiple of this, in bytes; a power of two
 *            of at least a page, 0 for the kernel's value
 * @reserved: must be 0
 * @out_name: the name of the device
 * @out_address_bits: the number in force
 * @out_node: NUMA node that the device is next to; -1 if it is not known
 * @out_max_segment: the length in force
 * @out_boundary: the boundary in force, 0 for none
 * @out_highest: the highest physical address that the device can reach
 * @out_features: bits of &enum contig_device_feature
 *
 * Attach the device that this client's memory is for. From then on CONTIG_ALLOC
 * and CONTIG_PROBE apply the limits of the device in addition to the
 * constraints (unless an IOMMU translates addresses), CONTIG_LOCK maps memory
 * for the device, and CONTIG_GET_PHYSICAL with CONTIG_GET_DMA gives its DMA
 * addresses.
 *
 * If the device has a pool in the Device Tree (its first memory-region is a
 * shared-dma-pool), and its driver leaves the device to user space or lets the
 * kernel allocate from the pool too, the coherent rung takes memory from this
 * pool only. The device can be detached or unplugged while buffers from the
 * pool are in use.
 *
 * The device must have a driver that leaves DMA to others, like
 * uio_pci_generic: the kernel sets up the IOMMU of a device when a driver is
 * bound. Without a driver that sets them, the kernel's values are low, for PCI
 * 32 bits and 64 KiB, so give the limits of the device here. They are in force
 * as long as any client has the device attached, and all clients of a device
 * must agree on them (else EBUSY). If the module parameter "stub_drivers" does
 * not name the driver, the driver itself sets the limits, and none can be given
 * here (EBUSY).
 *
 * When the device is unplugged or its driver changes, contig unmaps all memory
 * from it at once. Locks stay, and unlocking works, but everything that needs
 * the device fails with ENODEV until CONTIG_DEVICE detaches it or attaches a
 * device.
 *
 * Unlocking unmaps the memory from a device behind an IOMMU. A device without
 * an IOMMU continues to write to the addresses that it was given: stop it
 * first. Since files are closed in the order of their numbers when a process
 * dies, open the file that stops the device (of a UIO device, for instance)
 * before /dev/contig.
 *
 * The caller needs CAP_SYS_RAWIO, or an entry in the module parameter
 * "devices": "NAME@UID" gives the device to one user (by the effective user id
 * of the caller), "NAME" to all users that may open /dev/contig. Other callers
 * get EPERM, whether the device exists or not. The call fails with EBUSY while
 * this client has memory locked.
 *
 * The user of a device can make it read and write all memory that it reaches.
 * So without CAP_SYS_RAWIO the device must be confined (else EACCES):
 *
 *  - an IOMMU translates its addresses, and maps only memory that drivers ask
 *    for: no domain of type identity, no memory that firmware asks for;
 *  - it can cause no interrupts but its own (isolated MSIs, on x86 interrupt
 *    remapping);
 *  - "devices" gives each device of its IOMMU group, itself included, to the
 *    same user, and each has no driver or one of "stub_drivers". Bridges do not
 *    count.
 *
 * A confined device reaches memory that clients lock and prepare for devices of
 * its group, and no other memory. CONTIG_DEVICE_CONFINED reports that the
 * device is confined now; for a caller with CAP_SYS_RAWIO the device itself
 * needs no entry. If another device of the group gets a driver, and that device
 * is not given to the same user or the driver is not one of "stub_drivers", the
 * kernel maps memory for it in the same domain. contig then unmaps everything
 * from the user's device, as if it had been unplugged. This cannot stop the
 * device itself: a user that still has its registers can make it reach the
 * memory that is mapped for the other device. With the module parameter
 * "allow_unconfined" devices that are not confined can be attached as well;
 * their users must then be trusted with all memory.
 *
 * If the list gives the same device, or devices of one group, to several users,
 * these must trust each other: each reaches memory that the others have mapped,
 * and the first client that attaches a device sets its limits for all. After a
 * change of the list a device cannot be attached (EBUSY, even with
 * CAP_SYS_RAWIO) while it, or another device of its group, is attached by a
 * user that the list does not give it to. Nor can a caller without
 * CAP_SYS_RAWIO attach it while a client with CAP_SYS_RAWIO has it, or another
 * device of its group, attached (EBUSY). To take the device away from a user,
 * unbind its driver.
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
 * enum contig_io_flags - the direction and the next user of a transfer
 * @CONTIG_IO_INPUT: the device writes to the memory
 * @CONTIG_IO_OUTPUT: the device reads the memory
 * @CONTIG_IO_BOUNCE: CONTIG_PREPARE only: let the kernel use a copy of memory
 *                    that the device cannot reach. The call still fails with
 *                    EADDRNOTAVAIL for devices of less than 32 address bits,
 *                    and if the kernel has set no memory aside for copies
 *                    (swiotlb)
 * @CONTIG_IO_MORE: CONTIG_CHECKPOINT only: another transfer will follow
 * @CONTIG_IO_FOR_CPU: CONTIG_SYNC only: the CPU uses the memory next
 * @CONTIG_IO_FOR_DEVICE: CONTIG_SYNC only: the device uses the memory next
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

/* Maximum number of ranges of one preparation. */
#define CONTIG_PREPARE_RANGES 1024

/**
 * struct contig_prepare - ioctl(CONTIG_PREPARE)
 * @size: sizeof(struct contig_prepare)
 * @flags: CONTIG_IO_INPUT, CONTIG_IO_OUTPUT, both or neither; CONTIG_IO_BOUNCE;
 *         CONTIG_RANGE_BUFFER; CONTIG_GET_DMA
 * @ranges: user pointer to an array of &struct contig_span: the memory in the
 *          order in which it is transferred, taken as one sequence of bytes;
 *          ranges may overlap
 * @range_count: entries in @ranges, 1 to CONTIG_PREPARE_RANGES
 * @fd: a buffer that all ranges lie in, with CONTIG_RANGE_BUFFER
 * @first: where in this sequence to begin, in bytes
 * @granularity: in bytes, rounded up to pages: unless the prepared part reaches
 *               the end, its length is a multiple of this. 0 for any length
 * @addrs: user pointer to an array of __u64, one entry for each page in turn:
 *         its physical address or, with CONTIG_GET_DMA, its DMA address. Each
 *         range begins a new entry, whose address is that of the range's first
 *         byte. 0 if the addresses are not wanted
 * @count: in/out: entries in @addrs, and so the maximum number of pages to
 *         prepare; 0 for no limit, if @addrs is 0 as well. On return how many
 *         pages were prepared
 * @out_id: id of the preparation for CONTIG_CHECKPOINT; never 0
 * @out_length: how many bytes were prepared, from @first on
 * @out_done: 1 if everything up to the end was prepared, 0 if only a part
 * @out_bounced: number of pages of which the device uses a copy
 *
 * Prepare memory for one or more transfers by a device: lock it, report its
 * addresses, and sync caches so that the device sees the data that the CPU
 * wrote (CONTIG_IO_OUTPUT) and the CPU will see the data that the device writes
 * (CONTIG_IO_INPUT). With neither direction, caches are left to
 * CONTIG_CHECKPOINT.
 *
 * If @count is too small, only a part is prepared, which is no failure:
 * transfer this part, end it by CONTIG_CHECKPOINT, and prepare the next part
 * with @first raised by @out_length. If not even @granularity can be prepared,
 * the call fails with EMSGSIZE. The memory for copies is limited, and shared by
 * all clients (EDQUOT).
 *
 * A preparation counts as a lock of CONTIG_LOCK does, and lasts until
 * CONTIG_CHECKPOINT. CONTIG_GET_DMA and CONTIG_IO_BOUNCE need a device
 * (EUNATCH); physical addresses need the right to see them (EPERM).
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
 * End a transfer, complete or not, so that the CPU may read the memory. With
 * CONTIG_IO_MORE the preparation continues, and caches are synced for the next
 * transfer; a device cannot write next to memory that was prepared for output
 * only (EACCES). Without CONTIG_IO_MORE the memory is unlocked, as often as it
 * was locked, and the id ends, even if the call fails with ENODEV, ENOLCK,
 * EHWPOISON or ESTALE. After ENOMEM (see CONTIG_UNLOCK) the id has not ended,
 * but part of the memory may be unlocked: call again without CONTIG_IO_MORE
 * (else ENOLCK) to end it; that call returns the result of this transfer.
 *
 * In a foreign dma-buf, CONTIG_CHECKPOINT after CONTIG_IO_INPUT waits for the
 * fences of the dma-buf. If a signal ends that (EINTR), the id has not ended:
 * call again.
 *
 * After ENODEV and ENOLCK the device or a lock is gone, and after EHWPOISON a
 * page of a buffer has failed: some of the data that the device wrote may be
 * lost. Memory that was locked by other calls than the failed page is synced
 * nevertheless. After ESTALE all data is in the pages that were locked, and the
 * process has other pages at these addresses now.
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
 *         CONTIG_IO_OUTPUT or both for the direction in which the device moves
 *         data; CONTIG_RANGE_BUFFER
 * @addr: first byte of the range, or offset into the buffer
 * @length: bytes; must not be 0
 * @fd: a buffer, with CONTIG_RANGE_BUFFER
 * @reserved: must be 0
 *
 * Hand locked memory from the CPU to the client's device or back: write caches
 * back to memory, or invalidate them, for this range only; and update copies
 * that the device uses (CONTIG_IO_BOUNCE). Costs nothing where the device looks
 * into the caches and uses no copies. Needs a device (EUNATCH).
 *
 * The command applies to the pages that are locked, even if the process has
 * replaced some of them meanwhile: then the range is synced, and the call fails
 * with ESTALE. If a page of a buffer has failed, memory that was locked by
 * other calls than this page is synced nevertheless, and the call fails with
 * EHWPOISON. A foreign dma-buf is synced as a whole, as by DMA_BUF_IOCTL_SYNC:
 * CONTIG_IO_FOR_CPU begins an access by the CPU, CONTIG_IO_FOR_DEVICE ends one.
 * An error of its exporter is returned.
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

/**
 * enum contig_defer_flags - flags of CONTIG_DEFER
 * @CONTIG_DEFER_EVENTFD: signal @eventfd when the request has ended
 */
enum contig_defer_flags {
	CONTIG_DEFER_EVENTFD = 1 << 0
};

/* Priorities of deferred requests. */
#define CONTIG_PRIORITY_MIN (-8)
#define CONTIG_PRIORITY_MAX 7

/**
 * struct contig_defer - ioctl(CONTIG_DEFER)
 * @size: sizeof(struct contig_defer)
 * @flags: of &enum contig_defer_flags
 * @priority: requests with a larger one are tried first; from CONTIG_PRIORITY_MIN
 *            to CONTIG_PRIORITY_MAX (EINVAL), 0 for most. One above 0 needs a client
 *            that was opened with CAP_SYS_RESOURCE (EPERM)
 * @eventfd: an eventfd, with CONTIG_DEFER_EVENTFD; else it must be 0
 * @deadline_ms: time after which the request fails with ETIME; 0 for never
 * @out_fd: a descriptor of the request, with close-on-exec set
 * @reserved: must be 0
 * @alloc: what is asked for, as for CONTIG_ALLOC. Its size is not looked at, and its
 *         @timeout_ms is the time budget of each attempt, 0 for two seconds, ten at
 *         most; CONTIG_ALLOC_NO_WAIT makes no sense (EINVAL). No member of it is
 *         written but out_address_bits
 *
 * Ask for memory that need not be there yet: the request is queued, and tried again
 * when memory of contig's became free, when a buffer can be moved again, when the
 * machine has more free memory, and now and then, until it gets memory or its
 * deadline passes. A length above the quota is refused at once (EDQUOT), and one that
 * does not fit into the rest of the quota waits.
 *
 * The descriptor can be polled: it is readable (POLLIN) when the request has ended, and
 * CONTIG_COLLECT then gives the buffer. The memory is charged to the client's user from
 * the moment at which the request gets it. Closing the last descriptor cancels the
 * request and frees what it got; so does closing the client it was made through.
 *
 * Of two requests of a user with the same constraints and priority, the one that was
 * made first gets memory first, unless it is longer. Users take turns. A user can have
 * 256 requests, all users without CAP_SYS_RESOURCE together 1024 (ENOSPC).
 *
 * CPU time for the attempts is that of the kernel, so each is followed by a pause that
 * is several times as long. Cpuset and memory policy are those at this call.
 */
struct contig_defer {
	__u32 size;
	__u32 flags;
	__s32 priority;
	__s32 eventfd;
	__aligned_u64 deadline_ms;
	__s32 out_fd;
	__u32 reserved;
	struct contig_alloc alloc;
};

#define CONTIG_DEFER _IO(CONTIG_IOCTL_TYPE, CONTIG_CMD_DEFER)

/**
 * enum contig_collect_flags - flags of CONTIG_COLLECT
 * @CONTIG_COLLECT_TICKLE: try the request again as soon as the pauses between attempts
 *                         allow it, without waiting for word of free memory
 * @CONTIG_COLLECT_CANCEL: end the request, with ECANCELED, if it has not ended
 */
enum contig_collect_flags {
	CONTIG_COLLECT_TICKLE = 1 << 0,
	CONTIG_COLLECT_CANCEL = 1 << 1
};

/**
 * struct contig_collect - ioctl(CONTIG_COLLECT)
 * @size: sizeof(struct contig_collect)
 * @flags: of &enum contig_collect_flags
 * @fd: the descriptor of a request, which another client can have made
 * @out_tries: how many attempts were made
 * @out_waited_ns: time from CONTIG_DEFER until the request ended, or until now
 * @alloc: receives what CONTIG_ALLOC would give; its size is not looked at. While the
 *         request waits, the reports are those of the last attempt that moved memory
 *
 * Collect what a deferred request got: a new dma-buf, once. Fails with EAGAIN while the
 * request waits, and with ENODATA if the buffer was collected before. A request that has
 * ended without memory fails with ETIME after its deadline, or with ECANCELED. In these
 * cases, but for ENODATA, the structure is written as well. It fails with EHWPOISON if
 * the memory has failed since, which is gone then. After any other failure the buffer
 * can be collected later.
 */
struct contig_collect {
	__u32 size;
	__u32 flags;
	__s32 fd;
	__u32 out_tries;
	__aligned_u64 out_waited_ns;
	struct contig_alloc alloc;
};

#define CONTIG_COLLECT _IO(CONTIG_IOCTL_TYPE, CONTIG_CMD_COLLECT)

/**
 * enum contig_ioctl - the numbers of the ioctls, for other languages than C
 * @CONTIG_IOCTL_INFO: CONTIG_INFO
 * @CONTIG_IOCTL_ALLOC: CONTIG_ALLOC
 * @CONTIG_IOCTL_PROBE: CONTIG_PROBE
 * @CONTIG_IOCTL_HOLD: CONTIG_HOLD
 * @CONTIG_IOCTL_UNHOLD: CONTIG_UNHOLD
 * @CONTIG_IOCTL_LOCK: CONTIG_LOCK
 * @CONTIG_IOCTL_UNLOCK: CONTIG_UNLOCK
 * @CONTIG_IOCTL_GET_PHYSICAL: CONTIG_GET_PHYSICAL
 * @CONTIG_IOCTL_GET_STATE: CONTIG_GET_STATE
 * @CONTIG_IOCTL_DEVICE: CONTIG_DEVICE
 * @CONTIG_IOCTL_PREPARE: CONTIG_PREPARE
 * @CONTIG_IOCTL_CHECKPOINT: CONTIG_CHECKPOINT
 * @CONTIG_IOCTL_SYNC: CONTIG_SYNC
 * @CONTIG_IOCTL_DEFER: CONTIG_DEFER
 * @CONTIG_IOCTL_COLLECT: CONTIG_COLLECT
 *
 * Debuggers and generators of bindings, such as bindgen, see enumeration
 * constants, but no macros that use others.
 */
enum contig_ioctl {
	CONTIG_IOCTL_INFO = CONTIG_INFO,
	CONTIG_IOCTL_ALLOC = CONTIG_ALLOC,
	CONTIG_IOCTL_PROBE = CONTIG_PROBE,
	CONTIG_IOCTL_HOLD = CONTIG_HOLD,
	CONTIG_IOCTL_UNHOLD = CONTIG_UNHOLD,
	CONTIG_IOCTL_LOCK = CONTIG_LOCK,
	CONTIG_IOCTL_UNLOCK = CONTIG_UNLOCK,
	CONTIG_IOCTL_GET_PHYSICAL = CONTIG_GET_PHYSICAL,
	CONTIG_IOCTL_GET_STATE = CONTIG_GET_STATE,
	CONTIG_IOCTL_DEVICE = CONTIG_DEVICE,
	CONTIG_IOCTL_PREPARE = CONTIG_PREPARE,
	CONTIG_IOCTL_CHECKPOINT = CONTIG_CHECKPOINT,
	CONTIG_IOCTL_SYNC = CONTIG_SYNC,
	CONTIG_IOCTL_DEFER = CONTIG_DEFER,
	CONTIG_IOCTL_COLLECT = CONTIG_COLLECT
};

#endif /* _UAPI_LINUX_CONTIG_H */
