// SPDX-License-Identifier: GPL-2.0-only
/*
 * Quotas of users, and the right to see physical addresses
 */
#include <linux/capability.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/user_namespace.h>
#include <linux/xarray.h>

#include "gfp.h"
#include "limits.h"

static unsigned long quota_mib;
module_param(quota_mib, ulong, 0644);
MODULE_PARM_DESC(quota_mib,
		 "MiB that each user may have allocated (default 0: an eighth of memory, half with CAP_SYS_RESOURCE)");

static unsigned long total_mib;
module_param(total_mib, ulong, 0644);
MODULE_PARM_DESC(total_mib,
		 "MiB that all users together may have allocated (default 0: three quarters of memory)");

static unsigned long ordinary_mib;
module_param(ordinary_mib, ulong, 0644);
MODULE_PARM_DESC(ordinary_mib,
		 "MiB that users without CAP_SYS_RESOURCE together may have allocated (default 0: a quarter of memory, or quota_mib if that is more)");

static unsigned long pin_total_mib;
module_param(pin_total_mib, ulong, 0644);
MODULE_PARM_DESC(pin_total_mib,
		 "MiB of their own memory that users without CAP_IPC_LOCK together may have locked (default 0: a quarter of memory)");

static bool allow_physical;
module_param(allow_physical, bool, 0644);
MODULE_PARM_DESC(allow_physical,
		 "tell physical addresses to everybody who may open /dev/contig, not only to CAP_SYS_RAWIO (default: no)");

/*
 * Accounts by uid. A uid has two: one for files that were opened with
 * CAP_SYS_RESOURCE, one for the others. The mutex keeps an account from being
 * freed while it is looked up.
 */
static DEFINE_MUTEX(contig_users_mutex);
static DEFINE_XARRAY_FLAGS(contig_ordinary_users, XA_FLAGS_ACCOUNT);
static DEFINE_XARRAY_FLAGS(contig_privileged_users, XA_FLAGS_ACCOUNT);

/* Pages charged to all accounts, and to the ordinary ones among them. */
static atomic_long_t contig_total;
static atomic_long_t contig_ordinary_total;

/* Pages of users' own memory that contig_pins_charge() counted. */
static atomic_long_t contig_pinned;

static unsigned long contig_mib_to_pages(unsigned long mib)
{
	if (mib > LONG_MAX >> (20 - PAGE_SHIFT))
		return LONG_MAX;
	return mib << (20 - PAGE_SHIFT);
}

/**
 * contig_user_quota() - return the quota of a user
 * @user: the account
 *
 * By default an ordinary user gets about as much as login managers grant on a
 * file system in memory: the OOM killer can free neither by killing a process.
 * A quota that the administrator sets holds for every user.
 *
 * Return: pages.
 */
unsigned long contig_user_quota(const struct contig_user *user)
{
	unsigned long mib = READ_ONCE(quota_mib);

	if (mib)
		return contig_mib_to_pages(mib);
	return totalram_pages() / (user->ordinary ? 8 : 2);
}

static unsigned long contig_total_quota(void)
{
	unsigned long mib = READ_ONCE(total_mib);

	return mib ? contig_mib_to_pages(mib) : totalram_pages() / 4 * 3;
}

/*
 * Return the common quota of all ordinary users. User namespaces give a user
 * many uids, so a quota for each uid alone is no limit. A quota that the
 * administrator sets can be reached by at least one user.
 */
static unsigned long contig_ordinary_quota(void)
{
	unsigned long mib = READ_ONCE(ordinary_mib);

	if (mib)
		return contig_mib_to_pages(mib);
	return max(totalram_pages() / 4,
		   contig_mib_to_pages(READ_ONCE(quota_mib)));
}

static unsigned long contig_quota_left(unsigned long quota,
				       const atomic_long_t *used)
{
	unsigned long pages = atomic_long_read(used);

	return pages < quota ? quota - pages : 0;
}

/* Return how many more pages can be charged to a user now. */
unsigned long contig_user_left(const struct contig_user *user)
{
	unsigned long left = min(contig_quota_left(contig_user_quota(user),
						   &user->pages),
				 contig_quota_left(contig_total_quota(),
						   &contig_total));

	if (user->ordinary)
		left = min(left, contig_quota_left(contig_ordinary_quota(),
						   &contig_ordinary_total));
	return left;
}

static struct xarray *contig_users(bool ordinary)
{
	return ordinary ? &contig_ordinary_users : &contig_privileged_users;
}

/* Return the account of a user with a reference, or NULL if there is none. */
static struct contig_user *contig_user_find(struct xarray *users,
					    unsigned long index)
{
	struct contig_user *user;

	guard(mutex)(&contig_users_mutex);
	user = xa_load(users, index);
	return user ? contig_user_ref(user) : NULL;
}

/**
 * contig_user_get() - find or create the account of a user
 * @uid: the user
 *
 * The capabilities of the calling task select one of the uid's two accounts.
 * The account belongs to the file that the task opens, like the file's other
 * rights: a process that the file is passed to is charged to the same account.
 *
 * Return: the account, or NULL if there is no memory.
 */
struct contig_user *contig_user_get(kuid_t uid)
{
	bool ordinary = !ns_capable_noaudit(&init_user_ns, CAP_SYS_RESOURCE);
	struct xarray *users = contig_users(ordinary);
	unsigned long index = __kuid_val(uid);
	struct contig_user *user;

	user = contig_user_find(users, index);
	if (user)
		return user;

	/* Reclaim can take long: not under the mutex, which all users share. */
	if (xa_reserve(users, index, CONTIG_GFP))
		return NULL;
	struct contig_user *new __free(kfree) = kzalloc(sizeof(*new), CONTIG_GFP);
	if (!new) {
		xa_release(users, index);
		return NULL;
	}
	refcount_set(&new->refs, 1);
	new->uid = uid;
	new->ordinary = ordinary;
	contig_turn_account_init(&new->turns);

	guard(mutex)(&contig_users_mutex);
	user = xa_load(users, index);
	if (user)
		return contig_user_ref(user);
	/* Only if another task has ended the reservation this takes memory. */
	if (xa_err(xa_store(users, index, new, GFP_NOWAIT | __GFP_NOWARN)))
		return NULL;
	return no_free_ptr(new);
}

struct contig_user *contig_user_ref(struct contig_user *user)
{
	refcount_inc(&user->refs);
	return user;
}

void contig_user_put(struct contig_user *user)
{
	if (!refcount_dec_and_mutex_lock(&user->refs, &contig_users_mutex))
		return;
	xa_erase(contig_users(user->ordinary), __kuid_val(user->uid));
	mutex_unlock(&contig_users_mutex);
	kfree_rcu(user, rcu);
}

/* Insert an account into a sorted list if it is one of the largest. */
static void contig_users_sort_in(struct contig_holding *top, unsigned int nr,
				 const struct contig_user *user)
{
	unsigned long npages = atomic_long_read(&user->pages);
	unsigned int i = nr - 1;

	if (npages <= top[i].npages)
		return;
	for (; i && top[i - 1].npages < npages; i--)
		top[i] = top[i - 1];
	top[i] = (struct contig_holding){ user->uid, npages };
}

/**
 * contig_users_largest() - find the accounts with the most memory in buffers
 * @top: receives them, the largest first; unused entries have no pages
 * @nr: length of @top
 *
 * Takes no lock besides RCU and allocates nothing, because the caller may be in
 * the middle of any allocation, even one under contig_users_mutex. May sleep.
 *
 * Return: the pages charged to all accounts.
 */
unsigned long contig_users_largest(struct contig_holding *top, unsigned int nr)
{
	struct contig_user *user;
	int ordinary;

	memset(top, 0, nr * sizeof(*top));
	for (ordinary = 0; ordinary < 2; ordinary++) {
		XA_STATE(xas, contig_users(ordinary), 0);

		rcu_read_lock();
		xas_for_each(&xas, user, ULONG_MAX) {
			if (!xas_retry(&xas, user))
				contig_users_sort_in(top, nr, user);
			if (need_resched()) {
				xas_pause(&xas);
				rcu_read_unlock();
				cond_resched();
				rcu_read_lock();
			}
		}
		rcu_read_unlock();
	}
	return atomic_long_read(&contig_total);
}

static bool contig_charge(atomic_long_t *pages, unsigned long quota,
			  unsigned long npages)
{
	long used = atomic_long_read(pages);

	do {
		if (npages > quota || used > quota - npages)
			return false;
	} while (!atomic_long_try_cmpxchg(pages, &used, used + npages));
	return true;
}

/* Return 0, or -EDQUOT and nothing is charged. */
int contig_user_charge(struct contig_user *user, unsigned long npages)
{
	if (!contig_charge(&user->pages, contig_user_quota(user), npages))
		return -EDQUOT;
	/* Shared totals come last: a user's own excess never counts there. */
	if (user->ordinary &&
	    !contig_charge(&contig_ordinary_total, contig_ordinary_quota(),
			   npages))
		goto err_user;
	if (!contig_charge(&contig_total, contig_total_quota(), npages))
		goto err_ordinary;
	return 0;

err_ordinary:
	if (user->ordinary)
		atomic_long_sub(npages, &contig_ordinary_total);
err_user:
	atomic_long_sub(npages, &user->pages);
	return -EDQUOT;
}

void contig_user_uncharge(struct contig_user *user, unsigned long npages)
{
	atomic_long_sub(npages, &user->pages);
	atomic_long_sub(npages, &contig_total);
	if (user->ordinary)
		atomic_long_sub(npages, &contig_ordinary_total);
}

/**
 * contig_pins_charge() - count memory that the caller pins, over all uids
 * @npages: number of pages
 * @counted: receives whether they are counted, for contig_pins_uncharge()
 *
 * RLIMIT_MEMLOCK limits each uid, and a user namespace can have 65536 uids. So
 * there is a total in addition. It counts like RLIMIT_MEMLOCK: a page once for
 * each client that locks it, and not for callers with CAP_IPC_LOCK.
 *
 * Return: 0, or -EDQUOT and nothing is counted.
 */
int contig_pins_charge(unsigned long npages, bool *counted)
{
	unsigned long mib = READ_ONCE(pin_total_mib);
	unsigned long quota = mib ? contig_mib_to_pages(mib) :
				    totalram_pages() / 4;

	*counted = false;
	if (ns_capable_noaudit(&init_user_ns, CAP_IPC_LOCK))
		return 0;
	if (!contig_charge(&contig_pinned, quota, npages))
		return -EDQUOT;
	*counted = true;
	return 0;
}

void contig_pins_uncharge(unsigned long npages, bool counted)
{
	if (counted)
		atomic_long_sub(npages, &contig_pinned);
}

bool contig_may_see_physical(void)
{
	return READ_ONCE(allow_physical) || capable(CAP_SYS_RAWIO);
}

/* The same check without an audit record, for reporting only. */
bool contig_may_see_physical_noaudit(void)
{
	return READ_ONCE(allow_physical) ||
	       ns_capable_noaudit(&init_user_ns, CAP_SYS_RAWIO);
}
