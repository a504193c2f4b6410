/* SPDX-License-Identifier: LGPL-2.1-or-later OR MIT */
/*
 * Declarations shared by the files of libcontig, not visible to its users.
 */
#ifndef CONTIG_INTERNAL_H
#define CONTIG_INTERNAL_H

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <contig.h>

/* The library is built with hidden visibility. */
#define CONTIG_EXPORT __attribute__((visibility("default")))

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/**
 * struct contig - a client
 * @fd: of /dev/contig
 * @held_start: first byte that was ever held; protected by the mutex of hold.c
 * @held_end: byte after the last; equal if none was
 */
struct contig {
	int fd;
	uintptr_t held_start;
	uintptr_t held_end;
};

/**
 * struct contig_buffer - a buffer
 * @fd: dma-buf
 * @length: bytes
 * @answer: the kernel's answer to the allocation; zero if it was imported
 */
struct contig_buffer {
	int fd;
	uint64_t length;
	struct contig_alloc answer;
};

/**
 * struct ctg_range - a range of memory or of a buffer
 * @addr: address or offset
 * @length: bytes
 * @fd: buffer, with CONTIG_RANGE_BUFFER
 * @flags: CONTIG_RANGE_BUFFER; CONTIG_GET_DMA to translate to DMA addresses
 */
struct ctg_range {
	uint64_t addr;
	uint64_t length;
	int fd;
	uint32_t flags;
};

/**
 * struct ctg_text - a string that is being composed
 * @start: buffer for the string
 * @size: size of the buffer
 * @length: length of the whole string, even if it does not fit
 */
struct ctg_text {
	char *start;
	size_t size;
	size_t length;
};

/*
 * Set errno and return @error. Every function that returns an error to the user
 * calls this.
 */
static inline int ctg_result(int error)
{
	if (error)
		errno = -error;
	return error;
}

/**
 * DOC: Mutexes, and how fork(), signals and cancellation affect them
 *
 * The library has two mutexes:
 *
 *  - leaf_mutex of fork.c: the client of the classic face and the list of its
 *    blocks; held for a few instructions, innermost
 *  - hold_mutex of hold.c: from the kernel's answer to CONTIG_UNHOLD to the
 *    munlock() that follows from it; held over system calls
 *
 * ============  ==========================  =============================
 * event         leaf_mutex                  hold_mutex
 * ============  ==========================  =============================
 * fork()        locked by the fork; the     not waited for; in the child it
 *               child unlocks it            is free unless this thread has
 *                                           it (fork() in a handler)
 * a signal      blocked while locked        DeferUserFn() defers; a handler
 *                                           that holds gets EDEADLK
 * cancellation  disabled, as in every call  disabled, as in every call that
 *               that has CTG_PAGING         has CTG_PAGING
 * ============  ==========================  =============================
 *
 * So no function of the library is a cancellation point. The state of a thread
 * in macvm_defer.c needs no mutex, and the client of the classic face is read
 * without one.
 */

/*
 * Stands in every function that locks, holds, faults or moves memory, that uses
 * a mutex, or that calls functions which may allocate memory: malloc(),
 * snprintf(). Until the function returns, functions that a signal handler
 * passes to DeferUserFn() wait, and the thread is not cancelled.
 */
#define CTG_PAGING                                                             \
	__attribute__((cleanup(ctg_paging_end),                                \
		       unused)) struct ctg_cancel ctg_paging =                 \
		ctg_paging_begin()

/**
 * struct ctg_cancel - whether and how a thread could be cancelled
 * @state: as of pthread_setcancelstate()
 * @type: as of pthread_setcanceltype()
 */
struct ctg_cancel {
	int state;
	int type;
};

/*
 * Disable cancellation. Up to glibc 2.36, a cancellation that was sent before
 * is carried out even afterwards, unless the type is deferred.
 */
static inline struct ctg_cancel ctg_cancel_disable(void)
{
	struct ctg_cancel before;

	pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &before.type);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before.state);
	return before;
}

static inline void ctg_cancel_restore(struct ctg_cancel before)
{
	pthread_setcancelstate(before.state, NULL);
	pthread_setcanceltype(before.type, NULL);
}

/* macvm_defer.c */
void ctg_paging_enter(void);
void ctg_paging_leave(void);
void ctg_paging_forget(void);

static inline struct ctg_cancel ctg_paging_begin(void)
{
	struct ctg_cancel before = ctg_cancel_disable();

	ctg_paging_enter();
	return before;
}

static inline void ctg_paging_end(struct ctg_cancel *before)
{
	ctg_paging_leave();
	ctg_cancel_restore(*before);
}

/**
 * struct ctg_mutex - a mutex; zero when it is free
 * @word: number of the thread that holds it, and a bit if others wait
 */
struct ctg_mutex {
	atomic_uint word;
};

/**
 * struct ctg_leaf - state for ctg_leaf_unlock() to restore
 * @signals: the thread's signal mask before
 * @is_outermost: the thread did not hold the mutex before
 */
struct ctg_leaf {
	sigset_t signals;
	bool is_outermost;
};

/* lock.c */
bool ctg_mutex_is_mine(struct ctg_mutex *mutex);
bool ctg_mutex_lock(struct ctg_mutex *mutex);
void ctg_mutex_unlock(struct ctg_mutex *mutex);
void ctg_mutex_after_fork(struct ctg_mutex *mutex);

/* fork.c */
void ctg_leaf_lock(struct ctg_leaf *leaf);
void ctg_leaf_unlock(struct ctg_leaf *leaf);
unsigned int ctg_forks(void);
int ctg_watch_forks(void);

/* client.c */
int ctg_ioctl(int fd, unsigned long request, void *arg);

/* hold.c */
void ctg_hold_after_fork(void);
void ctg_hold_close(struct contig *client);

/* range.c */
int ctg_range_state(struct contig *client, struct ctg_range *range,
		    struct contig_run *runs, uint32_t *count);

/* text.c */
__attribute__((format(printf, 2, 3))) void ctg_add(struct ctg_text *text,
						   const char *format, ...);
const char *ctg_format_size(char text[32], uint64_t bytes);
const char *ctg_format_length(char text[96], uint64_t bytes);

/* uapi.c */
int ctg_copy_open_opts(struct contig_open_opts *known,
		       const struct contig_open_opts *opts);
int ctg_copy_device_opts(struct contig_device_opts *known,
			 const struct contig_device_opts *opts);
int ctg_copy_prepare_opts(struct contig_prepare_opts *known,
			  const struct contig_prepare_opts *opts);
int ctg_copy_alloc_opts(struct contig_alloc_opts *known,
			const struct contig_alloc_opts *opts);
int ctg_alloc_to_uapi(struct contig_alloc *arg, uint64_t length,
		      const struct contig_alloc_opts *opts);
int ctg_check_alloc(const struct contig_alloc *answer);
int ctg_copy_defer_opts(struct contig_defer_opts *known,
			const struct contig_defer_opts *opts);
int ctg_defer_to_uapi(struct contig_defer *arg, uint64_t length,
		      const struct contig_alloc_opts *alloc_opts,
		      const struct contig_defer_opts *opts);
void ctg_probe_to_uapi(struct contig_probe *arg, uint64_t length,
		       const struct contig_alloc_opts *opts);
int ctg_info_to_uapi(struct contig_info *arg, const struct contig_info *info);
void ctg_copy_info(struct contig_info *to, const struct contig_info *from);
int ctg_copy_report(void *to, size_t to_size, const struct contig_report *from);
void ctg_copy_alloc(struct contig_alloc *to, const struct contig_alloc *from);
int ctg_copy_probe(struct contig_probe *to, const struct contig_probe *from);
int ctg_device_to_uapi(struct contig_device *arg, const char *name,
		       const struct contig_device_opts *opts);
int ctg_copy_device(struct contig_device *to, const struct contig_device *from);
void ctg_lock_to_uapi(struct contig_lock *arg, const struct ctg_range *range,
		      uint32_t flags);
void ctg_unlock_to_uapi(struct contig_unlock *arg,
			const struct ctg_range *range);
void ctg_get_physical_to_uapi(struct contig_get_physical *arg,
			      const struct ctg_range *range,
			      struct contig_extent *extents, uint32_t count);
void ctg_get_state_to_uapi(struct contig_get_state *arg,
			   const struct ctg_range *range,
			   struct contig_run *runs, uint32_t count);
void ctg_prepare_to_uapi(struct contig_prepare *arg,
			 const struct contig_span *ranges, uint32_t range_count,
			 const struct contig_prepare_opts *opts);
int ctg_check_prepare(const struct contig_prepare *to);
void ctg_copy_prepare(struct contig_prepare *to,
		      const struct contig_prepare *from);
void ctg_sync_to_uapi(struct contig_sync *arg, const struct ctg_range *range,
		      uint32_t flags);

#endif /* CONTIG_INTERNAL_H */
