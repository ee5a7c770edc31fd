#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# t-shim-unmount.sh - the ways a mount ends: quickly again and again, while
# busy, lazily, by force, by aborting the connection, all under load.
# shellcheck source=tests/lib-shim.sh disable=SC1091,SC2317
. "$(dirname "$0")/lib-shim.sh"
need_root
shim_begin "$@"

field() { sed -n "s/.*$1=\([0-9]*\).*/\1/p" "$T/load"; }

start_load() {
	prog-load "$M" "$1" 3 > "$T/load" 2>&1 &
	load=$!
	sleep 0.3
}

# The load's loop ended with an error, soon, with nothing wrong.
load_failed() {
	ok "$1: the load ends" wait_for 3 gone "$load"
	wait "$load"
	is "$1: with an error" "$?" 3
	is "$1: having read nothing wrong" "$(field wrong)" 0
	ok "$1: no operation took a second ($(field worst_ms) ms)" test "$(field worst_ms)" -lt 1000
}

# --- mount and unmount, again and again ---

cycle() {
	local i
	for i in 1 2 3 4 5 6 7 8 9 10; do
		serve uring "$M" "$@" || return 1
		[ $((i % 2)) = 0 ] || echo "$i" > "$M/file" || return 1
		umount "$M" || return 1
		wait_for 5 gone "$daemon" || return 1
	done
	[ -z "$(ls "$T/status")" ]
}
ok "ten short mounts, libfuse 3" cycle fs-mem -f "$M"
ok "ten short mounts, libfuse 3 -s" cycle fs-mem -f -s "$M"
ok "ten short mounts, libfuse 2.9" cycle fs2-pass "$T/back" -f "$M"

# --- busy ---

for mode in "" -s --async; do
	what="busy $mode"
	# shellcheck disable=SC2086 # an option or none
	serve uring "$M" fs-mem -f $mode "$M"
	start_load 1.5
	not_ok "$what: umount is refused" umount "$M" 2> /dev/null
	wait "$load"
	is "$what: the load does not notice" "$?" 0
	stop "$what"

	what="lazy $mode"
	# shellcheck disable=SC2086
	serve uring "$M" fs-mem -f $mode "$M"
	echo kept > "$M/open"
	exec 7< "$M/open"
	start_load 1.5
	ok "$what: umount -l is taken" umount -l "$M"
	wait "$load"
	is "$what: who is inside goes on" "$?" 0
	is "$what: an open file can be read" "$(cat <&7)" kept
	ok "$what: the daemon stays as long" kill -0 "$daemon"
	exec 7<&-
	left "$what" 5 0
	no_status_left "$what"

	what="forced $mode"
	# shellcheck disable=SC2086
	serve uring "$M" fs-mem -f $mode "$M"
	start_load 20
	umount -f "$M" 2> /dev/null
	load_failed "$what"
	umount -l "$M" 2> /dev/null
	left "$what" 5
	rm -f "$T"/status/*
done

# --- with requests that sleep in the daemon ---

serve uring "$M" fs-mem -f --timeout=100 "$M"
echo x > "$M/delay-500"
head -c 1 "$M/delay-500" > "$T/out" &
sleep 0.1
umount -l "$M"
wait $!
is "a sleeping read is answered after umount -l" "$(cat "$T/out")" x
left "a sleeping read" 5 0

serve uring "$M" fs-mem -f "$M"
echo x > "$M/block"
head -c 1 "$M/block" 2> /dev/null &
reader=$!
wait_for 5 grep -q blocked=1 "$M/.ctl"
umount -f "$M" 2> /dev/null
ok "a blocked read ends with umount -f" wait_for 2 gone $reader
umount -l "$M" 2> /dev/null
left "a blocked read" 5
rm -f "$T"/status/*

# --- the connection aborted through fusectl ---

mkdir "$T/ctl"
if mount -t fusectl none "$T/ctl" 2> /dev/null; then
	serve uring "$M" fs-mem -f "$M"
	start_load 20
	echo 1 > "$T/ctl/$(stat -c %Hd:%Ld "$M" | sed 's/.*://')/abort"
	load_failed "abort"
	left "abort" 5
	umount -l "$M"
	umount "$T/ctl"
else
	skip "abort" "needs fusectl"
fi

shim_finish
