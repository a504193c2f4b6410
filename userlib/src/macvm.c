// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * The classic face: its client, its result codes, holding and locking.
 */
#include <unistd.h>

#include "macvm_internal.h"

/* Maximum number of attempts to open a client that no child has inherited. */
#define MOST_OPENS 16

/*
 * Written with the leaf mutex held, read without it, so that functions that
 * were safe at interrupt time are safe in a signal handler.
 */
static _Atomic(struct contig *) mac_client;
static atomic_bool has_device;

/* initial-exec: a first access in a signal handler must not allocate it. */
static __thread OSErr last_result __attribute__((tls_model("initial-exec")));

/* The errnos that have a result code; all others are paramErr. */
static const struct {
	int error;
	OSErr result;
} results[] = {
	{0, noErr},
	{ENOMEM, notEnoughMemoryErr},
	{EDQUOT, notEnoughMemoryErr},
	{ETIME, notEnoughMemoryErr},
	{EMSGSIZE, notEnoughMemoryErr},
	{ENODATA, notHeldErr},
	{EILSEQ, cannotMakeContiguousErr},
	{ENOLCK, notLockedErr},
	{ESTALE, notLockedErr},
	{EPERM, permErr},
	{ENOBUFS, cannotDeferErr},
};

OSErr ctg_mac_set_result(OSErr result)
{
	last_result = result;
	return result;
}

/* Turn a negative errno into a result code, and remember both. */
OSErr ctg_mac_result(int error)
{
	OSErr result = paramErr;
	size_t i;

	ctg_result(error);
	for (i = 0; i < ARRAY_SIZE(results); i++)
		if (results[i].error == -error)
			result = results[i].result;
	return ctg_mac_set_result(result);
}

CONTIG_EXPORT OSStatus MacVMLastError(void)
{
	return last_result;
}

/*
 * Close the client in the child of a fork, with the leaf mutex held. The client
 * serves the parent's memory only. If the child kept it open, memory that the
 * parent locked would stay locked until the child ends. None of that memory is
 * mlock()ed in the child. The handle is not freed: the fork may have been
 * called in a signal handler, in the middle of a call that is going to use the
 * handle.
 */
void ctg_mac_after_fork(void)
{
	struct contig *client = atomic_exchange(&mac_client, NULL);

	atomic_store(&has_device, false);
	if (client)
		close(client->fd);
}

enum publication {
	PUBLISHED,
	NOT_NEEDED,
	MAY_BE_INHERITED,
};

/*
 * Make @client the client of the process, unless the process has one or a child
 * inherited @client.
 */
static enum publication publish(struct contig *client, unsigned int forks,
				bool try_again)
{
	enum publication result = NOT_NEEDED;
	struct ctg_leaf leaf;

	ctg_leaf_lock(&leaf);
	if (try_again && ctg_forks() != forks) {
		result = MAY_BE_INHERITED;
	} else if (!atomic_load(&mac_client)) {
		atomic_store(&mac_client, client);
		result = PUBLISHED;
	}
	ctg_leaf_unlock(&leaf);
	return result;
}

/*
 * Open a client and publish it. No mutex is held while the device is opened.
 * Several threads may open it; the first one to publish its client wins. A
 * child that was forked in between has inherited the descriptor without knowing
 * it, and would keep the parent's locks alive. So that client is closed and
 * another one opened, MOST_OPENS times at most.
 */
static int open_client(void)
{
	enum publication result = MAY_BE_INHERITED;
	struct contig *client;
	unsigned int forks;
	int tries;
	int error;

	for (tries = 1; result == MAY_BE_INHERITED; tries++) {
		forks = ctg_forks();
		error = contig_open(&client, NULL);
		if (error)
			return error;
		result = publish(client, forks, tries < MOST_OPENS);
		if (result != PUBLISHED)
			contig_close(client);
	}
	return 0;
}

/**
 * ctg_mac_client() - get the client of this process, open it if necessary
 * @client: where to put it
 *
 * Return: noErr, noMMUErr, notEnoughMemoryErr.
 */
OSErr ctg_mac_client(struct contig **client)
{
	int error;

	*client = atomic_load(&mac_client);
	if (*client)
		return noErr;
	error = open_client();
	*client = atomic_load(&mac_client);
	if (!error)
		return noErr;
	ctg_result(error);
	return ctg_mac_set_result(error == -ENOMEM ? notEnoughMemoryErr
						   : noMMUErr);
}

/* Return the client, or NULL if nothing can be held or locked yet. */
struct contig *ctg_mac_client_if_open(void)
{
	return atomic_load(&mac_client);
}

bool ctg_mac_has_device(void)
{
	return atomic_load(&has_device);
}

CONTIG_EXPORT OSErr MacVMAttachDevice(const char *name,
				      const struct contig_device_opts *opts)
{
	CTG_PAGING;
	struct contig *client;
	OSErr result;
	int error;

	if (!name)
		return ctg_mac_result(-EFAULT);
	result = ctg_mac_client(&client);
	if (result)
		return result;
	error = CTG_RETRY(contig_attach_device(client, name, opts));
	if (!error)
		atomic_store(&has_device, true);
	return ctg_mac_result(error);
}

CONTIG_EXPORT OSErr MacVMDetachDevice(void)
{
	CTG_PAGING;
	struct contig *client = ctg_mac_client_if_open();
	int error;

	if (!client)
		return ctg_mac_result(-EUNATCH);
	error = CTG_RETRY(contig_detach_device(client));
	if (!error)
		atomic_store(&has_device, false);
	return ctg_mac_result(error);
}

static OSErr lock_memory(void *address, unsigned long count, uint32_t flags)
{
	CTG_PAGING;
	struct contig *client;
	OSErr result;
	int error;

	if (!count)
		return ctg_mac_result(0);
	result = ctg_mac_client(&client);
	if (result)
		return result;
	error = CTG_RETRY(contig_lock(client, address, count, flags));
	/* notLockedErr would be misleading as the result of a lock. */
	if (error == -ESTALE)
		return ctg_mac_set_result(paramErr);
	return ctg_mac_result(error);
}

CONTIG_EXPORT OSErr LockMemory(void *address, unsigned long count)
{
	return lock_memory(address, count, 0);
}

CONTIG_EXPORT OSErr LockMemoryForOutput(void *address, unsigned long count)
{
	return lock_memory(address, count, CONTIG_LOCK_OUTPUT);
}

CONTIG_EXPORT OSErr LockMemoryContiguous(void *address, unsigned long count)
{
	OSErr error = lock_memory(address, count, CONTIG_LOCK_CONTIGUOUS);

	/* With this result classic programs continue with several blocks. */
	return error == permErr ? cannotMakeContiguousErr : error;
}

CONTIG_EXPORT OSErr UnlockMemory(void *address, unsigned long count)
{
	struct contig *client = ctg_mac_client_if_open();

	if (!count)
		return ctg_mac_result(0);
	if (!client)
		return ctg_mac_result(-ENOLCK);
	return ctg_mac_result(CTG_RETRY(contig_unlock(client, address, count)));
}

CONTIG_EXPORT OSErr HoldMemory(void *address, unsigned long count)
{
	CTG_PAGING;
	struct contig *client;
	OSErr result;

	if (!count)
		return ctg_mac_result(0);
	result = ctg_mac_client(&client);
	if (result)
		return result;
	return ctg_mac_result(CTG_RETRY(contig_hold(client, address, count)));
}

CONTIG_EXPORT OSErr UnholdMemory(void *address, unsigned long count)
{
	CTG_PAGING;
	struct contig *client = ctg_mac_client_if_open();

	if (!count)
		return ctg_mac_result(0);
	if (!client)
		return ctg_mac_result(-ENODATA);
	return ctg_mac_result(CTG_RETRY(contig_unhold(client, address, count)));
}
