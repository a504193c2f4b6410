/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CONTIG_COMPAT_LINUX_SLAB_H
#define CONTIG_COMPAT_LINUX_SLAB_H

#include_next <linux/slab.h>
#include <linux/cleanup.h>
#include <linux/err.h>
#include <linux/version.h>

/*
 * Since 6.9 __free(kvfree) accepts error pointers. Mainline has had it since
 * 6.7, and stable kernels may have it too, so the function gets another name.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 9, 0)
DEFINE_FREE(contig_kvfree, void *, if (!IS_ERR_OR_NULL(_T)) kvfree(_T))
#define __free_kvfree __free_contig_kvfree
#endif

#endif /* CONTIG_COMPAT_LINUX_SLAB_H */
