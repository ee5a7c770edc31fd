# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh source=tests/vm/lib.sh
# t-channel-ends.sh - the ring channel: file systems that are asked to leave, killed
# and unmounted under load, and their children. In the virtual machine.
. /tests/lib.sh
# shellcheck source=tests/vm/channel.sh
. /tests/channel.sh
: "${CHANNEL_OPS:=100}"

# --- ends ----------------------------------------------------------------------------

load() { prog-load /mnt/a "${1:-20}" 3 > /tmp/load 2>&1 & load=$!; sleep 0.7; }
load_over() {
	soon gone "$load" && [ "$(sed -n 's/.*wrong=\([0-9]*\).*/\1/p' /tmp/load | sort -u)" = 0 ]
}
for signal in TERM HUP KILL; do
	for mode in "" -s --clone-fd; do
		end="SIG$signal under load, fs-mem $mode"
		# shellcheck disable=SC2086 # an option or none
		ok "$end: a mount" serve efuse.channel=ring fs-mem -f $mode /mnt/a
		load
		ok "$end: by rings" is "$(stats channel)" ring
		kill -$signal "$fs"
		ok "$end: it leaves" soon gone "$fs"
		ok "$end: the load ends, nothing wrong was read" load_over
		umount -l /mnt/a 2>/dev/null
	done
done
for signal in TERM KILL; do
	end="SIG$signal under load, libfuse 2.9"
	ok "$end: a mount" serve efuse.channel=ring fs2-pass /tmp/back -f /mnt/a
	load
	kill -$signal "$fs"
	ok "$end: it leaves" soon gone "$fs"
	ok "$end: the load ends, nothing wrong was read" load_over
	umount -l /mnt/a 2>/dev/null
	rm -rf /tmp/back/*
done
for how in -f -l; do
	end="umount $how under load"
	ok "$end: a mount" serve efuse.channel=ring fs-mem -f /mnt/a
	if [ $how = -f ]; then load; else load 1.5; fi
	umount $how /mnt/a 2>/dev/null
	ok "$end: the load ends, nothing wrong was read" load_over
	umount -l /mnt/a 2>/dev/null
	ok "$end: the file system leaves" soon gone "$fs"
done
ok "killed in the midst of a request: a mount" serve efuse.channel=ring fs-mem -f /mnt/a
echo x > /mnt/a/delay-5000
cat /mnt/a/delay-5000 > /tmp/out 2>&1 &
reader=$!
sleep 0.5
kill -KILL "$fs"
ok "an error at once" soon gone "$reader"
umount -l /mnt/a
cycle() {
	for i in 1 2 3 4 5 6 7 8 9 10; do
		serve efuse.channel=ring fs-mem -f /mnt/a && echo "$i" > /mnt/a/file && end || return 1
	done
}
ok "ten short mounts" cycle

# --- children ---------------------------------------------------------------------------

ok "a child from INIT: a mount" serve efuse.channel=ring fs-mem -f --child /mnt/a
ok "a child from INIT: the exerciser" run_exercise random
by_ring "a child from INIT"
ok "a child from INIT: unmounted" umount /mnt/a
ok "a child from INIT: the parent leaves" soon gone "$fs"
rm -f /run/efuse/*-*
ok "in the background: a mount" sh -c 'efuse wrap -o efuse.channel=ring fs-mem /mnt/a'
# It is mounted before it serves, and its status file is there when it does.
ok "in the background: mounted" soon sh -c 'ls /mnt/a && ls /run/efuse/*-0'
for file in /run/efuse/*-0; do fs=${file%-0}; fs=${fs##*-}; done
ok "in the background: the exerciser" run_exercise random
by_ring "in the background"
ok "in the background: unmounted" umount /mnt/a
ok "in the background: it leaves" soon not test -e "/run/efuse/"*"-$fs-0"
ok "a child that serves: a mount" serve efuse.channel=ring fs-raw --fork-after-init /mnt/a
ok "a child that serves: reads" test -n "$(head -c 100 /mnt/a/data | tr -d '\0' | wc -c)"
umount /mnt/a
ok "a child that serves: it leaves" soon gone "$fs"
echo "1..$n"
