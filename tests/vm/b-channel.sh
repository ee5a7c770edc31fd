# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh source=tests/vm/lib.sh
# b-channel.sh - instructions of one fstat on one core: unmodified file systems over
# the stock driver's device as they are, and over the efuse driver with the shim, by
# the device and by rings. In the machine that counts instructions (make bench-vm).
. /tests/lib.sh
# shellcheck source=tests/vm/channel.sh
. /tests/channel.sh

: "${COUNT:=1000}"
sleep 6	# self-tests of the kernel run after the boot
mkdir -p /tmp/back
echo > /tmp/back/file
export OPTIONS=max_read=131072

# line WHAT: leaves the mean of a fstat in $mean.
line() {
	# shellcheck disable=SC2046 # two numbers
	set -- "$1" $(cost fstat /mnt/a/file "$COUNT")
	mean=$2
	printf '# cost: %-44s fstat %6s, median %6s\n' "$1" "$2" "$3"
}
at_most() { [ "$1" -le "$2" ] || { echo "# $1, want at most $2"; false; }; }
bars() {	# WHAT PERCENT
	ok "$1: by rings at most $2 % of the stock driver's device" at_most $((ring * 100)) $((plain * $2))
	echo "# $1: $((ring * 1000 / plain)) thousandths of the stock driver's device"
}

# kind WHAT PERCENT COMMAND...: which mounts by itself.
kind() {
	kind=$1 bar=$2
	shift 2
	"$@" > /tmp/daemon.log 2>&1 &
	fs=$!
	ok "$kind: a mount as it is" soon test -e /mnt/a/file
	line "$kind, stock driver"
	plain=$mean
	ok "$kind: unmounted" end
	ok "$kind: a mount by the device" serve efuse.channel=dev "$@"
	line "$kind, efuse driver, shim, by the device"
	ok "$kind: unmounted" end
	ok "$kind: a mount by rings" serve efuse.channel=ring "$@"
	line "$kind, efuse driver, shim, by rings"
	ring=$mean
	ok "$kind: by rings" is "$(stats channel)" ring
	calls=$(stats syscalls) requests=$(stats ring.requests)
	echo "# $kind: $requests requests by rings, $calls system calls"
	ok "$kind: at most one system call for each" at_most "$calls" $((requests + requests / 50))
	ok "$kind: unmounted" end
	bars "$kind" "$bar"
}

mkdir -p /mnt/a
NOTHING=attr_timeout=0,entry_timeout=0,negative_timeout=0
if [ -e /bin/bindfs ]; then
	kind "bindfs" 84 bindfs -f -o $NOTHING /tmp/back /mnt/a
	kind "bindfs --multithreaded" 70 bindfs -f --multithreaded -o $NOTHING /tmp/back /mnt/a
fi

# server.c is given what is mounted already.
device /dev/fuse fuse /mnt/a server > /dev/null &
fs=$!
soon test -e /mnt/a/file
line "server, stock driver"
plain=$mean
ok "server: unmounted" stop /mnt/a
device /dev/efuse efuse /mnt/a efuse wrap -o efuse.channel=ring server > /tmp/daemon.log 2>&1 &
fs=$!
soon test -e /mnt/a/file
line "server, efuse driver, shim, by rings"
ring=$mean
ok "server: by rings" is "$(stats channel)" ring
ok "server: unmounted" stop /mnt/a
bars server 82
echo "1..$n"
