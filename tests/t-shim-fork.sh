#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# t-shim-fork.sh - daemons that fork: into the background before they serve,
# after INIT, again and again under load; and run other programs.
# shellcheck source=tests/lib-shim.sh disable=SC1091,SC2317
. "$(dirname "$0")/lib-shim.sh"
shim_begin "$@"

ctl() { echo "$*" > "$M/.ctl"; }
counter() { sed -n "s/^$1=//p" "$M/.ctl"; }

# --- into the background, as people start it ---

for mode in "" -s --async; do
	what="in the background $mode"
	# shellcheck disable=SC2086 # an option or none
	( shimmed uring fs-mem $mode "$M" ) > "$T/daemon.log" 2>&1
	is "$what: the command returns" "$?" 0
	ok "$what: mounted by then" mounted "$M"
	daemon=$(counter pid)
	exercise "$what" "$M" - --skip many --ops 300
	served_by uring "$what"
	ok "$what: unmounts" unmount "$M"
	ok "$what: the daemon leaves" wait_for 5 gone "$daemon"
	no_status_left "$what"
done

# --- a child that stays, made while INIT is answered ---

serve uring "$M" fs-mem -f --child "$M"
child=$(pgrep -P "$daemon")
ok "a child from INIT: it is there" test -n "$child"
exercise "a child from INIT" "$M" - --only random
served_by uring "a child from INIT"
ok "a child from INIT: unmounts" unmount "$M"
left "a child from INIT" 5 0
ok "a child from INIT: it lived through it all" kill -0 "$child"
kill "$child"
rm -f "$T"/status/*

# --- children under load ---

# those of $T/children that may not run everywhere
bound() {
	local pid all
	all=$(sed -n 's/^Cpus_allowed_list:\t//p' /proc/self/status)
	while read -r pid; do
		sed -n 's/^Cpus_allowed_list:\t//p' "/proc/$pid/status" | grep -vxF "$all"
	done < "$T/children"
}

forks() {
	for _ in 1 2 3 4 5 6 7 8; do
		ctl fork && ctl spawn || return 1
	done
}

for mode in "" -s --async --clone-fd; do
	what="children under load $mode"
	# shellcheck disable=SC2086 # an option or none
	serve uring "$M" fs-mem -f $mode "$M"
	prog-load "$M" 2 3 > "$T/load" &
	load=$!
	ok "$what: forks and runs programs" forks
	wait "$load"
	is "$what: the load is served, nothing wrong" "$?" 0
	served_by uring "$what"
	pgrep -P "$daemon" > "$T/children"
	is "$what: the children are there" "$(wc -l < "$T/children")" 8
	is "$what: no child is bound to a core" "$(bound)" ""
	ok "$what: unmounts while they live" unmount "$M"
	left "$what" 5 0
	xargs kill < "$T/children"
	no_status_left "$what"
done

# --- the daemon is killed, then its child, which kept the descriptor ---

serve uring "$M" fs-mem -f "$M"
ctl fork
child=$(pgrep -P "$daemon")
prog-load "$M" 20 3 > "$T/load" 2>&1 &
load=$!
sleep 0.3
kill -9 "$daemon"
wait "$daemon" 2> /dev/null
kill -9 "$child"
ok "both killed: the load ends" wait_for 3 gone "$load"
umount -l "$M" 2> /dev/null || fusermount3 -u -z "$M"

shim_finish
