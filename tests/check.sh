#!/bin/sh
# SPDX-License-Identifier: ISC
# check.sh: everything that must hold, part after part. Each part counts what it says in its last line
# "NAME: N passed, M failed[, K skipped]"; a build counts as one. The last line of all adds them up.
cd "$(dirname "$0")/.." || exit 2
exec </dev/null
LC_ALL=C; export LC_ALL # in Turkish [a-z] has no i
passed=0 failed=0 skipped=0 bad='' logs=build/check
mkdir -p $logs || exit 2
begun=$(date +%s)
current=
trap '[ -n "$current" ] && kill "$current" 2>/dev/null && wait "$current"; exit 130' INT TERM HUP
unset MAKEFLAGS MFLAGS MAKELEVEL CC SAN B

# part LOG TITLE COMMAND...: runs it, shows it, adds up what it says. The exit status counts too.
part() {
	log=$logs/$1.log title=$2; shift 2
	echo; echo "=== $title"
	start=$(date +%s)
	: >"$log"
	tail -n +1 -f "$log" & tail_pid=$!
	"$@" >"$log" 2>&1 & current=$!
	wait $current; status=$?
	current=
	sleep 0.2; kill $tail_pid 2>/dev/null; wait $tail_pid 2>/dev/null
	line=$(grep -E '^[a-z]+: [0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?$' "$log" | tail -n 1)
	if [ "${kind:-count}" = build ]; then
		if [ $status = 0 ]; then p=1 f=0; else p=0 f=1; fi
		s=0
	else
		# shellcheck disable=SC2086
		set -- $(echo "$line" | tr -dc '0-9 \n')
		p=${1:-0} f=${2:-0} s=${3:-0}
		# A part that failed without counting a failure, or that ran nothing and said nothing, is a failure.
		if [ $status != 0 ] && [ "$f" = 0 ]; then f=1; fi
		if [ -z "$line" ]; then f=1; echo "$title: no closing line"; fi
	fi
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	[ "$f" = 0 ] || bad="$bad
    $title (build/check/$(basename "$log"))"
	echo "--- $title: $p passed, $f failed, $s skipped, $(($(date +%s) - start))s"
}
build() { kind=build; part "$@"; kind=count; }

build build-gcc "build with gcc" make --no-print-directory -s -j2 CC=gcc B=build all unit-bin scenario-bin bench-bin fuzz-obj
build build-clang "build with clang" make --no-print-directory -s -j2 CC=clang B=build/clang all unit-bin scenario-bin bench-bin fuzz-obj
part unit "unit tests" make --no-print-directory -s CC=gcc B=build unit
build build-san "build with sanitizers" make --no-print-directory -s -j2 CC=gcc SAN=address,undefined B=build/san all unit-bin scenario-bin
part unit-san "unit tests with sanitizers" make --no-print-directory -s CC=gcc SAN=address,undefined B=build/san unit
part lint "lints" sh tests/lint/run.sh build
part system "system tests" sh tests/system/run.sh build
part system-san "system tests with sanitizers" sh tests/system/run.sh build/san
part scenario "storms, harmless mail and stories, simulated" sh tests/scenario/run.sh build
part scenario-san "stories with sanitizers" sh tests/scenario/stories.sh build/san
part lab "lab: a private Postfix" sh tests/lab/run.sh build
part bench "benchmark, a smoke run" env BENCH_QUICK=1 sh tests/bench/run.sh build
part flood "legitimate mail during a flood, a smoke run" env BENCH_QUICK=1 python3 tests/bench/flood.py build

echo
if [ $skipped -gt 0 ]; then
	echo "Skipped:"
	grep -hE '^(skip|SKIP) |skipped, because' $logs/*.log | sed 's/^/    /'
fi
[ -z "$bad" ] || echo "Failed:$bad"
echo "check: $(($(date +%s) - begun))s in all"
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ] && [ $passed -gt 0 ]
