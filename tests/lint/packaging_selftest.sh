#!/bin/sh
# SPDX-License-Identifier: ISC
# packaging_selftest.sh [BUILD]: packaging.sh passes on a copy of the tree and fails when one file of it is changed.
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "${1:-build}" && pwd) || exit 2
tmp=$(mktemp -d) || exit 2
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' INT TERM HUP
bad=0 tried=0

# expect pass|fail WHAT [FILE SED-SCRIPT]
expect() {
	tried=$((tried + 1))
	rm -rf "$tmp/t" && mkdir "$tmp/t" && cp -R etc packaging "$tmp/t/"
	chmod -R u+w "$tmp/t" # the tree may be one that nobody may write to
	if [ $# -gt 2 ]; then
		sed "$4" "$3" >"$tmp/t/$3"
		cmp -s "$3" "$tmp/t/$3" && { bad=1; echo "packaging_selftest: $2: nothing was changed"; }
	fi
	if LINT_ROOT=$tmp/t sh "$here/packaging.sh" "$build" >"$tmp/out" 2>&1; then got=pass; else got=fail; fi
	[ $got = "$1" ] && return
	bad=1
	echo "packaging_selftest: packaging should $1 on $2"
	cat "$tmp/out"
}

S=packaging/completion/stormctl
expect pass "the tree as it is"
expect fail "a command without completion" $S 's/^	status).*//; s/ status storms/ storms/'
expect fail "a command that is not there" $S "s/ status storms/ stutus storms/"
expect fail "an option that is not there" $S 's/--until/--till/'
expect fail "a shell that does not parse" $S 's/^}$//'
expect fail "an option of the daemon without completion" packaging/completion/policyd-storm 's/-t --test//'
expect fail "a script that does not parse" packaging/debian/policyd-storm.postinst 's/^fi$//'
expect fail "a socket that the profile forbids" etc/policyd-storm.conf 's|/run/policyd-storm/milter|/run/storm/milter|'
expect fail "a database that the unit forbids" packaging/systemd/policyd-storm.service 's| -/var/lib/policyd-storm||'
expect fail "a folder that the profile may only read" packaging/apparmor/usr.sbin.policyd-storm 's|^  @{run}/policyd-storm/ rw|  @{run}/policyd-storm/ r|'
[ $bad = 0 ] && echo "packaging_selftest: $tried trees"
exit $bad
