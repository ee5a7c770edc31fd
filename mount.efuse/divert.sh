#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# divert.sh add PROGRAM | remove: put PROGRAM in the place of the distribution's
# fusermount3, through dpkg-divert(1), and put everything back as it was.
# $DESTDIR is a root folder to work in, with its own var/lib/dpkg.
set -eu

root=${DESTDIR:-}
place=/usr/bin/fusermount3
aside=$place.distrib

divert() { dpkg-divert --quiet --local ${root:+--root="$root"} "$@" --divert "$aside" "$place"; }
diverted() { [ -n "$(dpkg-divert ${root:+--root="$root"} --list "$place")" ]; }
ours() { "$root$place" -V 2>/dev/null | grep -q efuse; }

# The new one lies ready before the old one goes, so that the gap is two renames.
add() {
	if diverted && ! ours; then
		echo "fusermount3: $place is diverted by somebody else; see dpkg-divert --list" >&2
		exit 1
	fi
	trap 'rm -f "$root$place.new"' EXIT
	install -m 4755 "$1" "$root$place.new"
	diverted || divert --rename --add
	mv -f "$root$place.new" "$root$place"
}

remove() {
	if ! diverted || ! ours; then
		echo "fusermount3: $place is not efuse's; nothing to do" >&2
		exit 0
	fi
	rm -f "$root$place"
	divert --rename --remove
}

command -v dpkg-divert >/dev/null || {
	echo "fusermount3: needs dpkg-divert; elsewhere put the program in place by hand" >&2
	exit 1
}
case ${1:-} in
add) add "$2";;
remove) remove;;
*) echo "usage: divert.sh add PROGRAM | remove" >&2; exit 1;;
esac
