// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices to which the Device Tree gives a pool: the coherent memory of clients
 * that attach them comes from that pool alone, whatever becomes of the device,
 * and the memory of other clients does not.
 *
 *	scripts/vm -k arm64 -d selftests/dt/device-pool-no-map.dtso -- \
 *		.../run device_pool
 */
#include <linux/dma-buf.h>

#include "kselftest_harness.h"
#include "caches_utils.h"
#include "contig_device_utils.h"
#include "pool_utils.h"

#define DEVICES "/sys/bus/platform/devices/"
#define FIXED "/sys/bus/platform/drivers/reg-fixed-voltage/"
/* Drivers that leave a device to other users, as set by selftests/run. */
#define STUBS "/sys/module/contig/parameters/stub_drivers"
#define CLAIMING "/sys/bus/platform/drivers/contig_irq_test/"

/* The devices in selftests/dt/device-pool-*.dtso. */
#define DEVICE "pool-device"
#define COHERENT "coherent-pool-device"
#define BAD "bad-pool-device"
#define PLAIN "plain-device"

#define PIECES 256
/* How much of CMA other users may take or give back meanwhile, in KiB. */
#define NOISE_KIB 8192

/* Attach a device of the platform bus, without stating limits. */
static int attach_to(int client, const char *device, struct contig_device *cmd)
{
	char name[CONTIG_DEVICE_NAME_SIZE];

	snprintf(name, sizeof(name), "platform/%s", device);
	*cmd = (struct contig_device) { .size = sizeof(*cmd) };
	return attach(client, cmd, name);
}

/* Return a client with the device attached, or a negative errno. */
static int client_of(const char *device)
{
	struct contig_device cmd;
	int client = client_open();
	int ret = attach_to(client, device, &cmd);

	if (!ret)
		return client;
	close(client);
	return ret;
}

static bool has_driver(const char *device)
{
	char path[128];

	snprintf(path, sizeof(path), DEVICES "%s/driver", device);
	return !access(path, F_OK);
}

FIXTURE(device) {
	int fd;
	int plain;
	struct contig_device cmd;
	struct pool pool;
	struct pool own;
};

FIXTURE_SETUP(device) {
	setup_client(self->fd);
	if (access(DEVICES DEVICE, F_OK))
		SKIP(return, "no device: selftests/dt/device-pool-no-map.dtso");
	ASSERT_EQ(0, system("modprobe fixed"));
	if (!has_driver(DEVICE))
		write_text(FIXED "bind", DEVICE);
	ASSERT_TRUE(pool_of(DEVICE, &self->pool));
	/* Only one of the Device Trees has this pool. */
	pool_of("contig", &self->own);
	ASSERT_EQ(0, attach_to(self->fd, DEVICE, &self->cmd));
	self->plain = client_open();
	ASSERT_LE(0, self->plain);
	quota_lift();
}

FIXTURE_TEARDOWN(device) {
	if (self->pool.size)
		quota_restore();
	close(self->plain);
	close(self->fd);
}

static bool in_pool(FIXTURE_DATA(device) *self, int fd, uint64_t length)
{
	uint64_t at;

	return lies_in(&self->pool, self->fd, fd, length, &at);
}

/* Return true if no page of a buffer is in the pool. */
static bool outside(FIXTURE_DATA(device) *self, int client, int fd,
		    uint64_t length)
{
	uint64_t end = self->pool.base + self->pool.size;
	struct contig_extent *extents;
	bool out = false;
	int64_t n, i;

	if (_test_cmd_lock_buffer(client, fd, 0, length, 0))
		return false;
	n = translate_all(client, fd, 0, length, 0, &extents);
	for (i = 0; i < n; i++) {
		out = extents[i].addr >= end ||
		      extents[i].addr + extents[i].length <= self->pool.base;
		if (!out)
			break;
	}
	if (n >= 0)
		free(extents);
	_test_cmd_unlock_buffer(client, fd, 0, length);
	return out;
}

/* Return true if no client has memory of the pool. */
static bool pool_is_whole(FIXTURE_DATA(device) *self)
{
	int client = client_of(DEVICE);
	int fd = buffer_get(client, self->pool.size, CONTIG_RUNGS_COHERENT);

	close(client);
	close(fd);
	return fd >= 0;
}

TEST_F(device, says_so)
{
	struct contig_device cmd;
	struct contig_info info;

	EXPECT_EQ(CONTIG_DEVICE_POOL, self->cmd.out_features);
	EXPECT_EQ(0, attach_to(self->plain, COHERENT, &cmd));
	EXPECT_EQ(CONTIG_DEVICE_POOL | CONTIG_DEVICE_COHERENT,
		  cmd.out_features);
	EXPECT_EQ(0, attach_to(self->plain, BAD, &cmd));
	EXPECT_EQ(CONTIG_DEVICE_POOL, cmd.out_features);
	EXPECT_EQ(0, attach_to(self->plain, PLAIN, &cmd));
	EXPECT_EQ(0, cmd.out_features);
	/* INFO describes another pool, contig's own. */
	test_info(self->fd, &info);
	EXPECT_EQ(!!self->own.size,
		  !!(info.out_features & CONTIG_FEATURE_POOL));
}

/*
 * A driver that is not listed as one that leaves its device to other users may
 * use the pool in ways unknown to the kernel.
 */
TEST_F(device, is_left_to_its_driver)
{
	struct contig_device cmd;
	int fd;

	ASSERT_EQ(0, detach(self->fd));
	ASSERT_EQ(0, write_text(STUBS, "none"));
	EXPECT_EQ(0, attach_to(self->plain, DEVICE, &cmd));
	EXPECT_EQ(0, cmd.out_features);
	fd = buffer_get(self->plain, MIB(1), CONTIG_RUNGS_COHERENT);
	/* With CMA there is other memory; or contig has a pool of its own. */
	if (fd >= 0)
		EXPECT_TRUE(outside(self, self->plain, fd, MIB(1)));
	close(fd);
	ASSERT_EQ(0, detach(self->plain));
	ASSERT_EQ(0, write_text(STUBS, "reg-fixed-voltage"));
	EXPECT_EQ(0, attach_to(self->plain, DEVICE, &cmd));
	EXPECT_EQ(CONTIG_DEVICE_POOL, cmd.out_features);
}

TEST_F(device, has_all_sizes)
{
	uint64_t lengths[] = { page_size, KIB(64), MIB(1), MIB(1) + page_size,
			       MIB(8) };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(lengths); i++)
		EXPECT_TRUE(gives(&self->pool, self->fd, lengths[i]));
}

/*
 * Return how often this process cleaned memory of the pool from the caches
 * since forget().
 */
static int cleaned(FIXTURE_DATA(device) *self)
{
	static struct op ops[OPS];
	int n = ops_read(ops), i, in = 0;

	for (i = 0; i < n; i++)
		in += ops[i].addr >= self->pool.base &&
		      ops[i].addr < self->pool.base + self->pool.size;
	return in;
}

/*
 * Which addresses the device gets, and what is done to the caches for it:
 * nothing if it snoops them, nor for memory that no process maps. If the kernel
 * does not map the memory, a processor could not clean it; the emulated one
 * does not care.
 */
TEST_F(device, can_use_it)
{
	const char *devices[] = { DEVICE, COHERENT };
	struct dma_buf_sync sync = { .flags = DMA_BUF_SYNC_RW };
	struct contig_extent extent;
	struct contig_get_physical get = {
		.size = sizeof(get),
		.length = PIECE,
		.extents = to_addr(&extent),
	};
	struct contig_sync cmd = {
		.size = sizeof(cmd),
		.length = PIECE,
	};
	size_t i;
	int client, fd;
	char *map;

	ASSERT_EQ(0, watch());
	for (i = 0; i < ARRAY_SIZE(devices); i++) {
		bool cached = !i && !self->pool.no_map;

		client = client_of(devices[i]);
		ASSERT_LE(0, client);
		fd = buffer_get(client, PIECE, CONTIG_RUNGS_COHERENT);
		ASSERT_LE(0, fd);
		map = buffer_map(fd, PIECE);
		ASSERT_NE(NULL, map);
		fill_pattern(map, PIECE, i);
		forget();
		test_lock_buffer(client, fd, 0, PIECE, 0);
		EXPECT_EQ(cached, cleaned(self) > 0);
		forget();
		get.flags = CONTIG_GET_DMA | CONTIG_RANGE_BUFFER;
		get.addr = 0;
		get.length = PIECE;
		get.count = 1;
		get.fd = fd;
		test_get_physical(client, &get);
		EXPECT_EQ(PIECE, extent.length);
		EXPECT_TRUE(physical_is(extent.addr, map, PIECE));
		cmd.fd = fd;
		cmd.flags = CONTIG_RANGE_BUFFER | CONTIG_IO_INPUT |
			    CONTIG_IO_OUTPUT | CONTIG_IO_FOR_DEVICE;
		EXPECT_EQ(0, contig_ioctl(client, CONTIG_SYNC, &cmd));
		cmd.flags ^= CONTIG_IO_FOR_DEVICE | CONTIG_IO_FOR_CPU;
		EXPECT_EQ(0, contig_ioctl(client, CONTIG_SYNC, &cmd));
		sync.flags = DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW;
		EXPECT_EQ(0, ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync));
		sync.flags = DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW;
		EXPECT_EQ(0, ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync));
		EXPECT_EQ(cached, cleaned(self) > 0);
		EXPECT_TRUE(has_pattern(map, PIECE, i));
		test_unlock_buffer(client, fd, 0, PIECE);
		forget();
		/* The same, by its address in the process. */
		test_lock(client, map, PIECE, 0);
		get.flags = CONTIG_GET_DMA;
		get.addr = to_addr(map);
		get.length = PIECE;
		get.count = 1;
		get.fd = 0;
		test_get_physical(client, &get);
		EXPECT_TRUE(physical_is(extent.addr, map, PIECE));
		EXPECT_EQ(cached, cleaned(self) > 0);
		test_unlock(client, map, PIECE);
		munmap(map, PIECE);
		close(fd);
		close(client);
	}
	watch_no_more();
}

/*
 * Allocate until the pool is empty: the machine's other memory is untouched,
 * and the error has the reason. Other clients still get memory.
 */
TEST_F_TIMEOUT(device, is_all_there_is, 120)
{
	struct contig_alloc alloc = alloc_request(PIECE, CONTIG_RUNGS_COHERENT);
	struct contig_probe probe = probe_request(PIECE, CONTIG_RUNGS_COHERENT);
	long cma = meminfo_kib("CmaFree"), memory = free_pages(), now;
	int most = self->pool.size / PIECE, fds[PIECES], n, fd;

	ASSERT_GT(PIECES, most);
	n = take_all(&self->pool, self->fd, fds, PIECES);
	ASSERT_EQ(most, n);
	EXPECT_EQ(-ENOMEM, fds[n]);
	/* A reusable pool is lent to the kernel: its free memory decreases. */
	now = free_pages();
	if (!self->pool.no_map)
		memory -= self->pool.size / page_size;
	EXPECT_LE(memory - 512, now);
	free(read_text("/proc/sys/vm/stat_refresh"));
	now = meminfo_kib("CmaFree");
	if (self->pool.no_map) {
		EXPECT_LE(cma - NOISE_KIB, now);
	} else {
		cma = meminfo_kib("CmaTotal") - self->pool.size / 1024;
		EXPECT_GE(cma, now);
		EXPECT_LE(cma - NOISE_KIB, now);
	}

	test_err_alloc(ENOMEM, self->fd, &alloc);
	EXPECT_EQ(1, alloc.out_report_count);
	EXPECT_EQ(ENOMEM, alloc.out_reports[0].error);
	EXPECT_EQ(CONTIG_BLOCKED_EXHAUSTED, alloc.out_reports[0].blocked);
	EXPECT_GT(PIECE, alloc.out_reports[0].largest);
	test_probe(self->fd, &probe);
	EXPECT_EQ(CONTIG_RUNG_NONE, probe.out_rung);
	EXPECT_EQ(CONTIG_BLOCKED_EXHAUSTED, probe.out_reports[0].blocked);
	/* Not even one page, although the machine has plenty. */
	alloc = alloc_request(page_size, CONTIG_RUNGS_COHERENT);
	test_err_alloc(ENOMEM, self->fd, &alloc);
	EXPECT_EQ(CONTIG_BLOCKED_EXHAUSTED, alloc.out_reports[0].blocked);
	/* The other rungs do not use the pool. */
	alloc = alloc_request(PIECE, CONTIG_RUNGS_COHERENT | CONTIG_RUNGS_RANGE |
				     CONTIG_RUNGS_SCATTER);
	test_alloc(self->fd, &alloc);
	EXPECT_LT(CONTIG_RUNG_COHERENT, alloc.out_rung);
	EXPECT_TRUE(outside(self, self->fd, alloc.out_fd, PIECE));
	close(alloc.out_fd);
	fd = buffer_get(self->plain, PIECE, CONTIG_RUNGS_COHERENT);
	ASSERT_LE(0, fd);
	EXPECT_TRUE(outside(self, self->plain, fd, PIECE));
	close(fd);

	while (n)
		close(fds[--n]);
	EXPECT_TRUE(pool_is_whole(self));
}

TEST_F(device, is_too_small_for_more)
{
	struct contig_alloc alloc = alloc_request(KIB(64),
						  CONTIG_RUNGS_COHERENT);
	struct contig_probe probe = probe_request(self->pool.size,
						  CONTIG_RUNGS_COHERENT);
	struct contig_report report;

	EXPECT_EQ(-ENOMEM, ask_for_more(&self->pool, self->fd, &report));
	EXPECT_EQ(CONTIG_BLOCKED_TOO_LARGE, report.blocked);
	EXPECT_EQ(self->pool.size, report.largest);
	test_probe(self->fd, &probe);
	EXPECT_EQ(CONTIG_RUNG_COHERENT, probe.out_rung);
	EXPECT_EQ(self->pool.size, probe.out_largest);
	EXPECT_TRUE(pool_is_whole(self));
	alloc.constraints.highest = self->pool.base - 1;
	test_err_alloc(ENOMEM, self->fd, &alloc);
	EXPECT_EQ(CONTIG_BLOCKED_CONSTRAINTS, alloc.out_reports[0].blocked);
}

/*
 * A client without such a device, or that has detached it, gets no memory of
 * its pool.
 */
TEST_F(device, is_nobody_elses)
{
	int clients[] = { self->plain, client_of(PLAIN), client_open() };
	struct contig_device cmd;
	uint64_t at;
	size_t i;
	int fd, n;

	ASSERT_EQ(0, attach_to(clients[2], DEVICE, &cmd));
	ASSERT_EQ(0, detach(clients[2]));
	for (i = 0; i < ARRAY_SIZE(clients); i++) {
		ASSERT_LE(0, clients[i]);
		for (n = 0; n < 16; n++) {
			fd = buffer_get(clients[i], PIECE,
					CONTIG_RUNGS_COHERENT);
			ASSERT_LE(0, fd);
			EXPECT_TRUE(outside(self, clients[i], fd, PIECE));
			if (self->own.size)
				EXPECT_TRUE(lies_in(&self->own, clients[i], fd,
						    PIECE, &at));
			close(fd);
			fd = buffer_get(clients[i], PIECE, CONTIG_RUNGS_RANGE);
			ASSERT_LE(0, fd);
			EXPECT_TRUE(outside(self, clients[i], fd, PIECE));
			close(fd);
		}
	}
	close(clients[1]);
	close(clients[2]);
	fd = buffer_get(self->fd, PIECE, CONTIG_RUNGS_COHERENT);
	ASSERT_LE(0, fd);
	EXPECT_TRUE(in_pool(self, fd, PIECE));
	close(fd);
}

/* Two devices share a pool: no page belongs to both, and all pages are zero. */
TEST_F(device, shares_it)
{
	int other = client_of(COHERENT), fds[PIECES], n, fd, i;
	char *map;

	ASSERT_LE(0, other);
	for (i = 0; i < 2; i++) {
		fd = buffer_get(self->fd, self->pool.size / 2,
				CONTIG_RUNGS_COHERENT);
		ASSERT_LE(0, fd);
		map = buffer_map(fd, self->pool.size / 2);
		ASSERT_NE(NULL, map);
		EXPECT_TRUE(is_zero(map, self->pool.size / 2));
		n = take_all(&self->pool, other, fds, PIECES);
		ASSERT_EQ(self->pool.size / 2 / PIECE, n);
		memset(map, 0x5a, self->pool.size / 2);
		munmap(map, self->pool.size / 2);
		while (n--) {
			map = buffer_map(fds[n], PIECE);
			ASSERT_NE(NULL, map);
			EXPECT_TRUE(is_zero(map, PIECE));
			memset(map, 0xa5, PIECE);
			munmap(map, PIECE);
			close(fds[n]);
		}
		close(fd);
	}
	close(other);
	EXPECT_TRUE(pool_is_whole(self));
}

/* A pool that cannot be used is not replaced by other memory. */
TEST_F(device, has_none_of_use)
{
	struct contig_alloc alloc = alloc_request(PIECE, CONTIG_RUNGS_COHERENT);
	struct contig_probe probe = probe_request(PIECE, CONTIG_RUNGS_COHERENT);
	int client = client_of(BAD);

	ASSERT_LE(0, client);
	test_err_alloc(ENOMEM, client, &alloc);
	EXPECT_EQ(ENODEV, alloc.out_reports[0].error);
	EXPECT_EQ(CONTIG_BLOCKED_ABSENT, alloc.out_reports[0].blocked);
	test_probe(client, &probe);
	EXPECT_EQ(CONTIG_RUNG_NONE, probe.out_rung);
	EXPECT_EQ(CONTIG_BLOCKED_ABSENT, probe.out_reports[0].blocked);
	alloc = alloc_request(PIECE, CONTIG_RUNGS_COHERENT | CONTIG_RUNGS_RANGE);
	test_alloc(client, &alloc);
	EXPECT_EQ(CONTIG_RUNG_RANGE, alloc.out_rung);
	close(alloc.out_fd);
	close(client);
}

/* A process that exits or is killed leaves nothing allocated in the pool. */
TEST_F(device, comes_back_from_the_dead)
{
	int fds[PIECES], ends[2];
	pid_t pid;
	char c;

	ASSERT_EQ(0, pipe(ends));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		int client = client_of(DEVICE);
		int n = take_all(&self->pool, client, fds, PIECES);

		while (n > 0)
			_test_cmd_lock_buffer(client, fds[--n], 0, PIECE, 0);
		if (write(ends[1], "x", 1) == 1)
			pause();
		_exit(1);
	}
	ASSERT_EQ(1, read(ends[0], &c, 1));
	EXPECT_EQ(-ENOMEM, buffer_alloc(self->fd, PIECE, CONTIG_RUNGS_COHERENT,
					0));
	kill(pid, SIGKILL);
	child_wait(pid);
	close(ends[0]);
	close(ends[1]);
	EXPECT_TRUE(poll_until((bool (*)(void *))pool_is_whole, self));
}

/*
 * The device and the memory, in every order: the driver is unbound while memory
 * is mapped, locked or neither, and is bound again or not, before or after all
 * is closed.
 */
FIXTURE(order) {
	int client;
	int fd;
	char *map;
	FIXTURE_DATA(device) all;
};

FIXTURE_VARIANT(order) {
	bool locked;
	bool buffer_first;
	bool back_before;
	/* The driver itself claims the pool with the kernel. */
	bool claimed;
};

#define ORDER(name, ...) \
	FIXTURE_VARIANT_ADD(order, name) { __VA_ARGS__ }

ORDER(buffer_last);
ORDER(buffer_first, .buffer_first = true);
ORDER(locked_buffer_last, .locked = true);
ORDER(locked_buffer_first, .locked = true, .buffer_first = true);
ORDER(back_before, .locked = true, .back_before = true);
ORDER(claimed_buffer_last, .claimed = true);
ORDER(claimed_locked, .claimed = true, .locked = true, .buffer_first = true);
ORDER(claimed_back, .claimed = true, .locked = true, .back_before = true);

/* Bind the device to this driver. */
static int give_to(const char *driver)
{
	char path[128];

	if (has_driver(DEVICE))
		write_text(DEVICES DEVICE "/driver/unbind", DEVICE);
	write_text(DEVICES DEVICE "/driver_override", driver);
	snprintf(path, sizeof(path), "/sys/bus/platform/drivers/%s/bind",
		 driver);
	return write_text(path, DEVICE);
}

FIXTURE_SETUP(order) {
	struct contig_device cmd;

	setup_client(self->client);
	if (access(DEVICES DEVICE, F_OK))
		SKIP(return, "no device: selftests/dt/device-pool-no-map.dtso");
	ASSERT_EQ(0, system("modprobe fixed"));
	if (variant->claimed)
		ASSERT_EQ(0, system("modprobe contig_irq_test"));
	ASSERT_EQ(0, give_to(variant->claimed ? "contig_irq_test" :
						"reg-fixed-voltage"));
	ASSERT_TRUE(pool_of(DEVICE, &self->all.pool));
	quota_lift();
	ASSERT_EQ(0, attach_to(self->client, DEVICE, &cmd));
	EXPECT_EQ(CONTIG_DEVICE_POOL, cmd.out_features);
	self->fd = buffer_get(self->client, self->all.pool.size / 2,
			      CONTIG_RUNGS_COHERENT);
	ASSERT_LE(0, self->fd);
	self->map = buffer_map(self->fd, self->all.pool.size / 2);
	ASSERT_NE(NULL, self->map);
}

FIXTURE_TEARDOWN(order) {
	if (!self->map)
		return;
	/* selftests/run unloads the module before the next program. */
	EXPECT_EQ(0, give_to("reg-fixed-voltage"));
	write_text(DEVICES DEVICE "/driver_override", "\n");
	quota_restore();
}

TEST_F(order, loses_nothing)
{
	uint64_t length = self->all.pool.size / 2, at;
	const char *driver = variant->claimed ? "contig_irq_test" :
						"reg-fixed-voltage";
	struct contig_alloc alloc = alloc_request(PIECE, CONTIG_RUNGS_COHERENT);

	EXPECT_TRUE(lies_in(&self->all.pool, self->client, self->fd, length,
			    &at));
	fill_pattern(self->map, length, 1);
	if (variant->locked)
		test_lock_buffer(self->client, self->fd, 0, length, 0);
	ASSERT_EQ(0, write_text(DEVICES DEVICE "/driver/unbind", DEVICE));
	test_err_alloc(ENODEV, self->client, &alloc);
	EXPECT_TRUE(has_pattern(self->map, length, 1));
	EXPECT_TRUE(physical_is(at, self->map, length));
	fill_pattern(self->map, length, 2);
	if (variant->back_before) {
		int other;

		ASSERT_EQ(0, give_to(driver));
		other = client_of(DEVICE);
		ASSERT_LE(0, other);
		alloc = alloc_request(length + PIECE, CONTIG_RUNGS_COHERENT);
		test_err_alloc(ENOMEM, other, &alloc);
		EXPECT_EQ(length, alloc.out_reports[0].largest);
		close(other);
	}
	EXPECT_TRUE(has_pattern(self->map, length, 2));
	munmap(self->map, length);
	close(variant->buffer_first ? self->fd : self->client);
	close(variant->buffer_first ? self->client : self->fd);
	if (!variant->back_before)
		ASSERT_EQ(0, give_to(driver));
	EXPECT_TRUE(poll_until((bool (*)(void *))pool_is_whole, &self->all));
}

TEST_HARNESS_MAIN
