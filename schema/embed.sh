#!/bin/sh
# SPDX-License-Identifier: ISC
# embed.sh FILE...: prints the steps as a C table. Files are NNNN_name.sql, numbered from 1 without a gap.
set -eu
LC_ALL=C; export LC_ALL
want=0

echo '/* SPDX-License-Identifier: ISC */'
echo '/* Made by schema/embed.sh; do not edit. */'
echo '#include "store/migrate.h"'
echo
echo 'const struct migration migrations[] = {'
for f in "$@"; do
	name=${f##*/}
	number=$(printf '%s\n' "$name" | sed -n 's/^0*\([0-9][0-9]*\)_[a-z0-9_]*\.sql$/\1/p')
	want=$((want + 1))
	if [ "$number" != "$want" ]; then
		echo "embed.sh: $f: expected step $want (NNNN_name.sql)" >&2
		exit 1
	fi
	[ -s "$f" ] || { echo "embed.sh: $f: empty" >&2; exit 1; }
	printf '\t{ %s, "%s",\n' "$number" "$name"
	# One literal a line. A question mark is escaped too: two of them would begin a trigraph.
	tr -d '\r' < "$f" | sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/?/\\?/g' -e 's/^/	    "/' -e 's/$/\\n"/'
	printf '\t},\n'
done
echo '	{ 0, NULL, NULL },'
echo '};'
