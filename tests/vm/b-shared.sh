# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh source=tests/vm/lib.sh
# b-shared.sh - instructions of one fstat by rings, and by the device, on one core. Who
# serves does next to nothing (server.c, ringserver.c).
. /tests/lib.sh

COUNT=1000
export OPTIONS=max_read=131072

# served WHAT SERVER: leaves the mean of a fstat in $mean.
served() {
	mkdir -p /mnt/a
	device /dev/efuse efuse /mnt/a "$2" > /tmp/served &
	fs=$!
	soon test -e /mnt/a/file
	# shellcheck disable=SC2046 # two numbers
	set -- "$1" $(cost fstat /mnt/a/file $COUNT)
	mean=$2
	printf '# cost: %-34s fstat %6s, median %6s\n' "$1" "$2" "$3"
	ok "$1" stop /mnt/a
}
at_most() { [ "$1" -le "$2" ] || { echo "# $1, want at most $2"; false; }; }

sleep 6	# self-tests of the kernel run after the boot
served "by the device" server
device=$mean
served "by rings" ringserver
read -r requests calls < /tmp/served
echo "# the server: $requests requests, $calls system calls"
ok "a request by rings costs at most 70 % of one by the device" at_most $((mean * 100)) $((device * 70))
ok "and the server makes at most one system call" at_most "$calls" $((requests + 10))
echo "1..$n"
