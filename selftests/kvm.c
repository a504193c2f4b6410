// SPDX-License-Identifier: GPL-2.0-only
/*
 * A virtual machine whose memory is a buffer that was allocated without a rung,
 * a flag or a constraint: its processor reads and writes there.
 */
#ifdef __x86_64__
#include <linux/kvm.h>
#endif

#include "kselftest_harness.h"
#include "contig_utils.h"

/*
 * Where the machine's program is, and the data that it reads, in the last page.
 */
#define CODE 0x100
#define WHERE 0x200

#ifdef __x86_64__
FIXTURE(kvm) {
	int fd;
	int buffer;
	size_t length;
	unsigned char *map;
	int kvm;
	int machine;
	int processor;
	struct kvm_run *run;
	int run_length;
};

FIXTURE_VARIANT(kvm) {
	size_t length;
};

FIXTURE_VARIANT_ADD(kvm, of_4k) { .length = KIB(4) };
FIXTURE_VARIANT_ADD(kvm, of_2m) { .length = MIB(2) };
FIXTURE_VARIANT_ADD(kvm, of_16m) { .length = MIB(16) };

FIXTURE_SETUP(kvm) {
	struct kvm_userspace_memory_region region = {};

	self->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (self->kvm < 0)
		SKIP(return, "no virtual machines here: modprobe kvm-amd");
	setup_client(self->fd);
	self->length = round_up_page(variant->length);
	self->buffer = buffer_get(self->fd, self->length, 0);
	ASSERT_LE(0, self->buffer);
	self->map = (unsigned char *)buffer_map(self->buffer, self->length);
	ASSERT_NE(NULL, self->map);
	self->machine = ioctl(self->kvm, KVM_CREATE_VM, 0);
	ASSERT_LE(0, self->machine);
	region.memory_size = self->length;
	region.userspace_addr = to_addr(self->map);
	ASSERT_EQ(0, ioctl(self->machine, KVM_SET_USER_MEMORY_REGION, &region));
	self->processor = ioctl(self->machine, KVM_CREATE_VCPU, 0);
	ASSERT_LE(0, self->processor);
	self->run_length = ioctl(self->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	ASSERT_LT(0, self->run_length);
	self->run = mmap(NULL, self->run_length, PROT_READ | PROT_WRITE,
			 MAP_SHARED, self->processor, 0);
	ASSERT_NE(MAP_FAILED, self->run);
}

FIXTURE_TEARDOWN(kvm) {
	munmap(self->run, self->run_length);
	close(self->processor);
	close(self->machine);
	close(self->kvm);
	munmap(self->map, self->length);
	close(self->buffer);
	close(self->fd);
}

/* al = es:[WHERE] + 1; es:[WHERE + 1] = al; hlt */
static const unsigned char code[] = {
	0x26, 0xa0, 0x00, 0x02, 0xfe, 0xc0, 0x26, 0xa2, 0x01, 0x02, 0xf4,
};

/* The machine's processor reads what the test wrote, and the reverse. */
TEST_F(kvm, reads_and_writes_the_memory)
{
	struct kvm_regs regs = { .rip = CODE, .rflags = 2 };
	size_t last = self->length - page_size;
	struct kvm_sregs sregs;

	memcpy(self->map + CODE, code, sizeof(code));
	self->map[last + WHERE] = 41;
	self->map[last + WHERE + 1] = 0;
	ASSERT_EQ(0, ioctl(self->processor, KVM_GET_SREGS, &sregs));
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	sregs.es.base = last;
	ASSERT_EQ(0, ioctl(self->processor, KVM_SET_SREGS, &sregs));
	ASSERT_EQ(0, ioctl(self->processor, KVM_SET_REGS, &regs));
	ASSERT_EQ(0, ioctl(self->processor, KVM_RUN, NULL));
	EXPECT_EQ(KVM_EXIT_HLT, self->run->exit_reason);
	EXPECT_EQ(42, self->map[last + WHERE + 1]);
}
#endif

TEST_HARNESS_MAIN
