// SPDX-License-Identifier: GPL-2.0-only
/*
 * The NUMA nodes that memory may lie on
 *
 * The cpuset and the memory policy of the caller bind memory that contig
 * allocates for it as they bind its other memory. The kernel's functions for
 * both are not exported to modules, but the data are members of the task, under
 * its alloc_lock. Policies of mappings do not apply: a buffer is allocated
 * before it is mapped.
 */
#include <linux/cpuset.h>
#include <linux/device.h>
#include <linux/mempolicy.h>
#include <linux/nodemask.h>
#include <linux/numa.h>
#include <linux/sched/task.h>
#include <linux/topology.h>

#include "dma_device.h"
#include "nodes.h"
#include "request.h"

/* Return true if the machine has memory on more than one node. */
bool contig_nodes_several(void)
{
	return nodes_weight(node_states[N_MEMORY]) > 1;
}

static bool contig_node_usable(int nid, const nodemask_t *nodes)
{
	return nid >= 0 && nid < MAX_NUMNODES && node_isset(nid, *nodes);
}

/* Return the caller's own node if it is in @nodes, else the first of these. */
static int contig_nodes_nearest(const nodemask_t *nodes)
{
	int nid = numa_mem_id();

	return contig_node_usable(nid, nodes) ? nid : first_node(*nodes);
}

#ifdef CONFIG_NUMA
/*
 * Remove from @nodes the nodes that the caller's memory policy rules out, and
 * set @node to the one that it prefers. A policy that allows none of @nodes
 * does not apply, as in the page allocator. Return true if a node was removed.
 */
static bool contig_nodes_policy(const struct mempolicy *policy,
				nodemask_t *nodes, int *node)
{
	nodemask_t some;
	bool bound;

	*node = NUMA_NO_NODE;
	if (!policy || !nodes_intersects(*nodes, policy->nodes))
		return false;
	nodes_and(some, *nodes, policy->nodes);
	switch (policy->mode) {
	case MPOL_PREFERRED:
		*node = first_node(some);
		return false;
	case MPOL_PREFERRED_MANY:
	case MPOL_BIND:
		*node = contig_node_usable(policy->home_node, &some) ?
			policy->home_node : contig_nodes_nearest(&some);
		break;
	default:
		return false;
	}
	bound = policy->mode == MPOL_BIND && !nodes_equal(some, *nodes);
	if (bound)
		*nodes = some;
	return bound;
}

static bool contig_nodes_current(nodemask_t *nodes, int *node)
{
	bool bound;

	task_lock(current);
	nodes_and(*nodes, *nodes, cpuset_current_mems_allowed);
	bound = contig_nodes_policy(current->mempolicy, nodes, node);
	task_unlock(current);
	return bound;
}
#else
static bool contig_nodes_current(nodemask_t *nodes, int *node)
{
	*node = NUMA_NO_NODE;
	return false;
}
#endif

/**
 * contig_request_place() - choose NUMA nodes for a request
 * @request: the request, with the node that the caller named, if any
 * @device: the device that the memory is for, or NULL
 *
 * If the caller names no node, the node of the device is tried first, else the
 * node that the caller's memory policy prefers, else the one that it runs on.
 *
 * Return: true if the caller has ruled out nodes by its memory policy.
 */
bool contig_request_place(struct contig_request *request,
			  const struct contig_dma_device *device)
{
	nodemask_t nodes = node_states[N_MEMORY];
	bool bound;
	int node;

	if (!contig_nodes_several())
		return false;
	bound = contig_nodes_current(&nodes, &node);
	request->confined = !nodes_equal(nodes, node_states[N_MEMORY]);
	request->nodes = nodes;
	if (request->node != NUMA_NO_NODE)
		return bound;
	if (device && contig_node_usable(dev_to_node(device->dev), &nodes))
		node = dev_to_node(device->dev);
	if (node == NUMA_NO_NODE && !nodes_empty(nodes))
		node = contig_nodes_nearest(&nodes);
	request->node = node;
	return bound;
}
