#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The three modes side by side in one run: `make bench-modes`, or by hand as
# CONTRIBUTING.md says of tests.  A private stack; MariaDB flushes at every
# commit, Redis syncs always for queue and sweep and every second for direct.
#
#	UNITS=5000 CLICKS=20000 ROUNDS=3 CONCURRENCY=64 WORKERS=16
#	SWEEP=20      seconds between two runs of mode sweep; more than a rush takes
#	BACKLOG=4096  accepted orders that settlers then write, by 64 and by 1
#	IDLE=3        seconds that the stores are watched at rest, to know what is
#	              not the crowd's
#	REDIS_ALONE=yes  Redis goes before all others (SCHED_FIFO), if we may: a
#	              command should be slow by itself, not for the crowd beside it
#	JSON=FILE     everything, for programs (else it follows the table)
#
# Exit 1 when a promise was broken, an order is missing, or batches of 64 write
# less than five times the rows of single ones.
set -u
. "$top_srcdir/tests/it/lib.sh"
: "${UNITS:=5000}" "${CLICKS:=20000}" "${ROUNDS:=3}" "${CONCURRENCY:=64}"
: "${WORKERS:=16}" "${SWEEP:=20}" "${BACKLOG:=4096}" "${IDLE:=3}"
: "${REDIS_ALONE:=yes}" "${JSON:=}"
WAIT_S=300

die() {
	echo "modes: $*" >&2
	exit 1
}
it_on_exit() {
	[ -z "${sampler:-}" ] || kill "$sampler" 2>/dev/null
	[ -z "${stopped:-}" ] || kill -CONT "$stopped" 2>/dev/null
}

# ---- what the stores did ----------------------------------------------------------

# Counters of both servers since they were started, as one object.
load() {
	{
		sql "SHOW GLOBAL STATUS WHERE Variable_name IN ('Com_insert',
		    'Com_insert_select', 'Innodb_log_writes')"
		echo "at_s $(date +%s.%N)"
		# utime and stime, in ticks; the name may hold no blank here.
		awk -v hz="$(getconf CLK_TCK)" '{
			print "mysql_cpu_us", ($14 + $15) * 1000000 / hz
		}' "/proc/$(cat "$it_dir/mysql.pid")/stat"
		redis info commandstats cpu | tr -d '\r' | awk -F: '
		/^cmdstat_/ {
			match($2, /calls=[0-9]+/)
			n = substr($2, 7, RLENGTH - 6)
			if ($1 == "cmdstat_fcall") calls = n
			else inside += n
		}
		/^used_cpu_(sys|user):/ { cpu += $2 * 1000000 }
		END {
			print "redis_calls", calls + 0
			print "redis_inside", inside + 0
			printf "redis_cpu_us %.0f\n", cpu
		}'
	} | jq -Rn '[inputs | splits("\n") | [splits("[ \t]+")] |
	    {(.[0] | ascii_downcase): (.[1] | tonumber)}] | add'
}

# Percentiles of numbers, one a line: {"p50": .., "p99": .., "max": ..}.
percentiles() {
	sort -n | awk '
	function at(share) { i = int(NR * share); return a[i < 1 ? 1 : i] + 0 }
	{ a[NR] = $1 }
	END {
		if (NR == 0) print "null"
		else printf "{\"p50\":%s,\"p99\":%s,\"max\":%s}\n",
		    at(0.5), at(0.99), a[NR]
	}'
}

# The stream is asked, and no program of ours, which would ask MySQL as well.
stream_of() { # SLUG
	echo "{fg:$(sql "SELECT id FROM sales WHERE slug = '$1'")}:1:queue"
}
length_is() { # STREAM N
	[ "$(redis xlen "$1")" = "$2" ]
}

fsync_set() { # direct|queue|sweep
	case $1 in
	direct) redis config set appendfsync everysec ;;
	*) redis config set appendfsync always ;;
	esac >/dev/null
}

# ---- a rush --------------------------------------------------------------------------

# A run of sweeps has just begun: the crowd is gone before the next one.
run_begun() {
	[ $(($(date +%s) % SWEEP)) = 0 ]
}

leg() { # MODE ROUND
	slug=$1-$2
	fsync_set "$1"
	sale_new "$slug" "$UNITS" --mode "$1" || die "no sale $slug"
	stream=$(stream_of "$slug")
	load >"$it_dir/rest"
	sleep "$IDLE"
	[ "$1" != sweep ] || wait_for $((SWEEP * 3)) run_begun ||
		die "no run of sweeps"
	load >"$it_dir/before"
	rush --json --sale "$slug" --requests "$CLICKS" --shoppers "$CLICKS" \
	    --concurrency "$CONCURRENCY" --retries 20 --retry-cap-ms 100 \
	    --settle-seconds 0 >"$it_dir/rush" || die "the crowd of $slug: $?"
	load >"$it_dir/mid"
	wait_for $WAIT_S length_is "$stream" 0 || die "$slug: orders wait"
	load >"$it_dir/after"
	ctl reconcile "$slug" --settle 1 >"$it_dir/reconcile" ||
		die "$slug: $(cat "$it_dir/reconcile")"
	sql "SELECT TIMESTAMPDIFF(MICROSECOND, o.created, o.written) / 1000
	    FROM orders o JOIN sales s ON s.id = o.sale_id
	    WHERE s.slug = '$slug' AND o.status = 'sold'" >"$it_dir/lags"
	[ "$(wc -l <"$it_dir/lags")" -eq "$UNITS" ] ||
		die "$slug: $(wc -l <"$it_dir/lags") of $UNITS orders"
	percentiles <"$it_dir/lags" >"$it_dir/lag"
	jq -n --arg mode "$1" --argjson units "$UNITS" \
	    --slurpfile rush "$it_dir/rush" --slurpfile lag "$it_dir/lag" \
	    --slurpfile rest "$it_dir/rest" --slurpfile before "$it_dir/before" --slurpfile mid "$it_dir/mid" \
	    --slurpfile after "$it_dir/after" '
	# Less what was done at rest, in as much time.
	def since($a; $b):
	    (($b.at_s - $a.at_s) / ($before[0].at_s - $rest[0].at_s)) as $times |
	    reduce ($b | keys[]) as $k ({}; .[$k] = $b[$k] - $a[$k] -
		$times * ($before[0][$k] - $rest[0][$k]));
	$rush[0] as $r |
	{mode: $mode,
	 answers_per_s: $r.attempts_per_s, duration_s: $r.duration_s,
	 crowd_cpu_percent: $r.crowd_cpu_percent, attempts: $r.attempts,
	 yes: ($r.orders_confirmed + $r.orders_accepted_only),
	 violation: $r.violation,
	 yes_ms: (if $mode == "direct" then $r.answers.created
	    else $r.answers.accepted end | {p50: .p50_ms, p99: .p99_ms}),
	 loser_ms: ($r.answers["sold-out"] | {p50: .p50_ms, p99: .p99_ms}),
	 doubts: $r.answers.unavailable.count,
	 row_ms: $lag[0],
	 in_rush: since($before[0]; $mid[0]), in_all: since($before[0]; $after[0])}
	' >"$it_dir/leg"
	jq -e '.violation | not' "$it_dir/leg" >/dev/null ||
		die "$slug: a promise was broken: $(cat "$it_dir/rush")"
	jq -e --argjson n "$UNITS" '.yes == $n' "$it_dir/leg" >/dev/null ||
		die "$slug: $(jq .yes "$it_dir/leg") of $UNITS shoppers heard yes"
	cat "$it_dir/leg" >>"$it_dir/legs"
	# What is closed is not looked at any more.
	ctl sale close "$slug" >/dev/null || die "$slug does not close"
	jq -r '"\(.mode): \(.answers_per_s | floor) answers/s"' "$it_dir/leg" >&2
}

# ---- settlers --------------------------------------------------------------------------

settler_is_new() { # OLD
	settler=$(pgrep -P "$PID" -x fg:settler)
	[ "$(echo "$settler" | wc -w)" = 1 ] && [ "$settler" != "$1" ]
}

# Time and length of the stream, every 5 ms.
samples() { # STREAM
	exec "$REDIS_CLI" -s "$REDIS_SOCK" -r 1000000 -i 0.005 EVAL '
	local t = redis.call("TIME")
	return t[1] .. string.format(".%06d ", t[2]) ..
	    redis.call("XLEN", KEYS[1])' 1 "$1"
}

# A backlog, written by the one settler: from the last moment at which all of it
# was there to the first at which nothing was.
drain() { # BATCH ROUND
	slug=batch-$1-$2
	old=$(pgrep -P "$PID" -x fg:settler)
	sed -i "s/^batch = .*/batch = $1/" "$CONF"
	ctl reload >"$it_dir/reload" 2>&1 || die "$(cat "$it_dir/reload")"
	wait_for 60 settler_is_new "$old" || die "no new settler"
	stopped=$settler
	kill -STOP "$stopped"
	sale_new "$slug" "$BACKLOG" --mode queue || die "no sale $slug"
	rush --json --sale "$slug" --requests "$BACKLOG" --shoppers "$BACKLOG" \
	    --concurrency "$CONCURRENCY" --retries 20 --retry-cap-ms 100 \
	    --settle-seconds 0 >"$it_dir/rush" || die "the crowd of $slug: $?"
	stream=$(stream_of "$slug")
	length_is "$stream" "$BACKLOG" || die "$slug: the backlog is not there"
	: >"$it_dir/samples"
	samples "$stream" >>"$it_dir/samples" &
	sampler=$!
	wait_for 10 test -s "$it_dir/samples" || die "no samples"
	load >"$it_dir/before"
	kill -CONT "$stopped"
	stopped=
	wait_for $WAIT_S length_is "$stream" 0 || die "$slug: orders wait"
	load >"$it_dir/after"
	kill "$sampler"
	wait "$sampler" 2>/dev/null
	sampler=
	ctl reconcile "$slug" --settle 1 >"$it_dir/reconcile" ||
		die "$slug: $(cat "$it_dir/reconcile")"
	awk -v n="$BACKLOG" -v batch="$1" '
	$2 == n { from = $1 }
	$2 == 0 && !to { to = $1 }
	END {
		if (!from || to <= from) exit 1
		printf "{\"batch\":%d,\"rows\":%d,\"seconds\":%.4f,", batch, n, to - from
		printf "\"rows_per_s\":%.1f}\n", n / (to - from)
	}' "$it_dir/samples" >"$it_dir/drained" ||
		die "$slug: the stream was not seen whole, and then empty"
	ctl sale close "$slug" >/dev/null || die "$slug does not close"
	jq -c --slurpfile a "$it_dir/before" --slurpfile b "$it_dir/after" '
	. + {log_writes: ($b[0].innodb_log_writes - $a[0].innodb_log_writes)}' \
	    "$it_dir/drained" >>"$it_dir/drains"
	jq -r '"batch of \(.batch): \(.rows_per_s | floor) rows/s"' "$it_dir/drained" >&2
}

# ---- the report --------------------------------------------------------------------------

# What took Redis longer than a millisecond, by command or function.
slow() {
	redis --json slowlog get -1 | jq '[.[] |
	    {what: (.[3][0:2] | if (.[0] | ascii_downcase) == "fcall" then .[1]
		else join(" ") end), us: .[2]}] |
	    group_by(.what) | map({what: .[0].what, n: length, max_us: (map(.us) | max)})'
}

machine() {
	jq -n --arg cpu "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)" \
	    --argjson cores "$(nproc)" --arg before "$load_before" \
	    --arg after "$(cut -d' ' -f1-3 /proc/loadavg)" \
	    --arg redis "$(redis info server | tr -d '\r' | sed -n 's/^redis_version://p')" \
	    --arg mysql "$(sql 'SELECT VERSION()')" --arg alone "$REDIS_ALONE" \
	    '{cpu: $cpu, cores: $cores, load_before: $before, load_after: $after,
	    redis: $redis, redis_alone: ($alone == "yes"), mysql: $mysql}'
}

# Medians over the rounds; a ratio is one to the same round's.
sum_up() {
	jq -n --slurpfile legs "$it_dir/legs" --slurpfile drains "$it_dir/drains" \
	    --slurpfile slow "$it_dir/slow" --slurpfile machine "$it_dir/machine" \
	    --argjson units "$UNITS" --argjson clicks "$CLICKS" \
	    --argjson workers "$WORKERS" --argjson concurrency "$CONCURRENCY" \
	    --argjson sweep "$SWEEP" '
	def median: sort | .[(length - 1) / 2 | floor];
	def of($mode): $legs | map(select(.mode == $mode));
	def rate($batch): $drains | map(select(.batch == $batch).rows_per_s);
	def seen(f): {median: (map(f) | median), min: (map(f) | min), max: (map(f) | max)};
	def inserts: .com_insert + .com_insert_select;
	[range(0; of("direct") | length)] as $rounds |
	{machine: $machine[0],
	 shape: {units: $units, clicks: $clicks, workers: $workers,
	    connections: $concurrency, sweep_s: $sweep, rounds: ($rounds | length)},
	 modes: (["direct", "queue", "sweep"] | map(. as $m | of($m) as $l | {($m): (
	    {answers_per_s: ($l | seen(.answers_per_s)),
	     times_direct: ($rounds | map($l[.].answers_per_s /
		of("direct")[.].answers_per_s) | seen(.)),
	     yes_p50_ms: ($l | seen(.yes_ms.p50)), yes_p99_ms: ($l | seen(.yes_ms.p99)),
	     loser_p50_ms: ($l | seen(.loser_ms.p50)),
	     loser_p99_ms: ($l | seen(.loser_ms.p99)),
	     doubts: ($l | seen(.doubts)),
	     row_p50_ms: ($l | seen(.row_ms.p50)), row_p99_ms: ($l | seen(.row_ms.p99)),
	     rush_inserts: ($l | seen(.in_rush | inserts / $units)),
	     rush_log_writes: ($l | seen(.in_rush.innodb_log_writes / $units)),
	     rush_mysql_us: ($l | seen(.in_rush.mysql_cpu_us / $units)),
	     inserts: ($l | seen(.in_all | inserts / $units)),
	     log_writes: ($l | seen(.in_all.innodb_log_writes / $units)),
	     mysql_us: ($l | seen(.in_all.mysql_cpu_us / $units)),
	     redis_calls: ($l | seen(.in_all.redis_calls / $units)),
	     redis_inside: ($l | seen(.in_all.redis_inside / $units)),
	     redis_us: ($l | seen(.in_all.redis_cpu_us / $units)),
	     click_calls: ($l | seen(.in_all.redis_calls / $clicks)),
	     click_us: ($l | seen(.in_all.redis_cpu_us / $clicks))})}) | add),
	 settlers: {batch_64: (rate(64) | seen(.)), batch_1: (rate(1) | seen(.)),
	    ratio: ([rate(64), rate(1)] | transpose | map(.[0] / .[1]) | seen(.))},
	 slowlog: $slow[0], legs: $legs, drains: $drains}'
}

# Names of members, and how a row is called.
rows() {
	cat <<-'ROWS'
		answers_per_s	answers a second
		times_direct	... times direct in the same round
		yes_p50_ms	yes (201, 202), p50 ms
		yes_p99_ms	yes, p99 ms
		loser_p50_ms	sold out (409), p50 ms
		loser_p99_ms	sold out, p99 ms
		doubts	doubts (503), asked again
		row_p50_ms	from accepted to row, p50 ms
		row_p99_ms	from accepted to row, p99 ms
		rush_inserts	in the rush: inserts an order
		rush_log_writes	in the rush: synced writes of MySQL's log an order
		rush_mysql_us	in the rush: us of MySQL's processor an order
		inserts	in all: inserts an order
		log_writes	in all: synced writes of MySQL's log an order
		mysql_us	in all: us of MySQL's processor an order
		redis_calls	in all: calls of Redis an order
		redis_inside	in all: commands of Redis an order
		redis_us	in all: us of Redis' processor an order
		click_calls	in all: calls of Redis a click
		click_us	in all: us of Redis' processor a click
	ROWS
}

table() { # SUM
	jq -r '"\(.machine.cpu), \(.machine.cores) processors, load average " +
	    "\(.machine.load_before) before, \(.machine.load_after) after",
	    "Redis \(.machine.redis)" + (if .machine.redis_alone
		then ", before all others" else "" end) + ", MySQL \(.machine.mysql)",
	    "\(.shape.clicks) clicks at \(.shape.units) units, " +
	    "\(.shape.connections) connections, \(.shape.workers) workers, " +
	    "a sweep every \(.shape.sweep_s) s; medians of \(.shape.rounds) rounds (min-max)\n"' "$1"
	printf '%-46s %24s %24s %24s\n' '' direct queue sweep
	rows | while IFS="$(printf '\t')" read -r member label; do
		jq -r --arg m "$member" '
		def short: if . == null then "-" elif . < 0.0005 then 0 elif . >= 100 then round
		    elif . >= 10 then . * 10 | round / 10
		    else . * 1000 | round / 1000 end | tostring;
		[.modes[] | .[$m] | "\(.median | short) (\(.min | short)-\(.max | short))"] | @tsv' "$1" |
			while read -r a b c d e f; do
				printf '%-46s %24s %24s %24s\n' "$label" "$a $b" "$c $d" "$e $f"
			done
	done
	jq -r '"\na settler: \(.settlers.batch_64.median | round) rows/s in batches of 64, " +
	    "\(.settlers.batch_1.median | round) one by one: " +
	    "\(.settlers.ratio.median * 10 | round / 10) times " +
	    "(\(.settlers.ratio.min * 10 | round / 10) to \(.settlers.ratio.max * 10 | round / 10))",
	    "Redis, above 1 ms: " + (.slowlog | if length == 0 then "nothing" else
		map("\(.what) \(.n) times, at most \(.max_us) us") | join(", ") end)' "$1"
}

# ---- the run -----------------------------------------------------------------------------

load_before=$(cut -d' ' -f1-3 /proc/loadavg)
stack_up --workers "$WORKERS" --set settler.sweep_interval="${SWEEP}s" \
    --set settler.batch=64
# When a row came, by the clock that says when its order was accepted: the start
# of the statement that wrote it.
sql "ALTER TABLE orders ADD written DATETIME(6) NOT NULL DEFAULT (UTC_TIMESTAMP(6))"
redis config set appendonly yes >/dev/null
aof_ready() {
	redis info persistence | tr -d '\r' | grep -qx 'aof_rewrite_in_progress:0'
}
wait_for 60 aof_ready || die "Redis does not write its file"
[ "$REDIS_ALONE" != yes ] ||
	chrt --all-tasks --fifo --pid 1 "$(cat "$it_dir/redis.pid")" 2>/dev/null ||
	REDIS_ALONE=no
redis config set slowlog-max-len 100000 >/dev/null
redis config set slowlog-log-slower-than 1000 >/dev/null
redis slowlog reset >/dev/null
: >"$it_dir/legs"
: >"$it_dir/drains"
for round in $(seq "$ROUNDS"); do
	for mode in direct queue sweep; do
		leg $mode "$round"
	done
	fsync_set queue
	for batch in 64 1; do
		drain $batch "$round"
	done
	sed -i "s/^batch = .*/batch = 64/" "$CONF"
	ctl reload >"$it_dir/reload" 2>&1 || die "$(cat "$it_dir/reload")"
done
slow >"$it_dir/slow"
machine >"$it_dir/machine"
sum_up >"$it_dir/sum" || die "the figures cannot be summed up"
table "$it_dir/sum"
if [ -n "$JSON" ]; then
	cp "$it_dir/sum" "$JSON"
else
	echo
	cat "$it_dir/sum"
fi
jq -e '.settlers.ratio.median >= 5' "$it_dir/sum" >/dev/null ||
	die "batches of 64 are less than five times as fast"
