# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh source=tests/vm/lib.sh
# b-rings-poll.sh - a worker on one core and who serves it on another, both of which look
# for what comes before they sleep: how many requests take no system call of the server.
# A machine without a library (ringserver.c), and server.c with the shim, each looking for
# as long as it may by default, and for longer, since an emulated machine is slower.
. /tests/lib.sh
# shellcheck source=tests/vm/channel.sh
. /tests/channel.sh

: "${SECONDS_EACH:=5}"
export OPTIONS=max_read=131072
[ -e /sys/devices/system/cpu/cpu1 ] || { echo "1..0 # SKIP needs two cores"; exit 0; }
mkdir -p /mnt/a
at_least() { [ "$1" -ge "$2" ] || { echo "# $1, want at least $2"; false; }; }
# line WHAT REQUESTS QUIET CALLS: QUIET of them without a system call.
line() {
	share=$(($3 * 10000 / $2))
	printf '# %-28s %7s requests, %s.%02d %% without a system call, %s calls\n' "$1" "$2" \
		$((share / 100)) $((share % 100)) "$4"
}
bars() {	# WHAT
	ok "$1: 99 % of the requests took no system call" at_least "$share" 9900
	ok "$1: the others one each" at_least $((requests + requests / 50)) "$calls"
}
work() { ok "$1: the worker" workers fstat "$SECONDS_EACH" 0:/mnt/a/file > /tmp/worker; sed 's/^/# /' /tmp/worker; }

raw() {	# MICROSECONDS
	SPIN=$1 POLL=$1 device /dev/efuse efuse /mnt/a taskset 2 ringserver > /tmp/served &
	fs=$!
	soon test -e /mnt/a/file
	work "raw, $1 us"
	ok "raw, $1 us: unmounted" stop /mnt/a
	read -r requests calls < /tmp/served
	# Each call may have been one of another request.
	line "raw, $1 us" "$requests" $((requests - calls)) "$calls"
}
shim() {	# MICROSECONDS
	rm -f /run/efuse/*-*
	device /dev/efuse efuse /mnt/a taskset 2 efuse wrap -o efuse.channel=ring,efuse.poll="$1" server &
	fs=$!
	soon test -e /mnt/a/file
	work "shim, $1 us"
	requests=$(stats ring.requests) calls=$(stats syscalls)
	line "shim, $1 us" "$requests" "$(over quiet)" "$calls"
	ok "shim, $1 us: unmounted" stop /mnt/a
}

for us in 50 200 1000; do raw $us; done
bars raw
for us in 50 200 1000; do shim $us; done
bars shim
echo "1..$n"
