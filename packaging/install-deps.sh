#!/bin/sh
# SPDX-License-Identifier: ISC
# install-deps.sh build|check|demo|bench|bench-peers|deb|lifecycle|rpm: looks for what that needs and installs what is missing,
# nothing else.
# Debian and Ubuntu by apt-get; Fedora and its kin by dnf: names as in Fedora's own lists and spec files, tried with dnf 4 and
# stand-in packages of these names, never on a Fedora. Enterprise Linux has some in CRB and EPEL, to be switched on by hand.
set -u
cd "$(dirname "$0")/.." || exit 1
PATH=$PATH:/usr/sbin:/sbin
export PATH

case ${1:-} in
build) sets=b ;;
check) sets='b|c' ;;
demo) sets='b|d' ;;
bench) sets='b|m' ;;
bench-peers) sets='p' ;;
deb) sets='b|k' ;;
lifecycle) sets='b|k|l' ;;
rpm) sets='b|r' ;;
*) echo "usage: install-deps.sh build|check|demo|bench|bench-peers|deb|lifecycle|rpm" >&2; exit 2 ;;
esac

# sets | probe | what is looked for | Debian package | Fedora package
# A probe asks for the thing itself: a build from source or another package may provide it. A deb is a package that others
# want by its name, as dpkg-buildpackage does build-essential. A tree is a mail server that cannot be installed beside
# Postfix: its packages are only unpacked, below build/mta, with the libraries missing here.
trees=build/mta
table='
b  cmd    make                   make             make
b  cmd    cc                     gcc              gcc
b  header stdlib.h               libc6-dev        glibc-devel
b  cmd    pkg-config             pkg-config       pkgconf-pkg-config
b  header ev.h                   libev-dev        libev-devel
b  header sqlite3.h              libsqlite3-dev   sqlite-devel
b  header ini.h                  libinih-dev      inih-devel
b  header cjson/cJSON.h          libcjson-dev     cjson-devel
b  header xxhash.h               libxxhash-dev    xxhash-devel
b  header nettle/hmac.h          nettle-dev       nettle-devel
ck header criterion/criterion.h  libcriterion-dev -
c  cmd    gcc                    gcc              gcc
c  cmd    clang                  clang            clang
c  san    address,undefined      gcc              libasan
c  san    address,undefined      gcc              libubsan
c  cmd    ps                     procps           procps-ng
c  cmd    mkfs.ext4              e2fsprogs        e2fsprogs
c  cmd    fsfreeze               util-linux       util-linux
c  cmd    mount                  mount            util-linux
c  cmd    mandoc                 mandoc           mandoc
c  cmd    miltertest             miltertest       opendkim
cdmrk cmd python3                python3          python3
cdk cmd   sqlite3                sqlite3          sqlite
cd cmd    postfix                postfix          postfix
c  tree   exim:/usr/sbin/exim4   exim4-daemon-light,exim4-config -
c  tree   sendmail:/usr/libexec/sendmail/sendmail sendmail-bin,sendmail-cf,m4 -
m  header libmilter/mfapi.h      libmilter-dev    sendmail-milter-devel
m  pc     gmime-3.0              libgmime-3.0-dev gmime30-devel
k  cmd    dpkg-buildpackage      dpkg-dev         -
k  deb    build-essential        build-essential  -
k  cmd    dh                     debhelper        -
k  cmd    dh_apparmor            dh-apparmor      -
k  cmd    lintian                lintian          -
l  cmd    debootstrap            debootstrap      -
l  cmd    unshare                util-linux       -
l  cmd    ip                     iproute2         -
l  cmd    piuparts               piuparts         -
l  cmd    systemd-nspawn         systemd-container -
r  cmd    rpmbuild               rpm              rpm-build
r  cmd    rpmlint                rpmlint          rpmlint
p  cmd    postfwd                postfwd          postfwd
p  cmd    postgrey               postgrey         postgrey
p  cmd    policyd-rate-limit     policyd-rate-limit -
p  cmd    grossd                 gross            -
'

has_header() {
	if command -v "${CC:-cc}" >/dev/null 2>&1; then
		echo "#include <$1>" | "${CC:-cc}" -E -o /dev/null -x c - >/dev/null 2>&1
	else
		[ -e "/usr/include/$1" ]
	fi
}

has_sanitizers() {
	t=$(mktemp -d) || return 1
	echo 'int main(void) { return 0; }' >"$t/a.c"
	"${CC:-cc}" -fsanitize="$1" -o "$t/a" "$t/a.c" >/dev/null 2>&1
	r=$?
	rm -rf "$t"
	return $r
}

present() {
	case $1 in
	cmd) command -v "$2" >/dev/null 2>&1 ;;
	header) has_header "$2" ;;
	san) has_sanitizers "$2" ;;
	pc) pkg-config --exists "$2" 2>/dev/null ;;
	deb) dpkg-query -W -f '${Status}\n' "$2" 2>/dev/null | grep -q ' installed$' ;;
	tree) [ -x "$trees/${2%%:*}${2#*:}" ] ;;
	esac
}

if command -v apt-get >/dev/null 2>&1; then
	tool=apt
elif command -v dnf >/dev/null 2>&1; then
	tool=dnf
else
	tool=none
fi

# One name a word, without doubles; postfix apart, because it may not push another mail server out.
packages='' postfix='' things='' unpack=''
while read -r in probe thing deb rpm; do
	[ -n "$in" ] || continue
	echo "$in" | grep -qE "$sets" || continue
	present "$probe" "$thing" && continue
	things="$things $thing"
	name=$deb
	[ $tool = dnf ] && name=$rpm
	case " $packages $postfix " in *" $name "*) continue ;; esac
	if [ "$probe" = tree ]; then
		[ "$name" = - ] || unpack="$unpack ${thing%%:*}=$name"
		continue
	fi
	case $name in
	-) echo "install-deps: no package is known here for $thing" ;;
	postfix) postfix=postfix ;;
	*) packages="$packages $name" ;;
	esac
done <<EOT
$table
EOT

[ -n "$packages$postfix$unpack" ] || exit 0
echo "install-deps: missing:$things"

# fetch FOLDER PACKAGE...: the packages, and of what they depend on the libraries that are not installed, as files.
fetch() (
	mkdir -p "$1" && cd "$1" || exit 1
	shift
	seen=' '
	while [ $# -gt 0 ]; do
		name=$1; shift
		case $seen in *" $name "*) continue ;; esac
		seen="$seen$name "
		apt-get download -q "$name" </dev/null >/dev/null 2>&1 || { echo "install-deps: no $name to be had"; exit 1; }
		for lib in $(dpkg -f "$name"_*.deb Depends | tr ',' '\n' | sed 's/^ *//; s/[ :|(].*//' | grep '^lib'); do
			dpkg-query -W -f '${Status}\n' "$lib" 2>/dev/null | grep -q ' installed$' || set -- "$@" "$lib"
		done
	done
)

# Package lists may be too old to find anything by: once, and only as root.
renewed=
renew() {
	[ -z "$renewed" ] && [ "$(id -u)" = 0 ] || return 1
	renewed=yes
	apt-get update -q </dev/null
}

# unpack_trees: each NAME=PACKAGE,... becomes a folder when it is complete. Without them their tests are skipped.
unpack_trees() {
	for tree in $unpack; do
		to=$trees/${tree%%=*} part=$trees/${tree%%=*}.part
		names=$(echo "${tree#*=}" | tr , ' ')
		rm -rf "$part" "$to"
		# shellcheck disable=SC2086
		if { fetch "$part/debs" $names || { renew && rm -rf "$part" && fetch "$part/debs" $names; }; } &&
			for deb in "$part"/debs/*.deb; do dpkg -x "$deb" "$part/tree" || break; done
		then
			mv "$part/tree" "$to" && echo "install-deps: unpacked $to"
		else
			echo "install-deps: ${tree%%=*} could not be unpacked; the tests that need it will be skipped"
		fi
		rm -rf "$part"
	done
}

if [ -z "$packages$postfix" ]; then
	[ $tool = apt ] && unpack_trees
	exit 0
fi

case $tool in
apt) say="apt-get install --no-install-recommends$packages${postfix:+ $postfix}" ;;
dnf) say="dnf install$packages${postfix:+ $postfix}" ;;
none) echo "install-deps: neither apt-get nor dnf is here: please install what is missing yourself" >&2; exit 1 ;;
esac

# As root, or through sudo: asking for a password only where somebody can type one.
if [ "$(id -u)" = 0 ]; then
	as_root=
elif command -v sudo >/dev/null 2>&1 && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
	as_root=sudo
else
	echo "install-deps: this needs root. Please run: $say" >&2
	exit 1
fi
echo "install-deps: ${as_root:+sudo }$say"

if [ $tool = dnf ]; then
	echo "install-deps: the dnf part was never tried on a Fedora"
	# shellcheck disable=SC2086
	exec $as_root dnf install -y --setopt=install_weak_deps=False $packages $postfix </dev/null
fi

# --no-remove: nothing that is installed may have to go.
apt_install() {
	# shellcheck disable=SC2086
	$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends --no-remove \
		-o Dpkg::Options::=--force-confold "$@" </dev/null
}

# Packages of other policy servers start what they bring: here each runs only while it is measured, by itself.
if [ "$1" = bench-peers ] && [ ! -e /usr/sbin/policy-rc.d ]; then
	trap '$as_root rm -f /usr/sbin/policy-rc.d' EXIT
	trap 'exit 130' INT TERM HUP
	printf '#!/bin/sh\nexit 101\n' | $as_root tee /usr/sbin/policy-rc.d >/dev/null
	$as_root chmod 755 /usr/sbin/policy-rc.d
fi

renewed=yes
$as_root apt-get update -q </dev/null || echo "install-deps: the package lists could not be renewed; trying with the old ones"
if [ -n "$packages" ]; then
	# shellcheck disable=SC2086
	apt_install $packages || { echo "install-deps: could not install:$packages" >&2; exit 1; }
fi
if [ -n "$postfix" ]; then
	# "No configuration": the package then neither writes main.cf nor starts anything. The tests and the demo run a
	# private Postfix with a configuration of their own.
	echo 'postfix postfix/main_mailer_type select No configuration' | $as_root debconf-set-selections
	if ! apt_install postfix; then
		echo "install-deps: Postfix could not be installed (is another mail server here?)" >&2
		[ "$1" = check ] || exit 1
		echo "install-deps: the tests that need it will be skipped" >&2
	fi
fi
unpack_trees
exit 0
