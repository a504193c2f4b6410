/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The paths that fail_nth makes fail: for each how to prepare it, what to run,
 * how to check the result, and how to undo it. All functions return 0 or a
 * negative errno.
 */
#ifndef CONTIG_FAIL_NTH_H
#define CONTIG_FAIL_NTH_H

#include "contig_utils.h"

#define PAGES 16
/* More pages than contig pins or maps in one step. */
#define MANY 600

/**
 * struct env - the objects that a path uses
 * @client: opened before any failure
 * @other: another client of the process
 * @buffer: a buffer, or -1
 * @length: its length
 * @memory: memory of the process
 * @npages: pages of it whose state must not change
 * @fd: a descriptor that a command returned, or -1
 * @request: a deferred request, or -1
 * @map: a mapping that a command made
 * @place: where @map must be, or NULL
 * @handle: a handle that a command returned
 * @device: a descriptor of another driver
 * @file: the file that @memory maps, or -1
 * @fillers: buffers that exhaust the reserve
 * @table: extents, or another table that a command fills
 * @spans: another table that a command fills
 * @state: the state of each page of @memory
 * @before: everything else that must not change
 */
struct env {
	int client, other;
	int buffer;
	size_t length;
	char *memory;
	size_t npages;
	int fd;
	int request;
	char *map, *place;
	uint32_t handle;
	int device;
	int file;
	int fillers[16];
	struct contig_extent table[MANY];
	struct contig_span spans[PAGES];
	struct contig_run state[MANY];
	struct snapshot before;
};

/*
 * Buffers: fail_nth_buffers.c
 */

int scatter_buffer(struct env *e);
int empty_reserve(struct env *e);
int do_open(struct env *e);
bool check_open(struct env *e);
void undo_fd(struct env *e);
int do_info(struct env *e);
int do_probe(struct env *e);
int do_defer(struct env *e);
bool check_defer(struct env *e);
void undo_defer(struct env *e);
int do_collect(struct env *e);
int do_alloc_reserve(struct env *e);
int do_alloc_coherent(struct env *e);
int do_alloc_range(struct env *e);
int do_alloc_split(struct env *e);
int do_alloc_split_windows(struct env *e);
int do_alloc_scatter(struct env *e);
int do_alloc_scatter_windows(struct env *e);
int do_alloc_many(struct env *e);
int do_alloc_any(struct env *e);
int do_alloc_no_reserve(struct env *e);
int do_alloc_in_vain(struct env *e);
bool check_alloc(struct env *e);
int do_mmap(struct env *e);
int coherent_buffer_and_place(struct env *e);
int do_mmap_at_place(struct env *e);
bool check_mmap(struct env *e);
void undo_mmap(struct env *e);
int drm_buffer(struct env *e);
int do_import(struct env *e);
void undo_import(struct env *e);
int video_buffer(struct env *e);
void undo_video(struct env *e);
int do_video(struct env *e);

/*
 * Ranges: fail_nth_ranges.c
 */

int some_memory(struct env *e);
int much_memory(struct env *e);
int file_memory(struct env *e);
int mapped_buffer(struct env *e);
int whole_buffer(struct env *e);
int two_clients(struct env *e);
int do_lock(struct env *e);
bool check_lock(struct env *e);
void undo_lock(struct env *e);
int do_lock_output(struct env *e);
int do_lock_contiguous(struct env *e);
int before_nested(struct env *e);
void after_nested(struct env *e);
int do_lock_nested(struct env *e);
bool check_nested(struct env *e);
void undo_nested(struct env *e);
int before_output(struct env *e);
int before_untouched(struct env *e);
void after_untouched(struct env *e);
int before_file(struct env *e);
int do_lock_fd(struct env *e);
bool check_lock_fd(struct env *e);
void undo_lock_fd(struct env *e);
int do_gather(struct env *e);
void undo_gather(struct env *e);
bool check_gather(struct env *e);
int do_unlock_middle(struct env *e);
bool check_unlock_middle(struct env *e);
void undo_unlock_middle(struct env *e);
int do_unlock_fd(struct env *e);
void undo_unlock_fd(struct env *e);
int do_hold(struct env *e);
bool check_hold(struct env *e);
void undo_hold(struct env *e);
int before_hold(struct env *e);
void after_hold(struct env *e);
int before_unhold(struct env *e);
int do_unhold(struct env *e);
bool check_unhold(struct env *e);
void undo_unhold(struct env *e);
int do_get_physical(struct env *e);
bool check_get_physical(struct env *e);
int before_mapped_again(struct env *e);
void after_mapped_again(struct env *e);
int do_get_mapped_again(struct env *e);
bool check_mapped_again(struct env *e);
int do_get_state_mapped_again(struct env *e);
int do_get_state(struct env *e);
int edu_device(struct env *e);
int do_attach(struct env *e);
bool check_attach(struct env *e);
void undo_attach(struct env *e);
int do_prepare(struct env *e);
bool check_prepare(struct env *e);
void undo_prepare(struct env *e);

#endif /* CONTIG_FAIL_NTH_H */
