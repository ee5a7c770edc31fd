# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# lib-sshd.sh - a sshd of our own on 127.0.0.1, with keys of its own below $T.
#
#   sshd_start        # $sshd_pid, $sshd_port
#   sshd_stop
#   sshfs -o "$(sshd_options)" "$USER@127.0.0.1:/dir" mnt

sshd_pid=
sshd_port=
sshd_made_run=

sshd_config() {
	cat <<-END
		Port $sshd_port
		ListenAddress 127.0.0.1
		HostKey $T/ssh/host
		AuthorizedKeysFile $T/ssh/user.pub
		PidFile none
		StrictModes no
		UsePAM no
		PasswordAuthentication no
		PermitRootLogin yes
		Subsystem sftp internal-sftp
	END
}

sshd_answers() {
	(: < "/dev/tcp/127.0.0.1/$sshd_port") 2>/dev/null && kill -0 "$sshd_pid"
}

# A port that is taken makes sshd leave at once: then try another.
sshd_start() {
	local try
	mkdir -p "$T/ssh"
	ssh-keygen -q -t ed25519 -N '' -f "$T/ssh/host" || return 1
	ssh-keygen -q -t ed25519 -N '' -f "$T/ssh/user" || return 1
	if [ "$(id -u)" = 0 ] && [ ! -d /run/sshd ]; then
		mkdir -m 755 /run/sshd && sshd_made_run=1
	fi
	for try in 1 2 3 4 5; do
		sshd_port=$((20000 + (RANDOM + try) % 20000))
		sshd_config > "$T/ssh/config"
		"$(command -v sshd)" -D -f "$T/ssh/config" -E "$T/ssh/log" &
		sshd_pid=$!
		wait_for 3 sshd_answers && return
	done
	return 1
}

# Its connections end with the ssh programs at their other end.
sshd_stop() {
	[ -n "$sshd_pid" ] || return 0
	kill "$sshd_pid" 2>/dev/null
	wait "$sshd_pid" 2>/dev/null
	sshd_pid=
	[ -z "$sshd_made_run" ] || rmdir /run/sshd 2>/dev/null
}

sshd_options() {
	printf 'port=%s,IdentityFile=%s,UserKnownHostsFile=%s,StrictHostKeyChecking=no,LogLevel=ERROR' \
		"$sshd_port" "$T/ssh/user" "$T/ssh/known"
}
