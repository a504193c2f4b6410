// SPDX-License-Identifier: GPL-2.0-only
/*
 * Users with a device behind an IOMMU: one function of a slot whose other
 * function is not theirs, or both. scripts/devices boots guests that have
 * these.
 */
#include <pthread.h>
#include "kselftest_harness.h"
#include "contig_device_utils.h"
#include "edu.h"

#define DEVICES CONTIG_PARAMETERS "/devices"
#define UNCONFINED CONTIG_PARAMETERS "/allow_unconfined"
#define KERNEL_DRIVER "contig_irq_test"

#define MAPS_PER_CLIENT 8192
#define MAPS_CLIENTS 2

/* A process of a user that attaches a device and reports the result. */
struct tenant {
	pid_t pid;
	int to;
	int from;
	int ret;		/* of attaching */
	uint64_t features;
};

static void tenant_run(unsigned int uid, const char *name, int from, int to)
{
	struct contig_device cmd = { .address_bits = edu_bits() };
	int client = client_open(), ret;
	char byte;

	if (drop_to_user(uid))
		_exit(1);
	ret = attach(client, &cmd, name);
	do {
		if (write(to, &ret, sizeof(ret)) != sizeof(ret) ||
		    write(to, &cmd.out_features, sizeof(uint64_t)) !=
		    sizeof(uint64_t))
			break;
		if (read(from, &byte, 1) != 1)
			break;
		ret = query(client, &cmd);
	} while (true);
	_exit(0);
}

static int tenant_answer(struct tenant *t)
{
	int ret;

	if (read(t->from, &ret, sizeof(ret)) != sizeof(ret) ||
	    read(t->from, &t->features, sizeof(t->features)) !=
	    sizeof(t->features))
		return -EPIPE;
	return ret;
}

static int tenant_start(struct tenant *t, unsigned int uid, const char *name)
{
	int to[2], from[2];

	if (pipe(to) || pipe(from))
		return -errno;
	t->pid = fork();
	if (!t->pid) {
		close(to[1]);
		close(from[0]);
		tenant_run(uid, name, to[0], from[1]);
	}
	close(to[0]);
	close(from[1]);
	t->to = to[1];
	t->from = from[0];
	t->ret = tenant_answer(t);
	return t->ret;
}

static int tenant_query(struct tenant *t)
{
	return write(t->to, "q", 1) == 1 ? tenant_answer(t) : -EPIPE;
}

static void tenant_end(struct tenant *t)
{
	close(t->to);
	close(t->from);
	child_wait(t->pid);
}

/* Return what attaching a device returns for a user, and detach it. */
static int try_as(unsigned int uid, const char *name, uint64_t *features)
{
	struct tenant t;
	int ret = tenant_start(&t, uid, name);

	if (features)
		*features = t.features;
	tenant_end(&t);
	return ret;
}

/* Set which users may attach the two functions. */
static int give(const char *format, const char *a, const char *b)
{
	char text[256];

	snprintf(text, sizeof(text), format, a, b);
	return write_text(DEVICES, text);
}

/* Find two functions of one slot. */
static int find_pair(struct edu pair[2])
{
	char slot[16];
	DIR *dir = opendir(PCI_DEVICES);
	struct dirent *entry;
	int ret = -ENODEV, i;

	while (dir && ret && (entry = readdir(dir))) {
		if (!pci_is(entry->d_name, "device", "0x11e8") ||
		    strcmp(entry->d_name + 10, ".0"))
			continue;
		snprintf(slot, sizeof(slot), "%.11s1", entry->d_name);
		if (pci_is(slot, "device", "0x11e8"))
			ret = 0;
	}
	if (dir)
		closedir(dir);
	for (i = 0; i < 2 && !ret; i++) {
		memset(&pair[i], 0, sizeof(pair[i]));
		slot[11] = '0' + i;
		strcpy(pair[i].slot, slot);
		snprintf(pair[i].name, sizeof(pair[i].name), "pci/%s", slot);
	}
	return ret;
}

/*
 * Return true if the machine lets a device cause only its own interrupts. On a
 * PC interrupt remapping does that, on arm64 an ITS.
 */
static bool interrupts_are_isolated(void)
{
	char *text = read_text("/proc/interrupts");
	bool isolated = text && strstr(text, "IR-");

	free(text);
	return isolated ||
	       !system("find /proc/device-tree/ -name 'its@*' 2>/dev/null | grep -q .");
}

FIXTURE(confined) {
	int fd;
	struct edu edu[2];
	const char *a;
	const char *b;
	int want;		/* answer to a user of the whole group */
};

FIXTURE_SETUP(confined) {
	int i;

	setup_client(self->fd);
	/* An earlier test that failed may have left it unplugged. */
	write_text("/sys/bus/pci/rescan", "1");
	if (find_pair(self->edu))
		SKIP(return, "no slot with two functions of the device edu");
	ASSERT_EQ(0, system("modprobe " UIO));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, edu_bind(&self->edu[i], UIO));
	}
	/*
	 * Some IOMMU drivers add devices to groups only when these get a
	 * driver.
	 */
	if (!pci_is(self->edu[0].slot, "iommu_group/type", "DMA"))
		SKIP(return, "no IOMMU");
	self->a = self->edu[0].name;
	self->b = self->edu[1].name;
	self->want = interrupts_are_isolated() ? 0 : -EACCES;
}

FIXTURE_TEARDOWN(confined) {
	int i;

	write_text(DEVICES, "\n");
	write_text(UNCONFINED, "N");
	write_text("/sys/bus/pci/rescan", "1");
	for (i = 0; i < 2; i++) {
		edu_unbind(&self->edu[i]);
		edu_bind(&self->edu[i], UIO);
	}
	close(self->fd);
}

/* The device reaches what root has locked for the other function. */
TEST_F(confined, not_with_a_group_of_others)
{
	struct contig_device cmd = { .address_bits = edu_bits() };
	uint64_t features = 0;

	ASSERT_EQ(0, attach(self->fd, &cmd, self->b));
	ASSERT_EQ(0, give("%s@1000", self->a, NULL));
	EXPECT_EQ(-EACCES, try_as(1000, self->a, NULL));
	ASSERT_EQ(0, give("%s,%s@1001", self->a, self->b));
	EXPECT_EQ(-EACCES, try_as(1000, self->a, NULL));
	ASSERT_EQ(0, give("%s@1000,%s@1001", self->a, self->b));
	EXPECT_EQ(-EACCES, try_as(1000, self->a, NULL));
	EXPECT_EQ(-EACCES, try_as(1001, self->b, NULL));
	/* One function may be attached by all users, the other by one. */
	ASSERT_EQ(0, give("%s,%s@1000", self->a, self->b));
	EXPECT_EQ(-EACCES, try_as(1000, self->a, NULL));

	ASSERT_EQ(0, give("%s@1000", self->a, NULL));
	ASSERT_EQ(0, write_text(UNCONFINED, "Y"));
	EXPECT_EQ(0, try_as(1000, self->a, &features));
	EXPECT_TRUE(features & CONTIG_DEVICE_IOMMU);
	EXPECT_FALSE(features & CONTIG_DEVICE_CONFINED);
}

TEST_F(confined, with_all_of_its_group)
{
	uint64_t features = 0;

	ASSERT_EQ(0, give("%s@1000,%s@1000", self->a, self->b));
	EXPECT_EQ(self->want, try_as(1000, self->a, &features));
	EXPECT_EQ(!self->want, !!(features & CONTIG_DEVICE_CONFINED));
	EXPECT_EQ(self->want, try_as(1000, self->b, NULL));
	EXPECT_EQ(-EPERM, try_as(1001, self->a, NULL));
	ASSERT_EQ(0, give("%s,%s", self->a, self->b));
	EXPECT_EQ(self->want, try_as(1001, self->a, NULL));
	ASSERT_EQ(0, give("%s@1000,%s", self->a, self->b));
	EXPECT_EQ(self->want, try_as(1000, self->a, NULL));
	EXPECT_EQ(-EACCES, try_as(1001, self->b, NULL));
}

TEST_F(confined, alone_in_its_group)
{
	struct contig_device cmd = {};
	uint64_t features = 0;

	ASSERT_EQ(0, attach(self->fd, &cmd, self->a));
	EXPECT_FALSE(cmd.out_features & CONTIG_DEVICE_CONFINED);
	pci_write(self->edu[1].slot, "remove", "1");
	ASSERT_EQ(0, query(self->fd, &cmd));
	EXPECT_EQ(!self->want, !!(cmd.out_features & CONTIG_DEVICE_CONFINED));
	ASSERT_EQ(0, detach(self->fd));
	ASSERT_EQ(0, give("%s@1000", self->a, NULL));
	EXPECT_EQ(self->want, try_as(1000, self->a, &features));
	EXPECT_EQ(!self->want, !!(features & CONTIG_DEVICE_CONFINED));
}

/* A driver in the kernel has mapped memory for the other function. */
TEST_F(confined, not_beside_a_driver_of_the_kernel)
{
	struct tenant t;

	if (system("modprobe " KERNEL_DRIVER))
		SKIP(return, "no module " KERNEL_DRIVER);
	ASSERT_EQ(0, give("%s@1000,%s@1000", self->a, self->b));
	edu_unbind(&self->edu[1]);
	EXPECT_EQ(self->want, tenant_start(&t, 1000, self->a));
	/* The driver is bound later. */
	ASSERT_EQ(0, edu_bind(&self->edu[1], KERNEL_DRIVER));
	if (!self->want)
		EXPECT_EQ(-ENODEV, tenant_query(&t));
	EXPECT_EQ(-EACCES, try_as(1000, self->a, NULL));
	tenant_end(&t);
	edu_unbind(&self->edu[1]);
	EXPECT_EQ(self->want, try_as(1000, self->a, NULL));
	system("rmmod " KERNEL_DRIVER);
}

/* A device that is hotplugged joins the group and is not the user's. */
TEST_F(confined, until_another_device_comes)
{
	struct tenant t;

	if (self->want)
		SKIP(return, "interrupts are not isolated here");
	pci_write(self->edu[1].slot, "remove", "1");
	ASSERT_EQ(0, give("%s@1000", self->a, NULL));
	ASSERT_EQ(0, tenant_start(&t, 1000, self->a));
	ASSERT_EQ(0, write_text("/sys/bus/pci/rescan", "1"));
	EXPECT_EQ(0, tenant_query(&t));
	ASSERT_EQ(0, edu_bind(&self->edu[1], UIO));
	EXPECT_EQ(-ENODEV, tenant_query(&t));
	tenant_end(&t);
}

/*
 * The administrator has changed the list; the previous user has not detached
 * yet.
 */
TEST_F(confined, not_while_another_user_has_it)
{
	struct contig_device cmd = { .address_bits = edu_bits() };
	struct tenant t;

	if (self->want)
		SKIP(return, "interrupts are not isolated here");
	ASSERT_EQ(0, give("%s@1000,%s@1000", self->a, self->b));
	ASSERT_EQ(0, tenant_start(&t, 1000, self->a));
	ASSERT_EQ(0, give("%s@1001,%s@1001", self->a, self->b));
	EXPECT_EQ(-EBUSY, try_as(1001, self->a, NULL));
	EXPECT_EQ(-EBUSY, try_as(1001, self->b, NULL));
	EXPECT_EQ(-EBUSY, attach(self->fd, &cmd, self->b));
	EXPECT_EQ(0, tenant_query(&t));
	tenant_end(&t);
	EXPECT_EQ(0, try_as(1001, self->a, NULL));
	EXPECT_EQ(0, attach(self->fd, &cmd, self->b));
}

/*
 * Measures how long clients of another device wait. They attach it, which
 * involves no IOMMU: QEMU's virtio-iommu is slow, and its driver waits for it
 * with a spinlock held.
 */
struct bystander {
	int client;
	const char *device;
	volatile bool stop;
	uint64_t worst;
	long rounds;
};

static void *stand_by(void *data)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	struct bystander *b = data;

	while (!b->stop) {
		uint64_t start = now_ns(), took;
		struct contig_device cmd = {};

		if (attach(b->client, &cmd, b->device) || detach(b->client)) {
			b->worst = UINT64_MAX;
			break;
		}
		took = now_ns() - start;
		if (took > b->worst)
			b->worst = took;
		b->rounds++;
		nanosleep(&pause, NULL);
	}
	return NULL;
}

TEST_F_TIMEOUT(confined, others_do_not_wait_for_its_maps, 300)
{
	struct contig_device cmd = { .address_bits = 32 };
	int clients[MAPS_CLIENTS], fd, i, j;
	struct bystander other = {};
	uint64_t took, quiet;
	pthread_t thread;
	long rounds;

	/* Memory that the device can reach: on arm64 not all memory is. */
	ASSERT_EQ(0, attach(self->fd, &cmd, self->a));
	fd = buffer_alloc(self->fd, pages(MAPS_PER_CLIENT), 0, 0);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, detach(self->fd));
	for (i = 0; i < MAPS_CLIENTS; i++) {
		clients[i] = client_open();
		ASSERT_EQ(0, attach(clients[i], &cmd, self->a));
		for (j = 0; j < times(MAPS_PER_CLIENT); j++) {
			ASSERT_EQ(0, _test_cmd_lock_buffer(clients[i], fd,
							   pages(j), pages(1),
							   0)) {
				TH_LOG("client %d, page %d", i, j);
			}
		}
	}
	other.client = self->fd;
	other.device = self->b;
	ASSERT_EQ(0, pthread_create(&thread, NULL, stand_by, &other));
	quiet = now_ns();
	usleep(200000);
	quiet = (now_ns() - quiet) / (other.rounds + 1);
	other.worst = 0;
	rounds = other.rounds;
	took = now_ns();
	edu_unbind(&self->edu[0]);
	took = now_ns() - took;
	rounds = other.rounds - rounds;
	other.stop = true;
	pthread_join(thread, NULL);
	TH_LOG("unbound in %lld ms, meanwhile %ld of %lld rounds of others, the longest took %lld ms",
	       (long long)took / 1000000, rounds, (long long)(took / quiet),
	       (long long)other.worst / 1000000);
	/* An emulated processor may stall for a while. */
	EXPECT_LT(took / quiet / 8, rounds);
	for (i = 0; i < MAPS_CLIENTS; i++) {
		EXPECT_EQ(-ENODEV, query(clients[i], &cmd));
		close(clients[i]);
	}
	close(fd);
}

TEST_HARNESS_MAIN
