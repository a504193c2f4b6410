/* SPDX-License-Identifier: GPL-2.0-only */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM contig

#if !defined(CONTIG_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define CONTIG_TRACE_H

#include <linux/tracepoint.h>

#include <uapi/linux/contig.h>

#define show_contig_rung(rung)                                             \
	__print_symbolic(rung, { CONTIG_RUNG_NONE, "none" },               \
			 { CONTIG_RUNG_RESERVE, "reserve" },               \
			 { CONTIG_RUNG_COHERENT, "coherent" },             \
			 { CONTIG_RUNG_RANGE, "range" },                   \
			 { CONTIG_RUNG_SPLIT, "split" },                   \
			 { CONTIG_RUNG_SCATTER, "scatter" })

/* An allocation begins. */
TRACE_EVENT(contig_alloc_start,
	TP_PROTO(unsigned long npages, u32 rungs),
	TP_ARGS(npages, rungs),
	TP_STRUCT__entry(
		__field(unsigned long, npages)
		__field(u32, rungs)
	),
	TP_fast_assign(
		__entry->npages = npages;
		__entry->rungs = rungs;
	),
	TP_printk("npages=%lu rungs=0x%x", __entry->npages, __entry->rungs)
);

/* A rung has succeeded or failed. */
TRACE_EVENT(contig_alloc_rung,
	TP_PROTO(unsigned long npages, const struct contig_report *report),
	TP_ARGS(npages, report),
	TP_STRUCT__entry(
		__field(unsigned long, npages)
		__field(u32, rung)
		__field(u32, error)
		__field(u32, blocked)
		__field(u32, windows)
		__field(u64, time_ns)
	),
	TP_fast_assign(
		__entry->npages = npages;
		__entry->rung = report->rung;
		__entry->error = report->error;
		__entry->blocked = report->blocked;
		__entry->windows = report->windows;
		__entry->time_ns = report->time_ns;
	),
	TP_printk("npages=%lu rung=%s error=%u blocked=%u windows=%u time_ns=%llu",
		  __entry->npages, show_contig_rung(__entry->rung),
		  __entry->error, __entry->blocked, __entry->windows,
		  __entry->time_ns)
);

/* An allocation has ended; rung is none if it failed. */
TRACE_EVENT(contig_alloc_end,
	TP_PROTO(unsigned long npages, u32 rung, u64 extents, int error),
	TP_ARGS(npages, rung, extents, error),
	TP_STRUCT__entry(
		__field(unsigned long, npages)
		__field(u32, rung)
		__field(u64, extents)
		__field(int, error)
	),
	TP_fast_assign(
		__entry->npages = npages;
		__entry->rung = rung;
		__entry->extents = extents;
		__entry->error = error;
	),
	TP_printk("npages=%lu rung=%s extents=%llu error=%d", __entry->npages,
		  show_contig_rung(__entry->rung), __entry->extents,
		  __entry->error)
);

/* A caller gave up on page frames that a worker still empties. */
TRACE_EVENT(contig_abandoned,
	TP_PROTO(unsigned long pfn, unsigned long npages, int error),
	TP_ARGS(pfn, npages, error),
	TP_STRUCT__entry(
		__field(unsigned long, pfn)
		__field(unsigned long, npages)
		__field(int, error)
	),
	TP_fast_assign(
		__entry->pfn = pfn;
		__entry->npages = npages;
		__entry->error = error;
	),
	TP_printk("pfn=0x%lx npages=%lu error=%d", __entry->pfn,
		  __entry->npages, __entry->error)
);

DECLARE_EVENT_CLASS(contig_range,
	TP_PROTO(u64 addr, u64 length, u32 flags, int error),
	TP_ARGS(addr, length, flags, error),
	TP_STRUCT__entry(
		__field(u64, addr)
		__field(u64, length)
		__field(u32, flags)
		__field(int, error)
	),
	TP_fast_assign(
		__entry->addr = addr;
		__entry->length = length;
		__entry->flags = flags;
		__entry->error = error;
	),
	TP_printk("addr=0x%llx length=0x%llx flags=0x%x error=%d",
		  __entry->addr, __entry->length, __entry->flags,
		  __entry->error)
);

DEFINE_EVENT(contig_range, contig_lock,
	TP_PROTO(u64 addr, u64 length, u32 flags, int error),
	TP_ARGS(addr, length, flags, error)
);

DEFINE_EVENT(contig_range, contig_unlock,
	TP_PROTO(u64 addr, u64 length, u32 flags, int error),
	TP_ARGS(addr, length, flags, error)
);

DEFINE_EVENT(contig_range, contig_translate,
	TP_PROTO(u64 addr, u64 length, u32 flags, int error),
	TP_ARGS(addr, length, flags, error)
);

/* A client attached a device, or detached it, with an empty name. */
TRACE_EVENT(contig_device,
	TP_PROTO(const char *name, int error),
	TP_ARGS(name, error),
	TP_STRUCT__entry(
		__array(char, name, CONTIG_DEVICE_NAME_SIZE)
		__field(int, error)
	),
	TP_fast_assign(
		strscpy(__entry->name, name, CONTIG_DEVICE_NAME_SIZE);
		__entry->error = error;
	),
	TP_printk("name=%s error=%d", __entry->name, __entry->error)
);

/* A buffer was moved to other memory, or was to be. */
TRACE_EVENT(contig_move,
	TP_PROTO(unsigned long id, unsigned long npages, int error, u64 time_ns),
	TP_ARGS(id, npages, error, time_ns),
	TP_STRUCT__entry(
		__field(unsigned long, id)
		__field(unsigned long, npages)
		__field(int, error)
		__field(u64, time_ns)
	),
	TP_fast_assign(
		__entry->id = id;
		__entry->npages = npages;
		__entry->error = error;
		__entry->time_ns = time_ns;
	),
	TP_printk("id=%lu npages=%lu error=%d time=%llu ns", __entry->id,
		  __entry->npages, __entry->error, __entry->time_ns)
);

/* A deferred request has ended. */
TRACE_EVENT(contig_deferred,
	TP_PROTO(unsigned long npages, u32 tries, int error, u64 waited_ns),
	TP_ARGS(npages, tries, error, waited_ns),
	TP_STRUCT__entry(
		__field(unsigned long, npages)
		__field(u32, tries)
		__field(int, error)
		__field(u64, waited_ns)
	),
	TP_fast_assign(
		__entry->npages = npages;
		__entry->tries = tries;
		__entry->error = error;
		__entry->waited_ns = waited_ns;
	),
	TP_printk("npages=%lu tries=%u error=%d waited=%llu ns",
		  __entry->npages, __entry->tries, __entry->error,
		  __entry->waited_ns)
);

#endif /* CONTIG_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
