#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# t-shim-place.sh - where the daemon's threads run, when others have a say:
# cpusets, cores that go and come, quotas, nice values, real-time classes, cores
# busy with other work, threads that never answer.
# shellcheck source=tests/lib-shim.sh disable=SC1091,SC2317
. "$(dirname "$0")/lib-shim.sh"
need_root
shim_begin "$@"

CPUSET=/sys/fs/cgroup/cpuset/efuse-test-$$
QUOTA=/sys/fs/cgroup/cpu/efuse-test-$$
CORE1=/sys/devices/system/cpu/cpu1/online
hogs=

put_back() {
	local dir
	not_a_child || exit
	[ ! -w "$CORE1" ] || [ "$(cat "$CORE1")" = 1 ] || echo 1 > "$CORE1"
	stop_hogs
	for dir in "$CPUSET" "$QUOTA"; do
		[ -d "$dir" ] || continue
		while read -r pid; do echo "$pid" > "${dir%/*}/tasks"; done < "$dir/tasks" 2>/dev/null
		rmdir "$dir"
	done
	cleanup
}
trap put_back EXIT

field() { sed -n "s/.*$1=\([0-9]*\).*/\1/p" "$T/load"; }

start_load() {
	prog-load "$M" "$1" 3 > "$T/load" 2>&1 &
	load=$!
	sleep 0.3
}

# good_load WHAT MS: it ran to its end, and no operation took MS.
good_load() {
	wait "$load"
	is "$1: every operation succeeds" "$?" 0
	is "$1: nothing is read wrong" "$(field wrong)" 0
	ok "$1: the slowest took less than $2 ms ($(field worst_ms))" test "$(field worst_ms)" -lt "$2"
}

start_hogs() {
	local core
	for core in $(seq 0 $(($(nproc) - 1))); do
		taskset -c "$core" sh -c 'while :; do :; done' &
		hogs="$hogs $!"
	done
}

stop_hogs() {
	# shellcheck disable=SC2086 # pids
	[ -z "$hogs" ] || { kill $hogs; wait $hogs; } 2>/dev/null
	hogs=
}

# threads_say COMMAND...: what it prints about each thread of the daemon but the keeper.
threads_say() {
	local t
	for t in /proc/"$daemon"/task/*; do
		[ "$(cat "$t/comm")" = efuse-keeper ] || "$@" "${t##*/}"
	done | sort -u
}

policy() { chrt -p "$1" | sed -n 's/.*policy: //p'; }
niceness() { awk '{ sub(/.*\) /, ""); print $17 }' "/proc/$daemon/task/$1/stat"; }

each_daemon() {
	local mode
	for mode in "" -s; do
		"$1" "fs-mem $mode" "$mode"
	done
}

# --- cores taken away ---

cpuset_test() {
	local cores
	cores=$(cat "${CPUSET%/*}/cpuset.cpus")
	mkdir "$CPUSET" && cat "${CPUSET%/*}/cpuset.mems" > "$CPUSET/cpuset.mems" &&
		echo "$cores" > "$CPUSET/cpuset.cpus" || return 1
	# shellcheck disable=SC2086 # an option or none
	serve uring "$M" fs-mem -f $2 "$M"
	echo "$daemon" > "$CPUSET/cgroup.procs"
	start_load 3
	for set in 0 1 "$cores" 1 0 "$cores"; do
		echo "$set" > "$CPUSET/cpuset.cpus"
		sleep 0.4
	done
	good_load "cpuset, $1" 3000
	served_by uring "cpuset, $1"
	stop "cpuset, $1"
	rmdir "$CPUSET"
}

if [ "$(nproc)" -lt 2 ]; then
	skip "cpuset: needs two cores"
elif [ -w "${CPUSET%/*}/cpuset.cpus" ] || [ -e "${CPUSET%/*}/cpuset.mems" ]; then
	each_daemon cpuset_test
else
	skip "cpuset: needs the cpuset controller of cgroup v1"
fi

hotplug_test() {
	# shellcheck disable=SC2086 # an option or none
	serve uring "$M" fs-mem -f $2 "$M"
	start_load 3
	for state in 0 1 0 1; do
		echo "$state" > "$CORE1"
		sleep 0.5
	done
	good_load "hotplug, $1" 5000
	served_by uring "hotplug, $1"
	stop "hotplug, $1"
}

if [ -w "$CORE1" ]; then
	each_daemon hotplug_test
else
	skip "hotplug: core 1 cannot be taken offline here"
fi

# --- time taken away ---

quota_test() {
	mkdir "$QUOTA" && echo 100000 > "$QUOTA/cpu.cfs_period_us" &&
		echo 20000 > "$QUOTA/cpu.cfs_quota_us" || return 1
	# shellcheck disable=SC2086 # an option or none
	serve uring "$M" fs-mem -f $2 "$M"
	echo "$daemon" > "$QUOTA/cgroup.procs"
	start_load 2
	good_load "quota of a fifth of a core, $1" 5000
	stop "quota, $1"
	rmdir "$QUOTA"
}

if [ -w "${QUOTA%/*}/cpu.cfs_quota_us" ] || [ -e "${QUOTA%/*}/cpu.shares" ]; then
	each_daemon quota_test
else
	skip "quota: needs the cpu controller of cgroup v1"
fi

all_are_normal() { [ "$(threads_say policy)" = SCHED_OTHER ]; }

# First quiet, so that threads enter the idle class; then everybody wants the cores.
busy_test() {
	# shellcheck disable=SC2086 # an option or none
	serve uring "$M" fs-mem -f $2 "$M"
	prog-load "$M" 1 1 > /dev/null
	start_load 3
	start_hogs
	good_load "busy cores, $1" 1000
	ok "busy cores, $1: no thread stays in the idle class" \
		wait_for 2 all_are_normal
	stop_hogs
	stop "busy cores, $1"
}
each_daemon busy_test

# --- what the administrator chose stays ---

chosen_test() {
	# shellcheck disable=SC2086 # an option or none
	serve uring "$M" nice -n 5 fs-mem -f $2 "$M"
	prog-load "$M" 1 1 > /dev/null
	is "nice 5, $1: stays" "$(threads_say niceness)" 5
	is "nice 5, $1: and in its class" "$(threads_say policy)" SCHED_OTHER
	stop "nice, $1"

	# shellcheck disable=SC2086 # an option or none
	serve uring "$M" chrt -f 1 fs-mem -f $2 "$M"
	prog-load "$M" 1 1 > /dev/null
	is "real time, $1: stays" "$(threads_say policy)" SCHED_FIFO
	stop "real time, $1"

	# shellcheck disable=SC2086 # an option or none
	serve uring "$M" taskset -c 0 fs-mem -f $2 "$M"
	start_load 1
	good_load "bound to core 0, $1" 1000
	is "bound to core 0, $1: stays" "$(threads_say taskset -p | sed 's/.*: //' | sort -u)" 1
	stop "bound, $1"
}
each_daemon chosen_test

# --- threads that do not answer ---

# Each of four is busy for seconds, in a directory of its own, since the kernel
# locks one for a LOOKUP; the others must serve both cores.
blocked_test() {
	local i readers=
	serve uring "$M" fs-mem -f "$M"
	for i in a b c d; do
		mkdir "$M/$i"
		(echo $i > "$M/$i/delay-3000" && cat "$M/$i/delay-3000" > "$T/$i") &
		readers="$readers $!"
	done
	sleep 0.5
	start_load 5
	good_load "four threads that do not answer" 1000
	# shellcheck disable=SC2086 # pids
	wait $readers
	is "four threads that do not answer: they do later" "$(cat "$T"/[abcd] | tr -d '\n')" abcd
	stop "four threads that do not answer"
}
blocked_test

shim_finish
