#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# t-shim-raw.sh - a daemon without a library, in every way it may read, write
# and wait; and wrong answers, which must end as they do without the shim.
# shellcheck source=tests/lib-shim.sh disable=SC1091,SC2317
. "$(dirname "$0")/lib-shim.sh"
need_root
shim_begin "$@"

# Well-formed headers with a body that does not fit the request: over the ring
# the kernel may find out after the write, and tell the caller EINVAL, not EIO.
FIT='long|cut|bare|body|huge|over'
BAD="short one len len-zero len-max unknown positive errno notify notify-cut twice
     long cut bare body huge"
head -c 1048576 /dev/urandom > "$T/ref"

# Data both ways, then every wrong answer: what the callers got, in $T/NAME.stat.
use() {
	local name=$1 bad
	cp "$T/ref" "$M/data"
	cmp "$T/ref" "$M/data" || return 1
	[ "$(ls "$M")" = data ] || return 1
	for bad in $BAD; do
		echo "bad $bad $(stat -c %s "$M/bad-$bad" 2>&1)"
	done > "$T/$name.stat"
	echo "bad over $(head -c 4096 "$M/bad-over" 2>&1 >/dev/null)" >> "$T/$name.stat"
	stat -c %s "$M/data" >> "$T/$name.stat"
}

exact() { sort "$1" | grep -vE "^bad ($FIT) "; }

# none_but FILE REGEX: lines of the wrong sizes all end in one of these.
none_but() {
	local odd
	odd=$(grep -E "^bad ($FIT) " "$1" | grep -vE "($2)\$")
	[ -z "$odd" ] || echo "# $odd"
	[ -z "$odd" ]
}

compare() {
	ok "$1: data come and go" use now
	is "$1: callers see what they see without the shim" "$(exact "$T/now.stat")" \
		"$(exact "$T/plain.stat")"
	is "$1: the daemon does too" "$(exact "$T/now.log" | grep '^bad')" \
		"$(exact "$T/plain.log" | grep '^bad')"
	ok "$1: of a wrong size, callers see an error or the right answer" \
		none_but "$T/now.stat" ' 4096|Input/output error|Invalid argument'
	ok "$1: of a wrong size, one answer is taken at most" \
		none_but "$T/now.log" ' 22 0| 22 2| 0 2'
}

# raw CHANNEL OPTIONS...
raw() {
	local channel=$1 what
	shift
	what="$channel fs-raw $*"
	serve "$channel" "$M" fs-raw --log="$T/now.log" "$@" "$M" ||
		{ ok "$what: mounts" false; return; }
	compare "$what"
	case $* in
	*--wait*) served_by dev "$what";;
	*) served_by "$channel" "$what";;
	esac
	case $* in *--small*)
		like "$what: a small buffer is refused" "$(cat "$T/now.log")" 'small before-init 22'
		like "$what: later too" "$(cat "$T/now.log")" 'small after-init 22'
		like "$what: a pipe is" "$(cat "$T/now.log")" 'pipe usual 0'
		like "$what: one for libfuse to splice by is where that spares a copy" \
			"$(cat "$T/now.log")" "pipe libfuse $([ "$channel" = dev ] && echo 0 || echo 1) ";;
	esac
	stop "$what"
	rm -f "$T"/now.*
}

# What is right is what happens without the shim.
plain() {
	local EFUSE_TEST_PLAIN=1
	export EFUSE_TEST_PLAIN
	serve dev "$M" fs-raw --log="$T/plain.log" "$M" && use plain
	unmount "$M"
}
ok "without the shim" plain
ok "wrong answers were given" test "$(grep -c '^bad' "$T/plain.log")" -ge 17

raw uring
raw uring --read=readv --reply=writev
raw uring --read=splice --reply=splice
raw uring --dup
raw uring --threads=4
raw uring --threads=20 --reply=writev
raw uring --minor=12
raw uring --small
raw uring --wait=poll
raw uring --wait=epoll
raw uring --wait=select
raw dev --threads=2
raw dev --small

# --- a descriptor that somebody else opened and mounted ---

serve uring "$M" fs-raw --exec "$M" fs-mem -f
exercise "inherited /dev/fd/N" "$M" - --only random
ok "inherited: the mount works" cp "$T/ref" "$M/copy"
ok "inherited: and reads back" cmp "$T/ref" "$M/copy"
stop "inherited /dev/fd/N"

# --- INIT answered by a process that then leaves its child to serve ---

rm -f "$T"/now.*
( shimmed uring fs-raw --fork-after-init "$M" ) > "$T/child" 2> "$T/daemon.log" &
# A request that the parent's rings have taken when it leaves is lost with them,
# so the child is given the time to begin.
child_serves() { [ -s "$T/child" ] && gone "$parent"; }
parent=$!
ok "fork after INIT: the parent leaves" wait_for 10 child_serves
sleep 0.3
use fork &
ok "fork after INIT: a child serves, or callers get an error" wait_for 10 gone $!
daemon=$(cat "$T/child")
ok "fork after INIT: unmounts" unmount -l "$M"
ok "fork after INIT: the child leaves" wait_for 5 gone "${daemon:?}"
gone "$daemon" || kill -9 "$daemon"

shim_finish
