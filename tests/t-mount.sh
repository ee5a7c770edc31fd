#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# t-mount.sh - the mount(8) helper, called by the real mount(8) with real fstab
# lines. Holds with and without a shim: the channel is another test's matter.
# shellcheck source=tests/lib.sh disable=SC1091,SC2016,SC2086,SC2317
. "$(dirname "$0")/lib.sh"
need_root
need_program bindfs findmnt setpriv
[ -e /dev/fuse ] || skip_all "needs /dev/fuse"
enter_namespace "$@"
stage_sbin

# Nothing of the machine's own is written to.
for d in /run/efuse /run/mount; do
	mkdir -p $d && mount -t tmpfs -o mode=755 none $d
done
cp /etc/fstab "$T/fstab" 2>/dev/null || : > "$T/fstab"
mount --bind "$T/fstab" /etc/fstab
chmod 755 "$T"

# A sanitized shim needs a sanitized program around it.
[ -z "${SAN:-}" ] || export EFUSE_SHIM=$T/none.so
S=$T/src
M=$T/mnt
mkdir "$S" "$M" "$T/other"
echo hello > "$S/file"

# spy: notes how it was called and in which state, then serves with bindfs.
cat > "$T/spy" <<END
#!/bin/bash
for a; do printf '%s\n' "\$a"; done > "$T/args"
grep -E '^Sig(Blk|Ign)' /proc/self/status > "$T/signals"
env > "$T/env"
ls -l /proc/\$\$/fd > "$T/fds"
echo \$\$ > "$T/pid"
if [ -e "$T/foreground" ]; then
	exec bindfs -f "\$1" "\$2"
fi
exec bindfs "\$1" "\$2"
END
chmod 755 "$T/spy"

mounts_on() {
	awk -v d="$1" '$5 == d' /proc/self/mountinfo | wc -l
}
args() {
	tr '\n' ' ' < "$T/args"
}
# run COMMAND...: its output into $out, its status into $rc.
run() {
	out=$(timeout 60 "$@" 2>&1)
	rc=$?
}
# gone PATTERN: no process has such a command line.
gone() {
	! pgrep -f "$1" > /dev/null
}
off() {
	umount "$M" 2>/dev/null
	rm -f "$T/args"
}

# --- sources and types ---

run mount -t fuse.efuse "bindfs#$S" "$M"
is "PROGRAM#SOURCE mounts" "$rc $(cat "$M/file")" "0 hello"
is "findmnt shows the real type and source" \
	"$(findmnt -n -o FSTYPE,SOURCE "$M" | tr -s ' ')" "fuse $S"
run umount "$M"
is "umount" "$rc $(mounts_on "$M")" "0 0"
ok "the program ends with its mount" wait_for 5 gone "^bindfs.* $M"

run mount -t fuse.efuse -o efuse.fs=bindfs "$S" "$M"
is "efuse.fs=PROGRAM mounts" "$rc $(cat "$M/file")" "0 hello"
off
run mount -t fuse.efuse -o "efuse.fs=$(command -v bindfs)" "$S" "$M"
is "efuse.fs=/absolute/path mounts" "$rc $(cat "$M/file")" "0 hello"
off
run mount -t fuse.efuse.bindfs "$S" "$M"
is "type fuse.efuse.PROGRAM mounts" "$rc $(cat "$M/file")" "0 hello"
off
run mount -t efuse "bindfs#$S" "$M"
is "type efuse mounts" "$rc $(cat "$M/file")" "0 hello"
off
if [ -x "$OUT/tests/fs-file" ]; then
	touch "$T/file"
	run mount -t fuse.efuse "$OUT/tests/fs-file#host:/a b" "$T/file"
	is "a file is mounted on" "$rc $(cat "$T/file")" "0 from host:/a b"
	is "findmnt shows fuse.X and the real source" \
		"$(findmnt -n -o FSTYPE,SOURCE "$T/file" | tr -s ' ')" "fuse.fs-file host:/a b"
	umount "$T/file"
else
	skip "a file is mounted on" "fs-file is not built (needs libfuse3-dev)"
	skip "findmnt shows fuse.X and the real source" "fs-file is not built (needs libfuse3-dev)"
fi

# --- what reaches the program ---

run mount -t fuse.efuse -o 'x-a.b=c,nofail,_netdev,uid=3,efuse.poll=7,yy="a,b",ro,zz=q' \
	"$T/spy#$S" "$M"
is "options pass unchanged, in order, without ours and mount(8)'s" \
	"$(args)" "$S $M -o ro,uid=3,yy=\"a,b\",zz=q,dev,suid "
# make(1) starts its children with the signals of libc's own, 32 and 33, ignored.
like "no signal is blocked or ignored" "$(tr -s '\t\n' ' ' < "$T/signals")" \
	'SigBlk: 0000000000000000 SigIgn: 0000000(0000|1800)0[0-9a-f]{4}'
like "PATH and HOME are there" "$(cat "$T/env")" '^HOME=/'
like "PATH is there" "$(cat "$T/env")" '^PATH=/'
off
run mount -t fuse.efuse -o nosuid,nodev "$T/spy#$S" "$M"
is "nosuid and nodev are not undone" "$(args)" "$S $M -o rw,nosuid,nodev "
off
exec 7< /etc/passwd
touch "$T/foreground"
run mount -t fuse.efuse -v "$T/spy#$S" "$M"
exec 7<&-
is "a program that stays in the foreground: mount returns" "$rc $(cat "$M/file")" "0 hello"
like "-v tells the command" "$out" "starting $T/spy: $T/spy $S $M -o rw,dev,suid"
is "no descriptor leaks into the program" "$(grep -c passwd "$T/fds")" 0
is "it stays after the helper has gone" "$(ps -o ppid= -p "$(cat "$T/pid")" | wc -l)" 1
ok "and lives though nobody reads what it says" \
	sh -c "echo 'are you there?' > /proc/$(cat "$T/pid")/fd/2 2>/dev/null; grep -q hello $M/file"
off
rm "$T/foreground"

# --- fstab ---

sp="$T/a b/ü č"
mkdir -p "$sp/src" "$sp/mnt"
echo spaced > "$sp/src/file"
esc=$(printf '%s' "$sp" | sed 's/ /\\040/g')
mkdir "$T/m0" "$T/m1" "$T/m2" "$T/m3"
cat > "$T/fstab" <<END
bindfs#$S $T/m1 fuse.efuse nofail,_netdev,x-systemd.automount,x-efuse.test=1 0 0
$esc/src $esc/mnt fuse.efuse efuse.fs=bindfs 0 0
$S $T/m0 fuse.efuse efuse.fs=bindfs,x-efuse.test=3 0 0
bindfs#$S $T/m2 fuse.efuse noauto 0 0
END
run mount -a
is "mount -a" "$rc $(cat "$T/m1/file") $(cat "$sp/mnt/file")" "0 hello spaced"
is "noauto is not mounted" "$(mounts_on "$T/m2")" 0
is "spaces and UTF-8 in source and mount point" "$(findmnt -n -o TARGET "$sp/mnt")" "$sp/mnt"
like "x-* of fstab is kept for findmnt" "$(findmnt -m -n -o OPTIONS "$T/m0")" 'x-efuse.test=3'
run mount -a
is "a second mount -a mounts nothing again" \
	"$rc $(mounts_on "$T/m1") $(mounts_on "$T/a\\\\040b/ü\\\\040č/mnt")" "0 1 1"
run mount "$T/m2"
is "mount by mount point" "$rc $(cat "$T/m2/file")" "0 hello"
run umount "$T/m0" "$T/m1" "$T/m2" "$sp/mnt"
is "umount all" "$rc $(mounts_on "$T/m1")$(mounts_on "$T/m2")" "0 00"
is "umount takes its notes along" "$(grep "/m0 " /run/mount/utab)" ""

cat > "$T/other-fstab" <<END
bindfs#$S $T/m1 fuse.efuse defaults 0 0
no-such-program#$S $T/m3 fuse.efuse defaults 0 0
END
run mount -a -T "$T/other-fstab"
is "mount -a -T with one bad line: the good one is there" "$rc $(cat "$T/m1/file")" "64 hello"
umount "$T/m1"

# --- remount ---

cat > "$T/fstab" <<END
bindfs#$S $T/m1 fuse.efuse attr_timeout=0,efuse.poll=3 0 0
END
mount "$T/m1" 2>/dev/null
daemon=$(pgrep -f "^bindfs.*$T/m1")
run mount -o remount,ro "$T/m1"
is "remount,ro by fstab" "$rc" 0
not_ok "nothing can be written then" sh -c "echo x > $T/m1/new" 2>/dev/null
run mount -o remount,rw,noatime "$T/m1"
is "remount,rw,noatime" "$rc" 0
ok "it can be written again" sh -c "echo x > $T/m1/new"
like "noatime is there" "$(findmnt -n -o OPTIONS "$T/m1")" noatime
is "the same program serves" "$(pgrep -f "^bindfs.*$T/m1")" "$daemon"
run mount -o remount,attr_timeout=1 "$T/m1"
is "a changed option of the program is refused" "$rc" 1
like "and named" "$out" 'option attr_timeout=1 cannot be changed by a remount'
run mount -o remount,efuse.poll=4 "$T/m1"
is "so is one of ours" "$rc" 1
run mount -t fuse.efuse -o remount,ro "bindfs#$S" "$M"
is "remount of what is not mounted" "$rc" 1
umount "$T/m1"

# --- flags ---

run mount -f -v -t fuse.efuse "bindfs#$S" "$M"
is "-f mounts nothing" "$rc $(mounts_on "$M")" "0 0"
like "-f -v tells what would be done" "$out" 'starting .*bindfs'
run mount -n -t fuse.efuse "bindfs#$S" "$M"
is "-n" "$rc $(mounts_on "$M")" "0 1"
off
run mount -s -t fuse.efuse -o efuse.nonsense=1 "bindfs#$S" "$M"
is "-s lets unknown options pass" "$rc $(mounts_on "$M")" "0 1"
like "-s says so" "$out" 'ignoring unknown options efuse.nonsense=1'
off
run mount.efuse "bindfs#$S" "$M" -o x-one.two,noauto
is "called without mount(8)" "$rc $(mounts_on "$M")" "0 1"
like "x-* is kept for findmnt" "$(findmnt -m -n -o OPTIONS "$M")" 'x-one.two'
off
(cd "$T" && mount.efuse "bindfs#src" mnt) 2>/dev/null
is "relative paths" "$(cat "$M/file")" hello
off
ln -s mnt "$T/link"
mount.efuse "bindfs#$S" "$T/link" 2>/dev/null
is "a mount point by symbolic link" "$(cat "$M/file")" hello
off
run mount.efuse --help
is "--help" "$rc $(printf '%s' "$out" | grep -c 'efuse\.channel=')" "0 1"
run mount.efuse --version
like "--version" "$out" '^mount.efuse [0-9]'
if unshare --mount true 2>/dev/null; then
	unshare --mount --propagation private sleep 30 &
	other=$!
	wait_for 5 sh -c "[ \"\$(readlink /proc/$other/ns/mnt)\" != \"\$(readlink /proc/self/ns/mnt)\" ]"
	run mount.efuse "bindfs#$S" "$M" -N $other
	is "-N mounts in the other namespace only" \
		"$rc $(mounts_on "$M") $(grep -c " $M " /proc/$other/mountinfo)" "0 0 1"
	kill $other
	wait $other 2>/dev/null
else
	skip "-N mounts in the other namespace only" "no further namespace"
fi

# --- stacking, waiting, signals ---

mount.efuse "bindfs#$S" "$M" 2>/dev/null
run mount.efuse "bindfs#$S" "$M"
is "the same again is not stacked" "$rc $(mounts_on "$M")" "0 1"
like "and says so" "$out" 'already mounted'
run mount.efuse -o nonempty "bindfs#$T/other" "$M"
is "another one is" "$rc $(mounts_on "$M")" "0 2"
off
off

cat > "$T/late" <<END
#!/bin/bash
sleep 0.7
exec bindfs "\$1" "\$2"
END
chmod 755 "$T/late"
run mount.efuse "$T/late#$S" "$M"
is "returns when the file system answers, not before" "$rc $(cat "$M/file")" "0 hello"
off
cat > "$T/detached" <<END
#!/bin/bash
(sleep 0.5; exec bindfs "\$1" "\$2") < /dev/null > /dev/null 2>&1 &
END
chmod 755 "$T/detached"
run mount.efuse "$T/detached#$S" "$M"
is "a program that goes to the background before it mounts" "$rc $(cat "$M/file")" "0 hello"
off

cat > "$T/never" <<END
#!/bin/bash
echo waiting >&2
sleep 987654
END
chmod 755 "$T/never"
for sig in TERM INT HUP; do
	timeout --preserve-status -s $sig 1.5 mount.efuse "$T/never#$S" "$M" 2> "$T/err"
	is "SIG$sig while it waits" "$?" 8
	ok "SIG$sig leaves no process" gone '^sleep 987654'
done
like "what the program said comes through" "$(cat "$T/err")" '^waiting'
bash -c "sleep 345679 & exec mount.efuse '$T/never#$S' '$M' -o efuse.timeout=1" 2> /dev/null
stranger=$(pgrep -f '^sleep 345679')
ok "children of the caller are left alone" kill "$stranger"

if command -v script > /dev/null; then
	cat > "$T/asks" <<END
#!/bin/bash
read -rsp "Password: " word < /dev/tty
[ "\$word" = secret ] && exec bindfs "\$1" "\$2"
END
	chmod 755 "$T/asks"
	out=$( (sleep 0.5; echo secret) | timeout 20 script -qec "mount.efuse '$T/asks#$S' '$M'" /dev/null)
	is "a program can ask for a password" "$(cat "$M/file")" hello
	like "and its question is seen" "$out" 'Password: '
	off
else
	skip "a program can ask for a password" "needs script"
fi

# --- user mounts ---

user=65534
if [ -u "$(command -v mount)" ] && command -v fusermount >/dev/null; then
	mknod "$T/fuse" c 10 229 && chmod 666 "$T/fuse" && mount --bind "$T/fuse" /dev/fuse
	mkdir "$T/run" && chown $user "$T/run" "$T/m3" && chmod 700 "$T/run"
	echo "bindfs#$S $T/m3 fuse.efuse user,noauto,no-allow-other,x-u=1 0 0
bindfs#$S $T/m1 fuse.efuse noauto 0 0" > "$T/fstab"
	export XDG_RUNTIME_DIR=$T/run
	as_user="setpriv --reuid $user --regid $user --clear-groups"
	run $as_user mount "$T/m3"
	is "a user mounts what fstab lets users mount" "$rc $($as_user cat "$T/m3/file")" "0 hello"
	[ "$rc" = 0 ] || echo "# $out"
	is "it runs as that user" "$(ps -o uid= -p "$(pgrep -f "^bindfs.*$T/m3")" | tr -d ' ')" $user
	like "with the flags of a user mount" "$(findmnt -n -o OPTIONS "$T/m3")" \
		"nosuid,nodev.*user_id=$user"
	run setpriv --reuid 65533 --regid 65533 --clear-groups umount "$T/m3"
	is "another user cannot unmount it" "$([ "$rc" != 0 ] && mounts_on "$T/m3")" 1
	run $as_user umount "$T/m3"
	is "the same user can" "$rc $(mounts_on "$T/m3")" "0 0"
	[ "$rc" = 0 ] || echo "# $out"
	run $as_user mount "$T/m1"
	is "what fstab does not offer stays refused" "$([ "$rc" != 0 ] && mounts_on "$T/m1")" 0
	run $as_user mount.efuse -o no-allow-other "bindfs#$S" "$T/m3"
	is "a user calls the helper directly" "$rc $($as_user cat "$T/m3/file")" "0 hello"
	run $as_user fusermount -u "$T/m3"
	is "and unmounts with fusermount" "$rc $(mounts_on "$T/m3")" "0 0"
	unset XDG_RUNTIME_DIR
	umount -l /dev/fuse
else
	skip "user mounts" "needs setuid mount and fusermount"
fi

finish
