#!/bin/sh
# SPDX-License-Identifier: ISC
# packaging.sh [BUILD]: what packages bring agrees with the programs: bash completion with --help, and the paths of
# the shipped configuration with unit and AppArmor profile. LINT_ROOT: the tree to look at.
build=${1:-build}
cd "${LINT_ROOT:-.}" || exit 2
tmp=$(mktemp -d) || exit 2
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' INT TERM HUP
bad=0 compared=0
wrong() { bad=1; echo "packaging: $*"; }

# same WHAT: completion and help have the same lines, and some
same() {
	sort -u "$tmp/got" >"$tmp/got.s"; sort -u "$tmp/want" >"$tmp/want.s"
	[ -s "$tmp/want.s" ] || wrong "$1: --help tells nothing"
	diff "$tmp/want.s" "$tmp/got.s" >"$tmp/diff" || { wrong "completion of $1 (< only in --help, > only there):"; cat "$tmp/diff"; }
	compared=$((compared + $(wc -l <"$tmp/want.s")))
}
# options: "-x, --long" of the lines that begin with an option
options() { sed -n 's/^  \(-[a-zA-Z]\), \(--[a-z-]*\).*/\1\n\2/p'; }

"$build/stormctl" --help >"$tmp/help" 2>&1 || wrong "$build/stormctl does not run: build it first"
"$build/policyd-storm" --help >"$tmp/help2" 2>&1 || wrong "$build/policyd-storm does not run: build it first"
for file in packaging/completion/*; do
	bash -n "$file" || wrong "$file is not understood by bash"
done
{ options <"$tmp/help"; sed -n 's/^  \([a-z][a-z-]*\).*/\1/p' "$tmp/help"; } | sed 's/^/: /' >"$tmp/want"
sed -n 's/^  \([a-z]\)/\1/p' "$tmp/help" | while read -r command rest; do
	echo "$rest" | tr -cs 'a-zA-Z-' '\n' | grep -E '^-*[a-z]+$' | sed "s/^/$command: /"
done >>"$tmp/want"
bash -c '. packaging/completion/stormctl
	for word in $(_stormctl_words ""); do
		echo ": $word"
		[[ $word = -* ]] || for option in $(_stormctl_words "$word"); do echo "$word: $option"; done
	done' >"$tmp/got" 2>"$tmp/err" || { wrong "completion of stormctl cannot be run"; cat "$tmp/err"; }
same stormctl
options <"$tmp/help2" >"$tmp/want"
bash -c '. packaging/completion/policyd-storm
	COMP_WORDS=(policyd-storm -) COMP_CWORD=1; _policyd_storm; printf "%s\n" "${COMPREPLY[@]}"' >"$tmp/got"
same policyd-storm

for script in packaging/debian/*.p[or][se][ti]* packaging/debian/*.init; do
	sh -n "$script" || wrong "$script is not understood by sh"
done

# Folders that the shipped configuration writes to, switched on or not.
grep -oE '^;?(policy|milter|control|path) = .*' etc/policyd-storm.conf | grep -oE '/[a-z/.-]+' | sed 's|/[^/]*$||' | sort -u >"$tmp/folders"
[ -s "$tmp/folders" ] || wrong "no path in etc/policyd-storm.conf"
while read -r folder; do
	compared=$((compared + 1))
	shown=$(echo "$folder" | sed 's|^/run/|@{run}/|')
	grep -qE "^  ${shown}/ rw,$" packaging/apparmor/usr.sbin.policyd-storm || wrong "the AppArmor profile lacks $folder/ rw"
	grep -qE "^  ${shown}/[*]+ rw[a-z]*,$" packaging/apparmor/usr.sbin.policyd-storm || wrong "the AppArmor profile lacks $folder/* rw"
	writable=$(sed -n 's/^ReadWritePaths=//p' packaging/systemd/policyd-storm.service | tr ' ' '\n' | sed 's/^-//')
	for path in $writable none; do
		case $folder/ in "$path"/*) break ;; esac
	done
	[ "$path" != none ] || wrong "the unit has no ReadWritePaths= for $folder"
done <"$tmp/folders"

[ $bad = 0 ] && echo "packaging: $compared words and paths agree"
exit $bad
