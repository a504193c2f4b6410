// SPDX-License-Identifier: GPL-2.0-only
/*
 * A chain of transfers by QEMU's edu device. The interrupt at the end of each
 * transfer prepares memory for the next one and starts it, as drivers of SCSI
 * host adapters did on classic Mac OS. Also a small example of a driver that
 * uses contig.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/interrupt.h>
#include <linux/io-64-nonatomic-lo-hi.h>
#include <linux/mm.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>

#include "internal.h"

#define EDU_IRQ_STATUS 0x24
#define EDU_IRQ_ACK 0x64
#define EDU_DMA_SOURCE 0x80
#define EDU_DMA_TARGET 0x88
#define EDU_DMA_COUNT 0x90
#define EDU_DMA_COMMAND 0x98
#define EDU_DMA_START 1
#define EDU_DMA_TO_MEMORY 2
#define EDU_DMA_INTERRUPT 4
#define EDU_DMA_DONE 0x100
#define EDU_BUFFER 0x40000
/* Old versions of QEMU reject a transfer of a whole page. */
#define EDU_CHUNK 2048U

static unsigned int dma_bits = 28;
module_param(dma_bits, uint, 0444);
MODULE_PARM_DESC(dma_bits, "address bits that edu has: as QEMU's dma_mask= says");

/**
 * struct edu_end - one end of a chain: the memory that it reads or writes
 * @preparation: the part that is prepared
 * @span: the whole range
 * @dma: an address for each page of the part
 * @entry: index of the current page
 * @offset: bytes of that page that were used
 * @left: bytes of the part that were not used yet
 */
struct edu_end {
	struct contig_kernel_preparation preparation;
	struct contig_span span;
	u64 dma[IRQ_TEST_ENTRIES];
	unsigned int entry;
	unsigned int offset;
	u64 left;
};

/**
 * struct edu_chain - a chain of transfers
 * @client: contig's
 * @cmd: the command, with its results
 * @from: memory that it reads
 * @to: memory that it writes
 * @chunk: bytes of the current transfer
 * @to_memory: the current transfer is the second half, from edu to memory
 * @over: the result is final
 * @done: completed when @over is set
 */
struct edu_chain {
	struct contig_kernel_client *client;
	struct irq_test_chain *cmd;
	struct edu_end from;
	struct edu_end to;
	unsigned int chunk;
	bool to_memory;
	bool over;
	struct completion done;
};

/**
 * struct irq_test_edu - the device
 * @pdev: as PCI knows it
 * @registers: mapped
 * @irq: its interrupt
 * @chain: the current chain, NULL if there is none
 * @busy: irq_test_chain() still uses the device
 */
struct irq_test_edu {
	struct pci_dev *pdev;
	void __iomem *registers;
	int irq;
	struct edu_chain *chain;
	bool busy;
};

/* The device that tests use. Protected by irq_test_files_mutex. */
static struct irq_test_edu *the_edu;

static u64 edu_end_addr(const struct edu_end *end)
{
	return end->dma[end->entry] + end->offset;
}

/* Return how many bytes of the current page are left in the part. */
static unsigned int edu_end_room(const struct edu_end *end)
{
	return min_t(u64, end->left,
		     PAGE_SIZE - (edu_end_addr(end) & ~PAGE_MASK));
}

static int edu_end_prepare(struct edu_chain *chain, struct edu_end *end)
{
	int ret = contig_kernel_prepare(chain->client, &end->preparation);

	end->entry = 0;
	end->offset = 0;
	end->left = ret ? 0 : end->preparation.out_length;
	return ret;
}

/* Advance by @bytes, and prepare the next part if this one is used up. */
static int edu_end_advance(struct edu_chain *chain, struct edu_end *end,
			   unsigned int bytes)
{
	struct contig_kernel_preparation *p = &end->preparation;
	bool page_used = bytes == PAGE_SIZE - (edu_end_addr(end) & ~PAGE_MASK);
	int ret;

	end->left -= bytes;
	end->offset += bytes;
	if (page_used) {
		end->entry++;
		end->offset = 0;
	}
	if (end->left)
		return 0;
	ret = contig_kernel_checkpoint(p, 0);
	if (ret || p->out_done)
		return ret;
	p->first += p->out_length;
	chain->cmd->prepared++;
	return edu_end_prepare(chain, end);
}

static void edu_transfer(struct irq_test_edu *edu, struct edu_chain *chain)
{
	u64 addr = edu_end_addr(chain->to_memory ? &chain->to : &chain->from);

	if (chain->to_memory)
		addr += chain->cmd->off_by;
	else
		chain->chunk = min3(EDU_CHUNK, edu_end_room(&chain->from),
				    edu_end_room(&chain->to));
	writeq(chain->to_memory ? EDU_BUFFER : addr,
	       edu->registers + EDU_DMA_SOURCE);
	writeq(chain->to_memory ? addr : EDU_BUFFER,
	       edu->registers + EDU_DMA_TARGET);
	writeq(chain->chunk, edu->registers + EDU_DMA_COUNT);
	writeq(EDU_DMA_START | EDU_DMA_INTERRUPT |
	       (chain->to_memory ? EDU_DMA_TO_MEMORY : 0),
	       edu->registers + EDU_DMA_COMMAND);
}

/* End a transfer. Return 0 to start the next, 1 after the last, or -errno. */
static int edu_next(struct edu_chain *chain)
{
	int ret;

	chain->to_memory = !chain->to_memory;
	if (chain->to_memory)
		return 0;
	chain->cmd->moved += chain->chunk;
	ret = edu_end_advance(chain, &chain->from, chain->chunk);
	if (!ret)
		ret = edu_end_advance(chain, &chain->to, chain->chunk);
	return ret ?: chain->from.left ? 0 : 1;
}

static void edu_chain_end(struct edu_chain *chain, int result)
{
	chain->cmd->result = result;
	chain->over = true;
	complete(&chain->done);
}

static irqreturn_t edu_interrupt(int irq, void *data)
{
	struct irq_test_edu *edu = data;
	struct edu_chain *chain = READ_ONCE(edu->chain);
	u32 status = readl(edu->registers + EDU_IRQ_STATUS);
	u64 start = ktime_get_mono_fast_ns();
	int ret;

	if (!status)
		return IRQ_NONE;
	writel(status, edu->registers + EDU_IRQ_ACK);
	if (!(status & EDU_DMA_DONE) || !chain || chain->over)
		return IRQ_HANDLED;
	chain->cmd->interrupts += !!in_hardirq();
	ret = edu_next(chain);
	if (ret)
		edu_chain_end(chain, min(ret, 0));
	else
		edu_transfer(edu, chain);
	chain->cmd->longest_ns = max(chain->cmd->longest_ns,
				     ktime_get_mono_fast_ns() - start);
	return IRQ_HANDLED;
}

static void edu_end_init(struct edu_end *end, u64 addr, u64 length,
			 unsigned int entries, u32 options)
{
	end->span = (struct contig_span){ addr, length };
	end->preparation = (struct contig_kernel_preparation){
		.options = options,
		.nr = 1,
		.ranges = &end->span,
		.dma = end->dma,
		.entries = entries,
	};
}

int irq_test_chain(struct irq_test_file *file, struct irq_test_chain *cmd)
{
	struct irq_test_edu *edu = file->edu;
	struct edu_chain *chain;
	int ret;

	if (!edu || !cmd->entries || cmd->entries > IRQ_TEST_ENTRIES)
		return -EINVAL;
	chain = kzalloc(sizeof(*chain), GFP_KERNEL);
	if (!chain)
		return -ENOMEM;
	cmd->result = 0;
	cmd->interrupts = 0;
	cmd->prepared = 0;
	cmd->moved = 0;
	cmd->longest_ns = 0;
	chain->client = file->client;
	chain->cmd = cmd;
	init_completion(&chain->done);
	edu_end_init(&chain->from, cmd->from, cmd->length, cmd->entries,
		     CONTIG_KERNEL_OUTPUT);
	edu_end_init(&chain->to, cmd->to, cmd->length, cmd->entries,
		     CONTIG_KERNEL_INPUT);
	ret = edu_end_prepare(chain, &chain->from);
	if (!ret)
		ret = edu_end_prepare(chain, &chain->to);
	if (!ret) {
		WRITE_ONCE(edu->busy, true);
		WRITE_ONCE(edu->chain, chain);
		edu_transfer(edu, chain);
		wait_for_completion(&chain->done);
		WRITE_ONCE(edu->chain, NULL);
		synchronize_irq(edu->irq);
		ret = cmd->result;
	}
	/* After an error parts may still be prepared. */
	contig_kernel_checkpoint(&chain->from.preparation, 0);
	contig_kernel_checkpoint(&chain->to.preparation, 0);
	cmd->result = ret;
	kfree(chain);
	WRITE_ONCE(edu->busy, false);
	return 0;
}

int irq_test_open_for_edu(struct irq_test_file *file)
{
	int ret;

	lockdep_assert_held(&irq_test_files_mutex);
	if (!the_edu)
		return -ENODEV;
	ret = irq_test_open_for(file, &the_edu->pdev->dev);
	if (!ret)
		file->edu = the_edu;
	return ret;
}

static int edu_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct irq_test_edu *edu;
	int ret;

	edu = devm_kzalloc(&pdev->dev, sizeof(*edu), GFP_KERNEL);
	if (!edu)
		return -ENOMEM;
	edu->pdev = pdev;
	pci_set_drvdata(pdev, edu);
	ret = pcim_enable_device(pdev) ?:
	      pcim_iomap_regions(pdev, 1, "contig_irq_test") ?:
	      dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(dma_bits));
	if (ret)
		return ret;
	edu->registers = pcim_iomap_table(pdev)[0];
	pci_set_master(pdev);
	ret = pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_ALL_TYPES);
	if (ret < 0)
		return ret;
	/* Called in hard interrupt context, even with PREEMPT_RT. */
	edu->irq = pci_irq_vector(pdev, 0);
	ret = request_irq(edu->irq, edu_interrupt, IRQF_NO_THREAD,
			  "contig_irq_test", edu);
	if (ret) {
		pci_free_irq_vectors(pdev);
		return ret;
	}
	guard(mutex)(&irq_test_files_mutex);
	if (!the_edu)
		the_edu = edu;
	return 0;
}

static void edu_remove(struct pci_dev *pdev)
{
	struct irq_test_edu *edu = pci_get_drvdata(pdev);
	struct edu_chain *chain;
	struct irq_test_file *file;
	int tries;

	/* The chain ends by itself: contig prepares no more for the device. */
	for (tries = 0; tries < 250 && READ_ONCE(edu->busy); tries++)
		msleep(20);
	free_irq(edu->irq, edu);
	chain = READ_ONCE(edu->chain);
	if (chain && !chain->over)
		edu_chain_end(chain, -ETIME);
	pci_free_irq_vectors(pdev);
	pci_clear_master(pdev);
	guard(mutex)(&irq_test_files_mutex);
	if (the_edu == edu)
		the_edu = NULL;
	list_for_each_entry(file, &irq_test_files, node) {
		guard(rwsem_write)(&file->alive);
		if (file->edu != edu)
			continue;
		contig_kernel_close(file->client);
		file->client = NULL;
		file->edu = NULL;
	}
}

static const struct pci_device_id edu_ids[] = {
	{ PCI_DEVICE(0x1234, 0x11e8) },
	{}
};

static struct pci_driver edu_driver = {
	.name = "contig_irq_test",
	.id_table = edu_ids,
	.probe = edu_probe,
	.remove = edu_remove,
};

int irq_test_chain_init(void)
{
	return pci_register_driver(&edu_driver);
}

void irq_test_chain_exit(void)
{
	pci_unregister_driver(&edu_driver);
}
