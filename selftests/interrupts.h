/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * contig's interface for other modules of the kernel, called by a test module:
 * selftests/kmod. One function for each call.
 */
#ifndef CONTIG_INTERRUPTS_H
#define CONTIG_INTERRUPTS_H

#include "contig_utils.h"
#include "kmod/contig_irq_test.h"

#define TEST_PATH "/dev/contig_irq_test"
/* Options of preparations, and flags, as in kmod/contig_kernel.h. */
#define INPUT 1
#define OUTPUT 2
#define MORE 4
#define NOSLEEP (1u << 31)

static const char *const level_names[IRQ_TEST_LEVELS] = {
	"task", "softirq", "hard interrupt", "no preemption", "interrupts off",
	"kernel thread",
};

static const char *const function_names[IRQ_TEST_FUNCTIONS] = {
	"hold", "unhold", "lock", "unlock", "get_physical", "prepare",
	"checkpoint", "defer",
};

/* All contexts that must not sleep. */
static const uint32_t atomic_levels[] = {
	IRQ_TEST_SOFTIRQ, IRQ_TEST_HARDIRQ, IRQ_TEST_NO_PREEMPTION,
	IRQ_TEST_IRQS_OFF,
};

#define for_each_atomic(level) \
	for (unsigned int _i = 0; _i < ARRAY_SIZE(atomic_levels) && \
	     ((level) = atomic_levels[_i], true); _i++)

/* Open a client of the test module, for a device or none. */
static inline int kernel_client(unsigned long what_for)
{
	int fd, ret;

	if (system("modprobe contig_irq_test"))
		return -ENOENT;
	fd = open(TEST_PATH, O_RDWR);
	if (fd < 0)
		return -errno;
	ret = ioctl(fd, IRQ_TEST_OPEN, what_for) ? -errno : fd;
	if (ret < 0)
		close(fd);
	return ret;
}

static inline int call_flags(int fd, uint32_t function, uint32_t level,
			     const void *addr, uint64_t length, uint32_t flags)
{
	struct irq_test_call cmd = {
		.function = function,
		.level = level,
		.addr = to_addr(addr),
		.length = length,
		.flags = flags,
	};
	int ret = contig_ioctl(fd, IRQ_TEST_CALL, &cmd);

	return ret ?: cmd.result;
}

static inline int hold(int fd, uint32_t level, const void *addr,
		       uint64_t length)
{
	return call_flags(fd, IRQ_TEST_HOLD, level, addr, length, 0);
}

static inline int unhold(int fd, uint32_t level, const void *addr,
			 uint64_t length)
{
	return call_flags(fd, IRQ_TEST_UNHOLD, level, addr, length, 0);
}

static inline int lock(int fd, uint32_t level, const void *addr,
		       uint64_t length)
{
	return call_flags(fd, IRQ_TEST_LOCK, level, addr, length, 0);
}

static inline int unlock(int fd, uint32_t level, const void *addr,
			 uint64_t length)
{
	return call_flags(fd, IRQ_TEST_UNLOCK, level, addr, length, 0);
}

/* Translate. Return the number of extents or a negative errno. */
static inline int get_physical(int fd, uint32_t level, const void *addr,
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
	ret = contig_ioctl(fd, IRQ_TEST_CALL, cmd) ?: cmd->result;
	return ret ?: (int)cmd->count;
}

/* Return true if the translation equals pagemap, byte by byte. */
static inline bool physical_is_true(int fd, uint32_t level, const char *addr,
				    uint64_t length, uint32_t entries)
{
	uint64_t at = to_addr(addr), end = at + length, i, n;
	struct irq_test_call cmd;
	int ret;

	while (at < end) {
		ret = get_physical(fd, level, to_pointer(at), end - at, &cmd,
				   entries, 0);
		if (ret <= 0 || ret > (int)entries)
			return false;
		for (i = 0; i < cmd.count; i++) {
			uint64_t from = cmd.extents[i].addr;

			if (i && cmd.extents[i - 1].addr +
			    cmd.extents[i - 1].length == from)
				return false;
			for (n = 0; n < cmd.extents[i].length;) {
				if (pfn_of(to_pointer(at)) * page_size +
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

static inline struct irq_test_prepare
prepare_of(uint32_t level, const void *addr, uint64_t length, uint32_t options)
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

static inline int prepare(int fd, struct irq_test_prepare *cmd)
{
	return contig_ioctl(fd, IRQ_TEST_DO_PREPARE, cmd) ?: cmd->result;
}

static inline int checkpoint(int fd, uint32_t level, uint32_t slot,
			     uint32_t options)
{
	struct irq_test_prepare cmd = {
		.level = level,
		.slot = slot,
		.options = options,
		.checkpoint = 1,
	};

	return prepare(fd, &cmd);
}

/* Return true if this is the physical address of a byte. */
static inline bool is_at(uint64_t physical, const char *addr)
{
	return physical == pfn_of(addr) * page_size + to_addr(addr) % page_size;
}

/*
 * Return a number of the only client of that kind in debugfs, or -1 if there is
 * none.
 */
static inline long kernel_stat(int column)
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

static inline bool nothing_is_kept(void *unused)
{
	return !kernel_stat(1);
}

#define setup_kernel_client(self, what_for) do { \
	(self)->fd = kernel_client(what_for); \
	if ((self)->fd == -ENOENT) \
		SKIP(return, "no module contig_irq_test: it is built for guests"); \
	ASSERT_LE(0, (self)->fd); \
} while (0)

#endif /* CONTIG_INTERRUPTS_H */
