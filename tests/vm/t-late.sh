# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh source=tests/vm/lib.sh
# t-late.sh - a policy that answers a LOOKUP with a node which is forgotten meanwhile, and
# whose number is another file's by then. In the virtual machine.
. /tests/lib.sh

# early WHAT WANT: who looks for the name, and waits while that is done, finds the file.
early() {
	cat /mnt/a/d/late 3<&- > /tmp/found 2>&1 &
	looker=$!
	sleep 0.2
	"$1"
	kill -0 $looker || { echo "# too early"; return 1; }
	wait $looker
	is "$(cat /tmp/found)" "$2"
}
nothing() { :; }
# The kernel knows of no file but the folder, in which it may look for one name at a time.
no_file() { echo 3 > /proc/sys/vm/drop_caches; read -r left < /mnt/a/.ctl; [ "$left" = 1 ]; }
# The last to hold the file lets go of it, and the next has its number.
another() {
	exec 3<&-
	soon no_file
	cat /mnt/a/other > /dev/null
}
# The name is to be looked for again.
no_name() { echo "entry $(stat -c %i /tmp/d/d) late" > /mnt/a/.ctl; }

mkdir -p /tmp/d/d /mnt/a
echo late > /tmp/d/d/late
ln /tmp/d/d/late /tmp/d/d/held
echo other > /tmp/d/other
ok "the policy is loaded" efuse load /lib/bpf/late.bpf.o
POLICY=late device /dev/efuse efuse /mnt/a fs-mirror /tmp/d -f > /tmp/log 2>&1 &
fs=$!
ok "a mount" soon test -e /mnt/a/.ctl
ok "the name is known" is "$(cat /mnt/a/d/late)" late
exec 3< /mnt/a/d/held
no_name
ok "and its file found by that" early nothing late
no_name
ok "another that has its number since is not" early another late
ok "unmounted" umount /mnt/a
soon not kill -0 $fs
ok "unloaded" efuse load -u late
echo "1..$n"
