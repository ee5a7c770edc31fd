# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# measure.sh - one function for each thing that is measured. Sourced after
# lib.sh by run.sh and demo.sh, it appends to $SAMPLES, a CSV of
#   section,kind,item,unit,arm,round,value
# and keeps what the programs printed in $RAW. Arms alternate in short rounds
# and their order rotates, so that a change of the machine's mood meets all.

ROUNDS=${ROUNDS:-9}
SECS=${SECS:-0.4}
OPS=${OPS:-stat open write read create readdir stat@2 stat@8 write@8}
BUSY_OPS=${BUSY_OPS:-stat open write stat@8}
FIO_ROUNDS=${FIO_ROUNDS:-5}
FIO_MS=${FIO_MS:-300}
FIO_MB=${FIO_MB:-64}
FIO_BS=${FIO_BS:-4k 128k 1M}
FIO_RW=${FIO_RW:-read randread write randwrite}
FIO_JOBS=${FIO_JOBS:-1 4 16}
CALL_OPS=${CALL_OPS:-2000}

# open_results DIR: raw files and samples go below it.
open_results() {
	# shellcheck disable=SC2034 # for the mains
	RESULTS=$1
	RAW=$1/raw
	SAMPLES=$1/samples.csv
	SERVED=$1/raw/served.tsv
	rm -rf "$RAW" "$1"/*.csv "$1"/*.png "$1"/report.*
	mkdir -p "$RAW"
	echo "section,kind,item,unit,arm,round,value" > "$SAMPLES"
	machine > "$RAW/machine.txt"
}

# machine: what the numbers were made on and with.
machine() {
	uname -srvm
	nproc
	grep -m1 'model name' /proc/cpuinfo
	echo "pinned arms on core $CPU, efuse arm by: $ACCEL"
	echo "enable_uring $(cat "$KNOB" 2>/dev/null || echo absent)"
	echo "loadavg $(cat /proc/loadavg)"
	dpkg-query -W -f '${Package} ${Version}\n' bindfs ntfs-3g sshfs libfuse2 libfuse3-3 fio 2>/dev/null
}

sample() {
	local IFS=,
	echo "$*" >> "$SAMPLES"
}

# rotate N WORD...: the words, the Nth first.
rotate() {
	local n=$1
	shift
	n=$((n % $#))
	echo "${@:n + 1}" "${@:1:n}"
}

# field NAME LINE: the value of NAME=value.
field() {
	local rest=" $2"
	case $rest in *" $1="*) ;; *) return 1;; esac
	rest=${rest#*" $1="}
	echo "${rest%% *}"
}

us() {
	awk -v ns="$1" 'BEGIN { printf "%.3f", ns / 1000 }'
}

# --- latency -------------------------------------------------------------

# prog_ops ARM DIR OP AMOUNT...: pinned where the arm says so.
prog_ops() {
	local arm=$1
	shift
	if [ "$arm" = pinned ]; then set -- "$@" --pin "$CPU"; fi
	prog-ops "$@"
}

# latency_one KIND OP[@THREADS] ARM ROUND SECTION
latency_one() {
	local line key op=${2%@*} threads=1
	case $2 in *@*) threads=${2#*@};; esac
	line=$(prog_ops "$3" "$(mnt "$1" "$3")" "$op" "${SECS}s" --threads "$threads" \
		2> "$T/ops.log") || {
		missing "$1 $3: $2: $(tail -1 "$T/ops.log")"
		return 1
	}
	echo "kind=$1 arm=$3 round=$4 $line load=$(cut -d' ' -f1 /proc/loadavg)" >> "$RAW/$5.txt"
	[ "$threads" = 1 ] || op="$op x$threads"
	for key in mean p50 p99; do
		sample "$5-$key" "$1" "$op" us "$3" "$4" "$(us "$(field "${key}_ns" "$line")")"
	done
	for key in vsw migr; do
		sample "$5-$key" "$1" "$op" per-op "$3" "$4" "$(field "${key}_per_op" "$line")"
	done
}

# latency_rounds KIND SECTION OP...: every operation on every mounted arm.
latency_rounds() {
	local kind=$1 section=$2 round op arm
	shift 2
	for ((round = 1; round <= ROUNDS; round++)); do
		for op; do
			# shellcheck disable=SC2086 # a list of words
			for arm in $(rotate "$round" $MOUNTED); do
				latency_one "$kind" "$op" "$arm" "$round" "$section"
			done
		done
		progress "$kind: $section" "$round" "$ROUNDS"
	done
}

# latency KIND: on a machine that does nothing else.
latency() {
	# shellcheck disable=SC2086 # a list of words
	latency_rounds "$1" latency $OPS
}

# busy KIND: the same while every core has other work to do.
busy() {
	prog-ops / null 3600s --threads "$(nproc)" > /dev/null &
	started burner $!
	# shellcheck disable=SC2086 # a list of words
	latency_rounds "$1" busy $BUSY_OPS
	FIO_RW="read write" FIO_JOBS=1 throughput "$1" busy
	stop burner
}

progress() {
	say "  $(printf '%-28s round %d of %d' "$@")"
}

# --- throughput ----------------------------------------------------------

# fio_run KIND ARM JOBS ARGUMENT...: fio on this mount's own files, JSON to stdout.
# However many jobs, they read or write $FIO_MB megabytes in all.
fio_run() {
	local dir jobs=$3
	dir=$(mnt "$1" "$2")
	shift 3
	# shellcheck disable=SC2016 # fio's own variable
	fio --name=efuse --directory="$dir" --filename_format='fio.$jobnum' --numjobs="$jobs" \
		--size="$((FIO_MB / jobs))M" --ioengine=psync --thread --group_reporting \
		--output-format=json "$@" 2> "$T/fio.log"
}

fio_layout() {
	local jobs
	for jobs in $FIO_JOBS; do
		fio_run "$1" "$2" "$jobs" --rw=write --bs=1M > "$T/layout.json" || break
	done && return
	missing "$1 $2: fio cannot write its files: $(tail -1 "$T/fio.log")"
	return 1
}

# Direct I/O loops for a fixed time. Buffered I/O makes one pass over files
# that are not in the page cache, since a second pass would only copy memory.
fio_style() {
	case $1 in
	direct)	echo --direct=1 --time_based --runtime="${FIO_MS}ms";;
	buffered|busy) echo --direct=0 --invalidate=1;;
	esac
}

fio_mib() {
	jq '[.jobs[] | .read.bw_bytes + .write.bw_bytes] | add / 1048576' "$1"
}

fio_total() {
	jq '[.jobs[] | .read.io_bytes + .write.io_bytes] | add / 1048576' "$1"
}

# daemon_time KIND ARM: what its threads ran so far, the ended ones too, in ticks.
daemon_time() {
	awk '{ sub(/.*\) /, ""); print $12 + $13 }' "/proc/$(daemon_pid "$1" "$2")/stat" 2>/dev/null
}

# fio_one KIND ARM ROUND STYLE RW BS JOBS
fio_one() {
	local json=$RAW/fio/$1.$4.$5.$6.$7.$2.$3.json before after
	mkdir -p "$RAW/fio"
	before=$(daemon_time "$1" "$2")
	# shellcheck disable=SC2046 # a list of words
	if fio_run "$1" "$2" "$7" --rw="$5" --bs="$6" $(fio_style "$4") > "$json"; then
		after=$(daemon_time "$1" "$2")
		sample "fio-$4" "$1" "$5 $6 x$7" MiB/s "$2" "$3" "$(fio_mib "$json")"
		fio_why "$1" "$2" "$3" "fio-$4" "$5 $6 x$7" $((after - before)) "$(fio_total "$json")"
	else
		missing "$1 $2: fio $5 $6: $(tail -1 "$T/fio.log")"
	fi
}

# fio_why KIND ARM ROUND SECTION CELL TICKS MIB: what a cell that loses is
# explained by: how long the daemon ran for a MiB.
fio_why() {
	sample "$4-ran" "$1" "$5" us/MiB "$2" "$3" \
		"$(awk -v t="$6" -v mib="$7" -v hz="$(getconf CLK_TCK)" 'BEGIN { printf "%.3f", t * 1e6 / hz / mib }')"
}

fio_cells() {
	local rw bs jobs
	for rw in $FIO_RW; do
		for bs in $FIO_BS; do
			for jobs in $FIO_JOBS; do
				echo "$rw $bs $jobs"
			done
		done
	done
}

# fio_arms: throughput on one core answers no question here.
fio_arms() {
	echo "${MOUNTED//pinned/}"
}

# throughput KIND STYLE
throughput() {
	local round arm rw bs jobs
	have fio jq || { missing "throughput: fio or jq is not installed"; return; }
	for arm in $(fio_arms); do fio_layout "$1" "$arm" || return; done
	for ((round = 1; round <= FIO_ROUNDS; round++)); do
		while read -r rw bs jobs; do
			# shellcheck disable=SC2046 # a list of words
			for arm in $(rotate "$round" $(fio_arms)); do
				fio_one "$1" "$arm" "$round" "$2" "$rw" "$bs" "$jobs" < /dev/null
			done
		done < <(fio_cells)
		progress "$1: fio $2" "$round" "$FIO_ROUNDS"
	done
}

# tree KIND: search every file of the real directory for a text that is in none.
tree() {
	local round arm t0 t1
	for ((round = 1; round <= FIO_ROUNDS; round++)); do
		# shellcheck disable=SC2086 # a list of words
		for arm in $(rotate "$round" $MOUNTED); do
			t0=$EPOCHREALTIME
			tree_job "$1" "$arm"
			t1=$EPOCHREALTIME
			sample tree "$1" "search a tree" ms "$arm" "$round" "$(ms_between "$t0" "$t1")"
		done
		progress "$1: search a tree" "$round" "$FIO_ROUNDS"
	done
}

tree_job() {
	local pin=
	[ "$2" = pinned ] && pin="taskset -c $CPU"
	$pin grep -rqF 'no file says this, we hope' "$(mnt "$1" "$2")/tree"
}

ms_between() {
	awk -v a="$1" -v b="$2" 'BEGIN { printf "%.3f", (b - a) * 1000 }'
}

# --- system calls --------------------------------------------------------

# strace_ops KIND ARM OP: the daemon's system calls during CALL_OPS operations.
strace_ops() {
	local log=$RAW/strace.$1.$2.$3.txt pid tracer
	pid=$(daemon_pid "$1" "$2") || return 1
	prog-ops "$(mnt "$1" "$2")" "$3" 50 > /dev/null
	strace -f -c -U calls,name -o "$log" -p "$pid" 2> "$T/strace.log" &
	tracer=$!
	started strace $tracer
	wait_for 5 grep -q attached "$T/strace.log" || { stop strace; return 1; }
	prog-ops "$(mnt "$1" "$2")" "$3" "$CALL_OPS" > /dev/null
	rm -f "$T/pid.strace"
	kill -INT $tracer
	wait $tracer
	[ -s "$log" ]
}

# calls_one KIND ARM OP: all calls of the daemon, its library's and ours together.
calls_one() {
	local total
	strace_ops "$1" "$2" "$3" || { missing "$1 $2: strace: $(tail -1 "$T/strace.log")"; return; }
	total=$(awk '$2 == "total" { print $1 }' "$RAW/strace.$1.$2.$3.txt")
	sample calls-traced "$1" "$3" per-op "$2" 1 \
		"$(awk -v n="$total" -v ops="$CALL_OPS" 'BEGIN { printf "%.3f", n / ops }')"
}

# shim_counts KIND: "requests system-calls" as the shim counts them.
shim_counts() {
	status_json "$1" efuse | jq -r '"\(.requests) \(.syscalls)"' 2>/dev/null
}

# calls_counted KIND OP: the shim's own count, without strace's brake.
calls_counted() {
	local before after
	before=$(shim_counts "$1")
	prog-ops "$(mnt "$1" efuse)" "$2" "$CALL_OPS" > /dev/null
	after=$(shim_counts "$1")
	echo "kind=$1 op=$2 ops=$CALL_OPS before=$before after=$after" >> "$RAW/calls.txt"
	# shellcheck disable=SC2086 # two numbers each
	set -- "$1" "$2" $before $after
	if [ $# != 6 ] || [ "$5" -le "$3" ]; then
		missing "$1: no request count from efuse status"
		return
	fi
	sample calls-shim "$1" "$2" per-request efuse 1 \
		"$(awk -v r=$(($5 - $3)) -v c=$(($6 - $4)) 'BEGIN { printf "%.3f", c / r }')"
	sample requests "$1" "$2" per-op efuse 1 \
		"$(awk -v r=$(($5 - $3)) -v n="$CALL_OPS" 'BEGIN { printf "%.3f", r / n }')"
}

# calls_added KIND OP: what strace saw more of than with plain FUSE, per request.
calls_added() {
	local requests
	requests=$(awk -F, -v k="$1" -v o="$2" '$1 == "requests" && $2 == k && $3 == o { print $7 }' "$SAMPLES")
	[ -n "$requests" ] || return 0
	sample calls-added "$1" "$2" per-request efuse 1 "$(awk -v n="$requests" -v ops="$CALL_OPS" '
		!/^[- ]*[0-9]+ [a-z_0-9]+$/ || $2 == "total" { next }
		FNR == NR { plain[$2] = $1; next }
		$1 > plain[$2] { sum += $1 - plain[$2] }
		END { printf "%.3f", sum / (n * ops) }' \
		"$RAW/strace.$1.free.$2.txt" "$RAW/strace.$1.efuse.$2.txt")"
}

calls() {
	local op arm counted
	have strace jq || { missing "system calls: strace or jq is not installed"; return; }
	case "$MOUNTED $ACCEL" in *none) ;; *efuse*) counted=1;; esac
	for op in stat open write read; do
		for arm in $(fio_arms); do
			calls_one "$1" "$arm" "$op"
		done
		[ -n "${counted:-}" ] || continue
		calls_counted "$1" "$op"
		calls_added "$1" "$op"
	done
	say "  $1: system calls counted"
}

# --- mount time ----------------------------------------------------------

# Until the first path below the mount point is found: no sleep, no fork.
mount_once() {
	local t0 t1 dir tries=0
	dir=$(mnt "$1" "$2")
	t0=$EPOCHREALTIME
	timed_mount "$1" "$2" < /dev/null 2> "$T/mount.log" || return 1
	until [ -e "$dir/tree" ]; do
		[ $((tries += 1)) -lt 100000 ] || return 1
	done
	t1=$EPOCHREALTIME
	ms_between "$t0" "$t1"
}

# Like is compared with like: mount(8) with mount(8), a command with a command.
timed_mount() {
	case $ACCEL.$2 in
	mount.free) mount -t "fuse.$(program "$1")" -o "$(options "$1" "$2")" \
			"$(source_of "$1" "$2")" "$(mnt "$1" "$2")";;
	*)	arm_mount "$1" "$2";;
	esac
}

# mount_time KIND: both arms one after the other; the harness adds the same to each.
mount_time() {
	local round arm ms
	for arm in free efuse; do prepare_mount "$1" $arm && mkdir -p "$(mnt "$1" $arm)" || return; done
	for ((round = 1; round <= ROUNDS * 2; round++)); do
		for arm in $(rotate "$round" free efuse); do
			ms=$(mount_once "$1" "$arm") ||
				{ missing "$1 $arm: mount: $(tail -1 "$T/mount.log")"; return; }
			sample mount "$1" "mount" ms "$arm" "$round" "$ms"
			bench_umount "$1" "$arm"
			wait_for 5 no_daemons
		done
	done
	say "  $1: mounted $((ROUNDS * 2)) times each way"
}

# --- bystanders: processes that serve no file system ----------------------

bystander_one() {
	local line what="start a program"
	[ "$1" = exec ] || what="read+write"
	if [ "$2" = efuse ]; then
		line=$(preload_env prog-ops / "$1" "${SECS}s")
	else
		line=$(prog-ops / "$1" "${SECS}s")
	fi
	echo "arm=$2 round=$3 $line" >> "$RAW/bystander.txt"
	sample bystander "-" "$what" us "$2" "$3" "$(us "$(field mean_ns "$line")")"
}

bystander() {
	local round what arm
	[ -e "$EFUSE_SHIM" ] || { missing "bystander: no shim at $EFUSE_SHIM"; return; }
	for ((round = 1; round <= ROUNDS; round++)); do
		for what in null exec; do
			for arm in $(rotate "$round" free efuse); do
				bystander_one $what "$arm" "$round"
			done
		done
	done
	say "  bystander: a read()/write() loop and exec, with and without the shim"
	bystander_instructions
}

# Instructions executed in user space, exact, where callgrind is installed.
instructions() {
	local preload=
	if [ "$1" = efuse ]; then preload=$EFUSE_SHIM; fi
	LD_PRELOAD=$preload valgrind --tool=callgrind --callgrind-out-file=/dev/null \
		prog-ops / null "$2" 2>&1 | awk '/Collected/ { print $NF }'
}

bystander_instructions() {
	local arm a b
	have valgrind || return 0
	for arm in free efuse; do
		a=$(instructions $arm 1000)
		b=$(instructions $arm 2000)
		if [ -z "$a" ] || [ -z "$b" ]; then continue; fi
		sample bystander-insns "-" "read+write" instructions $arm 1 \
			"$(awk -v a="$a" -v b="$b" 'BEGIN { printf "%.1f", (b - a) / 1000 }')"
	done
}

# --- which channel served --------------------------------------------------

# served KIND: one line for $SERVED, from what efuse says of the mount.
served() {
	local line
	have jq || { missing "channel: jq is not installed"; return; }
	line=$(status_json "$1" efuse | jq -r 'if .channel then [.channel, .requests,
		([.cores[].requests] | add), .dev.requests,
		(.syscalls_per_request // 0 | . * 100 | round / 100),
		if .reason == "" then "-" else .reason end] | @tsv else empty end' 2>/dev/null)
	printf '%s\t%s\n' "$1" "${line:-plain	-	-	-	-	not under efuse, see below}" >> "$SERVED"
}
