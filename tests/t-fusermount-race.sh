#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# t-fusermount-race.sh - mounting and unmounting while the same user swaps the
# mount point, its folders and links: nothing is ever mounted where he may not,
# and nothing of root's is unmounted. $RACE_ROUNDS rounds (400).
# shellcheck disable=SC1091,SC2153 # beside us; set there
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-fusermount.sh"

mkdir "$T/race"
prog-mountrace "$OURS" "$T/race" "$ALICE" "${RACE_ROUNDS:-400}" >"$T/out" 2>&1
status=$?
sed 's/^/# /' "$T/out" | head -20
is "nothing is mounted where the user may not, nothing of root's is gone" $status 0
umount "$T/race/victim/x"
ok "some of the mounts succeeded" grep -qE ' [1-9][0-9]* mounted' "$T/out"
ok "and some met a swap" grep -qE ' [1-9][0-9]* refused' "$T/out"
finish
