# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh source=tests/vm/lib.sh disable=SC2034,SC2154 # for those who include us
# rounds.sh - what benchmarks against the clock share: the same file system twice, on
# /mnt/p as it is over the stock driver's device (dev), on /mnt/a by rings (ring), and
# medians over rounds in which the two alternate. Included after channel.sh.

# The emulated machine is some twenty times slower than the one that the usual 50
# microseconds of efuse.poll, and all that goes by it, are for.
: "${POLL:=1000}"

# both WHAT COMMAND...: serves both; the place is what comes last on its command line.
both() {
	both=$1
	shift
	mkdir -p /mnt/p
	"$@" /mnt/p > /tmp/plain.log 2>&1 &
	plain=$!
	ok "$both: a mount as it is" soon grep -q ' /mnt/p ' /proc/mounts
	ok "$both: a mount by rings" serve "efuse.channel=ring,efuse.poll=$POLL" "$@" /mnt/a
}
neither() {
	ok "$both: by rings" is "$(stats channel)" ring
	ok "$both: unmounted" end
	umount /mnt/p
	ok "$both: as it is, unmounted" soon gone "$plain"
}

# note KEY NUMBER: one more of that KEY. numbers KEY: all of them, as they came.
note_clear() { rm -rf /tmp/notes && mkdir /tmp/notes; }
note_one() { echo "$2" >> "/tmp/notes/$1"; }
numbers() { tr '\n' ' ' < "/tmp/notes/$1"; }
median() { sort -n "/tmp/notes/$1" | sed -n "$((($(wc -l < "/tmp/notes/$1") + 1) / 2))p"; }
# Quotients as 1.23 of two whole numbers, in hundredths of their own variable.
hundredths() { echo $(($1 * 100 / ($2 > 0 ? $2 : 1))); }
quotient() { q=$(hundredths "$1" "$2"); printf '%s.%02d' $((q / 100)) $((q % 100)); }
at_least() { [ "$1" -ge "$2" ] || { echo "# $1, want at least $2"; false; }; }
