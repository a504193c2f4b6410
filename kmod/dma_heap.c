// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/dma_heap/contig: contiguous memory for programs that use dma-heaps
 *
 * The kernel does not tell a heap which open file a request comes from, so there
 * is no client. The account and the rights are those of the calling task.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cred.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/err.h>
#include <linux/init.h>
#include <linux/module.h>

#include <uapi/linux/contig.h>

#include "alloc.h"
#include "buffer.h"
#include "dma_heap.h"
#include "dmabuf.h"
#include "limits.h"
#include "request.h"
#include "request_check.h"

static bool contig_dma_heap;
module_param_named(dma_heap, contig_dma_heap, bool, 0444);
MODULE_PARM_DESC(dma_heap,
		 "offer /dev/dma_heap/contig, after which the module cannot be unloaded (default: no)");

/* Programs that know only dma-heaps cannot say what they need, nor ask. */
static const struct contig_constraints contig_dma_heap_constraints = {
	.max_segments = 1,
};

/* Allocate and export a buffer, charged to @user. Return it or ERR_PTR(). */
static struct contig_buffer *contig_dma_heap_buffer(struct contig_user *user,
						    unsigned long length,
						    int flags)
{
	struct contig_report reports[CONTIG_REPORTS] = {};
	struct contig_request request;
	struct contig_buffer *buffer;
	u32 nr;
	int ret;

	ret = contig_request_init(&request, length, 0, 0, 0,
				  &contig_dma_heap_constraints, NULL);
	if (ret)
		return ERR_PTR(ret);
	request.user = user;
	/* Cached memory suits any device, also one that looks into caches. */
	request.coherent = true;
	buffer = contig_alloc_buffer(&request, "", reports, &nr);
	if (IS_ERR(buffer))
		return buffer;
	ret = contig_buffer_export(buffer, flags);
	if (ret) {
		contig_buffer_destroy(buffer);
		return ERR_PTR(ret);
	}
	return buffer;
}

/*
 * Answer DMA_HEAP_IOCTL_ALLOC. The kernel has checked the flags; there are none
 * for the heap.
 */
static struct dma_buf *contig_dma_heap_allocate(struct dma_heap *unused,
						unsigned long length,
						u32 fd_flags, u64 heap_flags)
{
	struct contig_user *user = contig_user_get(current_uid());
	struct contig_buffer *buffer;

	if (!user)
		return ERR_PTR(-ENOMEM);
	buffer = contig_dma_heap_buffer(user, length, fd_flags);
	contig_user_put(user);
	return IS_ERR(buffer) ? ERR_CAST(buffer) : buffer->dmabuf;
}

static const struct dma_heap_ops contig_dma_heap_ops = {
	.allocate = contig_dma_heap_allocate,
};

/*
 * Add the heap if the administrator wants it. The kernel cannot remove a heap,
 * and calls the module as long as there is one: so the module pins itself, and
 * loading must not fail afterwards.
 */
void __init contig_dma_heap_init(void)
{
	static const struct dma_heap_export_info info __initconst = {
		.name = "contig",
		.ops = &contig_dma_heap_ops,
	};
	struct dma_heap *heap;

	if (!contig_dma_heap)
		return;
	__module_get(THIS_MODULE);
	heap = dma_heap_add(&info);
	if (!IS_ERR(heap)) {
		pr_info("/dev/dma_heap/contig is there: the module cannot be unloaded until the next boot\n");
		return;
	}
	module_put(THIS_MODULE);
	if (heap == ERR_PTR(-EOPNOTSUPP))
		pr_err("dma_heap: this kernel lets no module add a dma-heap\n");
	else
		pr_err("dma_heap: the kernel did not add /dev/dma_heap/contig: error %ld\n",
		       PTR_ERR(heap));
}

MODULE_IMPORT_NS("DMA_BUF_HEAP");
