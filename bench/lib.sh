# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# lib.sh - what run.sh and demo.sh stand on: a private mount namespace, the
# backing data, one mount for each (file system, arm), and taking all of it
# down again. It measures nothing; see measure.sh.
#
# A kind is a file system as a person would use it:
#   bindfs-mt   bindfs, multi-threaded        bindfs-st   bindfs, single-threaded
#   ntfs        ntfs-3g on an image           sshfs       sshfs to a sshd on 127.0.0.1
# An arm is a way to run it:
#   free        plain FUSE, the scheduler places daemon and client
#   pinned      plain FUSE, daemon and client on core $CPU
#   efuse       through efuse, placed by nobody; how, says $ACCEL:
#     wrap      efuse wrap PROGRAM ...
#     mount     mount -t fuse.efuse PROGRAM#SOURCE ...
#     preload   the shim preloaded by hand
#     none      plain FUSE too: the harness must then find ratios of 1
#
# Every (kind, arm) has its mount at $T/mnt/KIND.ARM and a backing store of its
# own with equal contents.

KINDS="bindfs-mt bindfs-st ntfs sshfs"
ARMS="free pinned efuse"
ACCEL=${ACCEL:-wrap}
BENCH=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# mount(8) and umount(8) act in a namespace of our own: nothing can be left
# in anybody else's. Before tests/lib.sh, which makes the scratch folder.
if [ -z "${EFUSE_TEST_NS:-}" ] && [ "$(id -u)" = 0 ]; then
	EFUSE_TEST_NS=1 exec unshare --mount --propagation private "$0" "$@"
fi
# shellcheck source=tests/lib.sh
. "$BENCH/../tests/lib.sh"
PATH=$OUT/bench:$PATH
LC_ALL=C
export PATH LC_ALL

# The last core this process may use; interrupts tend to sit on the first.
CPU=${CPU:-$(awk '/^Cpus_allowed_list/ { n = split($2, a, /[-,]/); print a[n] }' /proc/self/status)}
KNOB=/sys/module/fuse/parameters/enable_uring

say() {
	printf '%s\n' "$*" >&2
}

# missing TEXT: what could not be done; the report ends with these.
missing() {
	grep -qsxF -- "$*" "$T/missing" && return
	say "  cannot: $*"
	printf '%s\n' "$*" >> "$T/missing"
}

# have PROGRAM...: all of them can be run.
have() {
	local p
	for p; do
		[ -x "$(type -P "$p")" ] || return 1
	done
}

need_root_loudly() {
	[ "$(id -u)" = 0 ] && return
	say "${0##*/}: mounting file systems to compare needs root; use sudo"
	exit 1
}

need_programs_loudly() {
	command -v prog-ops > /dev/null && command -v efuse > /dev/null && return
	say "${0##*/}: prog-ops or efuse is not built in $OUT; run 'make bench' or 'make demo' once"
	exit 1
}

# --- the machine, and putting it back ------------------------------------

uring_on() {
	[ -e $KNOB ] || {
		missing "per-core channels: this kernel ($(uname -r)) has no FUSE over io_uring (Linux 6.14 or newer)"
		return 1
	}
	cat $KNOB > "$T/knob"
	[ "$(cat $KNOB)" = Y ] || echo Y > $KNOB
}

# Status files in a folder of our own: nobody else's are touched or mixed in.
private_status() {
	[ -d /run/efuse ] || { mkdir -m 755 /run/efuse && : > "$T/made-run-efuse"; }
	mount -t tmpfs -o mode=755,size=16m efuse-bench /run/efuse
}

uring_restore() {
	[ -s "$T/knob" ] || return 0
	[ "$(cat $KNOB)" = "$(cat "$T/knob")" ] || cat "$T/knob" > $KNOB
}

# started NAME PID: a process that clean-up has to end.
started() {
	echo "$2" > "$T/pid.$1"
}

stop() {
	local pid
	pid=$(cat "$T/pid.$1" 2>/dev/null) || return 0
	rm -f "$T/pid.$1"
	kill "$pid" 2>/dev/null
	wait_for 5 gone "$pid" || kill -9 "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
}

# A zombie has ended too: it only waits for its parent.
gone() {
	case $(sed 's/.*) \(.\).*/\1/' "/proc/$1/stat" 2>/dev/null) in ''|Z) return 0;; esac
	return 1
}

stop_all() {
	local f
	for f in "$T"/pid.*; do
		[ -e "$f" ] && stop "${f##*/pid.}"
	done
}

# Whatever still names our scratch folder on its command line is a daemon of
# ours that did not notice its unmount.
stop_daemons() {
	local pid
	wait_for 3 no_daemons && return
	for pid in $(daemons); do
		kill "$pid" 2>/dev/null
	done
	wait_for 2 no_daemons && return
	for pid in $(daemons); do
		kill -9 "$pid" 2>/dev/null
	done
}

daemons() {
	pgrep -f "(bindfs|ntfs-3g|sshfs|ssh|efuse) .*$T/"
}

no_daemons() {
	[ -z "$(daemons)" ]
}

bench_cleanup() {
	local status=$?
	not_a_child || exit "$status"
	trap '' INT TERM
	trap - EXIT
	umount_all
	stop_daemons
	stop_all
	uring_restore
	umount /run/efuse 2>/dev/null
	[ -e "$T/made-run-sshd" ] && rmdir /run/sshd 2>/dev/null
	[ -e "$T/made-run-efuse" ] && rmdir /run/efuse 2>/dev/null
	( exit $status )
	cleanup
}
trap bench_cleanup EXIT

# --- backing data --------------------------------------------------------

# The real input: part of this machine's headers, else of its documentation.
copy_input() {
	local from=/usr/include
	[ "$(find $from -type f 2>/dev/null | head -500 | wc -l)" = 500 ] || from=/usr/share
	mkdir -p "$T/input"
	(cd $from && find . -type f -size -256k 2>/dev/null | LC_ALL=C sort | head -n "${TREE_FILES:-600}" |
		tar -cf - -T - 2>/dev/null) | tar -xf - -C "$T/input"
}

backing() {
	case $1 in
	ntfs)	echo "$T/data/$1.$2.img";;
	*)	echo "$T/data/$1.$2";;
	esac
}

# make_ntfs: one image with the input on it; every arm gets a copy.
make_ntfs() {
	[ -e "$T/data/ntfs.img" ] && return
	truncate -s "${NTFS_SIZE:-400M}" "$T/data/ntfs.img"
	mkntfs -qF "$T/data/ntfs.img" > "$T/mkntfs.log" 2>&1 || return 1
	mkdir -p "$T/fill"
	ntfs-3g "$T/data/ntfs.img" "$T/fill" || return 1
	mkdir "$T/fill/tree" && cp -r "$T/input/." "$T/fill/tree/"
	umount "$T/fill"
}

make_backing() {
	local to
	to=$(backing "$1" "$2")
	[ -e "$to" ] && return
	mkdir -p "$T/data"
	if [ "$1" = ntfs ]; then
		make_ntfs && cp --sparse=always "$T/data/ntfs.img" "$to"
	else
		mkdir "$to" "$to/tree" && cp -r "$T/input/." "$to/tree/"
	fi
}

# --- sshd on loopback ----------------------------------------------------

free_port() {
	local port
	while :; do
		port=$((20000 + RANDOM % 20000))
		(: < "/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
	done
	echo $port
}

sshd_config() {
	cat <<-END
		Port $1
		ListenAddress 127.0.0.1
		HostKey $T/ssh/host
		AuthorizedKeysFile $T/ssh/user.pub
		PidFile none
		StrictModes no
		UsePAM no
		PasswordAuthentication no
		PermitRootLogin yes
		PrintMotd no
		Subsystem sftp internal-sftp
	END
}

ssh_keys() {
	[ -d "$T/ssh" ] && return
	mkdir -m 700 "$T/ssh"
	ssh-keygen -q -t ed25519 -N '' -f "$T/ssh/host" && ssh-keygen -q -t ed25519 -N '' -f "$T/ssh/user"
}

answers() {
	(: < "/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# start_sshd NAME [PREFIX...]: a sshd of our own; its port ends up in $T/ssh/NAME.port.
start_sshd() {
	local name=$1 port
	shift
	[ -e "$T/ssh/$name.port" ] && return
	ssh_keys || return 1
	[ -d /run/sshd ] || { mkdir -m 755 /run/sshd && : > "$T/made-run-sshd"; }
	port=$(free_port)
	sshd_config "$port" > "$T/ssh/$name.conf"
	"$@" "$(command -v sshd)" -D -f "$T/ssh/$name.conf" -E "$T/ssh/$name.log" &
	started "sshd-$name" $!
	wait_for 5 answers "$port" || return 1
	echo "$port" > "$T/ssh/$name.port"
}

# --- mounting ------------------------------------------------------------

mnt() {
	echo "$T/mnt/$1.$2"
}

# programs_of KIND: what it takes.
programs_of() {
	case $1 in
	bindfs*) echo bindfs;;
	ntfs)	echo ntfs-3g mkntfs;;
	sshfs)	echo sshfs ssh sshd ssh-keygen;;
	esac
}

# The daemon's program.
program() {
	case $1 in
	bindfs*) echo bindfs;;
	ntfs)	echo ntfs-3g;;
	sshfs)	echo sshfs;;
	esac
}

source_of() {
	case $1 in
	sshfs)	echo "root@127.0.0.1:$(backing "$1" "$2")";;
	*)	backing "$1" "$2";;
	esac
}

# No caching anywhere that an option reaches: each operation asks the daemon.
options() {
	local none=attr_timeout=0,entry_timeout=0,negative_timeout=0
	case $1 in
	bindfs-mt) echo "multithreaded,$none";;
	bindfs-st) echo "$none";;
	ntfs)	echo "$none";;
	sshfs)	echo "dir_cache=no,$none,port=$(cat "$T/ssh/$(sshd_of "$2").port"),$(ssh_options)";;
	esac
}

sshd_of() {
	[ "$1" = pinned ] && echo pinned || echo free
}

ssh_options() {
	echo "IdentityFile=$T/ssh/user,UserKnownHostsFile=$T/ssh/known,StrictHostKeyChecking=no,LogLevel=ERROR"
}

# plain_mount KIND ARM [PREFIX...]
plain_mount() {
	local p s o m
	p=$(program "$1") s=$(source_of "$1" "$2") m=$(mnt "$1" "$2") o=$(options "$1" "$2")
	shift 2
	"$@" "$p" "$s" "$m" -o "$o"
}

# preload_env COMMAND...: what the helper does, by hand.
preload_env() {
	env LD_PRELOAD="$EFUSE_SHIM" EFUSE_ABI=1 EFUSE_STATUS=/run/efuse \
		EFUSE_TOKEN="$(printf '%04x%04x' $RANDOM $RANDOM)" "$@"
}

efuse_mount() {
	case $ACCEL in
	none)	plain_mount "$1" "$2";;
	preload) plain_mount "$1" "$2" preload_env;;
	wrap)	plain_mount "$1" "$2" efuse wrap;;
	mount)	mount -t fuse.efuse -o "$(options "$1" "$2")" \
			"$(program "$1")#$(source_of "$1" "$2")" "$(mnt "$1" "$2")";;
	esac
}

arm_mount() {
	case $2 in
	free)	plain_mount "$1" "$2";;
	pinned)	plain_mount "$1" "$2" taskset -c "$CPU";;
	efuse)	efuse_mount "$1" "$2";;
	esac
}

prepare_mount() {
	local program
	for program in $(programs_of "$1"); do
		have "$program" || { missing "$1: $program is not installed"; return 1; }
	done
	make_backing "$1" "$2" || { missing "$1: no backing data: $(tail -1 "$T/mkntfs.log" 2>/dev/null)"; return 1; }
	[ "$1" = sshfs ] || return 0
	case $2 in
	pinned)	start_sshd pinned taskset -c "$CPU";;
	*)	start_sshd free;;
	esac || { missing "sshfs: sshd does not start: $(tail -1 "$T"/ssh/*.log)"; return 1; }
}

# answered DIR: mounted, and a first request was answered.
answered() {
	mounted "$1" && stat -f "$1" >/dev/null
}

# bench_mount KIND ARM: 0 when it is mounted and answers.
bench_mount() {
	local dir
	dir=$(mnt "$1" "$2")
	mkdir -p "$T/mnt" "$dir"
	prepare_mount "$1" "$2" || return 1
	if arm_mount "$1" "$2" < /dev/null 2> "$T/mount.log" && wait_for 10 answered "$dir"; then
		[ ! -s "$T/mount.log" ] || missing "$1 $2: mounted, but: $(tail -1 "$T/mount.log")"
		return 0
	fi
	missing "$1 $2: not mounted: $(tail -1 "$T/mount.log")"
	return 1
}

bench_umount() {
	local dir
	dir=$(mnt "$1" "$2")
	mounted "$dir" || return 0
	umount "$dir" 2>/dev/null || { sleep 0.2; umount "$dir" 2>/dev/null; } || umount -l "$dir"
}

umount_all() {
	local kind arm
	for kind in $KINDS; do
		for arm in $ARMS; do
			bench_umount "$kind" "$arm"
		done
	done
}

# mount_kind KIND: all arms; the ones that could not are left out of $MOUNTED.
mount_kind() {
	local arm
	MOUNTED=
	for arm in $ARMS; do
		bench_mount "$1" "$arm" && MOUNTED="$MOUNTED $arm"
	done
	case $MOUNTED in *free*) return 0;; esac
	return 1
}

umount_kind() {
	local arm
	for arm in $ARMS; do
		bench_umount "$1" "$arm"
	done
}

# daemon_pid KIND ARM: the process that serves the mount.
daemon_pid() {
	pgrep -o -f "^([^ ]*/)?$(program "$1") .*$(mnt "$1" "$2")( |$)"
}

# status_json KIND ARM: the object that efuse has for the mount, or {}.
status_json() {
	{ efuse status --json "$(mnt "$1" "$2")" 2>/dev/null || echo '{}'; } |
		jq '[.. | objects | select(has("syscalls"))][0] // {}'
}
