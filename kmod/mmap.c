// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buffers in a user's page tables
 *
 * Memory whose pages have reference counts of their own is mapped as struct
 * pages, all of it at once: afterwards the CPU takes no faults, and whatever in
 * the kernel takes references on user pages works. The rest is mapped as bare
 * page frames.
 */
#include <linux/dma-buf.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pfn.h>
#include <linux/sched/signal.h>

#include "buffer.h"
#include "coherent.h"
#include "fault.h"
#include "pages.h"
#include "poison.h"

#define CONTIG_BATCH 64UL

/*
 * A page that was zapped, by MADV_DONTNEED say, comes back here. One that has
 * failed does not: the process gets a SIGBUS with BUS_MCEERR_AR, as it does for
 * other memory.
 */
static vm_fault_t contig_vm_fault(struct vm_fault *vmf)
{
	struct contig_buffer *buffer = vmf->vma->vm_private_data;
	struct page *page;

	if (vmf->pgoff >= buffer->extents.npages)
		return VM_FAULT_SIGBUS;
	if (contig_buffer_failed(buffer, vmf->pgoff, 1))
		return VM_FAULT_HWPOISON;
	if (buffer->mapping != CONTIG_MAPPING_STRUCT_PAGE)
		return VM_FAULT_SIGBUS;
	page = pfn_to_page(contig_extents_pfn(&buffer->extents, vmf->pgoff));
	get_page(page);
	vmf->page = page;
	return 0;
}

/* Debuggers: bare page frames can only be reached through us. */
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
	/* The caller passes what lies in one page. */
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
};

/* The buffer that a mapping shows, NULL if it shows something else. */
struct contig_buffer *contig_vma_buffer(struct vm_area_struct *vma)
{
	return vma->vm_ops == &contig_vm_ops ? vma->vm_private_data : NULL;
}

/*
 * Map up to CONTIG_BATCH pages from the cursor on, at @addr. A failed page ends
 * the batch and is left out: an access to it faults. Return: how many pages are
 * done with, or what vm_insert_pages() returns.
 */
static long contig_mmap_batch(struct vm_area_struct *vma, unsigned long addr,
			      struct contig_cursor *cursor, unsigned long end)
{
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
		for (i = 0; i < good; i++)
			pages[n++] = pfn_to_page(pfn + i);
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

/* Bare page frames are all mapped at once: take out those that have failed. */
static void contig_mmap_unmap_failed(struct contig_buffer *buffer,
				     struct vm_area_struct *vma)
{
	unsigned long npages = vma_pages(vma), i;

	if (!contig_buffer_failed(buffer, vma->vm_pgoff, npages))
		return;
	for (i = 0; i < npages; i++) {
		cond_resched();
		if (contig_buffer_failed(buffer, vma->vm_pgoff + i, 1))
			zap_vma_ptes(vma, vma->vm_start + (i << PAGE_SHIFT),
				     PAGE_SIZE);
	}
}

/**
 * contig_mmap() - map a buffer, or a part of it
 * @dmabuf: the buffer; its core has checked offset and length
 * @vma: where to; must be shared, since a private copy is no memory for a device
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
	contig_poison_mmap_begin();
	vma->vm_private_data = buffer;
	if (buffer->mapping == CONTIG_MAPPING_STRUCT_PAGE) {
		vm_flags_set(vma, VM_DONTEXPAND | VM_MIXEDMAP);
		ret = contig_mmap_pages(buffer, vma);
	} else {
		vm_flags_set(vma, VM_DONTEXPAND);
		ret = contig_coherent_mmap(buffer, vma);
		if (!ret)
			contig_mmap_unmap_failed(buffer, vma);
	}
	contig_poison_mmap_end();
	if (!ret)
		vma->vm_ops = &contig_vm_ops;
	return ret;
}
