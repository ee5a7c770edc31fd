#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# fusermount.sh [ROUNDS]: what one mount and one unmount cost with our fusermount3
# and with the distribution's, for an ordinary user: system calls (of the program
# itself, loader included) and time, in turn. The ratios should be at most 1.0.
# shellcheck disable=SC1091,SC2153 # beside us; set there
. "$(dirname "$0")/../tests/lib.sh"
. "$(dirname "$0")/../tests/lib-fusermount.sh"
need_program strace prog-mounttime
[ -n "$THEIRS" ] || skip_all "needs the distribution's fusermount3"

rounds=${1:-300}
mkdir "$T/m"
chown "$ALICE" "$T/m"
cp "$OUT/tests/prog-mounttime" "$T/bin/time"

# system_calls PROGRAM ARG...: how many PROGRAM itself makes, run by alice.
system_calls() {
	local name=$1
	strace -u efusealice -f -o "$T/trace" "$COMMFD" "$@" >/dev/null 2>&1
	awk -v name="\"$name\"" '$2 ~ /^execve/ && index($0, "execve(" name) { pid = $1 }
		pid && $1 == pid && /[a-z0-9_]+\(/ && !/resumed>/ { n++ } END { print n + 0 }' "$T/trace"
}

printf '%-22s %10s %10s\n' "system calls" efuse distribution
for program in "$OURS" "$THEIRS"; do
	up+=("$(system_calls "$program" -o rw,nosuid,nodev,fsname=x,subtype=y -- "$T/m")")
	down+=("$(system_calls "$program" -u -q -- "$T/m")")
done
printf '%-22s %10s %10s\n' mount "${up[0]}" "${up[1]}" unmount "${down[0]}" "${down[1]}" \
	both $((up[0] + down[0])) $((up[1] + down[1]))
echo
echo "time, medians of $rounds rounds, in turn: efuse, distribution"
as alice "$T/bin/time" "$rounds" "$T/m" "$OURS" "$THEIRS"
