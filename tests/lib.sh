# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# lib.sh - what every t-*.sh sources: TAP output, a scratch folder, a private
# mount namespace with our mount helper where mount(8) looks for it, clean-up.
#
#   . "$(dirname "$0")/lib.sh"
#   need_root                   # or: need_program bindfs, need_uring
#   enter_namespace "$@"        # re-executes the test in its own mount namespace
#   ok "what was checked" test -f "$T/file"
#   is "what" "$got" "$want"
#   finish                      # prints the plan
#
# $T is an empty scratch folder, removed at the end. $OUT is the build folder.

set -u

OUT=${OUT:-$(cd "$(dirname "$0")/.." && pwd)/out}
SRC=$(cd "$(dirname "$0")/.." && pwd)
export OUT SRC
export EFUSE_SHIM=${EFUSE_SHIM:-$OUT/lib/libefuse-shim.so}
PATH=$OUT/bin:$OUT/tests:$PATH:/usr/sbin:/sbin
export PATH

tests_run=0
tests_failed=0

# skip_all REASON: the whole test needs what this machine lacks.
skip_all() {
	echo "1..0 # SKIP $*"
	exit 0
}

need_root() {
	[ "$(id -u)" = 0 ] || skip_all "needs root"
}

need_program() {
	for p; do
		command -v "$p" >/dev/null || skip_all "needs $p"
	done
}

# FUSE-over-io_uring available and switched on (as root: switch it on).
have_uring() {
	local knob=/sys/module/fuse/parameters/enable_uring
	[ -e $knob ] || return 1
	case $(cat $knob) in Y|1) return 0;; esac
	[ "$(id -u)" = 0 ] && echo Y > $knob 2>/dev/null
}

need_uring() {
	have_uring || skip_all "needs FUSE over io_uring (Linux 6.14, fuse.enable_uring)"
}

# Re-execute the calling test in a private mount namespace in which
# /sbin/mount.efuse and /sbin/mount.fuse.efuse are the ones just built.
enter_namespace() {
	need_root
	[ -z "${EFUSE_TEST_NS:-}" ] || return 0
	rm -rf --one-file-system "$T"	# exec runs no EXIT trap; the next run makes its own
	EFUSE_TEST_NS=1 exec unshare --mount --propagation private "$0" "$@"
}

# stage_sbin: bind a copy of /usr/sbin with our helper in it over /usr/sbin.
stage_sbin() {
	mkdir "$T/sbin"
	cp -as /usr/sbin/. "$T/sbin/" 2>/dev/null
	# The links point to where the originals stay visible.
	mkdir "$T/sbin.orig"
	mount --bind /usr/sbin "$T/sbin.orig"
	find "$T/sbin" -type l | while read -r l; do
		ln -sf "$T/sbin.orig/$(basename "$l")" "$l"
	done
	ln -sf "$OUT/bin/mount.efuse" "$T/sbin/mount.efuse"
	ln -sf "$OUT/bin/mount.efuse" "$T/sbin/mount.fuse.efuse"
	mount --bind "$T/sbin" /usr/sbin
}

ok() {
	local what=$1
	shift
	tests_run=$((tests_run + 1))
	if "$@"; then
		echo "ok $tests_run - $what"
	else
		tests_failed=$((tests_failed + 1))
		echo "not ok $tests_run - $what"
		echo "# failed: $*"
	fi
}

not_ok() {
	local what=$1
	shift
	if "$@"; then ok "$what" false; else ok "$what" true; fi
}

is() {
	tests_run=$((tests_run + 1))
	if [ "$2" = "$3" ]; then
		echo "ok $tests_run - $1"
	else
		tests_failed=$((tests_failed + 1))
		echo "not ok $tests_run - $1"
		echo "# got:  $2" | head -20
		echo "# want: $3" | head -20
	fi
}

like() {
	tests_run=$((tests_run + 1))
	if printf '%s' "$2" | grep -Eq -- "$3"; then
		echo "ok $tests_run - $1"
	else
		tests_failed=$((tests_failed + 1))
		echo "not ok $tests_run - $1"
		printf '%s\n' "$2" | head -20 | sed 's/^/# got: /'
		echo "# want a match of: $3"
	fi
}

skip() {
	tests_run=$((tests_run + 1))
	echo "ok $tests_run - $1 # SKIP $2"
}

# wait_for SECONDS COMMAND...: until the command succeeds, 50 ms apart.
wait_for() {
	local end=$(($(date +%s%N) + $1 * 1000000000))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$(date +%s%N)" -lt $end ] || return 1
		sleep 0.05
	done
}

# mounted DIR: something is mounted exactly there.
mounted() {
	awk -v d="$1" '$5 == d { found = 1 } END { exit !found }' /proc/self/mountinfo
}

# A child that is killed before it has begun runs the EXIT trap of its parent:
# whatever such a trap calls asks this first.
not_a_child() { [ "$BASHPID" = $$ ]; }

# Everything below $T that is mounted, deepest first, then $T itself.
cleanup() {
	local status=$?
	trap - EXIT INT TERM
	not_a_child || exit "$status"
	if [ -n "${T:-}" ]; then
		awk -v t="$T/" 'index($5, t) == 1 { print $5 }' /proc/self/mountinfo | tac |
			while read -r m; do umount -l "$(printf '%b' "$m")" 2>/dev/null; done
		awk '$5 == "/usr/sbin" { print $5 }' /proc/self/mountinfo |
			while read -r m; do umount -l "$m" 2>/dev/null; done
		rm -rf --one-file-system "$T"
	fi
	exit $status
}

T=$(mktemp -d /tmp/efuse-test.XXXXXX)
trap cleanup EXIT
trap 'exit 130' INT TERM

finish() {
	echo "1..$tests_run"
	[ $tests_failed = 0 ]
	exit
}
