#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# libbpf.sh LINUX_SRC DEST: build the libbpf of a kernel source, a tree or Debian's
# tar archive, as DEST/lib/libbpf.a with headers in DEST/include. Distributions
# as old as the kernels we support have one that cannot load the struct_ops of a
# module. Nothing but DEST is written.
set -eu

fail() {
	echo "libbpf.sh: $*" >&2
	exit 1
}

[ $# = 2 ] || fail "usage: libbpf.sh LINUX_SRC DEST"
src=$1 dest=$2

command -v python3 >/dev/null || fail "needs python3"	# for bpf_doc.py
[ -f /usr/include/libelf.h ] || fail "needs libelf's headers; install libelf-dev"

unpack() {
	mkdir -p "$dest/src"
	if [ -d "$src/tools/lib/bpf" ]; then
		(cd "$src" && tar -cf - tools/lib/bpf tools/include tools/arch tools/scripts \
			tools/build scripts/bpf_doc.py) | tar -xf - -C "$dest/src"
	elif [ -f "$src" ]; then
		tar -xf "$src" -C "$dest/src" --strip-components=1 --wildcards \
			'*/tools/lib/bpf/*' '*/tools/include/*' '*/tools/scripts/*' \
			'*/tools/arch/*' '*/tools/build/*' '*/scripts/bpf_doc.py' ||
			fail "$src: cannot unpack tools/lib/bpf"
	else
		fail "LINUX_SRC='$src': no kernel source; install linux-source-6.12 or set LINUX_SRC"
	fi
}

# The caller's make has variables of its own, which must not reach this one.
build() {
	env -u MAKEFLAGS -u MFLAGS -u MAKEOVERRIDES make -s -j2 -C "$dest/src/tools/lib/bpf" \
		BUILD_STATIC_ONLY=1 OBJDIR="$dest/obj" DESTDIR="$dest" prefix= libdir=/lib \
		install_headers "OUTPUT=$dest/obj/" "$dest/obj/libbpf.a" > "$dest/build.log" 2>&1 ||
		{ tail -n 20 "$dest/build.log" >&2; fail "libbpf does not build"; }
	mkdir -p "$dest/lib"
	mv "$dest/obj/libbpf.a" "$dest/lib/libbpf.a"
}

rm -rf "$dest"
mkdir -p "$dest/obj"
dest=$(cd "$dest" && pwd)
unpack
build
rm -rf "$dest/src" "$dest/obj"
