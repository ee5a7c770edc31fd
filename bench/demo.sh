#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# demo.sh - the main job on this machine (`sudo make demo`): a real directory
# through bindfs, an NTFS image through ntfs-3g, the directory again through
# sshfs to a sshd on 127.0.0.1; each mounted plain and by `mount -t
# fuse.efuse`, the same work on both in one interleaved run.
#
# Leaves $OUT/demo/ with report.txt, plot.png and the numbers, and nothing
# else: no mount, no process, no setting. What could not be done on this
# machine is said at the end of the report; exit status 1 only when nothing
# could be shown.

ACCEL=${ACCEL:-mount}
ROUNDS=${ROUNDS:-5}
SECS=${SECS:-0.25}
OPS="stat open write read"
FIO_ROUNDS=3
FIO_MS=400
FIO_MB=16
# shellcheck source=bench/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=bench/measure.sh
. "$BENCH/measure.sh"

fio_cells() {
	echo "read 1M 1"
	echo "write 1M 1"
	echo "randread 4k 4"
}

# set_up: per-core channels on (put back at the end), our helper for mount(8).
set_up() {
	say "setting up (all of it is put back at the end)"
	uring_on && say "  FUSE over io_uring: was $(cat "$T/knob"), is $(cat "$KNOB")"
	private_status
	stage_sbin
	if [ ! -x "$OUT/bin/mount.efuse" ]; then missing "efuse: $OUT/bin/mount.efuse is not built"; fi
	copy_input
	say "  real input: $(find "$T/input" -type f | wc -l) files, $(du -sh "$T/input" | cut -f1)"
}

show_kind() {
	say "$1"
	mount_kind "$1" || { umount_kind "$1"; return; }
	findmnt -rno SOURCE,FSTYPE,TARGET "$(mnt "$1" efuse)" >> "$RAW/findmnt.txt"
	latency "$1"
	tree "$1"
	throughput "$1" direct
	case $MOUNTED in *efuse*) served "$1";; esac
	umount_kind "$1"
}

channel_table() {
	[ -s "$SERVED" ] || return
	printf '\nWhich channel served the efuse mounts\n\n'
	printf '  %-12s %-8s %12s %12s %12s %10s  %s\n' "file system" channel requests \
		"per-core" "/dev/fuse" "calls/req" reason
	while IFS=$'\t' read -r kind channel requests ring dev calls reason; do
		printf '  %-12s %-8s %12s %12s %12s %10s  %s\n' "$kind" "$channel" \
			"$requests" "$ring" "$dev" "$calls" "$reason"
	done < "$SERVED"
}

legend() {
	cat <<-END

	plain     plain FUSE, daemon and client where the scheduler puts them
	one core  plain FUSE, daemon and client bound to core $CPU: what a switch between
	          two processes costs at least
	efuse     the same program by mount -t fuse.efuse, bound to nothing
	gain      efuse against plain: how many times faster
	Medians over $ROUNDS rounds, no caching by the kernel. The times hold for this run on
	this machine; the ratios are what travels.
	END
}

unable() {
	[ -s "$T/missing" ] || return
	printf '\nWhat could not be done on this machine\n\n'
	sed 's/^/  - /' "$T/missing"
}

text_report() {
	printf 'efuse: existing FUSE file systems, unchanged, plain and by mount -t fuse.efuse\n'
	printf '%s, %s cores, %s\n' "$(uname -sr)" "$(nproc)" "$(date -u +%Y-%m-%d)"
	awk -f "$BENCH/table.awk" "$RESULTS/ratios.csv"
	channel_table
	legend
	unable
	[ ! -s "$RESULTS/plot.png" ] || printf '\nPlot: %s\n' "$RESULTS/plot.png"
}

# plot_data SECTION: label, plain, one core, efuse; a blank where there is none.
plot_data() {
	awk -F, -v s="$1" '$1 == s { printf "\"%s %s\" %s %s %s\n", $2, $3,
		$5 == "" ? "NaN" : $5, $6 == "" ? "NaN" : $6, $7 == "" ? "NaN" : $7 }' \
		"$RESULTS/ratios.csv"
}

plot() {
	have gnuplot || { missing "plot: gnuplot is not installed"; return; }
	plot_data latency-mean > "$T/latency.dat"
	plot_data fio-direct > "$T/fio.dat"
	[ -s "$T/latency.dat" ] || return
	gnuplot -e "dir='$T'; png='$RESULTS/plot.png'" "$BENCH/plot.gp" 2> "$T/gnuplot.log" ||
		missing "plot: $(head -1 "$T/gnuplot.log")"
}

main() {
	local kind
	need_root_loudly
	need_programs_loudly
	open_results "$OUT/demo"
	set_up
	for kind in $KINDS; do
		show_kind "$kind"
	done
	awk -f "$BENCH/ratios.awk" "$SAMPLES" > "$RESULTS/ratios.csv"
	plot
	text_report | tee "$RESULTS/report.txt"
	[ "$(wc -l < "$SAMPLES")" -gt 1 ]
}

main
