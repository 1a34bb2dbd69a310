#!/bin/sh
# SPDX-License-Identifier: ISC
# run.sh BUILD [NAME...] : storms and harmless mail of many shapes through the real engine (stormctl replay), with fixed
# seeds, then the stories, the incidents in small, a day's traffic and how far a storm spreads; with names only what has one of them in its name.
here=$(cd "$(dirname "$0")" && pwd)
LC_ALL=C; export LC_ALL # in Turkish [a-z] has no i
out=$(mktemp) || exit 2
trap 'rm -f "$out"' EXIT
passed=0 failed=0
# part COMMAND...: adds up its last line; without that line it has failed.
part() {
	"$@" >"$out" 2>&1; status=$?
	cat "$out"
	# shellcheck disable=SC2046
	set -- $(sed -n 's/^[a-z]*: \([0-9]*\) passed, \([0-9]*\) failed\(,.*\)*$/\1 \2/p' "$out" | tail -n 1)
	[ $# = 2 ] || set -- 0 1
	if [ $status != 0 ] && [ "$1" != 0 ] && [ "$2" = 0 ]; then set -- "$1" 1; fi
	passed=$((passed + $1)) failed=$((failed + $2))
}
part python3 "$here/run.py" "$@"
part sh "$here/stories.sh" "$@"
if [ $# = 1 ]; then
	part python3 "$here/incidents.py" "$1"
	part python3 "$here/traffic.py" "$1"
	part python3 "$here/spread.py" "$1"
fi
echo "scenario: $passed passed, $failed failed"
[ $failed = 0 ] && [ $passed -gt 0 ]
