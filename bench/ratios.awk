# SPDX-License-Identifier: GPL-2.0-or-later
# ratios.awk - from samples to medians and ratios. Reads samples.csv, writes
#   section,kind,item,unit,free,pinned,efuse,vs_free,vs_free_low,vs_free_high,
#   vs_pinned,vs_pinned_low,vs_pinned_high
# The first three numbers are medians over the rounds, a ratio is the quotient
# of two medians, low and high are the quartiles of the rounds' own ratios:
# how far it moved while the machine was the same for both arms.
BEGIN {
	FS = OFS = ","
	print "section,kind,item,unit,free,pinned,efuse,vs_free,vs_free_low," \
		"vs_free_high,vs_pinned,vs_pinned_low,vs_pinned_high"
}

FNR > 1 && NF == 7 && $7 != "na" {
	key = $1 FS $2 FS $3 FS $4
	if (!(key in rounds))
		order[++keys] = key
	if ($6 + 0 > rounds[key] + 0)
		rounds[key] = $6 + 0
	value[key, $5, $6] = $7
}

END {
	for (k = 1; k <= keys; k++)
		row(order[k])
}

function row(key,	f, p, e) {
	f = median_of(key, "free")
	p = median_of(key, "pinned")
	e = median_of(key, "efuse")
	print key, f, p, e, ratio(key, "free", f, e), ratio(key, "pinned", p, e)
}

function median_of(key, arm,	r, n, v) {
	for (r = 1; r <= rounds[key]; r++)
		if ((key, arm, r) in value)
			v[++n] = value[key, arm, r]
	return n ? sprintf("%.4f", quantile(v, n, 0.5)) : ""
}

function ratio(key, arm, base, e,	r, n, v) {
	if (base + 0 == 0 || e == "")
		return "" OFS "" OFS ""
	for (r = 1; r <= rounds[key]; r++)
		if (value[key, arm, r] > 0 && (key, "efuse", r) in value)
			v[++n] = value[key, "efuse", r] / value[key, arm, r]
	return sprintf("%.4f", e / base) OFS sprintf("%.4f", quantile(v, n, 0.25)) \
		OFS sprintf("%.4f", quantile(v, n, 0.75))
}

# The Qth quantile of v[1..n], interpolated; sorts v.
function quantile(v, n, q,	i, j, t, at, lo) {
	if (!n)
		return 0
	for (i = 2; i <= n; i++) {
		t = v[i] + 0
		for (j = i - 1; j >= 1 && v[j] > t; j--)
			v[j + 1] = v[j]
		v[j + 1] = t
	}
	at = 1 + (n - 1) * q
	lo = int(at)
	return lo == n ? v[n] + 0 : v[lo] + (at - lo) * (v[lo + 1] - v[lo])
}
