#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# t-setup.sh - `efuse setup` on a make-believe system (--root), and as root on
# the real one, put back as it was.
# shellcheck disable=SC1091 # lib.sh is beside us
. "$(dirname "$0")/lib.sh"

need_program efuse
[ "$(id -u)" != 0 ] || enter_namespace "$@"

R=$T/root
KNOB=/sys/module/fuse/parameters/enable_uring

# A system with a built-in fuse that has the parameter.
fresh() {
	rm -rf "$R"
	mkdir -p "$R/var/lib" "$R/etc/tmpfiles.d" "$R/run" "$R$(dirname $KNOB)"
	printf 'N' >"$R$KNOB"
}

# Everything there is: names, kinds, modes, contents.
picture() { (cd "$R" && find . -printf '%p %y %m\n' -type f -exec cat {} \; | sort); }

setup() {
	efuse setup --root "$R" "$@" >"$T/out" 2>"$T/err"
	code=$?
}

is_code() { is "$1" "$code" "$2"; }

# --- the command line --------------------------------------------------------

fresh
setup --bogus
is_code "an unknown option is a usage error" 2
setup --check --undo
is_code "so are two that contradict" 2
setup operand
is_code "and an operand" 2

# --- once, twice, back -------------------------------------------------------

before=$(picture)
setup --check
is_code "--check tells that there is something to do" 3
like "and what" "$(cat "$T/out")" 'would write .*/etc/tmpfiles.d/efuse.conf'
is "and does nothing" "$(picture)" "$before"
like "a system without systemd is told what else to do" "$(cat "$T/err")" 'command line'
mkdir -p "$R/usr/bin"
touch "$R/usr/bin/systemd-tmpfiles"
setup --check
is "one with it is not" "$(cat "$T/err")" ""
rm -r "${R:?}/usr"
setup
is_code "setup works" 0
is "the parameter is on" "$(cat "$R$KNOB")" Y
like "and will be after a boot" "$(cat "$R/etc/tmpfiles.d/efuse.conf")" "^w $KNOB - - - - Y\$"
like "with the status folder" "$(cat "$R/etc/tmpfiles.d/efuse.conf")" '^d /run/efuse 0755 root root -$'
is "which is there" "$(stat -c %a "$R/run/efuse")" 755
not_ok "a built-in fuse needs no modprobe.d" test -e "$R/etc/modprobe.d"
after=$(picture)
setup
is_code "setup twice works" 0
is "and changes nothing" "$(picture)" "$after"
setup -n
is_code "--check is content" 0
setup --undo
is_code "--undo works" 0
is "everything is as it was" "$(picture)" "$before"
setup --undo
is_code "--undo twice works" 0
like "and says so" "$(cat "$T/out")" 'nothing to undo'

# --- what was there before ---------------------------------------------------

fresh
printf 'Y' >"$R$KNOB"
mkdir "$R/run/efuse"
touch "$R/run/efuse/file"
before=$(picture)
setup
setup -u
is "a parameter that was on stays on" "$(picture)" "$before"

fresh
before=$(picture)
setup
printf 'N' >"$R$KNOB" # a boot without us, or a person
setup
is "the second setup switches on again" "$(cat "$R$KNOB")" Y
setup -u
is "and --undo knows the first value" "$(picture)" "$before"

fresh
mkdir -p "$R/etc/modprobe.d"
printf live >"$R/sys/module/fuse/initstate"
before=$(picture)
setup
is "a loadable fuse gets its option" "$(tail -n 1 "$R/etc/modprobe.d/efuse.conf")" \
	"options fuse enable_uring=1"
setup -u
is "which is undone too" "$(picture)" "$before"

fresh
rm -r "$R/sys/module/fuse" "$R/etc/tmpfiles.d"
before=$(picture)
setup
is_code "a fuse that is not loaded is no failure" 0
like "and told" "$(cat "$T/err")" 'fuse module is not loaded'
setup -u
is "which is undone too, folders included" "$(picture)" "$before"

fresh
rm "$R$KNOB"
setup
like "a kernel without the parameter is told" "$(cat "$T/err")" 'no FUSE-over-io_uring'
setup -u

# --- the unit that loads the driver at boot ----------------------------------

UNIT=/usr/local/lib/systemd/system/efuse.service
WANTS=/etc/systemd/system/sysinit.target.wants
with_unit() {
	fresh
	mkdir -p "$R$(dirname $UNIT)"
	touch "$R$UNIT"
}

with_unit
before=$(picture)
setup -n
like "the unit is to be enabled" "$(cat "$T/out")" "would write .*$WANTS/efuse.service"
setup
is_code "setup works with the unit" 0
is "it is enabled" "$(readlink "$R$WANTS/efuse.service")" "$UNIT"
after=$(picture)
setup
is "setup twice changes nothing" "$(picture)" "$after"
setup -u
is "and --undo takes the link back, folders included" "$(picture)" "$before"

with_unit
mkdir -p "$R$WANTS"
ln -s /somewhere/else "$R$WANTS/efuse.service"
before=$(picture)
setup
is_code "a person's link of that name is an error" 1
like "which says so" "$(cat "$T/err")" 'leads to /somewhere/else; move it away'
is "and changes nothing" "$(picture)" "$before"

with_unit
before=$(picture)
setup
ln -sf /somewhere/else "$R$WANTS/efuse.service"
setup -u
is_code "one that a person changed is left" 1
like "and told" "$(cat "$T/err")" 'left alone'

with_unit
rm "$R$UNIT"
setup
not_ok "without the unit nothing is enabled" test -e "$R/etc/systemd"
setup -u

# --- files of a person -------------------------------------------------------

fresh
echo "# mine" >"$R/etc/tmpfiles.d/efuse.conf"
before=$(picture)
setup
is_code "a person's file is not overwritten" 1
like "and it says so" "$(cat "$T/err")" 'etc/tmpfiles.d/efuse.conf: not written by efuse.*nothing was changed'
is "and nothing was" "$(picture)" "$before"
setup -u
is "--undo leaves it too" "$(picture)" "$before"

fresh
ln -s "$T/elsewhere" "$R/etc/tmpfiles.d/efuse.conf"
setup
is_code "a symbolic link is not followed" 1
not_ok "nothing is written behind it" test -e "$T/elsewhere"

fresh
setup
echo "# a remark" >>"$R/etc/tmpfiles.d/efuse.conf"
setup -u
is_code "an edited file is a failure of --undo" 1
like "and stays" "$(cat "$R/etc/tmpfiles.d/efuse.conf")" 'a remark'
is "all else is undone" "$(cat "$R$KNOB")" N
rm "$R/etc/tmpfiles.d/efuse.conf"
setup -u
is_code "and once more finishes" 0
not_ok "with nothing left" test -e "$R/var/lib/efuse"

fresh
before=$(picture)
setup
printf 'N' >"$R$KNOB"
rm -r "$R/var/lib/efuse" "$R/run/efuse"
setup -u
is "without its state file --undo knows our files" "$(picture)" "$before"

# --- nothing half done -------------------------------------------------------

fresh
rmdir "$R/var/lib"
setup
is_code "no /var/lib is a failure" 1
fresh
mkdir "$R/var/lib/efuse" "$R/run/x"
rm "$R$KNOB"
mkdir "$R$KNOB"
before=$(picture)
setup
is_code "a parameter that cannot be read is a failure" 1
is "with nothing changed" "$(picture)" "$before"

if [ "$(id -u)" = 0 ]; then
	fresh
	mount -t tmpfs -o ro none "$R/etc/tmpfiles.d"
	before=$(picture)
	setup
	is_code "a read-only /etc is a failure" 1
	like "and is told" "$(cat "$T/err")" 'etc/tmpfiles.d/efuse.conf: .*Read-only file system; nothing was changed'
	is "with nothing changed" "$(picture)" "$before"
	umount "$R/etc/tmpfiles.d"

	fresh
	mount --bind "$R/sys" "$R/sys"
	mount -o remount,ro,bind "$R/sys"
	before=$(picture)
	setup
	is_code "a read-only /sys is a failure" 1
	is "with everything taken back" "$(picture)" "$before"
	umount "$R/sys"

	fresh
	touch "$R/etc/other"
	setpriv --reuid 12345 --clear-groups efuse setup >"$T/out" 2>"$T/err"
	is "not root is a failure" $? 1
	like "and told what to do" "$(cat "$T/err")" 'sudo efuse setup'
else
	skip "read-only file systems" "needs root"
fi

# --- the real system ---------------------------------------------------------

state() {
	cat $KNOB /etc/tmpfiles.d/efuse.conf /etc/modprobe.d/efuse.conf 2>/dev/null
	ls -d /run/efuse /var/lib/efuse /etc/tmpfiles.d /etc/modprobe.d 2>/dev/null
}

if [ "$(id -u)" != 0 ] || [ ! -w $KNOB ] || [ -e /var/lib/efuse/setup.state ]; then
	skip "the real system" "needs root, Linux 6.14 and a system not set up yet"
else
	before=$(state)
	efuse setup >"$T/out" 2>&1
	is "the real system is set up" $? 0
	is "the real parameter is on" "$(cat $KNOB)" Y
	if command -v systemd-tmpfiles >/dev/null; then
		ok "systemd-tmpfiles takes our file" systemd-tmpfiles --create efuse.conf
	fi
	efuse setup --undo >>"$T/out" 2>&1
	is "and put back" $? 0
	is "exactly" "$(state)" "$before"
fi

finish
