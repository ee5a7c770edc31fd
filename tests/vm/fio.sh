# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# fio.sh - what b-fio.sh runs beside our own: fio; and for every test ext4 on a loop device,
# if the kernel's modules for that and mke2fs are there. For run.sh, whose with_libraries()
# it uses.

FIO_MODULES="lib/crc16 crypto/crc32c_generic fs/mbcache fs/jbd2/jbd2 fs/ext4/ext4 drivers/block/loop"

# fill_modules FROM TO: those modules, in the order in which they are to be loaded.
fill_modules() {
	local module file n=0
	mkdir -p "$2"
	for module in $FIO_MODULES; do
		n=$((n + 1))
		for file in "$1/kernel/$module".ko*; do
			case $file in
			*.xz) xz -dc "$file" > "$2/$n-${module##*/}.ko";;
			*.ko) cp "$file" "$2/$n-${module##*/}.ko";;
			*) return 1;;
			esac
		done
	done
}

# fill_fio ROOT
fill_fio() {
	local root=$1 f
	command -v fio > /dev/null || return 0
	with_libraries "$(command -v fio)" | while read -r f; do
		[ -e "$root$f" ] || install -D "$f" "$root$f"
	done
	ln -sf "$(command -v fio)" "$root/bin/fio"
}

# fill_disk ROOT
fill_disk() {
	local root=$1 f
	f=$(PATH=$PATH:/sbin:/usr/sbin command -v mke2fs) || return 0
	fill_modules "/lib/modules/${KDIR#/usr/src/linux-headers-}" "$root/lib/disk-modules" || return 0
	install "$f" "$root/bin/mke2fs"
	with_libraries "$f" | grep '\.so' | while read -r f; do
		[ -e "$root$f" ] || install -D "$f" "$root$f"
	done
	[ ! -e /etc/mke2fs.conf ] || cp /etc/mke2fs.conf "$root/etc/"
}
