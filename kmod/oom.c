// SPDX-License-Identifier: GPL-2.0-only
/*
 * Name the users of contig's memory when the OOM killer is called
 *
 * The OOM killer judges processes by their mapped memory, and counts mappings
 * with struct pages only. Memory of a buffer that is not mapped, or mapped as
 * page frames, counts for no process, so the killer may choose a process that
 * is not to blame. The module can neither choose for it nor free memory; it
 * logs the accounts with most memory for the administrator.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": out of memory: " fmt

#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/notifier.h>
#include <linux/oom.h>
#include <linux/ratelimit.h>
#include <linux/user_namespace.h>

#include <uapi/linux/contig.h>

#include "limits.h"
#include "oom.h"
#include "stats.h"

#define CONTIG_OOM_USERS 3

static unsigned long contig_pages_to_mib(u64 npages)
{
	return npages >> (20 - PAGE_SHIFT);
}

/*
 * Called with the kernel's oom_lock held, by a task that waits for memory and
 * can hold any lock under which this module allocates. So it takes no lock.
 */
static int contig_oom_notify(struct notifier_block *unused, unsigned long event,
			     void *freed)
{
	static DEFINE_RATELIMIT_STATE(limit, 10 * HZ, 1);
	struct contig_holding top[CONTIG_OOM_USERS];
	unsigned long total;
	unsigned int i;

	total = contig_users_largest(top, ARRAY_SIZE(top));
	if (!total || !__ratelimit(&limit))
		return NOTIFY_OK;
	pr_warn("buffers have %lu MiB, %lu MiB of it from the reserve; see fdinfo or debugfs for their processes\n",
		contig_pages_to_mib(total),
		contig_pages_to_mib(contig_stats_in_use(CONTIG_RUNG_RESERVE)));
	for (i = 0; i < ARRAY_SIZE(top) && top[i].npages; i++)
		pr_warn("uid %u has %lu MiB in buffers\n",
			from_kuid_munged(&init_user_ns, top[i].uid),
			contig_pages_to_mib(top[i].npages));
	return NOTIFY_OK;
}

static struct notifier_block contig_oom_notifier = {
	.notifier_call = contig_oom_notify,
};

int contig_oom_init(void)
{
	return register_oom_notifier(&contig_oom_notifier);
}

void contig_oom_exit(void)
{
	unregister_oom_notifier(&contig_oom_notifier);
}
