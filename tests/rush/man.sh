#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# flashgate-rush: the manual page and --help tell of the same options.
set -u
. "$top_srcdir/tests/tap.sh"

rush=$top_builddir/flashgate-rush
page=$top_srcdir/man/flashgate-rush.1

# "--name ARG" for each option, in order.
help_options() {
	"$rush" --help |
	sed -n 's/^  \(--[a-z-]*\( [A-Z]*\)\{0,1\}\)  *.*/\1/p' | sed 's/ *$//'
}

page_options() {
	sed -n 's/^\.It Fl -\([a-z-]*\)/--\1/p' "$page" |
	sed 's/ Ar / /'
}

# "--name VALUE" where there is a default.
help_defaults() {
	"$rush" --help | sed -n 's/^  \(--[a-z-]*\) .* \[\(.*\)\]$/\1 \2/p'
}

page_defaults() {
	awk '/^\.It Fl -/ { name = "--" substr($3, 2) }
	    /^The default is / { sub(/\.$/, ""); print name, $4 }' "$page"
}

like "$(help_options | wc -l)" '^ *2[0-9]$' "--help lists some twenty options"
is "$(page_options)" "$(help_options)" \
    "the page has the options of --help, with the same values, in its order"
like "$(help_defaults)" '^--requests 10000$' "--help tells defaults"
is "$(page_defaults)" "$(help_defaults)" "the page has the defaults of --help"

# The comparison must bite.
planted=$(mktemp) || exit 99
trap 'rm -f "$planted"' EXIT
sed 's/^\.It Fl -seed Ar N/.It Fl -sead Ar N/; s/default is 64/default is 65/' \
    "$page" >"$planted"
page=$planted
ok "a planted misprint of an option is noticed" \
    test "$(page_options)" != "$(help_options)"
ok "a planted misprint of a default is noticed" \
    test "$(page_defaults)" != "$(help_defaults)"

if [ -n "${MANDOC:-}" ]; then
	# Below a warning it says which of our other pages is not installed.
	is "$("$MANDOC" -Tlint -W warning "$top_srcdir/man/flashgate-rush.1")" \
	    "" "mandoc finds nothing to complain about"
fi
tap_done
