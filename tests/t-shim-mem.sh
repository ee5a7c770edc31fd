#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# t-shim-mem.sh - a libfuse 3 daemon on the low-level interface, in every way it
# can be run, under the exerciser; then what does not travel over the ring:
# notifications, interrupts, poll.
# shellcheck source=tests/lib-shim.sh disable=SC1091,SC2317
. "$(dirname "$0")/lib-shim.sh"
shim_begin "$@"

WANT=link,symlink,xattr,direct,mmap,falloc,punch,chmod,utimes,nsec,errno,unlinked,exchange
skip=

run() {
	local channel=$1 what
	shift
	what="$channel ${*:-(multi-threaded)}"
	serve "$channel" "$M" fs-mem -f "$@" "$M" || { ok "$what: mounts" false; return; }
	# shellcheck disable=SC2086 # two words or none
	exercise "$what" "$M" - --features $WANT --ops 800 $skip
	served_by "$channel" "$what"
	stop "$what"
}

run uring
run uring -s
skip='--skip many'	# its 10,000 files take most of the time
run uring --async
run uring -s --async
run uring --splice
run uring -s --no-splice
run uring --clone-fd
run uring --timeout=1 --keep-cache
run uring --max-write=4096
run dev
run dev -s

# --- what stays on the device descriptor ---

ctl() { echo "$*" > "$M/.ctl"; }
counter() { sed -n "s/^$1=//p" "$M/.ctl"; }

notifications() {
	echo one > "$M/f"
	is "$1: reads what was written" "$(cat "$M/f")" one
	ctl change f two
	is "$1: the kernel's cache does not know of a change" "$(cat "$M/f")" one
	ctl inval_inode f
	is "$1: after inval_inode it does" "$(cat "$M/f")" two
	ctl store f six
	is "$1: store puts it there" "$(cat "$M/f")" six
	ctl retrieve f
	ok "$1: retrieve fetches it" wait_for 5 grep -q '^retrieved=six' "$M/.ctl"
	ctl remove f
	ok "$1: a name removed behind its back is still there" test -e "$M/f"
	ctl inval_entry f
	not_ok "$1: after inval_entry it is not" test -e "$M/f"
	echo x > "$M/g"
	ok "$1: delete is accepted" ctl delete g
	not_ok "$1: a notification about nothing fails" ctl inval_inode none 2>/dev/null
}

more_than() { [ "$(counter "$1")" -gt "$2" ]; }

interrupts() {
	local before
	echo x > "$M/block"
	before=$(counter interrupts)
	timeout 0.5 head -c 1 "$M/block"
	is "$1: a signal ends a blocked read" "$?" 124
	ok "$1: by an INTERRUPT" wait_for 5 more_than interrupts "$before"
	head -c 10 "$M/block" > "$T/out" &
	ok "$1: a read blocks" wait_for 5 grep -q blocked=1 "$M/.ctl"
	is "$1: others do not" "$(timeout 2 stat -c %s "$M/block")" 2
	ctl unblock
	wait $!
	is "$1: it is answered later" "$(cat "$T/out")" unblocked
}

polls() {
	echo x > "$M/poll"
	prog-poll "$M/poll" > "$T/out" &
	sleep 0.3
	is "$1: poll(2) waits" "$(cat "$T/out")" ""
	ctl wake poll
	wait $!
	is "$1: until it is notified" "$(cat "$T/out")" readable
}

# While some requests sleep in the daemon, others must not wait for them. The
# caller moves over all cores, so it meets every queue.
slow_files() {
	local start end worst=0 cpu
	echo x > "$M/delay-1000"
	echo x > "$M/quick"
	for _ in 1 2 3; do
		head -c 1 "$M/delay-1000" > /dev/null &
		sleep 0.05
		for cpu in $CPUS $CPUS; do
			start=$(date +%s%N)
			taskset -c "$cpu" cat "$M/quick" > /dev/null
			end=$(date +%s%N)
			[ $((end - start)) -le $worst ] || worst=$((end - start))
		done
		wait $!
		ctl inval_inode delay-1000
	done
	ok "$1: a sleeping request holds up nobody ($((worst / 1000)) us)" test $worst -lt 500000000
}

CPUS=$(awk '/^processor/ { print $3 }' /proc/cpuinfo)

for mode in "" -s --async "-s --async" --clone-fd; do
	what="uring ${mode:-(multi-threaded)}"
	# shellcheck disable=SC2086 # a list of options
	serve uring "$M" fs-mem -f --timeout=100 --keep-cache $mode "$M" || continue
	notifications "$what"
	interrupts "$what"
	polls "$what"
	case $mode in -s*) ;; *) slow_files "$what";; esac
	[ -n "${EFUSE_TEST_PLAIN:-}" ] ||
		ok "$what: notifications are counted" test "$(stats notifications)" -ge 6
	stop "$what"
done

# --- several connections in one process ---

mkdir "$T/m2" "$T/m3"
serve uring "$T/m3" fs-mem -f "$M" "$T/m2" "$T/m3"
prog-exercise "$M" - --only writers > "$T/log1" & one=$!
prog-exercise "$T/m2" - --only random > "$T/log2" & two=$!
prog-exercise "$T/m3" - --only many > "$T/log3" & three=$!
wait $one; is "three mounts: the first" "$?" 0
wait $two; is "three mounts: the second" "$?" 0
wait $three; is "three mounts: the third" "$?" 0
for n in 0 1 2; do
	served_by uring "three mounts: connection $n" $n
done
ok "three mounts: the second unmounts" unmount "$T/m2"
ok "three mounts: the others go on" cp "$0" "$M/copy"
ok "three mounts: the same" cmp "$0" "$M/copy"
stop "three mounts" "$M" "$T/m3"

shim_finish
