# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh source=tests/vm/lib.sh
# b-rings-scale.sh - workers that have nothing to do with each other, one on each core:
# what one, two and, where there are so many cores, four of them get done in a second by
# rings and by the device of the stock driver; and how long one waits while requests
# of another core take 50 ms. In rounds, ROUNDS of them; figures are their medians. How
# long one request takes (the median of a worker, and of these) is printed as well: it
# holds where others take the host's time from the machine, what they get done does not.
. /tests/lib.sh
# shellcheck source=tests/vm/channel.sh
. /tests/channel.sh
# shellcheck source=tests/vm/rounds.sh
. /tests/rounds.sh

: "${ROUNDS:=5}" "${SECONDS_EACH:=1}"
cores=0
while [ -e /sys/devices/system/cpu/cpu$cores ]; do cores=$((cores + 1)); done
[ $cores -ge 2 ] || { echo "1..0 # SKIP needs two cores"; exit 0; }
counts="1 2"
[ $cores -lt 4 ] || counts="1 2 4"

# get WHAT ARM DIR COUNT: operations of COUNT workers, and how long one takes.
get() {
	what=$1 key=$1-$2-$4 files=
	for cpu in $(seq 0 $(($4 - 1))); do files="$files $cpu:$3/file$cpu"; done
	# shellcheck disable=SC2086 # words
	workers "$what" "$SECONDS_EACH" $files > /tmp/workers
	note_one "$key" "$(sed -n 's/^all //p' /tmp/workers)"
	sed -n 's/^[0-9]* [0-9]* \([0-9]*\)\.\([0-9]\) .*$/\1\2/p' /tmp/workers >> "/tmp/notes/$key-time"
}
round_of() {	# WHAT ARM DIR
	for count in $counts; do get "$1" "$2" "$3" "$count"; done
}
line() {	# WHAT ARM
	one=$(median "$1-$2-1") two=$(median "$1-$2-2")
	printf '# %-6s %-5s one %7s, two %7s, %s of linear' "$1" "$2" "$one" "$two" "$(quotient "$two" $((2 * one)))"
	[ $cores -lt 4 ] || printf ', four %7s, %s of two' "$(median "$1-$2-4")" "$(quotient "$(median "$1-$2-4")" "$two")"
	echo
	for count in $counts; do
		time=$(median "$1-$2-$count-time")
		echo "#   $1 $2 $count: $((time / 10)).$((time % 10)) us each; $(numbers "$1-$2-$count")"
	done
}
scale() {	# WHAT
	for round in $(seq "$ROUNDS"); do
		if [ $((round % 2)) = 0 ]; then
			round_of "$1" dev /mnt/p
			round_of "$1" ring /mnt/a
		else
			round_of "$1" ring /mnt/a
			round_of "$1" dev /mnt/p
		fi
	done
	line "$1" dev
	line "$1" ring
	echo "# $1: two workers get $(quotient "$two" "$(median "$1-dev-2")") by rings of what they get by the device," \
		"and wait $(quotient "$(median "$1-ring-2-time")" "$(median "$1-dev-2-time")") as long"
	ok "$1: two workers get at least 0.85 of twice what one gets" at_least "$(hundredths "$two" "$one")" 170
	ok "$1: and more than by the device" at_least "$(hundredths "$two" "$(median "$1-dev-2")")" 100
}

sleep 6	# self-tests of the kernel run after the boot
note_clear
mkdir -p /tmp/back
for cpu in 0 1 2 3; do dd if=/dev/zero of=/tmp/back/file$cpu bs=1M count=1 2> /dev/null; done
both "bindfs --multithreaded" bindfs -f --multithreaded -o attr_timeout=0,entry_timeout=0,negative_timeout=0 /tmp/back
for what in fstat read write; do scale $what; done
if [ $cores -ge 4 ]; then
	for what in fstat read write; do
		ok "$what: four workers on four virtual cores get no less than two" \
			at_least "$(hundredths "$(median $what-ring-4)" "$(median $what-ring-2)")" 100
	done
fi
neither

# --- mixed load ----------------------------------------------------------------------

# p99 of one worker on the second core, in tenths of a microsecond.
p99() { workers fstat "$SECONDS_EACH" 1:/mnt/a/file | sed -n '1s/^.* \([0-9]*\)\.\([0-9]\).*$/\1\2/p'; }
slow_start() {
	taskset 1 sh -c 'while :; do cat /mnt/a/delay-50 > /dev/null || exit; done' &
	slow=$!
	taskset 1 sh -c 'while :; do cat /mnt/a/delay-50 > /dev/null || exit; done' &
	slow="$slow $!"
	sleep 0.5
}
# shellcheck disable=SC2086 # two
slow_end() { kill $slow; sleep 0.2; }

ok "mixed load: a mount" serve "efuse.channel=ring,efuse.poll=$POLL" fs-mem -f /mnt/a
echo 1 > /mnt/a/file
echo 1 > /mnt/a/delay-50
for round in $(seq "$ROUNDS"); do
	note_one idle "$(p99)"
	slow_start
	note_one busy "$(p99)"
	slow_end
done
echo "# mixed load: p99 of the second core, in tenths of a microsecond: idle $(median idle) ($(numbers idle))," \
	"while the first core's requests take 50 ms $(median busy) ($(numbers busy)): $(quotient "$(median busy)" "$(median idle)")"
ok "mixed load: at most twice the idle one" at_least 200 "$(hundredths "$(median busy)" "$(median idle)")"
ok "mixed load: unmounted" soon end
echo "1..$n"
