# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh source=tests/vm/lib.sh disable=SC2154 # fs is of channel.sh
# b-fio.sh - fio on a plain pass-through whose files are all open for direct I/O: random
# reads and writes, 70 to 30, and reads alone, by every path to contents: the stock driver;
# ours with none; with what the policy remembers; with the program's own files for reading,
# and for writing as well (rw); with these and the policy; and the file system behind. The
# paths take turns, $ROUNDS times; medians are printed, and their ratio to the stock driver.
# Then what the program switched between kernel and user for the first of these. In the
# virtual machine, with VM_FIO=1.
. /tests/lib.sh
# shellcheck source=tests/vm/channel.sh
. /tests/channel.sh

: "${ROUNDS:=3}" "${WORK:=one small large huge}" "${IMAGE:=640}"
[ -e /bin/fio ] || { echo "1..0 # SKIP fio is not installed"; exit 0; }
ARMS="stock driver cache direct rw both backing"
KEPT=efuse.cache=always,efuse.cache_mem=128
RW='efuse.direct="verify,rw"'
SMALL=50 SMALL_KB=512 LARGE=5 LARGE_MB=8
results=/tmp/results
export EFUSE_LOG=/tmp/shim.log

# --- the files -------------------------------------------------------------------

# On ext4, or what there is.
make_back() {
	mkdir -p /back
	backing=tmpfs
	for module in /lib/disk-modules/*.ko; do
		[ -e "$module" ] && busybox insmod "$module"
	done
	if [ -e /bin/mke2fs ] && dd if=/dev/zero of=/tmp/image bs=1M count=0 seek="$IMAGE" 2>/dev/null &&
		/bin/mke2fs -q -t ext4 /tmp/image && busybox mount -o loop,noatime /tmp/image /back; then
		backing="ext4 on a loop device over tmpfs"
	else
		mount -t tmpfs -o noatime tmpfs /back
	fi
}
fill() { dd if=/dev/urandom "of=$1" bs=1M count="$2" 2>/dev/null; }
make_files() {
	mkdir -p "/back/$1"
	cd "/back/$1" || exit 1
	if [ "$1" != stock ]; then cp /back/stock/* .; return; fi
	fill one.0 8
	for i in $(seq 0 $((SMALL - 1))); do
		dd if=/dev/urandom of="small.$i" bs=${SMALL_KB}k count=1 2>/dev/null
	done
	for i in $(seq 0 $((LARGE - 1))); do fill "large.$i" $LARGE_MB; done
}

# --- the mounts -----------------------------------------------------------------

# Leaves its process in pid_ARM.
mount_arm() {
	mkdir -p "/mnt/$1"
	case $1 in
	stock) set -- "$1";;
	driver) set -- "$1" efuse.driver=efuse;;
	cache) set -- "$1" efuse.driver=efuse,$KEPT;;
	direct) set -- "$1" efuse.driver=efuse,efuse.direct=verify;;
	rw) set -- "$1" "efuse.driver=efuse,$RW";;
	both) set -- "$1" "efuse.driver=efuse,$RW,$KEPT";;
	esac
	serve_on "$@" > "/tmp/$1.log" 2>&1 &
	eval "pid_$1=$!"
	soon grep -q " /mnt/$1 " /proc/mounts
}
serve_on() {
	[ -z "$2" ] || exec efuse wrap -o "$2" fs-mirror "/back/$1" -f --direct "/mnt/$1"
	exec fs-mirror "/back/$1" -f --direct "/mnt/$1"
}
# What is to be known is: all was read once, and enough of it in small pieces.
warm() {
	for file in "$1"/small.[0-3]; do dd "if=$file" of=/dev/null bs=4k 2>/dev/null; done
	for file in "$1"/*; do dd "if=$file" of=/dev/null bs=256k 2>/dev/null; done
}
folder() { case $1 in backing) echo /back/backing;; *) echo "/mnt/$1";; esac; }
say_of() {
	eval "fs=\$pid_$1"
	echo "# $1: channel $(stats channel), direct $(stats direct), rw $(stats direct_rw)," \
		"$(stats direct_reads) direct reads, $(stats direct_writes) direct writes"
}

# --- fio -----------------------------------------------------------------------

# What fio calls several files; in a format of theirs, it runs one job of them.
names() { seq 0 $(($2 - 1)) | sed "s|^|$1.|" | tr '\n' ':' | sed 's/:$//'; }
# job WORK READS ARM...: a job file, one group for each of these. What is counted begins a
# while after all files were opened: the first read and write of each are the program's.
job() {
	work=$1 reads=$2
	shift 2
	case $work in
	one) what="bs=4k jobs=8 files=1 size=8m name=one seconds=1 ramp=1";;
	small) what="bs=4k jobs=16 files=$SMALL size=${SMALL_KB}k name=small seconds=1 ramp=3";;
	large) what="bs=1m jobs=16 files=$LARGE size=${LARGE_MB}m name=large seconds=3 ramp=3";;
	huge) what="bs=2m jobs=16 files=$LARGE size=${LARGE_MB}m name=large seconds=3 ramp=3";;
	esac
	eval "$what"
	cat <<-END
		[global]
		ioengine=psync
		thread=1
		rw=$([ "$reads" = 100 ] && echo randread || echo randrw)
		rwmixread=$reads
		bs=$bs
		filesize=$size
		size=$((${size%?} * files))${size#"${size%?}"}
		file_service_type=random
		numjobs=$jobs
		invalidate=0
		fadvise_hint=0
		norandommap=1
		allow_file_create=0
		group_reporting=1
		unified_rw_reporting=1
		${LENGTH:-time_based=1
		ramp_time=$ramp
		runtime=$seconds}
	END
	for arm; do
		printf '[%s]\nstonewall\nfilename=%s\n' "$arm" "$(names "$(folder "$arm")/$name" "$files")"
	done
}
# Once around: terse lines, as fio prints them, and in $results WORK READS ARM IOPS.
round() {
	# shellcheck disable=SC2086 # words
	job "$1" "$2" $order > /tmp/job
	fio --output-format=terse --terse-version=3 /tmp/job > /tmp/terse 2> /tmp/fio.log || {
		head -n 3 /tmp/fio.log | sed 's/^/# /'
		return 1
	}
	sed "s/^/raw;$1;$2;/" /tmp/terse
	busybox awk -F';' -v w="$1" -v r="$2" '$8 > 0 { print w, r, $3, $8 }' /tmp/terse >> $results
	[ "$(grep -c '^3;' /tmp/terse)" = 7 ]
}
# The next begins with another.
turn() { order=$(echo "$order" | sed 's/^\([^ ]*\) \(.*\)/\2 \1/'); }
rounds() {
	for i in $(seq "$ROUNDS"); do round "$1" "$2" || return 1; turn; done
}
medians() {
	sort -k1,3 -k4,4n $results | busybox awk -v arms="$ARMS" '
		function end() { if (n) median[key] = n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2 }
		{ if ($1 " " $2 " " $3 != key) { end(); key = $1 " " $2 " " $3; n = 0 } v[++n] = $4
		  if (!($1 " " $2 in seen)) { seen[$1 " " $2] = 1; rows[++count] = $1 " " $2 } }
		END { end(); split(arms, arm, " ")
		  for (i = 1; i <= count; i++) {
			split(rows[i], p, " "); line = sprintf("%-6s %3d %% reads", p[1], p[2])
			for (j = 1; j in arm; j++) line = line sprintf("  %s %d (%.2f)", arm[j],
				median[rows[i] " " arm[j]], median[rows[i] " " arm[j]] / median[rows[i] " stock"])
			print "# fio: " line } }'
}

# --- switches -----------------------------------------------------------------

# System calls by a trace event, which stays on for all of them: to patch the kernel's text
# while it is busy is too much for the emulator now and then. Switches from one task to
# another by the tasks' own counters.
SYSCALLS=/sys/kernel/tracing/events/raw_syscalls/sys_enter
CALLS=hist:keys=common_pid.execname,id:size=4096
calls_made() {
	grep fs-mirror $SYSCALLS/hist | sed 's/.*hitcount: *//' | busybox awk '{ n += $1 } END { print n + 0 }'
}
switches_of() { cat "/proc/$1"/task/*/status | busybox awk '/ctxt_switches/ { n += $2 } END { print n + 0 }'; }
# one_switches ARM READS: what its program does for so many reads and writes of the first kind.
one_switches() {
	LENGTH=io_size=2m
	job one "$2" "$1" > /tmp/job
	LENGTH=
	eval "fs=\$pid_$1"
	echo "$CALLS:clear" >> $SYSCALLS/trigger
	calls=$(calls_made) left=$(switches_of "$fs")
	fio --output-format=terse /tmp/job > /dev/null
	calls=$(($(calls_made) - calls)) left=$(($(switches_of "$fs") - left))
	[ "$1" != stock ] || stock=$((calls + left))
	echo "# switches: one $2 % reads, $1: $calls system calls and $left other switches for 4096;" \
		"$((100 - (calls + left) * 100 / stock)) % fewer than the stock driver's"
	grep fs-mirror $SYSCALLS/hist | sed 's/.*, *id: *\([0-9]*\).*hitcount: *\([0-9]*\).*/\1 \2/' |
		busybox awk '{ n[$1] += $2 } END { for (i in n) if (n[i] > 400) printf "%s ", i ":" n[i] }' |
		sed "s/^/#   by number: /"
	echo
}
switches() {	# READS
	can_count fuse || return 0
	echo "$CALLS" > $SYSCALLS/trigger
	for arm in $ARMS; do [ "$arm" = backing ] || one_switches "$arm" "$1"; done
	echo "!$CALLS" > $SYSCALLS/trigger
}

make_back
echo "# backing: $backing; $(uname -r), $(grep -c ^processor /proc/cpuinfo) cores, $(fio --version)"
ok "the policy is loaded" efuse load -m 256 /lib/bpf/generic.bpf.o
for arm in $ARMS; do make_files "$arm"; done
cd / || exit 1
for arm in $ARMS; do
	[ "$arm" = backing ] || ok "$arm: a mount" mount_arm "$arm"
	warm "$(folder "$arm")"
done
order=$ARMS
for work in $WORK; do
	ok "$work, reads alone" rounds "$work" 100
	# Without rw what was open for writing is not read directly any more.
	[ "$work" != one ] || switches 100
	ok "$work, 70 to 30" rounds "$work" 70
	[ "$work" != one ] || switches 70
	for arm in $ARMS; do case $arm in stock|backing) ;; *) say_of "$arm";; esac; done
done
medians
for arm in $ARMS; do [ "$arm" = backing ] || umount "/mnt/$arm"; done
wait
umount /back
ok "unloaded" efuse load -u generic
echo "1..$n"
