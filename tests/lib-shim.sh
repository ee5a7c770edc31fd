# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# lib-shim.sh - what the t-shim-*.sh share: a FUSE daemon with the shim in it,
# what its status file says, and the exerciser's lines as TAP. Sources lib.sh.
#
#   . "$(dirname "$0")/lib-shim.sh"
#   shim_begin "$@"                  # skips what cannot run here; own namespace
#   serve uring "$M" fs-mem -f "$M"  # $daemon is its pid, $M the mount point
#   exercise "what" "$M" - --features xattr
#   served_by uring "what"
#   stop "what"                      # unmounts; the daemon must leave
#   shim_finish
#
# EFUSE_TEST_PLAIN=1 runs everything without the shim: the tests themselves are
# then what is tested.

# shellcheck source=tests/lib.sh disable=SC1091
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

M=$T/mnt
daemon=
export TMPDIR=$T

# Without need_uring, for tests that do what they can on plain FUSE.
shim_begin_anywhere() {
	[ -w /dev/fuse ] || skip_all "needs read and write access to /dev/fuse"
	[ -n "${EFUSE_TEST_PLAIN:-}" ] || [ -e "$EFUSE_SHIM" ] || skip_all "needs $EFUSE_SHIM"
	[ "$(id -u)" != 0 ] || enter_namespace "$@"
	forget_foreign
	mkdir -p "$M" "$T/back" "$T/status"
}

shim_begin() {
	shim_begin_anywhere "$@"
	[ -n "${EFUSE_TEST_PLAIN:-}" ] || need_uring
}

# Our namespace has a copy of every mount of its parent; as long as that is
# there, an unmount elsewhere would not end the connection.
forget_foreign() {
	[ -n "${EFUSE_TEST_NS:-}" ] || return 0
	awk '{ for (i = 7; $i != "-"; i++); if ($(i + 1) ~ /^fuse/) print $5 }' \
		/proc/self/mountinfo | tac |
		while read -r m; do umount -l "$(printf '%b' "$m")" 2>/dev/null; done
}

# What LD_PRELOAD must hold. A sanitized shim wants its runtime first.
shim_preload() {
	case ${SAN:-} in
	*address*) printf '%s ' "$(gcc -print-file-name=libasan.so)";;
	*undefined*) printf '%s ' "$(gcc -print-file-name=libubsan.so)";;
	esac
	printf '%s' "$EFUSE_SHIM"
}

# shimmed CHANNEL COMMAND...: become COMMAND, with the shim. For use in ( ).
shimmed() {
	local channel=$1
	shift
	[ -z "${EFUSE_TEST_PLAIN:-}" ] || exec "$@"
	exec env EFUSE_ABI="${SHIM_ABI:-1}" EFUSE_CHANNEL="$channel" \
		EFUSE_STATUS="${SHIM_STATUS:-$T/status}" EFUSE_TOKEN="$(date +%s%N)" \
		${SHIM_LOG:+EFUSE_LOG="$SHIM_LOG"} \
		ASAN_OPTIONS="detect_leaks=0:verify_asan_link_order=0:log_path=$T/san" \
		UBSAN_OPTIONS="print_stacktrace=1:log_path=$T/san" \
		LD_PRELOAD="$(shim_preload)" "$@"
}

# serve CHANNEL DIR COMMAND...: a daemon that stays in the foreground, until DIR
# is mounted.
serve() {
	local channel=$1 dir=$2
	shift 2
	( shimmed "$channel" "$@" ) >>"$T/daemon.log" 2>&1 &
	daemon=$!
	wait_for 10 mounted "$dir" && return
	serve_failed "$*"
}

serve_failed() {
	echo "# did not mount within 10 s: $*"
	[ ! -s "$T/daemon.log" ] || tail -n 10 "$T/daemon.log" | sed 's/^/# /'
	return 1
}

# stats KEY [N]: from the status file of the N-th connection (0) of $daemon.
stats() {
	local file
	for file in "$T"/status/*-"$daemon-${2:-0}"; do
		[ ! -e "$file" ] || prog-stats "$file" | sed -n "s/^$1=//p"
	done
}

# All that was asked is answered: nothing is left in the daemon.
quiet() {
	[ "$(stats ring.requests "${1:-0}")" = "$(stats ring.replies "${1:-0}")" ]
}

# served_by uring|dev WHAT [N]: the channel did the work, not only its name.
served_by() {
	local n=${3:-0}
	[ -z "${EFUSE_TEST_PLAIN:-}" ] || return 0
	is "$2: channel" "$(stats channel "$n")" "$1"
	if [ "$1" = uring ]; then
		ok "$2: the ring served ($(stats ring.requests "$n") requests)" \
			test "0$(stats ring.requests "$n")" -gt 20
		is "$2: nothing took the device that need not" "$(stats dev.odd "$n")" 0
		is "$2: no reason to complain" "$(stats reason "$n")" ""
		ok "$2: every request was answered" wait_for 5 quiet "$n"
	else
		is "$2: the ring served nothing" "$(stats ring.requests "$n")" 0
		like "$2: a reason is told" "$(stats reason "$n")" '.'
	fi
}

# exercise WHAT DIR BACKING ARGUMENTS...: each section is one assertion.
exercise() {
	local what=$1 verdict name rest rc
	shift
	prog-exercise "$@" > "$T/exercise.log"
	rc=$?
	while read -r verdict name rest; do
		case $verdict in
		pass) ok "$what: $name" true;;
		fail) not_ok "$what: $name $rest" true;;
		skip) skip "$what: $name" "$rest";;
		features:) echo "# $what: features $name $rest";;
		esac
	done < "$T/exercise.log"
	if [ $rc -gt 1 ]; then ok "$what: the exerciser came to its end" false; fi
}

gone() {
	! kill -0 "$1" 2>/dev/null
}

unmount() {
	if [ "$(id -u)" = 0 ]; then umount "$@"; else fusermount3 -u "$1"; fi
}

# left WHAT SECONDS [STATUS]: the daemon ends by itself; with STATUS, if given.
left() {
	local rc
	if ! wait_for "$2" gone "$daemon"; then
		ok "$1: the daemon leaves within $2 s" false
		kill -9 "$daemon"
		wait "$daemon" 2>/dev/null
		return
	fi
	wait "$daemon" 2>/dev/null
	rc=$?
	if [ -n "${3:-}" ]; then
		is "$1: the daemon leaves within $2 s, status" "$rc" "$3"
	else
		ok "$1: the daemon leaves within $2 s" true
	fi
}

# Nothing stays in the status folder when a daemon has ended by itself.
no_status_left() {
	is "$1: no status file is left" "$(ls "$T/status")" ""
	rm -f "$T"/status/*
}

# stop WHAT [DIR...]: unmount; the daemon leaves with 0 and takes its file along.
stop() {
	local what=$1 dir
	shift
	[ $# -gt 0 ] || set -- "$M"
	for dir; do
		ok "$what: unmounts" unmount "$dir"
	done
	left "$what" 5 0
	no_status_left "$what"
}

# No sanitizer had anything to say about the shim or a daemon.
shim_finish() {
	local report
	for report in "$T"/san.*; do
		[ -e "$report" ] || continue
		ok "no sanitizer report" false
		head -n 60 "$report" | sed 's/^/# /'
	done
	finish
}
