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

# What is cut off, at the end of a line too, or was never written, is no history:
# its rules would find nothing.
whole=$top_srcdir/tests/chaos/histories/good-complete.ndjson
complete() { # SED-EXPRESSION NAME
	sed "$1" "$whole" >"$work/torn"
	"$checker" -c "$work/torn" >"$work/torn.out" 2>&1
	is $? 65 "$2: $(head -1 "$work/torn.out")"
}
"$checker" -c "$whole" >/dev/null 2>&1
is $? 0 "a complete history is one"
complete '/"status":"sold"/d' "a ledger without a row"
complete '/"status":"\(sold\|void\)"/d' "an empty ledger"
complete '/"rows"/d' "a ledger that nobody counted"
complete 's/"rows":2/"rows":3/' "a ledger that grew while it was read"
complete '/"code":"try-again"/d' "a client's log that was cut off"
complete '/"start"/d' "a client's log that is empty"
complete '/"attempts"/d' "a client's log that nobody counted"
complete '/"free":3/d' "a gate that was cut off"
complete '/"gate_end"/d' "a gate whose end is not there"
complete '/gate_epoch/d; /"free"/d; /"slot":1,"customer":"a","claim"/d; /gate_end/d' \
    "no gate"
complete 's/"gate_epoch":2/"gate_epoch":1/' "a gate of another epoch"
complete '/undecided/d' "no bound for what is in doubt"
complete '/claim_key/s/,"claim_key":"[0-9a-f]*"//' "no claim key"
complete 's/"status":201/"status":503/' "a crowd that bought nothing"
for counter in leaks_found healed out-of-bounds queue_lost redis_lost; do
	complete "/$counter/d" "no count of $counter"
done
# Without -c too: what was counted is held against what was read.
sed 's/"rows":2/"rows":3/' "$whole" >"$work/torn"
"$checker" "$work/torn" >/dev/null 2>&1
is $? 65 "and without -c, what is counted must be there"
"$checker" -f "$work" >/dev/null 2>&1
is $? 65 "what cannot be read is refused"

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
