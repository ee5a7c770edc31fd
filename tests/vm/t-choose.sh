# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh source=tests/vm/lib.sh disable=SC2154 # fs is of channel.sh
# t-choose.sh - reads that can go several ways: that each way is tried, the good one
# taken, that contents are right on all of them, that the trace explains every decision and
# status says what went where. In the virtual machine.
. /tests/lib.sh
. /tests/channel.sh
# shellcheck source=tests/vm/direct.sh
. /tests/direct.sh

TRACING=/sys/kernel/tracing
[ -d $TRACING/events ] || mount -t tracefs none $TRACING
[ -d $TRACING/events/efuse/efuse_choose ] || { echo "1..0 # SKIP this kernel has no trace events"; exit 0; }
mkdir -p /tmp/back
mount -t tmpfs -o noatime tmpfs /tmp/back
for i in $FILES; do random "/tmp/back/f$i" 163; done

# paths OPTIONS: fs-mirror shows /tmp/back with them.
paths() { serve "efuse.driver=efuse,$1" fs-mirror /tmp/back -f --direct /mnt/a; }
# often COUNT FILE [SIZE]: it is read so often, and right each time.
often() {
	for _ in $(seq "$1"); do same "$2" "$3" || return 1; done
}
trace_on() {
	echo 4096 > $TRACING/buffer_size_kb
	: > $TRACING/trace
	echo 1 > $TRACING/events/efuse/efuse_choose/enable
	echo 1 > $TRACING/events/efuse/efuse_learn/enable
}
trace_off() {
	echo 0 > $TRACING/events/efuse/efuse_choose/enable
	echo 0 > $TRACING/events/efuse/efuse_learn/enable
	cat $TRACING/trace > /tmp/trace
	: > $TRACING/trace
}
# taken WAY: leaves in $taken how many decisions of the trace were for it, of small reads.
taken() { taken=$(grep -c "efuse_choose: .* class=0 .* way=$1 " /tmp/trace); }
# path NAME KEY: what `efuse status` says of it.
path() { efuse status -j /mnt/a | tr -d ' \n' | sed "s/.*\"path\":\"$1\",[^}]*\"$2\":\([0-9]*\).*/\1/"; }
counted() { [ "$(path "$1" "$2")" -gt 0 ]; }

ok "the policy is loaded" efuse load /lib/bpf/generic.bpf.o
ok "contents and files" paths efuse.cache=always,efuse.cache_mem=1,efuse.direct=verify
trace_on
for i in 1 2 3 4; do same f$i; done
ok "much is read" often 20 f1
trace_off
ok "a trace: $(efuse replay /tmp/trace)" efuse replay /tmp/trace
taken 0
ok "the program was tried, $taken times" [ "$taken" -gt 1 ]
taken 1
ok "the policy as well, $taken times" [ "$taken" -gt 4 ]
ok "the program answers the least" [ "$(path program requests)" -lt "$(path policy requests)" ]
ok "what tries took is known" counted program ns
ok "and what was expected" counted policy expected
ok "status says so" sh -c "efuse status /mnt/a | grep -q 'by policy *[0-9]* reads, .* us .expected: .* hits'"
sed 's/way=[12] try=0/way=0 try=0/' /tmp/trace > /tmp/other
ok "another decision does not follow" not efuse replay /tmp/other
sed '/seq=40 /d' /tmp/trace > /tmp/less
ok "nor one for which an event is missing" not efuse replay /tmp/less
grep -v efuse_ /tmp/trace > /tmp/none
ok "nothing to replay" not efuse replay /tmp/none
echo 'a efuse_choose: conn=1 node=1 seq=0 class=18 ways=1 share=0 again=0 compared=64 way=0 try=1' > /tmp/bad
ok "an event that cannot be" not efuse replay /tmp/bad
ok "unmounted" end

ok "files alone" paths efuse.cache=none,efuse.direct=verify
for i in 1 2 3 4; do same f$i; done
trace_on
ok "much is read" often 12 f2
ok "in larger pieces" often 220 f2 163000
trace_off
ok "a trace: $(efuse replay /tmp/trace)" efuse replay /tmp/trace
taken 2
files=$taken
taken 0
ok "most are read from the file: $files, by the program: $taken" [ "$files" -gt $((taken * 5)) ]
ok "a write" sh -c 'echo more >> /mnt/a/f2'
ok "is seen" often 2 f2
ok "unmounted" end

# Through the page cache, of which a policy has nothing.
ok "the page cache" serve efuse.driver=efuse,efuse.cache=always,efuse.cache_mem=1,efuse.direct=verify \
	fs-mirror /tmp/back -f /mnt/a
many_pages() {
	for _ in $(seq "$1"); do
		pages drop "/mnt/a/$2"
		pages_same read "$2" || return 1
	done
}
for i in 3 4 1 2; do pages_same read f$i; done
trace_on
ok "filled often" many_pages 24 f1
trace_off
ok "a trace: $(efuse replay /tmp/trace)" efuse replay /tmp/trace
decided() { decided=$(grep -c "efuse_choose: .* class=6 .* way=$1 " /tmp/trace); }
decided 2
files=$decided
decided 0
ok "the program was tried: $decided" [ "$decided" -gt 1 ]
ok "most are read from the file: $files" [ "$files" -gt $((decided * 5)) ]
decided 1
ok "none by the policy" [ "$decided" = 0 ]
ok "unmounted" end
umount /tmp/back
efuse load -u generic
echo "1..$n"
