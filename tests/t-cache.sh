#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# t-cache.sh - the cache policy: what is changed through the mount is seen at
# once under every policy; what is changed behind it, or notified by the daemon,
# is seen as mount.efuse(8) says; auto is as without efuse.
# shellcheck source=tests/lib-shim.sh disable=SC1091,SC2317
. "$(dirname "$0")/lib-shim.sh"
need_program bindfs
shim_begin_anywhere "$@"

SECONDS_KEPT=2
NOCACHE="attr_timeout=0,entry_timeout=0,negative_timeout=0"
LONG="attr_timeout=500,entry_timeout=500,negative_timeout=500,kernel_cache"
CHANNELS=dev
have_uring && CHANNELS="uring dev"

# policy auto|always|none|timeout: for the daemons that follow.
policy() {
	unset EFUSE_CACHE EFUSE_CACHE_TIMEOUT
	case $1 in
	auto) ;;
	timeout) export EFUSE_CACHE_TIMEOUT=$SECONDS_KEPT;;
	*) export EFUSE_CACHE=$1;;
	esac
}

bind() {
	local channel=$1
	shift
	rm -rf "$T/back"
	mkdir "$T/back"
	serve "$channel" "$M" bindfs -f "$@" "$T/back" "$M"
}

# What the kernel keeps it may drop, and does when somebody writes to drop_caches.
drops() { awk '/^drop_/ { n += $2 } END { print n + 0 }' /proc/vmstat; }

# Did it since $dropped? It counts when it is done, seconds after it has begun.
dropped_since() {
	for _ in $(seq 50); do
		[ "$(drops)" = "$dropped" ] || return 0
		sleep 0.1
	done
	return 1
}

# kept WHAT GOT WANT: as is, of what is so only as long as the kernel keeps it.
kept() {
	if [ "$2" != "$3" ] && dropped_since; then
		skip "$1" "the kernel was told to drop its caches"
	else
		is "$@"
	fi
}

# --- through the mount: the same words as from a plain folder ---

# What is there under a name: kind, mode, size and contents.
look() {
	if [ -L "$1" ]; then
		echo "$1 -> $(readlink "$1")"
	elif [ -d "$1" ]; then
		echo "$1: $(stat -c %a "$1"): $(find "$1" -mindepth 1 -maxdepth 1 | sort | tr '\n' ' ')"
	elif [ -p "$1" ]; then
		echo "$1: a pipe"
	elif [ -e "$1" ]; then
		echo "$1: $(stat -c '%a %s %h' "$1"): $(head -c 64 "$1" | tr '\0' 0)"
	else
		echo "$1: nothing"
	fi
}

# step COMMAND...: then look at all that may have changed, twice: the second
# time the kernel may answer.
step() {
	local name
	echo "$*: $(eval "$*" 2>&1 && echo ok)"
	for name in . a b c d d/x d/y l e; do
		look $name
		look $name
	done
}

through() {
	cd "$1" || return 1
	step 'echo one > a'
	step 'echo two >> a'
	step 'printf X | dd of=a bs=1 conv=notrunc status=none'
	step 'chmod 600 a'
	step 'touch -d @1000000000 a'
	step 'mkdir d'
	step 'mv a d/x'
	step 'echo new > a'
	step 'mv -f a d/x'
	step 'ln d/x b'
	step 'echo more >> b'
	step 'printf Y | dd of=d/x bs=1 conv=notrunc status=none'
	step 'rm b'
	step 'ln -s d l'
	step 'ln -sfn d/x l'
	step 'rm l; ln -s somewhere/else/far/away l'
	step 'truncate -s 2 d/x'
	step 'truncate -s 5000 d/x'
	step ': > d/x'
	step 'mv d e'
	step 'mkdir d; mv e d/y'
	step 'rmdir d'
	step 'rm -r d'
	step 'mkfifo c'
	step 'rm c; mkdir c'
	step 'rmdir c; ln -s nowhere c'
	step 'exec 9> b; echo open >&9; rm b; echo b > b; echo open >&9; exec 9>&-'
	step 'cp b a; mv b c; mv a b; mv c a'
	cd / || return 1
}

mkdir "$T/plain"
through "$T/plain" > "$T/want"
ok "the words of a plain folder" test "$(wc -l < "$T/want")" -gt 400

same_words() {
	through "$M" > "$T/got"
	ok "$1: what is done through the mount is seen at once" cmp "$T/want" "$T/got"
	cmp -s "$T/want" "$T/got" || diff "$T/want" "$T/got" | head -20 | sed 's/^/# /'
}

# --- behind the mount ---

fill() {
	echo old > "$1/contents"
	echo old > "$1/open"
	echo old > "$1/mode"
	echo old > "$1/removed"
	echo old > "$1/renamed"
	echo old > "$1/replaced"
	mkdir "$1/dir"
	touch "$1/dir/first"
	ln -s old "$1/link"
	chmod 644 "$1"/[cmors]*
}

# Lines of the same length, and times put back: only a new answer tells.
change() {
	printf new | dd of="$1/contents" bs=1 conv=notrunc status=none
	touch -r "$1/mode" "$1/contents"
	chmod 600 "$1/mode"
	rm "$1/removed"
	mv "$1/renamed" "$1/moved"
	rm "$1/replaced" && mkdir "$1/replaced"
	touch "$1/dir/second" "$1/appeared"
	ln -sfn new "$1/link"
	sleep 0.01
	printf new | dd of="$1/open" bs=1 conv=notrunc status=none
}

# One word for each thing: old or new.
seen() {
	local d=$1
	is_there() { if stat "$1" >/dev/null 2>&1; then echo "$2"; else echo "$3"; fi; }
	echo "contents=$(cat "$d/contents")"
	echo "mode=$(case $(stat -c %a "$d/mode") in 644) echo old;; *) echo new;; esac)"
	echo "removed=$(is_there "$d/removed" old new)"
	echo "renamed=$(is_there "$d/renamed" old new)"
	echo "moved=$(is_there "$d/moved" new old)"
	echo "replaced=$(case $(stat -c %F "$d/replaced") in directory) echo new;; *) echo old;; esac)"
	echo "appeared=$(is_there "$d/appeared" new old)"
	echo "dir=$(case $(find "$d/dir" -type f | wc -l) in 2) echo new;; *) echo old;; esac)"
	echo "link=$(readlink "$d/link")"
}

# Which of the nine are as EXPECTED (old or new)?
others() {
	seen "$M" | grep -v "=$1\$" | tr '\n' ' '
}

# behind WHAT: looks, changes behind, and looks again at once.
behind() {
	dropped=$(drops)
	fill "$T/back"
	is "$1: at first, all is old" "$(others old)" ""
	is "$1: and again" "$(others old)" ""
	exec 8< "$M/open"
	cat <&8 > /dev/null
	changed_at=$(date +%s%N)
	change "$T/back"
}

# An open file, read again by the descriptor that was opened before the change.
still_open() {
	perl -e 'open F, "<&=8"; sysseek F, 0, 0; sysread F, $_, 3; print' 8<&8
}

since_change() {
	echo $((($(date +%s%N) - changed_at) / 1000000))
}

behind_policy() {
	local what=$1 late
	case $2 in
	none)
		is "$what: all is new at once" "$(others new)" "";;
	always)
		# A question for the access time, after reading, may tell of the folder.
		kept "$what: nothing is seen" "$(others old | sed 's/dir=new //')" ""
		sleep 1
		kept "$what: nor later" "$(others old | sed 's/dir=new //')" ""
		kept "$what: nor by who has it open" "$(still_open)" old
		touch "$M/appeared"; rm "$M/appeared"
		not_ok "$what: until it is done through the mount" test -e "$M/appeared"
		echo third > "$M/contents"
		is "$what: contents as well" "$(cat "$M/contents")" third;;
	timeout)
		late=$(others old)
		if [ "$(since_change)" -lt $((SECONDS_KEPT * 900)) ]; then
			kept "$what: at first nothing is seen but symbolic links" \
				"${late/dir=new /}" "link=new "
		else
			skip "$what: at first nothing is seen" "this machine took too long"
		fi
		while [ "$(since_change)" -le $((SECONDS_KEPT * 1000 + 20)) ]; do sleep 0.02; done
		is "$what: after $SECONDS_KEPT s all is new" "$(others new)" ""
		is "$what: also for who has it open" "$(still_open)" new;;
	esac
	exec 8<&-
}

told() {
	[ "$(stats cache)" = "$2" ] || echo "# the status file says $(stats cache)"
	ok "$1: the status file tells the policy" test "$(stats cache)" = "$2"
	case $2 in
	auto) is "$1: no reply was changed" "$(stats cache_changed)" 0;;
	*) ok "$1: replies were changed ($(stats cache_changed))" test "$(stats cache_changed)" -gt 9;;
	esac
	case $2 in
	always|timeout) ok "$1: missing names were" test "$(stats cache_negative)" -gt 1;;
	*) is "$1: no missing name was" "$(stats cache_negative)" 0;;
	esac
}

for channel in $CHANNELS; do
	for how in auto none always timeout; do
		what="$channel $how"
		own=$NOCACHE
		# none has to hold against a daemon that wants everything kept.
		[ $how = none ] && own=$LONG
		policy $how
		bind "$channel" --multithreaded -o "$own" || { ok "$what: mounts" false; continue; }
		same_words "$what"
		rm -rf "$T/back/"*
		umount "$M" && left "$what" 5 0
		bind "$channel" --multithreaded -o "$own"
		if [ $how != auto ]; then
			behind "$what"
			behind_policy "$what" $how
		fi
		told "$what" $how
		stop "$what"
	done
done

# --- auto is as without efuse: the same is seen, and the same is asked ---

# What is seen behind with the daemon's own long times, by CHANNEL or plainly.
own_times() {
	bind "$@" -o "$LONG"
	fill "$T/back"
	seen "$M" > /dev/null
	change "$T/back"
	seen "$M"
	unmount "$M"
	left "own times" 5 0 > /dev/null
}

policy auto
export EFUSE_TEST_PLAIN=1
dropped=$(drops)
plain=$(own_times dev)
unset EFUSE_TEST_PLAIN
for channel in $CHANNELS; do
	kept "$channel auto: with times of the daemon's own, as without efuse" "$(own_times "$channel")" "$plain"
	EFUSE_CACHE=auto
	export EFUSE_CACHE
	kept "$channel auto, said: the same" "$(own_times "$channel")" "$plain"
	policy auto
done
rm -f "$T"/status/*

# --- notifications of the daemon ---

ctl() { echo "$*" > "$M/.ctl"; }

asked() {
	local ring dev
	ring=$(stats "ring.$1") dev=$(stats "dev.$1")
	echo $((${ring:-0} + ${dev:-0}))
}

there() { if test -e "$M/$1"; then echo yes; else echo no; fi; }

notified() {
	dropped=$(drops)
	echo one > "$M/f"
	is "$1: reads what was written" "$(cat "$M/f")" one
	ctl change f two
	kept "$1: a change behind is not seen" "$(cat "$M/f")" one
	ctl inval_inode f
	is "$1: after inval_inode it is" "$(cat "$M/f")" two
	ctl store f six
	is "$1: what is stored is" "$(cat "$M/f")" six
	ctl remove f
	kept "$1: a removed name is still there" "$(there f)" yes
	ctl inval_entry f
	not_ok "$1: after inval_entry it is not" test -e "$M/f"
	not_ok "$1: a missing name" test -e "$M/g"
	ctl appear g
	kept "$1: appears unseen" "$(there g)" no
	ctl inval_entry g
	ok "$1: after inval_entry it is there" test -e "$M/g"
	before=$(asked LOOKUP)
	test -e "$M/g"
	kept "$1: and is not asked for again" "$(asked LOOKUP)" "$before"
	ctl delete g
	test -e "$M/g"
	kept "$1: until delete is notified" "$(asked LOOKUP)" $((before + 1))
}

for channel in $CHANNELS; do
	policy always
	for mode in "" -s --async; do
		what="$channel always fs-mem ${mode:-(multi-threaded)}"
		# shellcheck disable=SC2086 # one word or none
		serve "$channel" "$M" fs-mem -f $mode "$M" || { ok "$what: mounts" false; continue; }
		notified "$what"
		stop "$what"
	done
done

# --- a daemon of another kind: the whole exerciser, and no library at all ---

for channel in $CHANNELS; do
	for how in always timeout none; do
		policy $how
		what="$channel $how fs-mem"
		serve "$channel" "$M" fs-mem -f --splice "$M" || { ok "$what: mounts" false; continue; }
		exercise "$what" "$M" - --features xattr,mmap,falloc,chmod --ops 600 --skip many
		ok "$what: every request was answered" wait_for 5 quiet
		stop "$what"
	done
	[ "$(id -u)" = 0 ] || continue
	policy always
	for how in "--read=splice --reply=splice" "--wait=poll --reply=writev" "--threads=8"; do
		what="$channel always fs-raw $how"
		# shellcheck disable=SC2086 # options
		serve "$channel" "$M" fs-raw $how "$M" || { ok "$what: mounts" false; continue; }
		ok "$what: reads" cmp -n 100000 "$M/data" /dev/zero
		ok "$what: again" cmp -n 100000 "$M/data" /dev/zero
		not_ok "$what: a missing name" test -e "$M/missing"
		ok "$what: replies were changed" test "$(stats cache_changed)" -ge 4
		is "$what: one of a missing name" "$(stats cache_negative)" 1
		stop "$what"
	done
done

# --- opens that the daemon is not asked for (uring, always) ---

# walk: find, stat and read three hundred files twice; the requests of the second time.
walk() {
	local before
	mkdir -p "$T/back/"{0..2}/{0..9}
	for d in "$T/back/"{0..2}/{0..9}; do seq 300 | tee "$d/"{0..9} > /dev/null; done
	for _ in 1 2; do
		sleep 0.2	# RELEASE comes after close(2)
		before=$(($(stats ring.requests) + $(stats dev.requests)))
		find "$M" -type f -print0 | xargs -0 stat > /dev/null
		find "$M" -type f -print0 | xargs -0 cat > /dev/null
	done
	sleep 0.2
	echo $(($(stats ring.requests) + $(stats dev.requests) - before))
}

saves() {
	local channel=$1 percent=$2 none always
	dropped=$(drops)
	policy none
	bind "$channel" --multithreaded -o $NOCACHE
	none=$(walk)
	stop "$channel none: walk"
	policy always
	bind "$channel" --multithreaded -o $NOCACHE
	always=$(walk)
	kept "$channel always: a second walk asks $percent % less ($none, $always)" \
		"$((always * 100 <= none * (100 - percent)))" 1
	stop "$channel always: walk"
}

# opened COMMAND...: how many OPENs reached the daemon by it.
opened() {
	local before
	before=$(asked OPEN)
	"$@" > /dev/null
	echo $(($(asked OPEN) - before))
}

drop() { dd if="$1" iflag=nocache count=0 status=none; }

lights() {
	local what=$1
	dropped=$(drops)
	echo old > "$M/f"
	echo other > "$M/g"
	cat "$M/f" "$M/g" > /dev/null
	kept "$what: the daemon is not asked to open again" "$(opened cat "$M/f")" 0
	drop "$M/f"
	is "$what: what is no longer in the page cache is read" "$(cat "$M/f")" old
	exec 7< "$M/f" 6< "$M/g"
	rm "$M/f"
	echo new > "$M/f"
	mv "$M/f" "$M/g"
	drop /dev/fd/7
	drop /dev/fd/6
	is "$what: a removed file is read by who has it open" "$(cat <&7)" old
	is "$what: so is one that was replaced" "$(cat <&6)" other
	exec 7<&- 6<&-
	is "$what: the new one is what it is" "$(cat "$M/g")" new
	kept "$what: and known" "$(opened cat "$M/g")" 0
	chmod 600 "$M/g"
	is "$what: but not after a change of mode" "$(opened cat "$M/g")" 1
	exec 7< "$M/g"
	flock -s 7
	is "$what: it can be locked" "$?" 0
	is "$what: and sought" "$(perl -e 'open F, "<&=7"; print sysseek F, 0, 2' 7<&7)" 4
	exec 7<&-
	mkdir -p "$M/d"
	touch "$M/d/one"
	find "$M/d" > /dev/null
	find "$M/d" > /dev/null
	touch "$M/d/two"
	is "$what: a folder shows what is new" "$(find "$M/d" -type f | wc -l)" 2
	ok "$what: files replaced while they are read" prog-replace "$M" 2
	ok "$what: opens were not asked for ($(stats cache_opens))" test "$(stats cache_opens)" -gt 20
	ok "$what: every request was answered" wait_for 5 quiet
	stop "$what"
}

for channel in $CHANNELS; do
	case $channel in uring) saves uring 95;; *) saves dev 80;; esac
done
if have_uring; then
	policy always
	bind uring --multithreaded && lights "light opens, bindfs"
	bind uring && lights "light opens, bindfs, one thread"
	for mode in "" -s --async; do
		# shellcheck disable=SC2086 # one word or none
		serve uring "$M" fs-mem -f $mode "$M" && lights "light opens, fs-mem $mode"
	done
else
	skip "light opens" "needs FUSE over io_uring"
fi

# --- what a person sees ---

if [ -z "${SAN:-}" ] && [ "$(id -u)" = 0 ]; then
	policy auto
	export XDG_RUNTIME_DIR=$T
	mkdir -p /run/efuse
	mount -t tmpfs -o mode=755 tmpfs /run/efuse
	efuse wrap -o efuse.cache_timeout=1.5 bindfs "$T/back" "$M"
	ls "$M" > /dev/null
	like "efuse status: the policy" "$(efuse status "$M")" 'cache +for 1.5 s, [0-9]+ replies changed'
	like "efuse status --json: the policy" "$(efuse status --json "$M")" '"cache": *"timeout"'
	like "efuse status --json: the time" "$(efuse status --json "$M")" '"cache_ns": *1500000000'
	umount "$M"
	mount.efuse "bindfs#$T/back" "$M" -o efuse.cache=always
	ls "$M" > /dev/null
	like "mount.efuse: the policy" "$(efuse status "$M")" 'cache +always'
	umount "$M"
	EFUSE_CACHE=none efuse wrap --efuse.cache_timeout=9 bindfs "$T/back" "$M"
	ls "$M" > /dev/null
	like "an option wins over a variable" "$(efuse status "$M")" 'cache +for 9 s'
	umount "$M"
	EFUSE_CACHE=none efuse wrap bindfs "$T/back" "$M"
	ls "$M" > /dev/null
	like "a variable alone holds" "$(efuse status "$M")" 'cache +none'
	umount "$M"
	EFUSE_CACHE=always EFUSE_CACHE_TIMEOUT=1 efuse wrap --efuse.log="$T/log" bindfs "$T/back" "$M"
	ls "$M" > /dev/null
	like "variables that contradict are not heeded" "$(efuse status "$M")" 'cache +auto'
	like "and the log says so" "$(cat "$T/log")" 'EFUSE_CACHE=always EFUSE_CACHE_TIMEOUT=1: .*ignored'
	umount "$M"
	out=$(mount.efuse "bindfs#$T/back" "$M" -o efuse.cache=always,efuse.cache_timeout=3 2>&1)
	is "mount.efuse: a contradiction is bad usage" "$?" 1
	like "mount.efuse: and it says which" "$out" 'cache=always and efuse.cache_timeout=3 contradict'
	if echo 'int main(void) { return 5; }' | cc -static -x c -o "$T/static" - 2> /dev/null; then
		like "a static program: the policy is not applied" \
			"$(efuse wrap --efuse.cache=always "$T/static" 2>&1)" \
			'efuse.cache needs the library .*is not applied; its own caching options hold'
		is "a static program: without a policy no word of it" \
			"$(efuse wrap --efuse.cache=auto "$T/static" 2>&1 | grep -c cache)" 0
	else
		skip "a static program" "the C library is not there as an archive"
	fi
	umount /run/efuse 2>/dev/null
else
	skip "efuse status and mount.efuse" "needs root and no sanitizer"
fi

shim_finish
