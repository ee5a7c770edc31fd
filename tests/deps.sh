#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# deps.sh PACKAGE...: install the Debian packages that are missing. Without
# root it only says which are, and the tests that need them skip.
set -u
missing=
for p; do
	dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing="$missing $p"
done
[ -n "$missing" ] || exit 0
if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
	echo "not installed:$missing (as root: apt-get install$missing)" >&2
	exit 0
fi
echo "installing:$missing"
log=$(mktemp)
# shellcheck disable=SC2086 # a list of words
if { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q \
	--no-install-recommends $missing; } >"$log" 2>&1; then
	rm -f "$log"
else
	tail -n 20 "$log" >&2
	rm -f "$log"
	exit 1
fi
