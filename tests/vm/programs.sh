# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash source-path=SCRIPTDIR/../..
# programs.sh - what b-requests.sh runs beside our own: bindfs, gocryptfs if it is
# there, a project, and a C compiler with all that it reads, at the places they have
# here. For run.sh, whose with_libraries() it uses.

# shellcheck source=bench/project.sh
. "${BASH_SOURCE[0]%/*}/../../bench/project.sh"
: "${SOURCES:=12}"

# What cc needs to compile and link that project.
compiler_files() {
	local f
	for f in cc1 collect2; do
		with_libraries "$(realpath -s "$(gcc -print-prog-name=$f)")"
	done
	for f in crt1.o Scrt1.o crti.o crtn.o crtbegin.o crtbeginS.o crtend.o crtendS.o libgcc.a \
		libgcc_s.so libgcc_s.so.1 libc.so libc_nonshared.a liblto_plugin.so; do
		realpath -s "$(gcc -print-file-name=$f)"
	done
	printf '#include <%s.h>\n' stdio stdlib string unistd errno fcntl limits sys/stat sys/mman |
		gcc -O1 -M -x c - | grep -o '/[^ ]*' | xargs realpath -s
}

# fill_programs ROOT
fill_programs() {
	local root=$1 f
	for f in cc as ld ar make tar bindfs gocryptfs; do
		f=$(command -v "$f") || continue
		with_libraries "$f"
	done > "$root/tmp/files"
	compiler_files >> "$root/tmp/files"
	sort -u "$root/tmp/files" | while read -r f; do
		[ -e "$root$f" ] || install -D "$f" "$root$f"
	done
	make_project "$root/tmp/project" "$SOURCES"
	tar cf "$root/lib/project.tar" -C "$root/tmp" project
	rm -rf "$root/tmp/project" "$root/tmp/files"
}
