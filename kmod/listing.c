// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lists in debugfs that may be long
 *
 * There can be hundreds of thousands of clients and buffers, and opening or
 * closing one takes the lock of their list. So a reader of the list holds that
 * lock only to copy one entry, prints the copy without it, and continues with
 * the next number. Entries that are added or removed meanwhile may be printed
 * or not; all others are printed once.
 */
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/seq_file.h>

#include "gfp.h"
#include "listing.h"

/**
 * struct contig_listing_reader - an open file in debugfs
 * @listing: the list that it shows
 * @copy: copy of the entry to print next
 */
struct contig_listing_reader {
	struct contig_listing *listing;
	unsigned long copy[];
};

/**
 * contig_listing_add() - add an entry to a list
 * @listing: the list
 * @entry: the entry; stays valid until contig_listing_remove()
 * @number: receives its number, which is not 0 and not used again
 *
 * May sleep.
 *
 * Return: 0 or -ENOMEM.
 */
int contig_listing_add(struct contig_listing *listing, void *entry,
		       unsigned long *number)
{
	int ret;

	do {
		xa_lock(&listing->entries);
		*number = ++listing->last;
		xa_unlock(&listing->entries);
		/* Numbers wrap after 2^32 entries if long has 32 bits. */
		ret = *number ? xa_insert(&listing->entries, *number, entry,
					  CONTIG_GFP) : -EBUSY;
	} while (ret == -EBUSY);
	if (ret)
		*number = 0;
	return ret;
}

/* Remove an entry; no reader uses it after this. Any context but interrupts. */
void contig_listing_remove(struct contig_listing *listing,
			   unsigned long number)
{
	xa_erase(&listing->entries, number);
}

/* Copy the entry with the first number from *@pos on; the head has 0. */
static void *contig_listing_find(struct contig_listing_reader *reader,
				 loff_t *pos)
{
	struct contig_listing *listing = reader->listing;
	unsigned long number = *pos;
	void *entry = NULL;

	if (*pos > ULONG_MAX)
		return NULL;
	xa_lock(&listing->entries);
	entry = xa_find(&listing->entries, &number, ULONG_MAX, XA_PRESENT);
	if (entry)
		listing->copy(entry, reader->copy);
	xa_unlock(&listing->entries);
	/* seq_file expects *@pos to have advanced, at the end too. */
	if (!entry)
		return NULL;
	*pos = number;
	return reader->copy;
}

static void *contig_listing_start(struct seq_file *m, loff_t *pos)
{
	return *pos ? contig_listing_find(m->private, pos) : SEQ_START_TOKEN;
}

static void *contig_listing_next(struct seq_file *m, void *line, loff_t *pos)
{
	++*pos;
	return contig_listing_find(m->private, pos);
}

static void contig_listing_stop(struct seq_file *m, void *line)
{
}

static int contig_listing_show(struct seq_file *m, void *line)
{
	struct contig_listing_reader *reader = m->private;

	if (line == SEQ_START_TOKEN)
		reader->listing->head(m);
	else
		reader->listing->show(m, line);
	return 0;
}

static const struct seq_operations contig_listing_seq_ops = {
	.start = contig_listing_start,
	.next = contig_listing_next,
	.stop = contig_listing_stop,
	.show = contig_listing_show,
};

static int contig_listing_open(struct inode *inode, struct file *file)
{
	struct contig_listing *listing = inode->i_private;
	struct contig_listing_reader *reader;

	reader = __seq_open_private(file, &contig_listing_seq_ops,
				    sizeof(*reader) + listing->size);
	if (!reader)
		return -ENOMEM;
	reader->listing = listing;
	return 0;
}

const struct file_operations contig_listing_fops = {
	.owner = THIS_MODULE,
	.open = contig_listing_open,
	.read = seq_read,
	.llseek = seq_lseek,
	.release = seq_release_private,
};
