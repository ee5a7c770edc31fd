# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh source=tests/vm/lib.sh
# t-generic.sh - the generic policy: what is answered, that changes are seen at
# once, from the mount and by the file system's word, and that the kernel forgets
# no more than the file system counted. In the virtual machine.
. /tests/lib.sh

size() { stat -c %s "$1"; }
mode() { stat -c %a "$1"; }
links() { stat -c %h "$1"; }

ok "the policy is loaded" efuse load /lib/bpf/generic.bpf.o

# Until it is changed: mode 1, a file system that lets nothing hold.
POLICY=generic:1
export POLICY
ok "a mount with cache=always" start /dev/efuse efuse.fs-mem /mnt/a
cd /mnt/a || exit 1

note $LOOKUP
test -e none
ok "a name that is not there is asked for" not no_miss $LOOKUP
note $LOOKUP
test -e none
ok "once" no_miss $LOOKUP
echo 12345 > none
ok "and is there when it is made" is "$(cat none)" 12345
stat none > /tmp/first
stat none > /dev/null
note $GETATTR
l=$(misses $LOOKUP)
stat none > /tmp/second
ok "the third stat asks for no attributes" no_miss $GETATTR
ok "and no name" is "$(misses $LOOKUP)" "$l"
ok "and says the same" cmp /tmp/first /tmp/second
echo 6789 >> none
ok "a write shows" is "$(size none)" 11
truncate -s 3 none
ok "a truncation" is "$(size none)" 3
: > none
ok "and by open" is "$(size none)" 0
chmod 640 none
ok "a mode" is "$(mode none)" 640
ln none other
ok "a link" is "$(links none)" 2
ok "under both names" is "$(links other)" 2
rm other
ok "and its end" is "$(links none)" 1
ln none other
: > third
mv third other
ok "also when another file takes its name" is "$(links none)" 1
mv none moved
ok "a name that went" not test -e none
ok "and came" test -e moved
mkdir dir dir/sub
ok "links of a folder" is "$(links dir)" 3
mv dir/sub sub
ok "fewer when one moves out" is "$(links dir)" 2
mv sub dir/sub
rmdir dir/sub
ok "a folder that went" not test -e dir/sub

ln -s moved link
readlink link > /dev/null
note $READLINK
ok "a link leads" is "$(readlink link)" moved
ok "without asking again" no_miss $READLINK
rm link
ln -s dir link
ok "elsewhere when it is another" is "$(readlink link)" dir

echo > written
echo >> written
note $GETXATTR
for i in $(seq 20); do echo "$i" >> written; done
ok "security.capability is not asked for at every write" no_miss $GETXATTR
ok "though the kernel does ask" a_hit $GETXATTR

# What the file system does by itself holds when it says so.
echo text > victim
stat victim >/dev/null
ctl remove victim
ok "a name that went behind the mount is still there" test -e victim
ctl inval_entry victim
ok "until the file system says so" not test -e victim
ctl appear victim
ctl inval_entry victim
ok "and the other way round" test -e victim
ctl change victim longer-text
ctl inval_inode victim
ok "a file that changed" is "$(cat victim)" longer-text

# The kernel drops inodes of which answers are remembered.
for i in $(seq 60); do : > "f$i"; done
for i in $(seq 60); do test -e "f$i"; done
cd /
echo 2 > /proc/sys/vm/drop_caches
note $LOOKUP
for i in $(seq 60); do test -e "/mnt/a/f$i" || echo "# f$i is gone"; done
ok "what was forgotten is asked for" not no_miss $LOOKUP
for i in $(seq 60); do test -e "/mnt/a/f$i" || echo "# f$i is gone"; done
ok "the exerciser" exercise /mnt/a 11
ok "unmounted, lookups in balance" stop /mnt/a

# For the file system's own timeouts.
POLICY=generic
ok "a mount with cache=auto" start /dev/efuse efuse.fs-mem /mnt/a --timeout=0
: > /mnt/a/file
note $GETATTR
for i in 1 2 3; do stat /mnt/a/file >/dev/null; done
ok "where nothing holds, nothing is answered" is "$(hits $GETATTR)" "$h"
ok "the exerciser" exercise /mnt/a 12
ok "unmounted" stop /mnt/a
ok "a mount with timeouts" start /dev/efuse efuse.fs-mem /mnt/a --timeout=1
: > /mnt/a/file
echo 1 >> /mnt/a/file
note $GETXATTR
for i in $(seq 20); do echo "$i" >> /mnt/a/file; done
ok "security.capability is asked for once in its time" [ $(($(misses $GETXATTR) - m)) -lt 10 ]
ok "unmounted" stop /mnt/a

# For a time: mode 2, in nanoseconds.
POLICY=generic:2:1000000000
ok "a mount with a second" start /dev/efuse efuse.fs-mem /mnt/a
ok "a name that is not there holds" within_time $LOOKUP test -e /mnt/a/none
note $LOOKUP
sleep 1.2
test -e /mnt/a/none
ok "for that second" not no_miss $LOOKUP
kill -KILL "$fs"
ok "the file system killed: an error, and no answer from memory" soon not stat /mnt/a/none
ok "an error for the folder too, in its time" soon not stat /mnt/a
umount /mnt/a

ok "unloaded" efuse load -u generic
echo "1..$n"
