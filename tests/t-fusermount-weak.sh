#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# t-fusermount-weak.sh - the bugs that mount helpers had, one test for each kind.
# Every test is run on our fusermount3, which must hold, and on one built from a
# copy in which the defence is taken out, which must not: so the test would see it.
# shellcheck disable=SC1091,SC2016,SC2153 # beside us; run by eval; set there
. "$(dirname "$0")/lib.sh"
command -v gcc >/dev/null || skip_all "needs gcc"
. "$(dirname "$0")/lib-fusermount.sh"

mapfile -t sources < <(sed -n '/^FUSERMOUNT_SRCS/,/)$/p' "$SRC/Makefile" | grep -o '[a-z]*\.c')
[ ${#sources[@]} -ge 8 ] || skip_all "cannot read the list of sources in the Makefile"
CFLAGS_SAN=()

# build NAME FLAGS [FILE SED]...: $T/bin/NAME from a copy with those changes, all of which must
# change something.
build() {
	local name=$1 flags=$2 copy=$T/copy/$1 file
	shift 2
	mkdir -p "$copy/mount.efuse"
	cp "$SRC"/mount.efuse/*.[ch] "$copy/mount.efuse/"
	while [ $# -gt 0 ]; do
		file=$copy/mount.efuse/$1
		cp "$file" "$file.orig"
		sed -i -E "$2" "$file"
		if cmp -s "$file" "$file.orig"; then
			echo "# $name: nothing to change in $1: $2"
			return 1
		fi
		shift 2
	done
	# shellcheck disable=SC2086 # words
	(cd "$copy" && gcc -std=gnu11 -O1 -g -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -I. -I"$SRC" -I"$SRC/kernel/uapi" -w \
		-DEFUSE_VERSION='"weak"' $flags "${CFLAGS_SAN[@]}" -o "$T/bin/$name" "${sources[@]/#/mount.efuse/}") 2>&1 |
		sed 's/^/# /'
	chmod 4755 "$T/bin/$name"
}

# class WHAT TEST: TEST holds for "ours" and not for "weak".
class() {
	local what=$1
	shift
	drop_mounts
	ok "$what" "$@" ours
	drop_mounts
	not_ok "... and the test would see it" "$@" weak
	drop_mounts
	for pid in $(pgrep -u "$ALICE"); do kill -KILL "$pid" 2>/dev/null; done
	wait 2>/dev/null
}

fresh() {
	drop_mounts
	rm -rf --one-file-system "${T:?}/home"
	mkdir "$T/home"
	chown "$ALICE:$ALICE" "$T/home"
}

# The helper of this build, stopped at the place the builds of a race stop.
stopped() { pgrep -r T -u "$ALICE" -x "$1" >/dev/null; }
go_on() { for pid in $(pgrep -r T -u "$ALICE" -x "$1"); do kill -CONT "$pid"; done; }

# --- control characters in mount points ----------------------------------------

control_characters() {
	local dir=$T/home/$'new\nline \t\\040'
	fresh
	as alice mkdir "$dir"
	as alice "$COMMFD" -K "$T/bin/$1" -o auto_unmount -- "$dir" >/dev/null 2>&1 < <(sleep 0.3)
	wait_for 3 eval '[ -z "$(fuse_mounts)" ]' || return 1
	! as alice "$T/bin/$1" -u -- "$dir"$'\e]0;' 2>&1 | tr -d '\n' | grep -q '[[:cntrl:]]'
}
build ours ''
build weak '' mounttab.c 's/^\tdecode\(entry->target\);//'
class "control characters in mount points" control_characters
build weak '' msg.c 's/c < 0x20 \|\| c == 0x7f/0/'
class "control characters in messages" control_characters

# --- environment passed to a privileged exec ------------------------------------

executes_nothing() {
	! nm -D --undefined-only "$T/bin/$1" | grep -qE ' (exec[a-z]*|posix_spawnp?|system|popen|v?fork|dlopen|getpw[a-z_]*)(@|$)'
}
build weak '' fusermount.c 's/^(\terr = inherit_block_signals\(\);)/\texeclp("true", "true", NULL);\n\1/'
class "environment passed to a privileged exec" executes_nothing

# What the environment could still steer inside the program itself.
environment_is_gone() {
	fresh
	as alice env EVIL=1 "$COMMFD" "$T/bin/$1" -- "$T/home" 2>&1 | grep -q '^rc=0'
}
build ours '' fusermount.c 's/^(\terr = inherit_block_signals\(\);)/\tif (getenv("EVIL")) return -1;\n\1/'
build weak '' fusermount.c 's/^(\terr = inherit_block_signals\(\);)/\tif (getenv("EVIL")) return -1;\n\1/' \
	inherit.c 's/^\tenviron = NULL;//'
class "environment kept" environment_is_gone
build ours ''

# --- option quoting ---------------------------------------------------------------

quoting() {
	local options
	for options in 'max_read=4096\,allow_other' 'fsname=a\\,allow_other' 'subtype=a\\,dev,allow_other' \
		'max_read=4096,,allow_other' 'fsname=a\,b,allow_other'; do
		fresh
		as alice "$COMMFD" "$T/bin/$1" -o "$options" -- "$T/home" >/dev/null 2>&1
		! fuse_mounts | grep -q ',allow_other' || return 1
	done
	fresh
	as alice "$COMMFD" "$T/bin/$1" -o 'fsname=a\,allow_other' -- "$T/home" >/dev/null 2>&1
	fuse_mounts | grep -q " a,allow_other rw,user_id=$ALICE,group_id=$ALICE\$"
}
build weak '' mountopts.c 's/return str_after\(option, "fsname="\).*/return true;/' \
	attach.c 's/plan->listed && fits\(plan\) \? mount_new\(&job\) : -ENOSYS/-ENOSYS/'
class "option quoting that the check and the kernel read differently" quoting
build weak '' mountopts.c 's/others && !caller->root && !caller->allow_other/0/'
class "allow_other without leave" quoting

# --- a swap between check and mount -------------------------------------------------

STOP='s/^(\terr = inherit_block_signals\(\);)/\traise(SIGSTOP);\n\1/'
SIGNAL='s/^#include <getopt.h>/#include <getopt.h>\n#include <signal.h>/'

# swap HOW: alice changes what the path means, between the check and the mount.
swapped() {
	local build=$2 how=$1 ok=0
	fresh
	mkdir -p "$T/victim/x"
	as alice mkdir -p "$T/home/a/x"
	as alice "$COMMFD" "$T/bin/$build" -o fsname=swap -- "$T/home/a/x" >/dev/null 2>&1 &
	wait_for 5 stopped "$build" || return 1
	case $how in
	point) as alice bash -c 'cd "$0" && mv a/x a/y && ln -s "$1" a/x' "$T/home" "$T/victim/x";;
	parent) as alice bash -c 'cd "$0" && mv a b && ln -s "$1" a' "$T/home" "$T/victim";;
	esac
	go_on "$build"
	wait
	fuse_mounts | grep -q "$T/victim/x" && ok=1
	return $ok
}
build ours '' fusermount.c "$STOP" fusermount.c "$SIGNAL"
build weak '' fusermount.c "$STOP" fusermount.c "$SIGNAL" \
	fusermount.c 's/^(\traise\(SIGSTOP\);)/\textern const char *weak_path; weak_path = job->where;\n\1/' \
	attach.c 's/^struct job \{/const char *weak_path;\nstruct job {/' \
	attach.c 's/job->plan->point->fd, "",$/AT_FDCWD, weak_path,/' \
	attach.c 's/MOVE_MOUNT_F_EMPTY_PATH \| MOVE_MOUNT_T_EMPTY_PATH/MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_SYMLINKS/'
class "a link in place of the mount point, between check and mount" swapped point
class "a link in place of its folder" swapped parent
build weak '' fusermount.c "$STOP" fusermount.c "$SIGNAL" \
	fusermount.c 's/^(\traise\(SIGSTOP\);)/\textern const char *weak_path; weak_path = job->where;\n\1/' \
	attach.c 's/^struct job \{/const char *weak_path;\nstruct job {/' \
	attach.c 's/point_path\(plan->point->fd\)\.text, job->type/weak_path, job->type/' \
	attach.c 's/plan->listed && fits\(plan\) \? mount_new\(&job\) : -ENOSYS/-ENOSYS/'
build ours '' fusermount.c "$STOP" fusermount.c "$SIGNAL" attach.c 's/plan->listed && fits\(plan\) \? mount_new\(&job\) : -ENOSYS/-ENOSYS/'
class "the same with mount(2)" swapped point
class "and its folder" swapped parent

# --- a mount point on a user's own mount that is attached nowhere -------------------

cp "$OUT/tests/prog-nowhere" "$T/bin/nowhere"
nowhere() { fresh; ! as alice "$T/bin/nowhere" d "$COMMFD" "$T/bin/$1" -- d 2>/dev/null | grep -qE '^fd|fuse'; }
build ours ''
build weak '' attach.c 's/plan->listed && //'
if ! as alice unshare -Urm true 2>/dev/null; then
	skip "a mount that is attached nowhere" "this machine has no user namespaces for users"
elif [ "$(printf '6.15\n%s\n' "$(uname -r)" | sort -V | head -1)" != 6.15 ]; then
	ok "a mount that is attached nowhere (before Linux 6.15 the kernel sees to it)" nowhere ours
else
	class "a mount that is attached nowhere" nowhere
fi

# --- overflow on the way tried second -----------------------------------------------

retries() {
	local size out
	for size in 60 255 256 1000 4000 4095 4096 20000; do
		out=$(ASAN_OPTIONS=detect_leaks=0 "$COMMFD" "$T/bin/$1" -o \
			"fsname=$(printf "%${size}s" | tr ' ' f),subtype=$(printf "%${size}s" | tr ' ' s)" -- "$T/home" 2>&1)
		drop_mounts
		! grep -q 'AddressSanitizer' <<<"$out" || return 1
	done
}
if echo 'int main(void) { return 0; }' | gcc -fsanitize=address -x c -o "$T/bin/asan" - 2>/dev/null; then
	fresh
	CFLAGS_SAN=(-fsanitize=address)
	build ours ''
	build weak '' attach.c 's/if \(asprintf\(&job->type, /if (sprintf(job->type = malloc(64), /'
	class "overflow in a path that is tried second" retries
	CFLAGS_SAN=()
else
	skip "overflow in a path that is tried second" "needs the address sanitizer"
fi

# --- dev and suid from a user ---------------------------------------------------------

no_dev() {
	local options
	for options in dev suid dev,suid nodev,dev 'exec,suid,dev,ro'; do
		fresh
		as alice "$COMMFD" "$T/bin/$1" -o "$options" -- "$T/home" >/dev/null 2>&1
		fuse_mounts | grep -qE " r[ow],nosuid,nodev," || return 1
	done
}
build ours ''
build weak '' mountopts.c 's/, \.unsafe = true//'
class "dev and suid from a user" no_dev

# --- parked for ever --------------------------------------------------------------------

# The caller ends, because its helper did.
ends() { timeout 6 setpriv --reuid "$ALICE" --regid "$ALICE" --clear-groups -- "$@" 2>/dev/null | grep -q '^rc='; }
silent_library() { fresh; ends "$COMMFD" -s silent "$T/bin/$1" --sync-init -- "$T/home"; }
full_socket() { fresh; ends "$COMMFD" -k full "$T/bin/$1" -- "$T/home"; }
# A file system that never answers lies on the way.
silent_file_system() {
	fresh
	as alice mkdir "$T/home/silent"
	as alice "$COMMFD" -w "$T/bin/$1" -- "$T/home/silent" </dev/zero >/dev/null 2>&1 &
	wait_for 3 fuse_at "$T/home/silent" || return 1
	ends "$COMMFD" "$T/bin/$1" -- "$T/home/silent/x"
}
build ours '-DGO_MS=1000 -DINHERIT_SECONDS=2'
build weak '-DGO_MS=1000 -DINHERIT_SECONDS=2' commfd.c 's/left > 0 \? \(int\)left : 0/-1/' inherit.c 's/^\talarm\(seconds\);//'
class "a library that says nothing" silent_library
class "a file system that says nothing" silent_file_system
build weak '-DINHERIT_SECONDS=2' commfd.c 's/MSG_DONTWAIT \| MSG_NOSIGNAL/MSG_NOSIGNAL/' inherit.c 's/^\talarm\(seconds\);//'
class "a socket that is full" full_socket

# --- operands that look like options ----------------------------------------------------

dashes() {
	fresh
	as alice bash -c 'cd "$0" && mkdir -- -uz -o -q --help' "$T/home"
	for dir in -uz -o -q --help; do
		(cd "$T/home" && as alice "$COMMFD" "$T/bin/$1" -- $dir >/dev/null 2>&1)
		fuse_at "$T/home/$dir" || return 1
		(cd "$T/home" && as alice "$T/bin/$1" -u -- $dir >/dev/null 2>&1)
		! fuse_at "$T/home/$dir" || return 1
	done
}
build ours ''
build weak '' fusermount.c 's/^\topterr = 0;/\topterr = 0;\n\tfor (int i = 1; i < argc; i++) if (streq(argv[i], "--")) argv[i] = "-q";/'
class "operands that look like options" dashes
is "whoever calls it here writes --" "$(grep -hE '"fusermount3?", "-' "$SRC"/mount.efuse/*.c | grep -cv '"--"')" 0

# --- races of unmounting ------------------------------------------------------------------

# unmount_swapped FLAGS BUILD: the folder is swapped between check and unmounting.
unmount_swapped() {
	local flags=$1 build=$2 ok=0
	fresh
	umount -l "$T/victim/x" 2>/dev/null
	mkdir -p "$T/victim/x"
	mount -t tmpfs -o size=1m none "$T/victim/x"
	as alice mkdir -p "$T/home/a/x"
	as alice "$COMMFD" "$T/bin/ours" -- "$T/home/a/x" >/dev/null 2>&1
	as alice "$T/bin/$build" "$flags" "$T/home/a/x" >/dev/null 2>&1 &
	wait_for 5 stopped "$build" || return 1
	as alice bash -c 'cd "$0" && mv a b && ln -s "$1" a' "$T/home" "$T/victim"
	go_on "$build"
	wait
	mounted "$T/victim/x" || ok=1
	! fuse_at "$T/home/b/x" || ok=1
	umount -l "$T/victim/x" 2>/dev/null
	return $ok
}
UNSTOP='s/^(static int unmount_found.*)/\1/; s/^(\tif \(job->lazy\))$/\traise(SIGSTOP);\n\1/'
cp "$OURS" "$T/bin/plain-ours"
build stop '' fusermount.c "$UNSTOP" fusermount.c "$SIGNAL"
build ours ''
build weak '' fusermount.c "$UNSTOP" fusermount.c "$SIGNAL" \
	fusermount.c 's/return attach_detach\(\*mounted\);/return weak_umount(job->where, 2);/' \
	fusermount.c 's/return attach_unmount\(folder, name\);/return weak_umount(job->where, 0);/' \
	fusermount.c 's/^static const char usage/#include <sys\/mount.h>\nstatic struct { const char *p; int f; } weak_arg;\nstatic int weak_step(void *a) { return umount2(weak_arg.p, weak_arg.f) ? -errno : 0; }\nstatic int weak_umount(const char *p, int f) { weak_arg.p = p; weak_arg.f = f; return priv_do(weak_step, NULL); }\nstatic const char usage/'
unmount_class() {
	ok "$1" unmount_swapped "$2" stop
	not_ok "... and the test would see it" unmount_swapped "$2" weak
}
unmount_class "a folder swapped while unmounting" -u
unmount_class "the same, lazily" -uz

# What root has put on top of a user's mount is root's.
covered() {
	fresh
	as alice "$COMMFD" "$T/bin/$1" -- "$T/home" >/dev/null 2>&1
	mount -t tmpfs -o size=1m none "$T/home" || return 1
	as alice "$T/bin/$1" -uz "$T/home" >/dev/null 2>&1
	mounted "$T/home" && grep -q " $T/home .* - tmpfs " /proc/self/mountinfo
	local result=$?
	umount -l "$T/home" 2>/dev/null
	return $result
}
build weak '' fusermount.c 's/if \(!err && !priv_is_root\(\)\) \{/if (0) {/'
class "unmounting what somebody else has mounted" covered

# --- auto_unmount --------------------------------------------------------------------------

binds() {
	fresh
	mkdir -p "$T/bind"
	rm -f "$T/end"
	mkfifo "$T/end"
	as alice "$COMMFD" -K "$T/bin/$1" -o auto_unmount -- "$T/home" <"$T/end" >/dev/null 2>&1 &
	exec 8>"$T/end"
	wait_for 5 fuse_at "$T/home" || return 1
	mount --bind "$T/home" "$T/bind"
	exec 8>&-
	wait_for 3 eval '[ -z "$(fuse_mounts)" ]'
}
build weak '' autounmount.c 's/if \(entry->dev != id->dev\)/if (entry->dev != id->dev || entry->id != id->mount)/'
class "bind mounts that auto_unmount leaves behind" binds

# The socket ends, and at the same place another file system lives.
another() {
	local result
	fresh
	rm -f "$T/end"
	mkfifo "$T/end"
	as alice "$COMMFD" -W "$T/bin/$1" -o auto_unmount,fsname=alive -- "$T/home" <"$T/end" >/dev/null 2>&1 &
	exec 8>"$T/end"
	sleep 1
	fuse_at "$T/home"
	result=$?
	exec 8>&-
	return $result
}
build weak '' autounmount.c 's/fd < 0 \|\| !is_dead\(fd\) \|\|/fd < 0 ||/'
class "auto_unmount of what is alive" another

# --- credentials ------------------------------------------------------------------------------

# The descriptor of /dev/fuse is opened, and the configuration read, with the user's rights.
users_rights() {
	fresh
	chmod 600 "$T/fuse"
	as alice "$COMMFD" "$T/bin/$1" -- "$T/home" >/dev/null 2>&1
	chmod 666 "$T/fuse"
	! fuse_at "$T/home"
}
build weak '' priv.c 's/\troot = uid == 0;/\treturn 0;/'
class "files opened with the rights of root" users_rights
no_access() {
	fresh
	mkdir -m 700 "$T/private" 2>/dev/null
	mkdir -p "$T/private/mine"
	chown "$ALICE" "$T/private/mine"
	as alice "$COMMFD" "$T/bin/$1" -- "$T/private/mine" >/dev/null 2>&1
	! fuse_at "$T/private/mine"
}
class "folders walked with the rights of root" no_access
# A drop that silently does nothing must be noticed.
drop_fails() {
	fresh
	chmod 777 "$T/home"
	as alice "$COMMFD" "$T/bin/$1" -- "$T/home" >/dev/null 2>&1
	! fuse_at "$T/home"
}
NODROP='s/setresuid\(uid, uid, uid\) < 0/0/'
build ours '' priv.c "$NODROP"
build weak '' priv.c "$NODROP" priv.c 's/return ids_are\(uid, gid\) && caps_are\(0\) \? 0 : -EPERM;/return 0;/'
class "a drop of privileges that does nothing" drop_fails
NOLOWER='s/if \(caps_set\(0\) < 0 \|\| /if (/'
build ours '' priv.c "$NOLOWER"
build weak '' priv.c "$NOLOWER" priv.c 's/\t\t_exit\(1\);/\t\t;/'
class "a capability that stays in effect" drop_fails

finish
