// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device that belongs to VFIO, behind an IOMMU, uses memory that was
 * allocated without a rung, a flag or a constraint. scripts/devices boots
 * guests with such a device, QEMU's edu.
 */
#include <dirent.h>
#include <libgen.h>
#include <linux/vfio.h>

#include "kselftest_harness.h"
#include "contig_utils.h"
#include "edu.h"

#define DRIVER "vfio-pci"
#define IOVA 0x100000ull
#define COMMAND 4		/* register of a PCI device */
#define MASTER (2 | 4)		/* memory space and bus mastering */

FIXTURE(vfio) {
	struct edu edu;
	int fd;
	int container;
	int group;
	int device;
	int buffer;
	size_t length;
	char *map;
};

FIXTURE_VARIANT(vfio) {
	size_t length;
};

FIXTURE_VARIANT_ADD(vfio, of_4k) { .length = KIB(4) };
FIXTURE_VARIANT_ADD(vfio, of_2m) { .length = MIB(2) };
FIXTURE_VARIANT_ADD(vfio, of_16m) { .length = MIB(16) };

static int count_entries(const char *path)
{
	DIR *dir = opendir(path);
	int n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n - 2;
}

/*
 * Find an edu that is alone in its IOMMU group. Return the group's number or
 * -ENODEV.
 */
static int find(struct edu *edu)
{
	DIR *dir = opendir(PCI_DEVICES);
	char path[300], link[300];
	struct dirent *entry;
	int group = -ENODEV;
	ssize_t n;

	while (dir && group < 0 && (entry = readdir(dir))) {
		if (!pci_is(entry->d_name, "vendor", "0x1234") ||
		    !pci_is(entry->d_name, "device", "0x11e8"))
			continue;
		snprintf(path, sizeof(path), PCI_DEVICES "%.12s/iommu_group/devices",
			 entry->d_name);
		if (count_entries(path) != 1)
			continue;
		*strrchr(path, '/') = 0;
		n = readlink(path, link, sizeof(link) - 1);
		if (n < 0)
			continue;
		link[n] = 0;
		group = atoi(basename(link));
		snprintf(edu->slot, sizeof(edu->slot), "%.12s", entry->d_name);
	}
	if (dir)
		closedir(dir);
	return group;
}

/* Map the registers of the device, through VFIO. */
static int registers_map(int device, struct edu *edu)
{
	struct vfio_region_info config = {
		.argsz = sizeof(config), .index = VFIO_PCI_CONFIG_REGION_INDEX };
	struct vfio_region_info bar = {
		.argsz = sizeof(bar), .index = VFIO_PCI_BAR0_REGION_INDEX };
	uint16_t command;
	void *map;

	if (ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &config) ||
	    ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &bar) ||
	    pread(device, &command, 2, config.offset + COMMAND) != 2)
		return -errno;
	command |= MASTER;
	if (pwrite(device, &command, 2, config.offset + COMMAND) != 2)
		return -errno;
	map = mmap(NULL, EDU_BAR_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
		   device, bar.offset);
	edu->registers = map;
	return map == MAP_FAILED ? -errno : 0;
}

FIXTURE_SETUP(vfio) {
	char path[64];
	int group;

	setup_client(self->fd);
	group = find(&self->edu);
	if (group < 0 || system("modprobe -a vfio-pci vfio_iommu_type1"))
		SKIP(return, "no edu behind an IOMMU, or no module vfio-pci");
	edu_unbind(&self->edu);
	ASSERT_EQ(0, edu_bind(&self->edu, DRIVER));
	snprintf(path, sizeof(path), "/dev/vfio/%d", group);
	self->container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	self->group = open(path, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->container);
	ASSERT_LE(0, self->group);
	ASSERT_EQ(0, ioctl(self->group, VFIO_GROUP_SET_CONTAINER,
			   &self->container));
	ASSERT_EQ(0, ioctl(self->container, VFIO_SET_IOMMU,
			   VFIO_TYPE1v2_IOMMU));
	self->device = ioctl(self->group, VFIO_GROUP_GET_DEVICE_FD,
			     self->edu.slot);
	ASSERT_LE(0, self->device);
	ASSERT_EQ(0, registers_map(self->device, &self->edu));

	self->length = round_up_page(variant->length);
	/* Larger requests may be met from CMA, where nothing may be pinned. */
	setup_buffer(self, buffer_get(self->fd, self->length,
				      self->length > MIB(4) ?
				      CONTIG_RUNGS_RANGE : 0));
	fill_pattern(self->map, self->length, 1);
}

FIXTURE_TEARDOWN(vfio) {
	munmap(self->map, self->length);
	edu_disable(&self->edu);
	close(self->device);
	close(self->group);
	close(self->container);
	close(self->buffer);
	close(self->fd);
	edu_unbind(&self->edu);
	pci_write(self->edu.slot, "driver_override", "\n");
}

/* The device copies the first bytes of the buffer to its end. */
TEST_F(vfio, device_reaches_the_memory)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = to_addr(self->map),
		.iova = IOVA,
		.size = self->length,
	};
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = IOVA,
		.size = self->length,
	};
	char *end = self->map + self->length - EDU_CHUNK;

	ASSERT_EQ(0, ioctl(self->container, VFIO_IOMMU_MAP_DMA, &map)) {
		TH_LOG("%s", strerror(errno));
	}
	memset(end, 0, EDU_CHUNK);
	EXPECT_EQ(0, edu_transfer(&self->edu, IOVA, false));
	EXPECT_EQ(0, edu_transfer(&self->edu, IOVA + self->length - EDU_CHUNK,
				  true));
	EXPECT_EQ(0, memcmp(self->map, end, EDU_CHUNK));
	EXPECT_EQ(0, ioctl(self->container, VFIO_IOMMU_UNMAP_DMA, &unmap));
}

TEST_HARNESS_MAIN
