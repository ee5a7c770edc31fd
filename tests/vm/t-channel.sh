# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh source=tests/vm/lib.sh
# t-channel.sh - the ring channel end to end: policies of the cache, what stays on the
# device, who is never kept waiting, processors that come and go, and the way down
# where there are no rings. $CHANNEL_OPS are the exerciser's operations. In the
# virtual machine.
. /tests/lib.sh
# shellcheck source=tests/vm/channel.sh
. /tests/channel.sh
: "${CHANNEL_OPS:=100}"

# --- policies of the cache -------------------------------------------------------

ok "cache=always: a mount" serve efuse.channel=ring,efuse.cache=always fs-mem -f /mnt/a
ok "cache=always: the exerciser" run_exercise random
by_ring "cache=always"
ok "cache=always: applied" test "$(stats cache_changed)" -gt 0
ok "cache=always: unmounted" end

# --- what stays on the device ----------------------------------------------------

ok "notifications: a mount" serve efuse.channel=ring fs-mem -f --timeout=100 --keep-cache /mnt/a
echo one > /mnt/a/f
ok "reads what was written" is "$(cat /mnt/a/f)" one
ctl change f two
ok "the kernel's cache does not know of a change" is "$(cat /mnt/a/f)" one
ctl inval_inode f
ok "after a notification it does" is "$(cat /mnt/a/f)" two
ctl store f six
ok "store puts it there" is "$(cat /mnt/a/f)" six
ctl retrieve f
ok "retrieve fetches it" soon grep -q '^retrieved=six' /mnt/a/.ctl
before=$(stats dev.FORGET)
for i in $(seq 50); do : > "/mnt/a/f$i"; rm "/mnt/a/f$i"; done
echo 2 > /proc/sys/vm/drop_caches
forgotten() { [ "$(stats dev.FORGET)" != "$before" ] || [ "$(stats dev.BATCH_FORGET)" != "" ]; }
ok "FORGET comes by the device" soon forgotten
echo x > /mnt/a/block
head -c 1 /mnt/a/block > /tmp/out 2>&1 &
reader=$!
soon grep -q blocked=1 /mnt/a/.ctl
kill -TERM "$reader"
ok "who waits can be interrupted" soon gone "$reader"
ok "INTERRUPT came by the device" test -n "$(stats dev.INTERRUPT)"
ok "unmounted" end

# --- a slow request holds up nobody ------------------------------------------------

# p99 of a worker on the second processor: N of its line, in microseconds.
p99_beside() {
	workers fstat 3 "1:/mnt/a/file" | sed -n '1s/\..*//; 1s/^.* //p'
}
ok "mixed load: a mount" serve efuse.channel=ring,efuse.poll=0 fs-mem -f /mnt/a
echo 1 > /mnt/a/file
echo 1 > /mnt/a/delay-50
idle=$(p99_beside)
for i in 1 2; do
	taskset 1 sh -c 'while :; do cat /mnt/a/delay-50 >/dev/null || exit; done' &
	eval "slow$i=$!"
done
sleep 1
busy=$(p99_beside)
# shellcheck disable=SC2154 # by eval
kill "$slow1" "$slow2"
echo "# p99 of the second processor: $idle us, with 50 ms requests of the first $busy us"
ok "50 ms requests of one processor: the other's p99 stays" test "$busy" -lt $((idle * 2 + 200))
ok "mixed load: unmounted" soon end

# --- processors that go and come back ---------------------------------------------------

away=/sys/devices/system/cpu/cpu1/online
if [ -w $away ]; then
	for mode in "" -s; do
		run="processors come and go, fs-mem $mode"
		# shellcheck disable=SC2086 # an option or none
		ok "$run: a mount" serve efuse.channel=ring fs-mem -f $mode /mnt/a
		prog-load /mnt/a 6 3 > /tmp/load 2>&1 &
		load=$!
		for i in 1 2 3 4 5 6; do echo 0 > $away; sleep 0.3; echo 1 > $away; sleep 0.3; done
		ok "$run: the other one is back" is "$(cat $away)" 1
		wait $load
		ok "$run: the load does not notice" is $? 0
		sed 's/^/# /' /tmp/load
		by_ring "$run"
		ok "$run: unmounted" end
	done
else
	echo "ok $((n = n + 1)) - processors come and go # SKIP no second one that can"
fi

# --- the way down --------------------------------------------------------------------------

lower() {	# WHAT CHANNEL REASON OPTIONS COMMAND...
	lower=$1 channel=$2 reason=$3
	shift 3
	ok "$lower: a mount" serve "$@"
	echo 1 > /mnt/a/file
	ok "$lower: the channel" is "$(stats channel)" "$channel"
	ok "$lower: the reason" sh -c "prog-stats /run/efuse/*-$fs-0 | grep -q '^reason=.*$reason'"
	ok "$lower: unmounted" end
}
lower "dev was asked for" dev 'asked for' efuse.channel=dev fs-mem -f /mnt/a
lower "the stock driver" dev 'io_uring' efuse.channel=ring,efuse.driver=stock fs-mem -f /mnt/a
lower "uring was asked for" dev 'efuse driver has not' efuse.channel=uring fs-mem -f /mnt/a
ok "poll: a mount" serve efuse.channel=ring fs-raw --wait=poll /mnt/a
ok "poll: the device serves" is "$(stats channel)" dev
ok "poll: unmounted" end
ok "efuse status names the channel" sh -c '
	efuse wrap -o efuse.channel=auto fs-mem /mnt/a && efuse status /mnt/a > /tmp/status &&
	grep -q "served by *ring" /tmp/status && grep -q "QUIET" /tmp/status'
sed 's/^/# /' /tmp/status
ok "unmounted" umount /mnt/a
echo "1..$n"
