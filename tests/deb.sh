#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# deb.sh - `make deb`'s packages: lintian has nothing to say, and in a root of their
# own (an overlay of this machine's, which stays as it is) they install, divert
# fusermount3, and give it back bit for bit.
# shellcheck disable=SC1091,SC2016 # lib.sh is beside us; run elsewhere
. "$(dirname "$0")/lib.sh"
enter_namespace "$@"
D=${DEBS:?the folder with the packages}

if command -v lintian >/dev/null; then
	is "lintian has nothing to say" "$(lintian --allow-root --fail-on none "$D"/*.changes 2>&1 |
		grep -vE 'running with root privileges|^N:')" ""
else
	skip "lintian has nothing to say" "needs lintian"
fi
like "fusermount3 is set-user-ID" "$(dpkg-deb -c "$D"/efuse_*.deb)" '-rwsr-xr-x root/root .* \./usr/lib/efuse/fusermount3'
is "nothing else is" "$(for deb in "$D"/*.deb; do dpkg-deb -c "$deb"; done | grep -c '^-[rwx-]*s')" 1

source=$(dpkg-deb -c "$D"/efuse-dkms_*.deb)
like "the driver's source is where dkms looks" "$source" ' \./usr/src/efuse-[0-9.]*/dkms\.conf$'
like "with what builds it" "$source" '^-rwx.* \./usr/src/efuse-[0-9.]*/prepare\.sh$'
is "and of its version" "$(dpkg-deb --fsys-tarfile "$D"/efuse-dkms_*.deb | tar -xO --wildcards '*/dkms.conf' |
	sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p')" "$(dpkg-deb -f "$D"/efuse-dkms_*.deb Version)"
like "the policies and their loader are together" "$(dpkg-deb -c "$D"/efuse-bpf_*.deb)" \
	'\./usr/lib/efuse/(efuse-policy|bpf/generic\.bpf\.o)$'
like "efuse setup finds its unit" "$(dpkg-deb -c "$D"/efuse_*.deb)" ' \./lib/systemd/system/efuse\.service$'

mkdir "$T/upper" "$T/root"
mount -t tmpfs none "$T/upper" && mkdir "$T/upper/u" "$T/upper/w" "$T/upper/d" || exit 1
if ! mount -t overlay -o "lowerdir=/,upperdir=$T/upper/u,workdir=$T/upper/w" none "$T/root" 2>/dev/null; then
	skip "install and remove" "needs overlayfs"
	finish
fi
for dir in proc sys dev; do mount --rbind /$dir "$T/root/$dir"; done
cp "$D"/*.deb "$T/root/tmp/"
in_root() { DEBIAN_FRONTEND=noninteractive chroot "$T/root" "$@" >>"$T/out" 2>&1; }
picture() {
	chroot "$T/root" sh -c 'for f in /usr/bin/fusermount3 /usr/bin/fusermount /usr/share/man/man1/fusermount3.1.gz; do
		stat -c "%n %a %u %g %s %Y %N" $f; sha256sum < $f; done; dpkg-divert --list "*fusermount*"; dpkg -V fuse3' 2>&1
}
before=$(picture)
ok "efuse installs" in_root sh -c 'dpkg -i /tmp/efuse_*.deb'
is "and changes nothing of fuse3" "$(picture)" "$before"
like "it runs" "$(chroot "$T/root" efuse --version)" '^efuse [0-9]'
ok "efuse-fusermount3 installs" in_root sh -c 'dpkg -i /tmp/efuse-fusermount3_*.deb'
like "and is the one in use" "$(chroot "$T/root" fusermount3 -V)" efuse
like "under the older name too" "$(chroot "$T/root" fusermount -V)" efuse
ok "again" in_root sh -c 'dpkg -i /tmp/efuse-fusermount3_*.deb'
ok "it is removed" in_root dpkg -r efuse-fusermount3
is "fuse3's is as it was" "$(picture)" "$before"
ok "efuse is purged" in_root dpkg -P efuse-fusermount3 efuse
is "nothing is left" "$(cd "$T/root" && find usr sbin etc \( -name 'efuse*' -o -name 'libefuse*' -o \
	-name 'mount*.efuse*' \) 2>/dev/null)" ""
[ "${tests_failed:?}" = 0 ] || sed 's/^/# /' "$T/out" | tail -20
finish
