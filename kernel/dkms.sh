#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# dkms.sh KERNEL KDIR: what dkms.conf calls to build efuse.ko in build/ beside it,
# for the kernel release KERNEL with the headers in KDIR.
#
# fs/fuse is the one of the kernel's source: $EFUSE_LINUX_SRC, or what the package
# linux-source-6.12 puts into /usr/src, as an archive or unpacked.
set -eu

[ $# = 2 ] || { echo "usage: dkms.sh KERNEL KDIR" >&2; exit 1; }
kernel=$1 kdir=$2
here=$(cd "$(dirname "$0")" && pwd)

# 6.12.117+deb12-amd64 has its source in linux-source-6.12.
series=$(echo "$kernel" | cut -d. -f1-2)
source=${EFUSE_LINUX_SRC:-}
for at in /usr/src/linux-source-"$series" /usr/src/linux-source-"$series".tar.*; do
	[ -n "$source" ] || [ ! -e "$at" ] || source=$at
done
if [ -z "$source" ]; then
	echo "dkms.sh: no kernel source in /usr/src; install linux-source-$series" >&2
	exit 1
fi
"$here/prepare.sh" "$source" "$kdir" "$here/build"
# Our own make and dkms's have variables that kbuild would take for its own.
exec env -u MAKEFLAGS -u MFLAGS -u MAKEOVERRIDES -u O -u M make -j"$(nproc)" -C "$kdir" \
	M="$here/build" modules
