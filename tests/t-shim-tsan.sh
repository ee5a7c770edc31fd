#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# t-shim-tsan.sh - shim and daemon under ThreadSanitizer: load from several
# processes, slow requests that the keeper must pass on, then the end, by umount,
# by force and by SIGTERM, and light opens. No report may name the shim.
# shellcheck source=tests/lib-shim.sh disable=SC1091,SC2317
. "$(dirname "$0")/lib-shim.sh"

case ${SAN:-} in ''|thread) ;; *) skip_all "one sanitizer at a time";; esac
[ -z "${EFUSE_TEST_PLAIN:-}" ] || skip_all "the shim is what this tests"
need_program make gcc setarch taskset

# ThreadSanitizer wants its own places in the address space. The programs it is
# in inherit the personality, so that nothing comes between them and the shim.
if [ -z "${EFUSE_TEST_NO_ASLR:-}" ]; then
	setarch -R true 2> /dev/null || skip_all "needs to switch off ASLR (setarch -R)"
	rm -rf --one-file-system "$T"	# exec runs no EXIT trap
	EFUSE_TEST_NO_ASLR=1 exec setarch -R "$0" "$@"
fi
shim_begin "$@"

can_run() {
	echo 'int main(void) { return 0; }' > "$T/can.c"
	gcc -fsanitize=thread -o "$T/can" "$T/can.c" && timeout 10 "$T/can"
}

# gcc's runtime is a library. It must come behind the shim, as it does by itself
# when only the shim is preloaded: then what the shim calls next is the
# sanitizer's. In front of it, or inside the program as clang has it, the
# keeper's thread is unknown to it and the ring cannot even be set up.
build() {
	env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -C "$SRC" --no-print-directory O="$T/tsan" \
		CC=gcc SAN=thread "$T/tsan/lib/libefuse-shim.so" "$T/tsan/tests/fs-mem"
}

can_run > "$T/can.log" 2>&1 || skip_all "ThreadSanitizer does not run here: $(head -n 1 "$T/can.log")"
if ! build > "$T/build.log" 2>&1; then
	tail -n 20 "$T/build.log" | sed 's/^/# /'
	ok "builds with SAN=thread" false
	finish
fi
FS=$T/tsan/tests/fs-mem
SAN=	# shim_preload then names the shim alone
EFUSE_SHIM=$T/tsan/lib/libefuse-shim.so
export TSAN_OPTIONS="log_path=$T/tsan.log halt_on_error=0 exitcode=0 report_signal_unsafe=0
	report_thread_leaks=0 history_size=4"

# --- the load ---

# Reads that sleep in the daemon, from one core: what else that core asks for
# meanwhile is behind a busy worker, and the keeper must pass it on.
slow_reads() {
	local i
	taskset -pc "$1" $BASHPID > /dev/null 2>&1
	for ((i = 0; i < 12; i++)); do
		head -c 1 "$M/delay-$((i % 3 * 20 + 5))" > /dev/null || return 1
	done
}

small_files() {
	local i
	taskset -pc "$1" $BASHPID > /dev/null 2>&1
	for ((i = 0; i < 40; i++)); do
		echo "$i" > "$M/$1-$i" || return 1
		[ "$(cat "$M/$1-$i")" = "$i" ] || return 1
		rm "$M/$1-$i" || return 1
	done
}

load() {
	local n pid pids=() bad=0
	for n in 5 25 45; do echo x > "$M/delay-$n"; done
	prog-exercise "$M" - --only random --ops 300 > "$T/load1" & pids+=($!)
	prog-exercise "$M" - --only writers > "$T/load2" & pids+=($!)
	prog-load "$M" 3 3 > "$T/load3" & pids+=($!)
	for n in 0 1; do
		small_files $n & pids+=($!)
		slow_reads $n & pids+=($!)
	done
	for pid in "${pids[@]}"; do
		wait "$pid" || bad=$((bad + 1))
	done
	is "$1: parts of the load that failed" "$bad" 0
	[ $bad = 0 ] || sed 's/^/# /' "$T"/load[123]
}

# --- what was reported ---

# The reports that name the shim where something happens. Where a thread, a lock
# or a block of memory was made says nothing: the shim makes all threads.
blaming_shim() {
	awk '
	/^==================$/ { if (bad) printf "%s", text; text = ""; bad = made = 0; next }
	{ text = text $0 "\n" }
	/^$/ { made = 0 }
	/^ *(Thread T|Mutex M|As if|Location is)/ { made = 1 }
	!made && /libefuse-shim\.so/ { bad = 1 }
	END { if (bad) printf "%s", text }' "$@"
}

no_report() {
	local logs=("$T"/tsan.log.*)
	[ -e "${logs[0]}" ] || { ok "$1: no report" true; return; }
	cat "${logs[@]}" > "$T/reports"
	rm -f "${logs[@]}"
	blaming_shim "$T/reports" > "$T/blame"
	echo "# $1: $(grep -c '^WARNING: ThreadSanitizer' "$T/reports") reports," \
		"$(grep -c '^WARNING: ThreadSanitizer' "$T/blame") name the shim"
	ok "$1: no report names the shim" test ! -s "$T/blame"
	grep '^SUMMARY' "$T/blame" | sort | uniq -c | sort -rn | sed 's/^/# /'
	head -n 150 "$T/blame" | sed 's/^/# /'
}

# --- the end ---

# flood WHAT COMMAND...: what ends the mount, while requests are under way.
flood() {
	local what=$1
	shift
	prog-load "$M" 20 3 > "$T/load3" 2>&1 &
	sleep 0.5
	"$@" 2> /dev/null
	ok "$what: the load ends" wait_for 5 gone $!
	umount -l "$M" 2> /dev/null
	left "$what" 10
	rm -f "$T"/status/*
}

run() {
	local end=$1 what
	shift
	what="$end ${*:-(multi-threaded)}"
	serve uring "$M" "$FS" -f "$@" "$M" || { ok "$what: mounts" false; return; }
	load "$what"
	served_by uring "$what"
	echo "# $what: $(stats shared) requests changed cores"
	case $end in
	umount) stop "$what";;
	force) flood "$what" umount -f "$M";;
	SIGTERM) flood "$what" kill -TERM "$daemon";;
	esac
	no_report "$what"
}

# Opens that the daemon is not asked for, of files that are replaced meanwhile.
lights() {
	local what="always ${*:-(multi-threaded)}"
	export EFUSE_CACHE=always
	serve uring "$M" "$FS" -f "$@" "$M" || { ok "$what: mounts" false; return; }
	ok "$what: files replaced while they are read" prog-replace "$M" 3
	ok "$what: opens were not asked for ($(stats cache_opens))" test "$(stats cache_opens)" -gt 20
	load "$what"
	ok "$what: every request was answered" wait_for 5 quiet
	stop "$what"
	unset EFUSE_CACHE
	no_report "$what"
}

lights
lights --async
lights -s
run umount
run force
run SIGTERM
run umount --async
run SIGTERM --async
run umount -s
run SIGTERM -s
run force --clone-fd
run SIGTERM --splice

shim_finish
