// SPDX-License-Identifier: GPL-2.0-only
/*
 * The interface for other modules of the kernel, called by a test module at every
 * level of execution, and by the interrupts of a device
 */
#include <sys/resource.h>

#include "kselftest_harness.h"
#include "contig_utils.h"
#include "edu.h"
#include "kmod/contig_irq_test.h"

#define TEST_PATH "/dev/contig_irq_test"
#define TEST_DRIVER "contig_irq_test"
#define PAGES 16
/* Options of preparations, and flags, as kmod/contig_kernel.h has them. */
#define INPUT 1
#define OUTPUT 2
#define MORE 4
#define NOSLEEP (1u << 31)
#define DEFERRED 32

static const char *const level_names[IRQ_TEST_LEVELS] = {
	"task", "softirq", "hard interrupt", "no preemption", "interrupts off",
	"kernel thread",
};

static const char *const function_names[IRQ_TEST_FUNCTIONS] = {
	"hold", "unhold", "lock", "unlock", "get_physical", "prepare",
	"checkpoint", "defer",
};

/* All where nobody may sleep. */
static const uint32_t atomic_levels[] = {
	IRQ_TEST_SOFTIRQ, IRQ_TEST_HARDIRQ, IRQ_TEST_NO_PREEMPTION,
	IRQ_TEST_IRQS_OFF,
};

#define for_each_atomic(level) \
	for (unsigned int _i = 0; _i < ARRAY_SIZE(atomic_levels) && \
	     ((level) = atomic_levels[_i], true); _i++)

static int test_ioctl(int fd, unsigned long cmd, void *arg)
{
	return ioctl(fd, cmd, arg) ? -errno : 0;
}

/* A client of the module, for a device or none. */
static int kernel_client(unsigned long for_edu)
{
	int fd, ret;

	if (system("modprobe contig_irq_test"))
		return -ENOENT;
	fd = open(TEST_PATH, O_RDWR);
	if (fd < 0)
		return -errno;
	ret = ioctl(fd, IRQ_TEST_OPEN, for_edu) ? -errno : fd;
	if (ret < 0)
		close(fd);
	return ret;
}

static int call_flags(int fd, uint32_t function, uint32_t level,
		      const void *addr, uint64_t length, uint32_t flags)
{
	struct irq_test_call cmd = {
		.function = function,
		.level = level,
		.addr = to_addr(addr),
		.length = length,
		.flags = flags,
	};
	int ret = test_ioctl(fd, IRQ_TEST_CALL, &cmd);

	return ret ?: cmd.result;
}

static int call(int fd, uint32_t function, uint32_t level, const void *addr,
		uint64_t length)
{
	return call_flags(fd, function, level, addr, length, 0);
}

static int hold(int fd, uint32_t level, const void *addr, uint64_t length)
{
	return call(fd, IRQ_TEST_HOLD, level, addr, length);
}

static int unhold(int fd, uint32_t level, const void *addr, uint64_t length)
{
	return call(fd, IRQ_TEST_UNHOLD, level, addr, length);
}

static int lock(int fd, uint32_t level, const void *addr, uint64_t length)
{
	return call(fd, IRQ_TEST_LOCK, level, addr, length);
}

static int unlock(int fd, uint32_t level, const void *addr, uint64_t length)
{
	return call(fd, IRQ_TEST_UNLOCK, level, addr, length);
}

/* Translate; how many extents, or a negative errno. */
static int get_physical(int fd, uint32_t level, const void *addr,
			uint64_t length, struct irq_test_call *cmd,
			uint32_t count, uint32_t flags)
{
	int ret;

	*cmd = (struct irq_test_call) {
		.function = IRQ_TEST_GET_PHYSICAL,
		.level = level,
		.addr = to_addr(addr),
		.length = length,
		.count = count,
		.flags = flags,
	};
	ret = test_ioctl(fd, IRQ_TEST_CALL, cmd) ?: cmd->result;
	return ret ?: (int)cmd->count;
}

/* Does it say what pagemap says, byte by byte? */
static bool physical_is_true(int fd, uint32_t level, const char *addr,
			     uint64_t length, uint32_t entries)
{
	uint64_t at = to_addr(addr), end = at + length, i, n;
	struct irq_test_call cmd;
	int ret;

	while (at < end) {
		ret = get_physical(fd, level, (void *)at, end - at, &cmd,
				   entries, 0);
		if (ret <= 0 || ret > (int)entries)
			return false;
		for (i = 0; i < cmd.count; i++) {
			uint64_t from = cmd.extents[i].addr;

			if (i && cmd.extents[i - 1].addr +
			    cmd.extents[i - 1].length == from)
				return false;
			for (n = 0; n < cmd.extents[i].length;) {
				if (pfn_of((void *)at) * page_size +
				    at % page_size != from + n)
					return false;
				ret = page_size - at % page_size;
				if (ret > (int)(cmd.extents[i].length - n))
					ret = cmd.extents[i].length - n;
				n += ret;
				at += ret;
			}
		}
		if (cmd.next_addr != at || cmd.next_length != end - at)
			return false;
	}
	return true;
}

static struct irq_test_prepare prepare_of(uint32_t level, const void *addr,
					  uint64_t length, uint32_t options)
{
	return (struct irq_test_prepare) {
		.level = level,
		.options = options,
		.ranges = { { to_addr(addr), length } },
		.nr = 1,
		.entries = IRQ_TEST_ENTRIES,
		.want_physical = 1,
	};
}

static int prepare(int fd, struct irq_test_prepare *cmd)
{
	return test_ioctl(fd, IRQ_TEST_DO_PREPARE, cmd) ?: cmd->result;
}

static int checkpoint(int fd, uint32_t level, uint32_t slot, uint32_t options)
{
	struct irq_test_prepare cmd = {
		.level = level,
		.slot = slot,
		.options = options,
		.checkpoint = 1,
	};

	return prepare(fd, &cmd);
}

/* Is this the physical address of a byte? */
static bool is_at(uint64_t physical, const char *addr)
{
	return physical == pfn_of(addr) * page_size + to_addr(addr) % page_size;
}

/* A figure of the only client of that kind in debugfs; -1 if there is none. */
static long kernel_stat(int column)
{
	char *text = debugfs_text("kernel"), *line, *word, *rest;
	long value = -1;

	line = text ? strchr(text, '\n') : NULL;
	for (word = line ? strtok_r(line, " \n", &rest) : NULL; word && column;
	     column--)
		word = strtok_r(NULL, " \n", &rest);
	if (word)
		value = strtol(word, NULL, 10);
	free(text);
	return value;
}

static bool nothing_is_kept(void *unused)
{
	return !kernel_stat(1);
}

FIXTURE(calls) {
	int fd;
	char *memory;
};

#define setup_kernel_client(self, for_edu) do { \
	(self)->fd = kernel_client(for_edu); \
	if ((self)->fd == -ENOENT) \
		SKIP(return, "no module contig_irq_test: it is built for guests"); \
	ASSERT_LE(0, (self)->fd); \
} while (0)

FIXTURE_SETUP(calls) {
	setup_kernel_client(self, 0);
	self->memory = anon_map(pages(PAGES));
	ASSERT_NE(NULL, self->memory);
	no_huge_pages(self->memory, pages(PAGES));
}

FIXTURE_TEARDOWN(calls) {
	close(self->fd);
	munmap(self->memory, pages(PAGES));
}

/* Statement 64, and what lock and hold promise. */
TEST_F(calls, refuse_what_is_not_held_where_they_may_not_sleep)
{
	char *held = self->memory, *not_held = self->memory + pages(4);
	struct irq_test_prepare cmd;
	uint32_t level;

	ASSERT_EQ(0, hold(self->fd, IRQ_TEST_TASK, held, pages(4)));
	for_each_atomic(level) {
		TH_LOG("%s", level_names[level]);
		EXPECT_EQ(-EWOULDBLOCK, lock(self->fd, level, not_held, 1));
		EXPECT_EQ(-EWOULDBLOCK, hold(self->fd, level, not_held, 1));
		/* One page that is not held is enough. */
		EXPECT_EQ(-EWOULDBLOCK, lock(self->fd, level, held, pages(5)));
		cmd = prepare_of(level, held, pages(5), INPUT);
		EXPECT_EQ(-EWOULDBLOCK, prepare(self->fd, &cmd));
		EXPECT_EQ(0, cmd.out_length);
		EXPECT_EQ(-ENOLCK, unlock(self->fd, level, held, 1));

		EXPECT_EQ(0, lock(self->fd, level, held, pages(4)));
		EXPECT_TRUE(physical_is_true(self->fd, level, held + 7,
					     pages(4) - 9, 64));
		EXPECT_EQ(0, unlock(self->fd, level, held, pages(4)));
		EXPECT_EQ(0, hold(self->fd, level, held, pages(4)));
		EXPECT_EQ(0, unhold(self->fd, level, held, pages(4)));
		cmd = prepare_of(level, held, pages(4), INPUT);
		EXPECT_EQ(0, prepare(self->fd, &cmd));
		EXPECT_EQ(pages(4), cmd.out_length);
		EXPECT_EQ(0, checkpoint(self->fd, level, 0, 0));
	}
	/* The same by the caller's own word. */
	EXPECT_EQ(-EWOULDBLOCK, call_flags(self->fd, IRQ_TEST_LOCK,
					   IRQ_TEST_TASK, not_held, 1,
					   NOSLEEP));
	EXPECT_EQ(0, call_flags(self->fd, IRQ_TEST_LOCK, IRQ_TEST_TASK, held, 1,
				NOSLEEP));
	/* A thread of the kernel may sleep, but has no such memory. */
	EXPECT_EQ(-EXDEV, lock(self->fd, IRQ_TEST_KTHREAD, not_held, 1));
	EXPECT_EQ(0, lock(self->fd, IRQ_TEST_KTHREAD, held, 1));
	EXPECT_EQ(0, lock(self->fd, IRQ_TEST_TASK, not_held, 1));
}

TEST_F(calls, give_back_at_any_level)
{
	uint32_t level;

	for (level = 0; level < IRQ_TEST_LEVELS; level++) {
		TH_LOG("%s", level_names[level]);
		ASSERT_EQ(0, hold(self->fd, IRQ_TEST_TASK, self->memory,
				  pages(PAGES)));
		EXPECT_EQ(pages(PAGES), kernel_stat(1));
		EXPECT_EQ(pages(PAGES) / 1024, charged_kib());
		ASSERT_EQ(0, unhold(self->fd, level, self->memory,
				    pages(PAGES)));
		EXPECT_TRUE(poll_until(nothing_is_kept, NULL, 5000));
		ASSERT_EQ(0, lock(self->fd, IRQ_TEST_TASK, self->memory,
				  pages(PAGES)));
		ASSERT_EQ(0, unlock(self->fd, level, self->memory,
				    pages(PAGES)));
		EXPECT_TRUE(poll_until(nothing_is_kept, NULL, 5000));
	}
	/* Unpinning follows a little later. */
	ASSERT_EQ(0, hold(self->fd, IRQ_TEST_TASK, self->memory, 1));
	EXPECT_EQ(page_size / 1024, charged_kib());
}

/* Counts are per page, and separate; calls must balance. */
TEST_F(calls, count)
{
	const char *memory = self->memory;
	int fd = self->fd;
	uint32_t level = IRQ_TEST_HARDIRQ;

	EXPECT_EQ(-ENODATA, unhold(fd, level, memory, 1));
	EXPECT_EQ(-ENOLCK, unlock(fd, level, memory, 1));
	ASSERT_EQ(0, hold(fd, IRQ_TEST_TASK, memory, pages(4)));
	/* A hold is no lock, and a lock no hold. */
	EXPECT_EQ(-ENOLCK, unlock(fd, level, memory, 1));
	ASSERT_EQ(0, lock(fd, IRQ_TEST_TASK, memory + pages(8), 1));
	EXPECT_EQ(-ENODATA, unhold(fd, level, memory + pages(8), 1));
	EXPECT_EQ(0, unlock(fd, level, memory + pages(8), 1));

	/* The part that two locks have in common stays locked. */
	EXPECT_EQ(0, lock(fd, level, memory, pages(3)));
	EXPECT_EQ(0, lock(fd, level, memory + pages(2), pages(2)));
	EXPECT_EQ(0, unlock(fd, level, memory, pages(3)));
	EXPECT_EQ(-ENOLCK, unlock(fd, level, memory, pages(3)));
	EXPECT_EQ(-ENOLCK, unlock(fd, level, memory + pages(1), pages(3)));
	EXPECT_TRUE(physical_is_true(fd, level, memory + pages(2), pages(2),
				     4));
	EXPECT_EQ(0, unlock(fd, level, memory + pages(2), pages(2)));
	EXPECT_EQ(-ENOLCK, unlock(fd, level, memory + pages(2), 1));

	/* Locked memory stays when it is no longer held, and the other way. */
	EXPECT_EQ(0, lock(fd, level, memory, pages(4)));
	EXPECT_EQ(0, unhold(fd, level, memory, pages(4)));
	EXPECT_EQ(-ENODATA, unhold(fd, level, memory, 1));
	EXPECT_EQ(0, lock(fd, level, memory, pages(4)));
	EXPECT_EQ(0, unlock(fd, level, memory, pages(4)));
	EXPECT_EQ(0, unlock(fd, level, memory, pages(3)));
	EXPECT_EQ(-EWOULDBLOCK, lock(fd, level, memory, 1));
	EXPECT_EQ(0, hold(fd, level, memory + pages(3), 1));
	EXPECT_EQ(0, unlock(fd, level, memory + pages(3), 1));
	EXPECT_EQ(0, lock(fd, level, memory + pages(3), 1));
	EXPECT_EQ(0, unlock(fd, level, memory + pages(3), 1));
	EXPECT_EQ(0, unhold(fd, level, memory + pages(3), 1));
	EXPECT_EQ(-EWOULDBLOCK, lock(fd, level, memory + pages(3), 1));

	/* Pages that were let go of while others stayed can be held again. */
	ASSERT_EQ(0, hold(fd, IRQ_TEST_TASK, memory, pages(4)));
	ASSERT_EQ(0, unhold(fd, level, memory + pages(1), pages(2)));
	ASSERT_EQ(0, hold(fd, IRQ_TEST_TASK, memory, pages(6)));
	EXPECT_EQ(0, lock(fd, level, memory, pages(6)));
	EXPECT_TRUE(physical_is_true(fd, level, memory + 1, pages(6) - 1, 2));
	EXPECT_EQ(0, unlock(fd, level, memory, pages(6)));
	EXPECT_EQ(0, unhold(fd, level, memory, pages(6)));
	EXPECT_EQ(0, unhold(fd, level, memory, 1));
	EXPECT_EQ(0, unhold(fd, level, memory + pages(3), 1));
	EXPECT_EQ(-ENODATA, unhold(fd, level, memory, 1));
	EXPECT_TRUE(poll_until(nothing_is_kept, NULL, 5000));
}

TEST_F(calls, with_wrong_arguments)
{
	const char *memory = self->memory;
	char *constant = mmap(NULL, pages(1), PROT_READ,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *hole = mmap(NULL, pages(2), PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct irq_test_prepare cmd;
	struct irq_test_call table;
	uint32_t level;
	int fd = self->fd;

	munmap(hole + pages(1), pages(1));
	for (level = 0; level < IRQ_TEST_KTHREAD; level++) {
		EXPECT_EQ(-EINVAL, hold(fd, level, memory, 0));
		EXPECT_EQ(-EINVAL, unhold(fd, level, memory, 0));
		EXPECT_EQ(-EINVAL, lock(fd, level, memory, 0));
		EXPECT_EQ(-EINVAL, unlock(fd, level, memory, 0));
		EXPECT_EQ(-EINVAL, get_physical(fd, level, memory, 0, &table, 1,
						0));
		EXPECT_EQ(-EOVERFLOW, lock(fd, level, memory, -1));
		EXPECT_EQ(-EOVERFLOW, unlock(fd, level, memory, -1));
		EXPECT_EQ(-EOPNOTSUPP, call_flags(fd, IRQ_TEST_HOLD, level,
						  memory, 1,
						  CONTIG_LOCK_CONTIGUOUS));
		EXPECT_EQ(-EOPNOTSUPP, call_flags(fd, IRQ_TEST_LOCK, level,
						  memory, 1, 1u << 20));
		EXPECT_EQ(-EUNATCH, call_flags(fd, IRQ_TEST_LOCK, level, memory,
					       1,
					       CONTIG_LOCK_DEVICE_CONTIGUOUS));
		EXPECT_EQ(-EOPNOTSUPP, get_physical(fd, level, memory, 1,
						    &table, 1, 1u << 20));
		EXPECT_EQ(-EUNATCH, get_physical(fd, level, memory, 1, &table,
						 1, CONTIG_GET_DMA));
		EXPECT_EQ(-ENOLCK, get_physical(fd, level, memory, 1, &table, 1,
						0));
		cmd = prepare_of(level, memory, 0, INPUT);
		EXPECT_EQ(-EINVAL, prepare(fd, &cmd));
		cmd = prepare_of(level, memory, 1, 1u << 20);
		EXPECT_EQ(-EOPNOTSUPP, prepare(fd, &cmd));
		cmd = prepare_of(level, memory, 1, INPUT);
		cmd.first = 1;
		EXPECT_EQ(-EINVAL, prepare(fd, &cmd));
		cmd = prepare_of(level, memory, 1, INPUT);
		cmd.want_dma = 1;
		EXPECT_EQ(-EUNATCH, prepare(fd, &cmd));
		EXPECT_EQ(-EINVAL, checkpoint(fd, level, 1, 0));
		EXPECT_EQ(-EOPNOTSUPP, checkpoint(fd, level, 1, 1u << 20));
	}
	EXPECT_EQ(-EFAULT, hold(fd, IRQ_TEST_TASK, hole, pages(2)));
	EXPECT_EQ(-EFAULT, lock(fd, IRQ_TEST_TASK, hole, pages(2)));
	EXPECT_EQ(-EACCES, hold(fd, IRQ_TEST_TASK, constant, 1));
	EXPECT_TRUE(poll_until(nothing_is_kept, NULL, 5000));
	/* What was held for output is not for input. */
	EXPECT_EQ(0, call_flags(fd, IRQ_TEST_HOLD, IRQ_TEST_TASK, constant, 1,
				CONTIG_LOCK_OUTPUT));
	EXPECT_EQ(-EACCES, lock(fd, IRQ_TEST_HARDIRQ, constant, 1));
	EXPECT_EQ(0, call_flags(fd, IRQ_TEST_LOCK, IRQ_TEST_HARDIRQ, constant,
				1, CONTIG_LOCK_OUTPUT));
	cmd = prepare_of(IRQ_TEST_HARDIRQ, constant, 1, INPUT);
	EXPECT_EQ(-EACCES, prepare(fd, &cmd));
	cmd = prepare_of(IRQ_TEST_HARDIRQ, constant, 1, OUTPUT);
	EXPECT_EQ(0, prepare(fd, &cmd));
	EXPECT_EQ(-EBUSY, prepare(fd, &cmd));
	EXPECT_EQ(-EINVAL, checkpoint(fd, IRQ_TEST_HARDIRQ, 0, INPUT));
	EXPECT_EQ(-EACCES, checkpoint(fd, IRQ_TEST_HARDIRQ, 0, MORE | INPUT));
	EXPECT_EQ(0, checkpoint(fd, IRQ_TEST_HARDIRQ, 0, MORE | OUTPUT));
	EXPECT_EQ(0, checkpoint(fd, IRQ_TEST_HARDIRQ, 0, 0));
}

/* RLIMIT_MEMLOCK counts, and what is given back can be had again at once. */
TEST_F(calls, are_limited)
{
	struct rlimit limit = { pages(PAGES), pages(PAGES) };
	int i;

	ASSERT_EQ(0, drop_cap(CAP_IPC_LOCK_NR));
	ASSERT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &limit));
	for (i = 0; i < 100; i++) {
		ASSERT_EQ(0, hold(self->fd, IRQ_TEST_TASK, self->memory,
				  pages(PAGES)));
		ASSERT_EQ(0, unhold(self->fd, IRQ_TEST_HARDIRQ, self->memory,
				    pages(PAGES)));
	}
	ASSERT_EQ(0, hold(self->fd, IRQ_TEST_TASK, self->memory, pages(8)));
	limit.rlim_cur = pages(PAGES - 1);
	ASSERT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &limit));
	EXPECT_EQ(-EDQUOT, hold(self->fd, IRQ_TEST_TASK, self->memory,
				pages(PAGES)));
	EXPECT_EQ(pages(8), kernel_stat(1));
}

TEST_F(calls, translate_to_the_byte)
{
	uint32_t level, entries;
	struct irq_test_call cmd;
	int n;

	ASSERT_EQ(0, hold(self->fd, IRQ_TEST_TASK, self->memory,
			  pages(PAGES)));
	for (level = 0; level < IRQ_TEST_LEVELS; level++) {
		ASSERT_EQ(0, lock(self->fd, level, self->memory, pages(PAGES)));
		for (entries = 1; entries <= 64; entries *= 4)
			EXPECT_TRUE(physical_is_true(self->fd, level,
						     self->memory + 1234,
						     pages(PAGES) - 2345,
						     entries));
		n = get_physical(self->fd, level, self->memory, pages(PAGES),
				 &cmd, 0, 0);
		EXPECT_EQ(to_addr(self->memory), cmd.next_addr);
		EXPECT_EQ(pages(PAGES), cmd.next_length);
		EXPECT_EQ(n, get_physical(self->fd, level, self->memory,
					  pages(PAGES), &cmd, 64, 0));
		ASSERT_EQ(0, unlock(self->fd, level, self->memory,
				    pages(PAGES)));
	}
}

/* One run of memory, if it is one. */
TEST_F(calls, lock_contiguous)
{
	int client = client_open(), fd, n;
	struct irq_test_call cmd;
	char *map;

	ASSERT_LE(0, client);
	fd = buffer_alloc(client, pages(8), CONTIG_RUNGS_RANGE, 0);
	if (fd < 0)
		fd = buffer_alloc(client, pages(8), 0, 0);
	ASSERT_LE(0, fd);
	map = buffer_map(fd, pages(8));
	ASSERT_NE(NULL, map);
	/* A buffer of contig itself, where it is mapped. */
	ASSERT_EQ(0, hold(self->fd, IRQ_TEST_TASK, map, pages(8)));
	EXPECT_EQ(0, call_flags(self->fd, IRQ_TEST_LOCK, IRQ_TEST_HARDIRQ,
				map + 5, pages(8) - 5,
				CONTIG_LOCK_CONTIGUOUS));
	EXPECT_EQ(1, get_physical(self->fd, IRQ_TEST_HARDIRQ, map, pages(8),
				  &cmd, 64, 0));
	EXPECT_EQ(0, unlock(self->fd, IRQ_TEST_HARDIRQ, map, pages(8)));
	EXPECT_EQ(0, unhold(self->fd, IRQ_TEST_HARDIRQ, map, pages(8)));
	munmap(map, pages(8));
	close(fd);
	close(client);

	ASSERT_EQ(0, lock(self->fd, IRQ_TEST_TASK, self->memory,
			  pages(PAGES)));
	n = get_physical(self->fd, IRQ_TEST_TASK, self->memory, pages(PAGES),
			 &cmd, 0, 0);
	EXPECT_EQ(n == 1 ? 0 : -EILSEQ,
		  call_flags(self->fd, IRQ_TEST_LOCK, IRQ_TEST_HARDIRQ,
			     self->memory, pages(PAGES),
			     CONTIG_LOCK_CONTIGUOUS));
	/* A page is always one. */
	EXPECT_EQ(0, call_flags(self->fd, IRQ_TEST_LOCK, IRQ_TEST_HARDIRQ,
				self->memory, pages(1),
				CONTIG_LOCK_CONTIGUOUS));
}

/* What was unmapped does not translate; who cannot look says so as well. */
TEST_F(calls, notice_what_is_gone)
{
	struct irq_test_call cmd;
	struct irq_test_prepare p;
	char *memory = self->memory;
	int fd = self->fd;

	ASSERT_EQ(0, hold(fd, IRQ_TEST_TASK, memory, pages(PAGES)));
	ASSERT_EQ(0, lock(fd, IRQ_TEST_HARDIRQ, memory, pages(PAGES)));
	ASSERT_EQ(memory + pages(4),
		  mmap(memory + pages(4), pages(1), PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	memset(memory + pages(4), 1, pages(1));
	/* Nobody has looked yet. */
	EXPECT_EQ(-ESTALE, get_physical(fd, IRQ_TEST_HARDIRQ, memory, 1, &cmd,
					1, 0));
	EXPECT_EQ(-ESTALE, lock(fd, IRQ_TEST_HARDIRQ, memory, 1));
	EXPECT_EQ(-ESTALE, get_physical(fd, IRQ_TEST_KTHREAD, memory, 1, &cmd,
					1, 0));
	p = prepare_of(IRQ_TEST_HARDIRQ, memory, pages(1), INPUT);
	EXPECT_EQ(-ESTALE, prepare(fd, &p));
	/* Now somebody has: only that page is gone. */
	EXPECT_EQ(-ESTALE, get_physical(fd, IRQ_TEST_TASK, memory,
					pages(PAGES), &cmd, 64, 0));
	EXPECT_TRUE(physical_is_true(fd, IRQ_TEST_HARDIRQ, memory, pages(4),
				     64));
	EXPECT_TRUE(physical_is_true(fd, IRQ_TEST_HARDIRQ, memory + pages(5),
				     pages(PAGES - 5), 64));
	EXPECT_EQ(-ESTALE, get_physical(fd, IRQ_TEST_HARDIRQ,
					memory + pages(4), 1, &cmd, 1, 0));
	EXPECT_EQ(-ESTALE, lock(fd, IRQ_TEST_TASK, memory, pages(PAGES)));
	EXPECT_EQ(0, lock(fd, IRQ_TEST_HARDIRQ, memory, pages(4)));
	EXPECT_EQ(0, unlock(fd, IRQ_TEST_HARDIRQ, memory, pages(4)));
	/* Giving back works all the same, and then the new page is taken. */
	EXPECT_EQ(0, unlock(fd, IRQ_TEST_HARDIRQ, memory, pages(PAGES)));
	EXPECT_EQ(0, unhold(fd, IRQ_TEST_HARDIRQ, memory + pages(4), 1));
	EXPECT_EQ(0, hold(fd, IRQ_TEST_TASK, memory + pages(4), 1));
	EXPECT_EQ(0, lock(fd, IRQ_TEST_HARDIRQ, memory, pages(PAGES)));
	EXPECT_TRUE(physical_is_true(fd, IRQ_TEST_HARDIRQ, memory,
				     pages(PAGES), 64));
}

/* A change that takes nothing away is forgotten once somebody has looked. */
TEST_F(calls, get_over_a_false_alarm)
{
	struct irq_test_call cmd;
	char *other;

	ASSERT_EQ(0, lock(self->fd, IRQ_TEST_TASK, self->memory,
			  pages(PAGES)));
	other = mremap(self->memory, pages(PAGES), pages(PAGES),
		       MREMAP_MAYMOVE | MREMAP_FIXED,
		       (char *)self->memory + MIB(64));
	ASSERT_NE(MAP_FAILED, other);
	ASSERT_EQ(self->memory, mremap(other, pages(PAGES), pages(PAGES),
				       MREMAP_MAYMOVE | MREMAP_FIXED,
				       self->memory));
	EXPECT_EQ(-ESTALE, get_physical(self->fd, IRQ_TEST_HARDIRQ,
					self->memory, 1, &cmd, 1, 0));
	EXPECT_LT(0, get_physical(self->fd, IRQ_TEST_TASK, self->memory, 1,
				  &cmd, 1, 0));
	EXPECT_TRUE(physical_is_true(self->fd, IRQ_TEST_HARDIRQ, self->memory,
				     pages(PAGES), 64));
}

/* Pins outlive the process; a client is for one process. */
TEST_F(calls, outlive_a_process)
{
	int ready[2], go[2];
	struct irq_test_call cmd;
	uint64_t pfn = 0;
	char c;
	pid_t pid;

	ASSERT_EQ(0, pipe(ready));
	ASSERT_EQ(0, pipe(go));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		int ret = lock(self->fd, IRQ_TEST_TASK, self->memory,
			       pages(PAGES));

		memset(self->memory, 0x5a, pages(PAGES));
		pfn = pfn_of(self->memory);
		if (ret || write(ready[1], &pfn, sizeof(pfn)) < 0 ||
		    read(go[0], &c, 1) != 1)
			_exit(1);
		_exit(0);
	}
	ASSERT_EQ(sizeof(pfn), read(ready[0], &pfn, sizeof(pfn)));
	ASSERT_NE(0, pfn);
	/* The same address is other memory here. */
	EXPECT_EQ(-EXDEV, lock(self->fd, IRQ_TEST_TASK,
			       self->memory - MIB(1), 1));
	EXPECT_EQ(1, get_physical(self->fd, IRQ_TEST_HARDIRQ, self->memory, 1,
				  &cmd, 1, 0));
	EXPECT_EQ(pfn * page_size, cmd.extents[0].addr);
	ASSERT_EQ(1, write(go[1], "x", 1));
	ASSERT_EQ(0, child_wait(pid));
	EXPECT_EQ(pages(PAGES), kernel_stat(1));
	EXPECT_EQ(0, page_flags(pfn) & (1 << KPF_BUDDY));
	EXPECT_EQ(-ESTALE, get_physical(self->fd, IRQ_TEST_TASK, self->memory,
					1, &cmd, 1, 0));
	EXPECT_EQ(0, unlock(self->fd, IRQ_TEST_HARDIRQ, self->memory,
			    pages(PAGES)));
	EXPECT_TRUE(poll_until(nothing_is_kept, NULL, 5000));
}

/* Statements 47 to 51, at every level: one entry for each page, in parts. */
TEST_F(calls, prepare_in_parts)
{
	struct irq_test_prepare cmd;
	uint64_t first, length = pages(PAGES) - 700, i;
	char *start = self->memory + 300;
	uint32_t level;

	ASSERT_EQ(0, hold(self->fd, IRQ_TEST_TASK, self->memory,
			  pages(PAGES)));
	for (level = 0; level < IRQ_TEST_LEVELS; level++) {
		for (first = 0; first < length; first += cmd.out_length) {
			cmd = prepare_of(level, start, length, INPUT | OUTPUT);
			cmd.first = first;
			cmd.entries = 3;
			ASSERT_EQ(0, prepare(self->fd, &cmd));
			ASSERT_LT(0, cmd.out_length);
			ASSERT_GE(3, cmd.out_entries);
			EXPECT_TRUE(is_at(cmd.physical[0], start + first));
			for (i = 1; i < cmd.out_entries; i++)
				EXPECT_TRUE(is_at(cmd.physical[i],
						  self->memory +
						  (300 + first) / page_size *
						  page_size + pages(i)));
			EXPECT_EQ(first + cmd.out_length == length,
				  !!cmd.out_done);
			EXPECT_EQ(1, kernel_stat(2));
			EXPECT_EQ(0, checkpoint(self->fd, level, 0, 0));
			EXPECT_EQ(-EINVAL, checkpoint(self->fd, level, 0, 0));
		}
		EXPECT_EQ(length, first);
	}
	EXPECT_EQ(-ENOLCK, unlock(self->fd, IRQ_TEST_TASK, self->memory, 1));
}

/* Statements 53, 54, 56, 57, 59 and 60. */
TEST_F(calls, prepare_with_everything)
{
	char *memory = self->memory;
	struct irq_test_prepare cmd;
	int fd = self->fd;
	uint32_t level;

	ASSERT_EQ(0, hold(fd, IRQ_TEST_TASK, memory, pages(PAGES)));
	for (level = 0; level < IRQ_TEST_LEVELS; level++) {
		/* Ranges, one after the other; overlapping; empty. */
		cmd = prepare_of(level, memory + pages(2) + 5, pages(1), INPUT);
		cmd.ranges[1].addr = to_addr(memory + 9);
		cmd.ranges[2].addr = to_addr(memory + pages(3));
		cmd.ranges[2].length = 10;
		cmd.ranges[3].addr = to_addr(memory + pages(3) + 2);
		cmd.ranges[3].length = 100;
		cmd.nr = 4;
		ASSERT_EQ(0, prepare(fd, &cmd));
		EXPECT_EQ(4, cmd.out_entries);
		EXPECT_EQ(pages(1) + 110, cmd.out_length);
		EXPECT_TRUE(cmd.out_done);
		EXPECT_TRUE(is_at(cmd.physical[0], memory + pages(2) + 5));
		EXPECT_TRUE(is_at(cmd.physical[1], memory + pages(3)));
		EXPECT_TRUE(is_at(cmd.physical[2], memory + pages(3)));
		EXPECT_TRUE(is_at(cmd.physical[3], memory + pages(3) + 2));
		EXPECT_EQ(0, checkpoint(fd, level, 0, MORE | INPUT));
		EXPECT_EQ(0, checkpoint(fd, level, 0, MORE | OUTPUT));
		EXPECT_EQ(0, checkpoint(fd, level, 0, MORE));
		EXPECT_EQ(-EBUSY, prepare(fd, &cmd));
		/* Another preparation of one of the pages. */
		cmd = prepare_of(level, memory + pages(3), 1, OUTPUT);
		cmd.slot = 1;
		ASSERT_EQ(0, prepare(fd, &cmd));
		EXPECT_EQ(0, checkpoint(fd, level, 0, 0));
		EXPECT_TRUE(physical_is_true(fd, level, memory + pages(3), 1,
					     1));
		EXPECT_EQ(0, checkpoint(fd, level, 1, 0));
		EXPECT_EQ(-ENOLCK, unlock(fd, level, memory + pages(3), 1));

		cmd = prepare_of(level, memory, pages(PAGES), 0);
		cmd.granularity = pages(2);
		cmd.entries = 3;
		ASSERT_EQ(0, prepare(fd, &cmd));
		EXPECT_EQ(pages(2), cmd.out_length);
		EXPECT_EQ(2, cmd.out_entries);
		EXPECT_FALSE(cmd.out_done);
		EXPECT_EQ(0, checkpoint(fd, level, 0, 0));
		cmd.granularity = pages(4);
		EXPECT_EQ(-EMSGSIZE, prepare(fd, &cmd));
		EXPECT_EQ(0, cmd.out_length);
		cmd.granularity = 0;
		cmd.entries = 0;
		EXPECT_EQ(-EMSGSIZE, prepare(fd, &cmd));
		cmd.granularity = -1;
		cmd.entries = 3;
		EXPECT_EQ(-EMSGSIZE, prepare(fd, &cmd));
		/* The end need not be a multiple. */
		cmd.granularity = pages(2);
		cmd.first = pages(PAGES - 1) + 1;
		EXPECT_EQ(0, prepare(fd, &cmd));
		EXPECT_EQ(pages(1) - 1, cmd.out_length);
		EXPECT_TRUE(cmd.out_done);
		EXPECT_EQ(0, checkpoint(fd, level, 0, 0));
		/* Without tables it is only locked. */
		cmd = prepare_of(level, memory, pages(PAGES), INPUT);
		cmd.want_physical = 0;
		cmd.entries = 0;
		EXPECT_EQ(0, prepare(fd, &cmd));
		EXPECT_EQ(pages(PAGES), cmd.out_length);
		EXPECT_EQ(0, checkpoint(fd, level, 0, 0));
	}
	/* What is prepared and not held was pinned for that. */
	cmd = prepare_of(IRQ_TEST_TASK, memory, pages(PAGES), INPUT);
	ASSERT_EQ(0, unhold(fd, IRQ_TEST_TASK, memory, pages(PAGES)));
	ASSERT_EQ(0, prepare(fd, &cmd));
	EXPECT_EQ(pages(PAGES), kernel_stat(1));
	/* Somebody unlocks what is not his: the rest is given back. */
	EXPECT_EQ(0, unlock(fd, IRQ_TEST_HARDIRQ, memory, 1));
	EXPECT_EQ(-ENOLCK, checkpoint(fd, IRQ_TEST_HARDIRQ, 0, 0));
	EXPECT_TRUE(poll_until(nothing_is_kept, NULL, 5000));
}

/* Statement 61: only who may write dirties. */
TEST_F(calls, dirty_what_may_be_written)
{
	char path[] = "/tmp/dirty.XXXXXX", *map;
	int file = mkstemp(path);

	ASSERT_LE(0, file);
	ASSERT_EQ(0, ftruncate(file, pages(1)));
	map = mmap(NULL, pages(1), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	ASSERT_NE(MAP_FAILED, map);
	unlink(path);
	/* A kind of file that is always dirty tells nothing: only try it all. */
	EXPECT_EQ(0, call_flags(self->fd, IRQ_TEST_HOLD, IRQ_TEST_TASK, map, 1,
				CONTIG_LOCK_OUTPUT));
	EXPECT_EQ(0, call_flags(self->fd, IRQ_TEST_LOCK, IRQ_TEST_HARDIRQ, map,
				1, CONTIG_LOCK_OUTPUT));
	EXPECT_EQ(0, unlock(self->fd, IRQ_TEST_HARDIRQ, map, 1));
	EXPECT_EQ(0, unhold(self->fd, IRQ_TEST_HARDIRQ, map, 1));
	EXPECT_TRUE(poll_until(nothing_is_kept, NULL, 5000));
	close(file);
}

/* Closing gives back all of it, whatever the order. */
TEST_F(calls, close_with_everything_held)
{
	struct irq_test_prepare cmd;
	struct irq_test_defer defer = {
		.level = IRQ_TEST_HARDIRQ,
		.nr = 8,
	};

	ASSERT_EQ(0, hold(self->fd, IRQ_TEST_TASK, self->memory,
			  pages(PAGES)));
	ASSERT_EQ(0, lock(self->fd, IRQ_TEST_HARDIRQ, self->memory, pages(8)));
	cmd = prepare_of(IRQ_TEST_HARDIRQ, self->memory, pages(4), INPUT);
	ASSERT_EQ(0, prepare(self->fd, &cmd));
	ASSERT_EQ(0, test_ioctl(self->fd, IRQ_TEST_DO_DEFER, &defer));
	ASSERT_EQ(0, test_ioctl(self->fd, IRQ_TEST_CLOSE, NULL));
	EXPECT_EQ(0, charged_kib());
	EXPECT_EQ(-1, kernel_stat(1));
	/* What was prepared is not any more. */
	ASSERT_EQ(0, ioctl(self->fd, IRQ_TEST_OPEN, 0));
	EXPECT_EQ(-EINVAL, checkpoint(self->fd, IRQ_TEST_TASK, 0, 0));
	EXPECT_EQ(-ENODATA, unhold(self->fd, IRQ_TEST_TASK, self->memory, 1));
	EXPECT_EQ(0, prepare(self->fd, &cmd) == -EWOULDBLOCK ? 0 : -1);
}

/* Statements 35 to 37. */
TEST_F(calls, are_deferred)
{
	struct irq_test_defer cmd;
	uint32_t level;

	for (level = 0; level < IRQ_TEST_LEVELS; level++) {
		bool safe = level == IRQ_TEST_TASK || level == IRQ_TEST_KTHREAD;

		TH_LOG("%s", level_names[level]);
		cmd = (struct irq_test_defer){ .level = level, .nr = 20 };
		ASSERT_EQ(0, test_ioctl(self->fd, IRQ_TEST_DO_DEFER, &cmd));
		EXPECT_EQ(0, cmd.result);
		EXPECT_EQ(20, cmd.accepted);
		EXPECT_EQ(20, cmd.ran);
		EXPECT_TRUE(cmd.in_order);
		EXPECT_TRUE(cmd.could_sleep);
		if (safe)
			EXPECT_EQ(20, cmd.ran_at_once);
		cmd = (struct irq_test_defer){
			.level = level,
			.nr = 1,
			.null = 1,
		};
		ASSERT_EQ(0, test_ioctl(self->fd, IRQ_TEST_DO_DEFER, &cmd));
		EXPECT_EQ(-EINVAL, cmd.result);
	}
}

/* On one processor none can run before the interrupt is over. */
TEST_F(calls, are_deferred_up_to_a_limit)
{
	struct irq_test_defer cmd = {
		.level = IRQ_TEST_HARDIRQ,
		.nr = 40,
	};
	bool alone;

	alone = !write_text("/sys/devices/system/cpu/cpu1/online", "0");
	ASSERT_EQ(0, test_ioctl(self->fd, IRQ_TEST_DO_DEFER, &cmd));
	if (alone) {
		EXPECT_EQ(0, cmd.ran_at_once);
		EXPECT_EQ(DEFERRED, cmd.accepted);
		EXPECT_EQ(-EXFULL, cmd.result);
		ASSERT_EQ(0, write_text("/sys/devices/system/cpu/cpu1/online",
					"1"));
	}
	EXPECT_EQ(cmd.accepted, cmd.ran);
	EXPECT_TRUE(cmd.in_order);
}

/* 100,000 calls in each context, and how long the longest took. */
TEST_F(calls, a_hundred_thousand_times)
{
	static const uint32_t levels[] = {
		IRQ_TEST_TASK, IRQ_TEST_SOFTIRQ, IRQ_TEST_HARDIRQ,
	};
	unsigned int i, f, worst;

	ASSERT_EQ(0, hold(self->fd, IRQ_TEST_TASK, self->memory,
			  pages(PAGES)));
	for (i = 0; i < ARRAY_SIZE(levels); i++) {
		struct irq_test_storm cmd = {
			.level = levels[i],
			.rounds = 100000 / IRQ_TEST_FUNCTIONS,
			.addr = to_addr(self->memory) + 100,
			.length = pages(PAGES) - 200,
		};

		ASSERT_EQ(0, test_ioctl(self->fd, IRQ_TEST_STORM, &cmd));
		EXPECT_EQ(0, cmd.result)
			TH_LOG("%s: %s", level_names[levels[i]],
			       function_names[cmd.failed]);
		EXPECT_EQ(100000, cmd.calls);
		EXPECT_LT(0, cmd.deferred);
		EXPECT_EQ(100000 / IRQ_TEST_FUNCTIONS,
			  cmd.deferred + cmd.refused);
		EXPECT_EQ(cmd.deferred, cmd.ran);
		for (worst = f = 0; f < IRQ_TEST_FUNCTIONS; f++)
			if (cmd.longest_ns[f] > cmd.longest_ns[worst])
				worst = f;
		printf("# %s: %llu calls on %d pages, %llu ns each, the longest %llu ns (%s)\n",
		       level_names[levels[i]], (unsigned long long)cmd.calls,
		       PAGES, (unsigned long long)(cmd.total_ns / cmd.calls),
		       (unsigned long long)cmd.longest_ns[worst],
		       function_names[worst]);
		for (f = 0; f < IRQ_TEST_FUNCTIONS; f++)
			printf("#   %s: the longest %llu ns\n",
			       function_names[f],
			       (unsigned long long)cmd.longest_ns[f]);
	}
	EXPECT_EQ(pages(PAGES), kernel_stat(1));
	EXPECT_EQ(0, unhold(self->fd, IRQ_TEST_TASK, self->memory,
			    pages(PAGES)));
	EXPECT_EQ(-ENODATA, unhold(self->fd, IRQ_TEST_TASK, self->memory, 1));
}

/* contig stays as long as somebody depends on it. */
TEST_F(calls, keep_the_module)
{
	EXPECT_NE(0, system("rmmod contig 2>/dev/null"));
	EXPECT_NE(0, system("rmmod contig_irq_test 2>/dev/null"));
	ASSERT_EQ(0, hold(self->fd, IRQ_TEST_TASK, self->memory, 1));
	close(self->fd);
	EXPECT_EQ(0, system("rmmod contig_irq_test"));
	self->fd = kernel_client(0);
	EXPECT_LE(0, self->fd);
}

/*
 * A chain of transfers, each begun and prepared by the interrupt before
 */
FIXTURE(chain) {
	int fd;
	int client;
	int buffer;
	struct edu edu;
	char *memory;
};

/* Memory that the device can reach, in single pages where there is a choice. */
static char *reachable(int client, int *buffer)
{
	struct contig_alloc alloc = alloc_request(pages(PAGES),
						  CONTIG_RUNGS_SCATTER);

	alloc.constraints.highest = (1ull << edu_bits()) - 1;
	if (_test_cmd_alloc_tell(client, &alloc))
		return NULL;
	*buffer = alloc.out_fd;
	return buffer_map(*buffer, pages(PAGES));
}

FIXTURE_SETUP(chain) {
	char command[64];

	self->client = -1;
	if (edu_find(&self->edu))
		SKIP(return, "no device: run QEMU with -device edu");
	snprintf(command, sizeof(command),
		 "modprobe contig_irq_test dma_bits=%u", edu_bits());
	if (system("rmmod contig_irq_test 2>/dev/null; true") ||
	    system(command))
		SKIP(return, "no module contig_irq_test: it is built for guests");
	if (!edu_is_bound(&self->edu))
		ASSERT_EQ(0, edu_bind(&self->edu, TEST_DRIVER));
	ASSERT_TRUE(debugfs_has("kernel", "device"));
	self->fd = kernel_client(1);
	ASSERT_LE(0, self->fd) {
		TH_LOG("the device has another driver");
	}
	self->client = client_open();
	ASSERT_LE(0, self->client);
	self->memory = reachable(self->client, &self->buffer);
	ASSERT_NE(NULL, self->memory);
}

FIXTURE_TEARDOWN(chain) {
	close(self->fd);
	close(self->client);
	close(self->buffer);
	munmap(self->memory, pages(PAGES));
	system("rmmod contig_irq_test");
	/* The driver that the other tests want does not say that it wants it. */
	pci_write(self->edu.slot, "driver_override", "\n");
}

static int chain_run(int fd, struct irq_test_chain *cmd)
{
	return test_ioctl(fd, IRQ_TEST_CHAIN, cmd);
}

/* 6 pages to 6 others, in parts of two pages, which begin where it suits nobody. */
TEST_F(chain, moves_data)
{
	struct irq_test_chain cmd = {
		.from = to_addr(self->memory) + 256,
		.to = to_addr(self->memory) + pages(8) + 2048,
		.length = pages(4) - 512,
		.entries = 2,
	};
	char *expected = malloc(pages(PAGES));

	ASSERT_EQ(0, hold(self->fd, IRQ_TEST_TASK, self->memory,
			  pages(PAGES)));
	fill_pattern(self->memory, pages(PAGES), 1);
	memcpy(expected, self->memory, pages(PAGES));
	memcpy(expected + pages(8) + 2048, expected + 256, cmd.length);
	ASSERT_EQ(0, chain_run(self->fd, &cmd));
	EXPECT_EQ(0, cmd.result);
	EXPECT_EQ(cmd.length, cmd.moved);
	/* Two for each piece, and all of them real ones. */
	EXPECT_LE(2 * (cmd.length / EDU_CHUNK), cmd.interrupts);
	EXPECT_LE(3, cmd.prepared);
	EXPECT_EQ(0, memcmp(expected, self->memory, pages(PAGES)));
	printf("# %llu bytes, %u interrupts, which prepared %u parts; the longest took %llu ns\n",
	       (unsigned long long)cmd.moved, cmd.interrupts, cmd.prepared,
	       (unsigned long long)cmd.longest_ns);
	/* All is balanced. */
	EXPECT_EQ(-ENOLCK, unlock(self->fd, IRQ_TEST_TASK, self->memory,
				  pages(PAGES)));
	EXPECT_EQ(0, unhold(self->fd, IRQ_TEST_TASK, self->memory,
			    pages(PAGES)));
	free(expected);
}

/* A wrong address does not look right. */
TEST_F(chain, goes_wrong_one_page_off)
{
	struct irq_test_chain cmd = {
		.from = to_addr(self->memory),
		.to = to_addr(self->memory) + pages(8),
		.length = 2048,
		.entries = 1,
		.off_by = 2048,
	};

	ASSERT_EQ(0, hold(self->fd, IRQ_TEST_TASK, self->memory,
			  pages(PAGES)));
	fill_pattern(self->memory, pages(PAGES), 1);
	ASSERT_EQ(0, chain_run(self->fd, &cmd));
	EXPECT_EQ(0, cmd.result);
	EXPECT_NE(0, memcmp(self->memory, self->memory + pages(8), 2048));
	EXPECT_EQ(0, memcmp(self->memory, self->memory + pages(8) + 2048,
			    2048));
}

/* Memory that is not held stops it where the first part ends. */
TEST_F(chain, stops_where_nothing_is_held)
{
	struct irq_test_chain cmd = {
		.from = to_addr(self->memory),
		.to = to_addr(self->memory) + pages(8),
		.length = pages(4),
		.entries = 1,
	};

	fill_pattern(self->memory, pages(PAGES), 1);
	ASSERT_EQ(0, chain_run(self->fd, &cmd));
	EXPECT_EQ(-EWOULDBLOCK, cmd.result);
	EXPECT_EQ(pages(1), cmd.moved);
	EXPECT_EQ(0, memcmp(self->memory, self->memory + pages(8), pages(1)));
	EXPECT_NE(0, memcmp(self->memory + pages(1), self->memory + pages(9),
			    pages(1)));
}

/* Addresses of the device, at interrupt level, are those of prepare. */
TEST_F(chain, has_addresses_for_the_device)
{
	struct irq_test_prepare cmd;
	struct irq_test_call table;
	uint64_t at = 0, i, n;

	ASSERT_EQ(0, hold(self->fd, IRQ_TEST_TASK, self->memory,
			  pages(PAGES)));
	EXPECT_TRUE(debugfs_has("devices", self->edu.name));
	cmd = prepare_of(IRQ_TEST_HARDIRQ, self->memory + 1, pages(PAGES) - 1,
			 INPUT);
	cmd.want_dma = 1;
	ASSERT_EQ(0, prepare(self->fd, &cmd));
	ASSERT_EQ(PAGES, cmd.out_entries);
	ASSERT_LT(0, get_physical(self->fd, IRQ_TEST_HARDIRQ, self->memory,
				  pages(PAGES), &table, 64, CONTIG_GET_DMA));
	EXPECT_EQ(0, table.next_length);
	for (n = 0; n < table.count; n++)
		for (i = 0; i < table.extents[n].length; i += page_size, at++)
			EXPECT_EQ(table.extents[n].addr + i + (at == 0),
				  cmd.dma[at]);
	EXPECT_EQ(PAGES, at);
	/* No more than the device has address bits for. */
	for (at = 0; at < PAGES; at++)
		EXPECT_GT(1ull << edu_bits(), cmd.dma[at]);
	EXPECT_EQ(table.count == 1 ? 0 : -EILSEQ,
		  call_flags(self->fd, IRQ_TEST_LOCK, IRQ_TEST_HARDIRQ,
			     self->memory, pages(PAGES),
			     CONTIG_LOCK_DEVICE_CONTIGUOUS));
}

/* The device goes in mid-chain: it ends with an error, and nothing is left. */
TEST_F(chain, loses_its_device)
{
	struct irq_test_chain cmd = {
		.from = to_addr(self->memory),
		.to = to_addr(self->memory) + pages(8),
		.length = pages(8),
		.entries = 1,
	};
	struct irq_test_call table;
	pid_t pid;

	ASSERT_EQ(0, hold(self->fd, IRQ_TEST_TASK, self->memory,
			  pages(PAGES)));
	fill_pattern(self->memory, pages(PAGES), 1);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		usleep(700000);
		edu_unbind(&self->edu);
		_exit(edu_is_bound(&self->edu));
	}
	ASSERT_EQ(0, chain_run(self->fd, &cmd));
	EXPECT_EQ(-ENODEV, cmd.result);
	EXPECT_LT(0, cmd.moved);
	EXPECT_GT(cmd.length, cmd.moved);
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_EQ(0, memcmp(self->memory, self->memory + pages(8), cmd.moved));
	/* The driver has closed the client. */
	EXPECT_EQ(-EBADFD, get_physical(self->fd, IRQ_TEST_TASK, self->memory,
					1, &table, 1, 0));
	EXPECT_FALSE(debugfs_has("devices", self->edu.name));
	EXPECT_EQ(-1, kernel_stat(1));
	/* And can have another one. */
	ASSERT_EQ(0, edu_bind(&self->edu, TEST_DRIVER));
	EXPECT_EQ(0, ioctl(self->fd, IRQ_TEST_OPEN, 1));
	cmd.length = 2048;
	ASSERT_EQ(0, hold(self->fd, IRQ_TEST_TASK, self->memory,
			  pages(PAGES)));
	ASSERT_EQ(0, chain_run(self->fd, &cmd));
	EXPECT_EQ(0, cmd.result);
}

TEST_HARNESS_MAIN
