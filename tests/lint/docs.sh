#!/bin/sh
# SPDX-License-Identifier: ISC
# docs.sh [BUILD]: the key tables of the built program, the sample files in etc/ and policyd-storm.conf(5) say the same:
# keys, sections, values, defaults, help, detectors with their defaults, actions; in both directions. The sample files
# are a configuration that passes.
b=${1:-build}
cd "${LINT_ROOT:-.}" || exit 2
for f in "$b/stormctl" "$b/policyd-storm"; do
	[ -x "$f" ] || { echo "docs: $f is not there: run make first"; exit 1; }
done
tmp=$(mktemp -d) || exit 2
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' INT TERM HUP
for what in keys detectors actions; do
	"$b/stormctl" config --$what >"$tmp/$what" || { echo "docs: stormctl config --$what fails"; exit 1; }
done
bad=0
python3 tests/lint/docs.py "$tmp" etc/policyd-storm.conf etc/rules.conf packaging/man/policyd-storm.conf.5 || bad=1

# As they stand, but for the user, who need not exist on this machine.
mkdir "$tmp/etc" && cp etc/rules.conf etc/lists "$tmp/etc/" && sed '/^user *=/d' etc/policyd-storm.conf >"$tmp/etc/main.conf"
"$b/policyd-storm" -t -c "$tmp/etc/main.conf" 2>"$tmp/out" || { echo "docs: etc/ is not accepted:"; cat "$tmp/out"; bad=1; }
# Every key that is shown behind ";" is accepted as well when it is switched on, by taking the ";" away and no more.
sed 's/^;\( *[a-z_]* *= \)/\1/' "$tmp/etc/main.conf" >"$tmp/etc/all.conf"
sed -i 's/^;\( *[a-z_]* *= \)/\1/' "$tmp/etc/rules.conf"
"$b/policyd-storm" -t -c "$tmp/etc/all.conf" 2>"$tmp/out" || { echo "docs: a default in etc/ is not accepted:"; cat "$tmp/out"; bad=1; }
exit $bad
