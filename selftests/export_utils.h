/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Drivers that export dma-bufs of the memory of processes, of a heap, of a DRM
 * device and of a V4L2 device
 */
#ifndef CONTIG_SELFTESTS_EXPORT_UTILS_H
#define CONTIG_SELFTESTS_EXPORT_UTILS_H


/* A dma-buf has at least so many pages. */
#define EXPORT_PAGES 24

/*
 * Return a dma-buf with the access mode in @flags, or a negative errno; -ENOENT
 * without exporter.
 */
int export_udmabuf(int flags);
int export_heap(int flags);
int export_drm(int flags);
int export_video(int flags);

#endif /* CONTIG_SELFTESTS_EXPORT_UTILS_H */
