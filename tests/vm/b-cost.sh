# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh source=tests/vm/lib.sh
# b-cost.sh - instructions of one fstat, one stat and one read of a file system for
# which nothing holds: on tmpfs, through the stock driver, through ours without and
# with a policy, and answered by the policy. server.c, which does next to nothing,
# serves: what a policy costs shows most there. In the virtual machine, which counts
# instructions (make bench-vm).
. /tests/lib.sh

COUNT=1000
# Mode 3 of the generic policy: as always, but the kernel keeps nothing itself.
ASKED=generic:3

# line WHAT PATH: prints the averages, and leaves the medians in $fstat and $stat,
# the averages in $mean_fstat and $mean_stat.
line() {
	# shellcheck disable=SC2046 # two numbers
	set -- "$1" $(cost fstat "$2" $COUNT) $(cost stat "$2" $COUNT)
	mean_fstat=$2 fstat=$3 mean_stat=$4 stat=$5
	printf '# cost: %-34s fstat %6s  stat %6s\n' "$1" "$mean_fstat" "$mean_stat"
}
# served WHAT DEVICE TYPE [POLICY]
served() {
	unset POLICY
	[ $# -lt 4 ] || export POLICY="$4"
	mkdir -p /mnt/a
	device "$2" "$3" /mnt/a server &
	fs=$!
	soon test -e /mnt/a/file
	line "$1" /mnt/a/file
	[ "$POLICY" = $ASKED ] && count_hits
	ok "$1" stop /mnt/a
}
# Leaves in $lookups and $getattrs how many of them an equal number of stats takes.
count_hits() {
	lookups=$(hits $LOOKUP) getattrs=$(hits $GETATTR)
	cost stat /mnt/a/file 100 > /dev/null
	lookups=$(($(hits $LOOKUP) - lookups)) getattrs=$(($(hits $GETATTR) - getattrs))
}
at_most() { [ "$1" -le "$2" ] || { echo "# $1, want at most $2"; false; }; }

# A READ of 4 KiB that the page cache has nothing of, as line does it, in $read.
read_of() {	# WHAT DEVICE TYPE [POLICY]
	unset POLICY
	[ $# -lt 4 ] || export POLICY="$4"
	mkdir -p /mnt/a
	device "$2" "$3" /mnt/a server &
	fs=$!
	soon test -e /mnt/a/file
	call=${CACHED:+miss}
	call=${call:-read}
	# shellcheck disable=SC2046 # two numbers
	set -- "$1" $(cost "$call" /mnt/a/file $COUNT)
	read=$2 median=$3
	printf '# cost: %-42s read %6s, median %6s\n' "$1" "$read" "$median"
	ok "$1" stop /mnt/a
}

sleep 6	# self-tests of the kernel run after the boot
: > /tmp/file
line tmpfs /tmp/file

echo "# for one user: a stat is LOOKUP and GETATTR"
export OPTIONS=max_read=131072
served "stock driver" /dev/fuse fuse
stock_fstat=$fstat stock_stat=$stat mean_stock_fstat=$mean_fstat mean_stock_stat=$mean_stat
served "efuse driver, no policy" /dev/efuse efuse
getattr=$((fstat - stock_fstat)) lookup=$((stat - stock_stat - fstat + stock_fstat))
echo "# more than the stock driver: GETATTR $getattr, LOOKUP $lookup"
ok "a GETATTR without a policy costs at most 30 more" at_most $getattr 30
ok "a LOOKUP without a policy costs at most 30 more" at_most $lookup 30

efuse load /lib/bpf/count.bpf.o /lib/bpf/generic.bpf.o
served "efuse driver, policy count" /dev/efuse efuse count
served "policy generic, nothing holds" /dev/efuse efuse generic
ok "a fstat not answered costs at most 10 % more" at_most $((mean_fstat * 100)) $((mean_stock_fstat * 110))
ok "a stat not answered costs at most 10 % more" at_most $((mean_stat * 100)) $((mean_stock_stat * 110))
served "policy generic, answered" /dev/efuse efuse $ASKED
ok "an answered fstat costs at most 2600" at_most "$mean_fstat" 2600
ok "an answered stat costs at most 7500" at_most "$mean_stat" 7500
ok "which is one LOOKUP and one GETATTR" is "$lookups" "$getattrs"

echo "# for all users, the file system checks permissions: the same requests"
export OPTIONS=allow_other
served "stock driver" /dev/fuse fuse
served "policy generic, nothing holds" /dev/efuse efuse generic
served "policy generic, answered" /dev/efuse efuse $ASKED
ok "an answered fstat costs at most 2600" at_most "$mean_fstat" 2600
ok "an answered stat costs at most 7500" at_most "$mean_stat" 7500

echo "# default_permissions: a stat is LOOKUP and two GETATTR, one of them for the folder"
export OPTIONS=allow_other,default_permissions
served "stock driver" /dev/fuse fuse
served "efuse driver, no policy" /dev/efuse efuse
served "policy generic, nothing holds" /dev/efuse efuse generic
served "policy generic, answered" /dev/efuse efuse $ASKED
ok "which is one LOOKUP and two GETATTR" is $((lookups * 2)) "$getattrs"

echo "# 4 KiB of a file that is open for direct I/O"
export OPTIONS=max_read=131072
read_of "stock driver, read" /dev/fuse fuse
stock=$read
read_of "efuse driver, no policy, read" /dev/efuse efuse
ok "which costs at most 120 more" at_most $((read - stock)) 120
read_of "policy generic, no contents, read" /dev/efuse efuse generic:3
read_of "policy generic, contents, read" /dev/efuse efuse generic:0x60003
# On the whole some requests are tries, which go to the server.
ok "contents that are known cost at most 35 % of that" at_most $((median * 100)) $((stock * 35))
known=$median
ok "on the whole at most 36 %" at_most $((read * 100)) $((stock * 36))
# As long and as old as the server says, on a file system that does nothing for it.
dd if=/dev/zero of=/tmp/backing bs=65536 count=16 2> /dev/null
touch -d @0 /tmp/backing
export BACKING=/tmp/backing
read_of "efuse driver, no policy, its file, read" /dev/efuse efuse
ok "the server's own file costs at most 45 % of that" at_most $((read * 100)) $((stock * 45))
file=$median
read_of "policy generic, no contents, its file, read" /dev/efuse efuse generic:3
read_of "policy generic, contents, its file, read" /dev/efuse efuse generic:0x60003
ok "the better of contents and file costs at most 5 % more with the choice" \
	at_most $((median * 100)) $((known < file ? known * 105 : file * 105))
unset BACKING

echo "# 4 KiB that the page cache has nothing of any more, and dropping them"
export CACHED=1
read_of "stock driver, page cache" /dev/fuse fuse
stock=$median
read_of "efuse driver, no policy, page cache" /dev/efuse efuse
ok "which costs at most 1 % more" at_most $((median * 100)) $((stock * 101))
export BACKING=/tmp/backing
read_of "its file, page cache" /dev/efuse efuse
ok "the server's own file costs at most 65 % of that" at_most $((median * 100)) $((stock * 65))
unset BACKING CACHED
efuse load -u count generic
echo "1..$n"
