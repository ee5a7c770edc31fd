#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# t-shim-ntfs.sh - ntfs-3g (fuse-lite, always single-threaded) on an image and,
# where there is a loop device, on a block device (fuseblk).
# shellcheck source=tests/lib-shim.sh disable=SC1091,SC2317
. "$(dirname "$0")/lib-shim.sh"
need_program ntfs-3g mkntfs
shim_begin "$@"

WANT=link,symlink,mmap,utimes,errno,unlinked
loop=

format() {
	truncate -s 128M "$T/ntfs.img"
	mkntfs -F -Q "$1" > "$T/mkntfs.log" 2>&1
}

clean() { ntfsfix -n "$1" > "$T/fix.log" 2>&1; }

run() {
	local channel=$1 what="$1 ntfs-3g $2" dev=$3
	shift 3
	serve "$channel" "$M" ntfs-3g "$dev" "$M" -o "no_detach$*" ||
		{ ok "$what: mounts" false; return; }
	exercise "$what" "$M" - --features $WANT
	served_by "$channel" "$what"
	stop "$what"
	ok "$what: the volume is clean" clean "$dev"
}

truncate -s 128M "$T/ntfs.img"
format "$T/ntfs.img"
run uring image "$T/ntfs.img"
run uring "with permissions" "$T/ntfs.img" ,permissions,big_writes
run dev image "$T/ntfs.img"

free_loop() {
	local status=$?
	not_a_child || exit "$status"
	[ -z "$loop" ] || losetup -d "$loop"
	(exit "$status")
	cleanup
}

if [ "$(id -u)" != 0 ]; then
	skip "ntfs-3g on a block device" "needs root"
elif ! loop=$(losetup -f --show "$T/ntfs.img" 2>/dev/null); then
	skip "ntfs-3g on a block device" "needs a loop device"
else
	trap free_loop EXIT
	run uring "block device" "$loop"
	losetup -d "$loop" && loop=
fi

shim_finish
