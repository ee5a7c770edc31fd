# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2034 source=tests/vm/lib.sh # for those who include us
# channel.sh - what the tests of the ring channel share: an unmodified file system on
# /mnt/a, started with `efuse wrap`, and what its status file says. Included after lib.sh.

efuse doctor | grep -q '^\[ok\] rings' || { echo "1..0 # SKIP this driver has no rings"; exit 0; }
export EFUSE_SHIM=/lib/libefuse-shim.so EFUSE_LOG=/tmp/shim.log
chmod 666 /dev/fuse

# run_exercise [SECTION...]: the exerciser, or those sections of it.
run_exercise() {
	: > /tmp/exercise
	status=0
	for section in "${@:-}"; do
		# shellcheck disable=SC2154 # n is of lib.sh
		prog-exercise /mnt/a - --seed "$n" --ops "$CHANNEL_OPS" --skip many --seconds 150 \
			${section:+--only "$section"} >> /tmp/exercise 2>&1 || status=1
	done
	grep -E '^fail' /tmp/exercise | sed 's/^/# /'
	return $status
}
mounted() { grep -q ' /mnt/a ' /proc/mounts; }
not_mounted() { ! mounted; }
gone() { ! kill -0 "$1" 2>/dev/null; }

# serve OPTIONS COMMAND...: it serves /mnt/a in the foreground; its process is $fs.
serve() {
	! mounted || umount -l /mnt/a	# what a failed test has left
	: > /tmp/shim.log
	rm -f /run/efuse/*-*
	mkdir -p /mnt/a /tmp/back
	serve_options=$1
	shift
	efuse wrap -o "$serve_options" "$@" > /tmp/daemon.log 2>&1 &
	fs=$!
	soon mounted && soon ls /mnt/a
}
# Unmounted, and the file system leaves well.
end() { umount /mnt/a && soon gone "$fs" && wait "$fs"; }

# stats KEY: of what serves, by its status file.
stats() {
	for file in /run/efuse/*-"$fs"-0; do prog-stats "$file" | sed -n "s/^$1=//p"; done
}
answered() { [ "$(stats ring.requests)" = "$(stats ring.replies)" ]; }
# What a ring's words say, added up.
over() { sum=0; for x in $(stats "core[0-9]*\.$1"); do sum=$((sum + x)); done; echo $sum; }
by_ring() {
	ok "$1: the channel" is "$(stats channel)" ring
	ok "$1: no reason for less" is "$(stats reason)" ""
	ok "$1: the rings served $(stats ring.requests), the device $(stats dev.requests)" \
		test "$(stats ring.requests)" -gt "${2:-20}"
	ok "$1: all is answered" soon answered
}

