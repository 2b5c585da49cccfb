# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# Scripted attacks, one a planted bug or more (src/base/mutant.h): sourced after
# failpoints.sh, on a stack with a lease of LEASE seconds.  Each opens a sale of
# its own name.  A sound build passes all of them; a mutant fails its own.

# A purchase with a key, prints the status; body in $it_dir/NAME.body.
buy_as() { # NAME CUSTOMER SALE KEY
	curl -sS --noproxy '*' -m 60 -o "$it_dir/$1.body" -w '%{http_code}' \
	    -X POST -H "Authorization: Bearer $(token "$2")" \
	    -H "Idempotency-Key: $4" "$URL/v1/sales/$3/orders" \
	    2>>"$it_dir/curl.err"
}

code_of() { # NAME
	jq -r '.code // empty' "$it_dir/$1.body" 2>/dev/null
}

order_of() { # NAME
	jq -r '.order // empty' "$it_dir/$1.body" 2>/dev/null
}

# In the background, for somebody who will be stopped on the way.
buy_later() { # NAME CUSTOMER SALE KEY
	rm -f "$it_dir/$1.code" "$it_dir/$1.body"
	buy_as "$@" >"$it_dir/$1.code" &
}

has_answer() { # NAME: nginx or the worker has said something
	[ -s "$it_dir/$1.code" ]
}

# Asks like an app, with one key, until a status is heard that ends it: 2xx, 4xx.
ask_until_final() { # NAME CUSTOMER SALE KEY SECONDS; prints the status
	it_end=$(($(date +%s) + $5))
	while :; do
		it_status=$(buy_as "$1" "$2" "$3" "$4")
		case $it_status:$(code_of "$1") in
		2*) break ;;
		409:in-progress) ;;
		4*) break ;;
		esac
		[ "$(date +%s)" -lt $it_end ] || break
		sleep 0.2
	done
	echo "$it_status"
}

# One worker is stopped with its insert in its hands; all clocks were looked at.
hold_insert() { # NAME CUSTOMER SALE KEY
	fp arm at_insert_send=stop@1x1
	buy_later "$@"
	ok "$3: a worker stops with the insert of $2 in its hands" \
	    wait_for 20 stopped_are 1
	fp off
}

let_go() { # NAME
	continue_all
	wait_for 60 has_answer "$1"
}

yes_means_row() { # NAME SALE: a 2xx only with its row
	case $(cat "$it_dir/$1.code") in
	2*) [ -n "$(order_of "$1")" ] && ctl orders export "$2" --format ndjson |
		jq -e --arg order "$(order_of "$1")" \
		    'select(.order == $order)' >/dev/null ;;
	esac
}

decided_in_time() { # SALE
	wait_for $((LEASE + 3 + SLOW)) leases_gone "$1"
}

# What Redis holds of a sale is gone; nothing repairs it before `release_keeper`.
gate_lose() { # SALE
	kill -STOP "$(children keeper)" 2>/dev/null
	it_id=$(sql "SELECT id FROM sales WHERE slug = '$1'")
	redis --scan --pattern "{fg:$it_id}:*" | while read -r key; do
		redis DEL "$key"
	done >/dev/null
}

keeper_go() {
	kill -CONT "$(children keeper)" 2>/dev/null
}

state_open() { # SALE
	[ "$(sql "SELECT state FROM sales WHERE slug = '$1'")" = open ]
}

# ---- the attacks -----------------------------------------------------------------

# Both answers of the insert are lost, though it was done.
scenario_ambiguous() {
	sale_new ambiguous 2 || diag "sale_new failed"
	fp arm after_insert=err
	is "$(buy_as a ann ambiguous k)" 503 "ambiguous: nobody knows, and so it is said"
	fp off
	ok "ambiguous: every unit has one home" sound ambiguous
	is "$(ask_until_final a ann ambiguous k 20)" 200 "ambiguous: the same key gets its order"
	is "$(sold ambiguous)" 1 "ambiguous: which is one"
	ok "ambiguous: the lease is decided" decided_in_time ambiguous
	ok "ambiguous: every unit has one home in the end" sound ambiguous
}

# The insert is lost before it is sent, twice.
scenario_unsent() {
	sale_new unsent 2 || diag "sale_new failed"
	fp arm before_insert=err
	is "$(buy_as a ann unsent k)" 503 "unsent: no yes without a row"
	is "$(sold unsent)" 0 "unsent: for there is none"
	fp off
	is "$(ask_until_final a ann unsent k 20)" 201 "unsent: the same key buys"
	is "$(sold unsent)" 1 "unsent: once"
	ok "unsent: every unit has one home" sound unsent
}

# Killed between claim and insert, with the only unit.
scenario_killed() {
	sale_new killed 1 || diag "sale_new failed"
	fp arm before_insert=kill@1x1
	like "$(buy_as a ann killed k)" "^50[23]$" "killed: the worker dies with the claim"
	fp off
	is "$(ask_until_final b bob killed k $((LEASE + 3 + SLOW)))" 201 \
	    "killed: the unit is back within the lease and 3 s"
	ok "killed: every unit has one home" sound killed
}

# Killed between commit and confirm: sold, and leased for all that Redis knows.
scenario_unconfirmed() {
	sale_new unconfirmed 2 || diag "sale_new failed"
	fp arm after_commit=kill@1x1
	like "$(buy_as a ann unconfirmed k)" "^50[23]$" "unconfirmed: the worker dies with the order"
	fp off
	is "$(sold unconfirmed)" 1 "unconfirmed: which is in MySQL"
	ok "unconfirmed: decided within the lease and 3 s" decided_in_time unconfirmed
	ok "unconfirmed: every unit has one home" sound unconfirmed
	is "$(ask_until_final a ann unconfirmed k 20)" 200 "unconfirmed: the same key hears of it"
	is "$(sold unconfirmed)" 1 "unconfirmed: one order"
}

# Stopped past its lease: what it sends afterwards is too late.
scenario_stopped() {
	sale_new stopped 1 || diag "sale_new failed"
	hold_insert a ann stopped k
	ok "stopped: the claim is decided without it" decided_in_time stopped
	let_go a
	ok "stopped: a yes only with a row" yes_means_row a stopped
	ok "stopped: every unit has one home" sound stopped
	is "$(ask_until_final b bob stopped k 20)" 201 "stopped: the next one gets the unit"
	is "$(sold stopped)" 1 "stopped: sold once"
	is "$(sql "SELECT COUNT(*) FROM orders o JOIN sales s ON s.id = o.sale_id
	    WHERE s.slug = 'stopped' AND o.status = 'void' AND o.unit_no IS NOT NULL")" \
	    0 "stopped: a void claim has no unit"
}

# The customer's other purchase is not decided: that is no final "limit".
scenario_twice() {
	sale_new twice 2 || diag "sale_new failed"
	hold_insert a ann twice k1
	buy_as b ann twice k2 >/dev/null
	is "$(sold twice):$(code_of b)" 0:in-progress \
	    "twice: \"in progress\" while nothing is sold"
	let_go a
	is "$(ask_until_final a ann twice k1 20 | cut -c1)" 2 \
	    "twice: the first key buys"
	is "$(ask_until_final b ann twice k2 20):$(code_of b)" \
	    409:limit-reached "twice: now the limit is final"
	ok "twice: decided" decided_in_time twice
	ok "twice: every unit has one home" sound twice
}

# The last unit is leased: that is not "sold out".
scenario_last() {
	sale_new last 1 || diag "sale_new failed"
	hold_insert a ann last k
	is "$(buy_as b bob last k)" 503 "last: try again, while it is undecided"
	kill -KILL "$(stopped)"
	is "$(ask_until_final b bob last k $((LEASE + 3 + SLOW)))" 201 \
	    "last: who tries again gets it"
	ok "last: every unit has one home" sound last
}

# An empty Redis is not "sold out".
scenario_emptied() {
	sale_new emptied 2 || diag "sale_new failed"
	gate_lose emptied
	is "$(buy_as a ann emptied k)" 503 "emptied: no final no from an empty Redis"
	keeper_go
	ctl sale open emptied >/dev/null
	ok "emptied: open again" wait_for 20 state_open emptied
	is "$(ask_until_final a ann emptied k 20)" 201 "emptied: and selling"
	ok "emptied: every unit has one home" sound emptied
}

# The gate is made anew while an insert of the old epoch is on its way.
scenario_rebuilt() {
	sale_new rebuilt 3 || diag "sale_new failed"
	is "$(buy_as b bob rebuilt k)" 201 "rebuilt: one is sold"
	hold_insert a ann rebuilt k
	gate_lose rebuilt
	keeper_go
	ctl sale open rebuilt >/dev/null
	ok "rebuilt: open again" wait_for 20 state_open rebuilt
	ok "rebuilt: every unit has one home" sound rebuilt
	let_go a
	ok "rebuilt: a yes only with a row" yes_means_row a rebuilt
	ok "rebuilt: every unit has one home after the late insert" sound rebuilt
	is "$(sold rebuilt)" 1 "rebuilt: the insert of the old epoch sold nothing"
	is "$(ask_until_final a ann rebuilt k 20)" 201 "rebuilt: the same key buys now"
}

# Redis is set back to before a purchase: the owner is told the truth.
scenario_setback() {
	sale_new setback 1 || diag "sale_new failed"
	is "$(buy_as a ann setback k)" 201 "setback: the unit is sold"
	first=$(order_of a)
	ok "setback: decided" decided_in_time setback
	it_id=$(sql "SELECT id FROM sales WHERE slug = 'setback'")
	redis DEL "{fg:$it_id}:1:slot" >/dev/null
	redis RPUSH "{fg:$it_id}:1:free" 1 >/dev/null
	like "$(buy_as b bob setback k)" '^[45]' "setback: it is not sold again"
	is "$(ask_until_final a ann setback k 20):$(order_of a)" "200:$first" \
	    "setback: its owner hears of his order"
	is "$(sold setback)" 1 "setback: sold once"
	ok "setback: every unit has one home" sound setback
}

# The buyer whose worker died after the commit asks again at once.
scenario_again() {
	sale_new again 2 || diag "sale_new failed"
	fp arm after_commit=kill@1x1
	like "$(buy_as a ann again k)" "^50[23]$" "again: the worker dies with the order"
	fp off
	is "$(buy_as a ann again k)" 200 "again: the same key hears of it"
	is "$(sold again)" 1 "again: one order"
	ok "again: every unit has one home" sound again
}

# Two customers happen to send one key.
scenario_samekey() {
	sale_new samekey 2 || diag "sale_new failed"
	is "$(ask_until_final a ann samekey k 10)" 201 "samekey: one buys"
	is "$(ask_until_final b bob samekey k 10)" 201 "samekey: so does the other"
	is "$([ "$(order_of a)" != "$(order_of b)" ] && sold samekey)" 2 \
	    "samekey: two orders"
}

# One customer, two keys, a limit of two.
scenario_twokeys() {
	sale_new twokeys 3 --per-customer 2 || diag "sale_new failed"
	is "$(ask_until_final a ann twokeys k1 10)" 201 "twokeys: one key buys"
	is "$(ask_until_final b ann twokeys k2 10)" 201 "twokeys: so does the other"
	is "$([ "$(order_of a)" != "$(order_of b)" ] && sold twokeys)" 2 \
	    "twokeys: two orders"
	ok "twokeys: every unit has one home" sound twokeys
}

# Killed while MySQL is still busy with the insert: sent, not answered.
scenario_undecided() {
	sale_new undecided 1 || diag "sale_new failed"
	mariadb_sql "$it_dir" "$MYSQL_DB" -e "BEGIN;
	    SELECT id FROM sales WHERE slug = 'undecided' FOR UPDATE;
	    SELECT SLEEP(600)" >/dev/null 2>&1 &
	holder=$!
	ok "undecided: the sale's row is locked" wait_for 20 sleeping
	before=$(hits at_insert_send)
	buy_later a ann undecided k
	ok "undecided: an insert waits for it" wait_for 20 insert_waits "$before"
	for pid in $(children worker); do
		kill -KILL "$pid"
	done
	sql "KILL $(sql "SELECT id FROM information_schema.processlist
	    WHERE info LIKE 'SELECT SLEEP(600)%'")"
	wait "$holder" 2>/dev/null
	wait_for 60 has_answer a
	is "$(ask_until_final a ann undecided k $((LEASE + 3 + SLOW)) | cut -c1)" 2 \
	    "undecided: the same key gets an order"
	is "$(sold undecided)" 1 "undecided: which is one"
	ok "undecided: decided" decided_in_time undecided
	ok "undecided: every unit has one home" sound undecided
}
sleeping() {
	[ "$(sql "SELECT COUNT(*) FROM information_schema.processlist
	    WHERE info LIKE 'SELECT SLEEP(600)%'")" = 1 ]
}
insert_waits() { # HITS-BEFORE
	[ "$(hits at_insert_send)" -gt "$1" ] &&
	    [ "$(sql "SELECT COUNT(*) FROM information_schema.innodb_trx
		WHERE trx_state = 'LOCK WAIT'")" -ge 1 ]
}

# MariaDB shows a commit before it is on disk, and dies: nobody was told of it.
scenario_held() {
	sale_new held 2 || diag "sale_new failed"
	mariadb_stop "$it_dir"
	(
		HELD_FILE=$it_dir/hold LD_PRELOAD=$top_builddir/tests/lib/libheld.so
		export HELD_FILE LD_PRELOAD
		mariadb_start "$it_dir" --innodb-stats-auto-recalc=OFF
	)
	is "$(ask_until_final a ann held k 20)" 201 "held: one is sold"
	: >"$it_dir/hold"
	buy_later b bob held k
	ok "held: the next one is committed" wait_for 20 sold_are held 2
	is "$(buy_as c bob held k)" 503 "held: and nobody hears of it, who asks with its key"
	is "$(buy_as c bob held k2)" 503 "held: ... or another"
	wait_for 60 has_answer b
	is "$(cat "$it_dir/b.code")" 503 "held: ... or bought it"
	server_kill "$it_dir" mysql
	rm -f "$it_dir/hold"
	mariadb_start "$it_dir"
	is "$(sold held)" 1 "held: for it is gone"
	is "$(ask_until_final b bob held k 20 | cut -c1)" 2 "held: the same key buys"
	is "$(sold held)" 2 "held: once"
	ok "held: every unit has one home" sound held
}
sold_are() { # SLUG N
	[ "$(sold "$1")" = "$2" ]
}

# ---- accepted orders (mode queue, sweep) -------------------------------------------

# The settler dies with the batch in its hands: what was accepted is written.
scenario_acked() {
	sale_new acked 2 --mode queue || diag "sale_new failed"
	fp arm before_batch=kill@1x1
	is "$(buy_as a ann acked k)" 202 "acked: an order is accepted"
	ok "acked: its settler dies before it is written" wait_for 20 has_fired before_batch
	fp off
	ok "acked: the next one writes it" wait_for $((10 + SLOW)) sold_are acked 1
	is "$(ask_until_final a ann acked k 20)" 200 "acked: the same key hears of it"
	ok "acked: nothing waits" wait_for 20 none_waits acked
	ok "acked: every unit has one home" sound acked
}

# The gate gives a unit out that it has forgotten to be sold: a row is in the way.
scenario_blind() {
	sale_new blind 1 --mode queue || diag "sale_new failed"
	is "$(buy_as a ann blind k)" 202 "blind: the unit is accepted"
	first=$(order_of a)
	ok "blind: and written" wait_for $((10 + SLOW)) sold_are blind 1
	ok "blind: nothing waits" wait_for 20 none_waits blind
	it_id=$(sql "SELECT id FROM sales WHERE slug = 'blind'")
	redis DEL "{fg:$it_id}:1:slot" >/dev/null
	redis RPUSH "{fg:$it_id}:1:free" 1 >/dev/null
	is "$(buy_as b bob blind k)" 202 "blind: the gate has forgotten it, and gives it out"
	ok "blind: nothing waits any more" wait_for $((10 + SLOW)) none_waits blind
	is "$(sql "SELECT GROUP_CONCAT(customer, ' ', status ORDER BY customer) FROM orders o
	    JOIN sales s ON s.id = o.sale_id WHERE s.slug = 'blind'")" "ann sold,bob void" \
	    "blind: which is decided, and void"
	is "$(ask_until_final b bob blind k 20):$(code_of b)" 409:sold-out \
	    "blind: as who was accepted hears"
	is "$(ask_until_final a ann blind k 20):$(order_of a)" "200:$first" \
	    "blind: its owner hears of his order"
	ok "blind: every unit has one home" sound blind
}

# The gate's head is gone, and with it its epoch; what was accepted is there.
scenario_carried() {
	sale_new carried 3 --mode sweep || diag "sale_new failed"
	is "$(buy_as a ann carried k)" 202 "carried: an order waits"
	head_lose carried
	ok "carried: the gate is made anew" wait_for $((20 + SLOW)) epoch_is carried 2
	is "$(waiting_are carried)" 1 "carried: it waits still"
	is "$(ask_until_final a ann carried k 20):$(waiting_are carried)" 202:1 \
	    "carried: as who asks again hears"
	is "$(ctl --json sale show carried | jq .gate.free)" 2 "carried: with its unit"
	ok "carried: a sweep" ctl sweep carried
	is "$(ask_until_final a ann carried k 20)" 200 "carried: has written it"
	is "$(sold carried)" 1 "carried: once"
	ok "carried: every unit has one home" sound carried
}
head_lose() { # SALE
	it_id=$(sql "SELECT id FROM sales WHERE slug = '$1'")
	redis DEL "{fg:$it_id}:meta" >/dev/null
}
epoch_is() { # SLUG N
	[ "$(ctl --json sale show "$1" | jq .gate.epoch)" = "$2" ]
}
waiting_are() { # SLUG
	ctl --json sale show "$1" | jq .gate.waiting
}
none_waits() { # SLUG
	[ "$(waiting_are "$1")" = 0 ]
}

# Workers and keeper die at random places, by SEED, all through a rush.
scenario_storm() {
	: "${STORM_UNITS:=60}" "${STORM_KILLS:=30}" "${STORM_CHANCE:=0.02}"
	sale_new storm "$STORM_UNITS" || diag "sale_new failed"
	before=$(fired_all)
	# The keeper is not killed all the time, or nobody would decide.
	[ "${STORM_KEEPER:-yes}" = no ] || for place in reap_after_list reap_after_void reap_after_read \
	    reap_before_release reap_after_release tick_begin; do
		fp arm "$place=kill@p${STORM_CHANCE}x1"
	done
	rush_n=0
	: >"$it_dir/history"
	touch "$it_dir/storming"
	storm_watch "$(sql "SELECT id FROM sales WHERE slug = 'storm'")" &
	watcher=$!
	until [ "$(fired_all)" -ge $((before + STORM_KILLS)) ] || [ $rush_n -ge "${STORM_RUSHES:-40}" ]; do
		rush_n=$((rush_n + 1))
		storm_arm $(((before + STORM_KILLS - $(fired_all)) / 10 + 1)) "$STORM_CHANCE"
		rush --sale storm --requests $((STORM_UNITS * 4)) \
		    --shoppers $((STORM_UNITS * 4)) --customer-prefix "r$rush_n-" \
		    --concurrency 16 --retries 3 --seed "$((${SEED:-1} + rush_n))" \
		    --settle-seconds 2 --history "$it_dir/history.$rush_n" \
		    >"$it_dir/rush.out" 2>&1
		cat "$it_dir/history.$rush_n" >>"$it_dir/history"
	done
	fp off
	kills=$(($(fired_all) - before))
	diag "$kills killed: $(fp show | awk '$3 > 0 { printf "%s %d, ", $1, $3 }')"
	ok "storm: at least $STORM_KILLS died" test "$kills" -ge "$STORM_KILLS"
	ok "storm: no claim stays" decided_in_time storm
	rm -f "$it_dir/storming"
	wait $watcher
	diag "the longest that a claim waited beyond its lease: $(cat "$it_dir/overdue") ms"
	ok "storm: every claim is decided within the lease and 3 s" \
	    test "$(cat "$it_dir/overdue")" -le $(((3 + SLOW) * 1000))
	late=0
	ok "storm: everything is sold" wait_for 60 storm_sold
	ok "storm: what they heard is what MySQL holds" \
	    "$top_srcdir/scripts/check-history" "$it_dir/env" storm \
	    "$it_dir/history" "$STORM_UNITS"
	ok "storm: every unit has one home" sound storm
}
# How far the oldest lease is beyond its end, at the worst; by Redis's clock.
storm_watch() { # SALE-ID
	it_worst=0
	while [ -e "$it_dir/storming" ]; do
		it_key="{fg:$1}:$(redis HGET "{fg:$1}:meta" epoch):lease"
		it_due=$(redis ZRANGE "$it_key" 0 0 WITHSCORES | tail -1)
		it_now=$(redis TIME | awk 'NR == 1 { s = $1 } NR == 2 { printf "%d", s * 1000 + $1 / 1000 }')
		[ -z "$it_due" ] || [ $((it_now - it_due)) -le $it_worst ] ||
			it_worst=$((it_now - it_due))
		echo $it_worst >"$it_dir/overdue"
		sleep 0.1
	done
}
fired_all() {
	fp show | awk '{ n += $3 } END { print n + 0 }'
}
storm_arm() { # KILLS CHANCE: a place kills at most so many
	for place in after_accept after_params after_auth before_claim after_claim \
	    before_insert at_insert_send after_insert after_commit before_confirm \
	    after_confirm before_reply mid_reply; do
		fp arm "$place=kill@p${2}x$1"
	done
}
storm_sold() {
	[ "$(sold storm)" = "$STORM_UNITS" ] && return 0
	late=$((late + 1))
	rush --sale storm --requests 50 --shoppers 50 --customer-prefix "late$late-" \
	    --history "$it_dir/late.$late"
	cat "$it_dir/late.$late" >>"$it_dir/history"
	[ "$(sold storm)" = "$STORM_UNITS" ]
}
