// SPDX-License-Identifier: GPL-2.0-only
/*
 * Helper of the test "compat", which runs the 32-bit and the 64-bit build of
 * this program and compares what they print: every command, with valid and
 * invalid arguments, and its answer.
 *
 * What may differ from one run to the next is not printed: virtual addresses
 * (but their distance from the start of the memory is), descriptors, times.
 *
 *	compat_peer MEMORY BUFFER	two open files, see main()
 *	compat_peer bits		the width of a pointer
 */
#include <stddef.h>

#include "kselftest.h"
#include "contig_utils.h"
#include "edu.h"

#define PAGES 8

static int client;

static void tell(const char *what, int ret)
{
	printf("%s: %s", what, ret ? strerror(-ret) : "ok");
}

#define SHOW(_cmd, _member) \
	printf(" " #_member " %llu", (unsigned long long)(_cmd).out_##_member)

static void end_line(void)
{
	putchar('\n');
}

#define LAYOUT(_struct, _last) \
	printf("struct " #_struct ": %zu bytes, " #_last " at %zu\n", \
	       sizeof(struct _struct), offsetof(struct _struct, _last))

static void layouts(void)
{
	LAYOUT(contig_info, out_quota_used);
	LAYOUT(contig_constraints, reserved);
	LAYOUT(contig_report, largest);
	LAYOUT(contig_alloc, out_reports);
	LAYOUT(contig_probe, out_reports);
	LAYOUT(contig_hold, out_unlocked);
	LAYOUT(contig_unhold, reserved);
	LAYOUT(contig_span, length);
	LAYOUT(contig_lock, reserved);
	LAYOUT(contig_unlock, reserved);
	LAYOUT(contig_extent, length);
	LAYOUT(contig_get_physical, fd);
	LAYOUT(contig_run, reserved);
	LAYOUT(contig_get_state, fd);
	LAYOUT(contig_device, out_features);
	LAYOUT(contig_prepare, out_bounced);
	LAYOUT(contig_checkpoint, reserved);
	LAYOUT(contig_sync, reserved);
}

/* The members that all commands have in common; the others are invalid. */
static void headers_of_commands(void)
{
	static const struct {
		const char *name;
		unsigned int nr;
		uint32_t size;
	} commands[] = {
		{ "info", CONTIG_INFO, sizeof(struct contig_info) },
		{ "alloc", CONTIG_ALLOC, sizeof(struct contig_alloc) },
		{ "probe", CONTIG_PROBE, sizeof(struct contig_probe) },
		{ "hold", CONTIG_HOLD, sizeof(struct contig_hold) },
		{ "unhold", CONTIG_UNHOLD, sizeof(struct contig_unhold) },
		{ "lock", CONTIG_LOCK, sizeof(struct contig_lock) },
		{ "unlock", CONTIG_UNLOCK, sizeof(struct contig_unlock) },
		{ "get_physical", CONTIG_GET_PHYSICAL,
		  sizeof(struct contig_get_physical) },
		{ "get_state", CONTIG_GET_STATE,
		  sizeof(struct contig_get_state) },
		{ "device", CONTIG_DEVICE, sizeof(struct contig_device) },
		{ "prepare", CONTIG_PREPARE, sizeof(struct contig_prepare) },
		{ "checkpoint", CONTIG_CHECKPOINT,
		  sizeof(struct contig_checkpoint) },
		{ "sync", CONTIG_SYNC, sizeof(struct contig_sync) },
		{ "defer", CONTIG_DEFER, sizeof(struct contig_defer) },
		{ "collect", CONTIG_COLLECT, sizeof(struct contig_collect) },
		{ "unknown", _IO(CONTIG_IOCTL_TYPE, 0x7f), 8 },
	};
	union {
		uint32_t head[2];
		uint64_t words[128];
	} cmd;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		printf("%s is 0x%x:", commands[i].name, commands[i].nr);
		printf(" nowhere %d", contig_ioctl(client, commands[i].nr,
						   NULL));
		memset(&cmd, 0, sizeof(cmd));
		cmd.head[0] = 4;
		printf(" short %d", contig_ioctl(client, commands[i].nr, &cmd));
		memset(&cmd, 0, sizeof(cmd));
		cmd.head[0] = commands[i].size + 8;
		cmd.words[commands[i].size / 8] = 1;
		printf(" tail %d", contig_ioctl(client, commands[i].nr, &cmd));
		memset(&cmd, 0, sizeof(cmd));
		cmd.head[0] = commands[i].size;
		cmd.head[1] = 1u << 31;
		printf(" flag %d\n", contig_ioctl(client, commands[i].nr,
						  &cmd));
	}
}

static void info(void)
{
	struct contig_info cmd;

	tell("info", _test_cmd_info(client, &cmd));
	SHOW(cmd, abi_version);
	SHOW(cmd, page_size);
	SHOW(cmd, features);
	SHOW(cmd, ram_bytes);
	SHOW(cmd, ram_top);
	SHOW(cmd, max_order_bytes);
	SHOW(cmd, reserve_bytes);
	SHOW(cmd, quota_bytes);
	SHOW(cmd, quota_used);
	end_line();
}

static void try_alloc(const char *what, struct contig_alloc cmd)
{
	uint32_t i;

	tell(what, _test_cmd_alloc(client, &cmd));
	SHOW(cmd, rung);
	SHOW(cmd, mapping);
	SHOW(cmd, length);
	/*
	 * Single pages may be adjacent by chance, so their extents are not
	 * shown.
	 */
	if (cmd.out_rung != CONTIG_RUNG_SCATTER)
		SHOW(cmd, extents);
	for (i = 0; i < cmd.out_report_count && i < CONTIG_REPORTS; i++)
		printf(" (rung %u error %u blocked %u)",
		       cmd.out_reports[i].rung, cmd.out_reports[i].error,
		       cmd.out_reports[i].blocked);
	end_line();
	if (cmd.out_fd >= 0)
		close(cmd.out_fd);
}

static void allocations(void)
{
	struct contig_alloc cmd = alloc_request(pages(4) - 1, 0);

	strcpy(cmd.name, "compat");
	try_alloc("alloc", cmd);
	cmd.constraints.align = MIB(1);
	cmd.constraints.boundary = MIB(4);
	cmd.constraints.max_segments = 1;
	try_alloc("alloc aligned", cmd);
	cmd.constraints.align = 3;
	try_alloc("alloc with alignment 3", cmd);
	cmd.constraints.align = 0;
	cmd.constraints.lowest = 1ull << 51;
	try_alloc("alloc above memory", cmd);
	cmd.constraints.lowest = 0;
	cmd.constraints.reserved = 1;
	try_alloc("alloc with a reserved member", cmd);
	try_alloc("alloc scattered",
		  alloc_request(pages(4), CONTIG_RUNGS_SCATTER));
	try_alloc("alloc of nothing", alloc_request(0, 0));
	/* Lengths of more than 32 bits must not be cut off. */
	try_alloc("alloc of 1 TiB", alloc_request((1ull << 40) + 4096, 0));
	try_alloc("alloc from no known rung", alloc_request(4096, 1u << 31));
}

static void try_probe(const char *what, struct contig_probe cmd)
{
	tell(what, _test_cmd_probe(client, &cmd));
	SHOW(cmd, rung);
	SHOW(cmd, remedy);
	SHOW(cmd, report_count);
	/* The machine's memory changes meanwhile, the reserve does not. */
	if (cmd.rungs == CONTIG_RUNGS_RESERVE)
		SHOW(cmd, largest);
	end_line();
}

static void probes(void)
{
	try_probe("probe", probe_request(pages(4), CONTIG_RUNGS_RESERVE));
	try_probe("probe of 1 TiB", probe_request(1ull << 40, 0));
	try_probe("probe of all", probe_request(pages(4), 0));
}

static void states(const char *what, uint64_t from, uint64_t length,
		   uint32_t flags, int fd)
{
	struct contig_run runs[PAGES] = {};
	struct contig_get_state cmd = {
		.size = sizeof(cmd),
		.flags = flags,
		.addr = from,
		.length = length,
		.runs = to_addr(runs),
		.count = PAGES,
		.fd = fd,
	};
	uint32_t i;

	tell(what, _test_cmd_get_state(client, &cmd));
	printf(" %u runs, %llu left:", cmd.count, cmd.length);
	for (i = 0; i < cmd.count && i < PAGES; i++)
		printf(" [%llu+%llu locks %u holds %u state %u]",
		       runs[i].addr - from, runs[i].length, runs[i].locks,
		       runs[i].holds, runs[i].state);
	end_line();
}

static void try_device(const char *what, struct contig_device cmd)
{
	cmd.size = sizeof(cmd);
	tell(what, contig_ioctl(client, CONTIG_DEVICE, &cmd));
	printf(" '%.64s'", cmd.out_name);
	SHOW(cmd, address_bits);
	SHOW(cmd, max_segment);
	SHOW(cmd, boundary);
	SHOW(cmd, highest);
	SHOW(cmd, features);
	end_line();
}

static void devices(void)
{
	struct contig_device cmd = { .name = "pci/fffe:00:00.0" };
	struct edu edu;

	try_device("device query", (struct contig_device) {
			.flags = CONTIG_DEVICE_QUERY });
	try_device("device", cmd);
	cmd.address_bits = 65;
	try_device("device of 65 bits", cmd);
	cmd.address_bits = 64;
	/* Boundaries of more than 32 bits must not be cut off. */
	cmd.boundary = (1ull << 40) + 4096;
	try_device("device with a boundary", cmd);
	cmd.boundary = 1ull << 40;
	cmd.max_segment = 1ull << 32;
	try_device("device with limits", cmd);
	try_device("device of no name", (struct contig_device) {});
	if (!edu_find(&edu)) {
		strcpy(cmd.name, edu.name);
		cmd.address_bits = 40;
		try_device("device edu", cmd);
		try_device("device edu query", (struct contig_device) {
				.flags = CONTIG_DEVICE_QUERY });
	}
	try_device("device detached", (struct contig_device) {
			.flags = CONTIG_DEVICE_DETACH });
}

static void holds(char *memory)
{
	struct contig_span spans[PAGES] = {};
	uint64_t unlocked = 0;
	uint32_t count = 0, i;

	tell("hold", _test_cmd_hold(client, memory, pages(4), &unlocked));
	printf(" not mlocked %llu\n", (unsigned long long)unlocked);
	tell("hold again", _test_cmd_hold(client, memory + pages(1), pages(2),
					  &unlocked));
	printf(" not mlocked %llu\n", (unsigned long long)unlocked);
	states("held", to_addr(memory), pages(PAGES), 0, 0);
	count = PAGES;
	tell("unhold", _test_cmd_unhold(client, memory, pages(4), spans,
					&count));
	/* Pages that are still held lie between these spans. */
	for (i = 0; i < count && i < 2; i++)
		printf(" [%llu+%llu]", spans[i].addr - to_addr(memory),
		       spans[i].length);
	end_line();
	count = 0;
	tell("unhold without a table",
	     _test_cmd_unhold(client, memory + pages(1), pages(2), NULL,
			      &count));
	printf(" %u spans\n", count);
	tell("unhold too often",
	     _test_cmd_unhold(client, memory, pages(1), spans, &count));
	end_line();
}

static void locks(char *memory)
{
	uint64_t at = to_addr(memory);

	tell("lock", _test_cmd_lock(client, memory + 1, pages(4), 0));
	tell(", for output", _test_cmd_lock(client, memory + pages(2), 1,
					    CONTIG_LOCK_OUTPUT));
	tell(", contiguous", _test_cmd_lock(client, memory, 1,
					    CONTIG_LOCK_CONTIGUOUS));
	end_line();
	states("locked", at, pages(PAGES), 0, 0);
	printf("translation is true: %d\n",
	       translation_is_true(client, memory, pages(5)));
	tell("unlock too much", _test_cmd_unlock(client, memory, pages(6)));
	tell(", in order", _test_cmd_unlock(client, memory + 1, pages(4)));
	tell(", the page", _test_cmd_unlock(client, memory + pages(2), 1));
	tell(", the first", _test_cmd_unlock(client, memory, 1));
	tell(", once more", _test_cmd_unlock(client, memory, 1));
	end_line();
	states("unlocked", at, pages(PAGES), 0, 0);
}

/*
 * Show the physical addresses themselves, of memory that both programs share.
 */
static void addresses(const char *what, uint64_t from, uint64_t length,
		      uint32_t flags, int fd)
{
	struct contig_extent extents[PAGES] = {};
	struct contig_get_physical cmd = {
		.size = sizeof(cmd),
		.flags = flags,
		.addr = from,
		.length = length,
		.extents = to_addr(extents),
		.fd = fd,
	};
	uint32_t i;
	int ret;

	ret = _test_cmd_get_physical(client, &cmd);
	tell(what, ret);
	printf(" needs %u\n", cmd.count);
	/* One entry at a time: the command moves addr and length on. */
	for (i = 0; i < 2 * PAGES && cmd.length; i++) {
		cmd.count = 1;
		ret = _test_cmd_get_physical(client, &cmd);
		tell("  entry", ret);
		if (ret)
			break;
		printf(" 0x%llx+%llu, next %llu, left %llu\n", extents[0].addr,
		       extents[0].length, cmd.addr - from, cmd.length);
	}
	end_line();
	cmd.addr = from;
	cmd.length = length;
	cmd.count = PAGES;
	/* Only the lower half of it is a valid pointer. */
	cmd.extents |= 1ull << 60;
	tell("  table out of reach", _test_cmd_get_physical(client, &cmd));
	end_line();
}

/* Two ranges, of which three pages are prepared at a time. */
static void preparations(const char *memory)
{
	struct contig_span spans[] = {
		{ to_addr(memory) + 100, pages(3) },
		{ to_addr(memory) + pages(4), 200 },
	};
	struct contig_checkpoint end = { .size = sizeof(end) };
	struct contig_sync sync = {
		.size = sizeof(sync),
		.flags = CONTIG_IO_FOR_CPU | CONTIG_IO_INPUT,
		.addr = to_addr(memory),
		.length = pages(1),
	};
	uint64_t addrs[3] = {};
	struct contig_prepare cmd = {
		.size = sizeof(cmd),
		.flags = CONTIG_IO_OUTPUT,
		.ranges = to_addr(spans),
		.range_count = ARRAY_SIZE(spans),
		.addrs = to_addr(addrs),
	};
	int part;
	uint32_t i;

	for (part = 0; part < 3 && !cmd.out_done; part++) {
		cmd.count = ARRAY_SIZE(addrs);
		tell("prepare", contig_ioctl(client, CONTIG_PREPARE, &cmd));
		printf(" from %llu", cmd.first);
		SHOW(cmd, length);
		SHOW(cmd, done);
		SHOW(cmd, bounced);
		for (i = 0; i < cmd.count && i < ARRAY_SIZE(addrs); i++)
			printf(" 0x%llx", (unsigned long long)addrs[i]);
		end_line();
		end.id = cmd.out_id;
		end.flags = CONTIG_IO_MORE | CONTIG_IO_INPUT;
		tell("checkpoint", contig_ioctl(client, CONTIG_CHECKPOINT,
						&end));
		end.flags = 0;
		tell(", the last", contig_ioctl(client, CONTIG_CHECKPOINT,
						&end));
		tell(", once more", contig_ioctl(client, CONTIG_CHECKPOINT,
						 &end));
		end_line();
		cmd.first += cmd.out_length;
	}
	/* Only the lower half of it is a valid pointer or offset. */
	cmd.ranges |= 1ull << 60;
	tell("prepare ranges out of reach",
	     contig_ioctl(client, CONTIG_PREPARE, &cmd));
	cmd.ranges = to_addr(spans);
	cmd.first = 1ull << 32;
	tell(", beyond the end", contig_ioctl(client, CONTIG_PREPARE, &cmd));
	cmd.first = 0;
	spans[0].addr |= 1ull << 60;
	tell(", a range far away", contig_ioctl(client, CONTIG_PREPARE, &cmd));
	tell(", sync", contig_ioctl(client, CONTIG_SYNC, &sync));
	end_line();
}

static void shared_memory(int fd)
{
	char *memory = buffer_map(fd, pages(PAGES));

	if (!memory) {
		perror("mmap");
		exit(1);
	}
	printf("pattern: %d\n", has_pattern(memory, pages(PAGES), 1));
	tell("lock shared", _test_cmd_lock(client, memory, pages(PAGES), 0));
	end_line();
	addresses("shared", to_addr(memory) + 1, pages(4), 0, 0);
	preparations(memory);
	tell("unlock shared",
	     _test_cmd_unlock(client, memory, pages(PAGES)));
	end_line();
	munmap(memory, pages(PAGES));
}

static void buffer(int fd)
{
	char *memory = buffer_map(fd, pages(PAGES));

	printf("buffer: %d\n", memory && has_pattern(memory, pages(PAGES), 2));
	tell("lock buffer", _test_cmd_lock_buffer(client, fd, pages(1),
						  pages(4), 0));
	end_line();
	states("buffer", 0, pages(PAGES), CONTIG_RANGE_BUFFER, fd);
	addresses("buffer", pages(1), pages(4), CONTIG_RANGE_BUFFER, fd);
	tell("unlock buffer", _test_cmd_unlock_buffer(client, fd, pages(1),
						      pages(4)));
	end_line();
	/* Offsets of more than 32 bits. */
	tell("lock far behind", _test_cmd_lock_buffer(client, fd, 1ull << 32,
						      pages(1), 0));
	tell(", no buffer", _test_cmd_lock_buffer(client, client, 0, 1, 0));
	end_line();
	munmap(memory, pages(PAGES));
}

/* Addresses that no program has; the lower half of each would be valid. */
static void far_away(void)
{
	volatile void *wild = (void *)0x1000;
	struct contig_lock cmd = {
		.size = sizeof(cmd),
		.addr = (1ull << 60) + 0x1000000,
		.length = 4096,
	};
	struct contig_hold hold = {
		.size = sizeof(hold),
		.addr = (1ull << 60) + 0x1000000,
		.length = 4096,
	};

	tell("lock far away", contig_ioctl(client, CONTIG_LOCK, &cmd));
	tell(", hold", contig_ioctl(client, CONTIG_HOLD, &hold));
	tell(", wild", _test_cmd_lock(client, wild, 1, 0));
	/* The end of the range wraps around. */
	cmd.length = -4096ull;
	tell(", round", contig_ioctl(client, CONTIG_LOCK, &cmd));
	end_line();
}

int main(int argc, char **argv)
{
	char *memory;

	if (argc == 2 && !strcmp(argv[1], "bits")) {
		printf("%zu\n", 8 * sizeof(void *));
		return 0;
	}
	if (argc != 3)
		return 2;
	client = client_open();
	memory = anon_map(pages(PAGES));
	if (client < 0 || !memory) {
		perror(CONTIG_PATH);
		return 1;
	}
	layouts();
	headers_of_commands();
	info();
	allocations();
	probes();
	devices();
	holds(memory);
	locks(memory);
	shared_memory(atoi(argv[1]));
	buffer(atoi(argv[2]));
	far_away();
	puts("end");
	return 0;
}
