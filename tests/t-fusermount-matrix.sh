#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# t-fusermount-matrix.sh - our fusermount3 and the distribution's side by side:
# options, users, mount points, descriptors, configurations, unmounting and
# command lines, multiplied. Both must end with the same status, hand out a
# descriptor in the same cases and leave the same mounts behind. Where they do
# not, the case must be in the list of differences, with the reason.
# shellcheck disable=SC1091,SC2016,SC2153 # beside us; run by eval; set there
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-fusermount.sh"
[ -n "$THEIRS" ] || skip_all "needs the distribution's fusermount3"
[ -e /etc/fuse.conf ] || skip_all "needs /etc/fuse.conf"

P=$T/p
calls=0
different=0
declare -A why=() bad=()

# --- what is known to differ, and why ----------------------------------------

# difference CASE OURS THEIRS: prints the reason, or nothing when there is none.
difference() {
	case $1 in
	'fd '*' full '*)
		echo "a socket that takes nothing: theirs waits for ever, ours fails";;
	'fd '*|'inherit '*' zero')
		# Ours refuses; theirs has mounted.
		case "$2 $3" in 'no fd'*'rc=1 /  no fd'*'rc='*' / / /'*)
			echo "nobody can take the descriptor: theirs leaves a dead mount behind";;
		esac;;
	'unmount '*' covered '*)
		echo "another user's mount on top: theirs takes that away, ours refuses";;
	'unmount '*' nameless '*)
		echo "a user without a name: theirs cannot tell whose mount it is";;
	'cmdline '*'--unmount'*|'cmdline '*'--options'*)
		echo "long options of later releases";;
	esac
}

# --- running both ------------------------------------------------------------

# What one program does: its words to the library, its status, what is mounted.
# $BEFORE is run first, each time.
outcome() {
	local program=$1
	drop_mounts
	eval "$BEFORE"
	RESULT=$(cd "$P" && exec "${RUN[@]//PROGRAM/$program}" 2>/dev/null </dev/null)
	read_mounts
	RESULT+=" / ${MOUNTS[*]}"
}

# compare CASE: RUN and BEFORE are set.
compare() {
	local ours reason
	calls=$((calls + 1))
	outcome "$OURS"
	ours=$RESULT
	outcome "$THEIRS"
	[ "$ours" != "$RESULT" ] || return 0
	different=$((different + 1))
	reason=$(difference "$1" "$ours" "$RESULT")
	if [ -n "$reason" ]; then
		why[$reason]=$((${why[$reason]:-0} + 1))
	else
		bad[$1]="ours: ${ours//$'\n'/ } theirs: ${RESULT//$'\n'/ }"
	fi
}

# user_run USER COMMAND...: RUN for that user.
user_run() {
	local user=$1
	shift
	case $user in
	root) RUN=("$@");;
	alice) RUN=(setpriv --reuid "$ALICE" --regid "$ALICE" --clear-groups -- "$@");;
	member) RUN=(setpriv --reuid "$BOB" --regid "$BOB" --groups "$ALICE" -- "$@");;
	nameless) RUN=(setpriv --reuid 61299 --regid 61299 --clear-groups -- "$@");;
	bob) RUN=(setpriv --reuid "$BOB" --regid "$BOB" --clear-groups -- "$@");;
	esac
}

mount_case() {
	local name=$1 user=$2 kind=$3 options=$4 point=$5
	user_run "$user" "$COMMFD" -t 2 -k "$kind" PROGRAM -o "$options" -- "$point"
	compare "$name"
}

# --- the places --------------------------------------------------------------

mkdir "$P"
chown "$ALICE:$ALICE" "$P"
(
	cd "$P" || exit
	mkdir d d/s ro other group sticky mine-sticky hidden hidden/in 'a b' $'line\nfeed' $'tab\there' 'back\slash' \
		'\040' 'com,ma' -- -dash 'ü'
	touch f rofile other-file group-file
	chown -R "$ALICE:$ALICE" d ro mine-sticky hidden f rofile 'a b' $'line\nfeed' $'tab\there' 'back\slash' '\040' \
		'com,ma' ./-dash 'ü' group group-file
	chown 0:0 other other-file
	chmod 555 ro
	chmod 444 rofile
	chmod 775 group
	chmod 664 group-file
	chmod 1777 sticky mine-sticky
	chmod 700 hidden
	ln -s d link
	ln -s f link-file
	ln -s . self
	ln -s nowhere dangling
	ln -s loop loop
	mkfifo fifo
	chown "$ALICE" fifo
)
mkdir "$P/tmpfs" "$P/ramfs" "$P/devpts"
mount -t tmpfs -o mode=777 none "$P/tmpfs"
mount -t ramfs -o mode=777 none "$P/ramfs"
mkdir "$P/tmpfs/x" "$P/ramfs/x"
chown "$ALICE" "$P/tmpfs/x" "$P/ramfs/x"

conf() { printf '%b' "$1" > "$T/fuse.conf"; }
conf '# nothing\n'
BEFORE=:

# --- options x users x mount points ------------------------------------------

long=$(printf 'x%.0s' {1..300})
huge=$(printf 'y%.0s' {1..5000})
mapfile -t all_options <<EOF

rw
ro
suid
nosuid
dev
nodev
dev,suid
exec
noexec
sync
async
atime
noatime
dirsync
diratime
nodiratime
relatime
strictatime
lazytime
remount
bind
defaults
allow_other
allow_root
default_permissions
default_permissions,default_permissions
max_read=4096
max_read=5
max_read=
max_read=x
max_read=-1
max_read=99999999999
max_read=5,max_read=x
max_read
blksize=512
blksize=x
blkdev
fd=9
fd=0,fd=x
fd
rootmode=100000
rootmode=0
user_id=0
user_id=0,group_id=0
group_id=5
nonempty
nonempty=1
large_read
x-foo
x-foo=bar
user=root
user
context=foo
fsname=
fsname=a
fsname=a b
fsname=a\\,b
fsname=a,b
fsname=a\\\\b
fsname=a\\b
fsname=a\\
fsname=#x
fsname=a\\,allow_other
fsname=a\\\\,allow_other
fsname=a,fsname=b
fsname
fsname=/dev/null
fsname=user_id=0
fsname=ü
fsname=$long
fsname=$huge
subtype=
subtype=s
subtype=s.t
subtype=s\\,t
subtype=s\\,allow_other
subtype=a b
subtype=- fuse x user_id=0
subtype=s,fsname=n
subtype=s,subtype=t
subtype=$long
subtype=block
ro,rw
rw,ro
,
,ro
ro,
ro,,rw
ro\\,rw
allow_other\\,ro
ro,allow_other
allow_other=
allow_other=1
ALLOW_OTHER
 allow_other
default_permissions=1
auto_unmountx
bogus
bogus=1
=
=x
\\
noauto
_netdev
ro=1
sync,dirsync,noatime,noexec
EOF
all_options+=('allow_other ')
for options in "${all_options[@]}"; do
	for user in alice root; do
		for point in d f; do
			mount_case "options $user '${options:0:40}' $point" $user stream "$options" $point
		done
	done
done

# Combinations, the same ones each time.
mapfile -t random < <(printf '%s\n' "${all_options[@]}" | awk 'length($0) < 60' | awk '
	{ o[NR] = $0 }
	END { srand(4); for (i = 0; i < 220; i++) { s = o[int(rand() * NR) + 1]
		for (n = int(rand() * 3); n >= 0; n--) s = s "," o[int(rand() * NR) + 1]; print s } }')
for options in "${random[@]}"; do
	mount_case "options alice '$options' d" alice stream "$options" d
done
conf 'user_allow_other\n'
for options in "${random[@]:0:80}" allow_other allow_root 'allow_other,ro' 'fsname=a\,b,allow_other'; do
	mount_case "options-allowed alice '$options' d" alice stream "$options" d
done
conf '# nothing\n'

# --- mount points x users ----------------------------------------------------

points=(d d/ d// ./d ../p/d d/. d/.. . d/s d/s/ ro other group sticky mine-sticky hidden/in hidden 'a b'
	$'line\nfeed' $'tab\there' 'back\slash' '\040' 'com,ma' -dash 'ü' f f/ f/. rofile other-file group-file link link/
	link/s link-file link-file/ self/d self/self/d dangling loop loop/x fifo none none/ none/none f/none ''
	"$P/d" "/$P/d" "$P/../p//d/" tmpfs tmpfs/x ramfs ramfs/x /proc/self/cwd/d)
for point in "${points[@]}"; do
	for user in alice member bob root; do
		for options in '' 'ro,fsname=n,subtype=t'; do
			mount_case "point $user '$point' $options" $user stream "$options" "$point"
		done
	done
done
for point in / /proc /proc/self /proc/1 /sys /dev /dev/shm /dev/null /dev/pts /etc /etc/passwd /tmp /usr /root "$T"; do
	for user in alice bob; do
		mount_case "system $user $point" $user stream '' "$point"
	done
done

# --- descriptors -------------------------------------------------------------

for kind in stream dgram seqpacket pipe file null closed gone zero udp unset full \
	= =x =-1 =99 =9999999999999 =0x3 '=3 ' '= 3' =+3 =3x =0 =1 =2; do
	for user in alice root; do
		for point in d f other; do
			mount_case "fd $user $kind $point" $user "$kind" '' $point
		done
	done
done
for user in alice root; do
	for flags in -c -b '-c -b'; do
		for kind in stream zero; do
			# shellcheck disable=SC2086 # words
			user_run $user "$COMMFD" -t 2 $flags -k $kind PROGRAM -o ro -- d
			compare "inherit $user $flags $kind"
		done
	done
done

# --- /etc/fuse.conf ----------------------------------------------------------

confs=('' 'user_allow_other' 'user_allow_other\n' ' user_allow_other \n' '#user_allow_other\n' 'user_allow_other # yes\n'
	'user_allow_other=1\n' 'user_allow_others\n' 'USER_ALLOW_OTHER\n' 'mount_max = 0\n' 'mount_max = 1\n' 'mount_max=1\n'
	'mount_max =1\n' 'mount_max= 2\n' 'mount_max  =  1\n' 'mount_max = -1\n' 'mount_max = -2\n' 'mount_max = x\n'
	'mount_max = \n' 'mount_max\n' 'mount_max 0\n' 'mount_max = 0x1\n' 'mount_max = 01\n' 'mount_max = 1x\n'
	'mount_max = 0\nmount_max = 5\n' 'mount_max = 5\nmount_max = 0\n' 'xmount_max = 0\n' '\n\n\nuser_allow_other\n'
	'bogus\nuser_allow_other\n' 'user_allow_other\r\n' '\tuser_allow_other\t\n' 'user_allow_other\0\n'
	"$(printf 'z%.0s' {1..400})\nuser_allow_other\n" "$(printf 'z%.0s' {1..255})user_allow_other\n"
	"$(printf ' %.0s' {1..300})user_allow_other\n" 'user_allow_other\nmount_max = 0')
for text in "${confs[@]}"; do
	conf "$text"
	for mounts in 0 1; do
		BEFORE=:
		[ $mounts = 0 ] || BEFORE='"$COMMFD" "$THEIRS" -- "$P/other" >/dev/null 2>&1'
		for options in '' allow_other; do
			mount_case "conf alice '${text:0:40}' $mounts $options" alice stream "$options" d
		done
	done
done
BEFORE='"$COMMFD" "$THEIRS" -- "$P/other" >/dev/null 2>&1'
conf 'mount_max = 1\n'
mount_case "conf root" root stream '' d
chmod 600 "$T/fuse.conf"
mount_case "conf alice unreadable" alice stream '' d
mount_case "conf alice unreadable" alice stream allow_other d
chmod 644 "$T/fuse.conf"
conf '# nothing\n'

# --- unmounting --------------------------------------------------------------

declare -A states=(
	[nothing]=':'
	[own]='as alice "$COMMFD" "$THEIRS" -- "$P/d" >/dev/null'
	[file]='as alice "$COMMFD" "$THEIRS" -- "$P/f" >/dev/null'
	[own-twice]='as alice "$COMMFD" "$THEIRS" -- "$P/d" >/dev/null; umount -l "$P/d"; as alice "$COMMFD" "$THEIRS" -- "$P/d" >/dev/null'
	[inside]='as alice "$COMMFD" "$THEIRS" -- "$P/d/s" >/dev/null'
	[roots]='"$COMMFD" "$THEIRS" -- "$P/d" >/dev/null'
	[named]='as alice "$COMMFD" "$THEIRS" -o fsname=n,subtype=t -- "$P/d" >/dev/null'
	[odd]='as alice "$COMMFD" "$THEIRS" -- "$P/a b" >/dev/null'
)
unmount_case() {
	local name=$1 user=$2
	shift 2
	user_run "$user" "$COMMFD" -t 2 -k unset PROGRAM "$@"
	compare "unmount $user $name $*"
}
for state in "${!states[@]}"; do
	BEFORE=${states[$state]}
	for user in alice bob root; do
		for flags in -u -uz -uq -uqz; do
			for point in d f d/s 'a b'; do
				unmount_case "$state" $user $flags -- "$point"
			done
		done
	done
done
BEFORE=${states[own]}
for point in d/ d// ./d self/d "$P/d" "/$P//d" ../p/d none none/none '' d/s other f; do
	for user in alice root; do
		unmount_case forms $user -u "$point"
	done
done
for user in alice root; do
	unmount_case linked $user -u link
done
BEFORE='mount -t tmpfs none "$P/other"'
for user in alice bob root; do
	unmount_case tmpfs $user -u other
	umount -q "$P/other"
	BEFORE='umount -q "$P/other"; mount -t tmpfs none "$P/other"'
done
umount -q "$P/other"
# Root has mounted something else over the user's file system.
BEFORE='umount -q "$P/d"; '"${states[own]}"'; mount -t tmpfs none "$P/d" 2>/dev/null'
unmount_case covered alice -u d
unmount_case covered alice -uz d
umount -q "$P/d"
drop_mounts
# A user who has no name.
mkdir "$P/nameless"
chown 61299 "$P/nameless"
BEFORE='setpriv --reuid 61299 --regid 61299 --clear-groups "$COMMFD" "$OURS" -- "$P/nameless" >/dev/null'
unmount_case nameless nameless -u nameless
BEFORE=:

# --- command lines -----------------------------------------------------------

lines=('' -h --help -V --version -u -z -q '-z d' '-q d' '-u d f' 'd f' -x '-x d' '-o' '-o ro' '-u -o' '--bogus d'
	'--lazy d' '--lazy -u d' '--quiet -u d' '--unmount d' '--options ro d' '-V d' '-hV' '-Vh' '-oro d' '-o ro d'
	'-o ro -o rw d' 'd -o ro' '-- d' '-- -dash' '-o -- d' '-u -- d' '-uo ro d' '-uz d' '-zu d' '-qzu d' '-u --' '--'
	'-o ro -- -dash' '--quiet=1 d' '--help=1' '--lazy=x -u d' '--vers' '--qui -u d' '-- -- d' '-' '-u -')
for line in "${lines[@]}"; do
	for user in alice root; do
		# shellcheck disable=SC2086 # words
		user_run $user "$COMMFD" -t 2 PROGRAM $line
		# Their words are their own.
		case $line in *-h*|*-V*|*--vers*) RUN=(bash -c '"$@" | grep -xE "(no )?fd|rc=.*"' - "${RUN[@]}");; esac
		compare "cmdline $user $line"
	done
done

# --- what came out -----------------------------------------------------------

drop_mounts
for reason in "${!why[@]}"; do
	echo "# differs, as it should (${why[$reason]} calls): $reason"
done
for name in "${!bad[@]}"; do
	printf '%s: %s\n' "$name" "${bad[$name]}"
done | sort | sed 's/^/# DIFFERS /' | cut -c1-420
ok "at least 1,000 calls were compared: $calls, $different of them differ" test $calls -ge 1000
is "every difference has a reason" "${#bad[@]}" 0
finish
