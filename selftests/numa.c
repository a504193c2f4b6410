// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of one NUMA node or another, and blocks of the reserve that are on a
 * node, or low enough for a device.
 *
 * Needs a machine with memory and a processor on each of nodes 0 and 1, and
 * memory above 4 GiB. The node of a page is read from the kernel's memory
 * blocks in sysfs.
 */
#include <linux/mempolicy.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "kselftest_harness.h"
#include "contig_device_utils.h"
#include "edu.h"

#define NODES 2
#define LENGTH KIB(256)
#define TOP (1ull << 32)
#define NODE_DIR "/sys/devices/system/node/"

/* Return the node of a physical address, or -1. */
static int node_of(uint64_t address)
{
	unsigned long long block = address / memory_block_bytes();
	char path[96];
	int node;

	for (node = 0; node < NODES; node++) {
		snprintf(path, sizeof(path), NODE_DIR "node%d/memory%llu", node,
			 block);
		if (!access(path, F_OK))
			return node;
	}
	return -1;
}

static bool has_two_nodes(void)
{
	return !access(NODE_DIR "node1/cpulist", F_OK) && memory_block_bytes();
}

/* Run on the processors of a node only. */
static int run_on(int node)
{
	char path[64], *text, *at;
	cpu_set_t set;

	CPU_ZERO(&set);
	snprintf(path, sizeof(path), NODE_DIR "node%d/cpulist", node);
	text = read_text(path);
	for (at = text; at && *at >= '0' && *at <= '9'; at++)
		CPU_SET(strtoul(at, &at, 10), &set);
	free(text);
	return sched_setaffinity(0, sizeof(set), &set);
}

static int set_policy(int mode, int node)
{
	unsigned long mask = 1ul << node;

	return syscall(SYS_set_mempolicy, mode, &mask, 8 * sizeof(mask));
}

/*
 * Return how many pages of a buffer are not on a node, or a negative errno.
 * pagemap does not show memory that is mapped as page frames, so lock it and
 * ask contig.
 */
static int64_t pages_off(int client, int fd, uint64_t length, int node)
{
	struct contig_extent *extents;
	int64_t n, i, off = 0;
	uint64_t at;
	int ret;

	ret = _test_cmd_lock_buffer(client, fd, 0, length, 0);
	if (ret)
		return ret;
	n = buffer_extents(client, fd, length, &extents);
	for (i = 0; i < n; i++)
		for (at = 0; at < extents[i].length; at += page_size)
			off += node_of(extents[i].addr + at) != node;
	if (n >= 0)
		free(extents);
	ret = _test_cmd_unlock_buffer(client, fd, 0, length);
	return n < 0 ? n : ret ? ret : off;
}

FIXTURE(node) {
	int fd;
	bool cma;
};

FIXTURE_VARIANT(node) {
	uint32_t rung;
	int node;
};

#define NODE(_name, _rung, _node) \
	FIXTURE_VARIANT_ADD(node, _name##_node_##_node) { \
		.rung = CONTIG_RUNG_##_rung, .node = _node }

NODE(reserve, RESERVE, 0);
NODE(reserve, RESERVE, 1);
NODE(coherent, COHERENT, 0);
NODE(coherent, COHERENT, 1);
NODE(range, RANGE, 0);
NODE(range, RANGE, 1);
NODE(split, SPLIT, 0);
NODE(split, SPLIT, 1);
NODE(scatter, SCATTER, 0);
NODE(scatter, SCATTER, 1);

FIXTURE_SETUP(node) {
	if (!has_two_nodes())
		SKIP(return, "this machine has one node");
	setup_client(self->fd);
	/* CMA's memory is on the node where it was reserved. */
	self->cma = variant->rung == CONTIG_RUNG_COHERENT &&
		    meminfo_kib("CmaTotal") > 0;
	/* Run on the other node, unless a test sets this. */
	ASSERT_EQ(0, run_on(!variant->node));
}

FIXTURE_TEARDOWN(node) {
	close(self->fd);
}

/*
 * Allocate a buffer under some constraints. Return how many pages are not on
 * the node.
 */
static int64_t allocate(FIXTURE_DATA(node) *self,
		    const FIXTURE_VARIANT(node) *variant,
		    const struct contig_constraints *constraints)
{
	struct contig_alloc alloc = alloc_request(LENGTH, 1u << variant->rung);
	int64_t off;

	alloc.constraints = *constraints;
	off = _test_cmd_alloc_tell(self->fd, &alloc);
	if (off)
		return off;
	off = pages_off(self->fd, alloc.out_fd, LENGTH, variant->node);
	close(alloc.out_fd);
	return off;
}

TEST_F(node, is_the_only_one_allowed)
{
	struct contig_constraints strict = {
		.node_policy = CONTIG_NODE_STRICT,
		.node = variant->node,
	};

	if (!self->cma)
		EXPECT_EQ(0, allocate(self, variant, &strict));
}

TEST_F(node, is_preferred)
{
	struct contig_constraints preferred = {
		.node_policy = CONTIG_NODE_PREFERRED,
		.node = variant->node,
	};

	if (!self->cma)
		EXPECT_EQ(0, allocate(self, variant, &preferred));
}

TEST_F(node, is_bound_by_policy)
{
	struct contig_constraints none = {};
	struct contig_constraints other = {
		.node_policy = CONTIG_NODE_PREFERRED,
		.node = !variant->node,
	};
	struct contig_alloc alloc = alloc_request(LENGTH, 1u << variant->rung);

	ASSERT_EQ(0, set_policy(MPOL_BIND, variant->node));
	if (!self->cma) {
		EXPECT_EQ(0, allocate(self, variant, &none));
		/*
		 * A preference for another node does not override the policy.
		 */
		EXPECT_EQ(0, allocate(self, variant, &other));
	}
	alloc.constraints = other;
	alloc.constraints.node_policy = CONTIG_NODE_STRICT;
	test_err_alloc(ERANGE, self->fd, &alloc);
}

TEST_F(node, is_preferred_by_policy)
{
	struct contig_constraints none = {};

	ASSERT_EQ(0, set_policy(MPOL_PREFERRED, variant->node));
	if (!self->cma)
		EXPECT_EQ(0, allocate(self, variant, &none));
}

TEST_F(node, is_the_callers)
{
	struct contig_constraints none = {};

	ASSERT_EQ(0, run_on(variant->node));
	if (!self->cma)
		EXPECT_EQ(0, allocate(self, variant, &none));
}

/*
 * Move this process into a cpuset with the memory of one node. Return -ENODEV if
 * there are no cpusets.
 */
static int confine(const char *dir, int node)
{
	char path[96], text[16], *controllers;
	bool found;
	int ret;

	ret = mount("none", dir, "cgroup2", 0, NULL);
	if (ret && errno != EBUSY)
		return -errno;
	snprintf(path, sizeof(path), "%s/cgroup.controllers", dir);
	controllers = read_text(path);
	found = controllers && strstr(controllers, "cpuset");
	free(controllers);
	if (!found)
		return -ENODEV;
	snprintf(path, sizeof(path), "%s/cgroup.subtree_control", dir);
	ret = write_text(path, "+cpuset");
	if (ret)
		return ret;
	snprintf(path, sizeof(path), "%s/contig%d", dir, node);
	if (mkdir(path, 0700) && errno != EEXIST)
		return -errno;
	snprintf(path, sizeof(path), "%s/contig%d/cpuset.mems", dir, node);
	snprintf(text, sizeof(text), "%d", node);
	ret = write_text(path, text);
	if (ret)
		return ret;
	snprintf(path, sizeof(path), "%s/contig%d/cgroup.procs", dir, node);
	return write_text(path, "0");
}

TEST_F(node, is_the_cpusets)
{
	struct contig_constraints none = {};
	struct contig_constraints other = {
		.node_policy = CONTIG_NODE_PREFERRED,
		.node = !variant->node,
	};
	struct contig_alloc alloc = alloc_request(LENGTH, 1u << variant->rung);
	char dir[] = "/tmp/contig-cgroup-XXXXXX";
	int ret;

	ASSERT_NE(NULL, mkdtemp(dir));
	ret = confine(dir, variant->node);
	if (ret == -ENODEV)
		SKIP(return, "this kernel has no cpusets");
	ASSERT_EQ(0, ret);
	if (!self->cma) {
		EXPECT_EQ(0, allocate(self, variant, &none));
		EXPECT_EQ(0, allocate(self, variant, &other));
	}
	alloc.constraints = other;
	alloc.constraints.node_policy = CONTIG_NODE_STRICT;
	test_err_alloc(ERANGE, self->fd, &alloc);
	umount2(dir, MNT_DETACH);
	rmdir(dir);
}

TEST_F(node, is_the_devices)
{
	struct contig_device device = { .address_bits = 64 };
	struct contig_constraints none = {};
	char text[16];
	struct edu edu;

	if (edu_find(&edu))
		SKIP(return, "no device: run QEMU with -device edu");
	ASSERT_EQ(0, edu_setup(&edu));
	snprintf(text, sizeof(text), "%d", variant->node);
	ASSERT_EQ(0, pci_write(edu.slot, "numa_node", text));
	ASSERT_EQ(0, attach(self->fd, &device, edu.name));
	ASSERT_EQ(variant->node, device.out_node);
	if (!self->cma)
		EXPECT_EQ(0, allocate(self, variant, &none));
	EXPECT_EQ(0, detach(self->fd));
	edu_disable(&edu);
}

/*
 * The caller chooses its policy, like a strict node: if the policy leaves few
 * places for a block, it reveals where the block lies, so it needs the right to
 * see physical addresses. A cpuset is not the caller's choice.
 */
TEST(places_that_a_policy_leaves)
{
	struct contig_probe probe = probe_request(MIB(512), 0);
	char dir[] = "/tmp/contig-cgroup-XXXXXX";
	int client, ret;

	if (!has_two_nodes())
		SKIP(return, "this machine has one node");
	setup_client(client);
	ASSERT_NE(NULL, mkdtemp(dir));
	ret = confine(dir, 1);
	if (ret == -ENODEV)
		SKIP(return, "this kernel has no cpusets");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, drop_cap(CAP_SYS_RAWIO_NR));
	test_probe(client, &probe);
	EXPECT_EQ(0, probe.out_moves);
	EXPECT_EQ(0, probe.out_free_pages);
	ASSERT_EQ(0, set_policy(MPOL_BIND, 1));
	test_probe(client, &probe);
	umount2(dir, MNT_DETACH);
	rmdir(dir);
	close(client);
}

TEST(policy_that_leaves_few_places)
{
	struct contig_probe probe = probe_request(MIB(512), 0);
	int client;

	if (!has_two_nodes())
		SKIP(return, "this machine has one node");
	setup_client(client);
	ASSERT_EQ(0, drop_cap(CAP_SYS_RAWIO_NR));
	test_probe(client, &probe);
	ASSERT_EQ(0, set_policy(MPOL_BIND, 1));
	test_err_probe(EPERM, client, &probe);
	probe.length = MIB(64);
	test_probe(client, &probe);
	close(client);
}

/*
 * The blocks with which the module was loaded
 */

FIXTURE(block) {
	int fd;
	char *text;
};

FIXTURE_SETUP(block) {
	if (!has_two_nodes())
		SKIP(return, "this machine has one node");
	setup_client(self->fd);
	self->text = debugfs_text("reserves");
	ASSERT_NE(NULL, self->text);
}

FIXTURE_TEARDOWN(block) {
	close(self->fd);
	free(self->text);
}

/* Find the address of the first block of this length in the text. */
static uint64_t block_address(const char *text, uint64_t length)
{
	unsigned long long address, bytes;
	const char *line;

	for (line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (sscanf(line, "0x%llx %llu reserved", &address, &bytes) == 2 &&
		    bytes == length)
			return address;
	}
	return 0;
}

TEST_F(block, lies_where_it_was_asked_for)
{
	EXPECT_EQ(0, node_of(block_address(self->text, MIB(8))));
	EXPECT_EQ(1, node_of(block_address(self->text, MIB(4))));
	EXPECT_LT(0, block_address(self->text, MIB(2)));
	EXPECT_GT(TOP, block_address(self->text, MIB(2)));
	EXPECT_EQ(0, block_address(self->text, MIB(2)) % MIB(16));
}

TEST_F(block, lies_low_where_nothing_else_was_asked_for)
{
	struct contig_info info;

	test_info(self->fd, &info);
	if (info.out_ram_top < TOP)
		SKIP(return, "no memory above 4 GiB");
	EXPECT_LT(0, block_address(self->text, MIB(16)));
	EXPECT_GT(TOP, block_address(self->text, MIB(16)));
}

/* A device with 32 address bits can use it. */
TEST_F(block, is_for_a_device_with_few_address_bits)
{
	struct contig_alloc alloc = alloc_request(MIB(16), CONTIG_RUNGS_RESERVE);

	need_reserve(self->fd, MIB(16));
	alloc.constraints.highest = TOP - 1;
	test_alloc(self->fd, &alloc);
	EXPECT_EQ(CONTIG_RUNG_RESERVE, alloc.out_rung);
	close(alloc.out_fd);
}

/* Memory that few devices can reach is handed out last. */
TEST_F(block, is_spent_last_if_its_addresses_are_few)
{
	uint64_t low = block_address(self->text, MIB(2)), pfn;
	struct contig_alloc alloc = alloc_request(KIB(64), CONTIG_RUNGS_RESERVE);
	void *map;

	ASSERT_LT(0, low);
	test_alloc(self->fd, &alloc);
	map = buffer_map(alloc.out_fd, KIB(64));
	ASSERT_NE(NULL, map);
	pfn = pfn_of(map);
	EXPECT_TRUE(pfn * page_size < low || pfn * page_size >= low + MIB(2));
	munmap(map, KIB(64));
	close(alloc.out_fd);
}

TEST_HARNESS_MAIN
