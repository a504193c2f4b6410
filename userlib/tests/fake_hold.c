// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * The stand-in's holds, and the effect of mlock() and munlock() on them.
 */
#include <signal.h>

#include "fake_internal.h"

/* The state of a page that all clients share. */
struct mlocked {
	uint64_t addr;
	bool now;
	bool before;
	bool on_fault;
};

static struct mlocked mlocks[MAX_PAGES];

int __wrap_mlock(const void *addr, size_t length);
int __wrap_mlock2(const void *addr, size_t length, unsigned int flags);
int __wrap_munlock(const void *addr, size_t length);

void fake_hold_reset(void)
{
	memset(mlocks, 0, sizeof(mlocks));
}

static struct mlocked *get_mlocked(uint64_t addr)
{
	size_t i;

	addr = fake_page_of(addr);
	for (i = 0; i < MAX_PAGES && mlocks[i].addr; i++)
		if (mlocks[i].addr == addr)
			return &mlocks[i];
	assert_true(i < MAX_PAGES);
	mlocks[i].addr = addr;
	return &mlocks[i];
}

bool fake_mlocked(const void *addr)
{
	return get_mlocked((uintptr_t)addr)->now;
}

unsigned int fake_mlocked_pages(void)
{
	unsigned int count = 0;
	size_t i;

	for (i = 0; i < MAX_PAGES && mlocks[i].addr; i++)
		count += mlocks[i].now;
	return count;
}

static int set_mlocked(const void *addr, size_t length, bool now, bool on_fault)
{
	uint64_t page = fake_page_of((uintptr_t)addr);
	int result = 0;

	fake_lock();
	for (; page < (uintptr_t)addr + length; page += PAGE) {
		if (!fake_page_is_mapped(page)) {
			get_mlocked(page)->now = false;
			errno = ENOMEM;
			result = -1;
			break;
		}
		if (now && !get_mlocked(page)->now &&
		    fake_mlocked_pages() >= fake.mlock_pages) {
			errno = ENOMEM;
			result = -1;
			break;
		}
		get_mlocked(page)->now = now;
		get_mlocked(page)->on_fault = on_fault;
	}
	fake_unlock();
	return result;
}

int __wrap_mlock(const void *addr, size_t length)
{
	return set_mlocked(addr, length, true, false);
}

int __wrap_mlock2(const void *addr, size_t length, unsigned int flags)
{
	return set_mlocked(addr, length, true, flags & MLOCK_ONFAULT);
}

int __wrap_munlock(const void *addr, size_t length)
{
	if (fake.before_munlock)
		fake.before_munlock();
	return set_mlocked(addr, length, false, false);
}

int fake_do_hold(int client, struct contig_hold *arg)
{
	uint64_t addr = arg->addr;
	uint64_t page;
	int error = fake_resolve(0, 0, &addr, arg->length);

	if (!error)
		error = fake_check_pages(addr, arg->length, false);
	if (error)
		return error;
	arg->out_unlocked = 0;
	for (page = fake_page_of(addr); page < addr + arg->length;
	     page += PAGE) {
		struct mlocked *mlocked = get_mlocked(page);

		if (!fake_total(page, true) || !mlocked->now)
			mlocked->before = mlocked->now;
		if (!mlocked->now)
			arg->out_unlocked += PAGE;
		fake_get_page(client, page)->holds++;
	}
	return 0;
}

static bool is_to_be_munlocked(uint64_t page, uint32_t flags)
{
	return fake_total(page, true) == 1 && !get_mlocked(page)->before &&
	       (!(flags & CONTIG_UNHOLD_ON_FAULT) ||
		get_mlocked(page)->on_fault);
}

int fake_do_unhold(int client, struct contig_unhold *arg)
{
	struct contig_span *spans = (void *)(uintptr_t)arg->spans;
	uint64_t addr = arg->addr;
	uint64_t page;
	uint32_t count = 0;
	int error = fake_resolve(0, 0, &addr, arg->length);

	if (error)
		return error;
	if (arg->flags & ~CONTIG_UNHOLD_ON_FAULT ||
	    (arg->flags && fake.knows_no_on_fault))
		return EOPNOTSUPP;
	for (page = fake_page_of(addr); page < addr + arg->length;
	     page += PAGE) {
		if (!fake_get_page(client, page)->holds)
			return ENODATA;
		if (is_to_be_munlocked(page, arg->flags) &&
		    (page == fake_page_of(addr) ||
		     !is_to_be_munlocked(page - PAGE, arg->flags)))
			count++;
	}
	if (arg->count && count > arg->count) {
		arg->count = count;
		return EMSGSIZE;
	}
	count = 0;
	for (page = fake_page_of(addr); page < addr + arg->length;
	     page += PAGE) {
		if (arg->count && is_to_be_munlocked(page, arg->flags)) {
			if (count &&
			    spans[count - 1].addr + spans[count - 1].length ==
				    page)
				spans[count - 1].length += PAGE;
			else
				spans[count++] =
					(struct contig_span){page, PAGE};
		}
		fake_get_page(client, page)->holds--;
	}
	arg->count = count;
	return 0;
}

static int raises;

static void raise_once(unsigned int cmd)
{
	(void)cmd;
	fake.during = NULL;
	raise(raises);
}

void fake_raise(int signal)
{
	raises = signal;
	fake.during = raise_once;
}
