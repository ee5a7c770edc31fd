# SPDX-License-Identifier: GPL-2.0-or-later
#
# efuse - everything is built into out/, nothing else in the tree changes.
#
# Variables a person may set (make VAR=value):
#   CC=gcc|clang          the compiler
#   CFLAGS=, LDFLAGS=     added to the project's own flags
#   SAN=address,undefined build and check with these sanitizers (or SAN=thread)
#   PREFIX=/usr/local     where programs, library, man pages and completion go
#   UNITDIR=              where efuse.service goes (PREFIX/lib/systemd/system)
#   SBINDIR=/sbin         where mount(8) looks for its helpers, whatever PREFIX is
#   DESTDIR=              prepended to every installed path
#   KDIR=, LINUX_SRC=     kernel headers, and kernel source (folder or archive), of the driver
#   V=1                   show the commands
# Run `make help` for the targets.

VERSION := 0.1.0

CC      ?= gcc
ifeq ($(origin CC),default)
CC      := gcc
endif
PREFIX  ?= /usr/local
SBINDIR ?= /sbin
DESTDIR ?=
SAN     ?=
KDIR    ?= $(lastword $(filter-out %-rt-amd64 %-cloud-amd64,$(wildcard /usr/src/linux-headers-6.12.*-amd64)))
LINUX_SRC ?= /usr/src/linux-source-6.12.tar.xz
V       ?=

BINDIR   = $(PREFIX)/bin
LIBDIR   = $(PREFIX)/lib/efuse
MANDIR   = $(PREFIX)/share/man
COMPDIR  = $(PREFIX)/share/bash-completion/completions
UNITDIR ?= $(PREFIX)/lib/systemd/system

comma := ,
O     := out$(if $(SAN),/san-$(subst $(comma),-,$(SAN)))

# --- what the machine must have ---------------------------------------------

DEPS_BUILD := gcc make pkg-config libc6-dev libmount-dev liburing-dev libfuse3-dev libfuse-dev
DEPS_CHECK := clang libclang-rt-14-dev fuse3 libfuse2 bindfs sshfs ntfs-3g openssh-server \
              openssh-client attr util-linux mount procps perl mandoc groff shellcheck gocryptfs
DEPS_DEB   := debhelper dh-dkms dpkg-dev lintian clang libelf-dev linux-source-6.12 python3 xz-utils zlib1g-dev
DEPS_VM    := linux-image-6.12-amd64 linux-headers-6.12-amd64 linux-source-6.12 pahole patch \
              xz-utils qemu-system-x86 busybox-static cpio clang libelf-dev zlib1g-dev python3 \
              flex bison bc gocryptfs sparse git dkms kmod
DEPS_BENCH := fio gnuplot-nox jq strace

# --- flags ------------------------------------------------------------------

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla \
        -Wpointer-arith -Wformat=2 -Wundef
BASE_CFLAGS := -std=gnu11 -O2 -g -fno-strict-aliasing $(WARN)
BASE_CPPFLAGS := -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -I. -Ikernel/uapi \
        -DEFUSE_VERSION='"$(VERSION)"' -DSHIM_PATH='"$(LIBDIR)/libefuse-shim.so"' \
        -DFUSERMOUNT_PATH='"$(LIBDIR)/fusermount3"' -DLOADER_PATH='"$(LIBDIR)/efuse-policy"' \
        -DUNIT_PATH='"$(UNITDIR)/efuse.service"' -DPOLICY_PATH='"$(LIBDIR)/bpf/generic.bpf.o"'
HARDEN := -fstack-protector-strong -D_FORTIFY_SOURCE=2
SAN_FLAGS := $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
BASE_CFLAGS += $(if $(SAN),$(SAN_FLAGS),$(HARDEN))
BASE_LDFLAGS := -Wl,-z,relro,-z,now $(SAN_FLAGS)

MOUNT_LIBS := $(shell pkg-config --libs mount 2>/dev/null || echo -lmount)
URING_LIBS := $(shell pkg-config --libs liburing 2>/dev/null || echo -luring)
FUSE3_CFLAGS := $(shell pkg-config --cflags fuse3 2>/dev/null)
FUSE3_LIBS := $(shell pkg-config --libs fuse3 2>/dev/null || echo -lfuse3)

ifeq ($(V),)
Q := @
say = @printf '  %-7s %s\n' $(1) $(2)
else
say = @:
endif

# --- what is built ----------------------------------------------------------

MAINS      := mount.efuse/main.c mount.efuse/efuse.c mount.efuse/fusermount.c mount.efuse/policy.c
# All of the program that is installed set-user-ID; it links with libc and nothing else.
FUSERMOUNT_SRCS := $(addprefix mount.efuse/,fusermount.c inherit.c priv.c conf.c mountopts.c \
              driver.c hello.c point.c attach.c commfd.c mounttab.c autounmount.c msg.c)
FUSERMOUNT_ONLY := $(filter-out $(MAINS) mount.efuse/hello.c mount.efuse/msg.c,$(FUSERMOUNT_SRCS))
MOUNT_SRCS := $(filter-out $(MAINS) $(FUSERMOUNT_ONLY),$(wildcard mount.efuse/*.c))
SHIM_SRCS  := $(wildcard shim/*.c)
BENCH_SRCS := $(wildcard bench/*.c)
UNIT_SRCS  := $(wildcard tests/t-*.c)
FUZZ_SRCS  := $(wildcard tests/fuzz-*.c)
# Programs the tests run: FUSE daemons (fs-*.c, libfuse 3; fs2-*.c, libfuse 2) and plain ones.
FS_SRCS    := $(wildcard tests/fs-*.c)
FS2_SRCS   := $(wildcard tests/fs2-*.c)
PROG_SRCS  := $(wildcard tests/prog-*.c)

MOUNT_OBJS := $(MOUNT_SRCS:%.c=$(O)/obj/%.o)
SHIM_OBJS  := $(SHIM_SRCS:%.c=$(O)/obj/%.o)

PROGRAMS := $(O)/bin/mount.efuse $(O)/bin/efuse
SHIM     := $(O)/lib/libefuse-shim.so
FUSERMOUNT := $(O)/libexec/fusermount3
UNITS    := $(UNIT_SRCS:tests/%.c=$(O)/tests/%)
FUZZERS  := $(FUZZ_SRCS:tests/%.c=$(O)/tests/%)
HELPERS  := $(FS_SRCS:tests/%.c=$(O)/tests/%) $(FS2_SRCS:tests/%.c=$(O)/tests/%) \
            $(PROG_SRCS:tests/%.c=$(O)/tests/%)
BENCHES  := $(BENCH_SRCS:bench/%.c=$(O)/bench/%)

.DELETE_ON_ERROR:
.SECONDARY:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules
.PHONY: all help deps deps-bench check check-unit check-man check-install check-stress check-race check-deb deb fuzz demo \
        bench install uninstall install-fusermount uninstall-fusermount clean test-programs FORCE \
        module bpf install-bpf uninstall-bpf deps-vm check-vm check-vm-debug debug-kernel \
        check-differ check-fuzz-ioctl check-storm bench-vm bench-requests bench-rings bench-fio \
        install-dkms uninstall-dkms check-dkms \
        kernel-patches check-kernel

all: $(PROGRAMS) $(FUSERMOUNT) $(SHIM)	## build the programs and the shim (the default)

help:	## this list
	@awk -F':.*## *' '/^[a-z-]+:.*## /{printf "  make %-20s %s\n", $$1, $$2}' Makefile

# Objects are rebuilt when a setting changes: the stamp holds the settings.
SETTINGS = $(CC) $(CFLAGS) $(LDFLAGS) $(SAN) $(PREFIX) $(VERSION) $(BASE_CFLAGS) $(BASE_CPPFLAGS)
$(O)/settings: FORCE
	$(Q)mkdir -p $(@D)
	$(Q)printf '%s\n' '$(subst ','\'',$(SETTINGS))' | cmp -s - $@ || \
		printf '%s\n' '$(subst ','\'',$(SETTINGS))' > $@

COMPILE = $(CC) $(BASE_CPPFLAGS) $(CPPFLAGS) $(BASE_CFLAGS) $(CFLAGS) -MMD -MP
LINK    = $(CC) $(BASE_CFLAGS) $(CFLAGS) $(BASE_LDFLAGS) $(LDFLAGS)

$(O)/obj/shim/%.o: shim/%.c $(O)/settings
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(COMPILE) -fPIC -fvisibility=hidden -fexceptions -ftls-model=initial-exec -c -o $@ $<

$(O)/obj/%.o: %.c $(O)/settings
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(COMPILE) -fPIE -c -o $@ $<

$(SHIM): $(SHIM_OBJS)
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(LINK) -shared -Wl,-soname,libefuse-shim.so -o $@ $^ $(URING_LIBS) -ldl -pthread

$(O)/bin/mount.efuse: $(O)/obj/mount.efuse/main.o $(MOUNT_OBJS)
$(O)/bin/efuse: $(O)/obj/mount.efuse/efuse.o $(MOUNT_OBJS)
$(PROGRAMS):
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(LINK) -pie -o $@ $^ $(MOUNT_LIBS)

$(FUSERMOUNT): $(FUSERMOUNT_SRCS:%.c=$(O)/obj/%.o)
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(LINK) -pie -o $@ $^

# --- the driver -------------------------------------------------------------

KO := $(O)/kernel/efuse.ko
KERNEL_FILES := $(shell find kernel -type f)

$(O)/kernel.settings: FORCE
	$(Q)mkdir -p $(@D)
	$(Q)printf '%s\n' '$(KDIR) $(LINUX_SRC)' | cmp -s - $@ || \
		printf '%s\n' '$(KDIR) $(LINUX_SRC)' > $@

# kbuild has an O and an M of its own: our variables must not reach it.
$(KO): $(KERNEL_FILES) $(O)/kernel.settings
	$(call say,MODULE,$@)
	$(Q)kernel/prepare.sh '$(LINUX_SRC)' '$(KDIR)' $(O)/kernel
	$(Q)env -u MAKEFLAGS -u MFLAGS -u MAKEOVERRIDES make $(if $(V),V=1,-s) -j2 -C '$(KDIR)' \
		M='$(abspath $(O))/kernel' modules

# --- policies ---------------------------------------------------------------

LIBBPF   := $(O)/libbpf/lib/libbpf.a
LOADER   := $(O)/libexec/efuse-policy
BPF_SRCS := $(wildcard bpf/*.bpf.c bpf/examples/*.bpf.c)
BPF_OBJS := $(BPF_SRCS:%.bpf.c=$(O)/%.bpf.o)
BPF_DEPS := $(wildcard bpf/*.h) kernel/module/slots.h kernel/uapi/linux/efuse.h $(LIBBPF)

$(LIBBPF): bpf/libbpf.sh $(O)/kernel.settings
	$(call say,LIBBPF,$@)
	$(Q)bpf/libbpf.sh '$(LINUX_SRC)' $(O)/libbpf

# BPF has no C library: freestanding keeps its headers out.
BPF_COMPILE = clang -target bpf -mcpu=v3 -O2 -g -ffreestanding -Wall -Wextra -Wno-unused-parameter \
	-Ibpf -Ikernel/module -Ikernel/uapi -I$(O)/libbpf/include -I/usr/include/$(shell uname -m)-linux-gnu

$(O)/bpf/%.bpf.o: bpf/%.bpf.c $(BPF_DEPS)
	$(call say,BPF,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(BPF_COMPILE) -c -o $@ $<

$(O)/bpf/tests/%.bpf.o: tests/vm/policies/%.bpf.c $(BPF_DEPS)
	$(call say,BPF,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(BPF_COMPILE) -c -o $@ $<

$(O)/obj/mount.efuse/policy.o: mount.efuse/policy.c $(LIBBPF) $(O)/settings
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(COMPILE) -I$(O)/libbpf/include -fPIE -c -o $@ $<

$(LOADER): $(O)/obj/mount.efuse/policy.o $(O)/obj/mount.efuse/msg.o $(O)/obj/mount.efuse/opcode.o $(LIBBPF)
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(LINK) -pie -o $@ $^ -lelf -lz

bpf: $(LOADER) $(BPF_OBJS)	## build the policies and their loader (clang, LINUX_SRC=)

kernel-patches:	## the driver as patches for the kernel's own tree, in out/kernel-patches (LINUX_SRC=)
	$(Q)mkdir -p $(O)
	$(Q)kernel/series.sh '$(LINUX_SRC)' $(O)/kernel-patches
	@ls $(O)/kernel-patches/*.patch

module: $(KO)	## build efuse.ko for a Linux 6.12 (KDIR=, LINUX_SRC=)

# --- tests and benchmarks ---------------------------------------------------

TEST_COMPILE = $(COMPILE) -Itests

$(O)/tests/t-%: tests/t-%.c $(MOUNT_OBJS) $(FUSERMOUNT_ONLY:%.c=$(O)/obj/%.o) $(SHIM_OBJS) $(O)/settings
	$(call say,TEST,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(TEST_COMPILE) -MF $@.d -o $@ $< $(filter %.o,$^) $(LDFLAGS) $(SAN_FLAGS) \
		$(MOUNT_LIBS) $(URING_LIBS) -ldl -pthread

$(O)/tests/fs-%: tests/fs-%.c $(O)/settings
	$(call say,TEST,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(TEST_COMPILE) -MF $@.d $(FUSE3_CFLAGS) -o $@ $< $(LDFLAGS) $(SAN_FLAGS) $(FUSE3_LIBS) -pthread

# What nothing can be preloaded into.
$(O)/tests/fs-mem-static: tests/fs-mem.c $(O)/settings
	$(call say,TEST,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(TEST_COMPILE) -MF $@.d $(FUSE3_CFLAGS) -static -Wl,--no-warnings -o $@ $< \
		$(FUSE3_LIBS) -ldl -pthread

$(O)/tests/fs2-%: tests/fs2-%.c $(O)/settings
	$(call say,TEST,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(TEST_COMPILE) -MF $@.d -I/usr/include/fuse -o $@ $< $(LDFLAGS) $(SAN_FLAGS) -lfuse -pthread

$(O)/tests/prog-%: tests/prog-%.c $(O)/settings
	$(call say,TEST,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(TEST_COMPILE) -MF $@.d -o $@ $< $(LDFLAGS) $(SAN_FLAGS) -pthread

# Fuzzers include the .c they test and are always built by clang's libFuzzer.
$(O)/tests/fuzz-%: tests/fuzz-%.c $(wildcard mount.efuse/*.[ch] shim/*.[ch]) $(O)/settings
	$(call say,FUZZ,$<)
	$(Q)mkdir -p $(@D)
	$(Q)clang $(BASE_CPPFLAGS) -std=gnu11 -O1 -g $(WARN) -Wno-missing-prototypes \
		-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
		-o $@ $< $(MOUNT_LIBS) -ldl -pthread

$(O)/bench/%: bench/%.c $(O)/settings
	$(call say,BENCH,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(COMPILE) -MF $@.d -o $@ $< $(LDFLAGS) -pthread -lm

test-programs: $(UNITS) $(HELPERS)

deps:	## install what building and testing need (root, Debian)
	$(Q)tests/deps.sh $(DEPS_BUILD) $(DEPS_CHECK)

deps-bench:	## install what the demo and the benchmarks need as well
	$(Q)tests/deps.sh $(DEPS_BUILD) $(DEPS_CHECK) $(DEPS_BENCH)

# A test may need packages that the wildcards above were evaluated without, so
# the work happens in a second make.
check: deps	## run all tests (root: everything; others skip with a reason)
	$(Q)$(MAKE) all test-programs
	$(Q)OUT='$(abspath $(O))' SAN='$(SAN)' tests/run.sh

check-stress: deps	## thirty minutes of load, kills and unmounts
	$(Q)$(MAKE) all test-programs
	$(Q)OUT='$(abspath $(O))' SAN='$(SAN)' tests/stress.sh

check-race: deps	## ten thousand mounts against a user who swaps the mount point
	$(Q)$(MAKE) all test-programs
	$(Q)OUT='$(abspath $(O))' RACE_ROUNDS=10000 tests/t-fusermount-race.sh

# Programs of the virtual machine: the first process is static, the rest is not.
VM_SRCS  := $(wildcard tests/vm/*.c)
VM_PROGS := $(VM_SRCS:tests/vm/%.c=$(O)/vm/%)
VM_GUEST := $(addprefix $(O)/tests/,fs-mem fs-mem-static fs-mirror fs-raw fs2-pass \
              prog-exercise prog-differ prog-data prog-commfd prog-load prog-stats) \
            $(O)/bench/prog-ops $(O)/bin/efuse $(FUSERMOUNT) $(LOADER) $(SHIM) $(BPF_OBJS) \
            $(patsubst tests/vm/policies/%.bpf.c,$(O)/bpf/tests/%.bpf.o,$(wildcard tests/vm/policies/*.bpf.c))

$(O)/vm/%: tests/vm/%.c $(O)/settings
	$(call say,TEST,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(TEST_COMPILE) -MF $@.d -o $@ $< $(LDFLAGS) $(if $(filter %/init,$@),-static)

deps-vm:	## install what module, check-vm, check-dkms and check-kernel need: a 6.12 kernel, its source, QEMU
	$(Q)tests/deps.sh $(DEPS_BUILD) $(DEPS_VM)

check-vm:	## boot Debian's 6.12 kernel with the driver and test it there (skips without deps-vm)
	$(Q)if KDIR='$(KDIR)' LINUX_SRC='$(LINUX_SRC)' tests/vm/able.sh; then \
		$(MAKE) $(KO) $(VM_PROGS) $(VM_GUEST) && \
		OUT='$(abspath $(O))' KDIR='$(KDIR)' tests/vm/run.sh; fi

# A kernel that watches itself; it and the driver for it are built for this alone.
DEBUG_KDIR := $(O)/vm/debug-kernel
VM_DEBUG = VM_KERNEL='$(abspath $(DEBUG_KDIR))/arch/x86/boot/bzImage' VM_DIR='$(abspath $(O))/vm/debug-run' \
	VM_KO='$(abspath $(O))/vm/debug-module/kernel/efuse.ko' VM_MEMORY=3G VM_SECONDS=$(or $(VM_SECONDS),2400) VM_TESTS='$(or $(VM_TESTS),t-*)'

# Everything takes ten times as long there: all the tests, and less of each.
DEBUG_ENV := TEST_SECONDS=1200 DIFFER_OPS=100 DATA_OPS=400 EXERCISE_OPS=60 LATE_MS=10000 HOLD_SECONDS=5 FUZZ_CALLS=50000 STORM_SECONDS=60

debug-kernel:
	$(Q)nice -n 10 tests/vm/debug-kernel.sh '$(LINUX_SRC)' $(O)/vm
	$(Q)$(MAKE) O=$(O)/vm/debug-module KDIR='$(abspath $(DEBUG_KDIR))' module

check-vm-debug:	## the same on a kernel built with lockdep, KASAN, kmemleak and fault injection
	$(Q)if DEBUG=1 KDIR='$(KDIR)' LINUX_SRC='$(LINUX_SRC)' tests/vm/able.sh; then \
		$(MAKE) $(VM_PROGS) $(VM_GUEST) debug-kernel && \
		$(VM_DEBUG) VM_ENV='$(or $(VM_ENV),$(DEBUG_ENV))' OUT='$(abspath $(O))' KDIR='$(KDIR)' \
		tests/vm/run.sh; fi

# What takes long is short in these two; the whole of it, by hand:
OPS ?= 200000
CALLS ?= 1000000
STORM_SECONDS ?= 600
LONG = VM_SECONDS=$(or $(VM_SECONDS),14400) VM_ENV='TEST_SECONDS=14000

check-differ:	## the differential tester alone: OPS operations (200000) from DIFFER_SEED on
	$(Q)$(MAKE) check-vm VM_TESTS='t-differ*' \
		$(LONG) DIFFER_OPS=$(shell expr $(OPS) / 12) DIFFER_SEED=$(or $(DIFFER_SEED),1) $(VM_ENV)'

check-fuzz-ioctl:	## on the debug kernel: random ioctls alone, CALLS of them (1000000)
	$(Q)$(MAKE) check-vm-debug VM_TESTS='t-fuzz-ioctl*' $(LONG) FUZZ_CALLS=$(CALLS) $(VM_ENV)'

check-storm:	## on the debug kernel: everything taken away under load, for STORM_SECONDS (600)
	$(Q)$(MAKE) check-vm-debug VM_TESTS='t-storm*' $(LONG) STORM_SECONDS=$(STORM_SECONDS) $(VM_ENV)'

bench-vm:	## instructions of a request in that machine, with and without the driver
	$(Q)if KDIR='$(KDIR)' LINUX_SRC='$(LINUX_SRC)' tests/vm/able.sh; then \
		$(MAKE) $(KO) $(VM_PROGS) $(VM_GUEST) && \
		VM_ICOUNT=1 VM_TESTS='$(or $(VM_TESTS),b-[!fr]*)' OUT='$(abspath $(O))' KDIR='$(KDIR)' tests/vm/run.sh; fi

bench-requests:	## requests per opcode in that machine: plain, with the shim, with the policy
	$(Q)if KDIR='$(KDIR)' LINUX_SRC='$(LINUX_SRC)' tests/vm/able.sh; then \
		$(MAKE) $(KO) $(VM_PROGS) $(VM_GUEST) && VM_PROGRAMS=1 VM_SECONDS=3600 \
		VM_ENV='TEST_SECONDS=3500 $(VM_ENV)' VM_TESTS='b-requests*' OUT='$(abspath $(O))' KDIR='$(KDIR)' tests/vm/run.sh; fi

bench-rings:	## rings on several cores of that machine: polling, scale, mixed load, every cell beside dev
	$(Q)if KDIR='$(KDIR)' LINUX_SRC='$(LINUX_SRC)' tests/vm/able.sh; then \
		$(MAKE) $(KO) $(VM_PROGS) $(VM_GUEST) && VM_TSC=reliable VM_SECONDS=$(or $(VM_SECONDS),1800) \
		VM_ENV='TEST_SECONDS=1700 $(VM_ENV)' VM_TESTS='$(or $(VM_TESTS),b-rings*)' OUT='$(abspath $(O))' KDIR='$(KDIR)' tests/vm/run.sh; fi

bench-fio:	## fio in that machine: the stock driver, ours with every path to contents, and the files behind
	$(Q)if KDIR='$(KDIR)' LINUX_SRC='$(LINUX_SRC)' tests/vm/able.sh; then \
		$(MAKE) $(KO) $(VM_PROGS) $(VM_GUEST) && VM_FIO=1 VM_TSC=reliable VM_MEMORY=3G \
		VM_SECONDS=$(or $(VM_SECONDS),1500) VM_ENV='TEST_SECONDS=1400 $(VM_ENV)' VM_TESTS='b-fio*' OUT='$(abspath $(O))' KDIR='$(KDIR)' tests/vm/run.sh; fi

check-dkms:	## dkms(8) builds and installs the driver, in scratch folders (skips without its packages)
	$(Q)OUT='$(abspath $(O))' KDIR='$(KDIR)' LINUX_SRC='$(LINUX_SRC)' VERSION='$(VERSION)' tests/dkms.sh

check-kernel:	## those patches: checkpatch, sparse, compiler (1.5 GB; skips without its packages)
	$(Q)OUT='$(abspath $(O))' LINUX_SRC='$(LINUX_SRC)' tests/kernel.sh

check-man:	## man pages: groff and mandoc without a warning, options complete
	$(Q)$(MAKE) all
	$(Q)OUT='$(abspath $(O))' tests/man.sh

check-install:	## install into a scratch folder, use it, uninstall, nothing left
	$(Q)tests/install.sh

fuzz: $(FUZZERS)	## run every fuzzer for FUZZ_SECONDS (default 60) each
	$(Q)OUT='$(abspath $(O))' tests/fuzz.sh

demo: deps-bench	## the main job on this machine: plain FUSE and efuse side by side
	$(Q)$(MAKE) all $(BENCHES)
	$(Q)OUT='$(abspath $(O))' bench/demo.sh

bench: deps-bench	## the measurements behind the README's table
	$(Q)$(MAKE) all $(BENCHES)
	$(Q)OUT='$(abspath $(O))' bench/run.sh

# --- install ----------------------------------------------------------------

MAN_PAGES := $(wildcard man/*.[178])

install: all	## install (DESTDIR=, PREFIX=, SBINDIR=)
	install -d $(DESTDIR)$(SBINDIR) $(DESTDIR)$(BINDIR) $(DESTDIR)$(LIBDIR) $(DESTDIR)$(COMPDIR)
	install -m 755 $(O)/bin/mount.efuse $(DESTDIR)$(SBINDIR)/mount.efuse
	ln -sf mount.efuse $(DESTDIR)$(SBINDIR)/mount.fuse.efuse
	install -m 755 $(O)/bin/efuse $(DESTDIR)$(BINDIR)/efuse
	install -m 644 $(SHIM) $(DESTDIR)$(LIBDIR)/libefuse-shim.so
	install -m 4755 $(FUSERMOUNT) $(DESTDIR)$(LIBDIR)/fusermount3
	ln -sf fusermount3 $(DESTDIR)$(LIBDIR)/fusermount
	install -m 644 mount.efuse/efuse.bash-completion $(DESTDIR)$(COMPDIR)/efuse
	sed 's|@LIBDIR@|$(LIBDIR)|g' mount.efuse/efuse.service.in > $(O)/efuse.service
	install -D -m 644 $(O)/efuse.service $(DESTDIR)$(UNITDIR)/efuse.service
	for page in $(MAN_PAGES); do \
		install -D -m 644 $$page $(DESTDIR)$(MANDIR)/man$${page##*.}/$${page##*/}; done

uninstall:	## remove what install put there
	rm -f $(DESTDIR)$(SBINDIR)/mount.efuse $(DESTDIR)$(SBINDIR)/mount.fuse.efuse
	rm -f $(DESTDIR)$(BINDIR)/efuse $(DESTDIR)$(LIBDIR)/libefuse-shim.so $(DESTDIR)$(COMPDIR)/efuse
	rm -f $(DESTDIR)$(UNITDIR)/efuse.service
	rm -f $(DESTDIR)$(LIBDIR)/fusermount3 $(DESTDIR)$(LIBDIR)/fusermount
	for page in $(MAN_PAGES); do rm -f $(DESTDIR)$(MANDIR)/man$${page##*.}/$${page##*/}; done
	-rmdir $(DESTDIR)$(LIBDIR) 2>/dev/null

install-bpf: bpf	## the policies, their loader, and what one needs to write one's own
	install -d $(DESTDIR)$(LIBDIR)/bpf $(DESTDIR)$(PREFIX)/include/efuse/linux
	install -m 755 $(LOADER) $(DESTDIR)$(LIBDIR)/efuse-policy
	install -m 644 $(O)/bpf/generic.bpf.o $(DESTDIR)$(LIBDIR)/bpf/
	install -m 644 bpf/efuse.bpf.h kernel/module/slots.h $(DESTDIR)$(PREFIX)/include/efuse/
	install -m 644 kernel/uapi/linux/efuse.h $(DESTDIR)$(PREFIX)/include/efuse/linux/

uninstall-bpf:	## remove what install-bpf put there
	rm -f $(DESTDIR)$(LIBDIR)/efuse-policy
	rm -rf $(DESTDIR)$(LIBDIR)/bpf $(DESTDIR)$(PREFIX)/include/efuse
	-rmdir $(DESTDIR)$(LIBDIR) 2>/dev/null

DKMS_DIR = $(DESTDIR)/usr/src/efuse-$(VERSION)
DKMS_FILES := kernel/Kbuild kernel/prepare.sh kernel/dkms.sh \
              $(wildcard kernel/module/*.[ch] kernel/patches/*.patch kernel/uapi/linux/*.h)

# dkms(8) knows nothing of PREFIX. The kernel's own files are not among ours.
install-dkms:	## the driver's source, for dkms(8), which builds it for every 6.12 kernel
	for file in $(DKMS_FILES:kernel/%=%); do \
		install -D -m 644 kernel/$$file $(DKMS_DIR)/$$file || exit 1; done
	chmod 755 $(DKMS_DIR)/prepare.sh $(DKMS_DIR)/dkms.sh
	mkdir -p $(O)
	sed 's/#MODULE_VERSION#/$(VERSION)/' kernel/dkms.conf > $(O)/dkms.conf
	install -m 644 $(O)/dkms.conf $(DKMS_DIR)/dkms.conf
	$(if $(DESTDIR),,dkms install efuse/$(VERSION))

uninstall-dkms:	## what install-dkms put there, and the modules that were built of it
	$(if $(DESTDIR),,-dkms remove efuse/$(VERSION) --all)
	rm -rf $(DKMS_DIR)

install-fusermount: $(FUSERMOUNT)	## our fusermount3 in the place of the distribution's (dpkg-divert)
	$(Q)DESTDIR='$(DESTDIR)' mount.efuse/divert.sh add $(FUSERMOUNT)

uninstall-fusermount:	## the distribution's fusermount3 again, as it was
	$(Q)DESTDIR='$(DESTDIR)' mount.efuse/divert.sh remove

deb:	## Debian packages: efuse, and efuse-fusermount3, which takes fuse3's place
	$(Q)tests/deps.sh $(DEPS_BUILD) $(DEPS_DEB)
	$(Q)rm -rf $(O)/deb && mkdir -p $(O)/deb/efuse-$(VERSION)
	$(Q)tar cf - --exclude=./out --exclude=./.git . | tar xf - -C $(O)/deb/efuse-$(VERSION)
	$(Q)cd $(O)/deb/efuse-$(VERSION) && MAKEFLAGS= dpkg-buildpackage -us -uc -b >../build.log 2>&1 || \
		{ tail -n 20 ../build.log; exit 1; }
	@ls $(O)/deb/*.deb

check-deb: deb	## lintian; install, divert and remove them in a root of their own
	$(Q)OUT='$(abspath $(O))' DEBS='$(abspath $(O))/deb' tests/deb.sh

clean:	## remove out/
	rm -rf out

-include $(shell find $(O) \( -path '*/vm/debug-*' -o -path $(O)/linux \) -prune -o -type f -name '*.d' -print 2>/dev/null)
