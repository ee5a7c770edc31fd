# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# lib-fusermount.sh - what the tests of fusermount3 share, sourced behind lib.sh:
# a private mount namespace in which everybody may open /dev/fuse, two ordinary
# users who are in the user database of that namespace only, our program
# installed set-user-ID, and the distribution's beside it.
#
#   OURS, THEIRS          the two programs; THEIRS is empty when not installed
#   as alice COMMAND...   run as that user (alice, bob, root)
#   fuse_mounts           the FUSE mounts, one a line, without ids
#   drop_mounts           take all of them away

need_program setpriv prog-commfd
[ -e /dev/fuse ] || skip_all "needs /dev/fuse"
[ -z "${SAN:-}" ] || skip_all "a set-user-ID program is tested without sanitizers"
enter_namespace "$@"
chmod 755 "$T"

ALICE=61234
BOB=61235

mknod "$T/fuse" c 10 229 && chmod 666 "$T/fuse" && mount --bind "$T/fuse" /dev/fuse
{
	cat /etc/passwd
	echo "efusealice:x:$ALICE:$ALICE::/:/bin/sh"
	echo "efusebob:x:$BOB:$BOB::/:/bin/sh"
} >"$T/passwd"
mount --bind "$T/passwd" /etc/passwd
: >"$T/fuse.conf"
if [ -e /etc/fuse.conf ]; then
	cp /etc/fuse.conf "$T/fuse.conf"
	mount --bind "$T/fuse.conf" /etc/fuse.conf
fi

# install_setuid FROM TO
install_setuid() { install -m 4755 "$1" "$2"; }

mkdir "$T/bin"
OURS=$T/bin/fusermount3
install_setuid "$OUT/libexec/fusermount3" "$OURS"
[ -u "$OURS" ] || skip_all "cannot install set-user-ID programs in $T"
THEIRS=/usr/bin/fusermount3
case $("$THEIRS" -V 2>/dev/null) in *efuse*|'') THEIRS=;; esac
# prog-commfd must be reachable by everybody.
cp "$OUT/tests/prog-commfd" "$T/bin/commfd"
COMMFD=$T/bin/commfd
export OURS THEIRS COMMFD

as() {
	local user=$1
	shift
	case $user in
	root) "$@";;
	alice) setpriv --reuid $ALICE --regid $ALICE --clear-groups -- "$@";;
	bob) setpriv --reuid $BOB --regid $BOB --clear-groups -- "$@";;
	*) return 99;;
	esac
}

# Reads into the array MOUNTS: FUSE mounts as "ROOT TARGET OPTIONS - TYPE SOURCE SUPER".
read_mounts() {
	local line lines
	MOUNTS=()
	mapfile -t lines < /proc/self/mountinfo
	for line in "${lines[@]}"; do
		case $line in
		*' - fuse '*|*' - fuse.'*|*' - fuseblk'*)
			line=${line#* * * }
			MOUNTS+=("$line");;
		esac
	done
}

fuse_mounts() {
	read_mounts
	[ ${#MOUNTS[@]} = 0 ] || printf '%s\n' "${MOUNTS[@]}"
}

drop_mounts() {
	local i target
	read_mounts
	for ((i = ${#MOUNTS[@]} - 1; i >= 0; i--)); do
		target=${MOUNTS[i]#* }
		printf -v target %b "${target%% *}"
		umount -l -- "$target" 2>/dev/null
	done
}

fuse_at() { fuse_mounts | awk -v d="$1" '$2 == d { found = 1 } END { exit !found }'; }
