# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh source=tests/vm/lib.sh
# t-channel-kinds.sh - the ring channel: unmodified file systems of every kind over the
# rings of the efuse driver, and the exerciser. $CHANNEL_OPS are its operations. In the
# virtual machine.
. /tests/lib.sh
# shellcheck source=tests/vm/channel.sh
. /tests/channel.sh
: "${CHANNEL_OPS:=100}"

# A few of the exerciser's sections do where all have been run already.
exercised() {	# WHAT COMMAND...
	kind=$1
	shift
	ok "$kind: a mount" serve efuse.channel=ring "$@" || return
	# shellcheck disable=SC2086 # words
	ok "$kind: the exerciser" run_exercise $only
	by_ring "$kind"
	ok "$kind: unmounted" end
}
only=
exercised "libfuse 3" fs-mem -f /mnt/a
exercised "libfuse 3 -s" fs-mem -f -s /mnt/a
only='sizes direct fight random'
exercised "answers of other threads" fs-mem -f --async /mnt/a
exercised "one thread, answers of others" fs-mem -f -s --async /mnt/a
exercised "splice" fs-mem -f --splice /mnt/a
exercised "clone-fd" fs-mem -f --clone-fd /mnt/a
exercised "small writes" fs-mem -f --max-write=4096 /mnt/a
exercised "kept" fs-mem -f --timeout=1 --keep-cache /mnt/a
exercised "libfuse 2.9" fs2-pass /tmp/back -f -o attr_timeout=0,entry_timeout=0 /mnt/a
exercised "libfuse 2.9 -s" fs2-pass /tmp/back -f -s -o big_writes /mnt/a
if [ -e /bin/bindfs ]; then
	exercised "bindfs" bindfs -f /tmp/back /mnt/a
	exercised "bindfs --multithreaded" bindfs -f --multithreaded /tmp/back /mnt/a
else
	echo "ok $((n = n + 1)) - bindfs # SKIP bindfs is not installed"
fi
if [ -e /bin/ntfs-3g ] && [ -e /bin/mkntfs ]; then
	truncate -s 16M /tmp/ntfs
	mkntfs -qFf /tmp/ntfs > /tmp/mkntfs.log 2>&1
	ok "ntfs-3g: a mount" serve efuse.channel=ring ntfs-3g -o no_detach /tmp/ntfs /mnt/a
	# shellcheck disable=SC2086 # words
	ok "ntfs-3g: the exerciser" run_exercise $only
	by_ring "ntfs-3g"
	ok "ntfs-3g: unmounted" end
else
	echo "ok $((n = n + 1)) - ntfs-3g # SKIP ntfs-3g is not installed"
fi
# Its replies come from a thread that never reads a request. What it starts as ssh is the
# other end.
if [ -e /bin/sshfs ] && [ -e /bin/sftp-server ]; then
	printf '#!/bin/sh\nexec /bin/sftp-server\n' > /tmp/ssh
	chmod 755 /tmp/ssh
	NOCACHE=dir_cache=no,attr_timeout=0,entry_timeout=0,negative_timeout=0
	exercised "sshfs" sshfs -f -o ssh_command=/tmp/ssh,$NOCACHE here:/tmp/back /mnt/a
	exercised "sshfs -s" sshfs -f -s -o ssh_command=/tmp/ssh here:/tmp/back /mnt/a
else
	echo "ok $((n = n + 1)) - sshfs # SKIP sshfs or sftp-server is not installed"
fi
echo "1..$n"
