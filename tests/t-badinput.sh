#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# t-badinput.sh - what cannot work gets a clear error within bounded time, and
# leaves no mount and no process behind; what cannot be had is said, and the
# mount is plain FUSE.
# shellcheck source=tests/lib.sh disable=SC1091,SC2016,SC2086,SC2317
. "$(dirname "$0")/lib.sh"
need_root
need_program bindfs setpriv
[ -e /dev/fuse ] || skip_all "needs /dev/fuse"
enter_namespace "$@"
mkdir -p /run/efuse && mount -t tmpfs -o mode=755 none /run/efuse
chmod 755 "$T"

# A sanitized shim needs a sanitized program around it.
[ -z "${SAN:-}" ] || export EFUSE_SHIM=$T/none.so
S=$T/src
M=$T/mnt
mkdir "$S" "$M"
echo hello > "$S/file"

run() {
	out=$(timeout 60 "$@" 2>&1)
	rc=$?
}
# All of $out on one line.
flat() {
	printf '%s' "$out" | tr '\n' '~'
}
gone() {
	! pgrep -f "$1" > /dev/null
}
# said WHAT STATUS PATTERN: the last run ended so, said so, and mounted nothing.
said() {
	like "$1" "$rc $(flat)" "^$2 .*$3"
	if mounted "$M"; then
		ok "$1: nothing is mounted" false
		umount -l "$M"
	fi
}
# serves WHAT PATTERN: the last run mounted, and said so.
serves() {
	like "$1" "$rc $(cat "$M/file" 2>&1) $(flat)" "^0 hello .*$2"
	umount "$M"
}
# script NAME: an executable script from standard input.
script() {
	{ echo '#!/bin/bash'; cat; } > "$T/$1"
	chmod 755 "$T/$1"
}

# --- the command line ---

run mount.efuse
said "no argument" 1 'no source and mount point given; usage:'
run mount.efuse "bindfs#$S"
said "one argument" 1 'no mount point given; usage:'
run mount.efuse "bindfs#$S" "$M" more
said "three arguments" 1 'more than a source and a mount point given'
run mount.efuse "bindfs#$S" "$M" -Z
said "unknown flag" 1 'unknown flag'
run mount.efuse "$S" "$M"
said "no program" 1 'which FUSE program\? Write PROGRAM#SOURCE or -o efuse.fs=PROGRAM'
run mount.efuse "#$S" "$M"
said "an empty program" 1 'which FUSE program'
run mount.efuse "bindfs#-o" "$M"
said "a source like an option" 1 "begins with '-'"
run mount.efuse "bindfs#$S" "$M" -N /nonexistent
said "no such namespace" 32 'cannot enter the mount namespace: No such file'

# --- options ---

run mount.efuse "bindfs#$S" "$M" -o efuse.chanel=uring
said "unknown option" 1 'unknown option efuse.chanel; did you mean efuse.channel\?'
run mount.efuse "bindfs#$S" "$M" -o efuse.cahce=auto
said "swapped letters" 1 'unknown option efuse.cahce; did you mean efuse.cache\?'
run mount.efuse "bindfs#$S" "$M" -o efuse.poll=10001
said "out of range" 1 'efuse.poll=10001: out of range 0 to 10000'
run mount.efuse "bindfs#$S" "$M" -o efuse.timeout=forever
said "no number" 1 'efuse.timeout=forever: not a number'
run mount.efuse "bindfs#$S" "$M" -o efuse.channel=fast
said "no such channel" 1 'not one of auto\|ring\|uring\|dev'
run mount.efuse "bindfs#$S" "$M" -o 'x="a,b'
said "an open quote" 1 'a quote is not closed'
run mount.efuse "bindfs#$S" "$M" -o setuid=nobody
said "setuid= is not silently lost" 1 'setuid=nobody is not supported'
run mount.efuse "bindfs#$S" "$M" -o "$(printf 'efuse.\033[31m=1')"
said "control characters do not reach the terminal" 1 'efuse.\\033\[31m'

# --- the program ---

run mount.efuse "no-such-program#$S" "$M"
said "missing" 32 'cannot find the FUSE program no-such-program; is it installed\?'
run mount.efuse "/nonexistent/prog#$S" "$M"
said "missing, by path" 32 'cannot find the FUSE program /nonexistent/prog'
run mount.efuse "$S/file#$S" "$M"
said "not executable" 32 'cannot execute the FUSE program .*: Permission denied'
run mount.efuse "$S#$S" "$M"
said "a directory" 32 'cannot execute the FUSE program .*: Is a directory'
printf '#!/no/interpreter\n' > "$T/bad" && chmod 755 "$T/bad"
run mount.efuse "$T/bad#$S" "$M"
said "its interpreter is missing" 32 'cannot execute .*: its interpreter is missing'
printf 'what is this' > "$T/bad"
run mount.efuse "$T/bad#$S" "$M"
said "no program at all" 32 'cannot execute .*: Exec format error'
: > "$T/bad"
run mount.efuse "$T/bad#$S" "$M"
said "an empty file" 32 'cannot execute .*: Exec format error'
head -c 200 "$(command -v bindfs)" > "$T/bad"
run mount.efuse "$T/bad#$S" "$M"
said "a damaged program" 32 '(killed by signal|cannot execute|ended with status)'
run mount.efuse "true#$S" "$M"
said "no FUSE program" 32 'did not mount anything here'
like "which is said" "$out" 'does not look like a FUSE program'

script status3 <<< 'echo "my own words" >&2; exit 3'
run mount.efuse "$T/status3#$S" "$M"
said "ends with an error" 32 'status3 ended with status 3 and did not mount'
like "its own message reaches the person" "$out" '^my own words$'
script killed <<< 'kill -SEGV $$'
run mount.efuse "$T/killed#$S" "$M"
said "is killed" 32 'killed was killed by signal 11'
script loud <<< 'head -c 3000000 /dev/zero | tr "\0" @; exit 1'
run mount.efuse "$T/loud#$S" "$M"
is "whatever it says is passed on" "$(printf '%s' "$out" | tr -cd @ | wc -c)" 3000000
run mount.efuse "bindfs#$T/nothing" "$M"
said "a missing source is the program's to report" 32 'Failed to resolve source directory'

# --- a program that never mounts ---

script never <<'END'
trap '' TERM
echo "still thinking" >&2
(setsid bash -c 'trap "" TERM; sleep 876543; sleep 876543' &) # gone to the background
sleep 876543; sleep 876543
END
before=$(date +%s)
run mount.efuse "$T/never#$S" "$M" -o efuse.timeout=1
said "never mounts" 32 'never has not mounted after 1 s and was ended'
like "what it said is shown" "$out" '^still thinking'
ok "within bounded time" [ $(($(date +%s) - before)) -le 9 ]
ok "no process of it is left" gone '^sleep 876543'
script backgrounds <<< '(setsid sleep 876544 < /dev/null > /dev/null 2>&1 &); exit 0'
run mount.efuse "$T/backgrounds#$S" "$M" -o efuse.timeout=1
said "goes to the background and never mounts" 32 'has not mounted after 1 s'
ok "no process of that is left" gone '^sleep 876544'
if [ -x "$OUT/tests/prog-mute" ]; then
	run mount.efuse "$OUT/tests/prog-mute#mute" "$M" -o efuse.timeout=1
	said "mounts and does not answer" 32 'mounted, but does not answer after 1 s'
	ok "and is ended" gone 'prog-mute mute'
	run mount.efuse "$OUT/tests/prog-mute#gone" "$M"
	said "mounts and goes away" 32 'mounted and then went away'
	"$OUT/tests/prog-mute" gone "$M" 2> /dev/null
	run mount.efuse "bindfs#$S" "$M"
	like "a dead file system on the mount point" "$rc $out" '^32 .*whose program has ended'
	umount -l "$M"
	"$OUT/tests/prog-mute" mute "$M" 2> /dev/null &
	mute=$!
	wait_for 5 mounted "$M"
	run mount.efuse "bindfs#$S" "$M" -o efuse.timeout=1
	like "one that hangs" "$rc $out" '^32 .*mounted here does not answer'
	kill -9 $mute
	wait $mute 2> /dev/null
	umount -l "$M"
else
	skip "mounts and does not answer" "prog-mute is not built"
fi

# --- the mount point ---

run mount.efuse "bindfs#$S" "$T/nowhere"
said "missing" 32 'nowhere: the mount point does not exist'
run mount.efuse "bindfs#$S" "$T/nowhere/at/all"
said "missing, deep" 32 'the mount point does not exist'
run mount.efuse "bindfs#$S" "$S/file/x"
said "below a file" 32 'Not a directory'
run mount.efuse "bindfs#$S" "$S/file"
like "a directory on a file is the program's to refuse" "$rc" 32
ln -s loop "$T/loop"
run mount.efuse "bindfs#$S" "$T/loop"
said "a loop of links" 32 'Too many levels of symbolic links'
bad=$(printf '%s/new\nline' "$T")
mkdir "$bad" "$T/$(printf 'e\033c')"
run mount.efuse "bindfs#$S" "$bad"
said "a newline in its name" 32 'new\\012line: a mount point with control characters'
run mount.efuse "bindfs#$S" "$T/$(printf 'e\033c')"
said "an escape in its name" 32 'e\\033c: a mount point with control characters'
ln -s "$bad" "$T/innocent"
run mount.efuse "bindfs#$S" "$T/innocent"
said "a link to such a one" 32 'control characters'
run mount.efuse "bindfs#$S" ""
said "an empty name" 32 'the mount point does not exist'
run mount.efuse "bindfs#$S" "$T/$(printf 'x%.0s' {1..300})"
said "too long a name" 32 'File name too long'
mkdir "$M/used"
run mount.efuse "bindfs#$S" "$M"
said "not empty: the program's own rule and words" 32 'nonempty'
rmdir "$M/used"

# --- descriptors and output ---

mount.efuse "bindfs#$S" "$M" <&- >&- 2>&-
rc=$? out=
serves "standard descriptors closed" ''
(mount.efuse "$T/loud#$S" "$M" 2> "$T/err"; echo $? > "$T/rc") | true
is "nobody listens" "$(cat "$T/rc")" 32

# --- permissions ---

user=65534
chmod 755 "$S" && chown $user "$M"
mkdir "$T/run" && chown $user "$T/run" && chmod 700 "$T/run"
as_user="setpriv --reuid $user --regid $user --clear-groups env XDG_RUNTIME_DIR=$T/run"
mknod "$T/fuse" c 10 229 && mount --bind "$T/fuse" /dev/fuse
chmod 600 "$T/fuse"
run $as_user mount.efuse "bindfs#$S" "$M" -o no-allow-other
said "no permission for /dev/fuse" 32 '/dev/fuse: Permission denied'
chmod 666 "$T/fuse"
cp "$(command -v bindfs)" "$T/setuid" && chmod 4755 "$T/setuid"
run $as_user mount.efuse "$T/setuid#$S" "$M"
serves "a set-id program mounts plain, and it is said" 'setuid is set-id or has capabilities'
if command -v fusermount > /dev/null; then
	rm -rf "$T/run/efuse"
	ln -s /tmp "$T/run/efuse"
	run $as_user mount.efuse "bindfs#$S" "$M" -o no-allow-other,efuse.channel=dev
	rm -rf "$T/run/efuse"
	like "a status folder that is a link is not used" "$rc $(flat)" \
		'^0 .*(status folder .*run/efuse|the shim)'
	$as_user fusermount -u "$M"
	chmod 700 "$M"
	run $as_user mount.efuse "bindfs#$S" /root
	said "a mount point of somebody else" 32 ''
else
	skip "a status folder that is a link is not used" "needs fusermount"
fi
umount -l /dev/fuse

# --- what the shim cannot enter ---

export EFUSE_SHIM=$T/none.so
run mount.efuse "bindfs#$S" "$M"
serves "no shim" 'the shim .*none.so: No such file or directory; plain FUSE serves'
for bad in empty garbage relative; do
	case $bad in
	empty)	: > "$T/bad.so";;
	garbage) head -c 5000 /dev/urandom > "$T/bad.so";;
	relative) EFUSE_SHIM=bad.so;;
	esac
	[ $bad = relative ] || EFUSE_SHIM=$T/bad.so
	run mount.efuse "bindfs#$S" "$M"
	serves "a shim that is $bad" 'shim.*; plain FUSE serves'
done
if command -v cc > /dev/null && command -v "${CC:=cc}" > /dev/null; then
	EFUSE_SHIM=$T/shim.so
	shim() {
		echo "$1" | $CC -shared -fPIC -x c -o "$T/shim.so" -
	}
	shim 'const unsigned int efuse_shim_abi = 999;'
	run mount.efuse "bindfs#$S" "$M"
	serves "a shim of another version" 'is of version 999, this program of 1; install both from one build; plain'
	shim 'int nothing;'
	run mount.efuse "bindfs#$S" "$M"
	serves "a library that is no shim" 'is not an efuse shim; plain FUSE serves'
	head -c 4000 "$T/shim.so" > "$T/cut.so"
	EFUSE_SHIM=$T/cut.so
	run mount.efuse "bindfs#$S" "$M"
	serves "a shim cut short" '; plain FUSE serves'

	EFUSE_SHIM=$T/shim.so
	shim 'const unsigned int efuse_shim_abi = 1;'
	main='#include <unistd.h>
	int main(int c, char **v) { (void)c; return execvp("bindfs", v); }'
	if echo "$main" | $CC -static -x c -o "$T/static" - 2> /dev/null; then
		run mount.efuse "$T/static#$S" "$M"
		serves "a static program" 'static is statically linked.*; plain FUSE serves it'
	else
		skip "a static program" "the C library is not there as an archive"
	fi
	go='__asm__(".section .note.go.buildid,\"a\",@note\n.long 4,4,4\n.asciz \"Go\\0\"\n.long 1\n.previous");'
	printf '%s\n%s\n' "$main" "$go" | $CC -x c -o "$T/go" -
	run mount.efuse "$T/go#$S" "$M"
	serves "a Go program" 'go is a Go program.*; plain FUSE serves it'

	run mount.efuse "bindfs#$S" "$M" -o efuse.channel=ring
	serves "the ring channel" 'ring channel needs the efuse driver.*taking efuse.channel=auto'
	umount /run/efuse
	mount -t tmpfs -o mode=755,ro none /run/efuse
	run mount.efuse "bindfs#$S" "$M"
	serves "no place for status files" 'status folder /run/efuse: Read-only file system'
	umount /run/efuse
	mount -t tmpfs -o mode=755,uid=$user none /run/efuse
	run mount.efuse "bindfs#$S" "$M"
	serves "a status folder of somebody else" 'status folder /run/efuse belongs to user 65534'
	umount /run/efuse
	mount -t tmpfs -o mode=777 none /run/efuse
	run mount.efuse "bindfs#$S" "$M"
	serves "a status folder open to all" 'status folder /run/efuse can be written by others'
	umount /run/efuse
	mount -t tmpfs -o mode=755,size=4k,nr_inodes=1 none /run/efuse
	run mount.efuse "bindfs#$S" "$M"
	serves "no space for status files" ''
else
	skip "shims of every kind" "needs a C compiler"
fi

is "nothing is left mounted" "$(grep -c " $M " /proc/self/mountinfo)" 0
ok "no program is left running" wait_for 5 gone "^(bindfs|$T/).* $M"
finish
