# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh source=tests/vm/lib.sh
# t-data.sh - what the generic policy knows of the contents of files that the page
# cache has nothing of: what is answered, that every change is seen, and that what
# may not be remembered is not. $DATA_OPS are operations of each random run. In the
# virtual machine.
. /tests/lib.sh

: "${DATA_OPS:=3000}" "${DATA_SEED:=1}"
READ=15
ok "the policy is loaded" efuse load /lib/bpf/generic.bpf.o
mkdir -p /tmp/d /mnt/d
mount -t tmpfs -o noatime tmpfs /tmp/d

# mirror POLICY OPTION...: fs-mirror shows /tmp/d on /mnt/d.
mirror() {
	POLICY=$1
	shift
	export POLICY
	device /dev/efuse efuse /mnt/d fs-mirror /tmp/d -f "$@" &
	fs=$!
	soon test -e /mnt/d/.ctl
}
same() { cmp /mnt/d/file /tmp/d/file; }
# Reading it all, or the blocks before its end, is not asked of the file system.
known() { note $READ; same && no_miss $READ && a_hit $READ; }
unknown() { note $READ; same && not no_miss $READ; }
blocks() { dd if="$1/file" bs=4096 count="$2" 2>/dev/null | md5sum; }
known_blocks() { note $READ; is "$(blocks /mnt/d "$1")" "$(blocks /tmp/d "$1")" && no_miss $READ; }
random() { dd if=/dev/urandom "of=$1" bs="$2" count="$3" seek="${4:-0}" conv=notrunc 2>/dev/null; }
tell() { echo "inode $(stat -c %i /tmp/d/file)" > /mnt/d/.ctl; }
# fresh THOUSANDS: another file of so many bytes, of which nothing is known.
fresh() { rm -f /mnt/d/file; random /mnt/d/file 1000 "$1"; tell; stat /mnt/d/file > /dev/null; }
data() { prog-data /mnt/d --seed "$DATA_SEED" --ops "$DATA_OPS" "$@"; }

# Mode 1, always; 64 places of four blocks.
mirror generic:0x60001 --direct
fresh 33
ok "contents of a file" unknown
ok "are known when they were read" known
ok "in small pieces" is "$(dd if=/mnt/d/file bs=77 2>/dev/null | md5sum)" "$(md5sum < /tmp/d/file)"
random /mnt/d/file 1 5000
ok "a byte at a time changes them" same
random /mnt/d/file 4096 1 2
ok "a block that was written whole is known" known_blocks 8
ok "where the file ends now is not" unknown
random /mnt/d/file 100 1 90
ok "one that was written in part is not" unknown
ok "but the others are" known
echo end >> /mnt/d/file
ok "an end that moved is seen" unknown
ok "and known" known
truncate -s 9000 /mnt/d/file
ok "as is a shorter file" unknown
ok "and known" known
truncate -s 12000 /mnt/d/file
ok "and a longer one" unknown
: > /mnt/d/file
ok "an empty one" same
random /mnt/d/file 4096 8
ok "filled again, it is known" known_blocks 8
random /tmp/d/file 1000 1
ok "what changes behind the mount is not seen" not same
tell
ok "until that is told" unknown
ok "and is known then" known
ln /mnt/d/file /mnt/d/second
ok "a file with two links" same
ok "of which nothing is known" unknown
rm /mnt/d/second
stat /mnt/d/file > /dev/null
ok "until one is gone" unknown
ok "as is known then" known
mv /mnt/d/file /mnt/d/old
fresh 7
ok "another file of that name" same
ok "a file that is no file" is "$(cat /mnt/d/.ctl)" "$(cat /mnt/d/.ctl)"
fresh 600
ok "more than there is room for" same
ok "is right" same
before=$(hits $READ)
ok "contents, at random" data --size 100000
answered=$(($(hits $READ) - before))
ok "with much for the room" data --size 3000000
ok "by several" data --procs 3 --size 100000
ok "in one file" data --procs 4 --size 60000 --shared
ok "of its READs some were answered" [ "$answered" -gt $((DATA_OPS / 50)) ]
ok "unmounted" stop /mnt/d

# The page cache is used, and O_DIRECT goes round it. Not by several in one file: who
# maps a page writes all of it back, what others have written to the rest round it too.
mirror generic:0x60001
ok "through the page cache and not" data --size 100000
ok "by several" data --procs 3 --size 60000
note $READ
fresh 100
same
ok "what the page cache has is not asked for" is "$(hits $READ) $(misses $READ)" "$h $m"
ok "unmounted" stop /mnt/d
mirror generic:0x60001 --writeback
ok "with collected writes" data --size 100000
ok "unmounted" stop /mnt/d

# For a time, two seconds.
mirror generic:0x60002:2000000000 --direct
fresh 20
ok "for a time" unknown
ok "contents are known" known
random /tmp/d/file 1000 20
sleep 2.1
ok "until it is over" unknown
ok "contents, at random" data --size 100000
ok "unmounted" stop /mnt/d

# Nothing is kept that was not asked for.
mirror generic:1 --direct
fresh 20
note $READ
same
same
ok "without room nothing is known" is "$(hits $READ) $(misses $READ)" "$h $m"
ok "unmounted" stop /mnt/d
mirror generic:0x60000 --direct --timeout=100
fresh 20
same
same
ok "nor with the file system's own timeouts" is "$(hits $READ) $(misses $READ)" "$h $m"
ok "unmounted" stop /mnt/d

umount /tmp/d
ok "unloaded" efuse load -u generic
echo "1..$n"
