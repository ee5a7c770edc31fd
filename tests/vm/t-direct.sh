# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh source=tests/vm/lib.sh disable=SC2154 # fs is of channel.sh
# t-direct.sh - reads answered from the file system's own files (efuse.direct=verify):
# that they begin when contents proved the same and not before, that every change is
# seen, and that a file system whose contents are not those of its files is never read
# that way for long. In the virtual machine.
. /tests/lib.sh
. /tests/channel.sh

READ=15
FILES="1 2 3 4"
mkdir -p /tmp/back
mount -t tmpfs -o noatime tmpfs /tmp/back
random() { dd if=/dev/urandom "of=$1" bs=1000 count="$2" 2>/dev/null; }
for i in $FILES; do random "/tmp/back/f$i" 163; done

# direct OPTION...: fs-mirror shows /tmp/back, with the direct path.
direct() { serve efuse.driver=efuse,efuse.direct=verify fs-mirror /tmp/back -f --direct "$@" /mnt/a; }
# In pieces of a page, so that ranges are many, or of so many bytes.
same() { [ "$(dd "if=/mnt/a/$1" bs="${2:-4096}" 2>/dev/null | md5sum)" = "$(md5sum < "/tmp/back/$1")" ]; }
all_same() { for i in $FILES; do same "f$i" || { echo "# f$i"; return 1; }; done; }
state() { [ "$(stats direct)" = "$1" ] || { echo "# $(stats direct)"; return 1; }; }
# asks COMMAND...: leaves in $asked how many READs go to the file system.
asks() {
	asked=$(sent $READ)
	"$@"
	status=$?
	asked=$(($(sent $READ) - asked))
	return $status
}

ok "a mount" direct
ok "compares at first" state comparing
ok "one file" same f1
ok "is not enough" state comparing
ok "the others" all_same
ok "are" state on
ok "status says so" sh -c "efuse status /mnt/a | grep -q 'direct *on, [0-9]* ranges held the same'"
if count_sent efuse; then
	ok "they are read" asks all_same
	ok "mostly without the file system: $asked of 160" [ "$asked" -lt 20 ]
	ok "in large pieces" asks same f2 50000
	ok "as well: $asked of 4" [ "$asked" -le 1 ]
fi
ok "all of it, and where it ends" all_same
ok "the driver has counted" [ "$(stats direct_reads)" -gt 50 ]

echo more >> /mnt/a/f1
ok "what is written through the mount is seen" same f1
ok "again" same f1
truncate -s 5000 /mnt/a/f1
ok "as is a shorter file" same f1
echo behind >> /tmp/back/f2
ok "what grows behind the mount" same f2
exec 3< /mnt/a/f3
dd bs=4096 count=2 <&3 > /dev/null 2>&1
random /tmp/back/f3 163
ok "what changes while it is open" is "$(dd bs=4096 count=8 <&3 2>/dev/null | md5sum)" \
	"$(dd if=/tmp/back/f3 bs=4096 skip=2 count=8 2>/dev/null | md5sum)"
rm /tmp/back/f3
random /tmp/back/f3 20
ok "the file that is open stays the one it was" [ "$(cat <&3 | wc -c)" -gt 20000 ]
exec 3<&-
ok "the one in its place is another" same f3
truncate -s 100 /tmp/back/f4
ok "and a shorter one" same f4
ok "all this without a difference" state on
exec 3< /mnt/a/f4
dd bs=10 count=2 <&3 > /dev/null 2>&1
kill -KILL "$fs"
soon gone "$fs"
ok "the file system killed: no more is read" not cat <&3
exec 3<&-
umount /mnt/a
for i in $FILES; do random "/tmp/back/f$i" 163; done

ok "files for writing" direct
for i in 1 2 3 4 5; do
	exec 3<> /mnt/a/f1
	dd bs=4096 <&3 > /dev/null 2>&1
	exec 3<&-
	for j in $FILES; do dd "if=/mnt/a/f$j" bs=4096 skip="$i" count=8 > /dev/null 2>&1; done
done
ok "are no proof" all_same
ok "unmounted" end

ok "one bit of each byte" direct --twist=bits
not all_same
ok "is a difference" state differs
ok "unmounted" end

ok "a byte less" direct --twist=short
not all_same
ok "is a difference" state differs
ok "unmounted" end

ok "one file for all" direct --twist=share
cat /mnt/a/f2 /mnt/a/f1 > /dev/null
exec 3< /mnt/a/f3 4< /mnt/a/f4
exec 3<&- 4<&-
ok "is seen" state shared
ok "unmounted" end

# What nobody has compared so far is found later.
ok "a file system that begins to change contents" direct
ok "after they proved the same" all_same
ok "is on" state on
echo twist tail > /mnt/a/.ctl
for i in $(seq 100); do
	dd if=/mnt/a/f2 bs=4096 skip=16 of=/dev/null 2>/dev/null
	state differs > /dev/null && break
done
ok "and is found out after $i rounds" state differs
ok "from then on it is asked" not same f2
ok "unmounted" end

serve efuse.driver=efuse fs-mirror /tmp/back -f --direct /mnt/a
ok "unless asked for" all_same
ok "there is none" state off
ok "unmounted" end
serve efuse.driver=stock,efuse.direct=verify fs-mirror /tmp/back -f --direct /mnt/a
ok "nor with the stock driver" all_same
ok "which has none" state absent
ok "unmounted" end
! can_count efuse || end_sent
umount /tmp/back
echo "1..$n"
