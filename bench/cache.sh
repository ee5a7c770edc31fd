#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# cache.sh - what efuse.cache=always saves: the requests that reach bindfs, per
# opcode, against the same with all times 0 (efuse.cache=none).
#
#   cache.sh [walk] [build]
#
#   walk    the second time: find and stat FILES (10000) files, and read them all
#   build   unpack, configure and build a small C project
#
# Counts, not times: they do not depend on the machine's load. Results:
# $OUT/bench/cache.md, and $OUT/bench/cache.csv with workload,opcode,none,always.

# shellcheck source=bench/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=bench/project.sh
. "$(dirname "$0")/project.sh"
POLICIES="none always"
FILES=${FILES:-10000}
CSV=$OUT/bench/cache.csv

# --- the workloads ---------------------------------------------------------

# A tree of a thousand folders three deep, ten small files in each.
make_tree() {
	local i
	mkdir -p "$1"
	for ((i = 0; i < FILES; i += 10)); do
		mkdir -p "$1/$((i / 1000))/$((i / 100 % 10))/$((i / 10 % 10))"
		seq 200 | tee "$1/$((i / 1000))/$((i / 100 % 10))/$((i / 10 % 10))/"{0..9} > /dev/null
	done
}

walk() {
	find "$1" -type f -print0 | xargs -0 stat > /dev/null
	find "$1" -type f -print0 | xargs -0 cat > /dev/null
}

build() {
	(cd "$1" && tar xf "$T/project.tar" && cd project && ./configure &&
		make -s -j2 && ./prog && make -s && rm -r doc) > "$T/build.log" 2>&1
}

# --- counting --------------------------------------------------------------

mount_with() {
	local back=$T/data/$1 dir=$T/mnt/cache.$1
	mkdir -p "$dir" "$back"
	efuse wrap -o "efuse.cache=$1" bindfs --multithreaded "$back" "$dir" 2> "$T/mount.log" &&
		wait_for 10 answered "$dir" && return
	say "cache.sh: bindfs does not mount: $(tail -1 "$T/mount.log")"
	exit 1
}

# counts POLICY: opcode and requests, as `efuse status` has them.
counts() {
	efuse status --json "$T/mnt/cache.$1" | jq -r '.mounts[].ops[] | "\(.name) \(.requests)"' | sort
}

# counted WORKLOAD POLICY: what it asks of the daemon goes to $T/WORKLOAD.POLICY.
counted() {
	counts "$2" > "$T/before"
	"$1" "$T/mnt/cache.$2" || { say "cache.sh: $1 with $2 failed: $(tail -1 "$T/build.log")"; exit 1; }
	sleep 0.3	# RELEASE comes after close(2)
	counts "$2" > "$T/after"
	join -a 2 -e 0 -o 0,1.2,2.2 "$T/before" "$T/after" |
		awk '$3 > $2 { print $1, $3 - $2 }' > "$T/$1.$2"
}

collect() {
	join -a 1 -a 2 -e 0 -o 0,1.2,2.2 "$T/$1.none" "$T/$1.always" |
		awk -v w="$1" '{ print w "," $1 "," $2 "," $3 }' >> "$CSV"
}

report() {
	awk -F, 'function end() {
			if (w) printf "| **all** | **%d** | **%d** | **%.1f %% fewer** |\n\n", n, a, 100 * (1 - a / n)
			n = a = 0
		}
		NR == 1 { next }
		$1 != w { end(); w = $1
			print "| " w " | none | always | |\n|---|---|---|---|" }
		{ printf "| %s | %d | %d | |\n", $2, $3, $4; n += $3; a += $4 }
		END { end() }' "$CSV"
}

# Somebody who drops the kernel's caches takes away what is counted here.
drops() { awk '/^drop_/ { n += $2 } END { print n + 0 }' /proc/vmstat; }

run() {
	local before
	for _ in 1 2 3 4 5; do
		before=$(drops)
		run_once "$1"
		[ "$(drops)" != "$before" ] || break
		say "  $1: the kernel was told to drop its caches meanwhile; again"
	done
	collect "$1"
}

run_once() {
	local policy
	for policy in $POLICIES; do
		mount_with "$policy"
		if [ "$1" = walk ]; then
			make_tree "$T/data/$policy"
			walk "$T/mnt/cache.$policy"
		fi
		counted "$1" "$policy"
		umount "$T/mnt/cache.$policy"
		rm -rf "$T/data/$policy"
	done
}

main() {
	local workload
	[ $# -gt 0 ] || set -- walk build
	need_root_loudly
	have bindfs jq cc make tar || { say "cache.sh: needs bindfs, jq, cc, make and tar"; exit 1; }
	mkdir -p "$OUT/bench"
	uring_on
	private_status
	make_project "$T/project" 40
	tar cf "$T/project.tar" -C "$T" project
	echo workload,opcode,none,always > "$CSV"
	for workload; do
		run "$workload"
	done
	report | tee "$OUT/bench/cache.md"
}

main "$@"
