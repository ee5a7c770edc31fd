# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh source=tests/vm/lib.sh
# t-slow.sh - a policy that lets requests wait: how long, killed meanwhile, and taken
# away meanwhile. In the virtual machine.
. /tests/lib.sh

# Hundredths of a second.
now() { sed 's/ .*//; s/\.//' /proc/uptime; }

ok "the policy is loaded" efuse load /lib/bpf/slow.bpf.o
POLICY=slow:300000
export POLICY
ok "a mount with 0.3 seconds" start /dev/efuse efuse.fs-mem /mnt/a
began=$(now)
for i in 1 2 3 4 5; do test -e "/mnt/a/none-$i"; done
ok "five names take more than 1.5" [ $(($(now) - began)) -ge 150 ]
sh -c 'while :; do test -e /mnt/a/none; done' &
looker=$!
sleep 1
kill -KILL $looker
ok "who waits can be killed" soon not kill -0 $looker
sh -c 'while :; do test -e /mnt/a/none; done' &
looker=$!
sleep 1
ok "the policy can be taken away meanwhile" efuse load -u slow
kill -KILL $looker
ok "the file system is as it was" test -e /mnt/a/.ctl
ok "unmounted" stop /mnt/a

ok "loaded again" efuse load /lib/bpf/slow.bpf.o
POLICY=slow:1000001
ok "with too long a time every look is refused" not start /dev/efuse efuse.fs-mem /mnt/a
ok "unmounted" stop /mnt/a
ok "unloaded" efuse load -u slow
echo "1..$n"
