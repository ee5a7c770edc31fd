#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# t-shim-bindfs.sh - bindfs as the distribution ships it (libfuse 2.9 or 3),
# single- and multi-threaded, under the exerciser.
# shellcheck source=tests/lib-shim.sh disable=SC1091
. "$(dirname "$0")/lib-shim.sh"
need_program bindfs
shim_begin "$@"

# No caches: every step is a request.
NOCACHE="-o attr_timeout=0,entry_timeout=0,negative_timeout=0"
WANT=link,symlink,xattr,direct,mmap,chmod,utimes,nsec,errno,unlinked

run() {
	local channel=$1 what
	shift
	what="$channel bindfs $*"
	serve "$channel" "$M" bindfs -f "$@" "$T/back" "$M" || { ok "$what: mounts" false; return; }
	exercise "$what" "$M" "$T/back" --features $WANT
	served_by "$channel" "$what"
	stop "$what"
}

# shellcheck disable=SC2086 # options
{
	run uring $NOCACHE
	run uring --multithreaded $NOCACHE
	run uring --multithreaded
	run dev --multithreaded $NOCACHE
}

# --- the way a person starts it: through efuse wrap, into the background ---

daemon_of() {
	wait_for 5 pgrep -f "$M\$" && daemon=$(pgrep -f "$M\$")
}

if [ -z "${EFUSE_TEST_PLAIN:-}${SAN:-}" ]; then
	XDG_RUNTIME_DIR=$T efuse wrap bindfs --multithreaded "$T/back" "$M"
	is "efuse wrap: bindfs" "$?" 0
	ok "efuse wrap: is mounted when it returns" mounted "$M"
	exercise "efuse wrap" "$M" "$T/back" --features $WANT --skip many
	status=$(XDG_RUNTIME_DIR=$T efuse status "$M")
	like "efuse status names the channel" "$status" uring
	daemon_of
	ok "efuse wrap: unmounts" unmount "$M"
	ok "efuse wrap: the daemon leaves within 5 s" wait_for 5 gone "$daemon"
fi

shim_finish
