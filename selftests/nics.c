// SPDX-License-Identifier: GPL-2.0-only
/*
 * Network interfaces that use memory of a process, with memory that was
 * allocated without a rung, a flag or a constraint: AF_XDP in copy mode, and
 * RDMA by rxe, which is RoCE in software.
 */
#include <linux/if_xdp.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <rdma/ib_user_ioctl_verbs.h>
#include <rdma/ib_user_verbs.h>
#include <rdma/rdma_netlink.h>
#include <sys/socket.h>

#include "kselftest_harness.h"
#include "contig_utils.h"

#ifndef AF_XDP
#define AF_XDP 44
#endif
#ifndef SOL_XDP
#define SOL_XDP 283
#endif

#define VERBS "/dev/infiniband/uverbs0"
#define RXE "contig_rxe"

FIXTURE(nic) {
	int fd;
	int buffer;
	size_t length;
	char *map;
};

FIXTURE_VARIANT(nic) {
	size_t length;
};

FIXTURE_VARIANT_ADD(nic, of_4k) { .length = KIB(4) };
FIXTURE_VARIANT_ADD(nic, of_2m) { .length = MIB(2) };
FIXTURE_VARIANT_ADD(nic, of_16m) { .length = MIB(16) };

FIXTURE_SETUP(nic) {
	setup_client(self->fd);
	self->length = round_up_page(variant->length);
	setup_buffer(self, buffer_get(self->fd, self->length, 0));
	fill_pattern(self->map, self->length, 1);
}

FIXTURE_TEARDOWN(nic) {
	munmap(self->map, self->length);
	close(self->buffer);
	close(self->fd);
}

static int set(int socket, int option, const void *value, socklen_t size)
{
	return setsockopt(socket, SOL_XDP, option, value, size) ? -errno : 0;
}

/*
 * Map a ring of AF_XDP: the producer index is at @at, the entries begin at
 * @desc.
 */
static char *xdp_ring(int socket, const struct xdp_ring_offset *at,
		      size_t entries, size_t entry, off_t which)
{
	char *ring = mmap(NULL, at->desc + entries * entry,
			  PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
			  socket, which);

	return ring == MAP_FAILED ? NULL : ring;
}

/* A packet in the buffer is sent, and its completion is reported. */
TEST_F(nic, af_xdp_in_copy_mode)
{
	struct xdp_umem_reg reg = {
		.addr = to_addr(self->map),
		.len = self->length,
		.chunk_size = page_size,
	};
	struct sockaddr_xdp at = {
		.sxdp_family = AF_XDP,
		.sxdp_flags = XDP_COPY,
		.sxdp_ifindex = if_nametoindex("lo"),
	};
	struct xdp_mmap_offsets offsets;
	socklen_t size = sizeof(offsets);
	uint32_t entries = 4;
	struct xdp_desc *desc;
	char *tx, *done;
	int s, i;

	s = socket(AF_XDP, SOCK_RAW, 0);
	if (s < 0 && errno == EAFNOSUPPORT)
		SKIP(return, "this kernel has no AF_XDP");
	ASSERT_LE(0, s);
	ASSERT_EQ(0, set(s, XDP_UMEM_REG, &reg, sizeof(reg)));
	ASSERT_EQ(0, set(s, XDP_UMEM_FILL_RING, &entries, sizeof(entries)));
	ASSERT_EQ(0, set(s, XDP_UMEM_COMPLETION_RING, &entries,
			 sizeof(entries)));
	ASSERT_EQ(0, set(s, XDP_TX_RING, &entries, sizeof(entries)));
	ASSERT_EQ(0, getsockopt(s, SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &size));
	tx = xdp_ring(s, &offsets.tx, entries, sizeof(*desc), XDP_PGOFF_TX_RING);
	done = xdp_ring(s, &offsets.cr, entries, sizeof(uint64_t),
			XDP_UMEM_PGOFF_COMPLETION_RING);
	ASSERT_NE(NULL, tx);
	ASSERT_NE(NULL, done);
	ASSERT_EQ(0, bind(s, (struct sockaddr *)&at, sizeof(at)));

	/* In the last page, at some offset. */
	desc = (struct xdp_desc *)(tx + offsets.tx.desc);
	desc->addr = self->length - page_size + 256;
	desc->len = 128;
	__atomic_store_n((uint32_t *)(tx + offsets.tx.producer), 1,
			 __ATOMIC_RELEASE);
	for (i = 0; i < 1000; i++) {
		sendto(s, NULL, 0, MSG_DONTWAIT, NULL, 0);
		if (__atomic_load_n((uint32_t *)(done + offsets.cr.producer),
				    __ATOMIC_ACQUIRE))
			break;
		usleep(1000);
	}
	EXPECT_EQ(1, *(uint32_t *)(done + offsets.cr.producer));
	EXPECT_EQ(self->length - page_size + 256,
		  *(uint64_t *)(done + offsets.cr.desc));
	close(s);
}

static void put_attr(struct nlmsghdr *m, int type, const char *text)
{
	struct nlattr *a = (struct nlattr *)((char *)m + NLMSG_ALIGN(m->nlmsg_len));

	a->nla_type = type;
	a->nla_len = NLA_HDRLEN + strlen(text) + 1;
	strcpy((char *)a + NLA_HDRLEN, text);
	m->nlmsg_len = NLMSG_ALIGN(m->nlmsg_len) + NLA_ALIGN(a->nla_len);
}

/* rdma link add RXE type rxe netdev lo */
static int rxe_add(void)
{
	char text[256] = {};
	struct nlmsghdr *m = (struct nlmsghdr *)text;
	struct nlmsgerr *answer = NLMSG_DATA(m);
	int s = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_RDMA);
	int ret = -ENODEV;

	if (s < 0)
		return -errno;
	m->nlmsg_len = NLMSG_LENGTH(0);
	m->nlmsg_type = RDMA_NL_GET_TYPE(RDMA_NL_NLDEV, RDMA_NLDEV_CMD_NEWLINK);
	m->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	put_attr(m, RDMA_NLDEV_ATTR_DEV_NAME, RXE);
	put_attr(m, RDMA_NLDEV_ATTR_LINK_TYPE, "rxe");
	put_attr(m, RDMA_NLDEV_ATTR_NDEV_NAME, "lo");
	if (send(s, m, m->nlmsg_len, 0) == (ssize_t)m->nlmsg_len &&
	    recv(s, text, sizeof(text), 0) > 0 && m->nlmsg_type == NLMSG_ERROR)
		ret = answer->error;
	close(s);
	return ret == -EEXIST ? 0 : ret;
}

static bool verbs_there(void *unused)
{
	return !access(VERBS, R_OK | W_OK);
}

/* Send a command to an RDMA device. Return 0 or a negative errno. */
static int verb(int verbs, uint32_t command, void *cmd, size_t in, size_t out)
{
	struct ib_uverbs_cmd_hdr *header = cmd;

	header->command = command;
	header->in_words = in / 4;
	header->out_words = out / 4;
	return write(verbs, cmd, in) == (ssize_t)in ? 0 : -errno;
}

/* The device registers all of the buffer as a memory region. */
TEST_F(nic, rdma_memory_region)
{
	struct ib_uverbs_get_context_resp context;
	struct ib_uverbs_alloc_pd_resp pd;
	struct {
		struct ib_uverbs_reg_mr_resp base;
		uint32_t driver[8];
	} mr;
	struct {
		struct ib_uverbs_cmd_hdr header;
		struct ib_uverbs_get_context cmd;
	} get_context = { .cmd.response = to_addr(&context) };
	struct {
		struct ib_uverbs_cmd_hdr header;
		struct ib_uverbs_alloc_pd cmd;
	} alloc_pd = { .cmd.response = to_addr(&pd) };
	struct {
		struct ib_uverbs_cmd_hdr header;
		struct ib_uverbs_reg_mr cmd;
	} reg_mr = { .cmd = {
		.response = to_addr(&mr),
		.start = to_addr(self->map),
		.length = self->length,
		.hca_va = to_addr(self->map),
		.access_flags = IB_UVERBS_ACCESS_LOCAL_WRITE |
				IB_UVERBS_ACCESS_REMOTE_READ,
	} };
	struct {
		struct ib_uverbs_cmd_hdr header;
		struct ib_uverbs_dereg_mr cmd;
	} dereg_mr = {};
	int verbs, ret;

	ret = rxe_add();
	if (ret)
		SKIP(return, "no rxe on the loopback device: modprobe rdma_rxe (%s)",
		     strerror(-ret));
	ASSERT_TRUE(poll_until(verbs_there, NULL));
	verbs = open(VERBS, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, verbs);
	ASSERT_EQ(0, verb(verbs, IB_USER_VERBS_CMD_GET_CONTEXT, &get_context,
			  sizeof(get_context), sizeof(context)));
	ASSERT_EQ(0, verb(verbs, IB_USER_VERBS_CMD_ALLOC_PD, &alloc_pd,
			  sizeof(alloc_pd), sizeof(pd)));
	reg_mr.cmd.pd_handle = pd.pd_handle;
	ASSERT_EQ(0, verb(verbs, IB_USER_VERBS_CMD_REG_MR, &reg_mr,
			  sizeof(reg_mr), sizeof(mr)));
	dereg_mr.cmd.mr_handle = mr.base.mr_handle;
	EXPECT_EQ(0, verb(verbs, IB_USER_VERBS_CMD_DEREG_MR, &dereg_mr,
			  sizeof(dereg_mr), 0));
	close(verbs);
}

TEST_HARNESS_MAIN
