// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buffers in a user's page tables
 *
 * Memory whose pages have reference counts of their own is mapped as struct
 * pages, all of it at once: the CPU takes no faults afterwards, and GUP works.
 * Only the kernel's fault handler can map a huge page by one entry; so where the
 * addresses suit, memory of huge pages is mapped when the CPU touches it first.
 * Other memory is mapped as bare page frames.
 *
 * A buffer that is moved is taken out of all page tables. A fault waits for the end
 * of that, and then maps what is there now, and what follows in the page table. A page
 * that it returns for the kernel to map has a reference, which keeps the buffer from
 * being moved.
 *
 * A mapped page names its file and offset (page->mapping and page->index) until
 * the buffer gives it back: the kernel identifies shared futexes by these, and
 * GUP takes references without mmap_lock only on pages that name a file.
 */
#include <linux/dma-buf.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/pfn.h>
#include <linux/sched/signal.h>

#include "buffer.h"
#include "fault.h"
#include "huge.h"
#include "mmap.h"
#include "pages.h"
#include "place.h"
#include "poison.h"
#include "rung.h"

#define CONTIG_BATCH 64UL

/* Make a page name the buffer's file and @offset. Idempotent. */
static struct page *contig_mmap_name(struct contig_buffer *buffer,
				     unsigned long pfn, unsigned long offset)
{
	struct page *page = pfn_to_page(pfn);
	struct folio *folio = page_folio(page);

	folio->index = offset - folio_page_idx(folio, page);
	WRITE_ONCE(folio->mapping, buffer->inode->i_mapping);
	return page;
}

/*
 * A holder of a reference and of the page lock may follow page->mapping, as
 * set_page_dirty_lock() does at the end of direct I/O. So take the lock, unless
 * the buffer's reference is the last one.
 */
static void contig_mmap_unname(struct folio *folio)
{
	bool others = folio_ref_count(folio) > 1;

	if (others)
		folio_lock(folio);
	WRITE_ONCE(folio->mapping, NULL);
	if (others)
		folio_unlock(folio);
}

/**
 * contig_mmap_forget() - clear the file in the pages of a buffer
 * @buffer: a buffer that is about to give its memory back
 *
 * The page allocator does not accept pages that name a file, and a page with
 * another reference must not name an inode that is gone. May sleep.
 */
void contig_mmap_forget(struct contig_buffer *buffer)
{
	struct contig_cursor cursor;
	unsigned long pfn, n, rest;

	if (!READ_ONCE(buffer->named))
		return;
	contig_cursor_init(&cursor, &buffer->extents, 0);
	while ((n = contig_cursor_next(&cursor, buffer->extents.npages, &pfn)))
		/* A buffer can end within its last huge page. */
		for (; n; pfn += rest, n -= rest) {
			rest = min(contig_huge_rest(pfn), n);
			contig_mmap_unname(page_folio(pfn_to_page(pfn)));
			if (!(pfn % 1024))
				cond_resched();
		}
}

/*
 * Map up to CONTIG_BATCH pages from the cursor on, at @addr. A failed page ends
 * the batch and is left out, so that an access to it faults. Return how many
 * pages are done, the failed one included, or an error of vm_insert_pages().
 */
static long contig_mmap_batch(struct vm_area_struct *vma, unsigned long addr,
			      struct contig_cursor *cursor, unsigned long end)
{
	struct contig_buffer *buffer = vma->vm_private_data;
	unsigned long first = cursor->offset;
	unsigned long pfn, got, good, i, n = 0;
	struct page *pages[CONTIG_BATCH];
	unsigned int failed = 0;
	int ret = 0;

	while (n < CONTIG_BATCH && !failed) {
		got = contig_cursor_next(cursor, min(end, cursor->offset +
						     CONTIG_BATCH - n), &pfn);
		if (!got)
			break;
		good = contig_pages_first_failed(pfn, got);
		for (i = 0; i < good; i++, n++)
			pages[n] = contig_mmap_name(buffer, pfn + i, first + n);
		if (good < got) {
			failed = 1;
			contig_cursor_init(cursor, cursor->extents,
					   cursor->offset - got + good + 1);
		}
	}
	i = n;
	if (contig_should_fail(CONTIG_FAULT_MAP))
		ret = -ENOMEM;
	else if (n)
		ret = vm_insert_pages(vma, addr, pages, &i);
	return ret ?: n + failed;
}

/*
 * Map one page of a huge page where the kernel would map all of it, and not count
 * that. An entry that was not empty before is no page, but a mark of userfaultfd's.
 */
static vm_fault_t contig_vm_insert(struct vm_fault *vmf, struct page *page)
{
	int ret = vm_insert_page(vmf->vma, vmf->address & PAGE_MASK, page);

	if (ret == -EBUSY && (!(vmf->flags & FAULT_FLAG_ORIG_PTE_VALID) ||
			      pte_none(vmf->orig_pte)))
		return VM_FAULT_NOPAGE;
	return ret ? vmf_error(ret) : VM_FAULT_NOPAGE;
}

/*
 * Map the pages behind the one of a fault, up to the next one that is mapped or the
 * end of the table that this one is in: a buffer that was moved is not mapped at all.
 * Without them the next access faults.
 */
static void contig_vm_map_around(struct vm_fault *vmf,
				 struct contig_buffer *buffer)
{
	unsigned long addr = (vmf->address & PAGE_MASK) + PAGE_SIZE;
	unsigned long end = min((vmf->address & PMD_MASK) + PMD_SIZE,
				vmf->vma->vm_end);
	struct contig_cursor cursor;
	long done = 0;

	if (addr >= end)
		return;
	end = vmf->pgoff + 1 + ((end - addr) >> PAGE_SHIFT);
	contig_cursor_init(&cursor, &buffer->extents, vmf->pgoff + 1);
	while (cursor.offset < end) {
		done = contig_mmap_batch(vmf->vma, addr, &cursor, end);
		if (done <= 0)
			break;
		addr += done << PAGE_SHIFT;
	}
}

/*
 * Map a page that is zapped, by MADV_DONTNEED say, or a huge page for the first
 * time. For a failed page the process gets a SIGBUS with BUS_MCEERR_AR, as it does
 * for other memory, and for all of a huge page with a failed one, as with hugetlbfs.
 */
static vm_fault_t contig_vm_map(struct vm_fault *vmf,
				struct contig_buffer *buffer)
{
	bool huge = !(vmf->vma->vm_flags & VM_MIXEDMAP) && buffer->huge;
	unsigned long step = huge ? CONTIG_HUGE_PAGES : 1;
	struct page *page;

	if (vmf->pgoff >= buffer->extents.npages)
		return VM_FAULT_SIGBUS;
	if (contig_buffer_failed(buffer, round_down(vmf->pgoff, step), step))
		return VM_FAULT_HWPOISON;
	if (buffer->mapping != CONTIG_MAPPING_STRUCT_PAGE)
		return VM_FAULT_SIGBUS;
	page = contig_mmap_name(buffer,
				contig_extents_pfn(&buffer->extents, vmf->pgoff),
				vmf->pgoff);
	if (!huge)
		contig_vm_map_around(vmf, buffer);
	if (!huge && PageCompound(page))
		return contig_vm_insert(vmf, page);
	get_page(page);
	vmf->page = page;
	return 0;
}

/*
 * Begin to look where the buffer is, and wait for that, if need be, without mmap_lock.
 * Return 0, or what the fault ends with.
 */
static vm_fault_t contig_vm_look(struct vm_fault *vmf,
				 struct contig_buffer *buffer)
{
	struct file *file;

	if (down_read_trylock(&buffer->place))
		return 0;
	if (fault_flag_allow_retry_first(vmf->flags)) {
		if (vmf->flags & FAULT_FLAG_RETRY_NOWAIT)
			return VM_FAULT_RETRY;
		file = get_file(vmf->vma->vm_file);
		mmap_read_unlock(vmf->vma->vm_mm);
		if (!contig_place_look(buffer))
			contig_place_looked(buffer);
		fput(file);
		return VM_FAULT_RETRY;
	}
	/* The signal ends the process, whatever this returns. */
	return contig_place_look(buffer) ? VM_FAULT_SIGBUS : 0;
}

static vm_fault_t contig_vm_fault(struct vm_fault *vmf)
{
	struct contig_buffer *buffer = vmf->vma->vm_private_data;
	vm_fault_t ret = contig_vm_look(vmf, buffer);

	if (ret)
		return ret;
	contig_poison_mmap_begin();
	ret = contig_vm_map(vmf, buffer);
	contig_poison_mmap_end();
	contig_place_looked(buffer);
	return ret;
}

/* Access bare page frames for ptrace(), which has no other way to them. */
static int contig_vm_access(struct vm_area_struct *vma, unsigned long addr,
			    void *data, int length, int write)
{
	struct contig_buffer *buffer = vma->vm_private_data;
	u64 offset = ((u64)vma->vm_pgoff << PAGE_SHIFT) + (addr - vma->vm_start);
	u64 size = contig_buffer_size(buffer);

	if (!buffer->vaddr || offset >= size)
		return -EINVAL;
	if (write && !(vma->vm_flags & VM_WRITE))
		return -EACCES;
	length = min_t(u64, length, size - offset);
	length = min_t(u64, length, vma->vm_end - addr);
	/* The caller passes a part of one page. */
	if (contig_buffer_failed(buffer, offset >> PAGE_SHIFT,
				 PFN_UP(offset_in_page(offset) + length)))
		return -EIO;
	if (write)
		memcpy(buffer->vaddr + offset, data, length);
	else
		memcpy(data, buffer->vaddr + offset, length);
	return length;
}

static const struct vm_operations_struct contig_vm_ops = {
	.fault = contig_vm_fault,
	.access = contig_vm_access,
#ifdef CONFIG_NUMA
	/*
	 * NUMA balancing does not unmap it now and then, to see who uses it: it
	 * cannot move.
	 */
	.get_policy = contig_vm_no_policy,
#endif
};

/* Return the buffer that a VMA maps, NULL if it maps other memory. */
struct contig_buffer *contig_mmap_buffer(struct vm_area_struct *vma)
{
	return vma->vm_ops == &contig_vm_ops ? vma->vm_private_data : NULL;
}

/* Return true if the addresses suit to map a huge page by one entry. */
static bool contig_mmap_suits_huge(const struct contig_buffer *buffer,
				   const struct vm_area_struct *vma)
{
	unsigned long size = CONTIG_HUGE_PAGES << PAGE_SHIFT;

	return buffer->huge &&
	       IS_ALIGNED((vma->vm_start >> PAGE_SHIFT) - vma->vm_pgoff,
			  CONTIG_HUGE_PAGES) &&
	       round_up(vma->vm_start, size) < round_down(vma->vm_end, size);
}

static int contig_mmap_pages(struct contig_buffer *buffer,
			     struct vm_area_struct *vma)
{
	unsigned long end = vma->vm_pgoff + vma_pages(vma);
	unsigned long addr = vma->vm_start;
	struct contig_cursor cursor;
	long done;

	contig_cursor_init(&cursor, &buffer->extents, vma->vm_pgoff);
	while (cursor.offset < end) {
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
		done = contig_mmap_batch(vma, addr, &cursor, end);
		if (done < 0)
			return done;
		addr += done << PAGE_SHIFT;
	}
	return 0;
}

/* Unmap failed pages, since bare page frames are all mapped in one call. */
static void contig_mmap_unmap_failed(struct contig_buffer *buffer,
				     struct vm_area_struct *vma)
{
	unsigned long npages = vma_pages(vma), i;

	if (!contig_buffer_failed(buffer, vma->vm_pgoff, npages))
		return;
	for (i = 0; i < npages; i++) {
		cond_resched();
		if (contig_buffer_failed(buffer, vma->vm_pgoff + i, 1))
			zap_special_vma_range(vma, vma->vm_start +
					      (i << PAGE_SHIFT), PAGE_SIZE);
	}
}

static int contig_mmap_memory(struct contig_buffer *buffer,
			      struct vm_area_struct *vma)
{
	int ret;

	if (buffer->mapping == CONTIG_MAPPING_STRUCT_PAGE) {
		WRITE_ONCE(buffer->named, true);
		/* Of huge pages the kernel keeps no counts in a VM_MIXEDMAP. */
		if (contig_mmap_suits_huge(buffer, vma)) {
			vm_flags_set(vma, VM_DONTEXPAND);
			return 0;
		}
		vm_flags_set(vma, VM_DONTEXPAND | VM_MIXEDMAP);
		return contig_mmap_pages(buffer, vma);
	}
	vm_flags_set(vma, VM_DONTEXPAND);
	ret = buffer->ops->mmap(buffer, vma);
	if (ret)
		return ret;
	contig_mmap_unmap_failed(buffer, vma);
	return 0;
}

/**
 * contig_mmap() - map a buffer, or a part of it
 * @dmabuf: the buffer; the dma-buf core has checked offset and length
 * @vma: where to; must be shared, since a device does not see private copies
 *
 * Return: 0, -EINVAL for a private mapping, -ENOMEM or -EINTR.
 */
int contig_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	struct contig_buffer *buffer = dmabuf->priv;
	int ret;

	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	contig_buffer_expose(buffer);
	vma->vm_private_data = buffer;
	ret = contig_place_look(buffer);
	if (ret)
		return ret;
	contig_poison_mmap_begin();
	ret = contig_mmap_memory(buffer, vma);
	contig_poison_mmap_end();
	contig_place_looked(buffer);
	if (ret)
		return ret;
	vma->vm_ops = &contig_vm_ops;
	return 0;
}
