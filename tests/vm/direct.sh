# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2034,SC2154 # for those who include us; status is ours
# direct.sh - what the tests of the direct path share: files f1 to f4 of /tmp/back that
# /mnt/a shows, and how often the file system is asked for them. Included after channel.sh.

READ=15 WRITE=16
FILES="1 2 3 4"
# random FILE COUNT: so many thousand bytes.
random() { dd if=/dev/urandom "of=$1" bs=1000 count="$2" 2>/dev/null; }
is_file() { [ "$(md5sum)" = "$(md5sum < "/tmp/back/$1")" ]; }
# In pieces of a page, so that ranges are many, or of so many bytes.
same() { dd "if=/mnt/a/$1" bs="${2:-4096}" 2>/dev/null | is_file "$1"; }
pages_same() { pages "$1" "/mnt/a/$2" | is_file "$2"; }
all_same() { for i in $FILES; do same "f$i" || { echo "# f$i"; return 1; }; done; }
state() { [ "$(stats direct)" = "$1" ] || { echo "# $(stats direct)"; return 1; }; }
# asked_for OPCODE COMMAND...: leaves in $asked how many of these go to the file system.
asked_for() {
	opcode=$1
	shift
	asked=$(sent "$opcode")
	"$@"
	status=$?
	asked=$(($(sent "$opcode") - asked))
	return $status
}
asks() { asked_for $READ "$@"; }
