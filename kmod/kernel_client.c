// SPDX-License-Identifier: GPL-2.0-only
/*
 * Other kernel modules as clients: they hold and lock memory of a process
 */
#include <linux/err.h>
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/overflow.h>
#include <linux/pfn.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "dma_device.h"
#include "dma_unplug.h"
#include "kernel_client.h"
#include "listing.h"
#include "pin.h"
#include "watch.h"

static unsigned int contig_kernel_pages = 65536;
module_param_named(kernel_pages, contig_kernel_pages, uint, 0444);
MODULE_PARM_DESC(kernel_pages,
		 "pages that another module can hold, lock, prepare or translate in one call, which is also for how long it keeps interrupts off (default: 65536)");

/* Unpins dead umems, which can be much work. */
static struct workqueue_struct *contig_release_wq;

/* Return the maximal number of pages in one call. */
unsigned long contig_kernel_most(void)
{
	return max(contig_kernel_pages, 1U);
}

static void contig_kernel_release_work(struct work_struct *work)
{
	struct contig_kernel_client *client =
		container_of(work, struct contig_kernel_client, release);

	/*
	 * A task that pins memory can wait long for a page with the mutex held.
	 * It calls contig_kernel_release() in the end: do not delay other
	 * clients until then.
	 */
	if (!mutex_trylock(&client->mutex))
		return;
	contig_umems_reap(&client->umems);
	mutex_unlock(&client->mutex);
}

/* Queue dead umems for release. Any context. */
void contig_kernel_release(struct contig_kernel_client *client)
{
	if (!llist_empty(&client->umems.dead))
		queue_work(contig_release_wq, &client->release);
}

/**
 * contig_kernel_open() - create a client of contig
 * @dev: the device that memory is for. Memory is mapped for it, and its DMA
 *       addresses are available. NULL: physical addresses only
 *
 * The caller is the driver of @dev and has set its DMA limits (dma_set_mask()
 * and so on). It must close the client before it is unbound, in its remove() at
 * the latest. Once unbinding begins, nothing new is mapped or prepared;
 * existing maps stay until the client is closed.
 *
 * A client is bound to the memory of the first process that it is used in. So
 * drivers open a client for each open file of theirs.
 *
 * Context: task. May sleep.
 *
 * Semantics: an addition; the classic services had no clients.
 *
 * Return: the client, or ERR_PTR() of -ENODEV if the device cannot do DMA or
 * has no driver, -ENOMEM.
 */
struct contig_kernel_client *contig_kernel_open(struct device *dev)
{
	struct contig_kernel_client *client;

	client = kzalloc(sizeof(*client), GFP_KERNEL);
	if (!client)
		return ERR_PTR(-ENOMEM);
	if (dev) {
		client->device = contig_dma_device_of_driver(dev);
		if (IS_ERR(client->device)) {
			void *error = client->device;

			kfree(client);
			return error;
		}
	}
	mutex_init(&client->mutex);
	contig_umems_init(&client->umems);
	INIT_LIST_HEAD(&client->preparations);
	INIT_WORK(&client->release, contig_kernel_release_work);
	contig_deferred_init(&client->deferred);
	if (contig_listing_add(&contig_kernel_clients, client,
			       &client->number)) {
		if (client->device)
			contig_dma_device_of_driver_put(client->device);
		mutex_destroy(&client->mutex);
		kfree(client);
		return ERR_PTR(-ENOMEM);
	}
	return client;
}
EXPORT_SYMBOL_GPL(contig_kernel_open);

/**
 * contig_kernel_close() - close a client
 * @client: the client; no other task may use it any more
 *
 * Calls the deferred functions that are queued, and releases all that is held,
 * locked and prepared. So no device may be using the memory, and structures of
 * preparations must still exist: they become unprepared.
 *
 * Context: task, but not a function of contig_kernel_defer() of this client.
 * May sleep. Does not wait for the process.
 *
 * Semantics: an addition; the classic services released nothing automatically.
 */
void contig_kernel_close(struct contig_kernel_client *client)
{
	struct contig_kernel_preparation *preparation, *next;

	contig_listing_remove(&contig_kernel_clients, client->number);
	contig_deferred_flush(&client->deferred);

	/* Only the caller uses the client now: interrupts can stay on. */
	list_for_each_entry_safe(preparation, next, &client->preparations,
				 node) {
		list_del(&preparation->node);
		preparation->client = NULL;
	}
	contig_umems_clear(&client->umems);

	cancel_work_sync(&client->release);
	contig_umems_reap(&client->umems);
	if (client->watch)
		contig_watch_put(client->watch);
	if (client->mm)
		mmdrop(client->mm);
	if (client->device)
		contig_dma_device_of_driver_put(client->device);
	mutex_destroy(&client->mutex);
	kfree(client);
}
EXPORT_SYMBOL_GPL(contig_kernel_close);

/*
 * Check ranges and add up their lengths in @total. Return 0, -EINVAL if they
 * are all empty, -EOVERFLOW, -E2BIG.
 */
int contig_kernel_ranges(const struct contig_span *ranges, unsigned int nr,
			 u64 *total)
{
	unsigned int i;
	u64 last;

	*total = 0;
	/* Empty ranges take time too. */
	if (nr > contig_kernel_most())
		return -E2BIG;
	for (i = 0; i < nr; i++) {
		if (!ranges[i].length)
			continue;
		if (check_add_overflow(ranges[i].addr, ranges[i].length - 1,
				       &last) || last > ULONG_MAX ||
		    check_add_overflow(*total, ranges[i].length, total))
			return -EOVERFLOW;
	}
	return *total ? 0 : -EINVAL;
}

/*
 * Make a part of one whole range. Return 0, -EINVAL, -EOVERFLOW, or -E2BIG if
 * it has more pages than interrupts may be off for.
 */
int contig_kernel_whole(const struct contig_span *span,
			struct contig_part *part)
{
	u64 total;
	int ret = contig_kernel_ranges(span, 1, &total);

	if (ret)
		return ret;
	if (((span->addr & ~PAGE_MASK) + span->length - 1) >> PAGE_SHIFT >=
	    contig_kernel_most())
		return -E2BIG;
	*part = (struct contig_part){
		.ranges = span,
		.nr = 1,
		.length = span->length,
	};
	return 0;
}

/* Bind the client to the current process, or check that it is. */
static int contig_kernel_bind(struct contig_kernel_client *client)
{
	struct contig_watch *watch;

	lockdep_assert_held(&client->mutex);
	if (!current->mm)
		return -EXDEV;
	if (client->mm)
		return client->mm == current->mm ? 0 : -EXDEV;
	watch = contig_watch_get();
	/* The caller need not be a system call, which could restart. */
	if (watch == ERR_PTR(-ERESTARTNOINTR))
		return -EINTR;
	if (IS_ERR(watch))
		return PTR_ERR(watch);
	client->watch = watch;
	mmgrab(current->mm);
	WRITE_ONCE(client->mm, current->mm);
	return 0;
}

/* Pin a range. Adds the umems made to @fresh, also on failure. */
static int contig_kernel_pin(struct contig_kernel_client *client,
			     unsigned long first, unsigned long last,
			     bool output, struct list_head *fresh)
{
	struct contig_areas areas;
	struct contig_area *area;
	struct contig_umem *umem;
	int ret;

	contig_areas_init(&areas);
	ret = contig_pin_range(client->watch, first, last,
			       CONTIG_PIN_CHARGE |
			       (output ? CONTIG_PIN_OUTPUT : 0), &areas);
	while (!ret && (area = contig_areas_first(&areas, 0, ULONG_MAX))) {
		contig_areas_remove(&areas, area);
		umem = contig_umem_new(area, client->device, output);
		if (IS_ERR(umem)) {
			contig_areas_insert(&areas, area);
			contig_pin_release_areas(&areas);
			ret = PTR_ERR(umem);
			break;
		}
		list_add(&umem->link, fresh);
		contig_umems_insert(&client->umems, umem);
	}
	return ret;
}

static int contig_kernel_pin_gaps(struct contig_kernel_client *client,
				  const struct contig_part *part, bool output,
				  struct list_head *fresh)
{
	unsigned long page, end;
	struct contig_part_at at;
	bool gap;
	int ret;

	contig_for_each_range(part, &at) {
		for (page = at.first; page <= at.last; page = end + 1) {
			raw_spin_lock_irq(&client->umems.lock);
			gap = contig_umems_gap(&client->umems, &page, at.last,
					       &end);
			raw_spin_unlock_irq(&client->umems.lock);
			if (!gap)
				break;
			ret = contig_kernel_pin(client, page, end, output,
						fresh);
			if (ret)
				return ret;
		}
	}
	return 0;
}

/* Return 0 if the part is contiguous as @flags demand, else -EILSEQ. */
static int contig_kernel_in_sequence(struct contig_kernel_client *client,
				     const struct contig_part *part, u32 flags)
{
	if (flags & CONTIG_LOCK_CONTIGUOUS &&
	    contig_umems_extents(&client->umems, part, false) != 1)
		return -EILSEQ;
	if (flags & CONTIG_LOCK_DEVICE_CONTIGUOUS &&
	    contig_umems_extents(&client->umems, part, true) != 1)
		return -EILSEQ;
	return 0;
}

/* Count pages of umems. Return as contig_umems_can_add(), or -EILSEQ. */
static int contig_kernel_try(struct contig_kernel_client *client,
			     const struct contig_part *part,
			     enum contig_umem_kind kind, u32 flags)
{
	bool output = flags & CONTIG_LOCK_OUTPUT;
	int ret;

	scoped_guard(raw_spinlock_irqsave, &client->umems.lock) {
		ret = contig_umems_can_add(&client->umems, part, kind, output);
		if (ret)
			return ret;
		ret = contig_kernel_in_sequence(client, part, flags);
		if (ret)
			return ret;
		contig_umems_add(&client->umems, part, kind,
				 kind == CONTIG_UMEM_LOCKS && !output);
	}
	return 0;
}

/* Pin pages that belong to no umem, and try to count all. Adds to @fresh. */
static int contig_kernel_pin_and_try(struct contig_kernel_client *client,
				     const struct contig_part *part,
				     enum contig_umem_kind kind, u32 flags,
				     struct list_head *fresh)
{
	int ret;

	ret = contig_kernel_pin_gaps(client, part, flags & CONTIG_LOCK_OUTPUT,
				     fresh);
	if (ret)
		return ret;
	ret = contig_umems_revalidate(&client->umems, part);
	if (ret)
		return ret;
	return contig_kernel_try(client, part, kind, flags);
}

/* Pin pages that belong to no umem, and count all pages. May sleep. */
static int contig_kernel_make(struct contig_kernel_client *client,
			      const struct contig_part *part,
			      enum contig_umem_kind kind, u32 flags)
{
	struct contig_umem *umem, *next;
	int ret, looks = 0;
	LIST_HEAD(fresh);

	lockdep_assert_held(&client->mutex);
	ret = contig_kernel_bind(client);
	if (ret)
		return ret;
	/* Interrupt level may release pages that just had a umem. */
	do {
		ret = contig_kernel_pin_and_try(client, part, kind, flags,
						&fresh);
	} while (ret == -EWOULDBLOCK ||
		 (ret == -ESTALE && ++looks < CONTIG_KERNEL_LOOKS));

	/* Allow interrupts in between: there can be many. */
	list_for_each_entry_safe(umem, next, &fresh, link) {
		raw_spin_lock_irq(&client->umems.lock);
		contig_umem_end_fresh(&client->umems, umem);
		raw_spin_unlock_irq(&client->umems.lock);
	}
	return ret;
}

/*
 * Count every page of a part once more. If all pages belong to umems, this
 * works in any context.
 */
int contig_kernel_add(struct contig_kernel_client *client,
		      const struct contig_part *part,
		      enum contig_umem_kind kind, u32 flags)
{
	int ret = client->device ? contig_dma_device_check(client->device) : 0;
	struct mm_struct *mm;

	if (ret)
		return ret;
	if (flags & CONTIG_LOCK_DEVICE_CONTIGUOUS && !client->device)
		return -EUNATCH;
	ret = contig_kernel_try(client, part, kind, flags);
	if ((ret != -EWOULDBLOCK && ret != -ESTALE) ||
	    !contig_kernel_may_sleep(flags))
		return ret;
	/* Another process can neither verify pages nor pin them. */
	mm = READ_ONCE(client->mm);
	if (!current->mm || (mm && current->mm != mm))
		return ret == -ESTALE ? ret : -EXDEV;
	/*
	 * Memory that is not unpinned yet counts against RLIMIT_MEMLOCK. Tasks
	 * that reclaim memory must not wait for that: a deferred function may
	 * use the memory of a process.
	 */
	if (!(current->flags & (PF_WQ_WORKER | PF_MEMALLOC)))
		flush_work(&client->release);
	if (mutex_lock_killable(&client->mutex))
		return -EINTR;
	ret = contig_kernel_make(client, part, kind, flags);
	mutex_unlock(&client->mutex);
	contig_kernel_release(client);
	return ret;
}

/* Count every page of a part once less. Any context. */
int contig_kernel_remove(struct contig_kernel_client *client,
			 const struct contig_part *part,
			 enum contig_umem_kind kind)
{
	unsigned long irq;
	bool all;

	raw_spin_lock_irqsave(&client->umems.lock, irq);
	all = contig_umems_count(&client->umems, part, kind);
	if (all)
		contig_umems_remove(&client->umems, part, kind);
	raw_spin_unlock_irqrestore(&client->umems.lock, irq);
	if (!all)
		return kind == CONTIG_UMEM_HOLDS ? -ENODATA : -ENOLCK;
	contig_kernel_release(client);
	return 0;
}

/**
 * contig_kernel_hold() - make memory ready for use at interrupt level
 * @client: the client
 * @addr: its address in the calling process, without a tag in its upper bits
 * @length: bytes, not 0
 * @flags: CONTIG_LOCK_OUTPUT: devices will only read it, and all its locks will
 *         have this flag; CONTIG_KERNEL_NOSLEEP; or 0
 *
 * Makes every page that the range touches resident, pins it, maps it for the
 * device, and counts it once more. Held memory can be locked and prepared in
 * contexts that must not sleep. Each hold needs an unhold. All or nothing.
 *
 * The user of the calling process is charged as for CONTIG_LOCK of the uapi,
 * and 12 bytes of kernel memory for each page. Memory that one call pinned is
 * unpinned when no page of it is held or locked any more.
 *
 * Context: any but NMI for memory that is held or locked already. Else task,
 * and may sleep.
 *
 * Semantics: HoldMemory (Inside Macintosh: Memory, page 161; Technote 1094 for
 * interrupt level). Unlike there, held memory does not move.
 *
 * Return: 0; -EWOULDBLOCK if it is not held and the caller must not sleep
 * (classic interruptsMaskedErr); -E2BIG if it has more pages than the parameter
 * kernel_pages allows; -EINVAL, -EOVERFLOW, -EOPNOTSUPP; -EFAULT, -ENXIO,
 * -EACCES, -EDQUOT, -ENOMEM, -EADDRNOTAVAIL, -EINTR as for CONTIG_LOCK of the
 * uapi; -EINTR also after a signal that is not fatal; -EACCES also if a page
 * was held for output and this call is not; -EXDEV in another process than
 * before, or in none; -ENODEV if the device leaves; -ESTALE if a held page was
 * unmapped or replaced since, or might have been and the caller must not sleep;
 * -EHWPOISON if memory of a buffer that is not held yet has a failed page.
 * Interrupt level does not notice a page that fails while it is held.
 */
int contig_kernel_hold(struct contig_kernel_client *client, u64 addr,
		       u64 length, u32 flags)
{
	struct contig_span span = { addr, length };
	struct contig_part part;
	int ret;

	if (flags & ~(CONTIG_LOCK_OUTPUT | CONTIG_KERNEL_NOSLEEP))
		return -EOPNOTSUPP;
	ret = contig_kernel_whole(&span, &part);
	return ret ?: contig_kernel_add(client, &part, CONTIG_UMEM_HOLDS,
					flags);
}
EXPORT_SYMBOL_GPL(contig_kernel_hold);

/**
 * contig_kernel_unhold() - undo one contig_kernel_hold()
 * @client: the client
 * @addr: as it was held
 * @length: as it was held
 *
 * Locks are not changed. Memory is unpinned a little later.
 *
 * Context: any but NMI. Never sleeps.
 *
 * Semantics: UnholdMemory (Inside Macintosh: Memory, page 162).
 *
 * Return: 0; -ENODATA if a page is not held (classic notHeldErr), and nothing
 * is changed; -EINVAL, -EOVERFLOW, -E2BIG.
 */
int contig_kernel_unhold(struct contig_kernel_client *client, u64 addr,
			 u64 length)
{
	struct contig_span span = { addr, length };
	struct contig_part part;
	int ret = contig_kernel_whole(&span, &part);

	return ret ?: contig_kernel_remove(client, &part, CONTIG_UMEM_HOLDS);
}
EXPORT_SYMBOL_GPL(contig_kernel_unhold);

/**
 * contig_kernel_lock() - make memory immovable for a device
 * @client: the client
 * @addr: its address in the process, without a tag in its upper bits
 * @length: bytes, not 0
 * @flags: CONTIG_LOCK_OUTPUT: a device will only read it;
 *         CONTIG_LOCK_CONTIGUOUS: it has to be one extent of memory;
 *         CONTIG_LOCK_DEVICE_CONTIGUOUS: it has to be one extent of DMA
 *         addresses; CONTIG_KERNEL_NOSLEEP
 *
 * Counts every page that the range touches once more; pages that are neither
 * held nor locked are pinned and mapped first. All or nothing. Does no cache
 * maintenance, contig_kernel_prepare() does.
 *
 * Context: any but NMI for memory that is held or locked already. Else task,
 * and may sleep. Interrupts are off for some nanoseconds a page: see
 * Documentation/kernel.md.
 *
 * Semantics: LockMemory, LockMemoryContiguous (Inside Macintosh: Memory, pages
 * 163 and 164), LockMemoryForOutput (Technote 1069); at interrupt level
 * Technote 1104. Memory is checked for contiguity, not made contiguous.
 *
 * Return: as contig_kernel_hold(), or -EILSEQ if it is not one extent (classic
 * cannotMakeContiguousErr), -EUNATCH if CONTIG_LOCK_DEVICE_CONTIGUOUS is set
 * and the client has no device.
 */
int contig_kernel_lock(struct contig_kernel_client *client, u64 addr,
		       u64 length, u32 flags)
{
	struct contig_span span = { addr, length };
	struct contig_part part;
	int ret;

	if (flags & ~(CONTIG_LOCK_OUTPUT | CONTIG_LOCK_CONTIGUOUS |
		      CONTIG_LOCK_DEVICE_CONTIGUOUS | CONTIG_KERNEL_NOSLEEP))
		return -EOPNOTSUPP;
	ret = contig_kernel_whole(&span, &part);
	return ret ?: contig_kernel_add(client, &part, CONTIG_UMEM_LOCKS,
					flags);
}
EXPORT_SYMBOL_GPL(contig_kernel_lock);

/**
 * contig_kernel_unlock() - undo one contig_kernel_lock()
 * @client: the client
 * @addr: as it was locked
 * @length: as it was locked
 *
 * Holds are not changed. Memory is unpinned a little later. No device may be
 * using it any more, unless it is held or locked once more.
 *
 * Context: any but NMI. Never sleeps.
 *
 * Semantics: UnlockMemory (Inside Macintosh: Memory, page 165).
 *
 * Return: 0; -ENOLCK if a page is not locked (classic notLockedErr), and
 * nothing is changed; -EINVAL, -EOVERFLOW, -E2BIG.
 */
int contig_kernel_unlock(struct contig_kernel_client *client, u64 addr,
			 u64 length)
{
	struct contig_span span = { addr, length };
	struct contig_part part;
	int ret = contig_kernel_whole(&span, &part);

	return ret ?: contig_kernel_remove(client, &part, CONTIG_UMEM_LOCKS);
}
EXPORT_SYMBOL_GPL(contig_kernel_unlock);

int contig_kernel_init(void)
{
	int ret = contig_defer_init();

	if (ret)
		return ret;
	contig_release_wq = alloc_workqueue("contig_release", WQ_UNBOUND, 0);
	if (!contig_release_wq) {
		contig_defer_exit();
		return -ENOMEM;
	}
	return 0;
}

void contig_kernel_exit(void)
{
	destroy_workqueue(contig_release_wq);
	contig_defer_exit();
}
