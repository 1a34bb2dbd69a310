#!/bin/sh
# SPDX-License-Identifier: ISC
# layers.sh: reads the includes and enforces the layers: base < mail < codec, judge, store < serve < the programs.
# At the top of the tree nothing stands that somebody only tried.
# LINT_ROOT: the tree to look at (the self-test brings its own).
cd "${LINT_ROOT:-.}" || exit 2
for name in $(git ls-files --cached 2>/dev/null | sed 's,/.*,,' | sort -u); do
	case $name in
	.ci | .clang-format | .editorconfig | .gitignore | Makefile | VERSION | LICENSE | README.md | HACKING.md | NEWS.md) ;;
	policyd | schema | etc | packaging | tests) ;;
	*) echo "layers: $name has no place at the top of the tree"; exit 1 ;;
	esac
done
# shellcheck disable=SC2046
set -- $(find policyd tests/unit -name '*.[ch]' 2>/dev/null | sort)
[ $# -gt 0 ] || { echo "layers: nothing to look at"; exit 1; }
awk '
BEGIN {
	level["base"] = 0; level["mail"] = 1; level["codec"] = level["judge"] = level["store"] = 2; level["serve"] = 3
	level["config"] = level["stormctl"] = 4 # tests/unit/config and stormctl: what stands above all rooms
	# system header -> who may include it (a pattern on the path below policyd/)
	only["sqlite3.h"] = "^store/(journal|migrate)"
	only["ini.h"] = "^base/conf[a-z_]*[.]c$"
	only["ev.h"] = "^(serve|store)/"
	only["xxhash.h"] = "^base/hash[.]h$"
	only["nettle/hmac.h"] = "^mail/privacy[.]c$"
	only["sys/socket.h"] = "^serve/|^base/log[.]c$|^stormctl_ask[.]c$"
	only["syslog.h"] = "^base/log[.]c$"
	only["cjson/cJSON.h"] = "^stormctl_[a-z_]*[.]c$"
	# what a pure room has no use for
	impure["base/log.h"] = "the log"; impure["fcntl.h"] = "descriptors"; impure["unistd.h"] = "descriptors"
	impure["poll.h"] = "descriptors"; impure["time.h"] = "the clock"; impure["sys/time.h"] = "the clock"
	impure["pthread.h"] = "threads"
}
function fault(text) { printf "%s:%d: %s\n", FILENAME, FNR, text; bad++ }
FNR == 1 {
	path = FILENAME; test = sub(/^tests\/unit\//, "", path); sub(/^policyd\//, "", path)
	room = path; if (!sub(/\/.*/, "", room)) room = ""
	if (room != "" && !(room in level)) fault("room " room " is not on the list")
	mine = room == "" ? 4 : level[room]
	files++
}
/^[ \t]*#[ \t]*include/ {
	head = $0; sub(/^[^"<]*["<]/, "", head); sub(/[">].*/, "", head)
	if ($0 ~ /"/) {
		there = head; if (!sub(/\/.*/, "", there)) there = ""
		if (head ~ /[.][.]/) fault("include by .. : " head)
		else if (there == "" && room != "" && !test) fault("name the room: \"" room "/" head "\"")
		else if (there == "") ;
		else if (!(there in level)) fault("no such room: " head)
		else if (level[there] > mine) fault(room " must not know " head ": it is above")
		else if (level[there] == mine && there != room) fault(room " must not know " head ": rooms of one layer are strangers")
	} else if ((head in only) && !test && path !~ only[head])
		fault("<" head "> has its own place, not here")
	if ((head in impure) && !test && room ~ /^(mail|codec|judge)$/)
		fault("a pure room has no use for " impure[head] ": " head)
}
END { if (!bad) printf "layers: %d files in order\n", files; exit bad > 0 }
' "$@"
