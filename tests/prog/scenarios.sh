#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# doc/scenarios.md names tests that exist: each name in quotes stands in the file
# named before it.  A file in *italics* may be missing yet.
set -u
. "$top_srcdir/tests/tap.sh"
doc=$top_srcdir/doc/scenarios.md

# FILE<tab>NAME<tab>late or now, one a line.
entries() {
	awk '{
		late = "now"
		rest = $0
		file = ""
		while (match(rest, /\*?`tests\/[a-z_\/]*\.(it|c|sh)`|"[^"]*"/)) {
			part = substr(rest, RSTART, RLENGTH)
			rest = substr(rest, RSTART + RLENGTH)
			if (part ~ /^"/) {
				if (file != "")
					print file "\t" substr(part, 2, length(part) - 2) "\t" late
				continue
			}
			late = part ~ /^\*/ ? "late" : "now"
			gsub(/[*`]/, "", part)
			file = part
		}
	}' "$doc"
}

entries >"${TMPDIR:-/tmp}/scenarios.$$"
trap 'rm -f "${TMPDIR:-/tmp}/scenarios.$$"' EXIT
while IFS="$(printf '\t')" read -r file name when; do
	if [ ! -f "$top_srcdir/$file" ] && [ "$when" = late ]; then
		diag "to come: $file: $name"
	else
		ok "$file: $name" grep -qF -- "$name" "$top_srcdir/$file"
	fi
done <"${TMPDIR:-/tmp}/scenarios.$$"
is "$(sed -n 's/^| \([0-9][0-9]*\) | .*`tests\/.*".*/\1/p' "$doc" | tr '\n' ' ')" \
    "$(seq -s ' ' 1 20) " "twenty scenarios, each with a test"
ok "the check finds names" test "$tap_n" -gt 60
tap_done
