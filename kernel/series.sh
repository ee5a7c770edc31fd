#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# series.sh LINUX_SRC DEST: the driver as a patch series for the kernel's own tree,
# in DEST as git-format-patch(1) writes it: first our files, which nothing builds
# yet, then the hooks of patches/, which make them part of FUSE.
#
# LINUX_SRC is as prepare.sh has it. Nothing but DEST is written.
set -eu

fail() {
	echo "series.sh: $*" >&2
	exit 1
}

[ $# = 2 ] || fail "usage: series.sh LINUX_SRC DEST"
src=$1 dest=$2
here=$(cd "$(dirname "$0")" && pwd)
work=$dest.tree
author='The efuse authors <efuse@localhost>'

command -v git >/dev/null || fail "needs git; install git"
[ -e "$src" ] || fail "LINUX_SRC='$src': no kernel source; install linux-source-6.12 or set LINUX_SRC"

# What the series changes, out of LINUX_SRC.
unpack() {
	if [ -d "$src/fs/fuse" ]; then
		mkdir -p "$work/fs"
		cp -r "$src/fs/fuse" "$work/fs/fuse"
		cp "$src/MAINTAINERS" "$work/"
	else
		tar -xf "$src" -C "$work" --strip-components=1 --wildcards '*/fs/fuse/*' '*/MAINTAINERS' ||
			fail "$src: cannot unpack fs/fuse and MAINTAINERS"
	fi
}

git_here() {
	git -C "$work" -c user.name="${author% <*}" -c user.email=efuse@localhost \
		-c core.autocrlf=false -c commit.gpgsign=false "$@"
}

add_files() {
	mkdir -p "$work/fs/fuse/efuse" "$work/include/uapi/linux"
	for f in "$here"/module/*.[ch]; do
		# For building outside the tree.
		[ "${f##*/}" = compat.h ] || cp "$f" "$work/fs/fuse/efuse/"
	done
	cp "$here"/uapi/linux/efuse.h "$work/include/uapi/linux/"
	sed -i 's|^F:\tinclude/uapi/linux/fuse.h$|F:\tinclude/uapi/linux/efuse.h\n&|' "$work/MAINTAINERS"
}

message() {
	cat <<-EOF
	fuse: add the files of an extended protocol

	A FUSE server that is not changed can be helped all the same: what it
	answered can be answered again by the kernel, if somebody who knows its
	caching rules says so. Such a helper speaks to the driver by ioctls of
	the FUSE device, which negotiate a version and features, and the answers
	come from BPF programs that the administrator has loaded as a policy.

	Add the code for that in a folder of its own. The patches that follow
	let FUSE call it, under CONFIG_FUSE_EFUSE, which can be set once all of
	them are applied; nothing is built yet.

	Signed-off-by: $author
	EOF
}

rm -rf "$dest" "$work"
mkdir -p "$dest" "$work"
unpack
git_here init -q
git_here add -A
git_here commit -q -m base
add_files
git_here add -A
message | git_here commit -q --author "$author" -F -
for p in "$here"/patches/*.patch; do
	git_here am -q "$p" || fail "$p: does not apply to $src"
done
base=$(git_here rev-list --max-parents=0 HEAD)
git_here format-patch -q --zero-commit --no-signature -o "$(cd "$dest" && pwd)" "$base"
rm -rf "$work"
