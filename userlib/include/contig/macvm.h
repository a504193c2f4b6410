/* SPDX-License-Identifier: LGPL-2.1-or-later OR MIT */
/*
 * The Virtual Memory Manager of the classic Mac OS, on top of libcontig
 */
#ifndef CONTIG_MACVM_H
#define CONTIG_MACVM_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: The classic face
 *
 * Names, arguments and result codes are those of Inside Macintosh: Memory
 * (1992), chapter 3, and of the technotes and headers that came after it.
 *
 * Client. The process has one client of /dev/contig for all these functions.
 * The first function that needs the client opens it. It is closed when the
 * process ends, which releases everything: unlike the classic system, Linux
 * never lets a range stay locked after that. After fork() the child starts
 * without any lock or hold and opens its own client.
 *
 * Ranges. Whole pages are affected: the address is rounded down and the end of
 * the range up. Counts are kept per page; each HoldMemory must be balanced by
 * an UnholdMemory, and each of the three lock calls by an UnlockMemory. A call
 * affects all pages of its range or, when it fails, none. A count of 0 bytes is
 * no range: the hold and lock calls then do nothing and return noErr, whatever
 * the address.
 *
 * Result codes. Each call that fails also sets errno, for programs that need
 * more detail:
 *
 *  - notHeldErr: ENODATA
 *  - notLockedErr: ENOLCK; from GetPhysical and CheckpointIO also ESTALE, when
 *    the memory that was locked was unmapped or replaced since
 *  - cannotMakeContiguousErr: EILSEQ; from LockMemoryContiguous also EPERM,
 *    when the caller may not see physical addresses
 *  - notEnoughMemoryErr: ENOMEM; also EDQUOT for RLIMIT_MEMLOCK and the user's
 *    quota, ETIME for the time budget of an allocation, EMSGSIZE for a
 *    preparation whose tables are too short for any part
 *  - cannotDeferErr: ENOBUFS, too many functions are deferred
 *  - permErr: EPERM, physical addresses need CAP_SYS_RAWIO
 *  - noMMUErr: the client cannot be opened, because the module is not loaded
 *    (ENOENT) or this user may not open the device (EACCES)
 *  - paramErr: every other errno, for instance EFAULT (not mapped), ENXIO (not
 *    memory), EACCES (not writable), EOVERFLOW (past the end, or an address
 *    that does not fit in a pointer), ENOENT (no such preparation), ENODEV (the
 *    device is gone)
 *
 * Signals that come while a call waits do not end it. Several threads may call
 * every function at once.
 *
 * A program that has some of these types from elsewhere defines
 * CONTIG_MACVM_HAVE_TYPES before it includes this header.
 */

#ifndef CONTIG_MACVM_HAVE_TYPES
typedef int16_t OSErr;
typedef int32_t OSStatus;
typedef uint32_t OSType;
typedef unsigned char Boolean;
typedef unsigned long ByteCount;
typedef unsigned long ItemCount;
typedef uint32_t OptionBits;
typedef void *LogicalAddress;
typedef void *PhysicalAddress;
typedef uint32_t AddressSpaceID;
#endif

/* From contig.h: the limits of a device. */
struct contig_device_opts;

/* Result codes. */
enum {
	noErr = 0,
	paramErr = -50,
	permErr = -54,
	notEnoughMemoryErr = -620,
	notHeldErr = -621,
	cannotMakeContiguousErr = -622,
	notLockedErr = -623,
	cannotDeferErr = -625,
	noMMUErr = -626,
	gestaltUnknownErr = -5550,
	gestaltUndefSelectorErr = -5551
};

/* Selectors of Gestalt, four letters each. */
enum {
	gestaltVMAttr = 0x766d2020,	     /* 'vm  ' */
	gestaltLogicalPageSize = 0x7067737a, /* 'pgsz' */
	gestaltPhysicalRAMSize = 0x72616d20, /* 'ram ' */
	gestaltLogicalRAMSize = 0x6c72616d   /* 'lram' */
};

/* Bits of the response to gestaltVMAttr. */
enum {
	gestaltVMPresent = 0,
	gestaltVMHasLockMemoryForOutput = 1,
	gestaltVMFilemappingOn = 3,
	gestaltVMHasPagingControl = 4
};

/* Entries in the table of a LogicalToPhysicalTable. */
enum {
	defaultPhysicalEntryCount = 8
};

/*
 * Maximum number of functions that are deferred in a thread at a time. No
 * source has this name: it is contig's.
 */
enum {
	maxDeferredUserFns = 16
};

/* Options of an IOPreparationTable; the last one is contig's. */
enum {
	kIOMultipleRanges = 0x00000001,
	kIOLogicalRanges = 0x00000002,
	kIOMinimalLogicalMapping = 0x00000004,
	kIOShareMappingTables = 0x00000008,
	kIOIsInput = 0x00000010,
	kIOIsOutput = 0x00000020,
	kIOCoherentDataPath = 0x00000040,
	kIOTransferIsLogical = 0x00000080,
	kIOClientIsUserMode = 0x00000080,
	kIONoCopies = 0x40000000
};

/* State of an IOPreparationTable; the last one is contig's. */
enum {
	kIOStateDone = 0x00000001,
	kIOStateCopied = 0x40000000
};

/* Options of CheckpointIO. */
enum {
	kNextIOIsInput = 0x00000001,
	kNextIOIsOutput = 0x00000002,
	kMoreIOTransfers = 0x00000004
};

typedef OptionBits IOPreparationOptions;
typedef OptionBits IOPreparationState;
typedef OptionBits IOCheckpointOptions;
typedef uint32_t IOPreparationID;

/* The address space of the program, the only one that it can name. */
#define kCurrentAddressSpaceID ((AddressSpaceID)-1)

/* A function that can be deferred. */
typedef void (*UserFnUPP)(void *argument);

/**
 * struct MemoryBlock - a block of memory
 * @address: of its first byte, logical or physical
 * @count: bytes
 */
struct MemoryBlock {
	void *address;
	unsigned long count;
};
typedef struct MemoryBlock MemoryBlock;

/**
 * struct LogicalToPhysicalTable - range and result of GetPhysical
 * @logical: in: the range to translate; out: the part not yet translated
 * @physical: out: the physical blocks
 *
 * A longer table may be passed instead, if it begins like this one.
 */
struct LogicalToPhysicalTable {
	MemoryBlock logical;
	MemoryBlock physical[defaultPhysicalEntryCount];
};
typedef struct LogicalToPhysicalTable LogicalToPhysicalTable;

/**
 * struct AddressRange - a range of a transfer
 * @base: its first byte
 * @length: bytes
 */
struct AddressRange {
	void *base;
	ByteCount length;
};
typedef struct AddressRange AddressRange;

/**
 * struct MultipleAddressRange - several ranges of a transfer
 * @entryCount: number of ranges
 * @rangeTable: the ranges
 */
struct MultipleAddressRange {
	ItemCount entryCount;
	AddressRange *rangeTable;
};
typedef struct MultipleAddressRange MultipleAddressRange;

/**
 * struct IOPreparationTable - input and result of PrepareMemoryForIO
 * @options: kIOLogicalRanges and others
 * @state: out: kIOStateDone if everything up to the end was prepared, not only
 *         a part; kIOStateCopied if the device uses a copy of some of the
 *         memory
 * @preparationID: out: id for CheckpointIO(); 0 if nothing was prepared
 * @addressSpace: kCurrentAddressSpaceID
 * @granularity: in bytes, rounded up to pages: unless the prepared part reaches
 *               the end, its length is a multiple of this; 0 for any length
 * @firstPrepared: where to begin, in bytes from the start of all ranges; 0 at
 *                 first
 * @lengthPrepared: out: how many bytes were prepared, from there on
 * @mappingEntryCount: number of entries in each mapping table; ignored if there
 *                     is no table
 * @logicalMapping: table of logical addresses to be filled, or NULL
 * @physicalMapping: table of physical addresses to be filled, or NULL
 * @rangeInfo: the range; or the ranges, with kIOMultipleRanges
 */
struct IOPreparationTable {
	IOPreparationOptions options;
	IOPreparationState state;
	IOPreparationID preparationID;
	AddressSpaceID addressSpace;
	ByteCount granularity;
	ByteCount firstPrepared;
	ByteCount lengthPrepared;
	ItemCount mappingEntryCount;
	LogicalAddress *logicalMapping;
	PhysicalAddress *physicalMapping;
	union {
		AddressRange range;
		MultipleAddressRange multipleRanges;
	} rangeInfo;
};
typedef struct IOPreparationTable IOPreparationTable;

/**
 * HoldMemory() - keep a range resident; it may still move
 * @address: first byte
 * @count: bytes
 *
 * Return: noErr, paramErr, notEnoughMemoryErr, noMMUErr.
 *
 * Context: may sleep; not async-signal-safe.
 *
 * Source: Inside Macintosh: Memory, "Holding and Releasing Memory"; rounding:
 * the same; counting: technotes ME 02 and ME 09. No source says that a call is
 * all or nothing, or that a count of 0 does nothing: contig defines it so.
 */
OSErr HoldMemory(void *address, unsigned long count);

/**
 * UnholdMemory() - undo one hold of every page of a range
 * @address: first byte
 * @count: bytes
 *
 * This does not undo a lock, though a locked page counts as held. A page that
 * is locked but was never held gives notHeldErr; contig defines this.
 *
 * Return: noErr, paramErr, notHeldErr, notEnoughMemoryErr.
 *
 * Context: not async-signal-safe.
 *
 * Source: as HoldMemory.
 */
OSErr UnholdMemory(void *address, unsigned long count);

/**
 * LockMemory() - make a range resident and immovable
 * @address: first byte
 * @count: bytes
 *
 * Pages may be moved during the call, but not after it. They will be marked as
 * changed. The classic system made the pages uncacheable; Linux syncs caches
 * for each transfer instead: see contig_buffer_begin_access().
 *
 * Return: noErr, paramErr, notEnoughMemoryErr, noMMUErr.
 *
 * Context: may sleep; not async-signal-safe.
 *
 * Source: Inside Macintosh: Memory, "Locking and Unlocking Memory"; that pages
 * become dirty: technote 1069.
 */
OSErr LockMemory(void *address, unsigned long count);

/**
 * LockMemoryForOutput() - lock a range that the device will only read
 * @address: first byte
 * @count: bytes
 *
 * As LockMemory(), but pages are not marked as changed and need not be
 * writable.
 *
 * Return: as LockMemory().
 *
 * Context: as LockMemory().
 *
 * Source: technote 1069. No source gives its result codes; they are those of
 * LockMemory.
 */
OSErr LockMemoryForOutput(void *address, unsigned long count);

/**
 * LockMemoryContiguous() - lock a range if it is one physical block
 * @address: first byte
 * @count: bytes
 *
 * A buffer of contig is moved to one block if it can be, as in the version of
 * virtual memory. Other memory is checked, as in the version in the ROM, and left
 * unlocked if it is not contiguous. A single page always is contiguous. A caller must be
 * prepared to continue with LockMemory() and several blocks. A caller that may
 * not see physical addresses always gets cannotMakeContiguousErr for a longer
 * range, unless the range lies in one buffer of contig's.
 *
 * Return: noErr, paramErr, notEnoughMemoryErr, cannotMakeContiguousErr,
 * noMMUErr.
 *
 * Context: as LockMemory().
 *
 * Source: as LockMemory; the two versions: Q&A DV 36.
 */
OSErr LockMemoryContiguous(void *address, unsigned long count);

/**
 * UnlockMemory() - undo one lock of every page of a range
 * @address: first byte
 * @count: bytes
 *
 * Return: noErr, paramErr, notLockedErr; notEnoughMemoryErr: the kernel had no
 * memory to unlock a part of a locked range, call it again.
 *
 * Context: async-signal-safe, as it was safe at interrupt time.
 *
 * Source: as LockMemory; interrupt time: technotes 1094 and 1104.
 */
OSErr UnlockMemory(void *address, unsigned long count);

/**
 * GetPhysical() - translate a locked range to physical blocks
 * @addresses: in: the range, in its field logical; out: the physical blocks,
 *             and the part of the range not yet translated
 * @physicalEntryCount: in: room for physical blocks, 8 in a table of the
 *                      default type; out: blocks filled, or the number needed
 *
 * The first block starts at the exact byte of the logical address. Physically
 * adjacent pages make one block. The translated part is removed from the
 * logical range, whose count is 0 when all is translated; call again until
 * then.
 *
 * If the count of entries is 0, it becomes the number of blocks that the whole
 * range needs, and the table does not change. The range must be locked for that
 * too.
 *
 * On failure neither the table nor the count changes.
 *
 * Return: noErr, paramErr (also for an empty range), notLockedErr, permErr,
 * noMMUErr.
 *
 * Context: async-signal-safe for up to 64 entries, once a range was locked.
 *
 * Source: Inside Macintosh: Memory, "Mapping Logical to Physical Addresses";
 * interrupt time: as UnlockMemory. No source says that nothing changes on
 * failure, or that counting needs a lock.
 */
OSErr GetPhysical(LogicalToPhysicalTable *addresses,
		  unsigned long *physicalEntryCount);

/**
 * PrepareMemoryForIO() - lock memory for a transfer and report its addresses
 * @table: in: the memory to prepare; out: the result
 *
 * All ranges together are one transfer. They are locked, as by
 * LockMemoryForOutput() for output only and else as by LockMemory(). Caches are
 * synced for the directions given by kIOIsInput and kIOIsOutput; with neither,
 * that is left to CheckpointIO(). Ranges may overlap. Memory may be prepared
 * several times, and is unlocked when the last preparation of it has ended.
 *
 * Each mapping table gets an entry for each page, never merged, in the order of
 * the ranges: the first entry of a range is the address of its first byte, the
 * others are the beginnings of pages. With kIOMinimalLogicalMapping the logical
 * table has two entries for each range instead, for its first and its last
 * page; the second entry is not written if both are the same page. Physical
 * addresses are those of the device after MacVMAttachDevice(), else those of
 * the CPU.
 *
 * If the tables are too short, only a part is prepared, which is no error:
 * transfer it, end it with CheckpointIO(), add lengthPrepared to firstPrepared
 * and prepare the next part, until the state has kIOStateDone.
 *
 * A device that reaches only some of the memory uses copies of the rest. They
 * are updated when caches are synced, and the state has kIOStateCopied; with
 * kIONoCopies the result is paramErr (EADDRNOTAVAIL) instead. kIOLogicalRanges
 * must be set. kIOShareMappingTables, kIOCoherentDataPath, kIOTransferIsLogical
 * and kIOClientIsUserMode change nothing. There may be 1024 ranges, none of
 * them empty.
 *
 * On failure nothing is prepared, and state, preparationID and lengthPrepared
 * are 0.
 *
 * Return: noErr; paramErr: also for an unknown option or address space, and for
 * a firstPrepared past the end; notEnoughMemoryErr: also if not even one page,
 * or not even the granularity, fits; permErr: only without a device, if the
 * caller may not see physical addresses; noMMUErr.
 *
 * Context: may sleep; async-signal-safe for up to 16 ranges and 64 entries of
 * physicalMapping on memory that is locked already, once a range was locked.
 *
 * Source: Designing PCI Cards and Drivers for Power Macintosh Computers, pages
 * 14a to 157; no-op options: Q&A DV 44; output: technote 1069. contig defines
 * when the result is notEnoughMemoryErr, the state after a failure, and that a
 * part also ends where the minimal table does.
 */
OSStatus PrepareMemoryForIO(IOPreparationTable *table);

/**
 * CheckpointIO() - end a transfer, or prepare the next one
 * @preparationID: from PrepareMemoryForIO()
 * @options: 0 to end the preparation; or kMoreIOTransfers, with kNextIOIsInput,
 *           kNextIOIsOutput, both or neither
 *
 * After the call the program may look at the transferred data. With
 * kMoreIOTransfers the memory stays prepared, and caches are synced for the
 * next transfer. Without it, the memory is unlocked and the id ends; directions
 * are then ignored. Each preparation must be ended, even if its transfer was
 * given up.
 *
 * Return: noErr; paramErr: no such preparation, unknown options, input to
 * memory that was prepared for output only, or the device is gone;
 * notLockedErr: the memory was unlocked, unmapped or replaced meanwhile;
 * notEnoughMemoryErr: the kernel had no memory to unlock, call it again. The
 * errnos of contig_checkpoint() say after which of these the id has ended.
 *
 * Context: async-signal-safe.
 *
 * Source: as PrepareMemoryForIO, page 157.
 */
OSStatus CheckpointIO(IOPreparationID preparationID,
		      IOCheckpointOptions options);

/**
 * MacVMAttachDevice() - choose the device that all transfers are for
 * @name: "pci/DDDD:BB:DD.F" or "platform/NAME"
 * @opts: the limits of the device, see contig_attach_device(), or NULL
 *
 * From then on PrepareMemoryForIO() gives the addresses to program into the
 * device, and syncs its caches; GetPhysical() still gives the addresses of the
 * CPU. A child of fork() starts without a device.
 *
 * Return: noErr; paramErr: also if memory is locked (EBUSY); permErr;
 * notEnoughMemoryErr; noMMUErr.
 *
 * Context: not async-signal-safe.
 *
 * Source: contig's own; a driver of the classic system was called for its
 * device.
 */
OSErr MacVMAttachDevice(const char *name,
			const struct contig_device_opts *opts);

/**
 * MacVMDetachDevice() - undo MacVMAttachDevice()
 *
 * Return: noErr; paramErr: no device was attached, or memory is locked.
 *
 * Context: not async-signal-safe.
 *
 * Source: contig's own.
 */
OSErr MacVMDetachDevice(void);

/**
 * DeferUserFn() - call a function as soon as paging is safe
 * @fn: the function
 * @argument: its argument
 *
 * For signal handlers. Paging is not safe while the thread is inside a call of
 * this library that locks, holds, faults or moves memory, or that waits or
 * allocates for it. contig_lock() and others of contig.h count too, and so do
 * functions that compose a text, such as contig_explain(). Then the function is
 * saved and called once, when the thread leaves that call, after the functions
 * that were saved before. It may use the library freely, and does not change
 * errno and MacVMLastError() of the call. Otherwise it is called before
 * DeferUserFn() returns, and still is part of the handler.
 *
 * A fork() of the thread counts as such a call, from the first to the last of
 * its atfork handlers, and signals of the thread wait until it is over.
 *
 * Other threads do not matter: a thread inside such a call keeps no other
 * thread waiting for ever.
 *
 * Return: noErr; paramErr: @fn is NULL; cannotDeferErr: maxDeferredUserFns of
 * this thread wait already, and this function will not be called.
 *
 * Context: async-signal-safe, if @fn is.
 *
 * Source: Inside Macintosh: Memory, "Deferring User Functions". No source says
 * that the order is kept or that NULL is an error.
 */
OSErr DeferUserFn(UserFnUPP fn, void *argument);

/**
 * Gestalt() - return a property of the machine
 * @selector: one of the gestalt constants
 * @response: the answer, at most 0x7fffffff; use Gestalt64() for memory sizes
 *
 * gestaltVMAttr has the bits gestaltVMPresent and
 * gestaltVMHasLockMemoryForOutput if the client can be opened, and is 0 if not.
 * gestaltVMFilemappingOn is not set, because shared mappings of files cannot be
 * locked on every kernel. gestaltLogicalRAMSize is memory plus swap space.
 *
 * Return: noErr, paramErr (@response is NULL), gestaltUndefSelectorErr.
 *
 * Context: not async-signal-safe.
 *
 * Source: Inside Macintosh: Memory, "Obtaining Information About Virtual
 * Memory"; bits: technotes 1069 and 1121. contig defines the limit, since the
 * classic response is a signed 32-bit number.
 */
OSErr Gestalt(OSType selector, long *response);

/**
 * Gestalt64() - return a property of a machine that has more than 2 GiB
 * @selector: as for Gestalt()
 * @response: the answer, in full
 *
 * Return: as Gestalt().
 *
 * Context: not async-signal-safe.
 *
 * Source: contig's own; Gestalt() with a wide response.
 */
OSErr Gestalt64(OSType selector, uint64_t *response);

/**
 * MemAllocatePhysicallyContiguous() - allocate one physical block
 * @byteSize: bytes; rounded up to pages
 * @clear: whether the block must be zero; it always is
 *
 * The block starts on a page and is locked, so that GetPhysical() works on it.
 * Only rungs that give contiguous memory are used. If the block is not
 * contiguous when it is locked, a second block is tried before the first is
 * freed, as in the classic algorithm.
 *
 * A child of fork() sees the same memory at the same address, but does not have
 * it locked.
 *
 * Return: the address, or NULL. MacVMLastError() then returns paramErr for a
 * size of 0 or one that no memory can have, or notEnoughMemoryErr,
 * cannotMakeContiguousErr, noMMUErr.
 *
 * Context: may sleep; not async-signal-safe.
 *
 * Source: Designing PCI Cards and Drivers for Power Macintosh Computers, page
 * 165; the algorithm and the alignment: Q&A DV 36. contig defines that a size
 * of 0 is no block.
 */
LogicalAddress MemAllocatePhysicallyContiguous(ByteCount byteSize,
					       Boolean clear);

/**
 * MemDeallocatePhysicallyContiguous() - free a block
 * @address: as MemAllocatePhysicallyContiguous() gave it
 *
 * Undoes the lock that came with the block. If the program has already undone
 * it with UnlockMemory(), the result is notLockedErr and the block stays: call
 * LockMemory() before. The memory is not used for anything else until the
 * program has undone all other locks of it.
 *
 * Return: noErr; paramErr: no such block, for instance an address inside one;
 * notLockedErr.
 *
 * Context: not async-signal-safe.
 *
 * Source: Designing PCI Cards and Drivers for Power Macintosh Computers, page
 * 167.
 */
OSStatus MemDeallocatePhysicallyContiguous(LogicalAddress address);

/**
 * MacVMLastError() - return the result of the last call in this thread
 *
 * Return: the result code of the last function of this header in this thread,
 * even if that function returns something else.
 *
 * Context: async-signal-safe.
 *
 * Source: contig's own; the book lists result codes for
 * MemAllocatePhysicallyContiguous, which can return none.
 */
OSStatus MacVMLastError(void);

#ifdef __cplusplus
}
#endif

#endif /* CONTIG_MACVM_H */
