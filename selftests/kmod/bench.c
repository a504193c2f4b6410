// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins and empties memory as a driver does that has no more to do, for scripts/bench
 *
 * It counts the pages for no user, does not watch them, and empties what it is told
 * to, so only root may open it.
 */
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "contig_bench.h"

/**
 * struct bench_file - one open /dev/contig_bench
 * @lock: serialises commands
 * @pages: pages that are pinned, or NULL
 * @npages: their number
 * @window: first page frame that was taken
 * @taken: number of these page frames, 0 if none
 */
struct bench_file {
	struct mutex lock; /* for the other members */
	struct page **pages;
	unsigned long npages;
	unsigned long window;
	unsigned long taken;
};

static int bench_open(struct inode *inode, struct file *file)
{
	struct bench_file *bench = kzalloc(sizeof(*bench), GFP_KERNEL);

	if (!bench)
		return -ENOMEM;
	mutex_init(&bench->lock);
	file->private_data = bench;
	return 0;
}

static int bench_pin(struct bench_file *bench, struct contig_bench_pin *cmd)
{
	unsigned long npages, done = 0;
	struct page **pages;
	long nr = 0;
	u64 last;

	if (bench->pages)
		return -EBUSY;
	if (!cmd->length ||
	    check_add_overflow(cmd->addr, cmd->length - 1, &last) ||
	    last >= TASK_SIZE)
		return -EINVAL;
	npages = (last >> PAGE_SHIFT) - (cmd->addr >> PAGE_SHIFT) + 1;
	if (npages > INT_MAX / sizeof(*pages))
		return -EINVAL;
	pages = kvmalloc_array(npages, sizeof(*pages), GFP_KERNEL_ACCOUNT);
	if (!pages)
		return -ENOMEM;
	while (done < npages) {
		nr = pin_user_pages_fast((cmd->addr & PAGE_MASK) +
					 done * PAGE_SIZE, npages - done,
					 FOLL_WRITE | FOLL_LONGTERM,
					 pages + done);
		if (nr <= 0)
			break;
		done += nr;
	}
	if (done < npages) {
		unpin_user_pages(pages, done);
		kvfree(pages);
		return nr ?: -EFAULT;
	}
	bench->pages = pages;
	bench->npages = npages;
	return 0;
}

static int bench_unpin(struct bench_file *bench)
{
	if (!bench->pages)
		return -EINVAL;
	unpin_user_pages_dirty_lock(bench->pages, bench->npages, true);
	kvfree(bench->pages);
	bench->pages = NULL;
	return 0;
}

#ifdef CONFIG_CONTIG_ALLOC
static int bench_empty(struct bench_file *bench, struct contig_bench_empty *cmd)
{
	u64 pfn;
	int ret;

	if (!capable(CAP_SYS_RAWIO))
		return -EPERM;
	if (bench->taken)
		return -EBUSY;
	if (!cmd->npages || cmd->npages > INT_MAX ||
	    cmd->pfn > ULONG_MAX - cmd->npages)
		return -EINVAL;
	for (pfn = cmd->pfn; pfn < cmd->pfn + cmd->npages; pfn++)
		if (!pfn_valid(pfn) || page_zone(pfn_to_page(pfn)) !=
				       page_zone(pfn_to_page(cmd->pfn)))
			return -EINVAL;
	ret = contig_alloc_contig_range(cmd->pfn, cmd->pfn + cmd->npages,
					MIGRATE_MOVABLE,
					GFP_KERNEL | __GFP_NOWARN);
	if (ret)
		return ret;
	bench->window = cmd->pfn;
	bench->taken = cmd->npages;
	return 0;
}

static int bench_give(struct bench_file *bench)
{
	if (!bench->taken)
		return -EINVAL;
	free_contig_range(bench->window, bench->taken);
	bench->taken = 0;
	return 0;
}
#else
static int bench_empty(struct bench_file *bench, struct contig_bench_empty *cmd)
{
	return -EOPNOTSUPP;
}

static int bench_give(struct bench_file *bench)
{
	return -EINVAL;
}
#endif

static long bench_ioctl(struct file *file, unsigned int number,
			unsigned long arg)
{
	struct bench_file *bench = file->private_data;
	struct contig_bench_empty empty;
	struct contig_bench_pin pin;

	switch (number) {
	case CONTIG_BENCH_NOTHING:
		return 0;
	case CONTIG_BENCH_PIN:
		if (copy_from_user(&pin, (void __user *)arg, sizeof(pin)))
			return -EFAULT;
		scoped_guard(mutex, &bench->lock)
			return bench_pin(bench, &pin);
		return -EINVAL;
	case CONTIG_BENCH_UNPIN:
		scoped_guard(mutex, &bench->lock)
			return bench_unpin(bench);
		return -EINVAL;
	case CONTIG_BENCH_EMPTY:
		if (copy_from_user(&empty, (void __user *)arg, sizeof(empty)))
			return -EFAULT;
		scoped_guard(mutex, &bench->lock)
			return bench_empty(bench, &empty);
		return -EINVAL;
	case CONTIG_BENCH_GIVE:
		scoped_guard(mutex, &bench->lock)
			return bench_give(bench);
		return -EINVAL;
	default:
		return -ENOTTY;
	}
}

static int bench_release(struct inode *inode, struct file *file)
{
	struct bench_file *bench = file->private_data;

	bench_unpin(bench);
	bench_give(bench);
	kfree(bench);
	return 0;
}

static const struct file_operations bench_fops = {
	.owner = THIS_MODULE,
	.open = bench_open,
	.release = bench_release,
	.unlocked_ioctl = bench_ioctl,
	.llseek = noop_llseek,
};

static struct miscdevice bench_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "contig_bench",
	.fops = &bench_fops,
	.mode = 0600,
};

module_misc_device(bench_device);

MODULE_DESCRIPTION("Pins and empties memory, to compare contig with");
MODULE_LICENSE("GPL");
