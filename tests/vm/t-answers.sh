# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh source=tests/vm/lib.sh
# t-answers.sh - what the generic policy knows beside names and attributes, what it
# learns from changes, what it lets the kernel keep, who gets what, and that changes
# which race each other are seen. In the virtual machine.
. /tests/lib.sh

can_count efuse || {
	echo "1..0 # SKIP needs a kernel that counts trace events (HIST_TRIGGERS)"
	exit 0
}
ok "the policy is loaded" efuse load /lib/bpf/generic.bpf.o
POLICY=generic:1
export POLICY
ok "a mount with cache=always" start /dev/efuse efuse.fs-mem /mnt/a
cd /mnt/a || exit 1
count_sent efuse
# Nothing is asked by a command, except for the folder that the last one changed.
quietly() {
	stat . >/dev/null
	before=$(sent)
	"$@" >/dev/null 2>&1
	after=$(sent)
	[ "$after" = "$before" ]
}
listed() { for f in *; do [ "$f" != "$1" ] || return 0; done; return 1; }
grew() { [ "$(sent "$1")" -gt "$before" ]; }
size() { stat -c %s "$1"; }
files_left() { ask files /mnt/a; }

# Extended attributes.
echo text > file
ask list file
ok "no attributes, the second time not asked for" quietly ask list file
ok "nor their size" is "$(ask size file)" 0
ask set file user.one 1
ok "one more" is "$(ask list file)" "user.one "
ok "is known" quietly ask list file
ok "as is the size" quietly ask size file
ok "which is right" is "$(ask size file)" 9
ok "its value" is "$(ask get file user.one)" 1
ok "is known" quietly ask get file user.one
ask set file user.one 22
ok "another value" is "$(ask get file user.one)" 22
long=$(seq 100 | tr '\n' .)
ask set file user.long "$long"
ok "a long one" is "$(ask get file user.long)" "$long"
ok "and again" is "$(ask get file user.long)" "$long"
ask remove file user.one
ok "one less" is "$(ask list file)" "user.long "
ok "it is gone" not ask get file user.one
chmod 600 file
ok "a new mode does not take them" is "$(ask list file)" "user.long "

# What a change says is known.
chmod 640 file
ok "after chmod nothing is asked" quietly stat file
ok "and it is right" is "$(stat -c %a file)" 640
: > made
ok "nor after a file was made" quietly stat made
mkdir dir
ok "or a folder" quietly stat dir
ln -s made link
ok "or a link" quietly test -L link
rm made
ok "that it was removed is known" quietly test -e made
ok "it is" not test -e made
ctl appear made
ok "that it came behind the mount is not" not test -e made
ctl inval_entry made
ok "before it is said" test -e made
rmdir dir
ok "of a folder as well" quietly test -e dir
mv made moved
ok "a file that was moved" not test -e made
ok "is where it went" test -e moved
ln moved second
stat moved >/dev/null
ok "of a file with two links attributes are asked for" not quietly stat moved
rm second

# The kernel keeps what it has of files and folders.
echo contents > kept
cat kept >/dev/null
before=$(sent 15)
ok "contents" is "$(cat kept)" contents
ok "are read once" is "$(sent 15)" "$before"
ctl change kept CONTENTS
ok "however they change behind the mount" is "$(cat kept)" contents
ctl inval_inode kept
ok "until that is said" is "$(cat kept)" CONTENTS
cat kept > /dev/null
before=$(sent 25)
cat kept > /dev/null
ok "a file that was read is not flushed" is "$(sent 25)" "$before"
echo more >> kept
ok "one that was written is" grew 25
ok "a change through the mount is seen" is "$(cat kept)" "CONTENTS
more"
ls >/dev/null
before=$(sent 28 44)
ls >/dev/null
ok "a folder is read once" is "$(sent 28 44)" "$before"
mkdir folder
: > folder/file
ls folder >/dev/null
before=$(sent 27 29)
ls folder >/dev/null
ok "and opened once" is "$(sent 27 29)" "$before"
before=$(sent 27)
ok "others may open it" su alice -c 'ls folder >/dev/null'
ok "which is asked" grew 27
before=$(sent 27)
chmod 711 folder
ok "a new mode is heeded" not su alice -c 'ls folder 2>/dev/null'
ls folder >/dev/null
ok "and lets nobody in unasked" grew 27
: > folder/second
ok "a folder that changed is read" is "$(set -- folder/*; echo $#)" 2
: > another
ok "and again when it changed" listed another
ctl remove another
ctl inval_entry another
ok "also by the file system's word" not listed another
ln kept kept2
cat kept >/dev/null
before=$(sent 15)
cat kept >/dev/null
ok "contents of a file with two links are not kept" grew 15

was=$(files_left)
: > onemore
ok "free space is asked for" test "$(files_left)" -lt "$was"
cd /
ok "unmounted, lookups in balance" stop /mnt/a

# For a time, $HOLD_SECONDS: more than a few commands take.
hold=${HOLD_SECONDS:-1}
POLICY=generic:2:${hold}000000000
ok "a mount with a time" start /dev/efuse efuse.fs-mem /mnt/a
echo contents > /mnt/a/kept
files_left >/dev/null
before=$(sent 17)
was=$(files_left)
ok "free space is remembered" is "$(sent 17)" "$before"
: > /mnt/a/more
ok "until something is made" test "$(files_left)" -lt "$was"
sleep "$hold.2"
cat /mnt/a/kept /mnt/a/kept >/dev/null
ctl change kept CONTENTS
sleep "$hold.2"
ok "contents are read again then" is "$(cat /mnt/a/kept)" CONTENTS
ok "unmounted" stop /mnt/a

# With the file system's own timeouts nothing of the like.
POLICY=generic
ok "a mount with cache=auto" start /dev/efuse efuse.fs-mem /mnt/a
echo contents > /mnt/a/kept
cat /mnt/a/kept >/dev/null
ctl change kept CONTENTS
ok "contents are read at every open" is "$(cat /mnt/a/kept)" CONTENTS
: > /mnt/a/gone
rm /mnt/a/gone
ctl appear gone
ok "what came behind the mount is there" test -e /mnt/a/gone
ok "unmounted" stop /mnt/a

# A file system that decides permissions: who asks matters.
POLICY=generic:1 OPTIONS=allow_other
export OPTIONS
ok "a mount where the file system decides" start /dev/efuse efuse.fs-mem /mnt/a --permissions
chmod 755 /mnt/a
mkdir -m 755 /mnt/a/dir
echo text > /mnt/a/dir/file
chmod 640 /mnt/a/dir/file
alice() { su alice -c "$*"; }
ok "root may" ask access /mnt/a/dir/file 4
note $ACCESS
ok "and is not asked about again" ask access /mnt/a/dir/file 4
ok "that is remembered" no_miss $ACCESS
ok "another may not" not alice ask access /mnt/a/dir/file 4
ok "nor the second time" not alice ask access /mnt/a/dir/file 4
ok "root still may" ask access /mnt/a/dir/file 4
ok "another may see it" alice test -e /mnt/a/dir/file
ok "twice" alice test -e /mnt/a/dir/file
chmod 644 /mnt/a/dir/file
ok "a new mode is heeded" alice ask access /mnt/a/dir/file 4
chmod 700 /mnt/a/dir
ok "a folder that was closed" not alice test -e /mnt/a/dir/file
ok "hides its file from others alone" test -e /mnt/a/dir/file
chmod 755 /mnt/a/dir
ok "and shows it again" alice test -e /mnt/a/dir/file
ok "unmounted" stop /mnt/a
unset OPTIONS

# A reply that a change overtakes on its way: the file system has done the chmod, and
# says so late, after $LATE_MS.
late=late-${LATE_MS:-4000}
ok "a mount" start /dev/efuse efuse.fs-mem /mnt/a
echo 12 > "/mnt/a/$late"
stat "/mnt/a/$late" >/dev/null
chmod 600 "/mnt/a/$late" &
changer=$!
sleep 2
ctl change "$late" a-longer-text
ctl inval_inode "$late"
ok "it is on its way" kill -0 $changer
wait $changer
ok "what was said meanwhile holds" is "$(size "/mnt/a/$late")" 13
ok "and so does what was done" is "$(stat -c %a "/mnt/a/$late")" 600

rm "/mnt/a/$late" &
changer=$!
sleep 2
ctl appear "$late"
ctl inval_entry "$late"
wait $changer
ok "a name that came back meanwhile is there" test -e "/mnt/a/$late"

# Changes that race each other and those who look.
ok "everybody sees his own changes" race /mnt/a 20
ok "unmounted, lookups in balance" stop /mnt/a

# A mount that may use four places of each table.
POLICY=generic:513
ok "a mount with few places" start /dev/efuse efuse.fs-mem /mnt/a
for i in $(seq 64); do : > "/mnt/a/f$i"; done
note $LOOKUP
for i in $(seq 64); do stat "/mnt/a/f$i"; done >/dev/null
ok "does not remember much" [ $(($(misses $LOOKUP) - m)) -gt 32 ]
ok "but the last" quietly stat /mnt/a/f64
ok "the exerciser" exercise /mnt/a 14
ok "unmounted, lookups in balance" stop /mnt/a
end_sent
ok "unloaded" efuse load -u generic
echo "1..$n"
