# SPDX-License-Identifier: GPL-2.0-or-later
# report.awk - from ratios.csv to a page of ratios: first what does not hold and
# why, then all of it. No absolute time of a file system operation appears here:
# what the machine does in a microsecond is its own affair.
# -v missing=FILE -v selftest=1.
BEGIN {
	FS = ","
	section_of["latency-mean"] = "Latency per operation (smaller is better)"
	section_of["latency-p99"] = "The slowest percent: 99th percentile (smaller is better)"
	section_of["busy-mean"] = "Latency while every core has other work (smaller is better)"
	section_of["latency-vsw"] = "Voluntary context switches of the client per operation"
	section_of["latency-migr"] = "Migrations of the client per operation"
	section_of["fio-direct"] = "Throughput, direct I/O: efuse / plain (larger is better)"
	section_of["fio-buffered"] = "Throughput, buffered I/O, one cold pass: efuse / plain (larger is better)"
	section_of["fio-busy"] = "Throughput while every core has other work, buffered: efuse / plain (larger is better)"
	section_of["tree"] = "Searching a tree of files (smaller is better)"
	section_of["calls-traced"] = "System calls of the daemon per operation, all of them (strace)"
	section_of["calls-shim"] = "System calls the shim makes per request (its own count)"
	section_of["calls-added"] = "The same as strace sees it, which slows the daemon and adds waits"
	section_of["mount"] = "Mounting"
	section_of["bystander"] = "A process that serves no file system, if it has the shim preloaded (smaller is better)"
	section_of["bystander-insns"] = "The same, in instructions of user space (callgrind)"
	n = split("latency-mean busy-mean fio-buffered fio-direct fio-busy tree calls-shim mount bystander " \
		"bystander-insns latency-p99 calls-traced calls-added latency-vsw latency-migr", sections, " ")
}

FNR > 1 {
	rows[$1] = rows[$1] $0 "\n"
	efuse_over_free[$1, $2, $3] = $8
}

END {
	for (i = 1; i <= n; i++)
		if (sections[i] in rows)
			section(sections[i])
	print "# efuse against plain FUSE\n"
	print "Ratios of medians over interleaved rounds; [quartiles of the rounds' own ratios]."
	print "*free*: plain FUSE, placed by the scheduler. *pinned*: plain FUSE, daemon and"
	print "client on one core. efuse is never pinned."
	summary()
	printf "%s", body
	unable()
}

function out(text) {
	body = body text "\n"
}

function section(name,	lines, count, i) {
	out("\n## " section_of[name] "\n")
	count = split(rows[name], lines, "\n") - 1
	if (name ~ /^fio/) {
		matrix(name, lines, count)
		return
	}
	heading(name)
	for (i = 1; i <= count; i++) {
		split(lines[i], f, ",")
		line(name)
	}
}

# A row for each file system and pattern, a column for each number of jobs.
function matrix(name, lines, count,	i, w, row, col, cell, ncols, cols, nrows, order, at, text) {
	for (i = 1; i <= count; i++) {
		split(lines[i], f, ",")
		split(f[3], w, " ")
		row = f[2] " | " w[1] " " w[2]
		col = w[3]
		if (!(col in at))
			at[col] = cols[++ncols] = col
		if (!(row in at)) {
			at[row] = 1
			order[++nrows] = row
		}
		cell[row, col] = throughput(name)
	}
	text = "| file system | pattern |"
	for (i = 1; i <= ncols; i++)
		text = text " " cols[i] " |"
	out(text)
	text = "|---|---|"
	for (i = 1; i <= ncols; i++)
		text = text "---|"
	out(text)
	for (row = 1; row <= nrows; row++) {
		text = "| " order[row] " |"
		for (i = 1; i <= ncols; i++)
			text = text " " cell[order[row], cols[i]] " |"
		out(text)
	}
}

# At least 0.95 of plain, random 4 KiB direct cells at least 1.8.
function throughput(name,	want, good) {
	want = name == "fio-direct" && f[3] ~ /^rand[a-z]* 4k / ? 1.8 : 0.95
	good = f[8] == "" ? 0 : f[8] >= want ? 1 : f[10] >= want ? 2 : 0
	judge(good, "wanted " want)
	return f[8] == "" ? "-" : good == 1 ? sprintf("%.2f", f[8]) : good == 2 ? sprintf("%.2f?", f[8]) : \
		sprintf("**%.2f**", f[8])
}

function heading(name) {
	if (name == "calls-shim")
		out("| file system | operation | per request | wanted | |\n|---|---|---|---|---|")
	else if (name == "calls-added")
		out("| file system | operation | per request |\n|---|---|---|")
	else if (name == "calls-traced")
		out("| file system | operation | plain | efuse |\n|---|---|---|---|")
	else if (name == "mount")
		out("| file system | added by efuse | wanted | |\n|---|---|---|---|")
	else if (name ~ /^bystander/)
		out("| what | with / without the shim | wanted | |\n|---|---|---|---|")
	else if (name ~ /-vsw$|-migr$/)
		out("| file system | operation | free | pinned | efuse |\n|---|---|---|---|---|")
	else if (name == "latency-p99")
		out("| file system | operation | efuse / free | efuse / pinned |\n|---|---|---|---|")
	else
		out("| file system | operation | efuse / free | efuse / pinned | wanted | |\n|---|---|---|---|---|---|")
}

function line(name) {
	if (name == "calls-shim")
		put(f[7], "at most 2", f[7] < 2.005, f[2] " | " f[3] " | " sprintf("%.2f", f[7]))
	else if (name == "calls-added")
		out(sprintf("| %s | %.2f |", names(), f[7]))
	else if (name == "calls-traced")
		out(sprintf("| %s | %s | %.2f | %.2f |", f[2], f[3], f[5], f[7]))
	else if (name == "mount")
		put(f[7] - f[5], "at most 5 ms", f[7] - f[5] <= 5, f[2] " | " sprintf("%+.1f ms", f[7] - f[5]))
	else if (name ~ /-vsw$|-migr$/)
		out(sprintf("| %s | %.3f | %.3f | %.3f |", names(), f[5], f[6], f[7]))
	else if (name == "latency-p99")
		out(sprintf("| %s | %s | %s |", names(), three(8), three(11)))
	else if (name == "latency-mean")
		latency()
	else if (name == "tree")
		put(f[8], "free: at most 1", not_above(1), names() " | " three(8) " | " three(11))
	else if (name == "busy-mean")
		put(f[8], "free: at most 1.05", not_above(1 / 0.95), names() " | " three(8) " | " three(11))
	else if (name == "bystander" && f[3] == "read+write")
		put(f[8], "1", f[9] < 1.05, f[3] " | " three(8))
	else
		out(sprintf("| %s | %s | | |", f[3], three(8)))
}

# The goals: a switch on one core is the floor, free is never exceeded.
function latency(	want, good) {
	want = "free: at most 1"
	good = not_above(1)
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
function not_above(limit) {
	return f[8] <= limit ? 1 : f[9] <= limit ? 2 : 0
}

function judge(good, want) {
	if (selftest)
		return
	checked++
	if (good == 1)
		return
	if (good == 2)
		unclear = unclear "\n- " f[1] ": " f[2] " " f[3] ": " sprintf("%.2f", f[8])
	else
		missed = missed "\n- " f[1] ": " f[2] " " f[3] ": " \
			sprintf("%.2f", f[1] == "calls-shim" ? f[7] : f[8]) ", " want why()
}

function put(value, want, good, text) {
	if (value == "")
		good = 0
	judge(good, want)
	if (selftest)
		out(sprintf("| %s | | |", text))
	else
		out(sprintf("| %s | %s | %s |", text, want, good == 2 ? "unclear" : good ? "yes" : "**NO**"))
}

# What the time that the daemon ran says about a cell of fio.
function why(	ran) {
	ran = efuse_over_free[f[1] "-ran", f[2], f[3]]
	if (f[1] !~ /^fio/ || ran == "")
		return ""
	if (ran > 1.03)
		return sprintf("; for the same data the daemon ran %.2f times as long", ran)
	if (ran < 0.97)
		return sprintf("; the daemon ran only %.2f of the time: what is lost is lost waiting", ran)
	return "; the daemon ran as long as on plain FUSE: what is lost is lost waiting"
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
	print checked - lines_of(missed) - lines_of(unclear) " of " checked " hold."
	if (missed != "")
		print "\nNot held:\n" missed
	if (unclear != "")
		print "\nUnclear, the rounds disagree (more of them, or a quieter machine):\n" unclear
}

function lines_of(text) {
	return gsub(/\n/, "\n", text)
}

function unable(	l, any) {
	print "\n## What could not be measured here\n"
	while ((getline l < missing) > 0) {
		print "- " l
		any = 1
	}
	if (!any)
		print "Nothing: all of it was."
}
