#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# t-fusermount-divert.sh - `make install-fusermount` and back, in a folder that
# stands for the root: the distribution's program is used again afterwards, bit
# for bit, and dpkg knows of nothing.
# shellcheck disable=SC1091 # beside us
. "$(dirname "$0")/lib.sh"
need_root
need_program dpkg-divert install

R=$T/root
mkdir -p "$R/usr/bin" "$R/var/lib/dpkg/info" "$R/var/lib/dpkg/updates"
touch "$R/var/lib/dpkg/status"
printf '#!/bin/sh\necho "fusermount3 version: 3.14.0"\n' >"$R/usr/bin/fusermount3"
chmod 4755 "$R/usr/bin/fusermount3"
touch -d '2023-04-18 10:00:00.123456789' "$R/usr/bin/fusermount3"
ln -s fusermount3 "$R/usr/bin/fusermount"

# Contents, owners, modes, times and links of everything but dpkg's backups.
picture() {
	(cd "$R" && find . ! -name '*-old' ! -name lock ! -path ./var/lib/dpkg/diversions ! -type d \
		-printf '%P %m %U %G %T@ %s %l\n' | sort && sha256sum usr/bin/fusermount3 && cat var/lib/dpkg/diversions 2>/dev/null)
}
divert() { DESTDIR="$R" "$SRC/mount.efuse/divert.sh" "$@" >"$T/out" 2>&1; }

before=$(picture)
ok "install" divert add "$OUT/libexec/fusermount3"
like "ours is in place" "$("$R/usr/bin/fusermount3" -V)" efuse
like "under the older name too" "$("$R/usr/bin/fusermount" -V)" efuse
is "set-user-ID" "$(stat -c %a "$R/usr/bin/fusermount3")" 4755
like "dpkg knows" "$(dpkg-divert --root="$R" --list)" 'local diversion of /usr/bin/fusermount3 to /usr/bin/fusermount3.distrib'
ok "the distribution's is beside it" test -u "$R/usr/bin/fusermount3.distrib"
ok "again" divert add "$OUT/libexec/fusermount3"
is "no further file" "$(find "$R/usr/bin" | wc -l)" 4
ok "uninstall" divert remove
is "everything is as it was" "$(picture)" "$before"
ok "again" divert remove
is "still" "$(picture)" "$before"

# Somebody else's diversion is left alone.
dpkg-divert --quiet --local --root="$R" --rename --divert /usr/bin/fusermount3.other --add /usr/bin/fusermount3
cp "$R/usr/bin/fusermount3.other" "$R/usr/bin/fusermount3"
before=$(picture)
not_ok "a diversion of somebody else" divert add "$OUT/libexec/fusermount3"
divert remove
is "is left alone" "$(picture)" "$before"
finish
