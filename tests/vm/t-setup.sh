#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh source=tests/vm/lib.sh
# t-setup.sh - `efuse setup` loads the driver and the policy, --undo takes both away,
# and what was there before stays. In the virtual machine, whose modprobe is busybox's.
. /tests/lib.sh

generic=/sys/fs/bpf/efuse/generic/link
setup() { efuse setup "$@" > /tmp/setup 2>&1; }
doctor_says() { efuse doctor | grep -q "$1"; }
unload() { modprobe -r efuse; }

ok "the driver is there already" test -e /dev/efuse
ok "setup" setup
ok "loads the policy" test -e $generic
ok "doctor names the driver" doctor_says '\[ok\] driver .*protocol version 1, policies'
ok "and the policy" doctor_says '\[ok\] policy '
ok "undo" setup --undo
ok "takes the policy away" not test -e $generic
ok "and leaves the driver, which was there" test -e /dev/efuse

ok "unloaded" soon unload
ok "doctor says how to load it" sh -c 'efuse doctor | grep -A1 "driver .*not loaded" | grep -q modprobe'
ok "something is to be done" not setup --check
ok "namely that" grep -q 'would run /sbin/modprobe efuse' /tmp/setup
ok "setup" setup
ok "loads the driver" soon test -e /dev/efuse
ok "and the policy" test -e $generic
ok "again" setup
ok "without anything to do" grep -q 'nothing to do' /tmp/setup
POLICY=generic
export POLICY
ok "a mount" start /dev/efuse efuse.fs-mem /mnt/a
ok "in use, the driver cannot be taken away" not setup --undo
ok "which is said" grep -q '/sys/module/efuse' /tmp/setup
ok "unmounted" stop /mnt/a
ok "undo" setup --undo
ok "takes it away" not test -e /dev/efuse
ok "undo twice" setup --undo

mv /lib/modules/*/updates/efuse.ko /tmp/
ok "a module that is not there any more" setup
ok "is told, and is no failure" grep -q 'modprobe efuse: failed' /tmp/setup
ok "undo" setup --undo
mv /tmp/efuse.ko /lib/modules/*/updates/
ok "for the tests behind us" modprobe efuse
echo "1..$n"
