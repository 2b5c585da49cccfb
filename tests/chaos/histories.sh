#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The history checker, checked: each bad history in histories/ is convicted by
# the rule that its name begins with, each good one passes, what is no history is
# refused, and half a million requests take seconds.
set -u
. "$top_srcdir/tests/tap.sh"
checker=$top_builddir/tests/chaos/check-history
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT

for file in "$top_srcdir"/tests/chaos/histories/*.ndjson; do
	name=$(basename "$file" .ndjson)
	said=$("$checker" "$file" 2>&1)
	code=$?
	case $name in
	good-*) is "$code:$said" "0:" "$name passes" ;;
	c*)
		rule=$(echo "${name%%-*}" | tr c C)
		is "$code" 1 "$name is no good history"
		like "$said" "^$rule: " "$name is convicted by $rule" ;;
	esac
done

refused() { # TEXT NAME
	printf '%s\n' "$1" >"$work/odd"
	"$checker" "$work/odd" >/dev/null 2>&1
	is $? 65 "$2"
}
refused '{"free":1}' "a history without its sale is refused"
refused '{"stock":3' "a line that is no JSON is refused"
refused '{"stock":3}
{"nonsense":1}' "a line of no known kind is refused"
refused '{"stock":3}
{"customer":"a","start":2,"end":1}' "an answer before its request is refused"
"$checker" "$work/none" >/dev/null 2>&1
is $? 65 "a missing file is refused"

# 500,000 attempts of 50,000 customers who each ask for one of 25,000 units.
awk 'BEGIN {
	print "{\"stock\":25000,\"per_customer\":1}"
	print "{\"gate_epoch\":1}"
	for (i = 1; i <= 25000; i++) {
		printf "{\"order\":\"O%d\",\"status\":\"sold\",\"unit\":%d,\"customer\":\"c%d\",\"slot\":1,\"created\":%d}\n", i, i, i, i
		printf "{\"slot\":1,\"customer\":\"c%d\",\"claim\":\"O%d\"}\n", i, i
	}
	for (n = 1; n <= 10; n++)
		for (i = 1; i <= 50000; i++) {
			at = n * 50000 + i
			if (n == 1) at = i
			printf "{\"customer\":\"c%d\",\"key\":\"k%d\",\"attempt\":%d,\"start\":%d,\"end\":%d,", i, i, n, at, at + 1
			if (i > 25000 && n == 1)
				print "\"status\":503,\"code\":\"try-again\"}"
			else if (i > 25000)
				print "\"status\":409,\"code\":\"sold-out\"}"
			else
				printf "\"status\":%d,\"code\":\"x\",\"order\":\"O%d\",\"unit\":%d}\n", n == 1 ? 201 : 200, i, i
		}
}' >"$work/large"
begun=$(date +%s)
"$checker" "$work/large" >"$work/out"
is $? 0 "half a million attempts pass"
took=$(($(date +%s) - begun))
diag "$took s; $(head -3 "$work/out")"
# Under sanitizers and on a busy machine too; without both it is 2 s.
ok "and take seconds" test "$took" -le 60
tap_done
