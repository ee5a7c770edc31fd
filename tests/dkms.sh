#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dkms.sh - what `make check-dkms` runs: `make install-dkms` into a scratch folder,
# and dkms(8) adds, builds, installs and removes the driver for the Debian kernel
# whose headers are in $KDIR, in trees of its own.
# shellcheck disable=SC1091,SC2016 # lib.sh is beside us; run by eval
. "$(dirname "$0")/lib.sh"

need_root
need_program dkms make pahole patch xz
: "${KDIR:=none}" "${LINUX_SRC:=none}" "${VERSION:?what is installed}"
[ -f "$KDIR/Makefile" ] || skip_all "needs linux-headers-6.12-amd64"
[ -e "$LINUX_SRC" ] || skip_all "needs linux-source-6.12"
cd "$SRC" || exit 1
kernel=${KDIR#/usr/src/linux-headers-}
pattern=${kernel//+/\\+}
D=$T/root
export EFUSE_LINUX_SRC=$LINUX_SRC

# Neither the machine's dkms tree nor its modules are touched.
with_dkms() {
	dkms "$@" -m efuse -v "$VERSION" -k "$kernel" --sourcetree "$D/usr/src" \
		--dkmstree "$T/tree" --installtree "$T/modules" >"$T/log" 2>&1 ||
		{ sed 's/^/# /' "$T/log"; sed 's/^/# /' "$T"/tree/efuse/*/build/make.log 2>/dev/null | tail -5; false; }
}
run_make() { make --no-print-directory "$@" >"$T/log" 2>&1 || { sed 's/^/# /' "$T/log"; false; }; }
files() { (cd "$D" && find . ! -type d | sort); }
status() { dkms status --dkmstree "$T/tree" --sourcetree "$D/usr/src" --installtree "$T/modules" 2>&1; }

mkdir "$D" "$T/tree" "$T/modules"
ok "make install-dkms" run_make install-dkms DESTDIR="$D"
is "nothing of the kernel's is in it" "$(grep -rl 'Miklos Szeredi' "$D" | grep -v '\.patch$')" ""
is "it is of this version" "$(sed -n 's/^PACKAGE_VERSION=//p' "$D/usr/src/efuse-$VERSION/dkms.conf")" "\"$VERSION\""
is "all is in one folder" "$(files | grep -v "^./usr/src/efuse-$VERSION/")" ""
before=$(cd "$D" && find . -type f -exec sha256sum {} + | sort)
# dkms looks for a kernel's headers here.
mkdir -p "$T/modules/$kernel"
ln -s "$KDIR" "$T/modules/$kernel/build"
ok "dkms add" with_dkms add
ok "dkms build" with_dkms build --kernelsourcedir "$KDIR"
ok "dkms install" with_dkms install --no-depmod
like "dkms status" "$(status)" "efuse/$VERSION, $pattern, .*: installed"
ko=$(find "$T/modules" "$T/tree" -name 'efuse.ko*' -path '*updates*' | head -1)
ok "the module is where modprobe looks" test -n "$ko"
like "for this kernel" "$(/sbin/modinfo -F vermagic "$ko" 2>&1)" "^$pattern "
like "as the file system types efuse and efuseblk" "$(/sbin/modinfo -F alias "$ko" | tr '\n' ' ')" \
	'fs-efuseblk.*fs-efuse|fs-efuse .*fs-efuseblk'
case $ko in
*.xz) xz -dc "$ko" >"$T/efuse.ko";;
*) cp "$ko" "$T/efuse.ko";;
esac
like "with the types that BPF programs need" "$(readelf -SW "$T/efuse.ko")" ' \.BTF '
is "dkms leaves its source as it was" "$(cd "$D" && find . -type f -exec sha256sum {} + | sort)" "$before"
ok "another kernel is passed over" eval 'dkms build -m efuse -v "$VERSION" -k 6.99.0 --sourcetree "$D/usr/src" \
	--dkmstree "$T/tree" --installtree "$T/modules" --kernelsourcedir "$KDIR" >"$T/log" 2>&1; [ $? = 77 ]'
ok "dkms remove" with_dkms remove
is "nothing is left" "$(find "$T/modules" -name 'efuse.ko*')" ""
ok "make uninstall-dkms" run_make uninstall-dkms DESTDIR="$D"
is "nor of the source" "$(files)" ""
finish
