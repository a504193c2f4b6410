/* SPDX-License-Identifier: LGPL-2.1-or-later OR MIT */
/*
 * libcontig: physically contiguous memory that a DMA engine can use
 */
#ifndef CONTIG_H
#define CONTIG_H

#include <stddef.h>
#include <stdint.h>

#include <linux/contig.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: What holds for every function
 *
 * Errors. A function that returns int returns 0, or a negative errno and sets
 * errno to its positive value. After an error it has changed nothing, except
 * where its text says otherwise. The first comment of linux/contig.h defines
 * the meaning of each errno, and contig_strerror() describes it. If the library
 * itself checks an argument, it returns the errno that the kernel returns for
 * the same mistake. All other functions cannot fail and leave errno alone.
 *
 * Words. A *client* is one open /dev/contig. A *buffer* is memory that contig
 * allocated; it is a dma-buf. An *extent* is a maximal run of physically
 * adjacent memory. A *segment* is memory that a device takes as one descriptor,
 * an extent or a piece of one. A *rung* is one way to get memory. A page that
 * is *held* stays resident but may move; a page that is *locked* stays resident
 * and does not move. The types and constants for these are the kernel's, in
 * linux/contig.h.
 *
 * Units. Lengths, offsets and addresses are in bytes. Ranges need no alignment
 * and take effect on every page that they touch; only translation and syncing
 * are exact to the byte.
 *
 * Threads. Several threads may call every function at once, on the same handles
 * too, with one exception: no other thread may use a handle while
 * contig_close() or contig_buffer_free() ends it.
 *
 * Signals. Functions marked async-signal-safe may be called in a signal handler
 * (they set errno, which a handler must save). The others may not.
 *
 * fork() does not wait for threads that are in a call of the library, and the
 * child may use the library at once.
 *
 * Processes. A client serves the memory of one process: the first that calls a
 * function on ranges of memory with it. In a child of that process such calls
 * fail with EXDEV, so after fork() the child must open its own client. It should
 * also contig_close() the handles that it inherited, because locks last until the
 * last process has closed them. exec() closes handles.
 *
 * Versions. Structures start with their size, so that programs, libraries and
 * modules of different versions work together. Members are only added at the
 * end, and a structure as short as that of the first version is always
 * accepted. Bytes of input that the library or the module does not know must be
 * zero, else the call fails with E2BIG. In output such bytes are set to zero.
 * The structures that tables consist of (struct contig_extent, contig_run,
 * contig_span) never grow; reports are copied one by one, see
 * contig_buffer_get_reports().
 *
 * Cancellation. No function is a cancellation point. A thread that is
 * cancelled, even asynchronously, does not leave any mutex of the library
 * locked.
 */

struct contig;
struct contig_buffer;
struct contig_deferral;

/* The device that contig_open() opens by default. */
#define CONTIG_PATH "/dev/contig"

/**
 * struct contig_open_opts - how to open a client
 * @sz: sizeof(struct contig_open_opts)
 * @path: the device, NULL for CONTIG_PATH
 */
struct contig_open_opts {
	size_t sz;
	const char *path;
};

#define CONTIG_OPEN_OPTS_INIT                                                  \
	{                                                                      \
		sizeof(struct contig_open_opts), NULL                          \
	}

/**
 * contig_open_opts_init() - set all options to their defaults
 * @opts: filled with the default of each option
 * @size: sizeof(struct contig_open_opts), as the caller knows it
 *
 * The same as CONTIG_OPEN_OPTS_INIT, for languages that cannot use macros of C.
 * @size keeps the function from writing past the end of a caller's structure
 * that is older, and so shorter, than the library's.
 *
 * Return: 0; -EINVAL: @size is smaller than that of the first version, and
 * nothing was written.
 *
 * Context: async-signal-safe.
 */
int contig_open_opts_init(struct contig_open_opts *opts, size_t size);

/**
 * contig_open() - open a client
 * @client: where to put the handle; set to NULL on failure
 * @opts: options, or NULL
 *
 * Several clients in one process are independent of each other: a client cannot
 * unlock memory that another client locked.
 *
 * Return: 0; -ENOENT: there is no such device, usually because the module is
 * not loaded; -EACCES: not allowed to open it; -ENOTTY: it is not contig's;
 * -EINVAL, -E2BIG: @opts is wrong; -EMFILE, -ENFILE, -ENOMEM.
 *
 * Context: not async-signal-safe.
 *
 * Source: client of linux/contig.h.
 */
int contig_open(struct contig **client, const struct contig_open_opts *opts);

/**
 * contig_close() - close a client
 * @client: handle, or NULL
 *
 * Ends all locks and holds of the client. Memory that no other client of the
 * process holds is munlock()ed. Buffers live on.
 *
 * Context: not async-signal-safe; no other call on @client may be under way.
 *
 * Source: differs from rule R5. The classic system never unlocked by itself
 * (Inside Macintosh: Memory, chapter 3); a Linux file must when it is closed.
 */
void contig_close(struct contig *client);

/**
 * contig_fd() - return the file descriptor of a client
 * @client: handle
 *
 * The descriptor is for commands that the library does not know.
 *
 * Return: the descriptor, which the library still owns.
 *
 * Context: async-signal-safe.
 */
int contig_fd(const struct contig *client);

/**
 * contig_get_info() - describe the machine and the module
 * @client: handle
 * @info: filled; its member size must be set to sizeof(struct contig_info), and
 *        its member flags to 0
 *
 * Return: 0; -EINVAL: the size is too small; -EOPNOTSUPP: the flags are not 0.
 *
 * Context: async-signal-safe.
 *
 * Source: CONTIG_INFO.
 */
int contig_get_info(struct contig *client, struct contig_info *info);

/**
 * struct contig_device_opts - the limits of a device
 * @sz: sizeof(struct contig_device_opts)
 * @address_bits: how many bits of a DMA address it has; 12 to 64, 0 for the
 *                kernel's value
 * @reserved: 0
 * @max_segment: longest segment that it takes, in bytes; at least a page, 0 for
 *               the kernel's value
 * @boundary: no segment may cross a multiple of this, in bytes; a power of two
 *            of at least a page, 0 for the kernel's value
 *
 * The kernel's values are those that the driver has set. Without such a driver
 * they are low: for PCI 32 bits and 64 KiB.
 */
struct contig_device_opts {
	size_t sz;
	uint32_t address_bits;
	uint32_t reserved;
	uint64_t max_segment;
	uint64_t boundary;
};

#define CONTIG_DEVICE_OPTS_INIT                                                \
	{                                                                      \
		sizeof(struct contig_device_opts), 0, 0, 0, 0                  \
	}

/**
 * contig_device_opts_init() - set all options to their defaults
 * @opts: filled with the default of each option
 * @size: sizeof(struct contig_device_opts), as the caller knows it
 *
 * The same as CONTIG_DEVICE_OPTS_INIT.
 *
 * Return: as contig_open_opts_init().
 *
 * Context: async-signal-safe.
 */
int contig_device_opts_init(struct contig_device_opts *opts, size_t size);

/**
 * contig_attach_device() - choose the device that a client's memory is for
 * @client: handle
 * @name: "pci/DDDD:BB:DD.F" or "platform/NAME"
 * @opts: the limits of the device, or NULL for the kernel's values
 *
 * From then on the client's allocations stay within the limits of the device,
 * its locks map memory for the device, and contig_get_dma() gives the addresses
 * to program into the device. A device that was attached before is detached.
 *
 * The device needs a driver that leaves DMA to others, such as uio_pci_generic.
 * When the device is unplugged or its driver changes, everything that needs the
 * device fails with ENODEV until it is attached again or detached; unlocking
 * still works.
 *
 * Return: 0; -EPERM: the caller has neither CAP_SYS_RAWIO nor an entry in the
 * module parameter devices; -EACCES: there is an entry, but the device is not
 * confined to memory of this user; -ENODEV: there is no such device; -EUNATCH:
 * it has no driver; -ERANGE: it can reach no memory; -EBUSY: its driver does
 * DMA without the kernel's DMA API, another client uses it with other limits,
 * it or another device of its IOMMU group is used by a user that devices no
 * longer gives it to, a client with CAP_SYS_RAWIO uses one of these and the
 * caller lacks that right, or this client has memory locked; -EINVAL: a name
 * that is empty or too long, wrong limits; -EOPNOTSUPP: the reserved member is
 * not 0; -E2BIG: @opts has members that this library does not know.
 *
 * Context: not async-signal-safe.
 *
 * Source: CONTIG_DEVICE.
 */
int contig_attach_device(struct contig *client, const char *name,
			 const struct contig_device_opts *opts);

/**
 * contig_detach_device() - undo contig_attach_device()
 * @client: handle
 *
 * Return: 0; -EUNATCH: no device was attached; -EBUSY: this client has memory
 * locked.
 *
 * Context: not async-signal-safe.
 *
 * Source: CONTIG_DEVICE with CONTIG_DEVICE_DETACH.
 */
int contig_detach_device(struct contig *client);

/**
 * contig_get_device() - describe the attached device
 * @client: handle
 * @info: filled; its member size must be set to sizeof(struct contig_device)
 *
 * The members whose names begin with out_ describe the device, all others are
 * 0.
 *
 * Return: 0; -EUNATCH: no device is attached; -ENODEV: it is gone; -EINVAL: the
 * size is too small.
 *
 * Context: async-signal-safe.
 *
 * Source: CONTIG_DEVICE with CONTIG_DEVICE_QUERY.
 */
int contig_get_device(struct contig *client, struct contig_device *info);

/**
 * struct contig_alloc_opts - options of an allocation
 * @sz: sizeof(struct contig_alloc_opts)
 * @constraints: limits that the memory must meet; all zero for none
 * @rungs: CONTIG_RUNGS_ mask of the rungs that may be tried, 0 for all
 * @flags: bits of &enum contig_alloc_flags
 * @timeout_ms: milliseconds that the allocation may take, 0 for the module's
 *              default
 * @reserved: 0
 * @name: name of the buffer in debugfs, shorter than CONTIG_NAME_SIZE, NULL for
 *        the name of the calling thread
 * @answer: NULL, or where to put the kernel's whole answer, on failure too; its
 *          member size must be set. contig_explain() takes it.
 */
struct contig_alloc_opts {
	size_t sz;
	struct contig_constraints constraints;
	uint32_t rungs;
	uint32_t flags;
	uint32_t timeout_ms;
	uint32_t reserved;
	const char *name;
	struct contig_alloc *answer;
};

#ifdef __cplusplus
#define CONTIG_ALLOC_OPTS_INIT                                                 \
	{                                                                      \
		sizeof(struct contig_alloc_opts), {}, 0, 0, 0, 0, NULL, NULL   \
	}
#else
#define CONTIG_ALLOC_OPTS_INIT                                                 \
	{                                                                      \
		.sz = sizeof(struct contig_alloc_opts)                         \
	}
#endif

/**
 * contig_alloc_opts_init() - set all options to their defaults
 * @opts: filled with the default of each option
 * @size: sizeof(struct contig_alloc_opts), as the caller knows it
 *
 * The same as CONTIG_ALLOC_OPTS_INIT.
 *
 * Return: as contig_open_opts_init().
 *
 * Context: async-signal-safe.
 */
int contig_alloc_opts_init(struct contig_alloc_opts *opts, size_t size);

#if defined(__cplusplus) && defined(__GNUC__)
/*
 * As with stat() and struct stat, some functions are named like the structure
 * of the command they are for.
 */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#endif

/**
 * contig_alloc() - allocate a buffer
 * @client: handle
 * @length: bytes wanted; rounded up to pages
 * @opts: options, or NULL for any memory, from the first rung that can give it
 * @buffer: where to put the handle; set to NULL on failure
 *
 * The memory is zero, except with CONTIG_ALLOC_KEEP_CONTENTS and
 * CONTIG_ALLOC_UNINITIALIZED. It can be mapped with contig_buffer_map(), locked with
 * contig_buffer_lock() or by the address at which it was mapped, and given to other
 * drivers and processes as contig_buffer_fd().
 *
 * Return: 0; -ENOMEM: no rung could give it; -EAGAIN: none could give it at
 * once, as CONTIG_ALLOC_NO_WAIT demands; -ETIME: the time ran out; -EINTR: a
 * fatal signal came; -ERANGE: no memory of this machine meets the
 * constraints; -EFBIG: longer than the memory of the machine, or, on a 32-bit
 * kernel, than 4 GiB less a page; -EDQUOT: over the user's quota, or over the
 * memory that all users together may have allocated; -EPERM: the constraints
 * would reveal physical addresses, which the caller may not see; -EINVAL: a
 * length of 0, a name too long, wrong constraints, flags that exclude each other;
 * -EOPNOTSUPP: unknown flags or rungs; -E2BIG: @opts has members that this
 * library does not know; -EMFILE, -ENFILE: too many open files; -ENODEV: the
 * device of the client is gone.
 *
 * Context: may sleep as long as the time budget. Not async-signal-safe.
 *
 * Source: CONTIG_ALLOC; the rungs follow the advice of Apple's Q&A DV 36:
 * early, deferred, smaller, scatter/gather.
 */
int contig_alloc(struct contig *client, uint64_t length,
		 const struct contig_alloc_opts *opts,
		 struct contig_buffer **buffer);

/**
 * contig_probe() - report the result that contig_alloc() would have
 * @client: handle
 * @length: bytes, as for contig_alloc()
 * @opts: as for contig_alloc(), except that the time budget, the name and the
 *        answer are not used, and that CONTIG_ALLOC_NO_WAIT is refused
 * @probe: filled; its member size must be set to sizeof(struct contig_probe)
 *
 * Changes nothing.
 *
 * Return: 0, even if no rung could give the memory: out_rung is
 * CONTIG_RUNG_NONE then. Otherwise as contig_alloc() for wrong arguments.
 *
 * Context: not async-signal-safe.
 *
 * Source: CONTIG_PROBE.
 */
int contig_probe(struct contig *client, uint64_t length,
		 const struct contig_alloc_opts *opts,
		 struct contig_probe *probe);

/**
 * struct contig_defer_opts - options of a deferred request
 * @sz: sizeof(struct contig_defer_opts)
 * @flags: bits of &enum contig_defer_flags
 * @priority: from CONTIG_PRIORITY_MIN to CONTIG_PRIORITY_MAX; a larger one comes first
 * @eventfd: is signalled when the request has ended, with CONTIG_DEFER_EVENTFD
 * @reserved: 0
 * @deadline_ms: milliseconds after which the request fails with ETIME, 0 for never
 */
struct contig_defer_opts {
	size_t sz;
	uint32_t flags;
	int32_t priority;
	int32_t eventfd;
	uint32_t reserved;
	uint64_t deadline_ms;
};

#ifdef __cplusplus
#define CONTIG_DEFER_OPTS_INIT                                                 \
	{                                                                      \
		sizeof(struct contig_defer_opts), 0, 0, 0, 0, 0                \
	}
#else
#define CONTIG_DEFER_OPTS_INIT                                                 \
	{                                                                      \
		.sz = sizeof(struct contig_defer_opts)                         \
	}
#endif

/**
 * contig_defer_opts_init() - set all options to their defaults
 * @opts: filled with the default of each option
 * @size: sizeof(struct contig_defer_opts), as the caller knows it
 *
 * The same as CONTIG_DEFER_OPTS_INIT.
 *
 * Return: as contig_open_opts_init().
 *
 * Context: async-signal-safe.
 */
int contig_defer_opts_init(struct contig_defer_opts *opts, size_t size);

/**
 * contig_defer() - ask for a buffer that need not be there yet
 * @client: handle; must stay open until contig_deferral_free()
 * @length: bytes, as for contig_alloc()
 * @alloc_opts: as for contig_alloc(), or NULL; its time budget is that of one attempt,
 *              its answer is not used
 * @opts: options, or NULL for a request without a deadline
 * @deferral: where to put the handle; set to NULL on failure
 *
 * The kernel tries the request again when memory became free, until it gets some.
 * contig_deferral_fd() is readable then, and contig_deferral_collect() gives the buffer.
 *
 * Return: 0; -EDQUOT: longer than the user's whole quota; -ENOSPC: too many such
 * requests; -EPERM: the priority is for the privileged; -EBADF, -EBADFD: no eventfd;
 * otherwise as contig_alloc() for wrong arguments.
 *
 * Context: does not wait for memory. Not async-signal-safe.
 *
 * Source: CONTIG_DEFER; the deferred allocation of Apple's Q&A DV 36.
 */
int contig_defer(struct contig *client, uint64_t length,
		 const struct contig_alloc_opts *alloc_opts,
		 const struct contig_defer_opts *opts,
		 struct contig_deferral **deferral);

/**
 * contig_deferral_fd() - return a descriptor to poll for the end of a request
 * @deferral: handle
 *
 * Return: a descriptor that belongs to the handle. It is readable (POLLIN) when the
 * request has got memory, has expired or was cancelled.
 *
 * Context: async-signal-safe.
 */
int contig_deferral_fd(const struct contig_deferral *deferral);

/**
 * contig_deferral_collect() - take the buffer that a request got
 * @deferral: handle
 * @flags: bits of &enum contig_collect_flags
 * @answer: NULL, or where to put the kernel's whole answer, on failure too; its member
 *          size must be set. contig_explain() takes it
 * @buffer: where to put the handle of the buffer; set to NULL on failure
 *
 * Return: 0; -EAGAIN: the request waits; -ETIME: its deadline has passed; -ECANCELED: it
 * was cancelled; -ENODATA: the buffer was collected before; -EHWPOISON: its memory has
 * failed, and is gone; -EMFILE, -ENFILE: too many open files; -ENOMEM.
 *
 * Context: does not wait for memory, but for looking at it when the deadline has passed, a
 * second at most. Not async-signal-safe.
 *
 * Source: CONTIG_COLLECT.
 */
int contig_deferral_collect(struct contig_deferral *deferral, uint32_t flags,
			    struct contig_alloc *answer,
			    struct contig_buffer **buffer);

/**
 * contig_deferral_free() - cancel a request, and close its handle
 * @deferral: handle, or NULL for nothing
 *
 * Frees what the request got, unless it was collected.
 *
 * Context: not async-signal-safe.
 */
void contig_deferral_free(struct contig_deferral *deferral);

/**
 * contig_buffer_import() - make a handle from a buffer's file descriptor
 * @client: handle
 * @fd: descriptor of a buffer of contig, for instance received from another
 *      process, or of a dma-buf of another exporter; it is duplicated, and the
 *      caller still owns it
 * @buffer: where to put the handle; set to NULL on failure
 *
 * The kernel reports rung, mapping, extents and reports only to the client that
 * allocates: this handle has CONTIG_RUNG_NONE, CONTIG_MAPPING_NONE, 0 extents
 * and no reports. A dma-buf of another exporter can be locked for a device, see
 * CONTIG_LOCK.
 *
 * Return: 0; -EBADF: not open; -EBADFD: not a dma-buf; -EMFILE; -ENOMEM.
 *
 * Context: not async-signal-safe.
 *
 * Source: dma-buf file descriptors, which any process may pass on.
 */
int contig_buffer_import(struct contig *client, int fd,
			 struct contig_buffer **buffer);

/**
 * contig_buffer_free() - close a buffer's handle
 * @buffer: handle, or NULL
 *
 * The memory itself is freed when the last descriptor, mapping, importer and
 * lock of it are gone.
 *
 * Context: not async-signal-safe; no other call on @buffer may be under way.
 */
void contig_buffer_free(struct contig_buffer *buffer);

/**
 * contig_buffer_fd() - return the dma-buf of a buffer
 * @buffer: handle
 *
 * Return: the descriptor, which the library still owns; dup() or send it to
 * keep the memory longer than the handle.
 *
 * Context: async-signal-safe.
 */
int contig_buffer_fd(const struct contig_buffer *buffer);

/**
 * contig_buffer_length() - return the length of a buffer
 * @buffer: handle
 *
 * Return: bytes, a multiple of the page size.
 *
 * Context: async-signal-safe.
 */
uint64_t contig_buffer_length(const struct contig_buffer *buffer);

/**
 * contig_buffer_rung() - return the rung that gave a buffer
 * @buffer: handle
 *
 * Return: one of &enum contig_rung.
 *
 * Context: async-signal-safe.
 */
enum contig_rung contig_buffer_rung(const struct contig_buffer *buffer);

/**
 * contig_buffer_mapping() - return how a buffer is mapped into page tables
 * @buffer: handle
 *
 * Return: one of &enum contig_mapping.
 *
 * Context: async-signal-safe.
 */
enum contig_mapping contig_buffer_mapping(const struct contig_buffer *buffer);

/**
 * contig_buffer_extents() - return the number of extents of a buffer
 * @buffer: handle
 *
 * Return: the number; 0 for an imported buffer.
 *
 * Context: async-signal-safe.
 */
uint64_t contig_buffer_extents(const struct contig_buffer *buffer);

/**
 * contig_buffer_huge_size() - return the size of a buffer's huge pages
 * @buffer: handle
 *
 * Return: bytes in a huge page, if the buffer consists of huge pages: see
 * CONTIG_ALLOC_HUGE_PAGES; 0 if it does not, and for an imported buffer.
 *
 * Context: async-signal-safe.
 */
uint64_t contig_buffer_huge_size(const struct contig_buffer *buffer);

/**
 * contig_buffer_get_reports() - copy the reports of the rungs that were tried
 * @buffer: handle
 * @reports: array to fill; may be NULL if *@count is 0
 * @report_size: sizeof(struct contig_report)
 * @count: in: room in @reports; out: the number of reports that there are
 *
 * The reports are in the order in which the rungs were tried; the last one is
 * of the rung that gave the memory. There are at most CONTIG_REPORTS. If there
 * are more than *@count, the array receives the first ones. For an imported
 * buffer there are none.
 *
 * Return: 0; -EINVAL: @report_size is too small.
 *
 * Context: async-signal-safe.
 */
int contig_buffer_get_reports(const struct contig_buffer *buffer,
			      struct contig_report *reports, size_t report_size,
			      unsigned int *count);

/**
 * contig_buffer_map() - map a buffer or a part of it
 * @buffer: handle
 * @offset: first byte
 * @length: bytes, not 0
 * @prot: PROT_READ, PROT_WRITE or both, of sys/mman.h
 * @addr: where to put the address of the byte at @offset
 *
 * A buffer may be mapped several times, and all mappings share its memory. One of
 * huge pages, unless it was imported, is mapped at an address that suits them, if
 * there is room, and its pages are touched: no later access faults. The mapping outlives the handle: only contig_buffer_unmap() ends it.
 *
 * Return: 0; -EINVAL: a length of 0; -EOVERFLOW: past the end of the buffer;
 * -EACCES, -ENOMEM as mmap().
 *
 * Context: not async-signal-safe.
 */
int contig_buffer_map(struct contig_buffer *buffer, uint64_t offset,
		      size_t length, int prot, void **addr);

/**
 * contig_buffer_unmap() - undo contig_buffer_map()
 * @addr: address that contig_buffer_map() gave
 * @length: length that was passed to contig_buffer_map()
 *
 * Return: 0; -EINVAL: a length of 0, or as munmap().
 *
 * Context: not async-signal-safe.
 */
int contig_buffer_unmap(void *addr, size_t length);

/**
 * enum contig_access - how the CPU is going to access a buffer
 * @CONTIG_ACCESS_READ: it reads the buffer
 * @CONTIG_ACCESS_WRITE: it writes to the buffer
 */
enum contig_access {
	CONTIG_ACCESS_READ = 1 << 0,
	CONTIG_ACCESS_WRITE = 1 << 1
};

/**
 * contig_buffer_begin_access() - make data that devices wrote visible to the
 * CPU
 * @buffer: handle
 * @access: bits of &enum contig_access, at least one
 *
 * Call it before the CPU accesses a mapping of a buffer that a device uses.
 *
 * Return: 0; -EOPNOTSUPP: unknown bits; -EINVAL: no bit; -EHWPOISON: a page of
 * the buffer has failed.
 *
 * Context: async-signal-safe.
 *
 * Source: DMA_BUF_IOCTL_SYNC; it replaces the cache inhibition that LockMemory
 * promised and that user space cannot have.
 */
int contig_buffer_begin_access(struct contig_buffer *buffer,
			       unsigned int access);

/**
 * contig_buffer_end_access() - make data of the CPU visible to devices
 * @buffer: handle
 * @access: as it was given to contig_buffer_begin_access()
 *
 * Return: as contig_buffer_begin_access().
 *
 * Context: async-signal-safe.
 *
 * Source: DMA_BUF_IOCTL_SYNC.
 */
int contig_buffer_end_access(struct contig_buffer *buffer, unsigned int access);

/**
 * contig_hold() - keep a range of memory resident
 * @client: handle
 * @addr: first byte
 * @length: bytes, not 0
 *
 * The pages will not be paged out, but may move in physical memory. Holds are
 * counted per page and client; each must be undone by contig_unhold().
 *
 * A module cannot keep a page resident without fixing it in place, so the
 * library locks the pages with mlock2() and MLOCK_ONFAULT unless they are
 * mlock()ed already. A munlock() by the program defeats its holds.
 *
 * Return: 0; -EDQUOT: RLIMIT_MEMLOCK; -ENOMEM; -EFAULT: not mapped; -ENXIO: not
 * memory; -EOVERFLOW: past the end of the address space; -EINVAL: a length of
 * 0; -EXDEV: the client is of another process; -EDEADLK: called in a signal
 * handler that interrupted a hold or unhold of the same thread.
 *
 * Context: may sleep. Not async-signal-safe. While it waits for a page, other
 * threads may hold, unhold, lock and fork.
 *
 * Source: HoldMemory, Inside Macintosh: Memory, "Holding and Releasing Memory";
 * counting: Macintosh technotes ME 02 and ME 09; CONTIG_HOLD.
 */
int contig_hold(struct contig *client, const void *addr, size_t length);

/**
 * contig_unhold() - undo one hold of every page of a range
 * @client: handle
 * @addr: first byte
 * @length: bytes, not 0
 *
 * Pages that no client of the process holds any longer are munlock()ed, unless
 * the program has called mlock() on them, before the hold or after it. If the
 * program has called mlock2() with MLOCK_ONFAULT on them after the hold, they
 * are munlock()ed nevertheless, since the library cannot distinguish that from
 * the mlock2() of the hold.
 *
 * Return: 0; -ENODATA: a page is not held by this client; -ENOMEM; -EOVERFLOW;
 * -EINVAL; -EXDEV; -EDEADLK: as contig_hold().
 *
 * Context: not async-signal-safe.
 *
 * Source: UnholdMemory, as contig_hold(); CONTIG_UNHOLD.
 */
int contig_unhold(struct contig *client, const void *addr, size_t length);

/**
 * contig_lock() - make a range of memory resident and immovable
 * @client: handle
 * @addr: first byte; may lie in a mapping of a buffer
 * @length: bytes, not 0
 * @flags: CONTIG_LOCK_OUTPUT: the device will only read, so the pages need not
 *         be writable and do not become dirty; CONTIG_LOCK_CONTIGUOUS: only if
 *         the whole range is one extent, which a buffer is moved to if it has
 *         several and can be moved; CONTIG_LOCK_DEVICE_CONTIGUOUS: only if the
 *         DMA addresses of the whole range are adjacent for the client's
 *         device, wherever the memory lies
 *
 * Locks are counted per page and client; each must be undone by
 * contig_unlock(), whatever its flags.
 *
 * If the client has a device, the memory is mapped for it too.
 *
 * Return: 0; -EDQUOT: over RLIMIT_MEMLOCK, over the memory that all users
 * without CAP_IPC_LOCK together may have locked, or behind an IOMMU over the
 * quotas of allocated memory; -ENOMEM; -EILSEQ: not contiguous; -EPERM: this
 * caller may not learn whether it is contiguous, see CONTIG_LOCK_CONTIGUOUS;
 * -EUNATCH: no device is attached; -ENODEV: it is gone; -EADDRNOTAVAIL: it
 * cannot reach a page; -EFAULT: not mapped; -ENXIO: not memory; -EACCES: not
 * writable; -ESTALE: other memory was locked at these addresses; -EHWPOISON: a
 * page of a buffer has failed; -EOVERFLOW; -EINVAL; -EOPNOTSUPP: unknown flags;
 * -EINTR: a fatal signal came; -EXDEV.
 *
 * Context: may sleep and page. Async-signal-safe.
 *
 * Source: LockMemory, LockMemoryForOutput and LockMemoryContiguous, Inside
 * Macintosh: Memory, "Locking and Unlocking Memory", and Apple technote 1069;
 * CONTIG_LOCK.
 */
int contig_lock(struct contig *client, const void *addr, size_t length,
		uint32_t flags);

/**
 * contig_unlock() - undo one lock of every page of a range
 * @client: handle
 * @addr: first byte
 * @length: bytes, not 0
 *
 * Return: 0; -ENOLCK: a page is not locked by this client; -ENOMEM: the kernel
 * had no memory to unlock a part of a locked range, call it again; -EOVERFLOW;
 * -EINVAL; -EXDEV.
 *
 * Context: async-signal-safe.
 *
 * Source: UnlockMemory, as contig_lock(); CONTIG_UNLOCK.
 */
int contig_unlock(struct contig *client, const void *addr, size_t length);

/**
 * contig_buffer_lock() - lock a range of a buffer
 * @client: handle
 * @buffer: handle
 * @offset: first byte
 * @length: bytes, not 0
 * @flags: as for contig_lock()
 *
 * The same as contig_lock(), for a range that need not be mapped. Locks by
 * offset and locks by an address in a mapping are counted separately. Use the
 * contig_buffer_ functions for the former, and the others for the latter.
 *
 * Return: as contig_lock(); -EOVERFLOW: past the end of the buffer.
 *
 * Context: async-signal-safe.
 *
 * Source: CONTIG_LOCK with CONTIG_RANGE_BUFFER.
 */
int contig_buffer_lock(struct contig *client,
		       const struct contig_buffer *buffer, uint64_t offset,
		       uint64_t length, uint32_t flags);

/**
 * contig_buffer_unlock() - undo one lock of a range of a buffer
 * @client: handle
 * @buffer: handle
 * @offset: first byte
 * @length: bytes, not 0
 *
 * Return: as contig_unlock().
 *
 * Context: async-signal-safe.
 *
 * Source: CONTIG_UNLOCK with CONTIG_RANGE_BUFFER.
 */
int contig_buffer_unlock(struct contig *client,
			 const struct contig_buffer *buffer, uint64_t offset,
			 uint64_t length);

/**
 * contig_get_physical() - translate a locked range to physical addresses
 * @client: handle
 * @addr: in: first byte; out: first byte not yet translated
 * @length: in: bytes, not 0; out: bytes not yet translated
 * @extents: where to put the extents; may be NULL if *@count is 0
 * @count: in: room in @extents; out: entries filled
 *
 * The first extent starts at exactly the byte *@addr, and the lengths of the
 * extents add up to the bytes translated. To translate a range with a short
 * table, call until *@length is 0.
 *
 * With *@count 0 the function only counts: *@count becomes the number of
 * extents of the whole range, and nothing else changes. That needs no right for
 * a single page or a range of one buffer.
 *
 * A device behind an IOMMU does not use physical addresses: contig_get_dma()
 * gives the addresses that it uses.
 *
 * Return: 0; -EPERM: physical addresses need CAP_SYS_RAWIO, or the module
 * parameter allow_physical; -ENOLCK: not locked by this client; -ESTALE: the
 * locked memory is no longer mapped there; -EHWPOISON: a page of a buffer has
 * failed; -EFAULT: @extents is not mapped; -EOVERFLOW; -EINVAL; -EXDEV. After
 * an error *@addr, *@length and *@count are unchanged.
 *
 * Context: async-signal-safe.
 *
 * Source: GetPhysical, Inside Macintosh: Memory, "Mapping Logical to Physical
 * Addresses"; CONTIG_GET_PHYSICAL.
 */
int contig_get_physical(struct contig *client, const void **addr,
			size_t *length, struct contig_extent *extents,
			uint32_t *count);

/**
 * contig_buffer_get_physical() - translate a locked range of a buffer
 * @client: handle
 * @buffer: handle
 * @offset: in: first byte; out: first byte not yet translated
 * @length: in: bytes, not 0; out: bytes not yet translated
 * @extents: as for contig_get_physical()
 * @count: as for contig_get_physical()
 *
 * Return: as contig_get_physical(); for a dma-buf of another exporter -ENXIO:
 * it is not all system memory; -ENODEV: the device is gone.
 *
 * Context: async-signal-safe.
 *
 * Source: CONTIG_GET_PHYSICAL with CONTIG_RANGE_BUFFER.
 */
int contig_buffer_get_physical(struct contig *client,
			       const struct contig_buffer *buffer,
			       uint64_t *offset, uint64_t *length,
			       struct contig_extent *extents, uint32_t *count);

/**
 * contig_get_extents() - translate a whole locked range at once
 * @client: handle
 * @addr: first byte
 * @length: bytes, not 0
 * @extents: where to put the table; free() it; set to NULL on failure
 * @count: where to put the number of entries
 *
 * Return: as contig_get_physical(); -ENOMEM.
 *
 * Context: not async-signal-safe.
 *
 * Source: as contig_get_physical().
 */
int contig_get_extents(struct contig *client, const void *addr, size_t length,
		       struct contig_extent **extents, uint32_t *count);

/**
 * contig_buffer_get_extents() - translate a locked range of a buffer at once
 * @client: handle
 * @buffer: handle
 * @offset: first byte
 * @length: bytes, not 0
 * @extents: as for contig_get_extents()
 * @count: as for contig_get_extents()
 *
 * Return: as contig_get_extents().
 *
 * Context: not async-signal-safe.
 *
 * Source: as contig_buffer_get_physical().
 */
int contig_buffer_get_extents(struct contig *client,
			      const struct contig_buffer *buffer,
			      uint64_t offset, uint64_t length,
			      struct contig_extent **extents, uint32_t *count);

/**
 * contig_get_dma() - translate a locked range to addresses for a device
 * @client: handle, to which a device is attached
 * @addr: in: first byte; out: first byte not yet translated
 * @length: in: bytes, not 0; out: bytes not yet translated
 * @extents: where to put extents of DMA addresses; may be NULL if *@count is 0
 * @count: in: room in @extents; out: entries filled
 *
 * The same as contig_get_physical(), but with the DMA addresses of the client's
 * device. Adjacent DMA addresses make one extent, whether the memory is
 * adjacent or not. The addresses are valid until the range is unlocked.
 *
 * Return: as contig_get_physical(), but never -EPERM; -EUNATCH: no device is
 * attached; -ENODEV: it is gone.
 *
 * Context: async-signal-safe.
 *
 * Source: CONTIG_GET_PHYSICAL with CONTIG_GET_DMA.
 */
int contig_get_dma(struct contig *client, const void **addr, size_t *length,
		   struct contig_extent *extents, uint32_t *count);

/**
 * contig_buffer_get_dma() - translate a locked range of a buffer for a device
 * @client: handle, to which a device is attached
 * @buffer: handle
 * @offset: in: first byte; out: first byte not yet translated
 * @length: in: bytes, not 0; out: bytes not yet translated
 * @extents: as for contig_get_dma()
 * @count: as for contig_get_dma()
 *
 * Return: as contig_get_dma().
 *
 * Context: async-signal-safe.
 *
 * Source: CONTIG_GET_PHYSICAL with CONTIG_RANGE_BUFFER and CONTIG_GET_DMA.
 */
int contig_buffer_get_dma(struct contig *client,
			  const struct contig_buffer *buffer, uint64_t *offset,
			  uint64_t *length, struct contig_extent *extents,
			  uint32_t *count);

/**
 * contig_get_dma_extents() - translate a whole locked range for a device
 * @client: handle, to which a device is attached
 * @addr: first byte
 * @length: bytes, not 0
 * @extents: where to put the table; free() it; set to NULL on failure
 * @count: where to put the number of entries
 *
 * Return: as contig_get_dma(); -ENOMEM.
 *
 * Context: not async-signal-safe.
 *
 * Source: as contig_get_dma().
 */
int contig_get_dma_extents(struct contig *client, const void *addr,
			   size_t length, struct contig_extent **extents,
			   uint32_t *count);

/**
 * contig_buffer_get_dma_extents() - translate a range of a buffer for a device
 * @client: handle, to which a device is attached
 * @buffer: handle
 * @offset: first byte
 * @length: bytes, not 0
 * @extents: as for contig_get_dma_extents()
 * @count: as for contig_get_dma_extents()
 *
 * Return: as contig_get_dma_extents().
 *
 * Context: not async-signal-safe.
 *
 * Source: as contig_buffer_get_dma().
 */
int contig_buffer_get_dma_extents(struct contig *client,
				  const struct contig_buffer *buffer,
				  uint64_t offset, uint64_t length,
				  struct contig_extent **extents,
				  uint32_t *count);

/**
 * struct contig_prepare_opts - options of a preparation
 * @sz: sizeof(struct contig_prepare_opts)
 * @flags: CONTIG_IO_INPUT: the device is going to write to the memory;
 *         CONTIG_IO_OUTPUT: it is going to read it; both, or neither to leave
 *         that to contig_checkpoint(); CONTIG_IO_BOUNCE: it may use a copy of
 *         memory that it cannot reach; CONTIG_GET_DMA: @addrs receives DMA
 *         addresses instead of physical ones
 * @max_pages: room in @addrs, and so the maximum number of pages to prepare; 0
 *             for no limit, only if @addrs is NULL
 * @first: where in the ranges to begin, in bytes from the start of the first
 *         range; the ranges are taken as one sequence of bytes
 * @granularity: in bytes, rounded up to pages: the length of a part that does
 *               not reach the end is a multiple of this. 0 for any length
 * @addrs: NULL, or where to put the address of each page in turn
 */
struct contig_prepare_opts {
	size_t sz;
	uint32_t flags;
	uint32_t max_pages;
	uint64_t first;
	uint64_t granularity;
	uint64_t *addrs;
};

#define CONTIG_PREPARE_OPTS_INIT                                               \
	{                                                                      \
		sizeof(struct contig_prepare_opts), 0, 0, 0, 0, NULL           \
	}

/**
 * contig_prepare_opts_init() - set all options to their defaults
 * @opts: filled with the default of each option
 * @size: sizeof(struct contig_prepare_opts), as the caller knows it
 *
 * The same as CONTIG_PREPARE_OPTS_INIT.
 *
 * Return: as contig_open_opts_init().
 *
 * Context: async-signal-safe.
 */
int contig_prepare_opts_init(struct contig_prepare_opts *opts, size_t size);

/**
 * contig_prepare() - prepare ranges of memory for transfers by a device
 * @client: handle
 * @ranges: the memory, in the order in which it is transferred; ranges may
 *          overlap
 * @range_count: entries in @ranges, 1 to CONTIG_PREPARE_RANGES
 * @opts: options, or NULL to prepare all of it, in no direction yet
 * @prepared: filled; its member size must be set to
 *            sizeof(struct contig_prepare)
 *
 * Locks the memory, reports the address of each page, and syncs caches so that
 * the device sees the data that the CPU wrote, and the CPU will see the data
 * that the device writes. From then on the CPU must not use the memory, until
 * contig_checkpoint() is called with the member out_id of @prepared. A
 * preparation counts as a lock.
 *
 * There is one address for each page, and each range begins a new entry, with
 * the address of its first byte. The member count of @prepared says how many
 * pages were prepared, out_length how many bytes, and out_bounced of how many
 * pages the device uses a copy. If @opts->max_pages is too small for all of it,
 * only a part is prepared, and out_done is 0: transfer the part, call
 * contig_checkpoint(), and prepare the next part with @opts->first raised by
 * out_length.
 *
 * Return: 0; -EMSGSIZE: not even @opts->granularity fits; -EDQUOT: as for
 * contig_lock(), or too much memory for copies; -EUNATCH: no device is
 * attached, which CONTIG_GET_DMA and CONTIG_IO_BOUNCE need; -ENODEV: it is
 * gone; -EADDRNOTAVAIL: it cannot reach a page, and CONTIG_IO_BOUNCE is not set
 * or the kernel can make no copies for it; -EPERM: physical addresses need
 * CAP_SYS_RAWIO, or the module parameter allow_physical; -ENOMEM; -EFAULT: a
 * range is not mapped; -ENXIO: not memory; -EACCES: not writable, and not for
 * output only; -ESTALE: other memory was locked at these addresses;
 * -EHWPOISON: a page of a buffer has failed; -EOVERFLOW; -EINVAL: no range or
 * too many, a length of 0, @opts->first past the end, @opts->addrs with
 * @opts->max_pages 0, a structure too short; -EOPNOTSUPP: unknown flags;
 * -E2BIG: @opts has members that this library does not know; -EINTR: a fatal
 * signal came; -EXDEV. After an error nothing is prepared.
 *
 * Context: may sleep and page. Async-signal-safe.
 *
 * Source: PrepareMemoryForIO, Designing PCI Cards and Drivers for Power
 * Macintosh Computers; CONTIG_PREPARE.
 */
int contig_prepare(struct contig *client, const struct contig_span *ranges,
		   uint32_t range_count, const struct contig_prepare_opts *opts,
		   struct contig_prepare *prepared);

/**
 * contig_buffer_prepare() - prepare ranges of a buffer for a device
 * @client: handle
 * @buffer: handle
 * @ranges: as for contig_prepare(), by their offsets into the buffer
 * @range_count: as for contig_prepare()
 * @opts: as for contig_prepare()
 * @prepared: as for contig_prepare()
 *
 * The same as contig_prepare(), for ranges that need not be mapped.
 *
 * Return: as contig_prepare(); -EOVERFLOW: past the end of the buffer.
 *
 * Context: async-signal-safe.
 *
 * Source: CONTIG_PREPARE with CONTIG_RANGE_BUFFER.
 */
int contig_buffer_prepare(struct contig *client,
			  const struct contig_buffer *buffer,
			  const struct contig_span *ranges,
			  uint32_t range_count,
			  const struct contig_prepare_opts *opts,
			  struct contig_prepare *prepared);

/**
 * contig_checkpoint() - end a transfer
 * @client: handle
 * @id: member out_id that contig_prepare() or contig_buffer_prepare() filled
 * @flags: 0: this was the last transfer, and the memory is unlocked;
 *         CONTIG_IO_MORE: another transfer will follow, with CONTIG_IO_INPUT,
 *         CONTIG_IO_OUTPUT, both or neither as for contig_prepare()
 *
 * After the last transfer the CPU may use the memory again. Between two
 * transfers the CPU may read the data that the device wrote; the device sees
 * the data that the CPU writes only after the next contig_checkpoint().
 *
 * Return: 0; -ENOENT: there is no preparation with this id; -EACCES: with
 * CONTIG_IO_MORE, the memory was prepared for output only and the device cannot
 * write to it; -ESTALE: the data is in the pages that were locked, and the
 * process has other pages at these addresses now; -ENODEV, -ENOLCK, -EHWPOISON:
 * the device or a lock is gone, or a page of a buffer has failed, and some of
 * the data that the device wrote may be lost; -ENOMEM: the kernel had no memory
 * to unlock, and the id has not ended, call it again with @flags 0; -EINVAL: a
 * direction without CONTIG_IO_MORE; -EOPNOTSUPP: unknown flags; -EINTR: a fatal
 * signal came, or any signal while the exporter of a dma-buf waited; -EXDEV.
 * After -ESTALE, -ENODEV, -ENOLCK and -EHWPOISON without CONTIG_IO_MORE the
 * memory is unlocked and the id has ended nevertheless.
 *
 * Context: may sleep. Async-signal-safe.
 *
 * Source: CheckpointIO, as contig_prepare(); CONTIG_CHECKPOINT.
 */
int contig_checkpoint(struct contig *client, uint32_t id, uint32_t flags);

/**
 * contig_sync() - hand locked memory to the device or to the CPU
 * @client: handle, to which a device is attached
 * @addr: first byte; all of the range must be locked or prepared by its
 *        address, even if it is a mapping of a buffer
 * @length: bytes, not 0
 * @flags: the next user, CONTIG_IO_FOR_CPU or CONTIG_IO_FOR_DEVICE; with
 *         CONTIG_IO_INPUT, CONTIG_IO_OUTPUT or both: the device writes to the
 *         memory, reads it, or does both
 *
 * Syncs caches, and copies that the device uses, for this range only. It costs
 * little if the device looks into the caches of the CPU and uses no copies.
 *
 * Return: 0; -EUNATCH: no device is attached; -ENODEV: it is gone; -ENOLCK: not
 * locked by this client; -ESTALE: the range is synced, in the pages that were
 * locked, and the process has other pages at these addresses now; -EHWPOISON: a
 * page of a buffer has failed, and memory that was locked by other calls than
 * this page is synced; -EOVERFLOW; -EINVAL: a length of 0, no next user, two of
 * them, or no direction; -EOPNOTSUPP: unknown flags; -EINTR: a fatal signal
 * came; -EXDEV.
 *
 * Context: may sleep. Async-signal-safe.
 *
 * Source: dma_sync_single_for_device() and dma_sync_single_for_cpu() of Linux;
 * CONTIG_SYNC.
 */
int contig_sync(struct contig *client, const void *addr, size_t length,
		uint32_t flags);

/**
 * contig_buffer_sync() - hand a locked range of a buffer to the device or back
 * @client: handle, to which a device is attached
 * @buffer: handle
 * @offset: first byte; all of the range must be locked or prepared by its
 *          offset
 * @length: bytes, not 0
 * @flags: as for contig_sync()
 *
 * contig_buffer_begin_access() and contig_buffer_end_access() do the same for
 * all of a buffer, and for every device that it is mapped for.
 *
 * Return: as contig_sync(); -EOVERFLOW: past the end of the buffer; -EINTR: as
 * contig_checkpoint().
 *
 * Context: may sleep. Async-signal-safe.
 *
 * Source: CONTIG_SYNC with CONTIG_RANGE_BUFFER.
 */
int contig_buffer_sync(struct contig *client,
		       const struct contig_buffer *buffer, uint64_t offset,
		       uint64_t length, uint32_t flags);

/**
 * contig_get_state() - report how often pages are held and locked
 * @client: handle
 * @addr: in: first byte; out: first byte not yet reported
 * @length: in: bytes, not 0; out: bytes not yet reported
 * @runs: where to put runs of pages in the same state
 * @count: in: room in @runs, not 0; out: entries filled
 *
 * Runs cover all pages that the range touches. To report on a range with a
 * short table, call until *@length is 0.
 *
 * Return: 0; -EFAULT, -EINVAL, -EOVERFLOW, -EXDEV; then *@addr, *@length and
 * *@count are unchanged.
 *
 * Context: async-signal-safe.
 *
 * Source: GetPageInformation as of Mac OS 8.5, where a locked page counts as
 * held too; CONTIG_GET_STATE.
 */
int contig_get_state(struct contig *client, const void **addr, size_t *length,
		     struct contig_run *runs, uint32_t *count);

/**
 * contig_buffer_get_state() - report how often pages of a buffer are locked
 * @client: handle
 * @buffer: handle
 * @offset: in: first byte; out: first byte not yet reported
 * @length: in: bytes, not 0; out: bytes not yet reported
 * @runs: as for contig_get_state()
 * @count: as for contig_get_state()
 *
 * Return: as contig_get_state().
 *
 * Context: async-signal-safe.
 *
 * Source: CONTIG_GET_STATE with CONTIG_RANGE_BUFFER.
 */
int contig_buffer_get_state(struct contig *client,
			    const struct contig_buffer *buffer,
			    uint64_t *offset, uint64_t *length,
			    struct contig_run *runs, uint32_t *count);

#if defined(__cplusplus) && defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

/**
 * contig_explain() - describe the result of an allocation in plain English
 * @answer: the answer that contig_alloc() put where its options said
 * @error: the value that contig_alloc() returned; its sign does not matter
 * @text: where to put the text, may be NULL if @size is 0
 * @size: room in @text, the NUL included; a longer text is cut
 *
 * The text is one paragraph: whether there is memory and from which rung, what
 * was in the way, the largest block that would have succeeded, and remedies. It
 * names one cause: the end of the time budget or a signal, if that ended the
 * allocation; else what was in the way of the rung that could give the most
 * memory. The reports have the other causes.
 *
 * Return: bytes of the whole text, without the NUL.
 *
 * Context: not async-signal-safe.
 */
size_t contig_explain(const struct contig_alloc *answer, int error, char *text,
		      size_t size);

/**
 * contig_buffer_explain() - describe where a buffer came from in plain English
 * @buffer: handle
 * @text: as for contig_explain()
 * @size: as for contig_explain()
 *
 * Return: as contig_explain().
 *
 * Context: not async-signal-safe.
 */
size_t contig_buffer_explain(const struct contig_buffer *buffer, char *text,
			     size_t size);

/**
 * contig_explain_probe() - describe the result of a probe in plain English
 * @probe: as contig_probe() filled it
 * @text: as for contig_explain()
 * @size: as for contig_explain()
 *
 * Return: as contig_explain().
 *
 * Context: not async-signal-safe.
 */
size_t contig_explain_probe(const struct contig_probe *probe, char *text,
			    size_t size);

/**
 * contig_strerror() - describe an errno that contig returned
 * @error: errno; its sign does not matter
 *
 * Return: a constant phrase, without a capital and a full stop.
 *
 * Context: async-signal-safe.
 *
 * Source: the meanings of errnos in the first comment of linux/contig.h.
 */
const char *contig_strerror(int error);

/**
 * contig_rung_name() - return the name of a rung
 * @rung: one of &enum contig_rung
 *
 * Return: one word; "unknown" for a value that the library does not know.
 *
 * Context: async-signal-safe.
 */
const char *contig_rung_name(uint32_t rung);

/**
 * contig_mapping_name() - return the name of a kind of mapping
 * @mapping: one of &enum contig_mapping
 *
 * Return: as contig_rung_name().
 *
 * Context: async-signal-safe.
 */
const char *contig_mapping_name(uint32_t mapping);

/**
 * contig_blocked_name() - return the name of the reason that blocked a rung
 * @blocked: one of &enum contig_blocked
 *
 * Return: as contig_rung_name().
 *
 * Context: async-signal-safe.
 */
const char *contig_blocked_name(uint32_t blocked);

/**
 * contig_remedy_name() - return the name of a remedy
 * @remedy: one of &enum contig_remedy
 *
 * Return: as contig_rung_name().
 *
 * Context: async-signal-safe.
 */
const char *contig_remedy_name(uint32_t remedy);

#ifdef __cplusplus
}
#endif

#endif /* CONTIG_H */
