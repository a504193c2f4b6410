/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory that the kernel takes offline
 */
#ifndef CONTIG_HOTPLUG_H
#define CONTIG_HOTPLUG_H

int contig_hotplug_init(void);
void contig_hotplug_exit(void);

#endif /* CONTIG_HOTPLUG_H */
