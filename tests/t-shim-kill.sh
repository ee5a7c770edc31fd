#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# t-shim-kill.sh - the daemon dies under load: no operation hangs over a second,
# nothing is left. SIGTERM and SIGINT: it leaves within two seconds, unmounted.
# shellcheck source=tests/lib-shim.sh disable=SC1091,SC2317
. "$(dirname "$0")/lib-shim.sh"
shim_begin "$@"

KILL_ROUNDS=${KILL_ROUNDS:-50}

# field NAME: from the load's line
field() { sed -n "s/.*$1=\([0-9]*\).*/\1/p" "$T/load"; }

# The load ends by itself soon after the daemon: else it is stuck.
load_ends() {
	wait_for 3 gone "$load" && wait "$load" 2>/dev/null
	[ -s "$T/load" ]
}

# It has begun: a slow machine may take its time over starting it.
loading() { compgen -G "$M/*-$load-*"; }

# daemons to kill by turns
start_daemon() {
	case $(($1 % 6)) in
	0) serve uring "$M" fs-mem -f "$M";;
	1) serve uring "$M" fs2-pass "$T/back" -f -o attr_timeout=0,entry_timeout=0 "$M";;
	2) serve uring "$M" fs-mem -f -s "$M";;
	3) serve uring "$M" fs-mem -f --async "$M";;
	4) serve uring "$M" fs2-pass "$T/back" -f -s -o attr_timeout=0,entry_timeout=0 "$M";;
	5) serve uring "$M" fs-mem -f --splice --clone-fd "$M";;
	esac
}

over_the_ring() {
	[ -n "${EFUSE_TEST_PLAIN:-}" ] || [ "$(stats channel)" = uring ]
}

kill_round() {
	start_daemon "$1" || return 1
	prog-load "$M" 20 3 > "$T/load" 2>&1 &
	load=$!
	wait_for 5 loading
	sleep "0.$((RANDOM % 20 + 10))"
	over_the_ring || return 1
	kill -9 "$daemon"
	wait "$daemon" 2>/dev/null
	if ! load_ends; then
		echo "# round $1: the load is stuck"
		return 1
	fi
	sed "s/^/# round $1: /" "$T/load" >> "$T/loads"
	[ "$(field ops)" -gt 20 ] && [ "$(field wrong)" = 0 ] && [ "$(field worst_ms)" -lt 1000 ]
}

bad=0
: > "$T/loads"
for ((round = 0; round < KILL_ROUNDS; round++)); do
	kill_round "$round" || { bad=$((bad + 1)); tail -n 1 "$T/loads"; }
	umount -l "$M" 2>/dev/null || fusermount3 -u -z "$M" 2>/dev/null
	rm -rf "$T/back" "$T"/status/*
	mkdir "$T/back"
done
is "SIGKILL under load: rounds of $KILL_ROUNDS with a hang, a wrong byte or no load" "$bad" 0
worst=$(sed -n 's/.*worst_ms=\([0-9]*\).*/\1/p' "$T/loads" | sort -n | tail -n 1)
echo "# the longest operation took $worst ms"

# --- signals that ask it to leave ---

# A slow machine may take its time over a load, too: one is over, or in full swing.
start_load() {
	if [ "$how" = idle ]; then
		prog-load "$M" 0.1 3 > "$T/load" 2>&1
		return
	fi
	prog-load "$M" 20 3 > "$T/load" 2>&1 &
	load=$!
	wait_for 10 loading
	sleep 0.3
}

# The load is over, and has said how it went.
over() { if [ "$how" = idle ]; then [ -s "$T/load" ]; else load_ends; fi; }

# ask SIGNAL WHAT COMMAND...: idle, then under load
ask() {
	local signal=$1 what=$2 how
	shift 2
	for how in idle load; do
		serve uring "$M" "$@" || { ok "$what: mounts" false; return; }
		ls "$M" > /dev/null
		start_load
		kill -s "$signal" "$daemon"
		left "$signal $what, $how" 2
		ok "$signal $what, $how: the mount is gone" wait_for 2 not_mounted
		ok "$signal $what, $how: the load ends" over
		is "$signal $what, $how: nothing wrong was read" "$(field wrong)" 0
		umount -l "$M" 2>/dev/null
		rm -f "$T"/status/*
	done
}

not_mounted() { ! mounted "$M"; }

ask TERM "libfuse 3" fs-mem -f "$M"
ask TERM "libfuse 3 -s" fs-mem -f -s "$M"
ask INT "libfuse 3 clone_fd" fs-mem -f --clone-fd "$M"
ask TERM "libfuse 2.9" fs2-pass "$T/back" -f "$M"
ask TERM "libfuse 2.9 -s" fs2-pass "$T/back" -f -s "$M"
ask INT "libfuse 2.9" fs2-pass "$T/back" -f "$M"
if command -v bindfs > /dev/null; then
	ask TERM "bindfs -o multithreaded" bindfs -f --multithreaded "$T/back" "$M"
	ask TERM bindfs bindfs -f "$T/back" "$M"
fi

# --- a signal that comes while the daemon looks for a request, and does not sleep ---

stays=0
for _ in {1..40}; do
	serve uring "$M" fs-mem -f -s "$M" || break
	prog-load "$M" 0.05 3 > "$T/load" 2>&1
	kill -s TERM "$daemon"
	wait_for 2 gone "$daemon" || { stays=$((stays + 1)); kill -9 "$daemon"; }
	wait "$daemon" 2>/dev/null
	umount -l "$M" 2>/dev/null
	rm -f "$T"/status/*
done
is "TERM just after a load: rounds of 40 in which the daemon stays" "$stays" 0

# --- the process ends itself, in the midst of a request ---

serve uring "$M" fs-mem -f "$M"
prog-load "$M" 20 3 > "$T/load" 2>&1 &
load=$!
wait_for 10 loading
sleep 0.3
echo exit > "$M/.ctl" 2> /dev/null
left "exit in a request" 2 3
ok "exit in a request: the load ends" load_ends
ok "exit in a request: no operation took a second" test "$(field worst_ms)" -lt 1000

shim_finish
