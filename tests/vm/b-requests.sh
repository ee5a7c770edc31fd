# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh source=tests/vm/lib.sh disable=SC2119 # nothing is passed on
# b-requests.sh - requests that reach a file system, by opcode: from the stock driver
# (plain, all times 0; own, as it is), with cache=always kept by the shim alone, and by
# the driver's policy. A second walk over a tree with stat, extended attributes and
# readlink; unpacking, configuring and building a small C project; writing. bindfs has
# the shim; a static program and gocryptfs, which is Go, have none. $DAEMONS are those
# that run. The kernel counts (make bench-requests).
. /tests/lib.sh

: "${FILES:=2000}" "${DAEMONS:=bindfs,static,go}"
export PATH=/bin:/usr/bin EFUSE_SHIM=/lib/libefuse-shim.so

# --- file systems on /mnt/b ---------------------------------------------------

mounted() { grep -q ' /mnt/b ' /proc/mounts; }
begin() { rm -rf /tmp/back; mkdir -p /tmp/back /mnt/b; count_sent "$1"; }
end() {
	umount /mnt/b
	[ -z "$fs" ] || soon not kill -0 "$fs"
	end_sent
}
bindfs_own() {
	begin fuse
	fs=
	bindfs "$@" /tmp/back /mnt/b && soon mounted
}
bindfs_plain() { bindfs_own -o attr_timeout=0,entry_timeout=0,negative_timeout=0; }
wrapped_bindfs() {
	fs=
	efuse wrap -o "efuse.cache=always,efuse.driver=$1" bindfs /tmp/back /mnt/b && soon mounted
}
bindfs_shim() { begin fuse; wrapped_bindfs stock; }
bindfs_policy() { begin efuse; wrapped_bindfs efuse; }
by_hand() {	# DEVICE TYPE COMMAND...
	device_of=$1 type_of=$2
	shift 2
	device "$device_of" "$type_of" /mnt/b "$@" > /tmp/log 2>&1 &
	fs=$!
	soon mounted && soon ls /mnt/b
}
static_plain() { begin fuse; by_hand /dev/fuse fuse fs-mem-static -f; }
static_policy() { begin efuse; POLICY=generic:1 by_hand /dev/efuse efuse fs-mem-static -f; }
go() {	# DEVICE TYPE OPTION...
	go_device=$1 go_type=$2
	shift 2
	gocryptfs -init -q -scryptn 10 -passfile /tmp/pass /tmp/back > /tmp/log 2>&1 &&
		by_hand "$go_device" "$go_type" gocryptfs "$@" -fg -q -scryptn 10 -passfile /tmp/pass /tmp/back
}
go_plain() { begin fuse; go /dev/fuse fuse -sharedstorage; }	# all times 0
go_own() { begin fuse; go /dev/fuse fuse; }
go_policy() { begin efuse; POLICY=generic:1 go /dev/efuse efuse; }

# --- workloads ----------------------------------------------------------------

first_walk() { walk make /mnt/b/tree "$FILES" && walk /mnt/b/tree; }
second_walk() { walk /mnt/b/tree; }
no_walk() { :; }
build() {
	cd /mnt/b && tar xf /lib/project.tar && cd project && ./configure && make -s -j2 &&
		./prog && make -s && rm -r doc
}
before_writes() { echo > /mnt/b/file && echo >> /mnt/b/file; }
writes() { dd if=/dev/zero of=/mnt/b/file bs=10 count=100 conv=notrunc; }

# --- counting -----------------------------------------------------------------

name_of() {
	set -- "$1" LOOKUP FORGET GETATTR SETATTR READLINK SYMLINK 7 MKNOD MKDIR UNLINK RMDIR RENAME \
		LINK OPEN READ WRITE STATFS RELEASE 19 FSYNC SETXATTR GETXATTR LISTXATTR REMOVEXATTR \
		FLUSH INIT OPENDIR READDIR RELEASEDIR FSYNCDIR GETLK SETLK SETLKW ACCESS CREATE \
		INTERRUPT BMAP DESTROY IOCTL POLL NOTIFY_REPLY BATCH_FORGET FALLOCATE READDIRPLUS \
		RENAME2 LSEEK COPY_FILE_RANGE SETUPMAPPING REMOVEMAPPING SYNCFS TMPFILE STATX
	shift "$1"
	echo "$1"
}
difference() {	# BEFORE AFTER: one line
	sort -n "$2" | while read -r opcode count; do
		was=$(sed -n "s/^$opcode //p" "$1")
		[ "$count" = "${was:-0}" ] || printf ' %s %d' "$(name_of "$opcode")" $((count - ${was:-0}))
	done
}
# counted FILESYSTEM WORKLOAD PREPARATION: the requests of WORKLOAD go to $all.
counted() {
	all=
	echo "# $1 for $2"
	if ! "$1" || ! "$3" > /tmp/out 2>&1; then
		sed 's/^/# /' /tmp/log /tmp/out
		end
		return 1
	fi
	echo "# $1 is mounted and prepared for $2"
	sleep 1
	all_sent > /tmp/before
	before=$(sent)
	( "$2" ) > /tmp/out 2>&1 || { sed 's/^/# /' /tmp/out; end; return 1; }
	sleep 1	# RELEASE comes after close(2)
	all_sent > /tmp/after
	all=$(($(sent) - before))
	line=$(difference /tmp/before /tmp/after)
	end
	printf '# requests: %-12s %-14s %6d:%s\n' "$2" "$1" "$all" "$line"
}
fewer() { [ -n "$all" ] && [ $((all * 100)) -le $((plain * (100 - $1))) ]; }
percent() {
	[ "$own" != "$plain" ] || own=
	for than in $plain $own; do
		[ -z "$all" ] || echo "# $((100 - (all * 1000 / than + 5) / 10)) % fewer, $all of $than"
	done
}

# compare DAEMON WORKLOAD PREPARATION PERCENT
compare() {
	ok "$1, plain: $2" counted "$1_plain" "$2" "$3"
	plain=${all:-1} shim=
	[ "$1" = static ] || ok "$1, with its own times: $2" counted "$1_own" "$2" "$3"
	own=$all
	if [ "$1" = bindfs ]; then
		ok "$1, shim alone: $2" counted bindfs_shim "$2" "$3"
		shim=$all
	fi
	ok "$1, policy: $2" counted "$1_policy" "$2" "$3"
	percent
	ok "at least $4 % fewer" fewer "$4"
	[ -z "$shim" ] || ok "fewer than with the shim alone" [ "${all:-$shim}" -lt "$shim" ]
}

sleep 6	# self-tests of the kernel run after the boot
mkdir -p /run/efuse
rm /etc/mtab
ln -s /proc/mounts /etc/mtab
chmod 666 /dev/fuse
echo secret > /tmp/pass
: > /tmp/log
ok "the policy is loaded" efuse load /lib/bpf/generic.bpf.o
[ -x /usr/bin/gocryptfs ] || { echo "ok - go # SKIP no gocryptfs"; DAEMONS=${DAEMONS%,go}; }
for daemon in $(echo "$DAEMONS" | tr , ' '); do
	compare "$daemon" second_walk first_walk 98
	compare "$daemon" build no_walk 75
	ok "$daemon, plain: writes" counted "${daemon}_plain" writes before_writes
	plain=$(printf '%s' "$line" | sed -n 's/.* GETXATTR \([0-9]*\).*/\1/p')
	ok "$daemon, policy: writes" counted "${daemon}_policy" writes before_writes
	case $line in *GETXATTR*) asked=1;; *) asked=0;; esac
	ok "security.capability was asked for ${plain:-0} times, and is not" [ "$asked" = 0 ]
done
efuse load -u generic
echo "1..$n"
