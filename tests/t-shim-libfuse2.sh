#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# t-shim-libfuse2.sh - a libfuse 2.9 daemon of our own, single- and
# multi-threaded, under the exerciser.
# shellcheck source=tests/lib-shim.sh disable=SC1091
. "$(dirname "$0")/lib-shim.sh"
shim_begin "$@"

WANT=link,symlink,xattr,direct,mmap,chmod,utimes,nsec,errno,unlinked

run() {
	local channel=$1 what
	shift
	what="$channel libfuse 2.9 $*"
	serve "$channel" "$M" fs2-pass "$T/back" -f "$@" "$M" || { ok "$what: mounts" false; return; }
	exercise "$what" "$M" "$T/back" --features $WANT --skip many
	served_by "$channel" "$what"
	stop "$what"
}

run uring -o attr_timeout=0,entry_timeout=0
run uring -s -o attr_timeout=0,entry_timeout=0
run uring -o big_writes,auto_cache
run uring -o splice_read,splice_write,splice_move,big_writes,attr_timeout=0
run dev -o attr_timeout=0,entry_timeout=0

shim_finish
