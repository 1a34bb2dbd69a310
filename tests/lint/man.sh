#!/bin/sh
# SPDX-License-Identifier: ISC
# man.sh [BUILD]: the manual pages are clean, and what they list is what the programs have: commands and options of
# stormctl, attributes of the policy door, macros of the milter door, actions, states of journal and spool in the log.
# LINT_ROOT: the tree to look at.
build=${1:-build}
cd "${LINT_ROOT:-.}" || exit 2
man=packaging/man bad=0 compared=0
tmp=$(mktemp -d) || exit 2
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' INT TERM HUP
wrong() { bad=1; echo "man: $*"; }

# same WHAT: the lists in page and code, one thing a line, must be alike and not empty.
same() {
	sort -u "$tmp/page" >"$tmp/page.s"; sort -u "$tmp/code" >"$tmp/code.s"
	[ -s "$tmp/code.s" ] || wrong "$1: none found in the code"
	comm -13 "$tmp/page.s" "$tmp/code.s" | sed "s/^/man: $1: not in the page: /" >"$tmp/diff"
	comm -23 "$tmp/page.s" "$tmp/code.s" | sed "s/^/man: $1: only in the page: /" >>"$tmp/diff"
	[ -s "$tmp/diff" ] && { bad=1; cat "$tmp/diff"; }
	compared=$((compared + $(wc -l <"$tmp/code.s")))
}
# part PAGE HEADING: the lines of one section (.Sh) or subsection (.Ss)
part() {
	awk -v want="$2" '/^[.]S[hs] / { on = substr($0, 5) == want; next } on' "$man/$1"
}
# tags: names behind .It Cm, also several as in ".It Cm a , b"
tags() { sed -n 's/^[.]It Cm //p' | sed 's/ Ns .*//' | tr -s ' ,' '[\n*]' | sed '/^$/d'; }

pages=0
for page in "$man"/*.[1-9]; do
	[ -f "$page" ] || continue
	pages=$((pages + 1))
	mandoc -Tlint -Wwarning "$page" >"$tmp/out" 2>&1 || { wrong "$page is not clean:"; cat "$tmp/out"; }
	# A word that is a macro's name too, or a macro that takes more words than were meant: quotes in quotes, "(<the> file".
	mandoc -Tutf8 "$page" | sed "s/.$(printf '\b')//g" | grep -nE '‘[^’]*‘|’’|[(]<' >"$tmp/out" &&
		{ wrong "$page reads oddly:"; cat "$tmp/out"; }
	# A terminal has 80 columns: no literal line is cut, and no entry of a table goes on below the others.
	mandoc -Tascii "$page" | sed "s/.$(printf '\b')//g" | grep -nE '^.{81}|^ {40}' >"$tmp/out" &&
		{ wrong "$page wants more than 80 columns:"; cat "$tmp/out"; }
	# Pages of ours that are named exist.
	sed -n 's/^[.]Xr \([a-z.-]*\) \([1-9]\).*/\1.\2/p' "$page" | grep -E '^(policyd-storm|stormctl)' | sort -u |
	while read -r name; do
		[ -f "$man/$name" ] || echo "man: $page names $name, which is not there"
	done >"$tmp/out"
	[ -s "$tmp/out" ] && { bad=1; cat "$tmp/out"; }
done
[ $pages -gt 0 ] || wrong "no page in $man"

# stormctl: commands stand in --help by two spaces, options anywhere
if "$build/stormctl" --help >"$tmp/help" 2>&1; then
	part stormctl.8 COMMANDS | sed -n 's/^[.]It Ic \([a-z-]*\).*/\1/p' >"$tmp/page"
	sed -n 's/^  \([a-z][a-z-]*\).*/\1/p' "$tmp/help" >"$tmp/code"
	same "command of stormctl"
	grep -o 'Fl Fl [a-z-]*' "$man/stormctl.8" | sed 's/Fl Fl //' >"$tmp/page"
	grep -oE '(^|[^a-z-])--[a-z-]+' "$tmp/help" | sed 's/.*--//' >"$tmp/code"
	same "option of stormctl"
else
	wrong "$build/stormctl does not run: build it first"
fi

# policy door: the rows of attrs[]; those behind the comment "ours", or with it, are extended
awk '/^static const struct attr attrs/ { on = 1 } on && /^};/ { exit }
	on && /\/[*] ours:/ { ours = 1 }
	on && match($0, /"[a-z_]+"/) {
		kind = ours || /\/[*] ours/ ? "extended" : /UNUSED/ ? "unused" : "used"
		print kind, substr($0, RSTART + 1, RLENGTH - 2)
	}' policyd/codec/policy.c >"$tmp/attrs"
page=policyd-storm-protocol.7
for kind in used extended; do
	case $kind in used) heading="Attributes of Postfix" ;; *) heading="Extended attributes" ;; esac
	part $page "$heading" | tags >"$tmp/page"
	sed -n "s/^$kind //p" "$tmp/attrs" >"$tmp/code"
	same "$kind attribute"
done
part $page "Attributes of Postfix" | sed -n 's/^[.]Cm //p' | tr -s ' ,.' '[\n*]' | sed '/^$/d' >"$tmp/page"
sed -n 's/^unused //p' "$tmp/attrs" >"$tmp/code"
same "attribute that is not used"

# milter door: macros[]
part $page "MILTER PROTOCOL" | sed -n 's/^[.]Cm //p' | tr -s ' ,;{}' '[\n*]' | sed '/^$/d' >"$tmp/page"
awk '/^} macros\[\]/ { on = 1; next } on && /^};/ { exit }
	on && match($0, /"[a-z_]+"/) { print substr($0, RSTART + 1, RLENGTH - 2) }' policyd/codec/milter.c >"$tmp/code"
same "milter macro"

# actions: the tables of judge/action.c for doors that can split a message and for those that cannot
part $page ACTIONS | sed -n 's/^[.]It Ic \([a-z-]*\) Ta \([a-z-]*\) Ta \([a-z-]*\) Ta \([a-z-]*\) Ta \([a-z-]*\)$/\1: \2 \3 \4 \5/p' \
	>"$tmp/page"
awk 'function name(s) { gsub(/ACT_|[^A-Z_]/, "", s); s = tolower(s); gsub(/_/, "-", s); return s }
	/^static const struct fit (split|whole)_door/ { table = $5; sub(/\[.*/, "", table); next }
	/^static/ { table = "" }
	table && match($0, /\[ACT_[A-Z_]+\]/) {
		a = name(substr($0, RSTART, RLENGTH)); rest = substr($0, RSTART + RLENGTH); split(rest, two, ",")
		told[table, a] = name(two[1]) " " name(two[2]); seen[a]
	}
	END { for (a in seen) print a ": " told["split_door", a], told["whole_door", a] }' policyd/judge/action.c >"$tmp/code"
same "row of the table of actions"
# and every action has its bytes
part $page ACTIONS | sed -n '/^As bytes/,$s/^[.]It Ic \([a-z-]*\) Ta .*/\1/p' >"$tmp/page"
if "$build/stormctl" config --actions >"$tmp/help" 2>&1; then
	cut -f 1 "$tmp/help" >"$tmp/code"
	same "action"
fi
# what the log is said to tell of journal and spool, it may tell
part policyd-storm.8 DIAGNOSTICS | sed -n 's/^[.]It Li //p' | tr -s ' ' '\n' |
	awk '/^(journal|spool)$/ { what = $0 } /^(state|ring|sync)=/ { print what, $0 }' >"$tmp/page"
grep -rhoE '"(journal|spool) (state|ring|sync)=[a-z-]+' policyd/store | tr -d '"' | sort -u >"$tmp/help"
grep -Fxf "$tmp/page" "$tmp/help" >"$tmp/code"
same "state of journal or spool"

[ $bad = 0 ] && echo "man: $pages pages are clean, $compared things in them are those of the code"
exit $bad
