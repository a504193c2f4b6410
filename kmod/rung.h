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

/**
 * struct contig_rung_ops - one way to get memory
 * @name: what debugfs calls it
 * @mapping: one of &enum contig_mapping
 * @present: is there this rung on this machine, for the client's device?
 * @alloc: fill buffer->extents with zeroed memory that meets the request;
 *         returns 0 or -errno and says in the report what was in the way. May
 *         sleep.
 * @free: give back what @alloc got. May sleep.
 * @largest: the largest length, in pages, that @alloc could give, judging by a
 *           complete survey of memory
 */
struct contig_rung_ops {
	const char *name;
	enum contig_mapping mapping;
	bool (*present)(const struct contig_request *request);
	int (*alloc)(const struct contig_request *request,
		     struct contig_buffer *buffer, struct contig_report *report);
	void (*free)(struct contig_buffer *buffer);
	unsigned long (*largest)(const struct contig_request *request,
				 const struct contig_survey *survey);
};

extern const struct contig_rung_ops contig_reserve_ops;
extern const struct contig_rung_ops contig_coherent_ops;
extern const struct contig_rung_ops contig_range_ops;
extern const struct contig_rung_ops contig_split_ops;
extern const struct contig_rung_ops contig_scatter_ops;

const char *contig_rung_name(unsigned int rung);

/* Memory for devices has to be decrypted here, which only coherent.c does. */
bool contig_memory_encrypted(void);

/* Note why a rung stops with -ETIME or -EINTR, and return that. */
int contig_rung_stop(struct contig_report *report, int error);
/* Return 0 to go on; else note why not, and return -ETIME or -EINTR. */
int contig_rung_expired(const struct contig_request *request,
			struct contig_report *report);

/* range.c, for the rungs that build on it */
int contig_range_take(const struct contig_request *request,
		      unsigned long npages, bool final,
		      struct contig_report *report, unsigned long *pfn);
bool contig_range_present(void);

/* reserve.c */
int contig_reserve_init(void);
void contig_reserve_exit(void);
void contig_reserve_sweep(void);
bool contig_reserve_overlaps(unsigned long start, unsigned long end);
void contig_reserve_settle(const struct contig_request *request);
void contig_reserve_totals(u64 *total, u64 *free, u64 *largest);
struct seq_file;
int contig_reserve_show(struct seq_file *m, void *unused);

#endif /* CONTIG_RUNG_H */
