/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lists in debugfs that may be long
 */
#ifndef CONTIG_LISTING_H
#define CONTIG_LISTING_H

#include <linux/fs.h>
#include <linux/types.h>
#include <linux/xarray.h>

struct seq_file;

/**
 * struct contig_listing - a list that a file in debugfs shows line by line
 * @entries: the entries by their number, in the order of their addition. Its
 *           lock is held for a few entries at a time. Lock order: client.h
 * @last: number of the entry added last, protected by the lock of @entries
 * @size: bytes that @copy fills; constant
 * @head: prints the first line
 * @copy: copies the members that @show prints, under the lock of @entries, so
 *        the entry is still listed and its members are valid
 * @show: prints such a copy, without a lock
 */
struct contig_listing {
	struct xarray entries;
	unsigned long last;
	size_t size;
	void (*head)(struct seq_file *m);
	void (*copy)(const void *entry, void *copy);
	void (*show)(struct seq_file *m, const void *copy);
};

int contig_listing_add(struct contig_listing *listing, void *entry,
		       unsigned long *number);
void contig_listing_remove(struct contig_listing *listing,
			   unsigned long number);

/* For debugfs_create_file() with a struct contig_listing as its data. */
extern const struct file_operations contig_listing_fops;

#endif /* CONTIG_LISTING_H */
