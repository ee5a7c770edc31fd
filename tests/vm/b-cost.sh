# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh source=tests/vm/lib.sh
# b-cost.sh - instructions of one fstat and one stat: on tmpfs, through the stock
# driver, through ours without and with a policy, and answered by the policy. In
# the virtual machine, which counts instructions (make bench-vm).
. /tests/lib.sh

COUNT=1000
# Mode 3 of the generic policy: as always, but the kernel keeps nothing itself.
ASKED=generic:3

# line WHAT PATH
line() {
	printf '# cost: %-34s fstat %6s  stat %6s\n' "$1" "$(cost fstat "$2" $COUNT)" \
		"$(cost stat "$2" $COUNT)"
}
# served WHAT DEVICE TYPE [POLICY]
served() {
	[ $# -lt 4 ] || export POLICY="$4"
	start "$2" "$3" /mnt/a -s
	: > /mnt/a/file
	line "$1" /mnt/a/file
	ok "$1" stop /mnt/a
}

sleep 6	# self-tests of the kernel run after the boot
: > /tmp/file
line tmpfs /tmp/file
served "stock driver" /dev/fuse fuse
served "efuse driver, no policy" /dev/efuse efuse
efuse load /lib/bpf/count.bpf.o /lib/bpf/generic.bpf.o
served "efuse driver, policy count" /dev/efuse efuse count
served "policy generic, nothing holds" /dev/efuse efuse generic
served "policy generic, answered" /dev/efuse efuse $ASKED
efuse load -u count generic
echo "1..$n"
