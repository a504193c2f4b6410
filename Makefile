# SPDX-License-Identifier: GPL-2.0-only
#
# contig: what people type. "make help" lists it.
#
#   KERNELDIR   kernel headers to build the module against
#   KERNELS     kernels that demo, check, wide, soak and bench run on
#   BENCH_PART, U_DMA_BUF   see scripts/bench --help
#   FUZZ_TIME   seconds that "make fuzz" takes, alone and in "make soak"
#   DESTDIR, prefix   where "make install" puts things; also moduledir, and what
#                     userlib/Makefile lists
#   CROSS_COMPILE, ARCH   another architecture than this machine's, as for a
#                     kernel: CROSS_COMPILE=aarch64-linux-gnu- ARCH=arm64
#   STRIP             program that removes debug information from the installed
#                     module; STRIP=: keeps it
#   V=1         shows the commands

KVER ?= $(shell uname -r)
KERNELDIR ?= /lib/modules/$(KVER)/build
# What modules built against these headers are for. Not kernelrelease, which is
# something else in Debian's headers of 6.1.
RELEASE := $(or $(shell sed -n 's/.*UTS_RELEASE "\(.*\)"/\1/p' \
	$(KERNELDIR)/include/generated/utsrelease.h 2>/dev/null),$(KVER))
KERNELS ?=
# Unless make was told how many.
JOBS = $(if $(findstring --jobserver,$(MAKEFLAGS)),,-j$(shell nproc))
prefix ?= /usr/local
FUZZ_TIME ?= 3600

BUILD := $(CURDIR)/build
KSFT := $(BUILD)/linux-source/tools/testing/selftests

.DEFAULT_GOAL := all
.PHONY: all help modules library selftests load unload
.PHONY: install install-module install-library uninstall
.PHONY: guest known-kernel built root demo check wide soak bench lint fuzz coverage
.PHONY: matrix deb rpm test-packages
.PHONY: clean distclean

Q := $(if $(filter 1,$(V)),,@)
# A user's PATH lacks insmod and depmod on Debian.
SBIN := PATH="$$PATH:/usr/sbin:/sbin";

all: modules library

help:
	@echo 'make                  module (against KERNELDIR), library, tools, examples'
	@echo 'make selftests        the test programs'
	@echo 'make demo             contiguous memory, early against deferred, in QEMU'
	@echo 'make check            the tests, on six kernels, in QEMU'
	@echo 'make wide             check, and the suite on every kernel, two hours'
	@echo 'make soak             every test at full length, for hours'
	@echo 'make bench            what each call costs, in QEMU'
	@echo 'make lint             style and static checks'
	@echo 'make matrix           compile for the newest kernels of each architecture'
	@echo 'make fuzz             look for bugs for FUZZ_TIME seconds ($(FUZZ_TIME))'
	@echo 'make coverage         how much of the code the tests run, in QEMU'
	@echo 'make install          into DESTDIR and prefix ($(prefix));'
	@echo '                      also install-module, install-library alone'
	@echo 'make deb, rpm         packages for Debian or RPM into build/deb or build/rpm'
	@echo 'make test-packages    install the Debian packages and boot (QEMU, root)'
	@echo 'make load, unload     the module on this machine (as root)'
	@echo 'make clean, distclean what was built; also the kernels fetched'
	@echo
	@echo 'KERNELS="6.1 debug" chooses kernels for demo, check, soak ...;'
	@echo 'KERNELDIR=... the headers that make builds the module against;'
	@echo 'V=1 shows the commands.'

# A kernel is built against in a folder of its own, since kbuild writes next to
# the sources: so many kernels can be served from one checkout.
#
# Headers without a vmlinux cannot give the module BTF, and need not say so.
#
# A kernel that was built with clang needs modules that were, too; CC= or LLVM=
# say otherwise.
#
# $(call build_module,HEADERS,FOLDER)
llvm = $(if $(filter-out undefined default,$(origin CC) $(origin LLVM)),,\
	$(if $(shell grep -s ^CONFIG_CC_IS_CLANG=y \
		$(1)/include/config/auto.conf),LLVM=1))

define build_module
	@mkdir -p $(2)/selftests
	@cp -ru Kbuild VERSION kmod uapi $(2)/
	@cp -ru selftests/kmod $(2)/selftests/
	@test -n "$(filter 1,$(V))" || ! find $(2)/Kbuild $(2)/VERSION $(2)/kmod \
		$(2)/uapi $(2)/selftests \
		\( -name '*.[ch]' -o -name 'K*' -o -name VERSION \) \
		! -name '*.mod.c' \
		$(if $(wildcard $(2)/kmod/contig.ko),-newer $(2)/kmod/contig.ko) \
		| grep -q . || echo '  MODULE   $(notdir $(2))'
	+$(Q)$(IN_ROOT) $(MAKE) --no-print-directory $(if $(Q),-s) -C $(1) M=$(2) \
		$(if $(wildcard $(1)/vmlinux),,CONFIG_DEBUG_INFO_BTF_MODULES=) \
		$(llvm) $(MODULE_FLAGS) $(JOBS) modules
endef

modules:
	@test -e $(KERNELDIR)/Makefile || { \
		echo "no kernel headers in $(KERNELDIR): install the package" \
			"linux-headers-$(KVER), or say KERNELDIR=..." >&2; \
		exit 1; }
	$(call build_module,$(KERNELDIR),$(MODULES))

# With KERNEL=NAME of scripts/kernel-list, programs are built for its guests, and
# where those are of another architecture than this machine, into folders of
# their own.
ifneq ($(KERNEL),)
ifeq ($(shell awk '$$1 == "$(KERNEL)" && !/^#/' scripts/kernel-list),)
$(error no kernel is called '$(KERNEL)': scripts/kernel-list has their names)
endif
kernel_says = $(shell sh -c 'me=make; . scripts/lib.sh; \
	arch=$$(kernel_field "$$1" 2) && $(2) "$$$(1)"' scripts/lib.sh $(KERNEL))
CROSS_COMPILE := $(call kernel_says,arch,cross_prefix)
SUFFIX := $(call kernel_says,1,build_suffix)
ifneq ($(CROSS_COMPILE),)
SYSROOT := $(call kernel_says,arch,sysroot)
export PKG_CONFIG_SYSROOT_DIR := $(SYSROOT)
export PKG_CONFIG_LIBDIR := \
	$(SYSROOT)/usr/lib/$(CROSS_COMPILE:%-=%)/pkgconfig
endif
else ifneq ($(CROSS_COMPILE),)
SUFFIX := -$(patsubst %-,%,$(notdir $(CROSS_COMPILE)))
endif
MODULES := $(BUILD)/module$(SUFFIX)/$(RELEASE)
MODULE := $(MODULES)/kmod/contig.ko
USERLIB := $(BUILD)/userlib$(SUFFIX)
SELFTESTS := $(BUILD)/selftests$(SUFFIX)
# What the debug kernel runs counts its lines, as the module there does.
FOR_KERNEL := $(if $(CROSS_COMPILE),CROSS_COMPILE=$(CROSS_COMPILE)) \
	$(if $(filter debug,$(KERNEL)),COVERAGE=1)

library:
	+$(Q)$(MAKE) --no-print-directory $(JOBS) -C userlib O=$(USERLIB) \
		$(FOR_KERNEL) prefix=$(prefix) lib tools examples

$(KSFT)/lib.mk:
	scripts/kernels source

selftests: library $(KSFT)/lib.mk
	+$(Q)$(MAKE) --no-print-directory $(if $(Q),-s) $(JOBS) -C selftests \
		OUTPUT=$(SELFTESTS) LIBCONTIG=$(USERLIB) KSFT=$(KSFT) $(FOR_KERNEL) all

# The programs of scripts/demo and scripts/bench.
.PHONY: benchmarks
benchmarks:
	+$(Q)$(MAKE) --no-print-directory $(if $(Q),-s) -C selftests/bench \
		OUTPUT=$(SELFTESTS)/bench $(FOR_KERNEL)

# The files of a test guest: "make guest KERNEL=6.12". scripts/vm calls this.
GUEST = $(BUILD)/guest/$(KERNEL)
# The kernel "debug" is built with gcc-12 by that name: kbuild compares names.
# Information for debuggers would take half of the time, and no guest has one.
guest: MODULE_FLAGS = CONTIG_SELFTESTS=m KCFLAGS=-g0 \
	CONFIG_DEBUG_INFO_BTF_MODULES= \
	$(if $(filter debug debug-%,$(KERNEL)),CONTIG_TEST=y) \
	$(if $(filter debug,$(KERNEL)),CC=gcc-12) \
	$(if $(IN_ROOT),CC="ccache $(shell scripts/build-root --gcc \
		$(call kernel_says,arch,echo) $(BUILD)/kernels/$(KERNEL)/headers)")
# Some kernels want other compilers than the system has.
guest: IN_ROOT = $(if $(wildcard $(BUILD)/kernels/$(KERNEL)/suite),scripts/build-root --)
guest: known-kernel library selftests
	$(call build_module,$(BUILD)/kernels/$(KERNEL)/headers,$(BUILD)/module/$(KERNEL))
	@rm -rf $(GUEST)
	@install -D -m 644 -t $(GUEST)/lib/modules/$$(cat \
		$(BUILD)/kernels/$(KERNEL)/release)/updates \
		$(BUILD)/module/$(KERNEL)/kmod/*.ko \
		$(BUILD)/module/$(KERNEL)/selftests/kmod/*.ko
	+@$(MAKE) -s -C userlib O=$(USERLIB) $(FOR_KERNEL) \
		DESTDIR=$(GUEST) prefix=/usr install >/dev/null
	@rm -rf $(GUEST)/usr/include $(GUEST)/usr/share $(GUEST)/usr/lib/*.a
	@install -D -t $(GUEST)/usr/bin $(USERLIB)/examples/first \
		$(USERLIB)/examples/edu $(USERLIB)/examples/nvme
	+@$(MAKE) -s -C selftests OUTPUT=$(SELFTESTS) LIBCONTIG=$(USERLIB) \
		KSFT=$(KSFT) $(FOR_KERNEL) \
		DESTDIR=$(GUEST)/usr/libexec/contig/selftests install >/dev/null

known-kernel:
	@test -n "$(KERNEL)" || { echo "say for which kernel: KERNEL= and a" \
		"name of scripts/kernel-list" >&2; exit 1; }
	@test -e $(BUILD)/kernels/$(KERNEL)/release || { \
		echo "kernel $(KERNEL) is not here: run" \
			"scripts/kernels $(KERNEL)" >&2; exit 1; }

built:
	@test -e $(MODULE) || { \
		echo "nothing is built for Linux $(RELEASE): run make first," \
			"with the same KERNELDIR if you gave one" >&2; exit 1; }

# Where /lib is a link, a package must not bring a folder of that name.
moduledir ?= $(if $(shell test -L /lib && echo merged),/usr)/lib/modules
INSTALLED := $(DESTDIR)$(moduledir)/$(RELEASE)/updates/contig.ko
STRIP ?= $(CROSS_COMPILE)strip

install: install-module install-library

# Debug information is nine tenths of the file. BTF and symbols stay.
install-module: built
	$(if $(Q),@echo '  INSTALL  $(INSTALLED)')
	$(Q)install -D -m 644 $(MODULE) $(INSTALLED)
	$(Q)$(STRIP) --strip-debug $(INSTALLED)
	$(Q)test -n "$(DESTDIR)" || { $(SBIN) depmod $(RELEASE); }

install-library:
	@test -e $(USERLIB)/libcontig.a || { \
		echo "the library is not built: run make library first" >&2; \
		exit 1; }
	+$(Q)$(MAKE) --no-print-directory -C userlib O=$(USERLIB) \
		$(FOR_KERNEL) DESTDIR=$(DESTDIR) prefix=$(prefix) install
	$(Q)test -n "$(DESTDIR)" || { $(SBIN) ldconfig; }

uninstall:
	+$(Q)$(MAKE) --no-print-directory -C userlib O=$(USERLIB) \
		DESTDIR=$(DESTDIR) prefix=$(prefix) uninstall
	$(Q)rm -f $(INSTALLED)
	$(Q)test -n "$(DESTDIR)" || { $(SBIN) ldconfig; depmod $(RELEASE); }

root:
	@test "$$(id -u)" -eq 0 || { echo "loading and unloading modules" \
		"needs root: sudo make $(MAKECMDGOALS)" >&2; exit 1; }
	@$(SBIN) command -v insmod >/dev/null || { \
		echo "there is no insmod here: install the package kmod" >&2; \
		exit 1; }

# PARAMS='early=64M*2' are the module's parameters.
load: built root
	$(Q)$(SBIN) insmod $(MODULE) $(PARAMS)

unload: root
	$(Q)$(SBIN) rmmod contig

demo check bench lint:
	scripts/$@ $(if $(filter lint,$@),,$(KERNELS))

wide:
	scripts/check --wide $(KERNELS)

soak:
	FUZZ_TIME=$(FUZZ_TIME) scripts/check --soak $(KERNELS)

matrix:
	scripts/matrix

fuzz:
	scripts/fuzz --time $(FUZZ_TIME)

coverage:
	scripts/coverage

deb rpm test-packages:
	scripts/$@

clean:
	rm -rf $(BUILD)/module* $(BUILD)/userlib* $(BUILD)/selftests* \
		$(BUILD)/guest $(BUILD)/vm $(BUILD)/log $(BUILD)/deb \
		$(BUILD)/rpm $(BUILD)/packages $(BUILD)/matrix $(BUILD)/check \
		$(BUILD)/coverage $(BUILD)/fuzz $(BUILD)/demo $(BUILD)/lint

distclean:
	rm -rf $(BUILD)
