// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * Buffers: allocating, importing, mapping.
 */
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "internal.h"

CONTIG_EXPORT int contig_alloc(struct contig *client, uint64_t length,
			       const struct contig_alloc_opts *opts,
			       struct contig_buffer **buffer)
{
	CTG_PAGING;
	struct contig_alloc_opts known;
	struct contig_buffer *new;
	int error;

	*buffer = NULL;
	error = ctg_copy_alloc_opts(&known, opts);
	if (error)
		return ctg_result(error);
	new = calloc(1, sizeof(*new));
	if (!new)
		return ctg_result(-ENOMEM);

	error = ctg_alloc_to_uapi(&new->answer, length, &known);
	if (!error)
		error = ctg_ioctl(client->fd, CONTIG_ALLOC, &new->answer);
	if (known.answer)
		ctg_copy_alloc(known.answer, &new->answer);
	if (error) {
		free(new);
		return ctg_result(error);
	}

	new->fd = new->answer.out_fd;
	new->length = new->answer.out_length;
	*buffer = new;
	return 0;
}

CONTIG_EXPORT int contig_probe(struct contig *client, uint64_t length,
			       const struct contig_alloc_opts *opts,
			       struct contig_probe *probe)
{
	struct contig_alloc_opts known;
	struct contig_probe arg;
	int error = ctg_copy_alloc_opts(&known, opts);

	if (error)
		return ctg_result(error);
	ctg_probe_to_uapi(&arg, length, &known);
	error = ctg_ioctl(client->fd, CONTIG_PROBE, &arg);
	if (!error)
		error = ctg_copy_probe(probe, &arg);
	return ctg_result(error);
}

/* Check that @fd is a dma-buf: only dma-bufs have a state. */
static int check_buffer(struct contig *client, int fd)
{
	struct ctg_range range = {
		.length = 1,
		.fd = fd,
		.flags = CONTIG_RANGE_BUFFER,
	};
	struct contig_get_state arg;
	struct contig_run run;

	ctg_get_state_to_uapi(&arg, &range, &run, 1);
	return ctg_ioctl(client->fd, CONTIG_GET_STATE, &arg);
}

static int import_fd(struct contig *client, int fd,
		     struct contig_buffer *buffer)
{
	off_t length;
	int error = check_buffer(client, fd);

	if (error)
		return error;
	length = lseek(fd, 0, SEEK_END);
	if (length < 0)
		return -errno;
	buffer->length = length;
	buffer->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return buffer->fd < 0 ? -errno : 0;
}

CONTIG_EXPORT int contig_buffer_import(struct contig *client, int fd,
				       struct contig_buffer **buffer)
{
	CTG_PAGING;
	struct contig_buffer *new;
	int error;

	*buffer = NULL;
	new = calloc(1, sizeof(*new));
	if (!new)
		return ctg_result(-ENOMEM);
	error = import_fd(client, fd, new);
	if (error) {
		free(new);
		return ctg_result(error);
	}
	*buffer = new;
	return 0;
}

CONTIG_EXPORT void contig_buffer_free(struct contig_buffer *buffer)
{
	CTG_PAGING;
	int saved = errno;

	if (!buffer)
		return;
	close(buffer->fd);
	free(buffer);
	errno = saved;
}

CONTIG_EXPORT int contig_buffer_fd(const struct contig_buffer *buffer)
{
	return buffer->fd;
}

CONTIG_EXPORT uint64_t contig_buffer_length(const struct contig_buffer *buffer)
{
	return buffer->length;
}

CONTIG_EXPORT enum contig_rung
contig_buffer_rung(const struct contig_buffer *buffer)
{
	return (enum contig_rung)buffer->answer.out_rung;
}

CONTIG_EXPORT enum contig_mapping
contig_buffer_mapping(const struct contig_buffer *buffer)
{
	return (enum contig_mapping)buffer->answer.out_mapping;
}

CONTIG_EXPORT uint64_t contig_buffer_extents(const struct contig_buffer *buffer)
{
	return buffer->answer.out_extents;
}

CONTIG_EXPORT uint64_t
contig_buffer_huge_size(const struct contig_buffer *buffer)
{
	return buffer->answer.out_huge_size;
}

CONTIG_EXPORT int contig_buffer_get_reports(const struct contig_buffer *buffer,
					    struct contig_report *reports,
					    size_t report_size,
					    unsigned int *count)
{
	unsigned int room = *count;
	unsigned int reported = buffer->answer.out_report_count;
	unsigned int i;
	int error = 0;

	/* A newer module may know more rungs. */
	if (reported > CONTIG_REPORTS)
		reported = CONTIG_REPORTS;
	/* The caller's structures may be longer or shorter than those here. */
	for (i = 0; !error && i < room && i < reported; i++)
		error = ctg_copy_report((char *)reports + i * report_size,
					report_size,
					&buffer->answer.out_reports[i]);
	if (!error)
		*count = reported;
	return ctg_result(error);
}

CONTIG_EXPORT size_t contig_buffer_explain(const struct contig_buffer *buffer,
					   char *text, size_t size)
{
	return contig_explain(&buffer->answer, 0, text, size);
}

/*
 * Map at an address that is like the offset modulo the size of a huge page. mmap()
 * chooses any page, so find room for that first. Return MAP_FAILED if there is none.
 */
static char *map_huge(const struct contig_buffer *buffer, size_t length,
		      int prot, off_t start)
{
	size_t huge = buffer->answer.out_huge_size, skip;
	size_t page = sysconf(_SC_PAGESIZE);
	char *room, *mapped;

	if (!huge || length < huge || length > SIZE_MAX - huge - page)
		return MAP_FAILED;
	length = (length + page - 1) / page * page;
	room = mmap(NULL, length + huge, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (room == MAP_FAILED)
		return MAP_FAILED;
	skip = ((size_t)start - (uintptr_t)room) % huge;
	mapped = mmap(room + skip, length, prot, MAP_SHARED | MAP_FIXED,
		      buffer->fd, start);
	if (skip)
		munmap(room, skip);
	munmap(room + skip + length, huge - skip);
	/* The middle can be a hole then, and another thread's mapping in it. */
	if (mapped == MAP_FAILED)
		return MAP_FAILED;
	/* As other buffers, so that no access faults later. It is no promise. */
	madvise(mapped, length,
		prot & PROT_WRITE ? MADV_POPULATE_WRITE : MADV_POPULATE_READ);
	return mapped;
}

CONTIG_EXPORT int contig_buffer_map(struct contig_buffer *buffer,
				    uint64_t offset, size_t length, int prot,
				    void **addr)
{
	size_t within = offset & (sysconf(_SC_PAGESIZE) - 1);
	off_t start = offset - within;
	char *mapped;

	if (!length)
		return ctg_result(-EINVAL);
	if (offset > buffer->length || length > buffer->length - offset ||
	    start < 0 || (uint64_t)start != offset - within)
		return ctg_result(-EOVERFLOW);
	mapped = map_huge(buffer, length + within, prot, start);
	if (mapped == MAP_FAILED)
		mapped = mmap(NULL, length + within, prot, MAP_SHARED,
			      buffer->fd, start);
	if (mapped == MAP_FAILED)
		return -errno;
	*addr = mapped + within;
	return 0;
}

CONTIG_EXPORT int contig_buffer_unmap(void *addr, size_t length)
{
	size_t within = (uintptr_t)addr & (sysconf(_SC_PAGESIZE) - 1);

	if (!length)
		return ctg_result(-EINVAL);
	return munmap((char *)addr - within, length + within) ? -errno : 0;
}

static int sync_buffer(struct contig_buffer *buffer, unsigned int access,
		       uint64_t flags)
{
	struct dma_buf_sync arg = {.flags = flags};
	int error;

	if (access & ~(CONTIG_ACCESS_READ | CONTIG_ACCESS_WRITE))
		return ctg_result(-EOPNOTSUPP);
	if (!access)
		return ctg_result(-EINVAL);
	if (access & CONTIG_ACCESS_READ)
		arg.flags |= DMA_BUF_SYNC_READ;
	if (access & CONTIG_ACCESS_WRITE)
		arg.flags |= DMA_BUF_SYNC_WRITE;

	/* After an interruption the kernel expects the same call again. */
	do {
		error = ctg_ioctl(buffer->fd, DMA_BUF_IOCTL_SYNC, &arg);
	} while (error == -EINTR || error == -EAGAIN);
	return ctg_result(error);
}

CONTIG_EXPORT int contig_buffer_begin_access(struct contig_buffer *buffer,
					     unsigned int access)
{
	return sync_buffer(buffer, access, DMA_BUF_SYNC_START);
}

CONTIG_EXPORT int contig_buffer_end_access(struct contig_buffer *buffer,
					   unsigned int access)
{
	return sync_buffer(buffer, access, DMA_BUF_SYNC_END);
}
