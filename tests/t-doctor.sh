#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# t-doctor.sh - `efuse doctor`: what it says about this machine, about machines
# with something switched off, and about programs of every kind.
# shellcheck disable=SC1091 # lib.sh is beside us
. "$(dirname "$0")/lib.sh"

need_program efuse
[ "$(id -u)" != 0 ] || enter_namespace "$@"

KNOB=/sys/module/fuse/parameters/enable_uring

doctor() {
	efuse doctor "$@" >"$T/out" 2>"$T/err"
	code=$?
}

# says WHAT PATTERN: a line of the last answer.
says() { like "$1" "$(cat "$T/out")" "$2"; }

# --- the command line --------------------------------------------------------

doctor --bogus
is "an unknown option is a usage error" "$code" 2
doctor a b
is "two programs are too" "$code" 2
doctor "$T/none"
is "a program that is not there is an error" "$code" 2
like "and named" "$(cat "$T/err")" "efuse: $T/none: .*No such file"
doctor surely-no-such-program
is "one that is not in PATH as well" "$code" 2

# --- this machine ------------------------------------------------------------

doctor
ok "the exit status is 0 or 1" test "$code" -le 1
says "the kernel" "^\\[ok\\] kernel +Linux $(uname -r | sed 's/[.+]/\\&/g')"
for check in enable_uring boot io_uring io_uring_disabled seccomp dev_fuse memlock nofile nice \
	fusermount3 fusermount mounting user_allow_other shim helper status driver rings own_fusermount3; do
	says "has a line on $check" "^\\[(ok|--|!!)\\] $check +[^ ]"
done
like "the last line is the sum" "$(tail -n 1 "$T/out")" "$(if [ "$code" = 0 ]; then
	echo "^FUSE-over-io_uring would serve"; else echo "^(plain FUSE would serve|mounting would fail)"; fi)"
text=$code
doctor --json
is "JSON has the same exit status" "$code" "$text"
if command -v jq >/dev/null; then
	is "and is valid" "$(jq '.checks | length > 10' "$T/out")" true
	like "and sums up the same" "$(jq -r .channel "$T/out")" \
		"$(if [ "$text" = 0 ]; then echo uring; else echo 'dev|none'; fi)"
else
	skip "and is valid" "needs jq"
fi

# --- something off -----------------------------------------------------------

EFUSE_SHIM=$T/none doctor
is "without the shim the exit status is 1" "$code" 1
says "and it says so" "^\\[--\\] shim .*$T/none"
echo rubbish >"$T/rubbish"
EFUSE_SHIM=$T/rubbish doctor
is "with a damaged one too" "$code" 1
code=$(ulimit -n 20; efuse doctor >"$T/out" 2>&1; echo $?)
is "with few open files as well" "$code" 1
says "and says which" '^\[--\] nofile +20 '
says "and what to do" '-> ulimit -n'

if [ "$(id -u)" = 0 ]; then
	if [ -e $KNOB ]; then
		echo N >"$T/N"
		mount --bind "$T/N" $KNOB
		doctor
		is "with the parameter off the exit status is 1" "$code" 1
		says "and it says so" '^\[--\] enable_uring .*switched off'
		says "and what to do" '-> sudo efuse setup'
		umount $KNOB
	fi
	if [ -e /proc/sys/kernel/io_uring_disabled ]; then
		echo 2 >"$T/2"
		mount --bind "$T/2" /proc/sys/kernel/io_uring_disabled
		doctor
		says "io_uring forbidden by sysctl" '^\[--\] io_uring_disabled +2: nobody'
		umount /proc/sys/kernel/io_uring_disabled
	fi
	if [ -d /sys/module/fuse ]; then
		mkdir "$T/empty"
		mount --bind "$T/empty" /sys/module/fuse
		doctor
		is "a kernel without the parameter: 1" "$code" 1
		says "and it says so" '^\[--\] enable_uring .*no FUSE-over-io_uring'
		umount /sys/module/fuse
	fi
	mount -t tmpfs none /dev
	doctor
	says "no /dev/fuse is bad" '^\[!!\] dev_fuse .*No such file'
	says "and what to do" '-> sudo modprobe fuse'
	is "the exit status is 1" "$code" 1
	is "and the sum" "$(tail -n 1 "$T/out")" "mounting would fail: see [!!]"
	umount /dev
	cp "$(command -v efuse)" "$T/efuse"
	chmod 755 "$T" "$T/efuse"
	setpriv --reuid 12345 --regid 12345 --clear-groups env -u XDG_RUNTIME_DIR \
		"$T/efuse" doctor >"$T/out" 2>&1
	ok "another user gets an answer" test $? -le 1
	says "about who may mount" '^\[(ok|!!)\] mounting +users'
	says "about SCHED_IDLE" '^\[..\] nice '
	says "about their status folder" '^\[ok\] status +/tmp/efuse-12345'
	not_ok "which is not made by asking" test -e /tmp/efuse-12345
else
	skip "things switched off" "needs root"
fi

if [ -x "$OUT/tests/prog-nouring" ]; then
	"$OUT/tests/prog-nouring" efuse doctor >"$T/out" 2>&1
	is "io_uring refused by a seccomp filter: 1" $? 1
	says "and it says so" '^\[--\] io_uring +a ring cannot be set up'
	says "and why" '(seccomp|io_uring_disabled)'
else
	skip "io_uring refused by a seccomp filter" "needs prog-nouring"
fi

# --- programs ----------------------------------------------------------------

# about PROGRAM PATTERN: what doctor says of a program that may not be installed.
about() {
	if command -v "$1" >/dev/null; then
		doctor "$1"
		says "$1: $2" "$2"
	else
		skip "$1: $2" "needs $1"
	fi
}

about bindfs '^\[ok\] library +libfuse 2: /.*libfuse\.so\.2'
about bindfs '^\[ok\] threads +one, unless'
about sshfs '^\[ok\] library +libfuse 3: /.*libfuse3\.so\.'
about ntfs-3g '^\[ok\] library +built in'
[ "$(id -u)" != 0 ] || about ntfs-3g '^\[ok\] preload +the shim can enter it'
about true '^\[--\] fuse +does not look like a FUSE program'
about gocryptfs '^\[--\] preload +the shim cannot enter it'
printf '#!/bin/sh\nexec bindfs "$@"\n' >"$T/script"
chmod 755 "$T/script"
about "$T/script" '^\[ok\] preload +the shim enters what the script starts'
printf 'int main(void) { return 0; }\n' >"$T/static.c"
if gcc -static -o "$T/static" "$T/static.c" 2>/dev/null; then
	about "$T/static" '^\[ok\] kind +static'
	about "$T/static" '^\[--\] preload +the shim cannot enter it'
	is "a static program gets plain FUSE" "$code" 1
else
	skip "static programs" "needs gcc and a static libc"
fi
head -c 4096 /dev/urandom >"$T/rubbish"
chmod 755 "$T/rubbish"
doctor "$T/rubbish"
ok "a file of rubbish does no harm" test "$code" -le 2
printf '\177ELF\2\1\1' >"$T/short"
chmod 755 "$T/short"
doctor "$T/short"
ok "nor does a short ELF file" test "$code" -le 2
doctor "$T"
is "a folder is an error" "$code" 2

finish
