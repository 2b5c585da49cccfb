# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# A stack whose stores are behind faultd (tests/chaos): sourced.
#
#	. "$top_srcdir/tests/it/net.sh"
#	net_up [stack options]
#	net mysql swallow 1 1 @insert      a command; fails if faultd refuses it
#	net_count mysql held               a count of a front
#	net_verdict SLUG HISTORY...        C1 to C11 over all that is left
. "$top_srcdir/tests/it/lib.sh"
. "$top_srcdir/tests/chaos/dump.sh"

net() {
	"$top_builddir/tests/chaos/faultd" tell "$it_dir/faultd.sock" "$@"
}

net_up() {
	"$top_builddir/tests/chaos/faultd" -c "$it_dir/faultd.sock" \
	    "redis=$it_dir/redis-front.sock,$it_dir/redis.sock" \
	    "mysql=$it_dir/mysql-front.sock,$it_dir/mysql.sock" \
	    2>"$it_dir/faultd.log" &
	net_pid=$!
	wait_for 20 net all stats || {
		echo "Bail out! faultd does not start"
		exit 99
	}
	chmod 777 "$it_dir/redis-front.sock" "$it_dir/mysql-front.sock"
	stack_up --set "redis.address=$it_dir/redis-front.sock" \
	    --set "mysql.address=$it_dir/mysql-front.sock" "$@"
}
it_on_exit() {
	[ -z "${net_pid:-}" ] || kill "$net_pid" 2>/dev/null
}

net_count() { # FRONT COUNT
	net "$1" stats | jq ".$2"
}
net_count_is() { # FRONT COUNT NUMBER
	[ "$(net_count "$1" "$2")" = "$3" ]
}

# Who asked writes "attempts" lines into their histories themselves.
net_verdict() { # SLUG UNDECIDED-MS HISTORY...
	net_slug=$1 net_undecided=$2
	shift 2
	"$top_builddir/tests/lib/fcgi-get" "$STATUS_SOCK" GET /metrics >"$it_dir/metrics" &&
		dump_counters "$it_dir/metrics" >"$it_dir/left" &&
		dump_left "$it_dir" "$net_slug" "$REDIS_SOCK" >>"$it_dir/left" || return 1
	{
		echo '{"counter":"redis_lost","value":0}'
		echo "{\"undecided_ms\":$net_undecided}"
	} >>"$it_dir/left"
	"$top_builddir/tests/chaos/check-history" -c "$it_dir/left" "$@"
}

sold() { # SLUG [CUSTOMER-LIKE]
	sql "SELECT COUNT(*) FROM orders o JOIN sales s ON s.id = o.sale_id
	    WHERE s.slug = '$1' AND o.status = 'sold' AND o.customer LIKE '${2:-%}'"
}

# A purchase with a key; prints the status, the body is in $body.
buy_key() { # CUSTOMER SALE KEY
	buy "$1" "$2" -H "Idempotency-Key: $3"
}
