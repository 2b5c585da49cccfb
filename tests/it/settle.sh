# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# What the tests of settle.it share: crowds in modes queue and sweep, and what is
# to be true when all is quiet.  Sourced after lib.sh.
#
#	crowd_start SALE REQUESTS RATE [RUSH-OPTIONS]   $crowd is its pid
#	crowd_again SALE REQUESTS       all ask again with their keys
#	crowd_end                       waits; its exit is that of the rush
#	redis_lost                      how often Redis was killed, to be set
#	told SALE                       order numbers that a 202 has named
#	proved SALE                     nothing waits, one home a unit, each 202 has
#	                                a row, and the history checker agrees
. "$top_srcdir/tests/chaos/dump.sh"
fcgi_get=$top_builddir/tests/lib/fcgi-get
checker=$top_builddir/tests/chaos/check-history
crowd=

settlers() {
	pgrep -P "$PID" -x fg:settler
}
metrics() { # NAME; a label and its value may follow in it
	"$fcgi_get" "$STATUS_SOCK" GET /metrics | tr -d '\r' | sed -n "s/^$1 //p"
}
sold() { # SLUG
	sql "SELECT COUNT(*) FROM orders o JOIN sales s ON s.id = o.sale_id
	    WHERE status = 'sold' AND slug = '$1'"
}
sold_more() { # SLUG THAN
	[ "$(sold "$1")" -gt "$2" ]
}
waiting() { # SLUG
	ctl --json sale show "$1" | jq .gate.waiting
}
waiting_is() { # SLUG N
	[ "$(waiting "$1")" = "$2" ]
}
waiting_more() { # SLUG THAN
	[ "$(waiting "$1")" -gt "$2" ]
}
queue_key() { # SLUG
	settle_id=$(sql "SELECT id FROM sales WHERE slug = '$1'")
	echo "{fg:$settle_id}:$(redis hget "{fg:$settle_id}:meta" epoch):queue"
}
lines() {
	wc -l | tr -d ' '
}

# ---- crowds ------------------------------------------------------------------------

# Not through rush(): the signal is for the program.
crowd_start() { # SALE REQUESTS RATE [RUSH-OPTIONS]
	crowd_sale=$1 crowd_n=$2 crowd_rate=$3
	shift 3
	"$RUSH" --url "$URL" --token-key "$TOKEN_KEY" --token-kid stack --quiet \
	    --sale "$crowd_sale" --requests "$crowd_n" --shoppers "$crowd_n" \
	    --customer-prefix "$crowd_sale-" --rate "$crowd_rate" \
	    --concurrency 16 --timeout-ms 10000 --retries 5 --json \
	    --history "$it_dir/$crowd_sale.history" "$@" \
	    >"$it_dir/$crowd_sale.rush" 2>"$it_dir/$crowd_sale.rush.err" &
	crowd=$!
}
crowd_end() {
	wait "$crowd"
	crowd_code=$?
	crowd=
	return $crowd_code
}
# Everybody once more, with the keys of before: a line of the same history.
crowd_again() { # SALE REQUESTS
	mv "$it_dir/$1.history" "$it_dir/$1.history.1"
	mv "$it_dir/$1.rush" "$it_dir/$1.rush.1"
	crowd_start "$1" "$2" 1000 --settle-seconds 0
	crowd_end
	cat "$it_dir/$1.history.1" >>"$it_dir/$1.history"
	cat "$it_dir/$1.rush.1" >>"$it_dir/$1.rush"
}
crowd_heard() { # SLUG
	jq -r '"\(.status) \(.code // .error // "")"' "$it_dir/$1.history" |
	    sort | uniq -c | sort -rn
}
told() { # SLUG
	jq -r 'select(.status == 202) | .order' "$it_dir/$1.history" | LC_ALL=C sort -u
}

# ---- afterwards ------------------------------------------------------------------------

# Each unit is counted by its home, so one alone that is missing or twice is seen.
whole() { # SLUG
	ctl reconcile "$1" --settle 1
}
rows() { # SLUG; number and status of each
	ctl orders export "$1" --all --format ndjson | jq -r '[.order, .status] | @tsv'
}
# An order is only one: the number is the ledger's key; unit and slot once each.
twice() { # SLUG
	sql "SELECT COUNT(*) - COUNT(DISTINCT unit_no) + COUNT(*) -
	    COUNT(DISTINCT customer, slot) FROM orders o
	    JOIN sales s ON s.id = o.sale_id
	    WHERE status = 'sold' AND slug = '$1'"
}
history_judge() { # SLUG
	dump_left "$it_dir" "$1" "$REDIS_SOCK" >"$it_dir/left.ndjson" || return 1
	"$fcgi_get" "$STATUS_SOCK" GET /metrics >"$it_dir/metrics" &&
		dump_counters "$it_dir/metrics" >>"$it_dir/left.ndjson" || return 1
	# What a part does to Redis it says in $redis_lost.
	cat >>"$it_dir/left.ndjson" <<-LEFT
		{"counter":"redis_lost","value":$redis_lost}
		{"undecided_ms":$((SLOW * 1000))}
		{"attempts":$(jq -s "map(.attempts) | add" "$it_dir/$1.rush")}
	LEFT
	"$checker" -c "$it_dir/left.ndjson" "$it_dir/$1.history"
}
stream_is_empty() { # SLUG
	settle_key=$(queue_key "$1")
	settle_hands=$(redis xpending "$settle_key" settlers 2>&1 | head -1)
	# A gate that was made anew, and has not accepted since, has no group yet.
	case $(redis xlen "$settle_key"):$settle_hands in
	0:0 | 0:NOGROUP*) ;;
	*) return 1 ;;
	esac
}
proved() { # SLUG
	ok "$1: nothing waits any more" wait_for 60 waiting_is "$1" 0
	ok "$1: stream and list of pending entries are empty" stream_is_empty "$1"
	told "$1" >"$it_dir/$1.told"
	rows "$1" >"$it_dir/$1.rows"
	LC_ALL=C sort "$it_dir/$1.rows" | cut -f1 | LC_ALL=C comm -23 \
	    "$it_dir/$1.told" - >"$it_dir/$1.undecided"
	is "$(head -5 "$it_dir/$1.undecided")" "" \
	    "$1: each of $(lines <"$it_dir/$1.told") orders that were accepted has a row"
	is "$(cut -f1 "$it_dir/$1.rows" | sort | uniq -d | head -5):$(twice "$1")" :0 \
	    "$1: no order, unit or slot is there twice"
	ok "$1: every unit has exactly one home" wait_for 20 whole "$1"
	ok "$1: the history has no violation" history_judge "$1"
	diag "$1: $(cut -f2 "$it_dir/$1.rows" | sort | uniq -c | tr -s ' \n' ' ')"
}

# Upper bound of the bucket in which the share P of all lags is.
lag() { # P
	"$fcgi_get" "$STATUS_SOCK" GET /metrics | tr -d '\r' |
	    sed -n 's/^flashgate_settle_lag_seconds_bucket{le="\([^"]*\)"} /\1 /p' |
	    awk -v p="$1" '{ le[NR] = $1; n[NR] = $2 }
		END { for (i = 1; i <= NR; i++)
			if (n[i] >= p * n[NR]) { print le[i]; exit } }'
}
