# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh source=tests/vm/lib.sh
# t-users.sh - the generic policy where the file system decides permissions: answers are
# for who asked. In the virtual machine.
. /tests/lib.sh

alice() { su alice -c "$*"; }

ok "the policy is loaded" efuse load /lib/bpf/generic.bpf.o
POLICY=generic:1 OPTIONS=allow_other
export POLICY OPTIONS
ok "a mount for all" start /dev/efuse efuse.fs-mem /mnt/a --permissions
chmod 755 /mnt/a
mkdir -m 700 /mnt/a/dir
echo text > /mnt/a/dir/file
ask set /mnt/a/dir/file user.name value
for _ in 1 2; do
	ok "root sees a name" test -e /mnt/a/dir/file
	ok "another does not" not alice test -e /mnt/a/dir/file
	ok "root has an attribute" is "$(ask get /mnt/a/dir/file user.name)" value
	ok "another has not" not alice ask get /mnt/a/dir/file user.name
done
test -e /mnt/a/dir/file	# which was dropped when another was refused
ask get /mnt/a/dir/file user.name > /dev/null
note $LOOKUP
x=$(misses $GETXATTR)
test -e /mnt/a/dir/file
ask get /mnt/a/dir/file user.name > /dev/null
ok "root's name is remembered" no_miss $LOOKUP
ok "and the attribute" is "$(misses $GETXATTR)" "$x"
chmod 711 /mnt/a/dir
ok "another sees the name when he may" alice test -e /mnt/a/dir/file
note $LOOKUP
ok "twice" alice test -e /mnt/a/dir/file
ok "without asking again" no_miss $LOOKUP
chmod 700 /mnt/a/dir
ok "and not when he may no more" not alice test -e /mnt/a/dir/file
mkdir /mnt/a/open
mv /mnt/a/dir/file /mnt/a/open/file
ok "a file that came to an open folder" alice test -e /mnt/a/open/file
ok "unmounted, lookups in balance" stop /mnt/a

# One user alone, root, is let in, who accesses files as another.
seen() { ask "$@" list /mnt/a/dir/file > /dev/null; }	# [as ID]
OPTIONS=max_read=131072
ok "a mount for one user" start /dev/efuse efuse.fs-mem /mnt/a --permissions
mkdir -m 700 /mnt/a/dir
: > /mnt/a/dir/file
ok "another user is not let in" not alice test -e /mnt/a/dir/file
ok "root sees a name" seen
note $LOOKUP
ok "twice" seen
ok "without asking" no_miss $LOOKUP
ok "in another's name he does not" not seen as 1000
ok "nor the second time" not seen as 1000
ok "root still does" seen
chmod 711 /mnt/a/dir
ok "in another's name as well, when the folder is open" seen as 1000
note $LOOKUP
ok "twice" seen as 1000
ok "without asking" no_miss $LOOKUP
chmod 700 /mnt/a/dir
ok "until it is closed" not seen as 1000
ok "unmounted, lookups in balance" stop /mnt/a
ok "unloaded" efuse load -u generic
echo "1..$n"
