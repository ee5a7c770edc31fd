#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# t-status.sh - `efuse status` on real mounts: plain ones, ones with a status
# file (crafted, hostile, left behind, of the real shim), dead and stopped ones.
# shellcheck disable=SC1091 # lib.sh is beside us
. "$(dirname "$0")/lib.sh"

need_program efuse
[ "$(id -u)" != 0 ] || enter_namespace "$@"

# --- the command line, as anybody -------------------------------------------

code() {
	"$@" >"$T/out" 2>"$T/err"
	echo $?
}

is "no verb is a usage error" "$(code efuse)" 2
like "and prints the table" "$(cat "$T/err")" 'efuse status'
is "an unknown verb is one too" "$(code efuse nonsense)" 2
is "--version works" "$(code efuse --version)" 0
like "and names the program" "$(cat "$T/out")" '^efuse [0-9]+\.[0-9]+'
is "help works" "$(code efuse help)" 0
is "help of a verb works" "$(code efuse help status)" 0
like "and shows its options" "$(cat "$T/out")" '--json'
is "help of nothing is an error" "$(code efuse help nonsense)" 2
is "an unknown option is a usage error" "$(code efuse status --bogus)" 2
is "a count of 0 is one" "$(code efuse status -n 0)" 2
is "an interval that is none is one" "$(code efuse status --watch=x)" 2
is "an interval of 0 is one" "$(code efuse status --watch=0)" 2
is "a path that is not there fails" "$(code efuse status "$T/none")" 1
is "one below a folder that is not there too" "$(code efuse status "$T/none/x")" 1
like "and says so" "$(cat "$T/err")" "efuse: $T/none/x: .*No such file"
is "a folder that is no FUSE mount fails" "$(code efuse status "$T")" 1
like "and says so" "$(cat "$T/err")" "efuse: $T: not the mount point of a FUSE file system"

if [ "$(id -u)" != 0 ] || ! command -v bindfs >/dev/null || ! command -v perl >/dev/null; then
	skip "status of real mounts" "needs root, bindfs and perl"
	finish
fi

# --- a plain mount -----------------------------------------------------------

D=$T/st
mkdir "$T/src" "$T/m" "$T/a b" "$D"
chmod 755 "$D"
export EFUSE_STATUS=$D
echo data >"$T/src/file"
bindfs "$T/src" "$T/m"
bindfs "$T/src" "$T/a b"
pid=$(pgrep -n -f "^bindfs $T/src $T/m\$")
other=$(pgrep -n -f "^bindfs $T/src $T/a b\$")

text() { timeout 10 efuse status "$@" 2>&1; }
json() { timeout 10 efuse status --json "$@" 2>&1; }
of() { awk -v d="$1" '$5 == d { split($3, n, ":"); print n[2] }' /proc/self/mountinfo; }

like "a plain mount is listed" "$(text)" "^$T/m\$"
like "as plain" "$(text "$T/m")" 'plain FUSE, not under efuse'
like "with the driver, and why that" "$(text "$T/m")" "driver +the kernel's own: .*efuse driver"
like "with a hint" "$(text "$T/m")" 'efuse wrap'
like "a mount point with a space" "$(text "$T/a b")" "^$T/a b\$"
is "only the mount asked for" "$(text "$T/m" | grep -c 'file system')" 1
is "one asked for twice is shown once" "$(text "$T/m" "$T/m/../m" | grep -c 'file system')" 1
mkdir "$T/bound"
mount --bind "$T/m" "$T/bound"
like "a bind mount is the same mount" "$(text "$T/bound")" "also at +$T/bound"
umount "$T/bound"

# --- crafted status files ----------------------------------------------------

# craft NAME PID CONN [COMM] [REASON] [CHANNEL]: a status file with some counts.
craft() {
	perl -e '
		my ($name, $pid, $conn, $comm, $reason, $channel) = @ARGV;
		open(my $f, "<", "/proc/$pid/stat") or die; my $stat = <$f>; $stat =~ s/.*\) //;
		my $start = (split / /, $stat)[19];
		open(my $p, "<", "/sys/devices/system/cpu/possible"); my $cpus = <$p> =~ /-?(\d+)$/ ? $1 + 1 : 1;
		my $op = sub { my ($n, $err, $b) = @_;
			pack("Q4 Q56", $n, $n, $err, $n * 10000, map { $_ == $b ? $n : 0 } 0 .. 55) };
		my $none = $op->(0, 0, 0);
		my $core = pack("L4 Q6", 4, 1, 2, 9, 1, (0) x 5) . $none . $op->(100, 7, 13) . $none x 62;
		my $dev = pack("L4 Q6", (0) x 10) . $none x 2 . $op->(5, 0, 0) . $none x 61;
		open(my $out, ">", $name) or die;
		print $out pack("L6 Q L10 Q7 L2 Q15 a32 a224", 0x45465354, 1, 512, length $core, $cpus + 1,
			$pid, $start, $conn, 0, $channel, 1, 7, 31, 131072, 131072, 3, 0,
			150, 4, 3, 2, 1, 30, 10, 0, 0, (0) x 15, $comm, $reason), $core x $cpus, $dev;
	' "$1" "$2" "$3" "${4:-bindfs}" "${5:-}" "${6:-2}"
}

cpus=$(sed 's/.*-//' /sys/devices/system/cpu/possible)
cpus=$((cpus + 1))
conn=$(of "$T/m")
craft "$D/ab12-$pid-0" "$pid" "$conn"
out=$(text "$T/m")
like "the mount is under efuse now" "$out" 'served by +uring'
like "its daemon" "$out" "daemon +bindfs, process $pid, FUSE 7\.31, 3 threads"
like "its requests" "$out" "requests +$((100 * cpus + 5)), replies $((100 * cpus + 5)), errors $((7 * cpus))"
like "its queues" "$out" 'core 0 +4 +1 +2 +9 +100'
like "its opcodes" "$out" "LOOKUP +$((100 * cpus)) "
like "what went over the device" "$out" 'FORGET +5 +5 +0 +5'
not_ok "the other mount has none" grep -q 'under efuse' <<<"$(text "$T/a b" | grep daemon)"
if command -v jq >/dev/null; then
	json >"$T/j"
	is "the JSON is valid" "$(jq -r type "$T/j")" object
	is "channel" "$(jq -r ".mounts[]|select(.target==\"$T/m\").channel" "$T/j")" uring
	is "efuse" "$(jq -r ".mounts[]|select(.target==\"$T/a b\").efuse" "$T/j")" false
	is "depth" "$(jq -r ".mounts[]|select(.target==\"$T/m\").cores[0].depth_max" "$T/j")" 9
	is "LOOKUP" "$(jq -r ".mounts[]|select(.target==\"$T/m\").ops[]|select(.name==\"LOOKUP\").requests" "$T/j")" \
		$((100 * cpus))
	is "p50 lies in its bucket" "$(jq -r ".mounts[]|select(.target==\"$T/m\").ops[]|select(.name==\"LOOKUP\")|
		.p50_us >= 8.19 and .p50_us <= 12.29" "$T/j")" true
	is "keys" "$(json "$T/m" | jq -c '.mounts[0]|keys')" "$(printf '%s' \
		'["also","cache","cache_changed","cache_negative","cache_ns","cache_opens","channel","cores","dev","device","direct","direct_bytes","direct_held","direct_ranges","direct_reads","direct_rw","direct_writes","driver","driver_reason","efuse","errors","idle_backoffs","idle_class",' \
		'"malformed","max_write","mean_us","migrations","notifications","ops","p50_us","p90_us",' \
		'"p99_us","payload_size","pid","policy","program","protocol","reason","replies","requests",' \
		'"shared","single","sleeps","source","spins","state","syscalls",' \
		'"syscalls_per_request","target","threads","type","user"]')"
else
	skip "the JSON is valid" "needs jq"
fi

out=$(text -w 0.1 -n 2 "$T/m")
is "-w prints a heading once and a line per round" "$(wc -l <<<"$out")" 3
like "with differences, not totals" "$(tail -n 1 <<<"$out")" '^uring +0 +0 +0 '
is "-w as JSON is one line per round" "$(json -w0.1 -n 2 "$T/m" | wc -l)" 2

esc=$(printf 'ev\033[2Jil"\\\377')
craft "$D/ab12-$pid-0" "$pid" "$conn" "$esc" "$esc" 1
out=$(text "$T/m")
like "control characters are shown as numbers" "$out" 'daemon +ev\\033\[2Jil'
like "a lower tier and why" "$out" 'why not more +ev\\033'
command -v jq >/dev/null && is "the JSON is valid all the same" "$(json "$T/m" | jq -r type)" object

craft "$D/ab12-$pid-0" "$pid" 0 bindfs
craft "$D/ab13-$other-0" "$other" 0 bindfs
like "without a connection number nothing is guessed" "$(text)" 'its mount cannot be told'
rm "$D"/ab1*

# What only user 12345 says about a mount of root is not believed.
U=/tmp/efuse-12345
if mkdir -m 700 $U 2>/dev/null; then
	craft "$U/ab12-$pid-0" "$pid" "$conn"
	chown -R 12345 $U
	out=$(text)
	rm -r $U
	like "another user's file is not believed" "$out" 'user 12345: its mount cannot be told'
	like "and the mount stays plain" "$out" 'plain FUSE, not under efuse'
fi

sleep 60 &
dead=$!
craft "$D/ab12-$dead-0" $dead "$conn"
kill $dead
wait $dead 2>/dev/null
like "a dead daemon's file does not count" "$(text "$T/m")" 'plain FUSE'
not_ok "and is removed" test -e "$D/ab12-$dead-0"
for f in "ab12-$pid-0" "ab12-$pid-1"; do head -c 100 /dev/urandom >"$D/$f"; done
head -c 100000 /dev/zero | tr '\0' X >"$D/ab12-$pid-2"
ln -s /etc/passwd "$D/ab12-$pid-3"
mkfifo "$D/ab12-$pid-4"
like "rubbish is passed over" "$(text "$T/m")" 'plain FUSE'
rm "$D"/*

# --- mounts that do not answer -----------------------------------------------

kill -STOP "$other"
like "a stopped daemon does not hold status up" "$(text "$T/a b")" 'plain FUSE'
umount -l "$T/a b"
kill -CONT "$other"
if mkdir -m 755 $U 2>/dev/null; then
	bindfs "$T/src" $U
	stopped=$(pgrep -n -f "^bindfs $T/src $U\$")
	kill -STOP "$stopped"
	like "nor one whose mount covers a status folder" "$(text)" "^$U\$"
	kill -CONT "$stopped"
	umount -l $U
	rmdir $U
fi
kill -KILL "$pid"
like "a mount whose daemon is dead is listed" "$(text "$T/m")" 'plain FUSE'
umount -l "$T/m"

# --- the real shim -----------------------------------------------------------

real() {
	efuse wrap bindfs "$T/src" "$T/m" >"$T/err" 2>&1 && wait_for 5 mounted "$T/m" || return 1
	stat "$T/m/file" >/dev/null && cat "$T/m/file" >/dev/null
}

if [ -n "${SAN:-}" ] || [ ! -e "$EFUSE_SHIM" ]; then
	skip "status of a mount with the shim" "needs the shim, built without sanitizers"
elif unset EFUSE_STATUS && real; then
	out=$(text "$T/m")
	like "a real mount is told" "$out" 'daemon +bindfs, process'
	like "with what it served" "$out" 'READ +[1-9]'
	if have_uring; then
		like "over the rings" "$out" 'served by +uring'
	else
		like "and why not over the rings" "$out" 'why not more +[a-z]'
	fi
	umount "$T/m"
else
	ok "bindfs mounts with the shim" false
	sed 's/^/# /' "$T/err"
fi

finish
