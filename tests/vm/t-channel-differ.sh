# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh source=tests/vm/lib.sh
# t-channel-differ.sh - the differential tester over the rings of the efuse driver: the
# same random operations on a mount of an unmodified file system, on the folder it shows
# and on another one. Nothing differs, and in the end no lookup is left over.
# $DIFFER_OPS are operations of each run, $DIFFER_SEED is the first one's seed. In the
# virtual machine.
. /tests/lib.sh
# shellcheck source=tests/vm/channel.sh
. /tests/channel.sh
: "${DIFFER_OPS:=400}" "${DIFFER_SEED:=1}"
seed=$DIFFER_SEED

left() { read -r left < /mnt/a/.ctl; echo "$left"; }
balanced() { echo 2 > /proc/sys/vm/drop_caches; [ "$(left)" = 0 ]; }

# differ WHAT OPTIONS "FILE SYSTEM'S OPTIONS" OPTION...: one run on a mount of its own.
differ() {
	run=$1 options=$2 own=$3
	shift 3
	seed=$((seed + 1))
	rm -rf /tmp/d/*
	mkdir -p /tmp/d/b /tmp/d/s
	# shellcheck disable=SC2086 # words
	ok "$run: a mount" serve "efuse.channel=ring$options" \
		fs-mirror /tmp/d/b -f -o allow_other$own /mnt/a || return
	echo "# $(cut -d. -f1 /proc/uptime) s: $run"
	ok "$run" prog-differ /mnt/a /tmp/d/b /tmp/d/s --seed "$seed" --ops "$DIFFER_OPS" "$@"
	by_ring "$run"
	ok "$run: no lookup is left" soon balanced
	ok "$run: unmounted" end
}

mkdir -p /tmp/d
mount -t tmpfs -o noatime,mode=755 tmpfs /tmp/d

KERNEL=,default_permissions	# who checks them
differ "no cache" ,efuse.cache=none $KERNEL --users 3 --behind 50
differ "no cache, one thread" ,efuse.cache=none "$KERNEL -s" --users 3 --procs 2
differ "no cache, in parallel" ,efuse.cache=none $KERNEL --users 3 --procs 2
differ "its timeouts, told" "" "$KERNEL --timeout=100 --acl" --users 3 --behind 50 --notify --procs 2 --acl
differ "always, collected writes" ,efuse.cache=always "$KERNEL --writeback" --users 3 --late
differ "contents by direct I/O" ,efuse.cache=none "$KERNEL --direct" --users 3 --procs 2
differ "its permissions" "" " --as-caller" --users 3 --any-error --behind 50

# bindfs has no fallocate and no flags of rename, which the exerciser knows to leave out.
for mode in "" --multithreaded; do
	run="bindfs $mode"
	if [ ! -e /bin/bindfs ]; then
		echo "ok $((n = n + 1)) - $run # SKIP bindfs is not installed"
		continue
	fi
	# shellcheck disable=SC2086 # an option or none
	ok "$run: a mount" serve efuse.channel=ring bindfs -f $mode /tmp/back /mnt/a
	ok "$run: all of the exerciser" run_exercise
	by_ring "$run"
	ok "$run: unmounted" end
done

# With a policy of the driver beside, that answers some of the requests itself.
ok "the policy is loaded" efuse load /lib/bpf/generic.bpf.o
differ "a policy, told" ,efuse.cache=always "$KERNEL --acl" --users 3 --behind 50 --notify --procs 2 --acl
ok "unloaded" efuse load -u generic
umount /tmp/d
echo "1..$n"
