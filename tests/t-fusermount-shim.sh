#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# t-fusermount-shim.sh - programs started by `efuse wrap` and mount.efuse as an
# ordinary user mount through our fusermount3, with the distribution's in its
# place; and through that one where ours cannot do it.
# shellcheck disable=SC1091,SC2016,SC2153 # beside us; run by eval; set there
. "$(dirname "$0")/lib.sh"
need_program bindfs strace
. "$(dirname "$0")/lib-fusermount.sh"
[ -n "$THEIRS" ] || skip_all "needs the distribution's fusermount3"

M=$T/m
mkdir "$M" "$T/src" "$T/run"
echo hello >"$T/src/file"
chown "$ALICE" "$M" "$T/run"
cp "$OUT/bin/efuse" "$OUT/bin/mount.efuse" "$T/bin/"
cp "$EFUSE_SHIM" "$T/bin/libefuse-shim.so"
export EFUSE_SHIM=$T/bin/libefuse-shim.so XDG_RUNTIME_DIR=$T/run

# Which of the two was executed, in order, without doubles.
used() {
	grep -oE 'execve\("[^"]*fusermount3?"' "$T/trace" | sort -u |
		sed -e "s|.*\"$OURS\"|ours|" -e 's|.*bin/fusermount.*|theirs|' | sort -u | tr '\n' ' '
}

# wrapped WHAT WANT HELPER COMMAND...: which one does COMMAND use, with EFUSE_FUSERMOUNT=HELPER?
wrapped() {
	local what=$1 want=$2
	export EFUSE_FUSERMOUNT=$3
	shift 3
	# -u: traced by root, so that set-user-ID programs keep their rights.
	strace -qq -u efusealice -f -o "$T/trace" -e trace=execve,execveat "$@" >"$T/out" 2>&1 </dev/null &
	ok "$what: mounted" wait_for 10 eval '[ "$(as alice cat "$M/file" 2>&1)" = hello ]'
	is "$what: by" "$(used)" "$want"
	ok "$what: unmounted" as alice "$THEIRS" -u "$M"
	wait $!
	drop_mounts
}

bindfs=(bindfs --no-allow-other "$T/src" "$M")
wrapped "efuse wrap, libfuse 2" "ours " "$OURS" "$T/bin/efuse" wrap "${bindfs[@]}"
wrapped "mount.efuse" "ours " "$OURS" "$T/bin/mount.efuse" "bindfs#$T/src" "$M" -o no-allow-other
cp "$OURS" "$T/bin/weak"
chmod 755 "$T/bin/weak"
wrapped "one that is not set-user-ID" "theirs " "$T/bin/weak" "$T/bin/efuse" wrap "${bindfs[@]}"
wrapped "one that is not there" "theirs " "$T/none" "$T/bin/efuse" wrap "${bindfs[@]}"
wrapped "switched off" "theirs " "" "$T/bin/efuse" wrap "${bindfs[@]}"
if [ -x "$OUT/tests/fs-mem" ]; then
	cp "$OUT/tests/fs-mem" "$T/bin/fs-mem"
	export EFUSE_FUSERMOUNT=$OURS
	strace -qq -u efusealice -f -o "$T/trace" -e trace=execve "$T/bin/efuse" wrap "$T/bin/fs-mem" "$M" >"$T/out" 2>&1 </dev/null &
	ok "libfuse 3: mounted" wait_for 10 fuse_at "$M"
	is "libfuse 3: by" "$(used)" "ours "
	as alice "$OURS" -u "$M"
	wait $!
fi
finish
