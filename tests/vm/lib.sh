# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2034 # for those who include us
# lib.sh - what the shell tests of the virtual machine share, for busybox's sh.

n=0
ok() {
	what=$1
	shift
	n=$((n + 1))
	if "$@"; then echo "ok $n - $what"; else echo "not ok $n - $what"; echo "# failed: $*"; fi
}
not() { ! "$@"; }
soon() { i=0; until "$@" >/dev/null 2>&1; do i=$((i + 1)); [ $i -lt 100 ] || return 1; sleep 0.1; done; }

# start DEVICE TYPE DIR [OPTION...]: fs-mem on DIR; its process is $fs. With
# $POLICY set, its connection chooses that policy.
start() {
	start_dir=$3
	mkdir -p "$3"
	start_device=$1 start_type=$2
	shift 3
	device "$start_device" "$start_type" "$start_dir" fs-mem -f "$@" &
	fs=$!
	soon test -e "$start_dir/.ctl"
}

# stop DIR: unmounted, and fs-mem ends well, which it does only if the kernel
# forgot no more than it had looked up.
stop() { umount "$1" && soon not kill -0 "$fs" && wait "$fs"; }

# $EXERCISE_OPS are its operations.
exercise() {
	prog-exercise "$1" - --seed "${2:-7}" --ops "${EXERCISE_OPS:-300}" --skip many --seconds 150 > /tmp/exercise 2>&1
	status=$?
	grep -E '^(fail|skip)' /tmp/exercise | sed 's/^/# /'
	return $status
}

is() { [ "$1" = "$2" ] || { echo "# got '$1', want '$2'"; false; }; }
ctl() { echo "$*" > /mnt/a/.ctl; }

# What the generic policy counts, by opcode (bpf/clock.bpf.h): answered, and not.
LOOKUP=1 GETATTR=3 OPEN=14 STATFS=17 GETXATTR=22 LISTXATTR=23 OPENDIR=27 READLINK=5 ACCESS=34
hits() { bpfmap "$bpf/generic/maps/counters" $(($1 * 4)); }
misses() { bpfmap "$bpf/generic/maps/counters" $(($1 * 4 + 1)) $(($1 * 4 + 2)); }
note() { h=$(hits "$1") m=$(misses "$1"); }
no_miss() { [ "$(misses "$1")" = "$m" ]; }
# within_time OPCODE QUESTION...: the question, asked once more at once, takes no
# request. A slow machine may take longer than the answer holds: it may try again.
again_at_once() {
	opcode=$1
	shift
	"$@"
	note "$opcode"
	"$@"
	no_miss "$opcode"
}
within_time() { soon again_at_once "$@"; }
a_hit() { [ "$(hits "$1")" -gt "$h" ]; }

# Requests that a driver, fuse or efuse, has sent to its file systems, as the kernel
# counts them; FORGET is none. sent OPCODE...: of these together, or of all.
events() { echo "/sys/kernel/tracing/events/$1/fuse_request_send"; }
can_count() {
	[ -d /sys/kernel/tracing/events ] || mount -t tracefs none /sys/kernel/tracing
	[ -e "$(events "$1")/hist" ]
} 2>/dev/null
count_sent() {
	counted=$1
	can_count "$1" || return 1
	echo 'hist:keys=opcode:size=256' > "$(events "$1")/trigger"
}
end_sent() { echo '!hist:keys=opcode:size=256' > "$(events "$counted")/trigger"; }
all_sent() {	# OPCODE COUNT
	sed -n 's/^{ opcode: *\([0-9]*\) } hitcount: *\([0-9]*\)$/\1 \2/p' "$(events "$counted")/hist"
}
sent() {
	all_sent | {
		sum=0
		while read -r opcode count; do
			[ $# = 0 ] || case " $* " in *" $opcode "*) ;; *) continue;; esac
			sum=$((sum + count))
		done
		echo $sum
	}
}

export EFUSE_POLICY_LOADER=/bin/efuse-policy
bpf=/sys/fs/bpf/efuse
[ -d /dev/fd ] || ln -s /proc/self/fd /dev/fd
