// SPDX-License-Identifier: GPL-2.0-only
/*
 * Looks at the mappings of a process
 */
#include <linux/backing-dev.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/string.h>

#include "buffer.h"
#include "mmap.h"
#include "vma.h"

/**
 * contig_vma_at() - look at the mapping that a page lies in
 * @mm: the address space
 * @first: the page
 * @last: last page of interest
 * @mapping: describes the mapping; contig_vma_put() when done
 *
 * The result can be out of date at once, since other threads can change the
 * mapping: a caller that pins the pages must check them again.
 *
 * Return: 0, -EFAULT if nothing is mapped there, -ENXIO if the mapping is not
 * of memory, -EINTR after a fatal signal.
 */
int contig_vma_at(struct mm_struct *mm, unsigned long first,
		  unsigned long last, struct contig_vma *mapping)
{
	unsigned long addr = first << PAGE_SHIFT;
	struct vm_area_struct *vma;
	int ret = 0;

	memset(mapping, 0, sizeof(*mapping));
	if (mmap_read_lock_killable(mm))
		return -EINTR;
	vma = find_vma(mm, addr);
	if (!vma || vma->vm_start > addr) {
		ret = -EFAULT;
		goto out;
	}
	mapping->npages = min(last, (vma->vm_end >> PAGE_SHIFT) - 1) - first + 1;
	mapping->readable = vma->vm_flags & VM_READ;
	mapping->writable = vma->vm_flags & VM_WRITE;
	mapping->mlocked = vma->vm_flags & VM_LOCKED;
	mapping->shared_file = vma->vm_file && vma->vm_flags & VM_MAYSHARE;
	mapping->tracked_file = mapping->shared_file &&
				mapping_can_writeback(vma->vm_file->f_mapping);
	mapping->private_write = (vma->vm_flags & (VM_WRITE | VM_SHARED)) ==
				 VM_WRITE;
	mapping->buffer = contig_mmap_buffer(vma);
	if (mapping->buffer) {
		contig_buffer_get(mapping->buffer);
		mapping->offset = vma->vm_pgoff +
				  (first - (vma->vm_start >> PAGE_SHIFT));
		/* Buffers are never paged out, even without mlock(). */
		mapping->mlocked = true;
	} else if (vma->vm_flags & (VM_IO | VM_PFNMAP)) {
		ret = -ENXIO;
	}
out:
	mmap_read_unlock(mm);
	return ret;
}

void contig_vma_put(struct contig_vma *mapping)
{
	if (mapping->buffer)
		contig_buffer_put(mapping->buffer);
}

/**
 * contig_on_fault_next() - find memory that is locked on fault
 * @mm: the address space
 * @first: in/out: page to begin at; on return the first page found
 * @last: last page of interest
 * @npages: number of pages found; 0 if there are no more
 *
 * mlock2() with MLOCK_ONFAULT locks memory on fault, and mlock() undoes that.
 * Other threads may do either at any time.
 *
 * Return: 0, or -EINTR after a fatal signal.
 */
int contig_on_fault_next(struct mm_struct *mm, unsigned long *first,
			 unsigned long last, unsigned long *npages)
{
	struct vm_area_struct *vma;
	unsigned long start, end;

	*npages = 0;
	if (mmap_read_lock_killable(mm))
		return -EINTR;
	vma = find_vma(mm, *first << PAGE_SHIFT);
	while (vma && vma->vm_start >> PAGE_SHIFT <= last) {
		if (vma->vm_flags & VM_LOCKONFAULT) {
			start = max(*first, vma->vm_start >> PAGE_SHIFT);
			end = min(last, (vma->vm_end >> PAGE_SHIFT) - 1);
			*first = start;
			*npages = end - start + 1;
			break;
		}
		vma = find_vma(mm, vma->vm_end);
	}
	mmap_read_unlock(mm);
	return 0;
}
