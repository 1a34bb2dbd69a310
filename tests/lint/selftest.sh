#!/bin/sh
# SPDX-License-Identifier: ISC
# selftest.sh: every lint must fail on a tiny bad tree and pass on a tiny good one; else it proves nothing.
here=$(cd "$(dirname "$0")" && pwd)
tmp=$(mktemp -d) || exit 2
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' INT TERM HUP
spdx='/* SPDX-License-Identifier: ISC */'
bad=0 tried=0

# tree FILE: an empty tree with one file, whose lines come from standard input.
tree() {
	rm -rf "$tmp/t"
	mkdir -p "$tmp/t/$(dirname "$1")"
	cat >"$tmp/t/$1"
}
# expect LINT fail|pass WHAT
expect() {
	tried=$((tried + 1))
	if LINT_ROOT=$tmp/t sh "$here/$1.sh" >"$tmp/out" 2>&1; then got=pass; else got=fail; fi
	[ $got = "$2" ] && return
	bad=1
	echo "selftest: $1 should $2 on $3"
	cat "$tmp/out"
}
# c PATH LINE...: one C file
c() {
	path=$1; shift
	{ echo "$spdx"; printf '%s\n' "$@"; } | tree "$path"
}
lines() { i=0; while [ $i -lt "$1" ]; do echo "$2"; i=$((i + 1)); done; }

c policyd/mail/a.c '#include "base/str.h"' '#include "mail/msg.h"'; expect layers pass "a lower room"
c policyd/mail/a.c '#include "judge/rule.h"'; expect layers fail "an upper room"
c policyd/judge/a.c '#include "store/tallies.h"'; expect layers fail "a sibling"
c policyd/judge/a.c '#include "base/log.h"'; expect layers fail "the log in a pure room"
c policyd/judge/a.c '#include "detect.h"'; expect layers fail "an include without its room"
c policyd/base/a.c '#include "../mail/msg.h"'; expect layers fail "an include by .."
c policyd/base/a.c; mkdir "$tmp/t/tried"; touch "$tmp/t/tried/0"; expect layers pass "a folder that git does not have"
if command -v git >/dev/null; then
	git -C "$tmp/t" init -q; git -C "$tmp/t" add policyd; expect layers pass "rooms alone in git"
	git -C "$tmp/t" add tried; expect layers fail "a folder that somebody tried something in"
fi
c policyd/serve/a.c '#include <sqlite3.h>'; expect layers fail "sqlite3 in serve"
c policyd/store/journal.c '#include <sqlite3.h>'; expect layers pass "sqlite3 in the journal"
c policyd/judge/rule_parse.c '#include <ini.h>'; expect layers fail "inih in judge"
c policyd/codec/a.c '#include <ev.h>'; expect layers fail "libev in codec"
c policyd/mail/a.c '#include <xxhash.h>'; expect layers fail "xxhash in mail"
c policyd/store/a.c '#include <nettle/hmac.h>'; expect layers fail "nettle in store"
c policyd/codec/a.c '#include <sys/socket.h>'; expect layers fail "sockets in codec"
c policyd/main.c '#include "serve/serve.h"'; expect layers pass "a program"
c policyd/main.c '#include <cjson/cJSON.h>'; expect layers fail "cJSON in the daemon"
c policyd/config.c '#include <sys/socket.h>'; expect layers fail "sockets in the configuration"
c tests/unit/judge/test_a.c '#include "store/tallies.h"'; expect layers fail "a test that knows a sibling"

c policyd/a.c 'int x; /* strcpy(a, b) */' 'const char *s = "gets(x)";'; expect banned pass "names in comments and strings"
for f in 'strcpy(a, b)' 'sprintf(a, "x")' 'strtok(a, b)' 'atoi(a)' 'sscanf(a, "x")' 'time(NULL)' 'localtime(&t)' \
	'signal(SIGHUP, f)' 'system("x")' 'malloc(3)' 'strdup(s)'; do
	c policyd/base/a.c 'void' 'f(void)' '{' "	$f;" '}'; expect banned fail "$f"
done
c policyd/base/xalloc.c 'void *p = malloc(3);'; expect banned pass "malloc in xalloc.c"
c policyd/a.c 'typedef struct { int x; } noun;'; expect banned fail "typedef of a struct"
c policyd/a.c 'typedef void done_fn(struct a *);'; expect banned pass "typedef of a function"
c policyd/a.c '	if ((n = next()))'; expect banned fail "an assignment in a condition"
c policyd/a.c '	if (n >= 3 && a != b)'; expect banned pass "comparisons"
c policyd/a.c "$(lines 599 x)"; expect banned pass "600 lines"
c policyd/a.c "$(lines 600 x)"; expect banned fail "601 lines"
c policyd/a.c 'void' 'f(void)' '{' "$(lines 79 x)" '}'; expect banned pass "a function of 80 lines"
c policyd/a.c 'void' 'f(void)' '{' "$(lines 80 x)" '}'; expect banned fail "a function of 81 lines"
c policyd/a.c "$(lines 110 x | tr -d '\n')"; expect banned pass "110 columns"
c policyd/a.c "$(lines 111 x | tr -d '\n')"; expect banned fail "111 columns"
c policyd/a.c 'int x; '; expect banned fail "trailing space"
echo 'int x;' | tree policyd/a.c; expect banned fail "a file without licence"
c policyd/a.c "/* see /wo""rk/main */"; expect banned fail "a path of one machine"
c policyd/a.c "/* see sha""red/x */"; expect banned fail "a folder of one workplace"

c policyd/a.c '/* it takes the' ' * the next one */'; expect words fail "a doubled word over a line end"
c policyd/a.c '/* adds it to To */'; expect words pass "the field To"
c policyd/a.c '/* it is that that counts */' 'int long long_x; long long y;'; expect words pass "lawful doubles"
echo 'It is is so.' | tree README.md; expect words fail "a doubled word in a document"
echo 'It is. Is it?' | tree README.md; expect words pass "a sentence's end"

# harms WHAT-IT-NAMES: a list of harms beside one unit test
harms() {
	c tests/unit/mail/test_x.c 'Test(x, y)'
	printf '1. Harm.\n%s\n' "$1" >"$tmp/t/tests/harms.txt"
}
harms '	unit x.y'; expect harms pass "a test that is there"
harms '	unit x.z'; expect harms fail "a test that is not there"
harms '	system y'; expect harms fail "a test of another kind"
harms ''; expect harms fail "a harm without a test"

# version NEWS SPEC DEBIAN: a tree of 1.2.3 whose other places say that
version() {
	echo 1.2.3 | tree VERSION
	mkdir -p "$tmp/t/packaging/rpm" "$tmp/t/packaging/debian"
	printf '# News\n\n## %s\n\n* All.\n\n## 1.2.2\n' "$1" >"$tmp/t/NEWS.md"
	printf 'Version:  %s\n%%changelog\n* Sat Nov 21 2026 A <a@x.example> - %s-1\n- All\n' "$2" "$2" \
		>"$tmp/t/packaging/rpm/policyd-storm.spec"
	printf 'policyd-storm (%s-1) unstable; urgency=medium\n' "$3" >"$tmp/t/packaging/debian/changelog"
}
version 1.2.3 1.2.3 1.2.3; expect versions pass "one version"
version 1.2.4 1.2.3 1.2.3; expect versions fail "another version in the news"
version 1.2.3 1.2.2 1.2.3; expect versions fail "another version in the spec"
version 1.2.3 1.2.3 1.2.30; expect versions fail "another version in the changelog"
version 1.2.3 1.2.3 1.2.3; sed -i '/All/d' "$tmp/t/NEWS.md"; expect versions fail "a version without news"
version 1.2.3 1.2.3 1.2.3; echo 'It is 1.2.3.' >"$tmp/t/README.md"; expect versions fail "a version in the README"

# released LINE...: a tree with a released past whose list has these lines beside the right ones
released() {
	echo 'CREATE TABLE a (x);' | tree schema/0001_a.sql
	mkdir -p "$tmp/t/tests/released/1.0.0"
	for f in storm.sql before.story after.story; do echo "$f" >"$tmp/t/tests/released/1.0.0/$f"; done
	(cd "$tmp/t" && for f in schema/0001_a.sql tests/released/1.0.0/*; do
		echo "1.0.0  $(sha256sum <"$f" | cut -d ' ' -f 1)  $f"
	done >schema/released)
	for line; do echo "$line" >>"$tmp/t/schema/released"; done
}
released; expect released pass "all as it was"
released; echo '-- more' >>"$tmp/t/schema/0001_a.sql"; expect released fail "a released schema that changed"
released; rm "$tmp/t/schema/0001_a.sql"; expect released fail "a released schema that is gone"
released; echo x >>"$tmp/t/tests/released/1.0.0/storm.sql"; expect released fail "a past that changed"
released; echo x >"$tmp/t/tests/released/1.0.0/spool.1.hex"; expect released fail "a past with more to it"
released; sed -i /after/d "$tmp/t/schema/released"; expect released fail "a past without its end"
released "1.0.0  aa"; expect released fail "half a line"
released; mkdir "$tmp/t/tests/released/1.1.0"; echo x >"$tmp/t/tests/released/1.1.0/storm.sql"
expect released pass "a past in the making"

[ $bad = 0 ] && echo "selftest: $tried examples judged rightly"
exit $bad
