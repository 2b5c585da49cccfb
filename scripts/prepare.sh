# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# What ./demo and ./check need on a fresh Debian 12 machine: sourced, from the
# top of the tree.

PREPARE_PACKAGES='autoconf automake make gcc libc6-dev pkg-config
libfcgi-dev libhiredis-dev libmariadb-dev check libinih-dev libjansson-dev
libjwt-dev libssl-dev libcurl4-openssl-dev redis-server mariadb-server
nginx-light curl jq procps mandoc git xz-utils'

prepare_have() { # PACKAGE
	dpkg-query -W -f '${db:Status-Abbrev}' "$1" 2>/dev/null | grep -q '^ii'
}

# Installs PREPARE_PACKAGES and what is named, as root or with sudo.  Services
# that Debian would start are not: the stack and the tests start their own.
prepare_packages() { # [PACKAGE...]
	missing=
	for package in $PREPARE_PACKAGES "$@"; do
		prepare_have "$package" || missing="$missing $package"
	done
	[ -n "$missing" ] || return 0
	command -v apt-get >/dev/null || {
		echo "these Debian packages are missing, and there is no apt-get:$missing" >&2
		return 1
	}
	as_root=
	[ "$(id -u)" = 0 ] || as_root=sudo
	echo "installing:$missing"
	policy=/usr/sbin/policy-rc.d
	made_policy=no
	if [ ! -e "$policy" ]; then
		printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
		$as_root chmod 755 "$policy"
		made_policy=yes
	fi
	status=0
	# shellcheck disable=SC2086
	{ $as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq update &&
		$as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y \
		    --no-install-recommends $missing; } >prepare.log 2>&1 || status=$?
	[ $made_policy = no ] || $as_root rm -f "$policy"
	[ $status = 0 ] || tail -20 prepare.log >&2
	rm -f prepare.log
	return $status
}

# Builds into DIR; what is there and still good is kept.
prepare_build() { # DIR [CONFIGURE ARGUMENTS]
	build_dir=$1
	shift
	if [ ! -x configure ] || [ configure.ac -nt configure ] ||
	    [ -n "$(find Makefile.am src tests man conf m4 -name '*.am' -newer configure -o \
		-name 'local.mk' -newer configure -o -name '*.m4' -newer configure)" ]; then
		autoreconf -fi
	fi
	mkdir -p "$build_dir"
	(
		cd "$build_dir"
		# Asked for other options than last time: configure again.
		if [ ! -f Makefile ] || [ "$(cat .configured 2>/dev/null)" != "$*" ]; then
			"$OLDPWD/configure" -q "$@"
			printf '%s\n' "$*" >.configured
		fi
		make -s -j"$(nproc)"
	)
}
