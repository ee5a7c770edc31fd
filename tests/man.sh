#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# man.sh - the man pages: no warning from groff or mandoc, and they say what the
# programs say: every option of --help is in the page and the other way round,
# every JSON key, variable and file that the sources name is there. The bash
# completion is held against --help likewise.
# shellcheck disable=SC1091 # lib.sh is beside us
. "$(dirname "$0")/lib.sh"

cd "$SRC" || exit 1

# Prints nothing when the page is fine.
groff_says() { groff -man -rCHECKSTYLE=3 -ww -b -z "$1" 2>&1; }
mandoc_says() { mandoc -Tlint -Wwarning "$1" 2>&1; }

# The words of a page, as a reader sees them, one line.
words() {
	mandoc -T ascii "$1" 2>/dev/null | col -bx | tr -s '[:space:]' ' '
}

# The tags (.TP, .TQ, .IP) of section $2 ("" for all) of page $1, without fonts.
tags() {
	awk -v want="$2" '
		/^\.S[SH] / { name = substr($0, 5); gsub(/"/, "", name); on = want == "" || name == want }
		tag && on { print }
		{ tag = /^\.T[PQ]/ }
		/^\.IP / && on { print }
	' "$1" | sed -E 's/^\.[A-Z]+ //; s/\\f[A-Z]//g; s/\\~/ /g; s/\\-/-/g; s/"//g'
}

# Options and efuse. names in a text, one a line: "-x", "--long", "efuse.poll".
options() {
	grep -oE '(^|[] ,|[(`])(--?[A-Za-z][A-Za-z-]*|efuse\.[a-z_]+)' |
		sed -E 's/^[] ,|[(`]//' | grep -vE '^(efuse\.conf|efuse\.state)$' | sort -u
}

# in_words WORD TEXT: WORD stands there by itself.
in_words() { grep -qE -- "(^|[^A-Za-z_-])${1//./\\.}([^A-Za-z_-]|\$)" <<<"$2"; }

# missing TEXT: of the words on stdin those that are not in TEXT.
missing() {
	local w
	while read -r w; do
		in_words "$w" "$1" || printf '%s ' "$w"
	done
}

# Of the options on stdin those that neither $1, the help, names nor $2... takes.
unknown() {
	local help=$1 o
	shift
	while read -r o; do
		in_words "$o" "$help" || "$@" "$o" --help >/dev/null 2>&1 || printf '%s ' "$o"
	done
}

# --- every page --------------------------------------------------------------

for page in man/*.[178]; do
	if command -v groff >/dev/null; then
		is "$page: groff has nothing to say" "$(groff_says "$page")" ""
	else
		skip "$page: groff" "needs groff"
	fi
	if command -v mandoc >/dev/null; then
		is "$page: nor has mandoc" "$(mandoc_says "$page")" ""
	else
		skip "$page: mandoc" "needs mandoc"
	fi
	for section in NAME SYNOPSIS DESCRIPTION ENVIRONMENT FILES SECURITY 'SEE ALSO'; do
		ok "$page: has $section" grep -qE "^\\.SH \"?$section\"?\$" "$page"
	done
done

if ! command -v mandoc >/dev/null || ! command -v col >/dev/null; then
	skip "options in pages and programs" "needs mandoc and col"
	finish
fi

# --- efuse(1) ----------------------------------------------------------------

page=man/efuse.1
text=$(words $page)
for verb in wrap status doctor setup; do
	help=$(efuse help $verb 2>&1)
	is "$page: has every option of $verb" "$(options <<<"$help" | missing "$(tags $page "efuse $verb")")" ""
	is "completion: has every option of $verb" "$(options <<<"$help" | grep -v '^efuse' |
		missing "$(grep -v '^[[:space:]]*#' mount.efuse/efuse.bash-completion)")" ""
	is "$page: $verb takes every option it has" \
		"$(tags $page "efuse $verb" | options | unknown "$help" efuse $verb)" ""
done
for verb in $(efuse help | sed -n 's/^  efuse \([a-z][a-z]*\) .*/\1/p'); do
	ok "$page: has the verb $verb" grep -qx "\\.SS efuse $verb" $page
done
keys=$(grep -ohE 'json_[a-z]+\(&?j, "[a-z0-9_]+"' mount.efuse/*.c | sed 's/.*"\(.*\)"/\1/' | sort -u)
is "$page: has every JSON key" "$(missing "$text" <<<"$keys")" ""
files=$(grep -hE '^#define|STEPS_' mount.efuse/steps.[ch] shim/config.h |
	grep -oE '"/(etc|var|run|sys)/[a-z_./]+"' | tr -d '"' | sort -u)
is "$page: has every file of setup" "$(for f in $files; do
	grep -qF -- "$f" <<<"$text" || printf '%s ' "$f"; done)" ""

# --- mount.efuse(8) ----------------------------------------------------------

page=man/mount.efuse.8
if [ -e $page ]; then
	help=$(mount.efuse --help 2>&1)
	is "$page: has every option" "$(options <<<"$help" | missing "$(tags $page "")")" ""
	is "$page: mount.efuse knows every option it has" \
		"$(tags $page "" | options | unknown "$help" mount.efuse)" ""
else
	skip "$page" "not there yet"
fi

# --- fusermount3(1) ----------------------------------------------------------

page=man/fusermount3.1
help=$("$OUT/libexec/fusermount3" --help)
is "$page: has every option" "$(options <<<"$help" | missing "$(tags $page "OPTIONS")")" ""
is "$page: has no other" "$(tags $page "OPTIONS" | options | while read -r o; do
	in_words "$o" "$help" || printf '%s ' "$o"; done)" ""
is "$page: has every mount option" "$(sed -n 's/^\t{ "\([a-z_]*\)=*", \.kind.*/\1/p' mount.efuse/mountopts.c |
	missing "$(tags $page "MOUNT OPTIONS" | tr '=' ' ')")" ""

# --- libefuse-shim(7) --------------------------------------------------------

page=man/libefuse-shim.7
if [ -e $page ]; then
	variables=$(sed -n 's/^#define CONFIG_ENV_[A-Z]*[^"]*"\([A-Z_]*\)".*/\1/p' shim/config.h |
		grep -vx EFUSE_SHIM)
	is "$page: has every variable" "$(missing "$(words $page)" <<<"$variables")" ""
else
	skip "$page" "not there yet"
fi

finish
