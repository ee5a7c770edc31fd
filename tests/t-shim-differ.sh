#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# t-shim-differ.sh - the differential tester (prog-differ.c) through the shim, with
# every cache policy: whatever is done through the mount, behind it or told by the
# file system, nothing differs from the folder it shows, and no lookup is left over.
# $DIFFER_OPS are operations of each run, $DIFFER_SEED is the first one's seed.
# shellcheck source=tests/lib-shim.sh disable=SC1091
. "$(dirname "$0")/lib-shim.sh"
need_root
need_program taskset
shim_begin_anywhere "$@"

: "${DIFFER_OPS:=3000}" "${DIFFER_SEED:=1}"
seed=$DIFFER_SEED
channel=dev
! have_uring || channel=uring

# Reading must not change a time in one place only.
mount -t tmpfs -o noatime,mode=755 tmpfs "$T/back" || skip_all "needs to mount tmpfs"
chmod 755 "$T" "$M"

# shellcheck disable=SC2317 # balanced calls it
lookups() { cat "$M/.ctl"; }
# shellcheck disable=SC2317 # wait_for calls it
balanced() { echo 2 > /proc/sys/vm/drop_caches; [ "$(lookups)" = 0 ]; }
# Dropping the caches of all takes more than root in some containers.
may_drop() { [ -w /proc/sys/vm/drop_caches ]; }

# differ WHAT CACHE "MOUNT OPTIONS" "FILE SYSTEM'S OPTIONS" OPTION...
differ() {
	local what=$1 cache=$2 options=$3 own=$4
	shift 4
	mkdir -p "$T/back/b" "$T/back/s"
	# shellcheck disable=SC2086 # words
	EFUSE_CACHE=$cache serve $channel "$M" fs-mirror "$T/back/b" -f -o "allow_other$options" $own "$M" ||
		{ ok "$what: mounts" false; return; }
	prog-differ "$M" "$T/back/b" "$T/back/s" --seed "$seed" --ops "$DIFFER_OPS" "$@"
	is "$what" "$?" 0
	if may_drop; then ok "$what: no lookup is left" wait_for 10 balanced; fi
	stop "$what"
	rm -rf "$T/back/b" "$T/back/s"
	seed=$((seed + 1))
}

KERNEL=,default_permissions	# who checks them
differ "no cache" none $KERNEL "" --users 3 --behind 50
differ "no cache, in parallel" none $KERNEL "" --users 3 --procs 2
differ "its timeouts" auto $KERNEL --timeout=0.02 --users 3 --behind 5 --wait 40
differ "its timeouts, told" auto $KERNEL "--timeout=100 --acl" --users 3 --behind 50 --notify --acl
differ "always" always $KERNEL "" --users 3 --procs 2
differ "always, told" always $KERNEL --acl --users 3 --behind 50 --notify --acl
differ "always, collected writes" always $KERNEL --writeback --users 3 --late
differ "its permissions" auto "" --as-caller --users 3 --any-error --behind 50

shim_finish
