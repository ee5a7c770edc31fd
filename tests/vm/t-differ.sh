# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh source=tests/vm/lib.sh
# t-differ.sh - the same random operations on a mount, on the folder it shows and
# on another one, with the stock driver and with ours in all modes of the generic
# policy: nothing differs, and in the end no lookup is left over. $DIFFER_OPS are
# operations of each run, a quarter of that where nothing is remembered, which is
# slow; $DIFFER_SEED is the first one's seed; $DIFFER_ONLY is a pattern of the modes
# tried, as "asked,told" for "asked, told". In the virtual machine.
. /tests/lib.sh

: "${DIFFER_OPS:=800}" "${DIFFER_SEED:=1}" "${DIFFER_ONLY:=*}"
seed=$DIFFER_SEED
left() { read -r left < /mnt/d/.ctl; echo "$left"; }
balanced() { echo 2 > /proc/sys/vm/drop_caches; [ "$(left)" = 0 ]; }

# differ WHAT DEVICE TYPE POLICY "FILE SYSTEM'S OPTIONS" OPTION...: one run on a
# mount of its own; OPTIONS are as device takes them. One process at a time is
# many times faster on the processor that its file system is on.
differ() {
	what=$1 device=$2 type=$3 POLICY=$4 options=$5
	shift 5
	seed=$((seed + 1))
	# shellcheck disable=SC2254 # a pattern
	case $(echo "$what" | tr -d ' ') in $DIFFER_ONLY) ;; *) return 0;; esac
	if [ -n "$POLICY" ]; then export POLICY; else unset POLICY; fi
	case $* in *--procs*) taskset -p 3 $$;; *) taskset -p 1 $$;; esac >/dev/null
	rm -rf /tmp/d/*
	mkdir -p /tmp/d/b /tmp/d/s /mnt/d
	# shellcheck disable=SC2086 # words
	device "$device" "$type" /mnt/d fs-mirror /tmp/d/b -f $options &
	fs=$!
	soon test -e /mnt/d/.ctl
	echo "# $(cut -d. -f1 /proc/uptime) s: $what"
	case $what in *no*) ops=$((DIFFER_OPS / 4));; *) ops=$DIFFER_OPS;; esac
	ok "$what" prog-differ /mnt/d /tmp/d/b /tmp/d/s --seed "$seed" --ops "$ops" "$@"
	ok "$what: no lookup is left" soon balanced
	ok "$what: unmounted" stop /mnt/d
}
ours() { what=$1 policy=$2; shift 2; differ "$what" /dev/efuse efuse "$policy" "$@"; }

mkdir -p /tmp/d
mount -t tmpfs -o noatime,mode=755 tmpfs /tmp/d
ok "the policy is loaded" efuse load /lib/bpf/generic.bpf.o

# Modes of generic: 0 the file system's timeouts, 1 always, 2 a time, 3 always and
# asked each time. What happens behind the mount is seen in time, or told.
differ "stock driver" /dev/fuse fuse "" "--timeout=100 --acl" --users 3 --procs 2 --acl
ours "no policy" "" "" --users 3 --behind 50
ours "nothing holds" generic "" --users 3 --behind 50
ours "timeouts" generic --timeout=0.02 --users 3 --behind 20 --wait 40
ours "timeouts, told" generic "--timeout=100 --acl" --users 3 --behind 50 --notify --procs 2 --acl
ours "always" generic:1 --acl --users 3 --procs 2 --acl
ours "always, told" generic:1 --acl --users 3 --behind 50 --notify --acl
ours "a time" generic:2:20000000 --acl --users 3 --behind 20 --wait 40 --acl
ours "asked" generic:3 "" --users 3 --procs 2
ours "asked, told" generic:3 --acl --users 3 --behind 50 --notify --procs 2 --acl
ours "asked, kept pages" generic:3 --keep-cache --users 3 --behind 50 --notify
ours "asked, collected writes" generic:3 --writeback --users 3 --procs 2 --late
ours "contents" generic:0x40003 --direct --users 3 --procs 2
ours "contents, told" generic:0x40001 --direct --users 3 --behind 50 --notify

# The file system decides permissions itself.
OPTIONS=allow_other
export OPTIONS
ours "its permissions, contents" generic:0x40003 "--direct --as-caller" --users 3 --any-error --procs 2
ours "its permissions, nothing holds" generic --as-caller --users 3 --any-error --behind 50
ours "its permissions, always" generic:1 --as-caller --users 3 --any-error --procs 2
ours "its permissions, asked, told" generic:3 --as-caller --users 3 --any-error --behind 50 --notify
unset OPTIONS

ok "unloaded" efuse load -u generic
umount /tmp/d
echo "1..$n"
