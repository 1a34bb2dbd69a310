#!/bin/sh
# SPDX-License-Identifier: ISC
# make.sh BUILD: the rpm packages out of the tarball of "make dist", in BUILD/rpm; rpmlint looks at them where it is
# installed. RPMBUILD: more options for rpmbuild, such as "--with unit" or "--nocheck".
set -eu
LC_ALL=C; export LC_ALL
# What make was told about this build is not for the package's.
unset MAKEFLAGS MFLAGS MAKELEVEL CC SAN B DESTDIR PREFIX CFLAGS CPPFLAGS LDFLAGS 2>/dev/null || true
umask 022
cd "$(dirname "$0")/../.."
build=$1 version=$(cat VERSION)
command -v rpmbuild >/dev/null || { echo "rpm: no rpmbuild here" >&2; exit 1; }
mkdir -p "$build/rpm"
top=$(cd "$build/rpm" && pwd)
rm -rf "$top/BUILD" "$top/BUILDROOT" "$top/RPMS" "$top/SRPMS" "$top/SOURCES" "$top/SPECS"
mkdir -p "$top/SOURCES" "$top/SPECS"
sh packaging/release/dist.sh "$top/SOURCES"
# The spec that is in the tarball: what a distribution would take.
tar -xzf "$top/SOURCES/policyd-storm-$version.tar.gz" -C "$top/SPECS" --strip-components=3 \
	"policyd-storm-$version/packaging/rpm/policyd-storm.spec"

set -- --define "_topdir $top" --define 'use_source_date_epoch_from_changelog 1' \
	--define 'clamp_mtime_to_source_date_epoch 1' --define '_buildhost localhost'
if [ -z "$(rpm --eval '%{?_unitdir}')" ]; then
	# Another family's rpmbuild: it has neither the macros nor a database of what is installed.
	set -- "$@" --nodeps --load "$PWD/packaging/rpm/macros"
fi
# shellcheck disable=SC2086
rpmbuild "$@" ${RPMBUILD:-} -ba "$top/SPECS/policyd-storm.spec"
find "$top/RPMS" "$top/SRPMS" -name '*.rpm' -exec cp {} "$top/" \;
printf '%s\n' "$@" >"$top/options"
ls -l "$top"/*.rpm

if command -v rpmlint >/dev/null; then
	rpmlint -c packaging/rpm/rpmlint.toml "$top/SPECS/policyd-storm.spec" "$top"/*.rpm
fi
