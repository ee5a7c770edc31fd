# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh source=tests/vm/lib.sh
# t-listing.sh - what the generic policy learns from a folder that is read with the
# attributes of what is in it (READDIRPLUS), and what it does not. In the virtual
# machine.
. /tests/lib.sh

alice() { su alice -c "$*"; }
# appear N: files that only the file system knows of.
appear() { for i in $(seq "$1"); do ctl appear "f$i"; ctl change "f$i" "text-$i"; done; }

ok "the policy is loaded" efuse load /lib/bpf/generic.bpf.o
POLICY=generic:1
export POLICY
ok "a mount with cache=always" start /dev/efuse efuse.fs-mem /mnt/a
cd /mnt/a || exit 1
long=$(printf '%047d' 0)
# So many that one reply has room for all: FUSE asks for more without attributes.
appear 16
ctl appear "$long"
ctl appear "1$long"
ok "a folder is read" is "$(set -- *; echo $#)" 18
note $LOOKUP
g=$(misses $GETATTR)
for i in $(seq 16); do
	[ "$(stat -c '%n %s' "f$i")" = "f$i $((5 + ${#i}))" ] || echo "not ok - f$i is different"
done
ok "no name of it is asked for" no_miss $LOOKUP
ok "but they are looked up" a_hit $LOOKUP
ok "nor are attributes" is "$(misses $GETATTR)" "$g"
test -e "$long"
ok "nor the longest name that is remembered" no_miss $LOOKUP
test -e "1$long"
ok "a longer one is" not no_miss $LOOKUP

# Read after a change, with a handle from before it: the file system may have looked
# at the folder then.
mkdir dir
for i in 1 2 3 4; do : > "dir/f$i"; done
listing=$(ask listed dir 'chmod 600 dir/f1; mv dir/f2 dir/g2; rm dir/f3; ln dir/f4 dir/g4')
ok "a folder is opened, changed and read" is "$listing" 4
note $LOOKUP
test -e dir/g2
ok "a new name is asked for" not no_miss $LOOKUP
note $LOOKUP
test -e dir/f2
ok "and an old one" not no_miss $LOOKUP
ok "a mode is right" is "$(stat -c %a dir/f1)" 600
ok "what was removed is not there" not test -e dir/f3
ok "links are right" is "$(stat -c %h dir/f4)" 2

# The kernel drops inodes whose lookups came with a listing.
for i in 1 2 3; do
	ls -l > /dev/null
	echo 2 > /proc/sys/vm/drop_caches
done
ok "all are still there" is "$(set -- f*; echo $#)" 16
cd /
ok "unmounted, lookups in balance" stop /mnt/a

# Who may read a folder may not look up its names.
OPTIONS=allow_other
export OPTIONS
ok "a mount where the file system decides" start /dev/efuse efuse.fs-mem /mnt/a --permissions
chmod 755 /mnt/a
mkdir /mnt/a/dir
: > /mnt/a/dir/file
chmod 744 /mnt/a/dir
# shellcheck disable=SC2016 # the other shell's
ok "a folder that all may read" alice 'set -- /mnt/a/dir/*; test "$1" = /mnt/a/dir/file'
ok "shows nothing else" not alice test -e /mnt/a/dir/file
ok "unmounted, lookups in balance" stop /mnt/a
ok "unloaded" efuse load -u generic
echo "1..$n"
