# SPDX-License-Identifier: GPL-2.0-or-later
# plot.gp - the demo's plot: gnuplot -e "dir='DATA'; png='FILE'" plot.gp
set terminal png size 1300,1100 font ",11"
set output png
set multiplot layout 2,1
set style data histograms
set style histogram clustered gap 1
set style fill solid 0.9 border -1
set boxwidth 0.95
set grid ytics
set xtics rotate by -35 nomirror
set key top left horizontal
set bmargin 10
set rmargin 8
set datafile missing "NaN"
set linetype 1 lc rgb "#9aa5b1"
set linetype 2 lc rgb "#f0b429"
set linetype 3 lc rgb "#2186eb"

set title "Time per operation (smaller is better)"
set ylabel "microseconds, logarithmic"
set logscale y
set yrange [1:*]
plot dir.'/latency.dat' using 2:xtic(1) title "plain FUSE" lt 1, \
     '' using 3 title "plain FUSE, one core" lt 2, \
     '' using 4 title "efuse" lt 3

stats dir.'/fio.dat' using 2 nooutput name "FIO"
if (exists("FIO_records") && FIO_records > 0) {
	set title "Throughput, direct I/O (larger is better)"
	set ylabel "MiB/s, logarithmic"
	set yrange [*:*]
	plot dir.'/fio.dat' using 2:xtic(1) title "plain FUSE" lt 1, \
	     '' using 4 title "efuse" lt 3
}
unset multiplot
