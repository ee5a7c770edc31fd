#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# t-replay.sh - `efuse replay`: traces that follow and that do not, and what is no trace.
# shellcheck disable=SC1091 # lib.sh is beside us
. "$(dirname "$0")/lib.sh"

need_program efuse

replay() {
	efuse replay "$@" > "$T/out" 2> "$T/err"
	code=$?
}
# says WHAT CODE PATTERN: of the last one.
says() {
	is "$1: exit status" "$code" "$2"
	like "$1: said" "$(cat "$T/out" "$T/err")" "$3"
}
# Lines as tracefs has them. choose NODE SEQ WAY TRY, learn NODE SEQ WAY NS: of a file of
# which two ways are open.
choose() { echo " fio-77  [001] ..... 12.3: efuse_choose: conn=41 node=$1 seq=$2 class=0 ways=5 share=4 again=0 compared=64 way=$3 try=$4"; }
learn() { echo " fio-77  [001] ..... 12.3: efuse_learn: conn=41 node=$1 seq=$2 class=0 way=$3 well=1 ns=$4"; }
# A round's beginning, of that node: the program is tried once, its file five times after
# one that is not timed, and then one of these is chosen.
round() {
	choose "$1" 0 0 1
	learn "$1" 1 0 20000
	choose "$1" 2 2 0
	for i in 0 1 2 3 4; do
		choose "$1" $((2 * i + 3)) 2 1
		learn "$1" $((2 * i + 4)) 2 $((6000 + i))
	done
	choose "$1" 13 2 0
	choose "$1" 14 2 0
}

{
	echo "# tracer: nop"
	round 7
	echo " fio-77  [001] ..... 12.3: fuse_request_send: connection 41 req 2"
	round 8
} > "$T/good"
replay "$T/good"
says "two files" 0 '^18 decisions, 2 files: 2 to the program, 0 to the policy, 16 to its file; 0 do not follow$'
is "nothing on standard error" "$(cat "$T/err")" ""
replay < "$T/good"
says "standard input" 0 '^18 decisions, 2 files'
{ round 7; round 7; } > "$T/again"
replay "$T/again"
says "a file that was forgotten meanwhile" 0 '^18 decisions, 1 file:'

sed 's/seq=13 \(.*\)way=2/seq=13 \1way=0/' "$T/good" > "$T/wrong"
replay "$T/wrong"
says "the slow way" 1 'line 15: node 7, decision 13: way 0 was taken, 2 follows'
says "the slow way, both files" 1 '; 2 do not follow'
sed 's/seq=5 \(.*\)try=1/seq=5 \1try=0/' "$T/good" > "$T/untried"
replay "$T/untried"
says "a try that was none" 1 'decision 5: way 2 was taken, 2 as a try follows'
# As often as the program's own turn comes, its file is no quicker.
sed 's/compared=64/compared=1/' "$T/good" > "$T/costly"
replay "$T/costly"
says "a file that is always compared" 1 'way 2 was taken, 0 follows$'
sed '/seq=1[34] /s/way=2/way=0/; s/compared=64/compared=1/' "$T/good" > "$T/costly"
replay "$T/costly"
says "and is left for that" 0 '; 0 do not follow$'
sed '/node=7 seq=9 /d' "$T/good" > "$T/hole"
replay "$T/hole"
says "a missing event" 1 'events of 1 file are missing; trace from before'
sed '1,10d' "$T/good" > "$T/late"
replay "$T/late"
says "traced too late" 1 'events of 1 file are missing'

: > "$T/empty"
replay "$T/empty"
says "nothing" 1 'no event efuse_choose in it; enable events/efuse'
for bad in class=18 ways=2 ways=8 ways=9 share=5 way=3 class=x node=-; do
	choose 7 0 0 1 | sed "s/ ${bad%=*}=[0-9]*/ $bad/" > "$T/bad"
	replay "$T/bad"
	says "$bad" 1 'bad: line 1: no such event can be'
done
learn 7 0 3 100 > "$T/bad"
replay "$T/bad"
says "learnt of another way" 1 'line 1: no such event can be'
head -c 100000 /dev/urandom > "$T/noise"
replay "$T/noise"
is "noise is no trace" "$code" 1
replay "$T/none"
says "no file" 1 'none: cannot open: No such file'
replay "$T"
says "a folder" 1 'cannot read: Is a directory'
replay a b
says "two files" 2 '^Usage: efuse replay'
replay --bogus
says "an unknown option" 2 '^Usage: efuse replay'
replay --help
says "help" 0 '^Usage: efuse replay'
finish
