# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh source=tests/vm/lib.sh
# t-policy.sh - policies: loaded and refused, chosen by a mount, replaced and
# removed under it; one that counts and one that denies. In the virtual machine.
. /tests/lib.sh

# count OPCODE: how many requests the policy count has seen.
count() { bpfmap "$bpf/count/maps/requests" "$1"; }
GETATTR=3 LOOKUP=1 MKDIR=9 WRITE=16
says() { efuse status /mnt/a > /tmp/status; grep -Eq "$1" /tmp/status || { cat /tmp/status; false; }; }
denied() { not "$@" 2>/tmp/err && grep -q 'Permission denied' /tmp/err; }

ok "nothing is loaded" test -z "$(efuse load -l)"
ok "a policy is loaded" efuse load /lib/bpf/count.bpf.o
ok "and another" efuse load /lib/bpf/deny.bpf.o
ok "both are listed" test "$(efuse load -l | sort | tr '\n' ' ')" = "count deny "
ok "no policy is no policy" not efuse load /bin/busybox 2>/dev/null
ok "an ordinary user can load none" \
	not su alice -c "EFUSE_POLICY_LOADER=/bin/efuse-policy efuse load /lib/bpf/count.bpf.o" 2>/dev/null

POLICY=nobody
export POLICY
mkdir -p /mnt/a
ok "a policy that is not there" not device /dev/efuse efuse /mnt/a true 2>/dev/null
umount /mnt/a

POLICY=count
ok "a mount with the policy count" start /dev/efuse efuse.fs-mem /mnt/a
ok "status names it" says 'policy +count, parameters 0 and 0'
ok "to others whom the mount lets in" sh -c "su alice -c 'efuse status /mnt/a' | grep -Eq 'policy +count'"
before=$(count $GETATTR)
stat /mnt/a/.ctl >/dev/null
stat /mnt/a/.ctl >/dev/null
ok "it sees attributes asked for" test "$(count $GETATTR)" -gt "$before"
before=$(count $LOOKUP)
for i in $(seq 10); do test -e "/mnt/a/none-$i"; done
ok "ten names looked up are ten requests" test "$(count $LOOKUP)" = $((before + 10))
mkdir /mnt/a/dir
ok "a folder made is one request" test "$(count $MKDIR)" = 1
echo text > /mnt/a/file
ok "a write is seen" test "$(count $WRITE)" -ge 1
ok "loaded again, it counts anew" sh -c "efuse load /lib/bpf/count.bpf.o &&
	[ \$(bpfmap $bpf/count/maps/requests 9) = 0 ]"
mkdir /mnt/a/dir2
ok "under the mount that is there" test "$(count $MKDIR)" = 1
ok "the exerciser" exercise /mnt/a
ok "the policy goes" efuse load -u count
ok "and the mount stays" test "$(cat /mnt/a/file)" = text
ok "without it" not test -e "$bpf/count"
ok "status says so" says 'policy +none'
ok "unmounted" stop /mnt/a

POLICY=deny
ok "a mount with the policy deny" start /dev/efuse efuse.fs-mem /mnt/a
ok "a file of that name" denied touch /mnt/a/.forbidden
ok "a folder" denied mkdir /mnt/a/.forbidden
ok "is not found" denied stat /mnt/a/.forbidden
ok "a file of another name" touch /mnt/a/.forbidde /mnt/a/.forbiddenn
ok "is not renamed to it" denied mv /mnt/a/.forbidde /mnt/a/.forbidden
mkdir /mnt/a/sub
ok "in folders as well" denied touch /mnt/a/sub/.forbidden
ok "the exerciser does not mind" exercise /mnt/a
kill -KILL "$fs"
ok "its file system killed: an error" soon not stat /mnt/a
umount /mnt/a
ok "unloaded" efuse load -u deny
ok "only once" not efuse load -u deny 2>/dev/null
ok "nothing is loaded" test -z "$(efuse load -l)"

# The generic one, whose parameters have a meaning.
ok "the generic policy is loaded" efuse load /lib/bpf/generic.bpf.o
for mode in 'generic:0 auto \(as the program says\)$' 'generic:2:1500000000 for 1.5 s$' \
	'generic:0x501 always \(until .*\), up to 128 entries$'; do
	POLICY=${mode%% *} OPTIONS=max_read=131072
	export POLICY OPTIONS
	ok "a mount for one user" start /dev/efuse efuse.fs-mem /mnt/a
	ok "status says $POLICY" says "policy +generic, ${mode#* }"
	ok "also as JSON" sh -c "efuse status -j /mnt/a | grep -q '\"policy\": \"generic\"'"
	ok "not to others" sh -c "su alice -c 'efuse status /mnt/a' | grep -Eq 'policy +unknown: .*root can tell'"
	ok "unmounted" stop /mnt/a
done
ok "unloaded" efuse load -u generic
echo "1..$n"
