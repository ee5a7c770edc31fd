# SPDX-License-Identifier: GPL-2.0-or-later
# table.awk - from ratios.csv to the tables that a person reads at the end of
# the demo: what was measured in this run on this machine, and the gain.
BEGIN {
	FS = ","
	title["latency-mean"] = "Time per operation, microseconds"
	title["tree"] = "Searching a directory tree, milliseconds"
	title["fio-direct"] = "Throughput, direct I/O, MiB/s"
	n = split("latency-mean tree fio-direct", sections, " ")
	kind["bindfs-mt"] = "bindfs, many threads"
	kind["bindfs-st"] = "bindfs, one thread"
	kind["ntfs"] = "ntfs-3g"
	kind["sshfs"] = "sshfs on loopback"
}

FNR > 1 {
	rows[$1] = rows[$1] $0 "\n"
}

END {
	for (i = 1; i <= n; i++)
		if (sections[i] in rows)
			table(sections[i])
}

function table(name,	lines, count, i, last) {
	print "\n" title[name] "\n"
	printf "  %-22s %-18s %10s %10s %10s %9s\n", "file system", "operation",
		"plain", name ~ /^fio/ ? "" : "one core", "efuse", "gain"
	count = split(rows[name], lines, "\n") - 1
	for (i = 1; i <= count; i++) {
		split(lines[i], f, ",")
		row(name, f[2] == last ? "" : kind[f[2]])
		last = f[2]
	}
}

function row(name, who) {
	printf "  %-22s %-18s %10s %10s %10s %9s\n", who, what(f[3]),
		number(f[5]), number(f[6]), number(f[7]), gain(name)
}

function what(item) {
	if (item == "open")
		return "open + close"
	if (item == "read" || item == "write")
		return item " 4 KiB"
	return item
}

function number(v) {
	return v == "" ? "-" : v < 100 ? sprintf("%.1f", v) : sprintf("%.0f", v)
}

function gain(name) {
	if (f[8] == "" || f[8] + 0 == 0)
		return "-"
	return sprintf("%.2f x", name ~ /^fio/ ? f[8] : 1 / f[8])
}
