#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What is written about a table is the table: configuration comment, manual
# pages, --help.
set -u
. "$top_srcdir/tests/tap.sh"
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
cd "$top_builddir" || exit 99

./settings-doc conf >"$work/flashgate.conf"
ok "conf/flashgate.conf is what the table says (make regenerate)" \
    diff -u "$top_srcdir/conf/flashgate.conf" "$work/flashgate.conf"
{
	cat "$top_srcdir/man/flashgate.conf.5.head"
	./settings-doc mdoc
	cat "$top_srcdir/man/flashgate.conf.5.tail"
} >"$work/flashgate.conf.5"
ok "flashgate.conf(5) is what the table says (make regenerate)" \
    diff -u "$top_srcdir/man/flashgate.conf.5" "$work/flashgate.conf.5"

# Every default, uncommented, is a good file (listen is required).
sed -e 's/^;\([a-z_.]* =\)/\1/' -e 's|^listen =$|listen = 9000|' \
    "$top_srcdir/conf/flashgate.conf" >"$work/all.conf"
ok "every commented default parses" ./flashgate -t -y "$work/all.conf"

# Options: in --help and in the page.
for flag in $(./flashgate --help | sed -n 's/^  -\(.\), --\([a-z]*\).*/\1:\2/p'); do
	page=$(grep -c "^\.It Fl ${flag%%:*} , Fl -${flag#*:}" \
	    "$top_srcdir/man/flashgate.8")
	is "$page" 1 "flashgate(8) has -${flag%%:*}, --${flag#*:}"
done
./flashgatectl --help | sed -n 's/^  \([a-z][a-z ]*[a-z]\)\( [[A-Z+].*\)* *$/\1/p' |
    sort -u >"$work/commands"
is "$(grep -c . "$work/commands")" 25 "flashgatectl --help lists its commands"
while IFS= read -r command; do
	like "$(grep "^\.It Ic $command" "$top_srcdir/man/flashgatectl.8")" \
	    "Ic $command" "flashgatectl(8) has $command"
done <"$work/commands"
for option in $(./flashgatectl --help | sed -n 's/^      --\([a-z-]*\).*/\1/p' | sort -u); do
	like "$(grep -e "Fl -$option" "$top_srcdir/man/flashgatectl.8")" \
	    "$option" "flashgatectl(8) has --$option"
done

: "${MANDOC=$(command -v mandoc || true)}"
if [ -n "$MANDOC" ]; then
	for page in "$top_srcdir"/man/*.[158]; do
		# STYLE is advice, and knows only OpenBSD's own pages.
		is "$("$MANDOC" -Tlint -W warning "$page")" "" \
		    "$(basename "$page") is clean mdoc"
	done
fi
is "$(grep -rlE '^(<<<<<<<|>>>>>>>) ' "$top_srcdir/doc" "$top_srcdir/man" "$top_srcdir/conf" \
    "$top_srcdir/src" "$top_srcdir/tests" "$top_srcdir/README.md" "$top_srcdir/NEWS.md")" "" \
    "no merge was left half done"
tap_done
