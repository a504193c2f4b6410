/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CONTIG_COMPAT_RAS_RAS_EVENT_H
#define CONTIG_COMPAT_RAS_RAS_EVENT_H

#include_next <ras/ras_event.h>

/* Newer kernels have memory_failure_event here. */
#ifdef CONTIG_HAS_MEMORY_FAILURE_HEADER
#undef TRACE_INCLUDE_FILE
#include <trace/events/memory-failure.h>
#endif

#endif /* CONTIG_COMPAT_RAS_RAS_EVENT_H */
