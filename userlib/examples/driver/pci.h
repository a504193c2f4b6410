/* SPDX-License-Identifier: LGPL-2.1-or-later OR MIT */
/*
 * A PCI device driven from user space, with the help of uio_pci_generic and
 * sysfs.
 */
#ifndef DRIVER_PCI_H
#define DRIVER_PCI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PCI_NAME_SIZE 32

/**
 * struct pci - a device
 * @name: DDDD:BB:DD.F
 * @bar: its registers
 * @bar_size: bytes of them
 * @config: file of its configuration space
 * @uio: file of its interrupt
 */
struct pci {
	char name[PCI_NAME_SIZE];
	volatile unsigned char *bar;
	size_t bar_size;
	int config;
	int uio;
};

/**
 * struct pci_id - ids of a device to find; 0 matches any id
 * @what: name for the message that there is none
 * @vendor: vendor id
 * @device: device id
 * @class: class code
 */
struct pci_id {
	const char *what;
	unsigned int vendor;
	unsigned int device;
	unsigned int class;
};

/* All of these functions return 0, or -1 after a message. */

/* Find the first matching device that no driver of the kernel has. */
int pci_find(char name[PCI_NAME_SIZE], const struct pci_id *id);

/*
 * Open a device by its name, with or without "pci/" before it: bind it to
 * uio_pci_generic unless it is, let it do DMA, and map its first registers.
 */
int pci_open(struct pci *pci, const char *name);

/* Wait for an interrupt, which then stays masked. */
int pci_wait_interrupt(struct pci *pci, int timeout_ms);

/* Call this after acknowledging the interrupt to the device. */
int pci_unmask_interrupt(struct pci *pci);

/* Return true if the device was unplugged. */
bool pci_is_gone(const struct pci *pci);

/* Close the device, which also ends its DMA. */
void pci_close(struct pci *pci);

/*
 * Order writes to memory before a later register write that makes the device
 * read it.
 */
static inline void pci_barrier(void)
{
#ifdef __aarch64__
	__asm__ volatile("dmb osh" ::: "memory");
#else
	__sync_synchronize();
#endif
}

static inline uint32_t pci_read32(const struct pci *pci, size_t at)
{
	uint32_t value = *(volatile uint32_t *)(pci->bar + at);

	pci_barrier();
	return value;
}

static inline uint64_t pci_read64(const struct pci *pci, size_t at)
{
	uint64_t value = *(volatile uint64_t *)(pci->bar + at);

	pci_barrier();
	return value;
}

static inline void pci_write32(const struct pci *pci, size_t at, uint32_t value)
{
	pci_barrier();
	*(volatile uint32_t *)(pci->bar + at) = value;
}

static inline void pci_write64(const struct pci *pci, size_t at, uint64_t value)
{
	pci_barrier();
	*(volatile uint64_t *)(pci->bar + at) = value;
}

#endif /* DRIVER_PCI_H */
