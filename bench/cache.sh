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

# A project as small ones are: a configure script that compiles small questions,
# a Makefile, forty sources that share headers of three folders.
make_configure() {
	cat <<-'END'
		#!/bin/sh
		# Asks the compiler which headers and functions there are.
		ask() {
			cc -Iinclude -c conftest.c -o conftest.o 2> conftest.log
			answer=$?
			rm -f conftest.c conftest.o conftest.log
			return $answer
		}
		rm -f config.h config.status
		echo '#define VERSION "1"' > config.h.tmp
		for h in stdio stdlib string unistd errno fcntl limits nowhere io windows sys/stat sys/mman; do
			echo "#include <$h.h>" > conftest.c
			ask && echo "#define HAVE_$(echo $h | tr a-z/ A-Z_)_H 1" >> config.h.tmp
		done
		for f in memcpy strdup fork mmap qsort strlcpy32 nothing; do
			printf '#include <string.h>\n#include <stdlib.h>\n#include <unistd.h>\n#include <sys/mman.h>\nvoid *p = (void *)%s;\n' $f > conftest.c
			ask && echo "#define HAVE_$(echo $f | tr a-z A-Z) 1" >> config.h.tmp
		done
		mv config.h.tmp config.h
		sed "s/@CFLAGS@/-O1 -Iinclude -Ilib -I./" Makefile.in > Makefile
		echo done > config.status
	END
}

# shellcheck disable=SC2016 # make expands these
make_makefile() {
	printf 'SRCS := $(sort $(wildcard src/*.c))\nOBJS := $(SRCS:.c=.o)\nCFLAGS := @CFLAGS@\n'
	printf 'prog: $(OBJS) libthings.a\n\tcc -o $@ $(OBJS) libthings.a\n'
	printf 'libthings.a: lib/things.o\n\tar rcs $@ $^\n'
	printf '%%.o: %%.c config.h Makefile\n\tcc $(CFLAGS) -MMD -c -o $@ $<\n-include $(OBJS:.o=.d)\n'
}

make_project() {
	local p=$1 i
	mkdir -p "$p/src" "$p/include/project" "$p/lib" "$p/doc"
	make_configure > "$p/configure"
	chmod +x "$p/configure"
	make_makefile > "$p/Makefile.in"
	for i in {1..40}; do
		printf '#ifndef H%s\n#define H%s\n#include "project/h%s.h"\nint f%s(int);\n#endif\n' \
			"$i" "$i" $((i > 1 ? i - 1 : 40)) "$i" > "$p/include/project/h$i.h"
		printf '#include <config.h>\n#include <stdio.h>\n#include <string.h>\n#include "project/h%s.h"\n#include "things.h"\nint f%s(int x) { return x + %s + thing(x); }\n' \
			"$i" "$i" "$i" > "$p/src/f$i.c"
		seq $((i * 20)) > "$p/doc/page$i.txt"
	done
	echo 'int thing(int);' > "$p/lib/things.h"
	printf '#include "things.h"\nint thing(int x) { return x * 2; }\n' > "$p/lib/things.c"
	printf '#include "project/h40.h"\nint main(void) { return f1(1) + f40(2) < 0; }\n' > "$p/src/main.c"
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
	make_project "$T/project"
	tar cf "$T/project.tar" -C "$T" project
	echo workload,opcode,none,always > "$CSV"
	for workload; do
		run "$workload"
	done
	report | tee "$OUT/bench/cache.md"
}

main "$@"
