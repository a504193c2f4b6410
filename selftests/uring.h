/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * io_uring without a library
 */
#ifndef CONTIG_URING_H
#define CONTIG_URING_H

#include <errno.h>
#include <linux/io_uring.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/*
 * A minimum of io_uring: one request at a time.
 */
struct ring {
	int fd;
	struct io_uring_params p;
	char *rings;
	struct io_uring_sqe *sqes;
};

static inline int ring_open(struct ring *r)
{
	size_t size;

	memset(r, 0, sizeof(*r));
	r->fd = syscall(SYS_io_uring_setup, 4, &r->p);
	if (r->fd < 0)
		return -errno;
	size = r->p.sq_off.array + r->p.sq_entries * sizeof(uint32_t);
	if (size < r->p.cq_off.cqes +
		   r->p.cq_entries * sizeof(struct io_uring_cqe))
		size = r->p.cq_off.cqes +
		       r->p.cq_entries * sizeof(struct io_uring_cqe);
	r->rings = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd,
			IORING_OFF_SQ_RING);
	r->sqes = mmap(NULL, r->p.sq_entries * sizeof(*r->sqes),
		       PROT_READ | PROT_WRITE, MAP_SHARED, r->fd,
		       IORING_OFF_SQES);
	if (r->rings == MAP_FAILED || r->sqes == MAP_FAILED)
		return -errno;
	return 0;
}

static inline uint32_t *ring_word(struct ring *r, uint32_t offset)
{
	return (uint32_t *)(r->rings + offset);
}

static inline int ring_do(struct ring *r, int op, int fd, void *addr,
			  uint32_t length, uint64_t offset)
{
	uint32_t tail = *ring_word(r, r->p.sq_off.tail), head, at;
	struct io_uring_cqe *cqe;

	r->sqes[0] = (struct io_uring_sqe) {
		.opcode = op,
		.fd = fd,
		.addr = (uintptr_t)addr,
		.len = length,
		.off = offset,
	};
	at = tail & *ring_word(r, r->p.sq_off.ring_mask);
	ring_word(r, r->p.sq_off.array)[at] = 0;
	__atomic_store_n(ring_word(r, r->p.sq_off.tail), tail + 1,
			 __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, r->fd, 1, 1, IORING_ENTER_GETEVENTS,
		    NULL, 0) != 1)
		return -errno;
	head = *ring_word(r, r->p.cq_off.head);
	cqe = (struct io_uring_cqe *)(r->rings + r->p.cq_off.cqes) +
	      (head & *ring_word(r, r->p.cq_off.ring_mask));
	__atomic_store_n(ring_word(r, r->p.cq_off.head), head + 1,
			 __ATOMIC_RELEASE);
	return cqe->res;
}

static inline int ring_register(struct ring *r, void *addr, size_t length)
{
	struct iovec iov = { .iov_base = addr, .iov_len = length };

	return syscall(SYS_io_uring_register, r->fd, IORING_REGISTER_BUFFERS,
		       &iov, 1) ? -errno : 0;
}

static inline int ring_unregister(struct ring *r)
{
	return syscall(SYS_io_uring_register, r->fd,
		       IORING_UNREGISTER_BUFFERS, NULL, 0) ? -errno : 0;
}

#endif /* CONTIG_URING_H */
