#!/bin/sh
# SPDX-License-Identifier: ISC
# The build goes with other compilers than the one that is here. A warning ends it with those of today and not with those
# to come: the Makefile is asked what it tells programs that say to be one or the other.
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
n=0 bad=0
# says NAME DUMPVERSION VERSION-LINE yes|no
says() {
	printf '#!/bin/sh\ncase $1 in --version) echo "%s" ;; -dumpversion) echo "%s" ;; *) exit 1 ;; esac\n' "$3" "$2" >"$work/cc"
	chmod +x "$work/cc"
	got=no
	make -n -s V=1 CC="$work/cc" B="$work/none" "$work/none/obj/policyd/version.o" 2>/dev/null | grep -q -- ' -Werror ' && got=yes
	n=$((n + 1))
	[ $got = "$4" ] || { echo "$1: a warning is an error: $got, wanted $4"; bad=1; }
}
says "gcc 12" 12 "gcc (Debian 12.2.0-14) 12.2.0" yes
says "gcc 16" 16 "gcc (Debian 16.2.0-4) 16.2.0" yes
says "gcc 99" 99 "gcc (Debian 99.1.0-1) 99.1.0" no
says "clang 9" 4.2.1 "clang version 9.0.1" yes
says "clang 21" 21.1.8 "Debian clang version 21.1.8 (14)" yes
says "clang 22" 22.0.1 "Debian clang version 22.0.1" no
says "no number" unknown "a compiler" no

# Ubuntu's says how much is to be fortified before anybody asks.
printf '#!/bin/sh\nexec cc -D_FORTIFY_SOURCE=3 "$@"\n' >"$work/cc"
n=$((n + 1))
make -s CC="$work/cc" B="$work/fortified" "$work/fortified/obj/policyd/main.o" >"$work/out" 2>&1 || { cat "$work/out"; bad=1; }

# So may the flags of whoever builds, wherever they say it: Arch in CFLAGS, Debian in CPPFLAGS. What they ask for is built.
for flags in CPPFLAGS=-D_FORTIFY_SOURCE=3 'CFLAGS=-O2 -D_FORTIFY_SOURCE=3' 'CFLAGS=-O2 -Wp,-D_FORTIFY_SOURCE=3' \
	'CFLAGS=-O2 -Wp,-U_FORTIFY_SOURCE,-D_FORTIFY_SOURCE=3'; do
	n=$((n + 1))
	make -s "$flags" B="$work/flags" "$work/flags/obj/policyd/main.o" >"$work/out" 2>&1 || { echo "$flags:"; cat "$work/out"; bad=1; }
	make -n -s V=1 "$flags" B="$work/none" "$work/none/obj/policyd/main.o" | grep -q FORTIFY_SOURCE=2 &&
		{ echo "$flags: built with another level"; bad=1; }
	rm -rf "$work/flags"
done

# Who looks for a fault with -Og builds as well.
n=$((n + 1))
make -s CFLAGS='-Og -g' B="$work/og" "$work/og/obj/policyd/base/hash.o" >"$work/out" 2>&1 || { cat "$work/out"; bad=1; }

# machine NAME TOLD LARGE ATOMIC: what is asked for where the compiler tells TOLD of 64 bits at once and of addresses
machine() {
	printf '#!/bin/sh\ncase "$*" in *"-E -P"*) cat >/dev/null; echo "%s" ;; esac\n' "$2" >"$work/cc"
	make -n -s V=1 CC="$work/cc" B="$work/none" "$work/none/stormctl" >"$work/out" 2>/dev/null
	large=no atomic=no
	grep -q -- ' -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64 ' "$work/out" && large=yes
	grep -q -- ' -latomic' "$work/out" && atomic=yes
	n=$((n + 1))
	[ $large$atomic = "$3$4" ] || { echo "$1: large files $large, wanted $3; -latomic $atomic, wanted $4"; bad=1; }
}
machine amd64 "2 8" no no
machine i386 "2 4" yes no
machine mipsel "1 4" yes yes

[ $bad = 0 ] && echo "compilers: $n as they should be"
exit $bad
