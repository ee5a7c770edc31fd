# SPDX-License-Identifier: GPL-2.0-or-later
# plot-cells.gp - throughput cells: gnuplot -e "dat='DATA'; png='FILE'; what='TITLE'" plot-cells.gp
set terminal png size 1900,700 font ",10"
set output png
set title what.": throughput of efuse, plain FUSE is 1"
set ylabel "times plain, logarithmic"
set logscale y 2
set yrange [0.5:8]
set style fill solid 0.9 border -1
set boxwidth 0.8
set grid ytics
set xtics rotate by -60 nomirror
set bmargin 11
unset key
plot dat using 0:2:xtic(1) with boxes lc rgb "#2186eb", 1 with lines lw 2 lc rgb "#9aa5b1", \
     0.95 with lines dt 2 lc rgb "#d64545"
