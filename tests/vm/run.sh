#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# run.sh: what `make check-vm` runs: boots the kernel of $KDIR with the driver
# and the guest's tests in an initramfs, init.c as its first process, and counts
# what they say. The last line is `N passed, N failed, N skipped`.
#
# The machine is emulated, needs no privilege, has no network and no disk, and
# is ended after $VM_SECONDS. The guest's tests are t-*.sh and t-*.c beside us;
# VM_TESTS='t-policy*' runs only those. With VM_ICOUNT=1 the machine has one core,
# and a nanosecond on its clock is one instruction. VM_ENV='NAME=VALUE ...' is what
# the tests find in their environment. VM_KERNEL and VM_KO are another kernel and
# the driver for it, VM_MEMORY is its memory, VM_CPUS its cores (2), VM_DIR is where its
# own files go.
# With VM_PROGRAMS=1 the guest has what programs.sh says, with VM_FIO=1 what fio.sh does; ext4
# it has always, if that can be had.
set -u

here=$(cd "$(dirname "$0")" && pwd)
: "${OUT:?the build folder}" "${KDIR:?the kernel headers}" "${VM_SECONDS:=1500}" "${VM_TESTS:=t-*}"
vm=$OUT/vm
: "${VM_KERNEL:=/boot/vmlinuz-${KDIR#/usr/src/linux-headers-}}" "${VM_KO:=$OUT/kernel/efuse.ko}"
: "${VM_DIR:=$vm}" "${VM_ENV:=}" "${VM_MEMORY:=2G}"
log=$VM_DIR/console.log

# with_libraries FILE...: the files and the shared libraries they load.
with_libraries() {
	local f
	for f; do
		printf '%s\n' "$f"
		ldd "$f" 2>/dev/null | grep -o '/[^ ]*' | grep -v : || true
	done | sort -u
}

# Everything the guest has, as a folder: it has no other disk.
fill_root() {
	local root=$1 f program tools
	# Programs that the tests there use.
	mapfile -t tools < <(find "$here" -maxdepth 1 -name '[!it]*.c' -printf "$vm/%f\n" | sed 's/\.c$//')
	chmod 755 "$root"
	mkdir -p "$root"/{bin,dev,etc,lib,proc,sys,tmp,mnt,tests}
	ln -s bin "$root/sbin"
	cp /bin/busybox "$root/bin/"
	for f in sh cat chmod chown cp cut dd df echo env find grep head id kill ln ls md5sum mkdir modprobe mount mv \
		ps readlink rm rmdir sed seq sleep sort stat su sync tail taskset touch tr truncate umount wc cmp; do
		ln -s busybox "$root/bin/$f"
	done
	printf 'root:x:0:0:root:/:/bin/sh\nalice:x:1000:1000::/:/bin/sh\n' > "$root/etc/passwd"
	printf 'root:x:0:\nalice:x:1000:\n' > "$root/etc/group"
	: > "$root/etc/mtab"
	mkdir "$root/lib/bpf"
	find "$OUT/bpf" -name '*.bpf.o' -exec cp {} "$root/lib/bpf" \;
	# Where they are installed; the tests skip without.
	for program in gocryptfs bindfs ntfs-3g mkntfs sshfs sftp-server; do
		f=$(PATH=$PATH:/sbin:/usr/sbin:/usr/lib/openssh command -v "$program") || continue
		install "$f" "$root/bin/$program"
		with_libraries "$f" | grep '\.so' | while read -r f; do install -D "$f" "$root$f"; done
	done
	with_libraries "$OUT"/tests/fs-{mem,mem-static,mirror,raw} "$OUT/tests/fs2-pass" \
		"$OUT"/tests/prog-{exercise,differ,data,commfd,load,stats} \
		"$OUT/bench/prog-ops" "$OUT/bin/efuse" "$OUT"/libexec/{efuse-policy,fusermount3} "$OUT/lib/libefuse-shim.so" \
		"$vm"/t-* "${tools[@]}" |
		while read -r f; do
			case $f in
			*.d) ;;
			"$vm"/t-*) cp "$f" "$root/tests/";;
			"$OUT"/lib/*) cp "$f" "$root/lib/";;
			"$OUT"/*) install -D "$f" "$root/bin/${f##*/}";;
			*) install -D "$f" "$root$f";;
			esac
		done
	cp "$here"/[bt]-*.sh "$here"/{lib,channel,direct,rounds}.sh "$root/tests/"
	# shellcheck disable=SC2254 # a pattern
	for f in "$root"/tests/[bt]-*; do
		case ${f##*/} in $VM_TESTS) ;; *) rm "$f";; esac
	done
	# For pthread_cancel(), which asks for it when it is called.
	f=$(gcc -print-file-name=libgcc_s.so.1)
	install -D "$(readlink -f "$f")" "$root/lib/x86_64-linux-gnu/libgcc_s.so.1"
	cp "$vm/init" "$root/init"
	strip --strip-debug -o "$root/lib/efuse.ko" "$VM_KO"
	# Where modprobe and efuse setup look for what is installed.
	f=$root/lib/modules/$(PATH=$PATH:/sbin modinfo -F vermagic "$VM_KO" | cut -d' ' -f1)
	install -D "$root/lib/efuse.ko" "$f/updates/efuse.ko"
	echo 'updates/efuse.ko:' > "$f/modules.dep"
	mkdir -p "$root/var/lib" "$root/run" "$root/usr/local/lib/efuse/bpf"
	ln -s /lib/bpf/generic.bpf.o "$root/usr/local/lib/efuse/bpf/"
	ln -s /bin/efuse-policy /bin/fusermount3 "$root/usr/local/lib/efuse/"
	[ "${VM_PROGRAMS:-0}" = 0 ] || fill_programs "$root"
	fill_disk "$root"
	[ "${VM_FIO:-0}" = 0 ] || fill_fio "$root"
}

# shellcheck source=tests/vm/programs.sh
[ "${VM_PROGRAMS:-0}" = 0 ] || . "$here/programs.sh"
# shellcheck source=tests/vm/fio.sh
. "$here/fio.sh"

make_initramfs() {
	local root
	root=$(mktemp -d) || exit 1
	fill_root "$root"
	(cd "$root" && find . | cpio -o -H newc --quiet -R 0:0 | gzip -1) > "$VM_DIR/initramfs.gz"
	rm -rf "$root"
}

# On a busy machine emulated timers come late, from which the kernel would conclude
# that there is none, or that time passes many times faster than it does. Unless it is told
# that the processor's own clock is good (VM_TSC=reliable), every look at the time is a
# system call that asks an emulated device, one core after the other.
boot() {
	local cpu="-accel tcg,thread=multi -smp ${VM_CPUS:=2}" timers="no_timer_check tsc=${VM_TSC:=unstable}"
	[ "${VM_ICOUNT:-0}" = 0 ] || cpu="-accel tcg -icount shift=0,sleep=off -smp 1" timers=
	# shellcheck disable=SC2086 # words
	timeout -k 5 "$VM_SECONDS" nice -n 10 qemu-system-x86_64 -M q35 \
		$cpu -cpu max -m "$VM_MEMORY" -nographic -no-reboot -nic none \
		-kernel "$VM_KERNEL" -initrd "$VM_DIR/initramfs.gz" \
		-append 'console=ttyS0 panic=-1 mitigations=off nokaslr quiet loglevel=1 '"$timers $VM_ENV" \
		< /dev/null 2>&1 | stdbuf -oL tr -d '\r' | tee "$log" | grep --line-buffered -aE '^(# run|not ok|#)|SKIP'
}

# Every test and the guest itself must have reached their ends.
summary() {
	local passed failed skipped
	skipped=$(grep -caE '^ok .*# SKIP|^1\.\.0 # SKIP' "$log")
	passed=$(($(grep -caE '^ok ' "$log") - $(grep -caE '^ok .*# SKIP' "$log")))
	failed=$(grep -caE '^not ok ' "$log")
	if ! grep -qax 'vm: done' "$log"; then
		echo "not ok - the guest ended by itself within $VM_SECONDS s"
		tail -n 20 "$log"
		failed=$((failed + 1))
	fi
	# A comparison of nothing with nothing would pass.
	if grep -aE '(applet|command|: [a-z0-9_-]+:) not found' "$log"; then
		echo "not ok - the guest has the commands that its tests use"
		failed=$((failed + 1))
	fi
	echo "everything the guest said: $log"
	echo "$passed passed, $failed failed, $skipped skipped"
	[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
}

mkdir -p "$VM_DIR"
make_initramfs
boot
summary
