#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kernel.sh - what `make check-kernel` runs: the driver as a patch series for the
# kernel's own tree applies to the source package's, is what checkpatch.pl --strict
# wants to see, and fs/fuse compiles with and without it, without a new warning of
# the compiler or of sparse.
#
# The scratch tree is $OUT/linux (1.5 GB, made once and reset before each run).
# shellcheck disable=SC1091 # lib.sh is beside us
. "$(dirname "$0")/lib.sh"

need_program make gcc git sparse flex bison bc pahole xz patch perl
: "${LINUX_SRC:=none}"
[ -e "$LINUX_SRC" ] || skip_all "needs linux-source-6.12"
[ -f /usr/include/libelf.h ] || skip_all "needs libelf-dev"
cd "$SRC" || exit 1
tree=$OUT/linux series=$OUT/kernel-patches

run() { "$@" >"$T/log" 2>&1 || { sed 's/^/# /' "$T/log" | tail -n 20; false; }; }
# kbuild takes our make's variables for its own.
kbuild() { env -u MAKEFLAGS -u MFLAGS -u MAKEOVERRIDES -u O -u M make -s -j2 -C "$tree" "$@"; }

# --- the tree ----------------------------------------------------------------

unpack() {
	[ -e "$tree/.unpacked" ] && return
	rm -rf "$tree" && mkdir -p "$tree" || return
	if [ -d "$LINUX_SRC" ]; then cp -r "$LINUX_SRC/." "$tree"
	else tar -xf "$LINUX_SRC" -C "$tree" --strip-components=1; fi || return
	mkdir "$tree/.stock" && cp -r "$tree/fs/fuse" "$tree/MAINTAINERS" "$tree/.stock" &&
		touch "$tree/.unpacked"
}
# What the series touches, as it came.
reset_tree() {
	rm -rf "$tree/fs/fuse" "$tree/include/uapi/linux/efuse.h"
	cp -r "$tree/.stock/fuse" "$tree/fs/fuse"
	cp "$tree/.stock/MAINTAINERS" "$tree/MAINTAINERS"
}
configure() {
	[ -e "$tree/.config" ] || kbuild defconfig || return
	"$tree/scripts/config" --file "$tree/.config" -e FUSE_FS -e FUSE_PASSTHROUGH -e FUSE_DAX \
		-e VIRTIO_FS -e CUSE -e BPF_SYSCALL -e BPF_JIT -e DEBUG_INFO_DWARF5 -d DEBUG_INFO_NONE \
		-e DEBUG_INFO_BTF -"$1" FUSE_EFUSE
	kbuild olddefconfig && kbuild prepare
}
# compile NAME: every object of fs/fuse; what compiler and sparse say goes to $T/NAME.
compile() {
	rm -f "$tree"/fs/fuse/*.o "$tree"/fs/fuse/efuse/*.o
	kbuild C=2 W=1 fs/fuse/ >"$T/$1" 2>&1 || { tail -n 20 "$T/$1" | sed 's/^/# /'; false; }
}
# Functions for BPF programs are called by nobody else and stand in no header; the
# kernel has gcc not look for one, sparse always does.
kfuncs='efuse/kfunc\.c: warning: symbol .* was not declared'
# Warnings without line numbers, which patches move.
warnings() {
	sed -E 's/:[0-9]+(:[0-9]+)?:/:/g' "$1" | grep -E 'warning|error' | grep -v "$kfuncs" | sort -u
}

ok "the source of the kernel" run unpack
ok "the series" run kernel/series.sh "$LINUX_SRC" "$series"
ok "fs/fuse as it was is configured" eval 'reset_tree && run configure d'
ok "and compiles" compile before
apply() {
	local p
	for p in "$series"/*.patch; do
		patch -d "$tree" -p1 -s -N --no-backup-if-mismatch -r - <"$p" || return
	done
}
reset_tree
ok "the series applies" run apply
ok "with the option off it compiles" eval 'run configure d && compile off'
is "and nobody says more than before" "$(comm -13 <(warnings "$T/before") <(warnings "$T/off"))" ""
ok "with the option on it compiles" eval 'run configure e && compile on'
ok "with our files in it" test -e "$tree/fs/fuse/efuse/answer.o"
is "and nobody says more than before" "$(comm -13 <(warnings "$T/before") <(warnings "$T/on"))" ""
ok "sparse has looked" grep -q 'efuse/kfunc\.c:.*symbol .* was not declared' "$T/on"

# --- checkpatch --------------------------------------------------------------

# Types it finds and we keep, with the file and the reason:
#   slots.h policy.h ops.c answer.c   one list of slots makes declarations, offsets and
#       tables (X(opcode, slot)): such macros are no expressions and use what they need
#   folder.c  ENOSYS is a FUSE server's word for a request that it does not know
#   ringwait.c  yield() waits for nothing there: who yields sleeps next, or has its reply
#   choose_trace.h  trace events are written like that wherever there are any
#   chooser.h   it is compiled for programs as well, where noinline is to be defined
#   efuse.h   _Static_assert is C's own word; <linux/build_bug.h> is not for user space
lists='COMPLEX_MACRO|MACRO_ARG_REUSE|MACRO_ARG_UNUSED|MACRO_ARG_PRECEDENCE|TRAILING_SEMICOLON|LINE_SPACING|BRACKET_SPACE'
known="^fs/fuse/efuse/(slots\\.h|policy\\.h|ops\\.c|answer\\.c):[0-9]+: [A-Z]+:($lists):|\
^fs/fuse/efuse/folder\\.c:[0-9]+: WARNING:ENOSYS:|\
^fs/fuse/efuse/ringwait\\.c:[0-9]+: WARNING:YIELD:|\
^fs/fuse/efuse/choose_trace\\.h:[0-9]+: CHECK:(PARENTHESIS_ALIGNMENT|OPEN_ENDED_LINE):|\
^fs/fuse/efuse/chooser\\.h:[0-9]+: WARNING:PREFER_DEFINED_ATTRIBUTE_MACRO:|\
^include/uapi/linux/efuse\\.h:[0-9]+: CHECK:CAMELCASE: .*<_Static_assert>"
# It leaves a file where it runs.
checkpatch() {
	cd "$T" || return
	"$tree/scripts/checkpatch.pl" --strict --terse --showfile --show-types --no-summary --root "$tree" "$1" \
		2>/dev/null | grep -E ': (ERROR|WARNING|CHECK):'
	cd "$SRC" || return
}
for p in "$series"/*.patch; do
	name=${p##*/}
	is "checkpatch: ${name%.patch}" "$(checkpatch "$p" | grep -vE "$known")" ""
done
sed -i '1,/^---$/!s/^+\tint err;$/+    int err;/' "$series"/0001-*.patch
like "which does find what is wrong" "$(checkpatch "$series"/0001-*.patch)" 'CODE_INDENT|LEADING_SPACE'
run kernel/series.sh "$LINUX_SRC" "$series"
finish
