# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh source=tests/vm/lib.sh
# t-shim.sh - an unmodified file system started with `efuse wrap`: it opens and
# mounts /dev/fuse and gets the efuse driver, the policy too; and the stock driver
# where that is asked for or nothing else is there. In the virtual machine.
. /tests/lib.sh

export EFUSE_SHIM=/lib/libefuse-shim.so EFUSE_LOG=/tmp/shim.log

# wrapped OPTIONS: fs-mem under efuse wrap on /mnt/a; its process is $fs.
wrapped() {
	: > /tmp/shim.log
	mkdir -p /mnt/a
	efuse wrap -o "$1" fs-mem -f /mnt/a 2>/tmp/wrap.err &
	fs=$!
	soon test -e /mnt/a/.ctl
}
type_of() { grep " $1 " /proc/mounts | cut -d' ' -f3 | cut -d. -f1; }

chmod 666 /dev/fuse
ok "no policy yet: a mount all the same" wrapped efuse.cache=always
ok "of the efuse driver" is "$(type_of /mnt/a)" efuse
ok "the log says that there is no policy" grep -q 'no BPF policy generic' /tmp/shim.log
ok "unmounted" stop /mnt/a

ok "the policy is loaded" efuse load /lib/bpf/generic.bpf.o
ok "a mount" wrapped efuse.cache=always
ok "the log says which policy" grep -q 'efuse driver, BPF policy generic' /tmp/shim.log
for i in 1 2 3; do echo "$i" >> /mnt/a/file; done
ok "it answers" test "$(hits $GETXATTR)" -gt 0
ok "the exerciser" exercise /mnt/a 13
ok "the status is shown" sh -c 'efuse status | grep -q /mnt/a'
ok "unmounted" stop /mnt/a

ok "a mount without a cache" wrapped efuse.cache=none
ok "has no policy" not grep -q 'BPF policy' /tmp/shim.log
ok "unmounted" stop /mnt/a

ok "the stock driver is asked for" wrapped efuse.driver=stock
ok "and serves" is "$(type_of /mnt/a)" fuse
ok "unmounted" stop /mnt/a

mv /dev/efuse /dev/efuse.away
ok "without the device: a mount" wrapped efuse.driver=auto
ok "of the stock driver" is "$(type_of /mnt/a)" fuse
ok "unmounted" stop /mnt/a
ok "where it was asked for, too" wrapped efuse.driver=efuse
ok "and it is said why" grep -q 'efuse driver is not loaded' /tmp/wrap.err
ok "unmounted" stop /mnt/a
mv /dev/efuse.away /dev/efuse
ok "unloaded" efuse load -u generic
echo "1..$n"
