#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh source=tests/vm/lib.sh
# t-reach.sh - who gets the efuse driver: ordinary users and programs that the shim
# cannot enter, through fusermount3; programs that mount with fsopen(2). And who does
# not, and hears why. In the virtual machine.
. /tests/lib.sh

chmod 666 /dev/fuse
chmod 4755 /bin/fusermount3
export EFUSE_SHIM=/lib/libefuse-shim.so EFUSE_LOG=/tmp/shim.log EFUSE_FUSERMOUNT=/bin/fusermount3
: > /tmp/shim.log
chmod 666 /tmp/shim.log
mkdir -p /mnt/a /home/alice/m /home/alice/cipher
chown -R alice:alice /home/alice
A=/home/alice/m

type_of() { grep " $1 " /proc/mounts | tail -n 1 | cut -d' ' -f3; }
is() { [ "$1" = "$2" ] || { echo "# got '$1', want '$2'"; false; }; }
mounted() { [ -n "$(type_of "$1")" ]; }

# --- fusermount3 by itself, called as a library does ---------------------------

# call OPTIONS [ENV...]: alice mounts on $A, with a library that never answers; $how it calls.
how=
call() {
	call_options=$1
	shift
	su alice -c "$* prog-commfd $how fusermount3 -o '$call_options' -- $A" > /tmp/call 2>&1
	grep -qx fd /tmp/call
}
gone() { umount -l $A 2>/dev/null; : > /tmp/call; }

ok "who says nothing mounts" call fsname=x,subtype=y
ok "with the stock driver" is "$(type_of $A)" fuse.y
gone
ok "an option asks for the efuse driver" call fsname=x,subtype=y,efuse.driver=auto
ok "and gets it" is "$(type_of $A)" efuse.y
ok "as a mount of that user" sh -c "grep ' $A ' /proc/mounts | grep -q 'nosuid,nodev.*user_id=1000'"
ok "who can take it away" su alice -c "fusermount3 -u $A"
ok "with nothing left" not mounted $A
ok "the environment asks" call fsname=x EFUSE_DRIVER=efuse
ok "and gets it" is "$(type_of $A)" efuse
ok "without a complaint" not grep -v -x -e fd -e rc=0 /tmp/call
gone
how=-e
ok "a caller that hands nothing on is asked itself" call fsname=x EFUSE_DRIVER=efuse
ok "and gets it" is "$(type_of $A)" efuse
gone
ok "unless it has nothing to say" call fsname=x EFUSE_DRIVER=
ok "and gets the stock driver" is "$(type_of $A)" fuse
gone
how=
ok "an option is stronger" call efuse.driver=stock EFUSE_DRIVER=efuse
ok "and gets the stock driver" is "$(type_of $A)" fuse
gone
ok "what a variable says wrong is told" call subtype=y EFUSE_DRIVER=best
ok "and that it counts for nothing" grep -q 'efuse.driver=best: .*ignored' /tmp/call
gone
ok "what an option says wrong is an error" not call efuse.driver=best
ok "that says what is right" grep -q 'not one of auto, efuse, stock' /tmp/call
ok "a policy that is not loaded" call efuse.policy=nobody
ok "is told, and the mount is made" is "$(grep -c 'no BPF policy nobody' /tmp/call) $(type_of $A)" "1 efuse"
gone
ok "a name that is too long" not call "efuse.policy=$(seq -s0 100 140)"
echo 'efuse_driver = auto' > /etc/fuse.conf
ok "the administrator says it for all" call subtype=y
ok "who get the driver" is "$(type_of $A)" efuse.y
gone
ok "and may have the other one" call subtype=y,efuse.driver=stock
ok "which is theirs then" is "$(type_of $A)" fuse.y
gone
rm /etc/fuse.conf
chmod 600 /dev/fuse
ok "who may not open /dev/fuse mounts nothing with this driver either" not call efuse.driver=efuse
chmod 666 /dev/fuse
chmod 600 /dev/efuse
ok "who may not open /dev/efuse" call efuse.driver=efuse
ok "has the stock driver" is "$(type_of $A)" fuse
ok "and hears why" grep -q '/dev/efuse: Permission denied; the stock driver serves' /tmp/call
gone
chmod 666 /dev/efuse
mv /dev/efuse /dev/efuse.away
ok "without the driver: a mount" call efuse.driver=auto
ok "of the stock one" is "$(type_of $A)" fuse
ok "and not a word" not grep -v -x -e fd -e rc=0 /tmp/call
gone
ok "whoever named it" call efuse.driver=efuse
ok "hears why" grep -q 'the efuse driver is not loaded; the stock driver serves' /tmp/call
gone
cp -a /dev/null /dev/efuse
ok "another device in its place" call efuse.driver=efuse
ok "is none" is "$(grep -c 'is no device of the efuse driver' /tmp/call) $(type_of $A)" "1 fuse"
gone
rm /dev/efuse
mv /dev/efuse.away /dev/efuse

# --- programs ------------------------------------------------------------------

ok "the policy is loaded" efuse load /lib/bpf/generic.bpf.o

# An ordinary user with the shim: libfuse calls fusermount3, the shim ours.
su alice -c "efuse wrap -o efuse.cache=always fs-mem -f $A" > /tmp/wrap 2>&1 &
ok "a user's file system under efuse wrap" soon su alice -c "test -e $A/.ctl"
ok "has the efuse driver" is "$(type_of $A)" efuse
h=$(hits $GETXATTR)
su alice -c "for i in 1 2 3; do echo \$i >> $A/file; done"
ok "and the policy answers" test "$(hits $GETXATTR)" -gt "$h"
ok "a user can load none" not su alice -c "efuse load /lib/bpf/count.bpf.o" 2>/dev/null
ok "status names the driver" sh -c "su alice -c 'efuse status $A' | grep -q 'efuse driver'"
ok "and JSON too" sh -c "su alice -c 'efuse status -j $A' | grep -q '\"driver\": \"efuse\"'"
ok "unmounted by fusermount3" su alice -c "fusermount3 -u $A"
wait

# A Go program makes its own system calls: fusermount3 is all we have.
if command -v gocryptfs >/dev/null; then
	su alice -c "gocryptfs -init -q -scryptn 10 -extpass 'echo secret' /home/alice/cipher" > /tmp/init 2>&1
	# go OPTIONS: as alice, under efuse wrap.
	go() {
		su alice -c "efuse wrap -o $1 gocryptfs -q -fg -extpass 'echo secret' /home/alice/cipher $A" \
			> /tmp/wrap 2>&1 &
		go_pid=$!
		soon mounted $A
	}
	ok "a Go program under efuse wrap" go efuse.cache=always
	ok "has the efuse driver" is "$(type_of $A)" efuse.gocryptfs
	ok "and it is said what it lacks" grep -q 'efuse driver alone serves it' /tmp/wrap
	su alice -c "echo text > $A/file; mkdir $A/dir; ln -s file $A/link"
	ok "its files" su alice -c "grep -q text $A/file"
	h=$(hits $GETATTR)
	su alice -c "for i in 1 2 3 4; do stat -L $A/file >/dev/null; done"
	ok "the policy answers for it" test "$(hits $GETATTR)" -gt "$h"
	ok "status says so" sh -c "su alice -c 'efuse status $A' | grep -q 'efuse driver'"
	ok "unmounted" su alice -c "fusermount3 -u $A"
	wait "$go_pid"
	ok "and it ends well" test $? = 0
	su alice -c "gocryptfs -q -fg -ko efuse.driver=efuse -extpass 'echo secret' /home/alice/cipher $A" \
		> /tmp/wrap 2>&1 &
	go_pid=$!
	ok "it can ask for it by an option of its own" soon mounted $A
	ok "and has it" is "$(type_of $A)" efuse.gocryptfs
	ok "unmounted" su alice -c "fusermount3 -u $A"
	wait "$go_pid"
	ok "again with the stock driver" go efuse.driver=stock
	ok "which serves" is "$(type_of $A)" fuse.gocryptfs
	ok "the same files" su alice -c "grep -q text $A/file"
	ok "unmounted" su alice -c "fusermount3 -u $A"
	wait "$go_pid"
else
	echo "ok $((n += 1)) - a Go program # SKIP needs gocryptfs"
fi

# --- fsopen --------------------------------------------------------------------

# newer OPTIONS: as libfuse 3.18 mounts. device thinks it mounts /dev/fuse.
newer() {
	: > /tmp/shim.log
	FSOPEN=1 efuse wrap -o "$1" device /dev/fuse fuse /mnt/a fs-mem -f > /tmp/wrap 2>&1 &
	fs=$!
	soon test -e /mnt/a/.ctl
}
ok "a file system mounted with fsopen" newer efuse.cache=always
ok "has the efuse driver" is "$(type_of /mnt/a)" efuse.fs-mem
ok "and the policy" grep -q 'efuse driver, BPF policy generic' /tmp/shim.log
ok "which answers" sh -c 'echo > /mnt/a/f && stat /mnt/a/f >/dev/null && stat /mnt/a/f >/dev/null'
ok "unmounted" stop /mnt/a
ok "with the stock driver" newer efuse.driver=stock
ok "that is what it has" is "$(type_of /mnt/a)" fuse.fs-mem
ok "unmounted" stop /mnt/a
ok "with another policy" newer efuse.policy=nobody
ok "the log says which" grep -q 'no BPF policy nobody' /tmp/shim.log
ok "unmounted" stop /mnt/a

ok "unloaded" efuse load -u generic
echo "1..$n"
