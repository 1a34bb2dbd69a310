#!/bin/sh
# SPDX-License-Identifier: ISC
# run.sh BUILD BINARY... : runs Criterion binaries one by one. Criterion exits 0 although a test's process leaked
# or a sanitizer spoke up while it ended, so the sanitizers write to files, and a file there fails the run.
#
# Criterion forks while threads of its own run; a sanitizer's allocator that one of them holds at that moment stays
# locked in the child for ever, before any test has begun. So sanitized binaries run one test at a time, which makes
# that rare, and a binary that does not end is killed and tried again, twice. What is really stuck is stuck three times.
b=$1; shift
logs=$(mktemp -d "${TMPDIR:-/tmp}/storm-unit.XXXXXX") || exit 1
trap 'rm -rf "$logs"' EXIT
mkdir "$logs/san"
ASAN_OPTIONS=log_path=$logs/san/asan:detect_leaks=1:abort_on_error=0
UBSAN_OPTIONS=log_path=$logs/san/ubsan:print_stacktrace=1
LSAN_OPTIONS=log_path=$logs/san/lsan
export ASAN_OPTIONS UBSAN_OPTIONS LSAN_OPTIONS
limit=450 # tenths of a second; the slowest takes some ten seconds

# The exit status of one run; 124 when it had to be killed.
run_once() {
	jobs=2
	grep -q __asan_init "$1" && jobs=1
	"$1" -j$jobs >"$logs/out" 2>&1 &
	pid=$!
	n=0
	while kill -0 $pid 2>/dev/null; do
		n=$((n + 1))
		if [ $n -gt $limit ]; then
			kids=$(pgrep -P $pid)
			kill -9 $pid $kids 2>/dev/null
			wait $pid 2>/dev/null
			return 124
		fi
		sleep 0.1
	done
	wait $pid
}

passed=0 failed=0
for t in "$@"; do
	for attempt in 1 2 3; do
		run_once "$t"
		code=$?
		[ $code = 124 ] || break
		echo "hung ${t#"$b"/unit/}: killed, attempt $attempt of 3"
	done
	ok=0
	[ $code = 0 ] && grep -q Synthesis "$logs/out" && ok=1
	for l in "$logs"/san/*; do
		[ -f "$l" ] || continue
		ok=0; echo "--- $l"; cat "$l"; rm -f "$l"
	done
	if [ $ok = 1 ]; then
		passed=$((passed + 1))
		echo "ok   ${t#"$b"/unit/}: $(sed -n 's/.*Synthesis: //p' "$logs/out")"
	else
		failed=$((failed + 1))
		cat "$logs/out"; echo "FAIL ${t#"$b"/unit/}"
	fi
done
echo "unit: $passed passed, $failed failed"
[ $failed = 0 ]
