# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# lib.sh - what the shell tests of the virtual machine share, for busybox's sh.

n=0
ok() {
	what=$1
	shift
	n=$((n + 1))
	if "$@"; then echo "ok $n - $what"; else echo "not ok $n - $what"; echo "# failed: $*"; fi
}
not() { ! "$@"; }
soon() { i=0; until "$@" >/dev/null 2>&1; do i=$((i + 1)); [ $i -lt 100 ] || return 1; sleep 0.1; done; }

# start DEVICE TYPE DIR [OPTION...]: fs-mem on DIR; its process is $fs. With
# $POLICY set, its connection chooses that policy.
start() {
	start_dir=$3
	mkdir -p "$3"
	start_device=$1 start_type=$2
	shift 3
	device "$start_device" "$start_type" "$start_dir" fs-mem -f "$@" &
	fs=$!
	soon test -e "$start_dir/.ctl"
}

# stop DIR: unmounted, and fs-mem ends well, which it does only if the kernel
# forgot no more than it had looked up.
stop() { umount "$1" && soon not kill -0 "$fs" && wait "$fs"; }

exercise() {
	prog-exercise "$1" - --seed "${2:-7}" --ops 300 --skip many --seconds 150 > /tmp/exercise 2>&1
	status=$?
	grep -E '^(fail|skip)' /tmp/exercise | sed 's/^/# /'
	return $status
}

export EFUSE_POLICY_LOADER=/bin/efuse-policy
# shellcheck disable=SC2034 # for those who include us
bpf=/sys/fs/bpf/efuse
[ -d /dev/fd ] || ln -s /proc/self/fd /dev/fd
