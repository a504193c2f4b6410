// SPDX-License-Identifier: GPL-2.0-only
/*
 * Looks for failed pages in buffers and in the reserve
 *
 * A sweep looks through all buffers and the reserve. poison.c starts one when
 * memory fails.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/workqueue.h>

#include "buffer.h"
#include "poison.h"
#include "reserve.h"
#include "sweep.h"

static void contig_sweep_work(struct work_struct *work);
static DECLARE_DELAYED_WORK(contig_sweep, contig_sweep_work);

/* Take the failed pages of a buffer out of all page tables. */
static void contig_sweep_buffer(struct contig_buffer *buffer)
{
	unsigned long npages = buffer->extents.npages, at, failed = 0;
	struct inode *inode = READ_ONCE(buffer->inode);

	for (at = 0;; at++) {
		at += contig_buffer_first_failed(buffer, at, npages - at);
		if (at >= npages)
			break;
		/* Before it is exported no process can have mapped it. */
		if (inode)
			unmap_mapping_range(inode->i_mapping,
					    (loff_t)at << PAGE_SHIFT,
					    PAGE_SIZE, 1);
		failed++;
	}
	if (failed > buffer->failed)
		pr_warn_ratelimited("%lu pages of buffer %lu have failed\n",
				    failed, buffer->id);
	WRITE_ONCE(buffer->failed, failed);
}

static void contig_sweep_work(struct work_struct *work)
{
	unsigned int noticed;
	bool again = contig_poison_sweep_begin(&noticed);

	contig_buffers_sweep(contig_sweep_buffer);
	contig_poison_swept(noticed);
	contig_reserve_sweep();
	if (again)
		queue_delayed_work(system_dfl_wq, &contig_sweep, HZ);
}

/* Look at all buffers: one has other pages now. Any context. */
void contig_sweep_soon(void)
{
	mod_delayed_work(system_dfl_wq, &contig_sweep, 0);
}

/* Wait until contig_buffer.failed covers all failures so far. May sleep. */
void contig_sweep_wait(void)
{
	if (contig_poison_unswept())
		flush_delayed_work(&contig_sweep);
}

/* Return 0 or -errno. */
int contig_sweep_init(void)
{
	return contig_poison_init(&contig_sweep);
}

/* Wait for a sweep under way, and start none any more. May sleep. */
void contig_sweep_exit(void)
{
	contig_poison_exit();
	cancel_delayed_work_sync(&contig_sweep);
}
