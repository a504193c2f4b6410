/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ways to get memory
 */
#ifndef CONTIG_RUNG_H
#define CONTIG_RUNG_H

#include <linux/types.h>

#include <uapi/linux/contig.h>

struct contig_buffer;
struct contig_request;
struct contig_survey;
struct vm_area_struct;

/**
 * struct contig_rung_ops - one way to get memory
 * @mapping: one of &enum contig_mapping, which @alloc may change in the buffer
 * @present: returns true if this machine has the rung for the client's device
 * @pages: returns true if it can give memory with struct pages; NULL if
 *         @mapping says so
 * @alloc: fills buffer->extents with zeroed memory that meets the request;
 *         returns 0 or -errno and reports the obstacle. May sleep.
 * @free: gives back the memory of @alloc. May sleep.
 * @mmap: maps the part of a buffer at vm_pgoff as bare page frames. Returns 0
 *        or -errno. NULL if the rung gives struct pages only. May sleep.
 * @largest: returns the largest length, in pages, that @alloc could give,
 *           judging by a complete survey of memory
 * @lower_bound: returns true if @largest is a lower bound; NULL if it never is
 */
struct contig_rung_ops {
	enum contig_mapping mapping;
	bool (*present)(const struct contig_request *request);
	bool (*pages)(const struct contig_request *request);
	int (*alloc)(const struct contig_request *request,
		     struct contig_buffer *buffer, struct contig_report *report);
	void (*free)(struct contig_buffer *buffer);
	int (*mmap)(struct contig_buffer *buffer, struct vm_area_struct *vma);
	unsigned long (*largest)(const struct contig_request *request,
				 const struct contig_survey *survey);
	bool (*lower_bound)(const struct contig_request *request,
			    const struct contig_survey *survey);
};

extern const struct contig_rung_ops contig_reserve_ops;
extern const struct contig_rung_ops contig_coherent_ops;
extern const struct contig_rung_ops contig_range_ops;
extern const struct contig_rung_ops contig_split_ops;
extern const struct contig_rung_ops contig_scatter_ops;

const char *contig_rung_name(unsigned int rung);
bool contig_memory_encrypted(void);
int contig_rung_stop(struct contig_report *report, int error);
int contig_rung_expired(const struct contig_request *request,
			struct contig_report *report);
void contig_rung_put_pages(struct contig_buffer *buffer);
bool contig_rung_takes_pages(const struct contig_request *unused);

#endif /* CONTIG_RUNG_H */
