# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh source=tests/vm/lib.sh
# t-mount.sh - an unmodified file system over the driver, beside one over the
# stock driver: what mount(2), /proc and sysfs show, the exerciser, and a killed
# file system. Runs in the virtual machine, under busybox.

. /tests/lib.sh

type_of() { grep " $1 " /proc/mounts | cut -d' ' -f3; }
is_type() { [ "$(type_of "$1")" = "$2" ]; }

ok "the device everybody may open" test "$(stat -c %a /dev/efuse)" = 666
ok "types of its own" grep -qw efuse /proc/filesystems
ok "for block devices as well" grep -qw efuseblk /proc/filesystems
ok "the stock types stay" grep -qw fuse /proc/filesystems
ok "sysfs has a folder of ours" test -d /sys/fs/efuse/connections
ok "and the stock one" test -d /sys/fs/fuse/connections
ok "the kernel has types of the module" test -s /sys/kernel/btf/efuse

ok "a mount through the driver" start /dev/efuse efuse.fs-mem /mnt/a
efs=$fs
ok "a mount through the stock driver" start /dev/fuse fuse.fs-mem /mnt/b
stock=$fs
ok "our type is shown" is_type /mnt/a efuse.fs-mem
ok "theirs is shown" is_type /mnt/b fuse.fs-mem
ok "df shows it" sh -c 'df /mnt/a | grep -q /mnt/a'
ok "our device is no mount of the stock type" \
	not device /dev/efuse fuse /mnt/c true 2>/dev/null
ok "nor theirs of ours" not device /dev/fuse efuse /mnt/c true 2>/dev/null
ok "the exerciser" exercise /mnt/a
ok "efusectl" sh -c 'mount -t efusectl none /sys/fs/efuse/connections &&
	ls /sys/fs/efuse/connections | grep -q . && umount /sys/fs/efuse/connections'

ok "unmounted" umount /mnt/a
ok "the file system ends" soon not kill -0 "$efs"
ok "the other is untouched" test -e /mnt/b/.ctl
ok "and unmounted too" umount /mnt/b
ok "and ends" soon not kill -0 "$stock"

ok "a second mount" start /dev/efuse efuse.fs-mem /mnt/a
kill -KILL "$fs"
ok "its file system killed: an error, no wait" soon not stat /mnt/a
ok "is unmounted all the same" umount /mnt/a
echo "1..$n"
