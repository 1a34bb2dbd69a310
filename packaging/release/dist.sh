#!/bin/sh
# SPDX-License-Identifier: ISC
# dist.sh FOLDER: writes FOLDER/policyd-storm-VERSION.tar.gz, the same bytes for the same sources wherever it is made:
# names in order, one time, no owner, plain modes. Of a git checkout the files that git knows, as they stand in the work
# tree; of an unpacked tarball all that is not made.
set -eu
LC_ALL=C TZ=UTC; export LC_ALL TZ
umask 022
cd "$(dirname "$0")/../.."
version=$(cat VERSION) name=policyd-storm-$(cat VERSION) out=$1
mkdir -p "$out"
tmp=$(mktemp -d "$out/.dist.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM HUP

if [ -e .git ] && git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
	git ls-files >"$tmp/all"
	epoch=$(git log -1 --format=%ct)
	[ -z "$(git status --porcelain --untracked-files=no)" ] || echo "dist: with changes that are not committed" >&2
else
	# Times are those of the tarball, for all files the same.
	find . -type d \( -name build -o -name __pycache__ -o -name .git \) -prune -o -type f ! -name '*.o' ! -name '*.pyc' -print |
		sed 's|^\./||' >"$tmp/all"
	epoch=$(stat -c %Y VERSION)
fi
sort "$tmp/all" | while read -r file; do [ ! -f "$file" ] || echo "$file"; done >"$tmp/files"
tar --format=ustar --no-recursion --mtime="@${SOURCE_DATE_EPOCH:-$epoch}" --owner=0 --group=0 --numeric-owner \
	--mode=u=rwX,go=rX --transform="s|^|$name/|" -cf "$tmp/tar" --files-from="$tmp/files"
gzip -9n <"$tmp/tar" >"$tmp/tar.gz"
mv "$tmp/tar.gz" "$out/$name.tar.gz"
echo "$out/$name.tar.gz: $(wc -l <"$tmp/files") files of version $version"
