#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# t-shim-raw.sh - a daemon without a library, in every way it may read, write
# and wait; and wrong answers, which must end as they do without the shim.
# shellcheck source=tests/lib-shim.sh disable=SC1091
. "$(dirname "$0")/lib-shim.sh"
need_root
shim_begin "$@"

BAD="short one len len-zero len-max unknown positive errno long cut bare body huge twice
     notify notify-cut"
head -c 1048576 /dev/urandom > "$T/ref"

# Data both ways, then every wrong answer; what came of it ends in $T/NAME.*.
use() {
	local name=$1 bad
	cp "$T/ref" "$M/data"
	cmp "$T/ref" "$M/data" || return 1
	[ "$(ls "$M")" = data ] || return 1
	for bad in $BAD; do
		stat -c %s "$M/bad-$bad" 2>&1 | sed "s|$M/||"
	done > "$T/$name.stat"
	head -c 4096 "$M/bad-over" 2>&1 | sed "s|$M/||" >> "$T/$name.stat"
	stat -c %s "$M/data" >> "$T/$name.stat"
}

compare() {
	ok "$1: data come and go" use "$2"
	is "$1: wrong answers have the callers see the same" "$(cat "$T/$2.stat")" \
		"$(cat "$T/plain.stat")"
	is "$1: the daemon sees the same" "$(grep '^bad' "$T/$2.log")" "$(grep '^bad' "$T/plain.log")"
}

# raw CHANNEL OPTIONS...
raw() {
	local channel=$1 what
	shift
	what="$channel fs-raw $*"
	serve "$channel" "$M" fs-raw --log="$T/now.log" "$@" "$M" ||
		{ ok "$what: mounts" false; return; }
	compare "$what" now
	case $* in
	*--wait*) served_by dev "$what";;
	*) served_by "$channel" "$what";;
	esac
	case $* in *--small*)
		like "$what: a small buffer is refused" "$(cat "$T/now.log")" 'small before-init 22'
		like "$what: later too" "$(cat "$T/now.log")" 'small after-init 22';;
	esac
	stop "$what"
	rm -f "$T/now".*
}

# What is right is what happens without the shim.
(
	EFUSE_TEST_PLAIN=1
	serve plain "$M" fs-raw --log="$T/plain.log" "$M" && use plain
	unmount "$M"
) || ok "plain FUSE works" false
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

# --- a descriptor that somebody else opened and mounted ---

serve uring "$M" fs-raw --exec "$M" fs-mem -f
exercise "inherited /dev/fd/N" "$M" - --only random
ok "inherited: the mount works" cp "$T/ref" "$M/copy"
ok "inherited: and reads back" cmp "$T/ref" "$M/copy"
stop "inherited /dev/fd/N"

# --- INIT answered by a process that then leaves its child to serve ---

( shimmed uring fs-raw --fork-after-init "$M" ) > "$T/daemon.log" 2>&1
ok "fork after INIT: a child serves" use fork
ok "fork after INIT: unmounts" unmount "$M"

shim_finish
