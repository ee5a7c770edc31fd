#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# prepare.sh LINUX_SRC KDIR DEST: make the driver's source tree in DEST, ready
# for kbuild with the kernel headers in KDIR.
#
# LINUX_SRC is a kernel source tree or Debian's linux-source tar archive. Its
# fs/fuse is copied, our patches are applied, our files laid beside it, and the
# names that the stock driver already uses are changed, so that both live in one
# kernel. Nothing but DEST is written.
set -eu

fail() {
	echo "prepare.sh: $*" >&2
	exit 1
}

[ $# = 3 ] || fail "usage: prepare.sh LINUX_SRC KDIR DEST"
src=$1 kdir=$2 dest=$3
here=$(cd "$(dirname "$0")" && pwd)

# need COMMAND PACKAGE
need() {
	command -v "$1" >/dev/null || fail "needs $1; install $2"
}

check_machine() {
	[ -f "$kdir/Makefile" ] ||
		fail "KDIR='$kdir': no kernel headers; install linux-headers-6.12-amd64 or set KDIR"
	[ -e "$src" ] || fail "LINUX_SRC='$src': no kernel source; install linux-source-6.12 or set LINUX_SRC"
	need patch patch
	need xz xz-utils
	need pahole pahole	# for the module's BTF
}

# copy_fuse WHERE: LINUX_SRC/fs/fuse as WHERE/fs/fuse.
copy_fuse() {
	if [ -d "$src/fs/fuse" ]; then
		mkdir -p "$1/fs"
		cp -r "$src/fs/fuse" "$1/fs/fuse"
	elif [ -f "$src" ]; then
		tar -xf "$src" -C "$1" --strip-components=1 --wildcards '*/fs/fuse/*' ||
			fail "$src: cannot unpack fs/fuse"
	else
		fail "$src: neither a kernel source tree nor an archive of one"
	fi
}

apply_patches() {
	for p in "$here"/patches/*.patch; do
		patch -d "$1" -p1 -s -N --no-backup-if-mismatch < "$p" ||
			fail "$p: does not apply to $src"
	done
}

# change FILE SED-SCRIPT WANT: the script must change exactly WANT lines.
change() {
	sed "$2" "$dest/$1" > "$dest/$1.new"
	got=$(diff "$dest/$1" "$dest/$1.new" | grep -c '^<' || true)
	[ "$got" = "$3" ] || fail "fs/fuse/$1: $got lines to rename, expected $3"
	mv "$dest/$1.new" "$dest/$1"
}

# The stock driver's exports, file system types, caches, device, sysfs folder
# and trace events are taken; ours are called efuse.
rename_all() {
	for f in "$dest"/*.c; do
		sed -i '/^EXPORT_SYMBOL/d' "$f"
	done
	change inode.c 's/\.name\(\t*\)= "fuse/.name\1= "efuse/' 2
	change inode.c 's/MODULE_ALIAS_FS("fuse/MODULE_ALIAS_FS("efuse/' 2
	change inode.c 's/kmem_cache_create("fuse_inode"/kmem_cache_create("efuse_inode"/' 1
	change inode.c 's/kobject_create_and_add("fuse"/kobject_create_and_add("efuse"/' 1
	change inode.c 's/^MODULE_DESCRIPTION("Filesystem in Userspace")/MODULE_DESCRIPTION("Filesystem in Userspace, extended")/' 1
	change control.c 's/"fusectl"/"efusectl"/' 2
	change dev.c 's/kmem_cache_create("fuse_request"/kmem_cache_create("efuse_request"/' 1
	change dev.c 's/\.minor = FUSE_MINOR,/.minor = MISC_DYNAMIC_MINOR,/' 1
	# As the stock device, but by udev's rule there: everybody may open it.
	change dev.c 's/\.name  = "fuse",/.name  = "efuse", .mode = 0666,/' 1
	change dev.c '/^MODULE_ALIAS_MISCDEV(FUSE_MINOR);\|^MODULE_ALIAS("devname:fuse");/d' 2
	change fuse_i.h 's/pr_fmt(fmt) "fuse: "/pr_fmt(fmt) "efuse: "/' 1
	change fuse_trace.h 's/^#define TRACE_SYSTEM fuse$/#define TRACE_SYSTEM efuse/' 1
}

check_machine
rm -rf "$dest" "$dest.tmp"
mkdir -p "$dest.tmp"
copy_fuse "$dest.tmp"
apply_patches "$dest.tmp"
mv "$dest.tmp/fs/fuse" "$dest"
rm -rf "$dest.tmp" "$dest"/virtio_fs.c "$dest"/cuse.c "$dest"/dax.c
rename_all
mkdir -p "$dest/efuse" "$dest/include/linux"
cp "$here"/module/*.[ch] "$dest/efuse/"
cp "$here"/uapi/linux/efuse.h "$dest/include/linux/"
cp "$here"/Kbuild "$dest/Kbuild"
