#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Failpoints and planted bugs are for tests: no name and no symbol of them is in
# a normal build.  In a build with failpoints the same search must find them, so
# it is known to bite.  And the tables name what the sources use, no more, no
# less.
set -u
. "$top_srcdir/tests/tap.sh"
failpoint_h=$top_srcdir/src/base/failpoint.h
mutant_h=$top_srcdir/src/base/mutant.h

places() {
	sed -n 's/^[[:space:]]*X(\([a-z_]*\), \(true\|false\)).*/\1/p' "$failpoint_h"
}
mutants() {
	sed -n 's/^[[:space:]]*X(\([a-z_]*\), ".*/\1/p' "$mutant_h"
}
used() { # MACRO-PATTERN: the names in the sources
	cat "$top_srcdir"/src/*/*.c | grep -oE "$1\([a-z_]+" | sed 's/.*(//' | sort -u
}

is "$(used 'FAILPOINT(_ERR|_ARMED)?')" "$(places | sort -u)" \
    "every failpoint of the table is in the sources, and no other"
is "$(used MUTANT)" "$(mutants | sort -u)" \
    "every mutant of the table is in the sources, and no other"
is "$(places | sort | uniq -d)$(mutants | sort | uniq -d)" "" "no name is there twice"
ok "there are 25 failpoints and more" test "$(places | wc -l)" -ge 25
ok "there are 8 mutants and more" test "$(mutants | wc -l)" -ge 8
is "$(sed -n 's/^[[:space:]]*X([a-z_]*, ".*", \([a-z_]*\)).*/\1/p' "$mutant_h" |
    while read -r scenario; do
	grep -q "^scenario_$scenario()" "$top_srcdir/tests/it/attack.sh" ||
		echo "$scenario"
    done)" "" "every mutant's scenario is in tests/it/attack.sh"

# What a program holds of it: symbols, and texts outside debug information.
traces() { # PROGRAM
	nm -a "$1" 2>/dev/null | grep -E ' (failpoint|mutant)_' || true
	cp "$1" "$work/stripped"
	strip "$work/stripped"
	places | sort -u >"$work/names"
	strings "$work/stripped" | grep -xFf "$work/names" || true
	strings "$work/stripped" |
	    grep -E 'FLASHGATE_FAILPOINT|epoch >= ' || true
}
for tool in nm strings strip; do
	command -v $tool >/dev/null || skip_all "no $tool"
done
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
for program in flashgate flashgatectl flashgate-rush; do
	[ -x "$top_builddir/$program" ] || exit 99
	found=$(traces "$top_builddir/$program" | wc -l | tr -d ' ')
	case $FAILPOINTS:$program in
	yes:flashgate | yes:flashgatectl)
		ok "$program was built with them, and they are found" \
		    test "$found" -gt 30 ;;
	*) is "$found" 0 "$program holds no failpoint and no planted bug" ;;
	esac
done
is "$("$top_builddir/flashgate" -i | grep -cE '^(failpoints|mutant) ')" \
    "$([ "$FAILPOINTS" = yes ] && echo 1 || echo 0)" "flashgate -i says so"
FLASHGATE_FAILPOINTS=nowhere=kill "$top_builddir/flashgate" -i >/dev/null 2>&1
is $? "$([ "$FAILPOINTS" = yes ] && echo 64 || echo 0)" \
    "nonsense in the environment is refused, or means nothing"
tap_done
