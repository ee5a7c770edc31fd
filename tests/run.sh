#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# run.sh [TEST...]: what `make check` runs: every unit test of $OUT/tests and
# every t-*.sh, one at a time, under prove(1). The last line counts what the
# tests said: `N passed, N failed, N skipped`.
#
# It fails when a test fails, takes longer than $TEST_SECONDS, or when after the
# last one a FUSE mount, a process with our library, or a complaint of the
# kernel is there that was not there before.
set -u

tests=$(cd "$(dirname "$0")" && pwd)
: "${OUT:?the build folder}" "${TEST_SECONDS:=420}"
export OUT
log=$OUT/check.log
failed_after=0

# The same suite under sanitizers: what they find must fail the test.
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:abort_on_error=0}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1:halt_on_error=1}

list() {
	local t
	if [ $# -gt 0 ]; then
		printf '%s\n' "$@"
		return
	fi
	for t in "$OUT"/tests/t-*; do
		case $t in *.d) ;; *) [ -x "$t" ] && echo "$t";; esac
	done
	printf '%s\n' "$tests"/t-*.sh
	[ -n "${SAN:-}" ] || printf '%s\n' "$tests/man.sh" "$tests/install.sh"
}

fuse_mounts() {
	awk '{ for (i = 7; $i != "-"; i++); if ($(i + 1) ~ /^fuse(blk)?(\.|$)/) n++ } END { print n + 0 }' \
		/proc/self/mountinfo
}

our_processes() {
	grep -ls "$OUT/lib/libefuse-shim.so" /proc/[0-9]*/maps 2>/dev/null | wc -l
}

kernel_complaints() {
	dmesg 2>/dev/null | grep -cE 'BUG:|WARNING:|Oops|KASAN|general protection'
}

# nothing_left WHAT BEFORE COMMAND: COMMAND's number did not grow, within 5 s.
nothing_left() {
	local what=$1 before=$2 now i
	shift 2
	for i in 1 2 3 4 5; do
		now=$("$@")
		[ "$now" -gt "$before" ] || return 0
		sleep 1
	done
	echo "not ok - after all tests: $((now - before)) $what left ($i s)"
	failed_after=$((failed_after + 1))
}

summary() {
	local passed failed skipped
	skipped=$(grep -cE '^ok .*# SKIP|^1\.\.0 # SKIP' "$log")
	passed=$(($(grep -cE '^ok ' "$log") - $(grep -cE '^ok .*# SKIP' "$log")))
	failed=$(($(grep -cE '^not ok ' "$log") + failed_after))
	# A test that died or ran out of time may not have said so itself.
	[ "$1" = 0 ] || [ "$failed" -gt 0 ] || failed=1
	echo "$passed passed, $failed failed, $skipped skipped"
	[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
}

mounts=$(fuse_mounts)
processes=$(our_processes)
complaints=$(kernel_complaints)
mapfile -t all < <(list "$@")

: > "$log"
prove --verbose --exec "timeout -k 10 $TEST_SECONDS" "${all[@]}" > "$log" 2>&1 < /dev/null &
prove=$!
trap 'kill $prove 2>/dev/null; exit 130' INT TERM
tail -n +1 -f --pid=$prove "$log" | grep --line-buffered -E '^/|^not ok|^#|SKIP|^Result'
wait $prove
status=$?

nothing_left "FUSE mounts" "$mounts" fuse_mounts
nothing_left "processes with our library" "$processes" our_processes
nothing_left "complaints of the kernel" "$complaints" kernel_complaints
echo "everything the tests said: $log"
summary $status
