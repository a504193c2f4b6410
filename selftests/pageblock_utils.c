// SPDX-License-Identifier: GPL-2.0-only
#include <sys/uio.h>

#include "kselftest.h"
#include "pageblock_utils.h"

#define STEP MIB(16)

uint64_t step_blocks(void)
{
	uint64_t block = pageblock_bytes();

	return block && block < STEP ? STEP / block : 1;
}

bool empty_block(int client, struct contig_constraints *where)
{
	uint64_t block = pageblock_bytes();
	int buffer = window_get(client, 2 * block);
	char *memory = mmap(NULL, 2 * block, PROT_READ | PROT_WRITE, MAP_SHARED,
			    buffer, 0);

	if (memory == MAP_FAILED)
		return false;
	memory[0] = 1;
	where->lowest = (pfn_of(memory) * page_size + block - 1) & -block;
	where->highest = where->lowest + block - 1;
	munmap(memory, 2 * block);
	close(buffer);
	return true;
}

uint64_t *page_frames(const char *memory, size_t n)
{
	uint64_t *pfns = calloc(n, sizeof(*pfns));
	int fd = open("/proc/self/pagemap", O_RDONLY);
	size_t at;

	if (!pfns || fd < 0 ||
	    pread(fd, pfns, n * sizeof(*pfns), to_addr(memory) / page_size *
		  sizeof(*pfns)) != (ssize_t)(n * sizeof(*pfns)))
		return NULL;
	close(fd);
	for (at = 0; at < n; at++)
		pfns[at] &= (1ull << 55) - 1;
	return pfns;
}

/* Map single pages, and get the page frame of each. */
static char *small_pages(size_t length, uint64_t **pfns)
{
	char *memory = mmap(NULL, length, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	size_t at;

	if (memory == MAP_FAILED)
		return NULL;
	madvise(memory, length, MADV_NOHUGEPAGE);
	for (at = 0; at < length; at += page_size)
		memory[at] = 1;
	*pfns = page_frames(memory, length / page_size);
	return *pfns ? memory : NULL;
}

char *scattered(size_t length)
{
	uint64_t *pfns;
	char *memory = small_pages(length, &pfns);
	size_t i;

	for (i = 0; memory && i < length / page_size; i++)
		if (pfns[i] & 1)
			madvise(memory + i * page_size, page_size,
				MADV_DONTNEED);
	free(pfns);
	return memory;
}

uint64_t own_blocks(const uint64_t *pfns, size_t n,
		    struct contig_constraints *where, size_t *first,
		    size_t *last)
{
	uint64_t bytes = pageblock_bytes(), per_block = bytes / page_size;
	uint64_t block, run = 0, longest = 0, most = step_blocks();
	static uint16_t own[1 << 20];
	size_t i;

	memset(own, 0, sizeof(own));
	for (i = 0; i < n; i++)
		own[pfns[i] / per_block % ARRAY_SIZE(own)]++;
	for (block = 0; block < ARRAY_SIZE(own); block++) {
		run = own[block] == per_block ? run + 1 : 0;
		if (run <= longest || run > most)
			continue;
		longest = run;
		where->highest = (block + 1) * bytes - 1;
		where->lowest = (block + 1 - run) * bytes;
	}
	*first = n;
	*last = 0;
	for (i = 0; i < n; i++) {
		if (pfns[i] * page_size < where->lowest ||
		    pfns[i] * page_size > where->highest)
			continue;
		*first = i < *first ? i : *first;
		*last = i;
	}
	return longest;
}

int sprinkle(uint64_t blocks, int *pipes, int nr,
	     struct contig_constraints *where)
{
	uint64_t *pfns;
	uint64_t bytes = pageblock_bytes(), block = bytes / page_size;
	size_t length = blocks * bytes;
	char *memory = small_pages(length, &pfns);
	static bool seen[1 << 16], kept[1 << 20];
	int used = 0, room = 0, run = 0, longest = 0;
	uint64_t n;
	size_t at;

	if (!memory)
		return -1;
	for (at = 0; at < length; at += page_size) {
		struct iovec part = { memory + at, page_size };

		n = pfns[at / page_size] / block % ARRAY_SIZE(seen);
		if (seen[n])
			continue;
		if (!room && used + 2 <= nr && !pipe(pipes + used)) {
			used += 2;
			fcntl(pipes[used - 1], F_SETPIPE_SZ, 1 << 20);
			room = (1 << 20) / page_size;
		}
		if (!room || vmsplice(pipes[used - 1], &part, 1,
				      SPLICE_F_NONBLOCK) != (ssize_t)page_size)
			continue;
		room--;
		seen[n] = true;
		kept[at / page_size] = true;
	}
	for (at = 0; at < length; at += page_size)
		if (!kept[at / page_size])
			madvise(memory + at, page_size, MADV_DONTNEED);
	free(pfns);
	for (n = 0; n < ARRAY_SIZE(seen); n++) {
		run = seen[n] ? run + 1 : 0;
		if (run <= longest)
			continue;
		longest = run;
		where->highest = (n + 1) * bytes - 1;
		where->lowest = (n + 1 - run) * bytes;
	}
	return longest;
}
