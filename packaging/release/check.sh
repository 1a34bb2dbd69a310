#!/bin/sh
# SPDX-License-Identifier: ISC
# check.sh BUILD: all that must hold before a version is given away, beside "make check": one version everywhere, news,
# what is released is frozen, documents agree, the tarball is the same wherever it is made and builds by itself with both
# compilers, packages build, their life cycle passes. Logs in BUILD/release.
cd "$(dirname "$0")/../.." || exit 2
exec </dev/null
build=${1:-build} version=$(cat VERSION) passed=0 failed=0
logs=$build/release
rm -rf "$logs" && mkdir -p "$logs" || exit 2
logs=$(cd "$logs" && pwd)
unset MAKEFLAGS MFLAGS MAKELEVEL CC SAN B
trap 'exit 130' INT TERM HUP

# step NAME WHAT COMMAND...
step() {
	log=$logs/$1.log what=$2; shift 2
	begun=$(date +%s)
	if "$@" >"$log" 2>&1; then
		passed=$((passed + 1)); echo "ok   $what ($(($(date +%s) - begun))s)"
	else
		failed=$((failed + 1)); tail -n 15 "$log" | sed 's/^/     /'; echo "FAIL $what (all of it: $log)"
	fi
}

committed() {
	git rev-parse --is-inside-work-tree || return 0 # a tarball: nothing to ask
	git status --porcelain
	[ -z "$(git status --porcelain)" ]
}

frozen() {
	sh tests/lint/released.sh || return 1
	for file in schema/[0-9]*.sql "tests/released/$version/storm.sql"; do
		grep -q "  $file\$" schema/released || { echo "$file is not in schema/released: make freeze"; return 1; }
	done
}

# The entry of this version names what is new, and the heading says no word of a version to come.
news() {
	grep -qx "## $version" NEWS.md || { echo "NEWS.md: no line \"## $version\" (and nothing behind it)"; return 1; }
}

tarball=policyd-storm-$version.tar.gz
dist() {
	sh packaging/release/dist.sh "$logs/dist" && mkdir -p "$logs/unpacked" &&
		tar -C "$logs/unpacked" -xzf "$logs/dist/$tarball" || return 1
	# Elsewhere, by somebody with other habits, without git.
	(umask 077; cd "$logs/unpacked/policyd-storm-$version" && TZ=Asia/Tokyo sh packaging/release/dist.sh "$logs/again") &&
		cmp "$logs/dist/$tarball" "$logs/again/$tarball"
}

# from_tarball COMPILER: programs and unit tests of the unpacked tarball, and what make install puts down tells VERSION.
from_tarball() (
	cd "$logs/unpacked/policyd-storm-$version" &&
		make -s -j2 CC="$1" B="build/$1" all unit &&
		make -s CC="$1" B="build/$1" install DESTDIR="$logs/installed-$1" PREFIX=/usr &&
		"$logs/installed-$1/usr/sbin/policyd-storm" -V &&
		[ "$("$logs/installed-$1/usr/sbin/policyd-storm" -V | head -n 1)" = "policyd-storm $version" ] &&
		[ "$("$logs/installed-$1/usr/sbin/stormctl" -V | head -n 1)" = "stormctl $version" ] &&
		[ "$(grep -lxF ".Os policyd-storm $version" "$logs/installed-$1"/usr/share/man/man?/* | wc -l)" -ge 4 ]
)

step committed "all is committed" committed
step versions "one version everywhere: $version" sh tests/lint/versions.sh
step news "NEWS.md has the entry of $version" news
step frozen "schema and what $version leaves behind are frozen" frozen
step lint "lints: documents, layers, words" make -s B="$build" lint
step dist "make dist: the same bytes from git and from the unpacked tarball" dist
for cc in gcc clang; do
	step "$cc" "the tarball builds by itself with $cc and passes its unit tests" from_tarball $cc
done
rm -rf "$logs/unpacked" "$logs/again" "$logs"/installed-*
for target in deb rpm lifecycle; do
	step $target "make $target" make --no-print-directory B="$build" $target
done
echo "release: $passed passed, $failed failed"
[ $failed = 0 ]
