#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# "0 violations" must not be what a run says in which nothing was looked at: one
# whole run passes, and with any one piece of it taken away it does not.  The
# same for a campaign of such runs.  And each planted bug has a deck of faults that
# there are.
set -u
. "$top_srcdir/tests/tap.sh"
command -v jq >/dev/null || skip_all "no jq"
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
. "$top_srcdir/tests/chaos/verdict.sh"
checker=$top_builddir/tests/chaos/check-history
first_seed=1

# A run as it should be: five lines of faults, and the complete history.
whole=$top_srcdir/tests/chaos/histories/good-complete.ndjson
run_make() {
	dir=$work/run
	rm -rf "$dir"
	mkdir "$dir"
	grep '"start"' "$whole" | grep -v '"op"' >"$dir/history.ndjson"
	grep '"op"' "$whole" >"$dir/read.ndjson"
	grep -v '"start"' "$whole" >"$dir/left.ndjson"
	for n in 1 2 3 4 5; do
		echo worker-kill >>"$dir/made"
		echo '{"fault":"worker-kill","begin":10.1,"end":10.2}' >>"$dir/faults.ndjson"
	done
	: >"$dir/missed"
	: >"$dir/skipped"
	: >"$dir/lost"
	: >"$dir/mended"
	: >"$dir/broken"
	: >"$dir/losses.ndjson"
	echo 0 >"$dir/rush.code"
	echo '{"attempts":2,"violation":false,"violations":[],"interrupted":false}' >"$dir/rush.json"
	for name in redis mysql; do
		echo "{\"name\":\"$name\",\"requests\":9,\"swallowed\":0,\"held\":1,\"held_delivered\":1,\"holding\":0}"
	done >"$dir/net.json"
	echo 'flashgate_purchase_events_total{event="ambiguous"} 3' >"$dir/metrics"
}
# What a run comes to after a command in its folder.
after() { # CODE NAME COMMAND...
	after_code=$1 after_name=$2
	shift 2
	run_make
	(cd "$dir" && eval "$*") || diag "the damage was not done: $*"
	verdict "$work/out.json" >/dev/null 2>&1
	is $? "$after_code" "$after_name$(sed -n '1s/^/: /p' "$dir/broken" 2>/dev/null)"
}
after 0 "a whole run passes" :
is "$(jq -c '[.violations, .ambiguous, .attempts, .judged.C3]' "$work/out.json")" \
    '[0,3,3,1]' "with its figures"

after 1 "a unit without a home is a violation" \
    "sed -i '/\"free\":3/d; s/gate_end\":3/gate_end\":2/' left.ndjson"
after 1 "what the crowd saw by itself is a violation" \
    "echo 1 >rush.code; echo '{\"attempts\":2,\"violation\":true,\"violations\":[\"x\"],\"interrupted\":false}' >rush.json"
MODE=queue
after 1 "in mode queue, too" \
    "echo 1 >rush.code; echo '{\"attempts\":2,\"violation\":true,\"violations\":[\"x\"],\"interrupted\":false}' >rush.json"
after 0 "but not where Redis lost what was accepted, which it does not know" \
    "echo '{\"loss\":\"redis-kill\",\"begin\":10.1,\"end\":10.2}' >losses.ndjson; echo 1 >rush.code; echo '{\"attempts\":2,\"violation\":true,\"violations\":[\"x\"],\"interrupted\":false}' >rush.json"
MODE=direct
after 1 "in mode direct nothing is accepted" \
    "echo '{\"loss\":\"redis-kill\",\"begin\":10.1,\"end\":10.2}' >losses.ndjson; echo 1 >rush.code; echo '{\"attempts\":2,\"violation\":true,\"violations\":[\"x\"],\"interrupted\":false}' >rush.json"
after 1 "an order that waits is a violation" \
    "sed -i 's/{\"gate_end\":3}/{\"waiting\":\"ef5880d3c46686ff212da7c465d92546\",\"unit\":1,\"entry\":\"5-0\"}\n{\"gate_end\":4}/' left.ndjson"
after 1 "a gate that the keeper did not mend is a violation" "echo redis-kill >mended"

after 2 "an empty ledger" "sed -i '/\"status\"/d' left.ndjson"
after 2 "no ledger at all" ": >left.ndjson"
after 2 "a ledger that was read to the half" "sed -i '/\"void\"/d' left.ndjson"
after 2 "a gate that was not there" "sed -i '/gate_e/d; /free/d; /slot\":1,\"cust/d' left.ndjson"
after 2 "no list of losses" "rm losses.ndjson"
after 2 "no counters" "sed -i '/counter/d' left.ndjson"
after 2 "an empty client's log" ": >history.ndjson"
after 2 "a client's log of which the end is missing" "sed -i '\$d' history.ndjson"
after 2 "a client's log that breaks off amid a line" "truncate -s -9 history.ndjson"
after 2 "a reader's log that is not there" "rm read.ndjson"
after 2 "a crowd that was interrupted" "sed -i 's/interrupted\":false/interrupted\":true/' rush.json"
after 2 "a crowd that crashed" "echo 139 >rush.code"
after 2 "a crowd that never began" "echo 69 >rush.code; : >rush.json; : >history.ndjson"
after 2 "no fault" ": >made; : >faults.ndjson"
after 2 "faults that are not in the log" "sed -i '\$d' faults.ndjson"
after 2 "a proxy that died" ": >net.json"
after 2 "stores that were reached past the proxy" "sed -i 's/requests\":9/requests\":0/' net.json"
after 2 "a packet that is still held" "sed -i 's/holding\":0/holding\":1/' net.json"
after 2 "a monitor that told nothing" ": >metrics"
after 2 "a fault that was not undone" "echo 'mysql-readonly: not undone' >broken"
after 2 "a verdict folder without its lists" "rm skipped"

checker_of() { # SHELL-TEXT; in place of the checker
	printf '#!/bin/sh\n%s\n' "$1" >"$work/checker"
	chmod +x "$work/checker"
	checker=$work/checker
}
checker_of 'kill -SEGV $$'
after 2 "a checker that crashed" :
checker_of 'exit 0'
after 2 "a checker that said nothing" :
checker_of 'exit 127'
after 2 "a checker that is not there" :
checker=$top_builddir/tests/chaos/check-history
run_make
verdict "$work/none/out.json" >/dev/null 2>&1
is $? 2 "figures that cannot be written"

# ---- a campaign --------------------------------------------------------------------

run_make
verdict "$work/good.json" >/dev/null 2>&1
jq -c '.judged |= map_values(1)' "$work/good.json" >"$work/seen.json"
campaign() { # CODE RUNS NAME SHELL-TEXT; in place of `run SEED OUT`
	printf '#!/bin/sh\n%s\n' "$4" >"$work/fake"
	chmod +x "$work/fake"
	RUN=$work/fake OUT=$work/campaign FAULTS='' BUILD='' STOP='' MODE=$mode \
	    sh "$top_srcdir/tests/chaos/campaign" 1 "$2" >"$work/campaign.out" 2>&1
	is $? "$1" "$3"
	rm -rf "$work/campaign"
}
mode=direct
campaign 0 3 "a campaign of good runs passes" "cp $work/good.json \$2"
campaign 0 20 "and a longer one" "cp $work/seen.json \$2"
campaign 2 20 "a long one in which rules looked at nothing" "cp $work/good.json \$2"
jq -c '.judged.C12 = 0' "$work/seen.json" >"$work/told.json"
campaign 0 20 "in mode direct nobody is told 202" "cp $work/told.json \$2"
mode=queue
campaign 2 20 "in mode queue somebody must be" "cp $work/told.json \$2"
mode=mixed
campaign 2 20 "and in mode mixed" "cp $work/told.json \$2"
mode=direct
campaign 1 3 "one with a violation" \
    "cp $work/good.json \$2; [ \$1 != 2 ] || { jq '.violations = 1' $work/good.json >\$2; exit 1; }"
campaign 2 3 "a run that exits 0, and has figures of a violation" \
    "jq '.violations = 1' $work/good.json >\$2"
campaign 2 3 "a run that exits 0, and has no figures" \
    "[ \$1 = 2 ] || cp $work/good.json \$2"
campaign 2 3 "a run that exits 0, and has empty figures" ": >\$2"
campaign 2 3 "a run that exits 0, and has half of its figures" \
    "head -c 100 $work/good.json >\$2"
campaign 2 3 "a run that could not be made" "cp $work/good.json \$2; [ \$1 != 2 ] || exit 2"
campaign 2 3 "a run that was killed" "cp $work/good.json \$2; [ \$1 != 2 ] || kill -KILL \$\$"
campaign 2 3 "a fault that was tried in each run, and never made" \
    "jq '.missed = [\"mysql-swallow\"]' $work/good.json >\$2"
campaign 2 none "no number of runs" "cp $work/good.json \$2"
campaign 2 0 "no run" "cp $work/good.json \$2"

FAULTS='worker-kill mysql-swalow' sh "$top_srcdir/tests/chaos/run" 1 "$work/out.json" \
    >"$work/run.out" 2>&1
is $? 2 "a fault that does not exist is refused: $(head -1 "$work/run.out")"
is "$(MODE=sometimes sh "$top_srcdir/tests/chaos/run" 1 "$work/out.json" 2>&1)" \
    "run: MODE is direct, queue, sweep or mixed" "and so is a mode"

# ---- decks ---------------------------------------------------------------------------

decks() {
	sed '/^#/d' "$top_srcdir/tests/chaos/decks"
}
is "$(decks | sed 's/[[:space:]].*//' | sort)" \
    "$(sed -n 's/^[[:space:]]*X(\([a-z_]*\),.*/\1/p' "$top_srcdir/src/base/mutant.h" | sort)" \
    "each planted bug has a deck, and each deck its bug"
# What no run can be dealt.
unknown() { # WORDS...
	MODE=direct
	for word; do
		case $word in MODE=*) MODE=${word#*=} ;; esac
	done
	for word; do
		case $word in
		-) return ;; # and why not
		all | *=*) ;;
		*) nemesis_kinds | tr -s ' \t' '\n' | grep -qx -- "$word" || echo "$word" ;;
		esac
	done
}
decks >"$work/decks"
while read -r name words; do
	# shellcheck disable=SC2086
	is "$(. "$top_srcdir/tests/chaos/nemesis.sh"; unknown $words)" "" \
	    "$name: faults that there are"
done <"$work/decks"
tap_done
