// SPDX-License-Identifier: GPL-2.0-only
/* Tracepoints live here. */
#define CREATE_TRACE_POINTS
#include "trace.h"
