#!/bin/sh
# SPDX-License-Identifier: ISC
# stories.sh BUILD [NAME...] : the stories of this folder against the engine, with a clock of their own, and those of what
# released versions left behind (tests/released); with names only those of this folder whose name has one in it. The last line counts them.
here=$(cd "$(dirname "$0")" && pwd)
story=$1/scenario/story
[ -x "$story" ] || { echo "$story is not there: run make scenario-bin first"; exit 1; }
for lib in "$1"/lib*.a; do
	[ "$lib" -nt "$story" ] && { echo "$story is older than $lib: run make scenario-bin first"; exit 1; }
done
shift
if [ $# = 0 ]; then
	set -- "$here"/stories/*.story
	for past in "$here"/../released/*/storm.sql; do [ -f "$past" ] && set -- "$@" "${past%/*}/after.story"; done
	# A runner that never fails proves nothing: taken at their word, these fail, all of them.
	if out=$("$story" --literal "$here"/stories/selftest_*.story 2>&1) || ! echo "$out" | grep -q '^stories: 0 passed'; then
		echo "$out"; echo "FAIL the runner passes a story that must fail"; echo "stories: 0 passed, 1 failed"; exit 1
	fi
else
	for word; do
		shift
		for f in "$here"/stories/*"$word"*.story; do [ -f "$f" ] && set -- "$@" "$f"; done
	done
	[ $# -gt 0 ] || { echo "stories: 0 passed, 0 failed"; exit 0; }
fi
exec "$story" "$@"
