#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# t-shim-fallback.sh - whatever the ring or the status file lacks, the mount
# works all the same, and the status file says why.
# shellcheck source=tests/lib-shim.sh disable=SC1091,SC2317
. "$(dirname "$0")/lib-shim.sh"
shim_begin "$@"
[ -z "${EFUSE_TEST_PLAIN:-}" ] || skip_all "the shim is what this tests"

KNOB=/sys/module/fuse/parameters/enable_uring
SYSCTL=/proc/sys/kernel/io_uring_disabled

# use WHAT: the mount at $M works.
use() {
	exercise "$1" "$M" - --only sizes
	ok "$1: a mount that works" cp "$0" "$M/copy"
	ok "$1: reads back" cmp "$0" "$M/copy"
}

end() {
	ok "$1: unmounts" unmount "$M"
	left "$1" 5 0
	rm -f "$T"/status/*
}

# falls_back WHAT REASON COMMAND...: serve over dev, with the reason told.
falls_back() {
	local what=$1 reason=$2
	shift 2
	serve auto "$M" "$@" || { ok "$what: mounts" false; return; }
	use "$what"
	is "$what: plain FUSE serves" "$(stats channel)" dev
	is "$what: nothing went over the ring" "$(stats ring.requests)" 0
	like "$what: the reason" "$(stats reason)" "$reason"
	end "$what"
}

# no_status WHAT COMMAND...: no status file, but a mount.
no_status() {
	local what=$1
	shift
	serve auto "$M" "$@" || { ok "$what: mounts" false; return; }
	use "$what"
	is "$what: no status file" "$(stats channel)" ""
	end "$what"
}

keeper() { grep -qsx efuse-keeper "/proc/$daemon/task"/*/comm; }

# --- the control: nothing is off ---

serve auto "$M" fs-mem -f "$M"
use "all is there"
served_by uring "all is there"
ok "all is there: the keeper is, too" keeper
end "all is there"

# --- asked for by the person ---

serve dev "$M" fs-mem -f "$M"
use "channel dev"
like "channel dev: the reason" "$(stats reason)" 'dev was asked for'
end "channel dev"
serve nonsense "$M" fs-mem -f "$M"
use "an unknown channel"
like "an unknown channel: the reason" "$(stats reason)" 'unknown channel nonsense'
end "an unknown channel"

# --- forbidden ---

falls_back "seccomp" 'io_uring.*(Operation not permitted|forbid|refus)' \
	prog-nouring fs-mem -f "$M"

# with_knob FILE VALUE COMMAND...: FILE says VALUE for as long as COMMAND takes.
with_knob() {
	local knob=$1 value=$2 old rc
	shift 2
	old=$(cat "$knob")
	restore="$knob $old"
	echo "$value" > "$knob"
	"$@"
	rc=$?
	echo "$old" > "$knob"
	restore=
	return $rc
}

restore=
put_back() {
	local status=$?
	not_a_child || exit "$status"
	[ -z "$restore" ] || echo "${restore#* }" > "${restore%% *}"
	(exit "$status")
	cleanup
}
trap put_back EXIT

if [ "$(id -u)" = 0 ]; then
	if [ -w $SYSCTL ]; then
		with_knob $SYSCTL 2 falls_back "kernel.io_uring_disabled" \
			'io_uring.*(Operation not permitted|io_uring_disabled)' fs-mem -f "$M"
	else
		skip "kernel.io_uring_disabled" "this kernel has no such sysctl"
	fi
	with_knob $KNOB N falls_back "fuse.enable_uring" 'enable_uring' fs-mem -f "$M"
else
	skip "kernel.io_uring_disabled" "needs root"
	skip "fuse.enable_uring" "needs root"
fi

# --- limits ---

# Either the ring does without, or the reason names what is missing.
works_or_says() {
	local what=$1 reason=$2
	shift 2
	serve auto "$M" "$@" || { ok "$what: mounts" false; return; }
	ok "$what: the mount works" cp "$0" "$M/data"
	if [ "$(stats channel)" = uring ]; then
		ok "$what: the ring does without" test "$(stats ring.requests)" -gt 3
	else
		like "$what: the reason" "$(stats reason)" "$reason"
	fi
	end "$what"
}

works_or_says "no locked memory" 'memlock|[Mm]emory|allocate' \
	bash -c 'ulimit -l 0 && exec "$@"' bash fs-mem -f "$M"

if [ "$(id -u)" = 0 ]; then
	for n in 8 9 10 11 12 14 16; do
		serve auto "$M" bash -c 'ulimit -n '$n' && exec "$@"' bash fs-raw "$M"
		what="$n descriptors"
		ok "$what: mounts" mounted "$M"
		mounted "$M" || continue
		ok "$what: data can be read" cp "$M/data" "$T/out"
		if [ "$(stats channel)" != uring ] && [ -n "$(stats channel)" ]; then
			like "$what: the reason" "$(stats reason)" 'files|descriptors'
		fi
		end "$what"
	done
fi

# --- the status folder ---

export SHIM_STATUS=$T/none/there
no_status "no status folder" fs-mem -f "$M"
: > "$T/plainfile"
SHIM_STATUS=$T/plainfile
no_status "a status folder that is a file" fs-mem -f "$M"
SHIM_STATUS=/proc/self
no_status "a status folder that takes no files" fs-mem -f "$M"
if [ "$(id -u)" = 0 ] && mkdir "$T/tiny" && mount -t tmpfs -o size=8k none "$T/tiny"; then
	head -c 100000 /dev/zero > "$T/tiny/full" 2> /dev/null
	SHIM_STATUS=$T/tiny
	no_status "a full status folder" fs-mem -f "$M"
	is "a full status folder: no stub is left" "$(ls "$T/tiny")" full
	umount "$T/tiny"
else
	skip "a full status folder" "needs root"
fi
unset SHIM_STATUS

# --- another version, a strange token ---

SHIM_ABI=999
no_status "a helper of another version" fs-mem -f "$M"
unset SHIM_ABI
for token in ../../up "$(printf 'a%.0s' {1..100})" 'x y'; do
	serve auto "$M" env EFUSE_TOKEN="$token" fs-mem -f "$M"
	ok "token $token: the mount works" cp "$0" "$M/data"
	is "token $token: no file elsewhere" "$(find "$T" -maxdepth 1 -newer "$M" -name '*up*')" ""
	end "token $token"
done

shim_finish
