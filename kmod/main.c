// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/contig: physically contiguous memory that a DMA engine can use
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bits.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/log2.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/nodemask.h>
#include <linux/nospec.h>
#include <linux/seq_file.h>
#include <linux/uaccess.h>

#include <uapi/linux/contig.h>

#include "backlog.h"
#include "clear.h"
#include "client.h"
#include "compact.h"
#include "cma.h"
#include "debugfs.h"
#include "dma_heap.h"
#include "dma_unplug.h"
#include "hotplug.h"
#include "kernel_client.h"
#include "limits.h"
#include "linger.h"
#include "oom.h"
#include "own_device.h"
#include "range.h"
#include "relocate.h"
#include "reserve.h"
#include "rung.h"
#include "stats.h"
#include "sweep.h"
#include "ucmd.h"
#include "watch.h"
#include "worker.h"

static u64 contig_features(void)
{
	u64 features = 0;

	if (contig_range_present())
		features |= CONTIG_FEATURE_RANGE;
	if (contig_cma_pages())
		features |= CONTIG_FEATURE_CMA;
	if (CONTIG_READ_ONLY_PIN_IS_STABLE)
		features |= CONTIG_FEATURE_OUTPUT_READ_ONLY;
	if (contig_memory_encrypted())
		features |= CONTIG_FEATURE_MEMORY_ENCRYPTED;
	if (contig_may_see_physical_noaudit())
		features |= CONTIG_FEATURE_PHYSICAL_ALLOWED;
	if (contig_own_device_pool())
		features |= CONTIG_FEATURE_POOL;
	return features;
}

/*
 * Return the last address of memory that the kernel manages. ZONE_DEVICE does
 * not count: drivers made its struct pages, as contig does in region.c.
 */
static u64 contig_ram_top(void)
{
	unsigned long end = 0;
	int nid, i;

	for_each_online_node(nid) {
		for (i = 0; i < MAX_NR_ZONES; i++) {
			struct zone *zone = &NODE_DATA(nid)->node_zones[i];

			if (!zone_is_zone_device(zone) && populated_zone(zone))
				end = max(end, zone_end_pfn(zone));
		}
	}
	return PFN_PHYS((u64)end) - 1;
}

static int contig_info_ioctl(struct contig_ucmd *ucmd)
{
	bool told = contig_may_see_physical_noaudit();
	struct contig_client *client = ucmd->client;
	struct contig_info *cmd = ucmd->cmd;

	if (cmd->flags)
		return -EOPNOTSUPP;
	cmd->out_abi_version = CONTIG_ABI_VERSION;
	cmd->out_page_size = PAGE_SIZE;
	cmd->out_features = contig_features();
	cmd->out_ram_bytes = (u64)totalram_pages() << PAGE_SHIFT;
	cmd->out_ram_top = contig_ram_top();
	cmd->out_max_order_bytes = (u64)PAGE_SIZE << MAX_PAGE_ORDER;
	contig_reserve_totals(told, &cmd->out_reserve_bytes,
			      &cmd->out_reserve_free,
			      &cmd->out_reserve_largest);
	/* The exact length would reveal whether two buffers adjoin. */
	if (cmd->out_reserve_largest && !told)
		cmd->out_reserve_largest =
			BIT_ULL(ilog2(cmd->out_reserve_largest));
	cmd->out_quota_bytes = (u64)contig_user_quota(client->user)
			       << PAGE_SHIFT;
	cmd->out_quota_used = (u64)atomic_long_read(&client->user->pages)
			      << PAGE_SHIFT;
	return contig_ucmd_respond(ucmd, sizeof(*cmd));
}

/**
 * struct contig_ioctl_op - one command
 * @size: size of the structure in this version
 * @min_size: size of the structure in the first version
 * @number: number of the ioctl
 * @execute: carries out the command
 */
struct contig_ioctl_op {
	unsigned int size;
	unsigned int min_size;
	unsigned int number;
	int (*execute)(struct contig_ucmd *ucmd);
};

#define CONTIG_OP(_number, _fn, _struct, _last)                            \
	[_IOC_NR(_number) - CONTIG_CMD_BASE] = {                           \
		.size = sizeof(_struct) +                                  \
			BUILD_BUG_ON_ZERO(sizeof(union contig_command) <   \
					  sizeof(_struct)),                \
		.min_size = offsetofend(_struct, _last),                   \
		.number = _number,                                         \
		.execute = _fn,                                            \
	}

union contig_command {
	struct contig_info info;
	struct contig_alloc alloc;
	struct contig_probe probe;
	struct contig_hold hold;
	struct contig_unhold unhold;
	struct contig_lock lock;
	struct contig_unlock unlock;
	struct contig_get_physical get_physical;
	struct contig_get_state get_state;
	struct contig_device device;
	struct contig_prepare prepare;
	struct contig_checkpoint checkpoint;
	struct contig_sync sync;
	struct contig_defer defer;
	struct contig_collect collect;
};

static const struct contig_ioctl_op contig_ioctl_ops[] = {
	CONTIG_OP(CONTIG_INFO, contig_info_ioctl, struct contig_info,
		  out_quota_used),
	CONTIG_OP(CONTIG_ALLOC, contig_alloc_ioctl, struct contig_alloc,
		  out_reports),
	CONTIG_OP(CONTIG_PROBE, contig_probe_ioctl, struct contig_probe,
		  out_reports),
	CONTIG_OP(CONTIG_HOLD, contig_hold_ioctl, struct contig_hold,
		  out_unlocked),
	CONTIG_OP(CONTIG_UNHOLD, contig_unhold_ioctl, struct contig_unhold,
		  reserved),
	CONTIG_OP(CONTIG_LOCK, contig_lock_ioctl, struct contig_lock, reserved),
	CONTIG_OP(CONTIG_UNLOCK, contig_unlock_ioctl, struct contig_unlock,
		  reserved),
	CONTIG_OP(CONTIG_GET_PHYSICAL, contig_get_physical_ioctl,
		  struct contig_get_physical, fd),
	CONTIG_OP(CONTIG_GET_STATE, contig_get_state_ioctl,
		  struct contig_get_state, fd),
	CONTIG_OP(CONTIG_DEVICE, contig_device_ioctl, struct contig_device,
		  out_features),
	CONTIG_OP(CONTIG_PREPARE, contig_prepare_ioctl, struct contig_prepare,
		  out_bounced),
	CONTIG_OP(CONTIG_CHECKPOINT, contig_checkpoint_ioctl,
		  struct contig_checkpoint, reserved),
	CONTIG_OP(CONTIG_SYNC, contig_sync_ioctl, struct contig_sync, reserved),
	CONTIG_OP(CONTIG_DEFER, contig_defer_ioctl, struct contig_defer, alloc),
	CONTIG_OP(CONTIG_COLLECT, contig_collect_ioctl, struct contig_collect,
		  alloc),
};

static long contig_fops_ioctl(struct file *file, unsigned int cmd,
			      unsigned long arg)
{
	struct contig_ucmd ucmd = {
		.client = file->private_data,
		.ubuffer = (void __user *)arg,
	};
	const struct contig_ioctl_op *op;
	/*
	 * Not cleared as CONFIG_INIT_STACK_ALL_ZERO would, which costs short commands
	 * more than reading them. copy_struct_from_user() fills what they use.
	 */
	union contig_command buffer __uninitialized;
	unsigned int nr = _IOC_NR(cmd);
	int ret;

	if (nr - CONTIG_CMD_BASE >= ARRAY_SIZE(contig_ioctl_ops))
		return -ENOIOCTLCMD;
	op = &contig_ioctl_ops[array_index_nospec(nr - CONTIG_CMD_BASE,
						  ARRAY_SIZE(contig_ioctl_ops))];
	if (op->number != cmd)
		return -ENOIOCTLCMD;

	/* Every structure begins with its size. */
	ret = get_user(ucmd.user_size, (u32 __user *)ucmd.ubuffer);
	if (ret)
		return ret;
	if (ucmd.user_size < op->min_size)
		return -EINVAL;
	/* Bound how many zeroes copy_struct_from_user() has to check. */
	if (ucmd.user_size > PAGE_SIZE)
		return -E2BIG;
	ucmd.cmd = &buffer;
	ret = copy_struct_from_user(ucmd.cmd, op->size, ucmd.ubuffer,
				    ucmd.user_size);
	return ret ?: op->execute(&ucmd);
}

static int contig_fops_open(struct inode *inode, struct file *file)
{
	file->private_data = contig_client_new();
	return file->private_data ? 0 : -ENOMEM;
}

static int contig_fops_release(struct inode *inode, struct file *file)
{
	contig_backlog_forget(file->private_data);
	contig_client_free(file->private_data);
	return 0;
}

/*
 * Show in fdinfo how much memory the user and this client have. Processes of
 * the same user can read it, so it must not contain addresses.
 */
static void contig_fops_show_fdinfo(struct seq_file *m, struct file *file)
{
	const struct contig_client *client = file->private_data;
	const struct contig_user *user = client->user;
	const unsigned int kib = PAGE_SHIFT - 10;

	seq_printf(m, "contig-allocated:\t%lu KiB\n",
		   atomic_long_read(&user->pages) << kib);
	seq_printf(m, "contig-quota:\t%llu KiB\n",
		   (u64)contig_user_quota(user) << kib);
	seq_printf(m, "contig-locked:\t%lu KiB\n",
		   atomic_long_read(&client->locked) << kib);
	seq_printf(m, "contig-held:\t%lu KiB\n",
		   atomic_long_read(&client->held) << kib);
}

static const struct file_operations contig_fops = {
	.owner = THIS_MODULE,
	.open = contig_fops_open,
	.release = contig_fops_release,
	.unlocked_ioctl = contig_fops_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.show_fdinfo = contig_fops_show_fdinfo,
	.llseek = noop_llseek,
};

/*
 * One of the minors for local use, since the kernel loads a module only for a
 * minor that is fixed: design.md, "Loading on demand".
 */
#define CONTIG_MINOR 249

/* Only root may open it, unless a udev rule changes its mode. */
static struct miscdevice contig_miscdev = {
	.minor = CONTIG_MINOR,
	.name = "contig",
	.fops = &contig_fops,
	.mode = 0600,
};

/*
 * With another minor the module would work, but a node that was made at boot would
 * be that of the module that has this minor, in the hands of contig's users.
 */
static int __init contig_register(void)
{
	int ret = misc_register(&contig_miscdev);

	if (ret == -EBUSY)
		pr_err("another module has the minor %d, see /proc/misc: unload that one\n",
		       CONTIG_MINOR);
	if (ret)
		return ret;
	contig_debugfs_init();
	/* The last step: it cannot be undone. */
	contig_dma_heap_init();
	return 0;
}

/**
 * struct contig_stage - a stage of loading
 * @init: does it; returns 0 or -errno
 * @exit: undoes that; NULL for the last one
 */
struct contig_stage {
	int (*init)(void);
	void (*exit)(void);
};

static const struct contig_stage contig_stages[] __initconst = {
	{ contig_stats_init, contig_stats_exit },
	{ contig_clients_init, contig_clients_exit },
	{ contig_own_device_init, contig_own_device_exit },
	{ contig_dma_devices_init, contig_dma_devices_exit },
	{ contig_kernel_init, contig_kernel_exit },
	{ contig_sweep_init, contig_sweep_exit },
	{ contig_hotplug_init, contig_hotplug_exit },
	{ contig_workers_init, contig_workers_exit },
	{ contig_clear_init, contig_clear_exit },
	{ contig_reserve_init, contig_reserve_exit },
	{ contig_move_init, contig_move_exit },
	{ contig_compact_init, contig_compact_exit },
	{ contig_backlog_init, contig_backlog_exit },
	{ contig_oom_init, contig_oom_exit },
	{ contig_register, NULL },
};

static int __init contig_init(void)
{
	int ret, i;

	contig_cma_init();
	for (i = 0; i < ARRAY_SIZE(contig_stages); i++) {
		ret = contig_stages[i].init();
		if (ret)
			break;
	}
	if (ret)
		while (i--)
			contig_stages[i].exit();
	return ret;
}

static void __exit contig_exit(void)
{
	contig_debugfs_exit();
	misc_deregister(&contig_miscdev);
	contig_backlog_exit();
	contig_oom_exit();
	contig_hotplug_exit();
	contig_sweep_exit();
	contig_compact_exit();
	contig_move_exit();
	contig_linger_exit();
	contig_reserve_exit();
	contig_clear_exit();
	contig_workers_exit();
	contig_kernel_exit();
	contig_clients_exit();
	contig_watches_exit();
	contig_dma_devices_exit();
	contig_own_device_exit();
	contig_stats_exit();
}

module_init(contig_init);
module_exit(contig_exit);

MODULE_AUTHOR("The contig authors");
MODULE_DESCRIPTION("Physically contiguous DMA memory for user space");
MODULE_LICENSE("GPL");
MODULE_ALIAS_MISCDEV(CONTIG_MINOR);
MODULE_ALIAS("devname:contig");
#ifdef CONTIG_VERSION
MODULE_VERSION(CONTIG_VERSION);
#endif
MODULE_IMPORT_NS("DMA_BUF");
