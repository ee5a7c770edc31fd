# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh source=tests/vm/lib.sh
# b-rings-cells.sh - nothing is to be slower by rings than by the device of the stock
# driver: the cells of the latency benchmark (bench/prog-ops.c), by one thread and by
# four, and buffered blocks of three sizes of a file of 4 MiB that nothing is kept of,
# for a file system of several threads and one of a single one. Rounds as in
# b-rings-scale.sh. A cell is slower if its median is, and so are three rounds of four.
. /tests/lib.sh
# shellcheck source=tests/vm/channel.sh
. /tests/channel.sh
# shellcheck source=tests/vm/rounds.sh
. /tests/rounds.sh

: "${ROUNDS:=4}" "${SECONDS_EACH:=0.3}"
MARGIN=105	# hundredths: chance alone moves a cell so far

# once DIR OP AMOUNT [OPTION...]: nanoseconds of an operation, $figure of all.
once() { prog-ops "$@" | sed -n "s/^.* ${figure}_ns=\([0-9]*\) .*$/\1/p"; }
pair() {	# CELL OP AMOUNT [OPTION...]
	cell=$1
	shift
	for round in $(seq "$ROUNDS"); do
		[ $((round % 2)) = 0 ] || ring=$(once /mnt/a "$@")
		dev=$(once /mnt/p "$@")
		[ $((round % 2)) = 1 ] || ring=$(once /mnt/a "$@")
		note_one "$cell-dev" "$dev"
		note_one "$cell-ring" "$ring"
		note_one "$cell-ratio" "$(hundredths "$ring" "$dev")"
	done
}
not_slower() {	# CELL
	slow=0
	for ratio in $(numbers "$1-ratio"); do [ "$ratio" -le $MARGIN ] || slow=$((slow + 1)); done
	[ "$(hundredths "$(median "$1-ring")" "$(median "$1-dev")")" -le $MARGIN ] || [ $((slow * 4)) -lt $((ROUNDS * 3)) ]
}
cell() {	# NAME OP AMOUNT [OPTION...]
	pair "$@"
	printf '# %-22s dev %9s ns, ring %9s ns: %s (rounds %s)\n' "$1" "$(median "$1-dev")" "$(median "$1-ring")" \
		"$(quotient "$(median "$1-ring")" "$(median "$1-dev")")" "$(numbers "$1-ratio")"
	ok "$kind: $1 is not slower" not_slower "$1"
}
cells() {	# KIND COMMAND...
	kind=$1
	shift
	note_clear
	both "$kind" "$@"
	figure=p50
	for threads in 1 4; do
		for op in stat open write read create readdir; do
			cell "$op-x$threads" $op "${SECONDS_EACH}s" --threads $threads
		done
	done
	figure=mean	# most of them are answered by what was read ahead
	for bs in 4096 131072 1048576; do
		for op in read write; do
			cell "buffered-$op-$bs" $op $((4194304 / bs)) --buffered --bs $bs --size 4194304
		done
	done
	neither
}

sleep 6	# self-tests of the kernel run after the boot
mkdir -p /tmp/back
set -- -o attr_timeout=0,entry_timeout=0,negative_timeout=0 /tmp/back
cells "bindfs --multithreaded" bindfs -f --multithreaded "$@"
cells bindfs bindfs -f "$@"
echo "1..$n"
