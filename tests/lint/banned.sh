#!/bin/sh
# SPDX-License-Identifier: ISC
# banned.sh: functions that must not be called, sizes that must not be passed, words that must not be written.
# LINT_ROOT: the tree to look at (the self-test brings its own).
cd "${LINT_ROOT:-.}" || exit 2
dirs=
for d in policyd schema etc tests packaging; do [ -d $d ] && dirs="$dirs $d"; done
[ -n "$dirs" ] || { echo "banned: nothing to look at"; exit 1; }
tops=
for f in Makefile README.md HACKING.md NEWS.md; do [ -f $f ] && tops="$tops $f"; done
bad=0

# shellcheck disable=SC2046,SC2086
awk '
BEGIN {
	unsafe = "strcpy|strcat|stpcpy|sprintf|vsprintf|strtok|gets|atoi|atol|atoll|atof|sscanf|vsscanf|alloca|mktemp|tmpnam"
	unsafe = "(^|[^A-Za-z0-9_>.])(" unsafe ")[ \t]*[(]"
	call = "(^|[^A-Za-z0-9_>.])(time|localtime|gmtime|ctime|asctime|signal|system|popen)[ \t]*[(]"
	alloc = "(^|[^A-Za-z0-9_>.])(malloc|calloc|realloc|reallocarray|strdup|strndup|asprintf|vasprintf)[ \t]*[(]"
	watch = "(^|[^A-Za-z0-9_])ev_io_start[ \t]*[(]"
}
function fault(text) { printf "%s:%d: %s\n", FILENAME, FNR, text; bad++ }
# The line without comments and without what stands between quotes.
function code(s,    out, i) {
	out = ""
	gsub(/\\\\/, "", s); gsub(/\\"/, "", s); gsub(/"[^"]*"/, "\"\"", s); gsub(/\047[^\047]*\047/, "0", s)
	while (s != "") {
		if (comment) {
			i = index(s, "*/")
			if (!i) return out
			s = substr(s, i + 2); comment = 0
		} else {
			sub(/\/\/.*/, "", s)
			i = index(s, "/*")
			if (!i) return out s
			out = out substr(s, 1, i - 1) " "; s = substr(s, i + 2); comment = 1
		}
	}
	return out
}
function wide(s) { gsub(/\t/, "        ", s); return length(s) }
FNR == 1 { comment = 0; start = 0; prod = FILENAME ~ /^policyd\//; files++ }
FNR == 601 { fault("file is longer than 600 lines") }
{
	c = code($0)
	if (c ~ unsafe) fault("banned function: " $0)
	if (prod && c ~ call) fault("banned function: " $0)
	if (prod && FILENAME !~ /^policyd\/base\/xalloc[.]c$/ && c ~ alloc) fault("memory comes from base/xalloc.h: " $0)
	if (prod && FILENAME !~ /^policyd\/(serve\/(conn|listen|server)|store\/)/ && c ~ watch) fault("ev_io_start: " $0)
	if (c ~ /^[ \t]*typedef[ \t]+(struct|union|enum)[^;]*$/ || c ~ /^[ \t]*typedef[ \t]+(struct|union|enum)[^(]*;/)
		fault("no typedef of structs: " $0)
	if (c ~ /(^|[^A-Za-z0-9_])(if|while)[ \t]*[(].*[^=!<>]=[^=]/ && c !~ /;.*=/ && c !~ /[{][^}]*=/) fault("assignment in a condition: " $0)
	if (wide($0) > 110) fault("wider than 110 columns")
}
FILENAME ~ /[.]c$/ && /^[{]$/ { start = FNR }
FILENAME ~ /[.]c$/ && /^[}]/ { if (start && FNR - start > 80) fault("function of " FNR - start " lines"); start = 0 }
END { exit bad > 0 }
' $(find $dirs -name '*.[ch]' | sort) /dev/null || bad=1

# shellcheck disable=SC2086
for f in $(find $dirs \( -name '*.[ch]' -o -name '*.sh' -o -name '*.py' -o -name '*.sql' \) | sort); do
	sed -n 1,3p "$f" | grep -q 'SPDX-License-Identifier: ISC' || { echo "$f:1: no SPDX-License-Identifier: ISC"; bad=1; }
done

# Trailing space, and what ties a file to one machine. The patterns are written so that they do not find themselves.
# shellcheck disable=SC2086
all=$(find $dirs -type f ! -path '*/__pycache__/*' ! -path '*/corpus/*' ! -name '*.eml' ! -name '*.mbox' | sort)
# shellcheck disable=SC2086
grep -InE '[ 	]+$' $all $tops && { echo "banned: trailing space"; bad=1; }
# shellcheck disable=SC2086
grep -InE '(^|[^A-Za-z0-9_.-])/wor[k]/|/home/[a-z]|/tmp/brie[f]|(^|[^a-z./_-])shared[/]|DESIGN[.]md|PITFALLS[.]md|STORMS[.]md|STYLE[.]md|PROTOCOLS[.]md|MEASURED[.]md' \
	$all $tops && { echo "banned: words of one machine or of one workplace"; bad=1; }
[ $bad = 0 ] && echo "banned: nothing found"
exit $bad
