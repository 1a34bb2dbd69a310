#!/bin/sh
# SPDX-License-Identifier: ISC
# freeze.sh BUILD: what the present version leaves behind becomes a fixture, and fixture and schema are written into
# schema/released with their checksums. What stands there already is never touched. before.story makes the past; it and
# after.story, which says what must come of it, are written by hand for each version (copy those of the last one).
set -eu
LC_ALL=C; export LC_ALL
build=$1
cd "$(dirname "$0")/../.."
version=$(cat VERSION) here=tests/released/$(cat VERSION)
list=schema/released
[ -x "$build/scenario/story" ] || { echo "freeze: run make scenario-bin first" >&2; exit 1; }
for story in before after; do
	[ -f "$here/$story.story" ] || { echo "freeze: $here/$story.story is not there" >&2; exit 1; }
done

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
if ! grep -q " $here/" $list; then
	STORY_KEEP=$tmp/left "$build/scenario/story" "$here/before.story"
	rm -f "$here/storm.sql" "$here"/spool.*.hex "$here"/ring.*.hex
	{
		echo "-- SPDX-License-Identifier: ISC"
		echo "-- Made by tests/released/freeze.sh out of before.story; do not edit."
		for pragma in application_id user_version; do
			echo "PRAGMA $pragma = $(sqlite3 "$tmp/left/storm.db" "PRAGMA $pragma");"
		done
		sqlite3 "$tmp/left/storm.db" .dump
	} >"$tmp/storm.sql"
	mv "$tmp/storm.sql" "$here/storm.sql"
	for segment in "$tmp"/left/storm.db.spool/spool.[0-9]*; do
		od -An -v -tx1 "$segment" | tr -d ' ' >"$here/${segment##*/}.hex"
	done
	# Of the ring the first page and what was ever put in; its size goes into the name.
	ring=$tmp/left/$(basename "$(readlink "$tmp/left/storm.db.spool/spool.ring")")
	# shellcheck disable=SC2046
	set -- $(od -An -tu8 -j64 -N16 "$ring")
	head -c $((4096 + $1 - $2)) "$ring" | od -An -v -tx1 | tr -d ' ' >"$here/ring.$(stat -c %s "$ring").hex"
fi
for file in schema/[0-9]*.sql "$here"/*; do
	grep -q "  $file\$" $list && continue
	echo "$version  $(sha256sum <"$file" | cut -d ' ' -f 1)  $file" >>$list
	echo "frozen: $file"
done
