#!/bin/sh
# SPDX-License-Identifier: ISC
# words.sh: doubled words ("the the") in comments and documents, over line ends too.
# LINT_ROOT: the tree to look at (the self-test brings its own).
cd "${LINT_ROOT:-.}" || exit 2
# shellcheck disable=SC2046
set -- $(find . -path ./build -prune -o -path ./.git -prune -o -type f \
	\( -name '*.[ch]' -o -name '*.md' -o -name '*.sh' -o -name '*.py' -o -name '*.sql' -o -name '*.conf' \
	-o -name '*.[1578]' \) -print | sort)
[ $# -gt 0 ] || { echo "words: nothing to look at"; exit 1; }
awk '
# Words that stand doubled lawfully: "that that" and "had had" are English.
BEGIN { lawful["that"] = lawful["had"] = 1 }
FNR == 1 { last = ""; kind = FILENAME; sub(/.*[.]/, "", kind); inside = 0; files++ }
{
	text = $0
	if (kind == "c" || kind == "h") {
		# Only comments: the rest is code.
		if (inside) { if (i = index(text, "*/")) { text = substr(text, 1, i - 1); ends = 1 } }
		else if (i = index(text, "/*")) {
			text = substr(text, i + 2); inside = 1; last = ""
			if (i = index(text, "*/")) { text = substr(text, 1, i - 1); ends = 1 }
		} else { last = ""; next }
		sub(/^[ \t]*[*]/, "", text)
	} else if (kind == "sh" || kind == "py" || kind == "sql" || kind == "conf") {
		if (text !~ /^[ \t]*(#|--|;)/) { last = ""; next }
		sub(/^[ \t]*(#|--|;)+/, "", text)
	} else if (text ~ /^(\t|    |[.])/) { last = ""; next }
	n = split(text, w, /[ \t]+/)
	for (k = 1; k <= n; k++) {
		if (w[k] == "") continue
		if (w[k] ~ /^[A-Za-z]+[.,;:)]*$/) {
			plain = w[k]; sub(/[.,;:)]+$/, "", plain)
			if (plain != "To") plain = tolower(plain) # "to To" speaks of the header field
			if (plain == last && length(plain) > 1 && !(plain in lawful)) {
				printf "%s:%d: \"%s %s\"\n", FILENAME, FNR, plain, plain; bad++
			}
			last = w[k] ~ /^[A-Za-z]+$/ ? plain : ""
		} else last = ""
	}
	if (ends) { inside = ends = 0; last = "" }
}
END { if (!bad) printf "words: %d files without a doubled word\n", files; exit bad > 0 }
' "$@"
