/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * QEMU's "edu": a PCI device with a DMA engine that copies between memory and
 * an internal buffer of one page. Old versions of QEMU reject a transfer of the
 * whole buffer. The device has 28 address bits, and each transfer takes a tenth
 * of a second.
 */
#ifndef CONTIG_EDU_H
#define CONTIG_EDU_H

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "contig_utils.h"

#define EDU_BAR_SIZE MIB(1)
#define EDU_BUFFER 0x40000
#define EDU_DMA_SOURCE 0x80
#define EDU_DMA_TARGET 0x88
#define EDU_DMA_COUNT 0x90
#define EDU_DMA_COMMAND 0x98
#define EDU_DMA_START 1
#define EDU_DMA_TO_MEMORY 2
#define EDU_CHUNK KIB(2)

/* A driver that does nothing by itself. */
#define UIO "uio_pci_generic"

#define PCI_DEVICES "/sys/bus/pci/devices/"
#define PCI_DRIVERS "/sys/bus/pci/drivers/"

/*
 * Return the device's number of address bits. On machines whose memory lies
 * higher, QEMU sets more with dma_mask=, and the environment has the number.
 */
static inline uint32_t edu_bits(void)
{
	const char *bits = getenv("EDU_BITS");

	return bits ? atoi(bits) : ram_start() >> 28 ? 32 : 28;
}

struct edu {
	char slot[16];			/* 0000:00:05.0 */
	char name[32];			/* pci/0000:00:05.0 */
	volatile uint8_t *registers;
};

static inline int pci_write(const char *slot, const char *file,
			    const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), PCI_DEVICES "%s/%s", slot, file);
	return write_text(path, text);
}

/* Return true if the first line of a device's file is @text. */
static inline bool pci_is(const char *slot, const char *file, const char *text)
{
	char path[300], *found;
	bool same;

	snprintf(path, sizeof(path), PCI_DEVICES "%s/%s", slot, file);
	found = read_text(path);
	same = found && !strncmp(found, text, strlen(text));
	free(found);
	return same;
}

/* Return 0, or -ENODEV if this machine has no such device. */
static inline int edu_find(struct edu *edu)
{
	DIR *dir = opendir(PCI_DEVICES);
	struct dirent *entry;
	int ret = -ENODEV;

	memset(edu, 0, sizeof(*edu));
	while (dir && ret && (entry = readdir(dir))) {
		if (!pci_is(entry->d_name, "vendor", "0x1234") ||
		    !pci_is(entry->d_name, "device", "0x11e8"))
			continue;
		snprintf(edu->slot, sizeof(edu->slot), "%.12s", entry->d_name);
		snprintf(edu->name, sizeof(edu->name), "pci/%s", edu->slot);
		ret = 0;
	}
	if (dir)
		closedir(dir);
	return ret;
}

/* Unbind the device from its driver, if it has one. */
static inline void edu_unbind(const struct edu *edu)
{
	pci_write(edu->slot, "driver/unbind", edu->slot);
}

static inline bool edu_is_bound(const struct edu *edu)
{
	char path[64];

	snprintf(path, sizeof(path), PCI_DEVICES "%s/driver", edu->slot);
	return !access(path, F_OK);
}

static inline int edu_bind(const struct edu *edu, const char *driver)
{
	if (edu_is_bound(edu))
		return 0;
	return pci_write(edu->slot, "driver_override", driver) ?:
	       write_text("/sys/bus/pci/drivers_probe", edu->slot) ?:
	       edu_is_bound(edu) ? 0 : -ENODEV;
}

/* Enable memory space and bus mastering. */
static inline int edu_enable(struct edu *edu)
{
	uint16_t command;
	char path[64];
	int fd, ret = -EIO;
	void *map;

	snprintf(path, sizeof(path), PCI_DEVICES "%s/config", edu->slot);
	fd = open(path, O_RDWR);
	if (fd < 0)
		return -errno;
	if (pread(fd, &command, 2, 4) == 2) {
		command |= 2 | 4;
		ret = pwrite(fd, &command, 2, 4) == 2 ? 0 : -EIO;
	}
	close(fd);
	snprintf(path, sizeof(path), PCI_DEVICES "%s/resource0", edu->slot);
	fd = open(path, O_RDWR);
	if (ret || fd < 0)
		return ret ?: -errno;
	map = mmap(NULL, EDU_BAR_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		   0);
	close(fd);
	if (map == MAP_FAILED)
		return -errno;
	edu->registers = map;
	return 0;
}

/* Find a device, and bind a driver that leaves DMA to the test. */
static inline int edu_setup(struct edu *edu)
{
	int ret = edu_find(edu);

	if (ret)
		return ret;
	if (system("modprobe " UIO))
		return -ENOENT;
	return edu_bind(edu, UIO) ?: edu_enable(edu);
}

static inline void edu_disable(struct edu *edu)
{
	if (edu->registers)
		munmap((void *)edu->registers, EDU_BAR_SIZE);
	edu->registers = NULL;
}

static inline void edu_store(const struct edu *edu, unsigned int at,
			     uint64_t value)
{
#ifdef __arm__
	/*
	 * The compiler stores two halves, and the device ignores the second one,
	 * which is not 0 above 4 GiB. A register of VFP is stored as a whole.
	 */
	asm volatile("vldr d7, [%1]\n\tvstr d7, [%0]" : :
		     "r" (edu->registers + at), "r" (&value) :
		     "d7", "memory");
#else
	*(volatile uint64_t *)(edu->registers + at) = value;
#endif
}

/* Copy a chunk between the device and memory at a DMA address. */
static inline int edu_transfer(const struct edu *edu, uint64_t addr,
			       bool to_memory)
{
	const struct timespec moment = { .tv_nsec = 5000000 };
	int tries;

	edu_store(edu, EDU_DMA_SOURCE, to_memory ? EDU_BUFFER : addr);
	edu_store(edu, EDU_DMA_TARGET, to_memory ? addr : EDU_BUFFER);
	edu_store(edu, EDU_DMA_COUNT, EDU_CHUNK);
	edu_store(edu, EDU_DMA_COMMAND, EDU_DMA_START |
		  (to_memory ? EDU_DMA_TO_MEMORY : 0));
	for (tries = 0; tries < 4000; tries++) {
		if (!(*(volatile uint64_t *)(edu->registers + EDU_DMA_COMMAND) &
		      EDU_DMA_START))
			return 0;
		nanosleep(&moment, NULL);
	}
	return -ETIME;
}

/* In the setup of a fixture: a client, and a device with a driver; or skip. */
#define setup_edu(self) do { \
	setup_client((self)->fd); \
	if (edu_find(&(self)->edu)) \
		SKIP(return, "no device: run QEMU with -device edu"); \
	ASSERT_EQ(0, edu_setup(&(self)->edu)); \
} while (0)

#endif /* CONTIG_EDU_H */
