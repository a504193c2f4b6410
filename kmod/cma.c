// SPDX-License-Identifier: GPL-2.0-only
/*
 * Coherent memory from CMA, by a worker
 *
 * CMA lends its memory to movable pages and migrates them when it allocates,
 * which can wait for pages without limit. It also has a mutex for all its
 * callers, and waiting for that is not killable. So one such job runs at a
 * time, and none while a job that its caller abandoned is running, possibly
 * forever.
 *
 * A job may outlive its caller: devices and pools stay as long as the module.
 */
#include <linux/dma-mapping.h>
#include <linux/init.h>
#include <linux/memcontrol.h>
#include <linux/mmzone.h>
#include <linux/nodemask.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "buffer.h"
#include "cma.h"
#include "dma_memory.h"
#include "extents.h"
#include "gfp.h"
#include "request.h"
#include "worker.h"

/* Pages in CMA; constant after contig_cma_init(). */
static unsigned long contig_cma_npages __ro_after_init;

/* Count the memory in CMA, which is reserved at boot and never changes. */
void __init contig_cma_init(void)
{
	int nid, i;

	for_each_online_node(nid)
		for (i = 0; i < MAX_NR_ZONES; i++)
			contig_cma_npages +=
				zone_cma_pages(&NODE_DATA(nid)->node_zones[i]);
}

/* Return the pages in CMA. A kernel that was built with CMA may have none. */
unsigned long contig_cma_pages(void)
{
	return contig_cma_npages;
}

/**
 * struct contig_cma - a call of dma_alloc_attrs()
 * @job: for the worker
 * @got: its @dev, constant, and its @vaddr and @dma, valid once the job is done
 * @gfp: allocation flags; constant
 * @memcg: memory cgroup of the caller, with a reference, or NULL; constant
 */
struct contig_cma {
	struct contig_job job;
	struct contig_buffer got;
	gfp_t gfp;
	struct mem_cgroup *memcg;
};

static struct contig_cma *to_cma(struct contig_job *job)
{
	return container_of(job, struct contig_cma, job);
}

/* Charge the caller if dma_alloc_attrs() falls back to the page allocator. */
static int contig_cma_work(struct contig_job *job)
{
	struct contig_cma *cma = to_cma(job);
	struct mem_cgroup *old = set_active_memcg(cma->memcg);

	cma->got.vaddr = dma_alloc_attrs(cma->got.dev,
					 job->npages << PAGE_SHIFT,
					 &cma->got.dma, cma->gfp,
					 CONTIG_DMA_MEMORY_ATTRS);
	set_active_memcg(old);
	return cma->got.vaddr ? 0 : -ENOMEM;
}

static void contig_cma_drop(struct contig_job *job)
{
	if (!job->result)
		contig_dma_memory_discard(&to_cma(job)->got,
					  job->npages << PAGE_SHIFT);
}

static void contig_cma_free(struct contig_job *job)
{
	mem_cgroup_put(to_cma(job)->memcg);
	kfree(to_cma(job));
}

static const struct contig_job_ops contig_cma_ops = {
	.name = "CMA",
	.single = true,
	.work = contig_cma_work,
	.drop = contig_cma_drop,
	.free = contig_cma_free,
};

/**
 * contig_cma_alloc() - call dma_alloc_attrs() with a time limit
 * @request: number of pages and deadline
 * @buffer: @dev is the device; receives @vaddr and @dma
 * @gfp: allocation flags
 *
 * May sleep, for as long as the request allows, but can be killed and frozen.
 *
 * Return: 0, -ENOMEM, -ETIME, -EINTR, or -EAGAIN if CMA or all workers are
 * stuck.
 */
int contig_cma_alloc(const struct contig_request *request,
		     struct contig_buffer *buffer, gfp_t gfp)
{
	struct contig_cma *cma = kzalloc(sizeof(*cma), CONTIG_GFP);
	int ret;

	if (!cma)
		return -ENOMEM;
	contig_job_init(&cma->job, &contig_cma_ops, ULONG_MAX, request->npages);
	contig_extents_init(&cma->got.extents);
	cma->got.dev = buffer->dev;
	cma->gfp = gfp;
	cma->memcg = get_mem_cgroup_from_mm(current->mm);
	ret = contig_job_run(&cma->job, request);
	if (!ret) {
		ret = cma->job.result;
		buffer->vaddr = cma->got.vaddr;
		buffer->dma = cma->got.dma;
	}
	contig_job_put(&cma->job);
	return ret;
}
