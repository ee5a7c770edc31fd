# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh source=tests/vm/lib.sh disable=SC2154,SC2089,SC2090 # fs is of channel.sh, quotes are for others
# t-data-direct.sh - contents of files by every path that is not the file system: its own
# files read by the driver (efuse.direct=verify), and written (efuse.direct=verify,rw), what
# the policy remembers (efuse.cache_mem), and all of these: the two testers, with changes on the mount and behind it.
# $DIFFER_OPS and $DATA_OPS are operations of each run, a quarter of that where it takes
# long, $DIFFER_SEED is the first one's seed, $DIRECT_ONLY is a pattern of the runs; with
# $DIFFER_FORGET the kernel forgets what it knows of files after about so many operations. Where
# a read can go several ways, it is chance that decides in every second run. In the virtual
# machine.
. /tests/lib.sh
# shellcheck source=tests/vm/channel.sh
. /tests/channel.sh
# shellcheck source=tests/vm/direct.sh
. /tests/direct.sh

: "${DIFFER_OPS:=300}" "${DATA_OPS:=1500}" "${DIFFER_SEED:=1}" "${DIRECT_ONLY:=*}"
seed=$DIFFER_SEED

left() { read -r left < /mnt/a/.ctl; echo "$left"; }
balanced() { echo 2 > /proc/sys/vm/drop_caches; [ "$(left)" = 0 ]; }

# skip_run WHAT: whether it is not to be done.
skip_run() {
	seed=$((seed + 1))
	# shellcheck disable=SC2254 # a pattern
	case $1 in $DIRECT_ONLY) return 1;; esac
}
# Files that prove to be the file system's own, read in pieces of a page. Those that
# were changed just now prove nothing.
prove() {
	for i in 1 2 3; do random /tmp/d/b/proof$i 163; done
	sleep 0.5
	for i in 1 2 3; do pages read /mnt/a/proof$i > /dev/null; done
	exec 4<> /mnt/a/proof1
	dd if=/dev/urandom bs=4096 count=20 >&4 2>/dev/null
	exec 4<&-
	rm /mnt/a/proof*
	written=$(stats direct_writes)
	[ "$(stats direct)" = on ] && proof=$(stats direct_reads)
}
# by_chance 0|1
by_chance() { echo "$1" > /sys/module/efuse/parameters/choose_random; }
# begin WHAT PATHS: fs-mirror shows /tmp/d/b on /mnt/a, with these options of ours, open for
# direct I/O unless $cached.
begin() {
	rm -rf /tmp/d/*
	mkdir -p /tmp/d/b /tmp/d/s
	note $READ
	echo "# $(cut -d. -f1 /proc/uptime) s: $1"
	ok "$1: a mount" serve "efuse.driver=efuse,$2" fs-mirror /tmp/d/b -f "${cached:---direct}" \
		-o allow_other,default_permissions /mnt/a
	by_chance 0
	case $2 in *direct*) ok "$1: files proved the same" prove;; esac
	case $2 in *,rw*) ok "$1: and what was written" is "$(stats direct_rw)" on;; esac
	by_chance $((seed % 2))
}
# finish WHAT PATHS: the paths were taken, and it ends well.
finish() {
	case $2 in *direct*)
		ok "$1: no difference was seen" is "$(stats direct)" on
		[ "$(stats direct)" = on ] || sed 's/^/# /' /tmp/shim.log
		reads=$(($(stats direct_reads) - proof))
		ok "$1: $reads reads of the file system's files" [ $reads -gt "$bar" ];;
	esac
	case $2 in *,rw*)
		writes=$(($(stats direct_writes) - written))
		ok "$1: $writes writes to them" [ $writes -gt $write_bar ];;
	esac
	case $2 in *always*) ok "$1: contents were remembered" a_hit $READ;; esac
	ok "$1: no lookup is left" soon balanced
	ok "$1: unmounted" end
}

# differ WHAT PATHS OPTION...
differ() {
	run=$1 paths=$2
	shift 2
	! skip_run "$run" || return 0
	# One process is faster on the processor that its file system is on.
	case $* in *--procs*) taskset -p 3 $$;; *) taskset -p 1 $$;; esac >/dev/null
	begin "$run" "$paths"
	# What is open only for a moment is written once, by the file system: there may be none.
	bar=$((DIFFER_OPS / 100)) write_bar=-1
	ok "$run" prog-differ /mnt/a /tmp/d/b /tmp/d/s --seed "$seed" --ops "$DIFFER_OPS" --users 3 --contents "$@" \
		${DIFFER_FORGET:+--forget "$DIFFER_FORGET"}
	finish "$run" "$paths"
}
# data WHAT PATHS OPTION...
data() {
	run=$1 paths=$2
	shift 2
	! skip_run "$run" || return 0
	taskset -p 3 $$ >/dev/null
	begin "$run" "$paths"
	ops=$DATA_OPS bar=$((DATA_OPS / 100)) write_bar=$((DATA_OPS / 100))
	case $run in *both*|*large*|*cache*) ops=$((DATA_OPS / 4)) bar=0 write_bar=0;; esac
	ok "$run" prog-data /mnt/a --seed "$seed" --ops "$ops" "$@"
	finish "$run" "$paths"
}

mkdir -p /tmp/d
mount -t tmpfs -o noatime,mode=755 tmpfs /tmp/d
ok "the policy is loaded" efuse load /lib/bpf/generic.bpf.o

DIRECT=efuse.direct=verify
RW='efuse.direct="verify,rw"'
KEPT=efuse.cache=always,efuse.cache_mem=16
A_TIME=efuse.cache_timeout=0.02,efuse.cache_mem=16
differ "direct" $DIRECT --behind 600 --forget 50
differ "direct, in parallel" $DIRECT --behind 600 --procs 2 --forget 10
differ "contents, in parallel" $KEPT --procs 2
differ "contents, told" $KEPT --behind 50 --notify
differ "both" $A_TIME,$DIRECT --behind 300 --wait 40 --forget 50
differ "both, told" $KEPT,$DIRECT --forget 10 --behind 50 --notify --procs 2
data "data, direct" $DIRECT --procs 3 --size 100000 --behind /tmp/d/b
data "data, contents" $KEPT --procs 3 --size 100000
data "data, contents, one file" $KEPT --procs 4 --size 60000 --shared
data "data, both" $A_TIME,$DIRECT --procs 3 --size 100000 --behind /tmp/d/b --wait 40
differ "rw" $RW --behind 600 --forget 50
differ "rw, in parallel" $RW --behind 600 --procs 2 --forget 10
differ "rw, both" $A_TIME,$RW --behind 300 --wait 40 --forget 50
differ "rw, both, told" $KEPT,$RW --forget 10 --behind 50 --notify --procs 2
data "data, rw" $RW --procs 3 --size 100000 --behind /tmp/d/b
data "data, rw, one file" $RW --procs 4 --size 60000 --shared
data "data, rw, contents" $KEPT,$RW --procs 3 --size 100000
data "data, rw, both" $A_TIME,$RW --procs 3 --size 100000 --behind /tmp/d/b --wait 40
data "data, contents, large" $KEPT --procs 2 --size 1000000

# The page cache is used, and filled from the file system's own files. What changes behind it
# is seen by the time of modification: with any driver not twice in one tick of the clock, and
# not what a mapping of tmpfs changes without that time.
cached=--timeout=0
differ "page cache" $DIRECT --behind 600 --forget 50
differ "page cache, in parallel" $DIRECT --behind 600 --procs 2 --forget 10
data "data, page cache" $DIRECT --procs 3 --size 100000 --behind /tmp/d/b --wait 20 --no-map
data "data, page cache, both" $A_TIME,$DIRECT --procs 3 --size 100000 --behind /tmp/d/b --wait 40 --no-map

ok "unloaded" efuse load -u generic
umount /tmp/d
by_chance 0
echo "1..$n"
