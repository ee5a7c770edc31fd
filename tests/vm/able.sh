#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# able.sh: whether this machine can build the driver and boot a kernel with it.
# $KDIR and $LINUX_SRC are as make(1) has them; with $DEBUG it has to build a kernel
# as well. If not, it says what is missing, as a skipped test, and leaves with 1.
set -u

missing=
lacks() { missing="$missing${missing:+, }$1"; }

command -v qemu-system-x86_64 >/dev/null || lacks qemu-system-x86
command -v pahole >/dev/null || lacks pahole
command -v patch >/dev/null || lacks patch
command -v xz >/dev/null || lacks xz-utils
command -v clang >/dev/null || lacks clang
command -v python3 >/dev/null || lacks python3
[ -f /usr/include/libelf.h ] || lacks libelf-dev
[ -f /usr/include/zlib.h ] || lacks zlib1g-dev
command -v cpio >/dev/null || lacks cpio
[ -x /bin/busybox ] || lacks busybox-static
[ -e "$LINUX_SRC" ] || lacks linux-source-6.12
for c in ${DEBUG:+flex bison bc}; do
	command -v "$c" >/dev/null || lacks "$c"
done
if [ -f "$KDIR/Makefile" ]; then
	[ -r "/boot/vmlinuz-${KDIR#/usr/src/linux-headers-}" ] ||
		lacks "linux-image-${KDIR#/usr/src/linux-headers-}"
else
	lacks linux-headers-6.12-amd64
fi
[ -n "$missing" ] || exit 0
echo "1..0 # SKIP check-vm needs $missing (as root: make deps-vm)"
echo "0 passed, 0 failed, 1 skipped"
exit 1
