#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# t-shim-sshfs.sh - sshfs over a sshd of our own on loopback. Its replies come
# from a thread that never reads a request.
# shellcheck source=tests/lib-shim.sh disable=SC1091,SC2317
. "$(dirname "$0")/lib-shim.sh"
# shellcheck source=tests/lib-sshd.sh disable=SC1091,SC2317
. "$(dirname "$0")/lib-sshd.sh"
need_program sshfs sshd ssh-keygen
shim_begin "$@"

NOCACHE=dir_cache=no,attr_timeout=0,entry_timeout=0,negative_timeout=0
WANT=direct,mmap,chmod,utimes,unlinked

stop_all() {
	local status=$?
	not_a_child || exit "$status"
	sshd_stop
	(exit "$status")
	cleanup
}
trap stop_all EXIT

run() {
	local channel=$1 what
	shift
	what="$channel sshfs $*"
	serve "$channel" "$M" sshfs -f "$(id -un)@127.0.0.1:$T/back" "$M" \
		-o "$(sshd_options)" "$@" || { ok "$what: mounts" false; return; }
	exercise "$what" "$M" "$T/back" --features $WANT --skip many
	served_by "$channel" "$what"
	stop "$what"
}

sshd_start || skip_all "needs a sshd that starts: $(tail -n 1 "$T/ssh/log")"
run uring -o $NOCACHE
run uring -s -o $NOCACHE
run uring
run dev -o $NOCACHE
sshd_stop

shim_finish
