// SPDX-License-Identifier: GPL-2.0-only
/*
 * How much memory each user has allocated, and may; who may see addresses
 */
#include <linux/capability.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/user_namespace.h>
#include <linux/xarray.h>

#include "limits.h"

static unsigned long quota_mib;
module_param(quota_mib, ulong, 0644);
MODULE_PARM_DESC(quota_mib,
		 "MiB that each user may have allocated (default: half of memory)");

static unsigned long total_mib;
module_param(total_mib, ulong, 0644);
MODULE_PARM_DESC(total_mib,
		 "MiB that all users together may have allocated (default: three quarters of memory)");

static bool allow_physical;
module_param(allow_physical, bool, 0644);
MODULE_PARM_DESC(allow_physical,
		 "tell physical addresses to everybody who may open /dev/contig, not only to CAP_SYS_RAWIO (default: no)");

/* Users by their uid; the mutex keeps one from going while it is looked up. */
static DEFINE_MUTEX(contig_users_mutex);
static DEFINE_XARRAY(contig_users);

/* Pages in the buffers of all users. */
static atomic_long_t contig_total;

void contig_limits_init(void)
{
	unsigned long mib = totalram_pages() >> (20 - PAGE_SHIFT);

	if (!quota_mib)
		quota_mib = mib / 2;
	if (!total_mib)
		total_mib = mib - mib / 4;
}

static unsigned long contig_mib_to_pages(unsigned long mib)
{
	if (mib > LONG_MAX >> (20 - PAGE_SHIFT))
		return LONG_MAX;
	return mib << (20 - PAGE_SHIFT);
}

/* What each user may have allocated, in pages. */
unsigned long contig_user_quota(void)
{
	return contig_mib_to_pages(READ_ONCE(quota_mib));
}

static unsigned long contig_total_quota(void)
{
	return contig_mib_to_pages(READ_ONCE(total_mib));
}

static unsigned long contig_left(unsigned long quota, const atomic_long_t *used)
{
	unsigned long pages = atomic_long_read(used);

	return pages < quota ? quota - pages : 0;
}

/* How many pages more a user may be charged for now. */
unsigned long contig_user_left(const struct contig_user *user)
{
	return min(contig_left(contig_user_quota(), &user->pages),
		   contig_left(contig_total_quota(), &contig_total));
}

/* Find or make the account of a user. Return NULL if there is no memory. */
struct contig_user *contig_user_get(kuid_t uid)
{
	struct contig_user *user;

	guard(mutex)(&contig_users_mutex);
	user = xa_load(&contig_users, __kuid_val(uid));
	if (user)
		return contig_user_ref(user);

	user = kzalloc(sizeof(*user), GFP_KERNEL);
	if (!user)
		return NULL;
	refcount_set(&user->refs, 1);
	user->uid = uid;
	if (xa_err(xa_store(&contig_users, __kuid_val(uid), user,
			    GFP_KERNEL))) {
		kfree(user);
		return NULL;
	}
	return user;
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
	xa_erase(&contig_users, __kuid_val(user->uid));
	mutex_unlock(&contig_users_mutex);
	kfree(user);
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

/* Return: 0, or -EDQUOT and nothing is charged. */
int contig_user_charge(struct contig_user *user, unsigned long npages)
{
	if (!contig_charge(&user->pages, contig_user_quota(), npages))
		return -EDQUOT;
	if (contig_charge(&contig_total, contig_total_quota(), npages))
		return 0;
	atomic_long_sub(npages, &user->pages);
	return -EDQUOT;
}

void contig_user_uncharge(struct contig_user *user, unsigned long npages)
{
	atomic_long_sub(npages, &user->pages);
	atomic_long_sub(npages, &contig_total);
}

bool contig_may_see_physical(void)
{
	return READ_ONCE(allow_physical) || capable(CAP_SYS_RAWIO);
}

/* The same for who only asks, which is no use of the right. */
bool contig_may_see_physical_noaudit(void)
{
	return READ_ONCE(allow_physical) ||
	       ns_capable_noaudit(&init_user_ns, CAP_SYS_RAWIO);
}
