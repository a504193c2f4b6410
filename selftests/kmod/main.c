// SPDX-License-Identifier: GPL-2.0-only
/*
 * The file /dev/contig_irq_test, and the platform device of its clients
 */
#include <linux/dma-mapping.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/of_reserved_mem.h>
#include <linux/platform_device.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "internal.h"

/* All open files. */
LIST_HEAD(irq_test_files);
/* Protects that list and the pointer to the edu device. */
DEFINE_MUTEX(irq_test_files_mutex);

static struct platform_device *irq_test_platform;

int irq_test_open_for(struct irq_test_file *file, struct device *dev)
{
	struct contig_kernel_client *client = contig_kernel_open(dev);

	if (IS_ERR(client))
		return PTR_ERR(client);
	file->client = client;
	return 0;
}

static int irq_test_open_client(struct irq_test_file *file,
				unsigned long what_for)
{
	guard(mutex)(&irq_test_files_mutex);
	guard(rwsem_write)(&file->alive);
	if (file->client)
		return -EBUSY;
	switch (what_for) {
	case IRQ_TEST_FOR_NONE:
		return irq_test_open_for(file, NULL);
	case IRQ_TEST_FOR_EDU:
		return irq_test_open_for_edu(file);
	case IRQ_TEST_FOR_PLATFORM:
		return irq_test_open_for(file, &irq_test_platform->dev);
	default:
		return -EINVAL;
	}
}

static int irq_test_close_client(struct irq_test_file *file)
{
	guard(rwsem_write)(&file->alive);
	if (file->client)
		contig_kernel_close(file->client);
	file->client = NULL;
	file->edu = NULL;
	return 0;
}

union irq_test_cmd {
	struct irq_test_call call;
	struct irq_test_prepare prepare;
	struct irq_test_storm storm;
	struct irq_test_defer defer;
	struct irq_test_chain chain;
	struct irq_test_measure measure;
};

static long irq_test_do(struct irq_test_file *file, unsigned int cmd,
			union irq_test_cmd *arg)
{
	guard(rwsem_read)(&file->alive);
	if (!file->client)
		return -EBADFD;
	if (cmd == IRQ_TEST_CALL)
		return irq_test_call(file, &arg->call);
	guard(mutex)(&file->mutex);
	switch (cmd) {
	case IRQ_TEST_DO_PREPARE:
		return irq_test_prepare(file, &arg->prepare);
	case IRQ_TEST_STORM:
		return irq_test_storm(file, &arg->storm);
	case IRQ_TEST_DO_DEFER:
		return irq_test_defer(file, &arg->defer);
	case IRQ_TEST_CHAIN:
		return irq_test_chain(file, &arg->chain);
	case IRQ_TEST_MEASURE:
		return irq_test_measure(file, &arg->measure);
	default:
		return -ENOTTY;
	}
}

static long irq_test_ioctl(struct file *opened, unsigned int cmd,
			   unsigned long uarg)
{
	struct irq_test_file *file = opened->private_data;
	union irq_test_cmd *arg;
	long ret;

	switch (cmd) {
	case IRQ_TEST_OPEN:
		return irq_test_open_client(file, uarg);
	case IRQ_TEST_CLOSE:
		return irq_test_close_client(file);
	}
	if (_IOC_SIZE(cmd) > sizeof(*arg))
		return -ENOTTY;
	arg = memdup_user((void __user *)uarg, _IOC_SIZE(cmd));
	if (IS_ERR(arg))
		return PTR_ERR(arg);
	ret = irq_test_do(file, cmd, arg);
	if (!ret && copy_to_user((void __user *)uarg, arg, _IOC_SIZE(cmd)))
		ret = -EFAULT;
	kfree(arg);
	return ret;
}

static int irq_test_open(struct inode *inode, struct file *opened)
{
	struct irq_test_file *file = kzalloc(sizeof(*file), GFP_KERNEL);

	if (!file)
		return -ENOMEM;
	init_rwsem(&file->alive);
	mutex_init(&file->mutex);
	raw_spin_lock_init(&file->lock);
	init_completion(&file->done);
	opened->private_data = file;
	guard(mutex)(&irq_test_files_mutex);
	list_add(&file->node, &irq_test_files);
	return 0;
}

static int irq_test_release(struct inode *inode, struct file *opened)
{
	struct irq_test_file *file = opened->private_data;

	scoped_guard(mutex, &irq_test_files_mutex) {
		list_del(&file->node);
		irq_test_close_client(file);
	}
	kfree(file);
	return 0;
}

static const struct file_operations irq_test_fops = {
	.owner = THIS_MODULE,
	.open = irq_test_open,
	.release = irq_test_release,
	.unlocked_ioctl = irq_test_ioctl,
};

static struct miscdevice irq_test_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "contig_irq_test",
	.fops = &irq_test_fops,
	.mode = 0600,
};

static void irq_test_pool_release(void *dev)
{
	of_reserved_mem_device_release(dev);
}

/* With a Device Tree the driver can be bound to a device that has a pool. */
static int irq_test_probe(struct platform_device *pdev)
{
	struct device *dev = &pdev->dev;
	int ret;

	if (!dev->of_node)
		return 0;
	ret = of_reserved_mem_device_init(dev);
	return ret ?: devm_add_action_or_reset(dev, irq_test_pool_release, dev);
}

/* Has no remove() on purpose: clients stay open, as in a buggy driver. */
static struct platform_driver irq_test_platform_driver = {
	.probe = irq_test_probe,
	.driver.name = "contig_irq_test",
};

static int __init irq_test_platform_init(void)
{
	const struct platform_device_info info = {
		.name = "contig_irq_test",
		.id = PLATFORM_DEVID_NONE,
		.dma_mask = DMA_BIT_MASK(64),
	};
	int ret = platform_driver_register(&irq_test_platform_driver);

	if (ret)
		return ret;
	irq_test_platform = platform_device_register_full(&info);
	if (IS_ERR(irq_test_platform)) {
		platform_driver_unregister(&irq_test_platform_driver);
		return PTR_ERR(irq_test_platform);
	}
	return 0;
}

static void irq_test_platform_exit(void)
{
	platform_device_unregister(irq_test_platform);
	platform_driver_unregister(&irq_test_platform_driver);
}

static int __init irq_test_init(void)
{
	int ret = irq_test_platform_init();

	if (ret)
		return ret;
	ret = irq_test_chain_init();
	if (ret)
		goto err_platform;
	ret = misc_register(&irq_test_misc);
	if (ret)
		goto err_chain;
	return 0;

err_chain:
	irq_test_chain_exit();
err_platform:
	irq_test_platform_exit();
	return ret;
}

static void __exit irq_test_exit(void)
{
	misc_deregister(&irq_test_misc);
	irq_test_chain_exit();
	irq_test_platform_exit();
}

module_init(irq_test_init);
module_exit(irq_test_exit);

MODULE_AUTHOR("The contig authors");
MODULE_DESCRIPTION("Tests of contig's interface for other modules");
MODULE_LICENSE("GPL");
MODULE_INFO(test, "Y");
