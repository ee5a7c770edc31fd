#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# t-fusermount.sh - fusermount3 by itself: what it is made of, what is left of
# what it inherits, auto_unmount, --sync-init, user namespaces; then the file
# systems people use, mounting and unmounting through it as an ordinary user.
# shellcheck disable=SC1091,SC2016,SC2153 # beside us; run by eval; set there
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-fusermount.sh"

M=$T/m
mkdir "$M" "$T/bind" "$T/bind2"
chown "$ALICE:$ALICE" "$M"
mount_as() { local user=$1; shift; as "$user" "$COMMFD" "$OURS" "$@" </dev/null 2>&1; }
helpers() { pgrep -x -r R,S,D,T fusermount3 | wc -l; }
no_helpers() { [ "$(helpers)" = "$HELPERS" ]; }
# The user is this test's alone, and so are all processes of that user.
kill_alices() { for pid in $(pgrep -x -u "$ALICE" "$1"); do kill -KILL "$pid"; done; }
HELPERS=$(helpers)

# --- what it is made of ------------------------------------------------------

is "it links libc and nothing else" "$(readelf -d "$OURS" | sed -n 's/.*(NEEDED).*\[\(.*\)\].*/\1/p')" libc.so.6
is "it cannot start a program, load a library or ask for a user's name" "$(nm -D --undefined-only "$OURS" |
	awk '{ print $NF }' | sed 's/@.*//' |
	grep -E '^(exec|fexec|posix_spawn|system|popen|fork|vfork|clone|dlopen|getpw|getgr|initgroups|nss|wordexp)')" ""
is "it writes no file" "$(nm -D --undefined-only "$OURS" | awk '{ print $NF }' | sed 's/@.*//' |
	grep -E '^(creat|rename|unlink|mkdir|mkstemp|chmod|chown|truncate|symlink|link|lockf|flock|setmntent|addmntent)')" ""
like "the stack is not executable" "$(readelf -lW "$OURS" | grep GNU_STACK)" ' RW '
like "relocations are read-only" "$(readelf -dW "$OURS")" 'BIND_NOW|NOW'
if command -v strace >/dev/null; then
	strace -f -o "$T/trace" -e trace=execve,execveat,fork,vfork,clone,clone3 \
		"$COMMFD" "$OURS" -- "$M" >/dev/null
	is "nor does it in fact" "$(grep -cE 'exec|fork|clone' "$T/trace")" \
		"$(grep -cE "exec.*\"($COMMFD|$OURS)\"|clone.*= |fork.*= " "$T/trace")"
	umount -l "$M"
else
	skip "nor does it in fact" "needs strace"
fi

# --- what it is while it waits -----------------------------------------------

# A helper that stays behind, with everything a caller can leave it.
exec 8< <(exec sleep 300)
silent=$!
(
	ulimit -c unlimited 2>/dev/null
	umask 0
	exec 9</etc/passwd 10>"$T/open"
	as alice env EVIL=1 LD_PRELOAD= "$COMMFD" -bw "$OURS" -o auto_unmount,fsname=inherit -- "$M"
) <&8 >"$T/out" 2>&1 &
caller=$!
exec 8<&-
ok "a mount with auto_unmount" wait_for 5 grep -q '^fd' "$T/out"
# Nobody else's helper belongs to that user.
helper=$(pgrep -x -u "$ALICE" fusermount3 | head -1)
ok "its helper stays" test -n "$helper"
status=$(cat "/proc/$helper/status")
like "the ids are the caller's, all of them" "$status" "Uid:	$ALICE	$ALICE	$ALICE	$ALICE"
like "and the group's" "$status" "Gid:	$ALICE	$ALICE	$ALICE	$ALICE"
like "no capability is in effect" "$status" 'CapEff:	0000000000000000'
like "one is kept" "$status" 'CapPrm:	0000000000200000'
like "none can be passed on" "$status" 'CapInh:	0000000000000000'
like "it can gain nothing" "$status" 'NoNewPrivs:	1'
is "its descriptors: /dev/null, the table, the socket" "$(find "/proc/$helper/fd" -type l -printf '%l\n' |
	sed 's/:.*//' | sort | uniq -c | awk '{ printf "%s %s; ", $1, $2 }')" "3 /dev/null; 1 /proc/$helper/mountinfo; 1 socket; "
is "its folder is /" "$(readlink "/proc/$helper/cwd")" /
is "no core" "$(awk '/core file/ { print $5 }' "/proc/$helper/limits")" 0
like "files of its own would be private" "$status" 'Umask:	0077'
not_ok "its user cannot look into it" as alice cat "/proc/$helper/environ"
not_ok "nor at its descriptors" as alice ls "/proc/$helper/fd"
not_ok "nor at its memory" as alice head -c1 "/proc/$helper/mem"
if command -v strace >/dev/null; then
	not_ok "nor trace it" as alice timeout 5 strace -p "$helper" -o /dev/null
fi
kill "$caller" "$silent" 2>/dev/null
kill_alices commfd
ok "when the caller is killed the mount goes" wait_for 5 eval '! fuse_at "$M"'
ok "and so does the helper" wait_for 5 no_helpers
wait 2>/dev/null

# --- auto_unmount ------------------------------------------------------------

# start_auto MODE OPTIONS: a caller with auto_unmount that ends when $T/end is opened.
start_auto() {
	rm -f "$T/end"
	mkfifo "$T/end"
	as "${WHO:-alice}" "$COMMFD" "$1" "${PROGRAM:-$OURS}" -o "auto_unmount,$2" -- "${3:-$M}" < "$T/end" >"$T/out" 2>&1 &
	exec 8>"$T/end"
	wait_for 5 grep -q '^fd' "$T/out"
}
end_auto() { exec 8>&-; }

ok "auto_unmount" start_auto -K fsname=auto
mount --bind "$M" "$T/bind"
mkdir -p "$T/deep"
mount --bind "$M" "$T/deep"
mount --bind "$T/deep" "$T/bind2"
mount -t tmpfs -o size=1m none "$T/bind2"
end_auto
ok "takes away the mount" wait_for 5 eval '! fuse_at "$M"'
ok "its bind mounts" wait_for 5 eval '! fuse_at "$T/bind" && ! fuse_at "$T/deep"'
ok "the helper ends, though one is hidden" wait_for 20 no_helpers
ok "and what hides it stays" mounted "$T/bind2"
umount "$T/bind2"
umount -l "$T/bind2" 2>/dev/null

for odd in 'blank here' $'new\nline' $'tab\there' 'back\slash' '\040'; do
	mkdir "$T/$odd"
	chown "$ALICE" "$T/$odd"
	start_auto -K fsname=odd "$T/$odd"
	end_auto
	ok "auto_unmount at $(printf %q "$odd")" wait_for 5 eval '[ -z "$(fuse_mounts)" ]'
done

start_auto -K fsname=first
as alice "$OURS" -u "$M"
ok "its user unmounts: the helper has nothing to wait for" wait_for 5 no_helpers
end_auto
start_auto -K fsname=first
as alice "$OURS" -u "$M"
as alice "$COMMFD" -w "$OURS" -o fsname=second -- "$M" < <(sleep 3) >/dev/null 8>&- &
second=$!
ok "another mount has taken its place" wait_for 5 eval 'fuse_mounts | grep -q " second "'
end_auto
sleep 0.5
ok "that one stays" eval 'fuse_mounts | grep -q " second "'
wait $second
ok "even when it is dead" eval 'fuse_mounts | grep -q " second "'
ok "no helper is left" wait_for 15 no_helpers
drop_mounts

# The socket ends, the file system lives.
start_auto -W fsname=alive
sleep 0.5
ok "a file system that lives stays mounted" fuse_at "$M"
end_auto
ok "until it ends" wait_for 5 eval '! fuse_at "$M"'
ok "then its helper does" wait_for 15 no_helpers

# Somebody else's dead mount of another user stays.
mkdir "$T/bobs"
chown "$BOB" "$T/bobs"
as bob "$COMMFD" "$OURS" -o fsname=bobs -- "$T/bobs" >/dev/null
start_auto -K fsname=auto
end_auto
ok "auto_unmount again" wait_for 5 eval '! fuse_at "$M"'
ok "leaves another user's dead mount" fuse_at "$T/bobs"
drop_mounts

WHO=root start_auto -K fsname=roots
end_auto
ok "auto_unmount for root" wait_for 5 eval '! fuse_at "$M"'

# --auto-unmount: mounted by somebody else, watched by us.
mkfifo "$T/end2"
as alice "$COMMFD" -w "$OURS" -o fsname=watched -- "$M" < "$T/end2" >/dev/null &
exec 7>"$T/end2"
ok "a mount without auto_unmount" wait_for 5 fuse_at "$M"
is "--auto-unmount is refused to another user" \
	"$(as bob "$COMMFD" "$OURS" --auto-unmount -- "$M" 2>/dev/null | tail -1)" "rc=1"
is "and where nothing is mounted" \
	"$(as alice "$COMMFD" "$OURS" --auto-unmount -- "$T" 2>/dev/null | tail -1)" "rc=1"
mkfifo "$T/end3"
as alice bash -c 'exec 3< <(exec "$0" -k stream -w "$1" --auto-unmount -- "$2" <"$3"); cat <&3' \
	"$COMMFD" "$OURS" "$M" "$T/end3" >/dev/null 2>&1 &
exec 6>"$T/end3"
sleep 0.5
ok "while both live it stays" fuse_at "$M"
exec 7>&- 6>&-
kill_alices commfd
ok "--auto-unmount takes it away" wait_for 5 eval '! fuse_at "$M"'
ok "no helper is left" wait_for 15 no_helpers
drop_mounts

# --- --sync-init -------------------------------------------------------------

got=$(as alice "$COMMFD" -s go "$OURS" --sync-init -o fsname=sync -- "$M" 2>&1)
is "--sync-init: descriptor, go, status, done" "${got//$'\n'/ }" "fd status 0 rc=0"
ok "and mounted" fuse_at "$M"
drop_mounts
got=$(as alice "$COMMFD" -s hangup "$OURS" --sync-init -- "$M" 2>/dev/null)
is "a caller that hangs up" "${got//$'\n'/ }" "fd rc=1"
not_ok "mounts nothing" fuse_at "$M"
got=$(as alice "$COMMFD" -s go "$OURS" --sync-init -o max_read=x -- "$M" 2>/dev/null)
is "a mount that fails says so" "${got//$'\n'/ }" "fd status 1 rc=1"
got=$(as alice "$COMMFD" -x "$OURS" -o fsname=byoption -- "$M" 2>&1)
is "--comm-fd" "${got//$'\n'/ }" "fd rc=0"
drop_mounts

# --- limits, and a reader who has gone ----------------------------------------

for limit in '-n 3' '-n 5' '-n 7' '-s 16' '-v 8000' '-v 12000' '-f 0' '-t 1' '-l 0' '-d 0' '-u 1'; do
	# shellcheck disable=SC2086 # words
	got=$(as alice bash -c 'ulimit '"$limit"' 2>/dev/null; exec "$0" "$1" -- "$2"' "$COMMFD" "$OURS" "$M" 2>/dev/null)
	if [ "${got//$'\n'/ }" = "fd rc=0" ]; then
		ok "ulimit $limit: mounted" fuse_at "$M"
	else
		not_ok "ulimit $limit: ${got//$'\n'/ }, nothing mounted" fuse_at "$M"
	fi
	drop_mounts
done
got=$(as alice "$COMMFD" "$OURS" -o suid,large_read -- "$M" 2> >(:) )
is "messages that nobody reads do no harm" "${got//$'\n'/ }" "fd rc=0"
drop_mounts
got=$(as alice "$OURS" -u -- $'none\e[31m\n' 2>&1)
is "control characters are not printed" "$(tr -d '\n' <<<"$got" | tr -dc '\000-\037\177' | wc -c)" 0
for key in _FUSE_COMMFD= LD_PRELOAD=/nonexistent LD_LIBRARY_PATH=/nonexistent LIBMOUNT_FORCE_MOUNT2=always PATH= IFS=x \
	POSIXLY_CORRECT=1 MALLOC_CHECK_=3 GCONV_PATH=/nonexistent LC_ALL=x TZ=/nonexistent; do
	got=$(as alice env "$key" "$COMMFD" "$OURS" -- "$M" 2>&1)
	is "environment: ${key%%=*}" "$(tail -2 <<<"$got" | tr '\n' ' ')" "fd rc=0 "
	drop_mounts
done

# --- a user namespace --------------------------------------------------------

cp "$OURS" "$T/bin/plain"
chmod 755 "$T/bin/plain"
got=$(as alice "$COMMFD" "$T/bin/plain" -- "$M" 2>&1)
is "without the bit it is refused" "${got//$'\n'/ }" \
	"fusermount3: mount failed: Operation not permitted no fd rc=1"
if as alice unshare -Urm true 2>/dev/null; then
	got=$(as alice unshare -Urm bash -c '"$1" "$2" -o fsname=inside -- "$3"; grep -c " - fuse inside " /proc/self/mountinfo
		"$2" -u -- "$3"; grep -c " - fuse inside " /proc/self/mountinfo' - "$COMMFD" "$T/bin/plain" "$M" 2>&1)
	is "root of a user namespace: mount, unmount" "${got//$'\n'/ }" "fd rc=0 1 0"
	got=$(as alice unshare -Urm bash -c '"$1" "$2" -o fsname=inside -- "$3"' - "$COMMFD" "$OURS" "$M" 2>&1)
	is "and with a bit that means nothing there" "${got//$'\n'/ }" "fd rc=0"
	got=$(as alice unshare -Um --map-user="$ALICE" --map-group="$ALICE" --keep-caps bash -c \
		'"$1" "$2" -o fsname=inside -- "$3"; grep -o "inside.*" /proc/self/mountinfo' - "$COMMFD" "$T/bin/plain" "$M" 2>&1)
	is "an ordinary user of one" "${got//$'\n'/ }" "fd rc=0 inside rw,user_id=$ALICE,group_id=$ALICE"
else
	skip "user namespaces" "this machine has none for users"
fi
drop_mounts

# --- without the new mount API -----------------------------------------------

# Long names go through mount(2) even where the new API is there.
name=$(printf 'n%.0s' {1..3000})
mount_as alice -o "fsname=$name,subtype=t,default_permissions,max_read=8192,ro,noexec" -- "$M" >/dev/null
like "a name of 3000 bytes" "$(fuse_mounts)" \
	" ro,nosuid,nodev,noexec,relatime - fuse.t $name ro,user_id=$ALICE,group_id=$ALICE,default_permissions,max_read=8192"
drop_mounts
start_auto -K "fsname=$name"
end_auto
ok "and auto_unmount of it" wait_for 5 eval '! fuse_at "$M"'
if command -v strace >/dev/null; then
	strace -f -o /dev/null -e inject=fsopen:error=ENOSYS "$COMMFD" "$OURS" -o ro,fsname=old,subtype=t -- "$M" >/dev/null 2>&1
	like "a kernel without fsopen" "$(fuse_mounts)" \
		' ro,nosuid,nodev,relatime - fuse.t old ro,user_id=0,group_id=0'
	drop_mounts
	# The defaults may allow more than the file that a caller kept us from reading.
	got=$(strace -u efusealice -qq -f -o /dev/null -P /etc/fuse.conf -e inject=openat:error=EMFILE \
		"$COMMFD" "$OURS" -- "$M" 2>&1)
	like "a configuration that cannot be read is no leave to mount" "$got" 'cannot read /etc/fuse.conf.*|rc=1'
	not_ok "nothing is mounted then" fuse_at "$M"
	drop_mounts
	# Whichever step fails: nothing may stay mounted.
	for call in fsopen fsconfig fsmount move_mount capset capget prctl setrlimit close_range sendmsg statx fstatfs; do
		for n in 1 2 3 4 5 6 7 8; do
			strace -f -o "$T/trace" -e "inject=$call:error=EIO:when=$n" \
				"$COMMFD" "$OURS" -o ro,fsname=inject -- "$M" >"$T/out" 2>&1
			grep -q 'rc=0' "$T/out" || ! fuse_at "$M" || echo "$call $n: $(tr '\n' ' ' <"$T/out")"
			drop_mounts
		done
	done >"$T/left"
	is "a step that fails leaves nothing mounted" "$(cat "$T/left")" ""
else
	skip "a kernel without fsopen" "needs strace"
	skip "a step that fails leaves nothing mounted" "needs strace"
fi

# --- where the mount table says less ------------------------------------------

# A folder that is not the root of a mount: what it lies on is not in the table there.
jail=$T/jail
mkdir -p "$jail/d"
for dir in usr lib lib64 bin dev proc etc; do
	[ -d /$dir ] && mkdir "$jail/$dir" && mount --rbind /$dir "$jail/$dir"
done
mkdir "$jail/t"
mount --bind "$T/bin" "$jail/t"
chown "$ALICE" "$jail/d"
in_jail() { chroot --userspec="$1" "$jail" "${@:2}" 2>&1; }
got=$(in_jail "$ALICE:$ALICE" /t/commfd /t/fusermount3 -o fsname=jail -- /d)
is "a chroot that is a plain folder: a user mounts" "${got//$'\n'/ }" "fd rc=0"
ok "and it is there" fuse_at "$jail/d"
drop_mounts
umount -l "$jail/proc"
got=$(in_jail 0:0 /t/commfd /t/fusermount3 -o fsname=jail -- /d)
is "root does without a mount table" "${got//$'\n'/ }" "fd rc=0"
ok "and it is there" fuse_at "$jail/d"
drop_mounts
got=$(in_jail "$ALICE:$ALICE" /t/commfd /t/fusermount3 -o fsname=jail -- /d)
is "a user does not" "${got//$'\n'/ }" "fusermount3: cannot read the mount table: No such file or directory no fd rc=1"
for dir in usr lib lib64 bin dev etc t; do umount -l "$jail/$dir" 2>/dev/null; done

# --- the file systems people use ---------------------------------------------

# libfuse 3 tries its own path before $PATH: ours lies over both of them here.
for program in /usr/bin/fusermount3 /usr/bin/fusermount /bin/fusermount; do
	[ -e "$program" ] || continue
	real=$(readlink -f "$program")
	cmp -s "$real" "$OURS" || mount --bind "$OURS" "$real"
done
like "ours is the one that libraries find" "$(fusermount3 -V)" efuse
mkdir "$T/home" "$T/src"
echo hello >"$T/src/file"
chown -R "$ALICE:$ALICE" "$T/home" "$T/src"

# use NAME FILE COMMAND...: mounts $M as alice, FILE must be readable, unmount.
use() {
	local name=$1 file=$2
	shift 2
	as alice env -u LD_PRELOAD HOME="$T/home" "$@" >"$T/out" 2>&1 </dev/null
	ok "$name mounts as an ordinary user" wait_for 10 fuse_at "$M"
	is "and serves" "$(as alice cat "$M/$file" 2>&1)" hello
	like "for that user, without suid and dev" "$(fuse_mounts)" \
		"nosuid,nodev.*user_id=$ALICE,group_id=$ALICE"
	not_ok "another user cannot unmount it" as bob fusermount3 -u "$M"
	ok "and unmounts" as alice fusermount3 -u -- "$M"
	ok "it is gone" wait_for 5 eval '! fuse_at "$M"'
	[ -s "$T/out" ] && grep -v '^$' "$T/out" | head -3 | sed 's/^/# /'
	drop_mounts
}

if command -v bindfs >/dev/null; then
	use "bindfs" file bindfs --no-allow-other "$T/src" "$M"
	as alice bindfs -f --no-allow-other -o auto_unmount "$T/src" "$M" >/dev/null 2>&1 &
	wait_for 5 fuse_at "$M"
	kill_alices bindfs
	ok "bindfs with auto_unmount, killed" wait_for 5 eval '! fuse_at "$M"'
	wait 2>/dev/null
else
	skip "bindfs" "not installed"
fi
if command -v ntfs-3g >/dev/null && command -v mkntfs >/dev/null && command -v ntfscp >/dev/null; then
	truncate -s 4M "$T/ntfs"
	mkntfs -q -F "$T/ntfs" >/dev/null 2>&1
	ntfscp -q "$T/ntfs" "$T/src/file" file >/dev/null 2>&1
	chown "$ALICE" "$T/ntfs"
	# Debian's refuses users by itself where it brings its own fuse-lite.
	if as alice ntfs-3g "$T/ntfs" "$M" >"$T/out" 2>&1 || grep -q 'fusermount' "$T/out"; then
		as alice fusermount3 -u "$M"
		use "ntfs-3g" file ntfs-3g "$T/ntfs" "$M"
	else
		skip "ntfs-3g" "it refuses ordinary users: $(head -1 "$T/out")"
	fi
	drop_mounts
else
	skip "ntfs-3g" "not installed"
fi
if command -v gocryptfs >/dev/null; then
	mkdir "$T/crypt"
	chown "$ALICE" "$T/crypt"
	echo secret >"$T/home/pw"
	as alice env HOME="$T/home" gocryptfs -q -init -scryptn 10 -passfile "$T/home/pw" "$T/crypt" >"$T/out" 2>&1
	as alice env HOME="$T/home" gocryptfs -q -passfile "$T/home/pw" "$T/crypt" "$M" >>"$T/out" 2>&1
	as alice cp "$T/src/file" "$M/file"
	as alice fusermount3 -u "$M"
	use "gocryptfs (Go)" file gocryptfs -q -passfile "$T/home/pw" "$T/crypt" "$M"
else
	skip "gocryptfs" "not installed"
fi
if command -v sshfs >/dev/null; then
	# No network: sftp-server on the other end of a pipe.
	server=$(find /usr/lib/openssh /usr/libexec/openssh -name sftp-server 2>/dev/null | head -1)
	if [ -n "$server" ]; then
		printf '#!/bin/sh\nexec %s\n' "$server" >"$T/bin/ssh"
		chmod 755 "$T/bin/ssh"
		use "sshfs" file sshfs -o ssh_command="$T/bin/ssh" "host:$T/src" "$M"
	else
		skip "sshfs" "needs sftp-server"
	fi
else
	skip "sshfs" "not installed"
fi
# No efuse driver here: whoever asks for it gets the stock one, and hears why if it was named.
# ask OPTIONS [ENV...]: what the helper says; the mount's type goes to $kind.
ask() {
	local options=$1
	shift
	said=$(as alice env "$@" "$COMMFD" ${how:+"$how"} "$OURS" -o "subtype=y$options" -- "$M" 2>&1)
	kind=$(fuse_mounts | sed -n 's/.* - \([^ ]*\) .*/\1/p')
	drop_mounts
}
if [ ! -e /dev/efuse ]; then
	ask ""
	is "who says nothing has the stock driver" "$kind $said" $'fuse.y fd\nrc=0'
	ask ,efuse.driver=auto
	is "who wants the best there is, too, without a word" "$kind $said" $'fuse.y fd\nrc=0'
	ask ,efuse.driver=efuse
	is "who names it, hears why not" "$kind $said" \
		$'fuse.y fusermount3: the efuse driver is not loaded; the stock driver serves\nfd\nrc=0'
	ask "" EFUSE_DRIVER=efuse
	like "in the environment as well" "$said" 'is not loaded; the stock driver serves'
	how=-e ask "" EFUSE_DRIVER=efuse
	like "and in the caller's, when it hands none on" "$said" 'is not loaded; the stock driver serves'
	ask ,efuse.driver=stock EFUSE_DRIVER=efuse
	is "an option is stronger" "$kind $said" $'fuse.y fd\nrc=0'
	ask "" EFUSE_DRIVER=nonsense EFUSE_CACHE=x
	like "what is wrong there is told and ignored" "$kind $said" \
		'fuse.y fusermount3: environment: efuse.driver=nonsense: .*; ignored'
	ask ,efuse.cache=nonsense
	like "what is wrong in an option is an error" "$kind $said" 'efuse.cache=nonsense: not one of.*'
	if [ -e /etc/fuse.conf ]; then
		echo 'efuse_driver = efuse' >>"$T/fuse.conf"
		ask ""
		like "the administrator asks for all" "$said" 'is not loaded; the stock driver serves'
		ask ,efuse.driver=stock
		is "unless they say what they want" "$said" $'fd\nrc=0'
		sed -i '/^efuse_driver/d' "$T/fuse.conf"
	fi
fi
# As an AppImage does: a static program that speaks the protocol by itself.
if gcc -static -O1 -D_GNU_SOURCE -o "$T/bin/static" "$SRC/tests/prog-commfd.c" 2>/dev/null; then
	got=$(as alice "$T/bin/static" fusermount3 -o fsname=app,subtype=image,ro,nosuid,nodev -- "$M")
	is "a static program mounts" "${got//$'\n'/ }" "fd rc=0"
	ok "its mount is there" fuse_at "$M"
	ok "and unmounts" as alice fusermount3 -uz "$M"
else
	skip "a static program" "needs gcc and a static libc"
fi
is "nothing is left" "$(fuse_mounts)" ""
ok "no helper either" wait_for 15 no_helpers
finish
