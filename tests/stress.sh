#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# stress.sh - what `make check-stress` runs: for $STRESS_SECONDS, one round after
# the other. A round mounts a daemon through `efuse wrap`, loads it from several
# processes that check what they read, disturbs daemon and machine meanwhile, and
# ends the mount in one of five ways, four of them under load.
#
# A round passes when no byte was wrong, no operation took $HANG seconds, and no
# process and no mount is left. The last line is `N passed, N failed`.
#
#   STRESS_SECONDS=1800	how long
#   STRESS_SEED=N	the choices of an earlier run (it prints them)
#   STRESS_OFFLINE=no	do not take core 1 offline and online
# shellcheck source=tests/lib-shim.sh disable=SC1091,SC2317
. "$(dirname "$0")/lib-shim.sh"

STRESS_SECONDS=${STRESS_SECONDS:-1800}
STRESS_SEED=${STRESS_SEED:-$$}
HANG=10
CORE1=/sys/devices/system/cpu/cpu1/online
KINDS=("fs-mem" "bindfs --multithreaded" "fs-mem --async" "ntfs-3g" "fs-mem --clone-fd"
	"bindfs" "fs-mem -s" "fs-mem --splice")
ENDS=(umount SIGKILL SIGTERM lazy force)

need_root
need_program efuse taskset
shim_begin "$@"
RANDOM=$STRESS_SEED
passed=0
failed=0
why=
pids=()	# everything of this round that we started

# --- nothing stays --------------------------------------------------------------

# By process group, for the load has children. Nothing here may wait for good.
kill_own() {
	local pid
	for pid in "${pids[@]}"; do
		kill -9 -- "-$pid" 2> /dev/null
	done
	for pid in "${pids[@]}"; do
		wait_for 5 gone "$pid" && wait "$pid" 2> /dev/null
	done
	pids=()
}

core1_offline=no
core1_usable() {
	[ "${STRESS_OFFLINE:-}" != no ] && [ -w $CORE1 ] && [ "$(cat $CORE1)" = 1 ]
}
if core1_usable; then core1_offline=yes; fi

core1_back() {
	[ $core1_offline = no ] || echo 1 > $CORE1
}

stress_cleanup() {
	local status=$?
	not_a_child || exit "$status"
	trap '' INT TERM
	umount -f "$M" 2> /dev/null
	umount -l "$M" 2> /dev/null
	kill_own
	core1_back
	(exit "$status")
	cleanup
}
trap stress_cleanup EXIT

# The status files of `efuse wrap` end up where stats() looks.
mkdir -p /run/efuse
mount --bind "$T/status" /run/efuse

# --- a daemon -------------------------------------------------------------------

fail() {
	why="${why:+$why; }$*"
}

# own COMMAND...: in the background, as a process group of its own.
own() {
	setsid "$@" &
	pids+=($!)
}

command_of() {
	case $1 in
	fs-mem*) echo "$1 -f $M";;
	bindfs*) echo "$1 -f $T/back $M";;
	ntfs-3g) echo "ntfs-3g $T/ntfs.img $M -o no_detach";;
	esac
}

fresh_backing() {
	rm -rf "$T/back" "$T/ntfs.img" "$T"/status/*
	mkdir "$T/back"
	[ "$1" != ntfs-3g ] || {
		truncate -s 128M "$T/ntfs.img"
		mkntfs -F -Q "$T/ntfs.img" > "$T/mkntfs.log" 2>&1
	}
}

# The mount point answers, over the ring.
start() {
	local words
	fresh_backing "$1"
	read -ra words <<< "$(command_of "$1")"
	own efuse wrap -- "${words[@]}" >> "$T/daemon.log" 2>&1
	daemon=${pids[-1]}
	wait_for $HANG mounted "$M" || { fail "does not mount"; return 1; }
	timeout -k 1 $HANG ls "$M" > /dev/null || { fail "does not answer"; return 1; }
	[ "$(stats channel)" = uring ] ||
		{ fail "channel $(stats channel): $(stats reason)"; return 1; }
}

# --- the load -------------------------------------------------------------------

# Reads a file that nobody changes, dropping what is cached now and then. Leaves
# with 1 at a wrong byte; that it cannot be read is for others to judge.
reader() {
	while [ ! -e "$T/calm" ]; do
		cmp -s "$T/reference" "$M/reference" 2> /dev/null
		[ $? != 1 ] || exit 1
		sleep 0.01
	done
}

start_load() {
	local seconds=$1
	rm -f "$T/calm" "$T"/load.*
	cp "$T/reference" "$M/reference" || { fail "cannot write"; return 1; }
	export -f reader
	export M
	own env T="$T" bash -c reader
	readers=("${pids[-1]}")
	own env T="$T" bash -c reader
	readers+=("${pids[-1]}")
	own prog-load "$M" "$seconds" 3 > "$T/load.1" 2>&1
	writers=("${pids[-1]}")
	own prog-load "$M" "$seconds" 2 > "$T/load.2" 2>&1
	writers+=("${pids[-1]}")
}

# With a mount that stays until it is done, this must pass as well. ntfs-3g by
# itself shows an old size of a file through its other links.
exercise_meanwhile() {
	local without=()
	[ "$2" != ntfs-3g ] || without=(--no link)
	own prog-exercise "$M" - "${without[@]}" --seed "$1" --only random --ops 600 --seconds 60 > "$T/exercise.log" 2>&1
	exerciser=${pids[-1]}
}

stacks() {
	local task
	for task in "/proc/$1"/task/*; do
		echo "# $(cat "$task/comm") ${task##*/}:" \
			"$(head -n 4 "$task/stack" 2> /dev/null | tr -s '\n ' ' ')"
	done
}

# ends WHAT SECONDS PID [STATUS...]: within SECONDS and with one of these.
ends() {
	local what=$1 seconds=$2 pid=$3 rc
	shift 3
	if ! wait_for "$seconds" gone "$pid"; then
		fail "$what hangs"
		stacks "$pid"
		kill -9 -- "-$pid"	# not waited for: it may be unkillable
		return
	fi
	wait "$pid" 2> /dev/null
	rc=$?
	[ $# = 0 ] || [[ " $* " = *" $rc "* ]] || fail "$what leaves with $rc"
}

field() { sed -n "s/.*$2=\([0-9]*\).*/\1/p" "$1"; }

# load_ends SECONDS STATUS...: and what it has to say.
load_ends() {
	local seconds=$1 pid file ms
	shift
	for pid in "${writers[@]}"; do
		ends "a writer" "$seconds" "$pid" "$@"
	done
	touch "$T/calm"
	for pid in "${readers[@]}"; do
		ends "a reader" $HANG "$pid" 0
	done
	for file in "$T"/load.*; do
		ms=$(field "$file" worst_ms)
		[ "$(field "$file" wrong)" = 0 ] || fail "wrong bytes: $(head -n 1 "$file")"
		[ "${ms:-0}" -lt $((HANG * 1000)) ] || fail "an operation took $ms ms"
		ops=$((ops + $(field "$file" ops)))
		[ "${ms:-0}" -le "$worst" ] || worst=$ms
	done
}

# --- disturbances ---------------------------------------------------------------

disturb_once() {
	case $((RANDOM % 6)) in
	0) taskset -apc 0 "$1";;
	1) taskset -apc 0-1 "$1";;
	2) taskset -apc 1 "$1";;
	3) echo 3 > /proc/sys/vm/drop_caches;;
	4) [ "$2" = no ] || { echo 0 > "$3"; sleep 0.3; echo 1 > "$3"; };;
	5) ;;
	esac
}

disturb() {
	RANDOM=$4
	while [ ! -e "$T/calm" ] && kill -0 "$1" 2> /dev/null; do
		disturb_once "$1" "$2" "$3" > /dev/null 2>&1
		sleep "0.$((RANDOM % 4 + 1))"
	done
}

start_disturbing() {
	export -f disturb disturb_once
	own env T="$T" bash -c 'disturb "$@"' - "$daemon" $core1_offline $CORE1 "$RANDOM"
	disturber=${pids[-1]}
}

# --- the ends -------------------------------------------------------------------

not_mounted() { ! mounted "$M"; }

# Nothing is in the way: everything must be right to the end.
end_umount() {
	load_ends 30 0
	ends "the exerciser" 90 "$exerciser" 0
	wait_for 5 quiet || fail "$(stats ring.requests) requests, $(stats ring.replies) replies"
	wait_for 5 umount "$M" || fail "umount is refused"
	ends "the daemon" $HANG "$daemon" 0
	[ "$1" != ntfs-3g ] || ntfsfix -n "$T/ntfs.img" > /dev/null 2>&1 || fail "the volume is damaged"
}

# Who is inside goes on; the daemon leaves after the last.
end_lazy() {
	umount -l "$M" || fail "umount -l is refused"
	load_ends 30 0
	ends "the daemon" $HANG "$daemon" 0
}

end_force() {
	umount -f "$M" 2> /dev/null
	load_ends $HANG 0 3
	umount -l "$M" 2> /dev/null
	ends "the daemon" $HANG "$daemon"
}

end_SIGTERM() {
	kill -TERM "$daemon"
	ends "the daemon" $HANG "$daemon"
	load_ends $HANG 0 3
	wait_for 2 not_mounted || fail "is still mounted"
}

end_SIGKILL() {
	kill -9 "$daemon"
	ends "the daemon" $HANG "$daemon"
	load_ends $HANG 0 3
	umount -l "$M" || fail "cannot be unmounted"
}

# --- rounds ---------------------------------------------------------------------

# under_load KIND END SEED
under_load() {
	[ "$2" != umount ] || exercise_meanwhile "$3" "$1"
	start_load 4 || return
	start_disturbing
	[ "$2" = umount ] || sleep "$((RANDOM % 3)).$((RANDOM % 10))"
	"end_$2" "$1" 2> /dev/null	# bash tells of every process killed
	ends "the disturber" $HANG "$disturber"
}

leftovers() {
	local pid
	if mounted "$M"; then
		fail "the mount is left"
		umount -f "$M" 2> /dev/null
		umount -l "$M"
	fi
	for pid in "${pids[@]}"; do
		gone "$pid" || fail "process $pid is left"
	done
	kill_own
	core1_back
}

verdict() {
	local result=ok
	if [ -n "$why" ]; then
		result="FAILED: $why"
		failed=$((failed + 1))
		tail -n 5 "$T/daemon.log" | sed 's/^/# /'
		cat "$T"/load.* 2> /dev/null | sed 's/^/# /'
		grep -h '^fail' "$T/exercise.log" 2> /dev/null | sed 's/^/# /'
	else
		passed=$((passed + 1))
	fi
	echo "$((SECONDS - began)) s, round $n: $1, $2, seed $3: $ops operations, longest $worst ms: $result"
}

round() {
	local kind=$1 end=$2 seed=$RANDOM
	why=''
	ops=0
	worst=0
	: > "$T/daemon.log"
	rm -f "$T/exercise.log"
	if start "$kind"; then under_load "$kind" "$end" "$seed"; fi
	leftovers
	verdict "$kind" "$end" "$seed"
}

complaints() {
	dmesg 2> /dev/null | grep -cE 'BUG:|WARNING:|Oops|KASAN|general protection'
}

can() {
	case $1 in
	ntfs-3g) command -v ntfs-3g mkntfs > /dev/null;;
	*) command -v "${1%% *}" > /dev/null;;
	esac
}

head -c 300000 /dev/urandom > "$T/reference"
before=$(complaints)
began=$SECONDS
echo "seed $STRESS_SEED, $STRESS_SECONDS seconds, core 1 goes offline: $core1_offline"

# Eight daemons, five ends: after forty rounds every pair was there.
for ((n = 0; SECONDS - began < STRESS_SECONDS; n++)); do
	kind=${KINDS[n % ${#KINDS[@]}]}
	if can "$kind"; then
		round "$kind" "${ENDS[n % ${#ENDS[@]}]}"
	else
		echo "round $n: $kind is not installed"
		sleep 1
	fi
done

if [ "$(complaints)" -gt "$before" ]; then
	echo "the kernel complained, see dmesg"
	failed=$((failed + 1))
fi
echo "$passed passed, $failed failed"
[ $failed = 0 ] && [ $passed -gt 0 ]
