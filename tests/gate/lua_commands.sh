#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The library: the commands that it runs are the ones whose rights it asks for
# (COMMANDS in it, SHOP_USER in gate_rights.c, and doc/design.md), and none that scans.
set -u
. "$top_srcdir/tests/tap.sh"

lua=$(mktemp) || exit 1
trap 'rm -f "$lua"' EXIT
cat "$top_srcdir"/src/gate/*.lua >"$lua"

used=$(sed -n "s/.*redis\.call('\([A-Z]*\)'.*/\1/p" "$lua" | sort -u)
# In a row of COMMANDS the command comes first.
asked=$(sed -n '/^local COMMANDS/,/^}/p' "$lua" | grep -o "{'[A-Z]*'" |
    tr -d "{'" | sort -u)
rights=$(sed -n '/^#define SHOP_USER/,/[^\\]$/p' \
    "$top_srcdir/tests/gate/gate_rights.c" | grep -o '+[a-z|]*' | sort -u)
granted=$(echo "$rights" | sed 's/|.*//' | tr -d + |
    grep -Evx 'ping|info|fcall' | tr '[:lower:]' '[:upper:]' | sort -u)
documented=$(tr '\n' ' ' <"$top_srcdir/doc/design.md" |
    sed 's/.*`\(+ping [^`]*\)`.*/\1/' | tr ' ' '\n' | sort -u)

# Two calls on one line would hide the first from the sed above.
is "$(grep -o 'redis\.call(' "$lua" | wc -l | tr -d ' ')" \
    "$(grep -c 'redis\.call(' "$lua")" "one call a line"
is "$(grep 'redis\.call(' "$lua" | grep -vc "redis\.call('[A-Z]*'")" 0 \
    "every command is written out"
is "$asked" "$used" "the rights asked for are those that are used"
is "$granted" "$used" "the test's smallest user has just these"
is "$documented" "$rights" "doc/design.md names them"
for never in KEYS SCAN HGETALL HKEYS HVALS SMEMBERS SORT DEL EVAL FLUSHALL XTRIM; do
	case " $(echo "$used" | tr '\n' ' ')" in
	*" $never "*) fail "$never is never used" ;;
	*) pass "$never is never used" ;;
	esac
done
# LPOS has a MAXLEN of its own.
is "$(grep -E 'MAXLEN|MINID' "$lua" | grep -vc "'MAXLEN', steps)")" 0 \
    "nothing trims the stream"
tap_done
