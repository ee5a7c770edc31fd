#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# fuzz.sh: every fuzzer of $OUT/tests for $FUZZ_SECONDS (60) each; what makes one
# fall over stays in $OUT/fuzz.
set -u
: "${OUT:?the build folder}" "${FUZZ_SECONDS:=60}"
failed=0
ran=0
for fuzzer in "$OUT"/tests/fuzz-*; do
	[ -x "$fuzzer" ] || continue
	name=$(basename "$fuzzer")
	mkdir -p "$OUT/fuzz/$name"
	log=$OUT/fuzz/$name.log
	ran=$((ran + 1))
	if (cd "$OUT/fuzz" && "$fuzzer" -max_total_time="$FUZZ_SECONDS" -max_len=4096 \
		-artifact_prefix="$OUT/fuzz/" "$OUT/fuzz/$name") > "$log" 2>&1; then
		echo "ok - $name: $(grep -o 'Done [0-9]* runs' "$log")"
	else
		echo "not ok - $name, see $log"
		failed=$((failed + 1))
	fi
done
echo "$((ran - failed)) passed, $failed failed"
[ $failed = 0 ] && [ $ran -gt 0 ]
