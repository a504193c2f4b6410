/* SPDX-License-Identifier: LGPL-2.1-or-later OR MIT */
/*
 * Declarations shared by the files of the classic face.
 */
#ifndef CONTIG_MACVM_INTERNAL_H
#define CONTIG_MACVM_INTERNAL_H

#include <contig/macvm.h>

#include "internal.h"

/*
 * Repeat a call that a signal ended: the classic calls have no result for that.
 */
#define CTG_RETRY(call)                                                        \
	({                                                                     \
		int retry_error;                                               \
		do {                                                           \
			retry_error = (call);                                  \
		} while (retry_error == -EINTR);                               \
		retry_error;                                                   \
	})

/* macvm.c */
OSErr ctg_mac_set_result(OSErr result);
OSErr ctg_mac_result(int error);
OSErr ctg_mac_client(struct contig **client);
struct contig *ctg_mac_client_if_open(void);
bool ctg_mac_has_device(void);
void ctg_mac_after_fork(void);

/* macvm_alloc.c */
void ctg_mac_blocks_after_fork(void);

#endif /* CONTIG_MACVM_INTERNAL_H */
