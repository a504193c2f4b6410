# SPDX-License-Identifier: GPL-2.0-only
#
# contig: what people type. "make help" lists it.
#
#   KERNELDIR   kernel headers to build the module against
#   KERNELS     kernels that demo, check and bench run on
#   FUZZ_TIME   seconds that "make fuzz" takes
#   DESTDIR, prefix   where "make install" puts things

KVER ?= $(shell uname -r)
KERNELDIR ?= /lib/modules/$(KVER)/build
KERNELS ?=
# Unless make was told how many.
JOBS = $(if $(findstring --jobserver,$(MAKEFLAGS)),,-j$(shell nproc))
prefix ?= /usr/local
FUZZ_TIME ?= 3600

BUILD := $(CURDIR)/build
KSFT := $(BUILD)/linux-source/tools/testing/selftests

.DEFAULT_GOAL := all
.PHONY: all help modules library selftests install uninstall load unload
.PHONY: guest demo check bench lint fuzz clean distclean

all: modules library selftests

help:
	@echo 'make                  module (against KERNELDIR), library and tests'
	@echo 'make demo             contiguous memory, early against deferred, in QEMU'
	@echo 'make check            every test, on every kernel, in QEMU'
	@echo 'make bench            what each call costs, in QEMU'
	@echo 'make lint             style and static checks'
	@echo 'make fuzz             look for bugs for FUZZ_TIME seconds ($(FUZZ_TIME))'
	@echo 'make install          into DESTDIR and prefix ($(prefix))'
	@echo 'make load, unload     the module on this machine (as root)'
	@echo 'make clean, distclean what was built; also the kernels fetched'
	@echo
	@echo 'KERNELS="6.1 debug" chooses kernels for demo, check and bench;'
	@echo 'KERNELDIR=... the headers that make builds the module against.'

# A kernel is built against in a folder of its own, since kbuild writes next to
# the sources: so many kernels can be served from one checkout.
#
# $(call build_module,HEADERS,FOLDER)
define build_module
	@mkdir -p $(2)
	@cp -ru Kbuild kmod uapi $(2)/
	+$(MAKE) --no-print-directory -C $(1) M=$(2) $(MODULE_FLAGS) $(JOBS) modules
endef

modules:
	@test -e $(KERNELDIR)/Makefile || { \
		echo "no kernel headers in $(KERNELDIR): install the package" \
			"linux-headers-$(KVER), or say KERNELDIR=..." >&2; \
		exit 1; }
	$(call build_module,$(KERNELDIR),$(BUILD)/module/$(KVER))

# With KERNEL=NAME of scripts/kernel-list, programs are built for its guests, and
# where those are of another architecture than this machine, into folders of
# their own.
ifneq ($(KERNEL),)
kernel_says = $(shell sh -c 'me=make; . scripts/lib.sh; \
	arch=$$(kernel_field "$$1" 2) && $(1) "$$arch"' scripts/lib.sh $(KERNEL))
CROSS_COMPILE := $(call kernel_says,cross_prefix)
SUFFIX := $(call kernel_says,arch_suffix)
ifneq ($(SUFFIX),)
SYSROOT := $(call kernel_says,sysroot)
export PKG_CONFIG_SYSROOT_DIR := $(SYSROOT)
export PKG_CONFIG_LIBDIR := \
	$(SYSROOT)/usr/lib/$(CROSS_COMPILE:%-=%)/pkgconfig
endif
endif
USERLIB := $(BUILD)/userlib$(SUFFIX)
SELFTESTS := $(BUILD)/selftests$(SUFFIX)
CROSS := $(if $(CROSS_COMPILE),CROSS_COMPILE=$(CROSS_COMPILE))

library:
	+$(MAKE) --no-print-directory -C userlib O=$(USERLIB) $(CROSS) \
		prefix=$(prefix) lib examples

$(KSFT)/lib.mk:
	scripts/kernels source

selftests: library $(KSFT)/lib.mk
	+$(MAKE) --no-print-directory -C selftests OUTPUT=$(SELFTESTS) \
		LIBCONTIG=$(USERLIB) KSFT=$(KSFT) $(CROSS) all

# The programs of scripts/demo and scripts/bench.
.PHONY: benchmarks
benchmarks:
	+$(MAKE) --no-print-directory -C selftests/bench \
		OUTPUT=$(SELFTESTS)/bench $(CROSS)

# The files of a test guest: "make guest KERNEL=6.12". scripts/vm calls this.
GUEST = $(BUILD)/guest/$(KERNEL)
guest: MODULE_FLAGS = -s $(if $(filter debug,$(KERNEL)),CONTIG_TEST=y)
guest: library selftests
	@test -n "$(KERNEL)" || { echo "say KERNEL=..." >&2; exit 1; }
	$(call build_module,$(BUILD)/kernels/$(KERNEL)/headers,$(BUILD)/module/$(KERNEL))
	@rm -rf $(GUEST)
	@install -D -m 644 -t $(GUEST)/lib/modules/$$(cat \
		$(BUILD)/kernels/$(KERNEL)/release)/updates \
		$(BUILD)/module/$(KERNEL)/kmod/*.ko
	+@$(MAKE) -s -C userlib O=$(USERLIB) $(CROSS) DESTDIR=$(GUEST) \
		prefix=/usr install
	@rm -rf $(GUEST)/usr/include $(GUEST)/usr/share $(GUEST)/usr/lib/*.a
	@install -D -t $(GUEST)/usr/bin $(USERLIB)/examples/getphysical \
		$(USERLIB)/examples/contiguous $(USERLIB)/examples/first
	+@$(MAKE) -s -C selftests OUTPUT=$(SELFTESTS) LIBCONTIG=$(USERLIB) \
		KSFT=$(KSFT) $(CROSS) \
		DESTDIR=$(GUEST)/usr/libexec/contig/selftests install >/dev/null

install:
	+$(MAKE) --no-print-directory -C userlib O=$(BUILD)/userlib \
		DESTDIR=$(DESTDIR) prefix=$(prefix) install
	install -D -m 644 -t $(DESTDIR)/lib/modules/$(KVER)/updates \
		$(BUILD)/module/$(KVER)/kmod/contig.ko
	test -n "$(DESTDIR)" || depmod $(KVER)

uninstall:
	+$(MAKE) --no-print-directory -C userlib O=$(BUILD)/userlib \
		DESTDIR=$(DESTDIR) prefix=$(prefix) uninstall
	rm -f $(DESTDIR)/lib/modules/$(KVER)/updates/contig.ko
	test -n "$(DESTDIR)" || depmod $(KVER)

# PARAMS='early=64M*2' are the module's parameters.
load:
	insmod $(BUILD)/module/$(KVER)/kmod/contig.ko $(PARAMS)

unload:
	rmmod contig

demo check bench lint:
	scripts/$@ $(if $(filter lint,$@),,$(KERNELS))

fuzz:
	scripts/fuzz --time $(FUZZ_TIME)

clean:
	rm -rf $(BUILD)/module $(BUILD)/userlib* $(BUILD)/selftests* \
		$(BUILD)/guest $(BUILD)/vm $(BUILD)/log

distclean:
	rm -rf $(BUILD)
