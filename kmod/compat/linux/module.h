/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CONTIG_COMPAT_LINUX_MODULE_H
#define CONTIG_COMPAT_LINUX_MODULE_H

#include_next <linux/module.h>

/* A string since 6.13, a bare word before. Modules store it the same way. */
#undef MODULE_IMPORT_NS
#define MODULE_IMPORT_NS(ns) MODULE_INFO(import_ns, ns)

#endif /* CONTIG_COMPAT_LINUX_MODULE_H */
