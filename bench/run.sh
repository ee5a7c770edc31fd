#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# run.sh - the measurements (`make bench`), see README.md.
#
#   run.sh [--selftest] [--quick] [--accel wrap|mount|preload|none]
#          [--kinds "bindfs-mt ..."] [SECTION...]
#
# Sections: latency busy tree fio buffered calls mount bystander (default: all).
# --selftest runs plain FUSE on both sides; the ratios must be 1, else the
# harness itself is wrong. --quick: few rounds, for a look.
# Results: $OUT/bench/{report.md,ratios.csv,samples.csv,throughput-*.png,raw/}.

usage() {
	sed -n '3,12s/^# \{0,1\}//p' "$0"
	exit "$1"
}

parse() {
	RUN_SECTIONS=
	while [ $# -gt 0 ]; do
		case $1 in
		--selftest) SELFTEST=1 ACCEL=none;;
		--quick) ROUNDS=3 FIO_ROUNDS=2 SECS=0.3 FIO_MS=300 FIO_BS="4k 1M" FIO_JOBS="1 4" TREE_FILES=300;;
		--accel) ACCEL=${2:-wrap}; shift;;
		--kinds) RUN_KINDS=${2:-}; shift;;
		-h|--help) usage 0;;
		-*) echo "run.sh: unknown option $1" >&2; usage 2;;
		*) RUN_SECTIONS="$RUN_SECTIONS $1";;
		esac
		shift
	done
}

parse "$@"
# shellcheck source=bench/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=bench/measure.sh
. "$BENCH/measure.sh"

wanted() {
	case "${RUN_SECTIONS:- all} " in *" $1 "*|*" all "*) return 0;; esac
	return 1
}

wanted_any() {
	local s
	for s; do wanted "$s" && return 0; done
	return 1
}

run_kind() {
	say "$1"
	if wanted_any latency busy tree fio buffered calls; then
		mount_kind "$1" || { umount_kind "$1"; return; }
		wanted latency && latency "$1"
		wanted busy && busy "$1"
		wanted tree && tree "$1"
		wanted fio && throughput "$1" direct
		wanted buffered && throughput "$1" buffered
		wanted calls && calls "$1"
		umount_kind "$1"
	fi
	wanted mount && mount_time "$1"
}

# A picture for each file system whose throughput was measured.
plot_cells() {
	local kind
	have gnuplot || { missing "plots: gnuplot is not installed"; return; }
	for kind in $KINDS; do
		awk -F, -v k="$kind" '$2 == k && $1 ~ /^fio-(direct|buffered|busy)$/ && $8 != "" {
			printf "\"%s %s\" %s\n", substr($1, 5), $3, $8 }' "$RESULTS/ratios.csv" > "$T/cells.dat"
		[ -s "$T/cells.dat" ] || continue
		gnuplot -e "dat='$T/cells.dat'; png='$RESULTS/throughput-$kind.png'; what='$kind'" \
			"$BENCH/plot-cells.gp" 2> "$T/gnuplot.log" || missing "plot: $(head -1 "$T/gnuplot.log")"
	done
}

report() {
	cat /proc/loadavg >> "$RAW/machine.txt"
	touch "$T/missing"
	awk -f "$BENCH/ratios.awk" "$SAMPLES" > "$RESULTS/ratios.csv"
	awk -v selftest="${SELFTEST:-}" -v missing="$T/missing" -f "$BENCH/report.awk" "$RESULTS/ratios.csv" > "$RESULTS/report.md"
	plot_cells
	cat "$RESULTS/report.md"
	say "raw numbers: $RESULTS"
}

# Over all operations the two plain sides must be equal; one alone may wander.
selftest_verdict() {
	awk -F, '$1 == "latency-mean" && $8 > 0 { sum += log($8); n++ }
		END {
			if (!n) exit 1
			r = exp(sum / n)
			printf "selftest: plain against plain, %d cells: geometric mean %.3f\n", n, r
			exit r < 0.85 || r > 1.18
		}' "$RESULTS/ratios.csv"
}

main() {
	local kind
	need_root_loudly
	need_programs_loudly
	open_results "$OUT/bench/${SELFTEST:+selftest}"
	uring_on
	private_status
	[ "$ACCEL" != mount ] || stage_sbin
	copy_input
	for kind in ${RUN_KINDS:-$KINDS}; do
		run_kind "$kind"
	done
	wanted bystander && [ "$ACCEL" != none ] && bystander
	report
	[ -z "${SELFTEST:-}" ] || selftest_verdict
}

main
