#!/bin/sh
# SPDX-License-Identifier: ISC
# run.sh BUILD BINARY... : runs Criterion binaries one by one. Criterion exits 0 although a test's process leaked
# or a sanitizer spoke up while it ended, so the sanitizers write to files, and a file there fails the run.
b=$1; shift
logs=$(mktemp -d "${TMPDIR:-/tmp}/storm-unit.XXXXXX") || exit 1
trap 'rm -rf "$logs"' EXIT
ASAN_OPTIONS=log_path=$logs/asan:detect_leaks=1:abort_on_error=0
UBSAN_OPTIONS=log_path=$logs/ubsan:print_stacktrace=1
LSAN_OPTIONS=log_path=$logs/lsan
export ASAN_OPTIONS UBSAN_OPTIONS LSAN_OPTIONS
passed=0 failed=0
for t in "$@"; do
	out=$("$t" -j2 2>&1) && ok=1 || ok=0
	case $out in *"Synthesis"*) ;; *) ok=0 ;; esac
	for l in "$logs"/*; do
		[ -f "$l" ] || continue
		ok=0; echo "--- $l"; cat "$l"; rm -f "$l"
	done
	if [ $ok = 1 ]; then
		passed=$((passed + 1))
		echo "ok   ${t#"$b"/unit/}: $(printf '%s\n' "$out" | sed -n 's/.*Synthesis: //p')"
	else
		failed=$((failed + 1))
		printf '%s\n' "$out"; echo "FAIL ${t#"$b"/unit/}"
	fi
done
echo "unit: $passed passed, $failed failed"
[ $failed = 0 ]
