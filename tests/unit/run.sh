#!/bin/sh
# SPDX-License-Identifier: ISC
# run.sh BUILD BINARY... : runs Criterion binaries, two at a time. Criterion exits 0 although a test's process leaked
# or a sanitizer spoke up while it ended, so the sanitizers write to files, and a file there fails the run.
#
# Criterion forks while threads of its own run; a sanitizer's allocator that one of them holds at that moment stays
# locked in the child for ever, before any test has begun. So a binary runs one test at a time, which makes
# that rare, and one that does not end is killed and tried again, twice. What is really stuck is stuck three times.
# Stuck is what has not used the processor for a while: on a slow or busy machine a sanitized binary takes minutes.
idle=45   # seconds without a sign of life
limit=900 # seconds that nothing may take

# What a binary and its test have used of the processor, in ticks.
used() {
	for p in "$1" $(pgrep -P "$1"); do cat "/proc/$p/stat" 2>/dev/null; done |
		awk '{ sub(/^.*\) /, ""); ticks += $12 + $13 + $14 + $15 } END { print ticks + 0 }'
}

# The exit status of one run; 124 when it had to be killed.
run_once() {
	"$1" -j1 >"$logs/out" 2>&1 &
	pid=$!
	n=0 still=0 before=
	while kill -0 $pid 2>/dev/null; do
		n=$((n + 1))
		if [ $((n % 10)) = 0 ]; then
			now=$(used $pid)
			still=$((still + 1))
			[ "$now" = "$before" ] || still=0
			before=$now
		fi
		if [ $still -ge $idle ] || [ $n -gt $((limit * 10)) ]; then
			kids=$(pgrep -P $pid)
			kill -9 $pid $kids 2>/dev/null
			wait $pid 2>/dev/null
			return 124
		fi
		sleep 0.1
	done
	wait $pid
}

# One binary, with a folder of its own; what it has to tell stands in the file `told`.
run_one() {
	mkdir -p "$logs/san"
	ASAN_OPTIONS=log_path=$logs/san/asan:detect_leaks=1:abort_on_error=0
	UBSAN_OPTIONS=log_path=$logs/san/ubsan:print_stacktrace=1
	LSAN_OPTIONS=log_path=$logs/san/lsan
	export ASAN_OPTIONS UBSAN_OPTIONS LSAN_OPTIONS
	for attempt in 1 2 3; do
		run_once "$1"
		code=$?
		[ $code = 124 ] || break
		echo "hung $name: killed, attempt $attempt of 3"
	done
	ok=0
	[ $code = 0 ] && grep -q Synthesis "$logs/out" && ok=1
	for l in "$logs"/san/*; do
		[ -f "$l" ] || continue
		ok=0; echo "--- $l"; cat "$l"
	done
	if [ $ok = 1 ]; then
		echo "ok   $name: $(sed -n 's/.*Synthesis: //p' "$logs/out")"
	else
		cat "$logs/out"; echo "FAIL $name"
	fi
}

if [ "$1" = --one ]; then
	name=${4#"$2"/unit/}
	logs=$3/$(echo "$name" | tr / .)
	mkdir "$logs" || exit 1
	run_one "$4" >"$logs/told"
	cat "$logs/told"
	exit 0
fi

b=$1; shift
all=$(mktemp -d "${TMPDIR:-/tmp}/storm-unit.XXXXXX") || exit 1
trap 'rm -rf "$all"' EXIT
trap 'exit 1' INT TERM HUP
printf '%s\n' "$@" | xargs -P 2 -n 1 sh "$0" --one "$b" "$all"
passed=$(cat "$all"/*/told 2>/dev/null | grep -c '^ok   ')
failed=$(($# - passed))
echo "unit: $passed passed, $failed failed"
[ $failed = 0 ]
