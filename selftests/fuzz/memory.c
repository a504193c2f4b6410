// SPDX-License-Identifier: GPL-2.0-only
/*
 * Steps that change mappings, and use them
 *
 * For all: 2, 3 address, as in step_address(); 4 length.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "state.h"

static int protection(uint8_t b)
{
	static const int protections[] = {
		PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE, PROT_READ,
		PROT_NONE, PROT_WRITE, PROT_READ | PROT_EXEC,
	};

	return protections[b % ARRAY_SIZE(protections)];
}

/* 1 kind; 5 protection; 6 offset into the file. */
int step_map(struct step *step)
{
	const uint8_t *b = step->b;
	char *at = arena_at(b + 2);
	int flags = MAP_FIXED, fd = -1;
	off_t offset = 0;

	switch (b[1] % 8) {
	case 4:
		flags |= MAP_SHARED | MAP_ANONYMOUS;
		break;
	case 5:
		flags |= MAP_SHARED;
		fd = state.memfd;
		break;
	case 6:
		flags |= MAP_PRIVATE;
		fd = state.memfd;
		break;
	default:
		flags |= MAP_PRIVATE | MAP_ANONYMOUS;
	}
	if (fd >= 0)
		offset = b[6] % 64 * PAGE;
	if (b[1] & 0x10)
		flags |= MAP_POPULATE;
	if (b[1] & 0x20)
		flags |= MAP_NORESERVE;
	if (b[1] & 0x40)
		flags |= MAP_LOCKED;
	if (b[1] & 0x80 && fd < 0)
		flags |= MAP_GROWSDOWN;
	return mmap(at, arena_length(at, b[4]), protection(b[5]), flags, fd,
		    offset) == MAP_FAILED ? -errno : 0;
}

struct look {
	volatile char *at;
	size_t length;
	bool write;
	bool zero;
};

/* Check every 512th byte: leftover data would hardly lie only between these. */
static int look(void *arg)
{
	struct look *l = arg;

	l->zero = true;
	for (size_t i = 0; i < l->length; i += 512) {
		if (l->at[i])
			l->zero = false;
		if (l->write)
			l->at[i] = 0xa5;
	}
	return 0;
}

/* 1 buffer, private; 5 protection; 6 offset into the buffer, in pages. */
int step_map_buffer(struct step *step)
{
	const uint8_t *b = step->b;
	unsigned int slot = b[1] % BUFFERS;
	char *at = arena_at(b + 2);
	struct look l = { .at = at, .length = arena_length(at, b[4]) };
	int flags = MAP_FIXED | (b[1] & 0x80 ? MAP_PRIVATE : MAP_SHARED);

	if (mmap(at, l.length, protection(b[5]), flags, state.buffer[slot],
		 b[6] * PAGE) == MAP_FAILED)
		return -errno;
	/* Memory of a new buffer is zero until it is written. */
	if (!step->thread && __atomic_exchange_n(&state.fresh[slot], false,
						 __ATOMIC_RELAXED) &&
	    !state.forks && !catch_faults(look, &l) && !l.zero)
		_exit(EXIT_NOT_ZERO);
	return 0;
}

int step_unmap(struct step *step)
{
	char *at = arena_at(step->b + 2);

	return result_of(munmap(at, arena_length(at, step->b[4])));
}

int step_protect(struct step *step)
{
	char *at = arena_at(step->b + 2);

	return result_of(mprotect(at, arena_length(at, step->b[4]),
				  protection(step->b[5])));
}

/* 1 flags, and whether the length changes; 5, 6 the new address. */
int step_remap(struct step *step)
{
	const uint8_t *b = step->b;
	char *at = arena_at(b + 2), *to = arena_at(b + 5);
	size_t old = arena_length(at, b[4]), new = old;
	int flags = MREMAP_MAYMOVE | MREMAP_FIXED;

	if (b[1] & 1)
		flags |= MREMAP_DONTUNMAP;
	if (b[1] & 2)
		new = arena_length(to, b[4] + b[1] / 16);
	if (b[1] & 4)
		old = 0;
	if (new > (ARENA_PAGES * PAGE) - (to - (char *)ARENA))
		new = PAGE;
	/* In place: it may shrink, but must not leave the arena. */
	if (b[1] & 8) {
		flags = 0;
		if (new > old)
			new = old ?: PAGE;
	}
	return mremap(at, old, new, flags, to) == MAP_FAILED ? -errno : 0;
}

/* 5 the advice. */
int step_advise(struct step *step)
{
	static const int advices[] = {
		MADV_DONTNEED, MADV_HUGEPAGE, MADV_COLD, MADV_PAGEOUT,
		MADV_FREE, MADV_NOHUGEPAGE, MADV_MERGEABLE, MADV_UNMERGEABLE,
		MADV_POPULATE_READ, MADV_POPULATE_WRITE, MADV_REMOVE,
		MADV_DONTFORK, MADV_DOFORK, MADV_WIPEONFORK, MADV_WILLNEED,
		25 /* MADV_COLLAPSE */, 24 /* MADV_DONTNEED_LOCKED */,
	};
	char *at = arena_at(step->b + 2);

	return result_of(madvise(at, arena_length(at, step->b[4]),
				 advices[step->b[5] % ARRAY_SIZE(advices)]));
}

/* 5 which call. */
int step_mlock(struct step *step)
{
	char *at = arena_at(step->b + 2);
	size_t length = arena_length(at, step->b[4]);

	switch (step->b[5] % 4) {
	case 0:
		return result_of(mlock(at, length));
	case 1:
		return result_of(munlock(at, length));
	case 2:
		return result_of(mlock2(at, length, MLOCK_ONFAULT));
	default:
		return result_of(munlockall());
	}
}

/* 1 to write. */
int step_touch(struct step *step)
{
	struct look l = {
		.at = arena_at(step->b + 2),
		.write = step->b[1] & 1,
	};

	l.length = arena_length((char *)l.at, step->b[4]);
	return catch_faults(look, &l);
}

/*
 * Make the kernel access memory, as for I/O: 1 which call. Pages in a pipe stay
 * there when they are unmapped.
 */
int step_reach(struct step *step)
{
	char *at = arena_at(step->b + 2), *bytes = scratch + PAGE;
	size_t length = arena_length(at, step->b[4]);
	struct iovec there = { at, length }, here = { bytes, 8 * PAGE };
	long ret;
	int fd;

	if (length > 8 * PAGE)
		there.iov_len = 8 * PAGE;
	switch (step->b[1] % 6) {
	case 0:
		return result_of(vmsplice(state.pipe[1], &there, 1,
					  SPLICE_F_NONBLOCK));
	case 1:
		return result_of(read(state.pipe[0], bytes, 8 * PAGE));
	case 2:
		return result_of(process_vm_readv(getpid(), &here, 1, &there, 1,
						  0));
	case 3:
		memset(bytes, 0x5a, 8 * PAGE);
		return result_of(process_vm_writev(getpid(), &here, 1, &there,
						   1, 0));
	default:
		fd = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
		if (fd < 0)
			return -errno;
		if (step->b[1] % 6 == 4)
			ret = pread(fd, bytes, there.iov_len, (off_t)at);
		else
			ret = pwrite(fd, bytes, there.iov_len, (off_t)at);
		ret = result_of(ret);
		close(fd);
		return ret;
	}
}
