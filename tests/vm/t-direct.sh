# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh source=tests/vm/lib.sh disable=SC2154 # fs is of channel.sh
# t-direct.sh - reads answered from the file system's own files (efuse.direct=verify), and
# writes that go there (efuse.direct=verify,rw): that they begin when contents proved the
# same and not before, that every change is seen, and that a file system whose contents
# are not those of its files is never used that way for long. In the virtual machine.
. /tests/lib.sh
. /tests/channel.sh
# shellcheck source=tests/vm/direct.sh
. /tests/direct.sh

mkdir -p /tmp/back
mount -t tmpfs -o noatime tmpfs /tmp/back
for i in $FILES; do random "/tmp/back/f$i" 163; done

# direct OPTION...: fs-mirror shows /tmp/back, with the direct path.
direct() { serve efuse.driver=efuse,efuse.direct=verify fs-mirror /tmp/back -f --direct "$@" /mnt/a; }

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

# Attributes that hold for long: what a read changes is the access time, if that.
blocks() { dd bs=4096 "count=$1" <&3 2>/dev/null > /tmp/blocks; }
accessed() { stat -c %x "$1/f2"; }
ok "attributes that hold for long" direct --timeout=1000
all_same
ok "are no matter" state on
exec 3< /mnt/a/f2
blocks 4
accessed /mnt/a > /dev/null
if count_sent efuse; then
	ok "reads that change no access time" asks blocks 8
	turns=$asked
	ok "have none asked for" asked_for 3 accessed /mnt/a
	ok "but $turns of them were the file system's" [ "$asked" -le "$turns" ]
fi
mount -o remount,strictatime /tmp/back
sleep 0.1
ok "reads that change it" blocks 8
ok "are seen" is "$(accessed /mnt/a)" "$(accessed /tmp/back)"
ok "without a difference" state on
exec 3<&-
mount -o remount,noatime /tmp/back
ok "unmounted as well" end

ok "files for writing" direct
for i in 1 2 3 4 5; do
	exec 3<> /mnt/a/f1
	dd bs=4096 <&3 > /dev/null 2>&1
	exec 3<&-
	for j in $FILES; do dd "if=/mnt/a/f$j" bs=4096 skip="$i" count=8 > /dev/null 2>&1; done
done
ok "are no proof" all_same
ok "unmounted" end

# A write has the time of when it began, however long it takes: what is read meanwhile is of
# before and after, with the times of after.
pieces() { for _ in 1 2 3; do dd "if=$1" of=/tmp/back/large bs=32M conv=notrunc 2>/dev/null; done; }
overtaken() {
	for i in 1 2; do dd if=/dev/urandom "of=/tmp/large$i" bs=1M count=32 2>/dev/null; done
	cp /tmp/large1 /tmp/back/large
	for _ in 1 2 3; do pieces /tmp/large2; pieces /tmp/large1; done &
	while kill -0 $! 2>/dev/null; do dd if=/mnt/a/large of=/dev/null bs=128k 2>/dev/null; done
	rm /tmp/large? /tmp/back/large
	state comparing || state on
}
ok "written while it is read" direct
ok "is no difference" overtaken
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

# --- writing ---------------------------------------------------------------------

writing() { serve 'efuse.driver=efuse,efuse.direct="verify,rw"' fs-mirror /tmp/back -f --direct "$@" /mnt/a; }
rw() { [ "$(stats direct_rw)" = "$1" ] || { echo "# $(stats direct_rw)"; return 1; }; }
# pour FILE BS COUNT [SEEK]: writes there what is left in /tmp/poured, by an open for both.
pour() {
	dd if=/dev/urandom of=/tmp/poured bs="$2" count="$3" 2>/dev/null
	exec 4<> "/mnt/a/$1"
	dd if=/tmp/poured bs="$2" seek="${4:-0}" >&4 2>/dev/null
	status=$?
	exec 4<&-
	return $status
}
# poured FILE BS COUNT [SEEK]: it is in both.
poured() {
	for at in "/tmp/back/$1" "/mnt/a/$1"; do
		dd if="$at" bs="$2" count="$3" skip="${4:-0}" 2>/dev/null | cmp - /tmp/poured || return 1
	done
}
alike() { is "$(stat -c '%s %Y %Z %a' "/mnt/a/$1")" "$(stat -c '%s %Y %Z %a' "/tmp/back/$1")"; }
writes() { asked_for $WRITE "$@"; }
zeroes() { dd if=/dev/zero bs=4096 count="$1" >&3 2>/dev/null; }
settle() { sleep 0.1; }		# what was changed just now proves nothing

for i in $FILES; do random "/tmp/back/f$i" 163; done
settle
ok "one that is written" writing
ok "is read" all_same
ok "and reading is on" state on
ok "but not writing" rw comparing
ok "a few" pour f1 1000 10
ok "are not enough" rw comparing
ok "are there" poured f1 1000 10
ok "more" pour f1 4096 30
ok "are" rw on
ok "are there" poured f1 4096 30
ok "status says so" sh -c "efuse status /mnt/a | grep -q 'direct rw *on, [0-9]* writes held the same'"
if can_count efuse; then
	ok "they are written" writes pour f2 4096 40
	ok "mostly without the file system: $asked of 40" [ "$asked" -lt 5 ]
	ok "in large pieces" writes pour f3 50000 20
	ok "as well: $asked of 20" [ "$asked" -lt 5 ]
	ok "and are there" poured f3 50000 20
	ok "what was written" asks poured f3 4096 245
	ok "is read mostly without it: $asked of 245" [ "$asked" -lt 20 ]
fi
ok "size and times" alike f3
ok "beyond the end" pour f2 4096 10 60
ok "they are there" poured f2 4096 10 60
ok "size and times" alike f2
ok "all in all" all_same
echo more >> /mnt/a/f1
ok "what is appended" same f1
ok "size and times" alike f1
ok "written over" pour f1 1000 5 160
ok "it is there" poured f1 1000 5 160
truncate -s 5000 /mnt/a/f1
ok "a shorter file" same f1
ok "size and times" alike f1
ok "written to" pour f1 4096 3 1
ok "it is there" poured f1 4096 3 1
ok "size and times" alike f1
echo behind >> /tmp/back/f2
ok "what grows behind the mount" same f2
ok "size and times" alike f2
ok "written to" pour f2 4096 10 3
ok "it is there" poured f2 4096 10 3
ok "with the rest" same f2
exec 3<> /mnt/a/f4
zeroes 10
truncate -s 100 /tmp/back/f4
zeroes 1
ok "one cut behind it and written to" same f4
ok "size and times" alike f4
mv /tmp/back/f4 /tmp/back/f5
random /tmp/back/f4 20
cp /tmp/back/f4 /tmp/kept
zeroes 10
ok "one in its place is not written to" cmp /tmp/back/f4 /tmp/kept
rm /tmp/back/f5
zeroes 10
ok "nor when the first is gone" cmp /tmp/back/f4 /tmp/kept
ok "and can be written" zeroes 1
ok "all this without a difference" state on
kill -KILL "$fs"
soon gone "$fs"
ok "the file system killed: no more is written" not zeroes 1
exec 3<&-
umount /mnt/a

for how in written lost; do
	for i in $FILES; do random "/tmp/back/f$i" 163; done
	settle
	ok "what is written is $how" writing --twist=$how
	ok "and read as it is" all_same
	pour f1 4096 3
	ok "is a difference" state differs
	ok "before anything was written elsewhere" is "$(stats direct_writes)" 0
	ok "unmounted" end
done
ok "one bit of each byte" writing --twist=bits
pour f1 4096 30
not all_same
ok "is a difference" state differs
ok "unmounted" end
ok "one file for all" writing --twist=share
exec 3<> /mnt/a/f1 4<> /mnt/a/f2
exec 3<&- 4<&-
ok "is seen" state shared
ok "unmounted" end

for i in $FILES; do random "/tmp/back/f$i" 163; done
settle
ok "one that begins to change what is written" writing
ok "after it" all_same
ok "was seen not to" pour f1 4096 40
ok "is on" rw on
echo twist written > /mnt/a/.ctl
for i in $(seq 100); do
	pour f2 4096 1
	state differs > /dev/null && break
done
ok "and is found out after $i" state differs
ok "status says so" sh -c "efuse status /mnt/a | grep -q 'direct *off: contents are not'"
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
