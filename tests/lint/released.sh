#!/bin/sh
# SPDX-License-Identifier: ISC
# released.sh: what schema/released lists is as it was when it was released; each version there has a past to be tested
# with, each past is listed as a whole. LINT_ROOT: the tree to look at.
cd "${LINT_ROOT:-.}" || exit 2
list=schema/released bad=0 n=0
wrong() { bad=1; echo "released: $*"; }
[ -f $list ] || { wrong "$list is not there"; exit 1; }

while read -r version sum path rest; do
	case $version in ''|\#*) continue ;; esac
	n=$((n + 1))
	[ -n "$path" ] && [ -z "$rest" ] || { wrong "$list: not VERSION SUM PATH: $version $sum $path $rest"; continue; }
	[ -f "$path" ] || { wrong "$path was released with $version and is gone"; continue; }
	[ "$(sha256sum <"$path" | cut -d ' ' -f 1)" = "$sum" ] ||
		wrong "$path was released with $version and has changed since: a change needs a new file"
	[ "$(grep -c "  $path\$" $list)" = 1 ] || wrong "$path is listed twice"
	case $path in tests/released/*) [ "${path%/*}" = "tests/released/$version" ] || wrong "$path: not of $version" ;; esac
	for file in storm.sql before.story after.story; do
		grep -q "  tests/released/$version/$file\$" $list || wrong "no tests/released/$version/$file for $version"
	done
done <$list
for path in tests/released/*/*; do
	[ -f "$path" ] || continue
	version=${path%/*} version=${version##*/}
	# The one that is in the making is not listed yet.
	grep -q "^$version  " $list || continue
	grep -q "  $path\$" $list || wrong "$path is not listed"
done
[ $bad = 0 ] && echo "released: $n files as they were released"
exit $bad
