#!/bin/sh
# SPDX-License-Identifier: ISC
# run.sh [BUILD]: every other script of this folder, from the top of the tree. One lint = one pass or failure.
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.." || exit 2
LC_ALL=C; export LC_ALL # in Turkish [a-z] has no i
passed=0 failed=0
for lint in "$here"/*.sh; do
	name=$(basename "$lint" .sh)
	[ "$name" = run ] && continue
	if out=$(sh "$lint" "${1:-build}" </dev/null 2>&1); then
		passed=$((passed + 1)); echo "ok   $out"
	else
		failed=$((failed + 1)); printf '%s\n' "$out"; echo "FAIL $name"
	fi
done
echo "lint: $passed passed, $failed failed"
[ $failed = 0 ]
