#!/bin/sh
# SPDX-License-Identifier: ISC
# man_selftest.sh [BUILD]: man.sh passes on a copy of the tree and fails when page or code lose or gain one thing.
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "${1:-build}" && pwd) || exit 2
tmp=$(mktemp -d) || exit 2
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' INT TERM HUP
bad=0 tried=0
ctl=$tmp/build/stormctl
P=packaging/man/policyd-storm-protocol.7 S=packaging/man/stormctl.8
C=policyd/codec/policy.c M=policyd/codec/milter.c A=policyd/judge/action.c

fresh() {
	rm -rf "$tmp/t" "$tmp/build"
	mkdir -p "$tmp/t/policyd/codec" "$tmp/t/policyd/judge" "$tmp/t/packaging" "$tmp/build"
	cp -R packaging/man "$tmp/t/packaging/" && cp $C $M "$tmp/t/policyd/codec/" && cp $A "$tmp/t/policyd/judge/"
	cp -R policyd/store "$tmp/t/policyd/"
	chmod -R u+w "$tmp/t" # the tree may be one that nobody may write to
	# the commands of the real one, to be changed as text
	"$build/stormctl" --help >"$tmp/build/help"
	"$build/stormctl" config --actions >"$tmp/build/actions"
	# shellcheck disable=SC2016
	printf '#!/bin/sh\ncase $1 in --help) cat "%s/build/help" ;; *) cat "%s/build/actions" ;; esac\n' "$tmp" "$tmp" >"$ctl"
	chmod 755 "$ctl"
}
# expect pass|fail WHAT [FILE SED-SCRIPT]
expect() {
	tried=$((tried + 1))
	fresh
	if [ $# -gt 2 ]; then
		case $3 in help|actions) file=$tmp/build/$3 ;; *) file=$tmp/t/$3 ;; esac
		sed "$4" "$file" >"$tmp/new"
		cmp -s "$tmp/new" "$file" && { bad=1; echo "man_selftest: $2: nothing was changed"; }
		cp "$tmp/new" "$file"
	fi
	if LINT_ROOT=$tmp/t sh "$here/man.sh" "$tmp/build" >"$tmp/out" 2>&1; then got=pass; else got=fail; fi
	[ $got = "$1" ] && return
	bad=1
	echo "man_selftest: man should $1 on $2"
	cat "$tmp/out"
}

expect pass "the tree as it is"
expect fail "a command without a page" help 's/^  inspect .*/&\n  undo FILE/'
expect fail "a command that is gone" help '/^  replay /d'
expect fail "an option without a page" help 's/--json/--yaml/g'
expect fail "a command in the page only" $S 's/^[.]It Ic config/.It Ic configure/'
expect fail "an extended attribute without a page" $C 's/^\tFIELD("date", "Date"),/&\n\tFIELD("reply_to", "Reply-To"),/'
expect fail "an extended attribute that is gone" $C '/FIELD("list_id"/d'
expect fail "an extended attribute that the page lost" $P '/^[.]It Cm in_reply_to/d'
expect fail "one of two attributes in a line" $P 's/^[.]It Cm to_count , cc_count/.It Cm to_count/'
expect fail "an extended attribute in the page only" $P 's/^[.]It Cm subject/.It Cm topic/'
expect fail "recipients gone from the page" $P '/^[.]It Cm recipients/d'
expect fail "an attribute that is not used any more" $C 's/TO_MSG("helo_name", helo, NAME)/UNUSED("helo_name")/'
expect fail "a macro without a page" $M 's/^\t{ STR("i"), TO_MSG.*/&\n\t{ STR("cert_subject"), TO_MSG, 0 },/'
expect fail "a macro in the page only" $M '/"rcpt_mailer"/d'
expect fail "another action in the table" $A 's/\[ACT_REJECT\] = { ACT_REJECT, ACT_DROP_RECIPIENTS }/[ACT_REJECT] = { ACT_REJECT, ACT_PASS }/'
expect fail "another action in the page" $P 's/^[.]It Ic hold Ta hold Ta pass/.It Ic hold Ta hold Ta hold/'
expect fail "an action without bytes" $P '/^[.]It Ic conceal Ta/d'
expect fail "an action without a page" actions 's/^warn.*/&\nscold\tadditive/'
expect fail "a state of the journal that no log tells" packaging/man/policyd-storm.8 's/state=behind/state=late/'
expect fail "a state of the spool that no log tells any more" policyd/store/outbox.c 's/ring=full/ring=no-room/'
expect fail "a macro that mandoc does not know" $S 's/^[.]Pp$/.Qq\n.Xyzzy/'
expect fail "a table that is too wide" $P 's/^[.]Bl -column "drop-recipien"/.Bl -column "drop-recipients to all of them"/'
expect fail "a literal line that is too wide" $P 's/^    default_action=accept }/& and some more words that nobody sees there/'
expect fail "quotes in quotes" $S 's/^[.]Ql danger ,/.Pq Ql danger , warning No or Ql note ,/'
expect fail "a word that is a macro" $S 's/^(In the file/.Pq In the file/'
expect fail "a page of ours that is not there" $S 's/^[.]Xr policyd-storm-protocol 7/.Xr policyd-storm-protocols 7/'
fresh; rm "$ctl"; tried=$((tried + 1))
LINT_ROOT=$tmp/t sh "$here/man.sh" "$tmp/build" >/dev/null 2>&1 && { bad=1; echo "man_selftest: passes without stormctl"; }
[ $bad = 0 ] && echo "man_selftest: $tried trees"
exit $bad
