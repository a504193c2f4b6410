// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * The classic face: properties of the machine.
 */
#include <sys/sysinfo.h>
#include <unistd.h>

#include "macvm_internal.h"

#define GESTALT_MAX 0x7fffffff

static uint64_t vm_attributes(void)
{
	struct contig *client;

	if (ctg_mac_client(&client))
		return 0;
	return 1 << gestaltVMPresent | 1 << gestaltVMHasLockMemoryForOutput;
}

static int ask(OSType selector, uint64_t *response)
{
	struct sysinfo memory;

	if (sysinfo(&memory))
		return -errno;
	switch (selector) {
	case gestaltVMAttr:
		*response = vm_attributes();
		return 0;
	case gestaltLogicalPageSize:
		*response = sysconf(_SC_PAGESIZE);
		return 0;
	case gestaltPhysicalRAMSize:
		*response = (uint64_t)memory.totalram * memory.mem_unit;
		return 0;
	case gestaltLogicalRAMSize:
		*response = ((uint64_t)memory.totalram + memory.totalswap) *
			    memory.mem_unit;
		return 0;
	default:
		return -ENOENT;
	}
}

CONTIG_EXPORT OSErr Gestalt64(OSType selector, uint64_t *response)
{
	CTG_PAGING;
	int error;

	if (!response)
		return ctg_mac_result(-EFAULT);
	error = ask(selector, response);
	if (error == -ENOENT)
		return ctg_mac_set_result(gestaltUndefSelectorErr);
	return ctg_mac_result(error);
}

CONTIG_EXPORT OSErr Gestalt(OSType selector, long *response)
{
	uint64_t wide = 0;
	OSErr result;

	if (!response)
		return ctg_mac_result(-EFAULT);
	result = Gestalt64(selector, &wide);
	if (!result)
		*response = wide < GESTALT_MAX ? wide : GESTALT_MAX;
	return result;
}
