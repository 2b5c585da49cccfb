#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every test in the tree is one that make knows: each folder's local.mk is
# included (a merge once dropped the line of tests/chaos, and with it all of its
# tests, in silence), and names each test of its folder.
set -u
. "$top_srcdir/tests/tap.sh"

included() { # FOLDER: not in a comment
	grep -q "^include tests/$1/local.mk\$" "$top_srcdir/tests/local.mk"
}
known() { # FOLDER FILE
	sed 's/#.*//' "$top_srcdir/tests/$1/local.mk" |
	    grep -qE "(^|[/[:space:]])$2([[:space:]\\)]|\$)"
}

for mk in "$top_srcdir"/tests/*/local.mk; do
	folder=$(basename "$(dirname "$mk")")
	ok "tests/$folder/local.mk is included" included "$folder"
	unknown=
	for file in "$top_srcdir/tests/$folder"/*.it "$top_srcdir/tests/$folder"/*.sh \
	    "$top_srcdir/tests/$folder"/test_*.c; do
		# A script that is not executable is sourced by others.
		[ -e "$file" ] || continue
		case $file in
		*.it | *.sh) [ -x "$file" ] || continue ;;
		esac
		name=$(basename "$file")
		known "$folder" "${name%.c}" || known "$folder" "$name" ||
			unknown="$unknown $name"
	done
	is "$unknown" "" "and names each test of its folder"
done
tap_done
