# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh source=tests/vm/lib.sh
# t-bounds.sh - how much and how long the generic policy remembers, as a person says it
# with efuse.cache_entries and efuse.cache_timeout, and as the file system does. In the
# virtual machine.
. /tests/lib.sh

export EFUSE_SHIM=/lib/libefuse-shim.so EFUSE_LOG=/tmp/shim.log
FILES=100
cd /tmp || exit 1

# wrapped OPTIONS ARG...: fs-mem under efuse wrap on /mnt/a; its process is $fs.
wrapped() {
	options=efuse.driver=efuse,$1
	shift
	mkdir -p /mnt/a
	efuse wrap -o "$options" fs-mem -f "$@" /mnt/a 2> /tmp/wrap.err &
	fs=$!
	soon test -e /mnt/a/.ctl
}
says() { efuse status /mnt/a | grep -q "$1"; }
# An extended attribute that is not there: the kernel asks each time.
look() { ask get "/mnt/a/$1" user.none; } > /dev/null
look_at_all() { for i in $(seq $FILES); do look "f$i"; done; }
make_files() { for i in $(seq $FILES); do : > "/mnt/a/f$i"; done; }
# Leaves in $found how many of the files are remembered.
remembered() { h=$(hits $GETXATTR); look_at_all; found=$(($(hits $GETXATTR) - h)); echo "# $found remembered"; }

ok "the policy is loaded" efuse load /lib/bpf/generic.bpf.o

ok "a mount without a bound" wrapped efuse.cache=always
make_files
look_at_all
remembered
ok "remembers all" is "$found" $FILES
ok "unmounted" stop /mnt/a

ok "a mount with 16 entries" wrapped efuse.cache=always,efuse.cache_entries=16
ok "status says so" says 'up to 16 entries'
make_files
look_at_all
remembered
ok "remembers no more" [ "$found" -le 16 ]
ok "but some" [ "$found" -gt 0 ]
: > /mnt/a/hot
look hot
lost=0
for i in $(seq 40); do
	: > "/mnt/a/g$i"
	look "g$i"
	note $GETXATTR
	look hot
	no_miss $GETXATTR || lost=$((lost + 1))
done
# Room is made within places of four: several of those may be wanted at a time.
echo "# lost $lost of 40"
ok "what is used keeps its place" [ $lost -le 2 ]
ok "unmounted, lookups in balance" stop /mnt/a

ok "too few entries are an error" not efuse wrap -o efuse.cache_entries=7 fs-mem -f /mnt/a 2> /dev/null

# known QUESTION: asked of files whose attributes are known.
known() { stat /mnt/a/file /mnt/a/link > /dev/null; $1; }
# holds: of a file, a link and a name that is not there, within a second and after it.
holds() {
	echo text > /mnt/a/file
	ln -s file /mnt/a/link
	stat /mnt/a/file /mnt/a/link > /dev/null
	sleep 1.3
	for question in "$GETXATTR look file" "$LISTXATTR ask list /mnt/a/file" "$READLINK readlink /mnt/a/link"; do
		opcode=${question%% *} asked=${question#* }
		ok "within its time: $asked" within_time "$opcode" known "$asked"
		note "$opcode"
		sleep 1.3
		$asked
		ok "and not after it" not no_miss "$opcode"
	done > /tmp/holds 2>&1
	grep -E '^(not )?ok|^#' /tmp/holds
	ctl change file other-text
	sleep 1.3
	ok "after it, what changed behind the mount shows" is "$(stat -c %s /mnt/a/file)" 10
	ctl remove file
	sleep 1.3
	ok "as what was removed" not test -e /mnt/a/file
	ok "unmounted, lookups in balance" stop /mnt/a
}
ok "a mount for a second" wrapped efuse.cache_timeout=1
ok "status says so" says 'policy *generic, for 1 s'
holds
ok "a mount for the file system's own second" wrapped efuse.cache=auto --timeout=1
ok "status says so" says 'policy *generic, auto'
holds
ok "unloaded" efuse load -u generic
echo "1..$n"
