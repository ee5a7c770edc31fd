#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# t-shim-passive.sh - the shim in a program that is no FUSE daemon: the program
# makes the system calls it makes without, and starts as quickly.
# shellcheck source=tests/lib.sh disable=SC1091,SC2317
. "$(dirname "$0")/lib.sh"
[ -e "$EFUSE_SHIM" ] || skip_all "needs $EFUSE_SHIM"
[ -z "${SAN:-}" ] || skip_all "sanitizers make calls of their own"

PASSIVE_LOADER=${PASSIVE_LOADER:-60}	# calls that loading it and its libraries may take
PASSIVE_US=3000				# microseconds a start may take longer

echo content > "$T/file"
mkdir "$T/dir"

# The program's own calls, from the first that names $T on; addresses are masked.
trace() {
	local preload=$1 out=$2
	shift 2
	rm -f "$T/dir/copy"
	strace -f -o "$out.raw" -E LD_PRELOAD="$preload" -E EFUSE_STATUS="$T/dir" \
		-E EFUSE_TOKEN=abc -- "$@" > /dev/null 2>&1
	sed "1d; 0,\\|$T/|{\\|$T/|!d}; s/^[0-9]* *//; s/0x[0-9a-f]*/PTR/g" "$out.raw" > "$out"
	[ -s "$out" ]
}

traces() {
	ok "$1: traced without" trace "" "$T/without" "${@:2}"
	ok "$1: traced with" trace "$EFUSE_SHIM" "$T/with" "${@:2}"
}

same_calls() {
	traces "$@"
	is "$1: makes the same calls" "$(cat "$T/with")" "$(cat "$T/without")"
	ok "$1: loading takes $(extra) calls more" test "$(extra)" -le "$PASSIVE_LOADER"
}

extra() { echo $(($(wc -l < "$T/with.raw") - $(wc -l < "$T/without.raw"))); }

# Where threads and children interleave: no call of a kind not made without,
# but for those by which threads wait, and the getpid() of a forked child.
same_kinds() {
	traces "$@"
	is "$1: makes calls of the same kinds" "$(kinds "$T/with")" "$(kinds "$T/without")"
}

kinds() {
	sed -nE 's/^([a-z_0-9]+)\(.*/\1/p' "$1" | grep -vE '^(futex|restart_syscall|getpid)$' | sort -u
}

left_behind() { find "$T/dir" -mindepth 1 ! -name copy; }

if ! command -v strace > /dev/null || ! strace -o /dev/null true 2> /dev/null; then
	skip "the same system calls" "needs strace"
else
	same_calls cat cat "$T/file" "$T/file"
	same_calls cp cp "$T/file" "$T/dir/copy"
	same_kinds "a threaded writer" prog-load "$T/dir" 0.2 2
	same_kinds "a shell with children" sh -c "cat $T/file; cat $T/file | cat; exit 0"
fi

is "it leaves no file" "$(left_behind)" ""
is "and says nothing" "$(LD_PRELOAD=$EFUSE_SHIM cat "$T/file" 2>&1)" content

# --- how long a program takes to start: the median of interleaved runs ---

now_us() { echo $(($(date +%s%N) / 1000)); }

starts() {
	local i begin
	for i in $(seq 60); do
		begin=$(now_us)
		true_of ""
		echo "without $(($(now_us) - begin))"
		begin=$(now_us)
		true_of "$EFUSE_SHIM"
		echo "with $(($(now_us) - begin)) $i"
	done
}
true_of() { LD_PRELOAD=$1 /bin/true; }
median() { awk -v w="$1" '$1 == w { print $2 }' "$T/times" | sort -n | sed -n 30p; }

starts > "$T/times"
slower=$(($(median with) - $(median without)))
ok "a start takes $slower us longer" test $slower -lt $PASSIVE_US

finish
