#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# debug-kernel.sh LINUX_SRC DEST: build the kernel of `make check-vm-debug` in
# DEST/debug-kernel, out of DEST/debug-src, with debug.config, and no more than that.
# LINUX_SRC is a kernel source tree or Debian's linux-source tar archive. A kernel
# that is there already, of the same source and settings, stays.
set -eu

[ $# = 2 ] || { echo "usage: debug-kernel.sh LINUX_SRC DEST" >&2; exit 1; }
src=$1
mkdir -p "$2"
dest=$(cd "$2" && pwd)
config=$(cd "$(dirname "$0")" && pwd)/debug.config
tree=$dest/debug-src build=$dest/debug-kernel
log=$dest/debug-kernel.log

fail() {
	echo "debug-kernel.sh: $*" >&2
	exit 1
}

# kbuild has an O of its own: our variables must not reach it.
kernel_make() {
	env -u MAKEFLAGS -u MFLAGS -u MAKEOVERRIDES -u MAKELEVEL \
		make -C "$tree" O="$build" "$@" >> "$log" 2>&1 || {
		tail -n 20 "$log" >&2
		fail "make $*: failed; see $log"
	}
}

settings() {
	printf '%s ' "$src" "$(stat -L -c '%s %Y' "$src")"
	cksum < "$config"
}

unpack() {
	rm -rf "$tree" "$build"
	mkdir -p "$tree" "$build"
	if [ -d "$src" ]; then
		cp -r "$src/." "$tree"
	else
		tar -xf "$src" -C "$tree" --strip-components=1 || fail "$src: cannot unpack"
	fi
}

# What a setting depends on may be missing: then it would silently not be there.
check_config() {
	grep '^CONFIG_.*=y' "$config" | while read -r line; do
		grep -qxF "$line" "$build/.config" || echo "$line"
	done > "$dest/debug-missing"
	[ ! -s "$dest/debug-missing" ] ||
		fail "this kernel does not take: $(tr '\n' ' ' < "$dest/debug-missing")"
	rm "$dest/debug-missing"
}

if [ "$(cat "$build/settings" 2>/dev/null)" = "$(settings)" ]; then
	exit 0
fi
: > "$log"
unpack
start=$(date +%s)
kernel_make KCONFIG_ALLCONFIG="$config" allnoconfig
check_config
kernel_make -j"$(nproc)" bzImage modules
settings > "$build/settings"
echo "# the debug kernel was built in $(($(date +%s) - start)) s"
