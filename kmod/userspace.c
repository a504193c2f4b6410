// SPDX-License-Identifier: GPL-2.0-only
/*
 * What lies in a range of a process's memory?
 */
#include <linux/backing-dev.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/string.h>

#include "buffer.h"
#include "userspace.h"

/**
 * contig_stretch_at() - look at the mapping that a page lies in
 * @mm: the address space
 * @first: the page
 * @last: do not look further than this page
 * @stretch: receives what it is; contig_stretch_put() when done
 *
 * What it says can be out of date at once, since other threads may change the
 * mapping; whoever takes pages afterwards has to cope.
 *
 * Return: 0, -EFAULT if nothing is mapped there, -ENXIO if it is no memory,
 * -EINTR after a fatal signal.
 */
int contig_stretch_at(struct mm_struct *mm, unsigned long first,
		      unsigned long last, struct contig_stretch *stretch)
{
	unsigned long addr = first << PAGE_SHIFT;
	struct vm_area_struct *vma;
	int ret = 0;

	memset(stretch, 0, sizeof(*stretch));
	if (mmap_read_lock_killable(mm))
		return -EINTR;
	vma = find_vma(mm, addr);
	if (!vma || vma->vm_start > addr) {
		ret = -EFAULT;
		goto out;
	}
	stretch->npages = min(last, (vma->vm_end >> PAGE_SHIFT) - 1) - first + 1;
	stretch->readable = vma->vm_flags & VM_READ;
	stretch->writable = vma->vm_flags & VM_WRITE;
	stretch->mlocked = vma->vm_flags & VM_LOCKED;
	stretch->shared_file = vma->vm_file && vma->vm_flags & VM_MAYSHARE;
	stretch->tracked_file = stretch->shared_file &&
				mapping_can_writeback(vma->vm_file->f_mapping);
	stretch->private_write = (vma->vm_flags & (VM_WRITE | VM_SHARED)) ==
				 VM_WRITE;
	stretch->buffer = contig_vma_buffer(vma);
	if (stretch->buffer) {
		contig_buffer_get(stretch->buffer);
		stretch->offset = vma->vm_pgoff +
				  (first - (vma->vm_start >> PAGE_SHIFT));
		/* Never paged out, whatever mlock() says. */
		stretch->mlocked = true;
	} else if (vma->vm_flags & (VM_IO | VM_PFNMAP)) {
		ret = -ENXIO;
	}
out:
	mmap_read_unlock(mm);
	return ret;
}

void contig_stretch_put(struct contig_stretch *stretch)
{
	if (stretch->buffer)
		contig_buffer_put(stretch->buffer);
}

/**
 * contig_on_fault_next() - find memory that is locked on fault
 * @mm: the address space
 * @first: page to begin at; on return the first page of what was found
 * @last: last page to look at
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
