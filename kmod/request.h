/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A request for memory, checked and in units of pages
 */
#ifndef CONTIG_REQUEST_H
#define CONTIG_REQUEST_H

#include <linux/ktime.h>
#include <linux/nodemask.h>
#include <linux/types.h>

#include <uapi/linux/contig.h>

struct contig_in_way;
struct contig_orphan;
struct mem_cgroup;
struct contig_pool;
struct contig_user;

/**
 * struct contig_in_way - a buffer that keeps the reserve from making room
 * @id: its number, 0 if there is none
 * @pid: process that allocated it
 * @uid: user that it is charged to
 */
struct contig_in_way {
	unsigned long id;
	pid_t pid;
	uid_t uid;
};

/**
 * struct contig_request - a request for memory
 * @user: the account that the memory is charged to, NULL for the kernel's own;
 *        outlives the request
 * @npages: pages wanted
 * @lowest: first page frame that is allowed
 * @highest: last page frame that is allowed
 * @align: alignment of every segment in pages, a power of two
 * @boundary: pages between two addresses that no segment may cross, a power of
 *            two, 0 for none
 * @min_segment: pages in the shortest segment
 * @max_segment: pages in the longest segment, ULONG_MAX for no limit
 * @max_segments: most segments, UINT_MAX for no limit
 * @node: NUMA node to prefer or to stay on, NUMA_NO_NODE for any
 * @node_strict: stay on @node
 * @nodes: the nodes that the caller may have memory of, if @confined
 * @confined: the caller's cpuset or memory policy rules out some nodes
 * @coherent: for a device that snoops the CPU's caches
 * @pool: the pool that coherent memory must come from, because the device has
 *        it; NULL for memory that is not tied to a device
 * @told: the caller may see physical addresses, so reports need not hide
 *        anything
 * @narrowed: some of the memory that contig may take is ruled out by its
 *            address or its node
 * @struct_page: only memory with a reference count of its own on every page
 * @page_frames: only memory that is mapped as bare page frames
 * @keep: only memory that was not cleared since before the module was loaded
 * @fewest_moves: look at all memory before any is moved
 * @huge: make it of huge pages where that is possible
 * @uninitialized: its memory need not be cleared
 * @no_wait: only memory that is free now: see CONTIG_ALLOC_NO_WAIT
 * @deferred: a work makes it for a process, and must not wait for the memory cgroup
 *            of that
 * @memcg: with @deferred: the memory cgroup that pays for pages, or NULL
 * @rungs: mask of the rungs to try
 * @start: time at which it was made
 * @deadline: time at which it fails
 * @orphan: receives the job that it abandons; NULL if it does not keep one
 * @in_way: receives the buffer that it failed for; NULL if that is of no interest
 */
struct contig_request {
	struct contig_user *user;
	unsigned long npages;
	unsigned long lowest;
	unsigned long highest;
	unsigned long align;
	unsigned long boundary;
	unsigned long min_segment;
	unsigned long max_segment;
	unsigned int max_segments;
	int node;
	bool node_strict;
	nodemask_t nodes;
	bool confined;
	bool coherent;
	struct contig_pool *pool;
	bool told;
	bool narrowed;
	bool struct_page;
	bool page_frames;
	bool keep;
	bool fewest_moves;
	bool huge;
	bool uninitialized;
	bool no_wait;
	bool deferred;
	struct mem_cgroup *memcg;
	u32 rungs;
	ktime_t start;
	ktime_t deadline;
	struct contig_orphan *orphan;
	struct contig_in_way *in_way;
};

void contig_request_init_plain(struct contig_request *request,
			       unsigned long npages);
void contig_request_confine(struct contig_request *request, int node);
u32 contig_request_address_bits(const struct contig_request *request);
void contig_request_renew(struct contig_request *request,
			  const struct contig_request *asked);
bool contig_request_alike(const struct contig_request *a,
			  const struct contig_request *b);
struct contig_request contig_request_half(const struct contig_request *request);
long contig_request_left(const struct contig_request *request);
int contig_request_expired(const struct contig_request *request);

/* Return true if memory of a NUMA node can meet the request. */
static inline bool
contig_request_node_allowed(const struct contig_request *request, int nid)
{
	if (request->node_strict && nid != request->node)
		return false;
	return !request->confined || node_isset(nid, request->nodes);
}

#endif /* CONTIG_REQUEST_H */
