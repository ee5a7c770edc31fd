#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# install.sh - `make install` into a scratch folder, use of what is there,
# `make uninstall`, nothing left; and the rules of the tree that a machine can
# check: licences, exported symbols, what may stand in one file only.
# shellcheck disable=SC1091 # lib.sh is beside us
unset EFUSE_SHIM
. "$(dirname "$0")/lib.sh"
unset EFUSE_SHIM

cd "$SRC" || exit 1
D=$T/root

# The goals of the make above us are not ours.
run_make() { make --no-print-directory "$@" >"$T/log" 2>&1 || { sed 's/^/# /' "$T/log"; false; }; }

# Files and links below $D: mode, path and where a link leads.
installed() {
	(cd "$D" && find . ! -type d -printf '%m /%P' \( -type l -printf ' -> %l' -o -true \) -printf '\n') |
		sed 's/^777 \(.* -> \)/link \1/' | sort -k 2
}

# expected PREFIX SBINDIR
expected() {
	{
		echo "755 $2/mount.efuse"
		echo "link $2/mount.fuse.efuse -> mount.efuse"
		echo "755 $1/bin/efuse"
		echo "644 $1/lib/efuse/libefuse-shim.so"
		echo "4755 $1/lib/efuse/fusermount3"
		echo "link $1/lib/efuse/fusermount -> fusermount3"
		echo "644 $1/share/bash-completion/completions/efuse"
		echo "644 $1/lib/systemd/system/efuse.service"
		for page in man/*.[178]; do
			echo "644 $1/share/man/man${page##*.}/${page##*/}"
		done
	} | sort -k 2
}

# --- install, use, uninstall -------------------------------------------------

if ! command -v gcc >/dev/null || ! command -v pkg-config >/dev/null; then
	skip "install and uninstall" "needs gcc and pkg-config"
else
	mkdir "$D"
	ok "make install" run_make install DESTDIR="$D"
	is "every file has its place and mode" "$(installed)" "$(expected /usr/local /sbin)"
	efuse=$D/usr/local/bin/efuse
	shim=$D/usr/local/lib/efuse/libefuse-shim.so
	like "efuse runs from there" "$("$efuse" --version)" '^efuse [0-9]'
	like "mount.efuse too" "$("$D/sbin/mount.fuse.efuse" -V 2>&1)" '[0-9]\.[0-9]'
	ok "the completion is bash" bash -n "$D/usr/local/share/bash-completion/completions/efuse"
	like "the shim is found where it was told" "$(EFUSE_SHIM=$shim "$efuse" doctor)" \
		"\\[ok\\] shim +$shim"
	like "without that it looks where PREFIX says" "$("$efuse" doctor)" \
		'shim .*/usr/local/lib/efuse/libefuse-shim\.so'

	# A library exports the calls it interposes and what begins with its name.
	calls=$(sed -n 's/^\tCALL([^,]*, *\([a-z_A-Z0-9]*\),.*/\1/p' shim/calls.h | sort)
	is "the shim exports nothing else" "$(nm -D --defined-only "$shim" | awk '{ print $3 }' |
		grep -vE '^(efuse|__odr_asan\.efuse)_' | sort)" "$calls"
	ok "and its version" grep -q ' efuse_shim_abi$' <<<"$(nm -D --defined-only "$shim")"
	is "the programs need nothing but libc and libmount" "$(readelf -d "$efuse" "$D/sbin/mount.efuse" |
		sed -n 's/.*(NEEDED).*\[\(.*\)\].*/\1/p' | sort -u |
		grep -vE '^lib(c|mount|asan|ubsan|tsan)\.so')" ""

	is "fusermount3 needs libc only" "$(readelf -d "$D/usr/local/lib/efuse/fusermount3" |
		sed -n 's/.*(NEEDED).*\[\(.*\)\].*/\1/p' | grep -vE '^lib(c|asan|ubsan|tsan)\.so')" ""

	ok "make uninstall" run_make uninstall DESTDIR="$D"
	is "leaves no file" "$(installed)" ""
	not_ok "nor our own folder" test -e "$D/usr/local/lib/efuse"
	rm -r "$D"
	mkdir "$D"
	ok "with another PREFIX" run_make install DESTDIR="$D" PREFIX=/opt/e SBINDIR=/opt/s \
		O="$T/out"
	is "everything is there" "$(installed)" "$(expected /opt/e /opt/s)"
	like "and looked for there" "$("$D/opt/e/bin/efuse" doctor)" \
		'shim .*/opt/e/lib/efuse/libefuse-shim\.so'
	run_make uninstall DESTDIR="$D" PREFIX=/opt/e SBINDIR=/opt/s O="$T/out"
	is "and uninstalled" "$(installed)" ""
fi

# --- the rules of the tree ---------------------------------------------------

SPDX='SPDX-License-Identifier: GPL-2\.0-or-later'
# What programs of any licence include to speak with the driver.
UAPI='SPDX-License-Identifier: \(GPL-2\.0-or-later WITH Linux-syscall-note\)'

# What git knows, or, in an archive, what is there.
sources() {
	git ls-files -- "$@" 2>/dev/null | grep . ||
		for pattern; do find . -path ./out -prune -o -path "./$pattern" -print; done | sed 's|^\./||'
}

# without LINES PATTERN FILES...: those without PATTERN in their first LINES.
without() {
	local n=$1 pattern=$2 f
	shift 2
	for f; do
		[ ! -e "$f" ] || head -n "$n" "$f" | grep -qE -- "$pattern" || printf '%s ' "$f"
	done
}

mapfile -t c < <(sources '*.c')
mapfile -t h < <(sources '*.h')
mapfile -t sh < <(sources '*.sh')
is "every .c begins with its licence" "$(without 1 "^// $SPDX\$" "${c[@]}")" ""
mapfile -t uapi < <(sources 'kernel/uapi/*.h')
is "every .h too" "$(without 1 "^/\\* ($SPDX|$UAPI) \\*/\$" "${h[@]}")" ""
is "every .h for others as well" "$(without 1 "^/\\* $UAPI \\*/\$" "${uapi[@]}")" ""
is "and every script" "$(without 2 "^# $SPDX\$" "${sh[@]}" Makefile \
	mount.efuse/efuse.bash-completion)" ""
is "and every man page" "$(without 1 "^\\.\\\\\" $SPDX\$" man/*.[178])" ""
is "every .c says what it is for" "$(for f in "${c[@]}"; do
	sed -n '2p' "$f" | grep -q '^/\*' || printf '%s ' "$f"; done)" ""

# users PATTERN FILES...: the files that have it.
users() {
	local pattern=$1
	shift
	grep -lE -- "$pattern" "$@" /dev/null 2>/dev/null
}

one_file() {
	local what=$1
	shift
	is "$what in at most one file" "$(users "$@" | tail -n +2)" ""
}

in_dir() { printf '%s\n' "${c[@]}" "${h[@]}" | grep "^$1/"; }

mapfile -t helper < <(in_dir mount.efuse)
mapfile -t library < <(in_dir shim)
mapfile -t driver < <(in_dir kernel)
one_file "dlsym" '\<dlv?sym *\(' "${library[@]}"
is "dlsym not in the programs" "$(users '\<dlv?sym *\(' "${helper[@]}")" ""
one_file "changes of credentials" \
	'\<(set(res|re|fs|e)?[ug]id|setgroups|initgroups|capset) *\(' "${helper[@]}"
one_file "libbpf" '<bpf/(libbpf|bpf)\.h>' "${helper[@]}"
one_file "kernel versions" '\<(LINUX_VERSION_CODE|KERNEL_VERSION)\>' "${driver[@]}"
is "the shim never prints to the daemon's output" \
	"$(users '\<(printf|puts|putchar|perror) *\(|\<stdout\>|\<exit *\(' "${library[@]}")" ""

# long FILES...: functions of more than 100 lines, as "file:line".
long() {
	awk 'FNR == 1 { start = 0 } /^\{/ { start = FNR }
		/^\}/ { if (start && FNR - start > 100) print FILENAME ":" start; start = 0 }' "$@"
}
is "no function has more than 100 lines" "$(long "${c[@]}")" ""
is "no line ends in blanks" "$(grep -lE '[[:blank:]]+$' "${c[@]}" "${h[@]}" "${sh[@]}")" ""
if command -v shellcheck >/dev/null; then
	is "shellcheck has nothing to say" "$(shellcheck -x "${sh[@]}" 2>&1 | head -20)" ""
else
	skip "shellcheck has nothing to say" "needs shellcheck"
fi

finish
