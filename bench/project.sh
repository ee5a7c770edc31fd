# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# project.sh - a project as small ones are, to be built on a file system: a configure
# script that compiles small questions, a Makefile, sources that share headers of
# three folders. For bash.

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

# make_project DIR N: with N sources.
make_project() {
	local p=$1 n=$2 i
	mkdir -p "$p/src" "$p/include/project" "$p/lib" "$p/doc"
	make_configure > "$p/configure"
	chmod +x "$p/configure"
	make_makefile > "$p/Makefile.in"
	for ((i = 1; i <= n; i++)); do
		printf '#ifndef H%s\n#define H%s\n#include "project/h%s.h"\nint f%s(int);\n#endif\n' \
			"$i" "$i" $((i > 1 ? i - 1 : n)) "$i" > "$p/include/project/h$i.h"
		printf '#include <config.h>\n#include <stdio.h>\n#include <string.h>\n#include "project/h%s.h"\n#include "things.h"\nint f%s(int x) { return x + %s + thing(x); }\n' \
			"$i" "$i" "$i" > "$p/src/f$i.c"
		seq $((i * 20)) > "$p/doc/page$i.txt"
	done
	echo 'int thing(int);' > "$p/lib/things.h"
	printf '#include "things.h"\nint thing(int x) { return x * 2; }\n' > "$p/lib/things.c"
	printf '#include "project/h%s.h"\nint main(void) { return f1(1) + f%s(2) < 0; }\n' \
		"$n" "$n" > "$p/src/main.c"
}
