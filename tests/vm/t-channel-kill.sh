# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh source=tests/vm/lib.sh
# t-channel-kill.sh - the ring channel: who waits for a file system that dies, by what
# means ever, gets an error soon and is not left waiting; mounts that end while they are
# used; children of those that serve. $KILL_ROUNDS are the times it is killed under
# load. In the virtual machine.
. /tests/lib.sh
# shellcheck source=tests/vm/channel.sh
. /tests/channel.sh
: "${KILL_ROUNDS:=12}" "${PROMPT_MS:=2000}"

field() { sed -n "s/.*$1=\([0-9]*\).*/\1/p" /tmp/load; }
load() { prog-load /mnt/a "${1:-60}" 3 > /tmp/load 2>&1 & load=$!; sleep "0.$((3 + n % 5))"; }
load_ends() { soon gone "$load" && [ -s /tmp/load ] && [ "$(field wrong)" = 0 ]; }
# ENOTCONN, ECONNABORTED or EIO, and no call took long.
refused() {
	case $(field errno) in 5|103|107) ;; *) cat /tmp/load; return 1;; esac
	[ "$(field worst_ms)" -lt "$PROMPT_MS" ] || { cat /tmp/load; return 1; }
}

# --- killed with many who wait ---------------------------------------------------------

# Readers of files that no read of returns, more of them than a ring has slots, and
# some of each processor. Their errors are the lines of /tmp/errors.
WAITERS=40
waiters() {
	: > /tmp/errors
	pids=
	i=0
	while [ $i -lt $WAITERS ]; do
		echo x > /mnt/a/block-$i
		taskset $((1 << i % cpus)) sh -c "head -c 1 /mnt/a/block-$i >/dev/null 2>>/tmp/errors" &
		pids="$pids $!"
		i=$((i + 1))
	done
	soon grep -qx "blocked=$WAITERS" /mnt/a/.ctl
}
none_waits() { for pid in $pids; do gone "$pid" || return 1; done; }
errors() { grep -cE 'not connected|Input/output|abort' /tmp/errors; }
cpus=$(grep -c ^processor /proc/cpuinfo)
mkdir -p /tmp/ctl
mount -t efusectl none /tmp/ctl

for mode in "" -s --clone-fd; do
	for end in killed aborted forced; do
		run="$WAITERS wait, fs-mem $mode $end"
		# shellcheck disable=SC2086 # an option or none
		ok "$run: a mount" serve efuse.channel=ring fs-mem -f $mode /mnt/a
		ok "$run: all of them" waiters
		ok "$run: by rings" test "$(stats ring.requests)" -gt 16
		abort=/tmp/ctl/$(stat -c %d /mnt/a)/abort
		case $end in
		killed) kill -KILL "$fs";;
		aborted) echo 1 > "$abort";;
		forced) umount -f /mnt/a 2>/dev/null;;
		esac
		ok "$run: none is left" soon none_waits
		ok "$run: each has an error" is "$(errors)" $WAITERS
		umount -l /mnt/a 2>/dev/null
		ok "$run: the file system is gone" soon gone "$fs"
	done
done

# --- killed under load -----------------------------------------------------------------

daemon() {	# N: the kinds of file system by turns
	case $(($1 % 6)) in
	0) set -- fs-mem -f;;
	1) set -- fs2-pass /tmp/back -f -o attr_timeout=0,entry_timeout=0;;
	2) set -- fs-mem -f -s;;
	3) set -- fs-mem -f --async;;
	4) set -- fs-mem -f --splice --clone-fd;;
	5) set -- fs2-pass /tmp/back -f -s -o attr_timeout=0,entry_timeout=0
	   [ ! -e /bin/bindfs ] || set -- bindfs -f --multithreaded /tmp/back;;
	esac
	run="killed under load, $1 $3$4"
	serve efuse.channel=ring "$@" /mnt/a
}
i=0
while [ $i -lt "$KILL_ROUNDS" ]; do
	round=$i
	ok "round $round: a mount" daemon "$round"
	load
	ok "$run: by rings" is "$(stats channel)" ring
	kill -KILL "$fs"
	ok "$run: the load ends, nothing wrong was read" load_ends
	ok "$run: with an error, soon ($(field worst_ms) ms)" refused
	umount -l /mnt/a 2>/dev/null
	rm -rf /tmp/back/*
	i=$((round + 1))
done
ok "exit in the midst of a request: a mount" serve efuse.channel=ring fs-mem -f /mnt/a
load
echo exit > /mnt/a/.ctl 2>/dev/null
ok "exit in the midst of a request: the load ends" load_ends
ok "exit in the midst of a request: with an error, soon" refused
umount -l /mnt/a

# --- unmounted while it is used ----------------------------------------------------------

for mode in "" -s --async; do
	run="umount, fs-mem $mode"
	# shellcheck disable=SC2086 # an option or none
	ok "$run: a mount" serve efuse.channel=ring fs-mem -f $mode /mnt/a
	load 2
	ok "$run: is refused under load" not umount /mnt/a
	echo kept > /mnt/a/open
	exec 7< /mnt/a/open
	ok "$run: lazily it is not" umount -l /mnt/a
	wait "$load"
	ok "$run: who is inside goes on" is $? 0
	ok "$run: an open file can be read" is "$(cat <&7)" kept
	ok "$run: the file system stays as long" kill -0 "$fs"
	exec 7<&-
	ok "$run: and leaves then" soon gone "$fs"
	# shellcheck disable=SC2086
	ok "$run, forced: a mount" serve efuse.channel=ring fs-mem -f $mode /mnt/a
	load
	umount -f /mnt/a 2>/dev/null
	ok "$run, forced: the load ends" load_ends
	ok "$run, forced: with an error, soon" refused
	umount -l /mnt/a 2>/dev/null
	ok "$run, forced: the file system leaves" soon gone "$fs"
done

# --- children ---------------------------------------------------------------------------

forks() {
	for i in 1 2 3 4; do ctl fork && ctl spawn || return 1; done
}
children() { ps -o pid,ppid | sed -n "s/^ *\([0-9]*\) *$fs\$/\1/p"; }
for mode in "" -s --async; do
	run="children under load, fs-mem $mode"
	# shellcheck disable=SC2086 # an option or none
	ok "$run: a mount" serve efuse.channel=ring fs-mem -f $mode /mnt/a
	load 3
	ok "$run: it forks and runs programs" forks
	wait "$load"
	ok "$run: the load is served, nothing wrong" is $? 0
	ok "$run: by rings" is "$(stats channel)" ring
	children > /tmp/children
	ok "$run: the children are there" is "$(wc -l < /tmp/children)" 4
	ok "$run: unmounted while they live" umount /mnt/a
	ok "$run: it leaves" soon gone "$fs"
	# shellcheck disable=SC2046 # words
	kill $(cat /tmp/children)
done
ok "a child that keeps the device: a mount" serve efuse.channel=ring fs-mem -f /mnt/a
ctl fork
children > /tmp/children
load
kill -KILL "$fs"
sleep 0.3
kill -KILL "$(cat /tmp/children)"
ok "a child that keeps the device: the load ends with it" load_ends
umount -l /mnt/a
umount /tmp/ctl
echo "1..$n"
