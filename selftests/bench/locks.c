// SPDX-License-Identifier: GPL-2.0-only
/*
 * The cost of locking memory for a transfer
 */
#include <fcntl.h>
#include <linux/io_uring.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../kmod/contig_bench.h"
#include "subjects.h"

static int ring;
static int pinner;

/* A buffer of contig, for the subjects that name one. */
static int buffer;

static void run_lock(const struct subject *subject)
{
	int ret = contig_do_lock(client, memory, subject->length, 0);

	if (!ret)
		ret = contig_do_unlock(client, memory, subject->length);
	if (ret)
		die("locking: %s", strerror(-ret));
}

static void run_register(const struct subject *subject)
{
	struct iovec iov = { memory, subject->length };

	if (syscall(__NR_io_uring_register, ring, IORING_REGISTER_BUFFERS,
		    &iov, 1) ||
	    syscall(__NR_io_uring_register, ring, IORING_UNREGISTER_BUFFERS,
		    NULL, 0))
		die_errno("registering a buffer with io_uring");
}

static void run_pin(const struct subject *subject)
{
	struct contig_bench_pin pin = {
		.addr = (uintptr_t)memory,
		.length = subject->length,
	};

	if (ioctl(pinner, CONTIG_BENCH_PIN, &pin) ||
	    ioctl(pinner, CONTIG_BENCH_UNPIN))
		die_errno("pinning");
}

static void run_nothing(const struct subject *subject)
{
	(void)subject;
	if (ioctl(pinner, CONTIG_BENCH_NOTHING))
		die_errno("CONTIG_BENCH_NOTHING");
}

static void prepare(const struct contig_span *span, uint32_t flags, int fd)
{
	struct contig_prepare prepared = {
		.size = sizeof(prepared),
		.flags = flags | CONTIG_IO_INPUT | CONTIG_IO_OUTPUT,
		.ranges = (uintptr_t)span,
		.range_count = 1,
		.fd = fd,
	};
	struct contig_checkpoint end = { .size = sizeof(end) };

	if (ioctl(client, CONTIG_PREPARE, &prepared))
		die_errno("CONTIG_PREPARE");
	end.id = prepared.out_id;
	if (ioctl(client, CONTIG_CHECKPOINT, &end))
		die_errno("CONTIG_CHECKPOINT");
}

static void run_prepare(const struct subject *subject)
{
	struct contig_span span = { (uintptr_t)memory, subject->length };

	prepare(&span, 0, 0);
}

static void run_prepare_fd(const struct subject *subject)
{
	struct contig_span span = { 0, subject->length };

	prepare(&span, CONTIG_RANGE_BUFFER, buffer);
}

/* Lock memory of one size in the ways there are. */
static void bench_lock(const char *name, size_t length, unsigned int calls)
{
	struct subject all[] = {
		{ .name = name, .run = run_lock },
		{ .name = "register + unregister", .kind = PEER,
		  .run = run_register },
		{ .name = "pin + unpin", .kind = LIMIT, .run = run_pin },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(all); i++) {
		all[i].length = length;
		all[i].calls = calls;
	}
	take_turns(all, ARRAY_SIZE(all), 31);
	report(&all[0], &all[1], 1.2);
	report(&all[0], &all[2], 0);
}

static void bench_prepare(void)
{
	struct subject all[] = {
		{ .name = "PREPARE + CHECKPOINT", .run = run_prepare },
		{ .name = "PREPARE + CHECKPOINT by descriptor",
		  .run = run_prepare_fd },
		{ .name = "pin + unpin", .kind = LIMIT, .run = run_pin },
		{ .name = "INFO", .run = run_info },
		{ .name = "empty ioctl", .kind = LIMIT, .run = run_nothing },
	};
	struct subject again[] = {
		{ .name = "PREPARE + CHECKPOINT of locked memory", .run = run_prepare },
		{ .name = "PREPARE + CHECKPOINT of it by descriptor",
		  .run = run_prepare_fd },
		{ .name = "INFO", .run = run_info },
	};
	struct contig_lock lock = {
		.size = sizeof(lock),
		.flags = CONTIG_RANGE_BUFFER,
		.fd = buffer,
		.length = 64 * KIB,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(all); i++)
		all[i].calls = 100;
	for (i = 0; i < ARRAY_SIZE(again); i++)
		again[i].calls = 100;
	for (i = 0; i < 3; i++)
		all[i].length = page_size;
	for (i = 0; i < 2; i++)
		again[i].length = page_size;

	take_turns(all, ARRAY_SIZE(all), 31);
	report(&all[0], &all[2], 2);
	report(&all[1], &all[2], 2);
	report(&all[3], &all[4], 2);

	if (contig_do_lock(client, memory, 64 * KIB, 0) ||
	    ioctl(client, CONTIG_LOCK, &lock))
		die("cannot lock memory");
	take_turns(again, ARRAY_SIZE(again), 31);
	report(&again[0], &again[2], 3);
	report(&again[1], &again[2], 3);
	contig_do_unlock(client, memory, 64 * KIB);
}

void bench_locks(void)
{
	struct io_uring_params params = {};
	struct contig_alloc alloc;

	ring = syscall(__NR_io_uring_setup, 1, &params);
	if (ring < 0)
		die_errno("io_uring_setup");
	pinner = open("/dev/contig_bench", O_RDWR | O_CLOEXEC);
	if (pinner < 0)
		die_errno("/dev/contig_bench");
	if (contig_do_alloc(client, 64 * KIB, CONTIG_RUNGS_RESERVE, 0, &alloc))
		die("cannot allocate a buffer");
	buffer = alloc.out_fd;

	section("LOCK + UNLOCK");
	take_memory(MADV_NOHUGEPAGE);
	bench_lock("LOCK + UNLOCK of 4 KiB pages", page_size, 100);
	bench_lock("LOCK + UNLOCK of 4 KiB pages", 64 * KIB, 20);
	bench_lock("LOCK + UNLOCK of 4 KiB pages", 1 * MIB, 4);
	bench_lock("LOCK + UNLOCK of 4 KiB pages", LARGE, 1);
	section("memory for one transfer of a page");
	bench_prepare();
	free_memory();
	take_memory(MADV_HUGEPAGE);
	section("LOCK + UNLOCK of huge pages");
	bench_lock("LOCK + UNLOCK of huge pages", 1 * MIB, 4);
	bench_lock("LOCK + UNLOCK of huge pages", LARGE, 1);
	free_memory();
	close(buffer);
	close(pinner);
	close(ring);
}
