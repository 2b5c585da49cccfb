#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# doc/scenarios.md names tests that exist: each name in quotes stands in the file
# named before it.
set -u
. "$top_srcdir/tests/tap.sh"
doc=$top_srcdir/doc/scenarios.md

# FILE<tab>NAME, one a line.
entries() {
	awk '{
		rest = $0
		file = ""
		while (match(rest, /`tests\/[a-z_\/]*\.(it|c|sh)`|"[^"]*"/)) {
			part = substr(rest, RSTART, RLENGTH)
			rest = substr(rest, RSTART + RLENGTH)
			if (part ~ /^`/)
				file = substr(part, 2, length(part) - 2)
			else if (file != "")
				print file "\t" substr(part, 2, length(part) - 2)
		}
	}' "$doc"
}

list=$(mktemp) || exit 99
trap 'rm -f "$list"' EXIT
entries >"$list"
while IFS="$(printf '\t')" read -r file name; do
	ok "$file: $name" grep -qF -- "$name" "$top_srcdir/$file"
done <"$list"
is "$(sed -n 's/^| \([0-9][0-9]*\) | .*`tests\/.*".*/\1/p' "$doc" | tr '\n' ' ')" \
    "$(seq -s ' ' 1 20) " "twenty scenarios, each with a test"
ok "the check finds names" test "$tap_n" -gt 60
tap_done
