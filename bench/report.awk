# SPDX-License-Identifier: GPL-2.0-or-later
# report.awk - from ratios.csv to a page of ratios. No absolute time of a file
# system operation appears here: what the machine does in a microsecond is its
# own affair. -v samples=FILE -v missing=FILE.
BEGIN {
	FS = ","
	print "# efuse against plain FUSE\n"
	print "Ratios of medians over interleaved rounds; [quartiles of the rounds' own ratios]."
	print "*free*: plain FUSE, placed by the scheduler. *pinned*: plain FUSE, daemon and"
	print "client on one core. efuse is never pinned."
	section_of["latency-mean"] = "Latency per operation (smaller is better)"
	section_of["latency-p99"] = "The slowest percent: 99th percentile (smaller is better)"
	section_of["busy-mean"] = "Latency while every core has other work (smaller is better)"
	section_of["latency-vsw"] = "Voluntary context switches of the client per operation"
	section_of["latency-migr"] = "Migrations of the client per operation"
	section_of["fio-direct"] = "Throughput, direct I/O (larger is better)"
	section_of["fio-buffered"] = "Throughput, buffered I/O, one cold pass (larger is better)"
	section_of["tree"] = "Searching a tree of files (smaller is better)"
	section_of["calls-traced"] = "System calls of the daemon per operation, all of them (strace)"
	section_of["calls-shim"] = "System calls the shim makes per request (its own count)"
	section_of["calls-added"] = "The same as strace sees it, which slows the daemon and adds waits"
	section_of["mount"] = "Mounting"
	section_of["bystander"] = "A process that serves no file system, if it has the shim preloaded (smaller is better)"
	section_of["bystander-insns"] = "The same, in instructions of user space (callgrind)"
	n = split("latency-mean latency-p99 busy-mean latency-vsw latency-migr fio-direct fio-buffered tree calls-traced calls-shim calls-added mount " \
		"bystander bystander-insns", sections, " ")
}

FNR > 1 {
	rows[$1] = rows[$1] $0 "\n"
}

END {
	for (i = 1; i <= n; i++)
		if (sections[i] in rows)
			section(sections[i])
	summary()
	unable()
}

function section(name,	lines, count, i) {
	print "\n## " section_of[name] "\n"
	heading(name)
	count = split(rows[name], lines, "\n") - 1
	for (i = 1; i <= count; i++) {
		split(lines[i], f, ",")
		line(name)
	}
}

function heading(name) {
	if (name == "calls-shim")
		print "| file system | operation | per request | wanted | |\n|---|---|---|---|---|"
	else if (name == "calls-added")
		print "| file system | operation | per request |\n|---|---|---|"
	else if (name == "calls-traced")
		print "| file system | operation | plain | efuse |\n|---|---|---|---|"
	else if (name == "mount")
		print "| file system | added by efuse | wanted | |\n|---|---|---|---|"
	else if (name ~ /^bystander/)
		print "| what | with / without the shim | wanted | |\n|---|---|---|---|"
	else if (name ~ /-vsw$|-migr$/)
		print "| file system | operation | free | pinned | efuse |\n|---|---|---|---|---|"
	else if (name == "latency-p99")
		print "| file system | operation | efuse / free | efuse / pinned |\n|---|---|---|---|"
	else if (name ~ /^latency|^tree|^busy/)
		print "| file system | operation | efuse / free | efuse / pinned | wanted | |\n|---|---|---|---|---|---|"
	else
		print "| file system | operation | efuse / plain | wanted | |\n|---|---|---|---|---|"
}

function line(name) {
	if (name == "calls-shim")
		put(f[7], "at most 2", f[7] < 2.005, f[2] " | " f[3] " | " sprintf("%.2f", f[7]))
	else if (name == "calls-added")
		printf "| %s | %.2f |\n", names(), f[7]
	else if (name == "calls-traced")
		printf "| %s | %s | %.2f | %.2f |\n", f[2], f[3], f[5], f[7]
	else if (name == "mount")
		put(f[7] - f[5], "at most 5 ms", f[7] - f[5] <= 5, f[2] " | " sprintf("%+.1f ms", f[7] - f[5]))
	else if (name ~ /-vsw$|-migr$/)
		printf "| %s | %.3f | %.3f | %.3f |\n", names(), f[5], f[6], f[7]
	else if (name == "latency-p99")
		printf "| %s | %s | %s |\n", names(), three(8), three(11)
	else if (name == "latency-mean")
		latency()
	else if (name == "tree" || name == "busy-mean")
		put(f[8], "free: at most 1", not_above(), names() " | " three(8) " | " three(11))
	else if (name ~ /^fio/)
		put(f[8], "at least 1", not_below(), names() " | " three(8))
	else if (name == "bystander" && f[3] == "read+write")
		put(f[8], "1", f[9] < 1.05, f[3] " | " three(8))
	else
		printf "| %s | %s | | |\n", f[3], three(8)
}

# The goals: a switch on one core is the floor, free is never exceeded.
function latency(	want, good) {
	want = "free: at most 1"
	good = not_above()
	if (f[2] == "sshfs" && f[3] == "stat") {
		want = "free: at most 0.71"
		good = f[8] <= 1 / 1.4
	} else if (f[2] != "sshfs" && f[3] ~ /^(stat|open|write)$/) {
		want = want ", pinned: at most 1.25"
		good = f[11] != "" && f[11] <= 1.25 ? good : 0
	}
	put(f[8], want, good, names() " | " three(8) " | " three(11))
}

# A cell is worse when its median is and three of four rounds say so; when
# only the median is, rounds disagree and the cell says nothing: 2.
function not_above() {
	return f[8] <= 1 ? 1 : f[9] <= 1 ? 2 : 0
}

function not_below() {
	return f[8] >= 1 ? 1 : f[10] >= 1 ? 2 : 0
}

function put(value, want, good, text) {
	if (selftest) {
		printf "| %s | | |\n", text
		return
	}
	checked++
	if (value == "")
		good = 0
	if (!good)
		missed = missed "\n- " f[1] ": " f[2] " " f[3]
	if (good == 2)
		unclear = unclear "\n- " f[1] ": " f[2] " " f[3]
	printf "| %s | %s | %s |\n", text, want, good == 2 ? "unclear" : good ? "yes" : "**NO**"
}

function names() {
	return f[2] " | " f[3]
}

function three(at) {
	return f[at] == "" ? "-" : sprintf("%.2f [%.2f..%.2f]", f[at], f[at + 1], f[at + 2])
}

function summary() {
	if (selftest)
		return
	print "\n## Held against what is wanted\n"
	if (missed unclear == "")
		print checked " of " checked " hold."
	if (missed != "")
		print "Not held, of " checked ":\n" missed
	if (unclear != "")
		print "\nUnclear, the rounds disagree (more of them, or a quieter machine):\n" unclear
}

function unable(	l) {
	print "\n## What could not be measured here\n"
	while ((getline l < missing) > 0) {
		print "- " l
		any = 1
	}
	if (!any)
		print "Nothing: all of it was."
}
