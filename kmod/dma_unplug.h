/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Devices that leave while memory is mapped for them
 */
#ifndef CONTIG_DMA_UNPLUG_H
#define CONTIG_DMA_UNPLUG_H

struct contig_dma_device;
struct device;

struct contig_dma_device *contig_dma_device_of_driver(struct device *dev);
void contig_dma_device_of_driver_put(struct contig_dma_device *device);
int contig_dma_devices_init(void);
void contig_dma_devices_exit(void);

#endif /* CONTIG_DMA_UNPLUG_H */
