#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# t-wrap.sh - `efuse wrap`: a command line as it is, in another environment.
# shellcheck source=tests/lib.sh disable=SC1091,SC2016,SC2030,SC2031
. "$(dirname "$0")/lib.sh"
need_program efuse

export XDG_RUNTIME_DIR=$T
run() {
	out=$(timeout 60 "$@" 2>&1)
	rc=$?
}
said() {
	like "$1" "$rc $(printf '%s' "$out" | tr '\n' '~')" "^$2 .*$3"
}
# A sanitized shim needs a sanitized program around it.
[ -z "${SAN:-}" ] || export EFUSE_SHIM=$T/none.so
real_shim=$EFUSE_SHIM
export EFUSE_SHIM=$T/none.so

# --- the command is what it would be without us ---

is "arguments pass unchanged" "$(efuse wrap printf '%s|' -v 'a b' '' -- '*' 2> /dev/null)" \
	'-v|a b||--|*|'
is "-- ends our own flags" "$(efuse wrap -- printf '%s|' x 2> /dev/null)" 'x|'
run efuse wrap sh -c 'exit 42'
is "its exit status is the result" "$rc" 42
is "standard input" "$(echo in | efuse wrap cat 2> /dev/null)" in
is "descriptors stay open" "$(efuse wrap cat /dev/fd/7 2> /dev/null 7<<< seven)" seven
efuse wrap sh -c 'echo $$' > "$T/pid" 2> /dev/null &
wait $!
is "it takes our place" "$(cat "$T/pid")" $!
efuse wrap sleep 60 2> /dev/null &
pid=$!
wait_for 5 grep -q sleep "/proc/$pid/comm"
kill $pid
wait $pid
is "signals reach it" "$?" 143
is "it runs here" "$(cd "$T" && efuse wrap pwd 2> /dev/null)" "$T"

# --- what it says ---

run efuse wrap true
said "no shim: said, and run all the same" 0 \
	'efuse wrap: true: the shim .*none.so: No such file or directory; plain FUSE serves'
run efuse wrap no-such-command
said "not found" 127 'no-such-command: command not found'
run efuse wrap "$T"
said "not executable" 126 'cannot execute'
printf '#!/no/interpreter\n' > "$T/bad" && chmod 755 "$T/bad"
run efuse wrap "$T/bad"
said "interpreter missing" 126 'its interpreter is missing'
run efuse wrap
said "no command" 1 'no command given; usage:'
run efuse wrap -z true
said "unknown flag" 1 '-z: unknown flag'
run efuse wrap -o
said "-o without argument" 1 'needs an argument'
run efuse wrap -o efuse.chanel=dev true
said "unknown option" 1 'unknown option efuse.chanel; did you mean efuse.channel\?'
run efuse wrap --efuse.poll=99999 true
said "out of range" 1 'out of range 0 to 10000'
run efuse wrap -o efuse.fs=sshfs true
said "an option of mounts only" 1 'option efuse.fs has no meaning here'
run efuse wrap -o allow_other true
said "the program's option" 1 'it belongs behind the command'
run efuse wrap --help
is "--help" "$rc $(printf '%s' "$out" | grep -c 'efuse\.channel=')" "0 1"

# --- the environment ---

if command -v cc > /dev/null; then
	EFUSE_SHIM=$T/shim.so
	echo 'const unsigned int efuse_shim_abi = 1;' | cc -shared -fPIC -x c -o "$T/shim.so" -
	env=$(efuse wrap -o efuse.channel=dev --efuse.poll=7,efuse.log=/l env 2> /dev/null)
	like "LD_PRELOAD" "$env" "^LD_PRELOAD=$T/shim.so\$"
	like "EFUSE_ABI" "$env" '^EFUSE_ABI=1$'
	like "EFUSE_CHANNEL" "$env" '^EFUSE_CHANNEL=dev$'
	like "EFUSE_POLL" "$env" '^EFUSE_POLL=7$'
	like "EFUSE_LOG" "$env" '^EFUSE_LOG=/l$'
	like "EFUSE_TOKEN" "$env" '^EFUSE_TOKEN=[0-9a-f]{32}$'
	like "EFUSE_STATUS" "$env" '^EFUSE_STATUS=/'
	token() { efuse wrap env 2> /dev/null | grep ^EFUSE_TOKEN; }
	not_ok "every start has its own token" [ "$(token)" = "$(token)" ]
	like "what is preloaded already stays in front" \
		"$(ASAN_OPTIONS=verify_asan_link_order=0 LD_PRELOAD=$T/shim.so efuse wrap env 2> /dev/null)" \
		"^LD_PRELOAD=$T/shim.so:$T/shim.so\$"
	like "a variable set by hand holds" \
		"$(EFUSE_POLL=3 efuse wrap env 2> /dev/null)" '^EFUSE_POLL=3$'
	like "an option is stronger" \
		"$(EFUSE_POLL=3 efuse wrap --efuse.poll=4 env 2> /dev/null)" '^EFUSE_POLL=4$'
	is "nothing else changes" \
		"$(efuse wrap env 2> /dev/null | grep -vE '^(EFUSE_(ABI|TOKEN|STATUS)|LD_PRELOAD)=' | grep -v '^_=')" \
		"$(env | grep -vE '^(EFUSE_(ABI|TOKEN|STATUS)|LD_PRELOAD)=' | grep -v '^_=')"
	run efuse wrap -v true
	said "-v tells what is done" 0 'starting /.*/true with the shim'
	if echo 'int main(void) { return 5; }' | cc -static -x c -o "$T/static" - 2> /dev/null; then
		run efuse wrap "$T/static"
		said "a static program is run plain" 5 'static is statically linked.*; plain FUSE serves'
		# Only what fusermount3 reads goes to a program without the shim.
		if echo 'extern char **environ; int puts(const char *);
			int main(void) { for (char **e = environ; *e; e++) puts(*e); return 0; }' |
			cc -static -w -x c -o "$T/show" - 2> /dev/null; then
			env=$(efuse wrap -o efuse.driver=stock,efuse.cache=always,efuse.policy=p "$T/show" 2> /dev/null)
			like "a static program is told the driver" "$env" '^EFUSE_DRIVER=stock$'
			like "the cache" "$env" '^EFUSE_CACHE=always$'
			like "the policy" "$env" '^EFUSE_POLICY=p$'
			is "nothing that is for the shim" "$(grep -E '^(EFUSE_(ABI|TOKEN|STATUS)|LD_PRELOAD)=' <<< "$env")" ""
			like "and has its PATH" "$env" "^PATH=$(printf '%s' "$PATH" | sed 's/[.+]/\\&/g')\$"
			# As if that driver were there: our fusermount3 comes first.
			cp "$OUT/libexec/fusermount3" "$T/fusermount3"
			[ "$(id -u)" != 0 ] || like "with the efuse driver our fusermount3 comes first" \
				"$(EFUSE_FUSERMOUNT=$T/fusermount3 EFUSE_DRIVER=efuse efuse wrap "$T/show" 2> /dev/null)" \
				"^PATH=$T:"
			like "unless it cannot mount" \
				"$(EFUSE_FUSERMOUNT=$T/none EFUSE_DRIVER=efuse efuse wrap "$T/show" 2> /dev/null)" \
				"^PATH=$(printf '%s' "$PATH" | sed 's/[.+]/\\&/g')\$"
		fi
	else
		skip "a static program is run plain" "the C library is not there as an archive"
	fi
else
	skip "the environment" "needs a C compiler to make a shim"
fi

# --- a FUSE program ---

EFUSE_SHIM=$real_shim
if [ "$(id -u)" = 0 ] && [ -e /dev/fuse ] && command -v bindfs > /dev/null; then
	mkdir "$T/src" "$T/mnt"
	echo hello > "$T/src/file"
	run efuse wrap bindfs "$T/src" "$T/mnt"
	is "efuse wrap bindfs" "$rc $(cat "$T/mnt/file")" "0 hello"
	umount "$T/mnt"
	run efuse wrap bindfs "$T/nothing" "$T/mnt"
	said "its own error" 1 'Failed to resolve source directory'
else
	skip "efuse wrap bindfs" "needs root, /dev/fuse and bindfs"
fi

finish
