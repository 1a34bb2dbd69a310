#!/bin/sh
# SPDX-License-Identifier: ISC
# run.sh BUILD SECONDS [NAME...]: builds the harnesses with clang's libFuzzer below BUILD/fuzz and lets each look
# for so long. The next run goes on with BUILD/fuzz/corpus; inputs that break something are in BUILD/fuzz/found.
cd "$(dirname "$0")/../.." || exit 2
b=$1/fuzz seconds=$2
shift 2
if [ $# = 0 ]; then
	for f in tests/fuzz/*.c; do
		set -- "$@" "$(basename "$f" .c)"
	done
fi
mkdir -p "$b/found" || exit 2
echo 'int LLVMFuzzerTestOneInput(void); int LLVMFuzzerTestOneInput(void) { return 0; }' >"$b/try.c"
if ! clang -fsanitize=fuzzer,address,undefined -o "$b/try" "$b/try.c" 2>/dev/null; then
	echo "skip fuzz: clang with libFuzzer is not here (Debian: clang and libclang-rt-dev)"
	echo "fuzz: 0 passed, 0 failed, $# skipped"
	exit 0
fi
make --no-print-directory -s -j2 CC=clang SAN=address,undefined B="$b" CFLAGS='-O1 -g -fsanitize=fuzzer-no-link' fuzz-bin || exit 1
python3 tests/fuzz/seeds.py "$b/seeds" || exit 1
passed=0 failed=0
for name in "$@"; do
	mkdir -p "$b/corpus/$name"
	if "$b/fuzz/$name" -max_total_time="$seconds" -max_len=4000 -timeout=10 -rss_limit_mb=2000 -use_value_profile=1 \
		-artifact_prefix="$b/found/$name-" "$b/corpus/$name" "$b/seeds/$name" >"$b/$name.log" 2>&1; then
		passed=$((passed + 1))
		echo "ok   $name: $(sed -n 's/^Done \([0-9]* runs\) in.*/\1/p' "$b/$name.log")"
	else
		failed=$((failed + 1))
		grep -vE '^#[0-9]|NEW_FUNC' "$b/$name.log" | tail -n 60; echo "FAIL $name"
	fi
done
echo "fuzz: $passed passed, $failed failed"
[ $failed = 0 ]
