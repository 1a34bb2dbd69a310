#!/bin/sh
# SPDX-License-Identifier: ISC
# versions.sh: VERSION is the one place; what must repeat it (NEWS, the spec file, debian/changelog) says the same, and
# nothing else repeats it. LINT_ROOT: the tree to look at.
cd "${LINT_ROOT:-.}" || exit 2
bad=0 agree=0
wrong() { bad=1; echo "versions: $*"; }
# same PLACE WHAT-STANDS-THERE
same() {
	if [ "$2" = "$version" ]; then agree=$((agree + 1)); else wrong "$1 says \"$2\", VERSION \"$version\""; fi
}

version=$(cat VERSION)
echo "$version" | grep -qxE '[0-9]+\.[0-9]+\.[0-9]+' || wrong "VERSION: \"$version\" is not NUMBER.NUMBER.NUMBER"
[ "$(wc -l <VERSION)" = 1 ] || wrong "VERSION has not one line"

# The newest entry comes first, and says something.
same "NEWS.md" "$(sed -n 's/^## \([^ ]*\).*/\1/p' NEWS.md | head -n 1)"
awk '/^## / { n++; next } n == 1 && /^\* / { said = 1 } END { exit !said }' NEWS.md || wrong "NEWS.md has nothing to say on $version"
spec=packaging/rpm/policyd-storm.spec
if [ -f $spec ]; then
	same $spec "$(sed -n 's/^Version: *//p' $spec)"
	same "$spec: %changelog" "$(sed -n '/^%changelog/,$ s/^[*].*> - \([^ ]*\)-[0-9]*$/\1/p' $spec | head -n 1)"
fi
changelog=packaging/debian/changelog
if [ -f $changelog ]; then
	same $changelog "$(sed -n '1 s/^policyd-storm (\(.*\)-[^-]*) .*/\1/p' $changelog)"
fi
# Pages, unit and programs get it when they are built or installed.
for file in packaging/man/*.[1-9] packaging/systemd/* README.md; do
	[ -f "$file" ] && grep -nF "$version" "$file" && wrong "$file repeats the version"
done
[ $bad = 0 ] && echo "versions: $agree places agree on $version"
exit $bad
