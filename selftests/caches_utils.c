// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is done to caches: kprobes on the two functions of arm64 and 32-bit ARM
 * that maintain them
 */
#include <sys/mount.h>

#include "caches_utils.h"

#define EVENTS TRACING "/events/contig_caches"

/*
 * The registers that have the arguments of a function: an address, a size and a
 * direction. With LPAE, as kernels of 32-bit ARM with huge pages have it, the
 * address takes two.
 */
static const char *arguments(void)
{
	if (sizeof(void *) == 8)
		return "addr=%x0:x64 size=%x1:u64 way=%x2:u32";
	if (!huge_page_bytes())
		return "addr=%r0:x32 size=%r1:u32 way=%r2:u32";
	return "high=%r1:x32 addr=%r0:x32 size=%r2:u32 way=%r3:u32";
}

int watch(void)
{
	char filter[64], probes[256];

	if (access(TRACING "/kprobe_events", F_OK) &&
	    mount("tracefs", TRACING, "tracefs", 0, NULL))
		return -errno;
	snprintf(filter, sizeof(filter), "common_pid == %d", getpid());
	snprintf(probes, sizeof(probes),
		 "p:contig_caches/device arch_sync_dma_for_device %s\n"
		 "p:contig_caches/cpu arch_sync_dma_for_cpu %s\n",
		 arguments(), arguments());
	return write_text(TRACING "/kprobe_events", probes) ?:
	       write_text(EVENTS "/filter", filter) ?:
	       trace_events("contig_caches", true);
}

void watch_no_more(void)
{
	trace_events("contig_caches", false);
	write_text(TRACING "/kprobe_events",
		   "-:contig_caches/device\n-:contig_caches/cpu\n");
}

/* Opening the file for writing with O_TRUNC empties the trace. */
void forget(void)
{
	close(open(TRACING "/trace", O_WRONLY | O_TRUNC | O_CLOEXEC));
}

int ops_read(struct op *ops)
{
	char *text = read_text(TRACING "/trace"), *rest = text, *line, *at;
	int n = 0;

	while (text && n < OPS && (line = strsep(&rest, "\n"))) {
		struct op op = {};
		unsigned long long addr, size;
		unsigned int high;

		at = strstr(line, "addr=");
		if (line[0] == '#' || !at ||
		    sscanf(at, "addr=%llx size=%llu way=%u", &addr, &size,
			   &op.direction) != 3)
			continue;
		op.for_device = strstr(line, " device: ");
		at = strstr(line, "high=");
		if (at && sscanf(at, "high=%x", &high) == 1)
			addr |= (unsigned long long)high << 32;
		op.addr = addr;
		op.size = size;
		ops[n++] = op;
	}
	free(text);
	return n;
}
