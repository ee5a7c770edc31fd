# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh source=tests/vm/lib.sh disable=SC2154 # fs is of channel.sh
# t-direct-cache.sh - efuse.direct=verify where reads go through the page cache, for
# read(2), page faults and readahead: that it is filled from the file system's own files
# when these proved the same and not before, that every change is seen that the stock
# driver sees, and that a file system whose contents are others is found out. On tmpfs,
# and on ext4 if it is there. In the virtual machine.
. /tests/lib.sh
# shellcheck source=tests/vm/channel.sh
. /tests/channel.sh
# shellcheck source=tests/vm/direct.sh
. /tests/direct.sh

HOW="read map private ahead"
# The same each time, for the mounts that are compared.
fill() { for i in $FILES; do cp "/tmp/file.$i" "/tmp/back/f$i"; done; sync; sleep 0.1; }

# direct OPTION...: fs-mirror shows /tmp/back, with the direct path, and the page cache is used.
direct() { serve efuse.driver=efuse,efuse.direct=verify fs-mirror /tmp/back -f "$@" /mnt/a; }
# Who opens a file finds nothing of it in the page cache, as fs-mirror has it.
all_pages() { for i in $FILES; do pages_same "$1" "f$i" || { echo "# f$i"; return 1; }; done; }
often() {
	for _ in $(seq "$1"); do all_same || return 1; done
}
prove() { all_pages read && state on; }

# changes: what who has a file open sees of changes, as numbers.
show() { md5sum | cut -c 1-8; }
changes() {
	cp /tmp/change.1 /tmp/back/f1
	sleep 0.1
	exec 3< /mnt/a/f1
	dd bs=4096 count=8 <&3 2>/dev/null | show
	cp /tmp/change.2 /tmp/back/f1
	dd if=/proc/self/fd/3 bs=4096 2>/dev/null | show
	dd bs=4096 count=4 <&3 2>/dev/null | show
	sleep 0.1
	truncate -s 50000 /tmp/back/f1
	cat <&3 | show
	mkfifo /tmp/line
	: > /tmp/twice
	pages twice /mnt/a/f1 < /tmp/line > /tmp/twice &
	twice=$!
	exec 4> /tmp/line
	soon test -s /tmp/twice
	sleep 0.1
	cp /tmp/change.1 /tmp/back/f1
	echo > /tmp/line
	exec 4>&-
	wait $twice
	echo $?
	show < /tmp/twice
	rm /tmp/line /tmp/back/f1
	cat <&3 | wc -c
	exec 3<&-
	cp /tmp/change.2 /tmp/back/f1
	show < /mnt/a/f1
}

# all WHAT: everything, on what is mounted on /tmp/back.
all() {
	w=$1
	fill
	ok "$w: a mount" direct
	ok "$w: compares at first" state comparing
	ok "$w: one file" pages_same read f1
	ok "$w: is not enough" state comparing
	ok "$w: the others" all_pages read
	ok "$w: are" state on
	for how in $HOW; do
		ok "$w: $how" asks all_pages "$how"
		[ "$how" = ahead ] ||
			ok "$w: mostly without the file system: $asked of 160" [ "$asked" -lt 20 ]
	done
	ok "$w: readahead" asks often 20
	ok "$w: as well: $asked of 160 and more" [ "$asked" -lt 100 ]
	ok "$w: where it ends" is "$(tail -c 100 /mnt/a/f1 | md5sum)" "$(tail -c 100 /tmp/back/f1 | md5sum)"
	ok "$w: nothing is behind that" is "$(pages map /mnt/a/f1 | wc -c)" 163000
	ok "$w: the driver has counted, $(stats direct_reads)" [ "$(stats direct_reads)" -gt 300 ]
	ok "$w: status says so" sh -c "efuse status /mnt/a | grep -q 'by its file *[1-9][0-9]* reads'"

	echo more >> /mnt/a/f1
	ok "$w: what is written through the mount is seen" pages_same read f1
	ok "$w: and in a mapping" pages_same map f1
	truncate -s 5000 /mnt/a/f1
	ok "$w: as is a shorter file" pages_same map f1
	ok "$w: again" same f1
	echo behind >> /tmp/back/f2
	ok "$w: what grows behind the mount" pages_same map f2
	random /tmp/back/f3 163
	ok "$w: what changes there" pages_same read f3
	rm /tmp/back/f3
	random /tmp/back/f3 20
	ok "$w: and another file in its place" pages_same map f3
	truncate -s 100 /tmp/back/f4
	ok "$w: a shorter one" pages_same read f4
	ok "$w: all this without a difference" state on
	fill
	sleep 0.5
	ok "$w: much at once" busy
	exec 3< /mnt/a/f4
	dd bs=4096 count=2 <&3 > /dev/null 2>&1
	kill -KILL "$fs"
	soon gone "$fs"
	pages drop /proc/self/fd/3 2>/dev/null
	ok "$w: the file system killed: no more is opened" not cat /mnt/a/f1
	ok "$w: or read" not dd if=/proc/self/fd/3 bs=4096 skip=20 of=/dev/null 2>/dev/null
	exec 3<&-
	umount /mnt/a
}
# Several who read, while a file grows, so that its end is not where it was, and the page cache
# is dropped.
busy() {
	for how in $HOW read map; do
		(for _ in 1 2 3 4 5 6; do
			for i in $FILES; do
				[ "$(pages "$how" "/mnt/a/f$i" | wc -c)" -gt 10 ] || [ "$i" = 2 ] || exit 1
			done
		done) &
		busy="$busy $!"
	done
	for _ in 1 2 3 4 5 6 7 8; do
		echo 1 > /proc/sys/vm/drop_caches
		echo more >> /tmp/back/f2
		sleep 0.2
	done
	status=0
	for pid in $busy; do wait "$pid" || status=1; done
	busy=
	[ $status = 0 ] && state on && all_same
}

mkdir -p /tmp/back
can_count efuse || { echo "1..0 # SKIP this kernel has no trace events"; exit 0; }
count_sent efuse
random /tmp/change.1 100
random /tmp/change.2 120
for i in $FILES; do random "/tmp/file.$i" 163; done

mount -t tmpfs -o noatime tmpfs /tmp/back
all tmpfs

# With the rules of the page cache as they are, and those of a mount that keeps attributes.
for options in --timeout=0 --timeout=100 "--timeout=100 --keep-cache"; do
	fill
	# shellcheck disable=SC2086 # words
	serve efuse.driver=stock fs-mirror /tmp/back -f $options /mnt/a
	ok "$options: the stock driver" all_pages read
	changes > /tmp/stock
	ok "$options: unmounted" end
	fill
	# shellcheck disable=SC2086 # words
	ok "$options: a mount" direct $options
	ok "$options: proves" prove
	changes > /tmp/ours
	ok "$options: changes show as they do with the stock driver" cmp /tmp/stock /tmp/ours
	ok "$options: it is on" state on
	ok "$options: unmounted" end
done

fill
ok "files that are open for direct I/O" direct --direct
ok "mapped" all_pages private
ok "are proof as well" state on
ok "mapped again" asks all_pages private
ok "mostly without the file system: $asked of 160" [ "$asked" -lt 20 ]
ok "unmounted" end

ok "one bit of each byte" direct --twist=bits
not all_pages read
ok "is a difference" state differs
ok "unmounted" end
ok "a byte less" direct --twist=short
not all_pages map
ok "is a difference" state differs
ok "unmounted" end
ok "a file system that begins to change contents" direct
ok "after they proved the same" prove
echo twist tail > /mnt/a/.ctl
for i in $(seq 200); do
	pages map /mnt/a/f2 > /dev/null
	state differs > /dev/null && break
done
ok "is found out after $i rounds" state differs
ok "from then on it is asked" not pages_same read f2
ok "unmounted" end
umount /tmp/back

# Where what is read may be on a disk.
for module in /lib/disk-modules/*.ko; do [ -e "$module" ] && busybox insmod "$module"; done
if [ -e /bin/mke2fs ] && dd if=/dev/zero of=/tmp/image bs=1M count=0 seek=64 2>/dev/null &&
	/bin/mke2fs -q -t ext4 /tmp/image && busybox mount -o loop,noatime /tmp/image /tmp/back; then
	all ext4
	fill
	ok "ext4: a mount" direct
	ok "ext4: proves" prove
	sync
	echo 1 > /proc/sys/vm/drop_caches
	ok "ext4: what is not in its page cache" asks all_pages read
	ok "ext4: is the file system's to read, at first: $asked" [ "$asked" -gt 2 ]
	ok "ext4: and then is" asks all_pages read
	ok "ext4: not: $asked" [ "$asked" -lt 20 ]
	random /tmp/back/large 24000
	sync
	echo 1 > /proc/sys/vm/drop_caches
	ok "ext4: a large file in order, from the disk" asks same large 131072
	echo "# $asked of it by the file system"
	ok "ext4: and in no page cache but its own" asks same large 131072
	ok "ext4: which the file system does not read: $asked" [ "$asked" -lt 20 ]
	ok "ext4: unmounted" end
	umount /tmp/back
fi
end_sent
echo "1..$n"
