#!/bin/sh
# SPDX-License-Identifier: ISC
# deb.sh TARBALL OUT [LOWER]: source and binary packages from a tarball of "make dist" and the packaging/debian in it, in
# OUT. With LOWER, binary packages of that version instead, for tests of upgrades.
# REPRODUCE=1: built twice, in other folders and surroundings, and compared byte by byte. LINTIAN=1: examined.
set -eu
tarball=$(realpath "$1") out=$2 lower=${3:-}
mkdir -p "$out"
out=$(cd "$out" && pwd)
export DEB_BUILD_OPTIONS="${DEB_BUILD_OPTIONS:-} parallel=2"
unset MAKEFLAGS MFLAGS MAKELEVEL CC SAN B DESTDIR PREFIX CFLAGS CPPFLAGS LDFLAGS 2>/dev/null || true

# unpack FOLDER: the source tree there, ready for dpkg-buildpackage; $tree is where it is
unpack() {
	rm -rf "$1" && mkdir -p "$1"
	tar -C "$1" -xf "$tarball"
	tree=$(echo "$1"/policyd-storm-*)
	version=$(cat "$tree/VERSION")
	cp "$tarball" "$1/policyd-storm_$version.orig.tar.gz"
	cp -R "$tree/packaging/debian" "$tree/debian"
}

# build FOLDER LOG ARGUMENT...: the end of the log when it fails
build() (
	cd "$tree"
	log=$1; shift
	echo "deb: dpkg-buildpackage $* in $tree"
	dpkg-buildpackage -us -uc "$@" >"$log" 2>&1 || { tail -n 40 "$log"; echo "deb: failed, see $log"; exit 1; }
)

unpack "$out/stage"
if [ -n "$lower" ]; then
	echo "$lower" >"$tree/VERSION"
	sed -i "1s/(.*)/($lower-1)/" "$tree/debian/changelog"
	# Configuration files change from version to version.
	for file in policyd-storm.conf rules.conf; do
		echo "# This is the file of $lower." >>"$tree/etc/$file"
	done
	mkdir -p "$out/lower" && rm -f "$out"/lower/*
	DEB_BUILD_OPTIONS="$DEB_BUILD_OPTIONS nocheck noautodbgsym" build "$out/build-$lower.log" -b
	mv "$out"/stage/policyd-storm_"$lower"-1_*.deb "$out/lower/"
	rm -rf "$out/stage"
	exit 0
fi

rm -f "$out"/policyd-storm*_"$version"-*
build "$out/build.log"
mv "$out"/stage/policyd-storm*_"$version"* "$out/"
rm -rf "$out/stage"
changes=$(echo "$out"/policyd-storm_"$version"-*.changes)

if [ "${LINTIAN:-}" = 1 ]; then
	lintian --version
	if lintian --allow-root -i --pedantic --fail-on error,warning "$changes" >"$out/lintian.log" 2>&1; then
		grep -E '^[EWIPXO]: ' "$out/lintian.log" || true
		echo "deb: lintian: no error, no warning (all it says: $out/lintian.log)"
	else
		grep -E '^[EWIPXO]: ' "$out/lintian.log"; echo "deb: lintian objects: see $out/lintian.log"; exit 1
	fi
fi

if [ "${REPRODUCE:-}" = 1 ]; then
	unpack "$out/elsewhere/below"
	(
		umask 027
		export DEB_BUILD_OPTIONS="$DEB_BUILD_OPTIONS nocheck" TZ=Asia/Tokyo LC_ALL=C HOME=/nonexistent
		build "$out/build-again.log"
	)
	compared=0
	for again in "$out"/elsewhere/below/*.deb "$out"/elsewhere/below/*.dsc "$out"/elsewhere/below/*.tar.xz; do
		cmp "$again" "$out/$(basename "$again")" || { echo "deb: not reproducible: $(basename "$again")"; exit 1; }
		sha256sum "$again" | sed "s|$out/elsewhere/below/||"
		compared=$((compared + 1))
	done
	rm -rf "$out/elsewhere"
	echo "deb: reproducible: $compared files of two builds have the same bytes"
fi
ls -l "$out"/policyd-storm*_"$version"*
